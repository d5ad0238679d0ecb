"""How the libraries of the package are linked: what a fault in them cannot be made into."""

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aerospike_py

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the format of Linux")

PACKAGE = Path(aerospike_py.__file__).parent
LIBRARIES = sorted(PACKAGE.rglob("*.so"))

DYNAMIC = 2
STACK = 0x6474E551
READ_ONLY_AFTER_RELOCATION = 0x6474E552
EXECUTABLE, WRITABLE = 1, 2
FLAGS, BIND_NOW = 30, 8


def segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, rights and content of each."""
    assert data[:6] == b"\x7fELF\x02\x01"
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for index in range(count):
        kind, rights, offset, _, _, length = struct.unpack_from(
            "<IIQQQQ", data, start + index * size
        )
        yield kind, rights, data[offset : offset + length]


@pytest.mark.parametrize("path", LIBRARIES, ids=lambda path: path.name)
def test_nothing_is_writable_that_need_not_be(path: Path) -> None:
    data = path.read_bytes()
    found = list(segments(data))
    assert not [kind for kind, rights, _ in found if rights & EXECUTABLE and rights & WRITABLE]
    assert [rights & EXECUTABLE for kind, rights, _ in found if kind == STACK] == [0]
    (dynamic,) = [content for kind, _, content in found if kind == DYNAMIC]
    entries = dict(struct.iter_unpack("<QQ", dynamic))
    # Functions of other libraries are found when it is loaded, and their addresses fixed then.
    assert entries[FLAGS] & BIND_NOW
    if b".debug_info\0" in data:
        pytest.skip("a debug build, by another linker")
    assert READ_ONLY_AFTER_RELOCATION in [kind for kind, _, _ in found]


def test_all_of_them_are_looked_at() -> None:
    assert {path.name for path in LIBRARIES} >= {"libaerospike_zig.so", "_codec.abi3.so"}
