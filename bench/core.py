"""Runs .bench/core, which `make bench-core` builds, on a server: that given, or a local one."""

import argparse
import subprocess
from contextlib import nullcontext
from pathlib import Path

from aerospike_py.devserver import DevCluster

PROGRAM = Path(__file__).resolve().parent.parent / ".bench" / "core"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--server", help="HOST:PORT of a running one")
    parser.add_argument("arguments", nargs="*", help="rounds, records, and the set")
    options = parser.parse_args()
    with nullcontext() if options.server else DevCluster(nodes=1) as cluster:
        if cluster is None:
            host, _, port = options.server.rpartition(":")
        else:
            host, port = cluster.hosts[0]
        return subprocess.run([PROGRAM, host, str(port), *options.arguments]).returncode


if __name__ == "__main__":
    raise SystemExit(main())
