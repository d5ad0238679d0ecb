"""Queries while nodes die and return, partitions move, and replies are late or broken.

Whatever happens, a query brings each record once, or it raises an error; never less, never more.
"""

import asyncio
import base64
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    AerospikeError,
    AerospikeTimeoutError,
    Client,
    ClientError,
    ClusterError,
    QueryAbortedError,
    ServerError,
)
from aerospike_py import predicates as p
from aerospike_py.devserver import DevCluster
from aerospike_py.types import NodeStats

# For what ends at once, on a machine that has other things to do.
AT_ONCE_S = 2.0
COUNT = 6000
EVERYBODY = list(range(COUNT))


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=4) as started:
        with connected(started) as client:
            for start in range(0, COUNT, 1000):
                rows: list[Any] = [
                    (("test", "demo", number), {"id": number, "data": bytes(700)})
                    for number in range(start, start + 1000)
                ]
                client.batch_write(rows)
            client.index_integer_create("test", "demo", "id", "demo_id")
        yield started


@pytest.fixture
def client(cluster: DevCluster) -> Iterator[Client]:
    with connected(cluster) as client:
        yield client
    cluster.clear_faults()


def connected(cluster: DevCluster) -> Client:
    # No rest for nodes with errors: their errors are what is tested here.
    config = {**cluster.config, "tend_interval": 100, "max_error_rate": 0}
    return aerospike_py.client(config).connect()


def query_of(client: Client, kind: str) -> aerospike_py.Query:
    query = client.query("test", "demo")
    return query if kind == "scan" else query.where(p.between("id", 0, COUNT))


def run(query: aerospike_py.Query, events: dict[int, Callable[[], None]], policy: Any) -> list[int]:
    """The ids that a query brings; events happen when so many records have come."""
    seen: list[int] = []
    for record in query.records(policy):
        event = events.get(len(seen))
        if event is not None:
            event()
        seen.append((record.bins or {})["id"])
    return seen


KINDS = ("scan", "index")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("node", range(4))
def test_a_node_dies_and_returns(cluster: DevCluster, client: Client, kind: str, node: int) -> None:
    seen: list[int] = []
    events = {50: lambda: cluster.kill(node), 4000: lambda: cluster.revive(node)}
    try:
        for _ in range(3):
            try:
                seen = run(query_of(client, kind), events, {"max_retries": 10})
            except QueryAbortedError:
                continue  # The node was asked to stop, and said so.
            assert sorted(seen) == EVERYBODY
    finally:
        cluster.revive(node)
        deadline = time.monotonic() + 10
        while len(client.get_node_names()) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_connections_break_again_and_again(cluster: DevCluster, client: Client, kind: str) -> None:
    events: dict[int, Callable[[], None]] = dict.fromkeys(
        range(10, COUNT, 500), cluster.close_connections
    )
    assert sorted(run(query_of(client, kind), events, {})) == EVERYBODY


@pytest.mark.parametrize("kind", KINDS)
def test_partitions_move(cluster: DevCluster, client: Client, kind: str) -> None:
    def move(target: int) -> Callable[[], None]:
        def event() -> None:
            for partition in range(0, 4096, 16):
                cluster.move_partition(partition, target)

        return event

    events = {10: move(0), 1000: move(1), 2000: move(2), 3000: move(3)}
    assert sorted(run(query_of(client, kind), events, {})) == EVERYBODY


@pytest.mark.parametrize("kind", KINDS)
def test_partitions_that_are_unavailable_for_a_while(
    cluster: DevCluster, client: Client, kind: str
) -> None:
    for partition in range(0, 4096, 100):
        cluster.partition_unavailable(partition)
    try:
        events = {100: lambda: cluster.partition_unavailable(on=False)}
        seen = run(query_of(client, kind), events, {"max_retries": 20})
        assert sorted(seen) == EVERYBODY
    finally:
        cluster.partition_unavailable(on=False)


def test_partitions_that_stay_unavailable(cluster: DevCluster, client: Client) -> None:
    cluster.partition_unavailable(77)
    try:
        with pytest.raises(ClusterError, match="1 of 4096 partitions") as caught:
            query_of(client, "scan").results({"max_retries": 2})
        assert caught.value.result_code == 11
    finally:
        cluster.partition_unavailable(77, on=False)


