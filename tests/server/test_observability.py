"""Metrics and traces of operations on a running server."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client.parser import text_string_to_metric_families

import aerospike_py
from aerospike_py import metrics, tracing

Key = tuple[str, str, str]
Spans = Callable[[], list[ReadableSpan]]


def counts(set_name: str) -> dict[tuple[str, str], int]:
    """How many operations on a set were counted, by operation and error."""
    found = {}
    for family in text_string_to_metric_families(metrics.get_metrics()):
        for sample in family.samples:
            labels = sample.labels
            if sample.name.endswith("_count") and labels.get("db_collection_name") == set_name:
                assert labels["db_system_name"] == "aerospike"
                assert labels["db_namespace"] == "test"
                found[labels["db_operation_name"], labels["error_type"]] = int(sample.value)
    return found


def seconds(set_name: str, operation: str) -> float:
    """How long all operations of a name on a set took."""
    total = 0.0
    for family in text_string_to_metric_families(metrics.get_metrics()):
        for sample in family.samples:
            labels = sample.labels
            if (
                sample.name.endswith("_sum")
                and labels.get("db_collection_name") == set_name
                and labels["db_operation_name"] == operation
            ):
                total += sample.value
    return total


@pytest.fixture
def fresh(key: Key) -> Key:
    """A key in a set of its own."""
    namespace, set_name, name = key
    return namespace, f"{set_name[:40]}_{name[:12]}", name


# What `do_each` does: the name of the operation, and how often.
EACH = {
    "put": 1,
    "get": 1,
    "select": 1,
    "exists": 1,
    "touch": 1,
    "append": 1,
    "prepend": 1,
    "increment": 1,
    "operate": 1,
    "operate_ordered": 1,
    "remove_bin": 1,
    "batch_read": 2,
    "batch_write": 1,
    "batch_operate": 1,
    "batch_remove": 1,
    "delete": 1,
    "query": 1,
}


def do_each(client: aerospike_py.Client, key: Key) -> None:
    """Every command on records once; the last one fails."""
    client.put(key, {"a": "x", "n": 1})
    client.get(key)
    client.select(key, ["a"])
    client.exists(key)
    client.touch(key)
    client.append(key, "a", "y")
    client.prepend(key, "a", "w")
    client.increment(key, "n", 1)
    operations = [{"op": aerospike_py.OPERATOR_READ, "bin": "n", "val": None}]
    client.operate(key, operations)
    client.operate_ordered(key, operations)
    client.remove_bin(key, ["a"])
    client.batch_read([key, key])
    client.batch_read([key], _dtype=[("n", "i8")])
    client.batch_write([(key, {"n": 2})])
    client.batch_operate([key], operations)
    client.query(key[0], key[1]).results()
    client.batch_remove([key])
    with pytest.raises(aerospike_py.RecordNotFound):
        client.remove(key)


def test_every_operation_is_counted_under_its_methods_name(
    client: aerospike_py.Client, fresh: Key
) -> None:
    do_each(client, fresh)
    expected = {(name, ""): count for name, count in EACH.items() if name != "delete"}
    assert counts(fresh[1]) == {**expected, ("delete", "RecordNotFound"): 1}
    assert 0 < seconds(fresh[1], "get") < 10


def test_refused_arguments_are_no_operations(client: aerospike_py.Client, fresh: Key) -> None:
    with pytest.raises(TypeError):
        client.put(fresh, {"a": object()})
    assert counts(fresh[1]) == {}


def test_no_operation_of_sixteen_threads_is_missed(client: aerospike_py.Client, fresh: Key) -> None:
    client.put(fresh, {"a": 1})
    missing = (fresh[0], fresh[1], "missing")

    def work() -> None:
        for _ in range(100):
            client.get(fresh)
            with pytest.raises(aerospike_py.RecordNotFound):
                client.get(missing)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(fresh[1]) == {
        ("put", ""): 1,
        ("get", ""): 1600,
        ("get", "RecordNotFound"): 1600,
    }


async def test_awaited_operations_are_counted_too(server: Any, fresh: Key) -> None:
    async with aerospike_py.AsyncClient(server.config) as client:
        await client.connect()
        await client.put(fresh, {"a": 1})
        await asyncio.gather(*(client.get(fresh) for _ in range(500)))
        await client.batch_read([fresh] * 10)
        policy = {"gen": aerospike_py.POLICY_GEN_EQ}
        with pytest.raises(aerospike_py.RecordGenerationError):
            await client.put(fresh, {"a": 1}, meta={"gen": 77}, policy=policy)
    assert counts(fresh[1]) == {
        ("put", ""): 1,
        ("put", "RecordGenerationError"): 1,
        ("get", ""): 500,
        ("batch_read", ""): 1,
    }


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """Traces into memory, and gives the spans that have ended since it was asked last."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)

    def ended() -> list[ReadableSpan]:
        found = list(exporter.get_finished_spans())
        exporter.clear()
        return found

    tracing.init_tracing()
    yield ended
    tracing.shutdown_tracing()


