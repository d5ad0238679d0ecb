"""Dicts that are compared with what a record has, and maps that the server keeps in order."""

import copy
import itertools
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    Client,
    FilteredOut,
    InvalidArgError,
    KeyOrderedDict,
    KeyValueOrderedDict,
    cdt_ctx,
    exp,
)
from aerospike_py import exp_operations as eop
from aerospike_py import list_operations as lop
from aerospike_py import map_operations as mop

Key = tuple[str, str, str]

COUNT = aerospike_py.LIST_RETURN_COUNT
ITEM = {"sku": "a1", 7: [1], b"z": 2, -3: {"y": 1, "x": {"w": 2, "v": 3}}}


def arrangements(value: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    """The same dict with its items in every order, and those inside of it turned around."""
    for items in itertools.permutations(value.items()):
        yield {key: turned(member) for key, member in items}


def turned(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: turned(member) for key, member in reversed(list(value.items()))}


def one(client: Client, key: Key, operation: dict[str, Any]) -> Any:
    return client.operate(key, [operation]).bins["b"]


def holds(client: Client, key: Key, expression: Any) -> bool:
    """Whether a record passes a filter."""
    try:
        client.exists(key, {"expressions": expression})
    except FilteredOut:
        return False
    return True


@pytest.mark.parametrize("value", list(arrangements(ITEM)))
def test_a_dict_is_found_in_whatever_order_its_keys_are(
    client: Client, key: Key, value: Any
) -> None:
    client.put(key, {"b": [1, ITEM, [ITEM]]})
    assert one(client, key, lop.list_get_by_value("b", value, COUNT)) == 1
    assert one(client, key, lop.list_get_by_value("b", [value], COUNT)) == 1
    assert one(client, key, lop.list_get_by_value_list("b", [value, 1], COUNT)) == 2
    # From the value, which it includes, to the end.
    assert one(client, key, lop.list_get_by_value_range("b", value, None, COUNT)) == 1
    assert one(client, key, lop.list_get_by_value_rel_rank_range("b", value, 0, COUNT)) == 1
    ctx = [cdt_ctx.list_value(value)]
    assert one(client, key, mop.map_size("b", ctx=ctx)) == 4
    assert one(client, key, lop.list_remove_by_value("b", value, COUNT)) == 1
    assert one(client, key, lop.list_size("b")) == 2


@pytest.mark.parametrize("value", list(arrangements(ITEM))[::5])
def test_a_dict_is_found_as_a_value_of_a_map(client: Client, key: Key, value: Any) -> None:
    client.put(key, {"b": {"k": ITEM, "l": 1}})
    assert one(client, key, mop.map_get_by_value("b", value, COUNT)) == 1
    assert one(client, key, mop.map_get_by_value_list("b", [value], COUNT)) == 1
    assert one(client, key, mop.map_get_by_value_range("b", value, None, COUNT)) == 1
    assert one(client, key, mop.map_get_by_value_rel_rank_range("b", value, 0, COUNT)) == 1
    assert one(client, key, mop.map_size("b", ctx=[cdt_ctx.map_value(value)])) == 4
    assert one(client, key, mop.map_remove_by_value("b", value, COUNT)) == 1


@pytest.mark.parametrize("value", list(arrangements(ITEM))[::5])
def test_a_dict_is_found_by_a_batch_and_by_expressions(
    client: Client, key: Key, value: Any
) -> None:
    client.put(key, {"b": [ITEM], "m": {"k": ITEM}})
    rows = client.batch_operate([key], [lop.list_get_by_value("b", value, COUNT)])
    assert rows[0].bins == {"b": 1}
    constant = exp.map_val(value)
    for found in (
        exp.list_get_by_value("b", constant, COUNT),
        exp.list_get_by_value_list("b", [value], COUNT),
        exp.map_get_by_value("m", constant, COUNT),
        exp.list_get_by_value_range("b", constant, None, COUNT),
    ):
        assert holds(client, key, exp.eq(found, 1))
    assert holds(client, key, exp.in_list(constant, exp.list_bin("b")))
    assert holds(client, key, exp.in_list(exp.map_bin("m"), [1, {"k": value}]))
    assert not holds(client, key, exp.in_list(exp.map_bin("m"), [1, {"k": {**value, 0: 0}}]))


ORDERED = KeyOrderedDict(
    {"b": [KeyOrderedDict({2: 1, 1: 2})], "a": {"x": KeyValueOrderedDict(z=1)}}
)


def classes(value: Any) -> Any:
    """The classes of all dicts, by where they are."""
    if isinstance(value, dict):
        return type(value), {key: classes(member) for key, member in value.items()}
    return [classes(member) for member in value] if isinstance(value, list) else None


def test_a_map_stays_as_ordered_as_it_was_written(client: Client, key: Key) -> None:
    client.put(key, {"b": ORDERED, "l": [{}, KeyOrderedDict()], "p": {"k": {"l": 1}}})
    bins = client.get(key).bins
    assert bins == {"b": ORDERED, "l": [{}, {}], "p": {"k": {"l": 1}}}
    assert classes(bins["b"]) == classes(ORDERED)
    assert list(bins["b"]) == ["a", "b"]
    assert classes(bins["l"]) == [(dict, {}), (KeyOrderedDict, {})]
    assert classes(bins["p"]) == (dict, {"k": (dict, {"l": None})})
    for _ in range(2):
        client.put(key, client.get(key).bins)
        again = client.get(key).bins
        assert again == bins
        assert classes(again) == classes(bins)


def test_every_way_of_reading_gives_ordered_maps(client: Client, key: Key) -> None:
    client.operate(key, [mop.map_put("b", "k", 1, {"map_order": aerospike_py.MAP_KEY_ORDERED})])
    ordered = {"map_order": aerospike_py.MAP_KEY_VALUE_ORDERED}
    client.operate(key, [mop.map_put("v", "k", 1, ordered)])
    digest = client.get(key).key.digest
    read = [
        client.get(key).bins,
        client.select(key, ["b", "v"]).bins,
        client.operate(key, [{"op": 1, "bin": "b"}, {"op": 1, "bin": "v"}]).bins,
        dict(client.operate_ordered(key, [{"op": 1, "bin": "b"}, {"op": 1, "bin": "v"}])[2]),
        client.batch_read([key]).batch_records[0].record.bins,
        *(r.bins for r in client.query(*key[:2]).results() if r.key.digest == digest),
    ]
    assert len(read) == 6
    for bins in read:
        assert classes(bins["b"]) == (KeyOrderedDict, {"k": None})
        assert classes(bins["v"]) == (KeyValueOrderedDict, {"k": None})
    every = mop.map_get_by_key_range("b", None, None, aerospike_py.MAP_RETURN_ORDERED_MAP)
    assert classes(one(client, key, every)) == (KeyOrderedDict, {"k": None})
    every = mop.map_get_by_key_range("b", None, None, aerospike_py.MAP_RETURN_UNORDERED_MAP)
    assert classes(one(client, key, every)) == (dict, {"k": None})


def test_every_way_of_writing_keeps_the_order(client: Client, key: Key) -> None:
    ordered = KeyOrderedDict(b=1, a=2)
    for write in (
        lambda: client.put(key, {"b": ordered}),
        lambda: client.operate(key, [{"op": 2, "bin": "b", "val": ordered}]),
        lambda: client.batch_write([(key, {"b": ordered})]),
        lambda: client.batch_operate([key], [{"op": 2, "bin": "b", "val": ordered}]),
        lambda: client.operate(key, [eop.exp_write("b", exp.map_val(ordered))]),
    ):
        client.put(key, {"b": 0})
        write()
        assert type(client.get(key).bins["b"]) is KeyOrderedDict
    client.operate(key, [lop.list_append("l", ordered), lop.list_insert("l", 0, [ordered])])
    assert classes(client.get(key).bins["l"]) == [
        [(KeyOrderedDict, {"a": None, "b": None})],
        (KeyOrderedDict, {"a": None, "b": None}),
    ]
    # What is put into a map does not order it.
    client.operate(key, [mop.map_put_items("m", ordered)])
    assert type(client.get(key).bins["m"]) is dict


def test_an_ordered_constant_matches_an_ordered_map(client: Client, key: Key) -> None:
    client.put(key, {"l": [KeyOrderedDict(a=1)]})
    flat = KeyOrderedDict(b=1, a=[2])
    client.put(key, {"m": flat})
    assert holds(client, key, exp.eq(exp.map_bin("m"), flat))
    assert holds(client, key, exp.eq(exp.map_bin("m"), exp.map_val(KeyOrderedDict(a=[2], b=1))))
    assert holds(client, key, exp.eq(exp.map_bin("m"), KeyValueOrderedDict(flat)))
    assert not holds(client, key, exp.ne(exp.map_bin("m"), flat))
    assert not holds(client, key, exp.eq(exp.map_bin("m"), KeyOrderedDict(a=[3], b=1)))
    assert holds(client, key, exp.lt(exp.map_bin("m"), KeyOrderedDict(a=[3], b=1)))
    assert holds(client, key, exp.eq(exp.list_bin("l"), [KeyOrderedDict(a=1)]))
    client.put(key, {"m": {}})
    assert holds(client, key, exp.eq(exp.map_bin("m"), exp.map_val({})))


def test_the_server_compares_no_map_without_an_order(client: Client, key: Key) -> None:
    client.put(key, {"m": {"a": 1}, "l": [1, {"a": 1}]})
    same = KeyOrderedDict(a=1)
    for compare in (exp.eq, exp.ne, exp.lt, exp.le, exp.gt, exp.ge):
        assert not holds(client, key, compare(exp.map_bin("m"), same))
    # A list is compared from its beginning, and what differs there decides.
    assert not holds(client, key, exp.eq(exp.list_bin("l"), [1, same]))
    assert not holds(client, key, exp.ne(exp.list_bin("l"), [1, same]))
    assert holds(client, key, exp.ne(exp.list_bin("l"), [2, {"a": 1}]))
    assert holds(client, key, exp.lt(exp.list_bin("l"), [2, {"a": 1}]))


@pytest.mark.parametrize(
    "expression",
    [
        *(
            compare(exp.map_bin("m"), exp.map_val({"a": 1}))
            for compare in (exp.eq, exp.ne, exp.lt, exp.le, exp.gt, exp.ge)
        ),
        exp.eq(exp.map_val({"a": 1}), exp.map_bin("m")),
        exp.eq(exp.list_bin("l"), [1, {"a": 1}]),
        exp.eq(exp.map_bin("m"), KeyOrderedDict(a={"b": 1})),
    ],
)
def test_a_constant_that_can_match_nothing_is_refused(
    client: Client, key: Key, expression: Any
) -> None:
    with pytest.raises(InvalidArgError, match=r"without an order.*KeyOrderedDict"):
        client.exists(key, {"expressions": expression})


@pytest.mark.parametrize("name", [1.5, None, True, (1,)])
def test_keys_that_no_map_can_have_are_refused_before_anything_is_sent(
    client: Client, key: Key, name: Any
) -> None:
    value = [{"k": {name: 1}}]
    for call in (
        lambda: client.put(key, {"b": value}),
        lambda: client.operate(key, [lop.list_append("b", value)]),
        lambda: client.operate(key, [mop.map_put_items("b", {name: 1})]),
    ):
        with pytest.raises(TypeError, match=r"\]: a map key must be a str, int or bytes, not"):
            call()


def test_ordered_dicts_are_dicts() -> None:
    value = KeyOrderedDict(b=1, a=KeyValueOrderedDict(c=2))
    assert value == {"a": {"c": 2}, "b": 1}
    assert repr(value) == "KeyOrderedDict({'b': 1, 'a': KeyValueOrderedDict({'c': 2})})"
    for same in (value.copy(), copy.copy(value), copy.deepcopy(value)):
        assert classes(same) == classes(value)
        assert same == value
    assert classes(pickle.loads(pickle.dumps(value))) == classes(value)
