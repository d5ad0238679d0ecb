"""Truncation."""

import time
from typing import Any

import pytest

from aerospike_py import AerospikeError, Client, InvalidArgError, ServerError

NAMESPACE = "test"


def fill(client: Client, set_name: str, numbers: Any) -> None:
    for number in numbers:
        client.put((NAMESPACE, set_name, number), {"n": number})


def left(client: Client, set_name: str, count: int) -> list[int]:
    """What is in a set, as soon as there are so many: nodes truncate one after the other."""
    deadline = time.monotonic() + 10
    while True:
        records = client.query(NAMESPACE, set_name).results()
        if len(records) == count or time.monotonic() > deadline:
            return sorted((record.bins or {})["n"] for record in records)
        time.sleep(0.01)


def test_a_set_is_emptied_and_no_other(client: Client, key: tuple[str, str, str]) -> None:
    one, other = f"{key[1]}_{key[2][:6]}a", f"{key[1]}_{key[2][:6]}b"
    fill(client, one, range(50))
    fill(client, other, range(5))
    client.truncate(NAMESPACE, one)
    assert left(client, one, 0) == []
    assert left(client, other, 5) == list(range(5))
    # The set takes new records at once.
    fill(client, one, range(3))
    assert left(client, one, 3) == [0, 1, 2]


def test_records_that_are_older_than_a_time(client: Client, key: tuple[str, str, str]) -> None:
    set_name = f"{key[1]}_{key[2][:6]}c"
    fill(client, set_name, range(10))
    time.sleep(0.05)
    cutoff = time.time_ns()
    time.sleep(0.05)
    fill(client, set_name, range(10, 15))
    client.truncate(NAMESPACE, set_name, nanos=cutoff)
    assert left(client, set_name, 5) == list(range(10, 15))


def test_a_time_in_the_future(client: Client, key: tuple[str, str, str]) -> None:
    with pytest.raises(AerospikeError, match="future") as caught:
        client.truncate(NAMESPACE, key[1], time.time_ns() + 3600 * 10**9)
    assert caught.value.result_code == 4


def test_a_set_that_does_not_exist(client: Client) -> None:
    client.truncate(NAMESPACE, "no_such_set_at_all")


def test_arguments(client: Client, key: tuple[str, str, str]) -> None:
    with pytest.raises(ServerError, match="nowhere"):
        client.truncate("nowhere", "demo")
    with pytest.raises(InvalidArgError):
        client.truncate(NAMESPACE, "a;b")
    with pytest.raises(InvalidArgError):
        client.truncate(NAMESPACE, key[1], -1)
    with pytest.raises(TypeError):
        client.truncate(NAMESPACE, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        client.truncate(NAMESPACE, key[1], 1.5)  # type: ignore[arg-type]
