"""Metrics and traces of operations on a running server."""

import asyncio
import contextlib
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider, TraceBasedExemplarFilter
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.metrics import db_metrics as incubating_metrics
from opentelemetry.semconv.attributes import (
    db_attributes,
    error_attributes,
    network_attributes,
    server_attributes,
)
from opentelemetry.semconv.metrics import db_metrics
from opentelemetry.trace import SpanKind, StatusCode

import aerospike_py
from aerospike_py import batch, metrics, tracing

# The stable attributes of databases' clients, as the registry of the conventions has them.
CONVENTIONS = {
    value
    for module in (db_attributes, error_attributes, network_attributes, server_attributes)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}

Key = tuple[str, str, str]
Spans = Callable[[], list[ReadableSpan]]


def counts(set_name: str) -> dict[tuple[str, str], int]:
    """How many operations on a set were counted, by operation and error."""
    found = {}
    for family in metrics.Collector().collect():
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
    for family in metrics.Collector().collect():
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


MODULE = """
function touch(rec) aerospike:update(rec) return 1 end
function ones(stream) return stream : map(function() return 1 end) end
"""
READ = [{"op": aerospike_py.OPERATOR_READ, "bin": "n", "val": None}]
ADD = [{"op": aerospike_py.OPERATOR_INCR, "bin": "n", "val": 1}]
DTYPE = [("n", "i8")]
FRAME = pa.table({"_key": ["row"], "n": [1]})
ROWS = np.array([(b"row", 1)], dtype=[("_key", "S8"), ("n", "i8")])

Client = aerospike_py.Client
Query = aerospike_py.Query
Step = tuple[str, str, Callable[..., Any]]
# Every method that is an operation on records: its name, that of the operation, and a call of it,
# of (client, key, module). The record is there but for the last one.
STEPS: list[Step] = [
    ("put", "put", lambda c, k, _: c.put(k, {"a": "x", "n": 1})),
    ("get", "get", lambda c, k, _: c.get(k)),
    ("select", "select", lambda c, k, _: c.select(k, ["a"])),
    ("exists", "exists", lambda c, k, _: c.exists(k)),
    ("touch", "touch", lambda c, k, _: c.touch(k)),
    ("append", "append", lambda c, k, _: c.append(k, "a", "y")),
    ("prepend", "prepend", lambda c, k, _: c.prepend(k, "a", "w")),
    ("increment", "increment", lambda c, k, _: c.increment(k, "n", 1)),
    ("operate", "operate", lambda c, k, _: c.operate(k, READ)),
    ("operate_ordered", "operate_ordered", lambda c, k, _: c.operate_ordered(k, READ)),
    ("remove_bin", "remove_bin", lambda c, k, _: c.remove_bin(k, ["a"])),
    ("apply", "apply", lambda c, k, module: c.apply(k, module, "touch")),
    ("batch_read", "batch_read", lambda c, k, _: c.batch_read([k, k])),
    ("batch_read", "batch_read", lambda c, k, _: c.batch_read([k], [])),
    ("batch_read", "batch_read", lambda c, k, _: c.batch_read([k], _dtype=DTYPE)),
    ("batch_stream", "batch_read", lambda c, k, _: list(c.batch_stream([k, k], ["n"]))),
    ("batch_read_arrow", "batch_read", lambda c, k, _: c.batch_read_arrow([k], ["n"])),
    ("batch_write", "batch_write", lambda c, k, _: c.batch_write([(k, {"n": 2})])),
    ("batch_write_arrow", "batch_write", lambda c, k, _: c.batch_write_arrow(FRAME, *k[:2])),
    ("batch_write_numpy", "batch_write", lambda c, k, _: c.batch_write_numpy(ROWS, *k[:2])),
    ("batch_operate", "batch_operate", lambda c, k, _: c.batch_operate([k], READ)),
    ("batch_apply", "batch_apply", lambda c, k, module: c.batch_apply([k], module, "touch")),
    # Of several kinds: named after its first row.
    ("batch", "batch_read", lambda c, k, _: c.batch([batch.read(k), batch.write(k, {"n": 3})])),
    ("batch", "batch_apply", lambda c, k, module: c.batch([batch.apply(k, module, "touch")])),
    ("query.results", "query", lambda c, k, _: c.query(*k[:2]).results()),
    ("query.foreach", "query", lambda c, k, _: c.query(*k[:2]).foreach(lambda _: None)),
    ("query.records", "query", lambda c, k, _: list(c.query(*k[:2]).records())),
    ("query.to_numpy", "query", lambda c, k, _: c.query(*k[:2]).to_numpy(DTYPE)),
    ("query.numpy_chunks", "query", lambda c, k, _: list(c.query(*k[:2]).numpy_chunks(DTYPE))),
    ("query.to_arrow", "query", lambda c, k, _: c.query(*k[:2]).to_arrow().read_all()),
    (
        "query.operate_background",
        "query",
        lambda c, k, _: c.query(*k[:2]).operate_background(ADD).wait(),
    ),
    (
        "query.apply_background",
        "query",
        lambda c, k, module: c.query(*k[:2]).apply_background(module, "touch").wait(),
    ),
    (
        "query.aggregate",
        "query",
        lambda c, k, module: c.query(*k[:2]).aggregate(module, "ones"),
    ),
    ("batch_remove", "batch_remove", lambda c, k, _: c.batch_remove([k])),
    ("remove", "delete", lambda c, k, _: c.remove(k)),
]
EACH = Counter(operation for _, operation, _ in STEPS)

