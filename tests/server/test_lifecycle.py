"""Connecting, closing, connecting again; what is refused, and how fast."""

import contextlib
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py import AerospikeError, ClientError, ClusterError

Key = tuple[str, str, Any]
MakeClient = Callable[[Any], aerospike_py.Client]


def test_connect_returns_the_client(server: Any, make_client: MakeClient) -> None:
    client = make_client(server.config)
    assert client.is_connected() is False
    assert client.connect() is client
    assert client.is_connected() is True
    client.close()
    assert client.is_connected() is False


def test_connecting_twice_is_connecting_once(
    server: Any, key: Key, make_client: MakeClient
) -> None:
    with make_client(server.config).connect() as client:
        names = client.get_node_names()
        assert client.connect() is client
        assert client.get_node_names() == names


def test_all_nodes_are_found_from_one(server: Any, make_client: MakeClient) -> None:
    with make_client({**server.config, "hosts": server.hosts[:1]}).connect() as client:
        names = client.get_node_names()
        assert len(names) == len(set(names)) == 3
        assert all(isinstance(name, str) and name for name in names)


@pytest.mark.parametrize("form", ["tuple", "list", "text", "triple", "named"])
def test_forms_of_hosts(server: Any, form: str, make_client: MakeClient) -> None:
    host, port = server.hosts[0]
    given = {
        "tuple": (host, port),
        "list": [host, port],
        "text": f"{host}:{port}",
        "triple": (host, port, None),
        "named": (host, port, server.tls_name),
    }[form]
    with make_client({**server.config, "hosts": [given]}).connect() as client:
        assert client.is_connected()


def test_a_host_name(server: Any, make_client: MakeClient) -> None:
    hosts = [("localhost", server.hosts[0][1])]
    with make_client({**server.config, "hosts": hosts}).connect() as client:
        assert client.is_connected()


def test_operations_after_close_say_not_connected(
    server: Any, key: Key, make_client: MakeClient
) -> None:
    client = make_client(server.config).connect()
    client.close()
    client.close()
    with pytest.raises(ClientError, match="not connected"):
        client.get(key)


def test_reconnecting_after_close(server: Any, key: Key, make_client: MakeClient) -> None:
    client = make_client(server.config)
    for number in range(3):
        client.connect()
        client.put(key, {"n": number})
        assert client.get(key).bins == {"n": number}
        client.close()


def test_leaving_the_context_closes(server: Any, make_client: MakeClient) -> None:
    with make_client(server.config).connect() as client:
        assert client.is_connected()
    assert not client.is_connected()


def test_a_dead_seed_is_tolerated(server: Any, closed_port: int, make_client: MakeClient) -> None:
    hosts = [("127.0.0.1", closed_port), *server.hosts[:1]]
    with make_client({**server.config, "hosts": hosts}).connect() as client:
        assert client.is_connected()


def test_a_refused_connection_fails_at_once(closed_port: int, make_client: MakeClient) -> None:
    client = make_client({"hosts": [("127.0.0.1", closed_port)], "timeout": 10_000})
    start = time.monotonic()
    with pytest.raises(ClusterError) as caught:
        client.connect()
    assert time.monotonic() - start < 2
    assert str(closed_port) in str(caught.value)
    assert client.is_connected() is False


def test_a_name_that_does_not_resolve(make_client: MakeClient) -> None:
    client = make_client({"hosts": [("no-such-host.invalid", 3000)]})
    with pytest.raises(ClusterError, match="no-such-host"):
        client.connect()


def test_a_failed_connect_can_be_tried_again(
    server: Any, closed_port: int, key: Key, make_client: MakeClient
) -> None:
    client = make_client({"hosts": [("127.0.0.1", closed_port)]})
    for _ in range(2):
        with pytest.raises(ClusterError):
            client.connect()
    with pytest.raises(ClientError, match="not connected"):
        client.get(key)
    client.close()


