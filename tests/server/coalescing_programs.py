"""Random programs of concurrent reads, and what each read of them ends with.

A program is made of a seed and runs on one asynchronous client. Two runs of it, one on a client
that has reads travel together and one on a client that has not, are to be the same but for time.

    python tests/server/coalescing_programs.py HOST:PORT|embedded [PROGRAMS [SEED]]

compares as many programs as one likes.
"""

import asyncio
import random
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import aerospike_py
from aerospike_py import exp
from aerospike_py.devserver import DevCluster

RECORDS = 48
MISSING = 12
BINS = ("a", "b", "c", "none")
FILTERS: tuple[Any, ...] = (
    exp.gt(exp.int_bin("a"), exp.int_val(20)),
    exp.bin_exists("b"),
    exp.eq(exp.string_bin("c"), exp.string_val("x")),
    exp.gt(exp.void_time(), exp.int_val(0)),
)

Outcome = tuple[Any, ...]
Read = tuple[str, Any, Any, Any]


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


def _key(dice: random.Random, prefix: str) -> Any:
    number = dice.randrange(RECORDS + MISSING)
    # A namespace that there is not is told at once, and is not for others to notice.
    namespace = "nowhere" if dice.random() < 0.01 else "test"
    return (namespace, dice.choice(sets(prefix)), number)


def _policy(dice: random.Random) -> Any:
    kind = dice.randrange(14)
    if kind < 7:
        return None
    if kind < 10:
        return {"filter_expression": FILTERS[dice.randrange(len(FILTERS))]}
    return (
        {"total_timeout": 5000, "socket_timeout": 5000},
        {"key": aerospike_py.POLICY_KEY_SEND},
        {"replica": dice.randrange(5), "read_touch_ttl_percent": dice.choice((-1, 0, 50))},
        {"read_mode_ap": dice.choice((0, 1)), "read_mode_sc": dice.choice((0, 1, 2, 3))},
    )[kind - 10]


def _read(dice: random.Random, prefix: str) -> Read:
    which = dice.choice(("get", "get", "select", "exists"))
    names = dice.sample(BINS, dice.randint(1, len(BINS))) if which == "select" else None
    return which, _key(dice, prefix), names, _policy(dice)


def program(seed: int, prefix: str, policy: Any = None) -> list[list[tuple[Read, bool]]]:
    """Ticks, each of reads that begin together, and whether their task is cancelled.

    Args:
        seed: Of the program.
        prefix: Of the sets that `load` has filled.
        policy: Of all reads; None: theirs are different, or the same by chance.
    """
    dice = random.Random(seed)
    shared = policy or (_policy(dice) if dice.random() < 0.4 else None)
    ticks = []
    for _ in range(dice.randint(1, 3)):
        reads = []
        for _ in range(dice.choice((1, 3, 6, 12, 24, 40))):
            which, key, names, own = _read(dice, prefix)
            reads.append(((which, key, names, shared or own), dice.random() < 0.05))
        ticks.append(reads)
    return ticks


def _begin(client: aerospike_py.AsyncClient, read: Read) -> Awaitable[Any]:
    which, key, names, policy = read
    if which == "select":
        return client.select(key, names, policy)
    call: Callable[..., Awaitable[Any]] = client.get if which == "get" else client.exists
    return call(key, policy)


def outcome(result: Any) -> Outcome:
    """What to compare; which replica was asked last is up to chance after a failure."""
    if isinstance(result, aerospike_py.AerospikeError):
        text = str(result).replace(f", node {result.node}", "")
        return type(result).__name__, result.result_code, result.in_doubt, text
    if isinstance(result, BaseException):
        return (type(result).__name__,)
    return (type(result).__name__, *map(repr, result))


async def run(client: aerospike_py.AsyncClient, ticks: list[Any]) -> list[Outcome]:
    """What the reads end with that nobody cancelled, in the order of the program."""
    waiting: list[tuple[asyncio.Future[Any], bool]] = []
    for reads in ticks:
        for read, is_cancelled in reads:
            waiting.append((asyncio.ensure_future(_begin(client, read)), is_cancelled))
        await asyncio.sleep(0)
        for task, is_cancelled in waiting:
            if is_cancelled:
                task.cancel()
    results = await asyncio.gather(*(task for task, _ in waiting), return_exceptions=True)
    return [
        outcome(result)
        for (_, is_cancelled), result in zip(waiting, results, strict=True)
        if not is_cancelled
    ]


async def differences(
    alone: aerospike_py.AsyncClient,
    together: aerospike_py.AsyncClient,
    prefix: str,
    seeds: Iterable[int],
    policy: Any = None,
) -> int:
    """Runs programs on both clients at the same time; raises where they differ.

    Returns:
        How many reads were compared.
    """
    compared = 0
    for seed in seeds:
        ticks = program(seed, prefix, policy)
        first, second = await asyncio.gather(run(alone, ticks), run(together, ticks))
        for index, (expected, got) in enumerate(zip(first, second, strict=True)):
            assert got == expected, f"seed {seed}, read {index}: {got} instead of {expected}"
        compared += len(first)
    return compared


async def _main(place: str, programs: int, seed: int) -> None:
    cluster = DevCluster(nodes=3).start() if place == "embedded" else None
    hosts: Any = cluster.hosts if cluster else [place]
    prefix = f"coalescing_{uuid.uuid4().hex[:8]}"
    with aerospike_py.client({"hosts": hosts}).connect() as client:
        load(client, prefix)
    begin = time.monotonic()
    async with (
        aerospike_py.AsyncClient({"hosts": hosts, "coalesce": False}).connect() as alone,
        aerospike_py.AsyncClient({"hosts": hosts}).connect() as together,
    ):
        compared = await differences(alone, together, prefix, range(seed, seed + programs))
        for name in sets(prefix):
            await alone.truncate("test", name)
    if cluster:
        cluster.stop()
    print(f"{programs} programs, {compared} reads, the same; {time.monotonic() - begin:.1f} s")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], *(int(number) for number in (*sys.argv[2:], "1000", "1")[:2])))