@pytest.mark.parametrize("kind", KINDS)
def test_replies_are_cut(cluster: DevCluster, client: Client, kind: str) -> None:
    for size in (0, 1, 7, 8, 30, 100, 5000):
        for node in range(4):
            cluster.truncate_replies(size, node=node, count=1)
        assert sorted(run(query_of(client, kind), {}, {})) == EVERYBODY


def test_replies_are_lost(cluster: DevCluster, client: Client) -> None:
    for node in range(4):
        cluster.drop(node=node, count=1)
    assert sorted(run(query_of(client, "scan"), {}, {"socket_timeout": 200})) == EVERYBODY


def test_a_node_hangs(cluster: DevCluster, client: Client) -> None:
    cluster.hang(2)
    try:
        start = time.monotonic()
        with pytest.raises(AerospikeError):
            query_of(client, "scan").results(
                {"socket_timeout": 100, "max_retries": 1, "replica": 0}
            )
        with pytest.raises(AerospikeTimeoutError):
            query_of(client, "scan").results({"total_timeout": 300, "replica": 0})
        assert time.monotonic() - start < 10
    finally:
        cluster.hang(2, on=False)


def peers_without(ports: list[int], node: int, left: int) -> str:
    """What a node says of its peers once one of them has left."""
    peers = [
        f"[D{index + 1},,[127.0.0.1:{port}]]"
        for index, port in enumerate(ports)
        if index not in (node, left)
    ]
    return f"99,{ports[node]},[{','.join(peers)}]"


def mastered(client: Client, node: str) -> list[int]:
    """The partitions of the namespace `test` that the node is the master of."""
    owners = client.info_node("replicas", node)
    bits = base64.b64decode(owners.partition("test:")[2].split(",")[2])
    return [partition for partition in range(4096) if bits[partition // 8] << partition % 8 & 0x80]


async def test_a_query_leaves_a_node_that_has_left(cluster: DevCluster, client: Client) -> None:
    config = {**cluster.config, "tend_interval": 100, "max_error_rate": 0}
    hung, policy = 2, {"total_timeout": 9000}
    partitions = mastered(client, f"D{hung + 1}")
    async with aerospike_py.AsyncClient(config).connect() as asynchronous:
        cluster.hang(hung)
        try:
            # The other nodes' records come meanwhile.
            records = client.query("test", "demo").records(policy)
            async_records = asynchronous.query("test", "demo").records(policy)
            seen, async_seen = [next(records)], [await async_records.__anext__()]
            start = time.monotonic()
            for partition in partitions:
                cluster.move_partition(partition, 0)
            for node in {0, 1, 2, 3} - {hung}:
                cluster.answer_info("peers-generation", "99", node)
                cluster.answer_info(
                    "peers-clear-std", peers_without(cluster.ports, node, hung), node
                )
            seen += records
            async_seen += [record async for record in async_records]
            assert time.monotonic() - start < 6
        finally:
            cluster.hang(hung, on=False)
    for found in (seen, async_seen):
        assert sorted((record.bins or {})["id"] for record in found) == EVERYBODY


async def test_nothing_is_pulled_any_more_when_its_time_is_over(
    cluster: DevCluster, client: Client
) -> None:
    config = {**cluster.config, "max_error_rate": 0}
    policy: Any = {"total_timeout": 400}
    async with aerospike_py.AsyncClient(config).connect() as asynchronous:
        cluster.hang(1)
        try:
            await let_its_time_pass(client.query("test", "demo").records(policy))
            await let_its_time_pass(asynchronous.query("test", "demo").records(policy))
        finally:
            cluster.hang(1, on=False)


async def let_its_time_pass(records: Any) -> None:
    async def following() -> Any:
        is_async = hasattr(records, "__anext__")
        return await records.__anext__() if is_async else next(records)

    await following()
    at_hand = records._left()
    await asyncio.sleep(0.45)
    for _ in range(at_hand):
        await following()
    with pytest.raises(AerospikeTimeoutError, match="client timeout"):
        await following()


PLANNED = {
    "results": lambda query, policy: query.results(policy),
    "aggregate": lambda query, policy: query.aggregate("module", "function", None, policy),
    "operate_background": lambda query, policy: query.operate_background(
        [{"op": aerospike_py.OPERATOR_WRITE, "bin": "m", "val": 1}], policy
    ),
}


@pytest.mark.parametrize("name", PLANNED)
def test_the_time_of_a_query_is_also_that_of_what_it_asks_before(
    cluster: DevCluster, client: Client, name: str
) -> None:
    cluster.drop(scope="info")
    query = client.query("test", "demo").where("$.id < 10")
    begin_s = time.monotonic()
    with pytest.raises(AerospikeTimeoutError) as caught:
        PLANNED[name](query, {"total_timeout": 200})
    assert time.monotonic() - begin_s < 3
    assert not caught.value.in_doubt


# What is read of a query that asks for indexes before.
RESULTS = {"records": lambda query: query.records(), "tables": lambda query: query.to_arrow()}
WAITERS = 2


def is_asked(stats: list[NodeStats]) -> bool:
    """Whether all nodes were asked something that they have not answered."""
    return all(each.connections_in_use for each in stats)


def assert_closed(ends: list[Any], begin_s: float) -> None:
    for end in ends:
        assert isinstance(end, ClientError), end
        assert "closed" in str(end)
    assert time.monotonic() - begin_s < AT_ONCE_S


@pytest.mark.parametrize("kind", RESULTS)
def test_closing_ends_what_threads_have_asked_before(
    cluster: DevCluster, client: Client, kind: str
) -> None:
    cluster.drop(scope="info")
    results: Any = RESULTS[kind](client.query("test", "demo").where("$.id < 10"))
    with ThreadPoolExecutor(WAITERS) as threads:
        waiting = [threads.submit(next, results) for _ in range(WAITERS)]
        while not is_asked(client.stats()):
            time.sleep(0.005)
        begin_s = time.monotonic()
        results.close()
        assert_closed([each.exception(10) for each in waiting], begin_s)


def test_closing_in_a_signal_handler_ends_what_was_asked_before(
    cluster: DevCluster, client: Client
) -> None:
    """And nothing else: what the handler itself asks is answered."""
    cluster.drop(scope="info")
    records = client.query("test", "demo").where("$.id < 10").records()
    seen: list[Any] = []

    def close(*_: object) -> None:
        seen.append(time.monotonic())
        records.close()
        cluster.delay(150)
        seen.append(client.get(("test", "demo", 7)).bins["id"])

    def interrupt() -> None:
        while not is_asked(client.stats()):
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, close)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(ClientError, match="closed"):
            next(records)
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)
    begin_s, got = seen
    assert got == 7
    assert time.monotonic() - begin_s < AT_ONCE_S


