"""Batches and queries into columns of Arrow, and tables of Arrow into records."""

import asyncio
import copy
import gc
import math
import pickle
import re
import uuid
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aerospike_py
from aerospike_py import Client, GeoJSON, HyperLogLog, InvalidArgError
from aerospike_py.arrow import VALUE_MISMATCH
from aerospike_py.exception import BinNameError, ClientError
from aerospike_py.types import BatchPolicy

NAMESPACE = "test"
COUNT = 300
POINT = GeoJSON({"type": "Point", "coordinates": [1.5, 2.5]})


def bins_of(number: int) -> dict[str, Any]:
    bins: dict[str, Any] = {
        "id": number,
        "score": number / 4,
        "name": f"näme {number}",
        "flag": number % 3 == 0,
        "data": bytes([number % 256] * (number % 3)),
        "list": [number, number + 1][: number % 3],
        "map": {"a": number, "b": -number},
        "struct": {"n": number, "s": str(number)},
        "nested": [{"x": [number]}, {}],
        "place": POINT,
        "when": 1_700_000_000_000 + number,
    }
    if number % 5 == 0:
        del bins["score"]
    if number % 7 == 0:
        bins["list"] = [None, number]
    return bins


@pytest.fixture(scope="module")
def filled(server: Any, set_prefix: str) -> str:
    name = f"{set_prefix}_arrow_{uuid.uuid4().hex[:6]}"
    with aerospike_py.client(server.config).connect() as client:
        rows = [((NAMESPACE, name, number), bins_of(number)) for number in range(COUNT)]
        assert all(row.result == 0 for row in client.batch_write(rows))
    return name


def keys(set_name: str, count: int = COUNT) -> list[Any]:
    return [(NAMESPACE, set_name, number) for number in range(count)]


def shown(value: Any) -> Any:
    """A value as Python reads it back from a column."""
    return value.text if isinstance(value, GeoJSON) else value


def records_of(table: Any) -> list[dict[str, Any]]:
    """The rows of a table as dicts, without what is null, and maps as dicts."""
    return [
        {
            name: dict(value) if name == "map" else value
            for name, value in row.items()
            if value is not None
        }
        for row in pa.table(table).to_pylist(maps_as_pydicts=None)
    ]


def expected(number: int) -> dict[str, Any]:
    bins = {name: shown(value) for name, value in bins_of(number).items()}
    bins["nested"] = [[("x", [number])], []]
    return bins


def test_a_batch_is_columns_of_every_type(client: Client, filled: str) -> None:
    batch = client.batch_read_arrow(keys(filled, COUNT + 2))
    assert len(batch) == COUNT + 2
    assert batch.result_codes.tolist() == [0] * COUNT + [2, 2]
    table = pa.table(batch)
    table.validate(full=True)
    types = {field.name: str(field.type) for field in table.schema}
    assert types["id"] == "int64"
    assert types["score"] == "double"
    assert types["name"] == "string"
    assert types["flag"] == "bool"
    assert types["data"] == "binary"
    assert types["list"] == "list<item: int64>"
    assert types["map"] == "map<string, int64>"
    assert types["struct"] == "struct<n: int64, s: string>"
    assert types["place"] == "string"
    assert table.schema.field("place").metadata == {b"aerospike:type": b"geojson"}
    assert table.schema.field("id").nullable
    rows = records_of(batch)
    assert rows[:COUNT] == [expected(number) for number in range(COUNT)]
    assert rows[COUNT:] == [{}, {}]
    assert table.column("score").null_count == COUNT // 5 + 2


def test_the_same_in_polars_pandas_and_numpy(client: Client, filled: str) -> None:
    batch = client.batch_read_arrow(keys(filled), ["id", "score", "name", "list"], key=True)
    table = pa.table(batch)
    frame = batch.to_polars()
    assert frame["id"].to_list() == list(range(COUNT))
    assert frame["name"].to_list() == table["name"].to_pylist()
    assert frame["list"].to_list() == table["list"].to_pylist()
    assert frame["score"].null_count() == COUNT // 5
    pandas = batch.to_pandas()
    assert pandas["id"].tolist() == list(range(COUNT))
    assert int(pandas["score"].isna().sum()) == COUNT // 5
    dtype = np.dtype([("id", "i8"), ("score", "f8")])
    array = client.batch_read(keys(filled), _dtype=dtype).batch_records
    assert np.array_equal(array["id"], table["id"].to_numpy())
    assert np.array_equal(array["score"], table["score"].fill_null(0).to_numpy())
    assert frame["_key"].to_list() == list(range(COUNT))


def test_arrays_of_numpy(client: Client, filled: str) -> None:
    asked = [*keys(filled, 20), (NAMESPACE, filled, "none")]
    schema = dict.fromkeys(("id", "score", "name", "flag", "data"))
    batch = client.batch_read_arrow(asked, schema={**schema, "when": "timestamp[ms]"})
    arrays = batch.to_numpy()
    table = pa.table(batch)
    for name in ("id", "score", "flag"):
        assert arrays[name].tolist() == table[name].to_pylist()
        assert arrays[name].mask[-1]
    assert arrays["name"].tolist() == table["name"].to_pylist()
    assert arrays["data"].tolist() == table["data"].to_pylist()
    if hasattr(np.dtypes, "StringDType"):
        assert isinstance(arrays["name"].dtype, np.dtypes.StringDType)
    whole = client.batch_read_arrow(asked[:20], schema={"when": "timestamp[ms]", "id": None})
    kept = whole.to_numpy()
    del whole
    gc.collect()
    assert kept["when"].dtype == np.dtype("datetime64[ms]")
    assert kept["when"].astype("i8").tolist() == [bins_of(each)["when"] for each in range(20)]
    assert kept["id"].tolist() == list(range(20))
    for array in (kept["id"], arrays["id"]):  # Whose memory a frame may have, too.
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    with pytest.raises(TypeError, match="'list'"):
        client.batch_read_arrow(asked, ["list"]).to_numpy()


