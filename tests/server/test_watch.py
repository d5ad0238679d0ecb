"""The asynchronous client on event loops that cannot watch descriptors, as on Windows."""

import asyncio
import threading
from typing import Any, NoReturn

import aerospike_py


class LoopWithoutReaders(asyncio.SelectorEventLoop):
    def add_reader(self, *_: Any) -> NoReturn:
        raise NotImplementedError

    remove_reader = add_reader


def watchers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "aerospike-py-wake"]


def client_of(server: Any) -> aerospike_py.AsyncClient:
    # With TLS a hundred handshakes would take their time.
    return aerospike_py.AsyncClient({**server.config, "max_conns_per_node": 10})


async def write_and_read(client: aerospike_py.AsyncClient, set_name: str) -> list[int]:
    await client.connect()
    keys = [("test", set_name, number) for number in range(300)]
    await asyncio.gather(*(client.put(key, {"number": key[2]}) for key in keys))
    records = await asyncio.gather(*(client.get(key) for key in keys))
    assert len(watchers()) == 1
    await client.close()
    return [(record.bins or {})["number"] for record in records]


def test_a_thread_watches_for_it(server: Any, set_name: str) -> None:
    client = client_of(server)
    # The second loop finds the client as the first has left it.
    for _ in range(2):
        loop = LoopWithoutReaders()
        try:
            assert loop.run_until_complete(write_and_read(client, set_name)) == list(range(300))
        finally:
            loop.close()
        assert watchers() == []


def test_a_loop_that_was_closed_first_leaves_no_thread(server: Any, set_name: str) -> None:
    client = client_of(server)
    loop = LoopWithoutReaders()
    loop.run_until_complete(client.connect())
    loop.run_until_complete(client.put(("test", set_name, "x"), {"a": 1}))
    assert len(watchers()) == 1
    loop.close()
    other = LoopWithoutReaders()
    try:
        other.run_until_complete(client.close())
    finally:
        other.close()
    assert watchers() == []
