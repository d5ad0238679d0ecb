"""Random operations on blobs and HyperLogLogs, most of them meaningful."""

from random import Random
from typing import Any

from raw_server import (
    BIT_MODIFY,
    BIT_READ,
    BLOB,
    EXPRESSION_READ,
    HLL,
    HLL_MODIFY,
    HLL_READ,
    INFO1_READ,
    INFO2_RESPOND_ALL,
    INFO2_WRITE,
    STRING,
    WILDCARD,
    WRITE,
    Operation,
    Raw,
    Request,
    pack,
    text,
)

_BYTE_OFFSET, _BYTE_SIZE, _OFFSET, _SIZE, _WIDTH, _NUMBER, _SHIFT, _BYTES, _FLAG = range(9)
_FLAGS, _RESIZE, _OVERFLOW, _SIGNED = range(9, 13)

_CHANGES = {
    0: [_BYTE_SIZE, _FLAGS, _RESIZE],
    1: [_BYTE_OFFSET, _BYTES, _FLAGS],
    2: [_BYTE_OFFSET, _BYTE_SIZE, _FLAGS],
    3: [_OFFSET, _SIZE, _BYTES, _FLAGS],
    4: [_OFFSET, _SIZE, _BYTES, _FLAGS],
    5: [_OFFSET, _SIZE, _BYTES, _FLAGS],
    6: [_OFFSET, _SIZE, _BYTES, _FLAGS],
    7: [_OFFSET, _SIZE, _FLAGS],
    8: [_OFFSET, _SIZE, _SHIFT, _FLAGS],
    9: [_OFFSET, _SIZE, _SHIFT, _FLAGS],
    10: [_OFFSET, _WIDTH, _NUMBER, _FLAGS, _OVERFLOW],
    11: [_OFFSET, _WIDTH, _NUMBER, _FLAGS, _OVERFLOW],
    12: [_OFFSET, _WIDTH, _NUMBER, _FLAGS],
}
_READS = {
    50: [_OFFSET, _SIZE],
    51: [_OFFSET, _SIZE],
    52: [_OFFSET, _SIZE, _FLAG],
    53: [_OFFSET, _SIZE, _FLAG],
    54: [_OFFSET, _WIDTH, _SIGNED],
}


def _parameter(random: Random, kind: int) -> Any:
    match kind:
        case 0:
            return random.choice([-9, -3, -1, 0, 0, 1, 2, 5, 9])
        case 1:
            return random.choice([0, 1, 1, 2, 3, 5, 9])
        case 2:
            return random.choice([-70, -20, -8, -3, -1, 0, 0, 1, 3, 4, 7, 8, 9, 15, 16, 21, 40, 70])
        case 3:
            return random.choice([0, 1, 2, 3, 5, 7, 8, 9, 12, 16, 17, 24, 33, 64, 100])
        case 4:
            return random.choice([0, 1, 3, 4, 7, 8, 8, 9, 15, 16, 31, 32, 33, 63, 64, 65])
        case 5:
            return random.choice([0, 1, 2, 5, 100, 127, 128, 255, 2**16 - 1, 2**31, 2**63, -1])
        case 6:
            return random.choice([0, 1, 3, 4, 7, 8, 9, 16, 30, 100])
        case 7:
            if random.random() < 0.05:
                return random.choice([b"", "text", 1])
            return random.randbytes(random.choice([1, 1, 2, 3, 8, 13, 40]))
        case 8:
            return random.choice([True, False])
        case 9:
            return random.choice([0, 0, 0, 0, 1, 2, 4, 4, 8, 12, 3, 16])
        case 10:
            return random.choice([0, 1, 2, 4, 3, 5, 6, 8])
        case 11:
            return random.choice([0, 0, 1, 2, 3, 4, 5, 6, 8])
        case _:
            return random.choice([0, 1, 1, 2])


