"""What is sent for queries, functions and administration is what the official client sends."""

import contextlib
import re
from collections.abc import Callable
from typing import Any

import aerospike
import pytest
from aerospike import predicates as their_predicates
from aerospike_helpers import cdt_ctx as their_cdt_ctx
from aerospike_helpers.operations import operations as their_operations
from recorder import Recorder

import aerospike_py
from aerospike_py import cdt_ctx, predicates

# The official client deprecates what it is asked to send here.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NAMESPACE = "test"
TASK_ID = 7
POINT = '{"type": "Point", "coordinates": [1.0, 2.0]}'
REGION = '{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}'


def assert_same(recorder: Recorder, ours: Callable[[], Any], theirs: Callable[[], Any]) -> None:
    ours()
    sent = recorder.last()
    theirs()
    expected = recorder.last()
    assert len(sent.fields.pop(TASK_ID, b"")) == len(expected.fields.pop(TASK_ID, b""))
    assert sent.fields == expected.fields
    assert sent.info == expected.info
    assert sent.ttl == expected.ttl
    assert sent.operations == expected.operations


@pytest.mark.parametrize("set_name", ["demo", None])
@pytest.mark.parametrize("bins", [(), ("a",), ("a", "b" * 15)])
def test_scans(recorder: Recorder, set_name: str | None, bins: tuple[str, ...]) -> None:
    ours = recorder.ours.query(NAMESPACE, set_name)
    theirs = recorder.theirs.query(NAMESPACE, set_name)
    if bins:
        ours.select(*bins)
        theirs.select(*bins)
    assert_same(recorder, ours.results, theirs.results)


LIST, KEYS, VALUES = (
    aerospike_py.INDEX_TYPE_LIST,
    aerospike_py.INDEX_TYPE_MAPKEYS,
    aerospike_py.INDEX_TYPE_MAPVALUES,
)
THEIR_LIST, THEIR_KEYS, THEIR_VALUES = (
    aerospike.INDEX_TYPE_LIST,
    aerospike.INDEX_TYPE_MAPKEYS,
    aerospike.INDEX_TYPE_MAPVALUES,
)

PREDICATES = [
    (predicates.equals("a", 5), their_predicates.equals("a", 5)),
    (predicates.equals("a", -(2**63)), their_predicates.equals("a", -(2**63))),
    (predicates.equals("a", "text"), their_predicates.equals("a", "text")),
    (predicates.equals("a", b"\x00\xff"), their_predicates.equals("a", b"\x00\xff")),
    (predicates.between("a", -5, 2**40), their_predicates.between("a", -5, 2**40)),
    (
        predicates.contains("a", LIST, "x"),
        their_predicates.contains("a", THEIR_LIST, "x"),
    ),
    (predicates.contains("a", KEYS, 7), their_predicates.contains("a", THEIR_KEYS, 7)),
    (
        predicates.range("a", VALUES, 1, 2),
        their_predicates.range("a", THEIR_VALUES, 1, 2),
    ),
    (
        predicates.geo_within_geojson_region("a", REGION),
        their_predicates.geo_within_geojson_region("a", REGION),
    ),
    (
        predicates.geo_contains_geojson_point("a", POINT),
        their_predicates.geo_contains_geojson_point("a", POINT),
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), PREDICATES, ids=lambda value: str(value)[:60])
def test_predicates(recorder: Recorder, ours: Any, theirs: Any) -> None:
    assert_same(
        recorder,
        recorder.ours.query(NAMESPACE, "demo").where(ours).results,
        where(recorder.theirs.query(NAMESPACE, "demo"), theirs).results,
    )


def where(query: Any, *arguments: Any) -> Any:
    query.where(*arguments)
    return query


def test_the_context_of_a_predicate(recorder: Recorder) -> None:
    ours = recorder.ours.query(NAMESPACE, "demo")
    ours.where(
        predicates.equals("a", 5),
        ctx=[cdt_ctx.map_key("k"), cdt_ctx.list_index(-1), cdt_ctx.map_rank(0)],
    )
    theirs = recorder.theirs.query(NAMESPACE, "demo")
    theirs.where(
        their_predicates.equals("a", 5),
        [
            their_cdt_ctx.cdt_ctx_map_key("k"),
            their_cdt_ctx.cdt_ctx_list_index(-1),
            their_cdt_ctx.cdt_ctx_map_rank(0),
        ],
    )
    assert_same(recorder, ours.results, theirs.results)


POLICIES = [
    ({"total_timeout": 5000}, {"total_timeout": 5000}),
    ({"socket_timeout": 1234}, {"socket_timeout": 1234}),
    ({"expected_duration": 1}, {"expected_duration": aerospike.QUERY_DURATION_SHORT}),
    ({"expected_duration": 2}, {"expected_duration": aerospike.QUERY_DURATION_LONG_RELAX_AP}),
    (
        {"partition_filter": {"begin": 100, "count": 3}},
        {"partition_filter": {"begin": 100, "count": 3}},
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), POLICIES, ids=lambda value: str(value)[:60])
def test_policies(recorder: Recorder, ours: Any, theirs: Any) -> None:
    assert_same(
        recorder,
        lambda: recorder.ours.query(NAMESPACE, "demo").results(ours),
        lambda: recorder.theirs.query(NAMESPACE, "demo").results(theirs),
    )