@pytest.mark.parametrize("kind", RESULTS)
async def test_closing_ends_what_tasks_have_asked_before(cluster: DevCluster, kind: str) -> None:
    async with aerospike_py.AsyncClient(cluster.config).connect() as client:
        results: Any = RESULTS[kind](client.query("test", "demo").where("$.id < 10"))
        try:
            cluster.drop(scope="info")
            waiting = [asyncio.ensure_future(results.__anext__()) for _ in range(WAITERS)]
            while not is_asked(await client.stats()):
                await asyncio.sleep(0.005)
            begin_s = time.monotonic()
            await results.close()
            assert_closed(await asyncio.gather(*waiting, return_exceptions=True), begin_s)
        finally:
            cluster.clear_faults()


async def test_a_task_that_is_cancelled_meanwhile_is_cancelled(cluster: DevCluster) -> None:
    async with aerospike_py.AsyncClient(cluster.config).connect() as client:
        records = client.query("test", "demo").where("$.id < 10").records()
        try:
            cluster.drop(scope="info")
            task = asyncio.ensure_future(records.__anext__())
            while not is_asked(await client.stats()):
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while any(each.connections_in_use for each in await client.stats()):
                await asyncio.sleep(0.005)
        finally:
            cluster.clear_faults()


COUNTING = """
local function one(rec) return 1 end
local function sum(a, b) return a + b end
function count(stream) return stream : map(one) : reduce(sum) end
"""


async def count(cluster: DevCluster, face: str) -> list[Any]:
    call: Any = ("counting", "count", None, {"fail_on_cluster_change": True})

    def wait_for_it() -> list[Any]:
        with connected(cluster) as client:
            return client.query("test", "demo").aggregate(*call)

    if face == "sync":
        return await asyncio.to_thread(wait_for_it)
    async with aerospike_py.AsyncClient(cluster.config).connect() as client:
        return await client.query("test", "demo").aggregate(*call)


async def count_beside(change: Callable[[], None], cluster: DevCluster, face: str) -> list[Any]:
    """What comes of it with a change while the nodes are at work."""

    def asked() -> int:
        return sum(node["query"] for node in cluster.counters())

    cluster.delay(200)
    before = asked()
    counting = asyncio.ensure_future(count(cluster, face))
    while asked() == before and not counting.done():
        await asyncio.sleep(0.005)
    change()
    return await counting


