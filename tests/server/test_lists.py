"""What list operations do, and return."""

from typing import Any

import pytest

import aerospike_py
from aerospike_py import BinTypeError, Client, InvalidArgError, RecordError, cdt_ctx
from aerospike_py import list_operations as lop
from aerospike_py.types import GeoJSON

Key = tuple[str, str, Any]

NONE = aerospike_py.LIST_RETURN_NONE
INDEX = aerospike_py.LIST_RETURN_INDEX
REVERSE_INDEX = 2
RANK = aerospike_py.LIST_RETURN_RANK
REVERSE_RANK = 4
COUNT = aerospike_py.LIST_RETURN_COUNT
VALUE = aerospike_py.LIST_RETURN_VALUE
EXISTS = 9
INVERTED = lop.LIST_RETURN_INVERTED
ORDERED = {"list_order": aerospike_py.LIST_ORDERED}

_OP_NOT_APPLICABLE = 26
_ELEMENT_EXISTS = 24


@pytest.fixture
def stored(client: Client, key: Key) -> Key:
    """A record whose bin holds [30, 10, 20, 10]."""
    client.put(key, {"l": [30, 10, 20, 10]})
    return key


def result(client: Client, key: Key, *operations: dict[str, Any]) -> Any:
    """The result of the operations for the bin; `...` if there is none."""
    return client.operate(key, list(operations)).bins.get("l", ...)


def test_append_and_insert(client: Client, key: Key) -> None:
    assert result(client, key, lop.list_append("l", 1)) == 1
    assert result(client, key, lop.list_append_items("l", [2, 3])) == 3
    assert result(client, key, lop.list_insert("l", 0, 0)) == 4
    assert result(client, key, lop.list_insert_items("l", -1, ["a", "b"])) == 6
    assert client.get(key).bins == {"l": [0, 1, 2, "a", "b", 3]}
    assert result(client, key, lop.list_insert("l", 8, "z")) == 9
    assert client.get(key).bins["l"][6:] == [None, None, "z"]


def test_values_of_every_type_round_trip(client: Client, key: Key) -> None:
    values = [
        0,
        -(2**63),
        2**63 - 1,
        1.5,
        "é",
        b"\x00",
        None,
        True,
        [1, [2, {"k": None}]],
        {"m": {"n": [1]}},
        GeoJSON({"type": "Point", "coordinates": [1.0, 2.0]}),
    ]
    for value in values:
        client.operate(key, [lop.list_append("l", value)])
    assert result(client, key, lop.list_get_range("l", 0)) == values


def test_reading(client: Client, stored: Key) -> None:
    assert result(client, stored, lop.list_size("l")) == 4
    assert result(client, stored, lop.list_get("l", 0)) == 30
    assert result(client, stored, lop.list_get("l", -1)) == 10
    assert result(client, stored, lop.list_get_range("l", 1, 2)) == [10, 20]
    assert result(client, stored, lop.list_get_range("l", 2)) == [20, 10]
    assert result(client, stored, lop.list_get_range("l", 9, 2)) == []


def test_removing(client: Client, stored: Key) -> None:
    assert result(client, stored, lop.list_pop("l", 0)) == 30
    assert result(client, stored, lop.list_pop_range("l", 0, 2)) == [10, 20]
    assert result(client, stored, lop.list_remove("l", 0)) == 1
    assert client.get(stored).bins == {"l": []}
    client.put(stored, {"l": [1, 2, 3, 4, 5]})
    assert result(client, stored, lop.list_remove_range("l", 1, 2)) == 2
    assert result(client, stored, lop.list_pop_range("l", 1)) == [4, 5]
    assert client.get(stored).bins == {"l": [1]}


def test_trim_and_clear(client: Client, stored: Key) -> None:
    assert result(client, stored, lop.list_trim("l", 1, 2)) == 2
    assert client.get(stored).bins == {"l": [10, 20]}
    assert result(client, stored, lop.list_clear("l")) is ...
    assert client.get(stored).bins == {"l": []}


