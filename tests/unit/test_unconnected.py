"""A client that is not connected: every operation says so, wrong arguments come first."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import aerospike_py
from aerospike_py import AsyncClient, Client, ClientError, batch

KEY = ("test", "demo", "k")
OPS = [{"op": aerospike_py.OPERATOR_INCR, "bin": "n", "val": 1}]
ROWS = np.array([(1, 2)], dtype=[("_key", "i4"), ("n", "i4")])
FRAME = pa.table({"_key": [1], "a": [2]})
CONFIG: Any = {"hosts": [("127.0.0.1", 3000)]}

OPERATIONS: dict[str, Callable[[Client], Any]] = {
    "get": lambda c: c.get(KEY),
    "select": lambda c: c.select(KEY, ["a"]),
    "exists": lambda c: c.exists(KEY),
    "put": lambda c: c.put(KEY, {"a": 1}),
    "remove": lambda c: c.remove(KEY),
    "touch": lambda c: c.touch(KEY),
    "append": lambda c: c.append(KEY, "a", "x"),
    "prepend": lambda c: c.prepend(KEY, "a", "x"),
    "increment": lambda c: c.increment(KEY, "a", 1),
    "remove_bin": lambda c: c.remove_bin(KEY, ["a"]),
    "ping": lambda c: c.ping(),
    "get_node_names": lambda c: c.get_node_names(),
    "nodes": lambda c: c.nodes(),
    "stats": lambda c: c.stats(),
    "tls_stats": lambda c: c.tls_stats(),
    "namespaces": lambda c: c.namespaces(),
    "sets": lambda c: c.sets(),
    "indexes": lambda c: c.indexes("test"),
    "info_all": lambda c: c.info_all("build"),
    "info_random_node": lambda c: c.info_random_node("build"),
    "info_node": lambda c: c.info_node("build", "A1"),
    "operate": lambda c: c.operate(KEY, OPS),
    "operate_ordered": lambda c: c.operate_ordered(KEY, OPS),
    "batch_read": lambda c: c.batch_read([KEY]),
    "batch_read none": lambda c: c.batch_read([]),
    "batch_read numpy": lambda c: c.batch_read([KEY], _dtype=[("n", "i4")]),
    "batch_stream": lambda c: c.batch_stream([KEY]),
    "batch_write": lambda c: c.batch_write([(KEY, {"a": 1})]),
    "batch_write_numpy": lambda c: c.batch_write_numpy(ROWS, "test", "demo"),
    "batch_read_arrow": lambda c: c.batch_read_arrow([KEY], ["n"]),
    "batch_write_arrow": lambda c: c.batch_write_arrow(FRAME, "test", "demo"),
    "batch_operate": lambda c: c.batch_operate([KEY], OPS),
    "batch_remove": lambda c: c.batch_remove([KEY]),
    "batch_apply": lambda c: c.batch_apply([KEY], "module", "function"),
    "batch": lambda c: c.batch([batch.read(KEY)]),
    "query": lambda c: c.query("test", "demo"),
    "truncate": lambda c: c.truncate("test", "demo"),
    "apply": lambda c: c.apply(KEY, "module", "function"),
    "index_create": lambda c: c.index_create("test", "demo", "a", "i", 0),
    "index_integer_create": lambda c: c.index_integer_create("test", "demo", "a", "i"),
    "index_string_create": lambda c: c.index_string_create("test", "demo", "a", "i"),
    "index_blob_create": lambda c: c.index_blob_create("test", "demo", "a", "i"),
    "index_geo2dsphere_create": lambda c: c.index_geo2dsphere_create("test", "demo", "a", "i"),
    "index_set_create": lambda c: c.index_set_create("test", "demo", "i"),
    "index_remove": lambda c: c.index_remove("test", "i"),
    "set_xdr_filter": lambda c: c.set_xdr_filter("dc", "test", None),
    "udf_put": lambda c: c.udf_put("module.lua", source="-- nothing"),
    "udf_get": lambda c: c.udf_get("module"),
    "udf_list": lambda c: c.udf_list(),
    "udf_remove": lambda c: c.udf_remove("module"),
    "job_status": lambda c: c.job_status(1),
    "job_abort": lambda c: c.job_abort(1),
    "admin_create_user": lambda c: c.admin_create_user("u", "p", ["read"]),
    "admin_create_pki_user": lambda c: c.admin_create_pki_user("u", ["read"]),
    "admin_drop_user": lambda c: c.admin_drop_user("u"),
    "admin_change_password": lambda c: c.admin_change_password("u", "p"),
    "admin_grant_roles": lambda c: c.admin_grant_roles("u", ["read"]),
    "admin_revoke_roles": lambda c: c.admin_revoke_roles("u", ["read"]),
    "admin_query_user_info": lambda c: c.admin_query_user_info("u"),
    "admin_query_users_info": lambda c: c.admin_query_users_info(),
    "admin_create_role": lambda c: c.admin_create_role("r", [{"code": aerospike_py.PRIV_READ}]),
    "admin_drop_role": lambda c: c.admin_drop_role("r"),
    "admin_grant_privileges": lambda c: c.admin_grant_privileges(
        "r", [{"code": aerospike_py.PRIV_READ}]
    ),
    "admin_revoke_privileges": lambda c: c.admin_revoke_privileges(
        "r", [{"code": aerospike_py.PRIV_READ}]
    ),
    "admin_query_role": lambda c: c.admin_query_role("r"),
    "admin_query_roles": lambda c: c.admin_query_roles(),
    "admin_set_whitelist": lambda c: c.admin_set_whitelist("r", ["10.0.0.0/8"]),
    "admin_set_quotas": lambda c: c.admin_set_quotas("r", 1, 1),
}
# What touches no network.
OTHERS = {"connect", "close", "is_connected", "background_job"}

WRONG_ARGUMENTS: dict[str, Callable[[Client], Any]] = {
    "get": lambda c: c.get(None),  # type: ignore[arg-type]
    "select": lambda c: c.select(KEY, "a"),
    "exists": lambda c: c.exists("k"),  # type: ignore[arg-type]
    "put": lambda c: c.put(KEY, [1]),  # type: ignore[arg-type]
    "put value": lambda c: c.put(KEY, {"a": object()}),
    "put policy": lambda c: c.put(KEY, {"a": 1}, policy=5),  # type: ignore[arg-type]
    "remove": lambda c: c.remove(("test", "demo")),  # type: ignore[arg-type]
    "touch": lambda c: c.touch(KEY, "long"),  # type: ignore[arg-type]
    "append": lambda c: c.append(KEY, "a", 5),  # type: ignore[arg-type]
    "prepend": lambda c: c.prepend(KEY, 5, "x"),  # type: ignore[arg-type]
    "increment": lambda c: c.increment(KEY, "a", "1"),  # type: ignore[arg-type]
    "remove_bin": lambda c: c.remove_bin(KEY, "a"),
    "info_all": lambda c: c.info_all(5),  # type: ignore[arg-type]
    "info_random_node": lambda c: c.info_random_node("a\nb"),
    "operate no ops": lambda c: c.operate(KEY, []),
    "operate no op": lambda c: c.operate(KEY, [{"bin": "a"}]),
    "operate_ordered": lambda c: c.operate_ordered(KEY, "ops"),  # type: ignore[arg-type]
    "batch_read one key": lambda c: c.batch_read(KEY),  # type: ignore[call-overload]
    "batch_read str": lambda c: c.batch_read("keys"),  # type: ignore[call-overload]
    "batch_read a key": lambda c: c.batch_read([KEY, ("test", "demo")]),  # type: ignore[list-item]
    "batch_read bins": lambda c: c.batch_read([KEY], bins="a"),
    "batch_read dtype": lambda c: c.batch_read([KEY], _dtype=[("n", "U4")]),
    "batch_stream": lambda c: c.batch_stream([KEY, 5]),  # type: ignore[list-item]
    "batch_write": lambda c: c.batch_write([KEY]),  # type: ignore[list-item]
    "batch_write bins": lambda c: c.batch_write([(KEY, {"a": object()})]),
    "batch_write none": lambda c: c.batch_write([(KEY, {})]),
    "batch_write meta": lambda c: c.batch_write([(KEY, {"a": 1}, {"tll": 1})]),  # type: ignore[list-item]
    "batch_operate": lambda c: c.batch_operate([KEY], []),
    "batch_remove": lambda c: c.batch_remove(5),  # type: ignore[arg-type]
    "batch_apply": lambda c: c.batch_apply([KEY], "module", "function", "text"),
    "batch_apply function": lambda c: c.batch_apply([KEY], "module", ""),
    "batch": lambda c: c.batch([KEY]),  # type: ignore[list-item]
    "batch policy": lambda c: c.batch([batch.read(KEY)], {"tll": 1}),  # type: ignore[typeddict-unknown-key]
}


@pytest.fixture
def client() -> Client:
    return aerospike_py.client(CONFIG)


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[Any], Any]], Any]:
    """Runs an operation on a client that is not connected, of either kind."""
    if request.param == "sync":
        return lambda operation: operation(aerospike_py.client(CONFIG))

    async def run_async(operation: Callable[[Any], Any]) -> Any:
        result = operation(AsyncClient(CONFIG))
        return await result if inspect.isawaitable(result) else result

    return lambda operation: asyncio.run(run_async(operation))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_operations_need_a_connection(run: Any, operation: Callable[[Client], Any]) -> None:
    with pytest.raises(ClientError, match="not connected") as caught:
        run(operation)
    assert caught.value.result_code == -101


@pytest.mark.parametrize("operation", WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_wrong_arguments_come_first(run: Any, operation: Callable[[Client], Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        run(operation)


def public_methods(cls: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(getattr(cls, name)) for name in dir(cls) if not name.startswith("_")
    }


def test_every_method_is_tried() -> None:
    assert set(public_methods(Client)) - OTHERS == {name.split()[0] for name in OPERATIONS}


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    methods, async_methods = public_methods(Client), public_methods(AsyncClient)
    assert set(methods) == set(async_methods)
    for name, signature in methods.items():
        arguments = list(signature.parameters.values())[1:]
        assert arguments == list(async_methods[name].parameters.values())[1:], name


def test_the_asynchronous_client_is_awaited_where_there_is_something_to_wait_for() -> None:
    at_once = {"is_connected", "query", "background_job", "batch_stream"}
    for name in public_methods(AsyncClient):
        method = inspect.unwrap(getattr(AsyncClient, name))
        assert inspect.iscoroutinefunction(method) == (name not in at_once)


def test_closing_is_idempotent_and_needs_no_connection(client: Client) -> None:
    client.close()
    client.close()
    assert client.is_connected() is False


def test_the_context_manager_neither_connects_nor_hides_errors(client: Client) -> None:
    with client as entered:
        assert entered is client
        assert client.is_connected() is False
    assert client.__exit__(None, None, None) is False
    with pytest.raises(ZeroDivisionError), client:
        raise ZeroDivisionError
