"""Many records at once: read, written, operated on, removed, in one mixture."""

import asyncio
import gc
import itertools
import uuid
from typing import Any

import numpy as np
import pytest

import aerospike_py
from aerospike_py import (
    AerospikeError,
    AsyncClient,
    BatchRecords,
    BatchResults,
    Client,
    InvalidArgError,
    batch,
    exp,
)
from aerospike_py._native import completions
from aerospike_py._requests import policies
from aerospike_py._results import BatchDecoder
from aerospike_py._validate import Boolean
from aerospike_py.types import AerospikeKey, Record, RecordMetadata

Key = tuple[str, str, Any]

NEVER_EXPIRES = 2**32 - 1
INCREMENT = {"op": aerospike_py.OPERATOR_INCR, "bin": "n", "val": 1}
READ = {"op": aerospike_py.OPERATOR_READ, "bin": "n"}
COMPARES: aerospike_py.BatchPolicy = {"gen": aerospike_py.POLICY_GEN_EQ}


@pytest.fixture
def keys(set_name: str) -> list[Key]:
    """Ten keys that nothing is stored under."""
    own = uuid.uuid4().hex
    return [("test", set_name, f"{own}-{number}") for number in range(10)]


@pytest.fixture
def stored(client: Client, keys: list[Key]) -> list[Key]:
    """Ten keys with a record each: {"n": number, "s": text}."""
    rows = client.batch_write([(key, {"n": n, "s": f"s{n}"}) for n, key in enumerate(keys)])
    assert codes(rows) == [0] * 10
    return keys


def codes(rows: BatchRecords) -> list[int]:
    return [row.result for row in rows]


def bins(rows: BatchRecords) -> list[Any]:
    return [row.bins for row in rows]


def test_reading(client: Client, stored: list[Key]) -> None:
    records = client.batch_read(stored)
    assert type(records) is BatchRecords
    assert type(records.batch_records) is list
    assert len(records) == 10
    for number, row in enumerate(records):
        assert (row.result, row.in_doubt) == (0, False)
        assert type(row.record) is Record
        key, meta, values = row.record
        assert type(key) is AerospikeKey
        assert key[:3] == stored[number]
        assert type(meta) is RecordMetadata
        assert (meta["gen"], meta.ttl) == (1, NEVER_EXPIRES)
        assert values == {"n": number, "s": f"s{number}"}
        assert client.get(key) == row.record


def test_the_order_is_that_of_the_request(client: Client, stored: list[Key]) -> None:
    order = [7, 0, 3, 3, 9, 7, 1]
    rows = client.batch_read([stored[number] for number in order])
    assert [row.bins and row.bins["n"] for row in rows] == order
    assert [row.key[:3] for row in rows] == [stored[number] for number in order]


def test_missing_records_are_rows(client: Client, stored: list[Key], key: Key) -> None:
    rows = client.batch_read([stored[0], key, stored[1], key])
    assert codes(rows) == [0, 2, 0, 2]
    missing = rows.batch_records[1]
    assert (missing.record, missing.meta, missing.bins) == (None, None, None)
    assert missing.key[:3] == key
    assert len(missing.key.digest) == 20
    assert codes(client.batch_read([key])) == [2]


def test_some_bins(client: Client, stored: list[Key], key: Key) -> None:
    assert bins(client.batch_read(stored[:2], ["n"])) == [{"n": 0}, {"n": 1}]
    assert bins(client.batch_read(stored[:2], ["s", "absent"])) == [{"s": "s0"}, {"s": "s1"}]
    assert bins(client.batch_read([stored[0], key], ["absent"])) == [{}, None]


def test_no_bins_is_a_question_of_existence(client: Client, stored: list[Key], key: Key) -> None:
    rows = client.batch_read([stored[0], key], [])
    assert codes(rows) == [0, 2]
    assert bins(rows) == [{}, None]
    assert rows.batch_records[0].meta == (1, NEVER_EXPIRES)


def test_no_keys(client: Client) -> None:
    assert list(client.batch_read([])) == []
    assert list(client.batch_read([], ["a"])) == []
    assert list(client.batch_write([])) == []
    assert client.batch_operate([], [INCREMENT]) == []
    assert client.batch_remove([]) == []
    assert list(client.batch([])) == []
    assert len(client.batch_read([], _dtype=[("n", "i4")])) == 0


