"""Arguments are taken by the names that other clients have for them, too."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import aerospike_py
from aerospike_py import exp
from aerospike_py import hll_operations as hop
from aerospike_py import list_operations as lop
from aerospike_py import map_operations as mop
from aerospike_py import string_operations as sop
from aerospike_py._requests import batch

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
    (lop.list_create, ("b",), "order", "list_order", 1),
    (mop.map_create, ("b",), "map_order", "order", 1),
    (sop.string_concat, ("b",), "values", "vals", ["x"]),
    (exp.list_append_items, ("l",), "vals", "values", [1]),
    (exp.map_remove_by_value_list, ("m",), "vals", "values", [1]),
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


def test_how_often_a_batch_is_repeated_by_either_name() -> None:
    client: Any = aerospike_py.client({"hosts": ["h"]})
    records = [(("test", "demo", 1), {"n": 1})]
    array = np.zeros(1, [("_key", "i8"), ("n", "i8")])
    for write in (
        lambda **given: client.batch_write(records, **given),
        lambda **given: client.batch_write_numpy(array, "test", "demo", **given),
    ):
        for given in ({"policy": {"max_retries": 3}}, {"retry": 3}):
            with pytest.raises(aerospike_py.ClientError, match="not connected"):
                write(**given)
        with pytest.raises(aerospike_py.InvalidArgError, match="another name of policy"):
            write(policy={"max_retries": 1}, retry=3)
        with pytest.raises(TypeError, match=r"^retry must be an int, not str$"):
            write(retry="3")
        with pytest.raises(aerospike_py.InvalidArgError, match=r"^retry must not be negative"):
            write(retry=-1)
    policies = client._session.policies
    by_retry = batch.write_all(policies, records, {"total_timeout": 9}, 7)
    assert (by_retry[2].max_retries, by_retry[2].total_timeout) == (7, 9)


def test_the_array_of_a_batch_by_either_name() -> None:
    client: Any = aerospike_py.client({"hosts": ["h"]})
    array = np.zeros(1, [("_key", "i8"), ("n", "i8")])
    for name in ("array", "data"):
        with pytest.raises(aerospike_py.ClientError, match="not connected"):
            client.batch_write_numpy(**{name: array}, namespace="test", set_name="demo")


NAMES = {"bin": "bin_expr", "vals": "values"}
OF_EXPRESSIONS = [
    (name, own, other)
    for name in exp.__all__
    if inspect.isfunction(build := getattr(exp, name))
    for own, other in NAMES.items()
    if own in inspect.signature(build).parameters
]


@pytest.mark.parametrize(("name", "own", "other"), OF_EXPRESSIONS)
def test_no_expression_is_forgotten(name: str, own: str, other: str) -> None:
    build = getattr(exp, name)
    with pytest.raises(
        TypeError, match=f"^{name}: '{other}' is another name of '{own}'; give one$"
    ):
        build(**{own: "b", other: "b"})
