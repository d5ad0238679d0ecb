"""Arguments are taken by the names that other clients have for them, too."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import aerospike_py
from aerospike_py import exp
from aerospike_py import hll_operations as hop
from aerospike_py import list_operations as lop
from aerospike_py import map_operations as mop

BY_EITHER_NAME: list[tuple[Callable[..., Any], tuple[Any, ...], str, str, Any]] = [
    (lop.list_append_items, ("b",), "vals", "values", [1]),
    (lop.list_insert_items, ("b", 0), "vals", "values", [1]),
    (lop.list_increment, ("b", 0), "val", "incr", 5),
    (lop.list_set_order, ("b",), "order", "list_order", 1),
    (mop.map_increment, ("b", "k"), "val", "incr", 5),
    (mop.map_decrement, ("b", "k"), "val", "decr", 5),
    (mop.map_set_order, ("b",), "map_order", "order", 1),
    (hop.hll_add, ("b",), "vals", "values", ["x"]),
    (hop.hll_may_contain, ("b",), "vals", "values", ["x"]),
    (exp.list_size, (), "bin", "bin_expr", exp.list_bin("l")),
    (exp.map_size, (), "bin", "bin_expr", "m"),
    (exp.hll_get_count, (), "bin", "bin_expr", "h"),
]


@pytest.mark.parametrize(("build", "first", "own", "other", "value"), BY_EITHER_NAME)
def test_an_argument_by_either_name(
    build: Callable[..., Any], first: tuple[Any, ...], own: str, other: str, value: Any
) -> None:
    made = build(*first, **{own: value})
    assert build(*first, **{other: value}) == made
    assert build(*first, value) == made
    with pytest.raises(TypeError, match=f"'{other}' is another name of '{own}'"):
        build(*first, **{own: value, other: value})
    with pytest.raises(TypeError, match="unexpected keyword argument 'vlas'"):
        build(*first, value, vlas=1)


def test_the_array_of_a_batch_by_either_name() -> None:
    client: Any = aerospike_py.client({"hosts": ["h"]})
    array = np.zeros(1, [("_key", "i8"), ("n", "i8")])
    for name in ("array", "data"):
        with pytest.raises(aerospike_py.ClientError, match="not connected"):
            client.batch_write_numpy(**{name: array}, namespace="test", set_name="demo")
