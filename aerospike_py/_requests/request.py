"""What a request is, whatever it asks for."""

from typing import TypeAlias

from .._native import Pointer
from .._results import Decode, T

Request: TypeAlias = tuple[int, bytes, Pointer, Decode[T]]
"""(command, encoded request, policy struct, decoder of the result)."""