def test_limits(recorder: Recorder) -> None:
    theirs = recorder.theirs.query(NAMESPACE, "demo")
    theirs.max_records = 77
    theirs.records_per_second = 88
    assert_same(
        recorder,
        lambda: recorder.ours.query(NAMESPACE, "demo").results(
            {"max_records": 77, "records_per_second": 88}
        ),
        theirs.results,
    )


def test_background_operations(recorder: Recorder) -> None:
    theirs = recorder.theirs.query(NAMESPACE, "demo")
    theirs.where(their_predicates.equals("a", 5))
    theirs.add_ops([their_operations.write("b", 1), their_operations.increment("c", 2)])
    ours = recorder.ours.query(NAMESPACE, "demo").where(predicates.equals("a", 5))
    assert_same(
        recorder,
        lambda: ours.operate_background(
            [{"op": 2, "bin": "b", "val": 1}, {"op": 5, "bin": "c", "val": 2}]
        ),
        theirs.execute_background,
    )


ARGUMENTS: list[list[Any]] = [[], [1, "text", b"bytes", 1.5, None], [["a", {"b": [2]}]]]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=repr)
def test_background_functions(recorder: Recorder, arguments: list[Any]) -> None:
    theirs = recorder.theirs.query(NAMESPACE, "demo")
    theirs.apply("module", "function", arguments)
    ours = recorder.ours.query(NAMESPACE, "demo")
    assert_same(
        recorder,
        lambda: ours.apply_background("module", "function", arguments),
        theirs.execute_background,
    )


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=repr)
def test_functions(recorder: Recorder, arguments: list[Any]) -> None:
    def theirs() -> None:
        # It wants a value in the reply, which the recording node does not give.
        with contextlib.suppress(aerospike.exception.ClientError):
            recorder.theirs.apply(recorder.key, "module", "function", arguments)

    assert_same(
        recorder,
        lambda: recorder.ours.apply(recorder.key, "module", "function", arguments),
        theirs,
    )


PRIVILEGES = [
    {"code": aerospike_py.PRIV_READ, "ns": "test", "set": "demo"},
    {"code": aerospike_py.PRIV_WRITE, "ns": "", "set": ""},
    {"code": aerospike_py.PRIV_SYS_ADMIN},
    {"code": aerospike_py.PRIV_TRUNCATE, "ns": "test"},
]
THEIR_PRIVILEGES = [
    {"code": aerospike.PRIV_READ, "ns": "test", "set": "demo"},
    {"code": aerospike.PRIV_WRITE, "ns": "", "set": ""},
    {"code": aerospike.PRIV_SYS_ADMIN, "ns": "", "set": ""},
    {"code": aerospike.PRIV_TRUNCATE, "ns": "test", "set": ""},
]

ADMINISTRATION: list[tuple[str, tuple[Any, ...], tuple[Any, ...], dict[str, Any]]] = [
    ("admin_create_user", ("u", "secret", ["read", "my-role"]), (), {}),
    ("admin_drop_user", ("u",), (), {}),
    ("admin_grant_roles", ("u", ["read"]), (), {}),
    ("admin_revoke_roles", ("u", ["read", "write"]), (), {}),
    ("admin_query_users_info", (), (), {}),
    ("admin_create_role", ("r", PRIVILEGES), ("r", THEIR_PRIVILEGES), {}),
    (
        "admin_create_role",
        ("r", PRIVILEGES, None, ["10.0.0.0/8", "127.0.0.1"], 5, 6),
        ("r", THEIR_PRIVILEGES, None, ["10.0.0.0/8", "127.0.0.1"], 5, 6),
        {},
    ),
    ("admin_drop_role", ("r",), (), {}),
    ("admin_grant_privileges", ("r", PRIVILEGES), ("r", THEIR_PRIVILEGES), {}),
    ("admin_revoke_privileges", ("r", PRIVILEGES), ("r", THEIR_PRIVILEGES), {}),
    ("admin_set_whitelist", ("r", ["10.0.0.0/8", "127.0.0.1"]), (), {}),
    ("admin_set_whitelist", ("r", []), ("r", None), {}),
    ("admin_set_quotas", ("r",), (), {"read_quota": 7, "write_quota": 8}),
    ("admin_query_roles", (), ("admin_get_roles",), {}),
]


@pytest.mark.parametrize(
    ("method", "arguments", "their_arguments", "keywords"),
    ADMINISTRATION,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_administration(
    recorder: Recorder,
    method: str,
    arguments: tuple[Any, ...],
    their_arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> None:
    their_method = method
    if their_arguments and re.match("admin_", str(their_arguments[0])):
        their_method, *rest = their_arguments
        their_arguments = tuple(rest)
    else:
        their_arguments = their_arguments or arguments
    getattr(recorder.ours, method)(*arguments, **keywords)
    ours = recorder.node.requests[-1]
    getattr(recorder.theirs, their_method)(*their_arguments, **keywords)
    assert ours == recorder.node.requests[-1]


def test_setting_a_password(recorder: Recorder) -> None:
    recorder.ours.admin_change_password("somebody", "new")
    ours = recorder.node.requests[-1]
    recorder.theirs.admin_set_password("somebody", "new")
    assert ours == recorder.node.requests[-1]
