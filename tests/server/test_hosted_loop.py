"""The library's loop is driven from asyncio's while few operations are in flight."""

import asyncio
import sys
import time
from typing import Any

import pytest

import aerospike_py
from aerospike_py._ffi import lib
from aerospike_py.devserver import DevCluster

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no descriptor to watch there")


def is_hosted(client: aerospike_py.AsyncClient) -> bool:
    return bool(lib.asz_client_is_hosted(client._session._session.native))


def test_few_in_flight_need_no_other_thread_and_many_get_one(server: Any, key: Any) -> None:
    async def main() -> None:
        client = aerospike_py.AsyncClient(server.config)
        async with client.connect():
            await client.put(key, {"n": 1})
            assert is_hosted(client)
            # Not one record: a real server takes no more than some writes of it at once.
            keys = [(*key[:2], f"{key[2]}-{number}") for number in range(200)]
            await asyncio.gather(*(client.put(each, {"n": 1}) for each in keys))
            assert not is_hosted(client)
            # The thread gives the loop back when it has been quiet for a while.
            for _ in range(500):
                await client.get(key)
                if is_hosted(client):
                    break
            assert is_hosted(client)
            assert (await client.get(key)).bins == {"n": 1}

    asyncio.run(main())


def test_timeouts_pass_although_nothing_happens() -> None:
    async def main(cluster: DevCluster) -> None:
        client = aerospike_py.AsyncClient(cluster.config)
        async with client.connect():
            key = ("test", "demo", "k")
            await client.put(key, {"n": 1})
            cluster.hang(0)
            begin = time.monotonic()
            with pytest.raises(aerospike_py.AerospikeTimeoutError):
                await client.get(key, {"total_timeout": 150, "max_retries": 0})
            assert is_hosted(client)
            assert time.monotonic() - begin < 1.5

    with DevCluster() as cluster:
        asyncio.run(main(cluster))


def test_closing_ends_what_is_in_flight() -> None:
    async def main(cluster: DevCluster) -> None:
        client = aerospike_py.AsyncClient(cluster.config)
        await client.connect()
        key = ("test", "demo", "k")
        await client.put(key, {"n": 1})
        cluster.hang(0)
        waiting = asyncio.ensure_future(client.put(key, {"n": 2}, None, {"total_timeout": 10_000}))
        await asyncio.sleep(0)
        assert is_hosted(client)
        await client.close()
        with pytest.raises(aerospike_py.ClientError) as caught:
            await waiting
        assert caught.value.in_doubt

    with DevCluster() as cluster:
        asyncio.run(main(cluster))


def test_a_client_moves_to_another_loop_with_what_drives_it(server: Any, key: Any) -> None:
    client = aerospike_py.AsyncClient(server.config)

    async def use() -> None:
        await client.connect()
        await client.put(key, {"n": 1})
        assert is_hosted(client)
        assert (await client.get(key)).bins == {"n": 1}

    for _ in range(3):
        asyncio.run(use())
    asyncio.run(client.close())
