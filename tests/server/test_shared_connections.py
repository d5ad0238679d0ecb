"""Waiting and submitted operations of one client share the connections of a node."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aerospike_py


async def test_info_is_answered_while_the_loop_holds_every_connection(
    server: Any, set_name: str
) -> None:
    client = aerospike_py.AsyncClient({**server.config, "max_conns_per_node": 2})
    await client.connect()
    try:
        keys = [("test", set_name, number) for number in range(64)]
        await asyncio.gather(*(client.put(key, {"n": key[2]}) for key in keys))
        # The loop's connections are idle now, and all that the limit allows.
        assert await client.ping()
        nodes = await client.get_node_names()
        assert len(await client.info_all("build")) == len(nodes)
        records = await asyncio.gather(*(client.get(key) for key in keys))
        assert [record.bins["n"] for record in records] == list(range(64))
    finally:
        await client.close()


def test_threads_beyond_the_limit_wait_for_their_turn(server: Any, set_name: str) -> None:
    config = {**server.config, "max_conns_per_node": 1}
    with aerospike_py.client(config).connect() as client, ThreadPoolExecutor(8) as pool:
        policy = {"max_retries": 0}

        def work(number: int) -> int:
            key = ("test", set_name, number)
            client.put(key, {"n": number}, policy=policy)
            return int(client.get(key, policy=policy).bins["n"])

        assert list(pool.map(work, range(400))) == list(range(400))
