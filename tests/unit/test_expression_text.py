"""Expressions as base64, in both directions."""

import base64

import pytest

from aerospike_py import InvalidArgError, exp

ADULT = exp.ge(exp.int_bin("age"), 18)


def test_an_expression_comes_back_from_its_text() -> None:
    text = exp.to_base64(ADULT)
    assert base64.b64decode(text) == exp.compile(ADULT).encoded
    assert exp.from_base64(text) == exp.compile(ADULT)
    assert exp.compile(exp.not_(exp.from_base64(text))) == exp.compile(exp.not_(ADULT))


@pytest.mark.parametrize("text", ["%%%", "kw", "", base64.b64encode(b"\x93\x01").decode()])
def test_text_of_no_expression_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgError):
        exp.from_base64(text)


def test_bytes_are_no_text() -> None:
    with pytest.raises(TypeError):
        exp.from_base64(b"kwE=")  # type: ignore[arg-type]
