"""Values come back as they were put, whatever their type and wherever they are."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aerospike_py import Client, GeoJSON, HyperLogLog

Key = tuple[str, str, Any]

POINT = GeoJSON({"type": "Point", "coordinates": [127.0, 37.5]})


@pytest.mark.parametrize(
    "value",
    [
        0,
        1,
        -1,
        2**31,
        -(2**31) - 1,
        2**32,
        2**63 - 1,
        -(2**63),
        0.0,
        1.5,
        -1e308,
        5e-324,
        math.inf,
        -math.inf,
        "",
        "text",
        "한국어 \U0001f600 \x00 \x7f",
        "x" * 70_000,
        b"",
        b"\x00\xff\xcf\x80",
        b"x" * 70_000,
        True,
        False,
        POINT,
        [],
        {},
        [None, True, False, 0, -1, 2**63 - 1, -(2**63), 1.5, math.inf, "s", "", b"b", b"", POINT],
        {"s": "v", 1: None, -1: True, b"b": b"v", "nested": {"list": [{"deep": [1]}]}},
        {"": 0, "geo": POINT, "map": {}, "list": []},
        list(range(1000)),
        {f"k{n}": n for n in range(1000)},
        [[[[[[[["deep"]]]]]]]],
        ["x" * 300, b"y" * 300, "x" * 70_000],
    ],
    ids=lambda value: f"{type(value).__name__}-{str(value)[:20]}",
)
def test_round_trip(client: Client, key: Key, value: Any) -> None:
    client.put(key, {"v": value})
    read = (client.get(key).bins or {})["v"]
    assert read == value
    assert type(read) is type(value)
    if isinstance(value, list):
        assert [type(member) for member in read] == [type(member) for member in value]


def test_nan(client: Client, key: Key) -> None:
    client.put(key, {"v": math.nan, "l": [math.nan]})
    bins = client.get(key).bins or {}
    assert math.isnan(bins["v"])
    assert math.isnan(bins["l"][0])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2,)), [1, [2]]),
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
        (np.int32(5), 5),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        ([np.int64(5), {"a": np.float64(0.5)}], [5, {"a": 0.5}]),
    ],
)
def test_other_types_come_back_as_their_base(
    client: Client, key: Key, value: Any, expected: Any
) -> None:
    client.put(key, {"v": value})
    read = (client.get(key).bins or {})["v"]
    assert read == expected
    assert type(read) is type(expected)


def test_nesting_up_to_the_limit(client: Client, key: Key) -> None:
    value: Any = 1
    for _ in range(200):
        value = [value]
    client.put(key, {"v": value})
    assert client.get(key).bins == {"v": value}


def test_hyperloglog_comes_back(client: Client, key: Key) -> None:
    # What the server makes for HyperLogLog("init", 4 index bits): two flag bytes and registers.
    sketch = HyperLogLog(bytes([0, 4, 0]) + bytes(8) + bytes(12))
    client.put(key, {"v": sketch})
    read = (client.get(key).bins or {})["v"]
    assert type(read) is HyperLogLog
    assert read == sketch


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | st.binary(max_size=40)
)
map_keys = st.integers(-(2**63), 2**63 - 1) | st.text("abcß", max_size=5) | st.binary(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(map_keys, inner, max_size=5),
    max_leaves=15,
).filter(lambda value: value is not None)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(bins=st.dictionaries(st.text("abcß", min_size=1, max_size=7), values, min_size=1))
def test_any_bins_come_back(client: Client, key: Key, bins: dict[str, Any]) -> None:
    client.put(key, bins, policy={"exists": 2})
    assert client.get(key).bins == bins
