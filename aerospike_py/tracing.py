"""Tracing with OpenTelemetry: a span for every operation on records.

Off until `init_tracing`. When the application has a tracer provider, spans go to it; otherwise one
is made from the `OTEL_*` environment variables, for this package alone. A span is a child of the
active one; its name is the operation and its target, such as "GET test.users".

Nothing here ever makes an operation fail, and while tracing is off it costs one comparison for each
operation. OpenTelemetry is imported by `init_tracing`.
"""

import atexit
import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from . import _native
from ._codec import skip
from ._ffi import lib
from ._values import decode
from .exception import AerospikeError
from .log import logger

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from ._config import Config

__all__ = ["init_tracing", "shutdown_tracing"]

T = TypeVar("T")

_SERVICE_NAME = "aerospike-py"
_TRACER_NAME = "aerospike-py"
_SHUTDOWN_TIMEOUT_S = 5.0

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
    lib.ASZ_GET: "BATCH_READ",
    lib.ASZ_SELECT: "BATCH_READ",
    lib.ASZ_EXISTS: "BATCH_READ",
    lib.ASZ_REMOVE: "BATCH_REMOVE",
    lib.ASZ_OPERATE: "BATCH_OPERATE",
    lib.ASZ_PUT: "BATCH_WRITE",
    lib.ASZ_APPLY: "BATCH_APPLY",
}


class Tracing:
    """What `init_tracing` has set up.

    Args:
        tracer: Makes the spans.
        shut: Sends what is left to send; None when the provider is the application's.
    """

    def __init__(self, tracer: "Tracer", shut: Callable[[], None] | None) -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode

        self._tracer = tracer
        self._kind = SpanKind.CLIENT
        self._error = StatusCode.ERROR
        self._status = Status
        self.shut = shut

    def execute(self, config: "Config", command: int, request: bytes, run: Callable[[], T]) -> T:
        """Runs a command within a span, if it is one on records.

        Args:
            config: The client's configuration.
            command: Its number.
            request: What the core is given.
            run: Carries it out.
        """
        span = self._command_span(config, command, request)
        if span is None:
            return run()
        try:
            return run()
        except BaseException as error:
            self.fail(span, error)
            raise
        finally:
            span.end()

    async def start(
        self, config: "Config", command: int, request: bytes, run: Callable[[], Awaitable[T]]
    ) -> T:
        """The same for a command that is awaited."""
        span = self._command_span(config, command, request)
        if span is None:
            return await run()
        try:
            return await run()
        except BaseException as error:
            self.fail(span, error)
            raise
        finally:
            span.end()

    def begin(
        self, config: "Config", operation: str, namespace: str, set_name: str, size: int = 0
    ) -> "Span | None":
        """A span that the caller ends; None if it cannot be made.

        Args:
            config: The client's configuration.
            operation: Upper case, such as "QUERY".
            namespace: The namespace.
            set_name: The set, or "".
            size: The records of a batch, or 0.
        """
        try:
            return self._begin(config, operation, namespace, set_name, size)
        except Exception:
            logger.warning("no span could be made for an operation", exc_info=True)
            return None

    def _begin(
        self, config: "Config", operation: str, namespace: str, set_name: str, size: int
    ) -> "Span":
        attributes: dict[str, str | int] = {
            "db.system.name": "aerospike",
            "db.namespace": namespace,
            "db.collection.name": set_name,
            "db.operation.name": operation,
            "db.aerospike.cluster_name": config.cluster_name,
        }
        if config.hosts:
            attributes["server.address"] = config.hosts[0][0]
            attributes["server.port"] = config.hosts[0][1]
        if size:
            attributes["db.operation.batch.size"] = size
        target = f"{namespace}.{set_name}" if set_name else namespace
        return self._tracer.start_span(
            f"{operation} {target}", kind=self._kind, attributes=attributes
        )

    def fail(self, span: "Span", error: BaseException) -> None:
        """Notes on a span that the operation raised."""
        span.set_status(self._status(self._error, str(error)))
        span.set_attribute("error.type", type(error).__name__)
        if isinstance(error, AerospikeError):
            span.set_attribute("db.response.status_code", str(error.result_code))
        span.record_exception(error)

    def _command_span(self, config: "Config", command: int, request: bytes) -> "Span | None":
        try:
            described = _describe(command, request)
            return None if described is None else self._begin(config, *described)
        except Exception:
            logger.warning("no span could be made for an operation", exc_info=True)
            return None


active: Tracing | None = None
"""None while tracing is off."""

_lock = threading.Lock()


def _describe(command: int, request: bytes) -> tuple[str, str, str, int] | None:
    """(operation, namespace, set, batch size) of a request; None when it is not on records."""
    operation = _OPERATIONS.get(command)
    if operation is not None:
        return (operation, *_place(request, 2), 0)
    if command in (_native.TABLE, lib.ASZ_BATCH):
        # [[key], command, argument], where a command is a small number, and so a single byte.
        size, _ = _array(request, 1)
        row_command = request[skip(request, 1)]
        place = _place(request, 3) if size else ("", "")
        return (_BATCHES.get(row_command, "BATCH"), *place, size)
    if command == lib.ASZ_BATCH_MIXED:
        # [[key, command, argument, meta]]: named after the first row, as in the metrics.
        size, row = _array(request, 0)
        if not size:
            return ("BATCH_WRITE", "", "", 0)
        _, key = _array(request, row)
        return (_BATCHES.get(request[skip(request, key)], "BATCH"), *_place(request, 3), size)
    if command == lib.ASZ_QUERY_BACKGROUND:
        query = decode(request)
        return ("QUERY", query["namespace"], query["set"], 0)
    return None


def _place(data: bytes, depth: int) -> tuple[str, str]:
    """The namespace and the set that MessagePack begins with, inside so many arrays."""
    view = memoryview(data)
    position = 0
    for _ in range(depth):
        _, position = _array(view, position)
    namespace, position = _text(view, position)
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
    """Begins to make a span for every operation on records, of every client of the process.

    Spans go to the application's tracer provider, if one was set with OpenTelemetry's
    `set_tracer_provider`. Otherwise `OTEL_TRACES_EXPORTER` (default "otlp") names the exporter to
    send them with, `OTEL_EXPORTER_OTLP_ENDPOINT` the place, and `OTEL_SERVICE_NAME` the service
    (default "aerospike-py"); this needs opentelemetry-sdk and the exporter's package.

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
            logger.debug("tracing could not be started", exc_info=True)
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
        logger.warning("the last spans could not be sent in time")


def _shut(shut: Callable[[], None]) -> None:
    try:
        shut()
    except Exception:
        logger.warning("the last spans could not be sent", exc_info=True)


def _is_disabled() -> bool:
    environment = os.environ
    return (
        environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        or environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"
    )


def _make() -> Tracing:
    from opentelemetry import trace

    from . import __version__

    provider = trace.get_tracer_provider()
    if not isinstance(provider, trace.ProxyTracerProvider):
        return Tracing(provider.get_tracer(_TRACER_NAME, __version__), None)
    own = _own_provider()
    if own is None:
        # Of the application's provider, as soon as it has one.
        return Tracing(trace.get_tracer(_TRACER_NAME, __version__), None)
    return Tracing(own.get_tracer(_TRACER_NAME, __version__), own.shutdown)


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
    logger.warning(text)
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