@pytest.mark.parametrize("face", ["sync", "async"])
async def test_an_aggregation_fails_of_changes_of_the_cluster_if_it_is_to(face: str) -> None:
    pytest.importorskip("lupa")
    with DevCluster(nodes=2) as cluster:
        with connected(cluster) as client:
            client.batch_write([(("test", "demo", number), {"n": 1}) for number in range(60)])
            client.udf_put("counting.lua", source=COUNTING)
        cluster.kill(1)
        assert await count_beside(lambda: None, cluster, face) == [60]
        with pytest.raises(ClusterError, match="changed during the aggregation") as caught:
            await count_beside(lambda: cluster.revive(1), cluster, face)
        assert caught.value.result_code == aerospike_py.AEROSPIKE_ERR_CLUSTER_CHANGE


def test_broken_replies_are_errors(cluster: DevCluster, client: Client) -> None:
    for _ in range(20):
        cluster.corrupt(count=1)
        query = query_of(client, "scan")
        try:
            seen = run(query, {}, {"socket_timeout": 500, "total_timeout": 5000})
        except AerospikeError:
            continue
        # What is broken may also be a value, which nobody can tell.
        assert len(seen) == COUNT
    cluster.clear_faults()
    assert sorted(run(query_of(client, "scan"), {}, {})) == EVERYBODY


@pytest.mark.parametrize(
    ("code", "error"),
    [(1, ServerError), (4, AerospikeError), (22, ServerError), (210, ServerError)],
)
def test_what_servers_answer(
    cluster: DevCluster, client: Client, code: int, error: type[AerospikeError]
) -> None:
    cluster.answer_with(code, node=1, count=1)
    with pytest.raises(error) as caught:
        query_of(client, "scan").results()
    assert caught.value.result_code == code
    assert caught.value.node
    # The other nodes' connections are in order.
    assert sorted(run(query_of(client, "scan"), {}, {})) == EVERYBODY


@pytest.mark.parametrize("code", [9, 11, 18, 203])
def test_what_is_worth_another_try(cluster: DevCluster, client: Client, code: int) -> None:
    for node in range(4):
        cluster.answer_with(code, node=node, count=1)
    assert sorted(run(query_of(client, "index"), {}, {})) == EVERYBODY


def test_pages_while_nodes_die(cluster: DevCluster, client: Client) -> None:
    seen: list[int] = []
    token = None
    while True:
        if len(seen) == 1000:
            cluster.kill(3)
        if len(seen) == 4000:
            cluster.revive(3)
        query = query_of(client, "scan")
        policy: Any = {"max_records": 500, "max_retries": 10, **({"token": token} if token else {})}
        seen += [(record.bins or {})["id"] for record in query.results(policy)]
        token = query.token
        if token is None:
            break
    assert sorted(seen) == EVERYBODY


def test_an_aborted_query_says_so(cluster: DevCluster, client: Client) -> None:
    records = client.query("test", "demo").records({"records_per_second": 500})
    assert next(records)
    client.info_all("query-abort-all:")
    with pytest.raises(QueryAbortedError):
        list(records)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_connections_are_given_back(cluster: DevCluster) -> None:
    with connected(cluster) as client:
        for _ in range(3):
            query_of(client, "scan").results()
        before = sum(node["connections_accepted"] for node in cluster.counters())
        for _ in range(20):
            query_of(client, "scan").results()
        after = sum(node["connections_accepted"] for node in cluster.counters())
        assert after == before
        for _ in range(5):
            for _record in query_of(client, "scan"):
                break
        # Unread data is not waited for: these connections were closed.
        assert sum(node["connections_accepted"] for node in cluster.counters()) <= after + 20


def test_more_queries_than_connections(cluster: DevCluster) -> None:
    config = {**cluster.config, "max_conns_per_node": 2}
    with aerospike_py.client(config).connect() as client:
        open_queries = [iter(query_of(client, "scan")) for _ in range(2)]
        firsts = [next(records) for records in open_queries]
        assert len(firsts) == 2
        with pytest.raises((ClusterError, ClientError)):
            query_of(client, "scan").results({"max_retries": 1, "socket_timeout": 200})
        for records in open_queries:
            records.close()
        assert len(query_of(client, "scan").results()) == COUNT
