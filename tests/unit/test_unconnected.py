"""A client that is not connected: every operation says so, wrong arguments come first."""

from collections.abc import Callable
from typing import Any

import pytest

import aerospike_py
from aerospike_py import Client, ClientError

KEY = ("test", "demo", "k")

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
    "info_all": lambda c: c.info_all("build"),
    "info_random_node": lambda c: c.info_random_node("build"),
}

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
}


@pytest.fixture
def client() -> Client:
    return aerospike_py.client({"hosts": [("127.0.0.1", 3000)]})


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_operations_need_a_connection(client: Client, operation: Callable[[Client], Any]) -> None:
    with pytest.raises(ClientError, match="not connected") as caught:
        operation(client)
    assert caught.value.result_code == -101


@pytest.mark.parametrize("operation", WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_wrong_arguments_come_first(client: Client, operation: Callable[[Client], Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        operation(client)


def test_every_method_is_tried() -> None:
    methods = {name for name in dir(Client) if not name.startswith("_")}
    assert methods - {"connect", "close", "is_connected"} == set(OPERATIONS)


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
