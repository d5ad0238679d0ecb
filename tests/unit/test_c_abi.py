"""The C ABI as other languages see it: the headers, the libraries, the page about them."""

import ctypes
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py._ffi import ffi, lib
from aerospike_py.devserver._ffi import lib as devserver_lib

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(aerospike_py.__file__).parent
# Within a library, and not for others; the linker of debug builds shows them all the same.
HIDDEN = {"asz_digests_avx2"}
# Declarations with what is right above them.
DECLARATION = r"(\*/\n)?^(?!typedef)\w[\w ]*?\*? ?(asz_\w+)\("


class Library:
    """A library, its header, and the module of Python on it."""

    def __init__(self, folder: Path, name: str, module: Any) -> None:
        header = (folder / "include" / f"{name}.h").read_text()
        self.module = module
        self.declared = {
            name: comment for comment, name in re.findall(DECLARATION, header, re.MULTILINE)
        }
        (self.file,) = [each for each in folder.glob(f"*{name}.*") if each.suffix != ".h"]

    def exported(self) -> set[str]:
        named = re.findall(rb"(?<=\0)_?(asz_\w+)(?=\0)", self.file.read_bytes())
        # A library to be debugged also has names in it that nobody else can find.
        loaded = ctypes.CDLL(str(self.file))
        found = {name.decode() for name in named if hasattr(loaded, name.decode())}
        return found - HIDDEN


CLIENT = Library(PACKAGE, "aerospike_zig", lib)
DEVSERVER = Library(PACKAGE / "devserver", "aerospike_devserver", devserver_lib)
both = pytest.mark.parametrize("library", [CLIENT, DEVSERVER], ids=["client", "devserver"])


@both
def test_the_header_declares_what_the_library_exports_and_nothing_else(library: Library) -> None:
    assert library.exported() == set(library.declared)
    assert len(library.declared) > 6


@both
def test_every_function_of_the_header_can_be_called_from_python(library: Library) -> None:
    assert [name for name in library.declared if not hasattr(library.module, name)] == []


@both
def test_every_function_is_described_above_its_declaration(library: Library) -> None:
    assert [name for name, comment in library.declared.items() if not comment] == []


@both
def test_the_page_about_the_libraries_has_every_function(library: Library) -> None:
    page = (ROOT / "docs" / "c-abi.md").read_text()
    assert [name for name in library.declared if f"`{name}`" not in page] == []


def test_a_client_has_no_server_in_it() -> None:
    assert not CLIENT.exported() & DEVSERVER.exported()
    script = (
        "import sys, aerospike_py; print([each for each in sys.modules if 'devserver' in each])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert loaded.stdout.strip() == "[]"


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
