"""What a batch's rows are sent as is what the official client sends for the same rows."""

import contextlib
import struct
from typing import Any, NamedTuple

import aerospike
import pytest
from aerospike_helpers import expressions as their_exp
from aerospike_helpers.batch import records as their_rows
from aerospike_helpers.operations import operations as their_ops
from recorder import Recorder

import aerospike_py
from aerospike_py import batch, exp

# The official client deprecates what it is asked to send here.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

KEY = ("test", "recorded", "one")
# A share of one row is sent by the official client as a command of its own. In another set, as a
# row like the one before may be left out but for its digest.
OTHER = ("test", "others", "other")
BATCH_FIELDS = (41, 42)
REPEATS, HAS_INFO, HAS_GENERATION, HAS_TTL, HAS_INFO4 = 1, 2, 4, 8, 16


class SentRow(NamedTuple):
    """One row as it is on the wire."""

    digest: bytes
    attributes: int
    infos: bytes
    generation: int
    ttl: int
    fields: dict[int, bytes]
    operation_count: int
    operations: bytes


def rows_of(recorder: Recorder) -> tuple[int, list[SentRow]]:
    """The flags and the rows of the batch that was sent last."""
    fields = recorder.last().fields
    data = next(fields[number] for number in BATCH_FIELDS if number in fields)
    count, flags = struct.unpack_from(">IB", data)
    rows: list[SentRow] = []
    offset = 5
    for _ in range(count):
        row, offset = read_row(data, offset)
        rows.append(row)
    assert offset == len(data)
    return flags, rows


def read_row(data: bytes, offset: int) -> tuple[SentRow, int]:
    digest = data[offset + 4 : offset + 24]
    attributes = data[offset + 24]
    assert not attributes & REPEATS
    offset += 25
    size = 1 + 2 * bool(attributes & HAS_INFO) + bool(attributes & HAS_INFO4)
    infos = data[offset : offset + size]
    offset += size
    generation = ttl = 0
    if attributes & HAS_GENERATION:
        (generation,) = struct.unpack_from(">H", data, offset)
        offset += 2
    if attributes & HAS_TTL:
        (ttl,) = struct.unpack_from(">I", data, offset)
        offset += 4
    field_count, operation_count = struct.unpack_from(">HH", data, offset)
    offset += 4
    fields: dict[int, bytes] = {}
    for _ in range(field_count):
        (size,) = struct.unpack_from(">I", data, offset)
        fields[data[offset + 4]] = data[offset + 5 : offset + 4 + size]
        offset += 4 + size
    start = offset
    for _ in range(operation_count):
        offset += 4 + struct.unpack_from(">I", data, offset)[0]
    row = SentRow(
        digest, attributes, infos, generation, ttl, fields, operation_count, data[start:offset]
    )
    return row, offset


OURS = exp.gt(exp.int_bin("n"), exp.int_val(5))
THEIRS = their_exp.GT(their_exp.IntBin("n"), 5).compile()
BINS = {"n": 1, "s": "text"}
WRITES = [their_ops.write("n", 1), their_ops.write("s", "text")]
INCREMENT = {"op": aerospike_py.OPERATOR_INCR, "bin": "n", "val": 1}
ARGUMENTS = [1, "two", [3.5, None], {"four": b"5"}]
EXISTS = (
    aerospike_py.POLICY_EXISTS_CREATE_ONLY,
    aerospike_py.POLICY_EXISTS_UPDATE_ONLY,
    aerospike_py.POLICY_EXISTS_REPLACE,
    aerospike_py.POLICY_EXISTS_REPLACE_ONLY,
    aerospike_py.POLICY_EXISTS_IGNORE,
)
THEIR_EXISTS = (
    aerospike.POLICY_EXISTS_CREATE,
    aerospike.POLICY_EXISTS_UPDATE,
    aerospike.POLICY_EXISTS_CREATE_OR_REPLACE,
    aerospike.POLICY_EXISTS_REPLACE,
    aerospike.POLICY_EXISTS_IGNORE,
)

