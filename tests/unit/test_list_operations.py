"""List operations are plain dicts with the fields that the core expects."""

import inspect
from typing import Any

import pytest

from aerospike_py import cdt_ctx
from aerospike_py import list_operations as lop
from aerospike_py.exception import InvalidArgError

_NAMES = [
    "append",
    "append_items",
    "insert",
    "insert_items",
    "pop",
    "pop_range",
    "remove",
    "remove_range",
    "set",
    "trim",
    "clear",
    "size",
    "get",
    "get_range",
    "get_by_value",
    "get_by_index",
    "get_by_index_range",
    "get_by_rank",
    "get_by_rank_range",
    "get_by_value_list",
    "get_by_value_range",
    "remove_by_value",
    "remove_by_value_list",
    "remove_by_value_range",
    "remove_by_index",
    "remove_by_index_range",
    "remove_by_rank",
    "remove_by_rank_range",
    "increment",
    "sort",
    "set_order",
    "get_by_value_rel_rank_range",
    "remove_by_value_rel_rank_range",
    "create",
]

# Arguments beside the bin, and the fields that come of them.
_CASES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "append": (("x",), {"val": "x"}),
    "append_items": ((["x"],), {"val": ["x"]}),
    "insert": ((1, "x"), {"index": 1, "val": "x"}),
    "insert_items": ((1, ["x"]), {"index": 1, "val": ["x"]}),
    "pop": ((1,), {"index": 1}),
    "pop_range": ((1, 2), {"index": 1, "count": 2}),
    "remove": ((1,), {"index": 1}),
    "remove_range": ((1, 2), {"index": 1, "count": 2}),
    "set": ((1, None), {"index": 1, "val": None}),
    "trim": ((1, 2), {"index": 1, "count": 2}),
    "clear": ((), {}),
    "size": ((), {}),
    "get": ((-1,), {"index": -1}),
    "get_range": ((0, 5), {"index": 0, "count": 5}),
    "get_by_value": ((5, 7), {"val": 5, "return_type": 7}),
    "get_by_index": ((5, 7), {"index": 5, "return_type": 7}),
    "get_by_index_range": ((5, 7, 2), {"index": 5, "return_type": 7, "count": 2}),
    "get_by_rank": ((5, 7), {"rank": 5, "return_type": 7}),
    "get_by_rank_range": ((5, 7, 2), {"rank": 5, "return_type": 7, "count": 2}),
    "get_by_value_list": (([1], 7), {"val": [1], "return_type": 7}),
    "get_by_value_range": ((1, 9, 7), {"val": 1, "val_end": 9, "return_type": 7}),
    "remove_by_value": ((5, 7), {"val": 5, "return_type": 7}),
    "remove_by_value_list": (([1], 7), {"val": [1], "return_type": 7}),
    "remove_by_value_range": ((None, 9, 7), {"val": None, "val_end": 9, "return_type": 7}),
    "remove_by_index": ((5, 0), {"index": 5, "return_type": 0}),
    "remove_by_index_range": ((5, 0, 2), {"index": 5, "return_type": 0, "count": 2}),
    "remove_by_rank": ((5, 0), {"rank": 5, "return_type": 0}),
    "remove_by_rank_range": ((5, 0, 2), {"rank": 5, "return_type": 0, "count": 2}),
    "increment": ((1, 5), {"index": 1, "val": 5}),
    "sort": ((2,), {"val": 2}),
    "set_order": ((1,), {"val": 1}),
    "get_by_value_rel_rank_range": (
        (5, -1, 7, 2),
        {"val": 5, "rank": -1, "return_type": 7, "count": 2},
    ),
    "remove_by_value_rel_rank_range": ((5, -1, 7), {"val": 5, "rank": -1, "return_type": 7}),
    "create": ((1,), {"val": 1}),
}


