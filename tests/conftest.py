"""What all tests share: the server they run on, a client, and a place of their own in it.

`--server embedded` (the default) starts a three-node dev server in the process, `--server
embedded-tls` one that shows certificates, `--server embedded-mutual-tls` one that asks for them as
well; `--server HOST:PORT` uses a cluster that runs there, with a namespace `test` that allows
records to expire; `--server tls:HOST:PORT` the same over TLS, by ports of this process in front of
its nodes, which are on this machine.
"""

import gc
import os
import re
import signal
import sys
import uuid
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import aerospike_py
from aerospike_py.devserver import DevCluster

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

NAMESPACE = "test"

# A shell that starts something in the background has it ignore what Ctrl-C sends, and so would the
# processes that tests start, to which they send it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Server(NamedTuple):
    """The server that the tests run on."""

    hosts: list[tuple[str, int]]
    embedded: DevCluster | None
    tls: dict[str, object] | None = None
    tls_name: str = "any"
    """What nodes are called in their certificates."""

    @property
    def config(self) -> dict[str, object]:
        if self.embedded is not None:
            return self.embedded.config
        return {"hosts": self.hosts} if self.tls is None else self.tls

    @property
    def plain_hosts(self) -> list[tuple[str, int]]:
        """For programs that connect without TLS, which is not for servers that have it."""
        if "tls" in self.config:
            pytest.skip("connects without TLS")
        return self.hosts

    def environment(self, folder: Path) -> dict[str, str]:
        """Variables that tell programs where it is; the folder is for the files of TLS."""
        variables = {"AEROSPIKE_HOSTS": ",".join(f"{host}:{port}" for host, port in self.hosts)}
        tls: Any = self.config.get("tls", {})
        names = {"ca": "AEROSPIKE_CAFILE", "cert": "AEROSPIKE_CERTFILE", "key": "AEROSPIKE_KEYFILE"}
        for key, name in names.items():
            if key in tls:
                path = folder / f"{key}.pem"
                path.write_bytes(tls[key])
                variables |= {name: str(path), "AEROSPIKE_TLS_NAME": self.tls_name}
        return variables


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--server",
        default=os.environ.get("AEROSPIKE_SERVER", "embedded"),
        metavar="embedded|embedded-tls|embedded-mutual-tls|HOST:PORT|tls:HOST:PORT",
        help="the server that the tests run on",
    )


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: no later collection of garbage needs to look at them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    place = request.config.getoption("--server")
    if place in ("embedded", "embedded-tls", "embedded-mutual-tls"):
        is_mutual = place == "embedded-mutual-tls"
        has_tls = is_mutual or place == "embedded-tls"
        with DevCluster(nodes=3, tls=has_tls, mutual_tls=is_mutual) as cluster:
            yield Server(cluster.hosts, cluster, tls_name="node.dev")
        return
    host, _, port = place.removeprefix("tls:").rpartition(":")
    hosts = [(host, int(port))]
    if not place.startswith("tls:"):
        yield Server(hosts, None)
        return
    sys.path.insert(0, str(Path(__file__).parent / "tls"))
    terminator = import_module("terminator")
    with terminator.tls_in_front_of_all(hosts) as config:
        hosts = [(host, port) for host, port, _ in config["hosts"]]
        yield Server(hosts, None, config, terminator.NAME)


@pytest.fixture
def embedded(server: Server) -> DevCluster:
    if server.embedded is None:
        pytest.skip("needs the embedded server")
    return server.embedded


@pytest.fixture(scope="session")
def set_prefix(server: Server) -> Iterator[str]:
    """Begins the names of all sets of this session, which are emptied at its end."""
    prefix = f"t{uuid.uuid4().hex[:8]}"
    yield prefix
    if server.embedded is not None:
        return
    with aerospike_py.client(server.config).connect() as client:
        for _, _, response in client.info_all(f"sets/{NAMESPACE}"):
            for name in re.findall(rf"set=({prefix}\w*)", response):
                client.info_random_node(f"truncate:namespace={NAMESPACE};set={name}")


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[aerospike_py.Client]:
    with aerospike_py.client(server.config).connect() as connected:
        yield connected


@pytest.fixture
def set_name(set_prefix: str, request: pytest.FixtureRequest) -> str:
    """A set for the tests of one module; the keys in it are the tests' own."""
    module = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    return f"{set_prefix}_{module}"[:60]


@pytest.fixture
def key(set_name: str) -> tuple[str, str, str]:
    """A key that nothing is stored under."""
    return (NAMESPACE, set_name, uuid.uuid4().hex)


@pytest.fixture
def span_exporter(monkeypatch: pytest.MonkeyPatch) -> "Iterator[InMemorySpanExporter]":
    """Has the spans of all operations that end during the test."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    aerospike_py.init_tracing()
    yield exporter
    aerospike_py.shutdown_tracing()
