"""Random programs of concurrent reads, and what each read of them ends with.

A program is made of a seed, with what happens to the cluster meanwhile and what is cancelled, and
runs on one asynchronous client. Two runs of it, one on a client that has reads travel together and
one on a client that has not, are to be the same but for time: results, failures, what is counted
and the spans.

    python tests/server/coalescing_programs.py HOST:PORT|embedded [PROGRAMS [SEED]]

compares as many programs as one likes; faults are for the local cluster alone.
"""

import asyncio
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode

import aerospike_py
from aerospike_py import (
    _native,
    exp,
    exp_operations,
    list_operations,
    map_operations,
    metrics,
    tracing,
)
from aerospike_py._values import decode
from aerospike_py.devserver import DevCluster
from aerospike_py.types import ClientConfig

RECORDS = 48
MISSING = 12
BINS = ("a", "b", "c", "none")
FILTERS: tuple[Any, ...] = (
    exp.gt(exp.int_bin("a"), exp.int_val(20)),
    exp.bin_exists("b"),
    exp.eq(exp.string_bin("c"), exp.string_val("x")),
    exp.gt(exp.void_time(), exp.int_val(0)),
)
# The last is for maps, and b is a list where there is one.
OPERATIONS: tuple[Any, ...] = (
    {"op": aerospike_py.OPERATOR_READ, "bin": "a"},
    {"op": aerospike_py.OPERATOR_READ, "bin": "none"},
    list_operations.list_size("b"),
    list_operations.list_get("b", 1),
    exp_operations.exp_read("e", exp.bin_exists("c")),
    map_operations.map_size("b"),
)
# What is not answered is given up soon.
HASTY = {"total_timeout": 250, "socket_timeout": 250, "max_retries": 0}
# What is not answered is asked for again, until it is.
STUBBORN = {"total_timeout": 20_000, "socket_timeout": 200, "max_retries": 3}

Outcome = tuple[Any, ...]


@dataclass(frozen=True)
class Fault:
    """What happens to a local cluster while a program runs.

    Attributes:
        begin: Makes it happen.
        end: Has it be over.
        policy: Of all reads, where theirs would leave it to chance what becomes of them.
        is_certain: Whether it is not up to chance whom it befalls, so that writes may run into it.
        outlasts: Whether clients may still act upon it when it is over.
    """

    begin: Callable[[DevCluster], None]
    end: Callable[[DevCluster], None] = DevCluster.clear_faults
    policy: Any = None
    is_certain: bool = True
    outlasts: bool = False


@dataclass(frozen=True)
class Call:
    """One operation of a program.

    Attributes:
        name: Of the client's method.
        arguments: Of the method.
        cancelled_after: So many rounds of the loop after it was begun; None: not at all.
    """

    name: str
    arguments: tuple[Any, ...]
    cancelled_after: int | None


@dataclass(frozen=True)
class Program:
    """Ticks, each of calls that begin together and, before the next one, of so many rounds."""

    ticks: list[tuple[list[Call], int]]
    fault: Fault | None


@dataclass
class Seen:
    """What a run has shown: of each call what it ended with, None where nobody waited for that."""

    outcomes: list[Outcome | None] = field(default_factory=list)
    spans: list[Outcome | None] = field(default_factory=list)
    counts: "Counter[tuple[str, ...]]" = field(default_factory=Counter)


def sets(prefix: str) -> list[str]:
    return [f"{prefix}_a", f"{prefix}_b"]


def bins_of(number: int) -> dict[str, Any]:
    bins: dict[str, Any] = {"a": number}
    if number % 2:
        bins["b"] = [number, {"k": b"v"}, None]
    if number % 3:
        bins["c"] = "x" if number % 5 else "y" * (number * 50)
    return bins


def load(client: aerospike_py.Client, prefix: str) -> None:
    for name in sets(prefix):
        for number in range(RECORDS):
            policy = {"key": aerospike_py.POLICY_KEY_SEND} if number % 4 == 0 else None
            client.put(("test", name, number), bins_of(number), {"ttl": -1}, policy)