@pytest.mark.parametrize(("index", "name"), list(enumerate(_NAMES)))
def test_each_function_makes_a_plain_dict(index: int, name: str) -> None:
    arguments, fields = _CASES[name]
    function = getattr(lop, f"list_{name}")
    operation = function("b", *arguments)
    assert type(operation) is dict
    assert operation == {"op": 1001 + index, "bin": "b", **fields}
    step = cdt_ctx.map_key("k")
    assert function("b", *arguments, ctx=[step]) == {**operation, "ctx": [step]}


def test_there_is_no_other_function() -> None:
    functions = {
        name
        for name, value in vars(lop).items()
        if inspect.isfunction(value) and value.__module__ == lop.__name__ and name[0] != "_"
    }
    assert functions == {f"list_{name}" for name in _NAMES} | {"list_join"}


def test_unset_options_are_absent() -> None:
    assert "count" not in lop.list_get_by_index_range("b", 0, 7)
    assert "list_policy" not in lop.list_append("b", 1)
    assert lop.list_sort("b")["val"] == 0


def test_a_policy_passes_unchanged() -> None:
    policy = {"list_order": 1, "write_flags": 9}
    assert lop.list_append("b", 1, policy)["list_policy"] is policy
    synonyms = {"order": 1, "list_order": 1, "flags": 4, "write_mode": 4}
    assert lop.list_append_items("b", [1], synonyms)["list_policy"] is synonyms


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({"lst_order": 1}, "list_order"),
        ({"map_order": 1}, "map_order"),
        ({"order": 1, "list_order": 0}, "different values for the same"),
        ({"flags": 1, "write_flags": 2}, "different values for the same"),
        ({"order": 2}, "order 2"),
        ({"write_flags": 16}, "write flags 16"),
    ],
)
def test_a_wrong_policy_is_refused(policy: dict[str, int], text: str) -> None:
    with pytest.raises(InvalidArgError, match=text):
        lop.list_append("b", 1, policy)


def test_an_order_is_refused_where_it_cannot_be_sent() -> None:
    with pytest.raises(InvalidArgError, match="takes no order"):
        lop.list_insert("b", 0, 1, {"list_order": 1})
    assert lop.list_insert("b", 0, 1, {"list_order": 0, "write_flags": 1})["list_policy"]


def test_wrong_types_are_refused() -> None:
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("list_get", (5, 0)),
        ("list_get", ("b", "0")),
        ("list_get", ("b", True)),
        ("list_append_items", ("b", 5)),
        ("list_append_items", ("b", "abc")),
        ("list_get_by_index", ("b", 0, "VALUE")),
        ("list_append", ("b", 1, 5)),
        ("list_append", ("b", 1, {"write_flags": "1"})),
        ("list_size", ("b", "ctx")),
        ("list_size", ("b", ("list_index", 1))),
        ("list_size", ("b", [5])),
    ]
    for name, arguments in calls:
        with pytest.raises(TypeError):
            getattr(lop, name)(*arguments)


@pytest.mark.parametrize("return_type", [6, 8, 10, 13, -1, 0x20007])
def test_an_unknown_return_type_is_refused(return_type: int) -> None:
    with pytest.raises(InvalidArgError, match="return_type"):
        lop.list_get_by_index("b", 0, return_type)


def test_a_return_type_can_be_inverted() -> None:
    inverted = lop.list_get_by_value("b", 1, 7 | lop.LIST_RETURN_INVERTED)
    assert inverted["return_type"] == 0x10007


def test_out_of_range_is_refused() -> None:
    for name, arguments in [
        ("list_get_range", ("b", 0, -1)),
        ("list_sort", ("b", 4)),
        ("list_set_order", ("b", 2)),
        ("list_size", ("b", [])),
    ]:
        with pytest.raises(InvalidArgError):
            getattr(lop, name)(*arguments)


def test_numpy_integers_are_taken() -> None:
    numpy = pytest.importorskip("numpy")
    operation = lop.list_get("b", numpy.int64(3))
    assert operation["index"] == 3
    assert type(operation["index"]) is int
