"""Texts of expressions: what each is, and where what is wrong with the others."""

import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerospike_py import GeoJSON, InvalidArgError, KeyOrderedDict, cdt_ctx, exp
from aerospike_py._requests.plan import filter_argument
from aerospike_py._requests.policies import ClientPolicies

A, B, F = exp.int_bin("a"), exp.int_bin("b"), exp.float_bin("f")
VALUE, COUNT, EXISTS = 7, 5, 9
INVERTED = 0x10000
POINT = '{"type":"Point","coordinates":[1.0,2.0]}'


def by_index(index: int, kind: int = exp.EXP_TYPE_INT, **more: Any) -> Any:
    return exp.list_get_by_index(exp.list_bin("l"), index, VALUE, kind, **more)


def by_key(key: Any, kind: int = exp.EXP_TYPE_INT, **more: Any) -> Any:
    return exp.map_get_by_key(exp.map_bin("m"), key, VALUE, kind, **more)


L, M = exp.list_bin("l"), exp.map_bin("m")

TEXTS: list[tuple[str, Any]] = [
    # Comparisons tell the types of bins.
    ("$.a == 1", exp.eq(A, 1)),
    ("$.a != -1", exp.ne(A, -1)),
    ("$.a > 0x1F", exp.gt(A, 31)),
    ("$.a >= 0b101", exp.ge(A, 5)),
    ("$.a < $.b", exp.lt(A, B)),
    ("$.f <= 1.5", exp.le(F, 1.5)),
    ("$.f <= .5", exp.le(F, 0.5)),
    ("'x' == $.s", exp.eq("x", exp.string_bin("s"))),
    ('$.s == "it\'s"', exp.eq(exp.string_bin("s"), "it's")),
    ("$.t == true", exp.eq(exp.bool_bin("t"), True)),
    ("$.l == [1, 'a', -2.5, [true], {}]", exp.eq(L, [1, "a", -2.5, [True], KeyOrderedDict()])),
    ("$.l == []", exp.eq(L, [])),
    ("$.m == {'b': 1, 2: [3]}", exp.eq(M, KeyOrderedDict({"b": 1, 2: [3]}))),
    ("$.x.get(type: BLOB) == 'eHl6'", exp.eq(exp.blob_bin("x"), b"xyz")),
    ("$.a.get (type : INT) == 1", exp.eq(A, 1)),
    ("$.a == -9223372036854775808", exp.eq(A, -(2**63))),
    ("$.f > 3.asFloat()", exp.gt(F, 3.0)),
    ("$.a > 3.7.asInt()", exp.gt(A, 3)),
    # Names.
    ("$.a@b == 1", exp.eq(exp.int_bin("a@b"), 1)),
    ("$.'my bin' == 1", exp.eq(exp.int_bin("my bin"), 1)),
    ("$.when == 1", exp.eq(exp.int_bin("when"), 1)),
    ("$.ttl == 1", exp.eq(exp.int_bin("ttl"), 1)),
    # Logic.
    ("$.t", exp.bool_bin("t")),
    ("true", exp.bool_val(True)),
    ("not($.t)", exp.not_(exp.bool_bin("t"))),
    ("not $.a == 1", exp.not_(exp.eq(A, 1))),
    ("$.a == 1 and $.b == 2 and $.t", exp.and_(exp.eq(A, 1), exp.eq(B, 2), exp.bool_bin("t"))),
    (
        "$.a == 1 or $.b == 2 and $.t",
        exp.or_(exp.eq(A, 1), exp.and_(exp.eq(B, 2), exp.bool_bin("t"))),
    ),
    (
        "($.a == 1 or $.b == 2) and $.t",
        exp.and_(exp.or_(exp.eq(A, 1), exp.eq(B, 2)), exp.bool_bin("t")),
    ),
    ("exclusive($.t, $.a == 1)", exp.xor_(exp.bool_bin("t"), exp.eq(A, 1))),
    ("unknown or $.t", exp.or_(exp.unknown(), exp.bool_bin("t"))),
    # Numbers.
    ("$.a + $.b * 2 == 7", exp.eq(exp.num_add(A, exp.num_mul(B, 2)), 7)),
    ("($.a + $.b) * 2 == 7", exp.eq(exp.num_mul(exp.num_add(A, B), 2), 7)),
    ("$.a - 1 - 2 == 0", exp.eq(exp.num_sub(exp.num_sub(A, 1), 2), 0)),
    ("$.f / 2 > 1.5", exp.gt(exp.num_div(F, 2.0), 1.5)),
    ("$.a % 2 == 0", exp.eq(exp.num_mod(A, 2), 0)),
    ("-$.a == 1", exp.eq(exp.num_mul(A, -1), 1)),
    ("- -$.a == +1", exp.eq(exp.num_mul(exp.num_mul(A, -1), -1), 1)),
    ("$.f ** 2 ** 3 > 1.0", exp.gt(exp.num_pow(F, exp.num_pow(2.0, 3.0)), 1.0)),
    ("$.a.asFloat() > 1", exp.gt(exp.to_float(A), 1.0)),
    ("$.f.asInt() > $.b", exp.gt(exp.to_int(F), B)),
    ("$.f.asInt() > 1.5", exp.gt(exp.to_float(exp.to_int(F)), 1.5)),
    ("abs($.a) > 1", exp.gt(exp.num_abs(A), 1)),
    ("ceil($.f) == 2", exp.eq(exp.num_ceil(F), 2.0)),
    ("floor($.f) == 2.0", exp.eq(exp.num_floor(F), 2.0)),
    ("log($.f, 10) > 1.0", exp.gt(exp.num_log(F, 10.0), 1.0)),
    ("pow($.f, 2) > 1.0", exp.gt(exp.num_pow(F, 2.0), 1.0)),
    ("max($.a, $.b, 3) == 3", exp.eq(exp.max_(A, B, 3), 3)),
    ("min($.f, 3) == 3.0", exp.eq(exp.min_(F, 3.0), 3.0)),
    ("$.a * 2 + $.b", exp.num_add(exp.num_mul(A, 2), B)),
    # Bits bind tighter than comparisons.
    ("$.a & 0xFF == 3", exp.eq(exp.int_and(A, 255), 3)),
    ("$.a | 1 ^ 2 == 3", exp.eq(exp.int_xor(exp.int_or(A, 1), 2), 3)),
    ("~$.a == 1", exp.eq(exp.int_not(A), 1)),
    ("$.a << 2 > 1", exp.gt(exp.int_lshift(A, 2), 1)),
    ("$.a >> 1 >>> 2 > 1", exp.gt(exp.int_rshift(exp.int_arshift(A, 1), 2), 1)),
    ("$.a & 1 << 2 > 1", exp.gt(exp.int_and(A, exp.int_lshift(1, 2)), 1)),
    ("countOneBits($.a) == 3", exp.eq(exp.int_count(A), 3)),
    ("findBitLeft($.a, true) == 3", exp.eq(exp.int_lscan(A, True), 3)),
    ("findBitRight($.a, false) == 3", exp.eq(exp.int_rscan(A, False), 3)),
    # Membership.
    (
        "$.s in ['a', 'b']",
        exp.list_get_by_value(exp.list_val(["a", "b"]), exp.string_bin("s"), EXISTS),
    ),
    ("3 IN $.l", exp.list_get_by_value(L, 3, EXISTS)),
    ("$.a + 1 in [1, 2]", exp.list_get_by_value(exp.list_val([1, 2]), exp.num_add(A, 1), EXISTS)),
    # An integer beside a float is taken as a float.
    ("1 in [1.5, 2.5]", exp.list_get_by_value(exp.list_val([1.5, 2.5]), 1.0, EXISTS)),
    (
        "$.f.get(type: FLOAT) in [1, -2]",
        exp.list_get_by_value(exp.list_val([1.0, -2.0]), F, EXISTS),
    ),
    (
        "$.a.get(type: INT) in [1.5]",
        exp.list_get_by_value(exp.list_val([1.5]), exp.to_float(A), EXISTS),
    ),
    ("$.f + 1 in [1.5]", exp.list_get_by_value(exp.list_val([1.5]), exp.num_add(F, 1.0), EXISTS)),
    # Names for values, and choices.
    (
        "let (x = 1, y = ${x} + $.a) then (${y} > ${x})",
        exp.let_(
            exp.def_("x", 1),
            exp.def_("y", exp.num_add(exp.var("x"), A)),
            exp.gt(exp.var("y"), exp.var("x")),
        ),
    ),
    (
        "when ($.a == 1 => 'x', $.t => 'y', default => $.s) == 'x'",
        exp.eq(
            exp.cond(exp.eq(A, 1), "x", exp.bool_bin("t"), "y", exp.string_bin("s")),
            "x",
        ),
    ),
    # Metadata.
    ("$.ttl() < 60", exp.lt(exp.ttl(), 60)),
    ("$.setName() == 'users'", exp.eq(exp.set_name(), "users")),
    (
        "$.keyExists() and not($.isTombstone())",
        exp.and_(exp.key_exists(), exp.not_(exp.is_tombstone())),
    ),
    ("$.digestModulo(3) == 1", exp.eq(exp.digest_modulo(3), 1)),
    (
        "$.recordSize() + $.deviceSize() > 1",
        exp.gt(exp.num_add(exp.record_size(), exp.device_size()), 1),
    ),
    # Places in lists and maps.
    ("$.l.[0] == 1", exp.eq(by_index(0), 1)),
    ("$.l.[-1] == 'x'", exp.eq(by_index(-1, exp.EXP_TYPE_STRING), "x")),
    ("$.l.[#0] == 1.5", exp.eq(exp.list_get_by_rank(L, 0, VALUE, exp.EXP_TYPE_FLOAT), 1.5)),
    ("$.l.[=5].count() == 2", exp.eq(exp.list_get_by_value(L, 5, COUNT), 2)),
    ("$.l.[0:2] == [1, 2]", exp.eq(exp.list_get_by_index_range(L, 0, VALUE, 2), [1, 2])),
    ("$.l.[1:] == []", exp.eq(exp.list_get_by_index_range(L, 1, VALUE), [])),
    ("$.l.[!0:2].count() == 1", exp.eq(exp.list_get_by_index_range(L, 0, COUNT | INVERTED, 2), 1)),
    ("$.l.[=a,b].count() == 1", exp.eq(exp.list_get_by_value_list(L, ["a", "b"], COUNT), 1)),
    ("$.l.[=1:5].count() > 1", exp.gt(exp.list_get_by_value_range(L, 1, 5, COUNT), 1)),
    (
        "$.l.[!=1:].count() > 1",
        exp.gt(exp.list_get_by_value_range(L, 1, None, COUNT | INVERTED), 1),
    ),
    ("$.l.[#-2:].count() == 2", exp.eq(exp.list_get_by_rank_range(L, -2, COUNT), 2)),
    (
        "$.l.[#0:2~5].count() == 2",
        exp.eq(exp.list_get_by_value_rel_rank_range(L, 5, 0, COUNT, 2), 2),
    ),
    ("$.l.count() == 2", exp.eq(exp.list_size(L), 2)),
    ("$.m.{}.count() == 2", exp.eq(exp.map_size(M), 2)),
    ("$.m.k == 1", exp.eq(by_key("k"), 1)),
    ("$.m.'a key' == 1", exp.eq(by_key("a key"), 1)),
    ("$.m.42 == 1", exp.eq(by_key(42), 1)),
    ("$.m.-3 == 1", exp.eq(by_key(-3), 1)),
    ("$.m.0xff == 1", exp.eq(by_key(255), 1)),
    ("$.m.'42' == 's'", exp.eq(by_key("42", exp.EXP_TYPE_STRING), "s")),
    ("$.m.{0} == 1", exp.eq(exp.map_get_by_index(M, 0, VALUE, exp.EXP_TYPE_INT), 1)),
    ("$.m.{#-1} == 1", exp.eq(exp.map_get_by_rank(M, -1, VALUE, exp.EXP_TYPE_INT), 1)),
    ("$.m.{=5}.count() == 1", exp.eq(exp.map_get_by_value(M, 5, COUNT), 1)),
    ("$.m.{a-c}.count() == 1", exp.eq(exp.map_get_by_key_range(M, "a", "c", COUNT), 1)),
    ("$.m.{a-}.count() == 1", exp.eq(exp.map_get_by_key_range(M, "a", None, COUNT), 1)),
    ("$.m.{1-5}.count() == 1", exp.eq(exp.map_get_by_key_range(M, 1, 5, COUNT), 1)),
    (
        "$.m.{!a,b}.count() == 1",
        exp.eq(exp.map_get_by_key_list(M, ["a", "b"], COUNT | INVERTED), 1),
    ),
    ("$.m.{1,2,3}.count() == 1", exp.eq(exp.map_get_by_key_list(M, [1, 2, 3], COUNT), 1)),
    ("$.m.{0:2}.count() == 1", exp.eq(exp.map_get_by_index_range(M, 0, COUNT, 2), 1)),
    ("$.m.{#0:2}.count() == 1", exp.eq(exp.map_get_by_rank_range(M, 0, COUNT, 2), 1)),
    ("$.m.{=1:5}.count() == 1", exp.eq(exp.map_get_by_value_range(M, 1, 5, COUNT), 1)),
    ("$.m.{=1,'x'}.count() == 1", exp.eq(exp.map_get_by_value_list(M, [1, "x"], COUNT), 1)),
    (
        "$.m.{0:1~b}.count() == 1",
        exp.eq(exp.map_get_by_key_rel_index_range(M, "b", 0, COUNT, 1), 1),
    ),
    (
        "$.m.{#0:1~7}.count() == 1",
        exp.eq(exp.map_get_by_value_rel_rank_range(M, 7, 0, COUNT, 1), 1),
    ),
    ("$.m.k.exists()", exp.map_get_by_key(M, "k", EXISTS)),
    ("$.a.exists()", exp.bin_exists("a")),
    (
        "$.m.k.get(type: FLOAT) > $.m.{0}",
        exp.gt(
            by_key("k", exp.EXP_TYPE_FLOAT), exp.map_get_by_index(M, 0, VALUE, exp.EXP_TYPE_FLOAT)
        ),
    ),
    ("$.m.k.get(return: INDEX) == 0", exp.eq(exp.map_get_by_key(M, "k", 1), 0)),
    (
        "$.m.{#0}.get(return: KEY, type: STRING) == 'k'",
        exp.eq(exp.map_get_by_rank(M, 0, 6, 3), "k"),
    ),
    (
        "$.m.k.[0].name == 'x'",
        exp.eq(
            exp.map_get_by_key(
                M, "name", VALUE, 3, ctx=[cdt_ctx.map_key("k"), cdt_ctx.list_index(0)]
            ),
            "x",
        ),
    ),
    (
        "$.l.[0].[#1].count() == 2",
        exp.eq(
            exp.list_size(
                exp.list_get_by_rank(L, 1, VALUE, exp.EXP_TYPE_LIST, ctx=[cdt_ctx.list_index(0)])
            ),
            2,
        ),
    ),
    (
        "$.l.[0].k.asFloat() > 1.5",
        exp.gt(
            exp.to_float(exp.map_get_by_key(L, "k", VALUE, 2, ctx=[cdt_ctx.list_index(0)])), 1.5
        ),
    ),
    # Geography and HyperLogLogs.
    (
        f"geoCompare($.g, geoJson('{POINT}'))",
        exp.geo_compare(exp.geo_bin("g"), GeoJSON(POINT)),
    ),
    ("$.h.hllCount() > 5", exp.gt(exp.hll_get_count(exp.hll_bin("h")), 5)),
    ("$.h.hllDescribe() == [14, 0]", exp.eq(exp.hll_describe(exp.hll_bin("h")), [14, 0])),
    (
        "$.h.hllMayContain(['a']) == 1",
        exp.eq(exp.hll_may_contain(exp.hll_bin("h"), ["a"]), 1),
    ),
    (
        "$.h.hllUnionCount($.i) > 5",
        exp.gt(exp.hll_get_union_count(exp.hll_bin("h"), exp.hll_bin("i")), 5),
    ),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS, ids=lambda part: str(part)[:40])
