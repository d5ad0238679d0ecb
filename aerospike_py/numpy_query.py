"""Queries into NumPy arrays: the library writes the bins of records into rows as they arrive."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._ffi import ffi
from ._native import Pointer
from ._validate import ROWS, check_bool
from .exception import InvalidArgError
from .numpy_batch import (
    KEY,
    Errors,
    _columns,
    dtype_of,
    masked,
    mismatch_error,
    presence_of,
    with_mask,
)

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = [
    "Filler",
]

_ROWS_MIN = 4096
_ROWS_MAX = 256 * 1024
_CODE = np.dtype("i4")
_DIGEST = np.dtype("V20")
_META = np.dtype([("gen", "u4"), ("ttl", "u4")])


class Filler:
    """Makes arrays of the records of a stream.

    Args:
        dtype: A structured dtype; its fields have the names of the bins.
        errors: What to do with values that do not fit: "raise", or "zero" to leave their fields
            zero.
        rows: How many records go into one array; None: more and more, up to a limit.
        mask: Whether arrays have a mask over what records have not.
        key: Whether they have a field "_digest", and the user keys in a field "_key" of the dtype.
        meta: Whether they have fields "_gen" and "_ttl".

    Raises:
        TypeError: The dtype is not a structured one, or a field is of a kind that no bin fits, or
            an argument is of a wrong type.
        BinNameError: A field's name cannot be that of a bin.
        InvalidArgError: `errors` is neither "raise" nor "zero", or `rows` is not positive.
    """

    def __init__(
        self,
        dtype: "DTypeLike",
        errors: Errors,
        rows: int | None = None,
        *,
        mask: bool = False,
        key: bool = False,
        meta: bool = False,
    ) -> None:
        if errors not in ("raise", "zero"):
            raise InvalidArgError(f"errors must be 'raise' or 'zero', not {errors!r:.100}")
        if rows is not None:
            rows = ROWS.check(rows, "rows")
        check_bool(mask, "mask")
        check_bool(key, "key")
        check_bool(meta, "meta")
        self._bins = dtype_of(dtype, "dtype")
        self._columns = _columns(self._bins, key)
        extra = [("_digest", _DIGEST)] * key + [("_gen", "u4"), ("_ttl", "u4")] * meta
        self._dtype = _extended(self._bins, extra)
        self._errors = errors
        self._has_mask = mask
        self._has_key = key
        self._present: NDArray[np.uint8] | None = None
        self._digests: NDArray[np.void] | None = None
        self._meta: NDArray[np.void] | None = None
        self._has_meta = meta
        self._rows = _ROWS_MIN if rows is None else rows
        self._is_growing = rows is None
        self._ended = False
        self._array: NDArray[np.void] | None = None
        self._codes = np.zeros(0, _CODE)
        self._used = 0
        self._memory: Any = None
        table = ffi.new("asz_table *")
        self.table: Pointer = table
        table.size = ffi.sizeof("asz_table")
        table.column_count = len(self._columns)
        table.columns = self._columns
        table.row_stride = self._dtype.itemsize
        names = self._bins.names or ()
        if key and KEY in names:
            table.key_column = 1 + names.index(KEY)

    @property
    def bins(self) -> list[str]:
        """The names of the bins that the array has fields for."""
        names = self._bins.names or ()
        return [name for name in names if not (self._has_key and name == KEY)]

    def wants_more(self) -> bool:
        """Whether `table` has room for another chunk, which `take` is to be told of then."""
        if self._ended:
            return False
        if self._array is None:
            self._array = np.zeros(self._rows, self._dtype)
            self._codes = np.zeros(self._rows, _CODE)
            self._present = presence_of(self._bins, self._rows) if self._has_mask else None
            self._digests = np.zeros(self._rows, _DIGEST) if self._has_key else None
            self._meta = np.zeros(self._rows, _META) if self._has_meta else None
            self._used = 0
            if self._is_growing:
                self._rows = min(2 * self._rows, _ROWS_MAX)
        left = len(self._array) - self._used
        if left == 0:
            return False
        rows = ffi.from_buffer("uint8_t[]", self._array, require_writable=True)
        codes = ffi.from_buffer("int32_t[]", self._codes, require_writable=True)
        self._memory = rows, codes, *self._describe_more()
        self.table.rows = rows + self._used * self._array.itemsize
        self.table.result_codes = codes + self._used
        self.table.row_count = left
        return True

    def _describe_more(self) -> list[Any]:
        """What rows have beside bins; what this gives is to be kept."""
        kept = []
        table = self.table
        for member, array in (
            ("present", self._present),
            ("digests", self._digests),
            ("metadata", self._meta),
        ):
            if array is not None:
                memory = ffi.from_buffer("uint8_t[]", array, require_writable=True)
                kept.append(memory)
                place = memory + self._used * (array.nbytes // len(array))
                kind = "asz_metadata *" if member == "metadata" else "uint8_t *"
                setattr(table, member, ffi.cast(kind, place))
        return kept

    def take(self, count: int) -> None:
        """So many rows of the table were filled; none when the stream has ended.

        Raises:
            TypeError, OverflowError: A value does not fit its field.
        """
        mismatch = self.table.mismatch
        if mismatch.row_count and self._errors == "raise":
            raise mismatch_error(mismatch, self._dtype, "a record")
        array = self._array
        some = slice(self._used, self._used + count)
        if self._digests is not None and array is not None:
            array["_digest"][some] = self._digests[some]
        if self._meta is not None and array is not None:
            array["_gen"][some] = self._meta["gen"][some]
            array["_ttl"][some] = self._meta["ttl"][some]
        self._used += count
        self._ended = count == 0

    def array(self) -> "NDArray[np.void] | None":
        """The array, when the table wants no more; None when the stream had nothing for it."""
        array, self._array = self._array, None
        if array is None or not self._used:
            return None
        if self._present is not None:
            return masked(array[: self._used], self._present[: self._used])
        return array[: self._used]

    def join(self, arrays: "list[NDArray[Any]]") -> "NDArray[np.void]":
        """All records as one array."""
        if self._has_mask:
            if not arrays:
                arrays = [with_mask(np.zeros(0, self._dtype), False)]
            return with_mask(
                np.concatenate([np.ma.getdata(array) for array in arrays]),
                np.concatenate([np.ma.getmaskarray(array) for array in arrays]),
            )
        return np.concatenate(arrays) if arrays else np.zeros(0, self._dtype)


def _extended(dtype: "np.dtype[Any]", extra: list[tuple[str, Any]]) -> "np.dtype[Any]":
    """A dtype with more fields, which come behind its own.

    Raises:
        InvalidArgError: It has one of these names already.
    """
    if not extra:
        return dtype
    names = list(dtype.names or ())
    taken = [name for name, _ in extra if name in names]
    if taken:
        raise InvalidArgError(f"dtype has a field {taken[0]!r} already, which key or meta adds")
    fields: Any = dtype.fields or {}
    size = dtype.itemsize
    offsets = [fields[name][1] for name in names]
    formats: list[Any] = [fields[name][0] for name in names]
    for name, kind in extra:
        names.append(name)
        formats.append(kind)
        offsets.append(size)
        size += np.dtype(kind).itemsize
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})
