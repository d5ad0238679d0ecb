"""What a server says of a failure beside its code is on the exception, as far as it is sane."""

import asyncio
import pickle
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from recording_node import RecordingNode

import aerospike_py
from aerospike_py._values import encode

KEYS = [("test", "demo", number) for number in range(2)]
MESSAGE = 3
LAST = 1
FIELD = 45
POLICY: Any = {
    "max_retries": 0,
    "total_timeout": 30_000,
    "error_detail_verbosity": aerospike_py.ERROR_DETAIL_EXP_TRACE,
}
NOT_APPLICABLE = 26
DETAILS = {1: 2, 2: "no such rank\n", 3: {1: 2, 3: "rank", 5: ["eq", "rank"], 7: 1, 99: None}}
TRACE = {"phase": 2, "op": "rank", "path": ["eq", "rank"], "outcome": 1}


class FailingNode(RecordingNode):
    """Answers commands with what it is told."""

    reply: bytes | None = None

    def _answer(self, frame: bytes) -> bytes:
        if frame[1] != MESSAGE or self.reply is None:
            return super()._answer(frame)
        return self.reply


@pytest.fixture(scope="module")
def node() -> Iterator[FailingNode]:
    with FailingNode() as failing:
        yield failing


Call = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture(scope="module", params=["sync", "async"])
def call(request: pytest.FixtureRequest, node: FailingNode) -> Iterator[Call]:
    """Hands a client of either kind to a function, whose result it waits for."""
    config: Any = {"hosts": [("127.0.0.1", node.port)], "max_error_rate": 0}
    if request.param == "sync":
        with aerospike_py.client(config).connect() as client:
            yield lambda use: use(client)
        return
    loop = asyncio.new_event_loop()
    client = aerospike_py.AsyncClient(config)
    loop.run_until_complete(client.connect())
    yield lambda use: loop.run_until_complete(use(client))
    loop.run_until_complete(client.close())
    loop.close()


def message(details: bytes, *, code: int = NOT_APPLICABLE, info3: int = 0, index: int = 0) -> bytes:
    fields = struct.pack(">IB", len(details) + 1, FIELD) + details if details else b""
    count = int(bool(details))
    return struct.pack(">BBBBBBIIIHH", 22, 0, 0, info3, 0, code, 1, 0, index, count, 0) + fields


def frame(body: bytes) -> bytes:
    return struct.pack(">Q", 2 << 56 | MESSAGE << 48 | len(body)) + body


def check(error: aerospike_py.AerospikeError) -> None:
    assert error.result_code == NOT_APPLICABLE
    assert error.subcode == 2
    assert error.detail == "no such rank\\x0a"
    assert error.trace == TRACE
    assert "no such rank" in str(error)
    assert "subcode 2" in str(error)


def test_of_a_command(node: FailingNode, call: Call) -> None:
    node.reply = frame(message(encode(DETAILS)))
    with pytest.raises(aerospike_py.OpNotApplicable) as caught:
        call(lambda client: client.get(KEYS[0], POLICY))
    check(caught.value)
    check(pickle.loads(pickle.dumps(caught.value)))


def test_of_rows(node: FailingNode, call: Call) -> None:
    rows = message(encode(DETAILS)) + message(b"", code=2, index=1)
    node.reply = frame(rows + message(b"", code=0, info3=LAST))
    first, second = call(lambda client: client.batch_read(KEYS, policy=POLICY)).batch_records
    assert first.message == "no such rank\\x0a"
    assert isinstance(first.error, aerospike_py.OpNotApplicable)
    check(first.error)
    assert second.message is None
    assert isinstance(second.error, aerospike_py.RecordNotFound)


def test_of_a_query(node: FailingNode, call: Call) -> None:
    node.reply = frame(message(encode(DETAILS), info3=LAST))
    with pytest.raises(aerospike_py.AerospikeError) as caught:
        call(lambda client: client.query("test", "demo").results(POLICY))
    check(caught.value)


@pytest.mark.parametrize(
    "details",
    [
        b"\x90",
        b"\x84\x01\x02",
        encode({1: "two"}),
        encode({2: 5}),
        encode({3: [1]}),
        encode({2: "x" * 5000}),
        encode({3: {4: [[[[[[1]]]]]]}}),
        b"\xc1",
    ],
    ids=repr,
)
def test_what_is_not_sane_is_left_out(node: FailingNode, call: Call, details: bytes) -> None:
    node.reply = frame(message(details))
    with pytest.raises(aerospike_py.OpNotApplicable) as caught:
        call(lambda client: client.get(KEYS[0], POLICY))
    error = caught.value
    assert (error.subcode, error.detail, error.trace) == (None, None, None)


def test_a_part_of_them(node: FailingNode, call: Call) -> None:
    node.reply = frame(message(encode({1: 7})))
    with pytest.raises(aerospike_py.OpNotApplicable) as caught:
        call(lambda client: client.get(KEYS[0], POLICY))
    error = caught.value
    assert (error.subcode, error.detail, error.trace) == (7, None, None)
