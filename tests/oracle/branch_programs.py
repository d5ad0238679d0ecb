"""Random paths that branch through lists and maps, most of them meaningful.

Left out is what ends a real server: containers so large that losing elements makes their headers
shorter, expressions on the record, conditions that are not boolean, and further conditions on
an index or a rank in a map.
"""

from random import Random
from typing import Any

import cdt_programs
from raw_server import (
    BLOB,
    CDT_MODIFY,
    CDT_READ,
    EXPRESSION_READ,
    INFO1_READ,
    INFO2_RESPOND_ALL,
    INFO2_WRITE,
    LIST,
    MAP,
    WRITE,
    Flagged,
    Operation,
    Raw,
    Request,
    pack,
    text,
)

_BRANCH = 0xFE
_INDEX, _RANK, _KEY, _VALUE, _EXPRESSION, _KEY_LIST = 0, 1, 2, 3, 4, 10
_AND = 0x200
_NIL, _BOOL, _INT, _STRING, _LIST_TYPE, _MAP_TYPE, _BLOB_TYPE, _FLOAT = range(8)
_TREE, _VALUES, _KEYS, _PAIRS, _REPLACED = range(5)
_NO_FAIL = 0x10
_REMOVE = 100
_KEY_VARIABLE, _VALUE_VARIABLE, _INDEX_VARIABLE = range(3)


def _variable(kind: int, which: int) -> list[int]:
    return [122, kind, which]


def _condition(random: Random, depth: int = 1) -> Any:
    comparison = random.choice([1, 2, 3, 4, 5, 6])
    match random.randrange(8):
        case 0 | 1:
            number = random.choice([-1, 0, 1, 2, 5])
            return [comparison, _variable(_INT, _VALUE_VARIABLE), number]
        case 2:
            which = random.choice([_VALUE_VARIABLE, _KEY_VARIABLE])
            return [comparison, _variable(_STRING, which), random.choice(["", "a", "b"])]
        case 3:
            return [comparison, _variable(_INT, _INDEX_VARIABLE), random.choice([0, 1, 2, 4])]
        case 4:
            return [comparison, _variable(_INT, _KEY_VARIABLE), random.choice([0, 1, 2, 5])]
        case 5 if depth > 0:
            return [random.choice([16, 17]), _condition(random, 0), _condition(random, 0)]
        case 6:
            return _variable(_BOOL, _VALUE_VARIABLE)
        case _:
            size = [127, _INT, 0, [16], _variable(_LIST_TYPE, _VALUE_VARIABLE)]
            return [comparison, size, random.choice([0, 1, 2, 3])]


def _step(random: Random) -> list[Any]:
    by = random.choice([0, 0, 1, 2, 2, 3, 4, 4, 4, 4, 4, 4, 10])
    kind = by | random.choice([0, 0, 0, 0, 0, 0x10, 0x20])
    match by:
        case 0 | 1:
            argument: Any = random.choice([-9, -2, -1, 0, 0, 1, 2, 3, 9])
        case 2:
            argument = cdt_programs.key(random)
        case 3:
            argument = cdt_programs.value(random, 1)
        case 4:
            argument = True if random.random() < 0.5 else _condition(random)
        case _:
            keys = [cdt_programs.key(random) for _ in range(random.choice([0, 1, 2, 4]))]
            argument = keys if random.random() < 0.97 else 5
    step = [kind, argument]
    if random.random() < 0.01:
        step[0] = random.choice([5, 11, 0x30 | by, 0x304, 0x40 | kind])
    in_maps = by < 2 and kind & 0x30 != 0x10
    if not in_maps and random.random() < (0.01 if by == _EXPRESSION else 0.2):
        step += [_AND | 4, _condition(random)]
    return step


def _path(random: Random) -> list[Any]:
    if random.random() < 0.01:
        return random.choice([[], [4], [_AND | 4, True]])
    return [item for _ in range(random.choice([1, 1, 2, 2, 3])) for item in _step(random)]


