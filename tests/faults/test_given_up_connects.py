"""Connects that nobody waits for any more, and such as come with others and with closes."""

import asyncio
import random
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from aerospike_py import AsyncClient, ClientError
from aerospike_py.devserver import DevCluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=1) as running:
        yield running


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def give_up(client: AsyncClient, rounds: int) -> None:
    """Begins to connect, and does not wait for longer than so many rounds of the loop."""
    task = asyncio.create_task(connect(client))
    for _ in range(rounds):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def connect(client: AsyncClient) -> None:
    await client.connect()


@pytest.mark.parametrize("closes", [True, False])
async def test_nothing_of_it_stays_open(cluster: DevCluster, closes: bool) -> None:
    async def one(rounds: int) -> None:
        client = AsyncClient(cluster.config)
        await give_up(client, rounds)
        if closes:
            await client.close()
            assert not client._session._made
        else:
            while client._session._closing:
                await asyncio.wait(client._session._closing.values())
                await asyncio.sleep(0)

    await one(1)
    before = descriptors()
    for rounds in range(30):
        await one(rounds % 10)
    # The server is in this process, too, and has still to notice.
    while descriptors() > before + 2:
        await asyncio.sleep(0.01)


async def test_it_ends_at_once_wherever_it_is(cluster: DevCluster) -> None:
    loop = asyncio.get_running_loop()
    cluster.hang(0)
    try:
        for rounds in range(4):
            client = AsyncClient({**cluster.config, "timeout": 20_000})
            begin_s = loop.time()
            await give_up(client, rounds)
            await client.close()
            assert loop.time() - begin_s < 2
    finally:
        cluster.hang(0, False)


async def test_one_of_two_that_is_given_up_leaves_the_other_alone(cluster: DevCluster) -> None:
    client = AsyncClient(cluster.config)
    for rounds in range(5):
        other = asyncio.create_task(connect(client))
        await give_up(client, rounds)
        await other
        assert client.is_connected()
        await client.put(("test", "demo", 1), {"n": 1})
        # Connected before, so that both are about the same connections.
        await client.close()


async def test_it_can_be_tried_again_at_once(cluster: DevCluster) -> None:
    client = AsyncClient(cluster.config)
    for _ in range(2):
        for rounds in range(5):
            await give_up(client, rounds)
            await client.connect()
            await client.put(("test", "demo", 1), {"n": 1})
            await client.close()


async def test_closing_ends_one_that_has_just_begun(cluster: DevCluster) -> None:
    for rounds in range(5):
        client = AsyncClient(cluster.config)
        task = asyncio.create_task(connect(client))
        for _ in range(rounds):
            await asyncio.sleep(0)
        await client.close()
        try:
            await task
        except ClientError:
            assert not client.is_connected()
        else:  # It was connected before, or only asked for after.
            await client.close()


async def test_a_close_that_is_given_up_does_not_close_what_comes_after(
    cluster: DevCluster,
) -> None:
    client = AsyncClient(cluster.config)
    for rounds in range(6):
        await client.connect()
        closing = asyncio.create_task(client.close())
        for _ in range(rounds % 3):
            await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        await client.connect()
        await client.put(("test", "demo", 1), {"n": 1})
        await client.close()


async def test_closes_at_once_are_one(cluster: DevCluster) -> None:
    for rounds in range(40):
        client = AsyncClient(cluster.config)
        await client.connect()
        closes = []
        for _ in range(3):
            closes.append(asyncio.create_task(client.close()))
            for _ in range(rounds % 4):
                await asyncio.sleep(0)
        if rounds % 3 == 0:  # Who gives it up leaves the others alone.
            closes[0].cancel()
        ends = await asyncio.gather(*closes, return_exceptions=True)
        assert all(end is None for end in ends[1:]), ends
        assert not client._session._made


@pytest.mark.parametrize("seed", range(40))
async def test_connects_and_closes_in_any_order_end(cluster: DevCluster, seed: int) -> None:
    dice = random.Random(seed)
    client = AsyncClient(cluster.config)
    if dice.random() < 0.75:
        await client.connect()

    async def close() -> None:
        await client.close()

    tasks = []
    for _ in range(dice.randint(3, 8)):
        what: Coroutine[Any, Any, None] = close() if dice.random() < 0.6 else connect(client)
        tasks.append(asyncio.create_task(what))
        for _ in range(dice.randint(0, 3)):
            await asyncio.sleep(dice.choice((0, 0, 0.0005)))
        if dice.random() < 0.2:
            tasks[-1].cancel()
    done, left = await asyncio.wait(tasks, timeout=10)
    assert not left
    for task in done:
        error = None if task.cancelled() else task.exception()
        assert error is None or "while it connected" in str(error)
    await asyncio.wait_for(client.connect(), 10)
    await asyncio.wait_for(client.put(("test", "demo", 1), {"n": 1}), 10)
    await client.close()
    assert not client._session._made


def test_another_user_may_connect_on_another_loop() -> None:
    users = [{"name": name, "password": name, "roles": ["read-write"]} for name in ("ann", "bob")]
    with DevCluster(users=users) as cluster:
        client = AsyncClient(cluster.config)

        async def put(name: str) -> None:
            await client.connect(name, name)
            await client.put(("test", "demo", 1), {"n": 1})

        async def end() -> None:
            await client.close()

        for name in ("ann", "bob", "bob", "ann"):
            asyncio.run(put(name))
            assert len(client._session._made) == 1
        asyncio.run(end())
        assert not client._session._made
