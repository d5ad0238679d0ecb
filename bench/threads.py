"""Measures what threads gain that read with one client, with the interpreter's lock and without.

    python bench/threads.py
    python bench/threads.py --threads 1,2,4,8 --python /opt/python3.14t/bin/python

One development server, in a process of its own, answers all. For each interpreter, each of which
has to have this client, and each number of threads: operations a second, and the processor time of
the client's process for one. Rounds are interleaved, and what is printed is the median over them.
"""

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from typing import Any

SERVER = """
import json, sys
from aerospike_py.devserver import DevCluster
with DevCluster(nodes=1) as cluster:
    print(json.dumps(cluster.port), flush=True)
    sys.stdin.read()
"""
BINS = {"id": 1, "name": "Alice", "score": 1.5}
RECORDS = 1000

Figures = dict[str, tuple[float, float]]


def key(number: int) -> tuple[str, str, int]:
    return ("test", "threads", number % RECORDS)


def figures_of(client: Any, count: int, threads: int) -> tuple[float, float]:
    """Operations a second, and microseconds of the processor for one, of so many gets in all."""
    each = max(1, count // threads)
    begin = threading.Barrier(threads + 1)
    failures: list[BaseException] = []

    def work(thread: int) -> None:
        begin.wait()
        try:
            for number in range(thread * each, (thread + 1) * each):
                client.get(key(number))
        except BaseException as error:
            failures.append(error)

    running = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for thread in running:
        thread.start()
    cpu_s, begin_s = time.process_time(), time.perf_counter()
    begin.wait()
    for thread in running:
        thread.join()
    elapsed_s, used_s = time.perf_counter() - begin_s, time.process_time() - cpu_s
    if failures:
        raise failures[0]
    done = each * threads
    return done / elapsed_s, used_s / done * 1e6


def work(port: int, count: int, threads: list[int]) -> dict[str, Any]:
    """All figures of this interpreter, and what it is."""
    import aerospike_py

    with aerospike_py.client({"hosts": [("127.0.0.1", port)]}).connect() as client:
        for number in range(min(count, RECORDS)):
            client.put(key(number), BINS)
        # Connections are there, as in a program that has run for a while.
        figures_of(client, max(threads), max(threads))
        figures = {str(many): figures_of(client, count, many) for many in threads}
    # Asked last: an extension that is imported may have switched the lock on.
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    name = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"name": f"{name}, {'GIL' if has_lock else 'no GIL'}", "figures": figures}


def run_worker(python: str, given: dict[str, Any]) -> dict[str, Any]:
    command = [python, "-W", "ignore", __file__, "--worker"]
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{python}: {done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def report(rounds: dict[str, list[Figures]]) -> None:
    print(f"{'':16}{'threads':>8}{'ops/s':>10}{'':>8}{'CPU us':>10}")
    for name, runs in rounds.items():
        alone = None
        for threads in runs[0]:
            rate, cpu_us = map(statistics.median, zip(*(run[threads] for run in runs), strict=True))
            alone = alone or rate
            print(f"{name:16}{threads:>8}{rate:10.0f}{rate / alone:7.2f}x{cpu_us:10.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=40_000, help="gets in a round, of all threads")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="1,2,4", help="numbers of threads")
    parser.add_argument(
        "--python", action="append", default=[], help="another interpreter that has this client"
    )
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(**json.loads(sys.stdin.read()))))
        return
    threads = [int(number) for number in options.threads.split(",")]
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        given = {
            "port": json.loads(server.stdout.readline()),
            "count": options.count,
            "threads": threads,
        }
        rounds: dict[str, list[Figures]] = {}
        for _ in range(options.rounds):
            for python in (sys.executable, *options.python):
                result = run_worker(python, given)
                rounds.setdefault(result["name"], []).append(result["figures"])
        server.stdin.close()
    report(rounds)


if __name__ == "__main__":
    main()
