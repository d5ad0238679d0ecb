"""Batches whose rows are pulled, while nodes hang and die and clients are closed.

Each row comes once, those of nodes that answer before those of nodes that do not.
"""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import AsyncClient, Client, ClientError, batch
from aerospike_py._native import streams
from aerospike_py.devserver import DevCluster

SET = "streams"
KEYS = [("test", SET, number) for number in range(3000)]
HANGING = 1


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=3) as started:
        with aerospike_py.client(started.config).connect() as client:
            for start in range(0, len(KEYS), 1000):
                rows: list[Any] = [
                    (key, {"n": key[2], "data": bytes(1000)}) for key in KEYS[start : start + 1000]
                ]
                client.batch_write(rows)
        yield started


@pytest.fixture
def client(cluster: DevCluster) -> Iterator[Client]:
    config = {**cluster.config, "max_error_rate": 0}
    with aerospike_py.client(config).connect() as connected:
        yield connected
    cluster.hang(HANGING, on=False)
    cluster.clear_faults()


def numbers(rows: list[Any]) -> list[int]:
    return sorted(row.key.user_key for row in rows)


def test_rows_of_nodes_that_answer_come_before_those_of_one_that_does_not(
    cluster: DevCluster, client: Client
) -> None:
    rows = [batch.write(key, {"n": key[2]}) for key in KEYS]
    cluster.hang(HANGING)
    found = list(client.batch_stream(rows, policy={"total_timeout": 500, "max_retries": 0}))
    assert numbers(found) == list(range(len(KEYS)))
    results = [row.result for row in found]
    answered = results.count(0)
    assert 0 < answered < len(KEYS)
    # Whether the writes of the node that hangs were carried out, nobody knows.
    assert results == [0] * answered + [9] * (len(KEYS) - answered)
    assert [row.in_doubt for row in found] == [False] * answered + [True] * (len(KEYS) - answered)
    assert sum(node.connections_in_use for node in client.stats()) == 0


def test_reads_go_on_with_another_replica(cluster: DevCluster, client: Client) -> None:
    stream = client.batch_stream(KEYS, policy={"total_timeout": 20_000, "max_retries": 5})
    found = [next(stream)]
    cluster.kill(HANGING)
    try:
        found += stream
    finally:
        cluster.revive(HANGING)
    assert numbers(found) == list(range(len(KEYS)))
    assert {row.result for row in found} == {0}
    assert all(row.bins["n"] == row.key.user_key for row in found if row.bins is not None)


def test_closing_ends_a_wait_in_another_thread(cluster: DevCluster, client: Client) -> None:
    for node in range(3):
        cluster.hang(node)
    stream = client.batch_stream(KEYS, policy={"total_timeout": 0, "socket_timeout": 0})
    raised: list[BaseException] = []

    def pull() -> None:
        try:
            next(stream)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=pull)
    thread.start()
    while not sum(node.connections_in_use for node in client.stats()):
        assert thread.is_alive()
    stream.close()
    thread.join()
    for node in range(3):
        cluster.hang(node, on=False)
    assert isinstance(raised[0], ClientError)
    assert raised[0].result_code == -5


def test_what_is_closed_while_the_library_is_asked_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = client.batch_stream(KEYS)

    ask = streams._next

    def closed_first(*arguments: Any) -> int:
        stream.close()
        return ask(*arguments)

    monkeypatch.setattr(streams, "_next", closed_first)
    with pytest.raises(aerospike_py.ClientError, match="its results were closed") as caught:
        next(stream)
    assert type(caught.value) is aerospike_py.ClientError


def test_a_task_that_is_cancelled_leaves_the_client_in_order(cluster: DevCluster) -> None:
    async def run() -> None:
        async with AsyncClient(cluster.config).connect() as client:
            cluster.hang(HANGING)
            stream = client.batch_stream(KEYS, ["n"], {"total_timeout": 0, "socket_timeout": 0})

            async def take() -> None:
                async for _ in stream:
                    pass

            task = asyncio.create_task(take())
            while not any(node.connections_in_use for node in await client.stats()):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            cluster.hang(HANGING, on=False)
            with pytest.raises(ClientError, match="CancelledError"):
                await stream.__anext__()
            assert len([row async for row in client.batch_stream(KEYS[:100])]) == 100
            assert (await client.get(KEYS[0])).bins is not None

    try:
        asyncio.run(run())
    finally:
        cluster.hang(HANGING, on=False)


def test_what_is_not_taken_is_not_received(cluster: DevCluster) -> None:
    async def received(client: AsyncClient) -> int:
        return sum(node.received_bytes for node in await client.stats())

    async def run() -> None:
        async with AsyncClient(cluster.config).connect() as client:
            before = await received(client)
            async with client.batch_stream(KEYS * 20, policy={"total_timeout": 60_000}) as stream:
                await anext(stream)
                for key in KEYS[:200]:
                    await client.get(key)
                # All would be 60 MB.
                assert await received(client) - before < 4 * 1024 * 1024

    asyncio.run(run())
