"""What a cluster costs a client, against its number of nodes and of namespaces.

    python bench/nodes.py --nodes 1,3,16,64,128 --namespaces 8

For each number a dev server is started in a process of its own, and a client in another, which
measures the time of its connect, the memory and CPU time that it took, the CPU time of a round of
the tends while nothing changes, and that of a batch of reads over all nodes. One line each; with
`--json` a file has the figures.
"""

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TEND_INTERVAL_MS = 100
BATCH_KEYS = 1000
BATCHES = 20

Figures = dict[str, float]

COLUMNS = {
    "nodes": "nodes",
    "connect_ms": "connect ms",
    "connect_cpu_ms": "its CPU ms",
    "memory_mb": "memory MB",
    "tend_cpu_us": "CPU us a tend",
    "batch_us": "batch us/record",
    "batch_cpu_us": "its CPU us/record",
}


def main() -> int:
    options = parse()
    print("  ".join(f"{title:>17}" for title in COLUMNS.values()))
    rows = []
    for count in (int(number) for number in options.nodes.split(",")):
        row = measure_at(count, options.namespaces, options.seconds)
        rows.append(row)
        print("  ".join(f"{row[name]:17.2f}" for name in COLUMNS), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", default="1,3,16,64,128", help="numbers of nodes")
    parser.add_argument("--namespaces", type=int, default=8, help="number of namespaces")
    parser.add_argument("--seconds", type=float, default=5, help="how long tends are measured")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure_at(nodes: int, namespaces: int, seconds: float) -> Figures:
    """Figures of a client process on a server process."""
    counts = ["--nodes", str(nodes), "--namespaces", str(namespaces)]
    with subprocess.Popen(
        [sys.executable, __file__, "--client", "none", *counts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        host = server.stdout.readline().strip()
        done = subprocess.run(
            [sys.executable, __file__, "--client", host, "--seconds", str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        server.stdin.close()
    figures: Figures = {"nodes": nodes, **json.loads(done.stdout)}
    return figures


def serve(nodes: int, namespaces: int) -> None:
    from aerospike_py.devserver import DevCluster

    names = ["test", *(f"other{number}" for number in range(1, namespaces))]
    with DevCluster(nodes=nodes, namespaces=names) as cluster:
        host, port = cluster.hosts[0]
        print(f"{host}:{port}", flush=True)
        sys.stdin.read()


def measure(host: str, seconds: float) -> Figures:
    import aerospike_py

    config: Any = {"hosts": [host], "tend_interval": TEND_INTERVAL_MS, "timeout": 10_000}
    client = aerospike_py.client(config)
    gc.collect()
    memory, cpu, start = resident(), cpu_seconds(), time.perf_counter()
    client.connect()
    connect_s, connect_cpu_s = time.perf_counter() - start, cpu_seconds() - cpu
    figures = {
        "connect_ms": connect_s * 1e3,
        "connect_cpu_ms": connect_cpu_s * 1e3,
        "memory_mb": (resident() - memory) / 2**20,
    }
    # The first rounds find that all nodes know one another by now.
    time.sleep(5 * TEND_INTERVAL_MS / 1000)
    rounds, cpu = tends(), cpu_seconds()
    time.sleep(seconds)
    rounds = tends() - rounds
    # What asking for the number costs is a part of it, and no great one.
    figures["tend_cpu_us"] = (cpu_seconds() - cpu) * 1e6 / max(rounds, 1)
    keys = [("test", "bench", number) for number in range(BATCH_KEYS)]
    client.batch_read(keys)
    cpu, start = cpu_seconds(), time.perf_counter()
    for _ in range(BATCHES):
        client.batch_read(keys)
    records = BATCHES * BATCH_KEYS
    figures["batch_us"] = (time.perf_counter() - start) * 1e6 / records
    figures["batch_cpu_us"] = (cpu_seconds() - cpu) * 1e6 / records
    client.close()
    return figures


def tends() -> float:
    """How many rounds of the tends there were."""
    import aerospike_py

    name = "aerospike_client_tend_duration_seconds_count"
    lines = aerospike_py.get_metrics().splitlines()
    return max((float(line.split()[-1]) for line in lines if line.startswith(name)), default=0)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    asked = parse()
    if asked.client is None:
        sys.exit(main())
    if asked.client == "none":
        serve(int(asked.nodes), asked.namespaces)
    else:
        print(json.dumps(measure(asked.client, asked.seconds)))
