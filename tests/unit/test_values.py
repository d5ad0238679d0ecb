"""Values into requests: what passes, what it becomes, and what is refused and how."""

import datetime
import decimal
import enum
import fractions
import math
import sys
import uuid
from collections import (
    Counter,
    OrderedDict,
    UserDict,
    UserList,
    defaultdict,
    deque,
    namedtuple,
)
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerospike_py import BinNameError, GeoJSON, HyperLogLog, InvalidArgError, _codec
from aerospike_py._operations import plain_operations
from aerospike_py._requests import records
from aerospike_py._requests.policies import ClientPolicies
from aerospike_py._validate import bin_names
from aerospike_py._values import (
    DEPTH_MAX,
    decode,
    encode,
    operand,
    plain_bins,
    plain_value,
)

KEY = ("test", "demo", "k")


POLICIES = ClientPolicies({})


def encode_put(key: Any, bins: Any) -> bytes:
    """The request of a put."""
    return records.put(POLICIES, key, bins, None, None)[1]


def stored(value: Any) -> Any:
    """What the core is told to store for a value."""
    key, bins = decode(encode_put(KEY, {"b": value}))
    assert key == list(KEY)
    assert list(bins) == ["b"]
    return bins["b"]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class Colour(enum.IntEnum):
    RED = 1


class Shade(str, enum.Enum):
    DARK = "dark"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "overridden"


class Number(int):
    def __int__(self) -> int:
        return 99

    def __index__(self) -> int:
        return 99


class Real(float):
    pass


class Octets(bytes):
    pass


class Members(list):  # type: ignore[type-arg]
    pass


Pair = namedtuple("Pair", "a b")


@dataclass
class Data:
    a: int = 1


class Struct(msgspec.Struct):
    a: int = 1


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        2**63 - 1,
        -(2**63),
        1.5,
        -0.0,
        math.inf,
        -math.inf,
        "",
        "text",
        "한국어 \U0001f600 \x00",
        b"",
        b"\x00\xff",
        b"\xcf\xff\xff",
        True,
        False,
        None,
        [],
        {},
        [1, [2, [3, None, True]], {"a": {"b": [b"x"]}}],
        {"s": 1, 2: 3, b"b": 4},
    ],
)
def test_plain_values_stay_what_they_are(value: Any) -> None:
    result = stored(value)
    assert result == value
    assert type(result) is type(value)


def test_nan_stays_nan() -> None:
    assert math.isnan(stored(math.nan))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Colour.RED, 1),
        (Shade.DARK, "dark"),
        (Text("x"), "x"),
        (Number(7), 7),
        (Real(1.5), 1.5),
        (Octets(b"x"), b"x"),
        (bytearray(b"x"), b"x"),
        (memoryview(b"xyz")[::2], b"xz"),
        (memoryview(b"xy"), b"xy"),
        ((1, 2), [1, 2]),
        (Pair(1, 2), [1, 2]),
        (Members([1]), [1]),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (Counter("aa"), {"a": 2}),
        ({Text("x"): Number(7)}, {"x": 7}),
        ([Text("x"), (Colour.RED,)], ["x", [1]]),
        (np.int64(-5), -5),
        (np.uint8(5), 5),
        (np.uint64(2**63 - 1), 2**63 - 1),
        (np.float64(1.5), 1.5),
        (np.float32(1.5), 1.5),
        (np.float16(1.5), 1.5),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.bytes_(b"x"), b"x"),
        ([np.int64(1)], [1]),
        ({np.int64(1): np.float32(0.5)}, {1: 0.5}),
    ],
)
def test_subclasses_and_numpy_scalars_become_their_base(value: Any, expected: Any) -> None:
    result = stored(value)
    assert result == expected
    assert type(result) is type(expected)


