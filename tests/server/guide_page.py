"""Runs the Python programs of a page of the documentation: guide_page.py PAGE SET HOST:PORT.

They run in turn, in one namespace that has `aerospike_py`, a connected `client` and its `hosts`.
Where an expression stands alone and its line ends in a comment with a Python value, the two are
compared. SET takes the place of "demo". Ends with the server's result code when that is 4 or 16:
it does not know the command.
"""

import ast
import asyncio
import io
import re
import sys
import tokenize
from pathlib import Path
from types import ModuleType
from typing import Any

import aerospike_py

FENCE = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
# Programs that are tests themselves run under pytest.
IS_TEST = re.compile(r"^(?:async )?def test_", re.M)
# The port that pages name, of which they say that the dev server listens there.
NAMED_HOST = '("127.0.0.1", 18710)'


def comments(source: str) -> dict[int, str]:
    """The text of the comment on each line that has one."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("# ")
        for token in tokens
        if token.type == tokenize.COMMENT
    }


class Claims(ast.NodeTransformer):
    """Turns `expression  # value` into `_claim(expression, value, line)`."""

    def __init__(self, source: str) -> None:
        self.comments = comments(source)
        self.count = 0

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        text = self.comments.get(node.end_lineno or 0)
        try:
            value = ast.literal_eval(text or "not a value")
        except (ValueError, SyntaxError):
            return node
        self.count += 1
        call = ast.parse(f"_claim(None, {value!r}, {node.lineno})", mode="eval").body
        assert isinstance(call, ast.Call)
        call.args[0] = node.value
        return ast.copy_location(ast.Expr(call), node)


def check_claim(value: object, claimed: object, line: int) -> None:
    assert value == claimed, f"line {line} gives {value!r}, the page says {claimed!r}"


def run_program(
    source: str, namespace: dict[str, Any], loop: asyncio.AbstractEventLoop, first_line: int = 1
) -> int:
    """Runs a program, which may await at its top; returns how many claims were checked."""
    source = "\n" * (first_line - 1) + source
    claims = Claims(source)
    tree = ast.fix_missing_locations(claims.visit(ast.parse(source)))
    code = compile(tree, "<page>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    awaitable = eval(code, namespace)
    if awaitable is not None:  # It awaits.
        loop.run_until_complete(awaitable)
    return claims.count


def run_page(text: str, place: str, hosts: list[tuple[str, int]]) -> int:
    """Runs all programs of a page that are no tests; returns how many claims were checked."""
    count = 0
    loop = asyncio.new_event_loop()
    with aerospike_py.client({"hosts": hosts}).connect() as client:
        # A real module, so that what a page defines can be sent to other processes.
        sys.modules["page"] = ModuleType("page")
        namespace: dict[str, Any] = vars(sys.modules["page"])
        namespace |= {
            "aerospike_py": aerospike_py,
            "client": client,
            "hosts": hosts,
            "_claim": check_claim,
        }
        for match in FENCE.finditer(text):
            if not IS_TEST.search(match[1]):
                source = match[1].replace("demo", place).replace(NAMED_HOST, repr(hosts[0]))
                line = text.count("\n", 0, match.start(1)) + 1
                count += run_program(source, namespace, loop, line)
        namespace["client"].close()
    loop.close()
    return count


def main(page: str, place: str, address: str) -> int:
    host, _, port = address.rpartition(":")
    count = run_page(Path(page).read_text(), place, [(host, int(port))])
    print(f"{count} claims")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
