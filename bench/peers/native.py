"""Drives `aerospike-native` of PyPI, the Rust core under Aerospike's Python SDK."""

from collections.abc import Callable
from typing import Any

import aerospike_native
from aerospike_native import ClientPolicy, Key, PartitionFilter, QueryPolicy, Statement
from cases import NAMESPACE, SET

Calls = dict[str, Callable[..., Any]]


def connect(host: str, port: int) -> Calls:
    client: Any = aerospike_native.new_client_blocking(ClientPolicy(), f"{host}:{port}")
    read, write = client.get_blocking, client.put_blocking

    def put(name: str, bins: dict[str, Any]) -> None:
        write(Key(NAMESPACE, SET, name), bins)

    def get(name: str) -> Any:
        return read(Key(NAMESPACE, SET, name)).bins

    def batch_read(names: list[str]) -> int:
        total = 0
        for row in client.batch_read_blocking([Key(NAMESPACE, SET, name) for name in names]):
            total += row.record.bins["id"]
        return total

    def query() -> int:
        records = client.query_blocking(
            Statement(NAMESPACE, SET), PartitionFilter.all(), policy=QueryPolicy()
        )
        return sum(record.bins["id"] for record in records)

    return {
        "put": put,
        "get": get,
        "batch_read": batch_read,
        "query": query,
        "close": client.close_blocking,
    }


async def connect_async(host: str, port: int) -> Calls:
    client: Any = await aerospike_native.new_client(ClientPolicy(), f"{host}:{port}")

    async def put(name: str, bins: dict[str, Any]) -> None:
        await client.put(Key(NAMESPACE, SET, name), bins)

    async def get(name: str) -> Any:
        return (await client.get(Key(NAMESPACE, SET, name))).bins

    async def batch_read(names: list[str]) -> int:
        total = 0
        for row in await client.batch_read([Key(NAMESPACE, SET, name) for name in names]):
            total += row.record.bins["id"]
        return total

    return {"put": put, "get": get, "batch_read": batch_read, "close": client.close}
