"""Contexts: the path from a bin to a list or map nested inside it.

A context is a list of steps, given to an operation or expression as `ctx=`. Each step is a plain
tuple that begins with its name, so a context can be printed, compared and written by hand.

    >>> from aerospike_py import cdt_ctx, list_operations
    >>> list_operations.list_append("doc", "x", ctx=[cdt_ctx.map_key("tags")])
    {'op': 1001, 'bin': 'doc', 'val': 'x', 'ctx': [('map_key', 'tags')]}
"""

import base64
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from ._codec import skip
from ._native.expressions import context_encode, particle_decode
from ._operations import check_context
from ._validate import check_bool, check_enum, check_int, check_list, check_str
from ._values import EXTENSION_COMPARISON, Extension, decode, encode, plain_value
from .exception import InvalidArgError

__all__ = [
    "INFINITY",
    "WILDCARD",
    "Context",
    "Step",
    "all_children",
    "all_children_filter",
    "and_filter",
    "from_base64",
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
    "to_base64",
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


def to_base64(context: Context) -> str:
    """The server's encoding of a context as text, as `asinfo` and other clients have it.

    Args:
        context: The steps.

    Raises:
        TypeError: It is not a list of steps, or a value in it is of a type that cannot be stored.
        InvalidArgError: A step is unknown, or there is none.
        OverflowError: An int in it does not fit into 64 bits.
    """
    return base64.b64encode(encoded(context)).decode()


def from_base64(text: str) -> Context:
    """A context of its encoding as text.

    Args:
        text: The text.

    Raises:
        TypeError: It is not a str.
        InvalidArgError: It is not base64, or not of a context.
    """
    try:
        data = base64.b64decode(check_str(text, "text"), validate=True)
    except ValueError as error:
        raise InvalidArgError(f"text is not base64: {error}") from None
    return decoded(data)


def encoded(context: Context) -> bytes:
    """The server's encoding of a context; raises as `to_base64` does."""
    return context_encode(encode(plain_value(check_context(context), "ctx")))


def decoded(data: bytes) -> Context:
    """A context of the server's encoding; raises an InvalidArgError when it is none."""
    try:
        steps = list(_steps(data))
        if encoded(steps) == data:
            return steps
    except (ValueError, IndexError, KeyError, TypeError):
        pass
    raise InvalidArgError("these bytes are no context")


# By the numbers of the protocol.
_PARTICLE_LIST = 20
_PLAIN_STEPS = {
    0x10: "list_index",
    0x11: "list_rank",
    0x13: "list_value",
    0x20: "map_index",
    0x21: "map_rank",
    0x22: "map_key",
    0x23: "map_value",
    0x2A: "map_keys_in",
}
_FILTER_STEPS = {0x04: "all_children_filter", 0x204: "and_filter"}
_CREATE_BITS = 0xC0
# How a step creates what is not there: the order of what it creates, of a list whether it pads.
_LISTS_CREATED = {0x40: (0, False), 0x80: (0, True), 0xC0: (1, False)}
_MAPS_CREATED = {0x40: 0, 0x80: 1, 0xC0: 3}


def _steps(data: bytes) -> Iterator[Step]:
    position = {0xDC: 3, 0xDD: 5}.get(data[0], 1)
    while position < len(data):
        value = skip(data, position)
        end = skip(data, value)
        yield _step(decode(data[position:value]), data[value:end])
        position = end


def _step(kind: int, data: bytes) -> Step:
    if kind in _FILTER_STEPS:
        if data == b"\xc3":
            return ("all_children",)
        return (_FILTER_STEPS[kind], {"__expr__": "compiled", "val": data})
    (value,) = decode(particle_decode(_PARTICLE_LIST, b"\x91" + data))
    flags = kind & _CREATE_BITS
    name = _PLAIN_STEPS[kind & ~_CREATE_BITS]
    if not flags:
        return (name, value)
    if name == "list_index":
        return ("list_index_create", value, *_LISTS_CREATED[flags])
    if name != "map_key":
        raise ValueError(name)
    return ("map_key_create", value, _MAPS_CREATED[flags])
