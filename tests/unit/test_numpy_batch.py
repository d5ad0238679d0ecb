"""NumPy batches without a server: descriptions of dtypes, results, and arrays to be written."""

import os
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import aerospike_py
from aerospike_py import _native
from aerospike_py._ffi import ffi, lib
from aerospike_py.keys import request_key
from aerospike_py.numpy_batch import (
    Destination,
    NumpyBatchRecords,
    _columns,
    masked,
    presence_of,
    read_request,
    write_request,
)

PERSON = np.dtype([("age", "i4"), ("score", "f8"), ("name", "S8")])
KEYS = [("test", "people", "a"), ("test", "people", 2), ("test", "people", b"c")]


def described(dtype):
    """(name, offset, size, element size, kind, swapped, array) of every column."""
    return [
        (
            bytes(ffi.buffer(column.name, column.name_len)).decode(),
            column.offset,
            column.size,
            column.element_size,
            column.kind,
            column.swapped,
            column.array,
        )
        for column in _columns(np.dtype(dtype))
    ]


def records(keys=KEYS, codes=(0, 2, 0)):
    rows = np.zeros(len(keys), PERSON)
    rows["age"] = np.arange(len(keys)) + 10
    meta = np.zeros(len(keys), [("gen", "u4"), ("ttl", "u4")])
    checked = [request_key(key) for key in keys]
    return NumpyBatchRecords(rows, meta, np.array(codes, "i4"), checked)


def test_a_dtype_is_described_field_by_field():
    assert described(PERSON) == [
        ("age", 0, 4, 4, lib.ASZ_INT32, 0, 0),
        ("score", 4, 8, 8, lib.ASZ_FLOAT64, 0, 0),
        ("name", 12, 8, 8, lib.ASZ_BYTES, 0, 0),
    ]


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("i1", lib.ASZ_INT8),
        ("i2", lib.ASZ_INT16),
        ("i8", lib.ASZ_INT64),
        ("u1", lib.ASZ_UINT8),
        ("u2", lib.ASZ_UINT16),
        ("u4", lib.ASZ_UINT32),
        ("u8", lib.ASZ_UINT64),
        ("f2", lib.ASZ_FLOAT16),
        ("f4", lib.ASZ_FLOAT32),
        ("?", lib.ASZ_BOOL),
        ("V5", lib.ASZ_BYTES),
    ],
)
def test_every_kind_of_field_has_its_number(field, kind):
    assert described([("b", field)])[0][4] == kind


def test_padding_and_byte_order_and_titles_are_honoured():
    aligned = np.dtype([("flag", "?"), ("n", ">i8"), (("a title", "s"), "S3")], align=True)
    assert described(aligned) == [
        ("flag", 0, 1, 1, lib.ASZ_BOOL, 0, 0),
        ("n", 8, 8, 8, lib.ASZ_INT64, int(sys.byteorder == "little"), 0),
        ("s", 16, 3, 3, lib.ASZ_BYTES, 0, 0),
    ]
    placed = np.dtype({"names": ["x"], "formats": ["<u2"], "offsets": [6], "itemsize": 16})
    assert described(placed) == [
        ("x", 6, 2, 2, lib.ASZ_UINT16, int(sys.byteorder == "big"), 0),
    ]


def test_sub_arrays_and_nested_structures_are_described():
    dtype = [("m", "f4", (2, 3)), ("one", "i2", (1,)), ("point", [("x", "f4"), ("y", ">f4")])]
    assert described(dtype) == [
        ("m", 0, 24, 4, lib.ASZ_FLOAT32, 0, 1),
        ("one", 24, 2, 2, lib.ASZ_INT16, 0, 1),
        ("point", 26, 8, 8, lib.ASZ_BYTES, 1, 0),
    ]


