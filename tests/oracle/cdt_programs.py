"""Random operations on lists and maps, most of them meaningful.

`random` decides everything, so that a seed or hypothesis reproduces a program. What is known to
harm a real server is left out: contexts that make elements at negative indexes, huge indexes,
everything but no elements of a map, and extensions that nobody sends.
"""

from random import Random
from typing import Any

from raw_server import (
    CDT_MODIFY,
    CDT_READ,
    INFINITY,
    INFO1_READ,
    INFO2_RESPOND_ALL,
    INFO2_WRITE,
    LIST,
    MAP,
    WILDCARD,
    WRITE,
    Flagged,
    Geo,
    Operation,
    Request,
    pack,
)

_CONTEXT = 0xFF
_INVERTED = 0x10000
_RETURNS = [*range(14), 16, 17]

_INTS = [-3, -1, 0, 1, 2, 3, 5, 7, 300]
_SCALARS: list[Any] = [
    None,
    False,
    True,
    -(2**40),
    70_000,
    2**63 - 1,
    0.5,
    -2.0,
    "",
    "a",
    "b",
    "x" * 40,
    b"",
    b"a",
    Geo("{}"),
]

# Everything but the elements of an empty list of keys or values ends a real server.
_OF_ITEMS = (81, 83, 107, 108)

# Kinds of parameters.
INDEX, COUNT, VALUE, VALUES, RETURN, ORDER, FLAGS = range(7)
KEY, KEYS, PAIRS, DELTA, SORT, MAP_ORDER = range(7, 13)

LIST_READS = {
    16: [],
    17: [INDEX],
    18: [INDEX, COUNT],
    19: [RETURN, INDEX],
    20: [RETURN, VALUE],
    21: [RETURN, INDEX],
    22: [RETURN, VALUE],
    23: [RETURN, VALUES],
    24: [RETURN, INDEX, COUNT],
    25: [RETURN, VALUE, VALUE],
    26: [RETURN, INDEX, COUNT],
    27: [RETURN, VALUE, INDEX, COUNT],
}
LIST_CHANGES = {
    0: [ORDER],
    1: [VALUE, ORDER, FLAGS],
    2: [VALUES, ORDER, FLAGS],
    3: [INDEX, VALUE, FLAGS],
    4: [INDEX, VALUES, FLAGS],
    5: [INDEX],
    6: [INDEX, COUNT],
    7: [INDEX],
    8: [INDEX, COUNT],
    9: [INDEX, VALUE, FLAGS],
    10: [INDEX, COUNT],
    11: [],
    12: [INDEX, DELTA, ORDER, FLAGS],
    13: [SORT],
} | {code + 13: parameters for code, parameters in LIST_READS.items() if code >= 19}
MAP_READS = {
    96: [],
    97: [RETURN, KEY],
    98: [RETURN, INDEX],
    99: [RETURN, VALUE],
    100: [RETURN, INDEX],
    102: [RETURN, VALUE],
    103: [RETURN, KEY, KEY],
    104: [RETURN, INDEX, COUNT],
    105: [RETURN, VALUE, VALUE],
    106: [RETURN, INDEX, COUNT],
    107: [RETURN, KEYS],
    108: [RETURN, VALUES],
    109: [RETURN, KEY, INDEX, COUNT],
    110: [RETURN, VALUE, INDEX, COUNT],
}
MAP_CHANGES = {
    64: [MAP_ORDER],
    65: [KEY, VALUE, MAP_ORDER],
    66: [PAIRS, MAP_ORDER],
    67: [KEY, VALUE, MAP_ORDER, FLAGS],
    68: [PAIRS, MAP_ORDER, FLAGS],
    69: [KEY, VALUE],
    70: [PAIRS],
    73: [KEY, DELTA, MAP_ORDER],
    74: [KEY, DELTA, MAP_ORDER],
    75: [],
    76: [RETURN, KEY],
    77: [RETURN, INDEX],
    78: [RETURN, VALUE],
    79: [RETURN, INDEX],
    81: [RETURN, KEYS],
    82: [RETURN, VALUE],
    83: [RETURN, VALUES],
    84: [RETURN, KEY, KEY],
    85: [RETURN, INDEX, COUNT],
    86: [RETURN, VALUE, VALUE],
    87: [RETURN, INDEX, COUNT],
    88: [RETURN, KEY, INDEX, COUNT],
    89: [RETURN, VALUE, INDEX, COUNT],
}


def value(random: Random, depth: int = 2, *, comparison: bool = False) -> Any:
    """A value of any type; for a comparison also one that cannot be stored."""
    choice = random.random()
    if comparison and choice > 0.95:
        return random.choice([WILDCARD, INFINITY, [1, WILDCARD], [INFINITY], None])
    if choice < 0.55:
        return random.choice(_INTS)
    if choice < 0.8 or depth == 0:
        return random.choice(_SCALARS)
    if choice < 0.9:
        return some_list(random, depth - 1)
    return some_map(random, depth - 1)


def some_list(random: Random, depth: int = 2) -> Any:
    items = [value(random, depth) for _ in range(random.choice([0, 1, 2, 3, 5]))]
    if random.random() < 0.1 and all(type(item) is int for item in items):
        return Flagged(1, sorted(items))
    return items


def key(random: Random) -> Any:
    return random.choice([*_INTS, "a", "b", "c", b"a", "x" * 40])


