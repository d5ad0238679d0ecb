"""What the official client writes, ours reads, and the reverse; digests are equal."""

import math
import uuid
from collections.abc import Iterator
from typing import Any

import aerospike as official
import msgspec
import pytest
from aerospike_helpers.operations import hll_operations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aerospike_py
from aerospike_py import Client, GeoJSON, HyperLogLog, _native
from aerospike_py.devserver import DevCluster

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Key = tuple[str, str, Any]

POINT = '{"type": "Point", "coordinates": [127.0, 37.5]}'


@pytest.fixture(scope="module")
def theirs(server: Any) -> Iterator[Any]:
    client = official.client({"hosts": server.hosts}).connect()
    yield client
    client.close()


VALUES = [
    0,
    -1,
    2**63 - 1,
    -(2**63),
    1.5,
    -0.0,
    math.inf,
    5e-324,
    "",
    "text",
    "한국어 \U0001f600",
    b"",
    b"\x00\xff",
    True,
    False,
    [],
    {},
    [None, True, 1, -5, 2**40, 1.5, "s", b"b", ["deep", {"k": [1]}], "x" * 300, b"y" * 70_000],
    {"s": 1, 5: "int key", -(2**40): None, b"b": "blob key", "m": {"n": [True, None]}},
    list(range(500)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{type(v).__name__}-{str(v)[:20]}")
def test_ours_reads_what_theirs_wrote(client: Client, theirs: Any, key: Key, value: Any) -> None:
    theirs.put(key, {"v": value})
    read = (client.get(key).bins or {})["v"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{type(v).__name__}-{str(v)[:20]}")
def test_theirs_reads_what_ours_wrote(client: Client, theirs: Any, key: Key, value: Any) -> None:
    client.put(key, {"v": value})
    _, _, bins = theirs.get(key)
    assert bins["v"] == value
    assert type(bins["v"]) is type(value)


def test_geojson(client: Client, theirs: Any, key: Key) -> None:
    theirs.put(key, {"v": official.GeoJSON(POINT), "l": [official.GeoJSON(POINT)]})
    assert client.get(key).bins == {"v": GeoJSON(POINT), "l": [GeoJSON(POINT)]}
    client.put(key, {"v": GeoJSON(POINT), "l": [GeoJSON(POINT)]})
    _, _, bins = theirs.get(key)
    assert bins["v"].unwrap() == GeoJSON(POINT).unwrap()
    assert bins["l"][0].unwrap() == GeoJSON(POINT).unwrap()


def test_hyperloglog(client: Client, theirs: Any, key: Key) -> None:
    theirs.operate(key, [hll_operations.hll_add("h", ["a", "b", "c"], index_bit_count=8)])
    sketch = (client.get(key).bins or {})["h"]
    assert type(sketch) is HyperLogLog
    client.put(key, {"copy": sketch})
    _, _, bins = theirs.operate(key, [hll_operations.hll_get_count("copy")])
    assert bins["copy"] == 3


def test_functions(client: Client, theirs: Any, key: Key) -> None:
    module = f"t{uuid.uuid4().hex[:10]}"
    source = """
    function add(rec, amount)
        rec.n = (rec.n or 0) + amount
        if aerospike:exists(rec) then aerospike:update(rec) else aerospike:create(rec) end
        return map{n = rec.n, l = list{1.5, "x"}}
    end
    function fails(rec) error("no") end
    """
    client.udf_put(f"{module}.lua", source=source)
    assert theirs.apply(key, module, "add", [2]) == {"n": 2, "l": [1.5, "x"]}
    assert client.apply(key, module, "add", [3]) == {"n": 5, "l": [1.5, "x"]}
    with pytest.raises(official.exception.UDFError):
        theirs.apply(key, module, "fails", [])
    keys = [key, (*key[:2], "another")]
    rows = theirs.batch_apply(keys, module, "add", [10]).batch_records
    assert [row.result for row in rows] == [0, 0]
    assert rows[0].record[2] == {"SUCCESS": {"n": 15, "l": [1.5, "x"]}}
    failed = theirs.batch_apply(keys, module, "fails", []).batch_records
    assert [row.result for row in failed] == [100, 100]
    client.remove(keys[1])
    client.udf_remove(module)


@pytest.mark.parametrize(
    "user_key", ["k", "", "한국어", "x" * 200, 0, 1, -1, 2**63 - 1, -(2**63), b"k", bytes(50)]
)
@pytest.mark.parametrize("set_name", ["demo", ""])
def test_digests_are_equal(client: Client, set_name: str, user_key: Any) -> None:
    # The official client knows blobs as bytearray; of bytes it makes a kind of its own.
    their_key = bytearray(user_key) if isinstance(user_key, bytes) else user_key
    expected = bytes(official.calc_digest("test", set_name, their_key))
    assert _native.key_digest(msgspec.msgpack.encode(("test", set_name, user_key))) == expected


@pytest.mark.parametrize("user_key", ["oracle", 12345, b"oracle"])
def test_records_are_found_under_the_same_key(
    client: Client, theirs: Any, set_name: str, user_key: Any
) -> None:
    key = ("test", set_name, user_key)
    their_key = bytearray(user_key) if isinstance(user_key, bytes) else user_key
    client.put(key, {"by": "ours"})
    their_record = theirs.get(("test", set_name, their_key))
    assert their_record[2] == {"by": "ours"}
    ours = client.get(key).key
    assert ours is not None
    assert bytes(their_record[0][3]) == ours.digest
    client.remove(key)
    assert theirs.exists(("test", set_name, their_key))[1] is None


def test_metadata_is_the_same(client: Client, theirs: Any, key: Key) -> None:
    client.put(key, {"a": 1}, meta={"ttl": 1000})
    client.put(key, {"a": 2}, meta={"ttl": 1000})
    their_meta = theirs.get(key)[1]
    meta = client.get(key).meta
    assert meta is not None
    assert meta.gen == their_meta["gen"] == 2
    assert abs(meta.ttl - their_meta["ttl"]) <= 1


def test_a_stored_key_is_seen(client: Client, theirs: Any, key: Key) -> None:
    client.put(key, {"a": 1}, policy={"key": aerospike_py.POLICY_KEY_SEND})
    full = client.get(key).key
    assert full is not None
    # By digest alone the user key can come from nowhere but the server.
    by_digest = (key[0], key[1], None, bytearray(full.digest))
    found = theirs.get(by_digest, {"key": official.POLICY_KEY_SEND})
    assert found[2] == {"a": 1}


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
    | st.binary(max_size=40)
)
map_keys = st.integers(-(2**63), 2**63 - 1) | st.text("abcß", max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(map_keys, inner, max_size=5),
    max_leaves=15,
).filter(lambda value: value is not None)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(value=values)
def test_any_value_both_ways(client: Client, theirs: Any, key: Key, value: Any) -> None:
    client.put(key, {"v": value})
    assert theirs.get(key)[2] == {"v": value}
    theirs.put(key, {"v": value})
    assert client.get(key).bins == {"v": value}


def test_the_official_client_and_the_dev_server_deflate_for_each_other() -> None:
    policy = {"compress": True}
    bins = {"text": "long " * 400, "n": 7}
    keys = [("test", "deflated", number) for number in range(30)]
    with DevCluster(compression=True) as cluster:
        client = official.client({"hosts": cluster.hosts}).connect()
        for key in keys:
            client.put(key, bins, policy=policy)
        before = cluster.counters()[0]
        assert client.get(keys[0], policy)[2] == bins
        rows = client.batch_read(keys, policy=policy).batch_records
        assert [row.record[2] for row in rows] == [bins] * len(keys)
        found = client.query("test", "deflated").results(policy)
        assert [record[2] for record in found] == [bins] * len(keys)
        after = cluster.counters()[0]
        client.close()
        with aerospike_py.client(cluster.config).connect() as ours:
            assert ours.get(keys[1]).bins == bins
    assert before["bytes_in"] < len(keys) * 1000
    assert after["bytes_out"] - before["bytes_out"] < len(keys) * 1000
