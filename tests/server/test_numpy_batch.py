"""Batches into and out of NumPy arrays, on a running server."""

import asyncio
import sys
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aerospike_py
from aerospike_py import exp
from aerospike_py.numpy_batch import VALUE_MISMATCH, NumpyBatchRecords

PERSON = np.dtype([("age", "i4"), ("score", "f8"), ("name", "S32")])
Key = tuple[str, str, str]


@pytest.fixture
def keys(key: Key) -> list[Key]:
    """Keys that nothing is stored under."""
    namespace, set_name, name = key
    return [(namespace, set_name, f"{name}_{index}") for index in range(5)]


def test_records_fill_the_array(client: aerospike_py.Client, keys: list[Key]) -> None:
    client.put(keys[0], {"age": 30, "score": 95.5, "name": "Alice"}, meta={"ttl": 300})
    client.put(keys[1], {"age": -5, "other": 1})
    client.put(keys[1], {"score": 7})
    client.put(keys[3], {"name": "Zoë"})
    result = client.batch_read(keys, _dtype=PERSON)
    assert isinstance(result, NumpyBatchRecords)
    assert result.batch_records.dtype == PERSON
    assert result.batch_records.flags.c_contiguous
    assert result.batch_records.tolist() == [
        (30, 95.5, b"Alice"),
        (-5, 7.0, b""),
        (0, 0.0, b""),
        (0, 0.0, "Zoë".encode()),
        (0, 0.0, b""),
    ]
    assert result.result_codes.tolist() == [0, 0, 2, 0, 2]
    assert result.meta["gen"].tolist() == [1, 2, 0, 1, 0]
    assert 0 < result.meta["ttl"][0] <= 300
    assert result.meta["ttl"][2] == 0
    assert result.get(keys[0][2])["age"] == 30
    assert result.get(keys[1])["age"] == -5
    ages = result.batch_records["age"]
    assert ages[result.result_codes == 0].mean() == pytest.approx(25 / 3)


def test_only_the_given_bins_are_read(client: aerospike_py.Client, keys: list[Key]) -> None:
    client.put(keys[0], {"age": 30, "score": 1.5, "name": "Alice"})
    result = client.batch_read(keys[:1], bins=["score", "no_field"], _dtype=PERSON)
    assert result.batch_records.tolist() == [(0, 1.5, b"")]
    result = client.batch_read(keys[:2], bins=[], _dtype=PERSON)
    assert result.batch_records.tolist() == [(0, 0.0, b"")] * 2
    assert result.result_codes.tolist() == [0, 2]
    assert result.meta["gen"].tolist() == [1, 0]


def test_no_keys_are_no_rows(client: aerospike_py.Client) -> None:
    result = client.batch_read([], _dtype=PERSON)
    assert len(result) == 0
    assert list(result) == []


def test_duplicates_and_other_sets_have_rows_of_their_own(
    client: aerospike_py.Client, key: Key
) -> None:
    namespace, set_name, name = key
    other = (namespace, f"{set_name}2", name)
    client.put(key, {"age": 1})
    client.put(other, {"age": 2})
    result = client.batch_read([key, other, key], _dtype=PERSON)
    assert result.batch_records["age"].tolist() == [1, 2, 1]
    assert result.get(other)["age"] == 2
    assert result.get(name)["age"] == 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_kind_of_field_in_both_byte_orders(
    order: str, client: aerospike_py.Client, key: Key
) -> None:
    fields: list[tuple[str, str, Any]] = [
        ("i1", "i1", -128),
        ("i2", "i2", -(2**15)),
        ("i4", "i4", -(2**31)),
        ("i8", "i8", -(2**63)),
        ("u1", "u1", 255),
        ("u2", "u2", 2**16 - 1),
        ("u4", "u4", 2**32 - 1),
        ("u8", "u8", 2**63 - 1),
        ("f2", "f2", 0.5),
        ("f4", "f4", -1.25),
        ("f8", "f8", 0.1),
        ("t", "?", True),
        ("s", "S4", b"text"),
        ("v", "V4", b"\0b\0"),
    ]
    bins = {name: value for name, _, value in fields}
    client.put(key, {**bins, "s": "text"})
    dtype = np.dtype([(name, order + kind) for name, kind, _ in fields], align=True)
    (row,) = client.batch_read([key], _dtype=dtype).batch_records
    assert {name: row[name].item() for name in bins} == {**bins, "v": b"\0b\0\0"}


def test_sub_arrays_take_blobs_and_lists(client: aerospike_py.Client, keys: list[Key]) -> None:
    vector = np.array([1.5, -2.0, 3.25], "<f4")
    client.put(keys[0], {"v": vector.tobytes(), "tags": ["a", "bcd"], "m": [1, 2, 3]})
    client.put(keys[1], {"v": [1, 2.5], "tags": b"x\0\0\0yz\0\0", "m": [True]})
    dtype = np.dtype([("v", "<f4", (3,)), ("tags", "S4", (2,)), ("m", ">i2", (2, 2))])
    result = client.batch_read(keys[:2], _dtype=dtype).batch_records
    assert result["v"].tolist() == [[1.5, -2.0, 3.25], [1.0, 2.5, 0.0]]
    assert result["tags"].tolist() == [[b"a", b"bcd"], [b"x", b"yz"]]
    assert result["m"].tolist() == [[[1, 2], [3, 0]], [[1, 0], [0, 0]]]


