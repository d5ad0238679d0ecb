"""What needs no client: expressions, what indexes answer of them, contexts and values."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from .._ffi import ffi, lib
from . import _check, _new_error

if TYPE_CHECKING:
    from .._ffi import CData, asz_error, asz_result

_RESULT_BYTES = 4096
_SCRATCHES_KEPT_MAX = 16

Scratch: TypeAlias = "tuple[asz_error, asz_result, CData]"

# list.pop and list.append are atomic, so the free list needs no lock.
_free: list[Scratch] = []


def _new_scratch() -> Scratch:
    """(asz_error, asz_result, the buffer that results go into)."""
    memory = ffi.new("uint8_t[]", _RESULT_BYTES)
    result = ffi.new("asz_result *")
    result.size = ffi.sizeof("asz_result")
    result.data = memory
    result.capacity = _RESULT_BYTES
    return _new_error(), result, memory


def expression_compile(tree: bytes) -> bytes:
    """The server's encoding of an expression that is given in MessagePack.

    Raises:
        InvalidArgError: A builder is unknown, or its arguments are wrong.
    """
    return _made(lib.asz_expression_compile, tree, len(tree))


def expression_parse(text: bytes, parameters: bytes) -> bytes:
    """The tree of an expression in MessagePack, of its text in UTF-8.

    Args:
        text: The text.
        parameters: [[value], {name: value}] in MessagePack; empty for none.

    Raises:
        TypeError: A parameter is of a type that no constant has.
        InvalidArgError: The text is not one of the language; the error says where.
    """
    return _made(lib.asz_expression_parse, text, len(text), parameters, len(parameters))


def query_plan(question: bytes) -> bytes:
    """Which index answers a part of a filter, and which; see `asz_query_plan`.

    Args:
        question: [expression, set or "", [index]] in MessagePack.

    Raises:
        InvalidArgError: It is none.
    """
    return _made(lib.asz_query_plan, question, len(question))


def context_encode(steps: bytes) -> bytes:
    """The server's encoding of a context that is given in MessagePack.

    Raises:
        InvalidArgError: A step is unknown, or its members are wrong.
    """
    return _made(lib.asz_context_encode, steps, len(steps))


def particle_decode(kind: int, data: bytes) -> bytes:
    """The MessagePack of a value that is given as servers keep it, a particle's type and bytes.

    Raises:
        InvalidArgError: The bytes are none of that type.
    """
    return _made(lib.asz_particle_decode, kind, data, len(data))


def value_pack(value: bytes) -> bytes:
    """What servers have within a list of a value that is given in MessagePack.

    Raises:
        InvalidArgError: It is none that can be stored.
    """
    return _made(lib.asz_value_pack, value, len(value))


def _made(make: Callable[..., int], *arguments: bytes | int) -> bytes:
    """What a function of the library gives as its result."""
    try:
        scratch = _free.pop()
    except IndexError:
        scratch = _new_scratch()
    error, result, memory = scratch
    try:
        _check(make(*arguments, result, error), error)
        return bytes(ffi.buffer(result.data, result.length))
    finally:
        if result.owned:
            lib.asz_result_release(result)
            result.data = memory
            result.capacity = _RESULT_BYTES
        if len(_free) < _SCRATCHES_KEPT_MAX:
            _free.append(scratch)
