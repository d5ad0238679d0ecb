"""Tracing: when it is on, and the span that a request becomes. No database is needed."""

import asyncio
import re
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from aerospike_py import _native, tracing
from aerospike_py._config import Config
from aerospike_py._ffi import lib
from aerospike_py.exception import AerospikeTimeoutError, RecordNotFound

KEY = ("test", "users", 1)
CONFIG = Config({"hosts": [("db.example", 3100), ("other", 3000)], "cluster_name": "prod"})


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(exporter))
    return made


@pytest.fixture
def on(provider: TracerProvider) -> tracing.Tracing:
    return tracing.Tracing(provider.get_tracer("test"), None)


@pytest.fixture(autouse=True)
def off() -> Iterator[None]:
    yield
    tracing.shutdown_tracing()
    assert tracing.active is None


def request(*members: object) -> bytes:
    return msgspec.msgpack.encode(members)


def one(exporter: InMemorySpanExporter) -> Any:
    (span,) = exporter.get_finished_spans()
    return span


def test_a_span_says_what_was_done_where(
    on: tracing.Tracing, exporter: InMemorySpanExporter
) -> None:
    assert on.execute(CONFIG, lib.ASZ_GET, request(KEY), lambda: 7) == 7
    span = one(exporter)
    assert span.name == "GET test.users"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes) == {
        "db.system.name": "aerospike",
        "db.namespace": "test",
        "db.collection.name": "users",
        "db.operation.name": "GET",
        "db.aerospike.cluster_name": "prod",
        "server.address": "db.example",
        "server.port": 3100,
    }


@pytest.mark.parametrize(
    ("command", "members", "name"),
    [
        (lib.ASZ_PUT, (KEY, {"a": 1}), "PUT test.users"),
        (lib.ASZ_SELECT, (KEY, ["a"]), "SELECT test.users"),
        (lib.ASZ_EXISTS, (KEY,), "EXISTS test.users"),
        (lib.ASZ_REMOVE, (KEY,), "DELETE test.users"),
        (lib.ASZ_TOUCH, (KEY,), "TOUCH test.users"),
        (lib.ASZ_APPEND, (KEY, "a", "x"), "APPEND test.users"),
        (lib.ASZ_PREPEND, (KEY, "a", "x"), "PREPEND test.users"),
        (lib.ASZ_INCREMENT, (KEY, "a", 1), "INCREMENT test.users"),
        (lib.ASZ_REMOVE_BIN, (KEY, ["a"]), "REMOVE_BIN test.users"),
        (lib.ASZ_OPERATE, (KEY, []), "OPERATE test.users"),
        (lib.ASZ_OPERATE_ORDERED, (KEY, []), "OPERATE_ORDERED test.users"),
        (lib.ASZ_BATCH, ([KEY], lib.ASZ_GET, None), "BATCH_READ test.users"),
        (lib.ASZ_BATCH, ([KEY], lib.ASZ_REMOVE, None), "BATCH_REMOVE test.users"),
        (lib.ASZ_BATCH, ([KEY], lib.ASZ_OPERATE, []), "BATCH_OPERATE test.users"),
        (lib.ASZ_BATCH_MIXED, ((KEY, lib.ASZ_PUT, {}, None),), "BATCH_WRITE test.users"),
        (lib.ASZ_BATCH_MIXED, ((KEY, lib.ASZ_GET, None, None),), "BATCH_READ test.users"),
        (lib.ASZ_APPLY, (KEY, "module", "function", []), "APPLY test.users"),
        (_native.TABLE, ([KEY], lib.ASZ_SELECT, ["a"]), "BATCH_READ test.users"),
        (lib.ASZ_GET, (("test", "", 1),), "GET test"),
        (lib.ASZ_GET, (("n" * 31, "s" * 63, 1),), f"GET {'n' * 31}.{'s' * 63}"),
        (lib.ASZ_GET, (("test", "é" * 20, 1),), f"GET test.{'é' * 20}"),
    ],
)
def test_every_operation_on_records_has_its_name(
    command: int,
    members: tuple[object, ...],
    name: str,
    on: tracing.Tracing,
    exporter: InMemorySpanExporter,
) -> None:
    on.execute(CONFIG, command, request(*members), lambda: None)
    assert one(exporter).name == name


@pytest.mark.parametrize("size", [1, 15, 16, 70_000])
def test_a_batch_says_how_many_records_it_is_about(
    size: int, on: tracing.Tracing, exporter: InMemorySpanExporter
) -> None:
    rows = [(KEY, lib.ASZ_PUT, {}, None)] * size
    on.execute(CONFIG, lib.ASZ_BATCH, request([KEY] * size, lib.ASZ_GET, None), lambda: None)
    on.execute(CONFIG, lib.ASZ_BATCH_MIXED, request(*rows), lambda: None)
    for span in exporter.get_finished_spans():
        # One record is no batch to the conventions.
        assert span.attributes.get("db.operation.batch.size", 1) == size
        assert span.attributes["db.namespace"] == "test"
        assert span.attributes["db.collection.name"] == "users"


