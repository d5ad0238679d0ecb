"""A node that records the requests it gets and answers all of them with an empty success.

Any client can connect to it as to a cluster of one node; what it was sent last is then compared
with what another client sends for the same call.
"""

import base64
import contextlib
import socket
import struct
import threading
import zlib
from types import TracebackType

_NAMESPACE = "test"
_FEATURES = (
    "batch-any;batch-index;blob-bits;cdt-index;cdt-list;cdt-map;cluster-stable;float;geo;peers;"
    "pipelining;pquery;pscans;query-show;relaxed-sc;replicas;replicas-all;replicas-master;"
    "replicas-max;sindex-exists;truncate-namespace;udf"
)
_INFO = 1
_ADMIN = 2
_MESSAGE = 3
_DEFLATED = 4
_ADMIN_LISTS = (9, 16)
_QUERY_END = 50
_TASK_ID = 7
_BATCHES = (41, 42)
_LAST = 1
_HEADER_BYTES = 22


class RecordingNode:
    """Listens on an ephemeral port of the loopback address until it is closed."""

    def __init__(self, build: str = "8.1.2.0") -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        """The frames of all commands so far, oldest first."""
        bitmap = base64.b64encode(b"\xff" * 512).decode()
        self._answers = {
            "node": "BB9RECORDS00000",
            "build": build,
            "edition": "Aerospike Community Edition",
            "features": _FEATURES,
            "cluster-name": "",
            "partitions": "4096",
            "peers-generation": "1",
            "partition-generation": "1",
            "rebalance-generation": "1",
            "peers-clear-std": "1,3000,[]",
            "peers-clear-alt": "1,3000,[]",
            "service-clear-std": f"127.0.0.1:{self.port}",
            "replicas": f"{_NAMESPACE}:0,1,{bitmap}",
            "user-agent-set": "ok",
            "namespaces": _NAMESPACE,
        }
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "RecordingNode":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops listening."""
        # A close alone would leave the other thread in accept, with the port still open.
        with contextlib.suppress(OSError):  # closed before
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while True:
                    connection.sendall(self._answer(_read_frame(connection)))
            except (EOFError, OSError):
                return

    def _answer(self, frame: bytes) -> bytes:
        if frame[1] == _INFO:
            names = frame[8:].decode().split("\n")
            lines = [f"{name}\t{self._answers.get(name.split(':')[0], '')}\n" for name in names]
            return _frame(_INFO, "".join(line for line in lines if line != "\t\n").encode())
        self.requests.append(frame)
        if frame[1] == _ADMIN:
            # Lists of users and roles end with a message of their own, here the only one.
            code = _QUERY_END if frame[10] in _ADMIN_LISTS else 0
            return _frame(_ADMIN, bytes([0, code]) + bytes(14))
        header = bytearray([_HEADER_BYTES]) + bytes(_HEADER_BYTES - 1)
        fields = Request(frame).fields
        header[3] = _LAST if any(field in fields for field in (_TASK_ID, *_BATCHES)) else 0
        return _frame(_MESSAGE, bytes(header))


class Request:
    """A command's frame, taken apart."""

    def __init__(self, frame: bytes) -> None:
        self.is_deflated = frame[1] == _DEFLATED
        """Whether it came within a deflated frame."""
        if self.is_deflated:
            (size,) = struct.unpack(">Q", frame[8:16])
            frame = zlib.decompress(frame[16:])
            assert len(frame) == size
        header = frame[8 : 8 + _HEADER_BYTES]
        self.info = header[1:5]
        self.ttl: int = struct.unpack(">I", header[10:14])[0]
        field_count, self.operation_count = struct.unpack(">HH", header[18:22])
        self.fields: dict[int, bytes] = {}
        offset = 8 + _HEADER_BYTES
        for _ in range(field_count):
            (size,) = struct.unpack(">I", frame[offset : offset + 4])
            self.fields[frame[offset + 4]] = frame[offset + 5 : offset + 4 + size]
            offset += 4 + size
        self.operations = frame[offset:]
        """All operations as they are on the wire."""

    @property
    def filter(self) -> bytes | None:
        """The encoded filter expression, if there is one."""
        return self.fields.get(43)


def _frame(kind: int, body: bytes) -> bytes:
    return struct.pack(">Q", 2 << 56 | kind << 48 | len(body)) + body


def _read_frame(connection: socket.socket) -> bytes:
    header = _read(connection, 8)
    return header + _read(connection, struct.unpack(">Q", header)[0] & (1 << 48) - 1)


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