def test_days_are_arrays_of_numpy(plain_client: Client, set_name: str) -> None:
    days = [0, -1, 20_000, None, *range(1000)]
    asked = keys(f"{set_name}_days", len(days))
    plain_client.batch_write(
        [(key, {"d": day, "there": 1}) for key, day in zip(asked, days, strict=True)]
    )
    for kind in ("date32", pa.date32(), pl.Date):
        found = plain_client.batch_read_arrow(asked, schema={"d": kind}).to_numpy()["d"]
        assert found.dtype == "datetime64[D]"
        assert found.astype("i8").tolist() == days


def test_pieces_of_a_table_are_one_array(client: Client, filled: str) -> None:
    query = client.query(NAMESPACE, filled).select("id", "score", "name")
    table = query.to_arrow(rows=40).read_all()
    assert len(table.batches) > 1
    arrays = table.to_numpy()
    whole = pa.table(table)
    for name in ("id", "score", "name"):
        assert arrays[name].tolist() == whole[name].to_pylist()
    assert np.ma.count_masked(arrays["score"]) == COUNT // 5
    nothing = client.query(NAMESPACE, "no_such_set").to_arrow(schema={"a": "int64"}).read_all()
    assert nothing.to_numpy()["a"].tolist() == []


def test_keys_and_metadata_are_columns_when_asked_for(client: Client, filled: str) -> None:
    asked = [*keys(filled, 2), (NAMESPACE, filled, 10**9)]
    table = pa.table(client.batch_read_arrow(asked, ["id"], key=True, meta=True))
    assert table.column_names == ["_set", "_key", "_digest", "_gen", "_ttl", "id"]
    assert table["_key"].to_pylist() == [0, 1, 10**9]
    assert table["_set"].to_pylist() == [filled] * 3
    assert table["_gen"].to_pylist() == [1, 1, None]
    assert table["_digest"].to_pylist() == [client.get(key).key.digest for key in asked[:2]] + [
        table["_digest"][2].as_py()
    ]
    assert table["_ttl"][0].as_py() == client.get(asked[0]).meta.ttl
    read = client.query(NAMESPACE, filled).select("id").to_arrow(key=True, meta=True).read_all()
    queried = pa.table(read).to_pylist()
    digests = {bytes(row["_digest"]): row["id"] for row in queried}
    assert digests[bytes(table["_digest"][1].as_py())] == 1
    assert {row["_key"] for row in queried} == {None}


def test_columns_are_neither_copied_nor_pickled(client: Client, filled: str) -> None:
    batch = client.batch_read_arrow(keys(filled))
    for each in (batch, client.query(NAMESPACE, filled).to_arrow().read_all()):
        for copied in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match=r"cannot be copied or pickled; pyarrow\.table"):
                copied(each)
        assert pa.table(pickle.loads(pickle.dumps(pa.table(each)))) == pa.table(each)


def test_no_bins_and_no_keys(client: Client, filled: str) -> None:
    batch = client.batch_read_arrow(keys(filled, 3), [])
    assert batch.column_names == []
    assert batch.result_codes.tolist() == [0, 0, 0]
    empty = client.batch_read_arrow([], ["id"])
    assert len(empty) == 0
    assert pa.table(empty).column_names == ["id"]


def test_the_types_of_a_schema(client: Client, filled: str) -> None:
    schema = {
        "id": "int16",
        "score": "float32",
        "name": "large_utf8",
        "data": bytes,
        "list": "list<int32>",
        "map": "struct<a: int64, b: float64>",
        "struct": None,
        "place": "geojson",
        "when": "timestamp[ms, UTC]",
    }
    table = pa.table(client.batch_read_arrow(keys(filled), schema=schema))
    assert table.column_names == list(schema)
    for kind in (pa.date32(), pa.date64()):
        read = client.batch_read_arrow(keys(filled, 1), schema={"id": str(kind)})
        assert pa.table(read)["id"].type == kind
    assert table["when"][1].as_py() == datetime(2023, 11, 14, 22, 13, 20, 1000, timezone.utc)
    assert table["map"][2].as_py() == {"a": 2, "b": -2.0}
    assert str(table["struct"].type) == "struct<n: int64, s: string>"
    for whole in (
        pa.schema([("id", pa.int32()), ("name", pa.string_view())]),
        pl.Schema({"id": pl.Int32, "name": pl.String}),
        {"id": pl.Int32, "name": pa.string()},
    ):
        read = pa.table(client.batch_read_arrow(keys(filled, 3), schema=whole))
        assert read["id"].type == pa.int32()
        assert read["name"].to_pylist() == ["näme 0", "näme 1", "näme 2"]


