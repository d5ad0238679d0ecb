"""Hosts that do not answer and names that do not resolve hold nobody, however many there are."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recording_node import RecordingNode

import aerospike_py
from aerospike_py import ClusterError

COUNT = 400
SOON_S = 1.5

linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="needs all of 127.0.0.0/8, and LD_PRELOAD"
)


class SilentHosts:
    """Accepts connections at all loopback addresses, and never says a word."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("0.0.0.0", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._changed = threading.Condition()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with self._changed:
                    self._connections.append(connection)
                    self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._connections) >= count, 20)

    def close(self) -> None:
        # A close alone would leave the other thread in accept, to take one more and forget it.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for connection in self._connections:
            connection.close()


class Announcing(RecordingNode):
    def __init__(self, name: str = "A0") -> None:
        super().__init__()
        self.name = name
        self._answers["node"] = name

    def announce(self, hosts: list[str], port: int, first: list[str], last: list[str]) -> None:
        """Lists hosts that are on a port, and other peers before and behind them."""
        peers = [f"[BB9{number:04X},,[{host}]]" for number, host in enumerate(hosts)]
        self._answers["peers-clear-std"] = f"2,{port},[{','.join([*first, *peers, *last])}]"
        self._answers["peers-generation"] = "2"

    def as_peer(self) -> str:
        return f"[{self.name},,[127.0.0.1:{self.port}]]"


@pytest.fixture
def silent() -> Iterator[SilentHosts]:
    hosts = SilentHosts()
    yield hosts
    hosts.close()


@pytest.fixture
def node() -> Iterator[Announcing]:
    with Announcing() as announcing:
        yield announcing


def addresses(count: int) -> list[str]:
    return [f"127.0.{1 + number // 250}.{1 + number % 250}" for number in range(count)]


def config_of(node: RecordingNode, **more: Any) -> Any:
    return {"hosts": [("127.0.0.1", node.port)], "timeout": 1000, "tend_interval": 250, **more}


@linux_only
def test_connect_tries_all_of_them_in_a_few_timeouts(node: Announcing, silent: SilentHosts) -> None:
    node.announce(addresses(COUNT), silent.port, [], [])
    start = time.monotonic()
    with pytest.raises(ClusterError, match=f"none of its {COUNT} peers"):
        aerospike_py.client(config_of(node, timeout=500)).connect()
    assert time.monotonic() - start < 5


@linux_only
def test_those_behind_them_are_found_in_later_rounds(node: Announcing, silent: SilentHosts) -> None:
    with Announcing("A1") as first, Announcing("A2") as last:
        peers = {each: each.as_peer() for each in (node, first, last)}
        for each in (first, last):
            each.announce([], 3000, [peer for other, peer in peers.items() if other != each], [])
        node.announce(addresses(COUNT), silent.port, [peers[first]], [peers[last]])
        start = time.monotonic()
        with aerospike_py.client(config_of(node, timeout=300)).connect() as client:
            # Two nodes are enough to begin with.
            assert time.monotonic() - start < 3
            assert set(client.get_node_names()) >= {"A0", "A1"}
            deadline = time.monotonic() + 20
            while set(client.get_node_names()) != {"A0", "A1", "A2"}:
                assert time.monotonic() < deadline
                time.sleep(0.01)


@linux_only
def test_a_tend_among_them_ends_at_the_close(node: Announcing, silent: SilentHosts) -> None:
    client = aerospike_py.client(config_of(node, timeout=10_000)).connect()
    node.announce(addresses(COUNT), silent.port, [], [])
    silent.wait_for(1)
    start = time.monotonic()
    client.close()
    assert time.monotonic() - start < SOON_S


class Interrupted(Exception):
    pass