def _fault(dice: random.Random) -> Fault | None:
    """None for half of the programs. What takes time is rare."""
    node = dice.randrange(3)
    if dice.random() < 0.01:
        return dice.choice(slow_faults(node))
    return dice.choice(quick_faults(dice, node)) if dice.random() < 0.5 else None


def slow_faults(node: int) -> list[Fault]:
    """What keeps whom it befalls waiting."""
    return [
        Fault(lambda cluster: cluster.hang(node), policy=HASTY),
        Fault(lambda cluster: cluster.hang(node), policy=STUBBORN, is_certain=False),
        Fault(lambda cluster: cluster.drop(node), policy=HASTY),
        Fault(lambda cluster: cluster.drop(node, count=1), policy=STUBBORN, is_certain=False),
    ]


def quick_faults(dice: random.Random, node: int) -> list[Fault]:
    """The others, with what of them is up to chance."""
    code = dice.choice((4, 9, 11, 14, 18, 22, 26, 150, 152))
    # Every reply has 30 bytes or more. After one that comes whole it is up to chance whether the
    # connection is seen to be closed before it is used again.
    length = dice.choice((1, 7, 8, 29, None))
    length_perhaps_whole = dice.choice((30, 60))
    delay_ms = dice.randint(1, 8)
    partitions = dice.sample(range(4096), 40)
    some = dice.choice((None, node))
    patience = {"max_retries": 6}

    def refuse(cluster: DevCluster) -> None:
        cluster.refuse(node)
        cluster.close_connections(node)

    def revive(cluster: DevCluster) -> None:
        cluster.revive(node, rebalance=False)

    def set_available(cluster: DevCluster) -> None:
        cluster.partition_unavailable(on=False)

    def set_some_unavailable(cluster: DevCluster) -> None:
        for partition in partitions:
            cluster.partition_unavailable(partition)

    return [
        Fault(lambda cluster: cluster.close_instead(node)),
        Fault(
            lambda cluster: cluster.close_instead(node, count=2),
            policy=patience,
            is_certain=False,
        ),
        Fault(lambda cluster: cluster.truncate_replies(length, node)),
        Fault(
            lambda cluster: cluster.truncate_replies(length, node, count=2),
            policy=patience,
            is_certain=False,
        ),
        Fault(
            lambda cluster: cluster.truncate_replies(length_perhaps_whole, node, count=2),
            policy=patience,
            is_certain=False,
        ),
        Fault(lambda cluster: cluster.corrupt(node)),
        Fault(refuse),
        Fault(lambda cluster: cluster.kill(node, rebalance=False), revive, outlasts=True),
        Fault(lambda cluster: cluster.close_connections(node), policy=patience, is_certain=False),
        Fault(lambda cluster: cluster.delay(delay_ms, some)),
        # A node may take it for a refusal of batches, and is not sent any for a while.
        Fault(lambda cluster: cluster.answer_with(code, some), outlasts=True),
        Fault(lambda cluster: cluster.partition_unavailable(), set_available),
        Fault(set_some_unavailable, set_available),
    ]


