"""Reads that are submitted in one tick of the loop travel together, and come back as themselves."""

import asyncio
import importlib.util
import os
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py import AsyncClient
from aerospike_py.devserver import DevCluster

_spec = importlib.util.spec_from_file_location(
    "coalescing_programs", Path(__file__).parent / "coalescing_programs.py"
)
assert _spec is not None
assert _spec.loader is not None
coalescing_programs = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = coalescing_programs  # Its dataclasses look there.
_spec.loader.exec_module(coalescing_programs)

Key = tuple[str, str, int]
Batches = Callable[[], int]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the loop drives nothing there")


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=3) as running:
        with aerospike_py.client(running.config).connect() as client:
            coalescing_programs.load(client, "here")
            client.batch_write([(key, {"n": key[2]}) for key in KEYS])
        yield running


@pytest.fixture
async def client(cluster: DevCluster) -> AsyncIterator[AsyncClient]:
    async with AsyncClient({**cluster.config, "max_error_rate": 0}).connect() as connected:
        yield connected
    cluster.clear_faults()


@pytest.fixture
def batches(cluster: DevCluster) -> Batches:
    """How many batches the nodes were sent since the test began."""

    def count() -> int:
        return sum(int(node["batch"]) for node in cluster.counters())

    before = count()
    return lambda: count() - before


KEYS: list[Key] = [("test", "together", number) for number in range(60)]


async def get_all(client: AsyncClient, keys: list[Key], policy: Any = None) -> list[int]:
    records = await asyncio.gather(*(client.get(key, policy) for key in keys))
    return [record.bins["n"] for record in records]


async def test_many_reads_of_one_tick_are_a_few_batches(
    client: AsyncClient, batches: Batches
) -> None:
    for tick in range(1, 4):
        assert await get_all(client, KEYS) == [key[2] for key in KEYS]
        # Some reads have begun before it turns out that there are more; the thread may take some.
        assert 1 <= batches() <= len(KEYS) // 4 * tick


async def test_a_handful_is_asked_for_one_by_one(client: AsyncClient, batches: Batches) -> None:
    for _ in range(3):
        await get_all(client, KEYS[:3])
    assert batches() == 0


async def test_it_can_be_switched_off(cluster: DevCluster, batches: Batches) -> None:
    async with AsyncClient({**cluster.config, "coalesce": False}).connect() as client:
        await get_all(client, KEYS)
    assert batches() == 0


@pytest.mark.parametrize(
    "policy",
    [
        {"key": aerospike_py.POLICY_KEY_SEND},
        {"read_mode_ap": aerospike_py.POLICY_READ_MODE_AP_ALL},
        {"read_mode_sc": aerospike_py.POLICY_READ_MODE_SC_LINEARIZE},
    ],
)
async def test_what_a_batch_would_do_in_another_way_travels_alone(
    client: AsyncClient, batches: Batches, policy: Any
) -> None:
    await get_all(client, KEYS, policy)
    assert batches() == 0


async def test_writes_and_operations_travel_alone(client: AsyncClient, batches: Batches) -> None:
    await asyncio.gather(*(client.put(key, {"n": key[2]}) for key in KEYS))
    read = {"op": aerospike_py.OPERATOR_READ, "bin": "n"}
    await asyncio.gather(*(client.operate(key, [read]) for key in KEYS))
    assert batches() == 0


async def test_other_filters_and_timeouts_are_other_batches(
    client: AsyncClient, batches: Batches
) -> None:
    exp = aerospike_py.exp
    below = {"filter_expression": exp.lt(exp.int_bin("n"), exp.int_val(30))}
    patient = {"total_timeout": 9000, "socket_timeout": 9000}
    await get_all(client, KEYS)
    before = batches()
    results = await asyncio.gather(
        *(client.get(key, below) for key in KEYS),
        *(client.get(key, patient) for key in KEYS),
        return_exceptions=True,
    )
    assert before + 4 <= batches() <= before + len(KEYS) // 2
    for key, filtered, read in zip(KEYS, results[:60], results[60:], strict=True):
        assert isinstance(read, aerospike_py.Record)
        expected = aerospike_py.Record if key[2] < 30 else aerospike_py.FilteredOut
        assert isinstance(filtered, expected)


