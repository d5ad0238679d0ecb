"""Replies that no server sends: each is a clear error at once, and the client goes on."""

import asyncio
import contextlib
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from recording_node import RecordingNode

import aerospike_py
from aerospike_py import AerospikeError

KEY = ("test", "demo", "k")
MESSAGE = 3
COMPRESSED = 4
# Attempts are not repeated, and a reply that is waited for in vain is not waited for long.
ONCE: Any = {"max_retries": 0, "total_timeout": 1000}


class LyingNode(RecordingNode):
    """Answers commands with the bytes that it is told; then closes, if it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.lie: bytes | None = None
        self.closes = False

    def _answer(self, frame: bytes) -> bytes:
        if frame[1] != MESSAGE or self.lie is None:
            return super()._answer(frame)
        return self.lie

    def _serve(self, connection: Any) -> None:
        super()._serve(_Closing(connection, self))


class _Closing:
    """A connection that ends after the lie."""

    def __init__(self, connection: Any, node: LyingNode) -> None:
        self._connection = connection
        self._node = node

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def __enter__(self) -> "_Closing":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def sendall(self, data: bytes) -> None:
        self._connection.sendall(data)
        if self._node.closes and data is self._node.lie:
            raise EOFError


Call = Callable[[str, Any], Any]


@pytest.fixture
def node() -> Iterator[LyingNode]:
    with LyingNode() as lying:
        yield lying


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, node: LyingNode) -> Iterator[Call]:
    """Calls a method of a client of either kind."""
    config: Any = {"hosts": [("127.0.0.1", node.port)], "max_error_rate": 0}
    if request.param == "sync":
        with aerospike_py.client(config).connect() as client:
            yield lambda name, argument: getattr(client, name)(argument, policy=ONCE)
        return
    loop = asyncio.new_event_loop()
    client = aerospike_py.AsyncClient(config)
    loop.run_until_complete(client.connect())

    async def run(name: str, argument: Any) -> Any:
        return await getattr(client, name)(argument, policy=ONCE)

    yield lambda name, argument: loop.run_until_complete(run(name, argument))
    loop.run_until_complete(client.close())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def frame(body: bytes, kind: int = MESSAGE, size: int | None = None) -> bytes:
    length = len(body) if size is None else size
    return struct.pack(">Q", 2 << 56 | kind << 48 | length) + body


def message(
    operations: bytes = b"",
    count: int = 0,
    *,
    code: int = 0,
    info3: int = 0,
    index: int = 0,
    fields: int = 0,
    header_bytes: int = 22,
) -> bytes:
    header = struct.pack(
        ">BBBBBBIIIHH", header_bytes, 0, 0, info3, 0, code, 1, 0, index, fields, count
    )
    return header + operations


def operation(particle: int, value: bytes, name: bytes = b"b", **wrong: int) -> bytes:
    size = wrong.get("size", 4 + len(name) + len(value))
    length = wrong.get("name_length", len(name))
    return struct.pack(">IBBBB", size & 0xFFFFFFFF, 1, particle, 0, length) + name + value


def bin_of(particle: int, value: bytes, **wrong: int) -> bytes:
    return frame(message(operation(particle, value, **wrong), 1))


def compressed(data: bytes, size: int) -> bytes:
    return frame(struct.pack(">Q", size) + data, COMPRESSED)


LIES = {
    "a length of 2^48": frame(b"", size=(1 << 48) - 1),
    "a length of 1 GiB": frame(b"x" * 64, size=1 << 30),
    "another version": b"\x09\x03" + bytes(6),
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "zeros": bytes(64),
    "a frame without a message": frame(b""),
    "a message that is cut": frame(message()[:10]),
    "a header of another size": frame(message(header_bytes=21)),
    "an info reply": frame(b"node\tX\n", kind=1),
    "an unknown kind of frame": frame(message(), kind=9),
    "fields that are not there": frame(message(fields=65535)),
    "operations that are not there": frame(message(count=65535)),
    "an operation beyond the end": bin_of(1, bytes(8), size=4096),
    "an operation of 4 GiB": bin_of(1, bytes(8), size=-1),
    "an operation without its header": bin_of(1, bytes(8), size=1),
    "a name beyond its operation": bin_of(1, b"", name_length=200),
    "an integer of 17 bytes": bin_of(1, bytes(17)),
    "a float of 3 bytes": bin_of(2, bytes(3)),
    "a list that ends early": bin_of(20, b"\xdd\xff\xff\xff\xff\x01"),
    "a map that ends early": bin_of(19, b"\xdf\xff\xff\xff\xff\x01"),
    "a text beyond the list": bin_of(20, b"\x91\xdb\xff\xff\xff\xff\x03a"),
    "lists in lists in lists": bin_of(20, b"\x91" * 100_000 + b"\x01"),
    "compressed bytes that are none": compressed(b"\x78\x01nonsense", 40),
    "2^48 bytes, compressed": compressed(zlib.compress(bytes(64)), (1 << 48) - 1),
    "other bytes than announced, compressed": compressed(zlib.compress(frame(message())), 5),
}

GOOD = bin_of(1, struct.pack(">q", 7))


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_reply_that_no_server_sends_is_an_error(node: LyingNode, call: Call, lie: bytes) -> None:
    node.lie = lie
    for _ in range(2):
        start = time.monotonic()
        with pytest.raises(AerospikeError) as caught:
            call("get", KEY)
        assert time.monotonic() - start < 3
        assert str(caught.value)
        assert caught.value.result_code != 0
    node.lie = GOOD
    for _ in range(3):
        assert call("get", KEY).bins == {"b": 7}


@pytest.mark.parametrize("length", [1, 7, 8, 20, 30, len(GOOD) - 1])
def test_half_a_reply_and_the_end_is_an_error(node: LyingNode, call: Call, length: int) -> None:
    node.lie, node.closes = GOOD[:length], True
    with pytest.raises(aerospike_py.ClusterError):
        call("get", KEY)
    node.lie, node.closes = GOOD, False
    assert call("get", KEY).bins == {"b": 7}


def test_a_reply_with_another_behind_it_is_not_the_next_ones(node: LyingNode, call: Call) -> None:
    other = bin_of(1, struct.pack(">q", 8))
    node.lie = GOOD + other
    for _ in range(5):
        with contextlib.suppress(AerospikeError):
            assert call("get", KEY).bins == {"b": 7}
    node.lie = GOOD
    assert call("get", KEY).bins == {"b": 7}


LAST = 1
KEYS = [("test", "demo", number) for number in range(3)]
BATCH_LIES = {
    "a row beyond the batch": frame(message(index=3)),
    "a row of 2^32": frame(message(index=(1 << 32) - 1)),
    "a row twice": frame(message(index=1) * 2),
    "a row that is cut": frame(message(operation(1, bytes(8))[:-1], 1, index=0)),
    "half a message behind a row": frame(message(index=0) + message(index=1)[:5]),
    "an empty frame without an end": frame(b"") * 3,
}


@pytest.mark.parametrize("lie", BATCH_LIES.values(), ids=BATCH_LIES.keys())
def test_rows_that_no_server_sends_fail_as_rows_or_batch(
    node: LyingNode, call: Call, lie: bytes
) -> None:
    node.lie = lie
    start = time.monotonic()
    with contextlib.suppress(AerospikeError):
        rows = call("batch_read", KEYS)
        assert len(rows) == len(KEYS)
        assert any(row.result != 0 for row in rows)
    assert time.monotonic() - start < 3
    row = message(operation(1, struct.pack(">q", 7)), 1, index=0)
    rest = message(code=2, index=1) + message(code=2, index=2) + message(info3=LAST)
    node.lie = frame(row + rest)
    good = call("batch_read", KEYS)
    assert [each.result for each in good] == [0, 2, 2]
    assert good.batch_records[0].record.bins == {"b": 7}


@pytest.mark.parametrize("lie", BATCH_LIES.values(), ids=BATCH_LIES.keys())
def test_no_column_is_half_built_of_a_lie(node: LyingNode, call: Call, lie: bytes) -> None:
    whole = message(operation(1, struct.pack(">q", 7)), 1, index=0)
    cut = message(operation(1, bytes(8)) + operation(20, b"\x92\x01", b"new"), 2, index=1)
    rest = message(code=2, index=2) + message(info3=LAST)
    for reply in (lie, frame(whole + cut + rest)):
        node.lie = reply
        with contextlib.suppress(AerospikeError):
            batch = call("batch_read_arrow", KEYS)
            table = pa.table(batch)
            table.validate(full=True)
            assert "new" not in table.column_names
            codes = batch.result_codes
            assert codes.any()
            for name in table.column_names:
                read = table[name].to_pylist()
                assert [value is not None for value in read] == [code == 0 for code in codes]
    node.lie = frame(whole + message(code=2, index=1) + rest)
    batch = call("batch_read_arrow", KEYS)
    assert batch.result_codes.tolist() == [0, 2, 2]
    assert pa.table(batch).to_pydict() == {"b": [7, None, None]}


def test_a_lie_in_a_record_is_an_error_of_the_columns(node: LyingNode, call: Call) -> None:
    for lie in LIES.values():
        node.lie = lie
        # What is nested too deep for a column is a value that does not fit.
        with pytest.raises((AerospikeError, TypeError)):
            call("batch_read_arrow", KEYS[:1])
    node.lie = GOOD
    assert pa.table(call("batch_read_arrow", KEYS[:1])).to_pydict() == {"b": [7]}


@pytest.mark.parametrize(
    "name", [b"\xff", b"a\xc3", b"\xe1\x80b", b"\xed\xa0\x80", "n\u00e4".encode()]
)
def test_a_name_that_is_no_text_is_the_same_of_records_and_columns(
    node: LyingNode, call: Call, name: bytes
) -> None:
    node.lie = frame(message(operation(1, struct.pack(">q", 7), name), 1))
    shown = name.decode("utf-8", "backslashreplace")
    assert call("get", KEY).bins == {shown: 7}
    batch = call("batch_read_arrow", [KEY])
    assert batch.column_names == [shown]
    assert pa.table(batch).to_pydict() == {shown: [7]}
    assert batch.to_polars().to_dict(as_series=False) == {shown: [7]}


def test_a_zero_in_a_name_does_not_end_a_columns(node: LyingNode, call: Call) -> None:
    seven = struct.pack(">q", 7)
    node.lie = frame(message(operation(1, seven, b"a\0b") + operation(1, seven, b"a\0c"), 2))
    assert pa.table(call("batch_read_arrow", [KEY])).to_pydict() == {"a\\x00b": [7], "a\\x00c": [7]}


def test_lies_leave_no_descriptor_and_no_memory(node: LyingNode, call: Call) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")

    def resident() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def lie_often() -> None:
        for lie in [*LIES.values()] * 5:
            node.lie = lie
            with pytest.raises(AerospikeError):
                call("get", KEY)

    lie_often()
    before = resident()
    lie_often()
    node.lie = GOOD
    assert call("get", KEY).bins == {"b": 7}
    assert resident() - before < 4 << 20
