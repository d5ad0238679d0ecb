"""Replies with any bytes changed: columns come whole or the call fails, and nothing is left."""

import contextlib
import gc
import os
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from recording_node import RecordingNode, Request

import aerospike_py
from aerospike_py import AerospikeError, Client
from aerospike_py.arrow import VALUE_MISMATCH
from aerospike_py.devserver import DevCluster

MESSAGE = 3
HEADER_BYTES = 22
LAST = 1
SEVERAL = (7, 41, 42)
"""Fields of requests that are answered with many messages: the id of a query, and batches."""

SET = "hostile"
KEYS = [("test", SET, number) for number in range(60)]
DTYPE = np.dtype([("id", "i8"), ("s", "S8")])
# Attempts are not repeated, and the rest of a reply is not waited for long.
ONCE: Any = {"max_retries": 0, "total_timeout": 200}
CALLS = 320
CALLS_WARM = 80
SEED = 14


def bins_of(number: int) -> dict[str, Any]:
    return {"id": number, "s": f"t{number}", "l": [number, 1], "m": {"a": 1.5}, "g": b"x" * 9}


class HostileNode(RecordingNode):
    """Has another node answer, and changes some bytes of what that says, when it is told to."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._own = threading.local()
        self._threads: list[threading.Thread] = []
        self._dice = random.Random(SEED)
        self.is_hostile = False
        super().__init__()

    def close(self) -> None:
        super().close()
        for thread in self._threads:
            thread.join()

    def _serve(self, connection: socket.socket) -> None:
        self._threads.append(threading.current_thread())
        with socket.create_connection(("127.0.0.1", self._port)) as other:
            self._own.other = other
            super()._serve(connection)

    def _answer(self, frame: bytes) -> bytes:
        if frame[1] != MESSAGE:
            return super()._answer(frame)
        self._own.other.sendall(frame)
        is_one = not any(field in Request(frame).fields for field in SEVERAL)
        answer = b""
        while True:
            header = self._read(8)
            body = self._read(int.from_bytes(header[2:], "big"))
            answer += header + (self._changed(body) if self.is_hostile else body)
            if is_one or (body[-HEADER_BYTES] == HEADER_BYTES and body[3 - HEADER_BYTES] & LAST):
                return answer

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._own.other.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def _changed(self, body: bytes) -> bytes:
        changed = bytearray(body)
        dice = self._dice
        for _ in range(dice.choice((1, 1, 2, 5))):
            byte = dice.choice((dice.randrange(256), 0, 255, 0x7F, 0x80))
            changed[dice.randrange(len(changed))] = byte
        return bytes(changed)


@pytest.fixture
def node() -> Iterator[HostileNode]:
    with DevCluster(nodes=1) as cluster:
        with aerospike_py.client(cluster.config).connect() as client:
            written = client.batch_write([(key, bins_of(key[2])) for key in KEYS])
            assert all(row.result == 0 for row in written)
        with HostileNode(cluster.port) as hostile:
            yield hostile


@pytest.fixture
def client(node: HostileNode) -> Iterator[Client]:
    config: Any = {"hosts": [("127.0.0.1", node.port)], "max_error_rate": 0}
    with aerospike_py.client(config).connect() as connected:
        yield connected


def check_batch(client: Client, errors: Any) -> None:
    batch = client.batch_read_arrow(KEYS, policy=ONCE, key=True, meta=True, errors=errors)
    table = pa.table(batch)
    table.validate(full=True)
    codes = batch.result_codes.tolist()
    assert len(table) == len(codes) == len(KEYS)
    assert table["_key"].to_pylist() == [key[2] for key in KEYS]
    absent = [code not in (0, VALUE_MISMATCH) for code in codes]
    for name in table.column_names[3:]:
        nulls = table[name].is_null().to_pylist()
        assert all(null for null, is_absent in zip(nulls, absent, strict=True) if is_absent)


def check_query(client: Client, errors: Any) -> None:
    query = client.query("test", SET)
    pa.table(query.to_arrow(ONCE, rows=16, errors=errors).read_all()).validate(full=True)


def check_stream(client: Client, _: Any) -> None:
    """Left half-way, by somebody else who reads it."""
    stream = client.query("test", SET).to_arrow(ONCE, rows=16)
    with contextlib.suppress(OSError, pa.ArrowInvalid):
        reader = pa.RecordBatchReader.from_stream(stream)
        reader.read_next_batch().validate(full=True)


def check_arrays(client: Client, _: Any) -> None:
    assert len(client.batch_read(KEYS, _dtype=DTYPE, policy=ONCE).batch_records) == len(KEYS)
    client.query("test", SET).to_numpy(DTYPE, ONCE, mask=True, key=True, meta=True)


def resident() -> int:
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[1]) if statm.is_file() else 0
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.timeout(180)
def test_whatever_bytes_come_columns_are_whole_or_the_call_fails(
    node: HostileNode, client: Client
) -> None:
    checks = (check_batch, check_query, check_stream, check_arrays)
    node.is_hostile = True
    failed = before = 0
    for call in range(CALLS):
        if call == CALLS_WARM:
            gc.collect()
            before = resident()
        try:
            checks[call % 4](client, "raise" if call % 8 < 4 else "null")
        except (AerospikeError, TypeError, OverflowError):
            failed += 1
    gc.collect()
    assert resident() - before < 6 << 20
    assert CALLS / 10 < failed < CALLS
    node.is_hostile = False
    assert sum(each.connections_in_use for each in client.stats()) == 0
    table = pa.table(client.batch_read_arrow(KEYS, ["id", "s"]))
    assert table["id"].to_pylist() == [key[2] for key in KEYS]
    assert len(client.query("test", SET).to_arrow().read_all()) == len(KEYS)
