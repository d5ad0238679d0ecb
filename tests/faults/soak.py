"""Runs a client for long and watches descriptors and memory.

    python tests/faults/soak.py --server 127.0.0.1:3000 --client sync --operations 1000000
    python tests/faults/soak.py --server embedded --client async --cycles 1000
    python tests/faults/soak.py --server embedded --tls --cycles 10000
    python tests/faults/soak.py --server 127.0.0.1:3000 --client sync --scan 1000000

`--operations` does that many reads, writes and failing commands, from 4 threads or 64 tasks; with
`--cancel` half of the asynchronous ones are cancelled at a random moment. `--cycles` connects,
works and closes that many times, with a new client each time; with `--tls` dev servers show
certificates, and ask clients for theirs. `--scan` writes that many records and takes all of them
with one query, by `foreach` or `async for`, and prints when the first came. Fails when
descriptors are left over, or memory still grows in the second half of the run.
"""

import argparse
import asyncio
import contextlib
import functools
import gc
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aerospike_py
from aerospike_py import AerospikeError, RecordNotFound
from aerospike_py.devserver import DevCluster

SET = "soak"
SCAN_SET = "soak_scan"
KEYS = 1000
TASKS = 64
THREADS = 4
CHECKPOINTS = 10
# What the second half of a run may add: fragmentation, and pages of threads that come and go.
GROWTH_KIB_MAX = 3 * 1024


def key_of(index: int) -> tuple[str, str, int]:
    return ("test", SET, index)


def bins_of(index: int) -> dict[str, Any]:
    return {"k": index, "s": "x" * (index % 200), "l": [index, {"m": 1.5}]}


def check(index: int, record: aerospike_py.Record) -> None:
    if record.bins is None or record.bins["k"] != index:
        raise SystemExit(f"record {index} was answered with {record}")


