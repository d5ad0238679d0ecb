"""Several operations on one record at once."""

import re
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    BinNameError,
    BinTypeError,
    Client,
    InvalidArgError,
    RecordExistsError,
    RecordGenerationError,
    RecordNotFound,
    string_operations,
)
from aerospike_py import list_operations as lop
from aerospike_py import map_operations as mop
from aerospike_py.batch import operate
from aerospike_py.types import BinTuple, OperateOrderedResult, Record

Key = tuple[str, str, Any]

READ = aerospike_py.OPERATOR_READ
WRITE = aerospike_py.OPERATOR_WRITE
INCR = aerospike_py.OPERATOR_INCR
APPEND = aerospike_py.OPERATOR_APPEND
PREPEND = aerospike_py.OPERATOR_PREPEND
TOUCH = aerospike_py.OPERATOR_TOUCH
DELETE = aerospike_py.OPERATOR_DELETE


def op(number: int, bin_name: str | None = None, *values: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"op": number}
    if bin_name is not None:
        made["bin"] = bin_name
    if values:
        (made["val"],) = values
    return made


def test_increment_and_read(client: Client, key: Key) -> None:
    client.put(key, {"counter": 10, "other": "x"})
    record = client.operate(key, [op(INCR, "counter", 5), op(READ, "counter", None)])
    assert type(record) is Record
    assert record.bins == {"counter": 15}
    assert record.key[:3] == key
    assert record.meta.gen == 2


def test_all_plain_operators(client: Client, key: Key) -> None:
    record = client.operate(
        key,
        [
            op(WRITE, "n", 1),
            op(WRITE, "s", "b"),
            op(INCR, "n", 2),
            op(APPEND, "s", "c"),
            op(PREPEND, "s", "a"),
            op(INCR, "f", 0.5),
            op(APPEND, "raw", b"\x01"),
            op(READ, "n"),
            op(READ, "s"),
            op(READ, "f"),
            op(READ, "raw"),
        ],
    )
    assert record.bins == {"n": 3, "s": "abc", "f": 0.5, "raw": b"\x01"}


def test_writes_alone_have_no_results(client: Client, key: Key) -> None:
    assert client.operate(key, [op(WRITE, "a", 1), op(INCR, "b", 1)]).bins == {}
    assert client.get(key).bins == {"a": 1, "b": 1}


def test_a_bin_read_twice_gives_a_list(client: Client, key: Key) -> None:
    client.put(key, {"a": 1})
    record = client.operate(key, [op(READ, "a"), op(INCR, "a", 1), op(READ, "a")])
    assert record.bins == {"a": [1, 2]}


def test_order_and_repeats_are_kept_on_request(client: Client, key: Key) -> None:
    client.put(key, {"a": 1, "b": 2})
    result = client.operate_ordered(
        key, [op(READ, "b"), op(READ, "a"), op(INCR, "a", 5), op(READ, "a")]
    )
    assert type(result) is OperateOrderedResult
    assert result.ordered_bins == [("b", 2), ("a", 1), ("a", 6)]
    assert all(type(item) is BinTuple for item in result.ordered_bins)
    assert result.meta.gen == 2


def test_a_read_without_a_bin_reads_all(client: Client, key: Key) -> None:
    client.put(key, {"a": 1, "b": 2})
    for read_all in (op(READ), op(READ, ""), {"op": READ, "bin": None}):
        assert client.operate(key, [read_all]).bins == {"a": 1, "b": 2}
    assert client.operate(key, [op(INCR, "a", 1), op(READ)]).bins == {"a": 2, "b": 2}


def test_a_bin_that_is_not_there_is_left_out(client: Client, key: Key) -> None:
    client.put(key, {"a": 1, "l": [1]})
    assert client.operate(key, [op(READ, "a"), op(READ, "z")]).bins == {"a": 1}
    record = client.operate(key, [op(READ, "z"), lop.list_size("l")])
    assert record.bins == {"l": 1}


def test_writing_none_deletes_the_bin(client: Client, key: Key) -> None:
    client.put(key, {"a": 1, "b": 2})
    assert client.operate(key, [op(WRITE, "a", None), op(READ)]).bins == {"b": 2}


