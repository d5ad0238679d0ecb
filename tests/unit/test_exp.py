"""Expressions are plain dicts with the fields that the core expects."""

import pickle
import re
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py import _expression_types as types
from aerospike_py import cdt_ctx, exp
from aerospike_py.exception import InvalidArgError
from aerospike_py.types import GeoJSON

ROOT = Path(__file__).resolve().parents[2]
_A = exp.int_bin("a")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (exp.int_val(5), {"__expr__": "int_val", "val": 5}),
        (exp.float_val(5), {"__expr__": "float_val", "val": 5.0}),
        (exp.string_val("x"), {"__expr__": "string_val", "val": "x"}),
        (exp.bool_val(True), {"__expr__": "bool_val", "val": True}),
        (exp.blob_val(bytearray(b"x")), {"__expr__": "blob_val", "val": b"x"}),
        (exp.list_val((1, 2)), {"__expr__": "list_val", "val": [1, 2]}),
        (exp.map_val({"a": 1}), {"__expr__": "map_val", "val": {"a": 1}}),
        (exp.geo_val("{}"), {"__expr__": "geo_val", "val": "{}"}),
        (exp.nil(), {"__expr__": "nil"}),
        (exp.infinity(), {"__expr__": "infinity"}),
        (exp.wildcard(), {"__expr__": "wildcard"}),
        (_A, {"__expr__": "int_bin", "name": "a"}),
        (exp.hll_bin("h"), {"__expr__": "hll_bin", "name": "h"}),
        (exp.bin_exists("h"), {"__expr__": "bin_exists", "name": "h"}),
        (exp.bin_type("h"), {"__expr__": "bin_type", "name": "h"}),
        (exp.eq(_A, 1), {"__expr__": "eq", "left": _A, "right": 1}),
        (exp.and_(_A, _A), {"__expr__": "and", "exprs": [_A, _A]}),
        (exp.or_(_A), {"__expr__": "or", "exprs": [_A]}),
        (exp.not_(_A), {"__expr__": "not", "expr": _A}),
        (exp.xor_(_A, True), {"__expr__": "xor", "exprs": [_A, True]}),
        (exp.key(2), {"__expr__": "key", "exp_type": 2}),
        (exp.key_exists(), {"__expr__": "key_exists"}),
        (exp.set_name(), {"__expr__": "set_name"}),
        (exp.record_size(), {"__expr__": "record_size"}),
        (exp.digest_modulo(3), {"__expr__": "digest_modulo", "modulo": 3}),
        (exp.num_add(_A, 1), {"__expr__": "num_add", "exprs": [_A, 1]}),
        (exp.num_pow(2.0, 3.0), {"__expr__": "num_pow", "exprs": [2.0, 3.0]}),
        (exp.to_int(1.5), {"__expr__": "to_int", "exprs": [1.5]}),
        (exp.min_(_A, 1), {"__expr__": "min", "exprs": [_A, 1]}),
        (exp.int_lscan(_A, True), {"__expr__": "int_lscan", "exprs": [_A, True]}),
        (
            exp.regex_compare("^a", 2, exp.string_bin("s")),
            {
                "__expr__": "regex_compare",
                "regex": "^a",
                "flags": 2,
                "bin": {"__expr__": "string_bin", "name": "s"},
            },
        ),
        (exp.geo_compare("x", "y"), {"__expr__": "geo_compare", "left": "x", "right": "y"}),
        (exp.cond(True, 1, 2), {"__expr__": "cond", "exprs": [True, 1, 2]}),
        (exp.var("x"), {"__expr__": "var", "name": "x"}),
        (exp.def_("x", 1), {"__expr__": "def", "name": "x", "value": 1}),
        (
            exp.let_(exp.def_("x", 1), exp.var("x")),
            {
                "__expr__": "let",
                "exprs": [
                    {"__expr__": "def", "name": "x", "value": 1},
                    {"__expr__": "var", "name": "x"},
                ],
            },
        ),
        (
            exp.list_get_by_index("l", -1, 7, exp.EXP_TYPE_INT, [cdt_ctx.map_key("k")]),
            {
                "__expr__": "list_get_by_index",
                "bin": "l",
                "index": -1,
                "return_type": 7,
                "exp_type": 2,
                "ctx": [("map_key", "k")],
            },
        ),
        (
            exp.map_put(exp.map_bin("m"), "k", None, {"map_order": 1}),
            {
                "__expr__": "map_put",
                "bin": {"__expr__": "map_bin", "name": "m"},
                "map_key": "k",
                "val": None,
                "map_policy": {"map_order": 1},
            },
        ),
        (
            exp.map_put_items("m", {"k": 1}),
            {
                "__expr__": "map_put_items",
                "bin": "m",
                "val": {"__expr__": "map_val", "val": {"k": 1}},
            },
        ),
    ],
)
def test_a_builder_makes_a_plain_dict(expression: dict[str, Any], expected: dict[str, Any]) -> None:
    assert expression == expected
    assert type(expression) is dict


