"""Strings, as servers from 8.2 on have them: on a dev server that answers as one.

What is expected is what the sources and the tests of the server and of its other clients say; of
Unicode, what Python says.
"""

import random
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    AerospikeError,
    BinTypeError,
    InvalidArgError,
    OpNotApplicable,
    SubCode,
    cdt_ctx,
    exp,
)
from aerospike_py import bit_operations as bits
from aerospike_py import exp_operations as expressions
from aerospike_py import list_operations as lists
from aerospike_py import string_operations as strings
from aerospike_py.devserver import DevCluster

Key = tuple[str, str, str]
Operation = dict[str, Any]

BIN = "s"
NO_FAIL: Any = {"flags": strings.STRING_WRITE_NO_FAIL}
CREATE_ONLY: Any = {"flags": strings.STRING_WRITE_CREATE_ONLY}
UPDATE_ONLY: Any = {"flags": strings.STRING_WRITE_UPDATE_ONLY}
MESSAGES: Any = {"error_detail_verbosity": aerospike_py.ERROR_DETAIL_MESSAGE}
ACUTE = "\u0301"


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster(2, server_version="8.2") as started:
        yield started


@pytest.fixture(scope="module")
def client(cluster: DevCluster) -> Iterator[aerospike_py.Client]:
    with aerospike_py.client(cluster.config).connect() as connected:
        yield connected


@pytest.fixture
def key() -> Key:
    return ("test", "strings", uuid.uuid4().hex)