class _Maker:
    """Makes the calls of one program."""

    def __init__(self, dice: random.Random, prefix: str, policy: Any, *, faulty: bool) -> None:
        self._dice = dice
        self._prefix = prefix
        self._faulty = faulty
        self._policy = policy or (self._own_policy() if dice.random() < 0.4 else None)

    def _key(self) -> Any:
        dice = self._dice
        number = dice.randrange(RECORDS + MISSING)
        # A namespace that there is not is told at once, and is not for others to notice.
        namespace = "nowhere" if dice.random() < 0.01 else "test"
        return (namespace, dice.choice(sets(self._prefix)), number)

    def _own_policy(self) -> Any:
        dice = self._dice
        kind = dice.randrange(14)
        if kind < 7:
            return None
        if kind < 10:
            return {"filter_expression": FILTERS[dice.randrange(len(FILTERS))]}
        # Which node is asked first must not be up to chance where they differ.
        replica = {} if self._faulty else {"replica": dice.randrange(5)}
        return (
            {"total_timeout": 15_000, "socket_timeout": 15_000},
            {"key": aerospike_py.POLICY_KEY_SEND},
            {**replica, "read_touch_ttl_percent": dice.choice((-1, 0, 50))},
            {"read_mode_ap": dice.choice((0, 1)), "read_mode_sc": dice.choice((0, 1, 2, 3))},
        )[kind - 10]

    def call(self, *, writes: bool) -> Call:
        dice = self._dice
        after = dice.choice((0, 1, 2, 3, 5, 8)) if dice.random() < 0.06 else None
        if dice.random() < 0.04:
            return Call(*self._another(writes), after)
        which = dice.choice(("get", "get", "select", "exists", "operate", "operate_ordered"))
        names = dice.sample(BINS, dice.randint(1, len(BINS)))
        policy = self._policy or self._own_policy()
        if which.startswith("operate"):
            operations = dice.choices(OPERATIONS, k=dice.randint(1, 3))
            if dice.random() < 0.2:
                operations = [{"op": aerospike_py.OPERATOR_READ}]  # All bins.
            return Call(which, (self._key(), operations, None, policy), after)
        return Call(which, (self._key(), *((names,) if which == "select" else ()), policy), after)

    def _another(self, writes: bool) -> tuple[str, tuple[Any, ...]]:
        """What does not travel with reads, and is begun among them."""
        key = self._key()
        if not writes or self._dice.random() < 0.4:
            return "batch_read", ([self._key() for _ in range(3)], None, self._policy)
        written = ("test", f"{self._prefix}_w", key[2])
        return "put", (written, {"a": key[2]}, None, HASTY if self._policy is HASTY else None)


def program(seed: int, prefix: str, fault: Fault | None, *, faults: bool = False) -> Program:
    """The program of a seed.

    Args:
        seed: The seed.
        prefix: Of the sets that `load` has filled.
        fault: What happens meanwhile.
        faults: Whether something may happen otherwise.
    """
    dice = random.Random(seed)
    chosen = _fault(dice) if faults else None
    fault = fault or chosen
    maker = _Maker(dice, prefix, fault and fault.policy, faulty=fault is not None)
    writes = fault is None or fault.is_certain
    ticks = []
    for _ in range(dice.randint(1, 3)):
        count = dice.choice((1, 3, 6, 12, 24, 40))
        ticks.append(([maker.call(writes=writes) for _ in range(count)], dice.randrange(4)))
    return Program(ticks, fault)


def outcome(result: Any) -> Outcome:
    """What to compare; which replica was asked last is up to chance after a failure."""
    if isinstance(result, aerospike_py.AerospikeError):
        text = str(result).replace(f", node {result.node}", "")
        return type(result).__name__, result.result_code, result.in_doubt, text
    if isinstance(result, BaseException):
        return (type(result).__name__,)
    if isinstance(result, aerospike_py.BatchRecords):
        rows = [(row.result, row.record, row.in_doubt) for row in result]
        return (type(result).__name__, repr(rows))
    if isinstance(result, tuple):
        return (type(result).__name__, *map(repr, result))
    return (repr(result),)


_index: ContextVar[int] = ContextVar("index")


class Spans(SpanProcessor):
    """The spans of a run, by the call that they are of."""

    def __init__(self) -> None:
        self.begun: dict[int, int] = {}
        self.ended: dict[int, list[Outcome]] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        assert span.context is not None
        self.begun[span.context.span_id] = _index.get(-1)

    def on_end(self, span: ReadableSpan) -> None:
        assert span.context is not None
        attributes = dict(span.attributes or {})
        # Which replica was asked last is up to chance after a failure.
        for name in ("network.peer.address", "network.peer.port"):
            if name in attributes:
                attributes[name] = "told"
        texts = [] if span.status.status_code is StatusCode.OK else [span.status.status_code.name]
        described = (span.name, sorted(attributes.items()), texts)
        self.ended.setdefault(self.begun.pop(span.context.span_id), []).append(described)


