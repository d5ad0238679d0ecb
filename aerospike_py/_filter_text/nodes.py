"""Parts of an expression whose types may be open, until something beside them decides."""

from collections.abc import Callable, Sequence
from typing import Any

from .. import exp
from ..exp import (
    EXP_TYPE_BLOB,
    EXP_TYPE_BOOL,
    EXP_TYPE_FLOAT,
    EXP_TYPE_GEO,
    EXP_TYPE_HLL,
    EXP_TYPE_INT,
    EXP_TYPE_LIST,
    EXP_TYPE_MAP,
    EXP_TYPE_NIL,
    EXP_TYPE_STRING,
)

NAMES = {
    EXP_TYPE_NIL: "None",
    EXP_TYPE_BOOL: "a condition",
    EXP_TYPE_INT: "an integer",
    EXP_TYPE_STRING: "a string",
    EXP_TYPE_LIST: "a list",
    EXP_TYPE_MAP: "a map",
    EXP_TYPE_BLOB: "bytes",
    EXP_TYPE_FLOAT: "a float",
    EXP_TYPE_GEO: "GeoJSON",
    EXP_TYPE_HLL: "a HyperLogLog",
}
NUMBERS = (EXP_TYPE_INT, EXP_TYPE_FLOAT)

_BINS: dict[int, Callable[[str], Any]] = {
    EXP_TYPE_BOOL: exp.bool_bin,
    EXP_TYPE_INT: exp.int_bin,
    EXP_TYPE_STRING: exp.string_bin,
    EXP_TYPE_LIST: exp.list_bin,
    EXP_TYPE_MAP: exp.map_bin,
    EXP_TYPE_BLOB: exp.blob_bin,
    EXP_TYPE_FLOAT: exp.float_bin,
    EXP_TYPE_GEO: exp.geo_bin,
    EXP_TYPE_HLL: exp.hll_bin,
}


class Node:
    """A part of an expression.

    Attributes:
        position: Where it begins in the text.
        kind: The EXP_TYPE_ of its value; None while that is open.
    """

    def __init__(self, position: int, kind: int | None) -> None:
        self.position = position
        self.kind = kind

    def build(self, kind: int) -> Any:
        """The expression; the kind is for what is open."""
        raise NotImplementedError

    def typed(self, kind: int) -> Any:
        """The expression as one of a kind: integers become floats beside floats."""
        if kind == EXP_TYPE_FLOAT and self.kind == EXP_TYPE_INT:
            return exp.to_float(self.build(EXP_TYPE_INT))
        return self.build(kind if self.kind is None else self.kind)


class Fixed(Node):
    """An expression of a known type."""

    def __init__(self, position: int, kind: int, expression: Any) -> None:
        super().__init__(position, kind)
        self._expression = expression

    def build(self, kind: int) -> Any:
        return self._expression


class Constant(Node):
    """A value of the text or of its parameters."""

    def __init__(self, position: int, kind: int, value: Any) -> None:
        super().__init__(position, kind)
        self.value = value

    def build(self, kind: int) -> Any:
        return self.value

    def typed(self, kind: int) -> Any:
        if kind == EXP_TYPE_FLOAT and self.kind == EXP_TYPE_INT:
            return float(self.value)
        return self.value


class Open(Node):
    """An expression that may have any type."""

    def __init__(self, position: int, expression: Any) -> None:
        super().__init__(position, None)
        self._expression = expression

    def build(self, kind: int) -> Any:
        return self._expression


class Bin(Node):
    """The value of a bin."""

    def __init__(self, position: int, name: str, kind: int | None = None) -> None:
        super().__init__(position, kind)
        self.name = name

    def build(self, kind: int) -> Any:
        return _BINS[kind if self.kind is None else self.kind](self.name)


class Arithmetic(Node):
    """What is computed of numbers: of floats if one of them is a float."""

    def __init__(
        self, position: int, builder: Callable[..., Any], operands: Sequence[Node]
    ) -> None:
        kinds = [operand.kind for operand in operands]
        kind = None
        if EXP_TYPE_FLOAT in kinds:
            kind = EXP_TYPE_FLOAT
        elif None not in kinds:
            kind = EXP_TYPE_INT
        super().__init__(position, kind)
        self._builder = builder
        self._operands = operands

    def build(self, kind: int) -> Any:
        wanted = kind if self.kind is None else self.kind
        if wanted not in NUMBERS:
            wanted = EXP_TYPE_INT
        return self._builder(*(operand.typed(wanted) for operand in self._operands))


class Choice(Node):
    """The value that goes with the first condition that holds, or else the last."""

    def __init__(self, position: int, conditions: list[Any], values: list[Node]) -> None:
        kinds = {value.kind for value in values if value.kind is not None}
        kind = None
        if kinds and kinds <= {*NUMBERS}:
            kind = EXP_TYPE_FLOAT if EXP_TYPE_FLOAT in kinds else EXP_TYPE_INT
        elif kinds:
            kind = kinds.pop()
        super().__init__(position, kind)
        self._conditions = conditions
        self._values = values

    def build(self, kind: int) -> Any:
        wanted = kind if self.kind is None else self.kind
        *values, last = (value.typed(wanted) for value in self._values)
        pairs = zip(self._conditions, values, strict=True)
        return exp.cond(*(part for pair in pairs for part in pair), last)
