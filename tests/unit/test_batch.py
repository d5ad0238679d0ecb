"""Rows of batches: what is made of arguments, and of answers."""

import gc
import pickle
import sys
from typing import Any

import msgspec
import numpy as np
import pytest

import aerospike_py
from aerospike_py import (
    BatchRecord,
    BatchRecords,
    BatchResults,
    BinNameError,
    FilteredOut,
    InvalidArgError,
    RecordNotFound,
    UDFError,
    _codec,
    batch,
    exp,
)
from aerospike_py._requests import batch as requests
from aerospike_py._requests.policies import ClientPolicies
from aerospike_py._results import BatchDecoder
from aerospike_py._values import encode
from aerospike_py.keys import request_key
from aerospike_py.types import AerospikeKey, Record, RecordMetadata

KEY = ("test", "demo", "k")
POLICIES = ClientPolicies({})
DIGEST = bytes(20)
FOUND = [None, 0, False, [[*KEY, DIGEST], [3, 100], {"a": 1, "l": [1, "x"]}]]
MISSING = [[*KEY, DIGEST], 2, False, None]
IN_DOUBT = [["test", "", 5, DIGEST], -10, True, None]
INCREMENT = {"op": aerospike_py.OPERATOR_INCR, "bin": "n", "val": 1}


def decode(*rows: Any) -> list[BatchRecord]:
    return BatchDecoder(list)(memoryview(encode(rows)))


def requested(rows: Any, compares_generation: bool = False) -> Any:
    return msgspec.msgpack.decode(requests.encode_rows(rows, compares_generation))


def written(records: Any) -> Any:
    return requests.written(records, POLICIES)


def test_a_row_with_a_record() -> None:
    (row,) = decode(FOUND)
    assert (row.result, row.in_doubt, row.error) == (0, False, None)
    assert type(row.record) is Record
    key, meta, bins = row.record
    assert type(key) is type(row.key) is AerospikeKey
    assert type(meta) is RecordMetadata
    assert (meta["gen"], meta.ttl) == row.meta == (3, 100)
    assert row.key == (*KEY, DIGEST)
    assert bins == row.bins == {"a": 1, "l": [1, "x"]}


def test_a_row_without_a_record() -> None:
    missing, in_doubt = decode(MISSING, IN_DOUBT)
    assert (missing.result, missing.record, missing.meta, missing.bins) == (2, None, None, None)
    assert missing.key == (*KEY, DIGEST)
    assert type(missing.error) is RecordNotFound
    assert in_doubt.key == ("test", "", 5, DIGEST)
    assert in_doubt.in_doubt is True
    assert in_doubt.error is not None
    assert (in_doubt.error.result_code, in_doubt.error.in_doubt) == (-10, True)
    assert type(decode([[*KEY, DIGEST], 27, False, None])[0].error) is FilteredOut


def test_results_survive_pickle_and_compare() -> None:
    rows = decode(FOUND, MISSING)
    assert pickle.loads(pickle.dumps(rows)) == rows
    records = pickle.loads(pickle.dumps(BatchRecords(rows)))
    assert records.batch_records == rows
    results = pickle.loads(pickle.dumps(BatchResults(rows)))
    assert results == BatchResults(rows)
    assert results.batch_records == rows


def test_batch_records() -> None:
    rows = decode(FOUND, MISSING, FOUND)
    records = BatchRecords(rows)
    assert len(records) == 3
    assert list(records) == records.batch_records == rows
    assert repr(records) == "BatchRecords(count=3, ok=2)"
    assert "user_key='k'" in repr(rows[0])
    assert "result=2" in repr(rows[1])
    assert len(BatchRecords([])) == 0


def test_batch_results_are_a_list_of_records() -> None:
    rows = decode(FOUND, MISSING)
    results = BatchResults(rows)
    assert isinstance(results, list)
    assert results == [rows[0].record, Record(AerospikeKey(*KEY, DIGEST), None, None)]
    assert all(type(record) is Record for record in results)
    assert results.batch_records is rows


def test_a_record_that_cannot_be_shown_spoils_no_other() -> None:
    # Pairs of keys and values that are none.
    broken = encode(FOUND).replace(encode("x"), b"\xd4\x13\x01")
    data = b"\x92" + broken + encode(FOUND)
    first, second = BatchDecoder(list)(memoryview(data))
    assert first.result == 0
    for _ in range(2):
        for name in ("record", "key", "bins"):
            with pytest.raises(aerospike_py.ClientError, match="cannot be shown"):
                getattr(first, name)
    assert second.bins == {"a": 1, "l": [1, "x"]}