def test_kinds_of_keys(client: Client, stored: list[Key], set_name: str) -> None:
    full = [row.key for row in client.batch_read(stored)]
    digests = [(key.namespace, key.set_name, None, key.digest) for key in full]
    assert bins(client.batch_read(full)) == bins(client.batch_read(stored))
    assert bins(client.batch_read(digests)) == bins(client.batch_read(stored))
    assert bins(client.batch_read(key for key in stored)) == bins(client.batch_read(stored))
    assert bins(client.batch_read(tuple(stored))) == bins(client.batch_read(stored))
    alike: list[Key] = [("test", set_name, value) for value in ("5", 5, b"5")]
    client.batch_write([(key, {"v": repr(key[2])}) for key in alike])
    rows = client.batch_read(alike)
    assert bins(rows) == [{"v": "'5'"}, {"v": "5"}, {"v": "b'5'"}]
    assert [type(row.key.user_key) for row in rows] == [str, int, bytes]
    assert client.batch_remove(alike)


def test_several_namespaces_and_sets(client: Client, keys: list[Key], set_name: str) -> None:
    name = keys[0][2]
    places: list[Key] = [
        ("test", set_name, name),
        ("bar", set_name, name),
        ("test", f"{set_name}_2", name),
        ("test", "", name),
        ("bar", "", name),
        ("test", set_name, name),
    ]
    rows = client.batch_write([(key, {"n": n}) for n, key in enumerate(places[:5])])
    assert codes(rows) == [0] * 5
    try:
        assert bins(client.batch_read(places)) == [{"n": n} for n in (0, 1, 2, 3, 4, 0)]
        values = client.batch_read(places, _dtype=[("n", "i4")]).batch_records["n"]
        assert values.tolist() == [0, 1, 2, 3, 4, 0]
    finally:
        removed = client.batch_remove(places[:5])
    assert codes(BatchRecords(removed.batch_records)) == [0] * 5


def test_an_unknown_namespace(client: Client, stored: list[Key]) -> None:
    rows = client.batch_read([stored[0], ("no_such_ns", "s", "k"), stored[1]])
    assert codes(rows) == [0, 20, 0]
    with pytest.raises(AerospikeError, match="no_such_ns") as caught:
        client.batch_read([("no_such_ns", "s", "k"), ("no_such_ns", "s", "l")])
    assert caught.value.result_code == 20


def test_a_filter(client: Client, stored: list[Key], key: Key) -> None:
    odd = exp.eq(exp.num_mod(exp.int_bin("n"), exp.int_val(2)), exp.int_val(1))
    for expression in (odd, exp.compile(odd)):
        for name in ("expressions", "filter_expression"):
            policy: Any = {name: expression}
            assert codes(client.batch_read([*stored[:4], key], policy=policy)) == [27, 0, 27, 0, 2]
    results = client.batch_operate(stored[:4], [INCREMENT, READ], {"expressions": odd})
    assert [record.bins for record in results] == [None, {"n": 2}, None, {"n": 4}]
    removed = client.batch_remove(stored[:2], {"filter_expression": exp.not_(odd)})
    assert [row.result for row in removed.batch_records] == [0, 0]
    numpy = client.batch_read(stored, policy={"expressions": odd}, _dtype=[("n", "i4")])
    assert numpy.result_codes.tolist() == [2, 2, 27, 27, 27, 0, 27, 0, 27, 0]


def test_a_filter_of_single_operations(client: Client, key: Key) -> None:
    client.put(key, {"n": 1})
    false = exp.gt(exp.int_bin("n"), exp.int_val(1))
    operations: list[Any] = [
        lambda policy: client.get(key, policy),
        lambda policy: client.select(key, ["n"], policy),
        lambda policy: client.put(key, {"n": 5}, policy=policy),
        lambda policy: client.increment(key, "n", 1, policy=policy),
        lambda policy: client.touch(key, policy=policy),
        lambda policy: client.remove(key, policy=policy),
        lambda policy: client.operate(key, [INCREMENT], policy=policy),
    ]
    for operation in operations:
        with pytest.raises(aerospike_py.FilteredOut) as caught:
            operation({"expressions": false})
        assert caught.value.result_code == 27
    assert client.get(key, {"expressions": exp.not_(false)}).bins == {"n": 1}


