"""Values of records in JSON, written and read.

What JSON does not know is an object of one member:

    {"$bytes": "00ff"}          bytes, in hexadecimal
    {"$hll": "00ff"}            a HyperLogLog
    {"$geo": {...}}             GeoJSON
    {"$map": [[1, "a"], ...]}   a map whose keys are not all text, or look like one of these
    {"$float": "nan"}           nan, inf and -inf

Nothing that stands in a text can move the cursor or change colours: characters that cannot be
printed are escaped.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from ..types import GeoJSON, HyperLogLog

_NAMES = ("$bytes", "$hll", "$geo", "$map", "$float")


class NotationError(Exception):
    """A text does not say a value."""


def printable(text: str) -> str:
    """The text with what cannot be printed escaped as JSON does; one line."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else escaped(each) for each in text)


def escaped(character: str) -> str:
    """A character as JSON's escape."""
    return json.dumps(character)[1:-1] if ord(character) != 0x7F else "\\u007f"


def dumps(document: Any) -> str:
    """A document of plain JSON as one line."""
    return printable(json.dumps(document, ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """A value of a record as plain JSON."""
    if isinstance(value, HyperLogLog):
        return {"$hll": value.hex()}
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, GeoJSON):
        return {"$geo": value.unwrap()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, list):
        return [plain(member) for member in value]
    if isinstance(value, dict):
        return _plain_map(value)
    return value


def _plain_map(value: dict[Any, Any]) -> dict[str, Any]:
    is_plain = all(isinstance(key, str) for key in value)
    if is_plain and not (len(value) == 1 and next(iter(value)) in _NAMES):
        return {key: plain(member) for key, member in value.items()}
    return {"$map": [[plain(key), plain(member)] for key, member in value.items()]}


def loads(text: str) -> Any:
    """The value that a text in this notation says.

    Raises:
        NotationError: It says none.
    """
    try:
        return _value(json.loads(text, parse_constant=_no_constant))
    except RecursionError:
        raise NotationError("the value is nested too deeply") from None
    except ValueError as error:
        raise NotationError(f"{printable(text)!r:.60} is no JSON: {error}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f'write {{"$float": "{name.lower()}"}} for {name}')


def _value(document: Any) -> Any:
    if isinstance(document, list):
        return [_value(member) for member in document]
    if not isinstance(document, Mapping):
        return document
    name = next(iter(document), None)
    if len(document) != 1 or name not in _NAMES:
        return {key: _value(member) for key, member in document.items()}
    try:
        return _special(name, document[name])
    except (TypeError, ValueError) as error:
        raise NotationError(f"{dumps(document)!r:.60} is no value: {error}") from None


def _special(name: str, content: Any) -> Any:
    if name == "$bytes":
        return bytes.fromhex(content)
    if name == "$hll":
        return HyperLogLog(bytes.fromhex(content))
    if name == "$geo":
        return GeoJSON(content)
    if name == "$float":
        return float(content)
    return {_value(key): _value(member) for key, member in content}
