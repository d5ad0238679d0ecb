"""The compiling of expressions, which needs no client."""

from .._ffi import ffi, lib
from . import _check, _new_scratch, _reset


def expression_compile(tree: bytes) -> bytes:
    """The server's encoding of an expression that is given in MessagePack.

    Raises:
        InvalidArgError: A builder is unknown, or its arguments are wrong.
    """
    scratch = _new_scratch()
    error, result, _, _ = scratch
    try:
        _check(lib.asz_expression_compile(tree, len(tree), result, error), error)
        return bytes(ffi.buffer(result.data, result.length))
    finally:
        _reset(scratch)
