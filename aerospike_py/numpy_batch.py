"""Batches of records as NumPy arrays, and arrays as batches of records.

The library writes the bins of all records straight into a structured array, without the GIL; no
Python object is made for a value. This module describes the array to it, and checks that every
value has found its place. It is imported when the first batch needs it, and NumPy with it.

What fits into a field:

- integers: int within the field's range; bool
- floats: float and int, unless a finite number would become infinite; bool
- booleans: bool; the ints 0 and 1, which older clients store for them
- S and V: str (UTF-8), bytes, GeoJSON (its text) and HyperLogLog, up to the field's size
- sub-arrays: bytes with whole elements in the field's own layout; a list of what the elements take,
  in C order
- nested structures: bytes in the field's own layout

What is shorter than its field ends in zeros; NumPy does not show zeros at the end of an S field, so
bytes that may end in them belong into a V field. The byte order of every number is the dtype's. A
number in a float field is the nearest that the field has, so ints beyond 2**53 are not exact there,
as everywhere in NumPy. A record or a bin that does not exist is zero.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, SupportsIndex, TypeAlias, overload

import numpy as np

from . import _native
from ._ffi import ffi, lib
from ._native import Data, Pointer
from ._requests.batch import encode_same
from ._validate import (
    check_bin_name,
    did_you_mean,
    namespace_argument,
    set_argument,
    wrong_type,
)
from ._values import INT64_MAX, encode
from .exception import InvalidArgError
from .keys import request_key
from .types import Key, UserKey

if TYPE_CHECKING:
    import pandas
    import polars
    from numpy.typing import DTypeLike, NDArray

__all__ = ["VALUE_MISMATCH", "NumpyBatchRecords"]

VALUE_MISMATCH: int = lib.ASZ_ERROR_VALUE_MISMATCH
"""The result code of a record with a value that did not fit, when that is no error."""

Errors: TypeAlias = Literal["raise", "zero"]
_RequestKey: TypeAlias = tuple[Any, ...]

_META = np.dtype([("gen", "u4"), ("ttl", "u4")])
_CODE = np.dtype("i4")

_KINDS: dict[tuple[str, int], int] = {
    ("i", 1): lib.ASZ_INT8,
    ("i", 2): lib.ASZ_INT16,
    ("i", 4): lib.ASZ_INT32,
    ("i", 8): lib.ASZ_INT64,
    ("u", 1): lib.ASZ_UINT8,
    ("u", 2): lib.ASZ_UINT16,
    ("u", 4): lib.ASZ_UINT32,
    ("u", 8): lib.ASZ_UINT64,
    ("f", 2): lib.ASZ_FLOAT16,
    ("f", 4): lib.ASZ_FLOAT32,
    ("f", 8): lib.ASZ_FLOAT64,
    ("b", 1): lib.ASZ_BOOL,
}

# The server's numbers of the types of values.
_TYPE_NAMES = {
    1: "an int",
    2: "a float",
    3: "a str",
    17: "a bool",
    18: "a HyperLogLog",
    19: "a dict",
    20: "a list",
    23: "a GeoJSON value",
}


class NumpyBatchRecords:
    """The records of a batch read, as rows of NumPy arrays in the order of the request's keys.

    Attributes:
        batch_records: The bins: a structured array of the given dtype. A record or a bin that does
            not exist is zero; with `mask=True` it is a masked array, and that is masked.
        meta: The metadata: "gen", the generation, and "ttl", the time to live in seconds
            (4294967295: the record never expires). Zeros for a record that was not read.
        result_codes: 0 for a record that was read, otherwise why it was not: 2 when it does not
            exist, 27 when it was filtered out.

    `len` is the number of keys, iterating and `result[0]` are of the rows of `batch_records`, and
    `in` says whether a key was asked for. Two are equal when their keys and arrays are.
    """

    __slots__ = (
        "_keys",
        "_row_by_digest",
        "_row_by_key",
        "_row_by_user_key",
        "batch_records",
        "meta",
        "result_codes",
    )

    def __init__(
        self,
        batch_records: "NDArray[np.void]",
        meta: "NDArray[np.void]",
        result_codes: "NDArray[np.int32]",
        keys: Sequence[_RequestKey],
    ) -> None:
        self.batch_records: NDArray[np.void] = batch_records
        self.meta: NDArray[np.void] = meta
        self.result_codes: NDArray[np.int32] = result_codes
        self._keys = keys
        # Made when they are first needed.
        self._row_by_user_key: dict[Any, int] | None = None
        self._row_by_key: dict[_RequestKey, int] | None = None
        self._row_by_digest: dict[tuple[str, bytes], int] | None = None

    def get(self, key: UserKey | Key) -> np.void:
        """The row of a record.

        Args:
            key: The user key as it was asked for, or a whole key. When several keys have this user
                key, the first one asked for is meant.

        Returns:
            A row of `batch_records`; zero when the record was not read.

        Raises:
            KeyError: The key was not asked for.
        """
        row = self._find(key)
        if row is None:
            raise KeyError(f"{key!r} not found in NumpyBatchRecords")
        found: np.void = self.batch_records[row]
        return found

    def to_polars(self) -> "polars.DataFrame":
        """The fields as columns of a frame of polars, which has to be installed.

        What is masked is null. S and V fields are binary, nested structures are structs, and
        sub-arrays are arrays.

        Raises:
            ImportError: It is not installed.
        """
        from ._numpy_frames import to_polars

        return to_polars(self.batch_records)

    def to_pandas(self) -> "pandas.DataFrame":
        """The fields as columns of a frame of pandas, which has to be installed.

        Numbers of which some are masked are of pandas' nullable types. S and V fields are objects:
        bytes, None where they are masked; so are nested structures, dicts, and sub-arrays, lists.

        Raises:
            ImportError: It is not installed.
        """
        from ._numpy_frames import to_pandas

        return to_pandas(self.batch_records)

    def __contains__(self, key: object) -> bool:
        return self._find(key) is not None

    def __len__(self) -> int:
        return len(self.batch_records)

    def __iter__(self) -> Iterator[np.void]:
        return iter(self.batch_records)

    @overload
    def __getitem__(self, index: SupportsIndex) -> np.void: ...

    @overload
    def __getitem__(self, index: slice) -> "NDArray[np.void]": ...

    def __getitem__(self, index: SupportsIndex | slice) -> "np.void | NDArray[np.void]":
        found: np.void | NDArray[np.void] = self.batch_records[index]
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NumpyBatchRecords):
            return NotImplemented
        return (
            [_hashed(key) for key in self._keys] == [_hashed(key) for key in other._keys]
            and np.array_equal(self.result_codes, other.result_codes)
            and np.array_equal(self.meta, other.meta)
            and np.array_equal(self.batch_records, other.batch_records)
        )

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __repr__(self) -> str:
        ok = int(np.count_nonzero(self.result_codes == 0))
        return f"NumpyBatchRecords(count={len(self)}, ok={ok}, dtype={self.batch_records.dtype})"

    def _find(self, key: Any) -> int | None:
        if isinstance(key, tuple):
            return self._find_whole(request_key(key))
        if isinstance(key, (bytearray, memoryview)):
            key = bytes(key)
        if self._row_by_user_key is None:
            self._row_by_user_key = self._index(lambda asked: _hashable(asked[2]))
        return self._row_by_user_key.get(key)

    def _find_whole(self, key: _RequestKey) -> int | None:
        if len(key) == 3:
            if self._row_by_key is None:
                self._row_by_key = self._index(lambda asked: _whole(asked[:3]))
            row = self._row_by_key.get(_whole(key))
            if row is not None:
                return row
        # One of the two may have been given by its digest.
        if self._row_by_digest is None:
            self._row_by_digest = self._index(_digest)
        return self._row_by_digest.get(_digest(key))

    def _index(self, name: Any) -> dict[Any, int]:
        # Backwards, so that the first of several stays.
        keys = self._keys
        return {name(keys[row]): row for row in range(len(keys) - 1, -1, -1)}


def _hashable(user_key: Any) -> Any:
    return bytes(user_key) if type(user_key) is bytearray else user_key


def _whole(key: _RequestKey) -> _RequestKey:
    return (key[0], key[1], _hashable(key[2]))


def _hashed(key: _RequestKey) -> _RequestKey:
    return (*_whole(key), *key[3:])


def _digest(key: _RequestKey) -> tuple[str, bytes]:
    return key[0], key[3] if len(key) == 4 else _native.key_digest(encode(key))


class Destination:
    """The arrays that one batch read is to fill, and their description for the library.

    As a function of a response it gives the result: the response itself has nothing more to say.
    It has to live until the library has ended the batch.
    """

    __slots__ = (
        "_columns",
        "_errors",
        "_kept",
        "_keys",
        "_memory",
        "_meta",
        "_present",
        "_result_codes",
        "_rows",
        "table",
    )

    def __init__(
        self,
        keys: Sequence[_RequestKey],
        dtype: "np.dtype[Any]",
        errors: Errors,
        *,
        mask: bool = False,
    ) -> None:
        count = len(keys)
        self._keys = keys
        self._errors = errors
        self._columns = _columns(dtype)
        self._rows = np.zeros(count, dtype)
        self._meta = np.zeros(count, _META)
        self._result_codes = np.zeros(count, _CODE)
        self._present = presence_of(dtype, count) if mask else None
        self._memory = tuple(
            ffi.from_buffer("uint8_t[]", array, require_writable=True)
            for array in (self._rows, self._meta, self._result_codes)
        )
        table = ffi.new("asz_table *")
        self.table: Pointer = table
        table.size = ffi.sizeof("asz_table")
        table.column_count = len(self._columns)
        table.columns = self._columns
        table.rows = self._memory[0]
        table.row_stride = dtype.itemsize
        table.row_count = count
        table.metadata = ffi.cast("asz_metadata *", self._memory[1])
        table.result_codes = ffi.cast("int32_t *", self._memory[2])
        if self._present is not None:
            self._kept = ffi.from_buffer("uint8_t[]", self._present, require_writable=True)
            table.present = self._kept

    def __call__(self, _response: Data) -> NumpyBatchRecords:
        if self.table.mismatch.row_count and self._errors == "raise":
            raise self._mismatch()
        rows = self._rows
        if self._present is not None:
            rows = masked(rows, self._present)
        return NumpyBatchRecords(rows, self._meta, self._result_codes, self._keys)

    def _mismatch(self) -> TypeError | OverflowError:
        mismatch = self.table.mismatch
        record = f"the record {self._keys[mismatch.row][:3]!r}"
        return mismatch_error(mismatch, self._rows.dtype, record)


def presence_of(dtype: "np.dtype[Any]", count: int) -> "NDArray[np.uint8]":
    """Memory for what rows have: a byte for each field of each row."""
    return np.zeros((count, len(dtype.names or ())), np.uint8)


def masked(rows: "NDArray[np.void]", present: "NDArray[np.uint8]") -> "NDArray[np.void]":
    """The rows, with a mask over the fields that they have not."""
    mask: Any = np.zeros(len(rows), np.ma.make_mask_descr(rows.dtype))
    # Fields beyond those are not bins.
    for index, name in enumerate((rows.dtype.names or ())[: present.shape[1]]):
        _hide(mask[name], present[:, index] == 0)
    return with_mask(rows, mask)


def with_mask(rows: "NDArray[np.void]", mask: Any) -> "NDArray[np.void]":
    """A masked array of these rows."""
    with np.errstate(over="ignore"):  # NumPy's own filler is too large for a float of two bytes.
        return np.ma.MaskedArray(rows, mask=mask)


def _hide(mask: Any, absent: "NDArray[np.bool_]") -> None:
    for name in mask.dtype.names or ():
        _hide(mask[name], absent)
    if mask.dtype.names is None:
        mask[absent] = True


def _type_name(field: "np.dtype[Any]") -> str:
    if field.subdtype is not None:
        element, shape = field.subdtype
        return f"{_type_name(element)} of the shape {shape}"
    return field.str if field.names is None else "V"


def mismatch_error(
    mismatch: Pointer, dtype: "np.dtype[Any]", record: str
) -> TypeError | OverflowError:
    """What to raise for values that did not fit; `record` says which was the first."""
    assert dtype.names is not None
    name = dtype.names[mismatch.column]
    value = _TYPE_NAMES.get(mismatch.particle_type, "a bytes value")
    place = f"field {name!r} of {record}"
    others = f", and {mismatch.row_count - 1} more records" if mismatch.row_count > 1 else ""
    field = f"its type {_type_name(dtype[name])}"
    if mismatch.reason == lib.ASZ_MISMATCH_TYPE:
        return TypeError(f"{place}: {value} does not fit {field}{others}")
    if mismatch.reason == lib.ASZ_MISMATCH_LENGTH:
        return OverflowError(f"{place}: {value} has not the length for {field}{others}")
    return OverflowError(f"{place}: {value} is out of the range of {field}{others}")


def read_request(
    keys: Iterable[Key],
    bins: Sequence[str] | None,
    dtype: "DTypeLike",
    errors: Errors,
    *,
    mask: bool = False,
) -> tuple[bytes, Destination]:
    """The request of a batch read into arrays, and the arrays.

    Args:
        keys: The keys.
        bins: The names of the bins to read, None for all that the dtype has a field for. Others
            are not asked for.
        dtype: A structured dtype; its fields have the names of the bins.
        errors: What to do with values that do not fit: "raise", or "zero" to leave their fields
            zero and give their records the result code VALUE_MISMATCH.
        mask: Whether the array has a mask over what records have not.

    Raises:
        TypeError: The dtype is not a structured one, a field is of a kind that no bin fits, or a
            key is no key.
        ValueError, OverflowError: A key is not valid.
        BinNameError: A field's name cannot be that of a bin.
        InvalidArgError: `errors` is neither "raise" nor "zero".
    """
    if errors not in ("raise", "zero"):
        raise InvalidArgError(f"errors must be 'raise' or 'zero', not {errors!r:.100}")
    described = dtype_of(dtype, "_dtype")
    names = described.names or ()
    if bins is not None:
        wanted = frozenset(bins)
        fields, names = names, tuple(name for name in names if name in wanted)
        if fields and wanted and not names:
            raise InvalidArgError(f"bins: _dtype has fields for none of them, but {fields}")
    asked = (lib.ASZ_SELECT, names) if names else (lib.ASZ_EXISTS, None)
    checked, request = encode_same(keys, *asked)
    return request, Destination(checked, described, errors, mask=mask)


def dtype_of(given: "DTypeLike", path: str) -> "np.dtype[Any]":
    """The structured dtype that is given in any of the forms that NumPy takes.

    Raises:
        TypeError: It is none.
    """
    try:
        dtype = np.dtype(given)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{path}: {error}") from None
    if dtype.names is None:
        raise TypeError(
            f"{path} must be a structured dtype, such as [('age', 'i4'), ('name', 'S16')], "
            f"not {dtype}"
        )
    return dtype


KEY = "_key"
"""The field for the user keys of a query's records, when they are asked for."""
# What no bin is called, as the name of that field's column.
_NO_BIN = b"\0"