def test_geojson_and_hyperloglog_are_extensions() -> None:
    point = GeoJSON({"type": "Point", "coordinates": [1, 2]})
    sketch = HyperLogLog(b"\x01\x02")
    assert stored(point) == point
    assert type(stored(sketch)) is HyperLogLog
    assert stored([point, {"h": sketch}]) == [point, {"h": sketch}]


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        frozenset(),
        1j,
        datetime.datetime(2026, 1, 1),
        datetime.date(2026, 1, 1),
        datetime.timedelta(1),
        uuid.uuid4(),
        decimal.Decimal("1.5"),
        fractions.Fraction(1, 2),
        iter([1]),
        len,
        int,
        enum.Enum("E", "A").A,  # type: ignore[attr-defined]
        msgspec.msgpack.Ext(23, b"{}"),
        msgspec.Raw(b"\x01"),
        np.array([1, 2]),
        np.datetime64("2026-01-01"),
        np.complex64(1),
        np.void(b"x"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {"m": [v]}])
def test_other_types_are_refused_naming_bin_and_type(value: Any, wrap: Any) -> None:
    with pytest.raises(TypeError, match=rf"bins\['b'\].*{type(value).__qualname__}"):
        stored(wrap(value))


@pytest.mark.parametrize(
    "key", [None, True, (1, 2), GeoJSON("{}"), HyperLogLog(b""), datetime.date(2026, 1, 1)]
)
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v]])
def test_map_keys_of_other_types_are_refused(key: Any, wrap: Any) -> None:
    with pytest.raises(TypeError, match=r"bins\['b'\]"):
        stored(wrap({key: 1}))


@pytest.mark.parametrize(
    "value",
    [2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**5000],
    ids=["2**63", "2**64-1", "2**64", "-2**63-1", "huge"],
)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda v: v,
        lambda v: [v],
        lambda v: (1, {"a": v}),
        lambda v: {v: 1},
        lambda v: [Text("slow"), v],
        lambda v: Number(v),
    ],
)
def test_ints_beyond_64_bits_are_refused_wherever_they_are(value: int, wrap: Any) -> None:
    with pytest.raises(OverflowError, match=r"bins\['b'\]"):
        stored(wrap(value))


@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {v: 1}, Text])
def test_lone_surrogates_are_refused(wrap: Any) -> None:
    with pytest.raises(UnicodeEncodeError):
        stored(wrap("\ud800"))


def test_nesting_up_to_the_limit() -> None:
    assert stored(nested(DEPTH_MAX)) == nested(DEPTH_MAX)
    with pytest.raises(ValueError, match=f"'b'.*{DEPTH_MAX}"):
        stored(nested(DEPTH_MAX + 1))
    with pytest.raises(ValueError, match=f"'b'.*{DEPTH_MAX}"):
        stored([np.int64(1), nested(DEPTH_MAX)])


def test_nesting_far_beyond_the_limit_and_cycles() -> None:
    with pytest.raises(ValueError, match="nested"):
        stored(nested(100_000))
    cycle: list[Any] = []
    cycle += [cycle, cycle]
    with pytest.raises(ValueError, match="nested"):
        stored(cycle)
    loop: dict[str, Any] = {}
    loop["self"] = [loop, Text("slow")]
    with pytest.raises(ValueError, match="nested"):
        stored(loop)


def test_nesting_with_the_callers_stack_nearly_used_up() -> None:
    def dive(depth: int) -> None:
        if depth:
            dive(depth - 1)
        else:
            stored([Text("slow"), nested(DEPTH_MAX - 1)])

    with pytest.raises((ValueError, RecursionError)):
        dive(sys.getrecursionlimit() - 150)


@pytest.mark.parametrize("bins", [None, [], [("a", 1)], "a", 1, {"a"}])
def test_bins_must_be_a_dict(bins: Any) -> None:
    with pytest.raises(TypeError, match="bins must be a dict"):
        encode_put(KEY, bins)


def test_other_mappings_and_sequences_are_what_they_look_like() -> None:
    proxy = MappingProxyType({"a": UserDict(x=1), "b": deque([1, UserDict(y=2)]), "c": range(3)})
    bins = {"a": {"x": 1}, "b": [1, {"y": 2}], "c": [0, 1, 2]}
    assert decode(encode_put(KEY, proxy)) == [list(KEY), bins]
    operations = deque([MappingProxyType({"op": 2, "bin": "a", "val": UserList([1])})])
    assert plain_operations(operations) == [{"op": 2, "bin": "a", "val": [1]}]