def test_every_builder_of_the_document_is_there() -> None:
    names = """
        int_val float_val string_val bool_val blob_val list_val map_val geo_val nil infinity
        wildcard int_bin float_bin string_bin bool_bin blob_bin list_bin map_bin geo_bin hll_bin
        bin_exists bin_type eq ne gt ge lt le and_ or_ not_ xor_ key key_exists set_name
        record_size last_update since_update void_time ttl is_tombstone digest_modulo num_add
        num_sub num_mul num_div num_mod num_pow num_log num_abs num_floor num_ceil to_int to_float
        min_ max_ int_and int_or int_xor int_not int_lshift int_rshift int_arshift int_count
        int_lscan int_rscan regex_compare geo_compare cond var def_ let_
    """
    assert [name for name in names.split() if not callable(getattr(exp, name, None))] == []


# What they give is known when the record is.
_OF_ANY_TYPE = {
    *("unknown", "nil", "infinity", "wildcard"),
    *("remove_result", "select_by_path", "modify_by_path"),
}


def test_every_builder_of_the_core_has_a_function_and_types() -> None:
    source = ROOT / "native" / "src" / "command" / "expression" / "expression.zig"
    text = source.read_text(encoding="utf-8")
    calls = set(re.findall(r'^    entry\("(\w+)",', text, re.M))
    others = set(re.findall(r'^    \.\{ "(\w+)", ', text, re.M))
    assert min(len(calls), len(others)) > 60
    others.remove("compiled")  # What `compile` gives.
    assert (calls | others) - {name.rstrip("_") for name in exp.__all__} == set()
    # Those of calls are known by what the names begin with.
    tables = (
        *(types._CONSTANTS, types._COMPARISONS, types._LOGIC, types._NUMERIC, types._INTS),
        *(types._FIXED, types._SPECIAL, types._RESULTS, types._CHANGES),
    )
    assert others - set().union(*tables) == _OF_ANY_TYPE


def test_wrong_types_are_refused() -> None:
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("int_val", ("5",)),
        ("int_val", (True,)),
        ("float_val", ("5",)),
        ("float_val", (True,)),
        ("string_val", (b"x",)),
        ("bool_val", (1,)),
        ("blob_val", ("x",)),
        ("list_val", ({},)),
        ("map_val", ([],)),
        ("geo_val", ({},)),
        ("hll_val", (b"x",)),
        ("int_bin", (5,)),
        ("var", (5,)),
        ("regex_compare", (5, 0, _A)),
        ("list_size", (5,)),
        ("select_by_path", ("m", [cdt_ctx.all_children()], 4)),
    ]
    for name, arguments in calls:
        with pytest.raises(TypeError):
            getattr(exp, name)(*arguments)


