"""What the client does when nodes answer late, wrongly, or not at all."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    AerospikeError,
    AerospikeTimeoutError,
    Client,
    ClusterError,
    ServerError,
    exception,
)
from aerospike_py.devserver import DevCluster

KEY = ("test", "demo", "k")


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster() as running:
        yield running


@pytest.fixture
def client(cluster: DevCluster) -> Iterator[Client]:
    """A client of its own for each test; afterwards the node behaves and the client works."""
    cluster.wipe()
    with aerospike_py.client({**cluster.config, "max_error_rate": 0}).connect() as connected:
        connected.put(KEY, {"a": 1})
        yield connected
        cluster.clear_faults()
        assert connected.get(KEY).bins is not None


def requests(cluster: DevCluster) -> int:
    node = cluster.counters()[0]
    return sum(int(node[kind]) for kind in ("read", "write", "exists", "touch", "delete"))


ONCE: aerospike_py.ReadPolicy = {"max_retries": 0, "total_timeout": 2000}

READ: list[Callable[[Client], Any]] = [
    lambda c: c.get(KEY, {"max_retries": 0, "total_timeout": 150}),
    lambda c: c.get(KEY, {"max_retries": 0, "socket_timeout": 150, "total_timeout": 0}),
    lambda c: c.put(KEY, {"a": 2}, policy={"total_timeout": 150}),
]


@pytest.mark.parametrize("operation", READ)
def test_a_reply_that_comes_too_late_is_a_timeout(
    cluster: DevCluster, client: Client, operation: Callable[[Client], Any]
) -> None:
    cluster.delay(3000, count=1)
    start = time.monotonic()
    with pytest.raises(AerospikeTimeoutError) as caught:
        operation(client)
    assert 0.14 <= time.monotonic() - start < 1.5
    assert caught.value.result_code == 9
    assert caught.value.node in client.get_node_names()


def test_a_late_reply_is_never_taken_for_another_commands(
    cluster: DevCluster, client: Client
) -> None:
    others = [("test", "demo", number) for number in range(20)]
    for number, key in enumerate(others):
        client.put(key, {"n": number})
    cluster.delay(120, count=5)
    for _ in range(5):
        with pytest.raises(AerospikeTimeoutError):
            client.get(KEY, {"max_retries": 0, "total_timeout": 40})
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        for number, key in enumerate(others):
            assert client.get(key).bins == {"n": number}


def test_a_write_without_reply_is_in_doubt(cluster: DevCluster, client: Client) -> None:
    cluster.drop(count=1)
    with pytest.raises(AerospikeTimeoutError) as caught:
        client.put(KEY, {"a": 2}, policy={"total_timeout": 100})
    assert caught.value.in_doubt is True
    cluster.close_instead(count=1)
    with pytest.raises(ClusterError) as broken:
        client.put(KEY, {"a": 3}, policy={"max_retries": 0})
    assert broken.value.in_doubt is True


def test_a_read_without_reply_is_not_in_doubt(cluster: DevCluster, client: Client) -> None:
    cluster.drop(count=1)
    with pytest.raises(AerospikeTimeoutError) as caught:
        client.get(KEY, {"max_retries": 0, "total_timeout": 100})
    assert caught.value.in_doubt is False


def test_a_refused_write_is_not_in_doubt(cluster: DevCluster, client: Client) -> None:
    cluster.answer_with(22, count=1)
    with pytest.raises(ServerError) as caught:
        client.put(KEY, {"a": 2})
    assert caught.value.in_doubt is False


@pytest.mark.parametrize("length", [None, 4, 20])
def test_reads_are_retried_on_another_connection(
    cluster: DevCluster, client: Client, length: int | None
) -> None:
    if length is None:
        cluster.close_instead(count=2)
    else:
        cluster.truncate_replies(length, count=2)
    assert client.get(KEY, {"max_retries": 2, "total_timeout": 5000}).bins == {"a": 1}


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 20, 29, 30, 31, 40])
def test_half_a_reply_is_a_clear_error(cluster: DevCluster, client: Client, length: int) -> None:
    cluster.truncate_replies(length, count=1)
    with pytest.raises(ClusterError) as caught:
        client.get(KEY, ONCE)
    assert caught.value.node in client.get_node_names()
    assert str(caught.value)


def test_garbage_is_a_clear_error(cluster: DevCluster, client: Client) -> None:
    cluster.corrupt(count=20)
    for _ in range(20):
        with pytest.raises(AerospikeError):
            client.get(KEY, ONCE)


def test_writes_are_not_retried_by_default(cluster: DevCluster, client: Client) -> None:
    before = requests(cluster)
    cluster.close_instead(count=1)
    with pytest.raises(ClusterError):
        client.increment(KEY, "a", 1)
    assert requests(cluster) - before <= 1


@pytest.mark.parametrize("code", [2, 3, 4, 5, 8, 12, 13, 14, 16, 20, 21, 22, 25, 26, 27, 150, 255])
def test_result_codes_become_their_exceptions_without_a_retry(
    cluster: DevCluster, client: Client, code: int
) -> None:
    cluster.answer_with(code, count=1)
    with pytest.raises(exception.class_for(code)) as caught:
        client.get(KEY)
    assert caught.value.result_code == code
    assert type(caught.value) is exception.class_for(code)
    assert client.get(KEY).bins == {"a": 1}


@pytest.mark.parametrize("code", [9, 11, 18])
def test_passing_server_errors_are_retried(cluster: DevCluster, client: Client, code: int) -> None:
    cluster.answer_with(code, count=2)
    assert client.get(KEY, {"max_retries": 2}).bins == {"a": 1}
    cluster.answer_with(code, count=1)
    with pytest.raises(exception.class_for(code)) as caught:
        client.get(KEY, {"max_retries": 0})
    assert caught.value.result_code == code


def test_a_connection_that_the_server_closed_is_not_used(
    cluster: DevCluster, client: Client
) -> None:
    for _ in range(5):
        cluster.close_connections()
        client.put(KEY, {"a": 1}, policy={"max_retries": 0})


def test_retries_respect_the_total_timeout(cluster: DevCluster, client: Client) -> None:
    cluster.drop()
    start = time.monotonic()
    with pytest.raises(AerospikeTimeoutError):
        client.get(KEY, {"max_retries": 100, "socket_timeout": 50, "total_timeout": 300})
    assert 0.25 <= time.monotonic() - start < 1.5


@pytest.mark.parametrize(("total_timeout", "served"), [(5000, 12), (100, 0)])
def test_connections_never_exceed_their_maximum(
    cluster: DevCluster, total_timeout: int, served: int
) -> None:
    config = {**cluster.config, "max_conns_per_node": 4, "max_error_rate": 0}
    with aerospike_py.client(config).connect() as client:
        client.put(KEY, {"a": 1})
        cluster.delay(300)
        ends: list[Any] = []

        def work() -> None:
            try:
                policy = {"max_retries": 0, "total_timeout": total_timeout}
                ends.append(client.get(KEY, policy).bins)
            except AerospikeError as error:
                ends.append(error)

        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        # One more for the thread that follows the cluster.
        assert max(int(node["connections_open"]) for node in cluster.counters()) <= 4 + 1
        cluster.clear_faults()
        assert [end for end in ends if isinstance(end, dict)] == [{"a": 1}] * served
        codes = sorted(end.result_code for end in ends if isinstance(end, AerospikeError))
        # Those that had a connection waited for the reply, the others for a connection.
        assert codes == ([] if served else [-7] * 8 + [9] * 4)
        # The late replies free their connections at the next look after the cluster.
        assert client.get(KEY, {"total_timeout": 10_000}).bins == {"a": 1}


def test_a_node_with_too_many_errors_is_given_a_rest(cluster: DevCluster) -> None:
    config = {**cluster.config, "max_error_rate": 5, "tend_interval": 60_000}
    with aerospike_py.client(config).connect() as client:
        client.put(KEY, {"a": 1})
        cluster.answer_with(18)
        codes = set()
        for _ in range(20):
            with pytest.raises(AerospikeError) as caught:
                client.get(KEY, {"max_retries": 0})
            codes.add(caught.value.result_code)
        cluster.clear_faults()
        assert codes == {18, -14}


def test_closing_ends_an_operation_that_waits_for_ever(cluster: DevCluster) -> None:
    with aerospike_py.client(cluster.config).connect() as client:
        client.put(KEY, {"a": 1})
        cluster.drop()
        before = requests(cluster)
        ends: list[Any] = []

        def work() -> None:
            try:
                client.get(KEY, {"total_timeout": 0, "socket_timeout": 0, "max_retries": 0})
            except AerospikeError as error:
                ends.append(type(error))

        thread = threading.Thread(target=work)
        thread.start()
        deadline = time.monotonic() + 10
        while requests(cluster) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        client.close()
        thread.join(10)
        cluster.clear_faults()
        assert not thread.is_alive()
        assert ends == [aerospike_py.ClientError]