@lru_cache(maxsize=128)
def _columns(dtype: "np.dtype[Any]", key: bool = False) -> Pointer:
    """The description of a dtype's fields for the library; `key`: one may be for user keys."""
    names = dtype.names
    assert names is not None
    assert dtype.fields is not None
    columns = ffi.new("asz_column[]", len(names))
    for column, name in zip(columns, names, strict=True):
        check_bin_name(name)
        encoded = _NO_BIN if key and name == KEY else name.encode()
        field, offset = dtype.fields[name][:2]
        element = field.base
        column.name = encoded
        column.name_len = len(encoded)
        column.offset = offset
        column.size = field.itemsize
        column.element_size = element.itemsize
        column.kind = _kind(element, name)
        column.swapped = not element.isnative
        column.array = field.subdtype is not None
    return columns


def _kind(dtype: "np.dtype[Any]", name: str) -> int:
    if dtype.kind in "SV" and not dtype.hasobject:
        return int(lib.ASZ_BYTES)
    kind = _KINDS.get((dtype.kind, dtype.itemsize))
    if kind is None:
        shown = "O" if dtype.hasobject else dtype.kind
        raise TypeError(
            f"field {name!r} has the type {dtype} (kind={shown!r}), which no bin fits; use "
            "integers, floats of up to 8 bytes, booleans, S or V, or sub-arrays of these"
        )
    return kind


