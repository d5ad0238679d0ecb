"""Random operations on blobs, most of them meaningful."""

from random import Random
from typing import Any

from raw_server import (
    BIT_MODIFY,
    BIT_READ,
    BLOB,
    INFO1_READ,
    INFO2_RESPOND_ALL,
    INFO2_WRITE,
    STRING,
    WRITE,
    Operation,
    Request,
    pack,
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