def test_nested_structures_take_blobs(client: aerospike_py.Client, key: Key) -> None:
    point = np.dtype([("x", "<f4"), ("y", ">f4")])
    client.put(key, {"p": np.array([(1.5, 2.5)], point).tobytes()})
    (row,) = client.batch_read([key], _dtype=[("p", point)]).batch_records
    assert row["p"].item() == (1.5, 2.5)


def test_geojson_is_its_text(client: aerospike_py.Client, key: Key) -> None:
    text = '{"type": "Point", "coordinates": [1.0, 2.0]}'
    client.put(key, {"g": aerospike_py.GeoJSON(text)})
    (row,) = client.batch_read([key], _dtype=[("g", "S64")]).batch_records
    assert row["g"].decode() == text


@pytest.mark.parametrize(
    ("value", "field", "error"),
    [
        (300, "i1", OverflowError),
        (-1, "u8", OverflowError),
        (2, "?", OverflowError),
        (1e300, "f4", OverflowError),
        ("longer", "S5", OverflowError),
        ([1, 2, 3], ("i4", (2,)), OverflowError),
        (b"odd", ("i4", (2,)), OverflowError),
        ("text", "i8", TypeError),
        (1.5, "i8", TypeError),
        ([1], "i8", TypeError),
        ({"a": 1}, "V8", TypeError),
        (7, "S8", TypeError),
        (["x"], ("i4", (2,)), TypeError),
    ],
)
def test_a_value_that_does_not_fit_is_never_silent(
    value: Any, field: Any, error: type[Exception], client: aerospike_py.Client, keys: list[Key]
) -> None:
    client.put(keys[0], {"other": 1})
    client.put(keys[1], {"b": value, "other": 2})
    dtype = np.dtype([("b", field), ("other", "i4")])
    with pytest.raises(error, match="'b'") as caught:
        client.batch_read(keys[:2], _dtype=dtype)
    assert keys[1][2] in str(caught.value)
    result = client.batch_read(keys[:2], _dtype=dtype, errors="zero")
    assert result.result_codes.tolist() == [0, VALUE_MISMATCH]
    assert result.batch_records["other"].tolist() == [1, 2]
    assert not any(result.batch_records["b"].tobytes())


def test_a_filter_leaves_rows_out(client: aerospike_py.Client, keys: list[Key]) -> None:
    client.put(keys[0], {"age": 1})
    client.put(keys[1], {"age": 50})
    policy = {"filter_expression": exp.gt(exp.int_bin("age"), exp.int_val(21))}
    result = client.batch_read(keys[:3], policy=policy, _dtype=PERSON)
    assert result.result_codes.tolist() == [27, 0, 2]
    assert result.batch_records["age"].tolist() == [0, 50, 0]


def test_a_batch_that_nobody_answers_is_an_error(client: aerospike_py.Client) -> None:
    with pytest.raises(aerospike_py.AerospikeError, match="no_such_namespace"):
        client.batch_read([("no_such_namespace", "s", 1)], _dtype=PERSON)


def test_many_records_come_in_the_order_of_the_keys(client: aerospike_py.Client, key: Key) -> None:
    count = 6000  # More than a server takes in one frame.
    namespace, set_name, name = key
    array = np.zeros(count, [("_key", "U64"), ("n", "i8"), ("s", "S8")])
    array["_key"] = [f"{name}_{index}" for index in range(count)]
    array["n"] = np.arange(count)
    array["s"] = [b"%d" % index for index in range(count)]
    written = client.batch_write_numpy(array, namespace, set_name)
    assert {row.result for row in written.batch_records} == {0}
    keys = [(namespace, set_name, str(user_key)) for user_key in array["_key"][::-1]]
    result = client.batch_read(keys, _dtype=[("n", "i8"), ("s", "S8")])
    assert (result.batch_records["n"] == np.arange(count)[::-1]).all()
    assert (result.batch_records["s"] == array["s"][::-1]).all()


