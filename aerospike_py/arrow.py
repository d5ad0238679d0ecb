r"""Records as columns of Arrow, and tables of Arrow as records.

The library makes the columns without the GIL, in memory that other libraries take over as it is: by
Arrow's PyCapsule interface, which pyarrow, polars, pandas, DuckDB and others understand. None of
them has to be installed.

What columns are made of bins, unless a schema says otherwise:

- int: int64
- float, and float beside int: float64, unless there is an int beyond 2**53 first
- bool: bool
- str: utf8
- bytes: binary
- GeoJSON and HyperLogLog: utf8 and binary, with "aerospike:type" in the field's metadata
- list: list of what all elements have in common
- dict: map of what all keys and all values have in common; where values have nothing in common and
  all keys are str, a struct with a field for each

A column is called as the bin is in a record: what of a name is not UTF-8 is shown as `\xff`. A bin
that a record has not, and one of a record that was not read, is null; so is None in a list or
dict. Types are inferred from all values of the first table; values that come later have to fit.

A schema names types as libraries of Arrow do: "int8" to "uint64", "float16" to "float64", "bool",
"utf8", "large_utf8", "binary", "large_binary", "fixed_size_binary[16]", "date32", "timestamp[ms]"
or "timestamp[us, UTC]", "time64[us]", "duration[s]", "geojson", "list<int64>",
"map<utf8, float64>", "struct<name: utf8, age: int64>"; a class of Python, and a type of pyarrow or
polars, does, too. Times are ints in that unit; those of a day lie within it, and a date64 is whole
days. Numbers and bools go into numbers that have room for them, and str, bytes and the rest into
binary.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias

import numpy as np

from . import _arrow_types
from ._ffi import ffi, lib
from ._native import Data, Pointer, columns
from ._native.columns import ARRAY, SCHEMA, Maker, Misfit
from ._validate import ROWS, check_bin_name, check_bool, check_str, did_you_mean
from ._values import encode
from .exception import BinNameError, ClientError, InvalidArgError

if TYPE_CHECKING:
    import pandas
    import polars
    from numpy.typing import NDArray

    from .query import ArrowStream

__all__ = ["VALUE_MISMATCH", "ArrowBatch", "ArrowTable"]

VALUE_MISMATCH: int = lib.ASZ_ERROR_VALUE_MISMATCH
"""The result code of a record with a value that did not fit, when that is no error."""

Errors: TypeAlias = Literal["raise", "null"]

# How pyarrow calls the index of a frame of pandas that has no name.
_INDEX_OF_PANDAS = "__index_level_"
# About so many values are made between two turns of an event loop: half a millisecond.
_STEP_VALUES = 32_768
# Records of a query's first table, so that it comes soon; each one after it has twice as many.
_FIRST_ROWS = 4096


def describe(
    bins: Sequence[str] | None, schema: Any, key: bool, meta: bool, errors: Errors
) -> tuple[list[str] | None, bytes]:
    """The bins to be read, None for all, and the description of the columns for the library.

    Raises:
        TypeError, InvalidArgError, BinNameError: An argument is not valid.
    """
    if errors not in ("raise", "null"):
        raise InvalidArgError(f"errors must be 'raise' or 'null', not {errors!r:.100}")
    given = {} if schema is None else _arrow_types.columns(schema)
    names: list[str] | None = None
    if bins is not None:
        names = list(dict.fromkeys(bins))
    elif schema is not None:
        names = [name for name in given if not (key and name == "_key")]
    description: dict[str, Any] = {
        "key": check_bool(key, "key"),
        "meta": check_bool(meta, "meta"),
        "nulls": errors == "null",
    }
    if names is not None:
        wanted = [given.get(name) or _arrow_types.inferred(name) for name in names]
        if key and "_key" in given:
            wanted.append(given["_key"])
        description["columns"] = wanted
    return names, encode(description)


class Making:
    """One table being made of the records that a maker has.

    Args:
        maker: Has the records.
        count: How many.
        keys: The keys that were asked for, to say which record a value was of.
    """

    def __init__(self, maker: Maker, count: int, keys: Sequence[Any] | None = None) -> None:
        self._maker = maker
        self._count = count
        self._keys = keys
        self._array = columns.new_array()

    def step(self, values: int = _STEP_VALUES) -> bool:
        """Makes about so many values, 0 for all of them; whether the table is whole.

        Raises:
            TypeError, OverflowError: A value does not fit its column.
        """
        misfit = self._maker.make(values, self._array)
        if misfit is not None:
            raise self._error(misfit)
        return bool(self._array.release != ffi.NULL)

    def result(self) -> "ArrowBatch":
        """The table, when it is whole."""
        codes = np.zeros(self._count, np.int32)
        self._maker.codes(ffi.from_buffer("int32_t[]", codes, require_writable=True), self._count)
        self._maker.clear()
        return ArrowBatch(self._maker, self._array, codes)

    def _error(self, misfit: Misfit) -> TypeError | OverflowError:
        text = str(misfit)
        if self._keys is not None and misfit.row < len(self._keys):
            record = f"the record {self._keys[misfit.row][:3]!r}"
            text = text.replace(f"the record in row {misfit.row}", record, 1)
        return TypeError(text) if misfit.is_type else OverflowError(text)


class Destination:
    """What a batch read into columns fills.

    As a function of a response it gives itself: what is to be done then is in `making`. It has to
    live until the library has ended the batch.
    """

    __slots__ = ("_keys", "_maker", "arrow")

    def __init__(self, description: bytes, keys: Sequence[Any]) -> None:
        self._maker = Maker(description)
        self._keys = keys
        self.arrow: Pointer = self._maker.pointer

    def __call__(self, _response: Data) -> "Destination":
        return self

    def making(self) -> Making:
        """The table, to be made."""
        return Making(self._maker, len(self._keys), self._keys)


class Gatherer:
    """Makes tables of the records of a query.

    Args:
        description: Of the columns.
        rows: How many records go into a table; the first ones have fewer.

    Raises:
        TypeError: `rows` is not an int.
        InvalidArgError: `rows` is not positive.
    """

    def __init__(self, description: bytes, rows: int) -> None:
        self._rows_max: int = ROWS.check(rows, "rows")
        self._maker = Maker(description)
        self.arrow: Pointer = self._maker.pointer
        self.rows: int = min(self._rows_max, _FIRST_ROWS)

    def making(self, count: int) -> Making:
        """The table of so many records, to be made."""
        self.rows = min(2 * self.rows, self._rows_max)
        return Making(self._maker, count)


class _Frames:
    """What has columns that others take over."""

    __slots__ = ()

    def _stream(self) -> "_Batches":
        raise NotImplementedError

    def _schema(self) -> Pointer:
        raise NotImplementedError

    def __arrow_c_schema__(self) -> object:
        return columns.capsule(SCHEMA, self._schema())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return columns.stream_capsule(self._stream())

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"an {type(self).__name__} shares its memory and cannot be copied or pickled; "
            "pyarrow.table(…) of it, and frames and arrays made of it, can"
        )

    def to_polars(self) -> "polars.DataFrame":
        """The columns as a frame of polars, which has to be installed.

        Raises:
            ImportError: It is not.
        """
        import polars

        return polars.DataFrame(self)

    def to_pandas(self, **options: Any) -> "pandas.DataFrame":
        """The columns as a frame of pandas, which has to be installed, and pyarrow.

        Args:
            **options: For pyarrow's `Table.to_pandas`.

        Raises:
            ImportError: One of them is not.
        """
        import pyarrow

        frame: pandas.DataFrame = pyarrow.table(self).to_pandas(**options)
        return frame

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""
        return columns.names_of(self._schema())


class ArrowBatch(_Frames):
    """Records as columns, one row each: those of a batch read in the order of its keys.

    Any number of others can have the columns, as `__arrow_c_array__` or `__arrow_c_stream__`,
    without a copy; their memory is freed when nobody has them any more.

    Attributes:
        result_codes: A NumPy array: 0 for a record that was read, otherwise why it was not, 2 when
            it does not exist; `VALUE_MISMATCH` for one with a value that did not fit and is null.
    """

    __slots__ = ("_array", "_maker", "result_codes")

    def __init__(self, maker: Maker, array: Pointer, result_codes: "NDArray[np.int32]") -> None:
        self._maker = maker
        self._array = array
        self.result_codes: NDArray[np.int32] = result_codes

    def __len__(self) -> int:
        return len(self.result_codes)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        shared = columns.share(self._array)
        return columns.capsule(SCHEMA, self._schema()), columns.capsule(ARRAY, shared)

    def _schema(self) -> Pointer:
        return self._maker.schema()

    def _stream(self) -> "_Batches":
        return _Batches(self, iter([self]))

    def to_numpy(self) -> "dict[str, NDArray[Any]]":
        """The columns as arrays of NumPy, by their names.

        Numbers and times lie where they are, without a copy, and are only read: others may have
        the same memory. Those with nulls are masked arrays, and so are bools. Texts are of NumPy's
        `StringDType`, where it has that (2.0), with None for null, otherwise objects, as bytes are.

        Raises:
            TypeError: A column has lists or maps.
        """
        from ._arrow_numpy import column

        schema = self._schema()
        return {
            name: column(self._array, index, schema.children[index], name)
            for index, name in enumerate(self.column_names)
        }

    def __repr__(self) -> str:
        names = ", ".join(self.column_names)
        return f"ArrowBatch({len(self)} rows: {names})"


class ArrowTable(_Frames):
    """Records as columns, in pieces that have the same ones.

    Attributes:
        batches: The pieces.
    """

    __slots__ = ("_first", "batches")

    def __init__(self, batches: Sequence[ArrowBatch]) -> None:
        self._first = batches[0]
        self.batches: list[ArrowBatch] = [batch for batch in batches if len(batch)]

    def __len__(self) -> int:
        return sum(len(batch) for batch in self.batches)

    def _schema(self) -> Pointer:
        return self._first._schema()

    def _stream(self) -> "_Batches":
        return _Batches(self, iter(self.batches))

    def to_numpy(self) -> "dict[str, NDArray[Any]]":
        """The columns of all pieces, one after the other, as `ArrowBatch.to_numpy` gives them.

        Raises:
            TypeError: A column has lists or maps.
        """
        from ._arrow_numpy import join

        pieces = [batch.to_numpy() for batch in self.batches or [self._first]]
        return {name: join([piece[name] for piece in pieces]) for name in self.column_names}

    def __repr__(self) -> str:
        names = ", ".join(self.column_names)
        return f"ArrowTable({len(self)} rows in {len(self.batches)} batches: {names})"


class _Batches:
    """Has others read batches as a stream."""

    def __init__(self, frames: _Frames, batches: Iterator[ArrowBatch]) -> None:
        self._frames = frames
        self._batches = batches

    def schema(self) -> Pointer:
        """The type of all batches."""
        return self._frames._schema()

    def next(self) -> Pointer | None:
        """The next batch."""
        batch = next(self._batches, None)
        return None if batch is None else columns.share(batch._array)

    def failed(self, error: BaseException) -> None:
        """There is nothing to be kept: reading what is there does not fail of the network."""

    def released(self) -> None:
        """Nothing waits."""


class QueryStream:
    """Has others read the tables of a query as a stream.

    Args:
        stream: The tables, which are read when they are asked for.
    """

    def __init__(self, stream: "ArrowStream") -> None:
        self._stream = stream

    def capsule(self) -> object:
        """A capsule with the stream."""
        return columns.stream_capsule(self)

    def schema_capsule(self) -> object:
        """A capsule with the type of the tables, which are not read by that."""
        return columns.capsule(SCHEMA, self.schema())

    def schema(self) -> Pointer:
        """The type of all tables, which is known when the first has come."""
        return self._stream._peek()._schema()

    def next(self) -> Pointer | None:
        """The next table.

        Raises:
            ClientError: The results were closed: what was read is not all.
        """
        batch = next(self._stream, None)
        if batch is None:
            if not self._stream._is_at_end:
                raise ClientError("the results were closed")
            return None
        return columns.share(batch._array)

    def failed(self, error: BaseException) -> None:
        """Keeps what whoever reads is told as a text, without the frames that it has passed.

        Those refer to whoever reads, who has this in a way of which no collector hears.
        """
        self._stream.error = error
        passed: BaseException | None = error
        while passed is not None:
            passed.__traceback__ = None
            passed = passed.__cause__ or passed.__context__

    def released(self) -> None:
        """Has the servers stop, wherever the reader was."""
        self._stream.close()


def write_requests(
    table: Any,
    place: tuple[str, str],
    key_column: str,
    meta: tuple[int | None, int | None] | None,
    rows: int,
    *,
    removes: bool,
) -> Iterator[bytes]:
    """The requests of batches that write a record for each row of a table.

    Args:
        table: Has `__arrow_c_stream__`.
        place: The records' namespace and set.
        key_column: The column with the user keys.
        meta: The expected generation and the time to live.
        rows: How many rows go into one batch.
        removes: A null removes the bin.

    Raises:
        TypeError: It is no table, or there is a type that no bin takes.
        InvalidArgError: There is no such key column, or no other column, or two have one name.
        BinNameError: A column's name cannot be that of a bin.
        OverflowError: An integer does not fit into 64 bits, signed.
    """
    if not hasattr(table, "__arrow_c_stream__"):
        raise TypeError(
            f"table must have __arrow_c_stream__, as those of pyarrow, polars and pandas have, "
            f"not {type(table).__name__}"
        )
    rows = ROWS.check(rows, "rows")
    check_str(key_column, "key_column")
    _check_objects(table)
    stream = columns.stream_of(table)
    schema = columns.schema_of_stream(stream)
    if ffi.string(schema.format) != b"+s":
        raise TypeError("table: its type is no struct, which has a field for each bin")
    names = columns.names_of(schema)
    if key_column not in names:
        raise InvalidArgError(
            f"key_column: table has no column {key_column!r} with the user keys"
            f"{did_you_mean(key_column, names)}"
        )
    names.remove(key_column)
    if not names:
        raise InvalidArgError("table has no column beside the user keys")
    seen = {key_column}
    for name in names:
        if name.startswith(_INDEX_OF_PANDAS):
            raise BinNameError(
                f"table: {name!r} is no column but the index of a frame of pandas, which "
                "frame.reset_index(drop=True) leaves out"
            )
        check_bin_name(name, "table: the column")
        if name in seen:
            raise InvalidArgError(f"table has two columns called {name!r}")
        seen.add(name)
    return _parts(stream, schema, (*place, key_column, meta, removes), rows)


def _check_objects(table: Any) -> None:
    """Refuses objects of Python, of which polars gives nothing away but 8 bytes each.

    Raises:
        TypeError: The table is a frame of polars with such a column.
    """
    polars = sys.modules.get("polars")  # Who has its frames has imported it.
    if polars is not None and isinstance(table, polars.DataFrame):
        for name, of in table.schema.items():
            if of == polars.Object:
                raise TypeError(f"column {name!r} has polars' type Object, which no bin takes")


def _parts(stream: Pointer, schema: Pointer, place: tuple[Any, ...], rows: int) -> Iterator[bytes]:
    number = 0
    for array in columns.arrays(stream):
        described = encode((*place, number))
        for first in range(0, array.length, rows):
            count = min(rows, array.length - first)
            yield columns.encode_rows(schema, array, first, count, described)
        number += array.length