def test_operations_have_spans(
    server: Any, client: aerospike_py.Client, fresh: Key, spans: Spans
) -> None:
    namespace, set_name, _ = fresh
    client.put(fresh, {"a": 1})
    client.batch_read([fresh, fresh])
    client.batch_read([fresh], _dtype=[("a", "i8")])
    client.get_node_names()
    put, read, table = spans()
    assert put.name == f"PUT {namespace}.{set_name}"
    assert read.name == table.name == f"BATCH_READ {namespace}.{set_name}"
    assert put.attributes is not None
    assert read.attributes is not None
    assert put.attributes["server.address"] == server.hosts[0][0]
    assert put.attributes["server.port"] == server.hosts[0][1]
    assert read.attributes["db.operation.batch.size"] == 2


def test_every_operation_has_its_span(
    client: aerospike_py.Client, fresh: Key, spans: Spans
) -> None:
    do_each(client, fresh)
    names = [span.name for span in spans()]
    place = f"{fresh[0]}.{fresh[1]}"
    assert Counter(names) == {f"{name.upper()} {place}": count for name, count in EACH.items()}


def test_spans_of_sixteen_threads_agree_with_the_metrics(
    client: aerospike_py.Client, fresh: Key, spans: Spans
) -> None:
    client.put(fresh, {"a": 1})

    def work() -> None:
        for _ in range(20):
            client.get(fresh)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = Counter(span.name.partition(" ")[0].lower() for span in spans())
    assert names == {"put": 1, "get": 320}
    assert counts(fresh[1]) == {("put", ""): 1, ("get", ""): 320}


async def test_spans_of_many_tasks_agree_with_the_metrics(
    server: Any, fresh: Key, spans: Spans
) -> None:
    async with aerospike_py.AsyncClient(server.config) as client:
        await client.connect()
        await client.put(fresh, {"a": 1})

        async def work() -> None:
            for _ in range(3):
                await client.get(fresh, policy={"total_timeout": 30_000})

        await asyncio.gather(*(work() for _ in range(256)))
    names = Counter(span.name.partition(" ")[0].lower() for span in spans())
    assert names == {"put": 1, "get": 768}
    assert counts(fresh[1]) == {("put", ""): 1, ("get", ""): 768}


def test_failures_are_errors_in_spans(
    client: aerospike_py.Client, fresh: Key, spans: Spans
) -> None:
    with pytest.raises(aerospike_py.RecordNotFound):
        client.get(fresh)
    (span,) = spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "RecordNotFound"
    assert span.attributes["db.response.status_code"] == "2"


async def test_awaited_operations_are_children_of_their_tasks_span(
    server: Any, fresh: Key, spans: Spans
) -> None:
    tracer = trace.get_tracer_provider().get_tracer("app")
    config = {**server.config, "max_concurrent_operations": 4}
    async with aerospike_py.AsyncClient(config) as client:
        await client.connect()
        await client.put(fresh, {"a": 1})

        async def handle() -> int:
            with tracer.start_as_current_span("handler") as parent:
                await client.get(fresh)
                return parent.get_span_context().span_id

        parents = await asyncio.gather(*(handle() for _ in range(20)))
    found = spans()
    gets = [span for span in found if span.name.startswith("GET ")]
    assert len(found) == 41
    assert {span.parent.span_id for span in gets if span.parent} == set(parents)


def test_no_spans_after_the_shutdown(client: aerospike_py.Client, fresh: Key, spans: Spans) -> None:
    tracing.shutdown_tracing()
    client.put(fresh, {"a": 1})
    assert spans() == []


def test_a_query_is_one_operation_whatever_it_brings(
    client: aerospike_py.Client, fresh: Key, spans: Spans
) -> None:
    namespace, set_name, name = fresh
    for index in range(20):
        client.put((namespace, set_name, f"{name}_{index}"), {"a": index})
    assert len(client.query(namespace, set_name).results()) == 20
    seen: list[Any] = []
    client.query(namespace, set_name).foreach(lambda record: bool(seen.append(record)))
    assert len(seen) == 1

    def fail(_record: Any) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        client.query(namespace, set_name).foreach(fail)
    assert counts(set_name) == {("put", ""): 20, ("query", ""): 3}
    queries = [span for span in spans() if span.name == f"QUERY {namespace}.{set_name}"]
    assert [span.status.status_code for span in queries] == [StatusCode.UNSET] * 3


async def test_an_awaited_query_has_a_span(server: Any, fresh: Key, spans: Spans) -> None:
    async with aerospike_py.AsyncClient(server.config) as client:
        await client.connect()
        assert await client.query(fresh[0], fresh[1]).results() == []
        query = client.query(fresh[0], fresh[1]).where(aerospike_py.predicates.equals("none", 1))
        with pytest.raises(aerospike_py.IndexNotFound):
            await query.results()
    good, bad = spans()
    assert good.name == bad.name == f"QUERY {fresh[0]}.{fresh[1]}"
    assert good.status.status_code is StatusCode.UNSET
    assert bad.attributes is not None
    assert bad.attributes["error.type"] == "IndexNotFound"