# Every method that asks servers something else: its name, that of the operation, whether that is of
# a set, of a namespace or of neither, and a call of it. Some servers refuse some of them.
OTHERS: list[tuple[str, str, str, Callable[..., Any]]] = [
    ("ping", "ping", "", lambda c, k, _: c.ping()),
    ("info_all", "info", "", lambda c, k, _: c.info_all("status")),
    ("info_node", "info", "", lambda c, k, _: c.info_node("status", c.get_node_names()[0])),
    ("info_random_node", "info", "", lambda c, k, _: c.info_random_node("status")),
    ("namespaces", "info", "", lambda c, k, _: c.namespaces()),
    ("sets", "info", "", lambda c, k, _: c.sets()),
    ("sets", "info", "namespace", lambda c, k, _: c.sets("test")),
    ("indexes", "info", "", lambda c, k, _: c.indexes()),
    ("indexes", "info", "namespace", lambda c, k, _: c.indexes("test")),
    ("query.explain", "info", "namespace", lambda c, k, _: c.query(*k[:2]).explain()),
    ("set_xdr_filter", "info", "", lambda c, k, _: c.set_xdr_filter("dc", "test", None)),
    ("truncate", "truncate", "set", lambda c, k, _: c.truncate(*k[:2])),
    *(
        (
            f"index_{kind}_create",
            "index_create",
            "set",
            lambda c, k, _, kind=kind: getattr(c, f"index_{kind}_create")(
                *k[:2], "n", f"{k[1]}_{kind}"
            ),
        )
        for kind in ("integer", "string", "geo2dsphere", "blob")
    ),
    (
        "index_create",
        "index_create",
        "set",
        lambda c, k, _: c.index_create(*k[:2], "m", k[1], aerospike_py.INDEX_NUMERIC),
    ),
    (
        "index_set_create",
        "index_create",
        "set",
        lambda c, k, _: c.index_set_create(*k[:2], f"{k[1]}_"),
    ),
    ("index_remove", "index_remove", "namespace", lambda c, k, _: c.index_remove("test", k[1])),
    ("udf_put", "udf_put", "", lambda c, k, module: c.udf_put(f"{module}.lua", source=MODULE)),
    ("udf_get", "udf_get", "", lambda c, k, module: c.udf_get(module)),
    ("udf_list", "udf_list", "", lambda c, k, _: c.udf_list()),
    ("udf_remove", "udf_remove", "", lambda c, k, _: c.udf_remove(f"{k[1]}.lua")),
    ("job_status", "job_status", "", lambda c, k, _: c.job_status(17)),
    ("job_abort", "job_abort", "", lambda c, k, _: c.job_abort(17)),
    (
        "admin_create_user",
        "admin_create_user",
        "",
        lambda c, k, _: c.admin_create_user("a", "b", []),
    ),
    (
        "admin_create_pki_user",
        "admin_create_user",
        "",
        lambda c, k, _: c.admin_create_pki_user("a", []),
    ),
    ("admin_drop_user", "admin_drop_user", "", lambda c, k, _: c.admin_drop_user("a")),
    (
        "admin_change_password",
        "admin_set_password",
        "",
        lambda c, k, _: c.admin_change_password("a", "b"),
    ),
    ("admin_grant_roles", "admin_grant_roles", "", lambda c, k, _: c.admin_grant_roles("a", ["r"])),
    (
        "admin_revoke_roles",
        "admin_revoke_roles",
        "",
        lambda c, k, _: c.admin_revoke_roles("a", ["r"]),
    ),
    (
        "admin_query_user_info",
        "admin_query_users",
        "",
        lambda c, k, _: c.admin_query_user_info("a"),
    ),
    ("admin_query_users_info", "admin_query_users", "", lambda c, k, _: c.admin_query_users_info()),
    (
        "admin_create_role",
        "admin_create_role",
        "",
        lambda c, k, _: c.admin_create_role("r", [PRIVILEGE]),
    ),
    ("admin_drop_role", "admin_drop_role", "", lambda c, k, _: c.admin_drop_role("r")),
    (
        "admin_grant_privileges",
        "admin_grant_privileges",
        "",
        lambda c, k, _: c.admin_grant_privileges("r", [PRIVILEGE]),
    ),
    (
        "admin_revoke_privileges",
        "admin_revoke_privileges",
        "",
        lambda c, k, _: c.admin_revoke_privileges("r", [PRIVILEGE]),
    ),
    (
        "admin_set_whitelist",
        "admin_set_whitelist",
        "",
        lambda c, k, _: c.admin_set_whitelist("r", ["127.0.0.1"]),
    ),
    ("admin_set_quotas", "admin_set_quotas", "", lambda c, k, _: c.admin_set_quotas("r", 1, 1)),
    ("admin_query_role", "admin_query_roles", "", lambda c, k, _: c.admin_query_role("r")),
    ("admin_query_roles", "admin_query_roles", "", lambda c, k, _: c.admin_query_roles()),
]
PRIVILEGE = {"code": aerospike_py.PRIV_READ}