READS: list[tuple[str, Operation, Any]] = [
    ("", strings.string_strlen(BIN), 0),
    ("日本語", strings.string_strlen(BIN), 3),
    ("👋hi", strings.string_strlen(BIN), 3),
    ("e" + ACUTE, strings.string_strlen(BIN), 2),
    ("👋hi", strings.string_byte_length(BIN), 6),
    ("hello world", strings.string_substr(BIN, 6), "world"),
    ("hello world", strings.string_substr(BIN, -5), "world"),
    ("hello world", strings.string_substr(BIN, 0, 5), "hello"),
    ("hello world", strings.string_substr(BIN, 0, -1), "hello worl"),
    ("日本語hi", strings.string_substr(BIN, 3, 5), "hi"),
    ("abc", strings.string_substr(BIN, 5), ""),
    ("abc", strings.string_substr(BIN, -9, 2), "ab"),
    ("abc", strings.string_substr(BIN, 2, 1), ""),
    ("abc", strings.string_substr(BIN, 1, 99), "bc"),
    ("a👋b", strings.string_char_at(BIN, 1), "👋"),
    ("a👋b", strings.string_char_at(BIN, -1), "b"),
    ("abc", strings.string_char_at(BIN, 3), ""),
    ("日本", strings.string_char_at(BIN, 2), ""),
    ("abc", strings.string_char_at(BIN, -9), "a"),
    ("café-world", strings.string_find(BIN, "world"), 5),
    ("👋-world", strings.string_find(BIN, "world"), 2),
    ("abc", strings.string_find(BIN, "x"), -1),
    ("aaaa", strings.string_find(BIN, "aa", 2), 2),
    ("aaaa", strings.string_find(BIN, "aa", 3), -1),
    ("aaaaa", strings.string_find(BIN, "aa", -1), 3),
    ("aaaaa", strings.string_find(BIN, "aa", -2), 1),
    ("👋👋👋👋", strings.string_find(BIN, "👋👋", 2), 2),
    ("abc", strings.string_find(BIN, ""), 0),
    ("caf\xe9", strings.string_find(BIN, "cafe" + ACUTE), 0),
    ("a cafe" + ACUTE, strings.string_find(BIN, "caf\xe9"), 2),
    ("cafe" + ACUTE, strings.string_find(BIN, "cafe"), -1),
    ("caf\xe9", strings.string_contains(BIN, "e" + ACUTE), True),
    ("abc", strings.string_contains(BIN, "bc"), True),
    ("abc", strings.string_contains(BIN, "cb"), False),
    ("abc", strings.string_contains(BIN, ""), True),
    ("", strings.string_contains(BIN, "a"), False),
    ("abc", strings.string_starts_with(BIN, "ab"), True),
    ("abc", strings.string_starts_with(BIN, "bc"), False),
    ("caf\xe9 au lait", strings.string_starts_with(BIN, "cafe" + ACUTE), True),
    ("cafe" + ACUTE + " au lait", strings.string_starts_with(BIN, "cafe"), False),
    ("abc", strings.string_ends_with(BIN, "bc"), True),
    ("abc", strings.string_ends_with(BIN, "ab"), False),
    ("au lait cafe" + ACUTE, strings.string_ends_with(BIN, "caf\xe9"), True),
    ("12345", strings.string_to_integer(BIN), 12345),
    (" -7", strings.string_to_integer(BIN), -7),
    ("-9223372036854775808", strings.string_to_integer(BIN), -(2**63)),
    ("3.14", strings.string_to_double(BIN), 3.14),
    ("1e3", strings.string_to_double(BIN), 1000.0),
    ("-0", strings.string_to_double(BIN), 0.0),
    ("12345", strings.string_is_numeric(BIN), True),
    ("+0012", strings.string_is_numeric(BIN, strings.STRING_NUMERIC_INT), True),
    ("9223372036854775808", strings.string_is_numeric(BIN), False),
    ("-.5", strings.string_is_numeric(BIN, strings.STRING_NUMERIC_FLOAT), True),
    ("5.", strings.string_is_numeric(BIN), False),
    ("5", strings.string_is_numeric(BIN, strings.STRING_NUMERIC_FLOAT), False),
    ("1e5", strings.string_is_numeric(BIN), False),
    ("", strings.string_is_numeric(BIN), False),
    ("-", strings.string_is_numeric(BIN), False),
    ("١٢", strings.string_is_numeric(BIN), False),
    ("HELLO", strings.string_is_upper(BIN), True),
    ("HELLO WORLD", strings.string_is_upper(BIN), False),
    ("ÉΣ", strings.string_is_upper(BIN), True),
    ("", strings.string_is_upper(BIN), True),
    ("hello", strings.string_is_lower(BIN), True),
    ("éß", strings.string_is_lower(BIN), True),
    ("hellO", strings.string_is_lower(BIN), False),
    ("hé", strings.string_to_blob(BIN), b"h\xc3\xa9"),
    ("", strings.string_to_blob(BIN), b""),
    ("a👋b", strings.string_split(BIN), ["a", "👋", "b"]),
    ("", strings.string_split(BIN), []),
    ("one,two,three", strings.string_split(BIN, ","), ["one", "two", "three"]),
    (",a,", strings.string_split(BIN, ","), ["", "a", ""]),
    ("日、本", strings.string_split(BIN, "、"), ["日", "本"]),
    ("abc", strings.string_split(BIN, "|"), ["abc"]),
    ("", strings.string_split(BIN, ","), [""]),
    ("aGVsbG8=", strings.string_base64_decode(BIN), b"hello"),
    ("/+8=", strings.string_base64_decode(BIN), b"\xff\xef"),
    ("", strings.string_base64_decode(BIN), b""),
    ("Hello123", strings.string_regex_compare(BIN, "[0-9]+"), True),
    ("Hello", strings.string_regex_compare(BIN, "^[0-9]+$"), False),
    ("HELLO", strings.string_regex_compare(BIN, "hello"), False),
    ("ÉCOLE", strings.string_regex_compare(BIN, "école", 1), True),
    ("a\nb", strings.string_regex_compare(BIN, "^b", 2), True),
    ("a\nb", strings.string_regex_compare(BIN, "a.b", 4), True),
    ("a\rb", strings.string_regex_compare(BIN, "a.b", 8), True),
    ("日本", strings.string_regex_compare(BIN, r"^\p{L}{2}$"), True),
    ("abc", strings.string_regex_compare(BIN, ""), True),
]

