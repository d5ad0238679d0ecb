"""Queries into NumPy arrays."""

import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import aerospike_py
from aerospike_py import BinNameError, Client, ClientError, InvalidArgError, ServerError, exp
from aerospike_py import predicates as p

NAMESPACE = "test"
COUNT = 500
DTYPE = np.dtype([("id", "i8"), ("score", "f8"), ("name", "S8"), ("flag", "?")])


@pytest.fixture(scope="module")
def filled(server: Any, set_prefix: str) -> Iterator[str]:
    name = f"{set_prefix}_np_{uuid.uuid4().hex[:6]}"
    with aerospike_py.client(server.config).connect() as client:
        for number in range(COUNT):
            bins: dict[str, Any] = {
                "id": number,
                "score": number / 4,
                "name": f"n{number}",
                "flag": number % 3 == 0,
                "other": "not asked for",
            }
            if number % 10 == 0:
                del bins["score"]
            client.put((NAMESPACE, name, number), bins)
        client.index_integer_create(NAMESPACE, name, "id", f"{name}_id")
        yield name
        client.index_remove(NAMESPACE, f"{name}_id")


def test_records_become_rows(client: Client, filled: str) -> None:
    array = client.query(NAMESPACE, filled).to_numpy(DTYPE)
    assert array.dtype == DTYPE
    assert array.shape == (COUNT,)
    assert array.flags.c_contiguous
    array.sort(order="id")
    assert array["id"].tolist() == list(range(COUNT))
    assert array["name"].tolist() == [f"n{number}".encode() for number in range(COUNT)]
    assert array["flag"].tolist() == [number % 3 == 0 for number in range(COUNT)]
    # A bin that is missing is zero.
    assert array["score"].tolist() == [
        0 if number % 10 == 0 else number / 4 for number in range(COUNT)
    ]


def test_an_index_a_filter_and_a_limit(client: Client, filled: str) -> None:
    query = client.query(NAMESPACE, filled).where(p.between("id", 100, 199))
    assert sorted(query.to_numpy(DTYPE)["id"].tolist()) == list(range(100, 200))
    condition = exp.lt(exp.int_bin("id"), exp.int_val(150))
    assert len(query.to_numpy(DTYPE, {"expressions": condition})) == 50
    assert len(query.to_numpy(DTYPE, {"max_records": 7})) == 7


def test_selected_bins_only(client: Client, filled: str) -> None:
    array = client.query(NAMESPACE, filled).select("id").to_numpy(DTYPE)
    assert sorted(array["id"].tolist()) == list(range(COUNT))
    assert not array["score"].any()


def test_what_a_record_has_not_is_masked(client: Client, filled: str) -> None:
    query = client.query(NAMESPACE, filled)
    array: Any = query.to_numpy(DTYPE, mask=True)
    assert isinstance(array, np.ma.MaskedArray)
    assert array.dtype == DTYPE
    order = np.argsort(array["id"].data)
    absent = [number % 10 == 0 for number in range(COUNT)]
    assert array.mask["score"][order].tolist() == absent
    assert not array.mask["id"].any()
    assert array["score"].count() == COUNT - sum(absent)
    small: Any = query.to_numpy([("id", "i1")], errors="zero", mask=True)
    assert int(small["id"].count()) == 128
    nothing: Any = client.query(NAMESPACE, "no_such_set").to_numpy(DTYPE, mask=True)
    assert isinstance(nothing, np.ma.MaskedArray)
    assert len(nothing) == 0


def test_keys_and_metadata_are_fields(client: Client, set_name: str) -> None:
    place = f"{set_name}_{uuid.uuid4().hex[:6]}"
    send: Any = {"key": aerospike_py.POLICY_KEY_SEND}
    for number in range(20):
        policy = send if number % 2 else None
        client.put((NAMESPACE, place, f"k{number}"), {"n": number}, {"ttl": 900}, policy)
    fields = [("n", "i8"), ("_key", "S4")]
    array: Any = client.query(NAMESPACE, place).to_numpy(fields, key=True, meta=True, mask=True)
    assert array.dtype.names == ("n", "_key", "_digest", "_gen", "_ttl")
    assert len(array) == 20
    for row in array.data:
        number = int(row["n"])
        key = (NAMESPACE, place, f"k{number}")
        assert row["_key"] == (b"k%d" % number if number % 2 else b"")
        assert bytes(row["_digest"]) == aerospike_py.key_digest(key)
        assert row["_gen"] == 1
        assert 890 <= row["_ttl"] <= 900
    assert sorted(array["n"][array.mask["_key"]].tolist()) == list(range(0, 20, 2))
    chunks = list(client.query(NAMESPACE, place).numpy_chunks([("n", "i8")], rows=7, meta=True))
    assert sum(len(chunk) for chunk in chunks) == 20
    assert all((chunk["_gen"] == 1).all() for chunk in chunks)
    with pytest.raises(InvalidArgError, match="_gen"):
        client.query(NAMESPACE, place).to_numpy([("_gen", "i8")], meta=True)


