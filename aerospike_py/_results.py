"""Results and failures of the library into the types of the API."""

import sys
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

from . import _codec, _native
from ._ffi import lib
from ._native import Data
from .batch import BatchRecord
from .exception import AerospikeError, ClientError, class_for
from .types import (
    AerospikeKey,
    BinTuple,
    ExistsResult,
    OperateOrderedResult,
    Record,
    RecordMetadata,
)

_WRONG_TYPE: int = lib.ASZ_ERROR_WRONG_TYPE

T = TypeVar("T")
Decode: TypeAlias = Callable[[Data], T]

# Since Python 3.14 a tuple has a place for its hash, and without the GIL another layout.
_TUPLES_ARE_PLAIN = sys.version_info < (3, 14) and "free-threading" not in sys.version


def _not_shown(error: Exception) -> ClientError:
    raised = ClientError(f"the server's answer cannot be shown as Python values: {error}")
    raised.__cause__ = error
    return raised


_codec.bind_results(
    AerospikeKey,
    RecordMetadata,
    Record,
    ExistsResult,
    OperateOrderedResult,
    BinTuple,
    _TUPLES_ARE_PLAIN,
    BatchRecord,
    _not_shown,
)


def _error(
    code: int,
    message: str,
    *,
    in_doubt: bool = False,
    node: str | None = None,
    attempts: int = 0,
    more: Any = None,
) -> AerospikeError | TypeError:
    if code == _WRONG_TYPE:
        return TypeError(message)
    error = class_for(code)(message, result_code=code, in_doubt=in_doubt, node=node)
    error.attempts = attempts
    if more is not None:
        details, earlier = more
        if details is not None:
            error._take_details(details)
        error.earlier = tuple(
            class_for(code)(text, result_code=code, node=name or None)
            for code, name, text in earlier
        )
    return error


_native.bind_errors(_error)

# For what has no result.
nothing: Decode[None] = _codec.nothing
# All of them raise what `_not_shown` makes.
value: Decode[Any] = _codec.unpack_value
record: Decode[Record] = _codec.unpack_record
_records: Decode[list[Record]] = _codec.unpack_records
exists_result: Decode[ExistsResult] = _codec.unpack_exists
ordered_result: Decode[OperateOrderedResult] = _codec.unpack_ordered


def records(data: Data) -> list[Record]:
    """The records of a chunk; none of an empty one."""
    return _records(data) if data else []


class BatchDecoder(Generic[T]):
    """Makes the rows of a batch, all at once or in steps; they make their records when asked.

    Args:
        make: What to make of the rows.
        keys: The checked keys that the rows were asked for with, if they are at hand: the results
            then have their members.
    """

    # Rows of one step, which take a fraction of a millisecond.
    step_rows = 1024

    __slots__ = ("_keys", "_make")

    def __init__(
        self,
        make: Callable[[list[BatchRecord]], T],
        keys: list[tuple[Any, ...]] | None = None,
    ) -> None:
        self._make = make
        self._keys = keys

    def __call__(self, data: Data) -> T:
        rows: list[BatchRecord] = []
        self._unpack(bytes(data), 0, rows, sys.maxsize)
        return self._make(rows)

    def steps(self, data: Data) -> Iterator[T | None]:
        """Does a part of the work for each None, and ends with the result."""
        source = bytes(data)
        rows: list[BatchRecord] = []
        position = 0
        while position < len(source):
            position = self._unpack(source, position, rows, self.step_rows)
            yield None
        yield self._make(rows)

    def _unpack(self, source: bytes, position: int, rows: list[BatchRecord], count: int) -> int:
        try:
            return _codec.unpack_rows(source, position, rows, count, self._keys)
        except (ValueError, IndexError) as error:
            raise _not_shown(error) from error
