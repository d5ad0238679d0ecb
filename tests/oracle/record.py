"""Writes what the official client sends for every builder to files that the core's tests read.

    python tests/oracle/record.py

Each line of native/src/command/recorded/*.txt is a name, the operation or expression as this
package hands it to the core (MessagePack), and the official client's bytes, both in hexadecimal.
"""

import pathlib
import sys
from collections.abc import Iterable

import aerospike
import msgspec
from operation_cases import collection_cases
from recording_node import RecordingNode, Request

from aerospike_py._operations import plain_operation

_TARGET = pathlib.Path(__file__).parents[2] / "native" / "src" / "command" / "recorded"
_KEY = ("test", "recorded", 1)


def _rows(client: aerospike.Client, node: RecordingNode) -> Iterable[tuple[str, bytes, bytes]]:
    for case in collection_cases():
        client.operate(_KEY, [case.theirs])
        request = Request(node.requests[-1])
        yield case.name, msgspec.msgpack.encode(plain_operation(case.ours)), request.operations


def _write(name: str, rows: Iterable[tuple[str, bytes, bytes]]) -> None:
    _TARGET.mkdir(exist_ok=True)
    lines = [f"{label}|{ours.hex()}|{theirs.hex()}\n" for label, ours, theirs in rows]
    (_TARGET / name).write_text("".join(lines))
    sys.stdout.write(f"{name}: {len(lines)} rows\n")


def main() -> None:
    """Records everything anew."""
    with RecordingNode() as node:
        client = aerospike.client({"hosts": [("127.0.0.1", node.port)]}).connect()
        _write("operations.txt", _rows(client, node))
        client.close()


if __name__ == "__main__":
    main()