def test_writing(client: Client, keys: list[Key]) -> None:
    rows = client.batch_write(
        [
            (keys[0], {"a": 1, "b": "x"}),
            (keys[1], {"a": [1, {"k": b"v"}], "f": 1.5}, {"ttl": 1000}),
            (keys[2], {"a": None}),
        ]
    )
    assert codes(rows)[:2] == [0, 0]
    assert [row.key[:3] for row in rows] == keys[:3]
    assert rows.batch_records[0].record == (rows.batch_records[0].key, (1, NEVER_EXPIRES), {})
    read = client.batch_read(keys[:3])
    assert bins(read) == [{"a": 1, "b": "x"}, {"a": [1, {"k": b"v"}], "f": 1.5}, None]
    meta = read.batch_records[1].meta
    assert meta is not None
    assert 990 <= meta.ttl <= 1000
    client.batch_write([(keys[0], {"a": None, "c": True})])
    assert client.get(keys[0]).bins == {"b": "x", "c": True}


def test_a_rows_time_to_live_goes_before_the_policys(client: Client, keys: list[Key]) -> None:
    client.batch_write([(keys[0], {"a": 1}, {"ttl": 100}), (keys[1], {"a": 1})], {"ttl": 5000})
    ttls = [row.meta.ttl for row in client.batch_read(keys[:2], []) if row.meta]
    assert 90 <= ttls[0] <= 100
    assert 4990 <= ttls[1] <= 5000


