"""Tracing with OpenTelemetry: a span for everything that servers are asked, and metrics beside.

Off until `init_tracing`. When the application has a tracer provider, spans go to it; otherwise one
is made from the `OTEL_*` environment variables, for this package alone. A span is a child of the
active one; its name is the operation and its target, such as "GET test.users".

Nothing here ever makes an operation fail, and while tracing is off it costs one comparison for each
operation. OpenTelemetry is imported by `init_tracing`.
"""

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from . import _native, _node_metrics
from ._codec import skip
from ._ffi import lib
from ._native import Asked, Pointer
from ._values import decode
from .exception import AerospikeError
from .log import say

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter, MeterProvider, Observation
    from opentelemetry.trace import Span, Status, Tracer, TracerProvider

    from ._config import Config

__all__ = ["init_tracing", "instrument", "shutdown_tracing", "uninstrument"]

T = TypeVar("T")

_SERVICE_NAME = "aerospike-py"
_TRACER_NAME = "aerospike-py"
# The release of OpenTelemetry's semantic conventions that the attributes' names are of.
_SCHEMA_URL = "https://opentelemetry.io/schemas/1.34.0"
_SHUTDOWN_TIMEOUT_S = 5.0
# The bounds of the buckets that the conventions have for durations.
_BOUNDS_S = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]

_OPERATIONS: dict[int, str] = {
    lib.ASZ_PUT: "PUT",
    lib.ASZ_GET: "GET",
    lib.ASZ_SELECT: "SELECT",
    lib.ASZ_EXISTS: "EXISTS",
    lib.ASZ_REMOVE: "DELETE",
    lib.ASZ_TOUCH: "TOUCH",
    lib.ASZ_APPEND: "APPEND",
    lib.ASZ_PREPEND: "PREPEND",
    lib.ASZ_INCREMENT: "INCREMENT",
    lib.ASZ_REMOVE_BIN: "REMOVE_BIN",
    lib.ASZ_OPERATE: "OPERATE",
    lib.ASZ_OPERATE_ORDERED: "OPERATE_ORDERED",
    lib.ASZ_APPLY: "APPLY",
}
_BATCHES: dict[int, str] = {
    lib.ASZ_GET: "READ",
    lib.ASZ_SELECT: "READ",
    lib.ASZ_EXISTS: "READ",
    lib.ASZ_REMOVE: "REMOVE",
    lib.ASZ_OPERATE: "OPERATE",
    lib.ASZ_PUT: "WRITE",
    lib.ASZ_APPLY: "APPLY",
}
# What is of no record; named as it is counted.
_OTHERS: dict[int, str] = {
    lib.ASZ_INFO: "INFO",
    lib.ASZ_INFO_ANY: "INFO",
    lib.ASZ_PING: "PING",
    lib.ASZ_TRUNCATE: "TRUNCATE",
    lib.ASZ_INDEX_CREATE: "INDEX_CREATE",
    lib.ASZ_INDEX_REMOVE: "INDEX_REMOVE",
    lib.ASZ_UDF_PUT: "UDF_PUT",
    lib.ASZ_UDF_REMOVE: "UDF_REMOVE",
    lib.ASZ_UDF_LIST: "UDF_LIST",
    lib.ASZ_UDF_GET: "UDF_GET",
    lib.ASZ_JOB_STATUS: "JOB_STATUS",
    lib.ASZ_JOB_ABORT: "JOB_ABORT",
    lib.ASZ_ADMIN_CREATE_USER: "ADMIN_CREATE_USER",
    lib.ASZ_ADMIN_DROP_USER: "ADMIN_DROP_USER",
    lib.ASZ_ADMIN_SET_PASSWORD: "ADMIN_SET_PASSWORD",
    lib.ASZ_ADMIN_GRANT_ROLES: "ADMIN_GRANT_ROLES",
    lib.ASZ_ADMIN_REVOKE_ROLES: "ADMIN_REVOKE_ROLES",
    lib.ASZ_ADMIN_QUERY_USERS: "ADMIN_QUERY_USERS",
    lib.ASZ_ADMIN_CREATE_ROLE: "ADMIN_CREATE_ROLE",
    lib.ASZ_ADMIN_DROP_ROLE: "ADMIN_DROP_ROLE",
    lib.ASZ_ADMIN_GRANT_PRIVILEGES: "ADMIN_GRANT_PRIVILEGES",
    lib.ASZ_ADMIN_REVOKE_PRIVILEGES: "ADMIN_REVOKE_PRIVILEGES",
    lib.ASZ_ADMIN_SET_WHITELIST: "ADMIN_SET_WHITELIST",
    lib.ASZ_ADMIN_SET_QUOTAS: "ADMIN_SET_QUOTAS",
    lib.ASZ_ADMIN_QUERY_ROLES: "ADMIN_QUERY_ROLES",
}