def test_a_server_that_never_answers(key: Key, make_client: MakeClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = make_client({"hosts": [silent.getsockname()], "timeout": 200})
        start = time.monotonic()
        with pytest.raises(AerospikeError):
            client.connect()
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x02\x01\xff\xff\xff\xff\xff\xff" + b"x" * 100,
        b"\x02\x01\x00\x00\x00\x00\x00\x05no",
        b"\x02\x01\x00\x00\x00\x00\x00\x04none",
        b"\x02\x03\x00\x00\x00\x00\x00\x16" + b"\x00" * 22,
        b"",
    ],
    ids=["http", "a length of 2^48", "half a reply", "nonsense", "a message", "closed at once"],
)
def test_a_server_that_speaks_garbage(garbage: bytes, make_client: MakeClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        if garbage:
                            connection.recv(4096)
                        connection.sendall(garbage)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        client = make_client({"hosts": [listener.getsockname()], "timeout": 500})
        with pytest.raises(AerospikeError):
            client.connect()
        assert client.is_connected() is False
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_another_cluster_name_is_refused(server: Any, make_client: MakeClient) -> None:
    with pytest.raises(ClusterError, match="no-such-cluster"):
        make_client({**server.config, "cluster_name": "no-such-cluster"}).connect()


@pytest.mark.parametrize("name", [None, ""])
def test_no_cluster_name_means_no_check(
    server: Any, name: str | None, make_client: MakeClient
) -> None:
    with make_client({**server.config, "cluster_name": name}).connect() as client:
        assert client.is_connected()


def test_an_unknown_namespace_is_an_error_at_once(client: aerospike_py.Client) -> None:
    start = time.monotonic()
    for operation in (
        lambda: client.get(("no_such_ns", "s", "k")),
        lambda: client.put(("no_such_ns", "s", "k"), {"a": 1}),
    ):
        with pytest.raises(AerospikeError, match="no_such_ns") as caught:
            operation()
        assert caught.value.result_code == 20
    assert time.monotonic() - start < 1


def test_closing_ends_the_operations_of_other_threads(
    server: Any, key: Key, make_client: MakeClient
) -> None:
    client = make_client(server.config).connect()
    client.put(key, {"a": 1})
    started = threading.Barrier(5)
    ends: list[BaseException] = []

    def work() -> None:
        started.wait()
        try:
            while True:
                client.get(key)
        except BaseException as error:
            ends.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    client.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert [type(error) for error in ends] == [ClientError] * 4


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_connecting_and_closing_leaks_no_file_descriptor(
    server: Any, key: Key, make_client: MakeClient
) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    client = make_client(server.config)
    for _ in range(3):
        client.connect()
        client.put(key, {"a": 1})
        client.close()
    before = descriptors()
    for _ in range(20):
        client.connect()
        client.put(key, {"a": 1})
        client.close()
    for _ in range(20):
        make_client(server.config).connect().get(key)
    client.connect()  # An event loop closes the last one when it has its turn.
    client.close()
    # A local server is in this process too, and has still to notice.
    noticing = threading.Event()
    while descriptors() > before + 2:
        noticing.wait(0.01)


@pytest.fixture
def run_script() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts Python programs, and ends what is still running after the test."""
    with contextlib.ExitStack() as stack:

        def start(script: str, *arguments: str) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(script), *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def test_a_forked_child_connects_anew_by_itself(
    server: Any, set_name: str, run_script: Any
) -> None:
    script = f"""
        import ast, os, sys, aerospike_py
        client = aerospike_py.client(ast.literal_eval(sys.argv[1])).connect()
        key = ("test", {set_name!r}, "fork")
        client.put(key, {{"n": 0}})
        children = []
        for number in range(3):
            pid = os.fork()
            if pid == 0:
                for _ in range(50):
                    client.increment(key, "n", 1)
                client.close()
                os._exit(0 if not client.is_connected() else 3)
            children.append(pid)
        for _ in range(50):
            client.increment(key, "n", 1)
        statuses = [os.waitpid(pid, 0)[1] for pid in children]
        print(statuses, client.get(key).bins["n"])
    """
    process = run_script(script, repr(server.config))
    out, err = process.communicate(timeout=40)
    assert (process.returncode, out.strip()) == (0, "[0, 0, 0] 200"), err


def test_a_forked_child_may_close_or_never_use_its_client(server: Any, run_script: Any) -> None:
    script = """
        import ast, gc, os, sys, aerospike_py
        client = aerospike_py.client(ast.literal_eval(sys.argv[1])).connect()
        unconnected = aerospike_py.client({"hosts": [("127.0.0.1", 1)]})
        statuses = []
        for use in ("close", "delete", "reconnect", "nothing"):
            pid = os.fork()
            if pid == 0:
                if use == "close":
                    client.close()
                    try:
                        client.ping()
                    except aerospike_py.ClientError as error:
                        os._exit(0 if "not connected" in str(error) else 3)
                    os._exit(4)
                if use == "delete":
                    del client
                    gc.collect()
                if use == "reconnect":
                    client.connect()
                    os._exit(0 if client.ping() else 5)
                sys.exit(0)
            statuses.append(os.waitpid(pid, 0)[1])
        print(statuses, client.ping())
    """
    process = run_script(script, repr(server.config))
    out, err = process.communicate(timeout=40)
    assert (process.returncode, out.strip()) == (0, "[0, 0, 0, 0] True"), err


def test_ctrl_c_interrupts_a_waiting_call(run_script: Any) -> None:
    script = """
        import sys, time, aerospike_py
        from aerospike_py.devserver import DevCluster
        with DevCluster() as cluster:
            client = aerospike_py.client(cluster.config).connect()
            key = ("test", "demo", "k")
            client.put(key, {"a": 1})
            cluster.delay(60_000)
            print("waiting", flush=True)
            start = time.monotonic()
            try:
                client.get(key, {"total_timeout": 0, "socket_timeout": 0})
            except KeyboardInterrupt:
                print("interrupted", time.monotonic() - start < 20, flush=True)
            cluster.clear_faults()
            print(client.get(key).bins, flush=True)
    """
    process = run_script(script)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    time.sleep(0.2)  # No event tells that the call waits; if it does not yet, that is tested too.
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "interrupted True\n{'a': 1}\n"), err


def test_a_signal_handlers_exception_surfaces_and_others_go_on_waiting(run_script: Any) -> None:
    script = """
        import os, signal, sys, threading, time, aerospike_py
        from aerospike_py.devserver import DevCluster
        class Stop(Exception): pass
        seen = []
        def usr1(*_): seen.append("usr1")
        def usr2(*_): raise Stop("from the handler")
        signal.signal(signal.SIGUSR1, usr1)
        signal.signal(signal.SIGUSR2, usr2)
        with DevCluster() as cluster:
            client = aerospike_py.client(cluster.config).connect()
            key = ("test", "demo", "k")
            client.put(key, {"a": 1})
            cluster.delay(1_000)
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            print(client.get(key, {"total_timeout": 0, "socket_timeout": 0}).bins, seen)
            cluster.delay(60_000)
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR2)).start()
            try:
                client.get(key, {"total_timeout": 0, "socket_timeout": 0})
            except Stop as error:
                print(error)
            cluster.clear_faults()
            print(client.get(key).bins)
    """
    process = run_script(script)
    out, err = process.communicate(timeout=40)
    expected = "{'a': 1} ['usr1']\nfrom the handler\n{'a': 1}\n"
    assert (process.returncode, out) == (0, expected), err
