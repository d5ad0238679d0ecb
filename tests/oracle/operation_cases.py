"""The same operation made by this package and by the official client, for every builder."""

import warnings
from typing import Any, NamedTuple

import aerospike
from aerospike_helpers import HyperLogLog
from aerospike_helpers import cdt_ctx as their_ctx
from aerospike_helpers import expressions as theirs_expressions
from aerospike_helpers.operations import bitwise_operations as theirs_bit
from aerospike_helpers.operations import expression_operations as theirs_exp
from aerospike_helpers.operations import hll_operations as theirs_hll
from aerospike_helpers.operations import list_operations as theirs_list
from aerospike_helpers.operations import map_operations as theirs_map
from aerospike_helpers.operations import operations as theirs
from aerospike_helpers.operations import string_operations as theirs_str
from aerospike_helpers.string_helpers import NumericType, RegexFlags, StringPolicy, WriteFlags

import aerospike_py
from aerospike_py import bit_operations as bop
from aerospike_py import cdt_ctx, exp, exp_operations
from aerospike_py import hll_operations as hop
from aerospike_py import list_operations as lop
from aerospike_py import map_operations as mop
from aerospike_py import string_operations as sop


class Case(NamedTuple):
    """One operation, twice."""

    name: str
    ours: dict[str, Any]
    theirs: Any


INVERTED = 0x10000
INFINITE = aerospike.CDTInfinite()
WILD = aerospike.CDTWildcard()
GEO = {"type": "Point", "coordinates": [1.5, 2.25]}


def _plain() -> list[Case]:
    return [
        Case("read", {"op": 1, "bin": "b"}, theirs.read("b")),
        Case("write int", {"op": 2, "bin": "b", "val": 7}, theirs.write("b", 7)),
        Case("write str", {"op": 2, "bin": "b", "val": "x"}, theirs.write("b", "x")),
        Case("write list", {"op": 2, "bin": "b", "val": [1, "a"]}, theirs.write("b", [1, "a"])),
        Case("increment", {"op": 5, "bin": "b", "val": 2}, theirs.increment("b", 2)),
        Case("increment float", {"op": 5, "bin": "b", "val": 0.5}, theirs.increment("b", 0.5)),
        Case("append", {"op": 9, "bin": "b", "val": "x"}, theirs.append("b", "x")),
        Case("prepend", {"op": 10, "bin": "b", "val": "x"}, theirs.prepend("b", "x")),
        Case("touch", {"op": 11}, theirs.touch()),
        Case("delete", {"op": 12}, theirs.delete()),
    ]


_UNSORTED = {"sku": "a1", b"z": 3, "id": 7, "": 4, 2: 1, -1: 2, 300: 0}
_NESTED = {"z": {"y": 1, "x": [{"q": 1, "b": 2}]}, "a": 1}


def _maps_in_arguments() -> list[Case]:
    made = []
    ordered, their_ordered = (
        kind({"b": kind({4: 1, 3: 2}), "a": 2})
        for kind in (aerospike_py.KeyOrderedDict, aerospike.KeyOrderedDict)
    )
    pairs = [
        ("unsorted", _UNSORTED, _UNSORTED),
        ("nested", _NESTED, _NESTED),
        ("ordered", ordered, their_ordered),
        ("large", {n * 7 % 41: n for n in range(40)}, {n * 7 % 41: n for n in range(40)}),
    ]
    for name, ours, their in pairs:
        ctx = [cdt_ctx.list_value(ours), cdt_ctx.map_value([ours])]
        their_path = [their_ctx.cdt_ctx_list_value(their), their_ctx.cdt_ctx_map_value([their])]
        cases = [
            ("list_append", lop.list_append("b", ours), theirs_list.list_append("b", their)),
            (
                "list_append_items",
                lop.list_append_items("b", [1, ours]),
                theirs_list.list_append_items("b", [1, their]),
            ),
            (
                "list_remove_by_value",
                lop.list_remove_by_value("b", ours, 5),
                theirs_list.list_remove_by_value("b", their, 5),
            ),
            (
                "list_get_by_value_list",
                lop.list_get_by_value_list("b", [ours, [ours]], 5),
                theirs_list.list_get_by_value_list("b", [their, [their]], 5),
            ),
            (
                "list_get_by_value_range",
                lop.list_get_by_value_range("b", ours, [ours], 5),
                theirs_list.list_get_by_value_range("b", 5, their, [their]),
            ),
            (
                "list_get_by_value_rel_rank_range",
                lop.list_get_by_value_rel_rank_range("b", ours, 0, 5),
                theirs_list.list_get_by_value_rank_range_relative("b", their, 0, 5),
            ),
            ("map_put", mop.map_put("b", "k", ours), theirs_map.map_put("b", "k", their)),
            ("map_put_items", mop.map_put_items("b", ours), theirs_map.map_put_items("b", their)),
            (
                "map_remove_by_value",
                mop.map_remove_by_value("b", ours, 5),
                theirs_map.map_remove_by_value("b", their, 5),
            ),
            (
                "map_get_by_value_list",
                mop.map_get_by_value_list("b", [ours], 5),
                theirs_map.map_get_by_value_list("b", [their], 5),
            ),
            (
                "map_get_by_value_rel_rank_range",
                mop.map_get_by_value_rel_rank_range("b", ours, 0, 5),
                theirs_map.map_get_by_value_rank_range_relative("b", their, 0, 5),
            ),
            ("context", lop.list_size("b", ctx), theirs_list.list_size("b", their_path)),
        ]
        made += [Case(f"{name} map in {label}", one, other) for label, one, other in cases]
    written = {"op": 2, "bin": "b", "val": [ordered]}
    return [*made, Case("write ordered map", written, theirs.write("b", [their_ordered]))]


