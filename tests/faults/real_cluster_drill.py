"""Takes nodes of a real cluster away under load, gives them back, and checks what clients saw.

Not a test of `make test`: it needs a cluster of at least two nodes of this machine, which serves
nobody else, and how to start each node that is taken away:

    python tests/faults/real_cluster_drill.py --server 127.0.0.1:3000 --client both \
        --pid-file /run/node2.pid --start "asd --config-file /etc/node2.conf --foreground"

Sixteen threads, 256 tasks of an event loop, or both at once put ever new numbers, by single
commands and by batches, add to counters, by `increment` and `operate`, and read all that back, by
single commands, batches and queries. Meanwhile a node is killed (`--harm kill`) and started again,
or stopped for a while with SIGSTOP (`--harm hang`), or one node after the other is asked to end and
started again (`--harm roll`; give --pid-file and --start for each). With `--cancel` half of the
asynchronous operations are cancelled at a random moment. Checked and printed:

- an acknowledged write is not lost: a read gives the last one acknowledged, or a later one whose
  outcome the client called doubtful, and a counter is not less than what was acknowledged;
- what failed without doubt was not carried out: its number is never read, and a counter is not more
  than what was acknowledged and what is in doubt;
- no answer belongs to another record;
- nothing but the package's exceptions is raised, and no operation outlasts its total timeout;
- how long after the cluster's own re-forming (all living nodes report the new size) errors go on;
- connections of this process to any node do not pass the maximum, but for the one that tends;
- descriptors and memory before and after.

A cluster of the Community Edition keeps what it acknowledged while at most one node is away at a
time, so a round begins when no migrations are left. A hung node comes back with records that are
out of date, and for a moment takes itself for the owner of partitions that it has lost. So with
`--harm hang` all replicas are asked (`read_mode_ap`), and the few stale reads that the server gives
all the same are counted; what is stale in the end is lost. A hung node that comes back carries out
what lay in its sockets, on records that are out of date. Of two versions the servers keep the one
that was changed more often, so that increments which others acknowledged may be lost, whoever the
client is. With `--official`, sixteen threads with the official client work beside, and such losses
are a fault only where it has none.
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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import aerospike_py
from aerospike_py import (
    OPERATOR_INCR,
    OPERATOR_READ,
    POLICY_READ_MODE_AP_ALL,
    AerospikeError,
    ReadPolicy,
    Record,
)

SET = "drill"
RECORDS = 50
COUNTERS = 5
TOTAL_TIMEOUT_S = 1.0
# Beyond the timeout: a busy machine, and threads that share one interpreter.
SLACK_S = 1.5
# Of queries, which read everything.
QUERY_TIMEOUT_S = 10.0
MAX_CONNS = 16

Key = tuple[str, str, str]


@dataclass
class Watched:
    """What its worker knows of a record: the numbers that were put into it."""

    key: Key
    number: int = 0
    acknowledged: int = 0
    doubtful: list[int] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)

    def next(self) -> dict[str, Any]:
        """The bins of the next write."""
        self.number += 1
        return {"k": self.key[2], "n": self.number}

    def acknowledge(self, number: int, *, may_come_late: bool) -> None:
        """The number was written, and what is in doubt came before it, if it cannot come late."""
        self.acknowledged = number
        if not may_come_late:
            self.doubtful.clear()

    def fail(self, number: int, in_doubt: bool) -> None:
        if in_doubt:
            self.doubtful.append(number)
        else:
            self.refused.add(number)


@dataclass
class Counted:
    """What its worker knows of a counter: how often one was added to it."""

    key: Key
    acknowledged: int = 0
    doubtful: int = 0


@dataclass
class Ledger:
    """What all workers saw."""

    operations: Counter[str] = field(default_factory=Counter)
    cancelled: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    expected: type[Exception] = AerospikeError
    stale: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    # Failures without doubt of what was carried out.
    applied: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    error_times: list[float] = field(default_factory=list)
    slowest_s: float = 0.0
    slowest_query_s: float = 0.0
    # Nothing is written any more, and the cluster is whole.
    is_over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ended(self, name: str, begin_s: float) -> None:
        took_s = time.monotonic() - begin_s
        with self.lock:
            self.operations[name] += 1
            if name == "query":
                self.slowest_query_s = max(self.slowest_query_s, took_s)
            else:
                self.slowest_s = max(self.slowest_s, took_s)

    def failed(self, error: BaseException) -> None:
        with self.lock:
            self.error_times.append(time.monotonic())
            if isinstance(error, self.expected):
                code = getattr(error, "result_code", getattr(error, "code", ""))
                self.errors[f"{type(error).__name__} {code}"] += 1
            else:
                self.foreign.append(repr(error))

    def check(self, record: Watched, bins: dict[str, Any]) -> None:
        name, number = record.key[2], bins.get("n")
        if bins.get("k") != name:
            self.wrong.append(f"{name} was answered with {bins}")
        elif number in record.refused:
            self.applied.append(f"{name}: {number} had failed without doubt")
        elif number != record.acknowledged and number not in record.doubtful:
            known = f"acknowledged {record.acknowledged}, doubtful {record.doubtful}"
            self.found_old(f"{name}: read {number}, {known}")

    def check_counter(self, counter: Counted, bins: dict[str, Any]) -> None:
        name, count = counter.key[2], bins.get("c") or 0
        known = f"acknowledged {counter.acknowledged}, doubtful {counter.doubtful}"
        if count < counter.acknowledged:
            self.found_old(f"{name}: counted {count}, {known}")
        elif count > counter.acknowledged + counter.doubtful:
            self.applied.append(f"{name}: counted {count}, {known}")

    def found_old(self, what: str) -> None:
        (self.lost if self.is_over else self.stale).append(what)


class Step(NamedTuple):
    """One operation.

    Attributes:
        name: What it is called.
        call: Starts it with a client of either face.
        succeeded: Takes its result.
        failed: Takes whether it is in doubt, where it has failed or was cancelled.
    """

    name: str
    call: Callable[[Any], Any]
    succeeded: Callable[[Any], None]
    failed: Callable[[bool], None]


class Worker:
    """Chooses what is done next with the records and counters that it alone writes."""

    def __init__(self, number: int, ledger: Ledger, policy: Any, *, may_come_late: bool) -> None:
        self.dice = random.Random(number)
        self.ledger = ledger
        self.policy = policy
        self.may_come_late = may_come_late
        self.records = [Watched(("test", SET, f"{number}/{index}")) for index in range(RECORDS)]
        self.counters = [
            Counted(("test", SET, f"{number}/counter {index}")) for index in range(COUNTERS)
        ]

    def next(self) -> Step:
        steps = [self.put, self.get, self.add, self.operate, self.batch_write, self.batch_read]
        weights = [30, 30, 12, 12, 8, 8]
        if self.dice.random() < 0.002:
            return self.query()
        return self.dice.choices(steps, weights)[0]()

    def put(self) -> Step:
        record = self.dice.choice(self.records)
        bins = record.next()
        number = bins["n"]
        return Step(
            "put",
            lambda client: client.put(record.key, bins),
            lambda _: record.acknowledge(number, may_come_late=self.may_come_late),
            lambda in_doubt: record.fail(number, in_doubt),
        )

    def get(self) -> Step:
        record = self.dice.choice(self.records)
        if not record.acknowledged:
            return self.put()
        return Step(
            "get",
            lambda client: client.get(record.key, self.policy),
            lambda found: self.ledger.check(record, found.bins or {}),
            lambda _: None,
        )

    def add(self) -> Step:
        counter = self.dice.choice(self.counters)
        return Step(
            "increment",
            lambda client: client.increment(counter.key, "c", 1),
            lambda _: self.added(counter),
            lambda in_doubt: self.not_added(counter, in_doubt),
        )

    def operate(self) -> Step:
        counter = self.dice.choice(self.counters)
        operations = [
            {"op": OPERATOR_INCR, "bin": "c", "val": 1},
            {"op": OPERATOR_READ, "bin": "c"},
        ]

        def succeeded(found: Any) -> None:
            self.added(counter)
            self.ledger.check_counter(counter, found.bins or {})

        return Step(
            "operate",
            lambda client: client.operate(counter.key, operations),
            succeeded,
            lambda in_doubt: self.not_added(counter, in_doubt),
        )

    @staticmethod
    def added(counter: Counted) -> None:
        counter.acknowledged += 1

    @staticmethod
    def not_added(counter: Counted, in_doubt: bool) -> None:
        counter.doubtful += in_doubt

    def batch_write(self) -> Step:
        records = self.dice.sample(self.records, 10)
        rows = [(record.key, record.next()) for record in records]
        numbers = [bins["n"] for _, bins in rows]

        def succeeded(answers: Any) -> None:
            for record, number, row in zip(records, numbers, answers.batch_records, strict=True):
                if row.result == 0:
                    record.acknowledge(number, may_come_late=self.may_come_late)
                else:
                    record.fail(number, row.in_doubt)

        def failed(in_doubt: bool) -> None:
            for record, number in zip(records, numbers, strict=True):
                record.fail(number, in_doubt)

        return Step("batch_write", lambda client: client.batch_write(rows), succeeded, failed)

    def batch_read(self) -> Step:
        records = [record for record in self.records if record.acknowledged][:20]
        keys = [record.key for record in records]

        def succeeded(answers: Any) -> None:
            for record, row in zip(records, answers.batch_records, strict=True):
                if row.record is not None and row.record.bins is not None:
                    self.ledger.check(record, row.record.bins)
                elif row.result == 2:
                    self.ledger.found_old(f"{record.key[2]}: a batch has not found it")

        return Step(
            "batch_read",
            lambda client: client.batch_read(keys, policy=self.policy),
            succeeded,
            lambda _: None,
        )

    def query(self) -> Step:
        def succeeded(found: Any) -> None:
            digests = [record.key.digest for record in found]
            if len(digests) != len(set(digests)):
                self.ledger.wrong.append("a query brought a record twice")

        return Step(
            "query",
            lambda client: client.query("test", SET).results(
                {"total_timeout": int(QUERY_TIMEOUT_S * 1000)}
            ),
            succeeded,
            lambda _: None,
        )

    def last_looks(self) -> Iterator[Step]:
        """Reads of everything, once the cluster is whole and nothing is written any more."""
        for record in self.records:
            if record.acknowledged:
                yield Step(
                    "get",
                    lambda client, record=record: client.get(record.key, self.policy),
                    lambda found, record=record: self.ledger.check(record, found.bins or {}),
                    lambda _: None,
                )
        for counter in self.counters:
            if counter.acknowledged:
                yield Step(
                    "get",
                    lambda client, counter=counter: client.get(counter.key, self.policy),
                    lambda found, counter=counter: self.ledger.check_counter(
                        counter, found.bins or {}
                    ),
                    lambda _: None,
                )


class Load:
    """Work that goes on until it is stopped.

    Args:
        hosts: The nodes.
        numbers: Of the workers; no other load has the same ones.
        ask_all: Whether reads ask all replicas.
        cancel: Whether half of the operations are cancelled.
    """

    def __init__(
        self, hosts: list[tuple[str, int]], numbers: range, ask_all: bool, cancel: bool = False
    ) -> None:
        self.config: dict[str, Any] = {"hosts": hosts, "max_conns_per_node": MAX_CONNS}
        policy: ReadPolicy = {"read_mode_ap": POLICY_READ_MODE_AP_ALL} if ask_all else {}
        self.cancel = cancel
        self.ledger = Ledger()
        self.workers = [
            Worker(number, self.ledger, policy, may_come_late=cancel) for number in numbers
        ]
        self.stopping = threading.Event()


class ThreadLoad(Load):
    """Threads that share a `Client`."""

    def __enter__(self) -> "ThreadLoad":
        self.client: Any = aerospike_py.client(self.config).connect()
        self.begin()
        return self

    def begin(self) -> None:
        self.threads = [
            threading.Thread(target=self.work, args=(worker,)) for worker in self.workers
        ]
        for thread in self.threads:
            thread.start()

    def work(self, worker: Worker) -> None:
        while not self.stopping.is_set():
            step = self.choose(worker)
            begin_s = time.monotonic()
            try:
                result = step.call(self.client)
            except BaseException as error:
                step.failed(getattr(error, "in_doubt", True))
                self.ledger.failed(error)
                time.sleep(0.005)
            else:
                step.succeeded(result)
            self.ledger.ended(step.name, begin_s)

    def choose(self, worker: Worker) -> Step:
        return worker.next()

    def stop(self) -> int:
        """Ends the work; returns how many workers are stuck."""
        self.stopping.set()
        deadline_s = time.monotonic() + QUERY_TIMEOUT_S + 2 * TOTAL_TIMEOUT_S + SLACK_S
        for thread in self.threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        return sum(thread.is_alive() for thread in self.threads)

    def read_all(self) -> None:
        for worker in self.workers:
            for step in worker.last_looks():
                step.succeeded(step.call(self.client))

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.client.close()


class OfficialClient:
    """The official client, as far as steps need it, with the methods of this one."""

    def __init__(self, hosts: list[tuple[str, int]]) -> None:
        import aerospike
        from aerospike_helpers.operations import operations

        limits = {"total_timeout": int(TOTAL_TIMEOUT_S * 1000)}
        policies = {"read": limits, "write": limits, "operate": limits}
        self.client = aerospike.client(
            {"hosts": hosts, "policies": policies, "max_conns_per_node": MAX_CONNS}
        )
        self.read_policy = {**limits, "read_mode_ap": aerospike.POLICY_READ_MODE_AP_ALL}
        self.operations = [operations.increment("c", 1), operations.read("c")]

    def put(self, key: Key, bins: dict[str, Any]) -> None:
        self.client.put(key, bins)

    def get(self, key: Key, _policy: Any) -> Record:
        return Record(key, None, self.client.get(key, self.read_policy)[2])

    def increment(self, key: Key, name: str, offset: int) -> None:
        self.client.increment(key, name, offset)

    def operate(self, key: Key, _operations: Any) -> Record:
        return Record(key, None, self.client.operate(key, self.operations)[2])

    def close(self) -> None:
        self.client.close()


class OfficialLoad(ThreadLoad):
    """Threads that share the official client."""

    def __enter__(self) -> "OfficialLoad":
        from aerospike.exception import AerospikeError as OfficialError

        self.ledger.expected = OfficialError
        self.client = OfficialClient(self.config["hosts"])
        self.begin()
        return self

    def choose(self, worker: Worker) -> Step:
        steps = [worker.put, worker.get, worker.add, worker.operate]
        return worker.dice.choices(steps, [30, 30, 12, 12])[0]()


class TaskLoad(Load):
    """The same with tasks of one event loop, in a thread of its own."""

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
        self.tasks = [asyncio.create_task(self.work(worker)) for worker in self.workers]

    async def work(self, worker: Worker) -> None:
        while not self.stopping.is_set():
            step = worker.next()
            begin_s = time.monotonic()
            try:
                result = await self.maybe(step.call(self.client), worker.dice)
            except asyncio.CancelledError:
                step.failed(True)
                self.ledger.cancelled += 1
            except BaseException as error:
                step.failed(getattr(error, "in_doubt", True))
                self.ledger.failed(error)
                await asyncio.sleep(0.005)
            else:
                step.succeeded(result)
            self.ledger.ended(step.name, begin_s)

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

    def stop(self) -> int:
        """Ends the work; returns how many workers are stuck."""
        self.stopping.set()
        limit_s = QUERY_TIMEOUT_S + 2 * TOTAL_TIMEOUT_S + SLACK_S
        _, pending = self.await_(self.wait(limit_s))
        return len(pending)

    async def wait(self, limit_s: float) -> Any:
        return await asyncio.wait(self.tasks, timeout=limit_s)

    def read_all(self) -> None:
        self.await_(self.read_all_async())

    async def read_all_async(self) -> None:
        for worker in self.workers:
            for step in worker.last_looks():
                step.succeeded(await step.call(self.client))

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


_SIGNALS = {"kill": signal.SIGKILL, "hang": signal.SIGSTOP, "roll": signal.SIGTERM}


class Victim:
    """The node that is taken away."""

    def __init__(self, pid_file: Path, start: str, harm: str) -> None:
        self.pid_file = pid_file
        self.command = start
        self.harm = harm
        self.pid = int(pid_file.read_text())

    def take(self) -> None:
        os.kill(self.pid, _SIGNALS[self.harm])
        if self.harm == "roll":
            # It has to be gone before another one can listen where it did.
            while Path(f"/proc/{self.pid}").exists() and not self.is_defunct():
                time.sleep(0.01)

    def is_defunct(self) -> bool:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return True

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

    def peers(self) -> Iterable[int]:
        own = set()
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                own.add(str(entry.readlink()))
        # The system may show a socket more than once, when others come and go meanwhile.
        found: dict[str, int] = {}
        for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            port = int(fields[2].rpartition(":")[2], 16)
            if port in self.ports and f"socket:[{fields[9]}]" in own:
                found[fields[9]] = port
        return found.values()


def resources() -> tuple[int, int]:
    """Open descriptors, and resident memory in KiB."""
    status = Path("/proc/self/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return len(list(Path("/proc/self/fd").iterdir())), int(resident.split()[1])


def last_error_after(times: list[float], begin_s: float, end_s: float) -> float:
    """Seconds from `begin_s` to the last error before `end_s`; 0 without one."""
    return max([0.0, *(time_s - begin_s for time_s in times if begin_s <= time_s < end_s)])


def run_round(
    loads: list["Load"], cluster: Cluster, victim: Victim, away_s: float
) -> dict[str, float]:
    """Takes the node and gives it back. How long errors went on, in seconds."""
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
    errors = [time_s for load in loads for time_s in load.ledger.error_times]
    return {
        "re-forming after the loss": formed_s - taken_s,
        "errors after it": last_error_after(errors, formed_s, back_s),
        "re-forming after the return": rejoined_s - back_s,
        "errors after that": last_error_after(errors, rejoined_s, end_s),
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--server", default="127.0.0.1:3000", metavar="HOST:PORT")
    parser.add_argument(
        "--pid-file", type=Path, required=True, action="append", help="of a node to take away"
    )
    parser.add_argument(
        "--start", required=True, action="append", help="the command that starts it again"
    )
    parser.add_argument("--client", choices=("sync", "async", "both"), default="sync")
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--tasks", type=int, default=256)
    parser.add_argument("--harm", choices=tuple(_SIGNALS), default="kill")
    parser.add_argument("--official", action="store_true", help="the official client beside")
    parser.add_argument("--cancel", action="store_true", help="cancel half of the operations")
    parser.add_argument("--away", type=float, default=5, help="seconds that the node is away")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    if len(options.pid_file) != len(options.start):
        parser.error("--pid-file and --start are to be given equally often")
    return options


def verdict(loads: list["Load"], options: argparse.Namespace, stuck: int, most: int) -> list[str]:
    """What went wrong."""
    faults = []
    official = [load.ledger for load in loads if isinstance(load, OfficialLoad)]
    servers_lose = options.harm == "hang" and any(ledger.lost for ledger in official)
    for ledger in (load.ledger for load in loads):
        if ledger in official:
            continue
        faults += [*ledger.wrong, *ledger.foreign, *ledger.applied]
        if not servers_lose:
            faults += ledger.lost
        if options.harm != "hang":
            faults += ledger.stale
        if ledger.slowest_s > TOTAL_TIMEOUT_S + SLACK_S:
            faults.append(f"an operation took {ledger.slowest_s:.2f} s")
        if ledger.slowest_query_s > QUERY_TIMEOUT_S + SLACK_S:
            faults.append(f"a query took {ledger.slowest_query_s:.2f} s")
    if stuck:
        faults.append(f"{stuck} workers are stuck")
    # Of each client one more tends, and one is of `info`.
    if most > len(loads) * (MAX_CONNS + 1) + 1:
        faults.append(f"{most} connections to one node")
    return faults


def loads_of(options: argparse.Namespace, cluster: Cluster) -> list["ThreadLoad | TaskLoad"]:
    ask_all = options.harm == "hang"
    loads: list[ThreadLoad | TaskLoad] = []
    if options.client != "async":
        loads.append(ThreadLoad(cluster.addresses, range(options.threads), ask_all))
    if options.client != "sync":
        numbers = range(1000, 1000 + options.tasks)
        loads.append(TaskLoad(cluster.addresses, numbers, ask_all, options.cancel))
    if options.official:
        loads.append(OfficialLoad(cluster.addresses, range(5000, 5016), ask_all))
    return loads


def report(ledger: Ledger) -> None:
    print(f"{dict(ledger.operations)}, {ledger.cancelled} cancelled, errors {dict(ledger.errors)}")
    print(
        f"{len(ledger.lost)} lost, {len(ledger.applied)} applied in spite of a failure without "
        f"doubt, {len(ledger.stale)} stale reads, {len(ledger.wrong)} wrong answers; "
        f"slowest {ledger.slowest_s:.2f} s, slowest query {ledger.slowest_query_s:.2f} s"
    )


def main() -> int:
    options = parse()
    host, _, port = options.server.rpartition(":")
    cluster = Cluster((host, int(port)))
    victims = [
        Victim(pid_file, start, options.harm)
        for pid_file, start in zip(options.pid_file, options.start, strict=True)
    ]
    loads = loads_of(options, cluster)
    with aerospike_py.client({"hosts": cluster.addresses}).connect() as client:
        client.truncate("test", SET)
    before = resources()
    watch = ConnectionWatch({int(address[1]) for address in cluster.addresses})
    with contextlib.ExitStack() as stack:
        for load in loads:
            stack.enter_context(load)
        watch.start()
        for _ in range(options.rounds):
            for victim in victims:
                took = run_round([*loads], cluster, victim, options.away)
                print(json.dumps({name: round(value, 2) for name, value in took.items()}))
        watch.stopping.set()
        watch.join()
        stuck = sum(load.stop() for load in loads)
        time.sleep(1)
        for load in loads:
            load.ledger.is_over = True
            load.read_all()
    for load in loads:
        print(type(load).__name__)
        report(load.ledger)
    print(f"most connections to a node {watch.most}")
    print(f"descriptors, KiB: before {before}, after {resources()}")
    faults = verdict([*loads], options, stuck, watch.most)
    for fault in faults[:20]:
        print(f"FAULT {fault}")
    print("failed" if faults else "passed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
