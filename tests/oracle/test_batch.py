"""Batches answer what those of the official client answer, row by row."""

import random
import uuid
from collections.abc import Iterator
from typing import Any

import aerospike as official
import pytest
from aerospike_helpers import expressions as their_expressions
from aerospike_helpers.operations import operations as their_operations

import aerospike_py
from aerospike_py import BatchRecord, Client, exp

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Key = tuple[str, str, Any]

KEYS = 60


@pytest.fixture(scope="module")
def theirs(server: Any) -> Iterator[Any]:
    client = official.client({"hosts": server.hosts}).connect()
    yield client
    client.close()


@pytest.fixture
def keys(client: Client, set_name: str) -> list[Key]:
    """Keys of every kind, in two namespaces and two sets; every third one has no record."""
    own = uuid.uuid4().hex
    dice = random.Random(7)
    keys: list[Key] = []
    for number in range(KEYS):
        name = [f"{own}-{number}", dice.getrandbits(62), f"{own}-{number}".encode()][number % 3]
        keys.append((["test", "bar"][number % 2], set_name + ["", "_2"][number % 5 == 0], name))
    for number, key in enumerate(keys):
        if number % 3:
            bins = {"n": number, "text": f"t{number}", "f": number / 2}
            if number % 7 == 0:
                bins["n"] = "not a number"  # Operations on it fail.
            client.put(key, bins, meta={"ttl": 1000 if number % 4 else -1})
    return keys


def for_them(keys: list[Key]) -> list[Any]:
    # The official client knows blobs as bytearray; of bytes it makes a kind of its own.
    return [(*k[:2], bytearray(k[2]) if isinstance(k[2], bytes) else k[2]) for k in keys]


def compare(ours: list[BatchRecord], theirs: Any) -> None:
    assert theirs.result in (0, -16)  # -16: a row failed.
    assert len(ours) == len(theirs.batch_records)
    for our, their in zip(ours, theirs.batch_records, strict=True):
        assert our.result == their.result
        assert our.in_doubt == their.in_doubt
        if our.result:
            assert our.record is None
            continue
        their_key, their_meta, *their_bins = their.record
        assert our.record is not None
        assert our.key.digest == bytes(their_key[3])
        assert our.meta is not None
        assert our.meta.gen == their_meta["gen"]
        assert abs(our.meta.ttl - their_meta["ttl"]) <= 1
        assert our.bins == (their_bins[0] if their_bins else {})


def test_reads(client: Client, theirs: Any, keys: list[Key]) -> None:
    order = [*keys, *reversed(keys), *keys[:5]]
    ours = client.batch_read(order).batch_records
    compare(ours, theirs.batch_read(for_them(order)))
    assert {row.result for row in ours} == {0, 2}


@pytest.mark.parametrize("bins", [["n"], ["text", "absent", "f"], ["absent"]])
def test_reads_of_some_bins(client: Client, theirs: Any, keys: list[Key], bins: list[str]) -> None:
    compare(client.batch_read(keys, bins).batch_records, theirs.batch_read(for_them(keys), bins))


def test_reads_of_metadata_alone(client: Client, theirs: Any, keys: list[Key]) -> None:
    compare(client.batch_read(keys, []).batch_records, theirs.batch_read(for_them(keys), []))


def test_filtered_reads(server: Any, client: Client, theirs: Any, keys: list[Key]) -> None:
    ours = exp.gt(exp.float_bin("f"), exp.float_val(15.0))
    compiled = their_expressions.GT(their_expressions.FloatBin("f"), 15.0).compile()
    rows = client.batch_read(keys, policy={"expressions": ours}).batch_records
    compare(rows, theirs.batch_read(for_them(keys), None, {"expressions": compiled}))
    assert {row.result for row in rows} == {0, 2, 27}


def test_operations(client: Client, theirs: Any, keys: list[Key]) -> None:
    # Generations and values go up by one with each: ours first, then theirs, in turns.
    ops: list[dict[str, Any]] = [
        {"op": aerospike_py.OPERATOR_INCR, "bin": "n", "val": 0},
        {"op": aerospike_py.OPERATOR_APPEND, "bin": "text", "val": ""},
        {"op": aerospike_py.OPERATOR_READ, "bin": "n"},
        {"op": aerospike_py.OPERATOR_READ, "bin": "text"},
    ]
    existing = [key for number, key in enumerate(keys) if number % 3]
    ours = client.batch_operate(existing, ops)
    reply = theirs.batch_operate(
        for_them(existing),
        [
            their_operations.increment("n", 0),
            their_operations.append("text", ""),
            their_operations.read("n"),
            their_operations.read("text"),
        ],
    )
    results = {row.result for row in ours.batch_records}
    assert results == {0, 12}
    for our, their in zip(ours.batch_records, reply.batch_records, strict=True):
        assert our.result == their.result
        if our.result == 0:
            assert our.bins == their.record[2]
            assert our.meta is not None
            assert our.meta.gen == their.record[1]["gen"] - 1


def test_operations_that_only_read(client: Client, theirs: Any, keys: list[Key]) -> None:
    ours = client.batch_operate(keys, [{"op": aerospike_py.OPERATOR_READ, "bin": "text"}])
    reply = theirs.batch_operate(for_them(keys), [their_operations.read("text")])
    compare(ours.batch_records, reply)


def test_removals(client: Client, theirs: Any, keys: list[Key]) -> None:
    half = KEYS // 2
    ours = client.batch_remove(keys[:half])
    reply = theirs.batch_remove(for_them(keys[half:]))
    expected = [2, 0, 0] * (half // 3)
    assert [row.result for row in ours.batch_records] == expected
    assert [row.result for row in reply.batch_records] == expected
    assert {row.result for row in client.batch_read(keys)} == {2}


def test_writes_are_read_by_the_official_client(
    client: Client, theirs: Any, keys: list[Key]
) -> None:
    records: Any = [(key, {"v": [n, {"k": f"{n}"}]}, {"ttl": 500}) for n, key in enumerate(keys)]
    assert {row.result for row in client.batch_write(records)} == {0}
    for number, row in enumerate(theirs.batch_read(for_them(keys), ["v"]).batch_records):
        _, meta, bins = row.record
        assert bins == {"v": [number, {"k": f"{number}"}]}
        assert 490 <= meta["ttl"] <= 500