def _list_writes() -> list[Case]:
    ordered = {"list_order": 1, "write_flags": 1 | 4 | 8}
    flags = {"write_flags": 2 | 4}
    values: list[Any] = [0, -1, 2**40, -(2**40), 1.5, "é", b"\x00\xff", None, [1, ["x"]], {"k": 1}]
    made = [
        Case(f"list_append {value!r:.20}", lop.list_append("b", value), append)
        for value in values
        for append in [theirs_list.list_append("b", value)]
    ]
    return [
        *made,
        Case(
            "list_append policy",
            lop.list_append("b", 5, ordered),
            theirs_list.list_append("b", 5, ordered),
        ),
        Case(
            "list_append empty policy",
            lop.list_append("b", 5, {}),
            theirs_list.list_append("b", 5, {}),
        ),
        Case(
            "list_append geo",
            lop.list_append("b", aerospike_py.types.GeoJSON(GEO)),
            theirs_list.list_append("b", aerospike.GeoJSON(GEO)),
        ),
        Case(
            "list_append_items",
            lop.list_append_items("b", [1, "a"]),
            theirs_list.list_append_items("b", [1, "a"]),
        ),
        Case(
            "list_append_items policy",
            lop.list_append_items("b", [1], ordered),
            theirs_list.list_append_items("b", [1], ordered),
        ),
        Case("list_insert", lop.list_insert("b", -2, 5), theirs_list.list_insert("b", -2, 5)),
        Case(
            "list_insert policy",
            lop.list_insert("b", 200, 5, flags),
            theirs_list.list_insert("b", 200, 5, flags),
        ),
        Case(
            "list_insert_items",
            lop.list_insert_items("b", 1, [5, 6]),
            theirs_list.list_insert_items("b", 1, [5, 6]),
        ),
        Case(
            "list_insert_items policy",
            lop.list_insert_items("b", 1, [5, 6], flags),
            theirs_list.list_insert_items("b", 1, [5, 6], flags),
        ),
        Case("list_pop", lop.list_pop("b", -1), theirs_list.list_pop("b", -1)),
        Case(
            "list_pop_range", lop.list_pop_range("b", 1, 2), theirs_list.list_pop_range("b", 1, 2)
        ),
        Case("list_remove", lop.list_remove("b", 1), theirs_list.list_remove("b", 1)),
        Case(
            "list_remove_range",
            lop.list_remove_range("b", 1, 2),
            theirs_list.list_remove_range("b", 1, 2),
        ),
        Case("list_set", lop.list_set("b", 1, "x"), theirs_list.list_set("b", 1, "x")),
        Case(
            "list_set policy",
            lop.list_set("b", 1, "x", flags),
            theirs_list.list_set("b", 1, "x", flags),
        ),
        Case("list_trim", lop.list_trim("b", 1, 3), theirs_list.list_trim("b", 1, 3)),
        Case("list_clear", lop.list_clear("b"), theirs_list.list_clear("b")),
        Case(
            "list_increment", lop.list_increment("b", 1, 5), theirs_list.list_increment("b", 1, 5)
        ),
        Case(
            "list_increment float policy",
            lop.list_increment("b", 1, 0.5, ordered),
            theirs_list.list_increment("b", 1, 0.5, ordered),
        ),
        Case("list_sort", lop.list_sort("b"), theirs_list.list_sort("b")),
        Case("list_sort flags", lop.list_sort("b", 3), theirs_list.list_sort("b", 3)),
        Case("list_set_order", lop.list_set_order("b", 1), theirs_list.list_set_order("b", 1)),
        Case("list_create", lop.list_create("b", 1), theirs_list.list_create("b", 1, False, False)),
        Case(
            "list_create persist",
            lop.list_create("b", 1, persist_index=True),
            theirs_list.list_create("b", 1, False, True),
        ),
    ]