def test_nothing(client: Client) -> None:
    array = client.query(NAMESPACE, "no_such_set").to_numpy(DTYPE)
    assert array.dtype == DTYPE
    assert array.shape == (0,)


@pytest.mark.parametrize("rows", [1, 7, 100, 499, 500, 501, 100_000])
def test_chunks(server: Any, filled: str, rows: int) -> None:
    with aerospike_py.client(server.config).connect() as client:
        chunks = list(client.query(NAMESPACE, filled).numpy_chunks(DTYPE, rows=rows))
    assert [len(chunk) for chunk in chunks[:-1]] == [rows] * (len(chunks) - 1)
    assert len(chunks[-1]) <= rows
    assert sorted(np.concatenate(chunks)["id"].tolist()) == list(range(COUNT))


def test_chunks_left_early(server: Any, filled: str) -> None:
    with aerospike_py.client(server.config).connect() as client:
        query = client.query(NAMESPACE, filled)
        for chunk in query.numpy_chunks(DTYPE, rows=100):
            first = chunk
            break
        assert query.token is not None
        rest = query.to_numpy(DTYPE, {"token": query.token})
        assert sorted([*first["id"].tolist(), *rest["id"].tolist()]) == list(range(COUNT))


async def async_chunks(config: Any, set_name: str) -> list[int]:
    client = await aerospike_py.AsyncClient(config).connect()
    sizes = []
    async for chunk in client.query(NAMESPACE, set_name).numpy_chunks(DTYPE, rows=100):
        sizes.append(len(chunk))
    await client.close()
    return sizes


def test_asynchronous_chunks(server: Any, filled: str, loop_thread: Any) -> None:
    assert loop_thread.run(async_chunks(server.config, filled)) == [100] * 5


def test_values_that_do_not_fit(client: Client, filled: str) -> None:
    query = client.query(NAMESPACE, filled)
    with pytest.raises(OverflowError, match="'id'"):
        query.to_numpy([("id", "i1")])
    with pytest.raises(TypeError, match="'name'"):
        query.to_numpy([("name", "i8")])
    with pytest.raises(OverflowError, match="'name'"):
        query.to_numpy([("name", "S2")])
    array = query.to_numpy([("id", "i1")], errors="zero")
    assert sorted(array["id"].tolist()) == [0] * (COUNT - 128) + list(range(128))


def test_arguments(client: Client, filled: str) -> None:
    query = client.query(NAMESPACE, filled)
    with pytest.raises(TypeError, match="kind='U'"):
        query.to_numpy([("name", "U8")])
    with pytest.raises(TypeError):
        query.to_numpy("i8")
    with pytest.raises(BinNameError):
        query.to_numpy([("x" * 16, "i8")])
    with pytest.raises(InvalidArgError):
        query.to_numpy(DTYPE, errors="ignore")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgError):
        query.numpy_chunks(DTYPE, rows=0)
    with pytest.raises(TypeError, match="rows must be an int"):
        query.numpy_chunks(DTYPE, rows=1.5)  # type: ignore[arg-type]
    for option in ({"mask": 1}, {"key": "yes"}, {"meta": None}):
        with pytest.raises(TypeError, match="must be a bool"):
            query.to_numpy(DTYPE, **option)  # type: ignore[arg-type]
    with pytest.raises(ServerError, match="nowhere"):
        client.query("nowhere", "demo").to_numpy(DTYPE)


def test_a_client_that_was_closed(server: Any, filled: str) -> None:
    client = aerospike_py.client(server.config).connect()
    query = client.query(NAMESPACE, filled)
    client.close()
    with pytest.raises(ClientError, match="not connected"):
        query.to_numpy(DTYPE)