async def test_cancelling_one_leaves_the_others_alone(client: AsyncClient) -> None:
    tasks = [asyncio.ensure_future(client.get(key)) for key in KEYS]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for index, result in enumerate(results):
        if index % 2:
            assert isinstance(result, aerospike_py.Record)
            assert result.bins == {"n": index}
        else:
            assert isinstance(result, asyncio.CancelledError)


async def test_the_limit_of_operations_counts_each(cluster: DevCluster, batches: Batches) -> None:
    config = {**cluster.config, "max_concurrent_operations": 2}
    async with AsyncClient(config).connect() as client:
        await get_all(client, KEYS)
    assert batches() == 0


async def failures(client: AsyncClient, policy: Any = None) -> list[BaseException]:
    tasks = (client.get(key, policy) for key in KEYS)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [result for result in results if isinstance(result, BaseException)]


async def test_a_server_that_takes_no_batches_is_asked_one_by_one(
    client: AsyncClient, cluster: DevCluster, batches: Batches
) -> None:
    await get_all(client, KEYS)
    for node in range(3):
        cluster.answer_with(int(aerospike_py.ResultCode.BATCH_DISABLED), node, count=1)
    # That is the answer to three batches, unless one of their reads has begun alone.
    failed = await failures(client)
    assert len(failed) <= 3
    before = batches()
    assert await get_all(client, KEYS) == [key[2] for key in KEYS]
    if not failed:  # It is not tried again soon.
        assert batches() == before


async def test_who_waits_for_a_batch_asks_alone_before_its_time_is_over(
    client: AsyncClient, cluster: DevCluster
) -> None:
    await get_all(client, KEYS)
    for node in range(3):
        cluster.drop(node, count=1)  # Batches, as above.
    policy = {"total_timeout": 800, "socket_timeout": 800, "max_retries": 0}
    assert len(await failures(client, policy)) <= 3


async def test_closing_ends_all_members(cluster: DevCluster) -> None:
    client = AsyncClient(cluster.config)
    await client.connect()
    await get_all(client, KEYS)
    for node in range(3):
        cluster.drop(node)
    tasks = [asyncio.ensure_future(client.get(key)) for key in KEYS]
    for _ in range(3):
        await asyncio.sleep(0)
    await client.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    cluster.clear_faults()
    assert {type(result) for result in results} == {aerospike_py.ClientError}


PROGRAMS = int(os.environ.get("COALESCING_PROGRAMS", "60"))


def test_programs_end_the_same_together_as_alone(server: Any, set_name: str) -> None:
    with aerospike_py.client(server.config).connect() as client:
        coalescing_programs.load(client, set_name)
    differential = coalescing_programs.Differential(server.config, set_name, is_traced=True)
    assert asyncio.run(differential.run(range(40))) > 800


@pytest.mark.parametrize("is_traced", [False, True])
def test_programs_end_the_same_whatever_happens(cluster: DevCluster, is_traced: bool) -> None:
    differential = coalescing_programs.Differential(
        cluster.config, "here", cluster, is_traced=is_traced
    )
    seeds = range(PROGRAMS // 2) if is_traced else range(PROGRAMS // 2, PROGRAMS)
    assert asyncio.run(differential.run(seeds)) > 10 * len(seeds)


def test_programs_end_the_same_under_every_fault(cluster: DevCluster) -> None:
    faults = [
        *coalescing_programs.slow_faults(1)[::2],
        *coalescing_programs.quick_faults(random.Random(1), 2),
    ]
    for seed, fault in enumerate(faults):
        differential = coalescing_programs.Differential(cluster.config, "here", cluster, fault)
        assert asyncio.run(differential.run([1000 + seed])) > 0
