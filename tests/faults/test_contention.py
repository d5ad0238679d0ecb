"""Many at once, and few connections: everybody has a turn, in order, and nobody's time is taken."""

import asyncio
import contextlib
import gc
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from frame_proxy import Harm, Proxies
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import aerospike_py
from aerospike_py import AerospikeError, AsyncClient, BackpressureError, Client
from aerospike_py.devserver import DevCluster

KEYS = [("test", "demo", number) for number in range(100)]
SOURCE = "function one(rec) return 1 end"
SLACK_S = 1.5


@pytest.fixture
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=3) as running:
        with aerospike_py.client(running.config).connect() as client:
            client.batch_write([(key, {"n": 1}) for key in KEYS])
            client.udf_put("one.lua", source=SOURCE)
        yield running


@pytest.fixture
def secured() -> Iterator[DevCluster]:
    with DevCluster(nodes=2, security=True) as running:
        yield running


def shuffled() -> list[Any]:
    """All keys: each time, another node is the first one that a batch comes to."""
    return random.sample(KEYS, len(KEYS))


def connected(cluster: DevCluster, **settings: Any) -> Client:
    return aerospike_py.client({**cluster.config, **settings}).connect()


def test_batches_of_many_threads_share_few_connections(cluster: DevCluster) -> None:
    def work(client: Client) -> int:
        ends = [client.batch_read(shuffled()) for _ in range(25)]
        return sum(row.result != 0 for end in ends for row in end.batch_records)

    with connected(cluster, max_conns_per_node=2) as client, ThreadPoolExecutor(8) as pool:
        begin_s = time.monotonic()
        failed = sum(pool.map(work, [client] * 8))
        took_s = time.monotonic() - begin_s
    assert failed == 0
    assert took_s < 20


