"""Batches whose rows are handed out as nodes answer."""

import time
from typing import Any

import pytest

import aerospike_py
from aerospike_py import Client, InvalidArgError, batch

Key = tuple[str, str, int]

RECORDS = 12_000
"""More than each of three nodes is asked for at a time, and more than one chunk."""

PATIENT: aerospike_py.BatchPolicy = {"total_timeout": 60_000}


@pytest.fixture(scope="module")
def keys(set_prefix: str) -> list[Key]:
    return [("test", f"{set_prefix}stream", number) for number in range(RECORDS)]


@pytest.fixture(scope="module")
def stored(client: Client, keys: list[Key]) -> list[Key]:
    """With a record each: {"n": number, "s": a text}."""
    rows = client.batch_write([(key, {"n": key[2], "s": "x" * 100}) for key in keys], PATIENT)
    assert {row.result for row in rows} == {0}
    return keys


def in_use(client: Client) -> int:
    return sum(node.connections_in_use for node in client.stats())


def test_every_row_comes_once_as_a_batch_would_have_it(client: Client, stored: list[Key]) -> None:
    asked = [*stored, ("test", stored[0][1], -1)]
    with client.batch_stream(asked, ["n"], PATIENT) as stream:
        rows = {row.key: row for row in stream}
    together = client.batch_read(asked, ["n"], PATIENT).batch_records
    assert [rows.pop(row.key) for row in together] == together
    assert not rows
    assert in_use(client) == 0


def test_rows_of_all_kinds(client: Client, set_name: str) -> None:
    keys = [("test", set_name, number) for number in range(6)]
    client.batch_write([(key, {"n": 1}) for key in keys[:4]])
    asked = [
        batch.read(keys[0], ["n"]),
        batch.write(keys[1], {"n": 2}),
        batch.operate(keys[2], [{"op": aerospike_py.OPERATOR_READ, "bin": "n"}]),
        batch.remove(keys[3]),
        batch.exists(keys[4]),
        batch.write(keys[5], {"n": 3}, policy={"exists": aerospike_py.POLICY_EXISTS_UPDATE_ONLY}),
    ]
    rows = {row.key.user_key: row for row in client.batch_stream(asked)}
    assert {number: row.result for number, row in rows.items()} == {
        **dict.fromkeys(range(4), 0),
        4: 2,
        5: 2,
    }
    assert (rows[0].bins, rows[1].bins, rows[2].bins) == ({"n": 1}, {}, {"n": 1})
    assert not any(row.in_doubt for row in rows.values())
    assert client.get(keys[1]).bins == {"n": 2}


def test_what_is_closed_half_way_gives_its_connections_back(
    client: Client, stored: list[Key]
) -> None:
    stream = client.batch_stream(stored, policy=PATIENT)
    assert next(stream).result == 0
    stream.close()
    assert list(stream) == []
    deadline = time.monotonic() + 10
    while in_use(client):  # The loop's thread hears of it a little later.
        assert time.monotonic() < deadline
    stream.close()


def test_a_part_that_is_refused_for_a_while_is_asked_again(
    client: Client, stored: list[Key], server: Any
) -> None:
    if server.embedded is None:
        pytest.skip("needs a server that refuses")
    server.embedded.answer_with(18, count=1)  # Overloaded.
    asked = stored[:300]
    with client.batch_stream(asked, policy={"max_retries": 5}) as stream:
        assert [row.result for row in stream] == [0] * len(asked)


def test_the_time_of_who_takes_rows_is_not_the_policys(client: Client, stored: list[Key]) -> None:
    asked = stored[:4000]
    with client.batch_stream(asked, policy={"total_timeout": 1000, "max_retries": 0}) as stream:
        results = [next(stream).result]
        time.sleep(1.1)
        results += [row.result for row in stream]
    assert results == [0] * len(asked)


def test_nothing_is_an_empty_stream(client: Client) -> None:
    assert list(client.batch_stream([])) == []


def test_what_no_row_is_answered_of_is_raised(client: Client) -> None:
    with pytest.raises(aerospike_py.InvalidNamespace, match="'nowhere' is not found"):
        next(client.batch_stream([("nowhere", "s", 1)]))


def test_arguments_are_checked_before_anything_is_sent(client: Client, key: Any) -> None:
    with pytest.raises(InvalidArgError, match="bins are for keys"):
        client.batch_stream([batch.read(key)], ["n"])
    with pytest.raises(TypeError, match=r"rows\[1\] must be made by a function"):
        client.batch_stream([batch.read(key), key])
    with pytest.raises(TypeError, match="keys must be a list of keys, or of rows"):
        client.batch_stream(5)  # type: ignore[arg-type]
