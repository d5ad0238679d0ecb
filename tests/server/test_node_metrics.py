"""What is counted of each node, and that it is what happened."""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py import metrics
from aerospike_py.devserver import DevCluster

CLUSTER = "counted"
Counts = Callable[[str], float]


@pytest.fixture
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=2, cluster_name=CLUSTER) as running:
        yield running


def total(name: str, **labels: str) -> float:
    """The sum over the nodes of the cluster of the test."""
    found = 0.0
    labels["cluster_name"] = CLUSTER
    for family in metrics.Collector().collect():
        for sample in family.samples:
            if sample.name != f"aerospike_client_{name}":
                continue
            if all(sample.labels[label] == value for label, value in labels.items()):
                found += sample.value
    return found


@pytest.fixture
def since() -> Counts:
    """How much a metric has grown since the test began."""
    before: dict[str, float] = {}
    for family in metrics.Collector().collect():
        for sample in family.samples:
            if sample.labels.get("cluster_name") == CLUSTER:
                before[sample.name] = before.get(sample.name, 0) + sample.value
    return lambda name: total(name) - before.get(f"aerospike_client_{name}", 0)


def config(cluster: DevCluster, **more: Any) -> dict[str, Any]:
    return {"hosts": cluster.hosts, "cluster_name": CLUSTER, **more}


def test_nothing_of_sixteen_threads_is_missed(cluster: DevCluster, since: Counts) -> None:
    with aerospike_py.client(config(cluster)).connect() as client:
        keys = [("test", "counted", number) for number in range(40)]
        client.batch_write([(key, {"n": 1}) for key in keys])

        def work(thread: int) -> None:
            for number in range(50):
                client.batch_read(keys)
                with pytest.raises(aerospike_py.RecordNotFound):
                    client.get(("test", "counted", f"{thread}-{number}"))

        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert since("batch_records_sum") == 40 * (16 * 50 + 1)
        assert since("errors_total") == 16 * 50
        assert total("errors_total", error_type="RecordNotFound", result_code="2") >= 16 * 50
        assert total("connections_in_use") == 0
        opened = since("connections_opened_total")
        assert total("connections_open") == opened - since("connections_closed_total")
        assert total("node_active") == 2
    # What was counted of a client stays when it is closed, and its connections are.
    assert since("errors_total") == 16 * 50
    assert total("connections_open") == 0
    assert since("connections_closed_total") == since("connections_opened_total") == opened
    assert total("node_active") == 0


async def test_nothing_of_many_tasks_is_missed(cluster: DevCluster, since: Counts) -> None:
    async with aerospike_py.AsyncClient(config(cluster)) as client:
        await client.connect()

        async def work(task: int) -> None:
            for number in range(4):
                with pytest.raises(aerospike_py.RecordNotFound):
                    await client.get(("test", "counted", f"{task}-{number}"))

        await asyncio.gather(*(work(task) for task in range(256)))
        assert since("errors_total") == 256 * 4
        # A row of a batch takes less than a reply of its own.
        assert since("received_bytes_total") >= 256 * 4 * 22
        # None is used, although the event loop has them at hand.
        assert total("connections_in_use") == 0
        assert total("connections_open") > 0


def test_bytes_are_those_of_requests_and_replies(cluster: DevCluster, since: Counts) -> None:
    with aerospike_py.client(config(cluster)).connect() as client:
        client.put(("test", "counted", 1), {"blob": bytes(100_000)})
        sent = since("sent_bytes_total")
        assert 100_000 < sent < 101_000
        received = since("received_bytes_total")
        client.get(("test", "counted", 1))
        assert 100_000 < since("received_bytes_total") - received < 101_000
        assert since("sent_bytes_total") - sent < 1_000


def test_records_of_queries_are_counted_by_stream(cluster: DevCluster, since: Counts) -> None:
    with aerospike_py.client(config(cluster)).connect() as client:
        client.batch_write([(("test", "counted", n), {"n": n}) for n in range(100)])
        assert len(client.query("test", "counted").results()) == 100
        assert since("query_records_count") == 2
        assert since("query_records_sum") == 100


