"""What the client does when nodes die, return, move their partitions, or want a login."""

import time
from collections.abc import Callable
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    AdminError,
    AerospikeError,
    Client,
    ClientError,
    ClusterError,
    InvalidArgError,
)
from aerospike_py.devserver import DevCluster

KEYS = [("test", "demo", number) for number in range(60)]
PATIENT: aerospike_py.WritePolicy = {
    "max_retries": 50,
    "sleep_between_retries": 20,
    "total_timeout": 10_000,
}


def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for what another thread of the core brings about; it has no event to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def connected(cluster: DevCluster, **settings: Any) -> Client:
    config = {**cluster.config, "tend_interval": 100, **settings}
    return aerospike_py.client(config).connect()


def test_a_dead_nodes_records_are_served_by_the_others() -> None:
    with DevCluster(nodes=3) as cluster, connected(cluster) as client:
        for key in KEYS:
            client.put(key, {"n": key[2]})
        cluster.kill(1)
        for key in KEYS:
            assert client.get(key, {"max_retries": 5, "total_timeout": 10_000}).bins == {
                "n": key[2]
            }
        eventually(lambda: len(client.get_node_names()) == 2)
        for key in KEYS:
            client.put(key, {"n": -1}, policy=PATIENT)
        cluster.revive(1)
        eventually(lambda: len(client.get_node_names()) == 3)
        assert [client.get(key).bins for key in KEYS] == [{"n": -1}] * len(KEYS)


def test_a_nodes_death_is_noticed_before_the_next_tend() -> None:
    # The next look at the cluster would come after a minute.
    with DevCluster(nodes=3) as cluster, connected(cluster, tend_interval=60_000) as client:
        for key in KEYS:
            client.put(key, {"n": 1})
        cluster.kill(2)
        for key in KEYS:
            assert client.get(key, {"max_retries": 5, "total_timeout": 10_000}).bins == {"n": 1}
        for key in KEYS:
            client.put(key, {"n": 2}, policy=PATIENT)


def test_a_ping_waits_as_long_as_it_is_told() -> None:
    with DevCluster(nodes=1) as cluster, connected(cluster) as client:
        assert client.ping({"timeout": 30_000}) is True
        cluster.hang(0)
        begin_s = time.monotonic()
        assert client.ping({"timeout": 200}) is False
        assert 0.15 < time.monotonic() - begin_s < 3
        with pytest.raises(InvalidArgError, match="did you mean 'timeout'"):
            client.ping({"timout": 200})  # type: ignore[typeddict-unknown-key]


def test_all_nodes_die_and_return() -> None:
    with DevCluster(nodes=2) as cluster, connected(cluster, timeout=300) as client:
        client.put(KEYS[0], {"a": 1})
        for node in range(2):
            cluster.kill(node)
        with pytest.raises(AerospikeError):
            client.get(KEYS[0], {"max_retries": 0, "total_timeout": 500})
        eventually(lambda: not client.is_connected())
        with pytest.raises(AerospikeError):
            client.get(KEYS[0], {"max_retries": 0, "total_timeout": 500})
        assert client.ping() is False
        for node in range(2):
            cluster.revive(node)
        eventually(client.is_connected)
        eventually(lambda: len(client.get_node_names()) == 2)
        assert client.get(KEYS[0]).bins == {"a": 1}


def test_partitions_that_move_are_followed() -> None:
    with DevCluster(nodes=3) as cluster, connected(cluster) as client:
        for key in KEYS:
            client.put(key, {"n": key[2]})
        for partition in range(0, 4096, 3):
            cluster.move_partition(partition, partition % 2)
        assert [client.get(key).bins for key in KEYS] == [{"n": key[2]} for key in KEYS]


def test_an_unavailable_partition_is_a_clear_error() -> None:
    with DevCluster() as cluster, connected(cluster, max_error_rate=0) as client:
        client.put(KEYS[0], {"a": 1})
        cluster.partition_unavailable()
        with pytest.raises(ClusterError) as caught:
            client.get(KEYS[0], {"max_retries": 1, "total_timeout": 1000})
        assert caught.value.result_code in (11, -8)
        cluster.partition_unavailable(on=False)
        eventually(lambda: client.exists(KEYS[0], {"max_retries": 10}).meta is not None)


def test_a_cluster_that_is_stopped_is_a_clear_error() -> None:
    cluster = DevCluster()
    with cluster, connected(cluster, timeout=300) as client:
        client.put(KEYS[0], {"a": 1})
        cluster.stop()
        for _ in range(3):
            with pytest.raises(AerospikeError):
                client.put(KEYS[0], {"a": 1}, policy={"total_timeout": 500})


def test_records_expire_by_the_nodes_clocks() -> None:
    with DevCluster() as cluster, connected(cluster) as client:
        client.put(KEYS[0], {"a": 1}, meta={"ttl": 100})
        cluster.set_time_offset(99_000)
        assert client.exists(KEYS[0]).meta is not None
        cluster.set_time_offset(102_000)
        assert client.exists(KEYS[0]).meta is None
        client.put(KEYS[0], {"b": 2}, policy={"exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY})
        record = client.get(KEYS[0])
        assert (record.bins, record.meta and record.meta.gen) == ({"b": 2}, 1)


def test_a_login_is_needed_and_works() -> None:
    with DevCluster(nodes=2, security=True) as cluster:
        config = cluster.config
        with pytest.raises(AerospikeError):
            aerospike_py.client(config).connect()
        for wrong in (("admin", "wrong"), ("nobody", "admin")):
            with pytest.raises(AdminError) as caught:
                aerospike_py.client(config).connect(*wrong)
            assert caught.value.result_code in (60, 65)
        with aerospike_py.client(config).connect("admin", "admin") as client:
            for key in KEYS:
                client.put(key, {"a": 1})
            client.close()
            client.connect("admin", "admin")
            assert client.get(KEYS[0]).bins == {"a": 1}
        named = {**config, "user": "admin", "password": "admin"}
        with aerospike_py.client(named).connect() as client:
            assert client.get(KEYS[0]).bins == {"a": 1}


def test_a_failed_login_leaves_the_client_usable() -> None:
    with DevCluster(security=True) as cluster:
        client = aerospike_py.client(cluster.config)
        with pytest.raises(AdminError):
            client.connect("admin", "wrong")
        with pytest.raises(ClientError, match="not connected"):
            client.get(KEYS[0])
        with client.connect("admin", "admin"):
            client.put(KEYS[0], {"a": 1})


def test_sessions_that_end_are_renewed() -> None:
    with DevCluster(security=True) as cluster:
        config = {**cluster.config, "tend_interval": 100, "max_error_rate": 0}
        with aerospike_py.client(config).connect("admin", "admin") as client:
            client.put(KEYS[0], {"a": 1})
            cluster.revoke_sessions()
            cluster.close_connections()

            def works() -> bool:
                try:
                    return client.get(KEYS[0]).bins == {"a": 1}
                except AerospikeError:
                    return False

            eventually(works)


def test_the_cluster_name_is_checked() -> None:
    with DevCluster(cluster_name="mine") as cluster:
        with connected(cluster, cluster_name="mine") as client:
            assert client.is_connected()
        with pytest.raises(ClusterError, match="yours"):
            connected(cluster, cluster_name="yours")