def _blob(random: Random) -> bytes:
    choice = random.random()
    size = random.choice([0, 1, 2, 3, 5, 8, 9, 13, 40])
    if choice < 0.2:
        return bytes(size)
    return b"\xff" * size if choice < 0.3 else random.randbytes(size)


def _operation(random: Random, name: str, *, reads: bool) -> Operation:
    table = _READS if reads else _CHANGES
    code = random.choice(list(table))
    parameters = [_parameter(random, kind) for kind in table[code]]
    if code in (8, 9) and parameters[3] & 8:
        parameters[2] = min(parameters[2], 1)  # the server crashes when it shifts beyond the end
    if random.random() < 0.5:
        parameters = parameters[: random.randrange(len(parameters)) + 1]
    kind = BLOB if random.random() < 0.99 else STRING
    made = pack([code, *parameters])
    return Operation(BIT_READ if reads else BIT_MODIFY, name, made, kind)


def bits(random: Random, digest: bytes) -> list[Request]:
    """Requests on one record, in order."""
    writes = [Operation(WRITE, "b", _blob(random), BLOB), Operation(WRITE, "s", b"text", STRING)]
    requests = [Request(digest, tuple(writes), 0, INFO2_WRITE)]
    for _ in range(random.choice([1, 3, 8])):
        changes = random.random() < 0.7
        operations = []
        for _ in range(random.choice([1, 1, 2])):
            name = random.choice(["b", "b", "b", "b", "s", "x"])
            reads = not changes or random.random() < 0.2
            operations.append(_operation(random, name, reads=reads))
        info2 = INFO2_WRITE if changes else 0
        if random.random() < 0.5:
            info2 |= INFO2_RESPOND_ALL
        requests.append(Request(digest, tuple(operations), INFO1_READ, info2))
    return requests


_EXPRESSION_INT, _EXPRESSION_FLOAT, _EXPRESSION_HLL = 2, 7, 9


def _elements(random: Random) -> Any:
    if random.random() < 0.05:
        return random.choice([[], 1, [[1]], [{}], [1, WILDCARD], [Raw(b"\xcd\x00\x07")]])
    count = random.choice([1, 1, 2, 5, 30, 300])
    kinds = random.choice([[int], [int, str, bytes, float]])
    chosen = []
    for _ in range(count):
        number = random.randrange(random.choice([10, 1000, 2**40]))
        kind = random.choice(kinds)
        chosen.append(b"%d" % number if kind is bytes else kind(number))
    return [*chosen, random.choice([None, True, -1, 7])]


def _sketch(random: Random) -> bytes:
    index_bits = random.choice([4, 4, 5, 6, 7, 8, 10])
    minhash_bits = random.choice([0, 0, 0, 4, 4, 8, 20, 51])
    size = ((6 + minhash_bits) << index_bits) + 7 >> 3
    registers = bytearray(size)
    if random.random() < 0.8:
        for _ in range(random.choice([1, 10, size])):
            registers[random.randrange(size)] = random.randrange(256)
    cache = random.choice([0, 0, 0, 17, 2**64 - 1]).to_bytes(8, "little")
    return bytes([0, index_bits, minhash_bits]) + cache + bytes(registers)


def _packed_sketch(random: Random) -> Raw:
    sketch = _sketch(random)
    if random.random() < 0.05:
        sketch = random.choice([b"", sketch[:-1], bytes([1]) + sketch[1:], bytes(11)])
    kind = HLL if random.random() < 0.9 else BLOB
    return Raw(b"\xda" + (len(sketch) + 1).to_bytes(2, "big") + bytes([kind]) + sketch)


def _sketches(random: Random) -> Any:
    if random.random() < 0.2:
        return _packed_sketch(random)
    return [_packed_sketch(random) for _ in range(random.choice([0, 1, 1, 1, 2, 2, 3]))]


