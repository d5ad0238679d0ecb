"""A pytest plugin: fixtures with a local Aerospike server in memory.

`aerospike_server` is a running `aerospike_py.devserver.DevCluster`, one for the session, with as
many nodes as the ini option `aerospike_nodes` says (1 by default). `aerospike_client` and
`aerospike_async_client` (which needs pytest-asyncio) are clients that are connected to it.

After a test that has used one of them the server forgets: records, indexes, functions, faults, dead
nodes, partitions that were moved or unavailable, racks, regimes and the time that its clock was
turned. `aerospike_cluster` makes further clusters, of any size, which end with the test. Each
process of pytest-xdist has a server of its own.

A module of its own, so that pytest loads nothing of aerospike_py until a fixture is used.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

try:
    from pytest_asyncio import fixture as async_fixture
except ImportError:
    async_fixture = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from aerospike_py import AsyncClient, Client
    from aerospike_py.devserver import DevCluster

_OF_THE_SERVER = frozenset({"aerospike_server", "aerospike_client", "aerospike_async_client"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the ini option."""
    parser.addini("aerospike_nodes", "nodes of the aerospike_server fixture", default="1")


@pytest.fixture(scope="session")
def aerospike_server(request: pytest.FixtureRequest) -> "Iterator[DevCluster]":
    """A running DevCluster, the same for the whole session."""
    from aerospike_py.devserver import DevCluster

    with DevCluster(nodes=int(request.config.getini("aerospike_nodes"))) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _aerospike_at_first(aerospike_server: "DevCluster") -> "_AtFirst":
    """What the server is to be like before each test."""
    import aerospike_py

    with aerospike_py.client(aerospike_server.config).connect() as client:
        nodes = aerospike_server.topology()["nodes"]
        return _AtFirst([node["rack"] for node in nodes], _partition_maps(client))


@pytest.fixture(autouse=True)
def _aerospike_forgets(request: pytest.FixtureRequest) -> Iterator[None]:
    """Has the server forget what a test has done to it, once its clients are closed."""
    if _OF_THE_SERVER.isdisjoint(request.fixturenames):
        yield
        return
    cluster: DevCluster = request.getfixturevalue("aerospike_server")
    at_first: _AtFirst = request.getfixturevalue("_aerospike_at_first")
    yield
    _forget(cluster, at_first)


class _AtFirst(NamedTuple):
    """A cluster as it has started: the nodes' racks, and what they say of their partitions."""

    racks: list[int]
    partition_maps: dict[str, str]


def _partition_maps(client: "Client") -> dict[str, str]:
    return {node: answer for node, _, answer in client.info_all("replicas")}


def _forget(cluster: "DevCluster", at_first: _AtFirst) -> None:
    import aerospike_py

    if not cluster.is_running:
        cluster.start()
    cluster.clear_faults()
    cluster.set_time_offset(0)
    cluster.partition_unavailable(on=False)
    for index, node in enumerate(cluster.topology()["nodes"]):
        if not node["alive"]:
            cluster.revive(index)
        if node["rack"] != at_first.racks[index]:
            cluster.set_rack(index, at_first.racks[index])
    with aerospike_py.client(cluster.config).connect() as client:
        if _partition_maps(client) != at_first.partition_maps:
            cluster.set_regime(0)
            for partition in range(4096):
                cluster.control("move", partition=partition)  # Where it belongs.
            cluster.rebalance()
        for _, _, answer in client.info_all("sindex-list"):
            for entry in filter(None, answer.split(";")):
                about = dict(member.split("=", 1) for member in entry.split(":"))
                client.index_remove(about["ns"], about["indexname"])
        for file in client.udf_list():
            client.udf_remove(file.name)
    cluster.wipe()


@pytest.fixture
def aerospike_client(aerospike_server: "DevCluster") -> "Iterator[Client]":
    """A connected client of `aerospike_server`, which forgets after the test."""
    import aerospike_py

    with aerospike_py.client(aerospike_server.config).connect() as client:
        yield client


if async_fixture is None:

    @pytest.fixture
    def aerospike_async_client() -> Any:
        """Needs pytest-asyncio, which is not installed."""
        pytest.fail("the fixture aerospike_async_client needs the package pytest-asyncio")

else:

    @async_fixture
    async def aerospike_async_client(
        aerospike_server: "DevCluster",
    ) -> "AsyncIterator[AsyncClient]":
        """A connected asynchronous client of `aerospike_server`, which forgets after the test."""
        import aerospike_py

        async with aerospike_py.AsyncClient(aerospike_server.config).connect() as client:
            yield client


@pytest.fixture
def aerospike_cluster() -> "Iterator[Callable[..., DevCluster]]":
    """Makes running clusters: `aerospike_cluster(nodes=3)`; they end with the test."""
    from aerospike_py.devserver import DevCluster

    with ExitStack() as stack:

        def make(nodes: int = 1, **options: Any) -> "DevCluster":
            return stack.enter_context(DevCluster(nodes=nodes, **options))

        yield make
