"""The same work by this client and by the official one, over TLS that is not the node's own.

With `--server HOST:PORT` the nodes are real ones, which have no TLS in this edition.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminator import tls_in_front_of_all

import aerospike_py

pytest.importorskip("aerospike")

VALUES = {
    "integer": -(2**63),
    "float": 1.5,
    "text": "λ" * 3000,
    "list": [1, "two", [3.0, None], {"four": 4}],
    "map": {"a": 1, "b": [True, False]},
    "large": "x" * 300_000,  # Many records of TLS.
}
SCRIPT = """
import json, sys, aerospike
given = json.loads(sys.stdin.read())
client = aerospike.client({"hosts": [tuple(host) for host in given["hosts"]], "tls": given["tls"]})
client.connect()
space, name, count = "test", given["set"], given["count"]
told = {}
client.put((space, name, "theirs"), given["values"])
told["ours"] = client.get((space, name, "ours"))[2]
keys = [(space, name, number) for number in range(count)]
rows = client.batch_read(keys).batch_records
told["batch"] = [row.record[2]["n"] for row in rows]
told["query"] = sorted(r[2]["n"] for r in client.query(space, name).results() if "n" in r[2])
told["nodes"] = len(client.get_nodes())
try:
    client.get((space, name, "nobody"))
except aerospike.exception.RecordNotFound as error:
    told["missing"] = error.code
print(json.dumps(told))
client.close()
"""
COUNT = 300


@pytest.fixture(scope="module")
def config(server: Any) -> Iterator[dict[str, Any]]:
    if "tls" in server.config:
        pytest.skip("the nodes have TLS of their own")
    with tls_in_front_of_all(server.hosts) as settings:
        yield settings


def told_by_theirs(config: dict[str, Any], set_name: str, folder: Path) -> Any:
    authority = folder / "ca.pem"
    authority.write_bytes(config["tls"]["ca"])
    given = {
        "hosts": config["hosts"],
        "tls": {"enable": True, "cafile": str(authority)},
        "set": set_name,
        "count": COUNT,
        "values": VALUES,
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_both_clients_say_the_same(config: dict[str, Any], set_name: str, tmp_path: Path) -> None:
    keys = [("test", set_name, number) for number in range(COUNT)]
    with aerospike_py.client(config).connect() as client:
        client.put(("test", set_name, "ours"), VALUES)
        client.batch_write([(key, {"n": key[2]}) for key in keys])
        theirs = told_by_theirs(config, set_name, tmp_path)
        rows = client.batch_read(keys).batch_records
        found = client.query("test", set_name).results()
        with pytest.raises(aerospike_py.RecordNotFound) as missing:
            client.get(("test", set_name, "nobody"))
        assert theirs == {
            "ours": VALUES,
            "batch": [row.record.bins["n"] for row in rows if row.record],
            "query": sorted(each.bins["n"] for each in found if "n" in each.bins),
            "nodes": len(client.get_node_names()),
            "missing": missing.value.result_code,
        }
        assert theirs["batch"] == theirs["query"] == list(range(COUNT))
        assert client.get(("test", set_name, "theirs")).bins == VALUES


async def test_many_at_once(config: dict[str, Any], set_name: str) -> None:
    # As many handshakes as connections, on a machine that may be busy.
    patience = {"total_timeout": 20_000}
    patient = config | {"policies": {"read": patience, "write": patience}, "max_conns_per_node": 30}
    async with aerospike_py.AsyncClient(patient).connect() as client:
        keys = [("test", set_name, f"n{number}") for number in range(200)]
        await asyncio.gather(*(client.put(key, {"k": key[2]}) for key in keys))
        found = await asyncio.gather(*(client.get(key) for key in keys))
        assert [each.bins["k"] for each in found] == [key[2] for key in keys]
        stats = await client.tls_stats()
        assert stats is not None
        assert stats.handshakes > 1
        assert sum(stats.failures.values()) == 0
