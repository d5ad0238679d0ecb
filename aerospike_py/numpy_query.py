"""Queries into NumPy arrays: the library writes the bins of records into rows as they arrive."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._ffi import ffi
from .exception import InvalidArgError
from .numpy_batch import Errors, _columns, mismatch_error

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = [
    "Filler",
]

_ROWS_MIN = 4096
_ROWS_MAX = 256 * 1024
_CODE = np.dtype("i4")


class Filler:
    """Makes arrays of the records of a stream.

    Args:
        dtype: A structured dtype; its fields have the names of the bins.
        errors: What to do with values that do not fit: "raise", or "zero" to leave their fields
            zero.
        rows: How many records go into one array; None: more and more, up to a limit.

    Raises:
        TypeError: The dtype is not a structured one, or a field is of a kind that no bin fits.
        BinNameError: A field's name cannot be that of a bin.
        InvalidArgError: `errors` is neither "raise" nor "zero", or `rows` is not positive.
    """

    def __init__(self, dtype: "DTypeLike", errors: Errors, rows: int | None = None) -> None:
        if errors not in ("raise", "zero"):
            raise InvalidArgError(f"errors must be 'raise' or 'zero', not {errors!r:.100}")
        if rows is not None and (type(rows) is not int or rows < 1):
            raise InvalidArgError(f"rows must be a positive int, not {rows!r:.100}")
        self._dtype = np.dtype(dtype)
        self._errors = errors
        self._columns = _columns(self._dtype)
        self._rows = _ROWS_MIN if rows is None else rows
        self._is_growing = rows is None
        self._ended = False
        self._array: NDArray[np.void] | None = None
        self._codes = np.zeros(0, _CODE)
        self._used = 0
        self._memory: Any = None
        self.table = table = ffi.new("asz_table *")
        table.size = ffi.sizeof("asz_table")
        table.column_count = len(self._columns)
        table.columns = self._columns
        table.row_stride = self._dtype.itemsize

    @property
    def bins(self) -> list[str]:
        """The names of the bins that the array has fields for."""
        return list(self._dtype.names or ())

    def wants_more(self) -> bool:
        """Whether `table` has room for another chunk, which `take` is to be told of then."""
        if self._ended:
            return False
        if self._array is None:
            self._array = np.zeros(self._rows, self._dtype)
            self._codes = np.zeros(self._rows, _CODE)
            self._used = 0
            if self._is_growing:
                self._rows = min(2 * self._rows, _ROWS_MAX)
        left = len(self._array) - self._used
        if left == 0:
            return False
        rows = ffi.from_buffer("uint8_t[]", self._array, require_writable=True)
        codes = ffi.from_buffer("int32_t[]", self._codes, require_writable=True)
        self._memory = rows, codes
        self.table.rows = rows + self._used * self._array.itemsize
        self.table.result_codes = codes + self._used
        self.table.row_count = left
        return True

    def take(self, count: int) -> None:
        """So many rows of the table were filled; none when the stream has ended.

        Raises:
            TypeError, OverflowError: A value does not fit its field.
        """
        mismatch = self.table.mismatch
        if mismatch.row_count and self._errors == "raise":
            raise mismatch_error(mismatch, self._dtype, "a record")
        self._used += count
        self._ended = count == 0

    def array(self) -> "NDArray[np.void] | None":
        """The array, when the table wants no more; None when the stream had nothing for it."""
        array, self._array = self._array, None
        return None if array is None or not self._used else array[: self._used]

    def join(self, arrays: "list[NDArray[Any]]") -> "NDArray[np.void]":
        """All records as one array."""
        return np.concatenate(arrays) if arrays else np.zeros(0, self._dtype)
