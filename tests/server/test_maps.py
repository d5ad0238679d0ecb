"""What map operations do, and return."""

from typing import Any

import pytest

import aerospike_py
from aerospike_py import BinTypeError, Client, InvalidArgError, RecordError, cdt_ctx
from aerospike_py import map_operations as mop

Key = tuple[str, str, Any]

NONE = aerospike_py.MAP_RETURN_NONE
COUNT = aerospike_py.MAP_RETURN_COUNT
KEY = aerospike_py.MAP_RETURN_KEY
VALUE = aerospike_py.MAP_RETURN_VALUE
KEY_VALUE = aerospike_py.MAP_RETURN_KEY_VALUE
EXISTS = aerospike_py.MAP_RETURN_EXISTS
INVERTED = mop.MAP_RETURN_INVERTED
ORDERED = {"map_order": aerospike_py.MAP_KEY_ORDERED}

_ELEMENT_NOT_FOUND = 23
_ELEMENT_EXISTS = 24
_OP_NOT_APPLICABLE = 26

ITEMS = {"d": 10, "a": 40, "c": 30, "b": 20}


@pytest.fixture(params=[0, 1, 3], ids=["unordered", "key ordered", "key value ordered"])
def stored(client: Client, key: Key, request: pytest.FixtureRequest) -> Key:
    """A record whose bin holds ITEMS, in each of the three orders."""
    client.operate(key, [mop.map_put_items("m", ITEMS, {"map_order": request.param})])
    return key


def result(client: Client, key: Key, *operations: dict[str, Any]) -> Any:
    """The result of the operations for the bin; `...` if there is none."""
    return client.operate(key, list(operations)).bins.get("m", ...)


def test_putting(client: Client, key: Key) -> None:
    assert result(client, key, mop.map_put("m", "a", 1)) == 1
    assert result(client, key, mop.map_put("m", 2, "b")) == 2
    assert result(client, key, mop.map_put("m", b"\x00", [1])) == 3
    assert result(client, key, mop.map_put_items("m", {"a": 5, "x": {"y": None}})) == 4
    assert client.get(key).bins == {"m": {"a": 5, 2: "b", b"\x00": [1], "x": {"y": None}}}


def test_counting(client: Client, key: Key) -> None:
    assert result(client, key, mop.map_increment("m", "n", 5)) == 5
    assert result(client, key, mop.map_increment("m", "n")) == 6
    assert result(client, key, mop.map_decrement("m", "n", 2)) == 4
    assert result(client, key, mop.map_increment("m", "f", 0.5)) == 0.5
    assert result(client, key, mop.map_size("m")) == 2


@pytest.mark.parametrize(
    ("return_type", "expected"),
    [
        (NONE, ...),
        (aerospike_py.MAP_RETURN_INDEX, 2),
        (aerospike_py.MAP_RETURN_REVERSE_INDEX, 1),
        (aerospike_py.MAP_RETURN_RANK, 2),
        (aerospike_py.MAP_RETURN_REVERSE_RANK, 1),
        (COUNT, 1),
        (KEY, "c"),
        (VALUE, 30),
        (KEY_VALUE, [("c", 30)]),
        (EXISTS, True),
        (mop.MAP_RETURN_UNORDERED_MAP, {"c": 30}),
        (mop.MAP_RETURN_ORDERED_MAP, {"c": 30}),
    ],
)
def test_every_return_type_of_one(
    client: Client, stored: Key, return_type: int, expected: Any
) -> None:
    assert result(client, stored, mop.map_get_by_key("m", "c", return_type)) == expected


@pytest.mark.parametrize(
    ("return_type", "expected"),
    [
        (NONE, ...),
        (COUNT, 2),
        (KEY, ["a", "b"]),
        (VALUE, [40, 20]),
        (KEY_VALUE, [("a", 40), ("b", 20)]),
        (EXISTS, True),
        (mop.MAP_RETURN_ORDERED_MAP, {"a": 40, "b": 20}),
        (KEY | INVERTED, ["c", "d"]),
        (COUNT | INVERTED, 2),
    ],
)
def test_every_return_type_of_several(
    client: Client, stored: Key, return_type: int, expected: Any
) -> None:
    found = result(client, stored, mop.map_get_by_index_range("m", 0, return_type, 2))
    assert found == expected
    if isinstance(expected, list) and isinstance(expected[0], tuple):
        assert all(type(pair) is tuple for pair in found)


