"""A pytest plugin: fixtures with a local Aerospike server in memory.

`aerospike_server` is a running `aerospike_py.devserver.DevCluster`, one for the session, with as
many nodes as the ini option `aerospike_nodes` says (1 by default). `aerospike_client` is a client
that is connected to it; the data is forgotten after each test.

A module of its own, so that pytest loads nothing of aerospike_py until a fixture is used.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aerospike_py import Client
    from aerospike_py.devserver import DevCluster


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the ini option."""
    parser.addini("aerospike_nodes", "nodes of the aerospike_server fixture", default="1")


@pytest.fixture(scope="session")
def aerospike_server(request: pytest.FixtureRequest) -> "Iterator[DevCluster]":
    """A running DevCluster, the same for the whole session."""
    from aerospike_py.devserver import DevCluster

    with DevCluster(nodes=int(request.config.getini("aerospike_nodes"))) as cluster:
        yield cluster


@pytest.fixture
def aerospike_client(aerospike_server: "DevCluster") -> "Iterator[Client]":
    """A connected client of `aerospike_server`, which forgets its data after the test."""
    import aerospike_py

    with aerospike_py.client(aerospike_server.config).connect() as client:
        yield client
    aerospike_server.wipe()
