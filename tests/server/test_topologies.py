"""Clusters with racks, with alternate addresses, and with strong consistency."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    POLICY_READ_MODE_SC_ALLOW_REPLICA,
    POLICY_READ_MODE_SC_ALLOW_UNAVAILABLE,
    POLICY_READ_MODE_SC_LINEARIZE,
    POLICY_READ_MODE_SC_SESSION,
    POLICY_REPLICA_MASTER,
    POLICY_REPLICA_PREFER_RACK,
    POLICY_REPLICA_SEQUENCE,
    AerospikeError,
    Client,
    ClusterError,
)
from aerospike_py.devserver import DevCluster

KEYS = [("test", "demo", number) for number in range(200)]
PREFERRED: aerospike_py.ReadPolicy = {"replica": POLICY_REPLICA_PREFER_RACK}
PARTITION_UNAVAILABLE = 11
FAIL_FORBIDDEN = 22
ENTERPRISE_ONLY = 25


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def done(cluster: DevCluster, kind: str, action: Callable[[], Any]) -> list[int]:
    """How many commands of a kind each node has carried out during an action."""
    before = [node[kind] for node in cluster.counters()]
    action()
    return [node[kind] - count for node, count in zip(cluster.counters(), before, strict=True)]


def read_all(client: Client, **policy: Any) -> None:
    for key in KEYS:
        client.get(key, {**PREFERRED, **policy})


class TestRacks:
    @pytest.fixture
    def cluster(self) -> Iterator[DevCluster]:
        with DevCluster(nodes=4, racks=[1, 1, 2, 2]) as running:
            yield running

    def connected(self, cluster: DevCluster, **more: Any) -> Client:
        config: Any = {**cluster.config, "tend_interval": 250, **more}
        client = aerospike_py.client(config).connect()
        for key in KEYS:
            client.put(key, {"n": key[2]})
        return client

    def test_nodes_say_which_rack_they_are_on(self, cluster: DevCluster) -> None:
        with self.connected(cluster) as client:
            racks = {name: told for name, _, told in client.info_all("rack-ids")}
            assert sorted(racks.values()) == ["test:1;bar:1"] * 2 + ["test:2;bar:2"] * 2
            told = client.info_random_node("racks")
            assert told.split(";")[0] == "ns=test:rack_1=D1,D2:rack_2=D3,D4"

    def test_without_racks_they_are_of_another_edition(self) -> None:
        with DevCluster() as cluster, aerospike_py.client(cluster.config).connect() as client:
            with pytest.raises(AerospikeError) as caught:
                client.info_random_node("rack-ids")
            assert caught.value.result_code == ENTERPRISE_ONLY

    @pytest.mark.parametrize(("rack", "others"), [(1, [2, 3]), (2, [0, 1])])
    def test_reads_stay_on_the_own_rack(
        self, cluster: DevCluster, rack: int, others: list[int]
    ) -> None:
        with self.connected(cluster, rack_id=rack) as client:
            reads = done(cluster, "read", lambda: read_all(client))
            assert sum(reads) == len(KEYS)
            assert [reads[node] for node in others] == [0, 0]
            policy: Any = {"replica": POLICY_REPLICA_PREFER_RACK}
            reads = done(cluster, "read", lambda: client.batch_read(KEYS, policy=policy))
            assert sum(reads) == len(KEYS)
            assert [reads[node] for node in others] == [0, 0]

    def test_writes_go_to_the_master_whatever_its_rack(self, cluster: DevCluster) -> None:
        with self.connected(cluster, rack_id=1) as client:
            writes = done(cluster, "write", lambda: [client.put(key, {"n": 0}) for key in KEYS])
            assert all(writes)
            assert sum(node["proxied"] for node in cluster.counters()) == 0

    def test_a_node_that_moves_to_another_rack_is_read_there(self, cluster: DevCluster) -> None:
        with self.connected(cluster, rack_id=1) as client:
            cluster.set_rack(0, 2)
            cluster.set_rack(2, 1)

            def follows() -> bool:
                reads = done(cluster, "read", lambda: read_all(client))
                return reads[0] == reads[3] == 0

            wait_for(follows)

    def test_the_other_rack_is_read_when_the_own_one_is_gone(self, cluster: DevCluster) -> None:
        with self.connected(cluster, rack_id=1) as client:
            cluster.kill(0)
            cluster.kill(1)
            reads = done(cluster, "read", lambda: read_all(client, total_timeout=10_000))
            assert reads[2] + reads[3] == len(KEYS)


class TestAddresses:
    """Nodes that are behind other addresses than those that they listen on."""

    @pytest.fixture
    def cluster(self) -> Iterator[DevCluster]:
        # Nobody listens on the address that the nodes tell.
        with DevCluster(nodes=3, advertised="127.0.0.99", alternate="localhost") as running:
            yield running

    def names(self, config: Any) -> list[str]:
        with aerospike_py.client(config).connect() as client:
            client.put(KEYS[0], {"a": 1})
            return sorted(client.get_node_names())

    def test_alternate_addresses_are_used_on_demand(self, cluster: DevCluster) -> None:
        config = {"hosts": cluster.hosts[:1], "use_services_alternate": True}
        assert self.names(config) == ["D1", "D2", "D3"]

    def test_addresses_are_replaced_by_those_of_the_map(self, cluster: DevCluster) -> None:
        config = {"hosts": cluster.hosts[:1], "ip_map": {"127.0.0.99": "127.0.0.1"}}
        assert self.names(config) == ["D1", "D2", "D3"]

    def test_otherwise_a_client_says_what_to_look_at(self, cluster: DevCluster) -> None:
        with pytest.raises(ClusterError, match="use_services_alternate and ip_map"):
            self.names({"hosts": cluster.hosts[:1], "timeout": 2000})

    def test_a_cluster_without_alternate_addresses_tells_none(self) -> None:
        with (
            DevCluster(nodes=2) as cluster,
            aerospike_py.client(cluster.config).connect() as client,
        ):
            assert client.info_random_node("service-clear-alt") == ""
            assert client.info_random_node("peers-clear-alt").endswith(",[]")


class TestStrongConsistency:
    @pytest.fixture
    def cluster(self) -> Iterator[DevCluster]:
        namespaces = [{"name": "test", "strong_consistency": True}, {"name": "bar"}]
        with DevCluster(nodes=3, namespaces=namespaces) as running:
            yield running

    @pytest.fixture
    def client(self, cluster: DevCluster) -> Iterator[Client]:
        config: Any = {**cluster.config, "tend_interval": 250}
        with aerospike_py.client(config).connect() as connected:
            for key in KEYS:
                connected.put(key, {"n": key[2]})
            yield connected

    @staticmethod
    def policy(mode: int, replica: int = POLICY_REPLICA_SEQUENCE) -> Any:
        # Every other read asks the second copy, where that is allowed.
        return {"read_mode_sc": mode, "replica": replica, "max_retries": 0}

    def test_namespaces_say_what_they_are(self, client: Client) -> None:
        assert "strong-consistency=true" in client.info_random_node("namespace/test")
        assert "strong-consistency=false" in client.info_random_node("namespace/bar")

    def test_only_such_a_namespace_has_a_regime_which_goes_up(
        self, cluster: DevCluster, client: Client
    ) -> None:
        def regimes() -> dict[str, int]:
            parts = client.info_random_node("replicas").split(";")
            return {
                name: int(rest.split(",")[0])
                for name, rest in (part.split(":") for part in parts if part)
            }

        assert regimes() == {"test": 1, "bar": 0}
        cluster.rebalance()
        assert regimes() == {"test": 2, "bar": 0}

    @pytest.mark.parametrize(
        "mode",
        [
            POLICY_READ_MODE_SC_SESSION,
            POLICY_READ_MODE_SC_LINEARIZE,
            POLICY_READ_MODE_SC_ALLOW_REPLICA,
            POLICY_READ_MODE_SC_ALLOW_UNAVAILABLE,
        ],
    )
    def test_every_mode_reads_what_was_written(self, client: Client, mode: int) -> None:
        for key in KEYS:
            assert client.get(key, self.policy(mode)).bins == {"n": key[2]}
        rows = client.batch_read(KEYS, policy=self.policy(mode)).batch_records
        assert [row.record.bins["n"] for row in rows] == [key[2] for key in KEYS]

    def test_only_masters_are_read_within_a_session(
        self, cluster: DevCluster, client: Client
    ) -> None:
        policy = self.policy(POLICY_READ_MODE_SC_SESSION)
        proxied = done(cluster, "proxied", lambda: [client.get(key, policy) for key in KEYS])
        assert sum(proxied) == 0

    @pytest.mark.parametrize(
        ("mode", "is_answered"),
        [
            (POLICY_READ_MODE_SC_SESSION, False),
            (POLICY_READ_MODE_SC_LINEARIZE, False),
            (POLICY_READ_MODE_SC_ALLOW_REPLICA, False),
            (POLICY_READ_MODE_SC_ALLOW_UNAVAILABLE, True),
        ],
    )
    def test_partitions_that_are_unavailable_are_read_only_by_who_allows_it(
        self, cluster: DevCluster, client: Client, mode: int, is_answered: bool
    ) -> None:
        cluster.partition_unavailable()
        if is_answered:
            assert client.get(KEYS[5], self.policy(mode)).bins == {"n": 5}
            with pytest.raises(AerospikeError) as caught:
                client.put(KEYS[5], {"n": 6}, policy={"max_retries": 0})
        else:
            with pytest.raises(AerospikeError) as caught:
                client.get(KEYS[5], self.policy(mode))
        assert caught.value.result_code == PARTITION_UNAVAILABLE
        cluster.partition_unavailable(on=False)
        client.put(KEYS[5], {"n": 6})

    def test_in_another_namespace_nobody_reads_them(
        self, cluster: DevCluster, client: Client
    ) -> None:
        cluster.partition_unavailable()
        with pytest.raises(AerospikeError) as caught:
            client.get(("bar", "demo", 1), self.policy(POLICY_READ_MODE_SC_ALLOW_UNAVAILABLE))
        assert caught.value.result_code == PARTITION_UNAVAILABLE

    def test_only_durable_deletes_are_taken(self, client: Client) -> None:
        with pytest.raises(AerospikeError) as caught:
            client.remove(KEYS[0])
        assert caught.value.result_code == FAIL_FORBIDDEN
        client.remove(KEYS[0], policy={"durable_delete": True})
        assert client.exists(KEYS[0]).meta is None
        with pytest.raises(AerospikeError) as caught:
            client.remove_bin(KEYS[1], ["n"])
        assert caught.value.result_code == FAIL_FORBIDDEN
        assert client.get(KEYS[1]).bins == {"n": 1}

    def test_a_node_of_an_older_regime_is_not_believed(
        self, cluster: DevCluster, client: Client
    ) -> None:
        masters = done(cluster, "read", lambda: [client.get(key) for key in KEYS])
        cluster.kill(1)
        policy: Any = {
            "replica": POLICY_REPLICA_MASTER,
            "total_timeout": 10_000,
            "max_retries": 1000,
            "sleep_between_retries": 20,
        }

        def reads(key: Any) -> bool:
            try:
                client.get(key, policy)
            except ClusterError:
                # It is known that the node has gone, and not yet who has its partitions.
                return False
            return True

        served = done(cluster, "read", lambda: [wait_for(partial(reads, key)) for key in KEYS])
        assert masters[1] > 0
        assert served[0] + served[2] == len(KEYS)
        assert sum(node["proxied"] for node in cluster.counters()) == 0