def test_delete_with_read_returns_the_value(client: Client, key: Key) -> None:
    client.put(key, {"a": 1})
    assert client.operate(key, [op(READ, "a"), op(DELETE)]).bins == {"a": 1}
    assert client.exists(key).meta is None


def test_delete_and_write_replace_the_record(client: Client, key: Key) -> None:
    client.put(key, {"a": 1, "b": 2})
    client.operate(key, [op(DELETE), op(WRITE, "c", 3)])
    assert client.get(key).bins == {"c": 3}


def test_touch(client: Client, key: Key) -> None:
    client.put(key, {"a": 1})
    record = client.operate(key, [op(TOUCH, None, 500), op(READ, "a")])
    assert record.bins == {"a": 1}
    assert 495 <= client.get(key).meta.ttl <= 500
    client.operate(key, [op(TOUCH)], meta={"ttl": 900})
    assert 895 <= client.get(key).meta.ttl <= 900


def test_meta_and_policy(client: Client, key: Key) -> None:
    client.operate(key, [op(WRITE, "a", 1)], meta={"ttl": 300})
    assert 295 <= client.get(key).meta.ttl <= 300
    generation = {"gen": aerospike_py.POLICY_GEN_EQ}
    client.operate(key, [op(WRITE, "a", 2)], meta={"gen": 1}, policy=generation)
    with pytest.raises(RecordGenerationError):
        client.operate(key, [op(WRITE, "a", 3)], meta={"gen": 1}, policy=generation)
    with pytest.raises(RecordExistsError):
        client.operate(
            key,
            [op(WRITE, "a", 3)],
            policy={"exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY},
        )


def test_all_or_nothing(client: Client, key: Key) -> None:
    client.put(key, {"a": 1, "s": "x"})
    with pytest.raises(BinTypeError):
        client.operate(key, [op(INCR, "a", 1), op(INCR, "s", 1)])
    assert client.get(key).bins == {"a": 1, "s": "x"}


def test_a_missing_record(client: Client, key: Key) -> None:
    with pytest.raises(RecordNotFound):
        client.operate(key, [op(READ, "a")])
    with pytest.raises(RecordNotFound):
        client.operate_ordered(key, [lop.list_size("l")])


def test_results_of_kinds_that_mix(client: Client, key: Key) -> None:
    client.put(key, {"a": 1})
    result = client.operate_ordered(
        key,
        [
            op(WRITE, "w", 1),
            lop.list_append("l", "x"),
            op(TOUCH),
            mop.map_put("m", "k", 5),
            lop.list_set("l", 0, "y"),
            op(READ, "a"),
            lop.list_get("l", 0),
            mop.map_get_by_key("m", "none", aerospike_py.MAP_RETURN_VALUE),
            mop.map_clear("m"),
            mop.map_size("m"),
        ],
    )
    assert result.ordered_bins == [
        ("l", 1),
        ("m", 1),
        ("a", 1),
        ("l", "y"),
        ("m", None),
        ("m", 0),
    ]


def test_many_operations(client: Client, key: Key) -> None:
    operations = [lop.list_append("l", number) for number in range(1000)]
    assert client.operate(key, operations).bins == {"l": list(range(1, 1001))}
    many = [op(WRITE, f"b{number}", number) for number in range(200)]
    reads = [op(READ, f"b{number}") for number in range(200)]
    assert client.operate(key, many + reads).bins == {f"b{i}": i for i in range(200)}


@pytest.mark.parametrize(
    ("operations", "text"),
    [
        (
            [{"op": 1, "bin": "a"}, {"op": 1013, "bin": "a", "index": "1"}],
            "ops[1]['index'] (list_get) must be an integer, not a string",
        ),
        (
            [{"op": 5, "bin": "a", "val": "x"}],
            "ops[0]['val'] (increment) must be an integer or a float, not a string",
        ),
        ([{"op": "read", "bin": "a"}], "ops[0]['op'] must be an integer, not a string"),
        (
            [{"op": 1012, "bin": "a", "ctx": [("list_index", "x")]}],
            "ops[0]['ctx'] (list_size) at step 0 needs an integer, not a string",
        ),
        (
            [{"op": 2002, "bin": "a", "map_key": 1, "val": 1, "map_policy": {"order": 1.5}}],
            "ops[0]['map_policy'] (map_put): 'order' must be an integer, not a float",
        ),
        (
            [{"op": 2002, "bin": "a", "map_key": [{1: 2}, {1.5: 2}], "val": 1}],
            "ops[0]['map_key'][1]: a map key must be a str, int or bytes, not float",
        ),
    ],
)
def test_a_wrong_type_in_an_operation_is_a_type_error(
    client: Client, key: Key, operations: list[dict[str, Any]], text: str
) -> None:
    for send in (client.operate, client.operate_ordered):
        with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
            send(key, operations)
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        client.batch_operate([key], operations)
    assert not client.exists(key)


def test_a_wrong_type_in_a_row_of_a_batch_names_the_row(client: Client, key: Key) -> None:
    good, bad = operate(key, [op(READ, "a")]), operate(key, [op(READ, "a"), op(INCR, "a", "x")])
    text = "rows[2]: ops[1]['val'] (increment) must be an integer or a float, not a string"
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        client.batch([good, good, bad])


@pytest.mark.parametrize(
    ("operations", "text"),
    [
        ([], "at least one operation"),
        ([{"bin": "a"}], r"ops\[0\] has no 'op'"),
        ([{"op": 3, "bin": "a"}], r"ops\[0\] has the unknown op 3"),
        ([{"op": 1, "bin": "a"}, {"op": 2, "bin": "a"}], r"ops\[1\] .*needs the field 'val'"),
        ([{"op": 1, "bin": "a", "index": 1}], "does not take the field 'index'"),
        ([{"op": 1, "bin": "a", "idx": 1}], "unknown field 'idx'"),
        ([{"op": 1, "bn": "a"}], "unknown field 'bn'; did you mean 'bin'"),
        ([{"op": 1, "bin": "a", "val": 0}], r"\(read\) does not take the field 'val'"),
        ([{"op": 1, "bin": "a", "val": "a"}], r"\(read\) does not take the field 'val'"),
        ([{"op": 12, "val": ""}], "does not take the field 'val'"),
        ([{"op": 1001, "bin": "a"}], "list_append.*needs the field 'val'"),
        ([{"op": 12, "bin": "a"}], "takes no bin"),
        ([{"op": 1}, {"op": 1, "bin": "a"}], "read of all bins cannot be combined"),
    ],
)
def test_misuse_is_named(
    client: Client, key: Key, operations: list[dict[str, Any]], text: str
) -> None:
    with pytest.raises(InvalidArgError, match=text):
        client.operate(key, operations)
    with pytest.raises(ValueError, match=text):
        client.operate_ordered(key, operations)
    assert client.exists(key).meta is None


def test_wrong_types_are_refused(client: Client, key: Key) -> None:
    for operations in ("ops", {"op": 1}, [5], None):
        with pytest.raises(TypeError):
            client.operate(key, operations)
    with pytest.raises(TypeError, match=r"ops\[0\]\['val'\].*set"):
        client.operate(key, [op(WRITE, "a", {1})])
    with pytest.raises(OverflowError):
        client.operate(key, [lop.list_append("a", [2**63])])
    with pytest.raises(BinNameError, match="16"):
        client.operate(key, [op(READ, "x" * 16)])
    assert client.exists(key).meta is None


@pytest.mark.parametrize("val", [None, ""])
def test_a_read_may_carry_an_empty_value(client: Client, key: Key, val: Any) -> None:
    client.put(key, {"a": 1})
    operation = {"op": READ, "bin": "a", "val": val}
    assert client.operate(key, [operation]).bins == {"a": 1}
    assert client.batch_operate([key], [operation])[0].bins == {"a": 1}


def test_operations_on_strings_are_refused_by_a_server_that_has_none(
    client: Client, key: Any
) -> None:
    client.put(key, {"s": "abc"})
    for operation in (
        string_operations.string_strlen("s"),
        string_operations.string_upper("s"),
        string_operations.to_string("s"),
    ):
        for operations in ([operation], [operation, {"op": 11}]):
            with pytest.raises(InvalidArgError) as caught:
                client.operate(key, operations)
            assert caught.value.result_code == 4
    assert client.get(key).bins == {"s": "abc"}
