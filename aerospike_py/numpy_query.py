"""Queries into NumPy arrays: the library writes the bins of records into rows as they arrive."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._ffi import ffi
from ._native.streams import Stream
from .exception import InvalidArgError
from .numpy_batch import Errors, _columns, mismatch_error

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

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
        self._table = table = ffi.new("asz_table *")
        table.size = ffi.sizeof("asz_table")
        table.column_count = len(self._columns)
        table.columns = self._columns
        table.row_stride = self._dtype.itemsize

    @property
    def bins(self) -> list[str]:
        """The names of the bins that the array has fields for."""
        return list(self._dtype.names or ())

    def fill(self, stream: Stream) -> "NDArray[np.void] | None":
        """The next records as an array; None when there are none left.

        Raises:
            TypeError, OverflowError: A value does not fit its field.
            AerospikeError: The query fails.
        """
        if self._ended:
            return None
        array = np.zeros(self._rows, self._dtype)
        codes = np.zeros(self._rows, _CODE)
        if self._is_growing:
            self._rows = min(2 * self._rows, _ROWS_MAX)
        rows = ffi.from_buffer("uint8_t[]", array, require_writable=True)
        code_memory = ffi.from_buffer("int32_t[]", codes, require_writable=True)
        used, table = 0, self._table
        while used < len(array):
            table.rows = rows + used * array.itemsize
            table.result_codes = code_memory + used
            table.row_count = len(array) - used
            count = stream.next_table(table)
            if table.mismatch.row_count and self._errors == "raise":
                raise mismatch_error(table.mismatch, self._dtype, "a record")
            used += count
            if count == 0:
                self._ended = True
                break
        return array[:used] if used else None

    def join(self, arrays: "list[NDArray[Any]]") -> "NDArray[np.void]":
        """All records as one array."""
        return np.concatenate(arrays) if arrays else np.zeros(0, self._dtype)