# What asks no server by itself.
NO_OPERATIONS = {
    "connect",
    "close",
    "is_connected",
    "get_node_names",
    "nodes",
    "stats",
    "tls_stats",
    "background_job",
    "query",
    "query.select",
    "query.where",
    "query.token",
}


@pytest.mark.parametrize(
    ("client_kind", "query_kind"),
    [(Client, Query), (aerospike_py.AsyncClient, aerospike_py.AsyncQuery)],
)
def test_no_method_is_forgotten_here(client_kind: type, query_kind: type) -> None:
    methods = {name for name in dir(client_kind) if not name.startswith("_")}
    methods |= {f"query.{name}" for name in dir(query_kind) if not name.startswith("_")}
    assert methods - NO_OPERATIONS == {name for name, *_ in (*STEPS, *OTHERS)}


@pytest.fixture(scope="module")
def module(server: Any) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:10]}"
    with aerospike_py.client(server.config).connect() as client:
        client.udf_put(f"{name}.lua", source=MODULE)
        yield name
        client.udf_remove(name)


def do_each(client: Client, key: Key, module: str) -> None:
    """Every operation on records; the last one fails."""
    *others, (_, _, last) = STEPS
    for _, _, call in others:
        call(client, key, module)
    with pytest.raises(aerospike_py.RecordNotFound):
        last(client, key, module)


