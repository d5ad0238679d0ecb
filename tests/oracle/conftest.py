"""A node that records what each client sends, and both clients connected to it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The modules that these tests share are imported by their names.
sys.path.insert(0, str(Path(__file__).parent))

from recorder import Recorder
from recording_node import RecordingNode

import aerospike_py

aerospike = pytest.importorskip("aerospike")


@pytest.fixture(scope="session")
def recorder() -> Iterator[Recorder]:
    with RecordingNode() as node:
        address = ("127.0.0.1", node.port)
        theirs = aerospike.client({"hosts": [address]}).connect()
        with aerospike_py.client({"hosts": [address]}).connect() as ours:
            yield Recorder(node, ours, theirs)
        theirs.close()