class _Described(NamedTuple):
    """What a span says of a command."""

    operation: str
    """Of a batch, what it does to each record, without "BATCH"; "" when that is not one thing."""
    namespace: str = ""
    """"" when there is none, as in an empty batch, or more than one."""
    set_name: str = ""
    """"" when there is none, or more than one."""
    size: int | None = None
    """How many records a batch is of; None for what is no batch."""
    procedure: str = ""
    """The module and the function that are called."""


class Operation:
    """One operation while it goes on: its span, and what its duration is recorded with.

    Args:
        tracing: What made it.
        span: Its span.
        labels: The attributes that the metric shares with the span.
    """

    __slots__ = ("_labels", "_span", "_started", "_tracing")

    def __init__(self, tracing: "Tracing", span: "Span", labels: "dict[str, str | int]") -> None:
        self._tracing = tracing
        self._span = span
        self._labels = labels
        self._started = time.perf_counter()

    def fail(self, error: BaseException) -> None:
        """Notes that the operation raised."""
        try:
            self._note(error)
        except Exception:
            _say_span_failed(_NOT_ENDED)

    def _note(self, error: BaseException) -> None:
        span = self._span
        failure = {"error.type": type(error).__name__}
        if isinstance(error, AerospikeError):
            failure["db.response.status_code"] = str(error.result_code)
        span.set_status(self._tracing.error_status(str(error)))
        span.set_attributes(failure)
        span.record_exception(error)
        self._labels |= failure

    def end(self, asked: Asked | None = None) -> None:
        """Ends the span, and records how long it took.

        Args:
            asked: Knows the node that was asked, if it was one.
        """
        try:
            try:
                self._record(asked)
            finally:
                self._span.end()
        except Exception:
            _say_span_failed(_NOT_ENDED)

    def _record(self, asked: Asked | None) -> None:
        peer = None if asked is None else asked.address
        if peer is not None:
            place: dict[str, str | int] = {
                "network.peer.address": peer[0],
                "network.peer.port": peer[1],
            }
            self._span.set_attributes(place)
            self._labels |= place
        durations = self._tracing.durations
        if durations is not None:
            took_s = time.perf_counter() - self._started
            # The span is the exemplar of its bucket, where the application has exemplars.
            durations.record(took_s, self._labels, context=self._tracing.context_of(self._span))