def test_every_operation_is_counted_under_its_methods_name(
    client: Client, fresh: Key, module: str
) -> None:
    do_each(client, fresh, module)
    expected = {(name, ""): count for name, count in EACH.items() if name != "delete"}
    assert counts(fresh[1]) == {**expected, ("delete", "RecordNotFound"): 1}
    assert 0 < seconds(fresh[1], "get") < 10


def totals() -> Counter[tuple[str, str, str, bool]]:
    """How many operations were counted, by name, namespace, set and whether they failed."""
    found: Counter[tuple[str, str, str, bool]] = Counter()
    for family in metrics.Collector().collect():
        for sample in family.samples:
            if sample.name != "db_client_operation_duration_seconds_count":
                continue
            labels = sample.labels
            what = labels["db_operation_name"], labels["db_namespace"], labels["db_collection_name"]
            found[(*what, labels["error_type"] != "")] += int(sample.value)
    return found


@pytest.mark.parametrize(
    ("method", "operation", "place", "call"), OTHERS, ids=lambda each: str(each)[:30]
)
def test_what_is_about_no_record_is_counted_and_has_its_spans(
    client: Client,
    fresh: Key,
    module: str,
    spans: Spans,
    method: str,
    operation: str,
    place: str,
    call: Callable[..., Any],
) -> None:
    before = totals()
    with contextlib.suppress(aerospike_py.AerospikeError):  # Not every server has all of it.
        call(client, fresh, module)
    counted = totals() - before
    found: Counter[tuple[str, str, str, bool]] = Counter()
    for span in spans():
        attributes: Any = span.attributes
        target = attributes.get("db.namespace", ""), attributes.get("db.collection.name", "")
        is_failed = span.status.status_code is StatusCode.ERROR
        found[(attributes["db.operation.name"].lower(), *target, is_failed)] += 1
        assert span.name == " ".join(
            filter(None, [operation.upper(), ".".join(filter(None, target))])
        )
        assert span.kind is SpanKind.CLIENT
        assert set(attributes) <= CONVENTIONS
    assert found == counted
    namespace, set_name = {"set": fresh[:2], "namespace": ("test", ""), "": ("", "")}[place]
    assert {each[:3] for each in counted} == {(operation, namespace, set_name)}


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("truncate", lambda c: c.truncate("nope", "s")),
        ("index_create", lambda c: c.index_integer_create("nope", "s", "n", "i")),
        ("index_remove", lambda c: c.index_remove("nope", "i")),
        ("info", lambda c: c.sets("nope")),
        ("info", lambda c: c.indexes("nope")),
        ("query", lambda c: c.query("nope", "s").operate_background(ADD)),
        ("get", lambda c: c.get(("nope", "s", 1))),
    ],
)
def test_what_is_to_be_in_no_namespace_is_counted(
    client: Client, spans: Spans, operation: str, call: Callable[..., Any]
) -> None:
    before = totals()
    with pytest.raises(aerospike_py.InvalidNamespace):
        call(client)
    (counted,) = totals() - before
    (span,) = spans()
    attributes: Any = span.attributes
    place = attributes["db.namespace"], attributes.get("db.collection.name", "")
    assert counted == (operation, *place, True)
    assert span.name.startswith(operation.upper())


def test_no_span_shows_a_password(client: Client, spans: Spans) -> None:
    with contextlib.suppress(aerospike_py.AdminError):
        client.admin_create_user("eve", "open-sesame", [])
    with contextlib.suppress(aerospike_py.AdminError):
        client.admin_change_password("eve", "open-sesame")
    shown = [span.to_json() for span in spans()]
    assert len(shown) == 2
    assert "sesame" not in "".join(shown)


def test_refused_arguments_are_no_operations(client: Client, fresh: Key) -> None:
    with pytest.raises(TypeError):
        client.put(fresh, {"a": object()})
    assert counts(fresh[1]) == {}


def test_no_operation_of_sixteen_threads_is_missed(client: Client, fresh: Key) -> None:
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
def spans(span_exporter: InMemorySpanExporter) -> Spans:
    """Gives the spans that have ended since it was asked last."""

    def ended() -> list[ReadableSpan]:
        found = list(span_exporter.get_finished_spans())
        span_exporter.clear()
        return found

    return ended


