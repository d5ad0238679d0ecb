"""Expressions as base64, in both directions, and as text that the server compiles."""

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


def test_a_text_for_the_server_is_its_bytes_behind_an_opcode() -> None:
    # As the Go and Rust clients send it.
    assert exp.from_text("true").encoded == b"\x92\xcc\x80\xc4\x04true"
    text = "$.s == '\u00e9'" * 25
    assert exp.from_text(text).encoded == b"\x92\xcc\x80\xc5\x01\x13" + text.encode()
    assert exp.compile(exp.from_text("true")) == exp.from_text("true")


def test_a_text_for_the_server_is_a_whole_filter() -> None:
    with pytest.raises(InvalidArgError, match="is a whole filter and no part of one"):
        exp.compile(exp.and_(ADULT, exp.from_text("true")))
    with pytest.raises(InvalidArgError, match="must not be empty"):
        exp.from_text("")
    with pytest.raises(TypeError):
        exp.from_text(b"true")  # type: ignore[arg-type]