def test_what_does_not_fit_is_an_error_with_bin_and_record_or_null(
    client: Client, filled: str
) -> None:
    with pytest.raises(OverflowError, match=rf"bin 'id' of the record .*'{filled}', 128\)") as told:
        client.batch_read_arrow(keys(filled), schema={"id": "int8"})
    assert str(told.value).endswith("is out of the range of the column's type, int8")
    with pytest.raises(TypeError, match="bin 'name' of the record"):
        client.query(NAMESPACE, filled).to_arrow(schema={"name": "int64"}).read_all()
    batch = client.batch_read_arrow(keys(filled), schema={"id": "int8"}, errors="null")
    column = pa.table(batch)["id"].to_pylist()
    assert column == [number if number < 128 else None for number in range(COUNT)]
    assert batch.result_codes.tolist() == [0] * 128 + [VALUE_MISMATCH] * (COUNT - 128)


@pytest.mark.parametrize(
    ("usual", "odd", "kind"),
    [
        (
            {"name": "x", "age": 1},
            {"name": "x", "age": "old"},
            pa.struct({"age": pa.int64(), "name": pa.utf8()}),
        ),
        ({"a": 1, "b": 2}, {"a": "x"}, pa.map_(pa.utf8(), pa.int64())),
        (
            [{"a": 1, "b": "x"}],
            [{"a": "x", "b": "x"}],
            pa.list_(pa.struct({"a": pa.int64(), "b": pa.utf8()})),
        ),
        (
            {"a": [1], "b": ["x"]},
            {"a": ["x"], "b": ["x"]},
            pa.struct({"a": pa.list_(pa.int64()), "b": pa.list_(pa.utf8())}),
        ),
        (
            {"id": 2**60, "score": 1.5},
            {"id": 2**60, "score": "x"},
            pa.struct({"id": pa.int64(), "score": pa.float64()}),
        ),
        (
            {"a_score": 1.5, "id": 2**60},
            {"a_score": 1.5, "id": "x"},
            pa.struct({"a_score": pa.float64(), "id": pa.int64()}),
        ),
        ({"id": 2, "score": 1.5}, {"id": "x"}, pa.map_(pa.utf8(), pa.float64())),
        (2**60, 1.5, pa.int64()),
        (-(2**53) - 1, 1.5, pa.int64()),
        ([2**60], [1.5], pa.list_(pa.int64())),
        ([1, 2**53 + 1], [1.5], pa.list_(pa.int64())),
        (2**53, "x", pa.int64()),
    ],
    ids=repr,
)
def test_an_odd_record_is_the_one_that_does_not_fit(
    plain_client: Client, set_name: str, usual: Any, odd: Any, kind: pa.DataType
) -> None:
    asked = keys(f"{set_name}_odd", 20)
    plain_client.batch_write([(key, {"v": usual}) for key in asked[:-1]])
    plain_client.put(asked[-1], {"v": odd})
    batch = plain_client.batch_read_arrow(asked, ["v"], errors="null")
    assert pa.table(batch)["v"].type == kind
    assert batch.result_codes.tolist() == [0] * 19 + [VALUE_MISMATCH]
    with pytest.raises((TypeError, OverflowError), match=re.escape(f"{asked[-1]!r}")):
        plain_client.batch_read_arrow(asked, ["v"])


def test_ints_that_are_floats_are_with_floats(plain_client: Client, set_name: str) -> None:
    asked = keys(f"{set_name}_both", 3)
    values = [2**53, -(2**53), 1.5]
    plain_client.batch_write([(key, {"v": v}) for key, v in zip(asked, values, strict=True)])
    found = pa.table(plain_client.batch_read_arrow(asked, ["v"]))["v"]
    assert (found.type, found.to_pylist()) == (pa.float64(), values)


def test_a_text_whose_bytes_are_none_is_told_as_one(plain_client: Client, set_name: str) -> None:
    key = (NAMESPACE, set_name, "no text")
    latin = pa.array([b"caf\xe9"]).view(pa.utf8())
    plain_client.batch_write_arrow(pa.table({"_key": ["no text"], "t": latin}), *key[:2])
    with pytest.raises(TypeError, match=r"a str whose bytes are not UTF-8 does not fit"):
        plain_client.batch_read_arrow([key], ["t"])


DAY_S = 86_400


@pytest.mark.parametrize(
    ("kind", "fits", "fits_not"),
    [
        ("time32[s]", [0, DAY_S - 1], [-1, DAY_S]),
        ("time32[ms]", [0, DAY_S * 1000 - 1], [-1, DAY_S * 1000]),
        ("time64[us]", [0, DAY_S * 10**6 - 1], [-1, DAY_S * 10**6, 2**63 - 1]),
        ("time64[ns]", [0, DAY_S * 10**9 - 1], [-(2**63), DAY_S * 10**9]),
        ("date64", [0, -DAY_S * 1000, DAY_S * 10**6], [1, -1, DAY_S * 1000 - 1]),
        ("list<time64[us]>", [[], [0, None]], [[0, -1], [DAY_S * 10**6]]),
    ],
)
def test_times_lie_within_a_day_and_dates_are_whole_days(
    plain_client: Client, set_name: str, kind: str, fits: list[Any], fits_not: list[Any]
) -> None:
    values = [*fits, *fits_not]
    asked = keys(f"{set_name}_times", len(values))
    rows = [(key, {"t": value}) for key, value in zip(asked, values, strict=True)]
    plain_client.batch_write(rows)
    batch = plain_client.batch_read_arrow(asked, schema={"t": kind}, errors="null")
    pa.table(batch).validate(full=True)
    assert batch.result_codes.tolist() == [0] * len(fits) + [VALUE_MISMATCH] * len(fits_not)
    assert pa.table(batch)["t"].null_count == len(fits_not)
    for key in asked[len(fits) :]:
        with pytest.raises(OverflowError, match=r"out of the range|something in it"):
            plain_client.batch_read_arrow([key], schema={"t": kind})


