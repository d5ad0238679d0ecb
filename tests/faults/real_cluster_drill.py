"""Takes a node of a real cluster away under load, gives it back, and checks what clients saw.

Not a test of `make test`: it needs a cluster of at least two nodes of this machine, which serves
nobody else, and how to start the node that is taken away:

    python tests/faults/real_cluster_drill.py --server 127.0.0.1:3000 \
        --pid-file /run/node2.pid --start "asd --config-file /etc/node2.conf --foreground"

Eight threads (or `--client async` with 256 tasks) write ever new numbers to records of their own
and read them back, while the node is killed (`--harm kill`) and started again, or stopped for a
while with SIGSTOP (`--harm hang`). With `--cancel` half of the asynchronous operations are
cancelled at a random moment. Checked and printed:

- an acknowledged write is not lost: a read gives the last one acknowledged, or a later one whose
  outcome the client called doubtful; no answer belongs to another record;
- nothing but the package's exceptions is raised, and no operation outlasts its total timeout;
- how long after the cluster's own re-forming (all living nodes report the new size) errors go on;
- connections of this process to any node do not pass the maximum, but for the one that tends;
- descriptors and memory before and after.

A cluster of the Community Edition keeps what it acknowledged while at most one node is away at a
time, so a round begins when no migrations are left. A hung node comes back with records that are
out of date, and for a moment takes itself for the owner of partitions that it has lost. So with
`--harm hang` all replicas are asked (`read_mode_ap`), and the few stale reads that the server gives
all the same are counted; what is stale in the end is lost.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aerospike_py
from aerospike_py import POLICY_READ_MODE_AP_ALL, AerospikeError, ReadPolicy

SET = "drill"
RECORDS = 50
TOTAL_TIMEOUT_S = 1.0
# Beyond the timeout: a busy machine, and threads that share one interpreter.
SLACK_S = 1.5
MAX_CONNS = 16


@dataclass
class Watched:
    """What one worker knows of one of its records."""

    number: int = 0
    acknowledged: int = 0
    doubtful: list[int] = field(default_factory=list)

    def allows(self, number: int) -> bool:
        return number == self.acknowledged or number in self.doubtful


@dataclass
class Ledger:
    """What all workers saw."""

    operations: int = 0
    cancelled: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    stale: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    error_times: list[float] = field(default_factory=list)
    slowest_s: float = 0.0
    # Nothing is written any more, and the cluster is whole.
    is_over: bool = False
    records: dict[tuple[int, int], Watched] = field(default_factory=lambda: defaultdict(Watched))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ended(self, begin_s: float) -> None:
        took_s = time.monotonic() - begin_s
        with self.lock:
            self.operations += 1
            self.slowest_s = max(self.slowest_s, took_s)

    def failed(self, error: BaseException) -> None:
        with self.lock:
            self.error_times.append(time.monotonic())
            if isinstance(error, AerospikeError):
                self.errors[f"{type(error).__name__} {error.result_code}"] += 1
            else:
                self.foreign.append(repr(error))

    def check(self, key: tuple[str, str, str], record: Watched, bins: dict[str, Any]) -> None:
        if bins["k"] != key[2]:
            self.wrong.append(f"{key[2]} was answered with {bins}")
        elif not record.allows(bins["n"]):
            known = f"acknowledged {record.acknowledged}, doubtful {record.doubtful}"
            found = self.lost if self.is_over else self.stale
            found.append(f"{key[2]}: read {bins['n']}, {known}")


def key_of(worker: int, index: int) -> tuple[str, str, str]:
    return ("test", SET, f"{worker}/{index}")


class Load:
    """Work that goes on until it is stopped."""

    def __init__(self, hosts: list[tuple[str, int]], workers: int, ask_all: bool) -> None:
        self.config: dict[str, Any] = {"hosts": hosts, "max_conns_per_node": MAX_CONNS}
        self.policy: ReadPolicy = {"read_mode_ap": POLICY_READ_MODE_AP_ALL} if ask_all else {}
        self.workers = workers
        self.ledger = Ledger()
        self.stopping = threading.Event()

    def next_write(self, worker: int, index: int) -> tuple[Watched, dict[str, Any]]:
        record = self.ledger.records[worker, index]
        record.number += 1
        return record, {"k": key_of(worker, index)[2], "n": record.number}

    @staticmethod
    def acknowledge(record: Watched, number: int) -> None:
        record.acknowledged = number
        record.doubtful.clear()


class ThreadLoad(Load):
    def __enter__(self) -> "ThreadLoad":
        self.client = aerospike_py.client(self.config).connect()
        self.threads = [
            threading.Thread(target=self.work, args=(worker,)) for worker in range(self.workers)
        ]
        for thread in self.threads:
            thread.start()
        return self

    def work(self, worker: int) -> None:
        dice = random.Random(worker)
        while not self.stopping.is_set():
            index = dice.randrange(RECORDS)
            begin_s = time.monotonic()
            try:
                if dice.random() < 0.5:
                    self.write(worker, index)
                else:
                    self.read(worker, index)
            except BaseException as error:
                self.ledger.failed(error)
                time.sleep(0.005)
            self.ledger.ended(begin_s)

    def write(self, worker: int, index: int) -> None:
        record, bins = self.next_write(worker, index)
        try:
            self.client.put(key_of(worker, index), bins)
        except AerospikeError as error:
            if error.in_doubt:
                record.doubtful.append(bins["n"])
            raise
        self.acknowledge(record, bins["n"])

    def read(self, worker: int, index: int) -> None:
        key = key_of(worker, index)
        record = self.ledger.records[worker, index]
        if record.acknowledged:
            self.ledger.check(key, record, self.client.get(key, self.policy).bins or {})

    def stop(self) -> int:
        """Ends the work; returns how many workers are stuck."""
        self.stopping.set()
        deadline_s = time.monotonic() + 2 * TOTAL_TIMEOUT_S + SLACK_S
        for thread in self.threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        return sum(thread.is_alive() for thread in self.threads)

    def read_all(self) -> None:
        for (worker, index), record in self.ledger.records.items():
            if record.acknowledged:
                key = key_of(worker, index)
                self.ledger.check(key, record, self.client.get(key, self.policy).bins or {})

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.client.close()


class TaskLoad(Load):
    """The same with tasks of one event loop, in a thread of its own."""

    def __init__(
        self, hosts: list[tuple[str, int]], workers: int, ask_all: bool, cancel: bool
    ) -> None:
        super().__init__(hosts, workers, ask_all)
        self.cancel = cancel

    def __enter__(self) -> "TaskLoad":
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.await_(self.begin())
        return self

    def await_(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    async def begin(self) -> None:
        self.client = aerospike_py.AsyncClient(self.config)
        await self.client.connect()
        self.tasks = [asyncio.create_task(self.work(worker)) for worker in range(self.workers)]

    async def work(self, worker: int) -> None:
        dice = random.Random(worker)
        while not self.stopping.is_set():
            index = dice.randrange(RECORDS)
            begin_s = time.monotonic()
            try:
                kind = dice.random()
                if kind < 0.45:
                    await self.write(worker, index, dice)
                elif kind < 0.9:
                    await self.read(worker, index, dice)
                else:
                    await self.read_many(worker, dice)
            except asyncio.CancelledError:
                self.ledger.cancelled += 1
            except BaseException as error:
                self.ledger.failed(error)
                await asyncio.sleep(0.005)
            self.ledger.ended(begin_s)

    async def maybe(self, operation: Any, dice: random.Random) -> Any:
        """Awaits the operation, or half of the time cancels it at a random moment."""
        if not self.cancel or dice.random() < 0.5:
            return await operation
        task = asyncio.ensure_future(operation)
        timer = self.loop.call_later(dice.random() * dice.choice((0.001, 0.01, 0.1)), task.cancel)
        try:
            return await task
        finally:
            timer.cancel()

    async def write(self, worker: int, index: int, dice: random.Random) -> None:
        record, bins = self.next_write(worker, index)
        try:
            await self.maybe(self.client.put(key_of(worker, index), bins), dice)
        except asyncio.CancelledError:
            # It may even arrive after a later one.
            record.doubtful.append(bins["n"])
            raise
        except AerospikeError as error:
            if error.in_doubt:
                record.doubtful.append(bins["n"])
            raise
        if self.cancel:
            record.acknowledged = bins["n"]
        else:
            self.acknowledge(record, bins["n"])

    async def read(self, worker: int, index: int, dice: random.Random) -> None:
        key = key_of(worker, index)
        record = self.ledger.records[worker, index]
        if record.acknowledged:
            read = await self.maybe(self.client.get(key, self.policy), dice)
            self.ledger.check(key, record, read.bins)

    async def read_many(self, worker: int, dice: random.Random) -> None:
        known = [i for i in range(RECORDS) if self.ledger.records[worker, i].acknowledged]
        keys = [key_of(worker, index) for index in known]
        if not keys:
            return
        result = await self.maybe(self.client.batch_read(keys, policy=self.policy), dice)
        for index, key, row in zip(known, keys, result.batch_records, strict=True):
            if row.record is not None and row.record.bins is not None:
                self.ledger.check(key, self.ledger.records[worker, index], row.record.bins)
            elif row.result == 2:
                self.ledger.stale.append(f"{key[2]}: a batch has not found it")

    def stop(self) -> int:
        self.stopping.set()
        limit_s = 2 * TOTAL_TIMEOUT_S + SLACK_S
        _, pending = self.await_(asyncio.wait_for(self.wait(limit_s), limit_s + 5))
        return len(pending)

    async def wait(self, limit_s: float) -> Any:
        return await asyncio.wait(self.tasks, timeout=limit_s)

    def read_all(self) -> None:
        self.await_(self.read_all_async())

    async def read_all_async(self) -> None:
        for (worker, index), record in self.ledger.records.items():
            if record.acknowledged:
                key = key_of(worker, index)
                self.ledger.check(key, record, (await self.client.get(key, self.policy)).bins or {})

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.await_(self.client.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def info(address: tuple[str, int], names: str) -> dict[str, str]:
    """Asks a node by a socket of its own, not by the client that is being tested."""
    with socket.create_connection(address, timeout=0.5) as connection:
        body = names.encode()
        connection.sendall(struct.pack(">Q", 2 << 56 | 1 << 48 | len(body)) + body)
        stream = connection.makefile("rb")
        size = struct.unpack(">Q", stream.read(8))[0] & (1 << 48) - 1
        lines = stream.read(size).decode().splitlines()
    return dict(line.partition("\t")[::2] for line in lines)


def statistics(address: tuple[str, int]) -> dict[str, str]:
    answer = info(address, "statistics\n")["statistics"]
    return dict(pair.partition("=")[::2] for pair in answer.split(";"))


class Cluster:
    """The servers, as they see themselves."""

    def __init__(self, seed: tuple[str, int]) -> None:
        answer = info(seed, "service-clear-std\npeers-clear-std\n")
        listed = ",".join([answer["service-clear-std"], answer["peers-clear-std"]])
        ports = {int(port) for port in re.findall(r"\d+\.\d+\.\d+\.\d+:(\d+)", listed)}
        self.addresses = [(seed[0], port) for port in sorted(ports)]

    def sizes(self) -> list[int | None]:
        """What each node takes for the cluster's size; None where it does not answer."""
        found: list[int | None] = []
        for address in self.addresses:
            try:
                found.append(int(statistics(address)["cluster_size"]))
            except (OSError, KeyError, struct.error):
                found.append(None)
        return found

    def wait_for_size(self, size: int, limit_s: float = 60) -> float:
        """When that many nodes agree that they are that many."""
        deadline_s = time.monotonic() + limit_s
        while time.monotonic() < deadline_s:
            if self.sizes().count(size) == size:
                return time.monotonic()
            time.sleep(0.01)
        raise SystemExit(f"the cluster does not form with {size} nodes: {self.sizes()}")

    def wait_for_migrations(self, limit_s: float = 120) -> None:
        deadline_s = time.monotonic() + limit_s
        while time.monotonic() < deadline_s:
            with contextlib.suppress(OSError, KeyError, struct.error):
                known = [statistics(address) for address in self.addresses]
                if all(int(each["migrate_partitions_remaining"]) == 0 for each in known):
                    return
            time.sleep(0.1)
        raise SystemExit("migrations do not end")