def _list_reads() -> list[Case]:
    cases = [
        Case("list_size", lop.list_size("b"), theirs_list.list_size("b")),
        Case("list_get", lop.list_get("b", -1), theirs_list.list_get("b", -1)),
        Case(
            "list_get_range", lop.list_get_range("b", 1, 2), theirs_list.list_get_range("b", 1, 2)
        ),
    ]
    return_types = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (7, 7), (9, 13)]
    for ours, their in return_types:
        cases.append(
            Case(
                f"list_get_by_index returning {ours}",
                lop.list_get_by_index("b", 1, ours),
                theirs_list.list_get_by_index("b", 1, their),
            )
        )
    for inverted in (False, True):
        kind = 7 | (INVERTED if inverted else 0)
        mark = " inverted" if inverted else ""
        for verb in ("get", "remove"):
            cases += [
                Case(
                    f"list_{verb}_by_index_range{mark}",
                    getattr(lop, f"list_{verb}_by_index_range")("b", -3, kind, 2),
                    getattr(theirs_list, f"list_{verb}_by_index_range")("b", -3, 7, 2, inverted),
                ),
                Case(
                    f"list_{verb}_by_index_range to the end{mark}",
                    getattr(lop, f"list_{verb}_by_index_range")("b", 1, kind),
                    getattr(theirs_list, f"list_{verb}_by_index_range")(
                        "b", 1, 7, inverted=inverted
                    ),
                ),
                Case(
                    f"list_{verb}_by_rank_range{mark}",
                    getattr(lop, f"list_{verb}_by_rank_range")("b", -3, kind, 2),
                    getattr(theirs_list, f"list_{verb}_by_rank_range")("b", -3, 7, 2, inverted),
                ),
                Case(
                    f"list_{verb}_by_rank_range to the end{mark}",
                    getattr(lop, f"list_{verb}_by_rank_range")("b", 1, kind),
                    getattr(theirs_list, f"list_{verb}_by_rank_range")(
                        "b", 1, 7, inverted=inverted
                    ),
                ),
                Case(
                    f"list_{verb}_by_value{mark}",
                    getattr(lop, f"list_{verb}_by_value")("b", "x", kind),
                    getattr(theirs_list, f"list_{verb}_by_value")("b", "x", 7, inverted),
                ),
                Case(
                    f"list_{verb}_by_value_list{mark}",
                    getattr(lop, f"list_{verb}_by_value_list")("b", ["x", 2], kind),
                    getattr(theirs_list, f"list_{verb}_by_value_list")("b", ["x", 2], 7, inverted),
                ),
                Case(
                    f"list_{verb}_by_value_range{mark}",
                    getattr(lop, f"list_{verb}_by_value_range")("b", 1, 9, kind),
                    getattr(theirs_list, f"list_{verb}_by_value_range")("b", 7, 1, 9, inverted),
                ),
                Case(
                    f"list_{verb}_by_value_range unbounded{mark}",
                    getattr(lop, f"list_{verb}_by_value_range")("b", None, None, kind),
                    getattr(theirs_list, f"list_{verb}_by_value_range")(
                        "b", 7, None, None, inverted
                    ),
                ),
                Case(
                    f"list_{verb}_by_value_rel_rank_range{mark}",
                    getattr(lop, f"list_{verb}_by_value_rel_rank_range")("b", 4, -1, kind, 2),
                    getattr(theirs_list, f"list_{verb}_by_value_rank_range_relative")(
                        "b", 4, -1, 7, 2, inverted
                    ),
                ),
                Case(
                    f"list_{verb}_by_value_rel_rank_range to the end{mark}",
                    getattr(lop, f"list_{verb}_by_value_rel_rank_range")("b", 4, -1, kind),
                    getattr(theirs_list, f"list_{verb}_by_value_rank_range_relative")(
                        "b", 4, -1, 7, None, inverted
                    ),
                ),
            ]
    return [
        *cases,
        Case(
            "list_get_by_rank",
            lop.list_get_by_rank("b", -1, 7),
            theirs_list.list_get_by_rank("b", -1, 7),
        ),
        Case(
            "list_remove_by_rank",
            lop.list_remove_by_rank("b", -1, 0),
            theirs_list.list_remove_by_rank("b", -1, 0),
        ),
        Case(
            "list_remove_by_index",
            lop.list_remove_by_index("b", -1, 5),
            theirs_list.list_remove_by_index("b", -1, 5),
        ),
        Case(
            "list_get_by_value wildcard",
            lop.list_get_by_value("b", [1, cdt_ctx.WILDCARD], 7),
            theirs_list.list_get_by_value("b", [1, WILD], 7),
        ),
        Case(
            "list_get_by_value_range infinity",
            lop.list_get_by_value_range("b", 1, cdt_ctx.INFINITY, 7),
            theirs_list.list_get_by_value_range("b", 7, 1, INFINITE),
        ),
        Case(
            "list_get_by_value_range in lists",
            lop.list_get_by_value_range("b", [1, None], [1, cdt_ctx.INFINITY], 7),
            theirs_list.list_get_by_value_range("b", 7, [1, None], [1, INFINITE]),
        ),
    ]


