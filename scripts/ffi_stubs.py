"""Makes the stubs of the cffi modules from the C headers, so that types are typed once.

    python scripts/ffi_stubs.py            # compares, as .ci/lint does; 1 when they differ
    python scripts/ffi_stubs.py --write    # writes them

A struct becomes a class of its members; a pointer to it, or an array of it, is the same class, as
cffi lets it be used. A function takes and gives those, ints, and
`Memory` for bytes that it reads. All other pointers are `CData`.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from sync_face import formatted

ROOT = Path(__file__).resolve().parent.parent
# By the header, the stub that is made of it and what Python defines for the library to call.
STUBS = {
    "aerospike_zig.h": (
        "_ffi.pyi",
        [
            "asz_python_interrupt_check",
            "asz_python_stream_schema",
            "asz_python_stream_next",
            "asz_python_stream_error",
            "asz_python_stream_release",
            "asz_python_stream_released",
            "asz_python_claim",
        ],
    ),
    "aerospike_devserver.h": ("devserver/_ffi.pyi", ["asz_python_run_function"]),
}
HEAD = '''"""Made of {header} by scripts/ffi_stubs.py, and not to be changed by hand."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, TypeAlias, TypeVar, overload

from typing_extensions import Self

_T = TypeVar("_T")

class CData:
    """Something in C: a pointer, an array, a struct."""

    def __getitem__(self, index: int, /) -> Any: ...
    def __setitem__(self, index: int, value: Any, /) -> None: ...
    def __add__(self, count: int, /) -> Self: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...

class Buffer:
    """The memory of something in C."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __len__(self) -> int: ...

Memory: TypeAlias = bytes | CData

'''
TAIL = '''
class FFI:
    """What cffi offers of the module."""

    NULL: Final[Any]
{new}
    @overload
    def new(self, cdecl: str, init: Any = ...) -> CData: ...
    def new_allocator(
        self, *, should_clear_after_alloc: bool = ...
    ) -> Callable[[str, int], CData]: ...
    def new_handle(self, obj: object) -> CData: ...
    def from_handle(self, handle: CData) -> Any: ...
    def from_buffer(self, cdecl: str, obj: Any, require_writable: bool = ...) -> CData: ...
    def buffer(self, cdata: CData, size: int = ...) -> Buffer: ...
    def string(self, cdata: CData, maxlen: int = ...) -> bytes: ...
    def cast(self, cdecl: str, value: Any) -> Any: ...
    def addressof(self, owner: CData | Lib, name: str, /) -> CData: ...
    def gc(self, cdata: _T, destructor: Callable[[_T], Any], size: int = ...) -> _T: ...
    def release(self, cdata: CData) -> None: ...
    def sizeof(self, cdecl: str | CData) -> int: ...
    def typeof(self, cdecl: str) -> Any: ...
    def def_extern(
        self, name: str, error: int = ..., onerror: Callable[..., Any] | None = ...
    ) -> Callable[[_T], _T]: ...

ffi: FFI
lib: Lib
'''
STRUCT = re.compile(r"typedef struct \{(.*?)\} (\w+);", re.S)
# One without a name of its own, which is said with the word.
TAGGED = re.compile(r"^struct (\w+) \{(.*?)\};", re.S | re.M)
OPAQUE = re.compile(r"typedef struct (\w+) \1;")
FUNCTION = re.compile(r"^([\w ]+?[ *])(\w+)\(([^;]*)\);", re.M)
MEMBER = re.compile(r"(?:const )?(\w+) (\**)(\w+)(\[\d+\])?;")
FUNCTION_MEMBER = re.compile(r"\(\*(\w+)\)\([^)]*\);")
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def declarations(header: str) -> str:
    """What the extension is made of; see aerospike_py/_ffi_build.py."""
    text = (ROOT / "native" / "include" / header).read_text(encoding="utf-8")
    return COMMENT.sub("", text.split("/* cdef:begin */")[1].split("/* cdef:end */")[0])


class Stub:
    """The stub of one header."""

    def __init__(self, header: str, callbacks: list[str]) -> None:
        self.header = header
        self.callbacks = callbacks
        self.text = declarations(header)
        self.tagged = [name for name, _ in TAGGED.findall(self.text)]
        self.text = TAGGED.sub(r"typedef struct {\2} \1;", self.text)
        for name in self.tagged:
            self.text = self.text.replace(f"struct {name} ", f"{name} ")
        self.structs = {name: members for members, name in STRUCT.findall(self.text)}
        self.classes = {*self.structs, *OPAQUE.findall(self.text)}

    def kind(self, name: str, stars: int, is_read: bool = False) -> str:
        """The Python type of a type in C."""
        if stars == 1 and name in self.classes:
            return name
        if stars:
            return "Memory" if is_read else "CData"
        return name if name in self.classes else "int"

    def _said(self, name: str) -> str:
        return f"struct {name}" if name in self.tagged else name

    def _struct(self, name: str) -> Iterator[str]:
        yield f"class {name}(CData):"
        members = MEMBER.findall(self.structs.get(name, ""))
        for kind, stars, member, array in members:
            yield f"    {member}: {self.kind(kind, len(stars) + bool(array))}"
        functions = FUNCTION_MEMBER.findall(self.structs.get(name, ""))
        for member in functions:
            yield f"    {member}: Any"
        if not members and not functions:
            yield '    """Opaque."""'
        yield ""

    def _function(self, returned: str, name: str, parameters: str) -> str:
        taken = []
        for parameter in re.split(r",(?![^(]*\))", " ".join(parameters.split())):
            if parameter.strip() == "void":
                continue
            words = re.fullmatch(r"\s*(const )?(\w+) (\**)(\w+)", parameter)
            if words is None:  # A pointer to a function.
                found = re.search(r"\(\*(\w+)\)", parameter)
                assert found is not None, parameter
                taken.append(f"{found[1]}: CData")
                continue
            const, kind, stars, label = words.groups()
            if not stars and kind not in self.classes and not kind.endswith("_t"):
                taken.append(f"{label}: CData")  # A type of functions.
            else:
                taken.append(f"{label}: {self.kind(kind, len(stars), bool(const))}")
        result = "None" if returned.strip() == "void" else self.kind("", returned.count("*"))
        listed = ", ".join(["self", *taken, "/"] if taken else ["self"])
        return f"    def {name}({listed}) -> {result}: ..."

    def made(self) -> str:
        """The whole text."""
        lines = [line for name in sorted(self.classes) for line in self._struct(name)]
        lines += ["class Lib:", '    """The library."""', ""]
        lines += [f"    {name}: Final[int]" for name in re.findall(r"#define (\w+) ", self.text)]
        lines += [f"    {name}: Final[CData]" for name in self.callbacks]
        lines += [self._function(*found) for found in FUNCTION.findall(self.text)]
        new = [
            f'    @overload\n    def new(self, cdecl: Literal["{self._said(name)} *", '
            f'"{self._said(name)}[]"], init: Any = ...) -> {name}: ...'
            for name in sorted(self.structs)
        ]
        text = HEAD.format(header=self.header) + "\n".join(lines) + "\n"
        return formatted(text + TAIL.format(new="\n".join(new)), "format", name="made.pyi")


def main() -> int:
    """Compares, or writes."""
    is_same = True
    for header, (stub, callbacks) in STUBS.items():
        text = Stub(header, callbacks).made()
        path = ROOT / "aerospike_py" / stub
        if "--write" in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            is_same = False
            print(f"{stub} is not what {header} makes it: run scripts/ffi_stubs.py --write")
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