CHANGES: list[tuple[str | None, Operation, str | None]] = [
    ("hello world", strings.string_insert(BIN, 5, " big"), "hello big world"),
    ("hello world", strings.string_insert(BIN, -5, "big "), "hello big world"),
    ("ab", strings.string_insert(BIN, 99, "!"), "ab!"),
    ("ab", strings.string_insert(BIN, -99, "!"), "!ab"),
    ("日本", strings.string_insert(BIN, 1, "-"), "日-本"),
    (None, strings.string_insert(BIN, 3, "x"), "x"),
    ("hello", strings.string_overwrite(BIN, 3, "ping!"), "helping!"),
    ("日本語", strings.string_overwrite(BIN, 1, "a"), "日a語"),
    (None, strings.string_overwrite(BIN, 0, "x"), "x"),
    ("a", strings.string_concat(BIN, ["b", "", "é"]), "abé"),
    ("a", strings.string_concat(BIN, []), "a"),
    (None, strings.string_concat(BIN, ["b"]), "b"),
    ("hello beautiful world", strings.string_snip(BIN, 5, 15), "hello world"),
    ("hello world", strings.string_snip(BIN, 5), "hello"),
    ("hello world", strings.string_snip(BIN, -5, -1), "hello d"),
    ("abc", strings.string_snip(BIN, 2, 1), "abc"),
    (None, strings.string_snip(BIN, 0, 1), None),
    ("aXaX", strings.string_replace(BIN, "X", "日"), "a日aX"),
    ("abc", strings.string_replace(BIN, "x", "y"), "abc"),
    ("cafe" + ACUTE + "!", strings.string_replace(BIN, "caf\xe9", "tea"), "tea!"),
    ("aaaaa", strings.string_replace_all(BIN, "aa", "b"), "bba"),
    ("a.b.c", strings.string_replace_all(BIN, ".", ""), "abc"),
    (None, strings.string_replace(BIN, "a", "b"), None),
    ("straße", strings.string_upper(BIN), "STRASSE"),
    (None, strings.string_upper(BIN), None),
    ("ΑΣ ÉÀ", strings.string_lower(BIN), "ας éà"),
    ("Straße", strings.string_casefold(BIN), "strasse"),
    ("cafe" + ACUTE, strings.string_normalize_nfc(BIN), "caf\xe9"),
    ("\t\u3000 a b \n", strings.string_trim_start(BIN), "a b \n"),
    (" a b\xa0\t", strings.string_trim_end(BIN), " a b"),
    ("\u2003a\u2003", strings.string_trim(BIN), "a"),
    ("  ", strings.string_trim(BIN), ""),
    ("hi", strings.string_pad_start(BIN, 7, "abc"), "abcabhi"),
    ("hi", strings.string_pad_end(BIN, 5, "日本"), "hi日本日"),
    ("hello", strings.string_pad_end(BIN, 3, "."), "hello"),
    (None, strings.string_pad_start(BIN, 3, "x"), "xxx"),
    ("ab", strings.string_repeat(BIN, 3), "ababab"),
    ("ab", strings.string_repeat(BIN, 0), ""),
    (None, strings.string_repeat(BIN, 3), ""),
    ("a1b22", strings.string_regex_replace(BIN, "[0-9]+", "N"), "aNb22"),
    ("a1b22", strings.string_regex_replace(BIN, "[0-9]+", "N", 16), "aNbN"),
    ("ab", strings.string_regex_replace(BIN, "(a)(b)", "$2$1$0"), "baab"),
    ("ab", strings.string_regex_replace(BIN, "(?<x>a)", r"\${x}=${x}"), "${x}=ab"),
    ("baac", strings.string_regex_replace(BIN, "a*", "X", 16), "XbXXcX"),
    ("日本", strings.string_regex_replace(BIN, "", "-", 16), "-日-本-"),
    ("abc", strings.string_regex_replace(BIN, "x", "$9"), "abc"),
    ("日本", strings.string_append(BIN, "語"), "日本語"),
    (None, strings.string_append(BIN, "x"), "x"),
    ("語", strings.string_prepend(BIN, "日本"), "日本語"),
    (None, strings.string_prepend(BIN, "x"), "x"),
    (None, strings.string_append(BIN, "x", CREATE_ONLY), "x"),
    (None, strings.string_append(BIN, "x", UPDATE_ONLY), None),
    ("a", strings.string_append(BIN, "x", UPDATE_ONLY), "ax"),
    ("a", strings.string_append(BIN, "x", {"flags": 1 | 4}), "a"),
    ("ab", strings.string_overwrite(BIN, 2, "x", NO_FAIL), "ab"),
    ("ab", strings.string_pad_end(BIN, 9, "", NO_FAIL), "ab"),
    ("ab", strings.string_replace(BIN, "", "x", NO_FAIL), "ab"),
    ("ab", strings.string_regex_replace(BIN, "[", "x", 0, NO_FAIL), "ab"),
    ("ab", strings.string_repeat(BIN, 5_000_000, NO_FAIL), "ab"),
]

