"""The dev server as a product: the command line, `DevCluster`, the pytest plugin."""

import contextlib
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import aerospike_py
from aerospike_py import ClientError, InvalidArgError, list_operations
from aerospike_py.devserver import DevCluster, RemoteCluster, assert_record

KEY = ("test", "demo", "k")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_command_line(end: signal.Signals) -> None:
    command = [sys.executable, "-m", "aerospike_py.devserver", "--port", "0", "--nodes", "2"]
    with subprocess.Popen(
        [*command, "--namespaces", "test,mine"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ports = re.findall(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert len(ports) == 2
            with aerospike_py.client({"hosts": [("127.0.0.1", int(ports[1]))]}).connect() as client:
                assert len(client.get_node_names()) == 2
                assert client.info_random_node("namespaces") == "test;mine"
                client.put(("mine", "demo", "k"), {"a": 1})
            process.send_signal(end)
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_a_port_that_is_taken_is_an_error_on_the_command_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = subprocess.run(
            [sys.executable, "-m", "aerospike_py.devserver", "--port", port, "--nodes", "1"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert result.returncode == 1
    assert (
        f"aerospike_py.devserver: the dev server did not start: port {port} of 127.0.0.1 is taken"
        in (result.stderr)
    )
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nodes": 0}, "there can be 1 to 128 nodes, not 0"),
        ({"nodes": 300}, "there can be 1 to 128 nodes, not 300"),
        ({"namespaces": []}, "there can be 1 to 32 namespaces, not 0"),
        ({"namespaces": ["a", "a"]}, "there are two namespaces 'a'"),
        ({"namespaces": ["a b"]}, "'a b' is no name of a namespace"),
        ({"nodes": 3, "port": 65534}, "3 nodes from port 65534 on go beyond port 65535"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgError, match=re.escape(message)):
        DevCluster(**options).start()


def test_128_nodes_with_eight_namespaces() -> None:
    namespaces = [f"ns{number}" for number in range(8)]
    with DevCluster(nodes=128, namespaces=namespaces) as cluster:
        assert len(set(cluster.ports)) == 128
        with aerospike_py.client(cluster.config).connect() as client:
            threads = set(threading.enumerate())
            assert len(client.get_node_names()) == 128
            keys = [(namespaces[number % 8], "demo", number) for number in range(1000)]
            for key in keys:
                client.put(key, {"n": key[2]})
            for namespace in namespaces:
                wanted = [key for key in keys if key[0] == namespace]
                rows = client.batch_read(wanted).batch_records
                assert [row.record.bins["n"] for row in rows] == [key[2] for key in wanted]
                assert len(client.query(namespace, "demo").results()) == len(wanted)
            # Those of other tests may end meanwhile.
            assert set(threading.enumerate()) <= threads
        busy = [node for node in cluster.counters() if node["write"] > 0]
        assert len(busy) > 100


def test_values_nest_as_deep_as_they_may() -> None:
    def nested(leaf: int) -> list[Any]:
        value: list[Any] = [leaf]
        for _ in range(254):
            value = [value]
        return value

    with DevCluster() as cluster, aerospike_py.client(cluster.config).connect() as client:
        client.put(KEY, {"a": nested(1)})
        assert client.get(KEY).bins == {"a": nested(1)}
        client.put(KEY, {"a": [nested(3), nested(1), nested(2)]})
        client.operate(KEY, [list_operations.list_sort("a", 0)])
        assert client.get(KEY).bins == {"a": [nested(1), nested(2), nested(3)]}


def test_who_has_not_logged_in_cannot_fill_the_memory() -> None:
    with DevCluster(security=True) as cluster:
        with socket.create_connection(("127.0.0.1", cluster.port), timeout=10) as stranger:
            # A message of 100 MB begins, and is not waited for.
            stranger.sendall(struct.pack(">BBHI", 2, 3, 0, 100_000_000) + bytes(1000))
            assert receive_all(stranger) == b""
        login = {"user": "admin", "password": "admin"}
        with aerospike_py.client({**cluster.config, **login}).connect() as client:
            large = "x" * 1_000_000
            client.put(KEY, {"a": large})
            assert client.get(KEY).bins == {"a": large}


def receive_all(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


def run_command_line(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "aerospike_py.devserver", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@contextlib.contextmanager
def command_line(*arguments: str) -> Iterator["tuple[subprocess.Popen[str], list[int]]"]:
    """A running dev server and its ports; it is stopped as Ctrl-C does."""
    command = [sys.executable, "-m", "aerospike_py.devserver", "--port", "0", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ports = [int(port) for port in re.findall(r":(\d+)", process.stdout.readline())]
            if "--control-port" in arguments:
                ports += [int(port) for port in re.findall(r":(\d+)", process.stdout.readline())]
            yield process, ports
            process.send_signal(signal.SIGINT)
            process.wait(10)
        finally:
            process.kill()


def test_the_command_line_takes_users_and_a_time_to_live(tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    users.write_text('[{"name": "ann", "password": "secret", "roles": ["read-write"]}]')
    with command_line("--users", str(users), "--default-ttl", "50", "--nodes", "1") as (_, ports):
        config = {"hosts": [("127.0.0.1", ports[0])], "user": "ann", "password": "secret"}
        with aerospike_py.client(config).connect() as client:
            client.put(KEY, {"a": 1})
            meta = client.exists(KEY).meta
            assert meta is not None
            assert 45 <= meta.ttl <= 50


@pytest.mark.parametrize(
    "content", ['[{"name": 5}]', '[{"secret": "x"}]', '[{"name": "ann", "roles": "read"}]']
)
def test_users_that_cannot_be_are_named(tmp_path: Path, content: str) -> None:
    users = tmp_path / "users.json"
    users.write_text(content)
    result = run_command_line("--users", str(users))
    assert result.returncode == 1
    assert result.stderr.startswith("aerospike_py.devserver: users[0]")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("content", ["{", '{"name": "ann"}', None])
def test_a_file_of_users_that_is_none_is_an_error(tmp_path: Path, content: str | None) -> None:
    users = tmp_path / "users.json"
    if content is not None:
        users.write_text(content)
    result = run_command_line("--users", str(users))
    assert result.returncode == 1
    assert result.stderr.startswith(f"aerospike_py.devserver: {users}: ")


def test_the_command_line_says_its_version() -> None:
    assert run_command_line("--version").stdout.endswith(f" {aerospike_py.__version__}\n")


def test_requests_are_logged() -> None:
    with command_line("--nodes", "1", "--log-requests") as (process, ports):
        with aerospike_py.client({"hosts": [("127.0.0.1", ports[0])]}).connect() as client:
            client.put(KEY, {"a": 1})
            client.get(KEY)
            with pytest.raises(aerospike_py.RecordNotFound):
                client.get(("test", "demo", "absent"))
            client.batch_read([KEY, ("test", "demo", "absent")])
            client.query("test", "demo").results()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        lines = [line for line in process.stderr.read().splitlines() if " info " not in line]
    assert lines == [
        "D1 write test.demo 0",
        "D1 read test.demo 0",
        "D1 read test.demo 2",
        "D1 batch",
        "D1 query test.demo",
    ]


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0"])
def test_names_and_all_addresses_can_be_listened_on(host: str) -> None:
    with DevCluster(nodes=2, host=host) as cluster:
        config = {"hosts": [("127.0.0.1", cluster.port)]}
        with aerospike_py.client(config).connect() as client:
            # The second node is found where the first one was.
            assert sorted(client.get_node_names()) == ["D1", "D2"]
        with aerospike_py.client(cluster.config).connect() as client:
            assert len(client.get_node_names()) == 2


def test_a_host_that_there_is_not_is_named() -> None:
    name = "x" * 64  # Too long for any resolver to be asked for it.
    with pytest.raises(ClientError, match=f"of {name} is not of an IPv4 or IPv6 address"):
        DevCluster(host=name).start()


def test_it_starts_fast_and_keeps_nothing() -> None:
    start = time.monotonic()
    cluster = DevCluster(nodes=3).start()
    assert time.monotonic() - start < 0.2
    with aerospike_py.client(cluster.config).connect() as client:
        client.put(KEY, {"a": 1})
    assert cluster.start() is cluster
    cluster.stop()
    cluster.stop()
    assert not cluster.is_running
    with pytest.raises(ClientError, match="not started"):
        _ = cluster.hosts
    with cluster, aerospike_py.client(cluster.config).connect() as client:
        assert client.exists(KEY).meta is None


def test_nodes_listen_on_consecutive_ports() -> None:
    for _ in range(20):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        if port > 65_000:
            continue
        with contextlib.suppress(ClientError), DevCluster(nodes=3, port=port) as cluster:
            assert cluster.ports == [port, port + 1, port + 2]
            assert cluster.port == port
            return
    pytest.fail("no three free ports in a row were found")


def test_several_clusters_at_once() -> None:
    with DevCluster() as one, DevCluster() as other:
        with aerospike_py.client(one.config).connect() as client:
            client.put(KEY, {"a": 1})
        with aerospike_py.client(other.config).connect() as client:
            assert client.exists(KEY).meta is None


@pytest.mark.parametrize(
    "options",
    [
        {"nodes": 0},
        {"nodes": 129},
        {"port": 70_000},
        {"namespaces": []},
        {"namespaces": ["a", "a"]},
        {"namespaces": [{"name": "a", "unknown": 1}]},
        {"users": [{"name": "a", "secret": "b"}]},
    ],
    ids=str,
)
def test_options_that_make_no_sense(options: dict[str, object]) -> None:
    with pytest.raises(InvalidArgError):
        DevCluster(**options).start()  # type: ignore[arg-type]


def test_an_address_that_is_not_of_this_machine() -> None:
    with pytest.raises((ClientError, InvalidArgError)):
        DevCluster(host="192.0.2.1").start()


def test_control_commands_that_make_no_sense_say_why() -> None:
    cases: list[tuple[Callable[[DevCluster], Any], str]] = [
        (lambda c: c.control("no-such"), "unknown command 'no-such'"),
        (lambda c: c.kill(5), "kill: there are nodes 0 to 1, and no node 5"),
        (
            lambda c: c.control("kill", nod=0),
            "there is no argument 'nod', or its value is not of its type or range",
        ),
        (lambda c: c.answer_with(0), "fault: 'code' must be from 1 to 255, not 0"),
        (
            lambda c: c.drop(scope=cast("Any", "reads")),
            "fault: there is no scope 'reads'; there are message, info, admin, all, handshake",
        ),
        (lambda c: c.control("fault"), "fault: needs 'kind'"),
        (
            lambda c: c.move_partition(4096, 0),
            "move: there are partitions 0 to 4095, and no 4096",
        ),
        (lambda c: c.wipe("nowhere"), "wipe: there is no namespace 'nowhere'"),
        (lambda c: c.set_regime(1, "nowhere"), "set_regime: there is no namespace 'nowhere'"),
        (lambda c: c.end_sessions("nobody"), "end_sessions: there is no user 'nobody'"),
    ]
    with DevCluster(2) as cluster:
        for call, message in cases:
            with pytest.raises(InvalidArgError) as caught:
                call(cluster)
            assert str(caught.value) == f"dev server: {message}"


def test_a_cluster_says_what_it_is() -> None:
    cluster = DevCluster(2)
    assert repr(cluster) == "<DevCluster of 2 nodes on 127.0.0.1, not started>"
    with cluster:
        ports = ", ".join(map(str, cluster.ports))
        assert repr(cluster) == f"<DevCluster of 2 nodes on 127.0.0.1, ports {ports}>"
    assert repr(cluster) == "<DevCluster of 2 nodes on 127.0.0.1, not started>"


def test_counters_count() -> None:
    with DevCluster() as cluster, aerospike_py.client(cluster.config).connect() as client:
        client.put(KEY, {"a": 1})
        client.get(KEY)
        client.get(KEY)
        (node,) = cluster.counters()
        assert (node["write"], node["read"]) == (1, 2)
        assert node["connections_open"] >= 1


def test_the_pytest_plugin(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naerospike_nodes = 2\n")
    (tmp_path / "test_it.py").write_text(
        "KEY = ('test', 'demo', 'k')\n"
        "def test_one(aerospike_client, aerospike_server):\n"
        "    assert len(aerospike_server.hosts) == 2\n"
        "    assert aerospike_client.exists(KEY).meta is None\n"
        "    aerospike_client.put(KEY, {'a': 1})\n"
        "def test_two(aerospike_client):\n"
        "    assert aerospike_client.exists(KEY).meta is None\n"
        "    aerospike_client.put(KEY, {'a': 1})\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 passed" in result.stdout


def test_another_process_controls_it() -> None:
    with command_line("--nodes", "2", "--control-port", "0") as (_, ports):
        address = f"127.0.0.1:{ports[2]}"
        with RemoteCluster(address) as remote:
            assert [node["port"] for node in remote.topology()["nodes"]] == ports[:2]
            remote.kill(0)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", ports[0]), timeout=5)
            remote.revive(0)
            with aerospike_py.client({"hosts": [("127.0.0.1", ports[1])]}).connect() as client:
                remote.answer_with(22, count=1)
                with pytest.raises(aerospike_py.ForbiddenError):
                    client.put(KEY, {"a": 1})
                client.put(KEY, {"a": 1})
            assert sum(node["write"] for node in remote.counters()) == 1
            with pytest.raises(InvalidArgError, match="dev server: unknown command 'no-such'"):
                remote.control("no-such")
        with socket.create_connection(("127.0.0.1", ports[2]), timeout=10) as stranger:
            stranger.sendall(b'POST / HTTP/1.1\r\n\r\n{"command": "kill", "node": 0}\n')
            assert receive_all(stranger) == b""
        told = run_command_line("--control", address, "kill", "node=1", "lose_data=true")
        assert (told.returncode, told.stdout) == (0, "{}\n")
        told = run_command_line("--control", address)
        nodes = json.loads(told.stdout)["nodes"]
        assert [node["alive"] for node in nodes] == [True, False]
        told = run_command_line("--control", address, "kill", "node=9")
        assert told.returncode == 1
        assert told.stderr.startswith("aerospike_py.devserver: dev server: ")
        assert told.stderr.count("\n") == 1
        left = RemoteCluster(address)
    with pytest.raises(ClientError, match="dev server"):
        left.topology()
    left.close()
    with pytest.raises(ClientError, match="does not take control commands"):
        RemoteCluster(address)


def test_a_control_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run_command_line("--port", "0", "--nodes", "1", "--control-port", port)
    assert result.returncode == 1
    assert f"control commands are not taken on port {port}: " in result.stderr
    assert result.stderr.count("\n") == 1
    wrong = run_command_line("kill", "node=0")
    assert (wrong.returncode, "see --control" in wrong.stderr) == (2, True)


def test_where_a_record_differs_is_said() -> None:
    with DevCluster() as cluster, aerospike_py.client(cluster.config).connect() as client:
        bins = {"a": 1, "b": [1, {"c": "x"}], "d": float("nan"), "e": b"x", "f": {"g": True}}
        client.put(KEY, bins, {"ttl": 60})
        record = client.get(KEY)
    assert_record(record, bins, gen=1, ttl=(50, 60))
    wanted = {"a": 1.0, "b": (1, {"c": "y"}, 2), "d": float("nan"), "f": {"g": 1}, "h": None}
    with pytest.raises(AssertionError) as raised:
        assert_record(record, wanted, gen=2, ttl=3)
    assert str(raised.value).splitlines() == [
        "the record ('test', 'demo', 'k') differs:",
        "  bins['a'] is 1, not 1.0 (int, not float)",
        "  bins['b'] has 2 members, not 3",
        "  bins['b'][1]['c'] is 'x', not 'y'",
        "  bins['f']['g'] is True, not 1 (bool, not int)",
        "  bins['h'] is missing; it is to be None",
        "  bins['e'] is b'x', and is not to be there",
        "  gen is 1, not 2",
        f"  ttl is {record.ttl}, not 3",
    ]
