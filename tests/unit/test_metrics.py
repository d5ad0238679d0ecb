"""Metrics: what Prometheus is shown, and the server that shows it. No database is needed."""

import os
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import msgspec
import prometheus_client
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from aerospike_py import _native, metrics

BOUNDS_NS = [100_000, 1_000_000]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the core has counted: rows of operation, namespace, set, status, sum, counts."""
    rows: list[object] = []
    monkeypatch.setattr(_native, "metrics", lambda: msgspec.msgpack.encode([BOUNDS_NS, rows]))
    return rows


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    yield
    metrics.stop_metrics_server()


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by the sample's name and its labels' values, in the order of the labels' names."""
    found = {}
    for family in text_string_to_metric_families(text):
        if family.name != "db_client_operation_duration_seconds":
            continue
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in sorted(sample.labels))
            found[sample.name.removeprefix("db_client_operation_duration_seconds"), labels] = (
                sample.value
            )
    return found


def test_help_and_type_are_there_before_any_operation(counted: list[object]) -> None:
    text = metrics.get_metrics()
    assert "# HELP db_client_operation_duration_seconds " in text
    assert "# TYPE db_client_operation_duration_seconds histogram\n" in text
    assert text.endswith("# EOF\n")
    assert samples(text) == {}


def test_a_histogram_is_cumulative_and_in_seconds(counted: list[object]) -> None:
    counted.append(("get", "test", "users", 0, 2_500_000_000, [3, 2, 1]))
    labels = ("users", "test", "get", "aerospike", "")
    assert samples(metrics.get_metrics()) == {
        ("_bucket", (*labels, "0.0001")): 3,
        ("_bucket", (*labels, "0.001")): 5,
        ("_bucket", (*labels, "+Inf")): 6,
        ("_count", labels): 6,
        ("_sum", labels): 2.5,
    }


def test_errors_are_counted_by_the_class_of_the_exception(counted: list[object]) -> None:
    counted.append(("get", "test", "", 2, 0, [1, 0, 0]))
    counted.append(("get", "test", "", 9, 1_000_000_000, [1, 0, 0]))
    # Both are shown as a ServerError.
    counted.append(("put", "test", "", 29, 1_000_000_000, [0, 0, 1]))
    counted.append(("put", "test", "", 1, 2_000_000_000, [1, 0, 1]))
    found = samples(metrics.get_metrics())
    assert found["_count", ("", "test", "get", "aerospike", "RecordNotFound")] == 1
    assert found["_count", ("", "test", "get", "aerospike", "AerospikeTimeoutError")] == 1
    assert found["_count", ("", "test", "put", "aerospike", "ServerError")] == 3
    assert found["_sum", ("", "test", "put", "aerospike", "ServerError")] == 3


def test_names_with_quotes_and_line_breaks_stay_what_they_are(counted: list[object]) -> None:
    counted.append(("get", "test", 'a"b\n\\', 0, 0, [1, 0, 0]))
    found = samples(metrics.get_metrics())
    assert found["_count", ('a"b\n\\', "test", "get", "aerospike", "")] == 1


def test_the_collector_fits_into_a_registry_of_the_application(counted: list[object]) -> None:
    counted.append(("get", "test", "users", 0, 0, [1, 0, 0]))
    registry = prometheus_client.CollectorRegistry()
    registry.register(metrics.Collector())
    labels = {
        "db_system_name": "aerospike",
        "db_namespace": "test",
        "db_collection_name": "users",
        "db_operation_name": "get",
        "error_type": "",
    }
    name = "db_client_operation_duration_seconds_count"
    assert registry.get_sample_value(name, labels) == 1


def test_the_core_is_asked() -> None:
    bounds, rows = msgspec.msgpack.decode(_native.metrics())
    assert bounds == sorted(bounds)
    assert all(len(row[5]) == len(bounds) + 1 for row in rows)


def fetch(port: int, path: str = "/metrics") -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return response.status, response.headers["Content-Type"], response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, "", ""


def test_the_server_has_one_page(counted: list[object]) -> None:
    counted.append(("get", "test", "users", 0, 0, [1, 0, 0]))
    port = metrics.start_metrics_server(port=0)
    status, content_type, body = fetch(port)
    assert status == 200
    assert content_type.startswith("text/plain")
    # Clients of other tests may be open, and their nodes' figures move between two looks.
    assert samples(body) == samples(metrics.get_metrics()) != {}
    assert body.endswith("# EOF\n")
    assert fetch(port, "/metrics?name[]=up")[0] == 200
    assert fetch(port, "/")[0] == 404
    assert fetch(port, "/other")[0] == 404


def test_the_server_is_seen_by_this_machine_only() -> None:
    metrics.start_metrics_server(port=0)
    assert metrics._server is not None
    assert metrics._server._http.server_address[0] == "127.0.0.1"


def test_starting_again_replaces_the_server() -> None:
    first = metrics.start_metrics_server(port=0)
    second = metrics.start_metrics_server(port=0)
    assert second != first
    assert fetch(second)[0] == 200
    with pytest.raises(urllib.error.URLError):
        fetch(first)


def test_starting_again_on_the_same_port_goes_on() -> None:
    port = metrics.start_metrics_server(port=0)
    assert metrics.start_metrics_server(port=port) == port
    assert metrics.start_metrics_server(port=port, host="localhost") == port
    assert fetch(port)[0] == 200


def test_a_port_in_use_is_an_error_and_the_old_server_goes_on() -> None:
    port = metrics.start_metrics_server(port=0)
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(OSError, match="in use"),
    ):
        metrics.start_metrics_server(port=other.getsockname()[1])
    with pytest.raises(OSError, match="assign"):
        metrics.start_metrics_server(port=port, host="192.0.2.1")
    assert fetch(port)[0] == 200


def test_stopping_is_idempotent_and_frees_the_port() -> None:
    port = metrics.start_metrics_server(port=0)
    metrics.stop_metrics_server()
    metrics.stop_metrics_server()
    with pytest.raises(urllib.error.URLError):
        fetch(port)
    assert metrics.start_metrics_server(port=port) == port


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_no_server_and_may_start_one() -> None:
    port = metrics.start_metrics_server(port=0)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            metrics.stop_metrics_server()
            if fetch(metrics.start_metrics_server(port=0))[0] == 200:
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert fetch(port)[0] == 200


def test_who_asks_for_openmetrics_gets_it(counted: list[object]) -> None:
    counted.append(("get", "test", "users", 0, 0, [1, 0, 0]))
    port = metrics.start_metrics_server(port=0)
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=accept)
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.headers["Content-Type"].startswith("application/openmetrics-text")
        body = response.read().decode()
    assert body.count("# EOF\n") == 1
    names = {family.name for family in openmetrics.text_string_to_metric_families(body)}
    assert "db_client_operation_duration_seconds" in names
