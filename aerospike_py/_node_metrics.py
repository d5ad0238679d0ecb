"""What the core counts of each node, for `metrics`: added up over the clients of the process.

A client's counts end with its connection to the cluster, so they are kept here when it closes, or
when nobody has it any more: a counter never goes back.
"""

import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ._values import decode
from .exception import class_for

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_LABELS = ["db_system_name", "cluster_name", "node"]
# In the order of the core.
_COUNTERS = [
    ("connections_opened", "Connections that were opened."),
    ("connections_closed", "Connections that were closed."),
    ("connection_errors", "Connections lost, and answers that the node is overloaded."),
    ("timeouts", "Waits for the node that took too long."),
    ("connections_recovered", "Connections kept because their late reply came after all."),
    ("retries", "Attempts that came to the node after one that had failed."),
    ("sent_bytes", "Bytes of requests for records."),
    ("received_bytes", "Bytes of replies with records."),
]
_SIZES = [
    ("batch_records", "Records in a batch's part for the node."),
    ("query_records", "Records in a query's stream from the node."),
]


class _Name(NamedTuple):
    cluster: str
    node: str


@dataclass
class _Node:
    active: int = 0
    open: int = 0
    in_use: int = 0
    counters: list[int] = field(default_factory=lambda: [0] * len(_COUNTERS))
    tends: int = 0
    tend_ns: int = 0
    # (records, counts of the buckets) of each of _SIZES.
    sizes: list[tuple[int, list[int]]] = field(default_factory=lambda: [(0, []), (0, [])])
    codes: dict[int, int] = field(default_factory=dict)

    def add(self, counts: list[Any]) -> None:
        """The COUNTS of the C header."""
        *counters, tends, tend_ns, batches, streams, codes = counts
        self.counters = [a + b for a, b in zip(self.counters, counters, strict=True)]
        self.tends += tends
        self.tend_ns += tend_ns
        for index, (records, buckets) in enumerate((batches, streams)):
            before, old = self.sizes[index]
            old = old or [0] * len(buckets)
            both = [a + b for a, b in zip(old, buckets, strict=True)]
            self.sizes[index] = (before + records, both)
        for code, count in codes:
            self.codes[code] = self.codes.get(code, 0) + count


@dataclass
class _Tls:
    full: int = 0
    resumed: int = 0
    failures: dict[str, int] = field(default_factory=dict)

    def add(self, counts: list[Any]) -> None:
        """The TLS of the C header."""
        handshakes, resumed, failures = counts
        self.full += handshakes - resumed
        self.resumed += resumed
        for reason, count in failures:
            self.failures[reason] = self.failures.get(reason, 0) + count


class _Counts:
    """Of some clients: of nodes, and of TLS by cluster."""

    def __init__(self) -> None:
        self.nodes: dict[_Name, _Node] = {}
        self.tls: dict[str, _Tls] = {}

    def add(self, cluster: str, statistics: bytes, *, is_open: bool) -> None:
        _bounds[:], rows, tls = decode(statistics)
        for name, active, connections_open, in_use, counts in rows:
            node = self.nodes.setdefault(_Name(cluster, name), _Node())
            node.add(counts)
            if is_open:
                node.active |= active
                node.open += connections_open
                node.in_use += in_use
            else:
                # Closed is what was open.
                node.counters[1] += connections_open
        if tls is not None:
            self.tls.setdefault(cluster, _Tls()).add(tls)


class Counted:
    """What is counted of one client, from its connecting until its end.

    Args:
        cluster: The cluster's name.
        take: Gives the statistics of the core; None when the client is not connected.
    """

    def __init__(self, cluster: str, take: Callable[[], bytes | None]) -> None:
        self.cluster = cluster
        self._take: Callable[[], bytes | None] | None = take
        self._last: bytes | None = None
        with _lock:
            _settle()
            _counted.append(self)

    def now(self) -> tuple[bytes | None, bool]:
        """The statistics, and whether they are not the last ones."""
        take = self._take
        if take is not None and (statistics := take()) is not None:
            return statistics, True
        return self._last, False  # It may have ended just now.

    def end(self) -> None:
        """To be called before the client is closed; idempotent.

        Takes no lock: a client that nobody has may be found wherever memory is allocated, also
        where this very thread has the lock.
        """
        take = self._take
        if take is not None:
            self._last = take()
            self._take = None

    def forget(self) -> None:
        """To be called instead when the interpreter goes away, and nothing is asked any more."""
        self._take = None

    @property
    def is_over(self) -> bool:
        return self._take is None