def _change(random: Random) -> Any:
    number = _variable(_INT, _VALUE_VARIABLE)
    match random.randrange(10):
        case 0 | 1:
            return [20, number, random.choice([1, 10])]
        case 2:
            return [_REMOVE]
        case 3:
            return [123, _condition(random), [_REMOVE], _variable(_INT, _VALUE_VARIABLE)]
        case 4:
            return random.choice([5, "text", b"blob", 1.5, None, True])
        case 5:
            return [126, cdt_programs.some_list(random, 1)]
        case 6:
            return _variable(random.randrange(8), random.randrange(3))
        case 7:
            changed = [127, _LIST_TYPE, 0x40, [1, 9], _variable(_LIST_TYPE, _VALUE_VARIABLE)]
            return random.choice([changed, [127, _STRING, 0, [19, 7, 0], changed[4]]])
        case 8:
            return [1, number, 1]
        case _:
            inner = [_BRANCH, _path(random), random.choice([0, 1, 0x11])]
            return [127, _LIST_TYPE, 0, inner, _variable(_LIST_TYPE, _VALUE_VARIABLE)]


def _call(random: Random, *, changes: bool) -> list[Any]:
    flags = random.choice([0, 0, _NO_FAIL])
    if changes:
        made = [_BRANCH, _path(random), _REPLACED | flags, _change(random)]
    else:
        made = [_BRANCH, _path(random), random.choice([_TREE, _VALUES, _KEYS, _PAIRS]) | flags]
    if random.random() < 0.02:
        return random.choice([made[:-1], [*made, 1]])
    return made


def _operation(random: Random, *, changes: bool) -> Operation:
    name = random.choice(["l", "l", "m", "m", "s", "x"])
    made = pack(_call(random, changes=changes and random.random() < 0.85))
    if not changes and random.random() < 0.2:
        kind = random.choice([_LIST_TYPE, _MAP_TYPE])
        target = [81, kind, Raw(text(random.choice([b"l", b"m"])))]
        changing = random.random() < 0.5
        call = _call(random, changes=changing)
        asked = [127, kind, 0x40 if changing else 0, call, target]
        return Operation(EXPRESSION_READ, "e", pack([asked, random.choice([0, 0x10])]), BLOB)
    return Operation(CDT_MODIFY if changes else CDT_READ, name, made)


def _container(random: Random, depth: int = 2) -> Any:
    """Small enough for a header of one byte, with or without elements removed."""
    count = random.choice([0, 1, 2, 3, 5])
    items = [
        _container(random, depth - 1)
        if depth > 0 and random.random() < 0.5
        else cdt_programs.value(random, 0)
        for _ in range(count)
    ]
    if random.random() < 0.5:
        return Flagged(1, []) if random.random() < 0.03 else items
    keys = random.sample([0, 1, 2, 5, "", "a", "b"], count)
    pairs = dict(zip(keys, items, strict=True))
    return Flagged(random.choice([1, 3]), pairs) if random.random() < 0.4 else pairs


def _of_list(made: Any) -> bool:
    return isinstance(made.value if isinstance(made, Flagged) else made, list)


def program(random: Random, digest: bytes) -> list[Request]:
    """Requests on one record, in order."""
    writes = []
    for name in "lm":
        made = _container(random)
        while _of_list(made) != (name == "l"):
            made = _container(random)
        writes.append(Operation(WRITE, name, pack(made), LIST if name == "l" else MAP))
    writes.append(Operation(WRITE, "s", b"text", 3))
    requests = [Request(digest, tuple(writes), 0, INFO2_WRITE)]
    if random.random() < 0.3:
        in_order = Operation(CDT_MODIFY, "l", pack([0, 1]))
        requests.append(Request(digest, (in_order,), INFO1_READ, INFO2_WRITE))
    for _ in range(random.choice([1, 3, 6])):
        changes = random.random() < 0.5
        info2 = INFO2_WRITE if changes else 0
        if random.random() < 0.5:
            info2 |= INFO2_RESPOND_ALL
        operation = _operation(random, changes=changes)
        requests.append(Request(digest, (operation,), INFO1_READ, info2))
    return requests