def test_a_text_is_the_expression_that_the_builders_make(text: str, expected: Any) -> None:
    assert exp.parse(text) == expected
    assert exp.compile(exp.parse(text)) == exp.compile(expected)
    spaced = f"\n\t {text} \r\n"
    assert exp.parse(spaced) == expected


@pytest.mark.parametrize(
    ("text", "values", "named", "expected"),
    [
        (
            "$.a > ?0 and $.s == ?1",
            (18, "x"),
            {},
            exp.and_(exp.gt(A, 18), exp.eq(exp.string_bin("s"), "x")),
        ),
        ("$.a > %s and $.f < %s", (18, 2.5), {}, exp.and_(exp.gt(A, 18), exp.lt(F, 2.5))),
        ("$.a % %s == %(rest)s", (3,), {"rest": 1}, exp.eq(exp.num_mod(A, 3), 1)),
        ("$.x == ?0", (b"raw",), {}, exp.eq(exp.blob_bin("x"), b"raw")),
        ("$.m == ?0", ({"k": {"l": 1}},), {}, exp.eq(M, KeyOrderedDict(k=KeyOrderedDict(l=1)))),
        (
            "$.s in ?0",
            (("a", "b"),),
            {},
            exp.list_get_by_value(exp.list_val(["a", "b"]), exp.string_bin("s"), EXISTS),
        ),
        ("?0 == ?0", (1,), {}, exp.eq(1, 1)),
        (
            "geoCompare($.g, ?0)",
            (GeoJSON(POINT),),
            {},
            exp.geo_compare(exp.geo_bin("g"), GeoJSON(POINT)),
        ),
    ],
)
def test_parameters_are_constants(text: str, values: Any, named: Any, expected: Any) -> None:
    assert exp.parse(text, *values, **named) == expected


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "expected a value"),
        ("$.a >", 6, "expected a value"),
        ("$.a = 1", 5, "'=' is '=='"),
        ("$.a == 1 && $.b == 2", 10, "'&&' is 'and'"),
        ("$.a == 1 || $.t", 10, "'||' is 'or'"),
        ("!$.t", 1, "'!' is 'not (...)'"),
        ("age > 1", 1, "bins begin with"),
        ("$.a == 'x", 8, "this quote has no end"),
        ("$.a == 1 $.b", 10, "expected an operator, or the end"),
        ("($.a == 1", 10, "expected ')'"),
        ("1 < $.a < 3", 9, "cannot be chained"),
        ("$.a == 1 and 5", 14, "a condition is needed here, not an integer"),
        ("'x' == 1", 5, "a string cannot be compared with an integer"),
        ("$.a + 'x' == 1", 7, "a number is needed, not a string"),
        ("$.a + 1 and $.t", 1, "a condition is needed here, not an integer"),
        ("$.a & 1.5 == 1", 7, "an integer is needed, not a float"),
        ("$.a in 5", 8, "'in' needs a list"),
        ("$.a in [1, 'x']", 8, "several types"),
        ("$.a + 1 in ['x']", 1, "an integer cannot be compared with a string"),
        ("$.h.hllUnionCount(5) > 1", 19, "a HyperLogLog is needed, not an integer"),
        ("$.h.hllMayContain('x') == 1", 19, "a list is needed, not a string"),
        ("$.a in $.l", 1, "the type of this is not known"),
        ("$.my_null_bin == 1", 3, "reserved"),
        ("$.a_name_of_17_char == 1", 3, "15"),
        ("$. == 1", 4, "expected the name of a bin"),
        ("$.m.{a-c}.x == 1", 5, "only the last part"),
        ("$.l.[2:1] == 1", 8, "before its beginning"),
        ("$.l.[a] == 1", 6, "expected an index"),
        ("$.l.push() == 1", 5, "there is no function 'push'"),
        ("$.l.clear() == 1", 5, "writes"),
        ("$.a.get(type: NUMBER) == 1", 15, "the type must be one of"),
        ("nonsense(1)", 1, "there is no function 'nonsense'"),
        ("abs(1, 2) == 1", 1, "takes 1 arguments, not 2"),
        ("${x} == 1", 1, "there is no variable 'x'"),
        ("let (x = 1) (${x})", 13, "expected 'then'"),
        ("when (default => 1) == 1", 1, "needs a condition"),
        ("when ($.t => 1, default => 'x') == 1", 1, "several types"),
        ("$.x.get(type: BLOB) == '%'", 24, "base64"),
        ("$.a == 9223372036854775808", 8, "does not fit"),
        ("$.a == 1x", 8, "this is no number"),
        ("[1, $.a] == $.l", 5, "constants only"),
        ("{'a': 1, 'a': 2} == $.m", 10, "is there already"),
        ("geoCompare($.g, geoJson('x'))", 25, "no GeoJSON"),
        ("$.a == ?0", 8, "there is no parameter 0; 0 were given"),
        ("$.a == %(n)s", 8, "there is no parameter 'n'"),
        ("$.a == %d", 8, "expected a parameter"),
        ("(" * 60 + "$.t" + ")" * 60, 51, "nested deeper than 50 levels"),
    ],
)
def test_an_error_says_where_and_what(text: str, column: int, message: str) -> None:
    with pytest.raises(InvalidArgError) as caught:
        exp.parse(text)
    assert str(caught.value).startswith(f"line 1, column {column}, ")
    assert message in str(caught.value)