def test_getting_by(client: Client, stored: Key) -> None:
    def get(operation: dict[str, Any]) -> Any:
        return result(client, stored, operation)

    assert get(mop.map_get_by_key_list("m", ["b", "z", "a"], COUNT)) == 2
    assert sorted(get(mop.map_get_by_key_list("m", ["b", "a"], VALUE))) == [20, 40]
    assert get(mop.map_get_by_key_range("m", "b", "d", KEY)) == ["b", "c"]
    assert get(mop.map_get_by_key_range("m", None, "c", KEY)) == ["a", "b"]
    assert get(mop.map_get_by_key_range("m", "c", None, KEY)) == ["c", "d"]
    assert get(mop.map_get_by_key_range("m", "b", "d", KEY | INVERTED)) == ["a", "d"]
    assert get(mop.map_get_by_value("m", 30, KEY)) == ["c"]
    assert get(mop.map_get_by_value("m", 99, KEY)) == []
    assert get(mop.map_get_by_value_list("m", [10, 30], COUNT)) == 2
    assert sorted(get(mop.map_get_by_value_range("m", 20, 40, KEY))) == ["b", "c"]
    assert get(mop.map_get_by_value_range("m", 35, None, KEY)) == ["a"]
    assert get(mop.map_get_by_index("m", 0, KEY)) == "a"
    assert get(mop.map_get_by_index("m", -1, KEY_VALUE)) == [("d", 10)]
    assert get(mop.map_get_by_index_range("m", 2, KEY)) == ["c", "d"]
    assert get(mop.map_get_by_rank("m", 0, KEY)) == "d"
    assert get(mop.map_get_by_rank("m", -1, VALUE)) == 40
    assert get(mop.map_get_by_rank_range("m", 0, KEY_VALUE, 2)) == [("d", 10), ("b", 20)]
    assert get(mop.map_get_by_rank_range("m", -2, KEY)) == ["c", "a"]
    assert get(mop.map_get_by_key_rel_index_range("m", "b", 1, KEY)) == ["c", "d"]
    assert get(mop.map_get_by_key_rel_index_range("m", "b", -1, KEY, 2)) == ["a", "b"]
    assert get(mop.map_get_by_value_rel_rank_range("m", 20, 1, KEY)) == ["c", "a"]
    assert get(mop.map_get_by_value_rel_rank_range("m", 20, 0, KEY, 1)) == ["b"]


def test_what_is_not_there(client: Client, stored: Key) -> None:
    assert result(client, stored, mop.map_get_by_key("m", "z", VALUE)) is None
    assert result(client, stored, mop.map_get_by_key("m", "z", EXISTS)) is False
    assert result(client, stored, mop.map_get_by_key("m", "z", COUNT)) == 0
    assert result(client, stored, mop.map_get_by_key("m", "z", KEY_VALUE)) == []
    with pytest.raises(RecordError) as caught:
        client.operate(stored, [mop.map_get_by_index("m", 9, VALUE)])
    assert caught.value.result_code == _OP_NOT_APPLICABLE
    assert client.operate(stored, [mop.map_size("none")]).bins == {"none": None}


def test_removing_by(client: Client, key: Key) -> None:
    def check(operation: dict[str, Any], expected: Any, left: str) -> None:
        client.put(key, {"m": ITEMS})
        assert result(client, key, operation) == expected
        assert client.get(key).bins == {"m": {name: ITEMS[name] for name in left}}

    check(mop.map_remove_by_key("m", "a", VALUE), 40, "bcd")
    check(mop.map_remove_by_key("m", "z", VALUE), None, "abcd")
    check(mop.map_remove_by_key("m", "a", NONE), ..., "bcd")
    check(mop.map_remove_by_key_list("m", ["a", "z", "b"], COUNT), 2, "cd")
    check(mop.map_remove_by_key_list("m", ["a"], COUNT | INVERTED), 3, "a")
    check(mop.map_remove_by_key_range("m", "b", "d", COUNT), 2, "ad")
    check(mop.map_remove_by_value("m", 40, KEY), ["a"], "bcd")
    check(mop.map_remove_by_value_list("m", [40, 10], COUNT), 2, "bc")
    check(mop.map_remove_by_value_range("m", 15, 35, COUNT), 2, "ad")
    check(mop.map_remove_by_index("m", -1, KEY), "d", "abc")
    check(mop.map_remove_by_index_range("m", 0, KEY_VALUE, 2), [("a", 40), ("b", 20)], "cd")
    check(mop.map_remove_by_index_range("m", 1, COUNT), 3, "a")
    check(mop.map_remove_by_rank("m", 0, KEY), "d", "abc")
    check(mop.map_remove_by_rank_range("m", 0, COUNT, 2), 2, "ac")
    check(mop.map_remove_by_rank_range("m", -1, KEY), ["a"], "bcd")
    check(mop.map_remove_by_key_rel_index_range("m", "b", 1, COUNT), 2, "ab")
    check(mop.map_remove_by_value_rel_rank_range("m", 20, 0, COUNT, 1), 1, "acd")


