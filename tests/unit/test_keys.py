"""Keys: which are accepted, and what is wrong with the others."""

from typing import Any

import numpy as np
import pytest

import aerospike_py
from aerospike_py.keys import request_key
from aerospike_py.types import AerospikeKey

DIGEST = bytes(range(20))


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize("user_key", ["k", "", "키", 1, 0, -(2**63), 2**63 - 1, b"k", b""])
@pytest.mark.parametrize("set_name", ["demo", ""])
def test_plain_keys_are_taken_as_they_are(set_name: str, user_key: Any) -> None:
    key = ("test", set_name, user_key)
    assert request_key(key) is key


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (("test", None, "k"), ("test", "", "k")),
        ((Text("test"), Text("demo"), Text("k")), ("test", "demo", "k")),
        (("test", "demo", memoryview(b"k")), ("test", "demo", b"k")),
        (("test", "demo", np.int64(5)), ("test", "demo", 5)),
        (("test", "demo", "k", None), ("test", "demo", "k")),
        (("test", "demo", None, DIGEST), ("test", "demo", None, DIGEST)),
        (("test", "demo", "k", bytearray(DIGEST)), ("test", "demo", "k", DIGEST)),
        (AerospikeKey("test", "demo", "k", DIGEST), ("test", "demo", "k", DIGEST)),
        (AerospikeKey("test", "demo", None, DIGEST), ("test", "demo", None, DIGEST)),
    ],
)
def test_other_keys_become_plain(key: Any, expected: Any) -> None:
    result = request_key(key)
    assert result == expected
    assert [type(member) for member in result] == [type(member) for member in expected]


def test_bytearrays_are_keys() -> None:
    assert request_key(("test", "demo", bytearray(b"k"))) == ("test", "demo", b"k")


@pytest.mark.parametrize(
    "key",
    [
        None,
        "test",
        1,
        ["test", "demo", "k"],
        {"ns": "test"},
        (1, "demo", "k"),
        (b"test", "demo", "k"),
        (None, "demo", "k"),
        ("test", 1, "k"),
        ("test", b"demo", "k"),
        ("test", "demo", 1.5),
        ("test", "demo", True),
        ("test", "demo", ["k"]),
        ("test", "demo", ("k",)),
        ("test", "demo", {}),
        ("test", "demo", object()),
        ("test", "demo", np.float64(1)),
        ("test", "demo", np.bool_(True)),
        ("test", "demo", None, "x" * 20),
        ("test", "demo", None, 5),
        ("test", "demo", 1.5, DIGEST),
    ],
)
def test_wrong_types(key: Any) -> None:
    with pytest.raises(TypeError, match="key"):
        request_key(key)


@pytest.mark.parametrize(
    "key",
    [
        (),
        ("test",),
        ("test", "demo"),
        ("test", "demo", "k", DIGEST, 1),
        ("", "demo", "k"),
        ("test", "demo", None),
        ("test", "demo", None, None),
        ("test", "demo", None, b""),
        ("test", "demo", None, DIGEST + b"x"),
    ],
)
def test_wrong_shapes(key: Any) -> None:
    with pytest.raises(ValueError, match="key"):
        request_key(key)


@pytest.mark.parametrize("user_key", [2**63, -(2**63) - 1, 10**100, np.uint64(2**63)])
def test_ints_beyond_64_bits(user_key: Any) -> None:
    with pytest.raises(OverflowError):
        request_key(("test", "demo", user_key))


def test_a_keys_digest_and_partition_are_those_that_servers_know() -> None:
    key = ("test", "wire", "k1")
    digest = bytes.fromhex("61a63de951ec27f62a444e3463ace9870c44346f")
    assert aerospike_py.key_digest(key) == digest
    assert aerospike_py.key_digest((*key[:2], None, digest)) == digest
    assert aerospike_py.partition_id(key) == 0x661
    with pytest.raises(ValueError, match="namespace"):
        aerospike_py.key_digest(("", "wire", "k1"))
