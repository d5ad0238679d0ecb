"""The dev server on the command line: `python -m aerospike_py.devserver`."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from ..exception import AerospikeError
from .cluster import DevCluster


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a dev server until SIGINT or SIGTERM; returns the process's exit status."""
    options = _parse(arguments)
    # Also when a shell that started it in the background has SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cluster = DevCluster(
        options.nodes,
        options.port,
        host=options.host,
        namespaces=[name.strip() for name in options.namespaces.split(",")],
        cluster_name=options.cluster_name,
        security=options.security,
    )
    try:
        with cluster:
            places = " ".join(f"{options.host}:{port}" for port in cluster.ports)
            print(f"Aerospike dev server listening on {places}")
            print(f"Namespaces: {options.namespaces}. Ctrl-C stops it.", flush=True)
            while True:
                _pause()
    except KeyboardInterrupt:
        return 0
    except AerospikeError as error:
        print(f"aerospike_py.devserver: {error}", file=sys.stderr)
        return 1


def _pause() -> None:
    if sys.platform == "win32":
        time.sleep(3600)  # Ctrl-C ends it.
    else:
        signal.pause()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m aerospike_py.devserver",
        description="A local Aerospike cluster in memory, for development and tests.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=18710, help="first node's port; 0: any")
    parser.add_argument("--nodes", type=int, default=3, help="number of nodes, 1 to 128")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--namespaces", default="test,bar", help="names, with commas between")
    parser.add_argument("--cluster-name", default="", help="name that clients may check")
    parser.add_argument(
        "--security", action="store_true", help="clients log in as admin with password admin"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
