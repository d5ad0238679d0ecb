"""Writes what the official client sends for every builder to files that the core's tests read.

    python tests/oracle/record.py

Each line of native/src/command/recorded/*.txt is a name, the operation or expression as this
package hands it to the core (MessagePack), and the official client's bytes, both in hexadecimal.
"""

import pathlib
import sys
import warnings
from collections.abc import Iterable

import aerospike
from expression_cases import expression_cases
from operation_cases import operation_cases
from recording_node import RecordingNode, Request

from aerospike_py._operations import plain_expression, plain_operation
from aerospike_py._values import encode

_TARGET = pathlib.Path(__file__).parents[2] / "native" / "src" / "command" / "recorded"
_KEY = ("test", "recorded", 1)

_Row = tuple[str, bytes, bytes]


def _operations(client: aerospike.Client, node: RecordingNode) -> Iterable[_Row]:
    for case in operation_cases():
        client.operate(_KEY, [case.theirs])
        request = Request(node.requests[-1])
        yield case.name, encode(plain_operation(case.ours)), request.operations


def _expressions(client: aerospike.Client, node: RecordingNode) -> Iterable[_Row]:
    for case in expression_cases():
        client.get(_KEY, {"expressions": case.theirs.compile()})
        encoded = Request(node.requests[-1]).filter
        yield case.name, encode(plain_expression(case.ours)), encoded or b""


def _write(name: str, rows: Iterable[_Row]) -> None:
    _TARGET.mkdir(exist_ok=True)
    lines = [f"{label}|{ours.hex()}|{theirs.hex()}\n" for label, ours, theirs in rows]
    (_TARGET / name).write_text("".join(lines))
    sys.stdout.write(f"{name}: {len(lines)} rows\n")


def main() -> None:
    """Records everything anew."""
    # Of what the official client will not have for ever: it is compared as long as it is there.
    warnings.simplefilter("ignore", DeprecationWarning)
    with RecordingNode() as node:
        client = aerospike.client({"hosts": [("127.0.0.1", node.port)]}).connect()
        _write("operations.txt", _operations(client, node))
        _write("expressions.txt", _expressions(client, node))
        client.close()


if __name__ == "__main__":
    main()