def _shape(random: Random) -> list[int]:
    index_bits = random.choice([-1, 4, 4, 5, 6, 7, 8, 10, 16, 3, 17])
    return [index_bits, random.choice([-1, 0, 0, 4, 4, 8, 20, 48, 51, 3, 52])]


def _hll_change(random: Random) -> list[Any]:
    flags = random.choice([0, 0, 0, 1, 2, 3, 4, 5, 6, 8, 8, 8, 12, 16])
    match random.choice([0, 1, 1, 1, 1, 2, 2, 3, 4, 5]):
        case 0:
            made = [0, *_shape(random), flags]
        case 1:
            made = [1, _elements(random), *_shape(random), flags & ~2]
            cut = random.choice([2, 3, 4, 4, 4, 5])
            return made[:cut]
        case 2:
            made = [2, _sketches(random), flags]
        case 3:
            return [3]
        case 4:
            return [4, random.choice([4, 4, 5, 6, 8, -1, 16])]
        case _:
            made = [random.choice([5, 50, 3, 4]), 1]
    return made[: random.randrange(len(made)) + 1] if random.random() < 0.4 else made


def _hll_question(random: Random) -> list[Any]:
    match random.choice([0, 1, 1, 1, 1, 2, 3, 4]):
        case 0:
            return [50]
        case 1:
            return [random.choice([51, 52, 53, 54]), _sketches(random)]
        case 2:
            return [55]
        case 3:
            return [56, _elements(random)]
        case _:
            return random.choice([[50, 1], [51], [0], [57], [56, []]])


def _asked_of_both(random: Random) -> Operation:
    """What an expression makes of a bin and another one."""

    def sketch(name: bytes) -> list[Any]:
        return [81, _EXPRESSION_HLL, Raw(text(name))]

    names = [b"h", b"g", b"h", b"g", b"x"]
    code = random.choice([52, 53, 54])
    kind = _EXPRESSION_FLOAT if code == 54 else _EXPRESSION_INT
    target: Any = sketch(random.choice(names))
    if random.random() < 0.3:
        change = [2, sketch(random.choice(names)), random.choice([0, 8])]
        target = [127, _EXPRESSION_HLL, 0x42, change, target]
    asked = [127, kind, 2, [code, sketch(random.choice(names))], target]
    return Operation(EXPRESSION_READ, "e", pack([asked, 0]), BLOB)


def _hll_operation(random: Random, *, changes: bool) -> Operation:
    name = random.choice(["h", "h", "h", "g", "g", "w", "s", "x"])
    if random.random() < 0.25:
        return _asked_of_both(random)
    if changes and random.random() < 0.8:
        return Operation(HLL_MODIFY, name, pack(_hll_change(random)), BLOB)
    return Operation(HLL_READ, name, pack(_hll_question(random)), BLOB)


def hlls(random: Random, digest: bytes) -> list[Request]:
    """Requests on one record, in order."""
    shape = random.choice([[4, 0], [6, 0], [8, 0], [8, 4], [10, 20], [12, 0], [5, 51]])
    wide = [shape[0] + random.choice([0, 0, 1]), shape[1]]
    writes = [
        Operation(HLL_MODIFY, "h", pack([1, _elements(random), *shape]), BLOB),
        Operation(HLL_MODIFY, "g", pack([1, _elements(random), *wide]), BLOB),
        Operation(WRITE, "w", _sketch(random), HLL),
        Operation(WRITE, "s", b"text", STRING),
    ]
    requests = [Request(digest, (write,), INFO1_READ, INFO2_WRITE) for write in writes]
    for _ in range(random.choice([1, 3, 8])):
        changes = random.random() < 0.6
        operations = [
            _hll_operation(random, changes=changes) for _ in range(random.choice([1, 1, 2]))
        ]
        info2 = INFO2_WRITE if changes else 0
        if random.random() < 0.5:
            info2 |= INFO2_RESPOND_ALL
        requests.append(Request(digest, tuple(operations), INFO1_READ, info2))
    return requests