def test_set_increment_and_sort(client: Client, stored: Key) -> None:
    assert result(client, stored, lop.list_set("l", 1, 5)) is ...
    assert result(client, stored, lop.list_increment("l", 1, 7)) == 12
    assert result(client, stored, lop.list_increment("l", 1)) == 13
    assert result(client, stored, lop.list_sort("l")) is ...
    assert client.get(stored).bins == {"l": [10, 13, 20, 30]}
    client.put(stored, {"l": [2, 1, 2]})
    client.operate(stored, [lop.list_sort("l", aerospike_py.LIST_SORT_DROP_DUPLICATES)])
    assert client.get(stored).bins == {"l": [1, 2]}
    client.operate(stored, [lop.list_sort("l", 1)])
    assert client.get(stored).bins == {"l": [2, 1]}


def test_order(client: Client, stored: Key) -> None:
    assert result(client, stored, lop.list_set_order("l", aerospike_py.LIST_ORDERED)) is ...
    assert client.get(stored).bins == {"l": [10, 10, 20, 30]}
    client.operate(stored, [lop.list_append("l", 15, ORDERED)])
    assert client.get(stored).bins == {"l": [10, 10, 15, 20, 30]}
    with pytest.raises(RecordError) as caught:
        client.operate(stored, [lop.list_insert("l", 0, 1)])
    assert caught.value.result_code == _OP_NOT_APPLICABLE


@pytest.mark.parametrize(
    ("return_type", "expected"),
    [
        (NONE, ...),
        (INDEX, 2),
        (REVERSE_INDEX, 1),
        (RANK, 2),
        (REVERSE_RANK, 1),
        (COUNT, 1),
        (VALUE, 20),
        (EXISTS, True),
    ],
)
def test_every_return_type_of_one(
    client: Client, stored: Key, return_type: int, expected: Any
) -> None:
    assert result(client, stored, lop.list_get_by_index("l", 2, return_type)) == expected


@pytest.mark.parametrize(
    ("return_type", "expected"),
    [
        (NONE, ...),
        (INDEX, [1, 3]),
        (REVERSE_INDEX, [2, 0]),
        (RANK, [0, 1]),
        (REVERSE_RANK, [3, 2]),
        (COUNT, 2),
        (VALUE, [10, 10]),
        (EXISTS, True),
        (VALUE | INVERTED, [30, 20]),
        (COUNT | INVERTED, 2),
    ],
)
def test_every_return_type_of_several(
    client: Client, stored: Key, return_type: int, expected: Any
) -> None:
    found = result(client, stored, lop.list_get_by_value("l", 10, return_type))
    if isinstance(expected, list):
        assert sorted(found) == sorted(expected)
    else:
        assert found == expected


def test_getting_by(client: Client, stored: Key) -> None:
    def get(operation: dict[str, Any]) -> Any:
        return result(client, stored, operation)

    assert get(lop.list_get_by_index_range("l", 1, VALUE, 2)) == [10, 20]
    assert get(lop.list_get_by_index_range("l", -2, VALUE)) == [20, 10]
    assert get(lop.list_get_by_index_range("l", 1, VALUE | INVERTED, 2)) == [30, 10]
    assert get(lop.list_get_by_rank("l", -1, VALUE)) == 30
    assert get(lop.list_get_by_rank("l", 0, VALUE)) == 10
    assert sorted(get(lop.list_get_by_rank_range("l", 1, VALUE, 2))) == [10, 20]
    assert sorted(get(lop.list_get_by_rank_range("l", 2, VALUE))) == [20, 30]
    assert sorted(get(lop.list_get_by_value_list("l", [10, 30, 99], VALUE))) == [10, 10, 30]
    assert get(lop.list_get_by_value_list("l", [10], VALUE | INVERTED)) == [30, 20]
    assert sorted(get(lop.list_get_by_value_range("l", 10, 30, VALUE))) == [10, 10, 20]
    assert get(lop.list_get_by_value_range("l", 11, None, COUNT)) == 2
    assert get(lop.list_get_by_value_range("l", None, 11, COUNT)) == 2
    assert get(lop.list_get_by_value_range("l", None, None, COUNT)) == 4
    assert get(lop.list_get_by_value_range("l", 11, cdt_ctx.INFINITY, COUNT)) == 2
    assert sorted(get(lop.list_get_by_value_rel_rank_range("l", 20, 0, VALUE))) == [20, 30]
    assert get(lop.list_get_by_value_rel_rank_range("l", 20, 1, VALUE)) == [30]
    assert get(lop.list_get_by_value_rel_rank_range("l", 20, -1, VALUE, 1)) == [10]
    assert get(lop.list_get_by_value("l", 99, EXISTS)) is False
    assert get(lop.list_get_by_value("l", 99, VALUE)) == []


