"""Columns of Arrow as arrays of NumPy."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ._ffi import ffi
from ._native import Pointer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBERS = {
    "c": "i1",
    "s": "i2",
    "i": "i4",
    "l": "i8",
    "C": "u1",
    "S": "u2",
    "I": "u4",
    "L": "u8",
    "e": "f2",
    "f": "f4",
    "g": "f8",
    "tdD": "i4",
    "tdm": "datetime64[ms]",
}
_UNITS = {"s": "s", "m": "ms", "u": "us", "n": "ns"}
_OFFSETS = {"u": "i4", "z": "i4", "U": "i8", "Z": "i8"}


def column(table: Pointer, index: int, schema: Pointer, name: str) -> "NDArray[Any]":
    """One column of a table, which the array keeps.

    Raises:
        TypeError: It is of a type that NumPy has not.
    """
    array = table.children[index]
    text = ffi.string(schema.format).decode()
    present = _present(table, array)
    if text == "n":
        return np.full(array.length, None, object)
    if text == "b":
        flags = _bits(table, array, 1)
        return flags if present is None else np.ma.MaskedArray(flags, mask=~present)
    if text in _OFFSETS:
        return _texts(table, array, text, present)
    if text.startswith("w:"):
        return _fixed(table, array, int(text[2:]), present)
    kind = _NUMBERS.get(text) or _time(text)
    if kind is None:
        raise TypeError(f"column {name!r} has lists or maps, which NumPy has no type for")
    dtype = np.dtype(kind)
    numbers = np.frombuffer(_memory(table, array, 1, array.length * dtype.itemsize), dtype)
    if text == "tdD":
        numbers = numbers.astype("datetime64[D]")  # NumPy's have 8 bytes each.
    numbers.flags.writeable = False  # Others have the same memory.
    return numbers if present is None else np.ma.MaskedArray(numbers, mask=~present)


def join(pieces: "list[NDArray[Any]]") -> "NDArray[Any]":
    """The pieces of a column one after the other; masked if one of them is."""
    if len(pieces) == 1:
        return pieces[0]
    is_masked = any(isinstance(piece, np.ma.MaskedArray) for piece in pieces)
    concatenate: Any = np.ma.concatenate if is_masked else np.concatenate
    joined: NDArray[Any] = concatenate(pieces)
    return joined


def _memory(table: Pointer, array: Pointer, which: int, size: int) -> Any:
    """A buffer, which keeps the table."""
    if not size:
        return b""

    def end(_: Pointer) -> None:
        """Has kept the table."""
        assert table is not None

    return ffi.buffer(ffi.gc(ffi.cast("uint8_t *", array.buffers[which]), end), size)


def _bits(table: Pointer, array: Pointer, which: int) -> "NDArray[np.bool_]":
    packed = np.frombuffer(_memory(table, array, which, (array.length + 7) // 8), np.uint8)
    return np.unpackbits(packed, count=array.length, bitorder="little").astype(bool)


def _present(table: Pointer, array: Pointer) -> "NDArray[np.bool_] | None":
    return _bits(table, array, 0) if array.null_count and array.n_buffers else None


def _time(text: str) -> str | None:
    """The type of timestamps and durations, whose times are in UTC."""
    if text.startswith("ts"):
        return f"datetime64[{_UNITS[text[2]]}]"
    if text.startswith("tD"):
        return f"timedelta64[{_UNITS[text[2]]}]"
    return "i4" if text in ("tts", "ttm") else "i8" if text in ("ttu", "ttn") else None


def _texts(table: Pointer, array: Pointer, text: str, present: Any) -> "NDArray[Any]":
    offset = np.dtype(_OFFSETS[text])
    places = _memory(table, array, 1, (array.length + 1) * offset.itemsize)
    ends = np.frombuffer(places, offset).tolist()
    whole = bytes(_memory(table, array, 2, ends[-1]))
    values: list[Any] = [whole[start:end] for start, end in pairwise(ends)]
    if text in "uU":
        values = [value.decode() for value in values]
        kind = getattr(np.dtypes, "StringDType", None)
        if kind is not None:
            return np.array(_without(values, present), kind(na_object=None))
    return _objects(_without(values, present))


def _fixed(table: Pointer, array: Pointer, width: int, present: Any) -> "NDArray[Any]":
    whole = bytes(_memory(table, array, 1, array.length * width))
    values = [whole[row * width : row * width + width] for row in range(array.length)]
    return _objects(_without(values, present))


def _without(values: list[Any], present: Any) -> list[Any]:
    if present is None:
        return values
    return [value if there else None for value, there in zip(values, present, strict=True)]


def _objects(values: list[Any]) -> "NDArray[Any]":
    made = np.empty(len(values), object)
    made[:] = values
    return made