def test_an_error_counts_lines() -> None:
    with pytest.raises(InvalidArgError, match=r"^line 2, column 7, before '\)': expected a value$"):
        exp.parse("$.a == 1\n  and )")


def test_parameters_that_are_not_used_or_have_no_type_are_refused() -> None:
    with pytest.raises(InvalidArgError, match="does not use the parameter 1"):
        exp.parse("$.a == ?0", 1, 2)
    with pytest.raises(InvalidArgError, match="does not use the parameter 'n'"):
        exp.parse("$.t", n=1)
    with pytest.raises(TypeError, match="object"):
        exp.parse("$.a == ?0", object())
    with pytest.raises(TypeError, match="text must be a str"):
        exp.parse(b"$.t")  # type: ignore[arg-type]


PIECES = [
    *" ()[]{}.,:~!#=-+*/%&|^<>'\"$?0",
    "$.",
    "$.a",
    "==",
    "and",
    "or",
    "not",
    "in",
    "let",
    "then",
    "when",
    "default",
    "=>",
    "${",
    "x",
    "1",
    "1.5",
    "0x",
    "true",
    "get(",
    "type",
    "INT",
    "count()",
    "%s",
    "%(n)s",
    "?0",
    "geoJson(",
    "exists()",
    "[0]",
    "{#1}",
    "**",
    ">>>",
    "unknown",
    "null",
]


