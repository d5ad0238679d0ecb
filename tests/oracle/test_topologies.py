"""Racks, alternate addresses and strong consistency of the dev server, for the official client."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aerospike as official
import pytest
from aerospike import exception

from aerospike_py.devserver import DevCluster

KEYS = [("test", "demo", number) for number in range(100)]


@contextmanager
def connected(cluster: DevCluster, **config: Any) -> Iterator[Any]:
    """The official client, once it knows all nodes."""
    client = official.client({"hosts": cluster.hosts[:1], **config}).connect()
    try:
        deadline = time.monotonic() + 20
        while len(client.get_nodes()) < len(cluster.ports):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield client
    finally:
        client.close()


@pytest.mark.parametrize(("rack", "others"), [(1, [2, 3]), (2, [0, 1])])
def test_reads_stay_on_the_own_rack(rack: int, others: list[int]) -> None:
    policies = {"read": {"replica": official.POLICY_REPLICA_PREFER_RACK}}
    with (
        DevCluster(nodes=4, racks=[1, 1, 2, 2]) as cluster,
        connected(cluster, rack_aware=True, rack_id=rack, policies=policies) as client,
    ):
        for key in KEYS:
            client.put(key, {"n": key[2]})
            assert client.get(key)[2] == {"n": key[2]}
        counters = cluster.counters()
        assert sum(node["read"] for node in counters) == len(KEYS)
        assert [counters[node]["read"] for node in others] == [0, 0]


def test_alternate_addresses_are_used_on_demand() -> None:
    with (
        DevCluster(nodes=3, advertised="127.0.0.99", alternate="127.0.0.1") as cluster,
        connected(cluster, use_services_alternate=True) as client,
    ):
        assert sorted(port for _, port in client.get_nodes()) == sorted(cluster.ports)


@pytest.mark.parametrize(
    ("mode", "is_answered"),
    [
        (official.POLICY_READ_MODE_SC_SESSION, False),
        (official.POLICY_READ_MODE_SC_LINEARIZE, False),
        (official.POLICY_READ_MODE_SC_ALLOW_REPLICA, False),
        (official.POLICY_READ_MODE_SC_ALLOW_UNAVAILABLE, True),
    ],
)
def test_a_strongly_consistent_namespace_is_read_in_every_mode(
    mode: int, is_answered: bool
) -> None:
    namespaces = [{"name": "test", "strong_consistency": True}]
    policy = {"read_mode_sc": mode, "max_retries": 0}
    with DevCluster(nodes=3, namespaces=namespaces) as cluster, connected(cluster) as client:
        for key in KEYS:
            client.put(key, {"n": key[2]})
            assert client.get(key, policy)[2] == {"n": key[2]}
        cluster.partition_unavailable()
        if is_answered:
            assert client.get(KEYS[7], policy)[2] == {"n": 7}
        else:
            with pytest.raises(exception.AerospikeError) as caught:
                client.get(KEYS[7], policy)
            assert caught.value.code == 11


def test_a_strongly_consistent_namespace_takes_durable_deletes_only() -> None:
    namespaces = [{"name": "test", "strong_consistency": True}]
    with DevCluster(namespaces=namespaces) as cluster, connected(cluster) as client:
        client.put(KEYS[0], {"n": 1})
        with pytest.raises(exception.ForbiddenError):
            client.remove(KEYS[0])
        client.remove(KEYS[0], policy={"durable_delete": True})
        assert client.exists(KEYS[0])[1] is None