class Tracing:
    """What `init_tracing` or `instrument` has set up.

    Args:
        tracer: Makes the spans.
        shut: Sends what is left to send; None when the provider is the application's.
        stable: Whether batches are named as OpenTelemetry's stable conventions name them.
        meter: Makes the instruments of metrics; None when nothing is measured.
    """

    def __init__(
        self,
        tracer: "Tracer",
        shut: Callable[[], None] | None,
        stable: bool = False,
        meter: "Meter | None" = None,
    ) -> None:
        from opentelemetry import trace

        self._tracer = tracer
        self._kind = trace.SpanKind.CLIENT
        self._error = trace.StatusCode.ERROR
        self._status = trace.Status
        self._is_stable = stable
        self.context_of = trace.set_span_in_context
        self.shut = shut
        self.durations: Histogram | None = None
        if meter is not None:
            self._measure(meter)

    def _measure(self, meter: "Meter") -> None:
        self.durations = meter.create_histogram(
            "db.client.operation.duration",
            unit="s",
            description="Duration of database client operations.",
            explicit_bucket_boundaries_advisory=_BOUNDS_S,
        )
        meter.create_observable_up_down_counter(
            "db.client.connection.count",
            [self._observe_connections],
            unit="{connection}",
            description="Connections in the state that the attribute names.",
        )

    def _observe_connections(self, _options: object) -> "Iterator[Observation]":
        from opentelemetry.metrics import Observation

        if active is not self:
            return
        for pool, idle, used in _node_metrics.connections():
            named = {"db.system.name": "aerospike", "db.client.connection.pool.name": pool}
            yield Observation(idle, {**named, "db.client.connection.state": "idle"})
            yield Observation(used, {**named, "db.client.connection.state": "used"})

    def error_status(self, text: str) -> "Status":
        """The status of a span that failed."""
        return self._status(self._error, text)

    def execute(
        self,
        config: "Config",
        command: int,
        request: bytes,
        run: Callable[[], T],
        asked: Asked | None = None,
    ) -> T:
        """Runs a command within a span, if any server is asked.

        Args:
            config: The client's configuration.
            command: Its number.
            request: What the core is given.
            run: Carries it out.
            asked: What `ask` has given for it.
        """
        operation = self.begin_command(config, command, request)
        if operation is None:
            return run()
        try:
            return run()
        except BaseException as error:
            operation.fail(error)
            raise
        finally:
            operation.end(asked)

    async def start(
        self,
        config: "Config",
        command: int,
        request: bytes,
        run: Callable[[], Awaitable[T]],
        asked: Asked | None = None,
    ) -> T:
        """The same for a command that is awaited."""
        operation = self.begin_command(config, command, request)
        if operation is None:
            return await run()
        try:
            return await run()
        except BaseException as error:
            operation.fail(error)
            raise
        finally:
            operation.end(asked)

    def begin(
        self, config: "Config", operation: str, namespace: str, set_name: str
    ) -> Operation | None:
        """An operation that the caller ends; None if it cannot be made.

        Args:
            config: The client's configuration.
            operation: Upper case, such as "QUERY".
            namespace: The namespace.
            set_name: The set, or "".
        """
        try:
            return self._begin(config, _Described(operation, namespace, set_name))
        except Exception:
            _say_span_failed(_NOT_MADE)
            return None

    def begin_command(self, config: "Config", command: int, request: bytes) -> Operation | None:
        """The same of a command; None, too, if no server is asked."""
        try:
            described = _describe(command, request, self._is_stable)
            return None if described is None else self._begin(config, described)
        except Exception:
            _say_span_failed(_NOT_MADE)
            return None

    def _begin(self, config: "Config", command: _Described) -> Operation:
        operation = self._operation(command)
        labels: dict[str, str | int] = {
            "db.system.name": "aerospike",
            "db.operation.name": operation,
        }
        if command.namespace:
            labels["db.namespace"] = command.namespace
        if command.set_name:
            labels["db.collection.name"] = command.set_name
        if command.procedure:
            labels["db.stored_procedure.name"] = command.procedure
        if config.hosts:
            labels["server.address"] = config.hosts[0][0]
            labels["server.port"] = config.hosts[0][1]
        attributes = labels.copy()
        # To the conventions, one record is no batch.
        if command.size is not None and command.size > 1:
            attributes["db.operation.batch.size"] = command.size
        if config.cluster_name:
            attributes["db.aerospike.cluster_name"] = config.cluster_name
        target = ".".join(name for name in (command.namespace, command.set_name) if name)
        name = f"{operation} {target}" if target else operation
        span = self._tracer.start_span(name, kind=self._kind, attributes=attributes)
        return Operation(self, span, labels)

    def _operation(self, command: _Described) -> str:
        if command.size is None or (self._is_stable and command.size == 1):
            return command.operation
        if not command.operation:
            return "BATCH"
        return f"BATCH{' ' if self._is_stable else '_'}{command.operation}"


