"""What the tests of TLS share: a cluster whose nodes and clients show certificates."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# The module that these tests share is imported by its name.
sys.path.insert(0, str(Path(__file__).parent))

from aerospike_py.devserver import Authority, DevCluster

USERS = [
    {"name": "ada", "password": "secret", "roles": ["read-write"]},
    {"name": "eve", "password": "directory", "roles": ["read-write"], "external": True},
]


@pytest.fixture(scope="session")
def secured() -> Iterator[DevCluster]:
    """Of three nodes, with mutual TLS and users."""
    with DevCluster(nodes=3, tls=True, mutual_tls=True, users=USERS) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def mixed() -> Iterator[DevCluster]:
    """Of two nodes, whose ports take TLS and plain connections."""
    with DevCluster(nodes=2, tls=True, allows_plain=True, users=USERS) as cluster:
        yield cluster


@pytest.fixture
def login(secured: DevCluster) -> dict[str, Any]:
    """The configuration of a client of the secured cluster, as a user."""
    return {**secured.config, "user": "ada", "password": "secret"}


@pytest.fixture
def other_authority() -> Authority:
    """One that nobody trusts but who is told to."""
    return Authority()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes], str]:
    """Writes a file, and returns its path."""

    def write_file(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write_file


@pytest.fixture(scope="session")
def plain() -> Iterator[DevCluster]:
    """One node without TLS, for a terminator to stand before."""
    with DevCluster(nodes=1) as cluster:
        yield cluster
