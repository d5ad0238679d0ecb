"""The stage that all cells share, and the table's cells for the server at hand."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# Signals, limits and forks are those of Linux; so are further addresses of the loopback.
if sys.platform != "linux":
    collect_ignore_glob = ["*.py"]
else:
    import kinds
    from stage import Stage, stage_of

    from aerospike_py.devserver import DevCluster

    @pytest.fixture(scope="session")
    def stage(server: Any) -> Iterator[Stage]:
        """A cluster where nobody logs in."""
        if server.embedded is None:
            with stage_of(server.hosts) as made:
                yield made
            return
        limits = {"record_bytes_max": 2 * kinds.BULK_BYTES}
        namespaces = [{"name": kinds.NAMESPACE, **limits}]
        with (
            DevCluster(nodes=3, namespaces=namespaces) as cluster,
            stage_of(cluster.hosts, cluster) as made,
        ):
            yield made

    @pytest.fixture(scope="session")
    def secured_stage() -> Iterator[Stage]:
        """A cluster with users; to log in takes its time."""
        with (
            DevCluster(nodes=3, security=True) as cluster,
            stage_of(cluster.hosts, cluster, user="admin", password="admin") as made,
        ):
            yield made