def write_request(
    array: "NDArray[np.void]",
    namespace: str,
    set_name: str | None,
    key_field: str,
    ttl: int | None = None,
    generation: int | None = None,
) -> bytes:
    """The request of a batch that writes one record for each row of a structured array.

    Fields become bins of the same name: integers, floats and booleans as such, S and U as str, V
    as bytes, sub-arrays and nested structures as bytes in the field's own layout.

    Args:
        array: A structured array; its shape does not matter.
        namespace: The records' namespace.
        set_name: The records' set.
        key_field: The field with the user keys; integers, S or U (str), or V (bytes). It is not
            written as a bin.
        ttl: The records' time to live in seconds; None for the policy's.
        generation: The generation that the policy is to compare; None for none.

    Raises:
        TypeError: It is not a structured array, or a field is of a kind that no bin takes.
        InvalidArgError: There is no such key field, or no other field.
        OverflowError: An integer does not fit into 64 bits, signed.
        UnicodeDecodeError: An S field is not UTF-8.
        BinNameError: A field's name cannot be that of a bin.
    """
    names = _fields_to_write(array, key_field)
    rows = array.reshape(-1)
    place = (namespace_argument(namespace), set_argument(set_name))
    user_keys = _keys_of(rows[key_field], key_field)
    columns = [_values_of(rows[name], name) for name in names]
    meta = None if ttl is None and generation is None else (generation, ttl)
    put = int(lib.ASZ_PUT)
    return encode(
        [
            ((*place, user_key), put, dict(zip(names, values, strict=True)), meta)
            for user_key, values in zip(user_keys, zip(*columns, strict=True), strict=True)
        ]
    )


