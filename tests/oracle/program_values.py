"""Random values for programs that both clients run, and what the official client takes for them.

There are few different ones, so that what a program looks for is often there: above all a few
dicts, with their items in any order, as plain dicts and as maps in order.
"""

from collections.abc import Callable
from typing import Any

import aerospike
from aerospike_helpers import cdt_ctx as their_ctx
from hypothesis import strategies as st

import aerospike_py
from aerospike_py import KeyOrderedDict, cdt_ctx

_SCALARS = st.one_of(
    st.integers(-3, 6),
    st.sampled_from([2**40, -(2**40), 2**63 - 1, -(2**63)]),
    st.sampled_from(["", "a", "b", "é"]),
    st.sampled_from([b"\x00", b"ab"]),
    st.sampled_from([0.5, 1.0, -2.25, float("nan"), float("inf"), -0.0]),
    st.sampled_from([True, False, None]),
)
KEYS = st.one_of(
    st.integers(-2, 4), st.sampled_from(["a", "b", "é", ""]), st.sampled_from([b"", b"a"])
)
_KNOWN_MAPS: list[dict[Any, Any]] = [
    {"sku": "a1", "id": 7},
    {"a": 1, 2: "b", b"a": [1], -1: {"y": 1, "x": 2}},
    {"y": 1, "x": 2},
    {1: 0.5, 300: None, -200: True},
    {},
]


def _arranged(value: dict[Any, Any]) -> st.SearchStrategy[dict[Any, Any]]:
    """The dict with its items in any order, in a class that the server keeps in order or not."""
    items = st.permutations(list(value.items()))
    return st.builds(lambda kind, pairs: kind(pairs), st.sampled_from(_MAP_CLASSES), items)


_MAP_CLASSES = [dict, dict, KeyOrderedDict]
KNOWN_MAPS = st.sampled_from(_KNOWN_MAPS).flatmap(_arranged)


def _containers(inner: Any) -> Any:
    maps = st.dictionaries(KEYS, inner, max_size=4)
    return st.one_of(
        st.lists(inner, max_size=3),
        st.builds(lambda kind, value: kind(value), st.sampled_from(_MAP_CLASSES), maps),
    )


VALUES = st.one_of(
    _SCALARS, KNOWN_MAPS, st.recursive(_SCALARS | KNOWN_MAPS, _containers, max_leaves=4)
)
MAPS = st.one_of(KNOWN_MAPS, st.dictionaries(KEYS, VALUES, max_size=6))


def for_them(value: Any) -> Any:
    """The same as the official client takes it."""
    if isinstance(value, list):
        return [for_them(member) for member in value]
    if isinstance(value, dict):
        kind = aerospike.KeyOrderedDict if isinstance(value, KeyOrderedDict) else dict
        return kind({key: for_them(member) for key, member in value.items()})
    return value


class ForThem:
    """A module of the official client, whose functions take the values of this one's."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self._module, name)

        def call(*arguments: Any, **named: Any) -> Any:
            return function(*(for_them(argument) for argument in arguments), **named)

        return call


def comparable(value: Any) -> Any:
    """Types apart from each other (1, 1.0 and True are equal), and pairs as they come."""
    if isinstance(value, dict):
        # A map in the order of keys and values is a plain dict to them.
        ordered = type(value) in (KeyOrderedDict, aerospike.KeyOrderedDict)
        members = sorted((repr(key), comparable(item)) for key, item in value.items())
        return ("ordered map" if ordered else "map", members)
    if isinstance(value, (list, tuple)):
        return ("list", [comparable(item) for item in value])
    if isinstance(value, (bytes, bytearray)):
        return ("bytes", bytes(value))
    return (type(value).__name__, repr(value))


_STEPS = st.one_of(
    st.integers(-2, 3).map(lambda i: (cdt_ctx.list_index(i), their_ctx.cdt_ctx_list_index(i))),
    st.integers(-2, 2).map(lambda i: (cdt_ctx.list_rank(i), their_ctx.cdt_ctx_list_rank(i))),
    VALUES.map(lambda v: (cdt_ctx.list_value(v), their_ctx.cdt_ctx_list_value(for_them(v)))),
    st.integers(-2, 3).map(lambda i: (cdt_ctx.map_index(i), their_ctx.cdt_ctx_map_index(i))),
    st.integers(-2, 2).map(lambda i: (cdt_ctx.map_rank(i), their_ctx.cdt_ctx_map_rank(i))),
    KEYS.map(lambda k: (cdt_ctx.map_key(k), their_ctx.cdt_ctx_map_key(k))),
    VALUES.map(lambda v: (cdt_ctx.map_value(v), their_ctx.cdt_ctx_map_value(for_them(v)))),
)
# What makes a list at a negative index ends server 8.1.2.
_CREATING = st.one_of(
    st.builds(
        lambda i, order, pad: (
            cdt_ctx.list_index_create(i, order, pad),
            their_ctx.cdt_ctx_list_index_create(i, order, pad),
        ),
        st.integers(0, 4),
        st.sampled_from([aerospike.LIST_UNORDERED, aerospike.LIST_ORDERED]),
        st.booleans(),
    ),
    st.builds(
        lambda key, order: (
            cdt_ctx.map_key_create(key, order),
            their_ctx.cdt_ctx_map_key_create(key, order),
        ),
        KEYS,
        st.sampled_from([aerospike_py.MAP_UNORDERED, aerospike_py.MAP_KEY_ORDERED]),
    ),
)
CONTEXTS = st.one_of(
    st.none(),
    st.none(),
    st.lists(_STEPS, min_size=1, max_size=2),
    st.builds(lambda steps, last: [*steps, last], st.lists(_STEPS, max_size=1), _CREATING),
)
"""Nothing, or the same steps for both."""