def test_what_comes_after_the_first_table_has_to_fit(
    client: Client, set_name: str, key: Any
) -> None:
    place = f"{set_name}_late"
    numbers = range(30)
    client.batch_write([((NAMESPACE, place, number), {"n": number}) for number in numbers])
    client.put((NAMESPACE, place, "odd"), {"n": "text", "new": 1})

    def read(**options: Any) -> list[Any]:
        rows: list[Any] = []
        for batch in client.query(NAMESPACE, place).to_arrow(rows=1, **options):
            rows += pa.table(batch).to_pylist()
        return rows

    with pytest.raises(TypeError, match="schema="):
        read()
    for row in read(errors="null", schema={"n": "int64"}):
        assert row["n"] is None or row["n"] in numbers
    texts = {row["n"] for row in read(schema={"n": "binary"}, errors="null")}
    assert texts == {None, b"text"}
    client.remove((NAMESPACE, place, "odd"))


@pytest.mark.parametrize("rows", [1, 7, 299, 300, 1000])
def test_tables_of_a_query(server: Any, filled: str, rows: int) -> None:
    with aerospike_py.client(server.config).connect() as client:
        stream = client.query(NAMESPACE, filled).select("id").to_arrow(rows=rows)
        sizes, found = [], []
        for batch in stream:
            sizes.append(len(batch))
            found += pa.table(batch)["id"].to_pylist()
    assert all(size == rows for size in sizes[:-1])
    assert sizes[-1] <= rows
    assert sorted(found) == list(range(COUNT))
    assert stream.token is None


def test_a_stream_is_taken_over_by_others_once(server: Any, filled: str) -> None:
    with aerospike_py.client(server.config).connect() as client:
        query = client.query(NAMESPACE, filled).select("id")
        for take in (pl.DataFrame, pa.table, lambda stream: stream.to_pandas()):
            stream = query.to_arrow(rows=100)
            assert len(take(stream)) == COUNT
            with pytest.raises(ClientError, match=r"once|closed"):
                take(stream)
        reader = pa.RecordBatchReader.from_stream(query.to_arrow(rows=50))
        gc.collect()
        assert reader.read_all().num_rows == COUNT
        nothing = client.query(NAMESPACE, "no_such_set").to_arrow(schema={"a": "int64"})
        assert pa.table(nothing).schema == pa.schema({"a": pa.int64()})


def test_the_type_of_a_stream_is_told_without_reading_it(plain_client: Client, filled: str) -> None:
    query = plain_client.query(NAMESPACE, filled).select("id", "name")
    wanted = pa.schema({"id": pa.int64(), "name": pa.utf8()})
    stream = query.to_arrow(rows=100)
    assert [pa.schema(stream) for _ in range(2)] == [wanted] * 2
    table = pa.table(stream)
    assert table.schema.equals(wanted)
    assert sorted(table["id"].to_pylist()) == list(range(COUNT))
    stream = query.to_arrow(rows=100)
    first = pa.table(next(stream))["id"].to_pylist()
    assert pa.schema(stream).equals(wanted)
    stream.close()
    assert list(stream) == []
    rest = query.to_arrow({"token": stream.token}).read_all()
    assert sorted(first + pa.table(rest)["id"].to_pylist()) == list(range(COUNT))


def test_a_stream_that_is_left_says_where_to_go_on_and_gives_its_connections_back(
    server: Any, filled: str
) -> None:
    config = {**server.config, "max_conns_per_node": 1}
    with aerospike_py.client(config).connect() as client:
        query = client.query(NAMESPACE, filled).select("id")
        with query.to_arrow(rows=20) as stream:
            first = pa.table(next(iter(stream)))["id"].to_pylist()
            token = stream.token
        assert stream.token == token
        # Each node has one connection, and it is free.
        client.batch_read(keys(filled), ["id"], {"total_timeout": 5000})
        rest = query.to_arrow({"token": token}).read_all()
        assert sorted(first + pa.table(rest)["id"].to_pylist()) == list(range(COUNT))
        reader = pa.RecordBatchReader.from_stream(query.to_arrow(rows=20))
        reader.read_next_batch()
        reader.close()
        del reader
        gc.collect()
        assert len(query.results({"total_timeout": 5000})) == COUNT
        limited = query.to_arrow({"max_records": 100})
        assert pa.table(limited).num_rows == 100
        assert limited.token is not None


def test_a_stream_that_was_closed_early_has_no_end(server: Any, filled: str) -> None:
    with aerospike_py.client(server.config).connect() as client:
        with client.query(NAMESPACE, filled).select("id").to_arrow(rows=20) as stream:
            reader = pa.RecordBatchReader.from_stream(stream)
            assert reader.read_next_batch().num_rows == 20
        with pytest.raises(OSError, match="the results were closed"):
            reader.read_all()
        with client.query(NAMESPACE, filled).select("id").to_arrow() as stream:
            reader = pa.RecordBatchReader.from_stream(stream)
            assert reader.read_all().num_rows == COUNT
            assert reader.read_all().num_rows == 0