def test_rows_keep_the_whole_answer_only_until_they_have_their_record() -> None:
    source = encode([FOUND, MISSING])
    rows: list[BatchRecord] = []
    before = sys.getrefcount(source)
    assert _codec.unpack_rows(source, 0, rows, 2, None) == len(source)
    assert sys.getrefcount(source) == before + 2
    assert rows[0].record is rows[0].record
    assert sys.getrefcount(source) == before + 1
    assert rows[1].key is rows[1].key
    assert sys.getrefcount(source) == before


def test_rows_can_be_made_by_hand() -> None:
    key = AerospikeKey(*KEY, DIGEST)
    row = BatchRecord(key, -10, True, None)
    assert (row.key, row.result, row.in_doubt, row.record) == (key, -10, True, None)
    assert row == decode([[*KEY, DIGEST], -10, True, None])[0]
    assert row != BatchRecord(key=key, result=-10, in_doubt=False, record=None)
    assert row != 5
    with pytest.raises(TypeError):
        BatchRecord(key, "2", False, None)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        row.result = 0  # type: ignore[misc]


@pytest.mark.parametrize("count", [0, 1, 4095, 4096, 4097, 10000])
def test_decoding_in_steps_gives_the_same(count: int) -> None:
    rows = [[FOUND, MISSING, IN_DOUBT][number % 3] for number in range(count)]
    data = memoryview(encode(rows))
    decoder = BatchDecoder(BatchRecords)
    *steps, result = decoder.steps(data)
    assert steps == [None] * max(1, -(-count // decoder.step_rows))
    assert isinstance(result, BatchRecords)
    assert result.batch_records == decoder(data).batch_records
    assert len(result) == count


def test_rows_of_requests() -> None:
    rows = [
        batch.read(KEY),
        batch.read(KEY, ["a", "b"]),
        batch.read(KEY, []),
        batch.exists(KEY),
        batch.write(KEY, {"a": 1}, {"ttl": 60}),
        batch.operate(KEY, [INCREMENT]),
        batch.remove(("test", None, None, DIGEST)),
    ]
    assert requested(rows) == [
        [[*KEY], 2, None, None],
        [[*KEY], 3, ["a", "b"], None],
        [[*KEY], 4, None, None],
        [[*KEY], 4, None, None],
        [[*KEY], 1, {"a": 1}, [None, 60]],
        [[*KEY], 11, [INCREMENT], None],
        [["test", "", None, DIGEST], 5, None, None],
    ]
    assert requested(iter(rows)) == requested(rows)
    assert requested([]) == []


def test_an_expected_generation_needs_a_policy_that_compares_it() -> None:
    rows = [batch.write(KEY, {"a": 1}, {"gen": 3, "ttl": 60}), batch.remove(KEY, {"gen": 4})]
    assert [row[3] for row in requested(rows)] == [[None, 60], None]
    assert [row[3] for row in requested(rows, compares_generation=True)] == [[3, 60], [4, None]]


def test_a_row_has_a_policy_of_its_own() -> None:
    filtered = {"expressions": exp.eq(exp.int_bin("n"), exp.int_val(1))}
    (encoded,) = {exp.compile(filtered["expressions"]).encoded}
    create = {"exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY, "key": None}
    rows = [
        batch.read(KEY, policy={"read_mode_ap": 1, "read_touch_ttl_percent": -1}),
        batch.exists(KEY, {"filter_expression": filtered["expressions"]}),
        batch.write(KEY, {"a": 1}, {"ttl": 5}, create),
        batch.write(KEY, {"a": 1}, {"ttl": 5}, {"ttl": 7, **filtered}),
        batch.write(KEY, {"a": 1}, policy={"ttl": aerospike_py.TTL_CLIENT_DEFAULT}),
        batch.operate(KEY, [INCREMENT], policy={"read_mode_sc": 1, "durable_delete": True}),
        batch.remove(KEY, policy={"commit_level": 1, "key": 1}),
        batch.apply(KEY, "m.lua", "f", (1, {"k": b"v"}), {"ttl": 3, "key": 1}),
        batch.apply(KEY, "m", "f", policy={}),
    ]
    assert [row[3] for row in requested(rows)] == [
        [None, None, {"read_mode_ap": 1, "read_touch_ttl_percent": 255}],
        [None, None, {"filter": encoded}],
        [None, 5, {"exists": 4}],
        [None, 7, {"filter": encoded}],
        None,
        [None, None, {"read_mode_sc": 1, "durable_delete": 1}],
        [None, None, {"commit_level": 1, "send_key": 1}],
        [None, 3, {"send_key": 1}],
        None,
    ]
    assert [row[2] for row in requested(rows)[-2:]] == [
        ["m", "f", [1, {"k": b"v"}]],
        ["m", "f", []],
    ]
    assert requested(written([(KEY, {"a": 1}, None, create)])) == requested(
        [batch.write(KEY, {"a": 1}, policy=create)]
    )


def test_a_rows_policy_decides_whether_its_generation_is_compared() -> None:
    meta: Any = {"gen": 3}
    own: Any = [{"gen": aerospike_py.POLICY_GEN_EQ}, {"gen": aerospike_py.POLICY_GEN_IGNORE}, {}]
    rows = [batch.remove(KEY, meta, policy) for policy in own]
    equal, ignored = {"generation_policy": 1}, {"generation_policy": 0}
    assert [row[3] for row in requested(rows)] == [[3, None, equal], [None, None, ignored], None]
    assert [row[3] for row in requested(rows, compares_generation=True)] == [
        [3, None, equal],
        [None, None, ignored],
        [3, None],
    ]


def test_rows_of_functions() -> None:
    returned = [None, 0, False, [[*KEY, DIGEST], [3, 100], {"SUCCESS": [1, None]}]]
    failed = [[*KEY, DIGEST], 100, False, None, b"m.lua:3: the sky \xff"]
    ok, nothing, wrong = decode(returned, FOUND, failed)
    assert (ok.value, ok.message) == ([1, None], None)
    assert (nothing.value, nothing.message) == (None, None)
    assert (wrong.value, wrong.record, wrong.message) == (None, None, "m.lua:3: the sky \ufffd")
    assert isinstance(wrong.error, UDFError)
    assert "the sky" in str(wrong.error)
    assert pickle.loads(pickle.dumps(BatchResults([wrong]))).batch_records == [wrong]


def test_values_are_those_of_put() -> None:
    class Name(str):
        __slots__ = ()

    rows = written(
        [
            (KEY, {"a": Name("x"), "t": (1, 2), "n": None}),
            [KEY, {"b": bytearray(b"x"), "nested": {"k": [1.5, True]}}, {"ttl": -1}],
        ]
    )
    assert [row[2] for row in requested(rows)] == [
        {"a": "x", "t": [1, 2], "n": None},
        {"b": b"x", "nested": {"k": [1.5, True]}},
    ]


@pytest.mark.parametrize("value", [2**63, 2**64, -(2**63) - 1, [1, [2**63]], {"k": {"k": 2**70}}])
def test_an_int_beyond_64_bits_is_found_among_rows(value: Any) -> None:
    with pytest.raises(OverflowError, match="'much'"):
        requested(written([(KEY, {"a": 1}), (KEY, {"much": value})]))


def test_what_looks_like_too_large_an_int_is_not_one() -> None:
    value = b"\xcf\xff" * 3
    assert requested(written([(KEY, {"a": value})]))[0][2] == {"a": value}


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: batch.read("k"), TypeError),
        (lambda: batch.read(("test", "demo")), ValueError),
        (lambda: batch.read(KEY, "a"), TypeError),
        (lambda: batch.read(KEY, ["x" * 16]), BinNameError),
        (lambda: batch.write(KEY, {}), InvalidArgError),
        (lambda: batch.write(KEY, [1]), TypeError),
        (lambda: batch.write(KEY, {"x" * 16: 1}), BinNameError),
        (lambda: batch.write(KEY, {"a": 1}, {"time": 1}), InvalidArgError),
        (lambda: batch.write(KEY, {"a": 1}, {"gen": -1}), InvalidArgError),
        (lambda: batch.write(KEY, {"a": 1}, None, {"exist": 1}), InvalidArgError),
        (lambda: batch.write(KEY, {"a": 1}, None, {"exists": 3}), InvalidArgError),
        (lambda: batch.write(KEY, {"a": 1}, None, {"max_retries": 1}), InvalidArgError),
        (lambda: batch.write(KEY, {"a": 1}, None, [("exists", 4)]), TypeError),
        (lambda: batch.read(KEY, policy={"exists": 4}), InvalidArgError),
        (lambda: batch.read(KEY, policy={"read_touch_ttl_percent": 101}), InvalidArgError),
        (lambda: batch.exists(KEY, {"expressions": 5}), TypeError),
        (lambda: batch.remove(KEY, policy={"ttl": 5}), InvalidArgError),
        (lambda: batch.operate(KEY, [INCREMENT], None, {"durable_delete": 1}), TypeError),
        (lambda: batch.apply(KEY, "m", "f", "text"), TypeError),
        (lambda: batch.apply(KEY, "m", "f", [2**64]), OverflowError),
        (lambda: batch.apply(KEY, "", "f"), InvalidArgError),
        (lambda: batch.apply(KEY, "m", 5), TypeError),
        (lambda: batch.apply(KEY, "m", "f", [], {"gen": 1}), InvalidArgError),
        (lambda: batch.operate(KEY, []), InvalidArgError),
        (lambda: batch.operate(KEY, [{"bin": "a"}]), InvalidArgError),
        (lambda: batch.operate(KEY, INCREMENT), TypeError),
        (lambda: batch.operate(KEY, [{**INCREMENT, "val": 2**64}]), OverflowError),
        (lambda: batch.remove(KEY, 5), TypeError),
        (lambda: written({KEY: {"a": 1}}), TypeError),
        (lambda: written([KEY]), TypeError),
        (lambda: written([(KEY,)]), InvalidArgError),
        (lambda: requests.encode_same({KEY: 1}, 2, None), TypeError),
        (lambda: requests.encode_same(None, 2, None), TypeError),
        (lambda: requests.encode_same([KEY, None], 2, None), TypeError),
        (lambda: requests.encode_rows([(KEY, 2, None, None, True)], False), TypeError),
        (lambda: requests.encode_rows(batch.read(KEY), False), TypeError),
    ],
)
def test_what_is_not_valid_is_refused(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


USUAL = [("test", "demo", "k"), ("bar", "", b"k"), ("test", "demo", -(2**63)), ("é", "ß", "ü")]


@pytest.mark.parametrize(
    "other",
    [
        ("test", "demo", bytearray(b"k")),
        ("test", None, "k"),
        ("test", "demo", None, bytes(20)),
        AerospikeKey("test", "demo", "k", bytes(20)),
        ("test", "demo", np.int64(5)),
    ],
)
def test_many_keys_are_encoded_as_one_is(other: Any) -> None:
    for keys in ([], USUAL, [*USUAL, other, *USUAL]):
        expected = [request_key(key) for key in keys]
        checked, request = requests.encode_same(tuple(keys), 3, ["a"])
        assert checked == expected
        assert request == msgspec.msgpack.encode((expected, 3, ["a"]))


@pytest.mark.parametrize(
    "wrong",
    [
        "k",
        ["test", "demo", "k"],
        ("test", "demo"),
        ("test", "demo", "k", "digest", 5),
        ("", "demo", "k"),
        (b"test", "demo", "k"),
        ("test", 5, "k"),
        (["test"], "demo", "k"),
        ("test", {}, "k"),
        ("test", "demo", []),
        ("test", "demo", True),
        ("test", "demo", 1.5),
        ("test", "demo", 2**63),
        ("test", "demo", None),
    ],
)
def test_one_wrong_key_among_many_is_the_same_error_with_its_place(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)) as alone:
        request_key(wrong)
    with pytest.raises(type(alone.value)) as among:
        requests.encode_same([*USUAL, wrong, *USUAL], 2, None)
    assert str(alone.value).startswith("key")
    assert str(among.value) == str(alone.value).replace("key", f"keys[{len(USUAL)}]", 1)


@pytest.mark.parametrize("key", [("test", "demo", "\ud800"), ("\ud800", "demo", "k")])
def test_a_lone_surrogate_in_a_key_is_refused(key: Any) -> None:
    with pytest.raises(UnicodeEncodeError, match=rf"keys\[{len(USUAL)}\]"):
        requests.encode_same([*USUAL, key], 2, None)


@pytest.mark.parametrize("is_enabled", [True, False])
def test_decoding_leaves_the_collector_as_it_was(is_enabled: bool) -> None:
    unpack = BatchDecoder(BatchRecords)
    many = memoryview(encode([FOUND] * 1000))
    try:
        if not is_enabled:
            gc.disable()
        assert len(unpack(many)) == 1000
        assert gc.isenabled() is is_enabled
        with pytest.raises(aerospike_py.ClientError):
            unpack(many[:-1])
        assert gc.isenabled() is is_enabled
    finally:
        gc.enable()
