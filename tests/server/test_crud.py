"""Writing, reading and removing records, one operation at a time."""

import contextlib
import threading
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    BinTypeError,
    Client,
    EnterpriseOnly,
    RecordError,
    RecordExistsError,
    RecordGenerationError,
    RecordNotFound,
    RecordTooBig,
)
from aerospike_py._requests import policies
from aerospike_py._validate import Choice
from aerospike_py.types import AerospikeKey, Record, RecordMetadata

Key = tuple[str, str, Any]

NEVER_EXPIRES = 2**32 - 1


def test_put_and_get(client: Client, key: Key) -> None:
    client.put(key, {"name": "Alice", "age": 30})
    record = client.get(key)
    assert type(record) is Record
    assert record.bins == {"name": "Alice", "age": 30}
    assert type(record.key) is AerospikeKey
    assert record.key[:3] == key
    assert len(record.key.digest) == 20
    assert type(record.meta) is RecordMetadata
    assert record.meta == (1, NEVER_EXPIRES)
    assert record.meta["gen"] == record.meta.gen == 1


def test_put_returns_none(client: Client, key: Key) -> None:
    assert client.put(key, {"a": 1}) is None  # type: ignore[func-returns-value]


def test_put_keeps_the_other_bins(client: Client, key: Key) -> None:
    client.put(key, {"a": 1, "b": 2})
    client.put(key, {"b": 3, "c": 4})
    record = client.get(key)
    assert record.bins == {"a": 1, "b": 3, "c": 4}
    assert record.meta is not None
    assert record.meta.gen == 2


def test_the_order_of_bins_is_stable(client: Client, key: Key) -> None:
    client.put(key, dict.fromkeys("zyxwabc", 1))
    first = list(client.get(key).bins or {})
    assert sorted(first) == sorted("zyxwabc")
    assert [list(client.get(key).bins or {}) for _ in range(3)] == [first] * 3


def test_none_removes_the_bin(client: Client, key: Key) -> None:
    client.put(key, {"a": 1, "b": 2})
    client.put(key, {"a": None})
    assert client.get(key).bins == {"b": 2}


def test_the_record_goes_with_its_last_bin(client: Client, key: Key) -> None:
    client.put(key, {"a": 1})
    client.put(key, {"a": None})
    assert client.exists(key).meta is None


def test_select(client: Client, key: Key) -> None:
    client.put(key, {"a": 1, "b": 2, "c": 3})
    record = client.select(key, ["a", "c", "absent"])
    assert record.bins == {"a": 1, "c": 3}
    assert record.meta == (1, NEVER_EXPIRES)
    assert client.select(key, ("b",)).bins == {"b": 2}


def test_select_of_absent_bins_only(client: Client, key: Key) -> None:
    client.put(key, {"a": 1})
    assert client.select(key, ["absent"]).bins == {}


def test_exists(client: Client, key: Key) -> None:
    result = client.exists(key)
    assert result.meta is None
    assert result.key is not None
    assert result.key[:3] == key
    client.put(key, {"a": 1})
    result = client.exists(key)
    assert result.meta == (1, NEVER_EXPIRES)
    assert result.key == client.get(key).key


@pytest.mark.parametrize(
    "operation",
    [
        lambda client, key: client.get(key),
        lambda client, key: client.select(key, ["a"]),
        lambda client, key: client.remove(key),
        lambda client, key: client.touch(key),
        lambda client, key: client.remove_bin(key, ["a"]),
    ],
    ids=["get", "select", "remove", "touch", "remove_bin"],
)
def test_a_missing_record_is_not_found(client: Client, key: Key, operation: Any) -> None:
    with pytest.raises(RecordNotFound) as caught:
        operation(client, key)
    assert caught.value.result_code == 2
    assert caught.value.in_doubt is False
    assert caught.value.node in client.get_node_names()


def test_remove(client: Client, key: Key) -> None:
    client.put(key, {"a": 1})
    client.remove(key)
    assert client.exists(key).meta is None
    client.put(key, {"a": 1})
    assert client.get(key).meta == (1, NEVER_EXPIRES)