def test_of_readers_of_all_one_has_all(server: Any, filled: str) -> None:
    with (
        aerospike_py.client(server.config).connect() as client,
        client.query(NAMESPACE, filled).select("id").to_arrow(rows=1) as stream,
        ThreadPoolExecutor(3) as pool,
    ):
        read = [pool.submit(stream.read_all) for _ in range(3)]
        failed = [each.exception() for each in read]
        assert [type(error) for error in failed].count(ClientError) == 2
        (whole,) = [each for each in read if each.exception() is None]
        assert len(whole.result()) == COUNT


def test_an_error_within_somebodys_reading_is_kept(server: Any, filled: str) -> None:
    with aerospike_py.client(server.config).connect() as client:
        stream = client.query(NAMESPACE, filled).to_arrow(schema={"name": "int8"})
        with pytest.raises(Exception, match="bin 'name' of the record"):
            pa.table(stream)
        assert isinstance(stream.error, TypeError)
        with pytest.raises(aerospike_py.ServerError, match="nowhere"):
            client.query("nowhere").to_arrow()


def test_who_fails_to_read_a_stream_does_not_keep_it(server: Any, filled: str) -> None:
    def fail() -> "weakref.ref[Any]":
        with aerospike_py.client(server.config).connect() as client:
            stream = client.query(NAMESPACE, filled).select("id").to_arrow(rows=20)
            reader = pa.RecordBatchReader.from_stream(stream)
        with pytest.raises(OSError, match="ClientError"):
            reader.read_all()
        return weakref.ref(stream)

    kept = fail()
    gc.collect()
    assert kept() is None


async def read_asynchronously(config: Any, set_name: str) -> None:
    async with aerospike_py.AsyncClient(config) as client:
        await client.connect()
        batch = await client.batch_read_arrow(keys(set_name), ["id"])
        assert pa.table(batch)["id"].to_pylist() == list(range(COUNT))
        query = client.query(NAMESPACE, set_name).select("id")
        found: list[int] = []
        async with query.to_arrow(rows=70) as stream:
            async for each in stream:
                found += pa.table(each)["id"].to_pylist()
        assert sorted(found) == list(range(COUNT))
        assert len(await query.to_arrow().read_all()) == COUNT
        assert (await query.to_arrow().to_polars()).height == COUNT
        stream = query.to_arrow(rows=1)
        tasks = [stream.read_all() for _ in range(3)]
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        whole = [each for each in ended if not isinstance(each, ClientError)]
        assert [len(table) for table in whole if not isinstance(table, BaseException)] == [COUNT]
        assert len(await query.to_arrow().to_pandas()) == COUNT
        both = await asyncio.gather(
            *[client.batch_read_arrow(keys(set_name), ["id", "name"]) for _ in range(8)]
        )
        assert {len(each) for each in both} == {COUNT}


def test_the_asynchronous_forms(server: Any, filled: str, loop_thread: Any) -> None:
    loop_thread.run(read_asynchronously(server.config, filled))


TABLE = pa.table(
    {
        "_key": pa.array(["a", "b", "c"]),
        "i8": pa.array([1, None, -3], pa.int8()),
        "u32": pa.array([1, 2, 2**32 - 1], pa.uint32()),
        "f32": pa.array([0.5, None, math.inf], pa.float32()),
        "flag": pa.array([True, None, False]),
        "text": pa.array(["x", "", None], pa.large_utf8()),
        "data": pa.array([b"x", None, b""]),
        "view": pa.array(["short", "a text that is longer than twelve", None], pa.string_view()),
        "fixed": pa.array([b"ab", b"cd", None], pa.binary(2)),
        "list": pa.array([[1, None], [], None], pa.list_(pa.int16())),
        "pair": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)),
        "lview": pa.array([[1, 2], [], None], pa.list_view(pa.int64())),
        "llview": pa.array([["x"], None, ["y", "z"]], pa.large_list_view(pa.utf8())),
        "map": pa.array([[("k", 1)], None, []], pa.map_(pa.utf8(), pa.int64())),
        "struct": pa.array([{"x": 1, "y": None}, None, {"x": None, "y": "z"}]),
        "cat": pa.array(["one", "two", "one"]).dictionary_encode(),
        "when": pa.array([1, 2, None], pa.timestamp("ms")),
        "day": pa.array([1, None, 3], pa.date32()),
        "none": pa.nulls(3),
    }
)
WRITTEN = [
    {"i8": 1, "u32": 1, "f32": 0.5, "flag": True, "text": "x", "data": b"x", "view": "short",
     "fixed": b"ab", "list": [1, None], "pair": [1, 2], "lview": [1, 2], "llview": ["x"],
     "map": {"k": 1}, "struct": {"x": 1}, "cat": "one", "when": 1, "day": 1},
    {"u32": 2, "text": "", "view": "a text that is longer than twelve", "fixed": b"cd",
     "list": [], "lview": [], "cat": "two", "when": 2},
    {"i8": -3, "u32": 2**32 - 1, "f32": math.inf, "flag": False, "data": b"", "pair": [3, 4],
     "llview": ["y", "z"], "map": {}, "struct": {"y": "z"}, "cat": "one", "day": 3},
]  # fmt: skip