def test_writes_that_fail_leave_the_others_alone(client: Client, stored: list[Key]) -> None:
    create: aerospike_py.BatchPolicy = {"exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY}
    new = (*stored[0][:2], uuid.uuid4().hex)
    rows = client.batch_write([(stored[0], {"n": 99}), (new, {"n": 1})], create)
    assert codes(rows) == [5, 0]
    assert rows.batch_records[0].record is None
    assert isinstance(rows.batch_records[0].error, aerospike_py.RecordExistsError)
    assert bins(client.batch_read([stored[0], new], ["n"])) == [{"n": 0}, {"n": 1}]
    large = b"x" * (9 * 1024 * 1024)
    rows = client.batch_write([(stored[0], {"large": large}), (stored[1], {"n": 100})])
    assert codes(rows) == [13, 0]


def test_expected_generations(client: Client, stored: list[Key]) -> None:
    records: Any = [(stored[0], {"n": 5}, {"gen": 1}), (stored[1], {"n": 5}, {"gen": 7})]
    assert codes(client.batch_write(records, COMPARES)) == [0, 3]
    assert bins(client.batch_read(stored[:2], ["n"])) == [{"n": 5}, {"n": 1}]
    assert codes(client.batch_write(records)) == [0, 0]


def test_rows_with_policies_of_their_own(client: Client, stored: list[Key], set_name: str) -> None:
    new = ("test", set_name, uuid.uuid4().hex)
    create: Any = {"exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY}
    is_five = exp.eq(exp.int_bin("n"), exp.int_val(5))
    rows = client.batch(
        [
            batch.write(stored[0], {"n": 100}, policy=create),
            batch.write(new, {"n": 100}, {"ttl": 300}, {**create, "ttl": 600, "key": 1}),
            batch.write(stored[1], {"n": 101}, {"gen": 1}, {"gen": aerospike_py.POLICY_GEN_EQ}),
            batch.write(stored[2], {"n": 102}, {"gen": 9}, {"gen": aerospike_py.POLICY_GEN_EQ}),
            batch.write(stored[3], {"m": 103}, policy={"exists": 2}),
            batch.remove(stored[4], policy={"expressions": is_five}),
            batch.remove(stored[5], {"gen": 1}, {"gen": aerospike_py.POLICY_GEN_EQ}),
            batch.operate(stored[6], [INCREMENT, READ], {"ttl": 60}, {"expressions": is_five}),
            batch.read(stored[7], ["n"], {"expressions": is_five}),
            batch.exists(stored[8]),
        ]
    )
    assert codes(rows) == [5, 0, 0, 3, 0, 27, 0, 27, 27, 0]
    after = client.batch_read([*stored[:8], new])
    n = [row.bins.get("n") if row.bins else None for row in after]
    assert n == [0, 101, 2, None, 4, None, 6, 7, 100]
    assert after.batch_records[3].bins == {"m": 103}
    meta = after.batch_records[8].meta
    assert meta is not None
    assert 590 <= meta.ttl <= 600
    where = client.query("test", set_name).results(
        {"expressions": exp.eq(exp.int_bin("n"), exp.int_val(100))}
    )
    assert new[2] in {record.key[2] for record in where if record.key is not None}


def test_the_core_knows_every_key_of_a_rows_policy(client: Client, key: Key) -> None:
    make = {
        "read": lambda policy: batch.read(key, policy=policy),
        "write": lambda policy: batch.write(key, {"n": 1}, {"gen": 1}, policy),
        "operate": lambda policy: batch.operate(key, [INCREMENT], {"gen": 1}, policy),
        "remove": lambda policy: batch.remove(key, {"gen": 1}, policy),
        "apply": lambda policy: batch.apply(key, "nowhere", "nothing", [], policy),
    }
    assert make.keys() == policies._ROWS.keys()
    rows = [
        make[kind]({name: True if isinstance(rule, Boolean) else 1})
        for kind, rules in policies._ROWS.items()
        for name, (_, rule) in rules.items()
    ]
    # Of a key that it does not know it says so at once, and sends nothing.
    assert len(client.batch(rows)) == len(rows) > 20


def test_a_rows_policy_goes_before_the_batchs(client: Client, stored: list[Key]) -> None:
    nobody = exp.eq(exp.int_bin("n"), exp.int_val(-1))
    everybody = exp.ge(exp.int_bin("n"), exp.int_val(0))
    policy: Any = {"expressions": nobody, "exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY}
    rows = client.batch(
        [
            batch.read(stored[0], ["n"]),
            batch.read(stored[1], ["n"], {"expressions": everybody}),
            batch.write(stored[2], {"n": 5}, policy={"exists": 0, "expressions": everybody}),
            batch.write(stored[3], {"n": 5}, policy={"expressions": everybody}),
        ],
        policy,
    )
    assert codes(rows) == [27, 0, 0, 5]
    written = client.batch_write(
        [
            (stored[4], {"n": 44}, None, {"exists": 0, "expressions": everybody}),
            (stored[5], {"n": 55}),
        ],
        policy,
    )
    assert written.batch_records[0].result == 0
    assert written.batch_records[1].result in (5, 27)
    assert bins(client.batch_read(stored[4:6], ["n"])) == [{"n": 44}, {"n": 5}]


def test_a_time_to_live_is_not_for_rows_that_read(client: Client, stored: list[Key]) -> None:
    rows = client.batch([batch.operate(stored[0], [READ], {"ttl": 3600, "gen": 9})], COMPARES)
    assert codes(rows) == [0]
    assert bins(rows) == [{"n": 0}]


def test_operating(client: Client, stored: list[Key], key: Key) -> None:
    results = client.batch_operate([*stored[:3], key], [INCREMENT, READ])
    assert type(results) is BatchResults
    assert isinstance(results, list)
    assert [record.bins for record in results] == [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 1}]
    assert all(type(record) is Record for record in results)
    assert [record.meta and record.meta.gen for record in results] == [2, 2, 2, 1]
    assert [record.key and record.key[:3] for record in results] == [*stored[:3], key]
    assert [row.result for row in results.batch_records] == [0] * 4


def test_operations_that_only_write_have_no_results(client: Client, stored: list[Key]) -> None:
    assert [record.bins for record in client.batch_operate(stored[:2], [INCREMENT])] == [{}, {}]


def test_operations_that_only_read(client: Client, stored: list[Key], key: Key) -> None:
    results = client.batch_operate([stored[0], key], [READ, {**READ, "bin": "s"}])
    assert [record.bins for record in results] == [{"n": 0, "s": "s0"}, None]
    assert [row.result for row in results.batch_records] == [0, 2]
    assert client.exists(key).meta is None


def test_operations_that_fail_leave_the_others_alone(client: Client, stored: list[Key]) -> None:
    client.put(stored[1], {"n": "text"})
    results = client.batch_operate(stored[:3], [INCREMENT, READ])
    assert [record.bins for record in results] == [{"n": 1}, None, {"n": 3}]
    assert results[1].meta is None
    assert results[1].key is not None
    assert results[1].key[:3] == stored[1]
    assert [row.result for row in results.batch_records] == [0, 12, 0]
    assert isinstance(results.batch_records[1].error, aerospike_py.BinTypeError)


def test_removing(client: Client, stored: list[Key], key: Key) -> None:
    results = client.batch_remove([stored[0], key, stored[1]])
    assert type(results) is BatchResults
    assert [row.result for row in results.batch_records] == [0, 2, 0]
    assert [record.meta is None for record in results] == [False, True, False]
    assert codes(client.batch_read(stored, [])) == [2, 2, *[0] * 8]


def test_a_mixture(client: Client, stored: list[Key], key: Key) -> None:
    rows = client.batch(
        [
            batch.read(stored[0]),
            batch.write(key, {"a": 1}, {"ttl": 500}),
            batch.read(stored[1], ["s"]),
            batch.operate(stored[2], [INCREMENT, READ]),
            batch.remove(stored[3]),
            batch.exists(stored[4]),
            batch.read((*key[:2], "no such record")),
        ]
    )
    assert codes(rows) == [0, 0, 0, 0, 0, 0, 2]
    assert bins(rows) == [{"n": 0, "s": "s0"}, {}, {"s": "s1"}, {"n": 3}, {}, {}, None]
    assert client.exists(stored[3]).meta is None
    meta = client.exists(key).meta
    assert meta is not None
    assert 490 <= meta.ttl <= 500
    conditional = [
        batch.write(key, {"a": 2}, {"gen": 9}),
        batch.remove(stored[4], {"gen": 1}),
        batch.operate(stored[5], [INCREMENT], {"gen": 9}),
    ]
    assert codes(client.batch(conditional, COMPARES)) == [3, 0, 3]


def test_policies(client: Client, stored: list[Key], key: Key) -> None:
    policies: list[aerospike_py.BatchPolicy] = [
        {},
        {"total_timeout": 5000, "socket_timeout": 1000, "max_retries": 1},
        {"allow_inline": False},
        {"allow_inline_ssd": True},
        {"concurrent": False},
        {"replica": aerospike_py.POLICY_REPLICA_MASTER},
        {"read_mode_ap": aerospike_py.POLICY_READ_MODE_AP_ALL},
    ]
    for policy in policies:
        assert codes(client.batch_read([*stored, key], policy=policy)) == [*[0] * 10, 2]
        assert codes(client.batch_write([(k, {"n": 1}) for k in stored], policy)) == [0] * 10
    sent: aerospike_py.BatchPolicy = {"key": aerospike_py.POLICY_KEY_SEND}
    assert codes(client.batch_write([(key, {"n": 1})], sent)) == [0]
    with pytest.raises(InvalidArgError, match="respond_all_keys"):
        client.batch_read(stored, policy={"respond_all": True})  # type: ignore[typeddict-unknown-key]


def test_not_all_keys_need_a_response(client: Client, stored: list[Key], key: Key) -> None:
    policy: aerospike_py.BatchPolicy = {"respond_all_keys": False}
    assert codes(client.batch_read(stored, policy=policy)) == [0] * 10
    rows = client.batch_read([*stored, key], policy=policy)
    assert codes(rows)[:10] == [0] * 10 or 2 in codes(rows)


def test_a_large_batch(client: Client, keys: list[Key]) -> None:
    own = keys[0][2]
    many: list[Key] = [("test", keys[0][1], f"{own}-{number}") for number in range(20_000)]
    rows = client.batch_write([(key, {"n": n, "s": "x" * 20}) for n, key in enumerate(many)])
    assert codes(rows) == [0] * len(many)
    rows = client.batch_read(many)
    assert [row.bins and row.bins["n"] for row in rows] == list(range(len(many)))
    values = client.batch_read(many, _dtype=[("n", "i4"), ("s", "S20")])
    assert values.batch_records["n"].tolist() == list(range(len(many)))
    removed = client.batch_remove(many)
    assert all(row.result == 0 for row in removed.batch_records)


def test_a_hundred_thousand_keys(client: Client, stored: list[Key]) -> None:
    absent = [("test", stored[0][1], f"absent-{number}") for number in range(100_000)]
    rows = client.batch_read([*absent[:50_000], *stored, *absent[50_000:]])
    assert len(rows) == 100_010
    assert [row.result for row in rows.batch_records[50_000:50_010]] == [0] * 10
    assert sum(row.result == 2 for row in rows) == 100_000


def test_numpy(client: Client, stored: list[Key], key: Key) -> None:
    records = client.batch_read([*stored[:2], key], _dtype=[("n", "i4"), ("s", "S4")])
    assert records.batch_records.tolist() == [(0, b"s0"), (1, b"s1"), (0, b"")]
    assert records.result_codes.tolist() == [0, 0, 2]
    assert records.meta["gen"].tolist() == [1, 1, 0]
    only = client.batch_read(stored[:2], ["n"], _dtype=[("n", "i4"), ("s", "S4")])
    assert only.batch_records.tolist() == [(0, b""), (1, b"")]
    with pytest.raises(OverflowError, match="'s'"):
        client.batch_read(stored[:1], _dtype=[("s", "S1")])
    zero = client.batch_read(stored[:1], _dtype=[("s", "S1")], errors="zero")
    assert zero.result_codes.tolist() == [-104]
    with pytest.raises(TypeError, match="kind='U'"):
        client.batch_read(stored[:1], _dtype=[("s", "U4")])


def test_numpy_rows_become_records(client: Client, set_name: str) -> None:
    rows = np.array([(1, 10, 0.5), (2, 20, 1.5)], [("id", "i8"), ("n", "i4"), ("f", "f8")])
    written = client.batch_write_numpy(
        rows, "test", set_name, key_field="id", meta={"ttl": 300, "gen": 5}
    )
    assert codes(written) == [0, 0]
    read = client.batch_read([("test", set_name, 1), ("test", set_name, 2)])
    assert bins(read) == [{"n": 10, "f": 0.5}, {"n": 20, "f": 1.5}]
    assert all(row.meta and 290 <= row.meta.ttl <= 300 for row in read)
    again = client.batch_write_numpy(
        rows, "test", set_name, "id", {"gen": written.batch_records[0].meta.gen + 1}, COMPARES
    )
    assert codes(again) == [3, 3]


async def test_batches_of_many_tasks(server: Any, stored: list[Key]) -> None:
    # As many connections, and with TLS handshakes, on a machine that may be busy.
    patient = {**server.config, "policies": {"batch": {"total_timeout": 20_000}}}
    async with AsyncClient(patient) as client:
        await client.connect()

        async def read(number: int) -> bool:
            own = stored[number % 10 :] + stored[: number % 10]
            rows = await client.batch_read(own)
            return [row.bins and row.bins["n"] for row in rows] == [
                (number + index) % 10 for index in range(10)
            ]

        assert all(await asyncio.gather(*(read(number) for number in range(200))))


async def test_other_tasks_have_their_turn_while_a_large_batch_is_decoded(
    server: Any, stored: list[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = stored * 2000
    async with AsyncClient(server.config) as client:
        await client.connect()
        turns = 0

        async def take_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(take_turns())
        steps: list[int] = []
        step = completions._step

        def noted(*args: Any) -> None:
            steps.append(turns)
            step(*args)

        with monkeypatch.context() as patched:
            patched.setattr(completions, "_step", noted)
            rows = await client.batch_read(many)
        task.cancel()
        assert [row.bins and row.bins["n"] for row in rows] == list(range(10)) * 2000
        assert len(steps) > len(many) // BatchDecoder.step_rows
        assert all(later > earlier for earlier, later in itertools.pairwise(steps))


async def test_a_batch_that_nobody_waits_for_any_more(server: Any, stored: list[Key]) -> None:
    many = stored * 200
    async with AsyncClient(server.config) as client:
        await client.connect()
        for dtype in (None, [("n", "i4"), ("s", "S4")]):
            for _ in range(20):
                task = asyncio.ensure_future(client.batch_read(many, _dtype=dtype))
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                del task
                gc.collect()
            assert codes(await client.batch_read(stored)) == [0] * 10
    assert completions._owners == {}


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_a_client_dropped_while_arrays_are_filled(server: Any, stored: list[Key]) -> None:
    client = AsyncClient(server.config)
    await client.connect()
    task = asyncio.ensure_future(client.batch_read(stored * 500, _dtype=[("n", "i4")]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del client, task
    gc.collect()
    while completions._owners:  # The loop closes it in one of its next rounds.
        await asyncio.sleep(0)
    async with AsyncClient(server.config) as other:
        await other.connect()
        records = await other.batch_read(stored, _dtype=[("n", "i4")])
        assert records.batch_records["n"].tolist() == list(range(10))


def test_the_digests_of_a_batch_are_those_of_single_keys(client: Client, key: Key) -> None:
    user_keys: list[str | int | bytes] = [*range(-20, 20), *("k" * n for n in range(70)), b"\x00"]
    places = [("test", "demo"), ("test", ""), ("test", "a-set-with-another-name")]
    keys: list[Key] = [(*place, user_key) for user_key in user_keys for place in places]
    keys += [(*places[0], user_key) for user_key in user_keys]  # Side by side in one place.
    rows = client.batch_read(keys, [])
    assert [row.key.digest for row in rows] == [client.exists(each).key.digest for each in keys]
    assert [row.key[:3] for row in rows] == keys
