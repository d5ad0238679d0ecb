"""Drives the official client, `aerospike` on PyPI, which has no asynchronous calls."""

from collections.abc import Callable
from typing import Any

import aerospike
from cases import NAMESPACE, SET

Calls = dict[str, Callable[..., Any]]


def connect(host: str, port: int) -> Calls:
    client: Any = aerospike.client({"hosts": [(host, port)]}).connect()
    read, write = client.get, client.put

    def put(name: str, bins: dict[str, Any]) -> None:
        write((NAMESPACE, SET, name), bins)

    def get(name: str) -> Any:
        return read((NAMESPACE, SET, name))[2]

    def batch_read(names: list[str]) -> int:
        total = 0
        for row in client.batch_read([(NAMESPACE, SET, name) for name in names]).batch_records:
            total += row.record[2]["id"]
        return total

    def query() -> int:
        return sum(bins["id"] for _, _, bins in client.query(NAMESPACE, SET).results())

    return {
        "put": put,
        "get": get,
        "batch_read": batch_read,
        "query": query,
        "close": client.close,
    }


async def connect_async(host: str, port: int) -> Calls:
    return {}
