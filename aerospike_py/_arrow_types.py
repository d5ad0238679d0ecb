"""The types of Arrow's columns, by name, and by whatever has `__arrow_c_schema__`.

A type is described as the library takes it: [name, format, nullable, origin, [the types inside]],
with a format string of Arrow's C data interface.
"""

import re
import sys
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeAlias

from ._ffi import ffi
from ._native.columns import schema_of
from ._validate import check_bin_name, did_you_mean, wrong_type
from .exception import InvalidArgError

Described: TypeAlias = list[Any]

_NAMES = {
    "null": "n",
    "bool": "b",
    "boolean": "b",
    "int8": "c",
    "int16": "s",
    "int32": "i",
    "int64": "l",
    "int": "l",
    "uint8": "C",
    "uint16": "S",
    "uint32": "I",
    "uint64": "L",
    "float16": "e",
    "halffloat": "e",
    "float32": "f",
    "float": "g",
    "float64": "g",
    "double": "g",
    "utf8": "u",
    "string": "u",
    "str": "u",
    "geojson": "u",
    "large_utf8": "U",
    "large_string": "U",
    "binary": "z",
    "bytes": "z",
    "large_binary": "Z",
    "date32": "tdD",
    "date64": "tdm",
}
_CLASSES: dict[Any, str] = {
    int: "int64",
    float: "float64",
    bool: "bool",
    str: "utf8",
    bytes: "binary",
    datetime: "timestamp[us, UTC]",
    date: "date32",
}
_UNITS = {"s": "s", "ms": "m", "us": "u", "ns": "n"}
_TIMES = {"time32": ("tt", "s ms"), "time64": ("tt", "us ns"), "duration": ("tD", "s ms us ns")}
_WIDTH_MAX = 2**31 - 1
_DATES = {"date32": "day", "date64": "ms"}
# Those that are more than a name, by examples.
_FORMS = {
    "timestamp": "'timestamp[us]' or 'timestamp[us, UTC]', with s, ms, us or ns",
    "time32": "'time32[s]' or 'time32[ms]'",
    "time64": "'time64[us]' or 'time64[ns]'",
    "duration": "'duration[us]', with s, ms, us or ns",
    "fixed_size_binary": f"'fixed_size_binary[16]', with 1 to {_WIDTH_MAX} bytes",
    "list": "'list<int64>'",
    "large_list": "'large_list<int64>'",
    "map": "'map<utf8, int64>'",
    "struct": "'struct<name: utf8, age: int64>'",
}
_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z_0-9]*|[<>,:]|\[[^\]]*\])")
_FLAG_NULLABLE = 2
# Types whose values are elsewhere are read as those whose values are in one piece.
_IN_ONE_PIECE = {"vu": "U", "vz": "Z", "+vl": "+l", "+vL": "+L"}
_DEPTH_MAX = 32


def columns(schema: Any) -> dict[str, Described]:
    """The columns of a schema, by their names, in their order.

    Args:
        schema: A dict of types by the names of bins, or anything with `__arrow_c_schema__`. A type
            is a name, a class of Python, one of polars, something with `__arrow_c_schema__`, or
            None for one that is to be inferred.

    Raises:
        TypeError: It is something else.
        InvalidArgError: There is no such type.
        BinNameError: A name cannot be that of a bin.
    """
    if hasattr(schema, "__arrow_c_schema__"):
        root = _described(schema_of(schema), 0)
        if root[1] != "+s":
            raise InvalidArgError("schema: its type is no struct, which has a field for each bin")
        described = {field[0]: field for field in root[4]}
        if len(described) != len(root[4]):
            raise InvalidArgError("schema has two fields with the same name")
    elif isinstance(schema, Mapping):
        described = {name: _of(given, name) for name, given in schema.items()}
    else:
        raise wrong_type("schema", "a dict of types by bin, or have __arrow_c_schema__", schema)
    for name in described:
        check_bin_name(name, "schema: the bin")
    return described


def inferred(name: str) -> Described:
    """A column whose type is to be inferred."""
    return [name, None, True, "", []]


def _of(given: Any, name: Any) -> Described:
    if given is None:
        return inferred(name)
    place = f"schema[{name!r}]"
    if isinstance(given, str):
        return _Names(given, place).column(name)
    if isinstance(given, type) and given in _CLASSES:
        return _Names(_CLASSES[given], place).column(name)
    if hasattr(given, "__arrow_c_schema__"):
        return [name, *_described(schema_of(given), 0)[1:]]
    polars = sys.modules.get("polars")  # Who has its types has imported it.
    if polars is not None and polars.datatypes.is_polars_dtype(given):
        if given == polars.Object:
            raise InvalidArgError(f"{place}: no bin has polars' type Object")
        (field,) = _described(schema_of(polars.Schema({"": given})), 0)[4]
        return [name, *field[1:]]
    wanted = "the name of a type, such as 'int64', or have __arrow_c_schema__"
    raise wrong_type(place, wanted, given)


