"""Results of the library into the types of the API."""

import sys
import sysconfig
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

from . import _codec
from .batch import BatchRecord
from .exception import ClientError
from .types import (
    AerospikeKey,
    BinTuple,
    ExistsResult,
    OperateOrderedResult,
    Record,
    RecordMetadata,
)

T = TypeVar("T")
Decode: TypeAlias = Callable[[memoryview], T]

# Since Python 3.14 a tuple has a place for its hash, and without the GIL another layout.
_TUPLES_ARE_PLAIN = sys.version_info < (3, 14) and not sysconfig.get_config_var("Py_GIL_DISABLED")

_codec.bind_results(
    AerospikeKey,
    RecordMetadata,
    Record,
    ExistsResult,
    OperateOrderedResult,
    BinTuple,
    BatchRecord,
    _TUPLES_ARE_PLAIN,
)


def _checked(decode: Decode[T]) -> Decode[T]:
    def checked(data: memoryview) -> T:
        try:
            return decode(data)
        except (TypeError, ValueError, RecursionError) as error:
            raise _not_shown(error) from error

    return checked


def _not_shown(error: Exception) -> ClientError:
    return ClientError(f"the server's answer cannot be shown as Python values: {error}")


value: Decode[Any] = _checked(_codec.unpack)
record = _checked(_codec.unpack_record)
records = _checked(_codec.unpack_records)
exists_result = _checked(_codec.unpack_exists)
ordered_result = _checked(_codec.unpack_ordered)


class BatchDecoder(Generic[T]):
    """Decodes the rows of a batch, all at once or in steps.

    Args:
        make: What to make of the rows.
        keys: The checked keys that the rows were asked for with, if they are at hand: the results
            then have their members.
    """

    # Rows of one step, which take about a quarter of a millisecond.
    step_rows = 512

    __slots__ = ("_keys", "_make")

    def __init__(
        self,
        make: Callable[[list[BatchRecord]], T],
        keys: list[tuple[Any, ...]] | None = None,
    ) -> None:
        self._make = make
        self._keys = keys

    def __call__(self, data: memoryview) -> T:
        rows: list[BatchRecord] = []
        self._unpack(data, 0, rows, sys.maxsize)
        return self._make(rows)

    def steps(self, data: memoryview) -> Iterator[T | None]:
        """Does a part of the work for each None, and ends with the result."""
        rows: list[BatchRecord] = []
        position = 0
        while position < len(data):
            position = self._unpack(data, position, rows, self.step_rows)
            yield None
        yield self._make(rows)

    def _unpack(self, data: memoryview, position: int, rows: list[BatchRecord], count: int) -> int:
        try:
            return _codec.unpack_rows(data, position, rows, count, self._keys)
        except (TypeError, ValueError, IndexError, RecursionError) as error:
            raise _not_shown(error) from error
