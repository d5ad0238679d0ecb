"""Drives `aerospike-py` of PyPI, the client on a Rust core whose package has our name."""

from collections.abc import Callable
from typing import Any

from cases import NAMESPACE, SET, numpy_columns

import aerospike_py

Calls = dict[str, Callable[..., Any]]
# Not the package of the same name that type checkers see.
module: Any = aerospike_py


def connect(host: str, port: int) -> Calls:
    client = module.client({"hosts": [(host, port)]}).connect()
    read, write = client.get, client.put
    columns = numpy_columns()

    def put(name: str, bins: dict[str, Any]) -> None:
        write((NAMESPACE, SET, name), bins)

    def get(name: str) -> Any:
        return read((NAMESPACE, SET, name)).bins

    def batch_read(names: list[str]) -> int:
        batch = client.batch_read([(NAMESPACE, SET, name) for name in names])
        total = 0
        for bins in batch.to_list():
            total += bins["id"]
        return total

    def batch_numpy(names: list[str]) -> int:
        batch = client.batch_read([(NAMESPACE, SET, name) for name in names])
        return int(batch.to_numpy(columns).batch_records["id"].sum())

    def query() -> int:
        return sum(record.bins["id"] for record in client.query(NAMESPACE, SET).results())

    return {
        "put": put,
        "get": get,
        "batch_read": batch_read,
        "batch_numpy": batch_numpy,
        "query": query,
        "close": client.close,
    }


async def connect_async(host: str, port: int) -> Calls:
    client = module.AsyncClient({"hosts": [(host, port)]})
    await client.connect()

    async def put(name: str, bins: dict[str, Any]) -> None:
        await client.put((NAMESPACE, SET, name), bins)

    async def get(name: str) -> Any:
        return (await client.get((NAMESPACE, SET, name))).bins

    async def batch_read(names: list[str]) -> int:
        batch = await client.batch_read([(NAMESPACE, SET, name) for name in names])
        total = 0
        for bins in batch.to_list():
            total += bins["id"]
        return total

    return {"put": put, "get": get, "batch_read": batch_read, "close": client.close}