def test_a_description_is_made_once():
    assert _columns(np.dtype([("n", "i4")])) is _columns(np.dtype([("n", "i4")]))
    assert _columns(np.dtype([("n", "i4")])) is not _columns(np.dtype([("n", ">i4")]))


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("U8", "U"),
        ("O", "O"),
        ("M8[s]", "M"),
        ("m8[s]", "m"),
        ("c16", "c"),
        ([("inner", "O")], "O"),
        (("O", (2,)), "O"),
        (("U4", (2,)), "U"),
    ],
)
def test_a_field_that_no_bin_fits_is_refused_with_its_kind(field, kind):
    with pytest.raises(TypeError, match=f"'b'.*kind='{kind}'"):
        read_request([], None, [("good", "i4"), ("b", field)], "raise")


@pytest.mark.skipif(np.dtype("g").itemsize == 8, reason="long double is double here")
def test_a_long_double_is_refused():
    with pytest.raises(TypeError, match="kind='f'"):
        read_request([], None, [("b", "g")], "raise")


def test_a_plain_dtype_is_refused():
    with pytest.raises(TypeError, match="structured"):
        read_request([], None, "f8", "raise")


def test_a_field_name_that_no_bin_can_have_is_refused():
    with pytest.raises(aerospike_py.BinNameError, match="sixteen_bytes_xx"):
        read_request([], None, [("sixteen_bytes_xx", "i4")], "raise")


def test_an_unknown_choice_for_errors_is_refused():
    with pytest.raises(aerospike_py.InvalidArgError, match="ignore"):
        read_request([], None, PERSON, "ignore")


@pytest.mark.parametrize(
    ("bins", "expected"),
    [
        (None, [lib.ASZ_SELECT, ["age", "score", "name"]]),
        (["name", "age", "unknown"], [lib.ASZ_SELECT, ["age", "name"]]),
        ([], [lib.ASZ_EXISTS, None]),
    ],
)
def test_a_request_asks_for_the_bins_that_have_a_field(bins, expected):
    request, _ = read_request(KEYS, bins, PERSON, "raise")
    keys, *rest = msgspec.msgpack.decode(request)
    assert [tuple(key) for key in keys] == KEYS
    assert rest == expected


def test_the_arrays_begin_as_zeros_of_the_given_dtype():
    dtype = np.dtype([("n", ">i4"), ("v", "f4", (2,))], align=True)
    result = Destination(KEYS, dtype, "raise")(memoryview(b""))
    assert result.batch_records.dtype == dtype
    assert result.batch_records.flags.c_contiguous
    assert result.batch_records.tobytes() == bytes(3 * dtype.itemsize)
    assert result.meta.dtype == np.dtype([("gen", "u4"), ("ttl", "u4")])
    assert result.result_codes.dtype == np.int32
    assert len(result) == len(result.meta) == len(result.result_codes) == 3


def test_the_library_is_given_the_memory_of_the_arrays():
    destination = Destination(KEYS, PERSON, "raise")
    table = destination.table
    table.rows[2 * table.row_stride] = 7
    table.metadata[1].ttl = 60
    table.result_codes[0] = 27
    result = destination(memoryview(b""))
    assert result.batch_records["age"].tolist() == [0, 0, 7]
    assert result.meta["ttl"].tolist() == [0, 60, 0]
    assert result.result_codes.tolist() == [27, 0, 0]


def test_a_field_of_many_elements_is_named_by_element_and_shape():
    destination = Destination(KEYS, np.dtype([("l", "i4", 2), ("g", "f8", (2, 3))]), "raise")
    mismatch = destination.table.mismatch
    mismatch.row_count = 1
    for column, name in enumerate([r"<i4 of the shape \(2,\)$", r"<f8 of the shape \(2, 3\)$"]):
        mismatch.column, mismatch.reason = column, lib.ASZ_MISMATCH_LENGTH
        with pytest.raises(OverflowError, match=name):
            destination(memoryview(b""))


