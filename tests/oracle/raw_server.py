"""Raw commands: requests built and replies taken apart byte by byte, with no client between.

Two servers that answer the same bytes to the same requests are the same to every client.
"""

import math
import socket
import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

READ = 1
WRITE = 2
CDT_READ = 3
CDT_MODIFY = 4
EXPRESSION_READ = 7
EXPRESSION_MODIFY = 8
BIT_READ = 12
BIT_MODIFY = 13
HLL_READ = 15
HLL_MODIFY = 16

INFO1_READ = 0x01
INFO1_ALL = 0x02
INFO1_NO_BINS = 0x20
INFO2_WRITE = 0x01
INFO2_DELETE = 0x02
INFO2_RESPOND_ALL = 0x80

INTEGER = 1
STRING = 3
BLOB = 4
HLL = 18
LIST = 20
MAP = 19
GEOJSON = 23
_BLOB_FIELD = 4
_FILTER = 43
# A function's module, its name and its arguments.
_FUNCTION = (30, 31, 32)


class Extension(NamedTuple):
    """An extension of the protocol's MessagePack."""

    kind: int
    data: bytes


WILDCARD = Extension(-1, b"\x00")
INFINITY = Extension(-1, b"\x01")


@dataclass(frozen=True)
class Geo:
    """GeoJSON inside a list or a map."""

    text: str


@dataclass(frozen=True)
class Raw:
    """MessagePack that is packed already."""

    data: bytes


@dataclass(frozen=True)
class Flagged:
    """A list or a map with flags in front of its elements."""

    flags: int
    value: "list[Any] | dict[Any, Any]"


def pack(value: Any) -> bytes:
    """A value in the protocol's dialect: texts begin with a byte that tells their type."""
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return _integer(value)
        case float():
            return b"\xcb" + struct.pack(">d", value)
        case str():
            return _text(STRING, value.encode())
        case bytes():
            return _text(BLOB, value)
        case Geo():
            return _text(GEOJSON, value.text.encode())
        case Raw():
            return value.data
        case Extension():
            return _extension(value)
        case Flagged():
            return _flagged(value)
        case list() | tuple():
            return _count(0x90, 0xDC, len(value)) + b"".join(map(pack, value))
        case dict():
            pairs = (pack(key) + pack(item) for key, item in value.items())
            return _count(0x80, 0xDE, len(value)) + b"".join(pairs)
    raise TypeError(type(value))


def _integer(number: int) -> bytes:
    if -32 <= number < 128:
        return struct.pack(">b", number) if number < 0 else bytes([number])
    if number >= 0:
        size = next(size for size in range(4) if number < 1 << (8 << size))
        return bytes([0xCC + size]) + number.to_bytes(1 << size, "big")
    size = next(size for size in range(4) if number >= -(1 << ((8 << size) - 1)))
    return bytes([0xD0 + size]) + number.to_bytes(1 << size, "big", signed=True)


def _text(kind: int, data: bytes) -> bytes:
    size = len(data) + 1
    if size < 32:
        head = bytes([0xA0 + size])
    elif size < 256:
        head = bytes([0xD9, size])
    else:
        head = b"\xda" + struct.pack(">H", size)
    return head + bytes([kind]) + data


def text(data: bytes) -> bytes:
    """A text without the byte of its type, as expressions have names."""
    return bytes([0xA0 + len(data)]) + data if len(data) < 32 else bytes([0xD9, len(data)]) + data


def _extension(extension: Extension) -> bytes:
    kind = struct.pack(">b", extension.kind)
    if len(extension.data) in (1, 2, 4, 8, 16):
        return bytes([0xD4 + int(math.log2(len(extension.data)))]) + kind + extension.data
    return bytes([0xC7, len(extension.data)]) + kind + extension.data


def _count(short: int, long: int, count: int) -> bytes:
    if count < 16:
        return bytes([short + count])
    return bytes([long]) + struct.pack(">H", count)


def _flagged(value: Flagged) -> bytes:
    flags = b"\xc7\x00" + bytes([value.flags])
    if isinstance(value.value, dict):
        pairs = (pack(key) + pack(item) for key, item in value.value.items())
        return _count(0x80, 0xDE, len(value.value) + 1) + flags + b"\xc0" + b"".join(pairs)
    return _count(0x90, 0xDC, len(value.value) + 1) + flags + b"".join(map(pack, value.value))


class Operation(NamedTuple):
    """One operation of a request."""

    code: int
    name: str
    value: bytes
    kind: int = BLOB

    def encode(self) -> bytes:
        name = self.name.encode()
        size = 4 + len(name) + len(self.value)
        return struct.pack(">IBBBB", size, self.code, self.kind, 0, len(name)) + name + self.value


class Request(NamedTuple):
    """A command on one record."""

    digest: bytes
    operations: tuple[Operation, ...] = ()
    info1: int = 0
    info2: int = 0
    info3: int = 0
    filter: bytes | None = None
    function: tuple[str, str] | None = None
    arguments: bytes = b""

    def encode(self, set_name: str) -> bytes:
        fields = [(0, b"test"), (1, set_name.encode()), (_BLOB_FIELD, self.digest)]
        if self.filter is not None:
            fields.append((_FILTER, self.filter))
        if self.function is not None:
            texts = (name.encode() for name in self.function)
            fields += zip(_FUNCTION, (*texts, self.arguments), strict=True)
        body = struct.pack(
            ">BBBBBBIIIHH",
            22,
            self.info1,
            self.info2,
            self.info3,
            0,
            0,
            0,
            0,
            0,
            len(fields),
            len(self.operations),
        )
        for kind, data in fields:
            body += struct.pack(">IB", len(data) + 1, kind) + data
        body += b"".join(operation.encode() for operation in self.operations)
        return struct.pack(">Q", 2 << 56 | 3 << 48 | len(body)) + body


def read_all(digest: bytes) -> Request:
    """A read of the whole record."""
    return Request(digest, info1=INFO1_READ | INFO1_ALL)


class Reply(NamedTuple):
    """What a server answered, without times and the cells of GeoJSON."""

    code: int
    generation: int
    operations: tuple[tuple[int, int, str, bytes], ...]

    @classmethod
    def decode(cls, body: bytes) -> "Reply":
        code = body[5]
        (generation,) = struct.unpack(">I", body[6:10])
        field_count, operation_count = struct.unpack(">HH", body[18:22])
        assert field_count == 0
        offset = 22
        operations = []
        for _ in range(operation_count):
            size, op, kind, _, name_size = struct.unpack(">IBBBB", body[offset : offset + 8])
            end = offset + 4 + size
            name = body[offset + 8 : offset + 8 + name_size].decode()
            value = body[offset + 8 + name_size : end]
            operations.append((op, kind, name, _without_cells(value) if kind == GEOJSON else value))
            offset = end
        assert offset == len(body)
        return cls(code, generation, tuple(operations))


def _without_cells(value: bytes) -> bytes:
    """GeoJSON without the cells that a server computes for itself."""
    (count,) = struct.unpack(">H", value[1:3])
    return value[3 + 8 * count :]


class RawServer:
    """A connection to one node."""

    def __init__(self, host: str, port: int, set_name: str) -> None:
        self._socket = socket.create_connection((host, port), timeout=10)
        self._set_name = set_name

    def send(self, request: Request) -> Reply:
        """Carries out a command."""
        self._socket.sendall(request.encode(self._set_name))
        header = self._read(8)
        return Reply.decode(self._read(struct.unpack(">Q", header)[0] & (1 << 48) - 1))

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()
