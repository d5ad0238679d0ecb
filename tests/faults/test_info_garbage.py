"""Info answers that no server gives: each is a clear error or a text, and the client goes on."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from recording_node import RecordingNode

import aerospike_py
from aerospike_py import AerospikeError, ClusterError

INFO = 1
MESSAGE = 3


class LyingNode(RecordingNode):
    """Answers the questions that it is told to with the bytes that it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lies: dict[str, bytes] = {}
        self.reply: bytes | None = None

    def _answer(self, frame: bytes) -> bytes:
        if frame[1] != INFO:
            return super()._answer(frame) if self.reply is None else self.reply
        lines = b""
        for question in frame[8:].decode().split("\n")[:-1]:
            name = question.split(":")[0]
            value = self.lies.get(name, self._answers.get(name, "").encode())
            lines += question.encode() + b"\t" + value + b"\n"
        return bytes([2, INFO]) + len(lines).to_bytes(6, "big") + lines


@pytest.fixture
def node() -> Iterator[LyingNode]:
    with LyingNode() as lying:
        yield lying


def config_of(node: LyingNode) -> Any:
    return {"hosts": [("127.0.0.1", node.port)], "max_error_rate": 0, "timeout": 5000}


@pytest.fixture
def client(node: LyingNode) -> Iterator[aerospike_py.Client]:
    with aerospike_py.client(config_of(node)).connect() as connected:
        yield connected


@pytest.mark.parametrize("answer", [b"", b"ERROR:4:text", b"test:1,2,no base64"])
def test_a_node_that_does_not_say_which_partitions_it_has(node: LyingNode, answer: bytes) -> None:
    node.lies["replicas"] = answer
    with pytest.raises(ClusterError, match="which partitions"):
        aerospike_py.client(config_of(node)).connect()


REFUSALS = [
    (b"ERROR:0:text", 1),
    (b"FAIL:000", 1),
    (b"ERROR:" + b"9" * 5000, 1),
    (b"ERROR:" + b"0" * 5000 + b":text", 1),
    (b"ERROR:300:text", 1),
    (b"ERROR:\xd9\xa3:text", 1),  # A digit, but no ASCII one.
    (b"ERROR:4:text", 4),
    (b"ERROR", 1),
]
CALLS: dict[str, Callable[[aerospike_py.Client], Any]] = {
    "sindex-create": lambda client: client.index_integer_create("test", "s", "b", "i"),
    "sindex-delete": lambda client: client.index_remove("test", "i"),
    "truncate": lambda client: client.truncate("test", "demo"),
    "udf-put": lambda client: client.udf_put("a.lua", source="return 1\n"),
    "udf-list": lambda client: client.udf_list(),
    "udf-get": lambda client: client.udf_get("a.lua"),
    "query-show": lambda client: client.job_status(7),
    "query-abort": lambda client: client.job_abort(7),
    "status": lambda client: client.info_random_node("status"),
}


@pytest.mark.parametrize(
    ("refusal", "code"), REFUSALS, ids=[str(text[:14]) for text, _ in REFUSALS]
)
@pytest.mark.parametrize("question", CALLS)
def test_a_refusal_is_an_error_whatever_its_number(
    node: LyingNode,
    client: aerospike_py.Client,
    question: str,
    refusal: bytes,
    code: int,
) -> None:
    node.lies[question] = refusal
    with pytest.raises(AerospikeError) as caught:
        CALLS[question](client)
    assert caught.value.result_code == code
    del node.lies[question]
    assert client.ping()


def test_rows_of_a_refusal_have_its_number_only_if_it_is_one(
    node: LyingNode, client: aerospike_py.Client
) -> None:
    for refusal, code in REFUSALS:
        node.lies["status"] = refusal
        ((name, error, response),) = client.info_all("status")
        assert (name, error) == ("BB9RECORDS00000", code)
        assert response == refusal.decode()


@pytest.mark.parametrize("answer", [b"", b"\xff\xfe", b"x=1;ns=test:", b"indexname=i"])
def test_what_is_no_index_is_not_listed(
    node: LyingNode, client: aerospike_py.Client, answer: bytes
) -> None:
    node.lies["sindex-list"] = answer
    assert client.indexes() == []


def test_an_answer_that_is_no_text_is_shown(node: LyingNode, client: aerospike_py.Client) -> None:
    node.lies["status"] = b"a\xffb"
    assert client.info_random_node("status") == "a\\xffb"
    node.lies["status"] = b"ERROR:4:a\xff\x1b[31m\rb"
    with pytest.raises(AerospikeError) as caught:
        client.info_random_node("status")
    assert "\\x1b[31m\\x0db" in str(caught.value)
    assert str(caught.value).isprintable()
    node.lies["udf-list"] = b"filename=\xff.lua,hash=\xfe,type=LUA;"
    assert [file.name for file in client.udf_list()] == ["\\xff.lua"]


BIN = b"\xffb"
OPERATION = bytes([0, 0, 0, 4 + len(BIN) + 8, 1, 1, 0, len(BIN)]) + BIN + bytes(7) + b"\x07"
RECORD = bytes([22]) + bytes(20) + b"\x01" + OPERATION
REPLY = bytes([2, MESSAGE]) + len(RECORD).to_bytes(6, "big") + RECORD


def test_a_bin_whose_name_is_no_text_is_read(node: LyingNode, client: aerospike_py.Client) -> None:
    node.reply = REPLY
    assert client.get(("test", "demo", 1)).bins == {"\\xffb": 7}

    async def read() -> list[Any]:
        async with aerospike_py.AsyncClient(config_of(node)) as other:
            await other.connect()
            return await asyncio.gather(*(other.get(("test", "demo", key)) for key in range(5)))

    for record in asyncio.run(read()):
        assert record.bins == {"\\xffb": 7}


@pytest.mark.parametrize(
    "name",
    [b"", b"\xff\xfe", b"A\x1b[31mB", b"A B", b"A\x00", "Ü".encode(), b"x" * 33, b"ERROR:0:x"],
    ids=repr,
)
def test_a_node_with_a_name_that_is_none_is_refused_with_that_reason(
    node: LyingNode, name: bytes
) -> None:
    node.lies["node"] = name
    with pytest.raises(ClusterError) as caught:
        aerospike_py.client(config_of(node)).connect()
    text = str(caught.value)
    assert text.isprintable()
    assert "name" in text or "refused 'node'" in text
    aerospike_py.get_metrics()


def failed_row(text: bytes) -> bytes:
    """A batch's reply: its one row failed, and that is all."""
    name = b"FAILURE"
    size = 4 + len(name) + len(text)
    operation = size.to_bytes(4, "big") + bytes([1, 3, 0, len(name)]) + name + text
    row = bytes([22, 0, 0, 0, 0, 100]) + bytes(15) + b"\x01" + operation
    last = bytes([22, 0, 0, 1]) + bytes(18)
    return bytes([2, MESSAGE]) + len(row + last).to_bytes(6, "big") + row + last


def test_what_a_function_says_is_shown_as_text(
    node: LyingNode, client: aerospike_py.Client
) -> None:
    node.reply = failed_row(b"a\x1b[2J\nb\xff" + b"\x07" * 3000)
    (row,) = client.batch_apply([("test", "demo", 1)], "module", "function")
    assert row.result == 100
    assert row.message == "a\\x1b[2J\\x0ab\ufffd" + "\\x07" * 3000
