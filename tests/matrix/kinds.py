"""The kinds of commands: how each runs, whether it writes, and how to see that it was carried out.

One definition serves both clients: what `run` returns is the result, or is to be awaited for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import aerospike_py
from aerospike_py import AerospikeError, Client, batch

NAMESPACE = "test"
RECORDS = 40
"""Of each piece of work, so many that every node has some."""

BULK_BYTES = 24 * 1024 * 1024
_MIXED_READS = RECORDS // 2

Run = Callable[[Any, "Work", Any], Any]


class Work(NamedTuple):
    """One command to be run.

    Attributes:
        name: What it works on; occurs in all of its requests, and in nobody else's.
        turn: Which run it is: what is written, or made, differs from turn to turn.
        module: A registered function module.
        is_bulk: Whether it is to read what is larger than memory.
    """

    name: str
    turn: int
    module: str
    is_bulk: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        return (NAMESPACE, self.name, "0")

    @property
    def keys(self) -> list[tuple[str, str, str]]:
        return [(NAMESPACE, self.name, str(index)) for index in range(RECORDS)]

    @property
    def thing(self) -> str:
        """What this turn makes: a user, an index, a module."""
        return f"{self.name}_{self.turn}"


@dataclass(frozen=True)
class Kind:
    """A kind of command.

    Attributes:
        name: What it is called.
        run: Runs it: (client, work, policy).
        told: What comes out, in a form to compare.
        expected: What `told` gives for a run that succeeds, by the work.
        policy: "read", "write", "batch", "query", or "admin" where there is only a timeout.
        applied: Whether the server has carried it out, asked with another client; None: a read.
        operation: What it is counted as; "" if it is not counted.
        span: What its span is called; "" if it has none.
        is_spread: Whether it goes to all nodes at once.
        is_rows: Whether each record, or node, fails for itself.
        bulk: Makes what it reads larger than memory, by a client; None: it has no large result.
        needs_security: Whether the server must have users.
    """

    name: str
    run: Run
    told: Callable[[Any], Any]
    expected: Callable[[Work], Any]
    policy: str
    applied: Callable[[Client, Work], bool] | None = None
    operation: str = ""
    span: str = ""
    is_spread: bool = False
    is_rows: bool = False
    bulk: Callable[[Client, Work], None] | None = None
    needs_security: bool = False

    @property
    def writes(self) -> bool:
        return self.applied is not None


MODULE = """
function store(rec, value)
    rec["n"] = value
    aerospike:update(rec)
    return value
end

function long(rec, size)
    return string.rep("x", size)