def test_touch_renews_the_time_to_live(client: Client, key: Key) -> None:
    client.put(key, {"a": 1}, meta={"ttl": 100})
    client.touch(key, val=1000)
    record = client.get(key)
    assert record.bins == {"a": 1}
    assert record.meta is not None
    assert record.meta.gen == 2
    assert 990 <= record.meta.ttl <= 1000


def test_append_and_prepend(client: Client, key: Key) -> None:
    client.append(key, "name", "li")
    client.append(key, "name", "ce")
    client.prepend(key, "name", "A")
    assert client.get(key).bins == {"name": "Alice"}
    client.append(key, "blob", b"\x01")
    client.prepend(key, "blob", b"\x00")
    assert client.get(key).bins == {"name": "Alice", "blob": b"\x00\x01"}


def test_increment(client: Client, key: Key) -> None:
    client.increment(key, "counter", 3)
    client.increment(key, "counter", -5)
    client.increment(key, "score", 0.5)
    client.increment(key, "score", 0.25)
    assert client.get(key).bins == {"counter": -2, "score": 0.75}


@pytest.mark.parametrize(
    "operation",
    [
        lambda client, key: client.append(key, "n", "x"),
        lambda client, key: client.prepend(key, "n", b"x"),
        lambda client, key: client.increment(key, "s", 1),
        lambda client, key: client.increment(key, "n", 0.5),
    ],
    ids=["append", "prepend", "increment str", "increment by float"],
)
def test_an_operation_on_a_bin_of_another_type(client: Client, key: Key, operation: Any) -> None:
    client.put(key, {"n": 1, "s": "x"})
    with pytest.raises(BinTypeError):
        operation(client, key)
    assert client.get(key).bins == {"n": 1, "s": "x"}


def test_remove_bin(client: Client, key: Key) -> None:
    client.put(key, {"a": 1, "b": 2, "c": 3})
    client.remove_bin(key, ["a", "c", "absent"])
    assert client.get(key).bins == {"b": 2}
    client.remove_bin(key, ["b"])
    assert client.exists(key).meta is None