# Whether a job is done, and the module with what an aggregation does here.
BESIDE = ("JOB_STATUS", "UDF_GET")


def of_records(found: list[ReadableSpan]) -> list[ReadableSpan]:
    """Those of operations on records."""
    return [span for span in found if span.name not in BESIDE]


def test_operations_have_spans(server: Any, client: Client, fresh: Key, spans: Spans) -> None:
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
    server: Any, client: Client, fresh: Key, module: str, spans: Spans
) -> None:
    do_each(client, fresh, module)
    namespace, set_name, _ = fresh
    host, port = server.hosts[0]
    found = of_records(spans())
    assert Counter(span.name for span in found) == {
        f"{name.upper()} {namespace}.{set_name}": count for name, count in EACH.items()
    }
    for span in found:
        attributes = dict(span.attributes or {})
        assert span.kind is SpanKind.CLIENT
        assert attributes["db.system.name"] == "aerospike"
        assert attributes["db.namespace"] == namespace
        assert attributes["db.collection.name"] == set_name
        assert attributes["db.operation.name"] == span.name.split()[0]
        assert (attributes["server.address"], attributes["server.port"]) == (host, port)
        assert "db.aerospike.cluster_name" not in attributes  # None is configured.
        is_failed = span.name.startswith("DELETE ")
        assert span.status.status_code is (StatusCode.ERROR if is_failed else StatusCode.UNSET)
        assert ("error.type" in attributes) == is_failed
        assert ("db.response.status_code" in attributes) == is_failed


PEER = ("network.peer.address", "network.peer.port")


def address_of(node: aerospike_py.NodeInfo) -> tuple[str, int]:
    host, _, port = node.address.rpartition(":")
    return host.strip("[]"), int(port)


def peers(found: list[ReadableSpan]) -> list[tuple[Any, ...]]:
    """The node that each span names; (None, None) where there is none."""
    return [tuple((span.attributes or {}).get(name) for name in PEER) for span in found]


def test_commands_on_one_record_name_the_node_that_was_asked(
    client: Client, fresh: Key, module: str, spans: Spans
) -> None:
    do_each(client, fresh, module)
    found = of_records(spans())
    on_one = [
        span for span in found if not span.name.startswith(("BATCH_", "QUERY ", "BACKGROUND_"))
    ]
    (peer,) = set(peers(on_one))  # It is one record's node.
    assert peer in {address_of(node) for node in client.nodes()}
    assert set(peers([span for span in found if span not in on_one])) == {(None, None)}


def test_spans_name_each_records_own_node(client: Client, fresh: Key, spans: Spans) -> None:
    keys = [(*fresh[:2], f"{fresh[2]}-{number}") for number in range(64)]
    nodes = {node.name: address_of(node) for node in client.nodes()}
    for key in keys:
        with pytest.raises(aerospike_py.RecordNotFound) as caught:
            client.get(key)
        assert peers(spans()) == [nodes[caught.value.node]]


@pytest.mark.parametrize("limit", [0, 4])
async def test_awaited_commands_name_their_nodes_whether_or_not_they_travel_together(
    server: Any, fresh: Key, spans: Spans, limit: int
) -> None:
    keys = [(*fresh[:2], f"{fresh[2]}-{number}") for number in range(64)]
    config = {**server.config, "max_concurrent_operations": limit}
    async with aerospike_py.AsyncClient(config) as client:
        await client.connect()
        nodes = {address_of(node) for node in await client.nodes()}
        await asyncio.gather(*(client.put(key, {"n": 1}) for key in keys))
        assert set(peers(spans())) == nodes
        await asyncio.gather(*(client.get(key) for key in keys))
        assert set(peers(spans())) == nodes