def _fields_to_write(array: Any, key_field: str) -> list[str]:
    if not isinstance(array, np.ndarray) or array.dtype.names is None:
        raise wrong_type("array", "a structured NumPy array", array)
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError("array must not be a masked array; fill it first")
    names = list(array.dtype.names)
    if key_field not in names:
        raise InvalidArgError(
            f"key_field: array has no field {key_field!r} with the user keys"
            f"{did_you_mean(key_field, names)}"
        )
    names.remove(key_field)
    if not names:
        raise InvalidArgError("array has no field beside the user keys")
    for name in names:
        check_bin_name(name)
    return names


def _keys_of(column: "NDArray[Any]", name: str) -> list[Any]:
    if column.ndim != 1 or column.dtype.kind not in "iuSUV" or column.dtype.names is not None:
        raise TypeError(
            f"the key field {name!r} has the type {column.dtype} (kind={column.dtype.kind!r}); "
            "user keys are integers, S, U or V"
        )
    return _values_of(column, name)


def _values_of(column: "NDArray[Any]", name: str) -> list[Any]:
    """The column as a list of built-in values."""
    dtype = column.dtype
    kind = dtype.kind
    if column.ndim > 1 or dtype.names is not None:
        _kind(dtype, name)
        return _bytes_of(column)
    if kind == "U":
        return _listed(column)
    if kind == "S":
        try:
            return [text.decode() for text in _listed(column)]
        except UnicodeDecodeError as error:
            error.reason += f", in field {name!r}; use V for bytes"
            raise
    _kind(dtype, name)
    if kind == "V":
        return _bytes_of(column)
    if kind == "u" and len(column) and int(column.max()) > INT64_MAX:
        raise OverflowError(f"field {name!r}: {column.max()} does not fit into 64 bits, signed")
    return _listed(column)


def _listed(column: "NDArray[Any]") -> list[Any]:
    values: list[Any] = column.tolist()
    return values


def _bytes_of(column: "NDArray[Any]") -> list[bytes]:
    """The memory of each row's field."""
    count = len(column)
    whole = np.ascontiguousarray(column).tobytes()
    size = len(whole) // count if count else 0
    return (
        [whole[start : start + size] for start in range(0, count * size, size)]
        if size
        else ([b""] * count)
    )