def _map_writes() -> list[Case]:
    ordered = {"map_order": 1}
    flags = {"map_order": 3, "map_write_flags": 1 | 4}
    ours_flags = {"map_order": 3, "write_flags": 1 | 4}
    keys: list[Any] = [0, -5, "k", b"\x01"]
    made = [
        Case(f"map_put {key!r}", mop.map_put("b", key, "v"), theirs_map.map_put("b", key, "v"))
        for key in keys
    ]
    return [
        *made,
        Case(
            "map_put ordered",
            mop.map_put("b", "k", 1, ordered),
            theirs_map.map_put("b", "k", 1, ordered),
        ),
        Case(
            "map_put flags",
            mop.map_put("b", "k", 1, ours_flags),
            theirs_map.map_put("b", "k", 1, flags),
        ),
        Case(
            "map_put persist",
            mop.map_put("b", "k", 1, {"map_order": 1, "persist_index": True}),
            theirs_map.map_put("b", "k", 1, {"map_order": 1, "persist_index": True}),
        ),
        Case(
            "map_put_items",
            mop.map_put_items("b", {"k": 1}),
            theirs_map.map_put_items("b", {"k": 1}),
        ),
        Case(
            "map_put_items flags",
            mop.map_put_items("b", {"k": 1}, ours_flags),
            theirs_map.map_put_items("b", {"k": 1}, flags),
        ),
        Case(
            "map_put_items ordered",
            mop.map_put_items("b", {"k": 1}, ordered),
            theirs_map.map_put_items("b", {"k": 1}, ordered),
        ),
        Case(
            "map_increment", mop.map_increment("b", "k", 2), theirs_map.map_increment("b", "k", 2)
        ),
        Case(
            "map_increment ordered",
            mop.map_increment("b", "k", 0.5, ordered),
            theirs_map.map_increment("b", "k", 0.5, ordered),
        ),
        Case(
            "map_decrement", mop.map_decrement("b", "k", 2), theirs_map.map_decrement("b", "k", 2)
        ),
        Case("map_clear", mop.map_clear("b"), theirs_map.map_clear("b")),
        Case(
            "map_set_order",
            mop.map_set_order("b", 3),
            theirs_map.map_set_policy("b", {"map_order": 3}),
        ),
        Case("map_create", mop.map_create("b", 1), theirs_map.map_create("b", 1, False)),
        Case(
            "map_create persist",
            mop.map_create("b", 1, persist_index=True),
            theirs_map.map_create("b", 1, True),
        ),
    ]