def test_an_empty_batch_is_a_span_too(on: tracing.Tracing, exporter: InMemorySpanExporter) -> None:
    on.execute(CONFIG, lib.ASZ_BATCH, request([], lib.ASZ_GET, None), lambda: None)
    on.execute(CONFIG, lib.ASZ_BATCH_MIXED, request(), lambda: None)
    read, write = exporter.get_finished_spans()
    for span, name in ((read, "BATCH_READ"), (write, "BATCH_WRITE")):
        assert span.name == span.attributes["db.operation.name"] == name
        assert "db.namespace" not in span.attributes
        assert "db.collection.name" not in span.attributes


@pytest.mark.parametrize(
    ("keys", "target"),
    [
        ([("test", "a", 1), ("test", "a", "two"), ("test", "a", b"3")], "test.a"),
        ([("test", "a", 1), ("test", "ab", 1)], "test"),
        ([("test", "a", 1), ("test", "", 1), ("test", "a", 1)], "test"),
        ([("test", "", 1), ("test", "", 2)], "test"),
        ([("test", "a", 1), ("bar", "a", 1)], ""),
        ([("test", "a", None, bytes(20)), ("test", "a", 1)], "test.a"),
    ],
)
def test_a_batch_names_what_all_its_records_are_in(
    keys: list[object], target: str, on: tracing.Tracing, exporter: InMemorySpanExporter
) -> None:
    rows = [(key, lib.ASZ_PUT, {"a": 1}, None) for key in keys]
    on.execute(CONFIG, lib.ASZ_BATCH, request(keys, lib.ASZ_GET, None), lambda: None)
    on.execute(CONFIG, lib.ASZ_BATCH_MIXED, request(*rows), lambda: None)
    for span in exporter.get_finished_spans():
        _, _, found = span.name.partition(" ")
        assert found == target
        attributes = span.attributes
        names = (attributes.get("db.namespace"), attributes.get("db.collection.name"))
        assert ".".join(name for name in names if name) == target


def test_a_call_names_its_function(on: tracing.Tracing, exporter: InMemorySpanExporter) -> None:
    called = ("counters", "add", [1])
    on.execute(CONFIG, lib.ASZ_APPLY, request(KEY, *called), lambda: None)
    on.execute(CONFIG, lib.ASZ_BATCH, request([KEY, KEY], lib.ASZ_APPLY, called), lambda: None)
    single, batch = exporter.get_finished_spans()
    assert single.name == "APPLY test.users"
    assert batch.name == "BATCH_APPLY test.users"
    for span in (single, batch):
        assert span.attributes["db.stored_procedure.name"] == "counters.add"


def test_a_cluster_without_a_name_gives_none(
    on: tracing.Tracing, exporter: InMemorySpanExporter
) -> None:
    on.execute(Config({"hosts": ["db"]}), lib.ASZ_GET, request(KEY), lambda: None)
    assert "db.aerospike.cluster_name" not in one(exporter).attributes


