"""Arrays of NumPy as frames of polars and pandas: a column for each field.

What is masked is null. S fields are binary, as far as NumPy shows them, and V fields whole; a frame
has a structure for a nested one, and an array, or in pandas a list, for a sub-array.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas
    import polars
    from numpy.typing import NDArray

Column = tuple[str, "NDArray[Any]", "NDArray[np.bool_] | None"]


def to_polars(rows: "NDArray[np.void]") -> "polars.DataFrame":
    """The fields of a structured array, of whatever dtype that a batch can be read into."""
    import polars

    frame: polars.DataFrame = polars.DataFrame(
        [_series(polars, *column) for column in _columns(rows)]
    )
    return frame


def to_pandas(rows: "NDArray[np.void]") -> "pandas.DataFrame":
    """The same for pandas; numbers with nulls are of its nullable types."""
    import pandas

    frame: pandas.DataFrame = pandas.DataFrame(
        {column[0]: _extension(pandas, *column) for column in _columns(rows)}
    )
    return frame


def _columns(rows: "NDArray[np.void]") -> Iterator[Column]:
    """The name, the values and the mask of each field, if anything of it is masked."""
    masks: Any = np.ma.getmaskarray(rows) if isinstance(rows, np.ma.MaskedArray) else None
    for name in rows.dtype.names or ():
        mask = None if masks is None else _mask(masks[name])
        yield name, np.ma.getdata(rows)[name], mask if mask is not None and mask.any() else None


def _mask(field: "NDArray[Any]") -> "NDArray[np.bool_]":
    """Of a field, whose parts are all masked or none."""
    while field.dtype.names:
        field = field[field.dtype.names[0]]
    while field.ndim > 1:
        field = field[:, 0]
    return field


def _plain(values: "NDArray[Any]") -> "NDArray[Any]":
    """Numbers one after the other, in this machine's byte order."""
    return np.ascontiguousarray(values, values.dtype.newbyteorder("="))


def _is_number(dtype: "np.dtype[Any]") -> bool:
    return dtype.kind in "iufb"


def _objects(values: "NDArray[Any]") -> list[Any]:
    """Objects of Python: of a structure a dict, of a sub-array a list, of a V field all bytes."""
    dtype = values.dtype
    if values.ndim > 1:
        return [_objects(row) for row in values]
    if dtype.names:
        fields = [_objects(values[name]) for name in dtype.names]
        return [dict(zip(dtype.names, row, strict=True)) for row in zip(*fields, strict=True)]
    return [value.tobytes() for value in values] if dtype.kind == "V" else values.tolist()


def _series(
    module: Any, name: str, values: "NDArray[Any]", mask: "NDArray[np.bool_] | None"
) -> "polars.Series":
    series: polars.Series
    if _is_number(values.dtype):
        series = module.Series(name, _plain(values))
    elif values.dtype.names and values.ndim == 1:
        inner = [_series(module, *column) for column in _columns(values)]
        series = module.DataFrame(inner).to_struct(name)
    else:
        kind = _polars_type(module, values.dtype)
        if values.ndim > 1:
            kind = module.Array(kind, values.shape[1:])
        series = module.Series(name, _objects(values), dtype=kind)
    if mask is None:
        return series
    nothing = module.Series(name, [None], dtype=series.dtype).new_from_index(0, len(mask))
    series = series.zip_with(module.Series(~mask), nothing)
    return series


def _polars_type(module: Any, dtype: "np.dtype[Any]") -> Any:
    if dtype.subdtype is not None:
        inner, shape = dtype.subdtype
        return module.Array(_polars_type(module, inner), shape)
    if dtype.names:
        return module.Struct({name: _polars_type(module, dtype[name]) for name in dtype.names})
    return module.Series(_plain(np.zeros(0, dtype))).dtype if _is_number(dtype) else module.Binary


def _extension(
    module: Any, name: str, values: "NDArray[Any]", mask: "NDArray[np.bool_] | None"
) -> Any:
    """What pandas makes a column of."""
    if values.ndim > 1 or not _is_number(values.dtype):
        objects = _objects(values)
        if mask is not None:
            objects = [None if gone else value for value, gone in zip(objects, mask, strict=True)]
        return module.Series(objects, dtype=object)
    plain = _plain(values)
    if mask is None:
        return plain
    if plain.dtype.kind == "b":
        return module.arrays.BooleanArray(plain, mask)
    if plain.dtype.kind == "f":  # Of which there is none with two bytes.
        return module.arrays.FloatingArray(plain.astype(f"f{max(4, plain.itemsize)}"), mask)
    return module.arrays.IntegerArray(plain, mask)