def _map_reads() -> list[Case]:
    cases = [Case("map_size", mop.map_size("b"), theirs_map.map_size("b"))]
    return_types = [(kind, kind) for kind in (*range(9), 16, 17)] + [(9, 13)]
    for ours, their in return_types:
        cases.append(
            Case(
                f"map_get_by_key returning {ours}",
                mop.map_get_by_key("b", "k", ours),
                theirs_map.map_get_by_key("b", "k", their),
            )
        )
    for inverted in (False, True):
        kind = 8 | (INVERTED if inverted else 0)
        mark = " inverted" if inverted else ""
        for verb in ("get", "remove"):
            ours = {
                name: getattr(mop, f"map_{verb}_by_{name}")
                for name in [
                    "index_range",
                    "rank_range",
                    "value",
                    "value_list",
                    "value_range",
                    "key_list",
                    "key_range",
                    "value_rel_rank_range",
                    "key_rel_index_range",
                ]
            }
            cases += [
                Case(
                    f"map_{verb}_by_index_range{mark}",
                    ours["index_range"]("b", -3, kind, 2),
                    getattr(theirs_map, f"map_{verb}_by_index_range")("b", -3, 2, 8, inverted),
                ),
                Case(
                    f"map_{verb}_by_rank_range{mark}",
                    ours["rank_range"]("b", -3, kind, 2),
                    getattr(theirs_map, f"map_{verb}_by_rank_range")("b", -3, 2, 8, inverted),
                ),
                Case(
                    f"map_{verb}_by_value{mark}",
                    ours["value"]("b", "x", kind),
                    getattr(theirs_map, f"map_{verb}_by_value")("b", "x", 8, inverted),
                ),
                Case(
                    f"map_{verb}_by_value_list{mark}",
                    ours["value_list"]("b", ["x", 2], kind),
                    getattr(theirs_map, f"map_{verb}_by_value_list")("b", ["x", 2], 8, inverted),
                ),
                Case(
                    f"map_{verb}_by_value_range{mark}",
                    ours["value_range"]("b", 1, 9, kind),
                    getattr(theirs_map, f"map_{verb}_by_value_range")("b", 1, 9, 8, inverted),
                ),
                Case(
                    f"map_{verb}_by_key_list{mark}",
                    ours["key_list"]("b", ["x", 2], kind),
                    getattr(theirs_map, f"map_{verb}_by_key_list")("b", ["x", 2], 8, inverted),
                ),
                Case(
                    f"map_{verb}_by_key_range{mark}",
                    ours["key_range"]("b", "a", "m", kind),
                    getattr(theirs_map, f"map_{verb}_by_key_range")("b", "a", "m", 8, inverted),
                ),
                Case(
                    f"map_{verb}_by_value_rel_rank_range{mark}",
                    ours["value_rel_rank_range"]("b", 4, -1, kind, 2),
                    getattr(theirs_map, f"map_{verb}_by_value_rank_range_relative")(
                        "b", 4, -1, 8, 2, inverted
                    ),
                ),
                Case(
                    f"map_{verb}_by_value_rel_rank_range to the end{mark}",
                    ours["value_rel_rank_range"]("b", 4, -1, kind),
                    getattr(theirs_map, f"map_{verb}_by_value_rank_range_relative")(
                        "b", 4, -1, 8, None, inverted
                    ),
                ),
                Case(
                    f"map_{verb}_by_key_rel_index_range{mark}",
                    ours["key_rel_index_range"]("b", "k", 1, kind, 2),
                    getattr(theirs_map, f"map_{verb}_by_key_index_range_relative")(
                        "b", "k", 1, 8, 2, inverted
                    ),
                ),
                Case(
                    f"map_{verb}_by_key_rel_index_range to the end{mark}",
                    ours["key_rel_index_range"]("b", "k", 1, kind),
                    getattr(theirs_map, f"map_{verb}_by_key_index_range_relative")(
                        "b", "k", 1, 8, None, inverted
                    ),
                ),
            ]
    for verb in ("get", "remove"):
        cases += [
            Case(
                f"map_{verb}_by_index",
                getattr(mop, f"map_{verb}_by_index")("b", -1, 6),
                getattr(theirs_map, f"map_{verb}_by_index")("b", -1, 6),
            ),
            Case(
                f"map_{verb}_by_rank",
                getattr(mop, f"map_{verb}_by_rank")("b", 2, 7),
                getattr(theirs_map, f"map_{verb}_by_rank")("b", 2, 7),
            ),
        ]
    return [
        *cases,
        Case(
            "map_remove_by_key",
            mop.map_remove_by_key("b", 7, 0),
            theirs_map.map_remove_by_key("b", 7, 0),
        ),
    ]


def _contexts() -> list[Case]:
    steps = [
        ("list_index", cdt_ctx.list_index(-1), their_ctx.cdt_ctx_list_index(-1)),
        ("list_rank", cdt_ctx.list_rank(2), their_ctx.cdt_ctx_list_rank(2)),
        ("list_value", cdt_ctx.list_value("v"), their_ctx.cdt_ctx_list_value("v")),
        ("map_index", cdt_ctx.map_index(3), their_ctx.cdt_ctx_map_index(3)),
        ("map_rank", cdt_ctx.map_rank(-4), their_ctx.cdt_ctx_map_rank(-4)),
        ("map_key", cdt_ctx.map_key("k"), their_ctx.cdt_ctx_map_key("k")),
        ("map_key int", cdt_ctx.map_key(9), their_ctx.cdt_ctx_map_key(9)),
        ("map_value", cdt_ctx.map_value(7), their_ctx.cdt_ctx_map_value(7)),
    ]
    for order, pad in ((0, False), (0, True), (1, False)):
        steps.append(
            (
                f"list_index_create {order} {pad}",
                cdt_ctx.list_index_create(1, order, pad),
                their_ctx.cdt_ctx_list_index_create(1, order, pad),
            )
        )
    for order in (0, 1, 3):
        steps.append(
            (
                f"map_key_create {order}",
                cdt_ctx.map_key_create("k", order),
                their_ctx.cdt_ctx_map_key_create("k", order),
            )
        )
    cases = []
    for name, ours, their in steps:
        cases.append(
            Case(
                f"list_append in {name}",
                lop.list_append("b", 1, ctx=[ours]),
                theirs_list.list_append("b", 1, ctx=[their]),
            )
        )
    ours_path = [cdt_ctx.map_key("a"), cdt_ctx.list_index(0)]
    their_path = [their_ctx.cdt_ctx_map_key("a"), their_ctx.cdt_ctx_list_index(0)]
    return [
        *cases,
        Case(
            "map_get_by_key in two steps",
            mop.map_get_by_key("b", "k", 7, ctx=ours_path),
            theirs_map.map_get_by_key("b", "k", 7, ctx=their_path),
        ),
        Case(
            "list_size in two steps",
            lop.list_size("b", ctx=ours_path),
            theirs_list.list_size("b", ctx=their_path),
        ),
        Case(
            "list_create in two steps",
            lop.list_create("b", 0, pad=True, ctx=ours_path),
            theirs_list.list_create("b", 0, True, False, ctx=their_path),
        ),
        Case(
            "list_create ordered in two steps",
            lop.list_create("b", 1, ctx=ours_path),
            theirs_list.list_create("b", 1, False, False, ctx=their_path),
        ),
        Case(
            "map_create in two steps",
            mop.map_create("b", 1, ctx=ours_path),
            theirs_map.map_create("b", 1, False, ctx=their_path),
        ),
        Case(
            "list_set_order in two steps",
            lop.list_set_order("b", 1, ctx=ours_path),
            theirs_list.list_set_order("b", 1, ctx=their_path),
        ),
        Case(
            "map_set_order in two steps",
            mop.map_set_order("b", 1, ctx=ours_path),
            theirs_map.map_set_policy("b", {"map_order": 1}, ctx=their_path),
        ),
    ]