class Victim:
    """The node that is taken away."""

    def __init__(self, pid_file: Path, start: str, harm: str) -> None:
        self.pid_file = pid_file
        self.command = start
        self.harm = harm
        self.pid = int(pid_file.read_text())

    def take(self) -> None:
        os.kill(self.pid, signal.SIGKILL if self.harm == "kill" else signal.SIGSTOP)

    def give_back(self) -> None:
        if self.harm == "hang":
            os.kill(self.pid, signal.SIGCONT)
            return
        started = subprocess.Popen(
            shlex.split(self.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = started.pid
        self.pid_file.write_text(f"{self.pid}\n")


class ConnectionWatch(threading.Thread):
    """The most sockets that this process had open to one port, but for those of `info`."""

    def __init__(self, ports: set[int]) -> None:
        super().__init__(daemon=True)
        self.ports = ports
        self.most = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.wait(0.05):
            counts = Counter(self.peers())
            self.most = max([self.most, *counts.values()])

    def peers(self) -> list[int]:
        own = set()
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                own.add(str(entry.readlink()))
        found = []
        for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            port = int(fields[2].rpartition(":")[2], 16)
            if port in self.ports and f"socket:[{fields[9]}]" in own:
                found.append(port)
        return found


def resources() -> tuple[int, int]:
    """Open descriptors, and resident memory in KiB."""
    status = Path("/proc/self/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return len(list(Path("/proc/self/fd").iterdir())), int(resident.split()[1])


def last_error_after(times: list[float], begin_s: float, end_s: float) -> float:
    """Seconds from `begin_s` to the last error before `end_s`; 0 without one."""
    return max([0.0, *(time_s - begin_s for time_s in times if begin_s <= time_s < end_s)])


def run_round(load: Load, cluster: Cluster, victim: Victim, away_s: float) -> dict[str, float]:
    """Takes the node and gives it back. How long errors went on, in seconds."""
    errors = load.ledger.error_times
    nodes = len(cluster.addresses)
    cluster.wait_for_migrations()
    time.sleep(1)
    taken_s = time.monotonic()
    victim.take()
    try:
        formed_s = cluster.wait_for_size(nodes - 1)
        time.sleep(away_s)
    finally:
        back_s = time.monotonic()
        victim.give_back()
    rejoined_s = cluster.wait_for_size(nodes)
    time.sleep(3)
    cluster.wait_for_migrations()
    end_s = time.monotonic()
    return {
        "re-forming after the loss": formed_s - taken_s,
        "errors after it": last_error_after(errors, formed_s, back_s),
        "re-forming after the return": rejoined_s - back_s,
        "errors after that": last_error_after(errors, rejoined_s, end_s),
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--server", default="127.0.0.1:3000", metavar="HOST:PORT")
    parser.add_argument("--pid-file", type=Path, required=True, help="of the node to take away")
    parser.add_argument("--start", required=True, help="the command that starts it again")
    parser.add_argument("--client", choices=("sync", "async"), default="sync")
    parser.add_argument("--workers", type=int, help="threads (8) or tasks (256)")
    parser.add_argument("--harm", choices=("kill", "hang"), default="kill")
    parser.add_argument("--cancel", action="store_true", help="cancel half of the operations")
    parser.add_argument("--away", type=float, default=5, help="seconds that the node is away")
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


def verdict(load: Load, options: argparse.Namespace, stuck: int, most: int) -> list[str]:
    """What went wrong."""
    ledger = load.ledger
    faults = [*ledger.wrong, *ledger.foreign, *ledger.lost]
    if options.harm == "kill":
        faults += ledger.stale
    if stuck:
        faults.append(f"{stuck} workers are stuck")
    if ledger.slowest_s > TOTAL_TIMEOUT_S + SLACK_S:
        faults.append(f"an operation took {ledger.slowest_s:.2f} s")
    # One more tends, and one is of `info`.
    if most > MAX_CONNS + 2:
        faults.append(f"{most} connections to one node")
    return faults


def main() -> int:
    options = parse()
    host, _, port = options.server.rpartition(":")
    cluster = Cluster((host, int(port)))
    victim = Victim(options.pid_file, options.start, options.harm)
    own = {int(address[1]) for address in cluster.addresses}
    ask_all = options.harm == "hang"
    load: ThreadLoad | TaskLoad
    if options.client == "sync":
        load = ThreadLoad(cluster.addresses, options.workers or 8, ask_all)
    else:
        load = TaskLoad(cluster.addresses, options.workers or 256, ask_all, options.cancel)
    before = resources()
    watch = ConnectionWatch(own)
    rounds = []
    with load:
        watch.start()
        for _ in range(options.rounds):
            rounds.append(run_round(load, cluster, victim, options.away))
            print(json.dumps({name: round(value, 2) for name, value in rounds[-1].items()}))
        watch.stopping.set()
        watch.join()
        stuck = load.stop()
        time.sleep(1)
        load.ledger.is_over = True
        load.read_all()
    ledger = load.ledger
    print(f"{ledger.operations} operations, {ledger.cancelled} cancelled, errors {ledger.errors}")
    print(
        f"{len(ledger.records)} records, {len(ledger.lost)} lost, {len(ledger.stale)} stale reads, "
        f"{len(ledger.wrong)} wrong answers"
    )
    print(f"slowest {ledger.slowest_s:.2f} s, most connections to a node {watch.most}")
    print(f"descriptors, KiB: before {before}, after {resources()}")
    faults = verdict(load, options, stuck, watch.most)
    for fault in faults[:20]:
        print(f"FAULT {fault}")
    print("failed" if faults else "passed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