def ask(command: int, policy: Pointer) -> Asked | None:
    """What is to be told which node is asked, in the place of a command's policy.

    None for what is not on one record: several nodes may be asked then.
    """
    return Asked(command, policy) if command in _OPERATIONS else None


_NOT_MADE = "no span could be made for an operation"
_NOT_ENDED = "the span of an operation could not be completed"


def _say_span_failed(text: str) -> None:
    say(logging.WARNING, "span_failed", text, exc_info=True)


active: Tracing | None = None
"""None while tracing is off."""

_lock = threading.Lock()


def _describe(command: int, request: bytes, is_stable: bool) -> _Described | None:
    """What a span says of a request; None when no server is asked."""
    operation = _OPERATIONS.get(command)
    if operation is not None:  # [key, argument...]
        procedure = _procedure(request, skip(request, 1)) if command == lib.ASZ_APPLY else ""
        return _Described(operation, *_place(request, 1), procedure=procedure)
    if command in (_native.TABLE, _native.ARROW, lib.ASZ_BATCH):
        # [[key], command, argument], where a command is a small number, and so a single byte.
        size, first = _array(request, 1)
        place, end = _common_place(request, first, size, 0)
        row_command = request[end]
        procedure = ""
        if row_command == lib.ASZ_APPLY:
            procedure = _procedure(request, _array(request, end + 1)[1])
        return _Described(_BATCHES[row_command], *place, size, procedure)
    if command == lib.ASZ_BATCH_MIXED:
        # [[key, command, argument, meta]]: named after the first row, as in the metrics. To the
        # conventions, rows that do different things have no name in common.
        size, first = _array(request, 0)
        if not size:
            return _Described("WRITE", size=0)
        operation = _row_operation(request, first)
        if is_stable:
            position = first
            for _ in range(size - 1):
                position = skip(request, position)
                if _row_operation(request, position) != operation:
                    operation = ""
                    break
        place, _ = _common_place(request, first, size, 1)
        return _Described(operation, *place, size)
    if command in (lib.ASZ_QUERY_BACKGROUND, lib.ASZ_QUERY_AGGREGATE):
        query = decode(request)
        return _Described("QUERY", query["namespace"], query["set"])
    operation = _OTHERS.get(command)
    return None if operation is None else _Described(operation, *_place_of_other(command, request))


def _place_of_other(command: int, request: bytes) -> tuple[str, str]:
    """The namespace and the set that something else than records is in, "" for none."""
    if command == lib.ASZ_INFO:
        # [command, node, namespace], of which the last may not be there.
        members: Sequence[Any] = decode(request)
        return (members[2] if len(members) == 3 else ""), ""
    if command == lib.ASZ_INDEX_REMOVE:  # [namespace, index...]
        return _text(memoryview(request), 1)[0], ""
    if command in (lib.ASZ_TRUNCATE, lib.ASZ_INDEX_CREATE):  # [namespace, set...]
        return _place(request, 0)
    return "", ""


def _row_operation(request: bytes, position: int) -> str:
    """What a row of a mixed batch does."""
    return _BATCHES[request[skip(request, _inside(request, position, 1))]]


def _common_place(
    request: bytes, position: int, size: int, depth: int
) -> tuple[tuple[str, str], int]:
    """The namespace and the set that all of so many keys have, "" where they differ.

    Args:
        request: The keys, or what each begins.
        position: The first one's.
        size: How many there are.
        depth: The arrays that each key is the first member of.

    Returns:
        The namespace and the set, and the position behind the last one.
    """
    if not size:
        return ("", ""), position
    namespace, set_name = _place(request, _inside(request, position, depth))
    # Most batches are of one set: what their members begin with is the same.
    begin = _inside(request, position, depth + 1)
    head = request[position : skip(request, skip(request, begin))]
    for _ in range(size):
        if not request.startswith(head, position):
            other = _place(request, _inside(request, position, depth))
            namespace = namespace if other[0] == namespace else ""
            set_name = set_name if namespace and other[1] == set_name else ""
        position = skip(request, position)
    return (namespace, set_name), position


