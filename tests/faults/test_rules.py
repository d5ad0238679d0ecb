"""What a client has promised about retries, deadlines and what it sends, seen on the wire."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from frame_proxy import Harm, Proxies

import aerospike_py
from aerospike_py import AerospikeError, AerospikeTimeoutError, AsyncClient, Client, batch, metrics
from aerospike_py.devserver import DevCluster

SET = "rules"
MARKER = SET.encode()
KEYS = [("test", SET, number) for number in range(60)]
SLACK_S = 1.5
SOURCE = "function one(rec) return 1 end"


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=3) as running:
        with aerospike_py.client(running.config).connect() as client:
            client.batch_write([(key, {"n": 1}) for key in KEYS])
            client.udf_put("one.lua", source=SOURCE)
        yield running


@pytest.fixture
def proxies(cluster: DevCluster) -> Iterator[Proxies]:
    with Proxies(cluster.hosts) as running:
        yield running


@pytest.fixture
def client(proxies: Proxies) -> Iterator[Client]:
    config = {**proxies.config, "tend_interval": 60_000, "cluster_name": ""}
    with aerospike_py.client(config).connect() as connected:
        yield connected


def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for what another thread of the core brings about; it has no event to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def counted(name: str) -> float:
    """The sum of a metric over all nodes of all clients."""
    families = metrics.Collector().collect()
    samples = [sample for family in families for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == f"aerospike_client_{name}")


SPREAD: dict[str, Callable[[Client], Any]] = {
    "batch": lambda client: client.batch_read(KEYS, policy={"total_timeout": 300}),
    "query": lambda client: client.query("test", SET).results({"total_timeout": 300}),
}


@pytest.mark.parametrize("name", SPREAD)
def test_a_deadline_holds_while_empty_frames_come(
    proxies: Proxies, client: Client, name: str
) -> None:
    proxies.watch(MARKER, Harm.CHATTER)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(SPREAD[name], client)
        try:
            rows = future.result(0.3 + SLACK_S)
        except AerospikeError as error:
            codes = {error.result_code}
        else:
            codes = {row.result for row in rows.batch_records}
        finally:
            proxies.heal()
    # An empty frame may also be taken for the nonsense that it is.
    assert codes <= {9, -10, -1}


@pytest.mark.parametrize("face", ["sync", "async"])
def test_an_answer_to_what_is_not_yet_sent_is_none(proxies: Proxies, face: str) -> None:
    key = ("test", SET, f"large {face}")
    bins = {"b": bytes(32 * 1024 * 1024)}
    watch = proxies.watch(MARKER, Harm.FORGE)
    policy: Any = {"total_timeout": 700, "max_retries": 0}

    def put() -> None:
        with aerospike_py.client(proxies.config).connect() as client:
            client.put(key, bins, policy=policy)

    async def put_async() -> None:
        async with AsyncClient(proxies.config) as client:
            await client.connect()
            await client.put(key, bins, policy=policy)

    run = put if face == "sync" else lambda: asyncio.run(put_async())
    with pytest.raises(AerospikeError):
        run()
    assert watch.ports
    proxies.heal()


def test_the_time_that_a_server_is_given_shrinks_with_what_is_left(
    proxies: Proxies, client: Client
) -> None:
    watch = proxies.watch(MARKER, Harm.MUTE)
    with pytest.raises(AerospikeTimeoutError):
        client.get(KEYS[0], {"total_timeout": 500, "socket_timeout": 300, "max_retries": 3})
    first_ms, second_ms = (int.from_bytes(frame[22:26], "big") for frame in watch.frames[:2])
    assert first_ms == 300
    assert 0 < second_ms <= 200
    proxies.heal()


IS_BATCH = 0x08


def test_a_nodes_share_of_one_key_goes_as_a_single_command(
    proxies: Proxies, client: Client
) -> None:
    watch = proxies.watch(MARKER)
    rows = client.batch_read(KEYS[:1]).batch_records
    assert rows[0].record is not None
    assert rows[0].record.bins == {"n": 1}
    (frame,) = watch.frames
    assert not frame[9] & IS_BATCH
    watch = proxies.watch(MARKER)
    missing = client.batch_read([("test", SET, "missing")]).batch_records
    assert [(row.result, row.record) for row in missing] == [(2, None)]
    (frame,) = watch.frames
    assert not frame[9] & IS_BATCH


@pytest.mark.parametrize("rows", ["write", "read"])
def test_rows_that_are_alike_name_their_set_once(
    proxies: Proxies, client: Client, rows: str
) -> None:
    keys = [("test", SET, f"new {number}") for number in range(60)]
    watch = proxies.watch(MARKER)
    if rows == "write":
        client.batch([batch.write(key, {"n": 1}) for key in keys])
    else:
        client.batch([batch.read(key, ["n"]) for key in keys])
    assert len(watch.frames) == 3
    assert [frame.count(MARKER) for frame in watch.frames] == [1, 1, 1]


@pytest.mark.parametrize("delay_ms", [0, 50, 3000])
@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_socket_may_be_late_for_as_long_as_the_policy_says(
    proxies: Proxies, face: str, delay_ms: int
) -> None:
    policy: Any = {"total_timeout": 100, "max_retries": 0, "timeout_delay": delay_ms}
    proxies.watch(MARKER, Harm.MUTE)
    before = counted("connections_recovered_total")

    def held() -> float:
        return counted("connections_in_use") + counted("connections_open")

    held_before = held()  # By clients of other tests.

    def check() -> None:
        if delay_ms == 50:
            eventually(lambda: held() == held_before, SLACK_S)
        proxies.heal()
        if delay_ms == 3000:
            eventually(lambda: counted("connections_recovered_total") == before + 1)
        else:
            time.sleep(0.2)  # Nothing is to happen.
            assert counted("connections_recovered_total") == before

    async def get() -> None:
        async with AsyncClient({**proxies.config, "tend_interval": 100}) as client:
            await client.connect()
            with pytest.raises(AerospikeTimeoutError):
                await client.get(KEYS[0], policy)
            await asyncio.to_thread(check)

    if face == "async":
        asyncio.run(get())
    else:
        config = {**proxies.config, "tend_interval": 100}
        with aerospike_py.client(config).connect() as client:
            with pytest.raises(AerospikeTimeoutError):
                client.get(KEYS[0], policy)
            check()


def test_what_one_node_can_do_another_does_when_it_is_gone(
    proxies: Proxies, client: Client
) -> None:
    for index in range(3):
        proxies.fall(index)
        for number in range(3):
            client.truncate("test", "nobody")
            client.udf_put(f"two{number}.lua", source=SOURCE, wait_timeout=0)
            client.index_integer_create("test", "nobody", "n", f"rules{number}", wait_timeout=0)
            client.index_remove("test", f"rules{number}", wait_timeout=0)
            client.info_random_node("status")
            assert client.udf_list()
        proxies.heal()


COUNTED: dict[str, Callable[[Client], Any]] = {
    "get": lambda client: client.get(KEYS[0]),
    "put": lambda client: client.put(KEYS[0], {"n": 1}),
    "apply": lambda client: client.apply(KEYS[0], "one", "one"),
    "batch_read": lambda client: client.batch_read(KEYS),
    "batch_write": lambda client: client.batch_write([(key, {"n": 1}) for key in KEYS]),
    "query": lambda client: client.query("test", SET).results(),
    "query_background": lambda client: client.query("test", SET).operate_background(
        [{"op": aerospike_py.OPERATOR_WRITE, "bin": "n", "val": 1}]
    ),
}


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.parametrize("name", COUNTED)
def test_bytes_of_every_kind_of_request_are_counted(proxies: Proxies, face: str, name: str) -> None:
    watch = proxies.watch(MARKER)
    sent, received = counted("sent_bytes_total"), counted("received_bytes_total")

    async def run() -> None:
        async with AsyncClient(proxies.config) as client:
            await client.connect()
            work: Any = COUNTED[name]
            await work(client)

    if face == "async":
        asyncio.run(run())
    else:
        with aerospike_py.client(proxies.config).connect() as client:
            COUNTED[name](client)
    assert counted("sent_bytes_total") - sent == sum(map(len, watch.frames))
    assert counted("received_bytes_total") - received >= 8 * len(watch.frames)


def test_a_query_that_fails_says_what_each_node_has_said() -> None:
    with DevCluster(nodes=3) as own, aerospike_py.client(own.config).connect() as client:
        client.put(KEYS[0], {"n": 1})
        own.answer_with(11, node=0)
        own.answer_with(9, node=1)
        with pytest.raises(AerospikeError) as caught:
            client.query("test", SET).results({"max_retries": 1, "total_timeout": 5000})
        names = [node["name"] for node in own.counters()]
    assert names[0] in str(caught.value)
    assert names[1] in str(caught.value)
    assert names[2] not in str(caught.value)


@pytest.mark.parametrize("concurrent", [True, False])
def test_a_batch_divides_anew_what_was_for_a_node_that_leaves(concurrent: bool) -> None:
    keys = [("test", "many", number) for number in range(30_000)]
    policy: Any = {"total_timeout": 20_000, "max_retries": 5, "concurrent": concurrent}
    with DevCluster(nodes=3) as own:
        config = {**own.config, "tend_interval": 100}
        with aerospike_py.client(config).connect() as client, ThreadPoolExecutor(1) as pool:
            for begin in range(0, len(keys), 5000):
                client.batch_write([(key, {"n": 1}) for key in keys[begin : begin + 5000]])
            own.delay(400, node=0)
            before = own.counters()[0]["batch"]
            future = pool.submit(client.batch_read, keys, [], policy)
            eventually(lambda: own.counters()[0]["batch"] > before)
            own.kill(2)
            codes = [row.result for row in future.result().batch_records]
    assert set(codes) == {0}


def wide_reads(count: int) -> list[dict[str, Any]]:
    return [{"op": aerospike_py.OPERATOR_READ, "bin": f"n{number}"} for number in range(count)]


def make_wide(client: Client, count: int) -> tuple[str, str, str]:
    """A record with so many bins."""
    key = ("test", SET, f"wide {count}")
    bins = {f"n{number}": number for number in range(count)}
    client.put(key, bins, policy={"total_timeout": 30_000})
    return key


def test_the_results_of_an_operate_are_put_together_in_linear_time(cluster: DevCluster) -> None:
    policy: Any = {"total_timeout": 30_000}

    def seconds(client: Client, count: int) -> float:
        """Of the thread, the least of several times."""
        key, reads = make_wide(client, count), wide_reads(count)
        took_s = []
        for _ in range(5):
            begin_s = time.thread_time()
            result = client.operate(key, reads, policy=policy).bins
            took_s.append(time.thread_time() - begin_s)
            assert result is not None
            assert len(result) == count
        return min(took_s)

    with aerospike_py.client(cluster.config).connect() as client:
        few, many = seconds(client, 1000), seconds(client, 8000)
    assert many < 24 * few, (few, many)


async def test_an_operate_with_many_results_holds_nobody_up(cluster: DevCluster) -> None:
    with aerospike_py.client(cluster.config).connect() as client:
        key = make_wide(client, 4000)
    async with AsyncClient(cluster.config) as client_:
        await client_.connect()
        policy: Any = {"total_timeout": 30_000}
        operation = asyncio.create_task(client_.operate(key, wide_reads(4000), policy=policy))
        slowest_s = 0.0
        while not operation.done():
            begin_s = time.monotonic()
            await client_.get(KEYS[0])
            slowest_s = max(slowest_s, time.monotonic() - begin_s)
        assert len((await operation).bins or ()) == 4000
    assert slowest_s < 0.5


async def test_a_connection_that_closed_while_the_event_loop_stood_still_is_not_used(
    proxies: Proxies,
) -> None:
    config = {**proxies.config, "tend_interval": 60_000, "cluster_name": ""}
    async with AsyncClient(config) as client:
        await client.connect()
        for turn in range(20):
            for key in KEYS[:6]:
                await client.put(key, {"n": turn}, policy={"max_retries": 0})
            proxies.cut()  # Called outright: nothing of the loop runs until all are closed.
        assert (await client.get(KEYS[0])).bins == {"n": 19}


def prefers_rack(own: DevCluster, **settings: Any) -> dict[str, Any]:
    return {**own.config, "rack_ids": [1], "rack_aware": True, **settings}


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.parametrize("name", ["get", "batch", "query"])
def test_a_hung_node_of_the_own_rack_is_left(face: str, name: str) -> None:
    policy: Any = {
        "replica": aerospike_py.POLICY_REPLICA_PREFER_RACK,
        "socket_timeout": 150,
        "total_timeout": 8000,
        "max_retries": 5,
    }
    works: dict[str, Callable[[Any], Any]] = {
        "get": lambda client: client.get(KEYS[0], policy),
        "batch": lambda client: client.batch_read(KEYS, policy=policy),
        "query": lambda client: client.query("test", SET).results(policy),
    }
    with DevCluster(nodes=2, racks=[1, 2]) as own:
        config = prefers_rack(own, tend_interval=60_000)

        async def run() -> Any:
            async with AsyncClient(config) as client:
                await client.connect()
                own.hang(0)
                return await works[name](client)

        with aerospike_py.client(config).connect() as client:
            client.batch_write([(key, {"n": 1}) for key in KEYS])
            if face == "async":
                found = asyncio.run(run())
            else:
                own.hang(0)
                found = works[name](client)
            own.hang(0, on=False)
    if name == "get":
        assert found.bins == {"n": 1}
    elif name == "batch":
        assert {row.result for row in found.batch_records} == {0}
    else:
        assert len(found) == len(KEYS)
