"""Measures what TLS costs: this client and the official one, plain and with TLS, on one server.

    python bench/tls.py
    python bench/tls.py --count 20000 --rounds 7

A development server in a process of its own takes both kinds of connections. Rounds are
interleaved; what is printed is the median over them: the time of a call, the processor time of the
client's process for it, and both beside plain connections of the same client. One node, small
records.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SERVER = """
import json, sys
from aerospike_py.devserver import DevCluster
with DevCluster(nodes=1, tls=True, allows_plain=True) as cluster:
    print(json.dumps([cluster.port, cluster.authority.pem.decode()]), flush=True)
    sys.stdin.read()
"""
BINS = {"id": 1, "name": "Alice", "score": 1.5}
BATCH = 100
IN_FLIGHT = 128
NAME = "node.dev"

Figures = dict[str, tuple[float, float]]


def measured(count: int, work: Callable[[], Any]) -> tuple[float, float]:
    """Microseconds of the clock and of the processor for each of `count` calls in the work."""
    cpu_s, begin_s = time.process_time(), time.perf_counter()
    work()
    elapsed_s, used_s = time.perf_counter() - begin_s, time.process_time() - cpu_s
    return elapsed_s / count * 1e6, used_s / count * 1e6


def key(number: int) -> tuple[str, str, int]:
    return ("test", "tls", number % 1000)


def sync_figures(connect: Callable[[], Any], count: int) -> Figures:
    """Of a client that has the calls that both have."""
    client = connect()

    def repeat(call: Callable[[int], Any], times: int) -> Callable[[], None]:
        def work() -> None:
            for number in range(times):
                call(number)

        return work

    keys = [key(number) for number in range(BATCH)]
    batches, handshakes = max(1, count // BATCH), max(1, count // 200)
    figures = {
        "put": measured(count, repeat(lambda number: client.put(key(number), BINS), count)),
        "get": measured(count, repeat(lambda number: client.get(key(number)), count)),
        f"batch of {BATCH}": measured(
            batches, repeat(lambda number: client.batch_read(keys), batches)
        ),
        "connect and close": measured(
            handshakes, repeat(lambda number: connect().close(), handshakes)
        ),
    }
    client.close()
    return figures


async def async_figures(config: Any, count: int) -> Figures:
    from aerospike_py import AsyncClient

    async with AsyncClient(config).connect() as client:
        await client.put(key(0), BINS)

        async def use(times: int) -> None:
            for _ in range(times):
                await client.get(key(0))

        each = max(1, count // IN_FLIGHT)
        # Connections are there, as in a program that has run for a while.
        await asyncio.gather(*(use(1) for _ in range(IN_FLIGHT)))
        cpu_s, begin_s = time.process_time(), time.perf_counter()
        await asyncio.gather(*(use(each) for _ in range(IN_FLIGHT)))
        elapsed_s, used_s = time.perf_counter() - begin_s, time.process_time() - cpu_s
    done = each * IN_FLIGHT
    return {f"async get, {IN_FLIGHT} at once": (elapsed_s / done * 1e6, used_s / done * 1e6)}


def work(client: str, config: Any, count: int) -> Figures:
    """All figures of one client."""
    config["hosts"] = [tuple(host) for host in config["hosts"]]
    if client == "official":
        import aerospike

        return sync_figures(lambda: aerospike.client(config).connect(), count)
    import aerospike_py

    figures = sync_figures(lambda: aerospike_py.client(config).connect(), count)
    return figures | asyncio.run(async_figures(config, count))


def run_worker(client: str, config: Any, count: int) -> Figures:
    given = json.dumps({"client": client, "config": config, "count": count})
    command = [sys.executable, "-W", "ignore", __file__, "--worker"]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{client}: {done.stderr}")
    figures: Figures = json.loads(done.stdout)
    return figures


def report(rounds: dict[tuple[str, str], list[Figures]]) -> None:
    print(f"{'':24}{'client':10}{'plain us':>10}{'TLS us':>10}{'':>7}{'CPU us':>10}{'TLS':>10}")
    for client in dict.fromkeys(client for client, _ in rounds):
        plain, secured = rounds[client, "plain"], rounds[client, "tls"]
        for name in plain[0]:
            medians = [
                statistics.median(figures[name][which] for figures in kind)
                for which in (0, 1)
                for kind in (plain, secured)
            ]
            clock, clock_tls, cpu, cpu_tls = medians
            print(
                f"{name:24}{client:10}{clock:10.1f}{clock_tls:10.1f}{clock_tls / clock:6.2f}x"
                f"{cpu:10.1f}{cpu_tls:10.1f}{cpu_tls / max(cpu, 0.1):6.2f}x"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000, help="calls in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", default="ours,official")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(**json.loads(sys.stdin.read()))))
        return
    command = [sys.executable, "-c", SERVER]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        port, pem = json.loads(server.stdout.readline())
        authority = Path(folder) / "ca.pem"
        authority.write_text(pem)
        configs: dict[str, dict[str, Any]] = {
            "plain": {"hosts": [("127.0.0.1", port)]},
            "tls": {
                "hosts": [("127.0.0.1", port, NAME)],
                "tls": {"enable": True, "cafile": str(authority)},
            },
        }
        rounds: dict[tuple[str, str], list[Figures]] = {}
        for _ in range(options.rounds):
            for client in options.clients.split(","):
                for kind, config in configs.items():
                    figures = run_worker(client, config, options.count)
                    rounds.setdefault((client, kind), []).append(figures)
        server.stdin.close()
    report(rounds)


if __name__ == "__main__":
    main()