def some_map(random: Random, depth: int = 2) -> Any:
    count = random.choice([0, 1, 2, 3, 6])
    pairs = {key(random): value(random, depth) for _ in range(count)}
    if random.random() < 0.15 and all(type(name) is int for name in pairs):
        return Flagged(random.choice([1, 3]), dict(sorted(pairs.items())))
    return pairs


def _parameter(random: Random, kind: int, *, stored: bool) -> Any:
    match kind:
        case 0 | 1 if random.random() < 0.02:
            return random.choice(["a", None, 2**63])
        case 0:
            return random.choice([-9, -4, -3, -2, -1, 0, 0, 1, 1, 2, 3, 4, 5, 9, 40])
        case 1:
            return random.choice([0, 1, 1, 2, 2, 3, 5, 100])
        case 2:
            return value(random, comparison=not stored)
        case 3:
            if random.random() < 0.03:
                return random.choice([1, {}, "a"])
            count = random.choice([0, 1, 2, 3, 4])
            return [value(random) for _ in range(count)]
        case 4:
            inverted = _INVERTED if random.random() < 0.2 else 0
            if random.random() < 0.02:
                return random.choice([14, 15, 18, 99])
            return random.choice([1, 3, 5, 7, *_RETURNS]) | inverted
        case 5:
            return random.choice([0, 0, 1, 1, 2, 9])
        case 6:
            return random.choice([0, 0, 0, 1, 2, 4, 5, 6, 8, 12, 13, 15])
        case 7:
            return key(random) if random.random() < 0.95 else value(random)
        case 8:
            return [key(random) for _ in range(random.choice([0, 1, 2, 3, 5]))]
        case 9:
            return some_map(random) if random.random() < 0.97 else random.choice([1, [], "a"])
        case 10:
            return random.choice([1, 2, -5, 0, 1.5, None, 2**62, "a", 1e20])
        case 11:
            return random.choice([0, 1, 2, 3])
        case _:
            return random.choice([0, 0, 1, 1, 3, 3, 2, 8, 9])


def _steps(random: Random, *, changes: bool) -> list[Any]:
    steps: list[Any] = []
    for _ in range(random.choice([1, 1, 1, 2, 2, 3])):
        of_list = random.random() < 0.5
        if changes and random.random() < 0.35:
            create = random.choice([0x40, 0x80, 0xC0])
            if of_list:
                steps += [0x10 | create, random.choice([0, 0, 1, 2, 3, 6])]
            else:
                steps += [0x22 | create, key(random)]
            continue
        by = random.choice([0, 0, 0, 1, 2, 2, 3])
        container = (
            random.choice([0x10, 0x20]) if random.random() < 0.1 else 0x10 if of_list else 0x20
        )
        if random.random() < 0.02:
            container = 0
        argument: Any = random.choice([-3, -2, -1, 0, 0, 1, 2, 5])
        if by == 2:
            argument = key(random)
        elif by == 3:
            argument = value(random, comparison=True)
        steps += [container | by, argument]
    return steps


def call(random: Random, *, reads: bool, of_list: bool) -> list[Any]:
    """The code and parameters of one operation on a list or a map, perhaps inside of it."""
    if of_list:
        table = LIST_READS if reads else LIST_CHANGES
    else:
        table = MAP_READS if reads else MAP_CHANGES
    code = random.choice(list(table))
    stored = code in (1, 2, 3, 4, 9, 65, 66, 67, 68, 69, 70)
    parameters = [_parameter(random, kind, stored=stored) for kind in table[code]]
    if code in _OF_ITEMS and parameters[1] == []:
        parameters[0] &= ~_INVERTED
    if parameters and random.random() < 0.15:
        parameters = parameters[: random.randrange(len(parameters))]
    elif random.random() < 0.01:
        parameters.append(1)
    made: list[Any] = [code, *parameters]
    if random.random() < 0.3:
        return [_CONTEXT, _steps(random, changes=not reads), made]
    return made


def operation(random: Random, name: str, *, reads: bool, of_list: bool) -> Operation:
    """One operation on a list or a map."""
    made = call(random, reads=reads, of_list=of_list)
    return Operation(CDT_READ if reads else CDT_MODIFY, name, pack(made))


def _write(random: Random, name: str) -> Operation:
    choice = random.random()
    if choice < 0.45:
        return Operation(WRITE, name, pack(some_list(random)), LIST)
    if choice < 0.9:
        return Operation(WRITE, name, pack(some_map(random)), MAP)
    return Operation(WRITE, name, b"text", 3)


def program(random: Random, digest: bytes) -> list[Request]:
    """Requests on one record, in order."""
    requests = []
    names = ["l", "m", "n"]
    if random.random() < 0.9:
        writes = [
            Operation(WRITE, "l", pack([value(random) for _ in range(random.randrange(8))]), LIST),
            Operation(WRITE, "m", pack(some_map(random)), MAP),
        ]
        requests.append(Request(digest, tuple(writes), 0, INFO2_WRITE))
    for _ in range(random.choice([1, 2, 3, 6])):
        operations = []
        changes = random.random() < 0.7
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            if changes and random.random() < 0.08:
                operations.append(_write(random, random.choice(names)))
                continue
            name = random.choice(names)
            of_list = name == "l" if random.random() < 0.9 else random.random() < 0.5
            reads = not changes or random.random() < 0.25
            operations.append(operation(random, name, reads=reads, of_list=of_list))
        info1 = INFO1_READ if not changes or random.random() < 0.95 else 0
        info2 = INFO2_WRITE if changes else 0
        if random.random() < 0.5:
            info2 |= INFO2_RESPOND_ALL
        requests.append(Request(digest, tuple(operations), info1, info2))
    return requests