_lock = threading.Lock()
_counted: list[Counted] = []
# Of the clients that are no longer in the list.
_closed = _Counts()
# Of the sizes' buckets, as the core has them.
_bounds: list[int] = []


def _settle() -> None:
    """Keeps the counts of clients that have ended, and nothing else of them; with the lock held."""
    for client in [each for each in _counted if each.is_over]:
        _counted.remove(client)
        statistics, _ = client.now()
        if statistics is not None:
            _closed.add(client.cluster, statistics, is_open=False)


def after_fork_in_child() -> None:
    """What the parent's clients did, they did there."""
    global _lock, _closed
    _lock = threading.Lock()
    _counted.clear()
    _closed = _Counts()


def _now() -> _Counts:
    with _lock:
        _settle()
        counts = deepcopy(_closed)
        for client in _counted:
            statistics, is_open = client.now()
            if statistics is not None:
                counts.add(client.cluster, statistics, is_open=is_open)
    return counts


def connections() -> list[tuple[str, int, int]]:
    """Of each node the name, and how many connections idle and how many work."""
    listed = []
    for name, node in sorted(_now().nodes.items()):
        pool = f"{name.cluster}/{name.node}" if name.cluster else name.node
        listed.append((pool, node.open - node.in_use, node.in_use))
    return listed


def collect() -> "Iterator[Metric]":
    """The metrics of all nodes."""
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        SummaryMetricFamily,
    )

    counts = _now()
    listed = [(["aerospike", *name], node) for name, node in sorted(counts.nodes.items())]

    for member, text in (
        ("active", "Whether the node is in the cluster, as a client sees it."),
        ("open", "Connections, those of the tend thread excepted."),
        ("in_use", "Connections that a command is using."),
    ):
        where = "node_active" if member == "active" else f"connections_{member}"
        gauge = GaugeMetricFamily(f"aerospike_client_{where}", text, labels=_LABELS)
        for labels, node in listed:
            gauge.add_metric(labels, getattr(node, member))
        yield gauge
    for index, (counted, text) in enumerate(_COUNTERS):
        counter = CounterMetricFamily(f"aerospike_client_{counted}", text, labels=_LABELS)
        for labels, node in listed:
            counter.add_metric(labels, node.counters[index])
        yield counter
    errors = CounterMetricFamily(
        "aerospike_client_errors",
        "Answers of the node with another result code than success.",
        labels=[*_LABELS, "result_code", "error_type"],
    )
    for labels, node in listed:
        for code, count in sorted(node.codes.items()):
            # Code 0 is what the core has no place for any more.
            kind = class_for(code).__name__ if code else "(other)"
            errors.add_metric([*labels, str(code), kind], count)
    yield errors
    tends = SummaryMetricFamily(
        "aerospike_client_tend_duration_seconds",
        "How long the node took to say how it is.",
        labels=_LABELS,
    )
    for labels, node in listed:
        tends.add_metric(labels, node.tends, node.tend_ns / 1e9)
    yield tends
    for index, (counted, text) in enumerate(_SIZES):
        histogram = HistogramMetricFamily(f"aerospike_client_{counted}", text, labels=_LABELS)
        for labels, node in listed:
            records, buckets = node.sizes[index]
            histogram.add_metric(labels, _cumulated(buckets), records)
        yield histogram
    labels_of_cluster = _LABELS[:2]
    handshakes = CounterMetricFamily(
        "aerospike_client_tls_handshakes",
        "Handshakes of TLS that were completed.",
        labels=[*labels_of_cluster, "resumed"],
    )
    failures = CounterMetricFamily(
        "aerospike_client_tls_failures",
        "Handshakes and connections of TLS that failed.",
        labels=[*labels_of_cluster, "reason"],
    )
    for cluster, tls in sorted(counts.tls.items()):
        handshakes.add_metric(["aerospike", cluster, "false"], tls.full)
        handshakes.add_metric(["aerospike", cluster, "true"], tls.resumed)
        for reason, count in sorted(tls.failures.items()):
            failures.add_metric(["aerospike", cluster, reason], count)
    yield handshakes
    yield failures


def _cumulated(counts: list[int]) -> list[tuple[str, float]]:
    total = 0
    buckets: list[tuple[str, float]] = []
    for name, count in zip([*map(str, _bounds), "+Inf"], counts, strict=True):
        total += count
        buckets.append((name, total))
    return buckets
