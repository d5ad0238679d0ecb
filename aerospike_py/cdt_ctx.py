"""Contexts: the path from a bin to a list or map nested inside it.

A context is a list of steps, given to an operation or expression as `ctx=`. Each step is a plain
tuple that begins with its name, so a context can be printed, compared and written by hand.

    >>> from aerospike_py import cdt_ctx, list_operations
    >>> list_operations.list_append("doc", "x", ctx=[cdt_ctx.map_key("tags")])
    {'op': 1001, 'bin': 'doc', 'val': 'x', 'ctx': [('map_key', 'tags')]}
"""

from typing import Any, Final, TypeAlias

from ._validate import check_bool, check_enum, check_int, check_list
from ._values import EXTENSION_COMPARISON, Extension

__all__ = [
    "INFINITY",
    "WILDCARD",
    "Context",
    "Step",
    "all_children",
    "all_children_filter",
    "and_filter",
    "list_index",
    "list_index_create",
    "list_rank",
    "list_value",
    "map_index",
    "map_key",
    "map_key_create",
    "map_keys_in",
    "map_rank",
    "map_value",
]

Step: TypeAlias = tuple[Any, ...]
"""One step of a context: its name, then what it takes."""

Context: TypeAlias = list[Step]
"""The steps from the outermost container to the innermost."""

WILDCARD: Final = Extension(EXTENSION_COMPARISON, b"\x00")
"""Matches any value, in a list that is compared: `[1, WILDCARD]` matches all that begin with 1."""

INFINITY: Final = Extension(EXTENSION_COMPARISON, b"\x01")
"""Greater than any value, as the end of a range, alone or in a list."""

_LIST_ORDERS = (0, 1)
_MAP_ORDERS = (0, 1, 3)


def list_index(index: int) -> Step:
    """The element at an index; a negative index counts from the end.

    Args:
        index: The place, from 0; negative from the end.

    Raises:
        TypeError: The index is not an int.
    """
    return ("list_index", check_int(index, "index"))


def list_index_create(index: int, order: int = 0, pad: bool = False) -> Step:
    """The list at an index, which is created if it is not there.

    Args:
        index: Where.
        order: LIST_UNORDERED or LIST_ORDERED, for the created list.
        pad: Whether the places up to an index beyond the end are filled with None.

    Raises:
        TypeError: An argument is of another type.
        InvalidArgError: There is no such order.
    """
    return (
        "list_index_create",
        check_int(index, "index"),
        check_enum(order, "order", _LIST_ORDERS),
        check_bool(pad, "pad"),
    )


def list_rank(rank: int) -> Step:
    """The element of a rank: 0 is the smallest, -1 the greatest.

    Args:
        rank: The rank, 0 for the smallest; negative from the largest.

    Raises:
        TypeError: The rank is not an int.
    """
    return ("list_rank", check_int(rank, "rank"))


def list_value(value: Any) -> Step:
    """The first element that equals a value.

    Args:
        value: The value.
    """
    return ("list_value", value)


def map_index(index: int) -> Step:
    """The value at an index in the order of the keys; a negative index counts from the end.

    Args:
        index: The place, from 0; negative from the end.

    Raises:
        TypeError: The index is not an int.
    """
    return ("map_index", check_int(index, "index"))


def map_rank(rank: int) -> Step:
    """The value of a rank: 0 is the smallest, -1 the greatest.

    Args:
        rank: The rank, 0 for the smallest; negative from the largest.

    Raises:
        TypeError: The rank is not an int.
    """
    return ("map_rank", check_int(rank, "rank"))


def map_key(key: Any) -> Step:
    """The value of a key.

    Args:
        key: The key.
    """
    return ("map_key", key)


def map_key_create(key: Any, order: int = 0) -> Step:
    """The map at a key, which is created if it is not there.

    Args:
        key: Where.
        order: MAP_UNORDERED, MAP_KEY_ORDERED or MAP_KEY_VALUE_ORDERED, for the created map.

    Raises:
        TypeError: The order is not an int.
        InvalidArgError: There is no such order.
    """
    return ("map_key_create", key, check_enum(order, "order", _MAP_ORDERS))


def map_value(value: Any) -> Step:
    """The first value of a map that equals a value.

    Args:
        value: The value.
    """
    return ("map_value", value)


def map_keys_in(keys: list[Any]) -> Step:
    """All values of a map whose key is in a list. Only for selections by path (server 8.1.2).

    Args:
        keys: The keys.

    Raises:
        TypeError: The keys are not a list.
    """
    return ("map_keys_in", check_list(keys, "keys"))


def all_children() -> Step:
    """All elements. Only for selections by path (server 8.1)."""
    return ("all_children",)


def all_children_filter(expression: Any) -> Step:
    """All elements for which an expression is true. Only for selections by path (server 8.1).

    Args:
        expression: The expression, in which `exp.loop_var` stands for a child.
    """
    return ("all_children_filter", expression)


def and_filter(expression: Any) -> Step:
    """Of what the step before selects, that for which an expression is true.

    Only for selections by path (server 8.1.2).

    Args:
        expression: The expression, in which `exp.loop_var` stands for a child.
    """
    return ("and_filter", expression)