def resources() -> tuple[int, int]:
    """Open descriptors, and resident memory in KiB."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return len(list(Path("/proc/self/fd").iterdir())), int(resident.split()[1])


class Watch:
    """Takes and prints the figures at checkpoints."""

    def __init__(self) -> None:
        self.descriptors = resources()[0]
        self.seen: list[tuple[int, int]] = []
        self.begin_s = time.monotonic()

    def checkpoint(self, done: int) -> None:
        self.seen.append(resources())
        seconds = time.monotonic() - self.begin_s
        descriptors, memory_kib = self.seen[-1]
        print(f"{done:>9} in {seconds:6.1f} s: {descriptors} descriptors, {memory_kib} KiB")

    def verdict(self) -> int:
        """After the client is gone."""
        growth_kib = self.seen[-1][1] - self.seen[len(self.seen) // 2][1]
        left_over = resources()[0] - self.descriptors
        print(f"second half: {growth_kib:+} KiB; descriptors left over: {left_over:+}")
        failed = growth_kib > GROWTH_KIB_MAX or left_over > 0
        print("failed" if failed else "passed")
        return int(failed)


def one(client: aerospike_py.Client, dice: random.Random) -> None:
    index = dice.randrange(KEYS)
    kind = dice.random()
    if kind < 0.5:
        check(index, client.get(key_of(index)))
    elif kind < 0.9:
        client.put(key_of(index), bins_of(index))
    elif kind < 0.95:
        with contextlib.suppress(RecordNotFound):
            client.get(key_of(-1 - index))
    else:
        for row in client.batch_read([key_of(dice.randrange(KEYS)) for _ in range(10)]):
            check(row.key.user_key, row.record)


def run_threads(watch: Watch, config: dict[str, Any], operations: int) -> None:
    with aerospike_py.client(config).connect() as client:
        for index in range(KEYS):
            client.put(key_of(index), bins_of(index))
        watch.checkpoint(0)

        def work(seed: int, count: int) -> None:
            dice = random.Random(seed)
            for _ in range(count):
                one(client, dice)

        for step in range(CHECKPOINTS):
            share = operations // CHECKPOINTS // THREADS
            threads = [
                threading.Thread(target=work, args=(step * THREADS + number, share))
                for number in range(THREADS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            watch.checkpoint((step + 1) * share * THREADS)


async def one_async(client: aerospike_py.AsyncClient, dice: random.Random) -> None:
    index = dice.randrange(KEYS)
    kind = dice.random()
    if kind < 0.5:
        check(index, await client.get(key_of(index)))
    elif kind < 0.9:
        await client.put(key_of(index), bins_of(index))
    elif kind < 0.95:
        with contextlib.suppress(RecordNotFound):
            await client.get(key_of(-1 - index))
    else:
        keys = [key_of(dice.randrange(KEYS)) for _ in range(10)]
        for row in await client.batch_read(keys):
            check(row.key.user_key, row.record)


async def maybe(operation: Any, dice: random.Random) -> bool:
    """Awaits, or cancels half of the time. Whether it was cancelled."""
    if dice.random() < 0.5:
        await operation
        return False
    task = asyncio.ensure_future(operation)
    loop = asyncio.get_running_loop()
    timer = loop.call_later(dice.random() * dice.choice((0, 0.001, 0.01)), task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return True
    finally:
        timer.cancel()
    return False


async def run_tasks(watch: Watch, config: dict[str, Any], operations: int, cancel: bool) -> None:
    cancelled = 0
    async with aerospike_py.AsyncClient(config) as client:
        await client.connect()
        for index in range(KEYS):
            await client.put(key_of(index), bins_of(index))
        watch.checkpoint(0)

        async def work(seed: int, count: int) -> None:
            nonlocal cancelled
            dice = random.Random(seed)
            for _ in range(count):
                operation = one_async(client, dice)
                if not cancel:
                    await operation
                elif await maybe(operation, dice):
                    cancelled += 1

        for step in range(CHECKPOINTS):
            share = operations // CHECKPOINTS // TASKS
            await asyncio.gather(*(work(step * TASKS + number, share) for number in range(TASKS)))
            watch.checkpoint((step + 1) * share * TASKS)
    print(f"{cancelled} cancelled")


def cycle(config: dict[str, Any]) -> None:
    with aerospike_py.client(config).connect() as client:
        client.put(key_of(0), bins_of(0))
        check(0, client.get(key_of(0)))


async def cycle_async(config: dict[str, Any]) -> None:
    async with aerospike_py.AsyncClient(config) as client:
        await client.connect()
        await client.put(key_of(0), bins_of(0))
        check(0, await client.get(key_of(0)))
        # Closed while this is in flight.
        task = asyncio.ensure_future(client.get(key_of(0)))
        await asyncio.sleep(0)
    with contextlib.suppress(AerospikeError):
        await task


def run_cycles(watch: Watch, cycles: int, run: Callable[[], None]) -> None:
    run()
    watch.checkpoint(0)
    for step in range(CHECKPOINTS):
        for _ in range(cycles // CHECKPOINTS):
            run()
        watch.checkpoint((step + 1) * (cycles // CHECKPOINTS))


class Scan:
    """Takes the records of a query, and looks at the figures now and then."""

    def __init__(self, watch: Watch, records: int) -> None:
        self.watch = watch
        self.records = records
        self.seen = bytearray(records)
        self.count = 0
        self.begin_s = time.monotonic()

    def take(self, record: aerospike_py.Record) -> None:
        assert record.bins is not None
        if self.count == 0:
            print(f"the first record after {(time.monotonic() - self.begin_s) * 1000:.1f} ms")
        self.seen[record.bins["k"]] += 1
        self.count += 1
        if self.count % (self.records // CHECKPOINTS) == 0:
            self.watch.checkpoint(self.count)

    def end(self) -> None:
        if self.seen.count(1) != self.records:
            raise SystemExit(f"{self.count} of {self.records} records came, not each once")


def run_scan(watch: Watch, config: dict[str, Any], records: int, kind: str) -> None:
    with aerospike_py.client(config).connect() as client:
        for start in range(0, records, 1000):
            rows = [
                (("test", SCAN_SET, index), bins_of(index))
                for index in range(start, min(start + 1000, records))
            ]
            if any(row.result for row in client.batch_write(rows, {"total_timeout": 10_000})):
                raise SystemExit("the records cannot be written")
        try:
            if kind == "sync":
                scan = Scan(watch, records)
                client.query("test", SCAN_SET).foreach(scan.take)
                scan.end()
            else:
                asyncio.run(scan_async(watch, config, records))
        finally:
            client.truncate("test", SCAN_SET)


async def scan_async(watch: Watch, config: dict[str, Any], records: int) -> None:
    async with aerospike_py.AsyncClient(config) as client:
        await client.connect()
        scan = Scan(watch, records)
        async for record in client.query("test", SCAN_SET):
            scan.take(record)
        scan.end()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--server", default="embedded", metavar="embedded|HOST:PORT")
    parser.add_argument("--client", choices=("sync", "async"), default="sync")
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--cycles", type=int, default=0)
    parser.add_argument("--scan", type=int, default=0, metavar="RECORDS")
    parser.add_argument("--cancel", action="store_true")
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    if options.tls and options.server != "embedded":
        parser.error("--tls is for --server embedded")
    return options


def main() -> int:
    options = parse()
    with contextlib.ExitStack() as stack:
        if options.server == "embedded":
            cluster = DevCluster(nodes=3, tls=options.tls, mutual_tls=options.tls)
            config: Any = stack.enter_context(cluster).config
        else:
            host, _, port = options.server.rpartition(":")
            config = {"hosts": [(host, int(port))]}
        if options.scan:
            # From the first query on, the process keeps the system's source of random numbers open.
            with aerospike_py.client(config).connect() as client:
                client.query("test", SCAN_SET).results({"max_records": 1})
        watch = Watch()
        if options.scan:
            run_scan(watch, config, options.scan, options.client)
        elif options.cycles and options.client == "sync":
            run_cycles(watch, options.cycles, lambda: cycle(config))
        elif options.cycles:
            with contextlib.closing(asyncio.new_event_loop()) as loop:
                run = functools.partial(cycle_async, config)
                run_cycles(watch, options.cycles, lambda: loop.run_until_complete(run()))
                loop.run_until_complete(loop.shutdown_default_executor())
        elif options.client == "sync":
            run_threads(watch, config, options.operations)
        else:
            asyncio.run(run_tasks(watch, config, options.operations, options.cancel))
        return watch.verdict()


if __name__ == "__main__":
    sys.exit(main())
