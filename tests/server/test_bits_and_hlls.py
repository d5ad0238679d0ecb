"""What bit and HyperLogLog operations do, and return."""

from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    AerospikeError,
    BinTypeError,
    Client,
    InvalidArgError,
    RecordError,
)
from aerospike_py import bit_operations as bop
from aerospike_py import hll_operations as hop
from aerospike_py.types import HyperLogLog

Key = tuple[str, str, Any]

_OP_NOT_APPLICABLE = 26


def bits(client: Client, key: Key, *operations: dict[str, Any]) -> Any:
    """The bin after the operations."""
    client.operate(key, list(operations))
    return client.get(key).bins["b"]


def read(client: Client, key: Key, operation: dict[str, Any]) -> Any:
    """The operation's result."""
    return client.operate(key, [operation]).bins["b"]


@pytest.fixture
def stored(client: Client, key: Key) -> Key:
    """A record whose bin holds four bytes."""
    client.put(key, {"b": b"\x0f\xf0\x00\xff"})
    return key


def test_resize(client: Client, stored: Key) -> None:
    assert bits(client, stored, bop.bit_resize("b", 5)) == b"\x0f\xf0\x00\xff\x00"
    front = bop.bit_resize("b", 6, bop.BIT_RESIZE_FROM_FRONT)
    assert bits(client, stored, front) == b"\x00\x0f\xf0\x00\xff\x00"
    assert bits(client, stored, bop.bit_resize("b", 2)) == b"\x00\x0f"
    with pytest.raises(AerospikeError):
        client.operate(stored, [bop.bit_resize("b", 1, bop.BIT_RESIZE_GROW_ONLY)])


def test_resize_creates(client: Client, key: Key) -> None:
    assert bits(client, key, bop.bit_resize("b", 2)) == b"\x00\x00"


def test_insert_and_remove(client: Client, stored: Key) -> None:
    assert bits(client, stored, bop.bit_insert("b", 1, b"ab")) == b"\x0fab\xf0\x00\xff"
    assert bits(client, stored, bop.bit_remove("b", 1, 2)) == b"\x0f\xf0\x00\xff"
    assert bits(client, stored, bop.bit_remove("b", -1, 1)) == b"\x0f\xf0\x00"


def test_combining(client: Client, stored: Key) -> None:
    assert bits(client, stored, bop.bit_set("b", 4, 8, b"\xaa")) == b"\x0a\xa0\x00\xff"
    assert bits(client, stored, bop.bit_or("b", 0, 8, b"\xf0")) == b"\xfa\xa0\x00\xff"
    assert bits(client, stored, bop.bit_and("b", 0, 8, b"\x0f")) == b"\x0a\xa0\x00\xff"
    assert bits(client, stored, bop.bit_xor("b", 8, 8, b"\xff")) == b"\x0a\x5f\x00\xff"
    assert bits(client, stored, bop.bit_not("b", 24, 8)) == b"\x0a\x5f\x00\x00"


def test_shifting(client: Client, stored: Key) -> None:
    assert bits(client, stored, bop.bit_lshift("b", 0, 16, 4)) == b"\xff\x00\x00\xff"
    assert bits(client, stored, bop.bit_rshift("b", 0, 16, 8)) == b"\x00\xff\x00\xff"


def test_arithmetic(client: Client, stored: Key) -> None:
    assert bits(client, stored, bop.bit_add("b", 0, 8, 1)) == b"\x10\xf0\x00\xff"
    assert bits(client, stored, bop.bit_subtract("b", 0, 8, 16)) == b"\x00\xf0\x00\xff"
    with pytest.raises(RecordError) as caught:
        client.operate(stored, [bop.bit_add("b", 24, 8, 1)])
    assert caught.value.result_code == _OP_NOT_APPLICABLE
    wrapped = bop.bit_add("b", 24, 8, 2, action=bop.BIT_OVERFLOW_WRAP)
    assert bits(client, stored, wrapped) == b"\x00\xf0\x00\x01"
    saturated = bop.bit_subtract("b", 24, 8, 5, action=bop.BIT_OVERFLOW_SATURATE)
    assert bits(client, stored, saturated) == b"\x00\xf0\x00\x00"
    signed = bop.bit_subtract("b", 24, 8, 5, signed=True)
    assert bits(client, stored, signed) == b"\x00\xf0\x00\xfb"
    assert bits(client, stored, bop.bit_set_int("b", 8, 16, -2)) == b"\x00\xff\xfe\xfb"