def _inside(request: bytes, position: int, depth: int) -> int:
    """The first member of the first member, and so on."""
    for _ in range(depth):
        _, position = _array(request, position)
    return position


def _procedure(request: bytes, position: int) -> str:
    """The module and the function that stand one behind the other."""
    view = memoryview(request)
    module, position = _text(view, position)
    function, _ = _text(view, position)
    return f"{module}.{function}"


def _place(request: bytes, position: int) -> tuple[str, str]:
    """The namespace and the set of a key."""
    view = memoryview(request)
    namespace, position = _text(view, _array(view, position)[1])
    set_name, _ = _text(view, position)
    return namespace, set_name


def _array(data: "memoryview | bytes", position: int) -> tuple[int, int]:
    """The count of an array, and the position of its first member."""
    view = memoryview(data)
    tag = view[position]
    if 0x90 <= tag <= 0x9F:
        return tag & 0x0F, position + 1
    size = {0xDC: 2, 0xDD: 4}[tag]
    start = position + 1
    return int.from_bytes(view[start : start + size], "big"), start + size


def _text(view: memoryview, position: int) -> tuple[str, int]:
    """A string, and the position behind it; namespaces and sets are short."""
    tag = view[position]
    start = position + 1
    if tag == 0xD9:
        length = view[start]
        start += 1
    elif 0xA0 <= tag <= 0xBF:
        length = tag & 0x1F
    else:
        raise ValueError(f"a string was expected, not a {tag:#x}")
    return str(view[start : start + length], "utf-8"), start + length


def init_tracing() -> None:
    """Begins to make a span for everything that servers are asked, by every client of the process.

    Spans go to the application's tracer provider, if one was set with OpenTelemetry's
    `set_tracer_provider`. Otherwise `OTEL_TRACES_EXPORTER` (default "otlp") names the exporter to
    send them with, `OTEL_EXPORTER_OTLP_ENDPOINT` the place, and `OTEL_SERVICE_NAME` the service
    (default "aerospike-py"); this needs opentelemetry-sdk and the exporter's package.

    A batch is named BATCH_READ, BATCH_WRITE and so on; with "database" among the names in
    `OTEL_SEMCONV_STABILITY_OPT_IN` it is "BATCH READ", "READ" when it is of one record, and "BATCH"
    when its rows do different things, as the stable conventions for spans of databases have it.

    Does nothing when `OTEL_SDK_DISABLED` is "true" or `OTEL_TRACES_EXPORTER` is "none", or when
    tracing is on already. Never raises: what goes wrong is a warning of the logger `aerospike_py`.
    """
    global active
    with _lock:
        if active is not None or _is_disabled():
            return
        try:
            active = _make()
        except Exception as error:
            text = "tracing could not be started"
            say(logging.DEBUG, "tracing_failed", text, exc_info=True)
            _warn(f"init_tracing: tracing could not be started: {error}")


def shutdown_tracing() -> None:
    """Ends tracing and sends the spans that are left, for at most five seconds.

    Does nothing when tracing is off, and never raises. `init_tracing` begins anew. The
    application's own tracer provider is left alone.
    """
    global active
    with _lock:
        ended, active = active, None
    if ended is None or ended.shut is None:
        return
    # An endpoint that cannot be reached would hold the caller up for longer.
    sender = threading.Thread(target=_shut, args=(ended.shut,), daemon=True)
    try:
        sender.start()
    except RuntimeError:  # The interpreter is going away, and starts no threads any more.
        _shut(ended.shut)
        return
    sender.join(_SHUTDOWN_TIMEOUT_S)
    if sender.is_alive():
        say(logging.WARNING, "spans_lost", "the last spans could not be sent in time")