def test_rows_of_a_table_become_records(client: Client, set_name: str) -> None:
    place = f"{set_name}_in"
    wide = pa.concat_tables([TABLE, TABLE])
    for table in (TABLE, TABLE.slice(0, 3), wide.slice(3), TABLE.to_batches()[0]):
        written = client.batch_write_arrow(table, NAMESPACE, place)
        assert [row.result for row in written] == [0, 0, 0]
        read = [client.get((NAMESPACE, place, key)).bins for key in "abc"]
        assert read == WRITTEN
    part = client.batch_write_arrow(TABLE.slice(1, 1), NAMESPACE, f"{place}2", "_key", {"ttl": 500})
    assert part[0].key.user_key == "b"
    record = client.get((NAMESPACE, f"{place}2", "b"))
    assert record.bins == WRITTEN[1]
    assert 490 <= record.meta.ttl <= 500


def test_a_null_removes_the_bin_and_frames_are_tables(client: Client, set_name: str) -> None:
    place = f"{set_name}_frames"
    frame = pl.DataFrame({"_key": [1, 2], "a": ["x", None], "b": [[1.5], []]})
    client.put((NAMESPACE, place, 2), {"a": "old", "other": 1})
    assert [row.result for row in client.batch_write_arrow(frame, NAMESPACE, place)] == [0, 0]
    assert client.get((NAMESPACE, place, 2)).bins == {"b": [], "other": 1}
    replace: Any = {"exists": aerospike_py.POLICY_EXISTS_REPLACE}
    results = client.batch_write_arrow(frame.to_pandas(), NAMESPACE, place, policy=replace)
    assert [row.result for row in results] == [0, 0]
    assert client.get((NAMESPACE, place, 2)).bins == {"b": []}
    rows = client.batch_write_arrow(frame, NAMESPACE, place, rows=1)
    assert [row.key.user_key for row in rows] == [1, 2]


def test_a_record_is_not_replaced_by_nothing(client: Client, set_name: str) -> None:
    place = f"{set_name}_nothing"
    table = pa.table({"_key": range(6), "a": pa.array([1, None, 3, 4, None, 6])})
    replace: BatchPolicy = {"exists": aerospike_py.POLICY_EXISTS_REPLACE}
    written = client.batch_write_arrow(table, NAMESPACE, place, policy=replace, rows=4)
    assert [row.result for row in written] == [0, 4, 0, 0, 4, 0]


def test_there_and_back(client: Client, filled: str, set_name: str) -> None:
    place = f"{set_name}_back"
    batch = client.batch_read_arrow(keys(filled), key=True)
    table = pa.table(batch).drop_columns(["_set", "_digest"])
    assert all(row.result == 0 for row in client.batch_write_arrow(table, NAMESPACE, place))
    again = client.batch_read(keys(place))
    assert [row.bins for row in again] == [row.bins for row in client.batch_read(keys(filled))]


def test_sketches_are_bytes_that_are_written_as_sketches(
    client: Client, set_name: str, key: Any
) -> None:
    from aerospike_py import hll_operations as hll

    client.operate(key, [hll.hll_add("h", ["a", "b"], 8)])
    table = pa.table(client.batch_read_arrow([key], key=True))
    assert table.schema.field("h").metadata == {b"aerospike:type": b"hll"}
    place = f"{set_name}_hll"
    client.batch_write_arrow(table.select(["_key", "h"]), NAMESPACE, place)
    (bins,) = [row.bins for row in client.batch_read([(NAMESPACE, place, key[2])])]
    assert isinstance(bins["h"], HyperLogLog)