def _counted(prefix: str) -> "Counter[tuple[str, ...]]":
    """How many operations on these sets have ended, by the labels that Prometheus is given."""
    _, series = decode(_native.metrics())
    return Counter(
        {
            labels: sum(counts)
            for labels, (_, counts) in metrics._merged(series).items()
            if labels[1].startswith(prefix)
        }
    )


def _labels(call: Call, result: Any) -> tuple[str, ...]:
    """Those that an operation is counted under which nobody cancelled."""
    first = call.arguments[0][0] if call.name == "batch_read" else call.arguments[0]
    error = type(result).__name__ if isinstance(result, BaseException) else ""
    return (first[0], first[1], call.name, error)


async def _run(
    client: aerospike_py.AsyncClient, calls: Program, prefix: str, spans: Spans | None
) -> Seen:
    """Runs a program, without what happens meanwhile."""
    loop = asyncio.get_running_loop()
    before = _counted(prefix)
    tasks: list[asyncio.Task[Any]] = []
    cancelling: list[asyncio.Task[Any]] = []

    async def carry_out(index: int, call: Call) -> Any:
        _index.set(index)
        return await getattr(client, call.name)(*call.arguments)

    async def cancel(task: asyncio.Task[Any], rounds: int) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()

    for tick, rounds in calls.ticks:
        for call in tick:
            task = loop.create_task(carry_out(len(tasks), call))
            tasks.append(task)
            if call.cancelled_after == 0:
                task.cancel()
            elif call.cancelled_after is not None:
                cancelling.append(loop.create_task(cancel(task, call.cancelled_after)))
        for _ in range(rounds):
            await asyncio.sleep(0)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*cancelling)
    completions = client._session._completions
    while completions is not None and len(completions):
        await asyncio.sleep(0)
    return _seen(calls, results, _counted(prefix) - before, spans)


def _seen(
    calls: Program, results: list[Any], counts: "Counter[tuple[str, ...]]", spans: Spans | None
) -> Seen:
    """What a run has shown, if what was counted is what it has ended with."""
    seen = Seen()
    known: Counter[tuple[str, ...]] = Counter()
    cancelled: Counter[tuple[str, ...]] = Counter()
    for call, result in zip(
        (call for tick, _ in calls.ticks for call in tick), results, strict=True
    ):
        is_cancelled = isinstance(result, asyncio.CancelledError)
        (cancelled if is_cancelled else known)[_labels(call, result)] += 1
        seen.outcomes.append(None if is_cancelled else outcome(result))
    left = counts.copy()
    left.subtract(known)
    assert min(left.values(), default=0) >= 0, f"not counted: {-left}"
    # What nobody waited for has ended, too, in whatever way.
    for labels, count in left.items():
        of_all = sum(n for other, n in cancelled.items() if other[:3] == labels[:3])
        assert count <= of_all, f"counted {count} times too often: {labels}"
    if spans is not None:
        assert not spans.begun, "a span has not ended"
        ended, spans.ended = spans.ended, {}
        for index, found in enumerate(seen.outcomes):
            told = ended.get(index, [])
            assert len(told) == 1 or (found is None and not told), f"spans of {index}: {told}"
            seen.spans.append(told[0] if found is not None else None)
    return seen


def _compare(seed: int, alone: Seen, together: Seen) -> int:
    """How many calls are the same; raises where one is not.

    One that was cancelled may have had its result before.
    """
    compared = 0
    for index, (expected, got) in enumerate(zip(alone.outcomes, together.outcomes, strict=True)):
        if expected is None or got is None:
            continue
        assert got == expected, f"seed {seed}, call {index}: {got} instead of {expected}"
        if alone.spans:
            expected, got = alone.spans[index], together.spans[index]
            assert got == expected, f"seed {seed}, span {index}: {got} instead of {expected}"
        compared += 1
    return compared


