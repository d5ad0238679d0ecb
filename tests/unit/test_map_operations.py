"""Map operations are plain dicts with the fields that the core expects."""

import inspect
from typing import Any

import pytest

from aerospike_py import cdt_ctx
from aerospike_py import map_operations as mop
from aerospike_py.exception import InvalidArgError

_NAMES = [
    "set_order",
    "put",
    "put_items",
    "increment",
    "decrement",
    "clear",
    "remove_by_key",
    "remove_by_key_list",
    "remove_by_key_range",
    "remove_by_value",
    "remove_by_value_list",
    "remove_by_value_range",
    "remove_by_index",
    "remove_by_index_range",
    "remove_by_rank",
    "remove_by_rank_range",
    "size",
    "get_by_key",
    "get_by_key_range",
    "get_by_value",
    "get_by_value_range",
    "get_by_index",
    "get_by_index_range",
    "get_by_rank",
    "get_by_rank_range",
    "get_by_key_list",
    "get_by_value_list",
    "get_by_key_rel_index_range",
    "remove_by_key_rel_index_range",
    "get_by_value_rel_rank_range",
    "remove_by_value_rel_rank_range",
    "create",
]

# Arguments beside the bin, and the fields that come of them.
_CASES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "set_order": ((3,), {"val": 3}),
    "put": (("k", 1), {"map_key": "k", "val": 1}),
    "put_items": (({"k": 1},), {"val": {"k": 1}}),
    "increment": (("k", 2), {"map_key": "k", "val": 2}),
    "decrement": (("k", 2), {"map_key": "k", "val": 2}),
    "clear": ((), {}),
    "size": ((), {}),
    "create": ((1,), {"val": 1}),
}
for _verb in ("get", "remove"):
    _CASES |= {
        f"{_verb}_by_key": (("k", 7), {"map_key": "k", "return_type": 7}),
        f"{_verb}_by_key_list": ((["k"], 7), {"val": ["k"], "return_type": 7}),
        f"{_verb}_by_key_range": (
            ("a", None, 7),
            {"val": "a", "val_end": None, "return_type": 7},
        ),
        f"{_verb}_by_value": ((5, 7), {"val": 5, "return_type": 7}),
        f"{_verb}_by_value_list": (([5], 7), {"val": [5], "return_type": 7}),
        f"{_verb}_by_value_range": ((1, 9, 7), {"val": 1, "val_end": 9, "return_type": 7}),
        f"{_verb}_by_index": ((-1, 7), {"index": -1, "return_type": 7}),
        f"{_verb}_by_index_range": ((0, 7, 2), {"index": 0, "return_type": 7, "count": 2}),
        f"{_verb}_by_rank": ((-1, 7), {"rank": -1, "return_type": 7}),
        f"{_verb}_by_rank_range": ((0, 7), {"rank": 0, "return_type": 7}),
        f"{_verb}_by_key_rel_index_range": (
            ("k", 1, 7, 2),
            {"map_key": "k", "index": 1, "return_type": 7, "count": 2},
        ),
        f"{_verb}_by_value_rel_rank_range": (
            (5, 1, 7),
            {"val": 5, "rank": 1, "return_type": 7},
        ),
    }


@pytest.mark.parametrize(("index", "name"), list(enumerate(_NAMES)))
def test_each_function_makes_a_plain_dict(index: int, name: str) -> None:
    arguments, fields = _CASES[name]
    function = getattr(mop, f"map_{name}")
    operation = function("b", *arguments)
    assert type(operation) is dict
    assert operation == {"op": 2001 + index, "bin": "b", **fields}
    step = cdt_ctx.list_index(0)
    assert function("b", *arguments, ctx=[step]) == {**operation, "ctx": [step]}


def test_there_is_no_other_function() -> None:
    functions = {
        name
        for name, value in vars(mop).items()
        if inspect.isfunction(value) and value.__module__ == mop.__name__ and name[0] != "_"
    }
    assert functions == {f"map_{name}" for name in _NAMES}


def test_a_policy_passes_unchanged() -> None:
    policy = {"map_order": 1, "write_flags": 1, "persist_index": True}
    assert mop.map_put("b", "k", 1, policy)["map_policy"] is policy
    assert "map_policy" not in mop.map_put("b", "k", 1)


@pytest.mark.parametrize(
    "policy",
    [{"list_order": 1}, {"order": 2}, {"order": 1, "map_order": 3}, {"write_flags": 99}],
)
def test_a_wrong_policy_is_refused(policy: dict[str, int]) -> None:
    with pytest.raises(InvalidArgError):
        mop.map_put("b", "k", 1, policy)


def test_write_flags_are_refused_where_they_cannot_be_sent() -> None:
    with pytest.raises(InvalidArgError, match="takes no write flags"):
        mop.map_increment("b", "k", 1, {"write_flags": 1})
    assert mop.map_increment("b", "k", 1, {"map_order": 1})["map_policy"] == {"map_order": 1}


def test_wrong_types_are_refused() -> None:
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("map_size", (5,)),
        ("map_put_items", ("b", [1])),
        ("map_get_by_key_list", ("b", "keys", 7)),
        ("map_get_by_index", ("b", 1.0, 7)),
        ("map_get_by_key", ("b", "k", None)),
        ("map_put", ("b", "k", 1, [])),
    ]
    for name, arguments in calls:
        with pytest.raises(TypeError):
            getattr(mop, name)(*arguments)


@pytest.mark.parametrize("return_type", [10, 13, 18, -1])
def test_an_unknown_return_type_is_refused(return_type: int) -> None:
    with pytest.raises(InvalidArgError, match="return_type"):
        mop.map_get_by_key("b", "k", return_type)


def test_maps_have_return_types_of_their_own() -> None:
    for kind in (mop.MAP_RETURN_UNORDERED_MAP, mop.MAP_RETURN_ORDERED_MAP, 6, 8):
        assert mop.map_get_by_key("b", "k", kind)["return_type"] == kind