def test_retries_and_timeouts_are_counted(since: Counts) -> None:
    with (
        DevCluster(nodes=1, cluster_name=CLUSTER) as cluster,
        aerospike_py.client(config(cluster)).connect() as client,
    ):
        key = ("test", "counted", 1)
        client.put(key, {"n": 1})
        cluster.answer_with(18, count=2)  # Overloaded.
        assert client.get(key, policy={"max_retries": 2}).bins == {"n": 1}
        assert since("retries_total") == 2
        assert since("errors_total") == 2
        assert since("connection_errors_total") == 2
        cluster.delay(2_000, count=1)
        with pytest.raises(aerospike_py.AerospikeTimeoutError):
            client.get(key, policy={"total_timeout": 50, "max_retries": 0})
        assert since("timeouts_total") == 1
        assert since("retries_total") == 2


def test_the_tend_thread_says_how_long_nodes_take(cluster: DevCluster, since: Counts) -> None:
    with aerospike_py.client(config(cluster, tend_interval=250)).connect():
        done = threading.Event()
        while since("tend_duration_seconds_count") < 2:
            done.wait(0.02)
        assert since("tend_duration_seconds_sum") > 0


def connections(cluster: DevCluster) -> int:
    return sum(int(node["connections_open"]) for node in cluster.counters())


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_client_that_nobody_closed_leaves_its_counts_and_nothing_else(
    cluster: DevCluster, since: Counts
) -> None:
    def use(number: int) -> None:
        client = aerospike_py.client(config(cluster)).connect()
        with pytest.raises(aerospike_py.RecordNotFound):
            client.get(("test", "counted", "missing"))
        if number % 2:
            in_a_cycle: list[Any] = [client]
            in_a_cycle.append(in_a_cycle)

    threads = []
    for number in range(1, 7):
        use(number)
        gc.collect()
        assert since("errors_total") == number
        assert total("connections_open") == 0
        assert since("connections_closed_total") == since("connections_opened_total") > 0
        threads.append(len(list(Path("/proc/self/task").glob("*"))))
    # The first one starts what stays for the others, such as the thread of the log.
    assert threads == sorted(threads, reverse=True)
    waiting = threading.Event()
    while connections(cluster):  # The server has still to notice.
        waiting.wait(0.01)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_the_same_of_an_asynchronous_one(cluster: DevCluster, since: Counts) -> None:
    for number in range(1, 5):
        client = aerospike_py.AsyncClient(config(cluster))
        await client.connect()
        with pytest.raises(aerospike_py.RecordNotFound):
            await client.get(("test", "counted", "missing"))
        del client
        await asyncio.sleep(0)  # The loop has the exception until then, and so the client.
        gc.collect()
        assert since("errors_total") == number
        assert total("connections_open") == 0
        assert since("connections_closed_total") == since("connections_opened_total") > 0
    while connections(cluster):  # The loop closes them when it has its turn.
        await asyncio.sleep(0.01)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_no_counter_ever_goes_back(cluster: DevCluster, since: Counts) -> None:
    seen = []
    is_done = threading.Event()

    def scrape() -> None:
        while not is_done.is_set():
            seen.append(since("errors_total"))

    scraper = threading.Thread(target=scrape)
    scraper.start()
    try:
        for number in range(60):
            client = aerospike_py.client(config(cluster)).connect()
            with pytest.raises(aerospike_py.RecordNotFound):
                client.get(("test", "counted", "missing"))
            if number % 3 == 0:
                client.close()
            if number % 3 == 1:
                client._cycle = client  # type: ignore[attr-defined]
            del client
            gc.collect()
    finally:
        is_done.set()
        scraper.join()
    assert seen == sorted(seen)
    assert since("errors_total") == 60
