"""Contexts are lists of plain tuples."""

import base64
from typing import Any

import pytest

from aerospike_py import cdt_ctx, exp
from aerospike_py.exception import InvalidArgError


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (cdt_ctx.list_index(-1), ("list_index", -1)),
        (cdt_ctx.list_index_create(2), ("list_index_create", 2, 0, False)),
        (cdt_ctx.list_index_create(2, 1, True), ("list_index_create", 2, 1, True)),
        (cdt_ctx.list_rank(0), ("list_rank", 0)),
        (cdt_ctx.list_value(None), ("list_value", None)),
        (cdt_ctx.map_index(0), ("map_index", 0)),
        (cdt_ctx.map_rank(-1), ("map_rank", -1)),
        (cdt_ctx.map_key(b"k"), ("map_key", b"k")),
        (cdt_ctx.map_key_create("k", 3), ("map_key_create", "k", 3)),
        (cdt_ctx.map_value([1]), ("map_value", [1])),
        (cdt_ctx.map_keys_in(["a"]), ("map_keys_in", ["a"])),
        (cdt_ctx.all_children(), ("all_children",)),
    ],
)
def test_a_step_is_a_tuple_that_begins_with_its_name(
    step: tuple[Any, ...], expected: tuple[Any, ...]
) -> None:
    assert step == expected
    assert type(step) is tuple


def test_wrong_arguments_are_refused() -> None:
    for name, arguments in [
        ("list_index", ("0",)),
        ("list_rank", (None,)),
        ("map_index", (1.5,)),
        ("list_index_create", (0, 0, 1)),
        ("map_keys_in", ("keys",)),
    ]:
        with pytest.raises(TypeError):
            getattr(cdt_ctx, name)(*arguments)
    with pytest.raises(InvalidArgError):
        cdt_ctx.map_key_create("k", 2)
    with pytest.raises(InvalidArgError):
        cdt_ctx.list_index_create(0, 3)


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ([cdt_ctx.map_key("a")], "kiKiA2E="),
        ([cdt_ctx.list_index(-1), cdt_ctx.map_rank(2)], "lBD/IQI="),
        ([cdt_ctx.list_value(b"ab"), cdt_ctx.map_value(1.5)], None),
        ([cdt_ctx.map_key({"b": 1, "a": [None, True]})], None),
        ([cdt_ctx.list_index_create(3, 1), cdt_ctx.map_key_create("k", 3)], None),
        ([cdt_ctx.list_index_create(0, 0, pad=True), cdt_ctx.map_key_create(1)], None),
        ([cdt_ctx.map_keys_in(["a", 1]), cdt_ctx.all_children()], None),
        ([cdt_ctx.list_rank(0), cdt_ctx.map_index(2**31)] * 9, None),
    ],
)
def test_base64_and_back(context: Any, text: str | None) -> None:
    encoded = cdt_ctx.to_base64(context)
    assert text in (None, encoded)
    assert cdt_ctx.from_base64(encoded) == context


def test_a_filter_in_a_context_comes_back_compiled() -> None:
    expression = exp.gt(exp.loop_var(exp.EXP_TYPE_INT, exp.LOOP_VAR_VALUE), 1)
    for step in (cdt_ctx.all_children_filter, cdt_ctx.and_filter):
        ((name, back),) = cdt_ctx.from_base64(cdt_ctx.to_base64([step(expression)]))
        assert (name, back) == (step(expression)[0], exp.compile(expression))


def test_what_is_no_context_is_refused() -> None:
    good = base64.b64decode(cdt_ctx.to_base64([cdt_ctx.map_key("abc"), cdt_ctx.list_index(5)]))
    for size in range(len(good)):
        with pytest.raises(InvalidArgError):
            cdt_ctx.from_base64(base64.b64encode(good[:size]).decode())
    for data in (b"\xc0", b"\x92\x55\x01", b"\x91\x22", good + b"\x00", b"\x92\x22\xa2\x03"):
        with pytest.raises(InvalidArgError, match="no context"):
            cdt_ctx.from_base64(base64.b64encode(data).decode())
    with pytest.raises(InvalidArgError, match="not base64"):
        cdt_ctx.from_base64("no!")
    with pytest.raises(TypeError):
        cdt_ctx.to_base64("abc")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgError, match="at least one step"):
        cdt_ctx.to_base64([])
