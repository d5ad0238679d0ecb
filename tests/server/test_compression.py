"""Deflated requests and replies, with servers that know them and with ones that do not."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import Client
from aerospike_py.devserver import DevCluster

NAMESPACE = "test"
COMPRESS = {"compress": True}
REPLACE = {"exists": aerospike_py.POLICY_EXISTS_REPLACE}
LONG = "long " * 400
KEYS = [(NAMESPACE, "deflated", number) for number in range(60)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=2, compression=True) as cluster:
        yield cluster


def test_a_server_without_compression_says_so(client: Client, key: tuple[str, str, str]) -> None:
    client.put(key, {"a": 1}, policy=COMPRESS)
    with pytest.raises(aerospike_py.EnterpriseOnly):
        client.put(key, {"a": LONG}, policy=COMPRESS)
    assert client.get(key, COMPRESS).bins == {"a": 1}


def _traffic(cluster: DevCluster) -> tuple[int, int]:
    nodes = cluster.counters()
    return sum(node["bytes_in"] for node in nodes), sum(node["bytes_out"] for node in nodes)


def _small(cluster: DevCluster, call: Callable[[], Any], limit: int) -> Any:
    """What a call returns that sends and is sent less than a limit."""
    before = _traffic(cluster)
    result = call()
    after = _traffic(cluster)
    assert after[0] - before[0] < limit
    assert after[1] - before[1] < limit
    return result


def test_all_kinds_of_commands(make_client: Callable[[Any], Client], cluster: DevCluster) -> None:
    bins = {"a": LONG, "n": 7}
    operations = [
        {"op": aerospike_py.OPERATOR_WRITE, "bin": "b", "val": LONG},
        {"op": aerospike_py.OPERATOR_READ, "bin": "a"},
    ]
    # Looking at the cluster's state takes some, too.
    limit = 20_000
    with make_client({**cluster.config, "tend_interval": 60_000}).connect() as client:
        rows = client.batch_write([(key, bins) for key in KEYS], COMPRESS)
        assert all(row.result == 0 for row in rows)

        def commands() -> None:
            client.put(KEYS[0], bins, policy={**COMPRESS, **REPLACE})
            assert client.get(KEYS[0], COMPRESS).bins == bins
            assert client.select(KEYS[0], ["a"], COMPRESS).bins == {"a": LONG}
            assert client.operate(KEYS[0], operations, policy=COMPRESS).bins == {"a": LONG}
            batch = client.batch_read(KEYS, policy=COMPRESS)
            assert [row.bins["n"] for row in batch] == [7] * len(KEYS)
            records = client.query(NAMESPACE, "deflated").results(COMPRESS)
            assert sorted(record.bins["a"] for record in records) == [LONG] * len(KEYS)

        _small(cluster, commands, limit)
        assert len(client.get(KEYS[1]).bins["a"]) == len(LONG)


@pytest.mark.parametrize("scope", ["corrupt", "truncate"])
def test_broken_replies_are_errors(
    make_client: Callable[[Any], Client], cluster: DevCluster, scope: str
) -> None:
    with make_client({**cluster.config, "tend_interval": 60_000}).connect() as client:
        key = (NAMESPACE, "broken", 1)
        client.put(key, {"a": LONG})
        if scope == "corrupt":
            cluster.corrupt(count=2)
        else:
            cluster.truncate_replies(60, count=2)
        with pytest.raises(aerospike_py.AerospikeError):
            client.get(key, {**COMPRESS, "max_retries": 0})
        cluster.clear_faults()
        assert client.get(key, COMPRESS).bins == {"a": LONG}