INVALID, NOT_APPLICABLE = 4, 26
FAILURES: list[tuple[Any, Operation, int, int]] = [
    ("a", strings.string_find(BIN, "a", 0), INVALID, SubCode.PARAM_STRING_OP_PARAMS_INVALID),
    ("a", strings.string_substr(BIN, 2**28), INVALID, SubCode.PARAM_STRING_OP_PARAMS_INVALID),
    ("a", strings.string_pad_end(BIN, 9, ""), INVALID, SubCode.PARAM_STRING_OP_PARAMS_INVALID),
    ("a", strings.string_replace(BIN, "", "x"), INVALID, SubCode.PARAM_STRING_OP_PARAMS_INVALID),
    ("a", strings.string_repeat(BIN, 2**23 + 1), INVALID, SubCode.PARAM_STRING_OP_PARAMS_INVALID),
    ("a", strings.string_pad_start(BIN, 2**21 + 1, "x"), INVALID, 6),
    ("a", strings.string_upper(BIN, CREATE_ONLY), INVALID, SubCode.PARAM_STRING_OP_PARAMS_INVALID),
    ("a", strings.string_append(BIN, "x", {"flags": 3}), INVALID, 6),
    ("a", strings.string_regex_compare(BIN, "a", 16), INVALID, 6),
    (
        "ab",
        strings.string_overwrite(BIN, 2, "x"),
        INVALID,
        SubCode.PARAM_STRING_INDEX_OUT_OF_BOUNDS,
    ),
    ("ab", strings.string_overwrite(BIN, -1, "x"), INVALID, 9),
    ("a", strings.string_regex_compare(BIN, "["), INVALID, SubCode.PARAM_STRING_REGEX_INVALID),
    ("a", strings.string_regex_replace(BIN, "(?P<n>a)", "x"), INVALID, 10),
    ("a", strings.string_regex_compare(BIN, r"\p{Greek}"), 16, SubCode.UNSUPP_FEAT_GENERIC),
    ("", strings.string_to_integer(BIN), NOT_APPLICABLE, SubCode.OPNOT_STRING_CONVERSION_FAILED),
    ("1.5", strings.string_to_integer(BIN), NOT_APPLICABLE, 10),
    ("9223372036854775808", strings.string_to_integer(BIN), NOT_APPLICABLE, 10),
    ("1e999", strings.string_to_double(BIN), NOT_APPLICABLE, 10),
    ("1 ", strings.string_to_double(BIN), NOT_APPLICABLE, 10),
    ("abc", strings.string_base64_decode(BIN), NOT_APPLICABLE, SubCode.OPNOT_STRING_B64_INVALID),
    ("a=bc", strings.string_base64_decode(BIN), NOT_APPLICABLE, 13),
    ("a" * 40, strings.string_regex_compare(BIN, "(a+)+b"), NOT_APPLICABLE, 12),
    ("ab", strings.string_regex_replace(BIN, "a", "$1"), NOT_APPLICABLE, 0),
    (b"\xff", strings.to_string(BIN), NOT_APPLICABLE, SubCode.OPNOT_STRING_UTF8_INVALID),
    ([1], strings.to_string(BIN), 12, 0),
    (7, strings.string_strlen(BIN), 12, 0),
    (7, strings.string_upper(BIN, NO_FAIL), 12, 0),
    ("a", strings.string_append(BIN, "x", CREATE_ONLY), 6, 0),
]


def read_of(operation: Operation) -> Any:
    return {"op": aerospike_py.OPERATOR_READ, "bin": operation["bin"]}


@pytest.mark.parametrize(("value", "operation", "expected"), READS)
def test_a_string_is_read(
    client: aerospike_py.Client, key: Key, value: str, operation: Operation, expected: Any
) -> None:
    client.put(key, {BIN: value})
    told = client.operate(key, [operation]).bins[BIN]
    assert told == expected
    assert type(told) is type(expected)
    # As part of a write, and inside of a list and a map, it is the same.
    client.put(key, {BIN: {"k": ["", value]}})
    nested = {**operation, "ctx": [cdt_ctx.map_key("k"), cdt_ctx.list_index(1)]}
    touch = {"op": aerospike_py.OPERATOR_TOUCH, "val": 0}
    assert client.operate(key, [touch, nested]).bins[BIN] == expected


@pytest.mark.parametrize(("value", "operation", "expected"), CHANGES)
def test_a_string_is_changed(
    client: aerospike_py.Client,
    key: Key,
    value: str | None,
    operation: Operation,
    expected: str | None,
) -> None:
    client.put(key, {"other": 1} if value is None else {BIN: value})
    assert client.operate(key, [operation, read_of(operation)]).bins == (
        {} if expected is None else {BIN: expected}
    )
    if value is None or operation.get("string_policy", {}).get("flags", 0) & 1:
        return  # Nothing is made inside of lists and maps.
    client.put(key, {BIN: ["", value]})
    nested = {**operation, "ctx": [cdt_ctx.list_index(1)]}
    assert client.operate(key, [nested, read_of(operation)]).bins == {BIN: ["", expected]}