class Differential:
    """Runs programs on a client that has reads travel together, and on one that has not.

    Args:
        config: Of the clients.
        prefix: Of the sets that `load` has filled.
        cluster: That of the config, if it is a local one, to which something may happen.
        fault: What happens to it in every program; None: whatever a program says.
        is_traced: Whether their spans are compared, too, which nobody else may make meanwhile.
    """

    def __init__(
        self,
        config: ClientConfig,
        prefix: str,
        cluster: DevCluster | None = None,
        fault: Fault | None = None,
        *,
        is_traced: bool = False,
    ) -> None:
        # A slow machine is no difference, and neither is what was too much for a node.
        patient = {"total_timeout": 20_000, "socket_timeout": 20_000}
        policies = {**config.get("policies", {}), "read": patient, "batch": patient}
        policies["write"] = patient  # Of operations that only read, too.
        self._config: ClientConfig = {**config, "policies": policies, "max_error_rate": 0}
        self._prefix = prefix
        self._cluster = cluster
        self._fault = fault
        self._spans = Spans() if is_traced else None
        self.compared = 0

    async def run(self, seeds: Iterable[int]) -> int:
        """Runs programs, and says how many calls were compared; raises where they differ."""
        if self._spans is not None:
            provider = TracerProvider()
            provider.add_span_processor(self._spans)
            tracing.instrument(provider)
        try:
            rest = list(seeds)
            while rest:
                rest = await self._run_some(rest)
        finally:
            if self._spans is not None:
                tracing.uninstrument()
        return self.compared

    async def _run_some(self, seeds: list[int]) -> list[int]:
        """Runs programs until one leaves its trace in the clients; returns the others."""
        async with (
            aerospike_py.AsyncClient({**self._config, "coalesce": False}).connect() as alone,
            aerospike_py.AsyncClient(self._config).connect() as together,
        ):
            for index, seed in enumerate(seeds):
                calls = program(seed, self._prefix, self._fault, faults=self._cluster is not None)
                self.compared += await self._compare(seed, calls, alone, together)
                if calls.fault is not None and calls.fault.outlasts:
                    return seeds[index + 1 :]
        return []

    async def _compare(
        self,
        seed: int,
        calls: Program,
        alone: aerospike_py.AsyncClient,
        together: aerospike_py.AsyncClient,
    ) -> int:
        # What has to be answered within moments may take a slow machine too long.
        tries = 3 if calls.fault is not None and calls.fault.policy in (HASTY, STUBBORN) else 1
        while True:
            first = await self._see(calls, alone)
            second = await self._see(calls, together)
            tries -= 1
            try:
                return _compare(seed, first, second)
            except AssertionError:
                if not tries:
                    raise

    async def _see(self, calls: Program, client: aerospike_py.AsyncClient) -> Seen:
        cluster, fault = self._cluster, calls.fault
        if cluster is None or fault is None:
            return await _run(client, calls, self._prefix, self._spans)
        fault.begin(cluster)
        try:
            return await _run(client, calls, self._prefix, self._spans)
        finally:
            fault.end(cluster)


async def _main(place: str, programs: int, seed: int) -> None:
    cluster = DevCluster(nodes=3).start() if place == "embedded" else None
    config: ClientConfig = cluster.config if cluster else {"hosts": [place]}
    prefix = f"coalescing_{uuid.uuid4().hex[:8]}"
    with aerospike_py.client(config).connect() as client:
        load(client, prefix)
    begin = time.monotonic()
    seeds = range(seed, seed + programs)
    half = len(seeds) // 2
    compared = await Differential(config, prefix, cluster, is_traced=True).run(seeds[:half])
    compared += await Differential(config, prefix, cluster).run(seeds[half:])
    if cluster:
        cluster.stop()
    else:
        with aerospike_py.client(config).connect() as client:
            for name in (*sets(prefix), f"{prefix}_w"):
                client.truncate("test", name)
    print(f"{programs} programs, {compared} calls, the same; {time.monotonic() - begin:.1f} s")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], *(int(number) for number in (*sys.argv[2:], "1000", "1")[:2])))
