"""Contexts are lists of plain tuples."""

from typing import Any

import pytest

from aerospike_py import cdt_ctx
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
