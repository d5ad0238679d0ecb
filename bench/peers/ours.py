"""Drives this project's client. A call that it has not got yet is left out."""

import inspect
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from cases import NAMESPACE, SET, numpy_columns

import aerospike_py

Calls = dict[str, Callable[..., Any]]


def connect(host: str, port: int) -> Calls:
    client: Any = aerospike_py.client({"hosts": [(host, port)]}).connect()
    read, write = client.get, client.put
    columns = numpy_columns()

    def put(name: str, bins: dict[str, Any]) -> None:
        write((NAMESPACE, SET, name), bins)

    def get(name: str) -> Any:
        return read((NAMESPACE, SET, name)).bins

    def batch_read(names: list[str]) -> int:
        total = 0
        for row in client.batch_read([(NAMESPACE, SET, name) for name in names]).batch_records:
            total += row.bins["id"]
        return total

    def batch_numpy(names: list[str]) -> int:
        keys = [(NAMESPACE, SET, name) for name in names]
        rows = client.batch_read(keys, _dtype=columns).batch_records
        return int(rows["id"].sum())

    def batch_arrow(names: list[str]) -> int:
        keys = [(NAMESPACE, SET, name) for name in names]
        return int(client.batch_read_arrow(keys).to_polars()["id"].sum())

    def query() -> int:
        return sum(record.bins["id"] for record in client.query(NAMESPACE, SET).results())

    calls: Calls = {"put": put, "get": get, "close": client.close}
    if hasattr(client, "batch_read"):
        calls["batch_read"] = batch_read
        if "_dtype" in inspect.signature(client.batch_read).parameters:
            calls["batch_numpy"] = batch_numpy
        if hasattr(client, "batch_read_arrow") and find_spec("polars") is not None:
            calls["batch_arrow"] = batch_arrow
    if hasattr(client, "query"):
        calls["query"] = query
    return calls


async def connect_async(host: str, port: int) -> Calls:
    make_client: Any = getattr(aerospike_py, "AsyncClient", None)
    if make_client is None:
        return {}
    client = make_client({"hosts": [(host, port)]})
    await client.connect()

    async def put(name: str, bins: dict[str, Any]) -> None:
        await client.put((NAMESPACE, SET, name), bins)

    async def get(name: str) -> Any:
        return (await client.get((NAMESPACE, SET, name))).bins

    async def batch_read(names: list[str]) -> int:
        batch = await client.batch_read([(NAMESPACE, SET, name) for name in names])
        total = 0
        for row in batch.batch_records:
            total += row.bins["id"]
        return total

    calls: Calls = {"put": put, "get": get, "close": client.close}
    if hasattr(client, "batch_read"):
        calls["batch_read"] = batch_read
    return calls
