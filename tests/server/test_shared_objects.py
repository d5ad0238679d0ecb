"""Threads that use the same objects at the same time: each gets what it would get alone.

Where the interpreter has a lock, it is let go of within calls; a free-threaded one has none.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

import aerospike_py
from aerospike_py import Client, ClientError

NAMESPACE = "test"
THREADS = 4
COUNT = 200


@pytest.fixture(scope="module")
def shared(server: Any) -> Iterator[Client]:
    with aerospike_py.client(server.config).connect() as client:
        yield client


@pytest.fixture(scope="module")
def filled(shared: Client, set_prefix: str) -> str:
    name = f"{set_prefix}_shared_{uuid.uuid4().hex[:6]}"
    written = shared.batch_write([(key, bins_of(key[2])) for key in keys(name)])
    assert all(row.result == 0 for row in written)
    return name


def keys(set_name: str) -> list[Any]:
    return [(NAMESPACE, set_name, number) for number in range(COUNT)]


def bins_of(number: int) -> dict[str, Any]:
    return {"id": number, "text": f"text {number}", "list": [number, {"k": [b"v", 0.5]}]}


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What the threads return, which begin together."""
    begun = threading.Barrier(THREADS)

    def run(thread: int) -> Any:
        begun.wait()
        return work(thread)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_a_client_and_what_it_is_given(shared: Client, filled: str) -> None:
    asked = keys(filled)
    counted = (NAMESPACE, f"{filled}_counted", 1)
    operations = [{"op": aerospike_py.OPERATOR_INCR, "bin": "n", "val": 1}]

    def work(thread: int) -> None:
        for key in asked[thread % 2 :: 2]:
            assert shared.get(key).bins == bins_of(key[2])
            shared.operate(counted, operations)
        assert [row.bins for row in shared.batch_read(asked)] == [bins_of(k[2]) for k in asked]

    at_once(work)
    assert shared.get(counted).bins == {"n": THREADS // 2 * COUNT}


def test_rows_of_a_batch(shared: Client, filled: str) -> None:
    rows = shared.batch_read(keys(filled))

    def work(thread: int) -> list[Any]:
        if thread % 2:
            assert [row.bins for row in rows] == [bins_of(number) for number in range(COUNT)]
        return [row.record for row in rows]

    first, *others = at_once(work)
    for other in others:
        assert all(one is another for one, another in zip(first, other, strict=True))


def test_a_table_of_arrow(shared: Client, filled: str) -> None:
    table = shared.batch_read_arrow(keys(filled), ["id", "text", "list"], errors="null")

    def work(_: int) -> None:
        for _ in range(10):
            taken = pa.table(table)
            taken.validate(full=True)
            assert taken["id"].to_pylist() == list(range(COUNT))
            assert table.column_names == ["id", "text", "list"]

    at_once(work)


def test_records_of_a_query_are_each_given_to_one_thread(shared: Client, filled: str) -> None:
    records = shared.query(NAMESPACE, filled).records()

    def work(_: int) -> list[int]:
        return [record.bins["id"] for record in records]

    with records:
        parts = at_once(work)
    assert sorted(number for part in parts for number in part) == list(range(COUNT))


def test_a_stream_of_tables_is_read_by_one_thread_after_the_other(
    shared: Client, filled: str
) -> None:
    stream = shared.query(NAMESPACE, filled).select("id").to_arrow(rows=8)

    def work(_: int) -> list[int]:
        return [number for table in stream for number in table.to_numpy()["id"].tolist()]

    with stream:
        parts = at_once(work)
    assert sorted(number for part in parts for number in part) == list(range(COUNT))


def test_a_query_that_is_run_by_all(shared: Client, filled: str) -> None:
    query = shared.query(NAMESPACE, filled).select("id")

    def work(_: int) -> list[int]:
        return sorted(record.bins["id"] for record in query.results())

    assert at_once(work) == [list(range(COUNT))] * THREADS


def test_arguments_that_change_meanwhile(shared: Client, set_prefix: str) -> None:
    bins: dict[str, Any] = {"list": list(range(50)), "map": {"a": 1}}
    key = (NAMESPACE, f"{set_prefix}_changing", 1)

    def work(thread: int) -> None:
        for number in range(100):
            if thread % 2:
                bins["list"][number % 50] = str(number) * 20
                bins["map"][f"k{number % 7}"] = [number]
                bins["map"].pop(f"k{(number + 3) % 7}", None)
            else:
                shared.put(key, bins)

    at_once(work)
    shared.put(key, bins)
    assert shared.get(key).bins == bins


def test_a_client_that_is_closed_meanwhile(server: Any, filled: str) -> None:
    client = aerospike_py.client(server.config).connect()
    reading = threading.Semaphore(0)

    def read_for_ever() -> None:
        while True:
            assert client.get((NAMESPACE, filled, 1)).bins["id"] == 1

    def work(thread: int) -> None:
        if thread == 0:
            for _ in range(1, THREADS):
                reading.acquire()
            client.close()
            return
        client.get((NAMESPACE, filled, 1))
        reading.release()
        with pytest.raises(ClientError):
            read_for_ever()

    at_once(work)
