"""Paths: "$." and a bin, perhaps places inside of it, perhaps a function of what is there."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import cdt_ctx, constants, exp
from .._validate import check_bin_name
from ..exception import AerospikeError
from ..exp import (
    EXP_TYPE_BOOL,
    EXP_TYPE_FLOAT,
    EXP_TYPE_INT,
    EXP_TYPE_LIST,
    EXP_TYPE_MAP,
    EXP_TYPE_STRING,
)
from ..map_operations import (
    MAP_RETURN_INVERTED,
    MAP_RETURN_ORDERED_MAP,
    MAP_RETURN_UNORDERED_MAP,
)
from .nodes import Bin, Fixed, Node
from .scanner import Scanner

METADATA: dict[str, tuple[int, Callable[[], Any]]] = {
    "deviceSize": (EXP_TYPE_INT, exp.device_size),
    "memorySize": (EXP_TYPE_INT, exp.memory_size),
    "recordSize": (EXP_TYPE_INT, exp.record_size),
    "isTombstone": (EXP_TYPE_BOOL, exp.is_tombstone),
    "keyExists": (EXP_TYPE_BOOL, exp.key_exists),
    "lastUpdate": (EXP_TYPE_INT, exp.last_update),
    "sinceUpdate": (EXP_TYPE_INT, exp.since_update),
    "setName": (EXP_TYPE_STRING, exp.set_name),
    "ttl": (EXP_TYPE_INT, exp.ttl),
    "voidTime": (EXP_TYPE_INT, exp.void_time),
}
TYPES = {
    "INT": EXP_TYPE_INT,
    "STRING": EXP_TYPE_STRING,
    "HLL": exp.EXP_TYPE_HLL,
    "BLOB": exp.EXP_TYPE_BLOB,
    "FLOAT": EXP_TYPE_FLOAT,
    "BOOL": EXP_TYPE_BOOL,
    "LIST": EXP_TYPE_LIST,
    "MAP": EXP_TYPE_MAP,
    "GEO": exp.EXP_TYPE_GEO,
}
# The number that lists and maps have alike, and what one element or several of them yield.
_VALUE = constants.MAP_RETURN_VALUE
_KEY = constants.MAP_RETURN_KEY
_COUNT = constants.MAP_RETURN_COUNT
_EXISTS = constants.MAP_RETURN_EXISTS
RETURNS = {
    "VALUE": _VALUE,
    "KEY": _KEY,
    "KEY_VALUE": constants.MAP_RETURN_KEY_VALUE,
    "INDEX": constants.MAP_RETURN_INDEX,
    "RANK": constants.MAP_RETURN_RANK,
    "COUNT": _COUNT,
    "EXISTS": _EXISTS,
    "REVERSE_INDEX": constants.MAP_RETURN_REVERSE_INDEX,
    "REVERSE_RANK": constants.MAP_RETURN_REVERSE_RANK,
    "UNORDERED_MAP": MAP_RETURN_UNORDERED_MAP,
    "ORDERED_MAP": MAP_RETURN_ORDERED_MAP,
}
_MAPS = tuple(RETURNS[name] for name in ("KEY_VALUE", "UNORDERED_MAP", "ORDERED_MAP"))
_WRITES = ("remove", "insert", "set", "append", "increment", "clear", "sort")


class Part(NamedTuple):
    """One place in a path.

    Attributes:
        of_map: Whether it is in a map, rather than a list.
        builder: Of `exp`, for what is at the end of a path.
        arguments: What the builder takes before the return type.
        after: What it takes after it, by name.
        step: Of `cdt_ctx`, for what is followed by another part; None where there are several.
        is_inverted: Whether all others are meant.
        position: Where it is in the text.
    """

    of_map: bool
    builder: Callable[..., Any]
    arguments: tuple[Any, ...]
    after: dict[str, Any]
    step: Any
    is_inverted: bool
    position: int

    @property
    def is_one(self) -> bool:
        """Whether it is of one element, whose type has to be said."""
        return self.step is not None and "by_value" not in self.builder.__name__


class Path(Node):
    """What a path leads to."""

    def __init__(self, position: int, name: str, parts: list[Part], kind: int | None) -> None:
        super().__init__(position, kind)
        self.name = name
        self.parts = parts
        self.cast: Callable[[Any], Any] | None = None
        self.read_kind: int | None = None
        self.returns = _VALUE

    def ask_for(self, returns: int, kind: int | None) -> None:
        """Has something else than values come, and so another kind."""
        self.returns = returns
        several = not self.parts[-1].is_one
        if returns == _COUNT:
            self.kind = EXP_TYPE_INT
        elif returns == _EXISTS:
            self.kind = EXP_TYPE_BOOL
        elif returns in _MAPS:
            self.kind = EXP_TYPE_MAP
        elif returns in (_VALUE, _KEY):
            self.kind = kind
        else:
            self.kind = EXP_TYPE_LIST if several else EXP_TYPE_INT

    def build(self, kind: int) -> Any:
        wanted = kind if self.kind is None else self.kind
        if self.cast is not None:
            assert self.read_kind is not None
            return self.cast(self._read(self.read_kind))
        return self._read(wanted)

    def _read(self, kind: int) -> Any:
        *before, last = self.parts
        collection = exp.map_bin if self.parts[0].of_map else exp.list_bin
        options: dict[str, Any] = dict(last.after)
        if before:
            options["ctx"] = [part.step for part in before]
        if last.is_one and self.returns in (_VALUE, _KEY):
            options["exp_type"] = kind
        returns = self.returns | (MAP_RETURN_INVERTED if last.is_inverted else 0)
        return last.builder(collection(self.name), *last.arguments, returns, **options)

    def collection(self) -> Any:
        """The list or map that is there, which a designator may say."""
        return self._read(EXP_TYPE_MAP if self.kind == EXP_TYPE_MAP else EXP_TYPE_LIST)


class PathReader:
    """Reads a path, of which "$." has been taken."""

    def __init__(self, scanner: Scanner, position: int) -> None:
        self._scanner = scanner
        self._position = position

    def bin_name(self) -> str:
        """The name, quoted if it has unusual characters."""
        scanner = self._scanner
        start = scanner.here()
        name = scanner.quoted()
        if name is None:
            end = start
            while end < len(scanner.text) and _is_name_character(scanner.text[end]):
                end += 1
            name = scanner.text[start:end]
            scanner.position = end
            if name.lower() == "in":
                name = "in"
        if not name:
            raise scanner.error("expected the name of a bin", start)
        if "null" in name.lower():
            raise scanner.error("names of bins with 'null' are reserved", start)
        try:
            check_bin_name(name)
        except (AerospikeError, ValueError) as error:
            raise scanner.error(str(error), start) from None
        return name

    def metadata(self) -> Node | None:
        """A function of the record itself, if it comes next."""
        scanner = self._scanner
        start = scanner.here()
        name = scanner.peek_word()
        if name not in METADATA and name != "digestModulo":
            return None
        scanner.position += len(name)
        if not scanner.take("("):
            scanner.position = start
            return None
        if name == "digestModulo":
            modulo = scanner.integer()
            if not modulo:
                raise scanner.error("expected an integer above 0")
            scanner.expect(")")
            return Fixed(self._position, EXP_TYPE_INT, exp.digest_modulo(modulo))
        scanner.expect(")")
        kind, builder = METADATA[name]
        return Fixed(self._position, kind, builder())

    def parts(self) -> tuple[list[Part], int | None, str | None]:
        """The places inside the bin, the type that a designator says, and the function's name."""
        scanner = self._scanner
        parts: list[Part] = []
        designated: int | None = None
        while True:
            has_dot = scanner.take(".")
            start = scanner.here()
            if scanner.next() in ("[", "{") and scanner.next():
                found = self._enclosed(start)
                if isinstance(found, int):
                    designated = found
                else:
                    parts.append(found)
                continue
            if not has_dot:
                return parts, designated, None
            word = scanner.peek_word()
            if word and scanner.text[start + len(word) : start + len(word) + 1] == "(":
                scanner.position += len(word)
                return parts, designated, word
            parts.append(self._key_part(self._map_key(with_sign=True), start))

    def _map_key(self, *, with_sign: bool = False) -> str | int:
        scanner = self._scanner
        start = scanner.here()
        quoted = scanner.quoted()
        if quoted is not None:
            return quoted
        if with_sign and scanner.next() in ("+", "-") and scanner.next():
            sign = -1 if scanner.take("-") else 1
            if sign == 1:
                scanner.expect("+")
            number = scanner.integer()
            if number is None:
                raise scanner.error("expected an integer")
            return sign * number
        number = scanner.integer()
        if number is not None:
            return number
        word = scanner.peek_word()
        if not word:
            raise scanner.error("expected a key of a map", start)
        scanner.position += len(word)
        return word

    def _key_part(self, key: str | int, position: int) -> Part:
        return Part(True, exp.map_get_by_key, (key,), {}, cdt_ctx.map_key(key), False, position)

    def _enclosed(self, start: int) -> Part | int:
        """What is in brackets or braces, or the type that empty ones say."""
        scanner = self._scanner
        of_map = scanner.take("{")
        if not of_map:
            scanner.expect("[")
        end = "}" if of_map else "]"
        if scanner.take(end):
            return EXP_TYPE_MAP if of_map else EXP_TYPE_LIST
        inverted = scanner.take("!")
        if scanner.take("="):
            part = self._by_value(of_map, inverted, start)
        elif scanner.take("#"):
            part = self._by_place(of_map, inverted, start, "rank")
        else:
            part = self._by_index_or_key(of_map, inverted, start)
        scanner.expect(end)
        return part

    def _make(
        self,
        of_map: bool,
        builder: str,
        arguments: tuple[Any, ...],
        position: int,
        *,
        inverted: bool = False,
        step: Any = None,
        **after: Any,
    ) -> Part:
        name = f"{'map' if of_map else 'list'}_get_by_{builder}"
        return Part(of_map, getattr(exp, name), arguments, after, step, inverted, position)

    def _by_value(self, of_map: bool, inverted: bool, start: int) -> Part:
        scanner = self._scanner
        first = self._value()
        if scanner.take(":"):
            last = None if scanner.next() in ("]", "}") else self._value()
            return self._make(of_map, "value_range", (first, last), start, inverted=inverted)
        if scanner.next() == ",":
            values = [first]
            while scanner.take(","):
                values.append(self._value())
            return self._make(of_map, "value_list", (values,), start, inverted=inverted)
        step = None if inverted else (cdt_ctx.map_value if of_map else cdt_ctx.list_value)(first)
        return self._make(of_map, "value", (first,), start, inverted=inverted, step=step)

    def _value(self) -> Any:
        scanner = self._scanner
        quoted = scanner.quoted()
        if quoted is not None:
            return quoted
        number = scanner.signed_integer()
        if number is not None:
            return number
        word = scanner.peek_word()
        if not word:
            raise scanner.error("expected a string, a name or an integer")
        scanner.position += len(word)
        return word

    def _by_place(self, of_map: bool, inverted: bool, start: int, what: str) -> Part:
        """By index or rank: one, a range, or a range relative to a value or key."""
        scanner = self._scanner
        first = scanner.signed_integer()
        if first is None:
            raise scanner.error(f"expected a{'n' if what == 'index' else ''} {what}")
        if not scanner.take(":"):
            if inverted:
                raise scanner.error("only several places can be inverted", start)
            step = getattr(cdt_ctx, f"{'map' if of_map else 'list'}_{what}")(first)
            return self._make(of_map, what, (first,), start, step=step)
        end_position = scanner.here()
        end = scanner.signed_integer()
        count = None if end is None else end - first
        if count is not None and count < 0:
            raise scanner.error("the end of a range is before its beginning", end_position)
        if not scanner.take("~"):
            return self._make(
                of_map, f"{what}_range", (first,), start, inverted=inverted, count=count
            )
        if what == "rank":
            arguments = (self._value(), first)
            return self._make(
                of_map, "value_rel_rank_range", arguments, start, inverted=inverted, count=count
            )
        if not of_map:
            raise scanner.error("only indexes of maps can be relative to a key", start)
        arguments = (self._map_key(), first)
        return self._make(
            of_map, "key_rel_index_range", arguments, start, inverted=inverted, count=count
        )

    def _by_index_or_key(self, of_map: bool, inverted: bool, start: int) -> Part:
        scanner = self._scanner
        place = scanner.here()
        number = scanner.signed_integer()
        follows = scanner.next()
        scanner.position = place
        if number is not None and follows in (":", "]", "}") and not (inverted and follows == "}"):
            return self._by_place(of_map, inverted, start, "index")
        if not of_map:
            key = scanner.quoted()
            if key is None or inverted:
                raise scanner.error("expected an index, or '=' and a value, or '#' and a rank")
            return self._key_part(key, start)
        first = self._map_key()
        if scanner.take("-"):
            last = None if scanner.next() == "}" else self._map_key()
            return self._make(True, "key_range", (first, last), start, inverted=inverted)
        keys = [first]
        while scanner.take(","):
            keys.append(self._map_key())
        return self._make(True, "key_list", (keys,), start, inverted=inverted)