def test_what_is_written_is_read_as_plain_values(client: aerospike_py.Client, key: Key) -> None:
    namespace, set_name, name = key
    dtype = [("k", "S64"), ("i", ">u2"), ("f", "f4"), ("t", "?"), ("s", "S8"), ("v", "V2")]
    array = np.array([(name.encode(), 7, 0.5, True, b"Seoul", b"\0x")], dtype)
    client.batch_write_numpy(array, namespace, set_name, key_field="k", meta={"ttl": 300})
    record = client.get(key)
    assert record.bins == {"i": 7, "f": 0.5, "t": True, "s": "Seoul", "v": b"\0x"}
    assert record.meta is not None
    assert 0 < record.meta.ttl <= 300


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_an_array_survives_the_round_trip(
    data: st.DataObject, client: aerospike_py.Client, key: Key
) -> None:
    kinds = st.sampled_from(["i1", ">i2", "<i4", "i8", "u1", "<u2", ">u4", "f4", ">f8", "?", "V3"])
    names = ["a", "bb", "fifteen_bytes_x"]
    dtype = np.dtype(
        [("k", "i8"), *((name, data.draw(kinds)) for name in names)], align=data.draw(st.booleans())
    )
    count = data.draw(st.integers(1, 8))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    array = np.frombuffer(random.bytes(count * dtype.itemsize), dtype).copy()
    array["k"] = random.permutation(1000)[:count]
    for name in names:
        if dtype[name].kind == "f":
            array[name] = np.nan_to_num(array[name])
        if dtype[name].kind == "b":
            array[name] = array[name].view("u1") % 2
    namespace, set_name, name = key
    array_set = f"{set_name}_r"
    client.batch_write_numpy(array, namespace, array_set, key_field="k", policy={"exists": 2})
    keys = [(namespace, array_set, int(user_key)) for user_key in array["k"]]
    rows = client.batch_read(keys, _dtype=dtype).batch_records
    for name in names:
        assert rows[name].tobytes() == np.ascontiguousarray(array[name]).tobytes()


def test_threads_read_into_arrays_of_their_own(
    client: aerospike_py.Client, keys: list[Key]
) -> None:
    for index, key in enumerate(keys):
        client.put(key, {"age": index})
    wrong: list[Any] = []

    def read() -> None:
        for _ in range(50):
            result = client.batch_read(keys, _dtype=PERSON)
            if result.batch_records["age"].tolist() != [0, 1, 2, 3, 4]:
                wrong.append(result)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


async def test_the_asynchronous_client_does_the_same(
    server: Any, client: aerospike_py.Client, keys: list[Key]
) -> None:
    client.put(keys[0], {"age": 30, "score": 95.5, "name": "Alice"})
    client.put(keys[1], {"age": "old"})
    async with aerospike_py.AsyncClient(server.config) as other:
        await other.connect()
        result = await other.batch_read(keys[:1] + keys[2:], _dtype=PERSON)
        assert result.batch_records.tolist()[0] == (30, 95.5, b"Alice")
        assert result.result_codes.tolist() == [0, 2, 2, 2]
        with pytest.raises(TypeError, match="'age'"):
            await other.batch_read(keys, _dtype=PERSON)
        results = await asyncio.gather(
            *(other.batch_read(keys[:1], _dtype=PERSON) for _ in range(100))
        )
        assert all(result.get(keys[0])["age"] == 30 for result in results)
        array = np.array([(keys[4][2], 5)], [("_key", "U80"), ("age", "i4")])
        await other.batch_write_numpy(array, keys[4][0], keys[4][1])
    assert client.get(keys[4]).bins == {"age": 5}


async def test_a_cancelled_read_keeps_its_arrays_until_the_library_is_done(
    server: Any, client: aerospike_py.Client, keys: list[Key]
) -> None:
    for index, key in enumerate(keys):
        client.put(key, {"age": index})
    many = keys * 400
    async with aerospike_py.AsyncClient(server.config) as other:
        await other.connect()
        for _ in range(20):
            tasks = [asyncio.ensure_future(other.batch_read(many, _dtype=PERSON)) for _ in range(4)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            tasks[2].cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for result in results[1::2]:
                assert isinstance(result, NumpyBatchRecords)
                assert result.batch_records["age"].tolist() == [0, 1, 2, 3, 4] * 400


def test_arrays_are_freed(client: aerospike_py.Client, keys: list[Key]) -> None:
    result = client.batch_read(keys, _dtype=PERSON)
    rows = result.batch_records
    del result
    # Without the interpreter's lock, the thread that made something ends it, when it has a turn.
    client.batch_read(keys[:1])
    # This name, the argument, and nobody else.
    assert sys.getrefcount(rows) == 2


def test_what_is_not_there_is_masked(client: aerospike_py.Client, set_name: str) -> None:
    place = [("test", f"{set_name}_mask", number) for number in range(4)]
    client.batch_write([(key, {"n": 0, "s": "x"} if key[2] else {"n": 0}) for key in place[:3]])
    dtype = np.dtype([("n", "i4"), ("s", "S2"), ("sub", "i2", 2)])
    found: Any = client.batch_read(place, _dtype=dtype, mask=True).batch_records
    assert isinstance(found, np.ma.MaskedArray)
    assert found.mask["n"].tolist() == [False, False, False, True]
    assert found.mask["s"].tolist() == [True, False, False, True]
    assert found.mask["sub"].all()
    plain = client.batch_read(place, _dtype=dtype).batch_records
    assert not isinstance(plain, np.ma.MaskedArray)
    assert np.array_equal(np.ma.getdata(found), plain)