@pytest.mark.parametrize("chosen", ["database", "http, database/dup"])
def test_an_application_may_choose_the_stable_names(
    chosen: str,
    provider: TracerProvider,
    exporter: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", chosen)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    tracing.init_tracing()
    assert tracing.active is not None
    for size in (0, 1, 2):
        keys = request([KEY] * size, lib.ASZ_GET, None)
        tracing.active.execute(CONFIG, lib.ASZ_BATCH, keys, lambda: None)
    for commands in ((lib.ASZ_GET, lib.ASZ_EXISTS), (lib.ASZ_GET, lib.ASZ_PUT)):
        rows = request(*([KEY, command, None, None] for command in commands))
        tracing.active.execute(CONFIG, lib.ASZ_BATCH_MIXED, rows, lambda: None)
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == [
        "BATCH READ",
        "READ test.users",
        "BATCH READ test.users",
        "BATCH READ test.users",
        "BATCH test.users",
    ]
    assert spans[0].instrumentation_scope.schema_url.endswith("/schemas/1.34.0")


class Refusing:
    """A span of whose members some raise."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Any:
        def called(*_: Any, **__: Any) -> None:
            if name in self._names:
                raise RuntimeError(name)

        return called


@pytest.mark.parametrize(
    "names", [["end"], ["set_attributes"], ["record_exception"], ["set_status", "end"]]
)
def test_a_span_that_raises_makes_no_operation_fail(
    on: tracing.Tracing, caplog: pytest.LogCaptureFixture, names: list[str]
) -> None:
    def fail() -> None:
        raise RecordNotFound("no record", result_code=2)

    on._tracer = type("", (), {"start_span": lambda *_, **__: Refusing(*names)})()
    assert on.execute(CONFIG, lib.ASZ_GET, request(KEY), lambda: 7) == 7
    with pytest.raises(RecordNotFound):
        on.execute(CONFIG, lib.ASZ_GET, request(KEY), fail)
    assert "could not be completed" in caplog.text


def test_what_asks_no_server_has_no_span(
    on: tracing.Tracing, exporter: InMemorySpanExporter
) -> None:
    assert on.execute(CONFIG, lib.ASZ_NODES, request(), lambda: "A") == "A"
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("command", "members", "name"),
    [
        (lib.ASZ_INFO_ANY, ("build",), "INFO"),
        (lib.ASZ_INFO, ("build", None), "INFO"),
        (lib.ASZ_INFO, ("build", "A1"), "INFO"),
        (lib.ASZ_INFO, ("sets", None, "test"), "INFO test"),
        (lib.ASZ_TRUNCATE, ("test", "demo", 0), "TRUNCATE test.demo"),
        (lib.ASZ_TRUNCATE, ("test", "", 0), "TRUNCATE test"),
        (lib.ASZ_INDEX_REMOVE, ("test", "i", 0), "INDEX_REMOVE test"),
        (lib.ASZ_UDF_PUT, ("m.lua", b"return 1", 0), "UDF_PUT"),
    ],
)
def test_what_is_about_no_record_has_a_span(
    on: tracing.Tracing,
    exporter: InMemorySpanExporter,
    command: int,
    members: tuple[Any, ...],
    name: str,
) -> None:
    assert on.execute(CONFIG, command, request(*members), lambda: 7) == 7
    (span,) = exporter.get_finished_spans()
    assert span.name == name


def test_no_command_is_forgotten() -> None:
    """All that the library has as commands, as its header lists them."""
    header = (Path(__file__).parents[2] / "native/include/aerospike_zig.h").read_text()
    found = re.findall(r"^#define (ASZ_\w+) (\d+) +/\* .*-> ", header, re.MULTILINE)
    silent = {"ASZ_NODES", "ASZ_STATISTICS"}
    spans = {*tracing._OPERATIONS, *tracing._OTHERS, lib.ASZ_BATCH, lib.ASZ_BATCH_MIXED}
    spans |= {lib.ASZ_QUERY_BACKGROUND, lib.ASZ_QUERY_AGGREGATE}
    assert {int(number) for name, number in found if name not in silent} == spans


def test_a_request_that_cannot_be_described_is_carried_out(
    on: tracing.Tracing, exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    assert on.execute(CONFIG, lib.ASZ_GET, b"\xc0", lambda: 7) == 7
    assert exporter.get_finished_spans() == ()
    assert "no span" in caplog.text


def test_a_failure_is_an_error_with_its_code(
    on: tracing.Tracing, exporter: InMemorySpanExporter
) -> None:
    def fail() -> None:
        raise RecordNotFound("record not found", result_code=2)

    with pytest.raises(RecordNotFound):
        on.execute(CONFIG, lib.ASZ_GET, request(KEY), fail)
    span = one(exporter)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "RecordNotFound"
    assert span.attributes["db.response.status_code"] == "2"
    assert span.events[0].name == "exception"


def test_an_awaited_operation_is_the_same(
    on: tracing.Tracing, exporter: InMemorySpanExporter
) -> None:
    async def late() -> int:
        await asyncio.sleep(0)
        return 7

    async def fail() -> int:
        raise AerospikeTimeoutError("timeout", result_code=9)

    async def main() -> None:
        assert await on.start(CONFIG, lib.ASZ_GET, request(KEY), late) == 7
        assert await on.start(CONFIG, lib.ASZ_NODES, request(), late) == 7
        with pytest.raises(AerospikeTimeoutError):
            await on.start(CONFIG, lib.ASZ_GET, request(KEY), fail)

    asyncio.run(main())
    good, bad = exporter.get_finished_spans()
    assert good.status.status_code is StatusCode.UNSET
    assert bad.attributes["error.type"] == "AerospikeTimeoutError"


def test_a_cancelled_operation_ends_its_span(
    on: tracing.Tracing, exporter: InMemorySpanExporter
) -> None:
    async def main() -> None:
        started = asyncio.Event()

        async def wait() -> None:
            started.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(on.start(CONFIG, lib.ASZ_GET, request(KEY), wait))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert one(exporter).attributes["error.type"] == "CancelledError"


def test_a_span_is_a_child_of_the_active_one(
    on: tracing.Tracing, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    with provider.get_tracer("app").start_as_current_span("handler") as parent:
        on.execute(CONFIG, lib.ASZ_GET, request(KEY), lambda: None)
    child, _ = exporter.get_finished_spans()
    assert child.parent.span_id == parent.get_span_context().span_id
    assert child.context.trace_id == parent.get_span_context().trace_id


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_SDK_DISABLED", "TRUE"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ],
)
def test_the_environment_can_turn_tracing_off(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    tracing.init_tracing()
    assert tracing.active is None


def test_the_applications_provider_is_used_and_left_alone(
    provider: TracerProvider, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    tracing.init_tracing()
    tracing.init_tracing()
    assert tracing.active is not None
    tracing.active.execute(CONFIG, lib.ASZ_GET, request(KEY), lambda: None)
    assert one(exporter).instrumentation_scope.name == "aerospike-py"
    tracing.shutdown_tracing()
    with provider.get_tracer("app").start_as_current_span("after"):
        pass
    assert len(exporter.get_finished_spans()) == 2


def test_without_a_provider_one_is_made_with_the_default_service_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    own = tracing._own_provider()
    assert own.resource.attributes["service.name"] == "aerospike-py"
    own.shutdown()
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    own = tracing._own_provider()
    assert own.resource.attributes["service.name"] == "shop"
    own.shutdown()


def test_an_exporter_that_is_not_installed_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "carrier_pigeon")
    # It is seen by who has set up no logger.
    with pytest.warns(RuntimeWarning, match=r"spans go nowhere.*carrier_pigeon.*opentelemetry-sdk"):
        tracing.init_tracing()
    assert "carrier_pigeon" in caplog.text
    assert tracing.active is not None
    assert tracing.active.execute(CONFIG, lib.ASZ_GET, request(KEY), lambda: 7) == 7


def test_what_goes_wrong_in_starting_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("no provider today")

    monkeypatch.setattr(trace, "get_tracer_provider", fail)
    with pytest.warns(RuntimeWarning, match="no provider today"):
        tracing.init_tracing()
    assert tracing.active is None
    assert "no provider today" in caplog.text


def test_shutting_down_sends_what_is_left_and_is_idempotent(
    on: tracing.Tracing, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut = []
    on.shut = lambda: shut.append(True)
    monkeypatch.setattr(tracing, "active", on)
    tracing.shutdown_tracing()
    tracing.shutdown_tracing()
    assert shut == [True]


def test_where_warnings_are_errors_tracing_raises_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "carrier_pigeon")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracing.init_tracing()
    assert tracing.active is not None


def test_an_interpreter_that_starts_no_threads_any_more_sends_what_is_left(
    on: tracing.Tracing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    shut = []
    on.shut = lambda: shut.append(True)
    monkeypatch.setattr(tracing, "active", on)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    tracing.shutdown_tracing()
    assert shut == [True]


def test_an_endpoint_that_hangs_or_fails_does_not_hold_up_the_shutdown(
    on: tracing.Tracing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()
    monkeypatch.setattr(tracing, "_SHUTDOWN_TIMEOUT_S", 0.05)

    def hang() -> None:
        released.wait(30)

    on.shut = hang
    monkeypatch.setattr(tracing, "active", on)
    begin = time.monotonic()
    tracing.shutdown_tracing()
    released.set()
    assert time.monotonic() - begin < 10
    assert "in time" in caplog.text

    def fail() -> None:
        raise OSError("unreachable")

    on.shut = fail
    monkeypatch.setattr(tracing, "active", on)
    tracing.shutdown_tracing()
    assert "unreachable" in caplog.text


def test_nothing_of_opentelemetry_is_imported_while_tracing_is_off() -> None:
    script = (
        "import aerospike_py.tracing as t, sys; t.shutdown_tracing(); "
        "print([m for m in sys.modules if m.startswith(('opentelemetry', 'prometheus'))])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout.strip() == "[]"


def test_the_instrumentor_is_found_and_measures_until_it_is_told_not_to(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    group = entry_points(group="opentelemetry_instrumentor", name="aerospike_py")
    instrumentor = next(iter(group)).load()()
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader])
    instrumentor.instrument(tracer_provider=provider, meter_provider=meters)
    try:
        assert tracing.active is not None
        tracing.active.execute(CONFIG, lib.ASZ_GET, request(KEY), lambda: None)
    finally:
        instrumentor.uninstrument()
    assert tracing.active is None
    assert one(exporter).name == "GET test.users"
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.unit) == ("db.client.operation.duration", "s")
    (point,) = metric.data.data_points
    assert point.count == 1
    assert dict(point.attributes) == {
        "db.system.name": "aerospike",
        "db.namespace": "test",
        "db.collection.name": "users",
        "db.operation.name": "GET",
        "server.address": "db.example",
        "server.port": 3100,
    }
    meters.shutdown()


def test_init_tracing_alone_measures_nothing(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    tracing.init_tracing()
    assert tracing.active is not None
    assert tracing.active.durations is None
