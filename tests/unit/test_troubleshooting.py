"""The page about troubles names exceptions and codes as the package has them."""

import re
from pathlib import Path

import pytest

import aerospike_py
from aerospike_py import exception
from aerospike_py.result_codes import ResultCode

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "troubleshooting.md"
FIRST_CELLS = re.findall(r"^\| (`.+?) \|", PAGE.read_text(encoding="utf-8"), re.M)
# `RecordTooBig` (13), and `ClientError` with the code -105.
CODED = [
    (name, int(code))
    for cell in FIRST_CELLS
    for name, code in re.findall(r"`(\w+)` (?:with the code |\()(-?\d+)", cell)
]


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
    with pytest.raises(aerospike_py.ClientError, match="not connected"):
        client.get(("test", "demo", 1))

    (misspelt,) = (cell for cell in FIRST_CELLS if "no such key" in cell)
    assert "InvalidArgError" in misspelt
    with pytest.raises(aerospike_py.InvalidArgError, match=r"no such key.*hosts"):
        aerospike_py.client({"host": ["127.0.0.1:1"]})
