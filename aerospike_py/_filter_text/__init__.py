"""Expressions as text, in the language that Aerospike documents for filters (AEL).

A text is read by `parser` and `paths` with the help of `scanner`, into nodes whose types may still
be open (`nodes`); what they stand beside decides these, and then they become the dicts that the
builders of `exp` make.
"""

from functools import lru_cache
from typing import Any

from .parser import Parser

__all__ = ["parse_text", "parsed_filter"]


def parse_text(text: str, values: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """The expression that a text stands for; see `exp.parse`."""
    return Parser(text, values, named).parse()


@lru_cache(maxsize=256)
def parsed_filter(text: str) -> Any:
    """The same, compiled, of a text without parameters: programs use few of them, and often."""
    from ..exp import compile as compile_expression

    return compile_expression(parse_text(text, (), {}))