@pytest.mark.parametrize(("value", "operation", "code", "subcode"), FAILURES)
def test_what_cannot_be_done_is_said(
    client: aerospike_py.Client,
    key: Key,
    value: Any,
    operation: Operation,
    code: int,
    subcode: int,
) -> None:
    client.put(key, {BIN: value})
    with pytest.raises(AerospikeError) as caught:
        client.operate(key, [operation], policy=MESSAGES)
    assert (caught.value.result_code, caught.value.subcode or 0) == (code, subcode)
    assert subcode == 0 or caught.value.detail
    assert client.get(key).bins == {BIN: value}


def test_every_function_is_among_the_cases() -> None:
    numbers = {
        operation["op"] for cases in (READS, CHANGES, FAILURES) for _, operation, *_ in cases
    }
    assert numbers == set(range(7000, 7037))


# What no version of Unicode after 14 has changed: 16 has a capital of U+019B.
ALPHABET = (
    [chr(point) for point in (*range(0x20, 0x7F), *range(0xA1, 0xAA), *range(0xC0, 0x19B))]
    + [chr(point) for point in range(0x19C, 0x250)]
    + [chr(point) for point in range(0x391, 0x3CA) if point != 0x3A2]
    + [chr(point) for point in (*range(0x400, 0x460), *range(0x1EA0, 0x1EFA))]
    + [chr(point) for point in (*range(0x300, 0x314), 0x323, 0x327, 0x345, 0x5B0, 0x5BC)]
    + [chr(point) for point in (0x1100, 0x1161, 0x11A8, 0xAC00, 0xAC01, 0xD55C, 0x212B, 0xFB1D)]
    + ["👋", "日", "ﬁ", "ŉ", "ǰ", "\u200d"]
)
BY_PYTHON: dict[str, tuple[Callable[[str], Any], Callable[[str], Any]]] = {
    "upper": (strings.string_upper, str.upper),
    "lower": (strings.string_lower, str.lower),
    "casefold": (strings.string_casefold, str.casefold),
    "nfc": (strings.string_normalize_nfc, lambda text: unicodedata.normalize("NFC", text)),
}


def test_unicode_is_that_of_python(client: aerospike_py.Client, key: Key) -> None:
    seed = random.randrange(2**32)
    chosen = random.Random(seed)
    texts = ["".join(chosen.choices(ALPHABET, k=chosen.randrange(12))) for _ in range(400)]
    for start in range(0, len(texts), 100):
        bins = {f"b{index}": text for index, text in enumerate(texts[start : start + 100])}
        for name, (operation, expected) in BY_PYTHON.items():
            client.put(key, bins, policy={"exists": aerospike_py.POLICY_EXISTS_REPLACE})
            client.operate(key, [operation(each) for each in bins])
            made = client.get(key).bins
            for each, text in bins.items():
                assert made[each] == expected(text), (seed, name, text)
        client.put(key, bins, policy={"exists": aerospike_py.POLICY_EXISTS_REPLACE})
        told = client.operate(key, [strings.string_strlen(each) for each in bins]).bins
        assert told == {each: len(text) for each, text in bins.items()}


def test_places_are_those_of_python(client: aerospike_py.Client, key: Key) -> None:
    seed = random.randrange(2**32)
    chosen = random.Random(seed)
    for _ in range(60):
        text = "".join(chosen.choices("ab日👋", k=chosen.randrange(8)))
        client.put(key, {BIN: text})
        length = len(text)
        cuts = [(chosen.randint(-9, 9), chosen.randint(-9, 9)) for _ in range(8)]
        operations = [strings.string_substr(BIN, start, end) for start, end in cuts]
        told = client.operate_ordered(key, operations).ordered_bins
        for (start, end), each in zip(cuts, told, strict=True):
            first, last = (max(place + length, 0) if place < 0 else place for place in (start, end))
            assert each.value == text[first:last], (seed, text, start, end)
        needle = "".join(chosen.choices("ab日", k=chosen.randint(1, 2)))
        found = [match.start() for match in re.finditer(re.escape(needle), text)]
        operations = [strings.string_find(BIN, needle, number) for number in (1, 2, 3)]
        places = [each.value for each in client.operate_ordered(key, operations).ordered_bins]
        assert places == [*found, -1, -1, -1][:3], (seed, text, needle)


def test_a_bin_that_is_not_there_has_no_result(client: aerospike_py.Client, key: Key) -> None:
    client.put(key, {"other": "x"})
    for read in (strings.string_strlen(BIN), strings.to_string(BIN), lists.list_join(BIN, ",")):
        assert client.operate(key, [read]).bins == {BIN: None}
    inside = [cdt_ctx.list_index(0)]
    with pytest.raises(OpNotApplicable):
        client.operate(key, [strings.string_append(BIN, "x", ctx=inside)])
    client.operate(key, [strings.string_append(BIN, "x", NO_FAIL, ctx=inside)])
    assert client.get(key).bins == {"other": "x"}