def test_exists_policies(client: Client, key: Key) -> None:
    update_only = {"exists": aerospike_py.POLICY_EXISTS_UPDATE_ONLY}
    create_only = {"exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY}
    replace_only = {"exists": aerospike_py.POLICY_EXISTS_REPLACE_ONLY}
    replace = {"exists": aerospike_py.POLICY_EXISTS_REPLACE}
    update = {"exists": aerospike_py.POLICY_EXISTS_UPDATE}
    ignore = {"exists": aerospike_py.POLICY_EXISTS_IGNORE}

    for policy in (update_only, replace_only):
        with pytest.raises(RecordNotFound):
            client.put(key, {"a": 1}, policy=policy)  # type: ignore[arg-type]
    client.put(key, {"a": 1}, policy=create_only)  # type: ignore[arg-type]
    with pytest.raises(RecordExistsError) as caught:
        client.put(key, {"a": 2}, policy=create_only)  # type: ignore[arg-type]
    assert caught.value.result_code == 5
    client.put(key, {"b": 2}, policy=update_only)  # type: ignore[arg-type]
    client.put(key, {"c": 3}, policy=update)  # type: ignore[arg-type]
    client.put(key, {"d": 4}, policy=ignore)  # type: ignore[arg-type]
    assert client.get(key).bins == {"a": 1, "b": 2, "c": 3, "d": 4}
    client.put(key, {"e": 5}, policy=replace_only)  # type: ignore[arg-type]
    assert client.get(key).bins == {"e": 5}
    client.put(key, {"f": 6}, policy=replace)  # type: ignore[arg-type]
    assert client.get(key).bins == {"f": 6}


def test_replace_creates(client: Client, key: Key) -> None:
    client.put(key, {"a": 1}, policy={"exists": aerospike_py.POLICY_EXISTS_REPLACE})
    assert client.get(key).bins == {"a": 1}


def test_an_equal_generation_is_needed(client: Client, key: Key) -> None:
    policy: aerospike_py.WritePolicy = {"gen": aerospike_py.POLICY_GEN_EQ}
    client.put(key, {"a": 1})
    client.put(key, {"a": 2}, meta={"gen": 1}, policy=policy)
    with pytest.raises(RecordGenerationError) as caught:
        client.put(key, {"a": 3}, meta={"gen": 1}, policy=policy)
    assert caught.value.result_code == 3
    for operation in (
        lambda: client.remove(key, meta={"gen": 1}, policy=policy),
        lambda: client.touch(key, meta={"gen": 1}, policy=policy),
        lambda: client.append(key, "s", "x", meta={"gen": 1}, policy=policy),
        lambda: client.increment(key, "a", 1, meta={"gen": 1}, policy=policy),
        lambda: client.remove_bin(key, ["a"], meta={"gen": 1}, policy=policy),
    ):
        with pytest.raises(RecordGenerationError):
            operation()
    assert client.get(key).bins == {"a": 2}
    client.remove(key, meta={"gen": 2}, policy=policy)
    assert client.exists(key).meta is None


def test_a_greater_generation_is_needed(client: Client, key: Key) -> None:
    policy: aerospike_py.WritePolicy = {"gen": aerospike_py.POLICY_GEN_GT}
    client.put(key, {"a": 1})
    client.put(key, {"a": 2}, meta={"gen": 5}, policy=policy)
    with pytest.raises(RecordGenerationError):
        client.put(key, {"a": 3}, meta={"gen": 1}, policy=policy)
    assert client.get(key).bins == {"a": 2}


def test_a_generation_without_its_policy_is_not_looked_at(client: Client, key: Key) -> None:
    client.put(key, {"a": 1})
    client.put(key, {"a": 2}, meta={"gen": 77})
    assert client.get(key).bins == {"a": 2}


def test_times_to_live(client: Client, key: Key) -> None:
    client.put(key, {"a": 1}, meta={"ttl": 300})
    meta = client.exists(key).meta
    assert meta is not None
    assert 290 <= meta.ttl <= 300
    client.put(key, {"a": 1}, meta={"ttl": 300}, policy={"ttl": 1000})
    meta = client.exists(key).meta
    assert meta is not None
    assert 990 <= meta.ttl <= 1000
    client.put(key, {"a": 2}, meta={"ttl": aerospike_py.TTL_DONT_UPDATE})
    meta = client.exists(key).meta
    assert meta is not None
    assert 980 <= meta.ttl <= 1000
    client.put(key, {"a": 3}, policy={"ttl": aerospike_py.TTL_NEVER_EXPIRE})
    assert client.exists(key).meta == (4, NEVER_EXPIRES)


def test_the_core_knows_every_choice_of_a_policys_key(client: Client, key: Key) -> None:
    client.put(key, {"n": 1})
    asked = 0
    for name, (_, rule) in policies._OPERATE.items():
        for value in sorted(rule.values) if isinstance(rule, Choice) else ():
            policy: Any = {name: value}
            # It exists and is of another generation, and not every server does all of it.
            with contextlib.suppress(RecordError, EnterpriseOnly):
                if name in policies._READ:
                    client.get(key, policy)
                if name in policies._WRITE:
                    client.put(key, {"n": 1}, {"gen": 9}, policy)
            asked += 1
    assert asked > 20


def test_the_clients_default_policies(server: Any, make_client: Any, key: Key) -> None:
    config = {
        **server.config,
        "policies": {
            "write": {"ttl": 500, "key": aerospike_py.POLICY_KEY_SEND},
            "read": {"max_retries": 0},
        },
    }
    with make_client(config).connect() as client:
        client.put(key, {"a": 1})
        meta = client.exists(key).meta
        assert meta is not None
        assert 490 <= meta.ttl <= 500
        client.put(key, {"a": 1}, policy={"ttl": 900, "total_timeout": 5000})
        meta = client.exists(key).meta
        assert meta is not None
        assert 890 <= meta.ttl <= 900


@pytest.mark.parametrize("user_key", ["k", "키", 5, -5, 0, 2**63 - 1, -(2**63), b"k", b"\x00\xff"])
def test_kinds_of_user_keys(client: Client, set_name: str, user_key: Any) -> None:
    key = ("test", set_name, user_key)
    client.put(key, {"v": repr(user_key)})
    try:
        record = client.get(key)
        assert record.bins == {"v": repr(user_key)}
        assert record.key is not None
        assert record.key.user_key == user_key
        assert type(record.key.user_key) is type(user_key)
    finally:
        client.remove(key)


def test_keys_that_look_alike_are_different_records(client: Client, set_name: str) -> None:
    keys: list[Key] = [("test", set_name, k) for k in ("77", 77, b"77")]
    keys += [("test", f"{set_name}_2", "77"), ("test", "", f"{set_name}77")]
    for number, key in enumerate(keys):
        client.put(key, {"n": number})
    assert [(client.get(key).bins or {})["n"] for key in keys] == list(range(len(keys)))
    for key in keys:
        client.remove(key)


def test_bytearray_and_memoryview_are_the_same_key_as_bytes(client: Client, set_name: str) -> None:
    client.put(("test", set_name, b"same"), {"a": 1})
    for user_key in (bytearray(b"same"), memoryview(b"same")):
        assert client.get(("test", set_name, user_key)).bins == {"a": 1}


def test_no_set(client: Client, key: Key) -> None:
    for set_name in ("", None):
        bare = ("test", set_name, key[2])
        client.put(bare, {"a": 1})  # type: ignore[arg-type]
        record = client.get(bare)  # type: ignore[arg-type]
        assert record.key is not None
        assert record.key[:3] == ("test", "", key[2])
    client.remove(("test", "", key[2]))


def test_a_digest_is_a_key(client: Client, key: Key) -> None:
    client.put(key, {"a": 1})
    full = client.get(key).key
    assert full is not None
    by_digest = client.get((full.namespace, full.set_name, None, full.digest))
    assert by_digest.bins == {"a": 1}
    assert by_digest.key == (*full[:2], None, full.digest)
    assert client.get(full).key == full
    client.put(full, {"a": 2})
    assert client.get(key).bins == {"a": 2}
    client.remove(full)
    assert client.exists(key).meta is None


def test_a_record_as_large_as_it_may_be_and_a_larger_one(client: Client, key: Key) -> None:
    large = b"x" * (1000 * 1024)
    client.put(key, {"a": large})
    assert client.get(key).bins == {"a": large}
    with pytest.raises(RecordTooBig) as caught:
        client.put(key, {"a": b"x" * (9 * 1024 * 1024)})
    assert caught.value.result_code == 13
    assert client.get(key).bins == {"a": large}


def test_many_bins(client: Client, key: Key) -> None:
    bins = {f"bin_{number}": number for number in range(1000)}
    client.put(key, bins)
    assert client.get(key).bins == bins


def test_results_larger_than_the_clients_buffer(client: Client, key: Key) -> None:
    for size in (65_000, 65_536, 66_000, 300_000):
        value = bytes(range(256)) * (size // 256)
        client.put(key, {"a": value})
        assert client.get(key).bins == {"a": value}


def test_one_client_in_many_threads(client: Client, key: Key) -> None:
    threads, rounds = 8, 100
    failures: list[BaseException] = []

    def work(number: int) -> None:
        own: Key = (*key[:2], f"{key[2]}_{number}")
        try:
            for count in range(1, rounds + 1):
                client.put(own, {"n": count, "who": number})
                assert client.get(own).bins == {"n": count, "who": number}
                client.increment(key, "all", 1)
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert client.get(key).bins == {"all": threads * rounds}


@pytest.mark.parametrize("replica", ["ANY", "RANDOM", "MASTER", "SEQUENCE", "PREFER_RACK"])
def test_whatever_copy_is_asked_it_has_what_was_written(
    client: Client, key: Key, replica: str
) -> None:
    policy = {"replica": getattr(aerospike_py, f"POLICY_REPLICA_{replica}")}
    for number in range(20):
        client.put(key, {"n": number}, policy=policy)
        assert client.get(key, policy).bins == {"n": number}
        (row,) = client.batch_read([key], policy=policy).batch_records
        assert row.bins == {"n": number}
    assert key_of(client, key) in [
        record.key.digest for record in client.query(*key[:2]).results(policy)
    ]


def key_of(client: Client, key: Key) -> bytes:
    return client.exists(key).key.digest