def test_batches_without_a_timeout_do_not_wait_for_each_other_for_ever(
    cluster: DevCluster,
) -> None:
    policy: Any = {"total_timeout": 0, "socket_timeout": 0}

    def work(client: Client) -> None:
        for _ in range(10):
            assert all(row.result == 0 for row in client.batch_read(shuffled(), policy=policy))

    with connected(cluster, max_conns_per_node=1) as client:
        threads = [threading.Thread(target=work, args=(client,), daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        end_s = time.monotonic() + 20
        for thread in threads:
            thread.join(max(0.0, end_s - time.monotonic()))
        assert not any(thread.is_alive() for thread in threads)


def test_two_hundred_threads_of_batches_have_no_row_that_fails(cluster: DevCluster) -> None:
    start = threading.Barrier(200)

    def work(client: Client) -> int:
        start.wait()
        return sum(row.result != 0 for row in client.batch_read(shuffled()))

    with connected(cluster) as client, ThreadPoolExecutor(200) as pool:
        assert sum(pool.map(work, [client] * 200)) == 0


def test_who_waits_for_a_connection_is_served_in_order(cluster: DevCluster) -> None:
    served: list[int] = []
    key = KEYS[0]

    def work(client: Client, number: int) -> None:
        client.get(key, {"total_timeout": 0, "socket_timeout": 0})
        served.append(number)

    with connected(cluster, max_conns_per_node=1) as client:
        client.get(key)
        # Each answer comes later than the next thread needs to be told of its turn.
        cluster.delay(20)
        threads = []
        for number in range(12):
            threads.append(threading.Thread(target=work, args=(client, number)))
            threads[-1].start()
            time.sleep(0.01)  # No event tells that it waits.
        for thread in threads:
            thread.join()
    assert served == sorted(served)


def test_no_thread_waits_much_longer_for_a_connection_than_another(cluster: DevCluster) -> None:
    counts = [0] * 16
    stopping = threading.Event()
    key = KEYS[0]

    def work(client: Client, number: int) -> None:
        while not stopping.is_set():
            client.get(key)
            counts[number] += 1

    with connected(cluster, max_conns_per_node=2) as client:
        cluster.delay(2)
        threads = [threading.Thread(target=work, args=(client, number)) for number in range(16)]
        for thread in threads:
            thread.start()
        time.sleep(2)
        stopping.set()
        for thread in threads:
            thread.join()
    assert min(counts) * 2 > max(counts), counts


def works(client: AsyncClient) -> dict[str, Callable[[], Any]]:
    """What used to be run in threads, and the rest."""
    return {
        "get": lambda: client.get(KEYS[0]),
        "apply": lambda: client.apply(KEYS[0], "one", "one"),
        "query": lambda: client.query("test", "demo").results(),
        "batch": lambda: client.batch_read(KEYS),
        "info": lambda: client.info_random_node("status"),
        "info_all": lambda: client.info_all("status"),
        "udf_list": lambda: client.udf_list(),
        "job_status": lambda: client.job_status(7),
        "ping": lambda: client.ping(),
    }


EVERY = list(works(AsyncClient({"hosts": [("127.0.0.1", 1)]})))


@pytest.mark.parametrize("name", EVERY)
async def test_sixty_at_once_take_as_long_as_one(cluster: DevCluster, name: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        # Beside other work the delay may be most of a second longer.
        long: Any = {
            kind: {"total_timeout": 30_000} for kind in ("read", "write", "batch", "query")
        }
        async with AsyncClient(cluster.config | {"policies": long, "timeout": 30_000}) as client:
            await client.connect()
            work = works(client)[name]
            await asyncio.gather(*(work() for _ in range(60)))
            cluster.delay(800, scope="all")
            begin_s = time.monotonic()
            await asyncio.gather(*(work() for _ in range(60)))
            took_s = time.monotonic() - begin_s
    # In turns, as many at once as there are threads, they would take 15 times as long as one.
    assert 0.75 < took_s < 0.8 * 5


@pytest.mark.parametrize("name", EVERY)
async def test_nothing_waits_for_threads_of_the_loops_executor(
    cluster: DevCluster, name: str
) -> None:
    loop = asyncio.get_running_loop()
    busy = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        loop.set_default_executor(pool)
        async with AsyncClient(cluster.config) as client:
            held = loop.run_in_executor(None, busy.wait)
            try:
                await asyncio.wait_for(client.connect(), 5)
                await asyncio.wait_for(works(client)[name](), 5)
                await asyncio.wait_for(client.close(), 5)
            finally:
                busy.set()
                await held


async def test_closing_works_after_the_default_executor_was_shut_down(
    cluster: DevCluster,
) -> None:
    client = AsyncClient(cluster.config)
    await client.connect()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert await client.ping()
    assert len(await client.query("test", "demo").results()) == len(KEYS)
    await client.close()
    assert not client.is_connected()


@pytest.mark.parametrize("name", EVERY)
async def test_the_limit_of_operations_counts_every_kind(cluster: DevCluster, name: str) -> None:
    config = {
        **cluster.config,
        "max_concurrent_operations": 2,
        "operation_queue_timeout_ms": 50,
    }
    async with AsyncClient(config) as client:
        await client.connect()
        work = works(client)[name]
        cluster.delay(400, scope="all")
        ends = await asyncio.gather(*(work() for _ in range(5)), return_exceptions=True)
    refused = [end for end in ends if isinstance(end, BackpressureError)]
    assert len(refused) == 3
    assert not any(isinstance(end, BaseException) for end in ends if end not in refused)


@pytest.mark.parametrize("name", EVERY)
async def test_a_cancelled_operation_is_in_nobodys_way(cluster: DevCluster, name: str) -> None:
    config = {**cluster.config, "max_conns_per_node": 1, "max_concurrent_operations": 2}
    async with AsyncClient(config) as client:
        await client.connect()
        # Two at once are all that there may be.
        tasks = [asyncio.ensure_future(works(client)[name]()) for _ in range(2)]
        await asyncio.gather(*tasks)
        for node in range(3):
            cluster.hang(node)
        before = received(cluster)
        tasks = [asyncio.ensure_future(works(client)[name]()) for _ in range(2)]
        while received(cluster) == before:
            await asyncio.sleep(0.001)
        for node in range(3):
            cluster.hang(node, on=False)
        for task in tasks:
            task.cancel()
        # Who waits for a connection waits half a second at most.
        records = await asyncio.gather(*(client.get(KEYS[0], {"total_timeout": 500}) for _ in "12"))
        assert [record.bins for record in records] == [{"n": 1}] * 2
        assert all(task.cancelled() for task in tasks)


def received(cluster: DevCluster) -> int:
    return sum(int(node["bytes_in"]) for node in cluster.counters())


async def test_many_cancelled_at_once_are_out_of_the_way_at_once(cluster: DevCluster) -> None:
    async with AsyncClient({**cluster.config, "max_conns_per_node": 4}) as client:
        await client.connect()
        for node in range(3):
            cluster.hang(node)
        policy: Any = {"total_timeout": 0, "socket_timeout": 0}
        tasks = [asyncio.ensure_future(client.get(key, policy)) for key in KEYS * 50]
        await asyncio.sleep(0)
        for node in range(3):
            cluster.hang(node, on=False)
        for task in tasks:
            task.cancel()
        records = await asyncio.gather(*(client.get(key) for key in KEYS))
        assert [record.bins for record in records] == [{"n": 1}] * len(KEYS)
        assert client._session._completions is not None
        while len(client._session._completions):
            await asyncio.sleep(0.001)


async def test_what_is_beyond_the_operations_in_flight_is_refused_at_once(
    cluster: DevCluster,
) -> None:
    async with AsyncClient({**cluster.config, "max_in_flight": 3}) as client:
        await client.connect()
        cluster.delay(300, scope="all")
        begin_s = time.monotonic()
        tasks = [asyncio.ensure_future(client.get(key)) for key in KEYS[:3]]
        await asyncio.sleep(0)
        with pytest.raises(
            BackpressureError, match="3 operations are in flight, the limit"
        ) as caught:
            await client.get(KEYS[3])
        assert caught.value.result_code == -11
        assert time.monotonic() - begin_s < 0.3
        assert len(await asyncio.gather(*tasks)) == 3
        assert await client.get(KEYS[3])


async def test_sixteen_queries_share_four_connections(cluster: DevCluster) -> None:
    async with AsyncClient({**cluster.config, "max_conns_per_node": 4}) as client:
        await client.connect()
        ends = await asyncio.gather(
            *(client.query("test", "demo").results() for _ in range(16)), return_exceptions=True
        )
    assert [end if isinstance(end, BaseException) else len(end) for end in ends] == [100] * 16


@pytest.mark.parametrize("name", ["get", "apply", "query", "batch"])
async def test_spans_of_tasks_have_the_parent_that_is_active_there(
    cluster: DevCluster, span_exporter: InMemorySpanExporter, name: str
) -> None:
    tracer = trace.get_tracer_provider().get_tracer("test")
    async with AsyncClient(cluster.config) as client:
        await client.connect()

        async def request(number: int) -> None:
            with tracer.start_as_current_span(f"request {number}"):
                await works(client)[name]()

        await asyncio.gather(*(request(number) for number in range(4)))
    spans = span_exporter.get_finished_spans()
    parents = {span.context.span_id for span in spans if span.name.startswith("request")}
    children = [span for span in spans if not span.name.startswith("request")]
    assert len(children) == 4
    assert {span.parent and span.parent.span_id for span in children} == parents


async def test_a_query_that_is_left_early_has_a_span(
    cluster: DevCluster, span_exporter: InMemorySpanExporter
) -> None:
    def leave(client: Client) -> None:
        for _ in client.query("test", "demo"):
            break
        gc.collect()

    async def leave_async(client: AsyncClient) -> None:
        async for _ in client.query("test", "demo"):
            break
        gc.collect()

    with connected(cluster) as client, pytest.warns(ResourceWarning, match="Records"):
        leave(client)
    (span,) = span_exporter.get_finished_spans()
    assert span.name == "QUERY test.demo"
    span_exporter.clear()
    async with AsyncClient(cluster.config) as client_:
        await client_.connect()
        with pytest.warns(ResourceWarning, match="Records"):
            await leave_async(client_)
    (span,) = span_exporter.get_finished_spans()
    assert span.name == "QUERY test.demo"


# Only a login has the hash of the password in it.
LOGIN = b"$2a$"


@pytest.fixture
def proxies(secured: DevCluster) -> Iterator[Proxies]:
    with Proxies(secured.hosts) as running:
        yield running


def config_of(proxies: Proxies, **settings: Any) -> dict[str, Any]:
    return {**proxies.config, "user": "admin", "password": "admin", **settings}


def test_a_timeout_holds_while_another_thread_logs_in(
    secured: DevCluster, proxies: Proxies
) -> None:
    config = config_of(proxies, tend_interval=60_000, login_timeout=20_000)
    client = aerospike_py.client(config).connect()
    for key in KEYS:
        client.put(key, {"n": 1})
    login = proxies.watch(LOGIN, Harm.HOLD)
    secured.revoke_sessions()
    proxies.cut()

    def work(timeout_ms: int) -> float:
        begin_s = time.monotonic()
        with contextlib.suppress(AerospikeError):
            for key in KEYS[:4]:  # Of both nodes.
                client.get(key, {"total_timeout": timeout_ms, "max_retries": 0})
        return time.monotonic() - begin_s

    with ThreadPoolExecutor(8) as pool:
        patient = pool.submit(work, 10_000)
        assert login.arrived.wait(5)
        hasty = [pool.submit(work, 100) for _ in range(4)]
        assert max(each.result() for each in hasty) < 4 * 0.1 + SLACK_S
        begin_s = time.monotonic()
        client.close()
        assert time.monotonic() - begin_s < 1.0
        assert patient.result() < 5


async def test_a_timeout_holds_while_other_tasks_log_in(
    secured: DevCluster, proxies: Proxies
) -> None:
    config = config_of(proxies, tend_interval=60_000, login_timeout=20_000)
    async with AsyncClient(config) as client:
        await client.connect()
        await asyncio.gather(*(client.put(key, {"n": 1}) for key in KEYS))
        login = proxies.watch(LOGIN, Harm.HOLD)
        secured.revoke_sessions()
        proxies.cut()
        patient = asyncio.gather(
            *(client.get(key, {"total_timeout": 10_000}) for key in KEYS[:4]),
            return_exceptions=True,
        )
        assert await asyncio.to_thread(login.arrived.wait, 5)
        begin_s = time.monotonic()
        ends = await asyncio.gather(
            *(client.get(key, {"total_timeout": 100}) for key in KEYS[:4]),
            return_exceptions=True,
        )
        assert time.monotonic() - begin_s < 0.1 + SLACK_S
        assert all(isinstance(end, AerospikeError) for end in ends)
        begin_s = time.monotonic()
        await client.close()
        assert time.monotonic() - begin_s < 1.0
        assert all(isinstance(end, AerospikeError) for end in await patient)


@pytest.mark.parametrize("count", [1, 16])
async def test_tasks_log_in_again_at_once_when_sessions_have_ended(
    secured: DevCluster, count: int
) -> None:
    config = {**secured.config, "user": "admin", "password": "admin", "tend_interval": 60_000}
    async with AsyncClient(config) as client:
        await client.connect()
        await asyncio.gather(*(client.put(key, {"n": 1}) for key in KEYS))
        for _ in range(3):
            secured.revoke_sessions()
            secured.close_connections()
            records = await asyncio.gather(*(client.get(key) for key in KEYS[:count]))
            assert [record.bins for record in records] == [{"n": 1}] * count


def test_a_socket_that_is_closed_is_no_turn_lost(cluster: DevCluster) -> None:
    """Who waits in line is served also when the connection that it waits for breaks."""
    with connected(cluster, max_conns_per_node=1) as client, ThreadPoolExecutor(8) as pool:
        client.get(KEYS[0])
        cluster.close_instead(count=10)
        policy: Any = {"total_timeout": 10_000, "max_retries": 20}
        ends = list(pool.map(lambda _: client.get(KEYS[0], policy).bins, range(50)))
        assert ends == [{"n": 1}] * 50


def test_a_wait_for_a_connection_ends_with_the_commands_time(cluster: DevCluster) -> None:
    with connected(cluster, max_conns_per_node=1) as client:
        cluster.drop()
        blocked = threading.Thread(
            target=lambda: client.batch_read(KEYS, policy={"total_timeout": 3000})
        )
        blocked.start()
        time.sleep(0.2)  # No event tells that all connections are lent.
        begin_s = time.monotonic()
        with pytest.raises(AerospikeError) as caught:
            client.put(KEYS[0], {"n": 1}, policy={"total_timeout": 200})
        assert time.monotonic() - begin_s < 0.2 + SLACK_S
        assert caught.value.in_doubt is False
        cluster.clear_faults()
        cluster.close_connections()
        blocked.join()