def test_where_a_context_does_not_lead_to_a_string(client: aerospike_py.Client, key: Key) -> None:
    client.put(key, {BIN: ["a", 1]})
    with pytest.raises(OpNotApplicable):
        client.operate(key, [strings.string_append(BIN, "!", ctx=[cdt_ctx.list_index(9)])])
    client.operate(key, [strings.string_append(BIN, "!", NO_FAIL, ctx=[cdt_ctx.list_index(9)])])
    with pytest.raises(BinTypeError):
        client.operate(key, [strings.string_append(BIN, "!", ctx=[cdt_ctx.list_index(1)])])
    created = strings.string_append(BIN, "!", CREATE_ONLY, [cdt_ctx.list_index(0)])
    with pytest.raises(InvalidArgError):
        client.operate(key, [created])
    assert client.get(key).bins == {BIN: ["a", 1]}


def test_an_ordered_list_stays_in_order(client: aerospike_py.Client, key: Key) -> None:
    ordered: Any = {"list_order": aerospike_py.LIST_ORDERED}
    client.operate(key, [lists.list_append_items(BIN, ["a", "b", "c"], ordered)])
    client.operate(key, [strings.string_prepend(BIN, "z", ctx=[cdt_ctx.list_index(0)])])
    assert client.get(key).bins == {BIN: ["b", "c", "za"]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (42, "42"),
        (-(2**63), "-9223372036854775808"),
        (3.14, "3.14"),
        (1e300, "1e300"),
        (float("-inf"), "-inf"),
        (True, "true"),
        (False, "false"),
        ("é", "é"),
        (b"hi", "hi"),
    ],
)
def test_any_scalar_as_a_string(
    client: aerospike_py.Client, key: Key, value: Any, expected: str
) -> None:
    client.put(key, {BIN: value})
    assert client.operate(key, [strings.to_string(BIN)]).bins == {BIN: expected}
    builders = {
        int: exp.int_bin,
        float: exp.float_bin,
        bool: exp.bool_bin,
        str: exp.string_bin,
        bytes: exp.blob_bin,
    }
    made = exp.to_string(builders[type(value)](BIN))
    assert client.operate(key, [expressions.exp_read("r", made)]).bins == {"r": expected}


def test_lists_are_joined(client: aerospike_py.Client, key: Key) -> None:
    client.put(key, {"l": ["a", "", "日"], "e": [], "n": {"k": ["x", "y"]}, "bad": ["a", 1]})
    nested = lists.list_join("n", "-", ctx=[cdt_ctx.map_key("k")])
    told = client.operate(key, [lists.list_join("l", ", "), lists.list_join("e", ","), nested]).bins
    assert told == {"l": "a, , 日", "e": "", "n": "x-y"}
    assert client.operate(key, [lists.list_join("l")]).bins == {"l": "a日"}
    with pytest.raises(InvalidArgError):
        client.operate(key, [lists.list_join("bad")])
    made = exp.list_join(exp.string_split(exp.string_val("a b c"), " "), "-")
    assert client.operate(key, [expressions.exp_read("r", made)]).bins == {"r": "a-b-c"}


def test_bytes_in_base64_and_back(client: aerospike_py.Client, key: Key) -> None:
    client.put(key, {"b": b"\x01\x42\x03", "e": b""})
    operations = [
        bits.bit_b64_encode("b"),
        bits.bit_b64_encode("b", 0, 2),
        bits.bit_b64_encode("b", 1, 0, invert_size=True),
        bits.bit_b64_encode("b", -1, 1),
        bits.bit_b64_encode("e"),
    ]
    told = [each.value for each in client.operate_ordered(key, operations).ordered_bins]
    assert told == ["AUID", "AUI=", "QgM=", "Aw==", ""]
    with pytest.raises(OpNotApplicable):
        client.operate(key, [bits.bit_b64_encode("b", 2, 2)])
    back = exp.string_base64_decode(exp.bit_b64_encode(exp.blob_bin("b"), exp.int_val(0)))
    assert client.operate(key, [expressions.exp_read("r", back)]).bins == {"r": b"\x01\x42\x03"}