def test_clear_and_create(client: Client, stored: Key) -> None:
    assert result(client, stored, mop.map_clear("m")) is ...
    assert client.get(stored).bins == {"m": {}}
    assert result(client, stored, mop.map_create("n", aerospike_py.MAP_KEY_ORDERED)) is ...
    assert client.get(stored).bins == {"m": {}, "n": {}}


def test_order_shows_in_reading(client: Client, key: Key) -> None:
    client.put(key, {"m": ITEMS})
    assert result(client, key, mop.map_set_order("m", aerospike_py.MAP_KEY_ORDERED)) is ...
    assert list(client.get(key).bins["m"]) == ["a", "b", "c", "d"]


def test_write_flags(client: Client, stored: Key) -> None:
    create = {"write_flags": aerospike_py.MAP_WRITE_FLAGS_CREATE_ONLY}
    update = {"flags": aerospike_py.MAP_WRITE_FLAGS_UPDATE_ONLY}
    quiet = {"write_flags": create["write_flags"] | aerospike_py.MAP_WRITE_FLAGS_NO_FAIL}
    partial = {"write_flags": quiet["write_flags"] | aerospike_py.MAP_WRITE_FLAGS_PARTIAL}
    with pytest.raises(RecordError) as caught:
        client.operate(stored, [mop.map_put("m", "a", 1, create)])
    assert caught.value.result_code == _ELEMENT_EXISTS
    with pytest.raises(RecordError) as caught:
        client.operate(stored, [mop.map_put("m", "z", 1, update)])
    assert caught.value.result_code == _ELEMENT_NOT_FOUND
    assert result(client, stored, mop.map_put("m", "a", 1, quiet)) == 4
    assert result(client, stored, mop.map_put_items("m", {"a": 1, "e": 5}, partial)) == 5
    assert client.get(stored).bins["m"]["a"] == 40


def test_contexts(client: Client, key: Key) -> None:
    client.put(key, {"m": {"u": {"name": "x", "tags": [{"t": 1}]}, "v": {"w": 1}}})
    user = [cdt_ctx.map_key("u")]
    assert result(client, key, mop.map_put("m", "age", 5, ctx=user)) == 3
    assert result(client, key, mop.map_get_by_key("m", "age", VALUE, ctx=user)) == 5
    tag = [*user, cdt_ctx.map_key("tags"), cdt_ctx.list_index(0)]
    assert result(client, key, mop.map_increment("m", "t", 4, ctx=tag)) == 5
    by_value = [cdt_ctx.map_value({"w": 1})]
    assert result(client, key, mop.map_size("m", ctx=by_value)) == 1
    by_index = [cdt_ctx.map_index(-1)]
    assert result(client, key, mop.map_get_by_key("m", "w", VALUE, ctx=by_index)) == 1
    by_rank = [cdt_ctx.map_rank(0)]
    assert result(client, key, mop.map_get_by_key("m", "w", VALUE, ctx=by_rank)) == 1
    created = [cdt_ctx.map_key_create("new", aerospike_py.MAP_KEY_ORDERED)]
    client.operate(key, [mop.map_put("m", "b", 1, ctx=created)])
    client.operate(key, [mop.map_put("m", "a", 2, ctx=created)])
    bins = client.get(key).bins
    assert bins["m"]["new"] == {"a": 2, "b": 1}
    assert list(bins["m"]["new"]) == ["a", "b"]


def test_misuse(client: Client, stored: Key) -> None:
    client.put(stored, {"s": "x", "l": [1]})
    for bin_name in ("s", "l"):
        with pytest.raises(BinTypeError):
            client.operate(stored, [mop.map_put(bin_name, "a", 1)])
    client.put(stored, {"m": {"a": "text"}})
    with pytest.raises((RecordError, InvalidArgError)):
        client.operate(stored, [mop.map_increment("m", "a", 1)])
