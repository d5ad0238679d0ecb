"""Metrics for Prometheus: how long operations took, and how the nodes are.

One histogram, `db_client_operation_duration_seconds`, over the operations of all clients of the
process. Its labels:

- `db_system_name`: "aerospike".
- `db_namespace`, `db_collection_name`: the namespace and the set; of a batch, those of its first
  key. When an application uses more than a thousand sets, the later ones are "(other)".
- `db_operation_name`: the method's name; "delete" for `remove`, "query" for whatever a query does,
  in the background too; a `batch` is named after its first row, such as "batch_write"; "info" is
  whatever asks nodes about themselves, such as `sets`, and "index_create" every way to create one.
- `error_type`: "" for an operation that succeeded, otherwise the exception's class.

And of each node, with the labels `db_system_name`, `cluster_name` (as configured, or "") and
`node`: connections, errors, timeouts, retries, bytes, tending, sizes of batches and queries; see
the guide on observability.

The core counts operations where they end, always and at next to no cost; a duration is the time
between a request's arrival in the core and its result. An operation whose arguments are refused is
none. prometheus-client is imported when it is first needed.

An application that has a Prometheus endpoint of its own registers a `Collector` there:

    prometheus_client.REGISTRY.register(aerospike_py.metrics.Collector())
"""

import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from . import _native, _node_metrics
from ._validate import Integer, check_str
from ._values import decode
from .exception import class_for
from .log import say

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from prometheus_client.core import HistogramMetricFamily, Metric

__all__ = ["Collector", "get_metrics", "start_metrics_server", "stop_metrics_server"]

PORT_DEFAULT = 9464
_PORT = Integer(0, 65535)
_NAME = "db_client_operation_duration_seconds"
_HELP = "How long operations on the database took."
_LABELS = [
    "db_system_name",
    "db_namespace",
    "db_collection_name",
    "db_operation_name",
    "error_type",
]
_END = b"# EOF\n"
_STOP_POLL_S = 0.2
_REQUEST_TIMEOUT_S = 10


class Collector:
    """Gives Prometheus the metrics; to be registered with a `prometheus_client` registry."""

    def collect(self) -> "Iterator[Metric]":
        """The metrics as they are now, also when there was no operation yet."""
        yield self._durations()
        yield from _node_metrics.collect()

    def _durations(self) -> "HistogramMetricFamily":
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(_NAME, _HELP, labels=_LABELS)
        # [bounds in ns, [[operation, namespace, set, status, sum in ns, counts]]]; there is one
        # count more than there are bounds.
        bounds_ns, series = decode(_native.metrics())
        names = [*(repr(bound_ns / 1e9) for bound_ns in bounds_ns), "+Inf"]
        for labels, (sum_ns, counts) in sorted(_merged(series).items()):
            buckets = []
            total = 0
            for name, count in zip(names, counts, strict=True):
                total += count
                buckets.append((name, total))
            family.add_metric(["aerospike", *labels], buckets, sum_ns / 1e9)
        return family


def _merged(
    series: list[tuple[str, str, str, int, int, list[int]]],
) -> dict[tuple[str, str, str, str], tuple[int, list[int]]]:
    """Sums and counts by labels: several result codes may have one class of exception."""
    merged: dict[tuple[str, str, str, str], tuple[int, list[int]]] = {}
    for operation, namespace, set_name, status, sum_ns, counts in series:
        error_type = class_for(status).__name__ if status else ""
        labels = (namespace, set_name, operation, error_type)
        before = merged.get(labels)
        if before is None:
            merged[labels] = (sum_ns, counts)
        else:
            both = [a + b for a, b in zip(before[1], counts, strict=True)]
            merged[labels] = (before[0] + sum_ns, both)
    return merged


def get_metrics() -> str:
    """The metrics in Prometheus' text format, ending with a line "# EOF".

    Raises:
        ImportError: prometheus-client is not installed.
    """
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    return (generate_latest(registry) + _END).decode()


class _Server:
    """The server of prometheus-client with one page, and its thread."""

    def __init__(self, host: str, port: int) -> None:
        self._http = _bind(host, port)
        self.host = host
        self.port: int = self._http.server_port
        self._thread = threading.Thread(
            target=self._http.serve_forever,
            args=(_STOP_POLL_S,),
            name="aerospike-py-metrics",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def forget(self) -> None:
        """In the child of a fork, where the thread does not exist."""
        self._http.socket.close()


def _bind(host: str, port: int) -> "WSGIServer":
    import socket
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    from prometheus_client.exposition import ThreadingWSGIServer

    class Server(ThreadingWSGIServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    class Handler(WSGIRequestHandler):
        timeout = _REQUEST_TIMEOUT_S

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            say(logging.DEBUG, "metrics_request", "metrics server: " + format, *args)

    return make_server(host, port, _page, Server, Handler)


def _page(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
    """The metrics in the format that who asks prefers, OpenMetrics or the older text."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    if environ["PATH_INFO"] != "/metrics":
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"the metrics are at /metrics\n"]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    encode, content_type = choose_encoder(environ.get("HTTP_ACCEPT", ""))
    body = encode(registry)
    if not body.endswith(_END):
        body += _END
    headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


_lock = threading.Lock()
_server: _Server | None = None


def start_metrics_server(port: int = PORT_DEFAULT, host: str = "127.0.0.1") -> int:
    """Serves the metrics at http://host:port/metrics, in a thread of its own.

    A server that was started before is replaced.

    Args:
        port: The port to listen on; 0 has the system choose one.
        host: The address to listen on, a name or an IPv4 or IPv6 address; "" or "0.0.0.0" is all
            of the machine's. Whoever reaches it can read the names of namespaces and sets.

    Returns:
        The port.

    Raises:
        TypeError, InvalidArgError: The port is none, or the host no str.
        OSError: The port is in use, or the address is not this machine's. A server that was
            started before goes on.
        ImportError: prometheus-client is not installed.
    """
    global _server
    port, host = _PORT.check(port, "port"), check_str(host, "host")
    import prometheus_client  # noqa: F401 - told now rather than at the first scrape.

    with _lock:
        old = _server
        if old is not None and old.port == port:
            if old.host == host:
                return old.port
            # The old one may be what keeps the port.
            old.stop()
            _server = None
            try:
                _server = _Server(host, port)
            except OSError:
                _server = _Server(old.host, old.port)
                raise
        else:
            _server = _Server(host, port)
            if old is not None:
                old.stop()
        return _server.port


def stop_metrics_server() -> None:
    """Stops serving the metrics; does nothing when they are not served."""
    global _server
    with _lock:
        old, _server = _server, None
        if old is not None:
            old.stop()


def _after_fork_in_child() -> None:
    global _lock, _server
    _lock = threading.Lock()
    old, _server = _server, None
    if old is not None:
        old.forget()


if sys.platform != "win32":  # Where nothing forks.
    os.register_at_fork(after_in_child=_after_fork_in_child)