def test_arguments(client: Client, filled: str) -> None:
    few = keys(filled, 2)
    bad_types = ["int63", "list<", "list<int64", "map<utf8>", "struct<int64>", "timestamp", "", "<"]
    bad_types += ["date32[ms]", "date64[day]", "date32[]", "int8[8]", "fixed_size_binary[²]"]
    bad_types += [
        "fixed_size_binary[16, 3]",
        "fixed_size_binary[0]",
        "fixed_size_binary[2147483648]",
        f"fixed_size_binary[{'1' * 5000}]",
    ]
    for name, form in {
        "timestamp": r"'timestamp\[us\]'",
        "time32[us]": r"'time32\[s\]'",
        "duration": r"'duration\[us\]'",
        "fixed_size_binary": r"'fixed_size_binary\[16\]'",
    }.items():
        with pytest.raises(InvalidArgError, match=f"{name.partition('[')[0]} is written as {form}"):
            client.batch_read_arrow(few, schema={"id": name})
    with pytest.raises(InvalidArgError, match=r"schema\['id'\]: no bin has polars' type Object"):
        client.batch_read_arrow(few, schema={"id": pl.Object})
    for name in bad_types:
        with pytest.raises(InvalidArgError, match=r"schema\['id'\]"):
            client.batch_read_arrow(few, schema={"id": name})
    with pytest.raises(TypeError, match=r"schema\['id'\]"):
        client.batch_read_arrow(few, schema={"id": 3})
    with pytest.raises(TypeError, match="schema must be"):
        client.batch_read_arrow(few, schema=["id"])
    with pytest.raises(BinNameError):
        client.batch_read_arrow(few, schema={"x" * 16: "int64"})
    with pytest.raises(InvalidArgError, match="errors"):
        client.batch_read_arrow(few, errors="ignore")  # type: ignore[arg-type]
    for kind in (pa.decimal128(5), pa.list_(pa.map_(pa.utf8(), pa.decimal128(5)))):
        with pytest.raises(InvalidArgError, match=r"schema\['id'\].*'d:5,0'"):
            client.batch_read_arrow(few, schema=pa.schema({"id": kind}))
    for option in ({"key": 1}, {"meta": 1}):
        with pytest.raises(TypeError, match="must be a bool"):
            client.batch_read_arrow(few, **option)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgError, match="_gen"):
        client.batch_read_arrow(few, ["_gen"], meta=True)
    with pytest.raises(InvalidArgError, match="rows"):
        client.query(NAMESPACE, filled).to_arrow(rows=0)
    with pytest.raises(TypeError, match="rows must be an int"):
        client.query(NAMESPACE, filled).to_arrow(rows=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        client.batch_write_arrow([1], NAMESPACE, filled)
    with pytest.raises(InvalidArgError, match="_key"):
        client.batch_write_arrow(pa.table({"a": [1]}), NAMESPACE, filled)
    with pytest.raises(InvalidArgError, match="beside"):
        client.batch_write_arrow(pa.table({"_key": [1]}), NAMESPACE, filled)
    with pytest.raises(TypeError, match="null"):
        client.batch_write_arrow(pa.table({"_key": [None, 1], "a": [1, 2]}), NAMESPACE, filled)
    with pytest.raises(TypeError, match="'_key'"):
        client.batch_write_arrow(pa.table({"_key": [0.5], "a": [1]}), NAMESPACE, filled)
    big = pa.table({"_key": [1], "a": pa.array([2**63], pa.uint64())})
    with pytest.raises(OverflowError, match="'a'"):
        client.batch_write_arrow(big, NAMESPACE, filled)
    places = [pa.table({"_key": [1, 2], "a": pa.array([1, 2], pa.uint64())}), big]
    with pytest.raises(OverflowError, match=r"^row 2: column 'a': 9223372036854775808 "):
        client.batch_write_arrow(pa.concat_tables(places), NAMESPACE, f"{filled}_part", rows=1)
    lost = pa.table({"_key": [*range(7), None], "a": range(8)})
    for without in (lost, pa.concat_tables([lost.slice(0, 2), lost.slice(2)])):
        with pytest.raises(TypeError, match=r"^row 7: the key is null$"):
            client.batch_write_arrow(without, NAMESPACE, f"{filled}_part", rows=2)
    hidden = pa.StructArray.from_arrays(
        [pa.array([1, 2]), pa.array([1, 2])], ["_key", "a"], mask=pa.array([False, True])
    )
    with pytest.raises(TypeError, match=r"^row 1: the key is null$"):
        client.batch_write_arrow(pa.chunked_array([hidden]), NAMESPACE, f"{filled}_part")
    floats = pa.array([[(0.5, 1)]], pa.map_(pa.float64(), pa.int64()))
    with pytest.raises(TypeError, match="'a' has maps whose keys are of the type float64"):
        client.batch_write_arrow(pa.table({"_key": [1], "a": floats}), NAMESPACE, filled)
    frame = pd.DataFrame({"_key": range(9), "a": range(9)})
    with pytest.raises(BinNameError, match=r"reset_index\(drop=True\)"):
        client.batch_write_arrow(frame[frame.a.isin([1, 2, 7])], NAMESPACE, filled)
    with pytest.raises(InvalidArgError, match=r"no column '_key' .*there are none"):
        client.batch_write_arrow(pa.table({}), NAMESPACE, filled)
    decimal = pa.table({"_key": [1], "a": pa.array([1], pa.decimal128(5))})
    with pytest.raises(TypeError, match="'a'"):
        client.batch_write_arrow(decimal, NAMESPACE, filled)
    with pytest.raises(BinNameError):
        client.batch_write_arrow(pa.table({"_key": [1], "x" * 16: [1]}), NAMESPACE, filled)
    for names in (["_key", "a", "a"], ["_key", "a", "_key"]):
        twice = pa.table([pa.array([1])] * 3, names=names)
        with pytest.raises(InvalidArgError, match=f"two columns called '{names[2]}'"):
            client.batch_write_arrow(twice, NAMESPACE, filled)
    one = pa.table({"_key": [1], "a": [1]})
    with pytest.raises(TypeError, match="key_column must be a str"):
        client.batch_write_arrow(one, NAMESPACE, filled, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="rows must be an int"):
        client.batch_write_arrow(one, NAMESPACE, filled, rows=1.5)  # type: ignore[arg-type]
    objects = pl.DataFrame({"_key": [1], "a": pl.Series([object()], dtype=pl.Object)})
    with pytest.raises(TypeError, match="'a' has polars' type Object"):
        client.batch_write_arrow(objects, NAMESPACE, filled)


class Holder:
    """Gives the same capsule to whoever asks."""

    def __init__(self, capsule: object) -> None:
        self.capsule = capsule

    def __arrow_c_schema__(self) -> object:
        return self.capsule

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.capsule


def test_what_is_in_a_capsule_is_taken_once(client: Client, filled: str, set_name: str) -> None:
    asked = keys(filled, 2)
    read = client.batch_read_arrow(asked, ["id"], key=True)
    for table in (pa.table({"_key": [1], "a": [1]}), read):
        stream = Holder(table.__arrow_c_stream__())
        pa.RecordBatchReader.from_stream(stream)
        with pytest.raises(ClientError, match="taken"):
            client.batch_write_arrow(stream, NAMESPACE, set_name)
    stream = Holder(pa.table({"_key": [1], "a": [1]}).__arrow_c_stream__())
    assert len(client.batch_write_arrow(stream, NAMESPACE, set_name)) == 1
    with pytest.raises(ClientError, match="taken"):
        client.batch_write_arrow(stream, NAMESPACE, set_name)
    schema = Holder(pa.schema({"id": pa.int16()}).__arrow_c_schema__())
    assert pa.table(client.batch_read_arrow(asked, schema=schema)).schema.names == ["id"]
    with pytest.raises(ClientError, match="taken"):
        client.batch_read_arrow(asked, schema=schema)


def test_a_zero_does_not_end_a_name_of_a_schema(plain_client: Client, filled: str) -> None:
    for schema in ({"a\0b": "int64"}, {"a\0b": None}):
        batch = plain_client.batch_read_arrow(keys(filled, 1), schema=schema)
        assert batch.column_names == ["a\\x00b"]


SCALARS = {
    "int": (st.integers(-(2**63), 2**63 - 1), pa.int64()),
    "float": (st.floats(allow_nan=False), pa.float64()),
    "bool": (st.booleans(), pa.bool_()),
    "str": (st.text(st.characters(exclude_categories=["Cs"]), max_size=9), pa.utf8()),
    "bytes": (st.binary(max_size=9), pa.binary()),
}


@st.composite
def typed(draw: Any, depth: int = 0) -> tuple[Any, Any]:
    """A strategy of values, and their type."""
    kinds = list(SCALARS) + (["list", "map", "struct"] if depth < 3 else [])
    kind = draw(st.sampled_from(kinds))
    if kind in SCALARS:
        return SCALARS[kind]
    inner, of = draw(typed(depth + 1))
    if kind == "list":
        return st.lists(st.none() | inner, max_size=3), pa.list_(of)
    if kind == "map":
        pairs = st.dictionaries(st.integers(0, 9), st.none() | inner, max_size=3)
        return pairs, pa.map_(pa.int64(), of)
    other, kind_of_other = draw(typed(depth + 1))
    fields = st.fixed_dictionaries({}, optional={"x": inner, "y": other})
    return fields, pa.struct([("x", of), ("y", kind_of_other)])


@st.composite
def tables(draw: Any) -> tuple[Any, list[dict[str, Any]]]:
    """A schema, and records of it."""
    made = draw(st.lists(typed(), min_size=1, max_size=3))
    columns = {f"b{index}": each for index, each in enumerate(made)}
    strategies = {name: values for name, (values, _) in columns.items()}
    row = st.fixed_dictionaries({}, optional=strategies)
    schema = pa.schema([(name, of) for name, (_, of) in columns.items()])
    return schema, draw(st.lists(row, min_size=1, max_size=6))


def normal(value: Any, of: Any) -> Any:
    """What a value is read back as from a column of a type."""
    if value is None:
        return None
    if pa.types.is_list(of):
        return [normal(each, of.value_type) for each in value]
    if pa.types.is_map(of):
        pairs = dict(value)
        return {key: normal(each, of.item_type) for key, each in pairs.items()}
    if pa.types.is_struct(of):
        return {field.name: normal(value.get(field.name), field.type) for field in of}
    return value


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=tables())
def test_records_of_any_schema_are_read_as_it_says(
    plain_client: Client, set_prefix: str, made: Any
) -> None:
    schema, records = made
    place = [(NAMESPACE, f"{set_prefix}_any", number) for number in range(len(records))]
    plain_client.batch_remove(place)
    filled = [{**record, "is": 1} for record in records]
    plain_client.batch_write(list(zip(place, filled, strict=True)))
    batch = plain_client.batch_read_arrow(place, schema=schema)
    table = pa.table(batch)
    table.validate(full=True)
    assert table.schema == schema
    for field in schema:
        read = [normal(value, field.type) for value in table[field.name].to_pylist()]
        assert read == [normal(record.get(field.name), field.type) for record in records]
    # Inferred types are those, or take what there is as well.
    inferred = pa.table(plain_client.batch_read_arrow(place, schema.names, errors="null"))
    inferred.validate(full=True)
    plain_client.batch_write_arrow(
        table.append_column("_key", pa.array(range(len(records)))), NAMESPACE, place[0][1]
    )
    assert pa.table(plain_client.batch_read_arrow(place, schema=schema)) == table


@pytest.fixture(scope="module")
def plain_client(server: Any) -> Iterator[Client]:
    with aerospike_py.client(server.config).connect() as client:
        yield client


def test_memory_returns_when_a_thousand_tables_are_gone(plain_client: Client, filled: str) -> None:
    statm = Path("/proc/self/statm")
    if not statm.is_file():
        pytest.skip("needs /proc")
    asked = keys(filled, 60)

    def read(count: int) -> None:
        for _ in range(count):
            batch = plain_client.batch_read_arrow(asked, key=True, meta=True)
            pa.table(batch)
            pl.DataFrame(batch)

    read(50)
    gc.collect()
    before = int(statm.read_text().split()[1])
    read(480)
    for _ in range(40):
        pa.table(plain_client.query(NAMESPACE, filled).to_arrow(rows=30))
    gc.collect()
    pages = int(statm.read_text().split()[1]) - before
    assert pages * 4096 < 6 << 20
