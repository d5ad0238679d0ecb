"""The codec beside another one, and with bytes that mean nothing."""

import contextlib
import gc
import os
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import get_ident
from typing import Any
from unittest.mock import ANY

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerospike_py import ClientError, InvalidArgError, _codec
from aerospike_py._config import Config
from aerospike_py._ffi import ffi, lib
from aerospike_py._native import client_create, completions
from aerospike_py._results import _TUPLES_ARE_PLAIN, _not_shown
from aerospike_py._values import EXTENSION_PAIRS, Extension, Raw, _decode_extension
from aerospike_py.batch import BatchRecord
from aerospike_py.types import (
    AerospikeKey,
    BinTuple,
    ExistsResult,
    KeyOrderedDict,
    KeyValueOrderedDict,
    OperateOrderedResult,
    Record,
    RecordMetadata,
)

_BOUND = (Raw, Extension, KeyOrderedDict, KeyValueOrderedDict)
CLASSES: tuple[type[tuple[Any, ...]], ...] = (
    AerospikeKey,
    RecordMetadata,
    Record,
    ExistsResult,
    OperateOrderedResult,
    BinTuple,
)
KEY = AerospikeKey("test", "a set with a name of more than 31 bytes", "k", bytes(range(20)))
META = RecordMetadata(3, 2**32 - 1)
BINS = {"a": 1, "b": [1, {"x": b"y"}], "é": "text"}
FOUND = [None, 0, False, [KEY, META, BINS]]
MISSING = [KEY, 2, True, None]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
)
keys = st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary() | st.floats(allow_nan=False)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=50
)


def bind(tuples_are_plain: bool) -> None:
    _codec.bind_results(*CLASSES, tuples_are_plain, BatchRecord, _not_shown)


@pytest.fixture(params=[True, False], ids=["filled in place", "made by their class"])
def tuples(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways to make results, whatever this Python's own is."""
    if request.param and not _TUPLES_ARE_PLAIN:
        yield  # It has one way only.
        return
    bind(request.param)
    yield
    bind(_TUPLES_ARE_PLAIN)


@given(values)
def test_any_value_is_encoded_and_decoded_as_by_another_codec(value: Any) -> None:
    encoded = msgspec.msgpack.encode(value)
    assert _codec.pack(value) == encoded
    assert _codec.unpack(encoded) == msgspec.msgpack.decode(encoded) == value


@pytest.mark.parametrize("size", [0, 15, 16, 31, 32, 255, 256, 65535, 65536])
@pytest.mark.parametrize(
    "make",
    [
        lambda size: "x" * size,
        lambda size: b"x" * size,
        lambda size: bytearray(size),
        lambda size: [None] * size,
        lambda size: (False,) * size,
        lambda size: dict.fromkeys(range(size), 1.5),
    ],
)
def test_every_form_of_a_length(make: Callable[[int], Any], size: int) -> None:
    value = make(size)
    encoded = _codec.pack(value)
    assert encoded == msgspec.msgpack.encode(value)
    assert _codec.unpack(encoded) == msgspec.msgpack.decode(encoded)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 8, 16, 17, 255, 256, 65536])
def test_extensions(size: int) -> None:
    data = bytes(size)
    encoded = _codec.pack([Extension(-5, data)])
    assert encoded == msgspec.msgpack.encode([msgspec.msgpack.Ext(-5, data)])
    assert _codec.unpack(encoded) == [Extension(-5, data)]
    with pytest.raises(OverflowError):
        _codec.pack(Extension(128, data))


def test_pairs_keep_their_order_and_are_tuples() -> None:
    pairs = [["b", 1], ["a", [2]]]
    encoded = _codec.pack(Extension(EXTENSION_PAIRS, _codec.pack(pairs)))
    assert _codec.unpack(encoded) == [("b", 1), ("a", [2])]