CASES: dict[str, tuple[Any, Any]] = {
    "read": (batch.read(KEY), their_rows.Read(KEY, None, True)),
    "read some": (batch.read(KEY, ["n"]), their_rows.Read(KEY, [their_ops.read("n")])),
    "exists": (batch.exists(KEY), their_rows.Read(KEY, None, False)),
    "operations that read": (
        batch.operate(KEY, [{"op": aerospike_py.OPERATOR_READ, "bin": "n"}], {"ttl": 60}),
        their_rows.Read(KEY, [their_ops.read("n")]),
    ),
    "read filtered": (
        batch.read(KEY, policy={"expressions": OURS}),
        their_rows.Read(KEY, None, True, policy={"expressions": THEIRS}),
    ),
    "read all replicas": (
        batch.read(KEY, policy={"read_mode_ap": aerospike_py.POLICY_READ_MODE_AP_ALL}),
        their_rows.Read(
            KEY, None, True, policy={"read_mode_ap": aerospike.POLICY_READ_MODE_AP_ALL}
        ),
    ),
    "read prolongs": (
        batch.read(KEY, policy={"read_touch_ttl_percent": 80}),
        their_rows.Read(KEY, None, True, policy={"read_touch_ttl_percent": 80}),
    ),
    "read never prolongs": (
        batch.read(KEY, policy={"read_touch_ttl_percent": -1}),
        their_rows.Read(KEY, None, True, policy={"read_touch_ttl_percent": -1}),
    ),
    **{
        f"read sc {mode}": (
            batch.read(KEY, policy={"read_mode_sc": mode}),
            their_rows.Read(KEY, None, True, policy={"read_mode_sc": mode}),
        )
        for mode in range(4)
    },
    "write": (batch.write(KEY, BINS), their_rows.Write(KEY, WRITES)),
    "write for a time": (
        batch.write(KEY, BINS, {"ttl": 300}),
        their_rows.Write(KEY, WRITES, {"ttl": 300}),
    ),
    "write for ever": (
        batch.write(KEY, BINS, policy={"ttl": aerospike_py.TTL_NEVER_EXPIRE}),
        their_rows.Write(KEY, WRITES, {"ttl": aerospike.TTL_NEVER_EXPIRE}),
    ),
    "write filtered": (
        batch.write(KEY, BINS, policy={"filter_expression": OURS}),
        their_rows.Write(KEY, WRITES, policy={"expressions": THEIRS}),
    ),
    "write of a generation": (
        batch.write(KEY, BINS, {"gen": 7}, {"gen": aerospike_py.POLICY_GEN_EQ}),
        their_rows.Write(KEY, WRITES, {"gen": 7}, {"gen": aerospike.POLICY_GEN_EQ}),
    ),
    "write of a greater generation": (
        batch.write(KEY, BINS, {"gen": 7}, {"gen": aerospike_py.POLICY_GEN_GT}),
        their_rows.Write(KEY, WRITES, {"gen": 7}, {"gen": aerospike.POLICY_GEN_GT}),
    ),
    "write with its key": (
        batch.write(KEY, BINS, policy={"key": aerospike_py.POLICY_KEY_SEND}),
        their_rows.Write(KEY, WRITES, policy={"key": aerospike.POLICY_KEY_SEND}),
    ),
    "write to the master": (
        batch.write(KEY, BINS, policy={"commit_level": aerospike_py.POLICY_COMMIT_LEVEL_MASTER}),
        their_rows.Write(
            KEY, WRITES, policy={"commit_level": aerospike.POLICY_COMMIT_LEVEL_MASTER}
        ),
    ),
    "write durably": (
        batch.write(KEY, BINS, policy={"durable_delete": True}),
        their_rows.Write(KEY, WRITES, policy={"durable_delete": True}),
    ),
    **{
        f"write exists {ours}": (
            batch.write(KEY, BINS, policy={"exists": ours}),
            their_rows.Write(KEY, WRITES, policy={"exists": theirs}),
        )
        for ours, theirs in zip(EXISTS, THEIR_EXISTS, strict=True)
    },
    "everything at once": (
        batch.operate(
            KEY,
            [INCREMENT],
            {"gen": 3, "ttl": 60},
            {
                "gen": aerospike_py.POLICY_GEN_EQ,
                "exists": aerospike_py.POLICY_EXISTS_UPDATE_ONLY,
                "key": aerospike_py.POLICY_KEY_SEND,
                "commit_level": aerospike_py.POLICY_COMMIT_LEVEL_MASTER,
                "expressions": OURS,
            },
        ),
        their_rows.Write(
            KEY,
            [their_ops.increment("n", 1)],
            {"gen": 3, "ttl": 60},
            {
                "gen": aerospike.POLICY_GEN_EQ,
                "exists": aerospike.POLICY_EXISTS_UPDATE,
                "key": aerospike.POLICY_KEY_SEND,
                "commit_level": aerospike.POLICY_COMMIT_LEVEL_MASTER,
                "expressions": THEIRS,
            },
        ),
    ),
    "remove": (batch.remove(KEY), their_rows.Remove(KEY)),
    "remove a generation": (
        batch.remove(KEY, {"gen": 9}, {"gen": aerospike_py.POLICY_GEN_EQ}),
        their_rows.Remove(KEY, {"gen": aerospike.POLICY_GEN_EQ, "generation": 9}),
    ),
    "remove filtered": (
        batch.remove(KEY, policy={"expressions": OURS, "key": aerospike_py.POLICY_KEY_SEND}),
        their_rows.Remove(KEY, {"expressions": THEIRS, "key": aerospike.POLICY_KEY_SEND}),
    ),
    "apply": (
        batch.apply(KEY, "module", "function", ARGUMENTS),
        their_rows.Apply(KEY, "module", "function", ARGUMENTS),
    ),
    "apply without arguments": (
        batch.apply(KEY, "module.lua", "function"),
        their_rows.Apply(KEY, "module", "function", []),
    ),
    "apply with a policy": (
        batch.apply(
            KEY,
            "module",
            "function",
            [1],
            {
                "key": aerospike_py.POLICY_KEY_SEND,
                "ttl": 60,
                "commit_level": aerospike_py.POLICY_COMMIT_LEVEL_MASTER,
                "durable_delete": True,
                "expressions": OURS,
            },
        ),
        their_rows.Apply(
            KEY,
            "module",
            "function",
            [1],
            {
                "key": aerospike.POLICY_KEY_SEND,
                "ttl": 60,
                "commit_level": aerospike.POLICY_COMMIT_LEVEL_MASTER,
                "durable_delete": True,
                "expressions": THEIRS,
            },
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rows(recorder: Recorder, name: str) -> None:
    ours, theirs = CASES[name]
    # The recording node ends every batch without an answer.
    with contextlib.suppress(aerospike_py.AerospikeError):
        recorder.ours.batch([ours, batch.read(OTHER)])
    sent = rows_of(recorder)
    with contextlib.suppress(aerospike.exception.AerospikeError):
        theirs = [theirs, their_rows.Read(OTHER, None, True)]
        recorder.theirs.batch_write(their_rows.BatchRecords(theirs))
    assert sent == rows_of(recorder)


def test_a_function_on_many_records(recorder: Recorder) -> None:
    keys = [KEY, (*KEY[:2], "two"), OTHER]
    with contextlib.suppress(aerospike_py.AerospikeError):
        recorder.ours.batch_apply(keys, "module", "function", ARGUMENTS)
    fields = recorder.last().fields
    ours = next(fields[number] for number in BATCH_FIELDS if number in fields)
    with contextlib.suppress(aerospike.exception.AerospikeError):
        recorder.theirs.batch_apply(keys, "module", "function", ARGUMENTS)
    fields = recorder.last().fields
    assert ours == next(fields[number] for number in BATCH_FIELDS if number in fields)