@pytest.mark.parametrize(
    ("reason", "particle", "error", "words"),
    [
        (lib.ASZ_MISMATCH_TYPE, 3, TypeError, "a str does not fit"),
        (lib.ASZ_MISMATCH_RANGE, 1, OverflowError, "an int is out of the range"),
        (lib.ASZ_MISMATCH_LENGTH, 4, OverflowError, "a bytes value has not the length"),
    ],
)
def test_a_value_that_does_not_fit_names_field_and_key(reason, particle, error, words):
    destination = Destination(KEYS, PERSON, "raise")
    mismatch = destination.table.mismatch
    mismatch.row_count, mismatch.row, mismatch.column = 3, 1, 1
    mismatch.reason, mismatch.particle_type = reason, particle
    with pytest.raises(error, match=words) as caught:
        destination(memoryview(b""))
    assert "'score'" in str(caught.value)
    assert "('test', 'people', 2)" in str(caught.value)
    assert "2 more records" in str(caught.value)


def test_values_that_do_not_fit_are_no_error_when_zeros_are_asked_for():
    destination = Destination(KEYS, PERSON, "zero")
    destination.table.mismatch.row_count = 1
    assert len(destination(memoryview(b""))) == 3


def test_rows_are_found_by_user_key_and_by_whole_key():
    result = records()
    assert result.get("a")["age"] == 10
    assert result.get(2)["age"] == 11
    assert result.get(np.int64(2))["age"] == 11
    assert result.get(bytearray(b"c"))["age"] == 12
    assert result.get(("test", "people", 2))["age"] == 11
    assert isinstance(result.get("a"), np.void)
    assert "a" in result
    assert ("test", "people", b"c") in result
    assert "c" not in result
    assert ("test", "other", "a") not in result


def test_a_key_that_was_not_asked_for_is_a_key_error():
    with pytest.raises(KeyError, match="not found in NumpyBatchRecords"):
        records().get("z")
    with pytest.raises(KeyError, match="not found in NumpyBatchRecords"):
        records().get(("test", "people", "z"))


def test_the_same_user_key_in_two_sets_is_two_rows():
    result = records([("test", "x", 1), ("test", "y", 1), ("test", "x", 1)])
    assert result.get(1)["age"] == 10
    assert result.get(("test", "x", 1))["age"] == 10
    assert result.get(("test", "y", 1))["age"] == 11


def test_a_digest_finds_the_key_that_it_belongs_to_and_the_reverse():
    key = ("test", "x", "a")
    digest = _native.key_digest(msgspec.msgpack.encode(key))
    assert records([key], (0,)).get(("test", "x", None, digest))["age"] == 10
    by_digest = records([("test", "x", None, digest)], (0,))
    assert by_digest.get(key)["age"] == 10
    assert ("test", "x", "b") not in by_digest


def test_length_iteration_and_repr_show_the_rows():
    result = records()
    assert len(result) == 3
    assert [int(row["age"]) for row in result] == [10, 11, 12]
    assert "count=3" in repr(result)
    assert "ok=2" in repr(result)


# Arrays to be written.


def written(array, *arguments, **options):
    """[(key, bins, meta)] of the request."""
    rows = msgspec.msgpack.decode(write_request(array, *arguments, **options))
    assert all(row[1] == lib.ASZ_PUT for row in rows)
    return [(tuple(row[0]), row[2], row[3]) for row in rows]


def test_rows_become_records_and_fields_become_bins():
    array = np.array(
        [(1, 2.5, b"Seoul", b"a\0", "é", True), (2, -1.0, b"", b"", "", False)],
        [("pk", "i4"), ("f", ">f4"), ("s", "S8"), ("v", "V2"), ("u", "U3"), ("t", "?")],
    )
    assert written(array, "test", "people", "pk") == [
        (
            ("test", "people", 1),
            {"f": 2.5, "s": "Seoul", "v": b"a\0", "u": "é", "t": True},
            None,
        ),
        (
            ("test", "people", 2),
            {"f": -1.0, "s": "", "v": b"\0\0", "u": "", "t": False},
            None,
        ),
    ]