def test_what_is_encoded_already_stays_as_it_is() -> None:
    assert _codec.pack([1, Raw(b"\x92\x01\x02")]) == msgspec.msgpack.encode([1, [1, 2]])


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (2**63, OverflowError),
        ({"a": [-(2**63) - 1]}, OverflowError),
        (object(), TypeError),
        ({"a": {1, 2}}, TypeError),
        ("\ud800", UnicodeEncodeError),
        (type("Text", (str,), {})("a"), TypeError),
    ],
)
def test_what_cannot_be_encoded_is_refused_and_forgotten(
    value: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        _codec.pack(["before", value])
    assert _codec.pack([1]) == b"\x91\x01"


def test_what_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        _codec.pack(endless)


def test_an_int_beyond_64_bits_of_another_codec_is_read() -> None:
    assert _codec.unpack(msgspec.msgpack.encode(2**64 - 1)) == 2**64 - 1


def test_lists_as_map_keys_become_tuples() -> None:
    encoded = b"\x81\x92\x01\x91\xa1a\x05"
    assert _codec.unpack(encoded) == {(1, ("a",)): 5}
    with pytest.raises(TypeError, match="unhashable"):
        _codec.unpack(b"\x81\x80\x05")


def rows(*members: Any, step: int = sys.maxsize, keys: Any = None) -> list[BatchRecord]:
    data = msgspec.msgpack.encode(members)
    out: list[BatchRecord] = []
    position = 0
    while position < len(data):
        position = _codec.unpack_rows(data, position, out, step, keys)
    return out


@pytest.mark.usefixtures("tuples")
def test_results_are_of_their_classes() -> None:
    record = _codec.unpack_record(msgspec.msgpack.encode([KEY, META, BINS]))
    assert record == Record(KEY, META, BINS)
    assert [type(member) for member in record] == [AerospikeKey, RecordMetadata, dict]
    (again,) = _codec.unpack_records(msgspec.msgpack.encode([[KEY, META, BINS]]))
    assert again == record
    assert type(again) is Record
    assert hash(again.key) == hash(KEY) == hash(tuple(KEY))
    found = _codec.unpack_exists(msgspec.msgpack.encode([KEY, META]))
    assert found == ExistsResult(KEY, META)
    assert _codec.unpack_exists(msgspec.msgpack.encode([KEY, None])) == ExistsResult(KEY, None)
    ordered = _codec.unpack_ordered(msgspec.msgpack.encode([KEY, META, [["a", 1], ["a", [2]]]]))
    assert ordered == OperateOrderedResult(KEY, META, [BinTuple("a", 1), BinTuple("a", [2])])
    assert type(ordered.ordered_bins[0]) is BinTuple


@pytest.mark.usefixtures("tuples")
@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_rows_in_steps(step: int) -> None:
    found, missing, again = rows(FOUND, MISSING, FOUND, step=step)
    assert found == again == BatchRecord(KEY, 0, False, Record(KEY, META, BINS))
    assert found.record is not None
    assert found.key is found.record.key
    assert missing == BatchRecord(KEY, 2, True, None)
    assert rows() == []


@pytest.mark.usefixtures("tuples")
def test_keys_that_were_asked_for_are_not_made_again() -> None:
    class Name(str):
        __slots__ = ()

    user_keys = ["k" * 20, 12345678, b"bytes", bytearray(b"bytes"), Name("k" * 20), None]
    asked: list[Any] = [("test", "demo", user_key) for user_key in user_keys]
    asked.append(("test", "demo", "k" * 20, bytes(20)))
    sent = [
        [None, 0, False, [["test", "demo", key[2], bytes(20)], META, {}]]
        for key in (*asked[:4], asked[6], asked[5], asked[6])
    ]
    for step in (2, 100):
        found = rows(*sent, step=step, keys=asked)
        assert [row.key for row in found] == [tuple(row[3][0]) for row in sent]
        same = [row.key.user_key is key[2] for row, key in zip(found, asked, strict=True)]
        assert same == [True, True, True, False, False, True, False]
        assert type(found[3].key.user_key) is bytes
        assert type(found[4].key.user_key) is str
    with pytest.raises(IndexError):
        rows(*sent, keys=asked[:-1])


def test_metadata_that_differ_are_not_shared() -> None:
    metas = [RecordMetadata(1, 5), RecordMetadata(1, 5), RecordMetadata(2, 5), RecordMetadata(2, 6)]
    found = rows(*([None, 0, False, [KEY, meta, {}]] for meta in metas))
    assert [row.meta for row in found] == metas


def records(*bins: dict[str, Any]) -> list[dict[str, Any]]:
    """What records with such bins become."""
    encoded = msgspec.msgpack.encode([[KEY, META, each] for each in bins])
    return [record.bins for record in _codec.unpack_records(encoded)]


def test_records_of_any_bins_after_any_others() -> None:
    random = Random(5)
    names = ["a", "b", "c", "d", "é", "a name of 15 by", "a name of more than fifteen bytes"]
    shapes = [random.sample(names, random.randrange(len(names) + 1)) for _ in range(12)]
    given = [
        {name: random.choice([index, "x", None, [index]]) for name in random.choice(shapes)}
        for index in range(5000)
    ]
    made = records(*given)
    assert made == given
    assert [list(bins) for bins in made] == [list(bins) for bins in given]
    assert len({id(bins) for bins in made}) == len(given)


def test_the_first_record_of_a_process_may_have_no_bins() -> None:
    program = """
import aerospike_py
from aerospike_py import _codec
print(_codec.unpack_record(_codec.pack([["n", "s", 1, bytes(20)], [1, 0], {}])).bins)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout == "{}\n"


def test_bins_are_the_records_own() -> None:
    first, second = records(*[{"a": 1, "b": 2}] * 20)[-2:]
    first["c"] = first.pop("a")
    assert second == {"a": 1, "b": 2}
    assert records({"a": 1, "b": 2}) == [{"a": 1, "b": 2}]


def test_a_name_that_comes_twice_does_no_harm() -> None:
    encoded = msgspec.msgpack.encode([KEY, META, {"a": 1, "b": 2}])
    records(*[{"a": 1, "b": 2}] * 20)
    assert _codec.unpack_record(encoded.replace(b"\xa1b", b"\xa1a")).bins == {"a": 2}
    assert records({"a": 1, "b": 2}) == [{"a": 1, "b": 2}]


def test_bins_whose_values_bring_records_with_other_bins() -> None:
    def made_of(code: int, data: bytes) -> Any:
        made = [records({"a": 1, "z": 2}, {"y": 1, "z": 2}) for _ in range(20)]
        return made[-1][0]

    _codec.bind_values(*_BOUND, made_of)
    try:
        bins = {"a": msgspec.msgpack.Ext(5, b""), "z": 3}
        for _ in range(50):
            assert records(bins, {"a": 1, "q": 2}) == [
                {"a": {"a": 1, "z": 2}, "z": 3},
                {"a": 1, "q": 2},
            ]
    finally:
        _codec.bind_values(*_BOUND, _decode_extension)


def test_bins_asked_for_before_the_record_are_the_records() -> None:
    (row,) = rows(FOUND)
    bins = row.bins
    assert bins == BINS
    assert row.bins is bins
    assert row.key == KEY
    assert row.record is not None
    assert row.record.bins is bins
    assert row.bins is bins
    assert rows(MISSING)[0].bins is None
    assert BatchRecord(KEY, 0, False, Record(KEY, META, bins)).bins is bins


@pytest.mark.usefixtures("tuples")
def test_broken_bytes_are_refused() -> None:
    good = [
        (_codec.unpack, [BINS, KEY]),
        (_codec.unpack_value, [BINS, KEY]),
        (_codec.unpack_record, [KEY, META, BINS]),
        (_codec.unpack_records, [[KEY, META, BINS]] * 2),
        (_codec.unpack_exists, [KEY, META]),
        (_codec.unpack_ordered, [KEY, META, [["a", 1]]]),
        (lambda data: _codec.unpack_rows(data, 0, [], 10, None), [FOUND, MISSING]),
    ]
    random = Random(1)
    for unpack, value in good:
        encoded = msgspec.msgpack.encode(value)
        for length in range(len(encoded)):
            with pytest.raises((ValueError, ClientError), match="malformed"):
                unpack(encoded[:length])
        if unpack is not good[-1][0]:
            with pytest.raises((ValueError, ClientError), match="malformed"):
                unpack(encoded + b"\x01")
        for _ in range(3000):
            broken = bytearray(encoded)
            for _ in range(random.choice([1, 1, 2, 5])):
                broken[random.randrange(len(broken))] = random.randrange(256)
            with contextlib.suppress(ValueError, TypeError, ClientError):
                unpack(bytes(broken))


@pytest.mark.parametrize(
    "unpack",
    [
        _codec.unpack_value,
        _codec.unpack_record,
        _codec.unpack_records,
        _codec.unpack_exists,
        _codec.unpack_ordered,
    ],
)
def test_results_that_cannot_be_shown_raise_the_packages_error(unpack: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match="cannot be shown") as caught:
        unpack(b"\xc1")
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_result_leaves_other_errors_alone() -> None:
    def interrupted(code: int, data: bytes) -> Any:
        raise KeyboardInterrupt

    _codec.bind_values(*_BOUND, interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            _codec.unpack_value(msgspec.msgpack.encode(msgspec.msgpack.Ext(5, b"")))
    finally:
        _codec.bind_values(*_BOUND, _decode_extension)


def test_counts_that_cannot_be_true_take_no_memory() -> None:
    for tag in (b"\xdd", b"\xdf"):
        with pytest.raises(ValueError, match="malformed"):
            _codec.unpack(tag + b"\xff\xff\xff\xff" + bytes(100))


@pytest.mark.parametrize("tag", [b"\x91", b"\x81\x01", b"\x81"])
def test_nesting_without_end_is_refused(tag: bytes) -> None:
    with pytest.raises(ValueError, match="malformed"):
        _codec.unpack(tag * 100_000)


class Text(str):
    __slots__ = ()


INSIDE_ITSELF: list[Any] = []
INSIDE_ITSELF.append(INSIDE_ITSELF)


@pytest.mark.parametrize(
    "value",
    [
        Text("x"),
        2**63,
        "\ud800",
        Raw(b"\x01"),
        Extension(23, b"{}"),
        object(),
        {None: 1},
        {True: 1},
        {(1, 2): 1},
        {Text("x"): 1},
        INSIDE_ITSELF,
        [[{"a": [Text("x")]}]],
    ],
    ids=lambda value: type(value).__name__,
)
def test_unusual_values_are_left_to_who_looks_closer(value: Any) -> None:
    assert _codec.pack_plain(value) is None
    assert _codec.pack_plain([value]) is None
    for bins in ({"b": value}, {"b": [value]}):
        assert _codec.pack_put(bins) is None
        assert _codec.pack_put(("test", "demo", 1), bins) is None
    assert _codec.pack_operate([{"op": 1, "val": value}]) is None


@pytest.mark.parametrize(
    "key",
    [
        ("test", "demo"),
        ["test", "demo", 1],
        KEY,
        ("", "demo", 1),
        ("test", None, 1),
        ("test", "demo", None),
        ("test", "demo", True),
        ("test", "demo", 2**63),
        ("test", "demo", "\ud800"),
        ("test", "demo", Text("x")),
        ("test", Text("demo"), 1),
        None,
    ],
)
def test_unusual_keys_are_left_to_who_looks_closer(key: Any) -> None:
    assert _codec.pack_key(key) is None
    assert _codec.pack_put(key, {"b": 1}) is None
    assert _codec.pack_operate(key, [{"op": 1}]) is None


@pytest.mark.parametrize("bins", [{}, {1: 1}, {"": 1}, {"x" * 16: 1}, {Text("x"): 1}, [], None])
def test_unusual_bins_are_left_to_who_looks_closer(bins: Any) -> None:
    assert _codec.pack_put(bins) is None


@pytest.mark.parametrize(
    "operations", [[], None, {"op": 1}, [{}], [{"bin": "op"}], [{1: 1}], [{"op": 1}, {"bin": "b"}]]
)
def test_unusual_operations_are_left_to_who_looks_closer(operations: Any) -> None:
    assert _codec.pack_operate(operations) is None


def test_usual_requests() -> None:
    key, bins = ("test", "demo", 1), {"a": 1, "b": [1, {"x": b"y"}, 1.5, None, True]}
    assert _codec.unpack(_codec.pack_key(key) or b"") == [list(key)]
    assert _codec.unpack(_codec.pack_put(key, bins) or b"") == [list(key), bins]
    assert _codec.unpack(_codec.pack_put(bins) or b"") == bins
    operations = [{"op": 1, "bin": "b", "val": [1]}, {"bin": "a", "op": 2}]
    assert _codec.unpack(_codec.pack_operate(key, tuple(operations)) or b"") == [
        list(key),
        operations,
    ]
    assert _codec.unpack(_codec.pack_operate(operations) or b"") == operations


def test_packing_takes_one_or_two_arguments() -> None:
    for pack in (_codec.pack_put, _codec.pack_operate):
        for arguments in ((), (KEY, {}, 1)):
            with pytest.raises(TypeError):
                pack(*arguments)  # type: ignore[call-overload]


@pytest.mark.usefixtures("tuples")
def test_nothing_is_lost() -> None:
    encoded = [msgspec.msgpack.encode(row) for row in ([FOUND, MISSING], [MISSING, [*FOUND, 1]])]
    unusual = [("test", "demo", "k"), ("test", "demo", None)]

    def work() -> None:
        for data in encoded:
            with contextlib.suppress(ValueError):
                _codec.unpack_rows(data, 0, [], 10, None)
        _codec.pack([BINS, META[0]])
        assert _codec.pack_batch(unusual, b"") is None
        assert _codec.pack_key(unusual[1]) is None
        for bins in (BINS, {"b": [1, Text("x")]}, {"b": "\ud800"}, {"b": 2**64}, {1: 2}, {}, 5):
            _codec.pack_put(unusual[0], bins)
            _codec.pack_put(bins)
            _codec.pack_operate(unusual[0], [{"op": 1, "val": bins}, bins])
            _codec.pack_plain([bins])
        with contextlib.suppress(ClientError):
            _codec.unpack_record(b"\xc1")

    for _ in range(200):
        work()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(20):
            work()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(2000):
            work()
        gc.collect()
        # A reference lost in each would be 2000 objects.
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()


REQUEST = (lib.ASZ_GET, b"\x90", ffi.NULL, bytes)
NO_REQUESTS: list[tuple[Any, type[Exception]]] = [
    (None, TypeError),
    (REQUEST[:3], TypeError),
    ([*REQUEST], TypeError),
    (Record(*REQUEST[:3]), TypeError),
    (("get", *REQUEST[1:]), TypeError),
    ((2**31, *REQUEST[1:]), OverflowError),
    ((2**64, *REQUEST[1:]), OverflowError),
    ((REQUEST[0], "text", *REQUEST[2:]), TypeError),
    ((REQUEST[0], bytearray(b"\x90"), *REQUEST[2:]), TypeError),
    ((*REQUEST[:2], None, bytes), TypeError),
    ((*REQUEST[:2], ffi.new("asz_error *"), bytes), TypeError),
]


@pytest.fixture
def library_client() -> Any:
    return client_create(Config({"hosts": [("127.0.0.1", 1)]}).encode())


@pytest.mark.parametrize(("request_", "kind"), NO_REQUESTS)
def test_what_is_no_request_is_refused(
    library_client: Any, request_: Any, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        _codec.execute(library_client, request_)
    submitter = submitter_of(library_client)
    with pytest.raises(kind):
        submitter.start(request_, None)
    with pytest.raises(kind):
        submitter.run(request_)
    assert not submitter.kept()


def submitter_of(
    client: Any, keywords: Any = None, gathered: Any = -1 & 2**63 - 1
) -> _codec.Submitter:
    """As a loop has it on which nothing happens."""
    create_future: Any = object
    return _codec.submitter(client, create_future, keywords, print, gathered)


def test_what_is_no_client_or_no_token_is_refused(library_client: Any) -> None:
    owner = object()
    for no_client, kind in (None, TypeError), (ffi.NULL, ValueError), (REQUEST, TypeError):
        with pytest.raises(kind):
            submitter_of(no_client)
    with pytest.raises(TypeError):
        submitter_of(library_client, [])
    for gathered, kind in (None, TypeError), (-1, ValueError):
        with pytest.raises(kind):
            submitter_of(library_client, {}, gathered)
    submitter = submitter_of(library_client, None, 0)
    for takes_token in submitter.abandon, submitter.forget, submitter.keeps:
        wrong: list[tuple[Any, type[Exception]]] = [("1", TypeError), (-1, ValueError)]
        for token, kind in wrong:
            with pytest.raises(kind):
                takes_token(token)
        for unknown in 0, 1, 1 << 24, 2**63 - 1:
            assert not takes_token(unknown)
    with pytest.raises(ClientError, match="not connected"):
        submitter.start(REQUEST, owner)
    ffi.release(library_client)
    with pytest.raises(InvalidArgError, match="destroyed"):
        _codec.execute(library_client, REQUEST)
    with pytest.raises(InvalidArgError, match="destroyed"):
        submitter.start(REQUEST, owner)
    submitter.flush(None)
    assert not submitter.kept()
    assert owner not in completions._owners.values()


def test_a_loop_that_refuses_fails_what_it_refuses(library_client: Any) -> None:
    def refuse(*_: Any) -> None:
        raise ZeroDivisionError

    future: Any = None
    makers: list[tuple[Any, Any]] = [(refuse, print), (object, refuse)]
    for create_future, call_soon in makers:
        submitter = _codec.submitter(
            library_client, create_future, None, call_soon, 1 << lib.ASZ_GET
        )
        for _ in range(5):  # Many, so that a read waits for others.
            submitter.keep(future, bytes)
        with pytest.raises(ZeroDivisionError):
            submitter.run(REQUEST)
        assert len(submitter) == 5


def test_who_waits_is_kept_until_it_is_forgotten(library_client: Any) -> None:
    submitter = submitter_of(library_client)
    futures: list[Any] = [object() for _ in range(1000)]
    counts = [sys.getrefcount(each) for each in futures]
    held: dict[int, Any] = {}
    dice = Random(5)
    for future in futures:
        token = submitter.keep(future, bytes)
        assert token == submitter.latest
        assert token not in held
        held[token] = future
        if dice.random() < 0.5:
            gone = dice.choice(list(held))
            submitter.forget(gone)
            del held[gone]
            assert not submitter.keeps(gone)
    assert len(submitter) == len(held)
    assert dict(submitter.kept()) == held
    left, *_ = held
    submitter.abandon(left)
    assert submitter.keeps(left)
    assert dict(submitter.kept())[left] is None
    submitter.forget(left)
    assert not submitter.keeps(left)
    del submitter, held, future
    assert [sys.getrefcount(each) for each in futures] == counts


def test_who_waits_is_known_to_the_garbage_collector(library_client: Any) -> None:
    class Node:
        pass

    node: Any = Node()
    node.submitter = submitter_of(library_client)
    node.submitter.keep(node, node)
    gone = weakref.ref(node)
    del node
    gc.collect()
    assert gone() is None


# Whatever the listing asks memory for, the collector runs then, and has a finalizer forget all.
FORGETTING = """
import gc
from aerospike_py import _codec
from aerospike_py._config import Config
from aerospike_py._native import client_create

class Future:
    pass

class Forgetting:
    def __init__(self, submitter, tokens):
        self.itself, self.submitter, self.tokens = self, submitter, tokens

    def __del__(self):
        for token in self.tokens:
            self.submitter.forget(token)

gc.disable()
client = client_create(Config({"hosts": ["127.0.0.1"]}).encode())
lists = []
for allocations in range(1, 30):
    submitter = _codec.submitter(client, object, None, print, 0)
    tokens = [submitter.keep(Future(), bytes) for _ in range(10)]
    # None is left of those that are used again, for which no memory is asked.
    taken = [(each, each) for each in range(3000)]
    gc.collect()
    Forgetting(submitter, tokens)
    gc.set_threshold(allocations)
    gc.enable()
    listed = submitter.kept()
    gc.disable()
    assert {type(future) for _, future in listed} <= {Future}
    lists.append(len(listed))
print(lists)
"""


def test_who_waits_may_be_forgotten_while_it_is_listed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORGETTING],
        env=os.environ | {"PYTHONMALLOC": "debug"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    if sys.version_info < (3, 12):  # Later the collector runs between two instructions.
        assert len(set(eval(done.stdout))) > 1


def test_types_of_what_waits_are_not_made_by_others() -> None:
    for kind in (_codec.Submitter, _codec.Operation):
        with pytest.raises(TypeError):
            kind()
        with pytest.raises(TypeError):
            object.__new__(kind)


def test_what_cannot_be_told_of_an_operation_is_refused(library_client: Any) -> None:
    submitter = submitter_of(library_client)
    ended = ffi.new("asz_completion[2]")
    state = ffi.new("uint64_t[5]", [1])
    target = completions._pack_target(
        *(int(ffi.cast("uintptr_t", each)) for each in (library_client, ended)),
        *(len(ended), int(ffi.cast("uintptr_t", state))),
    )
    for no_target, kind in (None, TypeError), ("text", TypeError), (target[1:], ValueError):
        for call in (
            lambda given=no_target: _codec.collect(given),
            lambda given=no_target: _codec.settle(given, 1, 1, submitter),
            lambda given=no_target: _codec.resolve(given, 1, 1, submitter),
        ):
            with pytest.raises(kind):
                call()
    wrong: list[tuple[Any, ...]] = [
        *((None, 1, submitter), (1, "1", submitter)),
        *((1, 1, no_submitter) for no_submitter in (None, {}, object())),
    ]
    for arguments in wrong:
        with pytest.raises(TypeError):
            _codec.resolve(target, *arguments)
    with pytest.raises(ValueError, match="negative"):
        _codec.resolve(target, -1, 1, submitter)
    state[3:5] = 1, 0  # One was collected, of which nobody knows.
    assert _codec.resolve(target, 1, 1, submitter) == 0
    state[3:5] = 1, 7
    assert _codec.resolve(target, 9, 1, submitter) == 0


def test_a_value_stands_for_what_nothing_is_given_to() -> None:
    def function(*given: Any) -> Any:
        return given

    value: Any = object()
    usual = _codec.or_default(value, function)
    for nothing in (), (None,), (None, None, None):
        assert usual(*nothing) is value
    for given_ in (0,), (None, 1), ({}, None):
        assert usual(*given_) == given_
    with pytest.raises(ZeroDivisionError):
        _codec.or_default(value, lambda given_: 1 / given_)(0)


def test_who_may_not_submit_directly_does_so_otherwise(library_client: Any) -> None:
    loop, other = object(), object()
    switches: dict[str, Any] = {"active": None}
    places = [submitter_of(library_client), lambda: running, loop, get_ident()]
    running = loop

    def otherwise(request: Any) -> Any:
        return "otherwise", request

    submit = _codec.submit_directly(places, switches, "active", otherwise)
    with pytest.raises(ClientError, match="not connected"):
        submit(REQUEST)
    with pytest.raises(TypeError):
        submit(None)
    running = other
    assert submit(REQUEST) == ("otherwise", REQUEST)
    running = loop
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(submit, REQUEST).result() == ("otherwise", REQUEST)
    for active in True, 0, object():
        switches["active"] = active
        assert submit(REQUEST) == ("otherwise", REQUEST)
    switches.clear()
    assert submit(REQUEST) == ("otherwise", REQUEST)
    switches["active"] = None
    for number in None, "1", 1 << 64:
        with pytest.raises((TypeError, OverflowError)):
            _codec.submit_directly([*places[:3], number], switches, "active", otherwise)(REQUEST)
    for nobody in None, object(), library_client:
        places[0] = nobody
        assert submit(REQUEST) == ("otherwise", REQUEST)
    places[:] = [submitter_of(library_client)]
    with pytest.raises(IndexError):
        submit(REQUEST)
    for no_places in (), None:
        with pytest.raises(TypeError):
            _codec.submit_directly(no_places, switches, "active", otherwise)


@pytest.mark.parametrize("user_key", [1, "k" * 300, b"k", 1.5])
def test_a_key_and_a_policy_are_submitted_as_the_request_of_both(
    library_client: Any, user_key: Any
) -> None:
    class Policies:
        def read(self, policy: Any) -> Any:
            asked.append(policy)
            return 1 / 0 if policy == {} else ffi.NULL

    asked: list[Any] = []
    key = ("ns", "set", user_key)
    loop = object()
    places: list[Any] = [None] * 4
    request_of = _codec.key_request(lib.ASZ_GET, Policies(), "read", repr_of_key, bytes)
    direct = _codec.submit_directly(places, {"active": None}, "active", lambda request: request)
    submit: Any = _codec.submit_key(direct, request_of)
    assert submit(key, None) == (lib.ASZ_GET, ANY, ffi.NULL, bytes)
    assert asked == [None]  # Once, though somebody else submits.
    assert submit(key, None) == request_of(key, None)
    places[:] = submitter_of(library_client), lambda: loop, loop, get_ident()
    with pytest.raises(ClientError, match="not connected"):
        submit(key, None)
    with pytest.raises(ZeroDivisionError):
        submit(key, {})
    with pytest.raises(ZeroDivisionError):
        submit(None, None)
    arguments: Any
    for arguments in (), (key,), (key, None, None):
        with pytest.raises(TypeError):
            submit(*arguments)


def repr_of_key(key: Any) -> bytes:
    """What makes bytes of unusual keys."""
    return 1 / 0 if key is None else _codec.pack([list(key)])  # type: ignore[return-value]


def test_only_their_own_functions_submit_keys() -> None:
    request_of = _codec.key_request(lib.ASZ_GET, None, "read", repr, bytes)
    direct = _codec.submit_directly([], {}, "active", print)
    arguments: Any
    for arguments in (direct, len), (len, request_of), (request_of, direct), (direct, direct):
        with pytest.raises(TypeError, match="of another kind"):
            _codec.submit_key(*arguments)
    for arguments in (direct, test_only_their_own_functions_submit_keys), (None, request_of):
        with pytest.raises((SystemError, TypeError)):
            _codec.submit_key(*arguments)
    for arguments in (), (direct,), (direct, request_of, None):
        with pytest.raises(TypeError):
            _codec.submit_key(*arguments)


def test_who_submits_directly_is_closed_meanwhile(library_client: Any) -> None:
    gone = weakref.ref(library_client)

    def running() -> None:
        places[0] = None
        gc.collect()

    places: list[Any] = [submitter_of(library_client), running, None, get_ident()]
    submit = _codec.submit_directly(places, {"active": None}, "active", print)
    with pytest.raises(ClientError, match="not connected"):
        submit(REQUEST)
    assert gone() is library_client


def test_a_key_and_a_policy_make_a_request() -> None:
    class Policies:
        def read(self, policy: Any) -> Any:
            return 1 / policy if policy == 0 else ("struct", policy)

    policies: Any = Policies()
    request = _codec.key_request(lib.ASZ_GET, policies, "read", repr, bytes)
    key, unusual = ("ns", "set", 1), ("ns", "set", 1.0)
    for policy in None, {"a": 1}:
        expected = (lib.ASZ_GET, _codec.pack_key(key), ("struct", policy), bytes)
        assert request(key, policy) == expected
        assert request(unusual, policy) == (lib.ASZ_GET, repr(unusual), ("struct", policy), bytes)
    policies.read = lambda _: "another"  # It is looked for each time.
    assert request(key, None)[2] == "another"
    del policies.read
    arguments: Any
    for arguments in (), (key,), (key, None, None):
        with pytest.raises(TypeError):
            request(*arguments)
    with pytest.raises(ZeroDivisionError):
        request(key, 0)
    failing = _codec.key_request(lib.ASZ_GET, policies, "read", lambda key: 1 / 0, bytes)
    with pytest.raises(ZeroDivisionError):
        failing(unusual, None)
    for nothing in (None, "read"), (policies, "nothing"), (policies, None):
        with pytest.raises((AttributeError, TypeError)):
            _codec.key_request(lib.ASZ_GET, *nothing, repr, bytes)(key, None)