end
"""

_DTYPE = [("n", "i8")]


def _failed_rows(result: Any) -> list[tuple[int, bool, int]]:
    """(index, in doubt, result code) of the rows that failed."""
    rows = getattr(result, "batch_records", result)
    return [(index, row.in_doubt, row.result) for index, row in enumerate(rows) if row.result]


def rows_failed(kind: Kind, result: Any) -> list[tuple[int, bool]]:
    """(result code, in doubt) of the rows or nodes that failed in a call that did not."""
    if not kind.is_rows:
        return []
    if kind.name == "info_all":
        return [(code, False) for _, code, _ in result if code]
    if kind.name == "batch_mixed":
        # Its reads may fail without doubt, where its writes may not.
        rows = _failed_rows(result)
        return [(code, doubt) for index, doubt, code in rows if doubt or index >= _MIXED_READS]
    if kind.name == "batch_read_numpy":
        return [(code, False) for code in result.result_codes.tolist() if code]
    return [(code, doubt) for _, doubt, code in _failed_rows(result)]


def _write(turn: int) -> list[dict[str, Any]]:
    return [{"op": aerospike_py.OPERATOR_WRITE, "bin": "n", "val": turn}]


def _operate(work: Work) -> list[dict[str, Any]]:
    names = ["n", "b"] if work.is_bulk else ["n"]
    reads = [{"op": aerospike_py.OPERATOR_READ, "bin": name} for name in names]
    return [*_write(work.turn), *reads]


def _apply(client: Any, work: Work, policy: Any) -> Any:
    function, argument = ("long", BULK_BYTES) if work.is_bulk else ("store", work.turn)
    return client.apply(work.key, work.module, function, [argument], policy)


def _mixed(work: Work) -> list[Any]:
    reads, others = work.keys[:_MIXED_READS], work.keys[_MIXED_READS:]
    return [
        *(batch.read(key) for key in reads),
        *(batch.write(key, {"n": work.turn}) for key in others[::2]),
        *(batch.operate(key, _operate(work)) for key in others[1::2]),
    ]


def _bins(client: Client, work: Work) -> list[int]:
    rows = client.batch_read(work.keys).batch_records
    return [row.record.bins["n"] for row in rows if row.record and row.record.bins]


def _stored(client: Client, work: Work) -> bool:
    bins = client.get(work.key).bins
    return bins is not None and bins["n"] == work.turn


def _stored_somewhere(client: Client, work: Work) -> bool:
    return work.turn in _bins(client, work)


def has_index(client: Client, name: str) -> bool:
    """Whether there is an index of that name on a node."""
    responses = client.info_all(f"sindex-list:namespace={NAMESPACE}")
    return any(f"indexname={name}:" in each.response for each in responses)


def _has_module(client: Client, work: Work) -> bool:
    return f"{work.thing}.lua" in {module.name for module in client.udf_list()}


def _has_user(client: Client, work: Work) -> bool:
    return work.thing in {user["user"] for user in client.admin_query_users_info()}


def _is_truncated(client: Client, work: Work) -> bool:
    return not _bins(client, work)


def _large_record(client: Client, work: Work) -> None:
    client.put(work.key, {"n": 0, "b": bytes(BULK_BYTES)}, policy={"total_timeout": 30_000})


def _large_records(client: Client, work: Work) -> None:
    value = bytes(BULK_BYTES // _MIXED_READS)
    for key in work.keys[:_MIXED_READS]:
        client.put(key, {"n": 0, "b": value})


def _numbers(records: Sequence[Any]) -> list[Any]:
    return sorted(record.bins["n"] for record in records)


def _batch_numbers(result: Any) -> list[Any]:
    """What the rows read, as far as they did."""
    return [row.record and row.record.bins and row.record.bins.get("n") for row in result]


def _stream(client: Any, work: Work, policy: Any) -> Any:
    rows = client.batch_stream(work.keys, policy=policy)
    return list(rows) if isinstance(client, Client) else _taken(rows)


async def _taken(rows: Any) -> list[Any]:
    return [row async for row in rows]


def _all_read(work: Work) -> list[int]:
    return [0] * RECORDS


# In turn 0, a run finds the records as they were made, and leaves them so. The reads read what
# nobody has changed: every piece of work has records of its own.
_KINDS = [
    Kind(
        "get",
        lambda c, w, policy: c.get(w.key, policy),
        lambda record: record.bins["n"],
        lambda w: 0,
        "read",
        operation="get",
        span="GET",
        bulk=_large_record,
    ),
    Kind(
        "put",
        lambda c, w, policy: c.put(w.key, {"n": w.turn}, policy=policy),
        lambda nothing: nothing,
        lambda w: None,
        "write",
        _stored,
        operation="put",
        span="PUT",
    ),
    Kind(
        "operate",
        lambda c, w, policy: c.operate(w.key, _operate(w), policy=policy),
        lambda record: record.bins["n"],
        lambda w: w.turn,
        "write",
        _stored,
        operation="operate",
        span="OPERATE",
        bulk=_large_record,
    ),
    Kind(
        "apply",
        _apply,
        lambda value: value,
        lambda w: w.turn,
        "write",
        _stored,
        operation="apply",
        span="APPLY",
        bulk=_large_record,
    ),
    Kind(
        "batch_read",
        lambda c, w, policy: c.batch_read(w.keys, policy=policy),
        _batch_numbers,
        _all_read,
        "batch",
        operation="batch_read",
        span="BATCH_READ",
        is_spread=True,
        is_rows=True,
        bulk=_large_records,
    ),
    Kind(
        "batch_stream",
        _stream,
        lambda rows: sorted(_batch_numbers(rows)),
        _all_read,
        "batch",
        operation="batch_read",
        span="BATCH_READ",
        is_spread=True,
        is_rows=True,
    ),
    Kind(
        "batch_read_numpy",
        lambda c, w, policy: c.batch_read(w.keys, policy=policy, _dtype=_DTYPE),
        lambda table: table.batch_records["n"].tolist(),
        _all_read,
        "batch",
        operation="batch_read",
        span="BATCH_READ",
        is_spread=True,
        is_rows=True,
    ),
    Kind(
        "batch_write",
        lambda c, w, policy: c.batch_write([(key, {"n": w.turn}) for key in w.keys], policy),
        lambda rows: len(rows),
        lambda w: RECORDS,
        "batch",
        _stored_somewhere,
        operation="batch_write",
        span="BATCH_WRITE",
        is_spread=True,
        is_rows=True,
    ),
    Kind(
        "batch_mixed",
        lambda c, w, policy: c.batch(_mixed(w), policy),
        lambda rows: len(rows),
        lambda w: RECORDS,
        "batch",
        _stored_somewhere,
        operation="batch_read",
        span="BATCH_READ",
        is_spread=True,
        is_rows=True,
        bulk=_large_records,
    ),
    Kind(
        "query",
        lambda c, w, policy: c.query(NAMESPACE, w.name).results(policy),
        _numbers,
        _all_read,
        "query",
        operation="query",
        span="QUERY",
        is_spread=True,
        bulk=_large_record,
    ),
    Kind(
        "query_numpy",
        lambda c, w, policy: c.query(NAMESPACE, w.name).to_numpy(_DTYPE, policy),
        lambda array: array["n"].tolist(),
        _all_read,
        "query",
        operation="query",
        span="QUERY",
        is_spread=True,
    ),
    Kind(
        "query_background",
        lambda c, w, policy: c.query(NAMESPACE, w.name).operate_background(_write(w.turn), policy),
        lambda job: type(job.id).__name__,
        lambda w: "int",
        "write",
        _stored_somewhere,
        operation="query",
        span="QUERY",
        is_spread=True,
    ),
    Kind(
        "info",
        lambda c, w, policy: c.info_random_node(f"sets/{NAMESPACE}/{w.name}", policy),
        lambda answer: "objects=" in answer,
        lambda w: True,
        "admin",
        operation="info",
        span="INFO",
    ),
    Kind(
        "info_all",
        lambda c, w, policy: c.info_all(f"sets/{NAMESPACE}/{w.name}", policy),
        lambda answers: len(answers),
        lambda w: 3,
        "admin",
        operation="info",
        span="INFO",
        is_spread=True,
        is_rows=True,
    ),
    Kind(
        "index_create",
        lambda c, w, policy: c.index_integer_create(NAMESPACE, w.name, "n", w.thing, policy),
        lambda nothing: nothing,
        lambda w: None,
        "admin",
        lambda client, w: has_index(client, w.thing),
        operation="index_create",
        span="INDEX_CREATE",
    ),
    Kind(
        "udf_put",
        lambda c, w, policy: c.udf_put(f"{w.thing}.lua", policy=policy, source=MODULE),
        lambda nothing: nothing,
        lambda w: None,
        "admin",
        _has_module,
        operation="udf_put",
        span="UDF_PUT",
    ),
    Kind(
        "truncate",
        lambda c, w, policy: c.truncate(NAMESPACE, w.name, policy=policy),
        lambda nothing: nothing,
        lambda w: None,
        "admin",
        _is_truncated,
        operation="truncate",
        span="TRUNCATE",
    ),
    Kind(
        "admin_create_user",
        lambda c, w, policy: c.admin_create_user(w.thing, "secret", ["read"], policy),
        lambda nothing: nothing,
        lambda w: None,
        "admin",
        _has_user,
        operation="admin_create_user",
        span="ADMIN_CREATE_USER",
        needs_security=True,
    ),
    Kind(
        "admin_query_user",
        lambda c, w, policy: c.admin_query_user_info(f"{w.name}_0", policy),
        lambda user: user["user"],
        lambda w: f"{w.name}_0",
        "admin",
        operation="admin_query_users",
        span="ADMIN_QUERY_USERS",
        needs_security=True,
    ),
]

KINDS = {kind.name: kind for kind in _KINDS}

# Every method of the clients, and the kind that has the same path through the library.
METHODS: dict[str, str] = {
    "get": "get",
    "select": "get",
    "exists": "get",
    "put": "put",
    "remove": "put",
    "touch": "put",
    "append": "put",
    "prepend": "put",
    "increment": "put",
    "remove_bin": "put",
    "operate": "operate",
    "operate_ordered": "operate",
    "apply": "apply",
    "batch_read": "batch_read",
    "batch_read(_dtype)": "batch_read_numpy",
    "batch_read_arrow": "batch_read_numpy",
    "batch_stream": "batch_stream",
    "batch_write": "batch_write",
    "batch_write_numpy": "batch_write",
    "batch_write_arrow": "batch_write",
    "batch_operate": "batch_write",
    "batch_remove": "batch_write",
    "batch_apply": "batch_write",
    "batch": "batch_mixed",
    "query.results": "query",
    "query.records": "query",
    "query.foreach": "query",
    "query.aggregate": "query",
    "query.to_numpy": "query_numpy",
    "query.numpy_chunks": "query_numpy",
    "query.to_arrow": "query_numpy",
    "query.operate_background": "query_background",
    "query.apply_background": "query_background",
    "info_random_node": "info",
    "info_node": "info",
    "ping": "info",
    "set_xdr_filter": "info",
    "info_all": "info_all",
    "namespaces": "info_all",
    "sets": "info_all",
    "indexes": "info_all",
    "query.explain": "info_all",
    "job_status": "info_all",
    "job_abort": "info_all",
    "index_create": "index_create",
    "index_integer_create": "index_create",
    "index_string_create": "index_create",
    "index_blob_create": "index_create",
    "index_geo2dsphere_create": "index_create",
    "index_set_create": "index_create",
    "index_remove": "index_create",
    "udf_put": "udf_put",
    "udf_remove": "udf_put",
    "udf_list": "info",
    "udf_get": "info",
    "truncate": "truncate",
    "admin_create_user": "admin_create_user",
    "admin_create_pki_user": "admin_create_user",
    "admin_drop_user": "admin_create_user",
    "admin_change_password": "admin_create_user",
    "admin_grant_roles": "admin_create_user",
    "admin_revoke_roles": "admin_create_user",
    "admin_create_role": "admin_create_user",
    "admin_drop_role": "admin_create_user",
    "admin_grant_privileges": "admin_create_user",
    "admin_revoke_privileges": "admin_create_user",
    "admin_set_whitelist": "admin_create_user",
    "admin_set_quotas": "admin_create_user",
    "admin_query_user_info": "admin_query_user",
    "admin_query_users_info": "admin_query_user",
    "admin_query_role": "admin_query_user",
    "admin_query_roles": "admin_query_user",
}

# What sends nothing by itself, or is what the situations are about.
NO_COMMANDS = {
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


def prepare(client: Client, kind: Kind, name: str, module: str, *, is_bulk: bool) -> None:
    """Makes what the kind's work reads or changes."""
    work = Work(name, 0, module)
    rows = client.batch_write([(key, {"n": 0}) for key in work.keys]).batch_records
    assert all(row.result == 0 for row in rows)
    if is_bulk and kind.bulk is not None:
        kind.bulk(client, work)
    if kind.name == "admin_query_user":
        client.admin_create_user(f"{name}_0", "secret", ["read"])


def clear_away(client: Client, kind: Kind, name: str, turns: int) -> None:
    """Removes what the kind's work has made, but for records."""
    for turn in range(turns):
        thing = f"{name}_{turn}"
        try:
            if kind.name == "index_create":
                client.index_remove(NAMESPACE, thing)
            elif kind.name == "udf_put":
                client.udf_remove(thing)
            elif kind.needs_security:
                client.admin_drop_user(thing)
        except AerospikeError:
            continue  # It was never made.