def test_reading(client: Client, stored: Key) -> None:
    assert read(client, stored, bop.bit_get("b", 4, 8)) == b"\xff"
    assert read(client, stored, bop.bit_get("b", 4, 5)) == b"\xf8"
    assert read(client, stored, bop.bit_count("b", 0, 32)) == 16
    assert read(client, stored, bop.bit_lscan("b", 0, 32, True)) == 4
    assert read(client, stored, bop.bit_lscan("b", 4, 8, False)) == -1
    assert read(client, stored, bop.bit_rscan("b", 0, 32, False)) == 23
    assert read(client, stored, bop.bit_get_int("b", 24, 8)) == 255
    assert read(client, stored, bop.bit_get_int("b", 24, 8, True)) == -1
    assert client.operate(stored, [bop.bit_get("none", 0, 8)]).bins == {"none": None}


def test_bit_write_flags(client: Client, stored: Key) -> None:
    create = {"write_flags": aerospike_py.BIT_WRITE_CREATE_ONLY}
    update = {"write_flags": aerospike_py.BIT_WRITE_UPDATE_ONLY}
    quiet = {"write_flags": create["write_flags"] | 4}
    with pytest.raises(AerospikeError):
        client.operate(stored, [bop.bit_resize("b", 9, policy=create)])
    with pytest.raises(AerospikeError):
        client.operate(stored, [bop.bit_resize("none", 9, policy=update)])
    assert bits(client, stored, bop.bit_resize("b", 9, policy=quiet)) == b"\x0f\xf0\x00\xff"


def test_bits_of_another_type(client: Client, key: Key) -> None:
    client.put(key, {"b": "text"})
    with pytest.raises(BinTypeError):
        client.operate(key, [bop.bit_count("b", 0, 8)])
    with pytest.raises((InvalidArgError, RecordError)):
        client.operate(key, [bop.bit_insert("b", 0, b"x")])


def test_counting_what_is_different(client: Client, key: Key) -> None:
    values = [f"value {number}" for number in range(1000)]
    record = client.operate(key, [hop.hll_init("h", 12), hop.hll_add("h", values)])
    assert 900 <= record.bins["h"] <= 1000
    count = client.operate(key, [hop.hll_get_count("h")]).bins["h"]
    assert abs(count - 1000) < 100
    assert client.operate(key, [hop.hll_add("h", values)]).bins == {"h": 0}
    assert client.operate(key, [hop.hll_refresh_count("h")]).bins == {"h": count}
    assert client.operate(key, [hop.hll_describe("h")]).bins == {"h": [12, 0]}
    assert client.operate(key, [hop.hll_may_contain("h", values[:3])]).bins == {"h": 1}
    assert client.operate(key, [hop.hll_may_contain("h", ["other"])]).bins == {"h": 0}


def test_an_hll_is_a_value(client: Client, key: Key) -> None:
    client.operate(key, [hop.hll_add("h", ["a", "b"], 8)])
    value = client.get(key).bins["h"]
    assert type(value) is HyperLogLog
    client.put(key, {"copy": value, "list": [value]})
    assert client.get(key).bins == {"h": value, "copy": value, "list": [value]}
    assert client.operate(key, [hop.hll_get_count("copy")]).bins == {"copy": 2}


def test_unions_and_intersections(client: Client, key: Key) -> None:
    client.operate(key, [hop.hll_add("x", ["a", "b", "c"], 8, 8)])
    client.operate(key, [hop.hll_add("h", ["b", "c", "d"], 8, 8)])
    other = [client.get(key).bins["x"]]
    assert client.operate(key, [hop.hll_get_union_count("h", other)]).bins == {"h": 4}
    assert client.operate(key, [hop.hll_get_intersect_count("h", other)]).bins == {"h": 2}
    similarity = client.operate(key, [hop.hll_get_similarity("h", other)]).bins["h"]
    assert similarity == pytest.approx(0.5, abs=0.01)
    union = client.operate(key, [hop.hll_get_union("h", other)]).bins["h"]
    assert type(union) is HyperLogLog
    assert client.operate(key, [hop.hll_set_union("h", other)]).bins == {}
    assert client.operate(key, [hop.hll_get_count("h")]).bins == {"h": 4}
    assert client.get(key).bins["h"][:3] == union[:3]


def test_fold_and_flags(client: Client, key: Key) -> None:
    client.operate(key, [hop.hll_add("h", ["a"], 10)])
    assert client.operate(key, [hop.hll_fold("h", 6)]).bins == {}
    assert client.operate(key, [hop.hll_describe("h")]).bins == {"h": [6, 0]}
    create = {"write_flags": aerospike_py.HLL_WRITE_CREATE_ONLY}
    with pytest.raises(AerospikeError):
        client.operate(key, [hop.hll_init("h", 6, policy=create)])
    with pytest.raises(RecordError):
        client.operate(key, [hop.hll_add("none", ["a"])])
    client.put(key, {"s": "x"})
    with pytest.raises(BinTypeError):
        client.operate(key, [hop.hll_get_count("s")])