# What an operation has, by the word that the expression's argument has.
READ_BUILDERS: list[tuple[str, Any, Any]] = [
    ("日本語", exp.string_strlen(BIN), 3),
    ("日本語", exp.string_substr(BIN, 1), "本語"),
    ("日本語", exp.string_substr(BIN, 0, exp.int_val(-1)), "日本"),
    ("a👋b", exp.string_char_at(BIN, -2), "👋"),
    ("aaaa", exp.string_find(BIN, "aa", 2), 2),
    ("abc", exp.string_contains(BIN, exp.string_bin(BIN)), True),
    ("abc", exp.string_starts_with(BIN, "b"), False),
    ("abc", exp.string_ends_with(BIN, "bc"), True),
    ("12", exp.string_to_integer(BIN), 12),
    ("1.5", exp.string_to_double(BIN), 1.5),
    ("日", exp.string_byte_length(BIN), 3),
    ("12", exp.string_is_numeric(BIN), True),
    ("AB", exp.string_is_upper(BIN), True),
    ("AB", exp.string_is_lower(BIN), False),
    ("ab", exp.string_to_blob(BIN), b"ab"),
    ("a,b", exp.string_split(BIN, ","), ["a", "b"]),
    ("ab", exp.string_split(BIN), ["a", "b"]),
    ("aGk=", exp.string_base64_decode(BIN), b"hi"),
    ("Hi", exp.string_regex_compare(BIN, "^h", strings.STRING_REGEX_CASE_INSENSITIVE), True),
    ("ac", exp.string_insert(BIN, 1, "b"), "abc"),
    ("abc", exp.string_overwrite(BIN, 1, "X"), "aXc"),
    ("a", exp.string_concat(BIN, ["b", "c"]), "abc"),
    ("abcd", exp.string_snip(BIN, 1, -1), "ad"),
    ("abab", exp.string_replace(BIN, "b", "c"), "acab"),
    ("abab", exp.string_replace_all(BIN, "b", "c"), "acac"),
    ("aß", exp.string_upper(BIN), "ASS"),
    ("AÉ", exp.string_lower(BIN), "aé"),
    ("ß", exp.string_casefold(BIN), "ss"),
    ("e" + ACUTE, exp.string_normalize_nfc(BIN), "\xe9"),
    (" a ", exp.string_trim_start(BIN), "a "),
    (" a ", exp.string_trim_end(BIN), " a"),
    (" a ", exp.string_trim(BIN), "a"),
    ("a", exp.string_pad_start(BIN, 3, "-"), "--a"),
    ("a", exp.string_pad_end(BIN, 3, "-"), "a--"),
    ("a", exp.string_repeat(BIN, exp.num_add(exp.int_val(1), 2)), "aaa"),
    ("a1b2", exp.string_regex_replace(BIN, "[0-9]", "", strings.STRING_REGEX_GLOBAL), "ab"),
    ("a", exp.string_append(BIN, "b"), "ab"),
    ("a", exp.string_prepend(BIN, "b"), "ba"),
    ("a", exp.to_string(exp.string_bin(BIN)), "a"),
]


def test_every_function_is_evaluated(client: aerospike_py.Client, key: Key) -> None:
    for value, expression, expected in READ_BUILDERS:
        client.put(key, {BIN: value})
        # In an operation that reads, in one that writes, and as what a record has to meet.
        operations = [
            expressions.exp_write("w", expression),
            read_of({"bin": "w"}),
            expressions.exp_read("r", expression),
        ]
        assert client.operate(key, operations).bins == {"w": expected, "r": expected}
        meets: Any = {"expressions": exp.eq(expression, expected)}
        misses: Any = {"expressions": exp.ne(expression, expected)}
        assert client.exists(key, policy=meets).meta is not None
        with pytest.raises(aerospike_py.FilteredOut):
            client.get(key, policy=misses)
        # The string itself stays what it was.
        assert client.get(key).bins[BIN] == value


def test_expressions_that_fail_or_have_no_string(client: aerospike_py.Client, key: Key) -> None:
    client.put(key, {BIN: "a", "i": 1})
    for expression in (
        exp.string_strlen("none"),
        exp.string_upper("i"),
        exp.to_string(exp.int_bin("none")),
    ):
        with pytest.raises(OpNotApplicable):
            client.operate(key, [expressions.exp_read("r", expression)])
        lenient = expressions.exp_read("r", expression, expressions.EXP_READ_EVAL_NO_FAIL)
        assert client.operate(key, [lenient]).bins == {"r": None}
    # What a policy allows to fail gives the string as it is.
    allowed = exp.string_overwrite(BIN, 5, "x", NO_FAIL)
    assert client.operate(key, [expressions.exp_read("r", allowed)]).bins == {"r": "a"}


