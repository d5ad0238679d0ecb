"""The page about troubles names exceptions and codes, and quotes texts, as the package has them."""

import ast
import re
import socket
from pathlib import Path

import pytest

import aerospike_py
from aerospike_py import exception
from aerospike_py.result_codes import ResultCode

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guides" / "troubleshooting.md"
FIRST_CELLS = re.findall(r"^\| (`.+?) \|", PAGE.read_text(encoding="utf-8"), re.M)
# `RecordTooBig` (13), and `ClientError` with the code -105.
CODED = [
    (name, int(code))
    for cell in FIRST_CELLS
    for name, code in re.findall(r"`(\w+)` (?:with the code |\()(-?\d+)", cell)
]
# `ClassOfError` (1): `text`
QUOTED = [
    (name, text)
    for cell in FIRST_CELLS
    for name, text in re.findall(r"^`(\w+)`[^`]*(?:`ttl`)?: `(.+)`$", cell)
]
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
# Between the pieces of one text that goes over several lines of Zig.
JOINT = re.compile(r'" \+\+\s+"')
FILLED_IN = re.compile(r"\{[^{}]*\}")


def literals() -> str:
    """All texts of the package and of the core without its tests; what is filled in parts them."""
    found: list[str] = []
    for file in (ROOT / "aerospike_py").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    for file in (ROOT / "native" / "src").rglob("*.zig"):
        if "devserver" not in file.parts:
            code = file.read_text(encoding="utf-8").partition('\ntest "')[0]
            found += LITERAL.findall(JOINT.sub("", code))
    return "\n".join(FILLED_IN.sub("\n", text) for text in found)


def is_quoted(error: aerospike_py.AerospikeError) -> bool:
    """Whether a row has the class and the text of what was raised."""
    for name, text in QUOTED:
        pattern = ".*".join(re.escape(part) for part in text.split("…"))
        if name == type(error).__name__ and re.search(pattern, str(error)):
            return True
    return False


def test_every_quoted_text_is_in_the_sources() -> None:
    # A text may be put together of several at its colons and semicolons.
    parts = [part for _, text in QUOTED for part in re.split(r"…|[:;] ", text) if len(part) > 3]
    assert len(QUOTED) > 20
    known = literals()
    assert [part for part in parts if part.strip() not in known] == []


def test_a_refused_port_is_told_as_the_page_quotes_it() -> None:
    with socket.socket() as taken:  # Bound and not listening, so it refuses connections.
        taken.bind(("127.0.0.1", 0))
        client = aerospike_py.client({"hosts": [taken.getsockname()]})
        with pytest.raises(aerospike_py.ClusterError) as refused:
            client.connect()
    assert is_quoted(refused.value), refused.value


@pytest.mark.parametrize(("name", "code"), CODED)
def test_a_code_is_of_the_exception_beside_it(name: str, code: int) -> None:
    assert exception.class_for(ResultCode(code)).__name__ == name


def test_every_row_names_an_exception_that_there_is() -> None:
    assert len(FIRST_CELLS) > 15
    assert len(CODED) > 8
    for cell in FIRST_CELLS:
        for name in re.findall(r"`(\w+)", cell):
            if name[0].isupper():
                assert issubclass(getattr(aerospike_py, name), aerospike_py.AerospikeError), cell


def test_the_texts_are_those_that_are_raised() -> None:
    (unconnected,) = (cell for cell in FIRST_CELLS if "not connected" in cell)
    assert "ClientError" in unconnected
    client = aerospike_py.client({"hosts": ["127.0.0.1:1"]})
    with pytest.raises(aerospike_py.ClientError, match="not connected") as raised:
        client.get(("test", "demo", 1))
    assert is_quoted(raised.value), raised.value

    (misspelt,) = (cell for cell in FIRST_CELLS if "no such key" in cell)
    assert "InvalidArgError" in misspelt
    with pytest.raises(aerospike_py.InvalidArgError, match=r"no such key.*hosts") as refused:
        aerospike_py.client({"host": ["127.0.0.1:1"]})
    assert is_quoted(refused.value), refused.value
