"""From a text to an expression: the looser an operator binds, the lower its level."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from .. import constants, exp
from ..exception import InvalidArgError
from ..exp import (
    EXP_TYPE_BLOB,
    EXP_TYPE_BOOL,
    EXP_TYPE_FLOAT,
    EXP_TYPE_GEO,
    EXP_TYPE_HLL,
    EXP_TYPE_INT,
    EXP_TYPE_LIST,
    EXP_TYPE_MAP,
    EXP_TYPE_STRING,
)
from ..types import GeoJSON, HyperLogLog, KeyOrderedDict
from .nodes import NAMES, NUMBERS, Arithmetic, Bin, Choice, Constant, Fixed, Node, Open
from .paths import (
    RETURNS,
    TYPES,
    Path,
    PathReader,
    apply_cast,
    counted,
    existing,
    is_write,
    made_path,
)
from .scanner import Scanner, fits

_DEPTH_MAX = 50

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": exp.eq,
    "!=": exp.ne,
    ">=": exp.ge,
    "<=": exp.le,
    ">": exp.gt,
    "<": exp.lt,
}
_BITS: dict[str, Callable[..., Any]] = {"&": exp.int_and, "|": exp.int_or, "^": exp.int_xor}
_SHIFTS: dict[str, Callable[..., Any]] = {
    "<<": exp.int_lshift,
    ">>>": exp.int_rshift,
    ">>": exp.int_arshift,
}
_SUMS: dict[str, Callable[..., Any]] = {"+": exp.num_add, "-": exp.num_sub}
_PRODUCTS: dict[str, Callable[..., Any]] = {"*": exp.num_mul, "/": exp.num_div, "%": exp.num_mod}
# From the loosest to the tightest; all are of numbers, and group from the left.
_LEVELS = (_BITS, _SHIFTS, _SUMS, _PRODUCTS)
_OF_INTEGERS = (_BITS, _SHIFTS)

# What other languages write, and this one does otherwise.
_MISTAKES = {"&&": "'and'", "||": "'or'", "=": "'=='", "<>": "'!='", "!": "'not (...)'"}

# Functions: how many arguments, of which kinds, and what they yield.
_FLOATS: dict[str, tuple[int, Callable[..., Any]]] = {
    "ceil": (1, exp.num_ceil),
    "floor": (1, exp.num_floor),
    "log": (2, exp.num_log),
    "pow": (2, exp.num_pow),
}
_NUMERIC: dict[str, tuple[int, int | None, Callable[..., Any]]] = {
    "abs": (1, 1, exp.num_abs),
    "max": (2, None, exp.max_),
    "min": (2, None, exp.min_),
}
_SCANS: dict[str, Callable[[Any, Any], Any]] = {
    "findBitLeft": exp.int_lscan,
    "findBitRight": exp.int_rscan,
}
_HLL_READS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "hllCount": (EXP_TYPE_INT, exp.hll_get_count),
    "hllDescribe": (EXP_TYPE_LIST, exp.hll_describe),
}
_HLL_CALLS: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {
    "hllMayContain": (EXP_TYPE_INT, exp.hll_may_contain),
    "hllUnion": (EXP_TYPE_HLL, exp.hll_get_union),
    "hllUnionCount": (EXP_TYPE_INT, exp.hll_get_union_count),
    "hllIntersectCount": (EXP_TYPE_INT, exp.hll_get_intersect_count),
    "hllSimilarity": (EXP_TYPE_FLOAT, exp.hll_get_similarity),
}


class Parser:
    """Reads one text.

    Args:
        text: The text.
        values: What "?0", "?1" and "%s" stand for.
        named: What "%(name)s" stands for.
    """

    def __init__(self, text: str, values: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        if not isinstance(text, str):
            raise TypeError(f"text must be a str, not {type(text).__name__}")
        self._scanner = Scanner(text)
        self._values = values
        self._named = named
        self._used: set[int | str] = set()
        self._in_order = 0
        self._depth = 0
        self._variables: list[dict[str, int | None]] = []

    def parse(self) -> Any:
        """The expression.

        Raises:
            TypeError: A parameter is of a type that no constant has.
            InvalidArgError: The text is not one of the language; the error says where.
        """
        try:
            return self._parse()
        except RecursionError:
            raise self._scanner.error("the text is nested too deep", 0) from None

    def _parse(self) -> Any:
        node = self._expression()
        scanner = self._scanner
        if scanner.next():
            raise self._unexpected()
        unused = [key for key in range(len(self._values)) if key not in self._used]
        unused += [key for key in self._named if key not in self._used]  # type: ignore[misc]
        if unused:
            raise InvalidArgError(f"the text does not use the parameter {unused[0]!r}")
        made = node.typed(EXP_TYPE_BOOL)
        # A constant is no expression by itself.
        return made if isinstance(made, dict) and "__expr__" in made else _constant(node, made)

    def _unexpected(self) -> InvalidArgError:
        scanner = self._scanner
        place = scanner.here()
        for mistake, right in _MISTAKES.items():
            if scanner.text.startswith(mistake, place):
                return scanner.error(f"{mistake!r} is {right} in this language")
        return scanner.error("expected an operator, or the end")

    # Levels, from the loosest.

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise self._scanner.error(f"nested deeper than {_DEPTH_MAX} levels")
        node = self._logic("or", exp.or_, lambda: self._logic("and", exp.and_, self._comparison))
        self._depth -= 1
        return node

    def _logic(self, word: str, builder: Callable[..., Any], operand: Callable[[], Node]) -> Node:
        first = operand()
        if self._scanner.peek_word() != word:
            return first
        operands = [self._condition(first)]
        while self._scanner.take_word(word):
            operands.append(self._condition(operand()))
        return Fixed(first.position, EXP_TYPE_BOOL, builder(*operands))

    def _condition(self, node: Node) -> Any:
        kind = EXP_TYPE_INT if isinstance(node, Arithmetic) else node.kind
        if kind not in (None, EXP_TYPE_BOOL):
            raise self._scanner.error(
                f"a condition is needed here, not {NAMES[kind]}", node.position
            )
        return node.typed(EXP_TYPE_BOOL)

    def _comparison(self) -> Node:
        scanner = self._scanner
        left = self._binary(0)
        place = scanner.here()
        if scanner.peek_word().lower() == "in":
            scanner.position += 2
            return self._membership(left, self._binary(0))
        builder = self._operator(_COMPARISONS)
        if builder is None:
            return left
        right = self._binary(0)
        made = Fixed(left.position, EXP_TYPE_BOOL, builder(*self._compared(left, right, place)))
        place = scanner.here()
        if self._operator(_COMPARISONS) is not None:
            raise scanner.error("comparisons cannot be chained; combine two with 'and'", place)
        return made

    def _operator(self, operators: Mapping[str, Callable[..., Any]]) -> Any:
        scanner = self._scanner
        place = scanner.here()
        for symbol in sorted(operators, key=len, reverse=True):
            if scanner.text.startswith(symbol, place) and not self._is_longer(symbol, place):
                scanner.position += len(symbol)
                return operators[symbol]
        return None

    def _is_longer(self, symbol: str, place: int) -> bool:
        """Whether it is only the beginning of another operator."""
        text = self._scanner.text
        if symbol in ("<", ">", "&", "|", "*"):
            return text.startswith((symbol * 2, "<>"), place)
        return False

    def _compared(self, left: Node, right: Node, place: int) -> tuple[Any, Any]:
        kinds = {kind for kind in (left.kind, right.kind) if kind is not None}
        if len(kinds) < 2:
            kind = kinds.pop() if kinds else EXP_TYPE_INT
            for node in (left, right):
                if isinstance(node, Arithmetic) and kind not in NUMBERS:
                    raise self._not_comparable(EXP_TYPE_INT, kind, place)
            return left.typed(kind), right.typed(kind)
        if kinds == set(NUMBERS):
            return left.typed(EXP_TYPE_FLOAT), right.typed(EXP_TYPE_FLOAT)
        if kinds == {EXP_TYPE_BLOB, EXP_TYPE_STRING}:
            return self._as_bytes(left), self._as_bytes(right)
        raise self._not_comparable(left.kind, right.kind, place)

    def _not_comparable(self, left: int | None, right: int | None, place: int) -> InvalidArgError:
        names = f"{NAMES[left or 0]} cannot be compared with {NAMES[right or 0]}"
        return self._scanner.error(names, place)

    def _as_bytes(self, node: Node) -> Any:
        """Bytes beside bytes; a string constant has them in base64."""
        if node.kind == EXP_TYPE_BLOB or not isinstance(node, Constant):
            return node.typed(EXP_TYPE_BLOB)
        try:
            return base64.b64decode(node.value, validate=True)
        except binascii.Error:
            message = "bytes are written as a string in base64, which this is not"
            raise self._scanner.error(message, node.position) from None

    def _membership(self, value: Node, members: Node) -> Node:
        scanner = self._scanner
        if members.kind not in (None, EXP_TYPE_LIST):
            raise scanner.error(f"'in' needs a list, not {NAMES[members.kind]}", members.position)
        kind = value.kind
        element = self._kind_of_elements(members)
        if kind is None:
            kind = element
        elif element is not None and element != kind and not {kind, element} <= set(NUMBERS):
            raise self._not_comparable(kind, element, value.position)
        if kind is None and isinstance(value, (Bin, Path)):
            message = "the type of this is not known; say it with .get(type: ...)"
            raise scanner.error(message, value.position)
        exists = constants.LIST_RETURN_EXISTS
        looked_for = value.typed(EXP_TYPE_STRING if kind is None else kind)
        collection = members.typed(EXP_TYPE_LIST)
        if isinstance(collection, list):
            collection = exp.list_val(collection)
        found = exp.list_get_by_value(collection, looked_for, exists)
        return Fixed(value.position, EXP_TYPE_BOOL, found)

    def _kind_of_elements(self, members: Node) -> int | None:
        if not isinstance(members, Constant) or not members.value:
            return None
        kinds = {_kind_of(value) for value in members.value}
        if len(kinds) > 1:
            raise self._scanner.error("the list has values of several types", members.position)
        return kinds.pop()

    def _binary(self, lowest: int) -> Node:
        """Operators on numbers that bind as tight as a level, or tighter."""
        left = self._power()
        while True:
            place = self._scanner.here()
            for level in range(lowest, len(_LEVELS)):
                builder = self._operator(_LEVELS[level])
                if builder is not None:
                    break
            else:
                return left
            operands = [left, self._binary(level + 1)]
            left = self._computed(builder, operands, place, _LEVELS[level] in _OF_INTEGERS)

    def _computed(
        self, builder: Callable[..., Any], operands: list[Node], place: int, of_integers: bool
    ) -> Node:
        for operand in operands:
            allowed = (None, EXP_TYPE_INT) if of_integers else (None, *NUMBERS)
            if operand.kind not in allowed:
                wanted = "an integer" if of_integers else "a number"
                raise self._scanner.error(
                    f"{wanted} is needed, not {NAMES[operand.kind or 0]}", operand.position
                )
        position = operands[0].position
        if of_integers:
            made = builder(*(operand.typed(EXP_TYPE_INT) for operand in operands))
            return Fixed(position, EXP_TYPE_INT, made)
        return Arithmetic(position, builder, operands)

    def _power(self) -> Node:
        """Powers, which group from the right."""
        operands = [self._unary()]
        while self._scanner.take("**"):
            operands.append(self._unary())
        made = operands.pop()
        while operands:
            made = self._floats(exp.num_pow, [operands.pop(), made])
        return made

    def _floats(self, builder: Callable[..., Any], operands: list[Node]) -> Node:
        for operand in operands:
            if operand.kind not in (None, *NUMBERS):
                raise self._scanner.error(
                    f"a number is needed, not {NAMES[operand.kind]}", operand.position
                )
        made = builder(*(operand.typed(EXP_TYPE_FLOAT) for operand in operands))
        return Fixed(operands[0].position, EXP_TYPE_FLOAT, made)

    def _unary(self) -> Node:
        scanner = self._scanner
        place = scanner.here()
        signs = ""
        while scanner.next() in ("-", "+", "~") and scanner.next():
            signs += scanner.next()
            scanner.position += 1
            if len(signs) > _DEPTH_MAX:
                raise scanner.error(f"more than {_DEPTH_MAX} signs", place)
        node = self._operand()
        for sign in reversed(signs):
            node = self._signed(sign, node, place)
        if isinstance(node, Constant) and type(node.value) is int and not fits(node.value):
            raise scanner.error("the integer does not fit into 64 bits", node.position)
        return node

    def _signed(self, sign: str, node: Node, place: int) -> Node:
        if sign == "~":
            return self._computed(exp.int_not, [node], place, True)
        if node.kind not in (None, *NUMBERS):
            raise self._scanner.error(f"a number is needed, not {NAMES[node.kind]}", node.position)
        if sign == "+":
            return node
        if isinstance(node, Constant):
            return Constant(place, node.kind or 0, -node.value)
        minus_one = Constant(place, EXP_TYPE_INT, -1)
        return Arithmetic(place, exp.num_mul, [node, minus_one])

    # Operands.

    def _operand(self) -> Node:
        scanner = self._scanner
        place = scanner.here()
        quoted = scanner.quoted()
        if quoted is not None:
            return Constant(place, EXP_TYPE_STRING, quoted)
        if scanner.take("$."):
            return self._path(place)
        if scanner.take("${"):
            return self._variable(place)
        if scanner.take("("):
            node = self._expression()
            scanner.expect(")")
            node.position = place
            return node
        if scanner.next() in ("[", "{") and scanner.next():
            value = self._literal()
            kind = EXP_TYPE_LIST if isinstance(value, list) else EXP_TYPE_MAP
            return Constant(place, kind, value)
        parameter = self._parameter(place)
        if parameter is not None:
            return parameter
        if scanner.next().isdigit() or scanner.next() == ".":
            return self._number(place)
        return self._word(place)

    def _number(self, place: int) -> Node:
        scanner = self._scanner
        number = scanner.number()
        if number is None:
            raise scanner.error("expected a value")
        for cast, kind, make in (("asInt", EXP_TYPE_INT, int), ("asFloat", EXP_TYPE_FLOAT, float)):
            if scanner.take(f".{cast}()"):
                return Constant(place, kind, make(number))
        kind = EXP_TYPE_FLOAT if isinstance(number, float) else EXP_TYPE_INT
        return Constant(place, kind, number)

    def _parameter(self, place: int) -> Node | None:
        scanner = self._scanner
        if scanner.take("?"):
            index = scanner.integer()
            if index is None:
                raise scanner.error("expected the number of a parameter")
            return self._given(index, place)
        if not scanner.take("%"):
            return None
        if scanner.take("("):
            name = scanner.peek_word()
            scanner.position += len(name)
            scanner.expect(")")
            scanner.expect("s")
            return self._given(name, place)
        if not scanner.take_word("s"):
            raise scanner.error("expected a parameter: %s or %(name)s", place)
        self._in_order += 1
        return self._given(self._in_order - 1, place)

    def _given(self, key: int | str, place: int) -> Node:
        self._used.add(key)
        if isinstance(key, str):
            if key not in self._named:
                raise self._scanner.error(f"there is no parameter {key!r}", place)
            value = self._named[key]
        else:
            if key >= len(self._values):
                raise self._scanner.error(
                    f"there is no parameter {key}; {len(self._values)} were given", place
                )
            value = self._values[key]
        kind = _kind_of(value)
        if kind is None:
            raise TypeError(f"the parameter {key!r} cannot be of type {type(value).__name__}")
        return Constant(place, kind, _as_constant(value))

    def _variable(self, place: int) -> Node:
        scanner = self._scanner
        name = scanner.peek_word()
        scanner.position += len(name)
        scanner.expect("}")
        for scope in reversed(self._variables):
            if name in scope:
                kind = scope[name]
                variable = exp.var(name)
                return Open(place, variable) if kind is None else Fixed(place, kind, variable)
        raise scanner.error(f"there is no variable {name!r}", place)

    def _word(self, place: int) -> Node:
        scanner = self._scanner
        word = scanner.peek_word()
        scanner.position += len(word)
        if word in ("true", "false"):
            return Constant(place, EXP_TYPE_BOOL, word == "true")
        if word in ("unknown", "error"):
            return Open(place, exp.unknown())
        if word == "not":
            return self._negation(place)
        special = {"exclusive": self._exclusive, "let": self._let, "when": self._when}.get(word)
        if special is not None:
            scanner.expect("(")
            return special(place)
        if word and scanner.take("("):
            return self._function(word, self._arguments(), place)
        scanner.position = place
        if word:
            raise scanner.error("expected a value; strings have quotes, and bins begin with '$.'")
        if scanner.next() == "!":
            raise self._unexpected()
        raise scanner.error("expected a value")

    def _arguments(self) -> list[Node]:
        scanner = self._scanner
        arguments = [self._expression()]
        while scanner.take(","):
            arguments.append(self._expression())
        scanner.expect(")")
        return arguments

    def _negation(self, place: int) -> Node:
        scanner = self._scanner
        if scanner.take("("):
            node = self._expression()
            scanner.expect(")")
        else:
            node = self._comparison()
        return Fixed(place, EXP_TYPE_BOOL, exp.not_(self._condition(node)))

    def _exclusive(self, place: int) -> Node:
        arguments = self._arguments()
        if len(arguments) < 2:
            raise self._scanner.error("'exclusive' needs at least 2 conditions", place)
        made, *others = [self._condition(node) for node in arguments]
        for other in others:
            made = exp.xor_(made, other)
        return Fixed(place, EXP_TYPE_BOOL, made)

    def _let(self, place: int) -> Node:
        scanner = self._scanner
        scope: dict[str, int | None] = {}
        self._variables.append(scope)
        definitions = []
        while True:
            name = scanner.peek_word()
            if not name or name[0].isdigit():
                raise scanner.error("expected the name of a variable")
            scanner.position += len(name)
            scanner.expect("=")
            value = self._expression()
            kind = EXP_TYPE_INT if value.kind is None else value.kind
            definitions.append(exp.def_(name, value.typed(kind)))
            scope[name] = None if isinstance(value, Open) else kind
            if not scanner.take(","):
                break
        scanner.expect(")")
        if not scanner.take_word("then"):
            raise scanner.error("expected 'then'")
        scanner.expect("(")
        body = self._expression()
        scanner.expect(")")
        self._variables.pop()
        kind = EXP_TYPE_INT if body.kind is None else body.kind
        return Fixed(place, kind, exp.let_(*definitions, body.typed(kind)))

    def _when(self, place: int) -> Node:
        scanner = self._scanner
        conditions: list[Any] = []
        values: list[Node] = []
        while not scanner.take_word("default"):
            conditions.append(self._condition(self._expression()))
            scanner.expect("=>")
            values.append(self._expression())
            scanner.expect(",")
        if not conditions:
            raise scanner.error("'when' needs a condition before its default", place)
        scanner.expect("=>")
        values.append(self._expression())
        scanner.expect(")")
        kinds = {value.kind for value in values if value.kind is not None}
        if len(kinds) > 1 and not kinds <= set(NUMBERS):
            raise scanner.error("the values of 'when' are of several types", place)
        return Choice(place, conditions, values)

    def _function(self, name: str, arguments: list[Node], place: int) -> Node:
        scanner = self._scanner
        if name in _FLOATS:
            count, builder = _FLOATS[name]
            self._check_count(name, arguments, count, count, place)
            return self._floats(builder, arguments)
        if name in _NUMERIC:
            least, most, builder = _NUMERIC[name]
            self._check_count(name, arguments, least, most, place)
            return self._computed(builder, arguments, place, False)
        if name == "countOneBits":
            self._check_count(name, arguments, 1, 1, place)
            return self._computed(exp.int_count, arguments, place, True)
        if name in _SCANS:
            self._check_count(name, arguments, 2, 2, place)
            number, wanted = arguments
            made = _SCANS[name](number.typed(EXP_TYPE_INT), wanted.typed(EXP_TYPE_BOOL))
            return Fixed(place, EXP_TYPE_INT, made)
        if name == "geoJson":
            self._check_count(name, arguments, 1, 1, place)
            return self._geojson(arguments[0])
        if name == "geoCompare":
            self._check_count(name, arguments, 2, 2, place)
            for node in arguments:
                if node.kind not in (None, EXP_TYPE_GEO):
                    raise scanner.error(f"GeoJSON is needed, not {NAMES[node.kind]}", node.position)
            left, right = (node.typed(EXP_TYPE_GEO) for node in arguments)
            return Fixed(place, EXP_TYPE_BOOL, exp.geo_compare(left, right))
        raise scanner.error(f"there is no function {name!r}", place)

    def _check_count(
        self, name: str, arguments: list[Node], least: int, most: int | None, place: int
    ) -> None:
        if len(arguments) < least or (most is not None and len(arguments) > most):
            wanted = f"{least}" if most == least else f"at least {least}"
            raise self._scanner.error(
                f"{name!r} takes {wanted} arguments, not {len(arguments)}", place
            )

    def _geojson(self, node: Node) -> Node:
        if not isinstance(node, Constant) or node.kind != EXP_TYPE_STRING:
            raise self._scanner.error("'geoJson' takes a string", node.position)
        try:
            return Constant(node.position, EXP_TYPE_GEO, GeoJSON(node.value))
        except ValueError as error:
            raise self._scanner.error(f"this is no GeoJSON: {error}", node.position) from None

    def _path(self, place: int) -> Node:
        scanner = self._scanner
        reader = PathReader(scanner, place)
        metadata = reader.metadata()
        if metadata is not None:
            return metadata
        name = reader.bin_name()
        parts, designated, function = reader.parts()
        node = made_path(scanner, place, name, parts, designated)
        return node if function is None else self._path_function(node, function)

    def _path_function(self, node: Bin | Path, function: str) -> Node:
        scanner = self._scanner
        place = scanner.here() - len(function)
        scanner.expect("(")
        if function in _HLL_CALLS:
            kind, call = _HLL_CALLS[function]
            arguments = self._arguments()
            self._check_count(function, arguments, 1, 1, place)
            (argument,) = arguments
            wanted = EXP_TYPE_LIST if function == "hllMayContain" else EXP_TYPE_HLL
            made = call(node.typed(EXP_TYPE_HLL), argument.typed(wanted))
            return Fixed(place, kind, made)
        if function == "get":
            return self._got(node, place)
        scanner.expect(")")
        if function in _HLL_READS:
            kind, read = _HLL_READS[function]
            return Fixed(place, kind, read(node.typed(EXP_TYPE_HLL)))
        if function in ("asInt", "asFloat"):
            return apply_cast(node, function)
        if function == "count":
            return counted(node)
        if function == "exists":
            return existing(node)
        if is_write(function):
            raise scanner.error(f"'{function}()' writes, and a filter only reads", place)
        raise scanner.error(f"there is no function '{function}' of a path", place)

    def _got(self, node: Bin | Path, place: int) -> Node:
        """`get(type: ..., return: ...)`, of which the parenthesis has been taken."""
        scanner = self._scanner
        returns: int | None = None
        while not scanner.take(")"):
            name_place = scanner.here()
            name = scanner.peek_word()
            scanner.position += len(name)
            scanner.expect(":")
            value_place = scanner.here()
            value = scanner.peek_word()
            scanner.position += len(value)
            if name == "type" and value in TYPES:
                node.kind = TYPES[value]
            elif name == "return" and value in RETURNS:
                returns = RETURNS[value]
            elif name in ("type", "return"):
                known = ", ".join(TYPES if name == "type" else RETURNS)
                raise scanner.error(f"the {name} must be one of {known}", value_place)
            else:
                raise scanner.error("expected 'type' or 'return'", name_place)
            if scanner.next() != ")":
                scanner.expect(",")
        if returns is not None:
            if not isinstance(node, Path):
                raise scanner.error("a bin as a whole has no other return than its value", place)
            node.ask_for(returns, node.kind)
        return node

    # Constants with members.

    def _literal(self) -> Any:
        """A list or map of constants."""
        scanner = self._scanner
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise scanner.error(f"nested deeper than {_DEPTH_MAX} levels")
        made = self._list() if scanner.take("[") else self._map()
        self._depth -= 1
        return made

    def _list(self) -> list[Any]:
        scanner = self._scanner
        members: list[Any] = []
        while not scanner.take("]"):
            members.append(self._member())
            if scanner.next() != "]":
                scanner.expect(",")
        return members

    def _map(self) -> KeyOrderedDict:
        scanner = self._scanner
        scanner.expect("{")
        members = KeyOrderedDict()
        while not scanner.take("}"):
            place = scanner.here()
            key: Any = scanner.quoted()
            if key is None:
                key = scanner.integer()
            if key is None:
                raise scanner.error("expected a key: a string or an integer", place)
            if key in members:
                raise scanner.error("the key is there already", place)
            scanner.expect(":")
            members[key] = self._member()
            if scanner.next() != "}":
                scanner.expect(",")
        return members

    def _member(self) -> Any:
        place = self._scanner.here()
        node = self._unary()
        if not isinstance(node, Constant):
            raise self._scanner.error("lists and maps have constants only", place)
        return node.value


def _kind_of(value: Any) -> int | None:
    """The type of a constant; None if there is none of its type."""
    kinds: tuple[tuple[Any, int], ...] = (
        (bool, EXP_TYPE_BOOL),
        (int, EXP_TYPE_INT),
        (float, EXP_TYPE_FLOAT),
        (str, EXP_TYPE_STRING),
        (HyperLogLog, EXP_TYPE_HLL),
        ((bytes, bytearray, memoryview), EXP_TYPE_BLOB),
        ((list, tuple), EXP_TYPE_LIST),
        (dict, EXP_TYPE_MAP),
        (GeoJSON, EXP_TYPE_GEO),
    )
    return next((kind for types, kind in kinds if isinstance(value, types)), None)


def _as_constant(value: Any) -> Any:
    """A parameter as a constant: maps are compared, and so they have an order."""
    if isinstance(value, (list, tuple)):
        return [_as_constant(member) for member in value]
    if isinstance(value, dict):
        kind = type(value) if isinstance(value, KeyOrderedDict) else KeyOrderedDict
        return kind({key: _as_constant(member) for key, member in value.items()})
    return value


def _constant(node: Node, value: Any) -> Any:
    """A constant by itself, as the builders make them."""
    builders: dict[int, Callable[[Any], Any]] = {
        EXP_TYPE_BOOL: exp.bool_val,
        EXP_TYPE_INT: exp.int_val,
        EXP_TYPE_FLOAT: exp.float_val,
        EXP_TYPE_STRING: exp.string_val,
        EXP_TYPE_BLOB: exp.blob_val,
        EXP_TYPE_LIST: exp.list_val,
        EXP_TYPE_MAP: exp.map_val,
        EXP_TYPE_GEO: exp.geo_val,
        EXP_TYPE_HLL: exp.hll_val,
    }
    return builders[node.kind or EXP_TYPE_BOOL](value)
