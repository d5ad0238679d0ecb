"""What people write without looking it up."""

import datetime
import time
from typing import Any

import numpy as np
import pytest

import aerospike_py
from aerospike_py import AsyncClient, Client, InvalidArgError, batch
from aerospike_py._requests import info
from aerospike_py.types import Key

NEVER = 2**32 - 1
AS_IT_IS = 2**32 - 2
HOUR = datetime.timedelta(hours=1)
TTLS: list[Any] = [NEVER, AS_IT_IS, aerospike_py.TTL_NEVER_EXPIRE, HOUR, 3600]


def write_single(client: Client, key: Key, ttl: Any) -> None:
    client.put(key, {"n": 1}, {"ttl": ttl})


def write_by_policy(client: Client, key: Key, ttl: Any) -> None:
    client.put(key, {"n": 1}, policy={"ttl": ttl})


def touch(client: Client, key: Key, ttl: Any) -> None:
    client.touch(key, ttl)


def operate(client: Client, key: Key, ttl: Any) -> None:
    client.operate(key, [{"op": aerospike_py.OPERATOR_INCR, "bin": "n", "val": 1}], {"ttl": ttl})


def batch_write(client: Client, key: Key, ttl: Any) -> None:
    assert client.batch_write([(key, {"n": 1}, {"ttl": ttl})])[0].result == 0


def batch_policy(client: Client, key: Key, ttl: Any) -> None:
    assert client.batch_write([(key, {"n": 1})], {"ttl": ttl})[0].result == 0


def row(client: Client, key: Key, ttl: Any) -> None:
    assert client.batch([batch.write(key, {"n": 1}, policy={"ttl": ttl})])[0].result == 0


def from_numpy(client: Client, key: Key, ttl: Any) -> None:
    array = np.array([(key[2], 1)], dtype=[("_key", "U40"), ("n", "i8")])
    assert client.batch_write_numpy(array, key[0], key[1], meta={"ttl": ttl})[0].result == 0


WAYS = [
    *(write_single, write_by_policy, touch, operate),
    *(batch_write, batch_policy, row, from_numpy),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ttl", TTLS, ids=str)
def test_a_time_to_live_in_any_of_its_forms(client: Client, key: Key, way: Any, ttl: Any) -> None:
    client.put(key, {"n": 0}, {"ttl": 100})
    way(client, key, ttl)
    record = client.get(key)
    if ttl in (NEVER, aerospike_py.TTL_NEVER_EXPIRE):
        assert (record.ttl, record.meta.ttl) == (None, NEVER)
    elif ttl == AS_IT_IS:
        assert record.ttl is not None
        assert 90 < record.ttl <= 100
    else:
        assert record.ttl is not None
        assert 3590 < record.ttl <= 3600


def test_the_clients_policy_takes_them_too(server: Any, make_client: Any, key: Key) -> None:
    for ttl in (NEVER, HOUR):
        config = {**server.config, "policies": {"write": {"ttl": ttl}}}
        with make_client(config).connect() as client:
            client.put(key, {"n": 1})
            assert client.get(key).ttl in ((None,) if ttl == NEVER else range(3590, 3601))


@pytest.mark.parametrize("ttl", [-1, 3600])
def test_metadata_of_a_record_are_written_back(client: Client, key: Key, ttl: int) -> None:
    client.put(key, {"n": 1}, {"ttl": ttl})
    record = client.get(key)
    eq: aerospike_py.WritePolicy = {"gen": aerospike_py.POLICY_GEN_EQ}
    client.put(key, {"n": 2}, meta=record.meta, policy=eq)
    written = client.get(key)
    assert written.bins == {"n": 2}
    assert (written.ttl is None) == (record.ttl is None)
    with pytest.raises(aerospike_py.RecordGenerationError):
        client.put(key, {"n": 3}, meta=record.meta, policy=eq)
    rows = client.batch_write([(key, {"n": 4}, written.meta, eq), (key, {"n": 5}, record.meta, eq)])
    assert [row.result for row in rows] == [0, aerospike_py.ResultCode.RECORD_GENERATION]
    client.remove(key, client.get(key).meta, eq)


def test_a_time_to_live_may_say_when_it_ends(client: Client, key: Key) -> None:
    def left(seconds: int) -> datetime.datetime:
        return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)

    for way in WAYS:
        way(client, key, left(3600))
        assert client.get(key).ttl in range(3590, 3601)
    # What is made of it is not kept: in a moment it is less.
    policies: Any = client._session.policies
    meta = {"ttl": left(3600)}
    with pytest.MonkeyPatch.context() as patch:
        before = policies.write(None, meta).ttl
        now = time.time()
        patch.setattr(time, "time", lambda: now + 600)
        assert policies.write(None, meta).ttl in range(before - 601, before - 599)