def instrument(
    tracer_provider: "TracerProvider | None" = None, meter_provider: "MeterProvider | None" = None
) -> None:
    """Begins to make a span of everything that servers are asked, and to measure it.

    OpenTelemetry's metrics are `db.client.operation.duration`, with the span as exemplar where the
    SDK has exemplars, and `db.client.connection.count`, by node. `AerospikeInstrumentor` calls
    this. What was begun before, by this or by `init_tracing`, ends.

    Args:
        tracer_provider: Makes the tracer; the application's global one by default.
        meter_provider: Makes the meter; the application's global one by default.
    """
    global active
    from opentelemetry import metrics, trace

    from . import __version__

    shutdown_tracing()
    named = (_TRACER_NAME, __version__)
    tracer = trace.get_tracer(*named, tracer_provider, _SCHEMA_URL)
    meter = metrics.get_meter(*named, meter_provider, _SCHEMA_URL)
    with _lock:
        active = Tracing(tracer, None, _wants_stable_names(), meter)


def uninstrument() -> None:
    """Ends what `instrument` has begun; the providers are left alone."""
    shutdown_tracing()


def _shut(shut: Callable[[], None]) -> None:
    try:
        shut()
    except Exception:
        say(logging.WARNING, "spans_lost", "the last spans could not be sent", exc_info=True)


def _is_disabled() -> bool:
    environment = os.environ
    return (
        environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        or environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"
    )


def _wants_stable_names() -> bool:
    """As OpenTelemetry lets applications choose between names during a migration."""
    chosen = os.environ.get("OTEL_SEMCONV_STABILITY_OPT_IN", "").split(",")
    return not {"database", "database/dup"}.isdisjoint(name.strip() for name in chosen)


def _make() -> Tracing:
    from opentelemetry import trace

    from . import __version__

    # Of the application's provider, as soon as it has one.
    get_tracer: Callable[..., Tracer] = trace.get_tracer
    shut = None
    provider = trace.get_tracer_provider()
    if not isinstance(provider, trace.ProxyTracerProvider):
        get_tracer = provider.get_tracer
    elif (own := _own_provider()) is not None:
        get_tracer, shut = own.get_tracer, own.shutdown
    tracer = get_tracer(_TRACER_NAME, __version__, schema_url=_SCHEMA_URL)
    return Tracing(tracer, shut, _wants_stable_names())


def _own_provider() -> Any:
    """A tracer provider as the environment asks for it; None when a package is missing."""
    try:
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporters = _exporters()
    except ImportError as error:
        _warn(
            f"init_tracing: spans go nowhere until a tracer provider is set: {error}; install "
            "opentelemetry-sdk and opentelemetry-exporter-otlp to have them sent"
        )
        return None
    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: _SERVICE_NAME}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _warn(text: str) -> None:
    """A warning that is seen without a logger being set up."""
    say(logging.WARNING, "tracing_failed", text)
    with contextlib.suppress(Warning):  # Where warnings are errors; tracing never raises.
        warnings.warn(text, RuntimeWarning, stacklevel=5)


def _exporters() -> list[Any]:
    """The exporters that the environment names, found among the installed packages."""
    from importlib.metadata import entry_points

    names = os.environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    found = []
    for name in (name.strip() for name in names.split(",")):
        candidates = _otlp_names() if name == "otlp" else [name]
        for candidate in candidates:
            matches = list(entry_points(group="opentelemetry_traces_exporter", name=candidate))
            if matches:
                found.append(matches[0].load()())
                break
        else:
            raise ImportError(f"the exporter {name!r} is not installed")
    return found


def _otlp_names() -> list[str]:
    environment = os.environ
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    if protocol is None:
        return ["otlp_proto_grpc", "otlp_proto_http"]
    return ["otlp_proto_http" if protocol.startswith("http") else "otlp_proto_grpc"]


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()


if sys.platform != "win32":  # Where nothing forks.
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(shutdown_tracing)
