"""The C ABI as programs in other languages see it: the header, the library, the page about them."""

import re
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py._ffi import ffi, lib

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(aerospike_py.__file__).parent
HEADER = (PACKAGE / "include" / "aerospike_zig.h").read_text()
# Declarations with what is right above them.
DECLARATION = r"(\*/\n)?^(?!typedef)\w[\w ]*?\*? ?(asz_\w+)\("
DECLARED = {name: comment for comment, name in re.findall(DECLARATION, HEADER, re.MULTILINE)}


def library() -> bytes:
    (path,) = [each for each in PACKAGE.glob("*aerospike_zig.*") if each.suffix != ".h"]
    return path.read_bytes()


def test_the_header_declares_what_the_library_exports_and_nothing_else() -> None:
    exported = {name.decode() for name in re.findall(rb"(?<=\0)_?(asz_\w+)(?=\0)", library())}
    assert exported == set(DECLARED)
    assert len(DECLARED) > 30


def test_every_function_of_the_header_can_be_called_from_python() -> None:
    assert [name for name in DECLARED if not hasattr(lib, name)] == []


def test_every_function_is_described_above_its_declaration() -> None:
    assert [name for name, comment in DECLARED.items() if not comment] == []


def test_the_page_about_the_library_has_every_function() -> None:
    page = (ROOT / "docs" / "c-abi.md").read_text()
    assert [name for name in DECLARED if f"`{name}`" not in page] == []


def longer(kind: str, more: int) -> Any:
    """A struct of a newer header: longer, by zeros."""
    size = ffi.sizeof(kind) + more
    memory = ffi.new("uint8_t[]", size)
    struct = ffi.cast(f"{kind} *", memory)
    struct.size = size
    _alive[struct] = memory
    return struct


_alive: dict[Any, Any] = {}


def test_longer_structs_of_a_newer_header_are_taken() -> None:
    result = longer("asz_result", 16)
    error = longer("asz_error", 16)
    assert lib.asz_metrics(result, error) == 0
    assert result.length > 0
    lib.asz_result_release(result)
    assert lib.asz_key_digest(b"\xc0", 1, ffi.new("uint8_t[20]"), error) == error.code < 0
    assert error.message_len > 0


def test_what_a_newer_header_asks_for_is_not_passed_over() -> None:
    result = longer("asz_result", 16)
    ffi.cast("uint8_t *", result)[ffi.sizeof("asz_result") + 3] = 1
    error = longer("asz_error", 0)
    assert lib.asz_metrics(result, error) == lib.ASZ_ERROR_INVALID_ARGUMENT
    message = ffi.string(error.message, error.message_len)
    assert message == b"asz_result has members that this library does not know"


@pytest.mark.parametrize("size", [0, 4, 24, 2**32 - 1])
def test_a_size_that_was_not_set_is_refused(size: int) -> None:
    result = ffi.new("asz_result *")
    result.size = size
    error = longer("asz_error", 0)
    assert lib.asz_metrics(result, error) == lib.ASZ_ERROR_INVALID_ARGUMENT
    assert b"asz_result.size is " in ffi.string(error.message, error.message_len)


@pytest.mark.parametrize("size", [0, 8, 47, 100])
def test_nothing_is_written_beyond_the_size_that_is_stated(size: int) -> None:
    memory = ffi.new("uint8_t[]", b"\xcc" * 1024)
    error = ffi.cast("asz_error *", memory)
    error.size = size
    assert lib.asz_key_digest(b"\xc0", 1, ffi.new("uint8_t[20]"), error) < 0
    assert bytes(ffi.buffer(memory))[max(size, 4) : 1024] == b"\xcc" * (1024 - max(size, 4))
    policy = ffi.cast("asz_policy *", memory)
    policy.size = 8
    lib.asz_policy_init(policy, lib.ASZ_PUT)
    assert policy.socket_timeout == 30_000
    assert bytes(ffi.buffer(memory))[max(size, 8) : 1024] == b"\xcc" * (1024 - max(size, 8))