def test_removing_by(client: Client, key: Key) -> None:
    def check(operation: dict[str, Any], expected: Any, left: list[int]) -> None:
        client.put(key, {"l": [30, 10, 20, 10]})
        assert result(client, key, operation) == expected
        assert client.get(key).bins == {"l": left}

    check(lop.list_remove_by_value("l", 10, COUNT), 2, [30, 20])
    check(lop.list_remove_by_value("l", 10, COUNT | INVERTED), 2, [10, 10])
    check(lop.list_remove_by_value("l", 10, NONE), ..., [30, 20])
    check(lop.list_remove_by_value_list("l", [30, 20], VALUE), [30, 20], [10, 10])
    check(lop.list_remove_by_value_range("l", 15, 30, VALUE), [20], [30, 10, 10])
    check(lop.list_remove_by_index("l", 0, VALUE), 30, [10, 20, 10])
    check(lop.list_remove_by_index_range("l", 1, COUNT, 2), 2, [30, 10])
    check(lop.list_remove_by_index_range("l", 1, COUNT), 3, [30])
    check(lop.list_remove_by_rank("l", -1, VALUE), 30, [10, 20, 10])
    check(lop.list_remove_by_rank_range("l", 2, COUNT), 2, [10, 10])
    check(lop.list_remove_by_rank_range("l", 0, COUNT, 2), 2, [30, 20])
    check(lop.list_remove_by_value_rel_rank_range("l", 20, 0, COUNT), 2, [10, 10])
    check(lop.list_remove_by_value_rel_rank_range("l", 20, 0, COUNT, 1), 1, [30, 10, 10])


def test_wildcards_match_the_rest_of_a_list(client: Client, key: Key) -> None:
    client.put(key, {"l": [["a", 1], ["b", 2], ["a", 3]]})
    found = result(client, key, lop.list_get_by_value("l", ["a", cdt_ctx.WILDCARD], VALUE))
    assert found == [["a", 1], ["a", 3]]
    begin, end = ["a", 2], ["a", cdt_ctx.INFINITY]
    found = result(client, key, lop.list_get_by_value_range("l", begin, end, VALUE))
    assert found == [["a", 3]]


def test_types_are_ordered_among_each_other(client: Client, key: Key) -> None:
    values = [None, False, True, -1, 5, "", "a", [1], {"k": 1}, b"\x00", 1.5]
    client.put(key, {"l": list(reversed(values))})
    client.operate(key, [lop.list_sort("l")])
    ordered = [None, False, True, -1, 5, "", "a", [1], {"k": 1}, b"\x00", 1.5]
    assert client.get(key).bins == {"l": ordered}


def test_write_flags(client: Client, stored: Key) -> None:
    unique = {"write_flags": aerospike_py.LIST_WRITE_ADD_UNIQUE}
    with pytest.raises(RecordError) as caught:
        client.operate(stored, [lop.list_append("l", 10, unique)])
    assert caught.value.result_code == _ELEMENT_EXISTS
    quiet = {"write_flags": aerospike_py.LIST_WRITE_ADD_UNIQUE | aerospike_py.LIST_WRITE_NO_FAIL}
    assert result(client, stored, lop.list_append("l", 10, quiet)) == 4
    partial = {"write_flags": quiet["write_flags"] | aerospike_py.LIST_WRITE_PARTIAL}
    assert result(client, stored, lop.list_append_items("l", [10, 11], partial)) == 5
    bounded = {"flags": aerospike_py.LIST_WRITE_INSERT_BOUNDED}
    with pytest.raises(RecordError):
        client.operate(stored, [lop.list_insert("l", 99, 1, bounded)])