def _described(schema: Any, depth: int) -> Described:
    if depth == _DEPTH_MAX:
        raise InvalidArgError(f"schema: types are nested deeper than {_DEPTH_MAX} levels")
    name = "" if schema.name == ffi.NULL else ffi.string(schema.name).decode()
    if schema.dictionary != ffi.NULL:
        return [name, *_described(schema.dictionary, depth + 1)[1:]]
    text = ffi.string(schema.format).decode()
    inner = range(schema.n_children)
    children = [_described(schema.children[index], depth + 1) for index in inner]
    is_nullable = bool(schema.flags & _FLAG_NULLABLE)
    origin = "geojson" if _aerospike_type(schema.metadata) == b"geojson" else ""
    return [name, _IN_ONE_PIECE.get(text, text), is_nullable, origin, children]


def _aerospike_type(metadata: Any) -> bytes | None:
    """What a field's metadata says of it: a count, then length and bytes of each key and value."""
    if metadata == ffi.NULL:
        return None
    place = 0

    def number() -> int:
        nonlocal place
        place += 4
        return int(ffi.cast("int32_t *", metadata + place - 4)[0])

    def piece() -> bytes:
        nonlocal place
        length = number()
        place += length
        return bytes(ffi.buffer(metadata + place - length, length))

    pairs = {}
    for _ in range(number()):
        key = piece()
        pairs[key] = piece()
    return pairs.get(b"aerospike:type")


class _Names:
    """Reads the name of a type, as libraries of Arrow write it: `list<int64>`, `timestamp[ms]`."""

    def __init__(self, text: str, place: str) -> None:
        self._text = text
        self._place = place
        self._tokens = self._split()
        self._next = 0

    def column(self, name: str) -> Described:
        described = self._type(name, 0)
        if self._next < len(self._tokens):
            raise self._wrong()
        return described

    def _split(self) -> list[str]:
        tokens = []
        position = 0
        text = self._text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._wrong()
            tokens.append(match[1])
            position = match.end()
        return tokens

    def _wrong(self, name: str | None = None) -> InvalidArgError:
        if name is None:
            hint = ""
        elif name in _FORMS:
            hint = f"; {name} is written as {_FORMS[name]}"
        else:
            hint = did_you_mean(name, [*_NAMES, *_FORMS])
        return InvalidArgError(f"{self._place}: there is no type {self._text!r:.100}{hint}")

    def _take(self, expected: str | None = None) -> str:
        if self._next == len(self._tokens):
            raise self._wrong()
        token = self._tokens[self._next]
        if expected is not None and token != expected:
            raise self._wrong()
        self._next += 1
        return token

    def _peek(self, offset: int = 0) -> str:
        index = self._next + offset
        return self._tokens[index] if index < len(self._tokens) else ""

    def _type(self, name: str, depth: int) -> Described:
        if depth == _DEPTH_MAX:
            raise self._wrong()
        kind = self._take()
        if kind in ("list", "large_list"):
            (item,) = self._members(["item"], depth)
            return [name, "+l" if kind == "list" else "+L", True, "", [item]]
        if kind == "map":
            key, value = self._members(["key", "value"], depth)
            key[2] = False
            return [name, "+m", True, "", [["entries", "+s", False, "", [key, value]]]]
        if kind == "struct":
            return [name, "+s", True, "", self._members(None, depth)]
        return [name, self._simple(kind), True, "geojson" if kind == "geojson" else "", []]

    def _members(self, names: list[str] | None, depth: int) -> list[Described]:
        """The types in angle brackets, each perhaps with a name and a colon; a field has them."""
        self._take("<")
        members: list[Described] = []
        while True:
            given = None
            if self._peek(1) == ":":
                given = self._take()
                self._take(":")
            if names is None:
                if given is None:
                    raise self._wrong()
                chosen = given
            elif len(members) < len(names):
                chosen = names[len(members)]
            else:
                raise self._wrong()
            members.append(self._type(chosen, depth + 1))
            if self._peek() == ">":
                break
            self._take(",")
        self._take(">")
        if names is not None and len(members) != len(names):
            raise self._wrong()
        return members

    def _simple(self, kind: str) -> str:
        given = None
        if self._peek().startswith("["):
            given = [part.strip() for part in self._take()[1:-1].split(",")]
        if kind == "timestamp" and given is not None and given[0] in _UNITS and len(given) <= 2:
            zone = given[1].removeprefix("tz=") if len(given) == 2 else ""
            return f"ts{_UNITS[given[0]]}:{zone}"
        if kind in _TIMES and given is not None:
            begin, units = _TIMES[kind]
            if len(given) == 1 and given[0] in units.split():
                return begin + _UNITS[given[0]]
        if kind == "fixed_size_binary" and given is not None and len(given) == 1:
            # Python refuses to read a number of very many digits.
            is_number = given[0].isdecimal() and len(given[0]) <= len(str(_WIDTH_MAX))
            width = int(given[0]) if is_number else 0
            if 0 < width <= _WIDTH_MAX:
                return f"w:{width}"
        plain = _NAMES.get(kind)
        if plain is None or (given is not None and given != [_DATES.get(kind)]):
            raise self._wrong(kind)
        return plain