@linux_only
def test_a_connect_among_them_ends_with_a_signal(node: Announcing, silent: SilentHosts) -> None:
    def interrupt(*_: object) -> None:
        raise Interrupted

    node.announce(addresses(COUNT), silent.port, [], [])
    before = signal.signal(signal.SIGUSR1, interrupt)

    def wait_and_interrupt() -> None:
        silent.wait_for(1)
        told.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGUSR1)

    told: list[float] = []
    thread = threading.Thread(target=wait_and_interrupt)
    thread.start()
    try:
        with pytest.raises(Interrupted):
            aerospike_py.client(config_of(node, timeout=10_000)).connect()
        assert time.monotonic() - told[0] < SOON_S
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)


SLOW_RESOLVER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **list) {
    if (host && strstr(host, ".slow")) {
        if (write(2, "asked\n", 6) < 0) return EAI_FAIL;
        for (unsigned left = 60; left > 0;) left = sleep(left);
        return EAI_NONAME;
    }
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    next = dlsym(RTLD_NEXT, "getaddrinfo");
    return next(host, service, hints, list);
}
"""
CONNECT = """
import time
import aerospike_py
start = time.monotonic()
try:
    aerospike_py.client({"hosts": [("a.slow", 3000)], "timeout": 500}).connect()
except aerospike_py.AerospikeError as error:
    print(type(error).__name__, error, round(time.monotonic() - start))
"""
INTERRUPT = """
import os, signal, sys, threading, time
import aerospike_py
class Stop(Exception): pass
def stop(*_): raise Stop
signal.signal(signal.SIGUSR1, stop)
told = []
def later():
    while not open(sys.argv[1]).read():
        time.sleep(0.01)
    told.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGUSR1)
threading.Thread(target=later).start()
try:
    aerospike_py.client({"hosts": [("a.slow", 3000)], "timeout": 30000}).connect()
except Stop:
    print("stopped", round(time.monotonic() - told[0]))
"""
CLOSE = """
import sys, time
sys.path.insert(0, ORACLE)
from recording_node import RecordingNode
import aerospike_py
with RecordingNode() as node:
    config = {"hosts": [("127.0.0.1", node.port)], "timeout": 30000, "tend_interval": 250}
    client = aerospike_py.client(config).connect()
    peers = ",".join(f"[A{number},,[h{number}.slow:1]]" for number in range(400))
    node._answers["peers-clear-std"] = f"2,3000,[{peers}]"
    node._answers["peers-generation"] = "2"
    while not open(sys.argv[1]).read():
        time.sleep(0.01)
    start = time.monotonic()
    client.close()
    print("closed", round(time.monotonic() - start))
"""


@pytest.fixture(scope="module")
def slow_resolver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resolver")
    source = folder / "slow.c"
    source.write_text(SLOW_RESOLVER)
    built = folder / "slow.so"
    compiler = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-o"]
    subprocess.run([*compiler, str(built), str(source)], check=True)
    return built


def run_with(slow_resolver: Path, program: str) -> str:
    told = slow_resolver.parent / "told"
    told.write_text("")
    oracle = str(Path(__file__).parent.parent / "oracle")
    program = program.replace("ORACLE", repr(oracle))
    with told.open("w") as errors:
        done = subprocess.run(
            [sys.executable, "-c", program, str(told)],
            env={**os.environ, "LD_PRELOAD": str(slow_resolver)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            timeout=20,
            check=False,
        )
    assert "asked" in told.read_text()
    return done.stdout


@linux_only
def test_a_name_that_takes_long_to_resolve_holds_no_connect(slow_resolver: Path) -> None:
    out = run_with(slow_resolver, CONNECT)
    assert out.startswith("AerospikeTimeoutError")
    assert "a.slow" in out
    assert "looked up" in out
    assert int(out.split()[-1]) <= 1


@linux_only
def test_a_connect_that_waits_for_a_name_ends_with_a_signal(slow_resolver: Path) -> None:
    word, seconds = run_with(slow_resolver, INTERRUPT).split()
    assert word == "stopped"
    assert int(seconds) <= 1


@linux_only
def test_a_tend_that_waits_for_names_ends_at_the_close(slow_resolver: Path) -> None:
    word, seconds = run_with(slow_resolver, CLOSE).split()
    assert word == "closed"
    assert int(seconds) <= 1