def test_a_background_query_that_fails_is_one_too(client: Client, fresh: Key, spans: Spans) -> None:
    client.put(fresh, {"n": 1})
    query = client.query(*fresh[:2]).where(aerospike_py.predicates.equals("none", 1))
    with pytest.raises(aerospike_py.IndexNotFound):
        query.operate_background(ADD)
    assert counts(fresh[1]) == {("put", ""): 1, ("query", "IndexNotFound"): 1}
    _, span = spans()
    assert span.attributes is not None
    assert span.attributes["error.type"] == "IndexNotFound"


def test_spans_of_sixteen_threads_agree_with_the_metrics(
    client: Client, fresh: Key, spans: Spans
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


def test_failures_are_errors_in_spans(client: Client, fresh: Key, spans: Spans) -> None:
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


def test_no_spans_after_the_shutdown(client: Client, fresh: Key, spans: Spans) -> None:
    tracing.shutdown_tracing()
    client.put(fresh, {"a": 1})
    assert spans() == []


def test_a_query_is_one_operation_whatever_it_brings(
    client: Client, fresh: Key, spans: Spans
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


@pytest.fixture
def reader() -> Iterator[InMemoryMetricReader]:
    """What is measured for OpenTelemetry, with a span around each operation."""
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], exemplar_filter=TraceBasedExemplarFilter())
    tracers = TracerProvider()
    tracing.instrument(tracers, meters)
    try:
        yield reader
    finally:
        tracing.uninstrument()
        meters.shutdown()
        tracers.shutdown()


def points(reader: InMemoryMetricReader, name: str) -> list[Any]:
    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    (scope,) = resource.scope_metrics
    assert scope.schema_url == tracing._SCHEMA_URL
    (metric,) = [each for each in scope.metrics if each.name == name]
    return list(metric.data.data_points)


def test_every_operation_is_measured_as_the_conventions_say(
    client: Client, fresh: Key, module: str, reader: InMemoryMetricReader
) -> None:
    do_each(client, fresh, module)
    measured = [
        point
        for point in points(reader, db_metrics.DB_CLIENT_OPERATION_DURATION)
        if point.attributes["db.operation.name"] not in BESIDE
    ]
    assert sum(point.count for point in measured) == len(STEPS)
    for point in measured:
        assert set(point.attributes) <= CONVENTIONS, point.attributes
        assert point.attributes["db.namespace"] == "test"
        assert point.attributes["db.collection.name"] == fresh[1]
        assert point.explicit_bounds == (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
        # Every duration has a span that it can be looked up with.
        assert all(each.trace_id and each.span_id for each in point.exemplars)
        assert point.exemplars


def test_a_failure_is_measured_with_its_code(
    client: Client, fresh: Key, reader: InMemoryMetricReader
) -> None:
    with pytest.raises(aerospike_py.RecordNotFound):
        client.get(fresh)
    (point,) = points(reader, db_metrics.DB_CLIENT_OPERATION_DURATION)
    assert point.attributes["error.type"] == "RecordNotFound"
    assert point.attributes["db.response.status_code"] == "2"
    assert set(point.attributes) <= CONVENTIONS


def test_connections_are_measured_by_node(
    client: Client, fresh: Key, reader: InMemoryMetricReader
) -> None:
    client.put(fresh, {"n": 1})
    found = points(reader, incubating_metrics.DB_CLIENT_CONNECTION_COUNT)
    names = {point.attributes["db.client.connection.pool.name"] for point in found}
    assert {name.rpartition("/")[2] for name in names} >= set(client.get_node_names())
    assert {point.attributes["db.client.connection.state"] for point in found} == {"idle", "used"}
    assert sum(point.value for point in found) > 0


def test_every_span_is_made_as_the_conventions_say(
    client: Client, fresh: Key, module: str, spans: Spans
) -> None:
    do_each(client, fresh, module)
    found = of_records(spans())
    assert len(found) == len(STEPS)
    for span in found:
        # The name of the cluster is this package's own; OpenTelemetry has none.
        assert set(span.attributes or {}) <= CONVENTIONS | {"db.aerospike.cluster_name"}
        assert span.kind is SpanKind.CLIENT