def outcome(text: str) -> Any:
    """The expression, or what is wrong."""
    try:
        return exp.parse(text)
    except InvalidArgError as error:
        return str(error)


@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_no_text_does_anything_but_parse_or_raise(pieces: list[str]) -> None:
    for text in ("".join(pieces), " ".join(pieces)):
        result = outcome(text)
        if isinstance(result, str):
            assert result.startswith("line ")
        else:
            # Types that do not go together are the server's to refuse, not the encoder's.
            exp.compile(result)


@given(st.text(max_size=40))
def test_any_characters_are_parsed_or_refused(text: str) -> None:
    result = outcome(text)
    assert isinstance(result, dict) or result.startswith("line ")


@pytest.mark.parametrize(
    "piece", ["1 + ", "not ", "- ", "2 ** ", "$.t and ", "[", "{1:", "$.a.b.", "(("]
)
def test_long_texts_end(piece: str) -> None:
    result = outcome(piece * 20_000 + "1")
    assert isinstance(result, dict) or result.startswith("line 1, column ")


def test_many_keys_whose_low_halves_are_equal_are_read_as_fast_as_others() -> None:
    text = f"$.m == {{{', '.join(f'{number << 32}: 1' for number in range(20_000))}}}"
    start = time.thread_time()
    assert len(exp.parse(text)["right"]) == 20_000
    assert time.thread_time() - start < 5


def test_cut_texts_are_refused_or_other_expressions() -> None:
    source = random.Random(3)
    for text, _ in TEXTS:
        for _ in range(10):
            result = outcome(text[: source.randrange(len(text))])
            assert isinstance(result, dict) or result.startswith("line 1, column ")


def test_a_text_that_is_used_a_thousand_times_is_read_and_compiled_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "$.used_often > 21 and $.other == 'x'"
    done: list[str] = []
    parse, compiled = exp.expression_parse, exp.expression_compile
    monkeypatch.setattr(
        exp, "expression_parse", lambda *given: (done.append("parsed"), parse(*given))[1]
    )
    monkeypatch.setattr(
        exp, "expression_compile", lambda tree: (done.append("compiled"), compiled(tree))[1]
    )
    policies = ClientPolicies({})
    for _ in range(1000):
        policies.read({"expressions": text})
    assert done == ["parsed", "compiled"]
    for _ in range(1000):
        filter_argument(text)
    # What a query looks for is kept as a tree, which can be taken apart.
    assert done == ["parsed", "compiled", "parsed"]
