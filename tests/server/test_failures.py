"""What an exception knows of the attempts that were made."""

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import Client
from aerospike_py.devserver import DevCluster

KEY = ("test", "failures", 1)
OVERLOAD = 18
# What is repeated two times, at once.
POLICY = {"max_retries": 2, "sleep_between_retries": 0}


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=2) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def no_faults(cluster: DevCluster) -> Iterator[None]:
    yield
    cluster.clear_faults()


CALLS: dict[str, Callable[[Client], Any]] = {
    "get": lambda client: client.get(KEY, POLICY),
    "put": lambda client: client.put(KEY, {"a": 1}, policy=POLICY),
    "batch_read": lambda client: client.batch_read([KEY], policy=POLICY),
    "query": lambda client: client.query("test", "failures").results(POLICY),
}


@pytest.mark.parametrize("name", CALLS)
def test_earlier_failures_are_told(
    make_client: Callable[[Any], Client], cluster: DevCluster, name: str
) -> None:
    with make_client(cluster.config).connect() as client:
        client.put(KEY, {"a": 1})
        cluster.answer_with(OVERLOAD)
        with pytest.raises(aerospike_py.DeviceOverload) as caught:
            CALLS[name](client)
    error = caught.value
    assert error.attempts == 3
    assert [each.result_code for each in error.earlier] == [OVERLOAD, OVERLOAD]
    assert all(isinstance(each, aerospike_py.DeviceOverload) for each in error.earlier)
    nodes = {each["name"] for each in cluster.counters()}
    assert {each.node for each in error.earlier} <= nodes
    restored = pickle.loads(pickle.dumps(error))
    assert restored.attempts == 3
    assert [str(each) for each in restored.earlier] == [str(each) for each in error.earlier]


def test_the_first_failure_has_none_before_it(
    make_client: Callable[[Any], Client], cluster: DevCluster
) -> None:
    with (
        make_client(cluster.config).connect() as client,
        pytest.raises(aerospike_py.RecordNotFound) as caught,
    ):
        client.get(("test", "failures", "absent"))
    error = caught.value
    assert (error.attempts, error.earlier) == (1, ())
    assert (error.subcode, error.detail, error.trace) == (None, None, None)


def test_causes_of_different_kinds(
    make_client: Callable[[Any], Client], cluster: DevCluster
) -> None:
    with make_client(cluster.config).connect() as client:
        client.put(KEY, {"a": 1})
        cluster.close_instead(count=1)
        cluster.answer_with(OVERLOAD)
        with pytest.raises(aerospike_py.DeviceOverload) as caught:
            client.get(KEY, POLICY)
    # Each of the two nodes closes a connection once.
    assert [type(each) for each in caught.value.earlier] == [aerospike_py.ClusterError] * 2


def test_opening_connections_has_its_own_time(
    make_client: Callable[[Any], Client], cluster: DevCluster
) -> None:
    config = {**cluster.config, "timeout": 200}
    with make_client(config).connect() as client:
        client.put(KEY, {"a": 1})
        cluster.close_connections()
        bins = client.get(KEY, {"connect_timeout": 150, "total_timeout": 1000}).bins
    assert bins == {"a": 1}