def _bits() -> list[Case]:
    flags, their_flags = {"write_flags": 1 | 8}, {"bit_write_flags": 1 | 8}
    data = b"\x0f\xf0"
    cases = [
        Case("bit_resize", bop.bit_resize("b", 10), theirs_bit.bit_resize("b", 10)),
        Case(
            "bit_resize flags",
            bop.bit_resize("b", 10, bop.BIT_RESIZE_FROM_FRONT, flags),
            theirs_bit.bit_resize("b", 10, their_flags, 1),
        ),
        Case("bit_insert", bop.bit_insert("b", -1, data), theirs_bit.bit_insert("b", -1, 2, data)),
        Case("bit_remove", bop.bit_remove("b", 1, 2), theirs_bit.bit_remove("b", 1, 2)),
        Case("bit_not", bop.bit_not("b", 3, 9), theirs_bit.bit_not("b", 3, 9)),
        Case("bit_lshift", bop.bit_lshift("b", 3, 9, 2), theirs_bit.bit_lshift("b", 3, 9, 2)),
        Case("bit_rshift", bop.bit_rshift("b", 3, 9, 2), theirs_bit.bit_rshift("b", 3, 9, 2)),
        Case(
            "bit_set_int", bop.bit_set_int("b", 0, 16, -5), theirs_bit.bit_set_int("b", 0, 16, -5)
        ),
        Case("bit_get", bop.bit_get("b", -16, 16), theirs_bit.bit_get("b", -16, 16)),
        Case("bit_count", bop.bit_count("b", 0, 16), theirs_bit.bit_count("b", 0, 16)),
        Case("bit_lscan", bop.bit_lscan("b", 0, 16, True), theirs_bit.bit_lscan("b", 0, 16, True)),
        Case(
            "bit_rscan", bop.bit_rscan("b", 0, 16, False), theirs_bit.bit_rscan("b", 0, 16, False)
        ),
        Case("bit_get_int", bop.bit_get_int("b", 0, 16), theirs_bit.bit_get_int("b", 0, 16, False)),
        Case(
            "bit_get_int signed",
            bop.bit_get_int("b", 0, 16, True),
            theirs_bit.bit_get_int("b", 0, 16, True),
        ),
    ]
    for name in ("set", "or", "xor", "and"):
        ours, their = getattr(bop, f"bit_{name}"), getattr(theirs_bit, f"bit_{name}")
        cases.append(Case(f"bit_{name}", ours("b", 3, 9, data), their("b", 3, 9, 2, data)))
        cases.append(
            Case(
                f"bit_{name} policy",
                ours("b", 3, 9, data, flags),
                their("b", 3, 9, 2, data, their_flags),
            )
        )
    for name in ("add", "subtract"):
        ours, their = getattr(bop, f"bit_{name}"), getattr(theirs_bit, f"bit_{name}")
        for action in (0, 2, 4):
            for signed in (False, True):
                cases.append(
                    Case(
                        f"bit_{name} {action} {signed}",
                        ours("b", 0, 16, 300, signed, action),
                        their("b", 0, 16, 300, signed, action),
                    )
                )
    return cases