def _is_name_character(character: str) -> bool:
    return character == "_" or character == "@" or (character.isascii() and character.isalnum())


def made_path(
    scanner: Scanner, position: int, name: str, parts: list[Part], kind: int | None
) -> Bin | Path:
    """The node of a bin and places in it.

    Raises:
        InvalidArgError: A part that leads to several elements is not the last.
    """
    if not parts:
        return Bin(position, name, kind)
    for part in parts[:-1]:
        if part.step is None:
            raise scanner.error("only the last part of a path may be of several", part.position)
    return Path(position, name, parts, kind)


def apply_cast(node: Bin | Path, function: str) -> Node:
    """A float as an integer ("asInt"), or the other way round."""
    to_int = function == "asInt"
    cast = exp.to_int if to_int else exp.to_float
    read_kind = EXP_TYPE_FLOAT if to_int else EXP_TYPE_INT
    kind = EXP_TYPE_INT if to_int else EXP_TYPE_FLOAT
    if isinstance(node, Path):
        node.cast, node.read_kind, node.kind = cast, read_kind, kind
        return node
    return Fixed(node.position, kind, cast(node.build(read_kind)))


def counted(node: Bin | Path) -> Node:
    """How many elements a list or map has, or how many a path leads to."""
    if isinstance(node, Path) and not node.parts[-1].is_one:
        node.ask_for(_COUNT, None)
        return node
    is_map = node.kind == EXP_TYPE_MAP
    size = exp.map_size if is_map else exp.list_size
    if isinstance(node, Path):
        return Fixed(node.position, EXP_TYPE_INT, size(node.collection()))
    return Fixed(
        node.position, EXP_TYPE_INT, size(node.build(EXP_TYPE_MAP if is_map else EXP_TYPE_LIST))
    )


def existing(node: Bin | Path) -> Node:
    """Whether there is such a bin or element."""
    if isinstance(node, Path):
        node.ask_for(_EXISTS, None)
        return node
    return Fixed(node.position, EXP_TYPE_BOOL, exp.bin_exists(node.name))


def is_write(function: str) -> bool:
    """Whether a function is one that the language has for writes, not for filters."""
    return function in _WRITES
