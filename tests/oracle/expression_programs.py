"""Random expressions, as filters and as operations, most of them well typed.

`random` decides everything. Left out is what ends a real server: comparing what an expression
on nothing made, dividing the smallest integer by minus one, and removing where nothing is
selected.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import cdt_programs
from raw_server import (
    BLOB,
    CDT_MODIFY,
    EXPRESSION_MODIFY,
    EXPRESSION_READ,
    GEOJSON,
    INFO1_ALL,
    INFO1_NO_BINS,
    INFO1_READ,
    INFO2_DELETE,
    INFO2_RESPOND_ALL,
    INFO2_WRITE,
    LIST,
    MAP,
    STRING,
    WRITE,
    Geo,
    Operation,
    Raw,
    Request,
    pack,
    text,
)

NIL, BOOL, INT, STR, LST, MP, BLB, FLT, GEO = range(9)

_POINT = '{"type":"Point","coordinates":[2.0,3.0]}'
_CIRCLE = '{"type":"AeroCircle","coordinates":[[2.0,3.0],50000]}'
_SQUARE = '{"type":"Polygon","coordinates":[[[0,0],[5,0],[5,5],[0,5],[0,0]]]}'

_BINS = {"i": INT, "f": FLT, "s": STR, "b": BLB, "l": LST, "m": MP, "t": BOOL, "g": GEO}
_INTS = [0, 1, 2, 3, 5, 7, -1, -4, 100, 2**40, 2**63 - 1]
_FLOATS = [0.0, 0.5, 1.0, 2.0, -3.75, 1e10, float("inf")]
_TEXTS = ["", "a", "b", "abc", "hello"]


def _name(name: str) -> Raw:
    return Raw(text(name.encode()))


def _bin(random: Random, kind: int) -> Any:
    names = [name for name, of in _BINS.items() if of == kind]
    if random.random() < 0.1:
        names = [*_BINS, "none"]
    return [81, kind, _name(random.choice(names))]


def _shift(random: Random) -> Any:
    return random.choice([0, 1, 4, 31, 32, 63])


class _Maker:
    """Makes expressions of a wanted type."""

    def __init__(self, random: Random, *, sized: bool) -> None:
        self.random = random
        self.sized = sized
        """Whether sizes of the record are the same everywhere, which cells of GeoJSON prevent."""
        self.variables: list[tuple[str, int]] = []

    def make(self, kind: int, depth: int) -> Any:
        random = self.random
        known = [name for name, of in self.variables if of == kind]
        if known and random.random() < 0.3:
            return [124, _name(random.choice(known))]
        if depth > 0 and random.random() < 0.06:
            return self._let(kind, depth - 1)
        if depth > 0 and random.random() < 0.08:
            return self._cond(kind, depth - 1)
        if depth > 0 and kind != NIL and random.random() < 0.12:
            made = self._call(kind, depth - 1)
            if made is not None:
                return made
        makers: dict[int, Callable[[int], Any]] = {
            NIL: lambda _: None,
            BOOL: self._bool,
            INT: self._int,
            STR: self._str,
            LST: self._list,
            MP: self._map,
            BLB: self._blob,
            FLT: self._float,
            GEO: self._geo,
        }
        return makers[kind](depth)

    def _let(self, kind: int, depth: int) -> Any:
        items: list[Any] = []
        count = self.random.choice([1, 1, 2])
        for _ in range(count):
            name = f"v{len(self.variables)}"
            of = self.random.choice([BOOL, INT, STR, LST, MP, FLT])
            items += [_name(name), self.make(of, depth)]
            self.variables.append((name, of))
        items.append(self.make(kind, depth))
        del self.variables[-count:]
        return [125, *items]

    def _cond(self, kind: int, depth: int) -> Any:
        items: list[Any] = []
        for _ in range(self.random.choice([1, 1, 2])):
            items += [self.make(BOOL, depth), self.make(kind, depth)]
        items.append([0] if self.random.random() < 0.2 else self.make(kind, depth))
        return [123, *items]

    def _call(self, kind: int, depth: int) -> Any:
        """Reads of lists and maps, and lists and maps with a change."""
        random = self.random
        of_list = random.random() < 0.5
        target = self.make(LST if of_list else MP, depth)
        changes = kind in (LST, MP) and random.random() < 0.5
        if changes:
            target = self.make(kind, depth)
            of_list = kind == LST
            operation = cdt_programs.call(random, reads=False, of_list=of_list)
            return [127, kind, 0x40, self._quoted(operation, depth), target]
        operation = cdt_programs.call(random, reads=True, of_list=of_list)
        return [127, kind, 0, self._quoted(operation, depth), target]

    def _quoted(self, operation: list[Any], depth: int) -> list[Any]:
        if operation[0] == 0xFF:
            return [operation[0], operation[1], self._quoted(operation[2], depth)]
        quoted: list[Any] = [operation[0]]
        for parameter in operation[1:]:
            if isinstance(parameter, list | tuple) and not hasattr(parameter, "_fields"):
                quoted.append([126, list(parameter)])
            elif hasattr(parameter, "flags") and isinstance(parameter.value, list):
                quoted.append([126, parameter])
            elif type(parameter) is int and 0 <= parameter < 6 and self.random.random() < 0.1:
                quoted.append(self.make(INT, min(depth, 1)))
            else:
                quoted.append(parameter)
        return quoted

    def _bool(self, depth: int) -> Any:
        random = self.random
        choice = random.random()
        if depth == 0 or choice < 0.08:
            return random.choice([True, False, _bin(random, BOOL), [71], [72], [0]])
        if choice < 0.55:
            kind = random.choice([BOOL, INT, INT, INT, STR, STR, FLT, FLT, BLB, LST, MP])
            left, right = self.make(kind, depth - 1), self.make(kind, depth - 1)
            return [random.randrange(1, 7), left, right]
        if choice < 0.75:
            count = random.choice([2, 2, 3])
            operator = random.choice([16, 17, 19])
            return [operator, *(self.make(BOOL, depth - 1) for _ in range(count))]
        if choice < 0.82:
            return [18, self.make(BOOL, depth - 1)]
        if choice < 0.88:
            pattern = random.choice(["^a", "b+", ".*", "^(a|h)", "[a-c]+$", "l{2}", "("])
            options = random.choice([0, 1, 1, 2, 3])
            return [7, options, _name(pattern), self.make(STR, depth - 1)]
        if choice < 0.94:
            kind = random.choice([INT, STR, FLT, BOOL, LST, BLB])
            return [9, self.make(kind, depth - 1), self.make(LST, depth - 1)]
        return [8, self.make(GEO, depth - 1), self.make(GEO, depth - 1)]

    def _int(self, depth: int) -> Any:
        random = self.random
        choice = random.random()
        if depth == 0 or choice < 0.15:
            return random.choice([*_INTS, _bin(random, INT), _bin(random, INT)])
        if choice < 0.3:
            name = _name(random.choice([*_BINS, "none"]))
            if self.sized and random.random() < 0.3:
                return random.choice([[73], [74]])
            return random.choice([[69], [68], [65], [82, name], [64, 1], [64, 5]])
        if choice < 0.6:
            operator = random.choice([20, 21, 22, 23, 50, 51, 32, 33, 34])
            count = random.choice([1, 2, 2, 3])
            return [operator, *(self.make(INT, depth - 1) for _ in range(count))]
        if choice < 0.7:
            operator = random.choice([36, 37, 38])
            return [operator, self.make(INT, depth - 1), _shift(random)]
        if choice < 0.78:
            return [random.choice([40, 41]), self.make(INT, depth - 1), self.make(BOOL, depth - 1)]
        if choice < 0.86:
            return [26, self.make(INT, depth - 1), random.choice([3, 7, 0, -5, 100])]
        if choice < 0.93:
            return [random.choice([27, 35, 39]), self.make(INT, depth - 1)]
        return [30, self.make(FLT, depth - 1)]

    def _float(self, depth: int) -> Any:
        random = self.random
        choice = random.random()
        if depth == 0 or choice < 0.25:
            return random.choice([*_FLOATS, _bin(random, FLT), _bin(random, FLT)])
        if choice < 0.6:
            count = random.choice([1, 2, 2, 3])
            operator = random.choice([20, 21, 22, 23, 50, 51])
            return [operator, *(self.make(FLT, depth - 1) for _ in range(count))]
        if choice < 0.75:
            return [random.choice([24, 25]), self.make(FLT, depth - 1), self.make(FLT, depth - 1)]
        if choice < 0.9:
            return [random.choice([27, 28, 29]), self.make(FLT, depth - 1)]
        return [31, self.make(INT, depth - 1)]

    def _str(self, _: int) -> Any:
        random = self.random
        return random.choice([*_TEXTS, _bin(random, STR), _bin(random, STR), [70], [80, STR]])

    def _blob(self, _: int) -> Any:
        return self.random.choice([b"", b"a", b"\x00\xff", _bin(self.random, BLB), [80, BLB]])

    def _list(self, depth: int) -> Any:
        random = self.random
        choice = random.random()
        if depth > 0 and choice < 0.2:
            return [random.choice([101, 102]), self.make(MP, depth - 1)]
        if choice < 0.6:
            return _bin(random, LST)
        return [126, cdt_programs.some_list(random, 1)]

    def _map(self, _: int) -> Any:
        if self.random.random() < 0.6:
            return _bin(self.random, MP)
        pairs = cdt_programs.some_map(self.random, 1)
        return dict(sorted(pairs.items(), key=_sorted)) if isinstance(pairs, dict) else pairs

    def _geo(self, _: int) -> Any:
        texts = [Geo(_POINT), Geo(_CIRCLE), Geo(_SQUARE)]
        return self.random.choice([*texts, _bin(self.random, GEO)])


def _sorted(pair: tuple[Any, Any]) -> Any:
    """The order of keys."""
    name = pair[0]
    if isinstance(name, int):
        return (0, name, b"")
    return (1, 0, name.encode()) if isinstance(name, str) else (2, 0, name)


def expression(random: Random, kind: int, *, sized: bool) -> Any:
    """One that should have a value of the type."""
    made = _Maker(random, sized=sized).make(kind, 3)
    if random.random() < 0.02 and isinstance(made, list):
        return random.choice([made[:-1], [*made, 1], [made[0] + 1, *made[1:]], [200]])
    return made


def program(random: Random, digest: bytes) -> list[Request]:
    """Requests on one record, in order."""
    writes = [
        Operation(WRITE, "i", random.choice([1, 5, 77, 2**40]).to_bytes(8, "big"), 1),
        Operation(WRITE, "f", pack(random.choice(_FLOATS))[1:], 2),
        Operation(WRITE, "s", random.choice(_TEXTS).encode(), STRING),
        Operation(WRITE, "b", random.choice([b"", b"a", b"\x00\xff"]), BLOB),
        Operation(WRITE, "l", pack(cdt_programs.some_list(random)), LIST),
        Operation(WRITE, "m", pack(cdt_programs.some_map(random)), MAP),
        Operation(WRITE, "t", random.choice([b"\x00", b"\x01"]), 17),
    ]
    sized = random.random() < 0.5
    if not sized:
        geo = random.choice([_POINT, _SQUARE]).encode()
        writes.append(Operation(WRITE, "g", b"\x00\x00\x00" + geo, GEOJSON))
    requests = [Request(digest, tuple(writes), 0, INFO2_WRITE)]
    for _ in range(random.choice([1, 2, 4])):
        requests.append(_request(random, digest, sized=sized))
    return requests


def _request(random: Random, digest: bytes, *, sized: bool) -> Request:
    choice = random.random()
    filtered = pack(expression(random, BOOL, sized=sized))
    if choice < 0.3:
        info1 = INFO1_READ | random.choice([INFO1_ALL, INFO1_NO_BINS])
        return Request(digest, info1=info1, filter=filtered)
    if choice < 0.33:
        return Request(digest, info2=INFO2_WRITE | INFO2_DELETE, filter=filtered)
    operations = []
    changes = random.random() < 0.6
    for _ in range(random.choice([1, 1, 2])):
        kind = random.choice([BOOL, INT, INT, FLT, STR, LST, MP, BLB, NIL, NIL if sized else GEO])
        name = random.choice([*_BINS, "x"])
        made = expression(random, kind, sized=sized)
        if changes and random.random() < 0.7:
            flags = random.choice([0, 0, 0, 16, 16, 4, 1, 2, 8, 9, 10, 31, 32])
            operations.append(Operation(EXPRESSION_MODIFY, name, pack([made, flags])))
        elif changes and random.random() < 0.2:
            changed = cdt_programs.call(random, reads=False, of_list=True)
            operations.append(Operation(CDT_MODIFY, "l", pack(changed)))
        else:
            flags = random.choice([0, 0, 16, 16, 1])
            operations.append(Operation(EXPRESSION_READ, name, pack([made, flags])))
    info2 = INFO2_WRITE if changes else 0
    if random.random() < 0.3:
        info2 |= INFO2_RESPOND_ALL
    used = filtered if random.random() < 0.3 else None
    return Request(digest, tuple(operations), INFO1_READ, info2, filter=used)