@pytest.mark.parametrize(
    ("field", "value", "key"),
    [("S4", b"ab", "ab"), ("U4", "ab", "ab"), ("V2", b"a\0", b"a\0"), ("u8", 7, 7)],
)
def test_user_keys_are_str_bytes_or_int(field, value, key):
    array = np.array([(value, 1)], [("pk", field), ("n", "i4")])
    assert written(array, "test", None, "pk") == [(("test", "", key), {"n": 1}, None)]


def test_sub_arrays_and_structures_become_bytes_in_their_layout():
    array = np.zeros(2, [("pk", "i8"), ("m", ">i2", (2, 2)), ("p", [("x", "<i2"), ("y", "i1")])])
    array["pk"] = [1, 2]
    array["m"][1] = [[1, 2], [3, 4]]
    array["p"][0] = (258, 3)
    (_, first, _), (_, second, _) = written(array, "test", "s", "pk")
    assert first == {"m": bytes(8), "p": b"\x02\x01\x03"}
    assert second == {"m": b"\0\x01\0\x02\0\x03\0\x04", "p": bytes(3)}


def test_views_of_every_shape_are_written():
    array = np.zeros((4, 2), [("pk", "i4"), ("n", "i4")])
    array["pk"] = np.arange(8).reshape(4, 2)
    keys = [key[2] for key, _, _ in written(array[::-2, :1], "test", "s", "pk")]
    assert keys == [6, 2]
    assert written(array[:0], "test", "s", "pk") == []


def test_ttl_and_generation_go_with_every_row():
    array = np.array([(1, 2)], [("pk", "i4"), ("n", "i4")])
    assert written(array, "test", "s", "pk", ttl=60)[0][2] == [None, 60]
    assert written(array, "test", "s", "pk", generation=3)[0][2] == [3, None]


@pytest.mark.parametrize(
    ("array", "error", "words"),
    [
        (np.zeros(1, "i4"), TypeError, "structured"),
        ([(1, 2)], TypeError, "structured"),
        (np.ma.zeros(1, [("pk", "i4"), ("n", "i4")]), TypeError, "masked"),
        (np.zeros(1, [("key", "i4"), ("n", "i4")]), aerospike_py.InvalidArgError, "'pk'"),
        (np.zeros(1, [("pk", "i4")]), aerospike_py.InvalidArgError, "no field beside"),
        (np.zeros(1, [("pk", "f8"), ("n", "i4")]), TypeError, "'pk'.*kind='f'"),
        (np.zeros(1, [("pk", "i4", (2,)), ("n", "i4")]), TypeError, "'pk'"),
        (np.zeros(1, [("pk", "i4"), ("n", "M8[s]")]), TypeError, "'n'.*kind='M'"),
        (np.zeros(1, [("pk", "i4"), ("n", "O")]), TypeError, "'n'.*kind='O'"),
        (np.zeros(1, [("pk", "i4"), ("n", "U2", (2,))]), TypeError, "'n'.*kind='U'"),
        (np.full(1, 2**63, [("pk", "i4"), ("n", "u8")]), OverflowError, "'n'"),
        (np.zeros(1, [("pk", "i4"), ("n" * 16, "i4")]), aerospike_py.BinNameError, "n" * 16),
        (np.array([(1, b"\xff")], [("pk", "i4"), ("s", "S2")]), UnicodeDecodeError, "'s'"),
    ],
)
def test_an_array_that_cannot_be_written_is_refused_by_name(array, error, words):
    with pytest.raises(error, match=words):
        write_request(array, "test", "s", "pk")


