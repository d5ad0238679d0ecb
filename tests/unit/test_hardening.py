"""How the libraries of the package are made: what a fault in them cannot be made into."""

import platform
import re
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
# Loads the number that functions put before their return addresses, and look at as they return.
GUARD_LOADED = re.compile(rb"\x64[\x48\x4c]\x8b.\x25\x28\0\0\0", re.S)


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


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads its machine code")
@pytest.mark.parametrize("path", LIBRARIES, ids=lambda path: path.name)
def test_return_addresses_are_guarded(path: Path) -> None:
    data = path.read_bytes()
    if b".debug_info\0" in data:
        pytest.skip("a debug build, by another compiler")
    # As a function enters, and as it leaves.
    assert len(GUARD_LOADED.findall(data)) > 4


def test_all_of_them_are_looked_at() -> None:
    # What stands between the two says which interpreters it is for.
    assert {path.name.partition(".")[0] for path in LIBRARIES} >= {"libaerospike_zig", "_codec"}