def test_a_dict_that_is_no_expression_is_refused() -> None:
    with pytest.raises(TypeError, match="map_val"):
        exp.eq(_A, {"a": 1})
    with pytest.raises(TypeError, match="argument 1 of and"):
        exp.and_(_A, {"a": 1})


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("and_", ()),
        ("num_add", ()),
        ("cond", (True, 1)),
        ("cond", (True, 1, False, 2)),
        ("let_", (1,)),
        ("let_", (1, 2)),
        ("let_", (exp.def_("x", 1), exp.def_("y", 1))),
        ("key", (exp.EXP_TYPE_FLOAT,)),
        ("list_get_by_index", ("l", 0, 8)),
        ("list_get_by_index", ("l", 0, 7, 10)),
        ("list_append", ("l", 1, {"map_order": 1})),
        ("bit_add", ("b", 0, 8, 1, False, 3)),
        ("loop_var", (2, 3)),
    ],
)
def test_what_cannot_be_is_refused(name: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidArgError):
        getattr(exp, name)(*arguments)


def test_constants_have_the_servers_values() -> None:
    names = ["NIL", "BOOL", "INT", "STRING", "LIST", "MAP", "BLOB", "FLOAT", "GEO", "HLL"]
    assert [getattr(exp, f"EXP_TYPE_{name}") for name in names] == list(range(10))


def test_a_compiled_expression_can_be_nested() -> None:
    compiled = exp.compile(exp.eq(_A, 1))
    assert exp.compile(compiled) is compiled
    # [1, [81, 2, "a"], 1]
    assert compiled.encoded == b"\x93\x01\x93\x51\x02\xa1a\x01"
    assert exp.compile(exp.not_(compiled)).encoded == b"\x92\x12" + compiled.encoded
    geo = exp.compile(exp.geo_compare(exp.geo_bin("g"), exp.geo_val(GeoJSON({"type": "Point"}))))
    assert b'"Point"' in geo.encoded


def test_a_compiled_expression_is_known_by_its_encoding() -> None:
    compiled = exp.compile(exp.eq(_A, 1))
    same = exp.compile(exp.eq(exp.int_bin("a"), exp.int_val(1)))
    assert {compiled: 1}[same] == 1
    assert pickle.loads(pickle.dumps(compiled)) == compiled
    assert exp.compile(exp.eq(_A, 2)) != compiled


def test_compiling_names_what_is_wrong() -> None:
    with pytest.raises(InvalidArgError, match="unknown expression builder 'foo'"):
        exp.compile({"__expr__": "foo"})
    with pytest.raises(ValueError, match="foo"):
        exp.compile({"__expr__": "not", "expr": {"__expr__": "foo"}})
    with pytest.raises(InvalidArgError, match="exp_type"):
        exp.compile(exp.list_get_by_index("l", 0, 7))
    with pytest.raises(OverflowError):
        exp.compile(exp.eq(_A, 2**63))
    with pytest.raises(TypeError, match="set"):
        exp.compile(exp.eq(_A, {1}))
    deep = _A
    for _ in range(150):
        deep = exp.num_abs(deep)
    with pytest.raises(ValueError, match="nested deeper"):
        exp.compile(deep)


def test_types_that_are_known_of_what_calls_give() -> None:
    for holds in (
        exp.eq(exp.list_join("l", ","), "a,b"),
        exp.eq(exp.bit_b64_encode("b"), "AA=="),
        exp.eq(exp.list_size(exp.list_append("l", 1)), 2),
        exp.eq(exp.map_get_by_key("m", "k", 7, exp.EXP_TYPE_STRING), "x"),
        exp.gt(exp.map_get_by_value("m", 1, 5), 1),
    ):
        exp.compile(holds)
    for cannot in (
        exp.eq(exp.list_append("l", 1), "x"),
        exp.eq(exp.map_get_by_key("m", "k", 7, exp.EXP_TYPE_STRING), 1),
        exp.gt(exp.map_get_by_value("m", 1, 5), "x"),
        exp.eq(exp.hll_get_similarity("h", [aerospike_py.HyperLogLog(b"")]), 1),
    ):
        with pytest.raises(InvalidArgError, match="is compared with"):
            exp.compile(cannot)