@given(
    npst.arrays(
        np.dtype([("pk", "i8"), ("a", ">i4"), ("b", "u2"), ("c", "f4"), ("d", "?")]),
        st.integers(0, 20),
    )
)
def test_what_is_written_is_what_the_array_has(array):
    rows = written(array, "test", "s", "pk")
    assert [key[2] for key, _, _ in rows] == array["pk"].tolist()
    for name in ("a", "b", "c", "d"):
        values = np.array([bins[name] for _, bins, _ in rows], array.dtype[name])
        assert np.array_equal(values, array[name], equal_nan=name == "c")


def test_numpy_is_not_imported_with_the_package():
    code = "import aerospike_py, sys; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})


EVERYTHING = np.dtype(
    {
        "names": ["small", "big", "half", "flag", "text", "raw", "pair", "grid", "place"],
        "formats": [
            "i1",
            ">i8",
            "f2",
            "?",
            "S4",
            "V3",
            (">f4", 2),
            ("S2", (2, 1)),
            [("x", ">u2"), ("y", "V2", 2), ("z", [("deep", "f8")])],
        ],
        "offsets": [3, 8, 18, 21, 24, 31, 40, 50, 60],
        "itemsize": 90,
    }
)
ROW = (
    -5,
    2**62,
    1.5,
    True,
    b"ab",
    b"\1\2\0",
    [0.5, -2],
    [[b"a"], [b"bc"]],
    (7, [b"\0\1", b"\2\0"], (0.25,)),
)
SHOWN = {
    "small": -5,
    "big": 2**62,
    "half": 1.5,
    "flag": True,
    "text": b"ab",
    "raw": b"\1\2\0",
    "pair": [0.5, -2.0],
    "grid": [[b"a"], [b"bc"]],
    "place": {"x": 7, "y": [b"\0\1", b"\2\0"], "z": {"deep": 0.25}},
}


def framed(rows):
    count = len(rows)
    meta = np.zeros(count, [("gen", "u4"), ("ttl", "u4")])
    codes = np.zeros(count, "i4")
    return NumpyBatchRecords(rows, meta, codes, [request_key(KEYS[0])] * count)


def test_every_kind_of_field_is_a_column_of_polars():
    polars = pytest.importorskip("polars")
    frame = framed(np.array([ROW, ROW], EVERYTHING)).to_polars()
    assert frame.to_dicts() == [SHOWN, SHOWN]
    assert frame.schema["big"] == polars.Int64
    assert frame.schema["text"] == polars.Binary
    assert frame.schema["pair"] == polars.Array(polars.Float32, 2)
    assert frame.schema["place"].fields[1] == polars.Field("y", polars.Array(polars.Binary, 2))
    assert framed(np.zeros(0, EVERYTHING)).to_polars().schema == frame.schema


def test_every_kind_of_field_is_a_column_of_pandas():
    pytest.importorskip("pandas")
    frame = framed(np.array([ROW, ROW], EVERYTHING)).to_pandas()
    assert frame.to_dict("records") == [SHOWN, SHOWN]
    assert [str(kind) for kind in frame.dtypes][:4] == ["int8", "int64", "float16", "bool"]
    assert framed(np.zeros(0, EVERYTHING)).to_pandas().columns.tolist() == list(SHOWN)


def test_what_is_masked_is_null_in_frames():
    pandas = pytest.importorskip("pandas")
    present = presence_of(EVERYTHING, 3)
    present[::2] = 1
    result = framed(masked(np.array([ROW] * 3, EVERYTHING), present))
    nothing = dict.fromkeys(SHOWN)
    assert result.to_polars().to_dicts() == [SHOWN, nothing, SHOWN]
    frame = result.to_pandas()
    rows = frame.to_dict("records")
    assert [rows[0], rows[2]] == [SHOWN, SHOWN]
    assert all(value is None or value is pandas.NA for value in rows[1].values())
    assert [str(kind) for kind in frame.dtypes][:4] == ["Int8", "Int64", "Float32", "boolean"]