def test_truncating_up_to_a_moment(client: Client, key: Key) -> None:
    place = key[0], f"{key[1]}_moment"
    client.put((*place, 1), {"n": 1})
    long_ago = datetime.datetime(2026, 1, 1, 1, 2, 3, 4, datetime.timezone.utc)
    client.truncate(*place, long_ago)
    assert client.exists((*place, 1))
    request = info.truncate(client._session.policies, *place, long_ago, None)[1]
    assert int.from_bytes(request[-8:], "big") == 1767229323000004000


def test_timeouts_are_timedeltas_too(client: Client, key: Key) -> None:
    client.put(key, {"n": 1}, policy={"total_timeout": datetime.timedelta(seconds=2)})
    client.put(key, {"n": 1}, policy={"total_timeout": 2000})


def test_a_generation_without_one_to_compare_with_is_refused(client: Client, key: Key) -> None:
    client.put(key, {"n": 1})
    eq: aerospike_py.WritePolicy = {"gen": aerospike_py.POLICY_GEN_EQ}
    for write in (
        lambda: client.put(key, {"n": 2}, policy=eq),
        lambda: client.touch(key, policy=eq),
        lambda: client.remove(key, policy=eq),
        lambda: client.put(key, {"n": 2}, {"ttl": 5}, eq),
    ):
        with pytest.raises(InvalidArgError, match="no 'gen' to compare with"):
            write()
    assert client.get(key).bins == {"n": 1}


def test_a_clients_own_comparison_needs_a_generation(
    server: Any, make_client: Any, key: Key
) -> None:
    config = {**server.config, "policies": {"write": {"gen": aerospike_py.POLICY_GEN_EQ}}}
    with make_client(config).connect() as client:
        with pytest.raises(InvalidArgError, match="no 'gen' to compare with"):
            client.put(key, {"n": 1})
        client.put(key, {"n": 1}, {"gen": 0})
        client.put(key, {"n": 2}, policy={"gen": aerospike_py.POLICY_GEN_IGNORE})


def test_whether_there_is_a_record(client: Client, key: Key) -> None:
    assert not client.exists(key)
    client.put(key, {"n": 1})
    assert client.exists(key)


async def test_connect_is_awaited_or_entered(server: Any, key: Key) -> None:
    async with AsyncClient(server.config).connect() as client:
        assert client.is_connected()
        await client.put(key, {"n": 1})
    assert not client.is_connected()
    other = await AsyncClient(server.config).connect()
    assert (await other.get(key)).bins == {"n": 1}
    await other.close()


async def test_entering_a_client_does_not_connect_it_and_the_error_says_how_to(
    server: Any, key: Key
) -> None:
    async with AsyncClient(server.config) as client:
        with pytest.raises(aerospike_py.ClientError, match=r"connect\(\) as client:") as caught:
            await client.get(key)
    assert "not connected" in str(caught.value)


def test_on_another_kind_of_loop_the_error_says_so(server: Any) -> None:
    connecting = AsyncClient(server.config).connect()
    with pytest.raises(aerospike_py.ClientError, match=r"event loop of asyncio.*trio"):
        connecting.send(None)  # As a loop that is not asyncio's does.


def test_truncating_up_to_the_last_nanosecond_that_there_is(client: Client) -> None:
    # The server says that the time is in the future; it is asked.
    with pytest.raises(aerospike_py.AerospikeError):
        client.truncate("test", "no-such-set", 2**64 - 1)


def test_more_operations_or_bins_than_fit_are_counted(client: Client, key: Key) -> None:
    operation = {"op": aerospike_py.OPERATOR_READ, "bin": "n"}
    with pytest.raises(InvalidArgError, match="ops has 65536 operations"):
        client.operate(key, [operation] * 65536)
    with pytest.raises(InvalidArgError, match="bins has 65536 names"):
        client.select(key, [f"b{number}" for number in range(65536)])


def test_a_job_is_waited_for_in_milliseconds(client: Client, set_name: str) -> None:
    client.put(("test", set_name, 1), {"n": 1})
    increment = {"op": aerospike_py.OPERATOR_INCR, "bin": "n", "val": 1}
    job = client.query("test", set_name).operate_background([increment])
    assert job.wait(10_000).state in ("done", "unknown")
    assert job.wait(datetime.timedelta(seconds=10)).state in ("done", "unknown")
    with pytest.raises(TypeError, match="timeout must be milliseconds"):
        job.wait(10.0)  # type: ignore[arg-type]
