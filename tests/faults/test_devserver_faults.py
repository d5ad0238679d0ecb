"""What the dev server can be told to do to clients, seen by clients and by bare sockets."""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import AerospikeError, AerospikeTimeoutError, Client
from aerospike_py.devserver import DevCluster

KEY = ("test", "demo", "k")
ONCE: Any = {"max_retries": 0, "total_timeout": 500}


@pytest.fixture
def cluster() -> Iterator[DevCluster]:
    with DevCluster() as running:
        yield running


@pytest.fixture
def client(cluster: DevCluster) -> Iterator[Client]:
    with aerospike_py.client(cluster.config).connect() as connected:
        connected.put(KEY, {"a": 1})
        yield connected
        cluster.clear_faults()


def info(cluster: DevCluster, name: str, node: int = 0) -> bytes:
    """The answer to an info command, as it comes."""
    request = name.encode() + b"\n"
    with socket.create_connection(("127.0.0.1", cluster.ports[node]), timeout=10) as connection:
        connection.sendall(struct.pack(">BBHI", 2, 1, 0, len(request)) + request)
        file = connection.makefile("rb")
        (size,) = struct.unpack(">xxHI", file.read(8))[1:]
        name_again, _, answer = file.read(size).partition(b"\t")
        assert name_again == name.encode()
        return answer.removesuffix(b"\n")


def test_an_info_command_answers_what_it_was_told(cluster: DevCluster) -> None:
    own = info(cluster, "build")
    cluster.answer_info("build", "ERROR:0:text")
    assert info(cluster, "build") == b"ERROR:0:text"
    cluster.answer_info("build", b"\xff\x00\xfe")
    assert info(cluster, "build") == b"\xff\x00\xfe"
    cluster.answer_info("build", None)
    assert info(cluster, "build") == own
    cluster.answer_info("sets", "x")
    assert info(cluster, "sets/test/demo") == b"x"
    cluster.clear_faults()
    assert info(cluster, "sets/test/demo") == b""


def test_an_info_command_is_told_of_one_node() -> None:
    with DevCluster(nodes=2) as cluster:
        cluster.answer_info("node", b"D\xff", node=1)
        assert info(cluster, "node", 0) == b"D1"
        assert info(cluster, "node", 1) == b"D\xff"


def test_peers_are_announced_that_there_are_not(cluster: DevCluster) -> None:
    generation = int(info(cluster, "peers-generation"))
    cluster.announce_peers(400)
    assert int(info(cluster, "peers-generation")) == generation + 1
    assert info(cluster, "peers-clear-std").count(b"[F0") == 400
    cluster.announce_peers(1, "127.0.0.1", 1)
    assert info(cluster, "peers-clear-std").endswith(b",[[F0000,,[127.0.0.1:1]]]")
    cluster.clear_faults()
    assert info(cluster, "peers-clear-std").endswith(b",[]")


def test_announced_peers_do_not_keep_a_client_from_the_others() -> None:
    with DevCluster(nodes=2) as cluster:
        cluster.announce_peers(3, "127.0.0.1", 1)
        with aerospike_py.client(cluster.config).connect() as client:
            client.put(KEY, {"a": 1})
            assert sorted(client.get_node_names()) == ["D1", "D2"]


def test_a_reply_is_torn_in_its_middle(cluster: DevCluster) -> None:
    whole = len(info(cluster, "features"))
    cluster.truncate_replies(count=1, scope="info")
    with socket.create_connection(("127.0.0.1", cluster.port), timeout=10) as connection:
        connection.sendall(struct.pack(">BBHI", 2, 1, 0, 9) + b"features\n")
        torn = connection.makefile("rb").read()
    # Header, the name and a tab before the answer, and a line's end behind it.
    assert len(torn) == (8 + 9 + whole + 1) // 2


def test_a_flood_never_ends_and_nothing_is_carried_out(cluster: DevCluster, client: Client) -> None:
    before = cluster.counters()[0]
    cluster.flood(1, count=1)
    with pytest.raises(AerospikeError):
        client.put(KEY, {"a": 2}, policy=ONCE)
    after = cluster.counters()[0]
    assert after["write"] == before["write"]
    assert client.get(KEY).bins == {"a": 1}


def test_a_flood_is_empty_frames(cluster: DevCluster) -> None:
    cluster.flood(0, scope="info")
    with socket.create_connection(("127.0.0.1", cluster.port), timeout=10) as connection:
        connection.sendall(struct.pack(">BBHI", 2, 1, 0, 5) + b"node\n")
        file = connection.makefile("rb")
        assert file.read(8 * 1000) == struct.pack(">BBHI", 2, 3, 0, 0) * 1000


def test_changes_are_counted_whatever_becomes_of_the_reply(
    cluster: DevCluster, client: Client
) -> None:
    def applied() -> int:
        return int(cluster.counters()[0]["applied"])

    before = applied()
    cluster.drop(count=1)
    with pytest.raises(AerospikeTimeoutError):
        client.put(KEY, {"a": 2}, policy=ONCE)
    assert applied() == before + 1
    cluster.answer_with(14, count=1)
    with pytest.raises(AerospikeError):
        client.put(KEY, {"a": 3}, policy=ONCE)
    assert applied() == before + 1
    client.remove(KEY)
    assert applied() == before + 2
    client.exists(KEY)
    assert applied() == before + 2


def test_the_sessions_of_one_user_end() -> None:
    users = [
        {"name": name, "password": name, "roles": ["read-write", "user-admin"]}
        for name in ("one", "other")
    ]
    with DevCluster(users=users) as cluster:
        one, other = (
            aerospike_py.client(
                {**cluster.config, "user": name, "password": name, "tend_interval": 250}
            ).connect()
            for name in ("one", "other")
        )
        with one, other:
            one.put(KEY, {"a": 1})
            other.put(KEY, {"a": 1})
            before = cluster.counters()[0]["errors"]
            cluster.end_sessions("one")
            other.put(KEY, {"a": 2}, policy=ONCE)
            assert cluster.counters()[0]["errors"] == before
            deadline = time.monotonic() + 10
            # The client logs in again by itself.
            while time.monotonic() < deadline:
                with contextlib.suppress(AerospikeError):
                    one.put(KEY, {"a": 3})
                    break
            assert cluster.counters()[0]["errors"] > before
            assert one.get(KEY).bins == {"a": 3}


def test_open_connections_are_counted_for_each_node() -> None:
    with DevCluster(nodes=2) as cluster:
        assert [node["connections_open"] for node in cluster.counters()] == [0, 0]
        with socket.create_connection(("127.0.0.1", cluster.ports[1])):
            deadline = time.monotonic() + 10
            while cluster.counters()[1]["connections_open"] != 1:
                assert time.monotonic() < deadline
            assert cluster.counters()[0]["connections_open"] == 0