def test_strings_in_batches(client: aerospike_py.Client) -> None:
    tag = uuid.uuid4().hex
    keys = [("test", "strings", f"{tag}{number}") for number in range(4)]
    for number, each in enumerate(keys[:3]):
        client.put(each, {BIN: f"日{number}", "i": number})
    rows = client.batch_operate(keys, [strings.string_append(BIN, "!"), read_of({"bin": BIN})])
    made = [row.bins for row in rows.batch_records]
    assert made == [{BIN: text} for text in ("日0!", "日1!", "日2!", "!")]
    policy: Any = {"expressions": exp.string_contains(BIN, "1")}
    rows = client.batch_operate(keys, [strings.string_strlen(BIN)], policy)
    assert [row.result for row in rows.batch_records] == [27, 0, 27, 27]
    assert rows.batch_records[1].bins == {BIN: 3}
    rows = client.batch_operate(keys[:2], [strings.string_overwrite(BIN, 9, "x")], MESSAGES)
    for row in rows.batch_records:
        assert isinstance(row.error, InvalidArgError)
        assert row.error.subcode == SubCode.PARAM_STRING_INDEX_OUT_OF_BOUNDS
        assert row.error.detail


def test_strings_in_queries(client: aerospike_py.Client) -> None:
    set_name = f"q{uuid.uuid4().hex[:8]}"
    for number in range(20):
        client.put(("test", set_name, number), {BIN: f"Entry {number}", "n": number})
    query = client.query("test", set_name)
    policy: Any = {"expressions": exp.string_regex_compare(BIN, "^entry 1[0-4]$", 1)}
    assert {record.bins["n"] for record in query.results(policy)} == set(range(10, 15))
    query.select(BIN, number=exp.string_to_integer(exp.string_substr(BIN, -2)))
    told = {record.bins["number"] for record in query.results(policy)}
    assert told == set(range(10, 15))
    upper = [strings.string_upper(BIN), strings.string_append(BIN, "!")]
    client.query("test", set_name).operate_background(upper, policy).wait()
    made = {record.bins[BIN] for record in client.query("test", set_name).results()}
    changed = {f"ENTRY {number}!" for number in range(10, 15)}
    assert made == changed | {f"Entry {number}" for number in range(20) if not 10 <= number < 15}


DETAILS = [
    (aerospike_py.ERROR_DETAIL_NONE, False, False),
    (aerospike_py.ERROR_DETAIL_SUBCODE, True, False),
    (aerospike_py.ERROR_DETAIL_MESSAGE, True, True),
]


@pytest.mark.parametrize(("verbosity", "has_subcode", "has_text"), DETAILS)
def test_as_much_is_said_as_is_asked_for(
    client: aerospike_py.Client, key: Key, verbosity: int, has_subcode: bool, has_text: bool
) -> None:
    client.put(key, {BIN: "a"})
    policy: Any = {"error_detail_verbosity": verbosity}
    with pytest.raises(InvalidArgError) as caught:
        client.operate(key, [strings.string_find(BIN, "a", 0)], policy=policy)
    assert (caught.value.subcode is not None) == has_subcode
    assert (caught.value.detail is not None) == has_text
    # Nothing of it stays for the next command of the connection.
    with pytest.raises(BinTypeError) as caught_next:
        client.increment(key, BIN, 1)
    assert caught_next.value.subcode is None


def test_earlier_servers_refuse(server: Any, key: Key) -> None:
    with aerospike_py.client(server.config).connect() as client:
        client.put(key, {BIN: "abc", "l": ["a"], "b": b"abc"})
        operations = {operation["op"]: operation for _, operation, *_ in (*READS, *CHANGES)}
        refused = [
            *operations.values(),
            strings.to_string(BIN),
            lists.list_join("l"),
            bits.bit_b64_encode("b"),
            *(expressions.exp_read("r", expression) for _, expression, _ in READ_BUILDERS),
        ]
        for operation in refused:
            with pytest.raises(InvalidArgError) as caught:
                client.operate(key, [operation], policy=MESSAGES)
            assert caught.value.subcode is None
        for expression in (exp.list_join("l"), exp.bit_b64_encode("b")):
            with pytest.raises(OpNotApplicable):
                client.operate(key, [expressions.exp_read("r", expression)])
        policy: Any = {"expressions": exp.string_contains(BIN, "a")}
        with pytest.raises(InvalidArgError):
            client.get(key, policy=policy)
        assert client.get(key).bins == {BIN: "abc", "l": ["a"], "b": b"abc"}
        client.remove(key)
