"""What a request is, whatever it asks for."""

from typing import TypeAlias

from .._native import Pointer
from .._results import Decode, T

Request: TypeAlias = tuple[int, bytes, Pointer, Decode[T]]
"""(command, encoded request, policy struct, decoder of the result)."""


def nothing(_response: memoryview) -> None:
    """The decoder for what has no result."""
    return
