"""Caches of Django and Flask, and results of Celery, kept on a server."""

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import flask
import flask_caching
import pytest
from celery import Celery, chord
from celery.contrib.testing.worker import start_worker
from celery.exceptions import ImproperlyConfigured as WrongResults
from celery.signals import setup_logging
from celery.worker import state as worker_state
from django.core.exceptions import ImproperlyConfigured as WrongCache

import aerospike_py
from aerospike_py.frameworks import _store
from aerospike_py.frameworks.celery import AerospikeBackend
from aerospike_py.frameworks.django import AerospikeCache as DjangoCache
from aerospike_py.frameworks.flask import AerospikeCache as FlaskCache
from aerospike_py.frameworks.flask import backend


@pytest.fixture(scope="module")
def hosts(server: Any) -> Iterator[list[str]]:
    yield [f"{host}:{port}" for host, port in server.plain_hosts]
    _store.close_clients()


@pytest.fixture(scope="module")
def place() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="module")
def django_cache(hosts: list[str], place: str) -> DjangoCache:
    options = {"namespace": "test", "set": f"{place}_django"}
    return DjangoCache(",".join(hosts), {"OPTIONS": options, "KEY_PREFIX": "shop"})


@pytest.fixture(scope="module")
def flask_cache(hosts: list[str], place: str) -> FlaskCache:
    return FlaskCache({"hosts": hosts}, "test", f"{place}_flask")


VALUES = [0, -(2**63), 2**63, True, None, 1.5, "text", b"bytes", {"a": [1, (2, 3)]}, {1, 2}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back_as_they_were(
    value: Any, django_cache: DjangoCache, flask_cache: FlaskCache
) -> None:
    for cache in (django_cache, flask_cache):
        cache.set("k", value)
        assert cache.get("k") == value
        assert type(cache.get("k")) is type(value)


def test_django_tells_what_is_there_from_what_is_not(django_cache: DjangoCache) -> None:
    cache = django_cache
    assert cache.get("nothing", "other") == "other"
    assert cache.add("a", 1)
    assert not cache.add("a", 2)
    assert cache.set_many({"b": "B", "c": None}) == []
    assert cache.get_many(["a", "b", "c", "nothing"]) == {"a": 1, "b": "B", "c": None}
    assert cache.has_key("c")
    assert cache.delete("c")
    assert not cache.delete("c")
    cache.delete_many(["a", "b"])
    assert cache.get_many(["a", "b"]) == {}
    cache.set("v", 1, version=2)
    assert cache.get("v") is None
    assert cache.get("v", version=2) == 1


def test_a_timeout_that_is_over_keeps_nothing(django_cache: DjangoCache) -> None:
    cache = django_cache
    cache.set("t", 1)
    cache.set("t", 2, timeout=0)
    assert cache.get("t") is None
    assert cache.add("t", 1, timeout=-1)
    assert not cache.has_key("t")
    assert not cache.touch("t")
    cache.set("t", 1)
    assert cache.touch("t", timeout=None)
    assert cache.get("t") == 1
    assert cache.touch("t", timeout=0)
    assert not cache.has_key("t")


def test_records_live_as_long_as_the_cache_says(
    client: aerospike_py.Client, django_cache: DjangoCache, place: str
) -> None:
    key = ("test", f"{place}_django", "shop:1:t")
    for timeout, expected in ((0.2, 1), (100.5, 101), (None, 2**32 - 1)):
        django_cache.set("t", 7, timeout=timeout)
        assert expected - 1 <= client.get(key).meta.ttl <= expected
        django_cache.incr("t")
        assert expected - 1 <= client.get(key).meta.ttl <= expected


def test_counting_loses_nothing(django_cache: DjangoCache, flask_cache: FlaskCache) -> None:
    django_cache.set("n", 0)

    def work() -> None:
        for _ in range(50):
            django_cache.incr("n", 2)
            flask_cache.inc("n")

    flask_cache.delete("n")
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (django_cache.get("n"), flask_cache.get("n")) == (400, 200)
    assert flask_cache.dec("n", 5) == 195
    with pytest.raises(ValueError, match="nothing"):
        django_cache.incr("nothing")
    django_cache.set("text", "a")
    with pytest.raises(TypeError, match="text"):
        django_cache.incr("text")


def test_a_cache_that_is_not_configured_says_what_it_needs(hosts: list[str]) -> None:
    with pytest.raises(WrongCache, match="namespace"):
        DjangoCache(hosts, {})
    with pytest.raises(WrongCache, match="sets"):
        DjangoCache(hosts, {"OPTIONS": {"namespace": "test", "sets": "x"}})


def test_cachelibs_ways(flask_cache: FlaskCache) -> None:
    cache = flask_cache
    assert cache.set_many({"a": 1, "b": 2}) == ["a", "b"]
    assert cache.get_many("b", "nothing", "a") == [2, None, 1]
    assert cache.has("a")
    assert cache.add("c", 3, timeout=timedelta(minutes=1))
    assert not cache.add("c", 4)
    assert cache.delete_many("a", "b", "nothing") == ["a", "b", "nothing"]
    assert not cache.has("a")


def test_flask_remembers_what_functions_gave(hosts: list[str], place: str) -> None:
    app = flask.Flask("shop")
    app.config["CACHE_TYPE"] = f"{backend.__module__}.backend"
    app.config["CACHE_AEROSPIKE_CONFIG"] = {"hosts": hosts}
    app.config["CACHE_AEROSPIKE_NAMESPACE"] = "test"
    app.config["CACHE_AEROSPIKE_SET"] = f"{place}_app"
    cache = flask_caching.Cache(app)
    called = []

    @cache.memoize(60)
    def double(number: int) -> int:
        called.append(number)
        return 2 * number

    with app.test_request_context():
        assert [double(2), double(2)] == [4, 4]
        assert called == [2]
        cache.delete_memoized(double)
        assert double(2) == 4
        assert called == [2, 2]


def test_celery_keeps_results_and_counts_chords(hosts: list[str], place: str) -> None:
    app = Celery("words", broker="memory://", set_as_current=False)
    app.conf.broker_transport_options = {"polling_interval": 0.01}
    url = f"aerospike://{','.join(hosts)}/test/{place}_celery"
    app.conf.result_backend = f"{AerospikeBackend.__module__}.AerospikeBackend+{url}"

    @app.task(name="add")  # type: ignore[untyped-decorator]
    def add(a: int, b: int) -> int:
        return a + b

    @app.task(name="total")  # type: ignore[untyped-decorator]
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    @app.task(name="leave", ignore_result=True)  # type: ignore[untyped-decorator]
    def leave() -> None:
        """Ends the worker. Asked from outside, it first waits seconds for a message."""
        worker_state.should_stop = 0

    def leave_logging(**_: Any) -> None:
        """Without a receiver, a worker configures the logging of the whole process."""

    setup_logging.connect(leave_logging)
    with start_worker(app, perform_ping_check=False, pool="solo"):
        result = add.delay(1, 2)
        assert result.get(timeout=30, interval=0.01) == 3
        result.forget()
        assert app.backend.get(app.backend.get_key_for_task(result.id)) is None
        doubled = chord(add.s(number, number) for number in range(5))(total.s())
        assert doubled.get(timeout=30, interval=0.01) == 20
        leave.delay()
    worker_state.should_stop = None  # It is the process's: the next worker would stop, too.


def test_results_that_are_not_configured_say_what_they_need() -> None:
    with pytest.raises(WrongResults, match="NAMESPACE"):
        AerospikeBackend(url="aerospike://host:3000", app=Celery("words", set_as_current=False))