def test_create(client: Client, key: Key) -> None:
    assert result(client, key, lop.list_create("l", aerospike_py.LIST_ORDERED)) is ...
    client.operate(key, [lop.list_append_items("l", [2, 1])])
    assert client.get(key).bins == {"l": [1, 2]}


def test_misuse(client: Client, stored: Key) -> None:
    client.put(stored, {"s": "x"})
    with pytest.raises(BinTypeError):
        client.operate(stored, [lop.list_append("s", 1)])
    with pytest.raises(BinTypeError):
        client.operate(stored, [lop.list_size("s")])
    for operation in (
        lop.list_get("l", 99),
        lop.list_get_by_rank("l", 99, VALUE),
        lop.list_pop("l", -9),
        lop.list_set("l", -9, 1),
    ):
        with pytest.raises(RecordError) as caught:
            client.operate(stored, [operation])
        assert caught.value.result_code == _OP_NOT_APPLICABLE
    client.put(stored, {"l": ["x"]})
    with pytest.raises((RecordError, InvalidArgError)):
        client.operate(stored, [lop.list_increment("l", 0, 1)])


def test_a_bin_that_is_not_there(client: Client, stored: Key) -> None:
    assert client.operate(stored, [lop.list_size("none")]).bins == {"none": None}
    assert client.operate(stored, [lop.list_get("none", 0)]).bins == {"none": None}


def test_contexts(client: Client, key: Key) -> None:
    client.put(key, {"l": [[1, 2], {"k": [3], "m": {"n": []}}, [[9]]]})
    inside = [cdt_ctx.list_index(1), cdt_ctx.map_key("k")]
    assert result(client, key, lop.list_append("l", 4, ctx=inside)) == 2
    assert result(client, key, lop.list_get("l", -1, ctx=inside)) == 4
    deep = [cdt_ctx.list_index(-1), cdt_ctx.list_index(0)]
    assert result(client, key, lop.list_append("l", 8, ctx=deep)) == 2
    ranked = [cdt_ctx.list_rank(0)]
    assert result(client, key, lop.list_size("l", ctx=ranked)) == 2
    valued = [cdt_ctx.list_value([1, 2])]
    assert result(client, key, lop.list_append("l", 3, ctx=valued)) == 3
    by_map = [cdt_ctx.list_index(1), cdt_ctx.map_index(0)]
    assert result(client, key, lop.list_size("l", ctx=by_map)) == 2
    assert client.get(key).bins == {"l": [[1, 2, 3], {"k": [3, 4], "m": {"n": []}}, [[9, 8]]]}


def test_contexts_create_what_is_missing(client: Client, key: Key) -> None:
    client.put(key, {"l": []})
    created = [cdt_ctx.list_index_create(0), cdt_ctx.map_key_create("k"), cdt_ctx.map_key("x")]
    client.operate(key, [lop.list_create("l", 0, ctx=created)])
    client.operate(key, [lop.list_append("l", 5, ctx=created)])
    assert client.get(key).bins == {"l": [{"k": {"x": [5]}}]}
    padded = [cdt_ctx.list_index_create(3, aerospike_py.LIST_UNORDERED, True)]
    client.operate(key, [lop.list_append("l", 7, ctx=padded)])
    assert client.get(key).bins["l"][1:] == [None, None, [7]]


def test_a_context_that_leads_nowhere(client: Client, stored: Key) -> None:
    for ctx in ([cdt_ctx.list_index(99)], [cdt_ctx.map_key("k")], [cdt_ctx.list_index(0)]):
        with pytest.raises((RecordError, InvalidArgError)) as caught:
            client.operate(stored, [lop.list_append("l", 1, ctx=ctx)])
        assert caught.value.result_code > 0