def _hlls() -> list[Case]:
    stored = b"\x00\x04\x00" + bytes(20)
    ours = [aerospike_py.types.HyperLogLog(stored)]
    their = [HyperLogLog(stored)]
    flags, their_flags = {"write_flags": 1 | 8}, {"flags": 1 | 8}
    cases = [
        Case("hll_init", hop.hll_init("b", 10), theirs_hll.hll_init("b", 10)),
        Case(
            "hll_init policy",
            hop.hll_init("b", 10, 20, flags),
            theirs_hll.hll_init("b", 10, 20, their_flags),
        ),
        Case("hll_add", hop.hll_add("b", ["x", 1]), theirs_hll.hll_add("b", ["x", 1])),
        Case(
            "hll_add policy",
            hop.hll_add("b", ["x"], 10, 20, flags),
            theirs_hll.hll_add("b", ["x"], 10, 20, their_flags),
        ),
        Case("hll_fold", hop.hll_fold("b", 6), theirs_hll.hll_fold("b", 6)),
        Case(
            "hll_set_union",
            hop.hll_set_union("b", ours, flags),
            theirs_hll.hll_set_union("b", their, their_flags),
        ),
        Case("hll_refresh_count", hop.hll_refresh_count("b"), theirs_hll.hll_refresh_count("b")),
        Case("hll_get_count", hop.hll_get_count("b"), theirs_hll.hll_get_count("b")),
        Case("hll_describe", hop.hll_describe("b"), theirs_hll.hll_describe("b")),
    ]
    for name in ("get_union", "get_union_count", "get_intersect_count", "get_similarity"):
        cases.append(
            Case(
                f"hll_{name}",
                getattr(hop, f"hll_{name}")("b", ours),
                getattr(theirs_hll, f"hll_{name}")("b", their),
            )
        )
    return cases


def _expressions() -> list[Case]:
    ours = exp.num_add(exp.int_bin("a"), 1)
    their = theirs_expressions.Add(theirs_expressions.IntBin("a"), 1).compile()
    ctx, their_path = [cdt_ctx.all_children()], [their_ctx.cdt_ctx_all_children()]
    return [
        Case(
            "exp_read", exp_operations.exp_read("b", ours), theirs_exp.expression_read("b", their)
        ),
        Case(
            "exp_read flags",
            exp_operations.exp_read("b", ours, exp_operations.EXP_READ_EVAL_NO_FAIL),
            theirs_exp.expression_read("b", their, aerospike.EXP_READ_EVAL_NO_FAIL),
        ),
        Case(
            "exp_write",
            exp_operations.exp_write("b", ours),
            theirs_exp.expression_write("b", their),
        ),
        Case(
            "exp_write flags",
            exp_operations.exp_write("b", ours, 1 | 8),
            theirs_exp.expression_write("b", their, 1 | 8),
        ),
        Case(
            "select_by_path",
            exp_operations.select_by_path("b", ctx, exp_operations.PATH_SELECT_VALUES),
            theirs.select_by_path("b", their_path, aerospike.EXP_PATH_SELECT_VALUE),
        ),
        Case(
            "modify_by_path",
            exp_operations.modify_by_path("b", ctx, ours, exp_operations.PATH_MODIFY_NO_FAIL),
            theirs.modify_by_path("b", their_path, their, aerospike.EXP_PATH_MODIFY_NO_FAIL),
        ),
        Case(
            "select_by_path keys and filter",
            exp_operations.select_by_path(
                "b", [cdt_ctx.map_keys_in(["a"]), cdt_ctx.and_filter(exp.gt(exp.int_bin("a"), 1))]
            ),
            theirs.select_by_path(
                "b",
                [
                    their_ctx.cdt_ctx_map_keys_in(["a"]),
                    their_ctx.cdt_ctx_and_filter(
                        theirs_expressions.GT(theirs_expressions.IntBin("a"), 1).compile()
                    ),
                ],
                0,
            ),
        ),
    ]


