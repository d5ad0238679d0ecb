"""Bit and HyperLogLog operations are plain dicts with the fields that the core expects."""

from typing import Any

import pytest

from aerospike_py import bit_operations as bop
from aerospike_py import cdt_ctx, exp, exp_operations
from aerospike_py import hll_operations as hop
from aerospike_py.exception import InvalidArgError
from aerospike_py.types import HyperLogLog

_HLL = HyperLogLog(b"\x00")
_BITS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("resize", (4,), {"byte_size": 4, "resize_flags": 0}),
    ("insert", (-1, b"x"), {"byte_offset": -1, "val": b"x"}),
    ("remove", (0, 2), {"byte_offset": 0, "byte_size": 2}),
    ("set", (0, 8, b"x"), {"bit_offset": 0, "bit_size": 8, "val": b"x"}),
    ("or", (0, 8, b"x"), {"bit_offset": 0, "bit_size": 8, "val": b"x"}),
    ("xor", (0, 8, b"x"), {"bit_offset": 0, "bit_size": 8, "val": b"x"}),
    ("and", (0, 8, b"x"), {"bit_offset": 0, "bit_size": 8, "val": b"x"}),
    ("not", (0, 8), {"bit_offset": 0, "bit_size": 8}),
    ("lshift", (0, 8, 2), {"bit_offset": 0, "bit_size": 8, "shift": 2}),
    ("rshift", (0, 8, 2), {"bit_offset": 0, "bit_size": 8, "shift": 2}),
    ("add", (0, 8, 5), {"bit_offset": 0, "bit_size": 8, "val": 5, "action": 0}),
    (
        "subtract",
        (0, 8, 5, True, 4),
        {"bit_offset": 0, "bit_size": 8, "val": 5, "signed": True, "action": 4},
    ),
    ("set_int", (0, 8, -5), {"bit_offset": 0, "bit_size": 8, "val": -5}),
    ("get", (0, 8), {"bit_offset": 0, "bit_size": 8}),
    ("count", (0, 8), {"bit_offset": 0, "bit_size": 8}),
    ("lscan", (0, 8, True), {"bit_offset": 0, "bit_size": 8, "val": True}),
    ("rscan", (0, 8, False), {"bit_offset": 0, "bit_size": 8, "val": False}),
    ("get_int", (0, 8), {"bit_offset": 0, "bit_size": 8}),
]
_HLLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("init", (8, 10), {"index_bit_count": 8, "minhash_bit_count": 10}),
    ("add", (["x"],), {"val": ["x"]}),
    ("set_union", ([_HLL],), {"val": [_HLL]}),
    ("refresh_count", (), {}),
    ("fold", (6,), {"index_bit_count": 6}),
    ("get_count", (), {}),
    ("get_union", ([_HLL],), {"val": [_HLL]}),
    ("get_union_count", ([_HLL],), {"val": [_HLL]}),
    ("get_intersect_count", ([_HLL],), {"val": [_HLL]}),
    ("get_similarity", ([_HLL],), {"val": [_HLL]}),
    ("describe", (), {}),
    ("may_contain", (["x"],), {"val": ["x"]}),
]


@pytest.mark.parametrize("index", range(len(_BITS)), ids=[name for name, _, _ in _BITS])
def test_bit_operations(index: int) -> None:
    name, arguments, fields = _BITS[index]
    operation = getattr(bop, f"bit_{name}")("b", *arguments)
    assert operation == {"op": 3001 + index, "bin": "b", **fields}


@pytest.mark.parametrize("index", range(len(_HLLS)), ids=[name for name, _, _ in _HLLS])
def test_hll_operations(index: int) -> None:
    name, arguments, fields = _HLLS[index]
    operation = getattr(hop, f"hll_{name}")("b", *arguments)
    assert operation == {"op": 4001 + index, "bin": "b", **fields}


def test_policies_and_contexts_pass() -> None:
    policy = {"write_flags": 1}
    ctx = [cdt_ctx.list_index(0)]
    assert bop.bit_not("b", 0, 8, policy, ctx) == {
        "op": 3008,
        "bin": "b",
        "ctx": ctx,
        "bit_offset": 0,
        "bit_size": 8,
        "bit_policy": policy,
    }
    assert hop.hll_init("b", 8, policy={"flags": 1})["hll_policy"] == {"flags": 1}


def test_expression_operations() -> None:
    sum_ = exp.num_add(exp.int_bin("a"), 1)
    assert exp_operations.exp_read("r", sum_) == {"op": 5001, "bin": "r", "expression": sum_}
    assert exp_operations.exp_write("r", sum_, exp_operations.EXP_WRITE_ALLOW_DELETE) == {
        "op": 5002,
        "bin": "r",
        "expression": sum_,
        "flags": 4,
    }
    ctx = [cdt_ctx.all_children()]
    assert exp_operations.select_by_path("m", ctx, 1) == {
        "op": 6001,
        "bin": "m",
        "ctx": ctx,
        "flags": 1,
    }
    assert exp_operations.modify_by_path("m", ctx, sum_) == {
        "op": 6002,
        "bin": "m",
        "ctx": ctx,
        "expression": sum_,
    }


@pytest.mark.parametrize(
    ("function", "arguments", "error"),
    [
        (bop.bit_resize, ("b", -1), InvalidArgError),
        (bop.bit_resize, ("b", 1, 8), InvalidArgError),
        (bop.bit_set, ("b", 0, 8, "x"), TypeError),
        (bop.bit_add, ("b", 0, 8, 1, False, 1), InvalidArgError),
        (bop.bit_lscan, ("b", 0, 8, 1), TypeError),
        (bop.bit_not, ("b", 0, 8, {"order": 1}), InvalidArgError),
        (hop.hll_add, ("b", "x"), TypeError),
        (hop.hll_set_union, ("b", [b"x"]), TypeError),
        (hop.hll_fold, ("b", None), TypeError),
        (exp_operations.exp_read, ("b", 5), TypeError),
        (exp_operations.exp_read, ("b", {"a": 1}), TypeError),
        (exp_operations.exp_read, ("b", exp.nil(), 1), InvalidArgError),
    ],
)
def test_misuse_is_refused(
    function: Any, arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        function(*arguments)