def test_the_path_to_what_is_not_valid_is_named() -> None:
    with pytest.raises(TypeError, match=r"^bins\['a'\]\['list'\]\[2\]: .* type set "):
        encode_put(KEY, {"ok": 1, "a": {"x": 1, "list": [1, 2, {3}]}})
    with pytest.raises(OverflowError, match=r"^ops\[1\]\['val'\]\['n'\]: "):
        plain_operations([{"op": 1}, {"op": 2, "bin": "a", "val": {"n": 2**64}}])


def test_subclasses_of_dict_are_bins() -> None:
    assert decode(encode_put(KEY, OrderedDict(a=1, b=2))) == [list(KEY), {"a": 1, "b": 2}]
    assert decode(encode_put(KEY, {Text("a"): 1})) == [list(KEY), {"a": 1}]


def test_no_bins_are_refused() -> None:
    with pytest.raises(InvalidArgError):
        encode_put(KEY, {})


@pytest.mark.parametrize("name", ["a" * 16, "가" * 6, "a" * 1000])
def test_bin_names_of_more_than_15_bytes_are_refused_by_name(name: str) -> None:
    for _ in range(2):
        with pytest.raises(BinNameError, match=name[:6]) as caught:
            encode_put(KEY, {"ok": 1, name: 1})
        assert caught.value.result_code == 21
    with pytest.raises(BinNameError):
        operand(name, 1, (int,), "offset")
    with pytest.raises(BinNameError):
        bin_names(["ok", name])


@pytest.mark.parametrize("name", ["a", "a" * 15, "가" * 5])
def test_bin_names_up_to_15_bytes_pass(name: str) -> None:
    assert decode(encode_put(KEY, {name: 1}))[1] == {name: 1}


def test_an_empty_bin_name_is_refused() -> None:
    with pytest.raises(BinNameError):
        encode_put(KEY, {"": 1})


@pytest.mark.parametrize("name", [1, b"a", None, ("a",)])
def test_bin_names_must_be_str(name: Any) -> None:
    with pytest.raises(TypeError, match="the name of a bin"):
        encode_put(KEY, {name: 1})


@pytest.mark.parametrize("names", ["name", b"name", 1, None])
def test_a_list_of_bin_names_is_no_str(names: Any) -> None:
    with pytest.raises(TypeError, match="bins"):
        bin_names(names, "bins")


def test_lists_of_bin_names() -> None:
    assert bin_names(("a", Text("b")), "bins") == ["a", "b"]
    assert bin_names(iter(["a"]), "bins") == ["a"]
    with pytest.raises(InvalidArgError):
        bin_names([], "bins")


@pytest.mark.parametrize(
    ("value", "kinds"),
    [(True, (int, float)), ("1", (int, float)), (None, (int,)), (1, (str, bytes)), ([], (str,))],
)
def test_operands_of_other_types_are_refused(value: Any, kinds: tuple[type, ...]) -> None:
    with pytest.raises(TypeError, match=r"^offset must be"):
        operand("b", value, kinds, "offset")


def test_operands() -> None:
    assert operand("b", np.int32(4), (int, float), "offset") == ("b", 4)
    with pytest.raises(OverflowError):
        operand("b", 2**63, (int, float), "offset")


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
map_keys = st.integers(-(2**63), 2**63 - 1) | st.text("abc") | st.binary()
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(map_keys, inner), max_leaves=20
)


@given(values)
def test_any_value_of_the_plain_types_arrives_unchanged(value: Any) -> None:
    assert stored(value) == value


@given(values)
def test_fast_and_slow_path_agree(value: Any) -> None:
    bins = {"b": value}
    assert _codec.pack_put(KEY, bins) == encode((KEY, plain_bins(bins)))
    operations = [{"op": 1, "bin": "b", "val": value}]
    assert _codec.pack_operate(KEY, operations) == encode((KEY, plain_operations(operations)))
    assert _codec.pack_plain(value) == encode(plain_value(value, "b"))


@given(st.integers(), st.lists(scalars), st.booleans())
def test_an_int_passes_if_and_only_if_it_fits(number: int, others: list[Any], inside: bool) -> None:
    value = [*others, number] if inside else number
    if -(2**63) <= number < 2**63:
        assert stored(value) == value
    else:
        with pytest.raises(OverflowError):
            stored(value)