def _strings() -> list[Case]:
    ctx, their_path = [cdt_ctx.map_key("k")], [their_ctx.cdt_ctx_map_key("k")]
    policy = {"write_flags": sop.STRING_WRITE_NO_FAIL}
    their_policy = StringPolicy(WriteFlags.NO_FAIL)
    flags = sop.STRING_REGEX_GLOBAL | sop.STRING_REGEX_CASE_INSENSITIVE
    bare = [
        "strlen",
        "to_integer",
        "to_double",
        "byte_length",
        "is_numeric",
        "is_upper",
        "is_lower",
        "to_blob",
        "split",
        "base64_decode",
        "upper",
        "lower",
        "casefold",
        "normalize_nfc",
        "trim_start",
        "trim_end",
        "trim",
    ]
    pairs: list[tuple[str, Any, Any]] = [
        (
            name,
            getattr(sop, f"string_{name}")("b", ctx=path),
            getattr(theirs_str, name)("b", ctx=their),
        )
        for name in bare
        for path, their in [(None, None), (ctx, their_path)]
    ]
    for name in ("contains", "starts_with", "ends_with", "regex_compare", "append", "prepend"):
        ours, their = getattr(sop, f"string_{name}"), getattr(theirs_str, name)
        pairs.append((name, ours("b", "é"), their("b", "é")))
    for name in ("insert", "overwrite"):
        ours, their = getattr(sop, f"string_{name}"), getattr(theirs_str, name)
        pairs.append(
            (name, ours("b", -1, "x", policy, ctx), their("b", -1, "x", their_policy, their_path))
        )
    for name in ("replace", "replace_all"):
        ours, their = getattr(sop, f"string_{name}"), getattr(theirs_str, name)
        pairs.append((name, ours("b", "x", "y", policy), their("b", "x", "y", their_policy)))
    for name in ("pad_start", "pad_end"):
        ours, their = getattr(sop, f"string_{name}"), getattr(theirs_str, name)
        pairs.append((name, ours("b", 300, "xy", policy), their("b", 300, "xy", their_policy)))
    pairs += [
        ("to_string", sop.to_string("b"), theirs_str.to_string("b")),
        ("substr", sop.string_substr("b", 2), theirs_str.substr("b", 2)),
        ("substr range", sop.string_substr("b", 2, -1), theirs_str.substr_range("b", 2, -1)),
        ("char_at", sop.string_char_at("b", -1), theirs_str.char_at("b", -1)),
        ("find", sop.string_find("b", "x"), theirs_str.find("b", "x")),
        (
            "find second",
            sop.string_find("b", "x", 2, ctx),
            theirs_str.find("b", "x", 2, their_path),
        ),
        (
            "is_numeric int",
            sop.string_is_numeric("b", sop.STRING_NUMERIC_INT),
            theirs_str.is_numeric("b", NumericType.INT),
        ),
        ("split separator", sop.string_split("b", ","), theirs_str.split_separator("b", ",")),
        (
            "regex_compare flags",
            sop.string_regex_compare("b", "a.*", flags),
            theirs_str.regex_compare("b", "a.*", RegexFlags(flags & 1) | RegexFlags.GLOBAL),
        ),
        (
            "concat",
            sop.string_concat("b", ["x", "y"], policy),
            theirs_str.concat("b", ["x", "y"], their_policy),
        ),
        (
            "snip",
            sop.string_snip("b", 1, None, policy),
            theirs_str.snip("b", 1, None, their_policy),
        ),
        (
            "snip range",
            sop.string_snip("b", 1, 3, policy),
            theirs_str.snip("b", 1, 3, their_policy),
        ),
        ("upper policy", sop.string_upper("b", policy), theirs_str.upper("b", their_policy)),
        ("repeat", sop.string_repeat("b", 3, policy), theirs_str.repeat("b", 3, their_policy)),
        (
            "regex_replace",
            sop.string_regex_replace("b", "a", "b", sop.STRING_REGEX_GLOBAL, policy),
            theirs_str.regex_replace("b", "a", "b", RegexFlags.GLOBAL, their_policy),
        ),
        ("list_join", lop.list_join("b"), theirs_list.list_join("b")),
        (
            "list_join separator",
            lop.list_join("b", ",", ctx),
            theirs_list.list_join("b", ",", their_path),
        ),
        ("bit_b64_encode", bop.bit_b64_encode("b"), theirs_bit.bit_b64_encode("b")),
        ("bit_b64_encode offset", bop.bit_b64_encode("b", -2), theirs_bit.bit_b64_encode("b", -2)),
        (
            "bit_b64_encode size",
            bop.bit_b64_encode("b", 1, 3),
            theirs_bit.bit_b64_encode("b", 1, 3),
        ),
        (
            "bit_b64_encode inverted",
            bop.bit_b64_encode("b", 1, 3, True, ctx),
            theirs_bit.bit_b64_encode("b", 1, 3, True, their_path),
        ),
    ]
    return [Case(f"string {name} {number}", *both) for number, (name, *both) in enumerate(pairs)]


def operation_cases() -> list[Case]:
    """All operations."""
    with warnings.catch_warnings():
        # The official client is to lose some arguments.
        warnings.simplefilter("ignore", DeprecationWarning)
        return [
            *_plain(),
            *_maps_in_arguments(),
            *_list_writes(),
            *_list_reads(),
            *_map_writes(),
            *_map_reads(),
            *_contexts(),
            *_bits(),
            *_hlls(),
            *_strings(),
            *_expressions(),
        ]
