"""What the policies of all commands make of a request is what the official client's make of it."""

import contextlib
import random
from collections.abc import Callable
from typing import Any

import aerospike
import pytest
from aerospike_helpers.batch import records as their_rows
from aerospike_helpers.operations import operations as theirs
from recorder import Recorder
from recording_node import Request

import aerospike_py
from aerospike_py import batch

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

_LONG = {"a": "x" * 500}
_SHORT = {"a": 1}
_KEYS = [("test", "recorded", number) for number in range(20)]
_READ = {"op": aerospike_py.OPERATOR_READ, "bin": "a"}


def _write(value: Any) -> dict[str, Any]:
    return {"op": aerospike_py.OPERATOR_WRITE, "bin": "a", "val": value}


Send = Callable[[Any, Any], Any]
# The same command by both clients, with a policy.
_COMMANDS: dict[str, tuple[Send, Send]] = {
    "get": (lambda c, p: c.get(_KEYS[0], p), lambda c, p: c.get(_KEYS[0], p)),
    "select": (lambda c, p: c.select(_KEYS[0], ["a"], p),) * 2,
    "exists": (lambda c, p: c.exists(_KEYS[0], p),) * 2,
    "put": (lambda c, p: c.put(_KEYS[0], _SHORT, policy=p),) * 2,
    "put much": (lambda c, p: c.put(_KEYS[0], _LONG, policy=p),) * 2,
    "remove": (lambda c, p: c.remove(_KEYS[0], policy=p),) * 2,
    "operate reads": (
        lambda c, p: c.operate(_KEYS[0], [_READ], policy=p),
        lambda c, p: c.operate(_KEYS[0], [theirs.read("a")], policy=p),
    ),
    "operate writes": (
        lambda c, p: c.operate(_KEYS[0], [_write("x" * 500)], policy=p),
        lambda c, p: c.operate(_KEYS[0], [theirs.write("a", "x" * 500)], policy=p),
    ),
    "operate reads and writes": (
        lambda c, p: c.operate(_KEYS[0], [_READ, _write(1)], policy=p),
        lambda c, p: c.operate(_KEYS[0], [theirs.read("a"), theirs.write("a", 1)], policy=p),
    ),
    "apply": (lambda c, p: c.apply(_KEYS[0], "m", "f", ["x" * 500], p),) * 2,
    "batch_read": (lambda c, p: c.batch_read(_KEYS, policy=p),) * 2,
    "batch_operate": (
        lambda c, p: c.batch_operate(_KEYS, [_write("x")], p),
        lambda c, p: c.batch_operate(_KEYS, [theirs.write("a", "x")], p),
    ),
    "query": (lambda c, p: c.query("test", "recorded").results(p),) * 2,
}
_RESPOND_ALL = 0x80


def _sent(recorder: Recorder, send: Callable[[], Any]) -> Request:
    # The node ends what it cannot answer with nothing.
    count = len(recorder.node.requests)
    with contextlib.suppress(aerospike_py.AerospikeError, aerospike.exception.AerospikeError):
        send()
    return Request(recorder.node.requests[count])


@pytest.mark.parametrize("name", _COMMANDS)
@pytest.mark.parametrize(
    "policy",
    [
        {"compress": True},
        {"error_detail_verbosity": aerospike_py.ERROR_DETAIL_SUBCODE},
        {"error_detail_verbosity": aerospike_py.ERROR_DETAIL_MESSAGE},
        {"error_detail_verbosity": aerospike_py.ERROR_DETAIL_EXP_TRACE},
    ],
    ids=str,
)
def test_every_command(recorder: Recorder, name: str, policy: dict[str, Any]) -> None:
    ours, their = _COMMANDS[name]
    sent = _sent(recorder, lambda: ours(recorder.ours, policy))
    wanted = _sent(recorder, lambda: their(recorder.theirs, policy))
    assert sent.is_deflated == wanted.is_deflated
    if name == "batch_operate":
        # They have every row that writes answer each of its operations, too.
        assert sent.info == wanted.info
        return
    # A list operation has a place in the reply here, and so has every row that writes.
    assert sent.info in (wanted.info, _respond_all(wanted.info))


def _respond_all(info: bytes) -> bytes:
    return bytes([info[0], info[1] | _RESPOND_ALL, *info[2:]])


@pytest.mark.parametrize("name", ["put", "operate reads", "operate writes", "apply", "remove"])
def test_writes_on_locking_only(recorder: Recorder, name: str) -> None:
    ours, their = _COMMANDS[name]
    policy = {"on_locking_only": True}
    sent = _sent(recorder, lambda: ours(recorder.ours, policy))
    wanted = _sent(recorder, lambda: their(recorder.theirs, policy))
    assert sent.info == wanted.info
    assert bool(sent.info[3]) == (name != "remove")


@pytest.mark.parametrize("kind", ["write", "apply"])
def test_rows_on_locking_only(recorder: Recorder, kind: str) -> None:
    policy = {"on_locking_only": True}
    other = batch.read(("test", "others", 1))
    their_other = their_rows.Read(("test", "others", 1), None, True)
    if kind == "write":
        ours: Any = batch.write(_KEYS[0], _SHORT, policy=policy)
        their: Any = their_rows.Write(_KEYS[0], [theirs.write("a", 1)], policy=policy)
    else:
        ours = batch.apply(_KEYS[0], "m", "f", [], policy)
        their = their_rows.Apply(_KEYS[0], "m", "f", [], policy=policy)
    sent = _sent(recorder, lambda: recorder.ours.batch([ours, other]))
    wanted = _sent(
        recorder,
        lambda: recorder.theirs.batch_write(their_rows.BatchRecords([their, their_other])),
    )
    assert sent.fields[41] == wanted.fields[41]


def test_the_threshold_of_compression(recorder: Recorder) -> None:
    def put(policy: dict[str, Any]) -> Request:
        return _sent(recorder, lambda: recorder.ours.put(_KEYS[0], _LONG, policy=policy))

    plain = put({})
    assert not plain.is_deflated
    size = len(recorder.node.requests[-1])
    assert put({"compress": True, "compression_threshold": size - 1}).is_deflated
    assert not put({"compress": True, "compression_threshold": size}).is_deflated
    deflated = put({"compress": True})
    assert deflated.is_deflated
    assert deflated.operations == plain.operations
    assert len(recorder.node.requests[-1]) < size / 2


def test_what_does_not_shrink_is_sent_as_it_is(recorder: Recorder) -> None:
    noise = random.Random(1).randbytes(400)
    policy = {"compress": True}
    sent = _sent(recorder, lambda: recorder.ours.put(_KEYS[0], {"a": noise}, policy=policy))
    assert sent.operations.endswith(noise)


def test_a_user_without_a_password(recorder: Recorder) -> None:
    recorder.ours.admin_create_pki_user("bob", ["read", "write"])
    sent = recorder.node.requests[-1]
    recorder.theirs.admin_create_pki_user("bob", ["read", "write"])
    assert sent == recorder.node.requests[-1]
