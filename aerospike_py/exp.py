"""Expressions: conditions and computations that the server evaluates on a record.

Every builder returns a plain dict, which can be nested in others, printed and compared. As a filter
(`policy={"expressions": ...}`) an expression decides whether a command sees a record; in `operate`
it computes a value (see `exp_operations`). Where a builder takes an expression, a plain value (int,
float, str, bytes, bool, None, list, GeoJSON) stands for a constant; a dict must go through
`map_val`.

    >>> from aerospike_py import exp
    >>> exp.gt(exp.int_bin("age"), 21)
    {'__expr__': 'gt', 'left': {'__expr__': 'int_bin', 'name': 'age'}, 'right': 21}

An expression that is used many times is better compiled once, with `compile`; what that returns
can stand wherever an expression can.

Builders raise TypeError for arguments of the wrong type, and InvalidArgError for ones that are out
of range. Whether the types of an expression agree is checked before it is sent, as far as they are
known by then; the rest is checked by the server.
"""

# ruff: noqa: A001, A002  (`compile`, `bin` and others are the field's words)

import base64
from typing import Any, Final, TypeAlias

from ._expression_types import check_types
from ._native.expressions import expression_compile, expression_parse
from ._operations import (
    also_named,
    check_context,
    encode_expression,
    flags_policy,
    list_policy,
    map_policy,
    return_type_of,
    with_steps,
)
from ._validate import (
    Integer,
    check_bin_name,
    check_bool,
    check_dict,
    check_enum,
    check_flags,
    check_int,
    check_list,
    check_natural,
    check_str,
)
from ._values import decode, encode, plain_value
from .cdt_ctx import Context
from .exception import InvalidArgError
from .types import (
    BitPolicy,
    GeoJSON,
    HLLPolicy,
    HyperLogLog,
    KeyOrderedDict,
    ListPolicy,
    MapPolicy,
    StringPolicy,
)

__all__ = [
    "EXP_TYPE_BLOB",
    "EXP_TYPE_BOOL",
    "EXP_TYPE_FLOAT",
    "EXP_TYPE_GEO",
    "EXP_TYPE_HLL",
    "EXP_TYPE_INT",
    "EXP_TYPE_LIST",
    "EXP_TYPE_MAP",
    "EXP_TYPE_NIL",
    "EXP_TYPE_STRING",
    "LOOP_VAR_INDEX",
    "LOOP_VAR_KEY",
    "LOOP_VAR_VALUE",
    "REGEX_EXTENDED",
    "REGEX_ICASE",
    "REGEX_NEWLINE",
    "REGEX_NONE",
    "REGEX_NOSUB",
    "CompiledExpression",
    "Expression",
    "and_",
    "bin_exists",
    "bin_type",
    "bit_add",
    "bit_and",
    "bit_b64_encode",
    "bit_count",
    "bit_get",
    "bit_get_int",
    "bit_insert",
    "bit_lscan",
    "bit_lshift",
    "bit_not",
    "bit_or",
    "bit_remove",
    "bit_resize",
    "bit_rscan",
    "bit_rshift",
    "bit_set",
    "bit_set_int",
    "bit_subtract",
    "bit_xor",
    "blob_bin",
    "blob_val",
    "bool_bin",
    "bool_val",
    "compile",
    "cond",
    "def_",
    "device_size",
    "digest_modulo",
    "eq",
    "float_bin",
    "float_val",
    "from_base64",
    "from_text",
    "ge",
    "geo_bin",
    "geo_compare",
    "geo_val",
    "gt",
    "hll_add",
    "hll_bin",
    "hll_describe",
    "hll_get_count",
    "hll_get_intersect_count",
    "hll_get_similarity",
    "hll_get_union",
    "hll_get_union_count",
    "hll_init",
    "hll_may_contain",
    "hll_val",
    "in_list",
    "infinity",
    "int_and",
    "int_arshift",
    "int_bin",
    "int_count",
    "int_lscan",
    "int_lshift",
    "int_not",
    "int_or",
    "int_rscan",
    "int_rshift",
    "int_val",
    "int_xor",
    "is_tombstone",
    "key",
    "key_exists",
    "last_update",
    "le",
    "let_",
    "list_append",
    "list_append_items",
    "list_bin",
    "list_clear",
    "list_get_by_index",
    "list_get_by_index_range",
    "list_get_by_rank",
    "list_get_by_rank_range",
    "list_get_by_value",
    "list_get_by_value_list",
    "list_get_by_value_range",
    "list_get_by_value_rel_rank_range",
    "list_increment",
    "list_insert",
    "list_insert_items",
    "list_join",
    "list_remove_by_index",
    "list_remove_by_index_range",
    "list_remove_by_rank",
    "list_remove_by_rank_range",
    "list_remove_by_value",
    "list_remove_by_value_list",
    "list_remove_by_value_range",
    "list_remove_by_value_rel_rank_range",
    "list_set",
    "list_size",
    "list_sort",
    "list_val",
    "loop_var",
    "lt",
    "map_bin",
    "map_clear",
    "map_get_by_index",
    "map_get_by_index_range",
    "map_get_by_key",
    "map_get_by_key_list",
    "map_get_by_key_range",
    "map_get_by_key_rel_index_range",
    "map_get_by_rank",
    "map_get_by_rank_range",
    "map_get_by_value",
    "map_get_by_value_list",
    "map_get_by_value_range",
    "map_get_by_value_rel_rank_range",
    "map_increment",
    "map_keys",
    "map_put",
    "map_put_items",
    "map_remove_by_index",
    "map_remove_by_index_range",
    "map_remove_by_key",
    "map_remove_by_key_list",
    "map_remove_by_key_range",
    "map_remove_by_key_rel_index_range",
    "map_remove_by_rank",
    "map_remove_by_rank_range",
    "map_remove_by_value",
    "map_remove_by_value_list",
    "map_remove_by_value_range",
    "map_remove_by_value_rel_rank_range",
    "map_size",
    "map_val",
    "map_values",
    "max_",
    "memory_size",
    "min_",
    "modify_by_path",
    "ne",
    "nil",
    "not_",
    "num_abs",
    "num_add",
    "num_ceil",
    "num_div",
    "num_floor",
    "num_log",
    "num_mod",
    "num_mul",
    "num_pow",
    "num_sub",
    "or_",
    "parse",
    "record_size",
    "regex_compare",
    "remove_result",
    "select_by_path",
    "set_name",
    "since_update",
    "string_append",
    "string_base64_decode",
    "string_bin",
    "string_byte_length",
    "string_casefold",
    "string_char_at",
    "string_concat",
    "string_contains",
    "string_ends_with",
    "string_find",
    "string_insert",
    "string_is_lower",
    "string_is_numeric",
    "string_is_upper",
    "string_lower",
    "string_normalize_nfc",
    "string_overwrite",
    "string_pad_end",
    "string_pad_start",
    "string_prepend",
    "string_regex_compare",
    "string_regex_replace",
    "string_repeat",
    "string_replace",
    "string_replace_all",
    "string_snip",
    "string_split",
    "string_starts_with",
    "string_strlen",
    "string_substr",
    "string_to_blob",
    "string_to_double",
    "string_to_integer",
    "string_trim",
    "string_trim_end",
    "string_trim_start",
    "string_upper",
    "string_val",
    "to_base64",
    "to_float",
    "to_int",
    "to_string",
    "ttl",
    "unknown",
    "var",
    "void_time",
    "wildcard",
    "xor_",
]

Expression: TypeAlias = dict[str, Any]
"""A node of an expression: the builder's name as `__expr__`, and its arguments."""

EXP_TYPE_NIL: Final = 0
EXP_TYPE_BOOL: Final = 1
EXP_TYPE_INT: Final = 2
EXP_TYPE_STRING: Final = 3
EXP_TYPE_LIST: Final = 4
EXP_TYPE_MAP: Final = 5
EXP_TYPE_BLOB: Final = 6
EXP_TYPE_FLOAT: Final = 7
EXP_TYPE_GEO: Final = 8
EXP_TYPE_HLL: Final = 9

# Flags of `regex_compare`, to be combined with `|`: those of POSIX regcomp.
REGEX_NONE: Final = 0
REGEX_EXTENDED: Final = 1
REGEX_ICASE: Final = 2
REGEX_NOSUB: Final = 4
REGEX_NEWLINE: Final = 8

# What `loop_var` stands for, in an expression within a path.
LOOP_VAR_KEY: Final = 0
LOOP_VAR_VALUE: Final = 1
LOOP_VAR_INDEX: Final = 2

_TYPES = tuple(range(10))
_KEY_TYPES = (EXP_TYPE_INT, EXP_TYPE_STRING, EXP_TYPE_BLOB)
_LIST_RETURN_TYPES = frozenset({0, 1, 2, 3, 4, 5, 7, 9})
_MAP_RETURN_TYPES = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17})
_EXPR = "__expr__"
_AEL_COMPILE = 128
# What the parameters of a text may be.
_OF_CONSTANTS = (int, float, str, bytes, bytearray, memoryview, list, tuple, dict, GeoJSON)

# Expressions that were compiled, by their encoded trees, as the same ones come again and again.
_compiled: "dict[bytes, CompiledExpression]" = {}
_COMPILED_MAX = 256


class CompiledExpression(dict[str, Any]):
    """An expression in the server's encoding, made by `compile`. It must not be changed.

    It has a hash, unlike other dicts, so that a policy with it is found again at once.
    """

    __slots__ = ()

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self["val"])

    @property
    def encoded(self) -> bytes:
        """The server's encoding."""
        encoded: bytes = self["val"]
        return encoded


def compile(expression: Expression) -> CompiledExpression:
    """Encodes an expression once, for use in many commands.

    Args:
        expression: The expression.

    Raises:
        TypeError: It is not an expression, or a value in it is of a type that cannot be stored.
        InvalidArgError: A builder is unknown, its arguments are wrong, or types do not agree.
        OverflowError: An int in it does not fit into 64 bits.
        ValueError: It is nested too deep.
    """
    if isinstance(expression, CompiledExpression):
        return expression
    tree = encode_expression(_node_of(expression, "expression"))
    known = _compiled.get(tree)
    if known is None:
        check_types(expression)
        known = CompiledExpression({_EXPR: "compiled", "val": expression_compile(tree)})
        if len(_compiled) >= _COMPILED_MAX:
            _compiled.clear()
        _compiled[tree] = known
    return known


def parse(text: str, /, *values: Any, **parameters: Any) -> Expression:
    """An expression of its text, in the language that Aerospike documents for filters (AEL).

    A policy's "expressions" may be such a text, too. What the language has is in the guide.

        >>> exp.parse("$.age > %s and $.status == %(status)s", 21, status="active")

    Args:
        text: The text. Bins that stand beside nothing that tells their type are ints, or bools
            where a condition is needed.
        values: What "%s" stands for, one after another, or "?0", "?1" by their numbers.
        parameters: What "%(name)s" stands for.

    Raises:
        TypeError: The text is not a str, or a parameter of a type that no constant has.
        InvalidArgError: The text is not one of the language; the error says where, and what is
            expected there. Or a parameter is missing, or not used.
        OverflowError: An int among the parameters does not fit into 64 bits.
        UnicodeEncodeError: The text, or a str among the parameters, has lone surrogates.
    """
    data = check_str(text, "text").encode()
    given = _encoded_parameters(values, parameters) if values or parameters else b""
    parsed: Expression = decode(expression_parse(data, given))
    return with_steps(parsed)


def _encoded_parameters(values: tuple[Any, ...], named: dict[str, Any]) -> bytes:
    for name, value in (*enumerate(values), *named.items()):
        if not isinstance(value, _OF_CONSTANTS):
            raise TypeError(f"the parameter {name!r} cannot be of type {type(value).__name__}")
    return encode([plain_value(list(values), "values"), plain_value(named, "parameters")])


def to_base64(expression: Expression) -> str:
    """The server's encoding of an expression as text, as other clients and `asadm` have it.

    Args:
        expression: The expression.

    Raises:
        TypeError, InvalidArgError, OverflowError, ValueError: As `compile` does.
    """
    return base64.b64encode(compile(expression).encoded).decode()


def from_base64(text: str) -> CompiledExpression:
    """An expression of its encoding as text. Whether it is a valid one is checked by the server.

    Args:
        text: The text.

    Raises:
        TypeError: It is not a str.
        InvalidArgError: It is not base64, or not of one encoded value.
    """
    try:
        encoded = base64.b64decode(check_str(text, "text"), validate=True)
    except ValueError as error:
        raise InvalidArgError(f"text is not base64: {error}") from None
    made = CompiledExpression({_EXPR: "compiled", "val": encoded})
    expression_compile(encode_expression(made))  # Checks it.
    return made


def from_text(text: str) -> CompiledExpression:
    """A filter of its text, which the server compiles, where `parse` compiles it here.

    That is for what servers of later versions understand and this package does not. Only servers
    from 8.2 on do so; what they find wrong is said when the filter is used. As any other filter it
    leaves a query the index that `where` gives it: servers choose none for it.

        >>> client.get(key, policy={"expressions": exp.from_text("$.age > 21")})

    Args:
        text: The text, of which no part is checked here. It is a whole filter, and cannot be part
            of an expression.

    Raises:
        TypeError: It is not a str.
        InvalidArgError: It is empty.
    """
    data = check_str(text, "text").encode()
    if not data:
        raise InvalidArgError("text must not be empty")
    # Opcode and text, as MessagePack (exp.c: EXP_AEL_COMPILE).
    return CompiledExpression({_EXPR: "compiled", "val": encode((_AEL_COMPILE, data))})


_MODULO = Integer(1, 2**31 - 1)


# Other clients call them so.
_of_bin = also_named(bin_expr="bin")
_of_bin_and_vals = also_named(bin_expr="bin", values="vals")


def _node_of(value: Any, name: str) -> Expression:
    if not isinstance(value, dict):
        raise TypeError(
            f"{name} must be an expression made by aerospike_py.exp, not {type(value).__name__}"
        )
    if not isinstance(value.get(_EXPR), str):
        raise TypeError(f"{name} is a dict without '__expr__'; a constant goes through map_val")
    return value


def _expression(value: Any, name: str) -> Any:
    """An argument that is an expression, or a plain value as a constant."""
    if isinstance(value, dict) and not isinstance(value, KeyOrderedDict):
        return _node_of(value, name)
    return value


def _expressions(values: tuple[Any, ...], name: str, least: int = 1) -> list[Any]:
    if len(values) < least:
        raise InvalidArgError(f"{name} needs {least} or more expressions, not {len(values)}")
    return [_expression(value, f"argument {index} of {name}") for index, value in enumerate(values)]


def _node(builder: str, /, **fields: Any) -> Expression:
    return {_EXPR: builder, **fields}


def _several(name: str, *values: Any) -> Expression:
    return _node(name, exprs=_expressions(values, name))


def _comparison(name: str, left: Any, right: Any) -> Expression:
    return _node(name, left=_expression(left, "left"), right=_expression(right, "right"))


def _bin(name: str, bin_name: Any) -> Expression:
    check_bin_name(bin_name, "name")
    return _node(name, name=str.__str__(bin_name))


# Values


def int_val(val: int) -> Expression:
    """A constant int.

    Args:
        val: The value.
    """
    return _node("int_val", val=check_int(val, "val"))


def float_val(val: float) -> Expression:
    """A constant float.

    Args:
        val: The value.
    """
    if isinstance(val, bool) or not hasattr(val, "__float__"):
        raise TypeError(f"val must be a float, not {type(val).__name__}")
    return _node("float_val", val=float(val))


def string_val(val: str) -> Expression:
    """A constant str.

    Args:
        val: The value.
    """
    return _node("string_val", val=check_str(val, "val"))


def bool_val(val: bool) -> Expression:
    """A constant bool.

    Args:
        val: The value.
    """
    return _node("bool_val", val=check_bool(val, "val"))


def blob_val(val: bytes | bytearray | memoryview) -> Expression:
    """A constant blob.

    Args:
        val: The value.
    """
    if not isinstance(val, (bytes, bytearray, memoryview)):
        raise TypeError(f"val must be bytes, not {type(val).__name__}")
    return _node("blob_val", val=bytes(val))


def list_val(val: list[Any]) -> Expression:
    """A constant list.

    Args:
        val: The value.
    """
    return _node("list_val", val=check_list(val, "val"))


def map_val(val: dict[Any, Any]) -> Expression:
    """A constant map.

    To be compared with a map, as by `eq`, it has to be a `KeyOrderedDict`: the server compares none
    but ordered maps. Any dict does where a value is looked for in a list or map, and to be stored.

    Args:
        val: The value.
    """
    return _node("map_val", val=check_dict(val, "val"))


def geo_val(val: str | GeoJSON) -> Expression:
    """A constant GeoJSON value, from its text.

    Args:
        val: The value.
    """
    if not isinstance(val, (str, GeoJSON)):
        raise TypeError(f"val must be GeoJSON or its text, not {type(val).__name__}")
    return _node("geo_val", val=val if isinstance(val, GeoJSON) else GeoJSON(val).text)


def hll_val(val: HyperLogLog) -> Expression:
    """A constant HyperLogLog.

    Args:
        val: The value.
    """
    if not isinstance(val, HyperLogLog):
        raise TypeError(f"val must be a HyperLogLog, not {type(val).__name__}")
    return _node("hll_val", val=val)


def nil() -> Expression:
    """The constant None."""
    return _node("nil")


def infinity() -> Expression:
    """Greater than any value, for the ends of ranges."""
    return _node("infinity")


def wildcard() -> Expression:
    """Equal to any value, in comparisons of lists."""
    return _node("wildcard")


def unknown() -> Expression:
    """Neither true nor false: the filter fails, or the operation does."""
    return _node("unknown")


# Bins


def int_bin(name: str) -> Expression:
    """The value of a bin that holds an int.

    Args:
        name: The bin's name.
    """
    return _bin("int_bin", name)


def float_bin(name: str) -> Expression:
    """The value of a bin that holds a float.

    Args:
        name: The bin's name.
    """
    return _bin("float_bin", name)


def string_bin(name: str) -> Expression:
    """The value of a bin that holds a str.

    Args:
        name: The bin's name.
    """
    return _bin("string_bin", name)


def bool_bin(name: str) -> Expression:
    """The value of a bin that holds a bool.

    Args:
        name: The bin's name.
    """
    return _bin("bool_bin", name)


def blob_bin(name: str) -> Expression:
    """The value of a bin that holds bytes.

    Args:
        name: The bin's name.
    """
    return _bin("blob_bin", name)


def list_bin(name: str) -> Expression:
    """The value of a bin that holds a list.

    Args:
        name: The bin's name.
    """
    return _bin("list_bin", name)


def map_bin(name: str) -> Expression:
    """The value of a bin that holds a map.

    Args:
        name: The bin's name.
    """
    return _bin("map_bin", name)


def geo_bin(name: str) -> Expression:
    """The value of a bin that holds GeoJSON.

    Args:
        name: The bin's name.
    """
    return _bin("geo_bin", name)


def hll_bin(name: str) -> Expression:
    """The value of a bin that holds a HyperLogLog.

    Args:
        name: The bin's name.
    """
    return _bin("hll_bin", name)


def bin_exists(name: str) -> Expression:
    """Whether the record has a bin.

    Args:
        name: The bin's name.
    """
    return _bin("bin_exists", name)


def bin_type(name: str) -> Expression:
    """The type of a bin as an int: the server's particle type, 0 if there is no such bin.

    Args:
        name: The bin's name.
    """
    return _bin("bin_type", name)


# Comparisons


def eq(left: Any, right: Any) -> Expression:
    """Whether `left` equals `right`. Both must be of one type.

    Args:
        left: An expression, or a value.
        right: An expression, or a value.
    """
    return _comparison("eq", left, right)


def ne(left: Any, right: Any) -> Expression:
    """Whether `left` differs from `right`. Both must be of one type.

    Args:
        left: An expression, or a value.
        right: An expression, or a value.
    """
    return _comparison("ne", left, right)


def gt(left: Any, right: Any) -> Expression:
    """Whether `left` is greater than `right`. Both must be of one type.

    Args:
        left: An expression, or a value.
        right: An expression, or a value.
    """
    return _comparison("gt", left, right)


def ge(left: Any, right: Any) -> Expression:
    """Whether `left` is at least `right`. Both must be of one type.

    Args:
        left: An expression, or a value.
        right: An expression, or a value.
    """
    return _comparison("ge", left, right)


def lt(left: Any, right: Any) -> Expression:
    """Whether `left` is less than `right`. Both must be of one type.

    Args:
        left: An expression, or a value.
        right: An expression, or a value.
    """
    return _comparison("lt", left, right)


def le(left: Any, right: Any) -> Expression:
    """Whether `left` is at most `right`. Both must be of one type.

    Args:
        left: An expression, or a value.
        right: An expression, or a value.
    """
    return _comparison("le", left, right)


@_of_bin
def regex_compare(regex: str, flags: int, bin: Any) -> Expression:
    """Whether a string matches a regular expression.

    Args:
        regex: A POSIX regular expression.
        flags: REGEX_... flags.
        bin: The string, an expression such as `string_bin("name")`.
    """
    return _node(
        "regex_compare",
        regex=check_str(regex, "regex"),
        flags=check_natural(flags, "flags"),
        bin=_expression(bin, "bin"),
    )


def geo_compare(left: Any, right: Any) -> Expression:
    """Whether one of two GeoJSON values lies within the other.

    Args:
        left: An expression, or a value.
        right: An expression, or a value.
    """
    return _comparison("geo_compare", left, right)


def in_list(value: Any, list: Any) -> Expression:
    """Whether a list has a value as an element (server 8.1).

    Args:
        value: An expression, or a value.
        list: A list, or an expression that gives one.
    """
    return _node("in_list", left=_expression(value, "value"), right=_expression(list, "list"))


# Logic


def and_(*exprs: Any) -> Expression:
    """Whether all are true.

    Args:
        exprs: Expressions, or values.
    """
    return _several("and", *exprs)


def or_(*exprs: Any) -> Expression:
    """Whether at least one is true.

    Args:
        exprs: Expressions, or values.
    """
    return _several("or", *exprs)


def not_(expr: Any) -> Expression:
    """Whether it is false.

    Args:
        expr: An expression, or a value.
    """
    return _node("not", expr=_expression(expr, "expr"))


def xor_(*exprs: Any) -> Expression:
    """Whether exactly one is true.

    Args:
        exprs: Expressions, or values.
    """
    return _several("xor", *exprs)


# The record's metadata


def key(exp_type: int) -> Expression:
    """The user's key, of EXP_TYPE_INT, EXP_TYPE_STRING or EXP_TYPE_BLOB, if it is stored.

    Args:
        exp_type: EXP_TYPE_INT, EXP_TYPE_STRING or EXP_TYPE_BLOB.
    """
    return _node("key", exp_type=check_enum(exp_type, "exp_type", _KEY_TYPES))


def key_exists() -> Expression:
    """Whether the user's key is stored with the record."""
    return _node("key_exists")


def set_name() -> Expression:
    """The name of the record's set."""
    return _node("set_name")


def record_size() -> Expression:
    """The record's size in bytes, as it is stored (server 7.0)."""
    return _node("record_size")


def device_size() -> Expression:
    """The record's size on the storage device in bytes; `record_size` replaces it."""
    return _node("device_size")


def memory_size() -> Expression:
    """The record's size in memory in bytes; `record_size` replaces it."""
    return _node("memory_size")


def last_update() -> Expression:
    """When the record was last written, in nanoseconds since 1970-01-01 UTC."""
    return _node("last_update")


def since_update() -> Expression:
    """For how long the record has not been written, in milliseconds."""
    return _node("since_update")


def void_time() -> Expression:
    """When the record expires, in nanoseconds since 1970-01-01 UTC; 0 for never."""
    return _node("void_time")


def ttl() -> Expression:
    """For how long the record still lives, in seconds; -1 for ever."""
    return _node("ttl")


def is_tombstone() -> Expression:
    """Whether the record was deleted durably."""
    return _node("is_tombstone")


def digest_modulo(modulo: int) -> Expression:
    """The record's digest modulo a number, for samples of the records.

    Args:
        modulo: What to divide by; from 1 to 2147483647.
    """
    return _node("digest_modulo", modulo=_MODULO.check(modulo, "modulo"))


# Numbers


def num_add(*exprs: Any) -> Expression:
    """The sum.

    Args:
        exprs: Expressions, or values.
    """
    return _several("num_add", *exprs)


def num_sub(*exprs: Any) -> Expression:
    """The first less all others; of one alone, its negative.

    Args:
        exprs: Expressions, or values.
    """
    return _several("num_sub", *exprs)


def num_mul(*exprs: Any) -> Expression:
    """The product.

    Args:
        exprs: Expressions, or values.
    """
    return _several("num_mul", *exprs)


def num_div(*exprs: Any) -> Expression:
    """The first divided by all others; of one alone, its reciprocal.

    Args:
        exprs: Expressions, or values.
    """
    return _several("num_div", *exprs)


def num_mod(numerator: Any, denominator: Any) -> Expression:
    """The remainder of a division of ints.

    Args:
        numerator: An expression, or an int.
        denominator: An expression, or an int.
    """
    return _several("num_mod", numerator, denominator)


def num_pow(base: Any, exponent: Any) -> Expression:
    """A power of floats.

    Args:
        base: An expression, or a number.
        exponent: An expression, or a number.
    """
    return _several("num_pow", base, exponent)


def num_log(num: Any, base: Any) -> Expression:
    """The logarithm of a float to a base.

    Args:
        num: An expression, or a number.
        base: An expression, or a number.
    """
    return _several("num_log", num, base)


def num_abs(expr: Any) -> Expression:
    """The absolute value.

    Args:
        expr: An expression, or a value.
    """
    return _several("num_abs", expr)


def num_floor(expr: Any) -> Expression:
    """A float rounded down to a whole one.

    Args:
        expr: An expression, or a value.
    """
    return _several("num_floor", expr)


def num_ceil(expr: Any) -> Expression:
    """A float rounded up to a whole one.

    Args:
        expr: An expression, or a value.
    """
    return _several("num_ceil", expr)


def to_int(expr: Any) -> Expression:
    """A float as an int, cut towards 0.

    Args:
        expr: An expression, or a value.
    """
    return _several("to_int", expr)


def to_float(expr: Any) -> Expression:
    """An int as a float.

    Args:
        expr: An expression, or a value.
    """
    return _several("to_float", expr)


def min_(*exprs: Any) -> Expression:
    """The smallest.

    Args:
        exprs: Expressions, or values.
    """
    return _several("min", *exprs)


def max_(*exprs: Any) -> Expression:
    """The greatest.

    Args:
        exprs: Expressions, or values.
    """
    return _several("max", *exprs)


# The bits of ints


def int_and(*exprs: Any) -> Expression:
    """All bits that all have.

    Args:
        exprs: Expressions, or values.
    """
    return _several("int_and", *exprs)


def int_or(*exprs: Any) -> Expression:
    """All bits that at least one has.

    Args:
        exprs: Expressions, or values.
    """
    return _several("int_or", *exprs)


def int_xor(*exprs: Any) -> Expression:
    """All bits that an odd number of them has.

    Args:
        exprs: Expressions, or values.
    """
    return _several("int_xor", *exprs)


def int_not(expr: Any) -> Expression:
    """All bits flipped.

    Args:
        expr: An expression, or a value.
    """
    return _several("int_not", expr)


def int_lshift(value: Any, shift: Any) -> Expression:
    """Shifted to the left.

    Args:
        value: An expression, or a value.
        shift: By how many bits.
    """
    return _several("int_lshift", value, shift)


def int_rshift(value: Any, shift: Any) -> Expression:
    """Shifted to the right, zeros coming in.

    Args:
        value: An expression, or a value.
        shift: By how many bits.
    """
    return _several("int_rshift", value, shift)


def int_arshift(value: Any, shift: Any) -> Expression:
    """Shifted to the right, the sign coming in.

    Args:
        value: An expression, or a value.
        shift: By how many bits.
    """
    return _several("int_arshift", value, shift)


def int_count(expr: Any) -> Expression:
    """How many bits are set.

    Args:
        expr: An expression, or a value.
    """
    return _several("int_count", expr)


def int_lscan(value: Any, search: Any) -> Expression:
    """The place of the first bit that is `search` (a bool), from the left; -1 for none.

    Args:
        value: An expression, or a value.
        search: The bit to look for, or an expression that gives it.
    """
    return _several("int_lscan", value, search)


def int_rscan(value: Any, search: Any) -> Expression:
    """The place of the first bit that is `search` (a bool), from the right; -1 for none.

    Args:
        value: An expression, or a value.
        search: The bit to look for, or an expression that gives it.
    """
    return _several("int_rscan", value, search)


# Control


def cond(*exprs: Any) -> Expression:
    """The value behind the first condition that is true: condition, value, ..., default.

    Args:
        exprs: Expressions, or values.

    Raises:
        InvalidArgError: It is not pairs of a condition and a value, then a default.
    """
    if len(exprs) < 3 or len(exprs) % 2 == 0:
        raise InvalidArgError("cond needs pairs of a condition and a value, then a default")
    return _node("cond", exprs=_expressions(exprs, "cond"))


def var(name: str) -> Expression:
    """The value of a variable that a `let_` around it defines.

    Args:
        name: The variable's name.
    """
    return _node("var", name=check_str(name, "name"))


def def_(name: str, value: Any) -> Expression:
    """The definition of a variable, for `let_`.

    Args:
        name: The variable's name.
        value: Its value, or an expression that gives it.
    """
    return _node("def", name=check_str(name, "name"), value=_expression(value, "value"))


def let_(*exprs: Any) -> Expression:
    """The value of the last expression, in which the definitions before it can be used.

    Args:
        exprs: Expressions, or values.

    Raises:
        InvalidArgError: There is no definition, or something else is where one should be.
    """
    listed = _expressions(exprs, "let_", 2)
    for index, definition in enumerate(listed[:-1]):
        if not isinstance(definition, dict) or definition.get(_EXPR) != "def":
            raise InvalidArgError(f"argument {index} of let_ must be made by def_")
    if isinstance(listed[-1], dict) and listed[-1].get(_EXPR) == "def":
        raise InvalidArgError("let_ needs an expression after its definitions")
    return _node("let", exprs=listed)


def loop_var(exp_type: int, which: int) -> Expression:
    """What a path is at: its LOOP_VAR_KEY, LOOP_VAR_VALUE or LOOP_VAR_INDEX (server 8.1).

    Args:
        exp_type: The EXP_TYPE_... of the value; others do not match.
        which: One of the LOOP_VAR_... constants.
    """
    return _node(
        "loop_var",
        exp_type=check_enum(exp_type, "exp_type", _TYPES),
        index=check_enum(which, "which", (0, 1, 2)),
    )


def remove_result() -> Expression:
    """In `modify_by_path`: the element is removed (server 8.1)."""
    return _node("remove_result")


# Lists


def _call(name: str, bin: Any, ctx: Any = None, **fields: Any) -> Expression:
    node = _node(name)
    for field, value in fields.items():
        if value is not None or field in ("val", "map_key"):
            node[field] = value
    node["bin"] = bin if isinstance(bin, str) else _node_of(bin, "bin")
    if ctx is not None:
        node["ctx"] = check_context(ctx)
    return node


def _list_return(value: Any) -> int:
    return return_type_of(value, _LIST_RETURN_TYPES, "LIST_RETURN")


def _map_return(value: Any) -> int:
    return return_type_of(value, _MAP_RETURN_TYPES, "MAP_RETURN")


def _map_expression(value: Any) -> Any:
    # A dict that is no expression can only be meant as a constant.
    if isinstance(value, dict) and _EXPR not in value:
        return map_val(value)
    return _expression(value, "items")


def _optional_int(value: Any, name: str) -> int | None:
    return None if value is None else check_int(value, name)


def _exp_type(value: Any) -> int | None:
    return None if value is None else check_enum(value, "exp_type", _TYPES)


@_of_bin
def list_size(bin: Any, ctx: Context | None = None) -> Expression:
    """The number of elements.

    Args:
        bin: The bin's name, or an expression that gives a list.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call("list_size", bin, ctx)


@_of_bin
def list_get_by_index(
    bin: Any, index: Any, return_type: int, exp_type: int | None = None, ctx: Context | None = None
) -> Expression:
    """The element at an index; `exp_type` is the type of a value.

    Args:
        bin: The bin's name, or an expression that gives a list.
        index: The place of the element, from 0; negative from the end.
        return_type: What to return: a LIST_RETURN_ constant.
        exp_type: The type of the value: an EXP_TYPE_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_get_by_index",
        bin,
        ctx,
        index=_expression(index, "index"),
        return_type=_list_return(return_type),
        exp_type=_exp_type(exp_type),
    )


@_of_bin
def list_get_by_rank(
    bin: Any, rank: Any, return_type: int, exp_type: int | None = None, ctx: Context | None = None
) -> Expression:
    """The element of a rank; `exp_type` is the type of a value.

    Args:
        bin: The bin's name, or an expression that gives a list.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        return_type: What to return: a LIST_RETURN_ constant.
        exp_type: The type of the value: an EXP_TYPE_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_get_by_rank",
        bin,
        ctx,
        rank=_expression(rank, "rank"),
        return_type=_list_return(return_type),
        exp_type=_exp_type(exp_type),
    )


@_of_bin
def list_get_by_index_range(
    bin: Any, index: Any, return_type: int, count: Any = None, ctx: Context | None = None
) -> Expression:
    """`count` elements from an index on.

    Args:
        bin: The bin's name, or an expression that gives a list.
        index: The place of the element, from 0; negative from the end.
        return_type: What to return: a LIST_RETURN_ constant.
        count: How many elements; None for all to the end.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_get_by_index_range",
        bin,
        ctx,
        index=_expression(index, "index"),
        return_type=_list_return(return_type),
        count=_expression(count, "count"),
    )


@_of_bin
def list_get_by_rank_range(
    bin: Any, rank: Any, return_type: int, count: Any = None, ctx: Context | None = None
) -> Expression:
    """`count` elements from a rank on.

    Args:
        bin: The bin's name, or an expression that gives a list.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        return_type: What to return: a LIST_RETURN_ constant.
        count: How many elements; None for all to the end.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_get_by_rank_range",
        bin,
        ctx,
        rank=_expression(rank, "rank"),
        return_type=_list_return(return_type),
        count=_expression(count, "count"),
    )


@_of_bin
def list_get_by_value(
    bin: Any, val: Any, return_type: int, ctx: Context | None = None
) -> Expression:
    """All elements that equal a value.

    Args:
        bin: The bin's name, or an expression that gives a list.
        val: The value.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_get_by_value",
        bin,
        ctx,
        val=_expression(val, "val"),
        return_type=_list_return(return_type),
    )


@_of_bin_and_vals
def list_get_by_value_list(
    bin: Any, vals: Any, return_type: int, ctx: Context | None = None
) -> Expression:
    """All elements that equal one of the values of a list.

    Args:
        bin: The bin's name, or an expression that gives a list.
        vals: The values.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_get_by_value_list",
        bin,
        ctx,
        val=_expression(vals, "vals"),
        return_type=_list_return(return_type),
    )


@_of_bin
def list_get_by_value_range(
    bin: Any, begin: Any, end: Any, return_type: int, ctx: Context | None = None
) -> Expression:
    """All elements from `begin` to before `end`; None is unbounded.

    Args:
        bin: The bin's name, or an expression that gives a list.
        begin: The first value; None for no bound.
        end: The value that the range ends before; None for no bound.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_get_by_value_range",
        bin,
        ctx,
        val=_expression(begin, "begin"),
        val_end=_expression(end, "end"),
        return_type=_list_return(return_type),
    )


@_of_bin
def list_get_by_value_rel_rank_range(
    bin: Any, val: Any, rank: Any, return_type: int, count: Any = None, ctx: Context | None = None
) -> Expression:
    """`count` elements from a rank on that is counted from a value's own place.

    Args:
        bin: The bin's name, or an expression that gives a list.
        val: The value.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        return_type: What to return: a LIST_RETURN_ constant.
        count: How many elements; None for all to the end.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_get_by_value_rel_rank_range",
        bin,
        ctx,
        val=_expression(val, "val"),
        rank=_expression(rank, "rank"),
        return_type=_list_return(return_type),
        count=_expression(count, "count"),
    )


@_of_bin
def list_append(
    bin: Any, val: Any, policy: ListPolicy | None = None, ctx: Context | None = None
) -> Expression:
    """The list with a value appended.

    Args:
        bin: The bin's name, or an expression that gives a list.
        val: The value.
        policy: How to write; see `ListPolicy`.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_append", bin, ctx, val=_expression(val, "val"), list_policy=list_policy(policy)
    )


@_of_bin_and_vals
def list_append_items(
    bin: Any, vals: Any, policy: ListPolicy | None = None, ctx: Context | None = None
) -> Expression:
    """The list with the values of another appended.

    Args:
        bin: The bin's name, or an expression that gives a list.
        vals: The values.
        policy: How to write; see `ListPolicy`.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_append_items",
        bin,
        ctx,
        val=_expression(vals, "vals"),
        list_policy=list_policy(policy),
    )


@_of_bin
def list_insert(
    bin: Any, index: Any, val: Any, policy: ListPolicy | None = None, ctx: Context | None = None
) -> Expression:
    """The list with a value inserted before an index.

    Args:
        bin: The bin's name, or an expression that gives a list.
        index: The place of the element, from 0; negative from the end.
        val: The value.
        policy: How to write; see `ListPolicy`.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_insert",
        bin,
        ctx,
        index=_expression(index, "index"),
        val=_expression(val, "val"),
        list_policy=list_policy(policy, takes_order=False),
    )


@_of_bin_and_vals
def list_insert_items(
    bin: Any,
    index: Any,
    vals: Any,
    policy: ListPolicy | None = None,
    ctx: Context | None = None,
) -> Expression:
    """The list with the values of another inserted before an index.

    Args:
        bin: The bin's name, or an expression that gives a list.
        index: The place of the element, from 0; negative from the end.
        vals: The values.
        policy: How to write; see `ListPolicy`.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_insert_items",
        bin,
        ctx,
        index=_expression(index, "index"),
        val=_expression(vals, "vals"),
        list_policy=list_policy(policy, takes_order=False),
    )


@_of_bin
def list_increment(
    bin: Any, index: Any, val: Any, policy: ListPolicy | None = None, ctx: Context | None = None
) -> Expression:
    """The list with a number added to the one at an index.

    Args:
        bin: The bin's name, or an expression that gives a list.
        index: The place of the element, from 0; negative from the end.
        val: The value.
        policy: How to write; see `ListPolicy`.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_increment",
        bin,
        ctx,
        index=_expression(index, "index"),
        val=_expression(val, "val"),
        list_policy=list_policy(policy),
    )


@_of_bin
def list_set(
    bin: Any, index: Any, val: Any, policy: ListPolicy | None = None, ctx: Context | None = None
) -> Expression:
    """The list with the value at an index replaced.

    Args:
        bin: The bin's name, or an expression that gives a list.
        index: The place of the element, from 0; negative from the end.
        val: The value.
        policy: How to write; see `ListPolicy`.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_set",
        bin,
        ctx,
        index=_expression(index, "index"),
        val=_expression(val, "val"),
        list_policy=list_policy(policy, takes_order=False),
    )


@_of_bin
def list_clear(bin: Any, ctx: Context | None = None) -> Expression:
    """The list without its elements.

    Args:
        bin: The bin's name, or an expression that gives a list.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call("list_clear", bin, ctx)


@_of_bin
def list_sort(bin: Any, sort_flags: int = 0, ctx: Context | None = None) -> Expression:
    """The list, sorted; `sort_flags` are LIST_SORT_... flags.

    Args:
        bin: The bin's name, or an expression that gives a list.
        sort_flags: LIST_SORT_ constants, put together with |.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call("list_sort", bin, ctx, val=check_flags(sort_flags, "sort_flags", 3))


@_of_bin
def list_remove_by_value(
    bin: Any, val: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The list without all elements that equal a value.

    Args:
        bin: The bin's name, or an expression that gives a list.
        val: The value.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_remove_by_value",
        bin,
        ctx,
        val=_expression(val, "val"),
        return_type=_list_return(return_type),
    )


@_of_bin_and_vals
def list_remove_by_value_list(
    bin: Any, vals: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The list without all elements that equal one of the values of a list.

    Args:
        bin: The bin's name, or an expression that gives a list.
        vals: The values.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_remove_by_value_list",
        bin,
        ctx,
        val=_expression(vals, "vals"),
        return_type=_list_return(return_type),
    )


@_of_bin
def list_remove_by_value_range(
    bin: Any, begin: Any, end: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The list without the elements from `begin` to before `end`.

    Args:
        bin: The bin's name, or an expression that gives a list.
        begin: The first value; None for no bound.
        end: The value that the range ends before; None for no bound.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_remove_by_value_range",
        bin,
        ctx,
        val=_expression(begin, "begin"),
        val_end=_expression(end, "end"),
        return_type=_list_return(return_type),
    )


@_of_bin
def list_remove_by_value_rel_rank_range(
    bin: Any,
    val: Any,
    rank: Any,
    count: Any = None,
    return_type: int = 0,
    ctx: Context | None = None,
) -> Expression:
    """The list without `count` elements from a rank on, counted from a value's own place.

    Args:
        bin: The bin's name, or an expression that gives a list.
        val: The value.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        count: How many elements; None for all to the end.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_remove_by_value_rel_rank_range",
        bin,
        ctx,
        val=_expression(val, "val"),
        rank=_expression(rank, "rank"),
        count=_expression(count, "count"),
        return_type=_list_return(return_type),
    )


@_of_bin
def list_remove_by_index(
    bin: Any, index: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The list without the element at an index.

    Args:
        bin: The bin's name, or an expression that gives a list.
        index: The place of the element, from 0; negative from the end.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_remove_by_index",
        bin,
        ctx,
        index=_expression(index, "index"),
        return_type=_list_return(return_type),
    )


@_of_bin
def list_remove_by_index_range(
    bin: Any, index: Any, count: Any = None, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The list without `count` elements from an index on.

    Args:
        bin: The bin's name, or an expression that gives a list.
        index: The place of the element, from 0; negative from the end.
        count: How many elements; None for all to the end.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_remove_by_index_range",
        bin,
        ctx,
        index=_expression(index, "index"),
        count=_expression(count, "count"),
        return_type=_list_return(return_type),
    )


@_of_bin
def list_remove_by_rank(
    bin: Any, rank: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The list without the element of a rank.

    Args:
        bin: The bin's name, or an expression that gives a list.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_remove_by_rank",
        bin,
        ctx,
        rank=_expression(rank, "rank"),
        return_type=_list_return(return_type),
    )


@_of_bin
def list_remove_by_rank_range(
    bin: Any, rank: Any, count: Any = None, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The list without `count` elements from a rank on.

    Args:
        bin: The bin's name, or an expression that gives a list.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        count: How many elements; None for all to the end.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in it the list is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "list_remove_by_rank_range",
        bin,
        ctx,
        rank=_expression(rank, "rank"),
        count=_expression(count, "count"),
        return_type=_list_return(return_type),
    )


# Maps


@_of_bin
def map_size(bin: Any, ctx: Context | None = None) -> Expression:
    """The number of items.

    Args:
        bin: The bin's name, or an expression that gives a map.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call("map_size", bin, ctx)


@_of_bin
def map_get_by_key(
    bin: Any, key: Any, return_type: int, exp_type: int | None = None, ctx: Context | None = None
) -> Expression:
    """The item of a key; `exp_type` is the type of a value or key.

    Args:
        bin: The bin's name, or an expression that gives a map.
        key: The key of the entry.
        return_type: What to return: a MAP_RETURN_ constant.
        exp_type: The type of the value: an EXP_TYPE_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_key",
        bin,
        ctx,
        map_key=_expression(key, "key"),
        return_type=_map_return(return_type),
        exp_type=_exp_type(exp_type),
    )


@_of_bin
def map_get_by_index(
    bin: Any, index: Any, return_type: int, exp_type: int | None = None, ctx: Context | None = None
) -> Expression:
    """The item at an index; `exp_type` is the type of a value or key.

    Args:
        bin: The bin's name, or an expression that gives a map.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        return_type: What to return: a MAP_RETURN_ constant.
        exp_type: The type of the value: an EXP_TYPE_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_index",
        bin,
        ctx,
        index=_expression(index, "index"),
        return_type=_map_return(return_type),
        exp_type=_exp_type(exp_type),
    )


@_of_bin
def map_get_by_rank(
    bin: Any, rank: Any, return_type: int, exp_type: int | None = None, ctx: Context | None = None
) -> Expression:
    """The item of a rank; `exp_type` is the type of a value or key.

    Args:
        bin: The bin's name, or an expression that gives a map.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        return_type: What to return: a MAP_RETURN_ constant.
        exp_type: The type of the value: an EXP_TYPE_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_rank",
        bin,
        ctx,
        rank=_expression(rank, "rank"),
        return_type=_map_return(return_type),
        exp_type=_exp_type(exp_type),
    )


@_of_bin
def map_get_by_key_list(
    bin: Any, keys: Any, return_type: int, ctx: Context | None = None
) -> Expression:
    """The items whose key is in a list.

    Args:
        bin: The bin's name, or an expression that gives a map.
        keys: The keys of the entries.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_key_list",
        bin,
        ctx,
        val=_expression(keys, "keys"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_get_by_key_range(
    bin: Any, begin: Any, end: Any, return_type: int, ctx: Context | None = None
) -> Expression:
    """The items with keys from `begin` to before `end`; None is unbounded.

    Args:
        bin: The bin's name, or an expression that gives a map.
        begin: The first key or value; None for no bound.
        end: The key or value that the range ends before; None for no bound.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_key_range",
        bin,
        ctx,
        val=_expression(begin, "begin"),
        val_end=_expression(end, "end"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_get_by_key_rel_index_range(
    bin: Any, key: Any, index: Any, return_type: int, count: Any = None, ctx: Context | None = None
) -> Expression:
    """`count` items from an index on that is counted from a key's own place.

    Args:
        bin: The bin's name, or an expression that gives a map.
        key: The key of the entry.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_key_rel_index_range",
        bin,
        ctx,
        map_key=_expression(key, "key"),
        index=_expression(index, "index"),
        return_type=_map_return(return_type),
        count=_expression(count, "count"),
    )


@_of_bin
def map_get_by_value(
    bin: Any, val: Any, return_type: int, ctx: Context | None = None
) -> Expression:
    """All items that have a value.

    Args:
        bin: The bin's name, or an expression that gives a map.
        val: The value.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_value",
        bin,
        ctx,
        val=_expression(val, "val"),
        return_type=_map_return(return_type),
    )


@_of_bin_and_vals
def map_get_by_value_list(
    bin: Any, vals: Any, return_type: int, ctx: Context | None = None
) -> Expression:
    """All items whose value is in a list.

    Args:
        bin: The bin's name, or an expression that gives a map.
        vals: The values.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_value_list",
        bin,
        ctx,
        val=_expression(vals, "vals"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_get_by_value_range(
    bin: Any, begin: Any, end: Any, return_type: int, ctx: Context | None = None
) -> Expression:
    """The items with values from `begin` to before `end`; None is unbounded.

    Args:
        bin: The bin's name, or an expression that gives a map.
        begin: The first key or value; None for no bound.
        end: The key or value that the range ends before; None for no bound.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_value_range",
        bin,
        ctx,
        val=_expression(begin, "begin"),
        val_end=_expression(end, "end"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_get_by_value_rel_rank_range(
    bin: Any, val: Any, rank: Any, return_type: int, count: Any = None, ctx: Context | None = None
) -> Expression:
    """`count` items from a rank on that is counted from a value's own place.

    Args:
        bin: The bin's name, or an expression that gives a map.
        val: The value.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_value_rel_rank_range",
        bin,
        ctx,
        val=_expression(val, "val"),
        rank=_expression(rank, "rank"),
        return_type=_map_return(return_type),
        count=_expression(count, "count"),
    )


@_of_bin
def map_get_by_index_range(
    bin: Any, index: Any, return_type: int, count: Any = None, ctx: Context | None = None
) -> Expression:
    """`count` items from an index on.

    Args:
        bin: The bin's name, or an expression that gives a map.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_index_range",
        bin,
        ctx,
        index=_expression(index, "index"),
        return_type=_map_return(return_type),
        count=_expression(count, "count"),
    )


@_of_bin
def map_get_by_rank_range(
    bin: Any, rank: Any, return_type: int, count: Any = None, ctx: Context | None = None
) -> Expression:
    """`count` items from a rank on.

    Args:
        bin: The bin's name, or an expression that gives a map.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_get_by_rank_range",
        bin,
        ctx,
        rank=_expression(rank, "rank"),
        return_type=_map_return(return_type),
        count=_expression(count, "count"),
    )


@_of_bin
def map_put(
    bin: Any, key: Any, val: Any, policy: MapPolicy | None = None, ctx: Context | None = None
) -> Expression:
    """The map with a value put under a key.

    Args:
        bin: The bin's name, or an expression that gives a map.
        key: The key of the entry.
        val: The value.
        policy: How to write; see `MapPolicy`.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_put",
        bin,
        ctx,
        map_key=_expression(key, "key"),
        val=_expression(val, "val"),
        map_policy=map_policy(policy),
    )


@_of_bin
def map_put_items(
    bin: Any, items: Any, policy: MapPolicy | None = None, ctx: Context | None = None
) -> Expression:
    """The map with all items of another put into it.

    Args:
        bin: The bin's name, or an expression that gives a map.
        items: The entries.
        policy: How to write; see `MapPolicy`.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_put_items", bin, ctx, val=_map_expression(items), map_policy=map_policy(policy)
    )


@_of_bin
def map_increment(
    bin: Any, key: Any, val: Any, policy: MapPolicy | None = None, ctx: Context | None = None
) -> Expression:
    """The map with a number added to the one under a key.

    Args:
        bin: The bin's name, or an expression that gives a map.
        key: The key of the entry.
        val: The value.
        policy: How to write; see `MapPolicy`.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_increment",
        bin,
        ctx,
        map_key=_expression(key, "key"),
        val=_expression(val, "val"),
        map_policy=map_policy(policy, takes_flags=False),
    )


@_of_bin
def map_clear(bin: Any, ctx: Context | None = None) -> Expression:
    """The map without its items.

    Args:
        bin: The bin's name, or an expression that gives a map.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call("map_clear", bin, ctx)


@_of_bin
def map_remove_by_key(
    bin: Any, key: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The map without the item of a key.

    Args:
        bin: The bin's name, or an expression that gives a map.
        key: The key of the entry.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_key",
        bin,
        ctx,
        map_key=_expression(key, "key"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_remove_by_key_list(
    bin: Any, keys: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The map without the items whose key is in a list.

    Args:
        bin: The bin's name, or an expression that gives a map.
        keys: The keys of the entries.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_key_list",
        bin,
        ctx,
        val=_expression(keys, "keys"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_remove_by_key_range(
    bin: Any, begin: Any, end: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The map without the items with keys from `begin` to before `end`.

    Args:
        bin: The bin's name, or an expression that gives a map.
        begin: The first key or value; None for no bound.
        end: The key or value that the range ends before; None for no bound.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_key_range",
        bin,
        ctx,
        val=_expression(begin, "begin"),
        val_end=_expression(end, "end"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_remove_by_key_rel_index_range(
    bin: Any,
    key: Any,
    index: Any,
    count: Any = None,
    return_type: int = 0,
    ctx: Context | None = None,
) -> Expression:
    """The map without `count` items from an index on, counted from a key's own place.

    Args:
        bin: The bin's name, or an expression that gives a map.
        key: The key of the entry.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        count: How many entries; None for all to the end.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_key_rel_index_range",
        bin,
        ctx,
        map_key=_expression(key, "key"),
        index=_expression(index, "index"),
        count=_expression(count, "count"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_remove_by_value(
    bin: Any, val: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The map without all items that have a value.

    Args:
        bin: The bin's name, or an expression that gives a map.
        val: The value.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_value",
        bin,
        ctx,
        val=_expression(val, "val"),
        return_type=_map_return(return_type),
    )


@_of_bin_and_vals
def map_remove_by_value_list(
    bin: Any, vals: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The map without all items whose value is in a list.

    Args:
        bin: The bin's name, or an expression that gives a map.
        vals: The values.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_value_list",
        bin,
        ctx,
        val=_expression(vals, "vals"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_remove_by_value_range(
    bin: Any, begin: Any, end: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The map without the items with values from `begin` to before `end`.

    Args:
        bin: The bin's name, or an expression that gives a map.
        begin: The first key or value; None for no bound.
        end: The key or value that the range ends before; None for no bound.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_value_range",
        bin,
        ctx,
        val=_expression(begin, "begin"),
        val_end=_expression(end, "end"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_remove_by_value_rel_rank_range(
    bin: Any,
    val: Any,
    rank: Any,
    count: Any = None,
    return_type: int = 0,
    ctx: Context | None = None,
) -> Expression:
    """The map without `count` items from a rank on, counted from a value's own place.

    Args:
        bin: The bin's name, or an expression that gives a map.
        val: The value.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        count: How many entries; None for all to the end.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_value_rel_rank_range",
        bin,
        ctx,
        val=_expression(val, "val"),
        rank=_expression(rank, "rank"),
        count=_expression(count, "count"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_remove_by_index(
    bin: Any, index: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The map without the item at an index.

    Args:
        bin: The bin's name, or an expression that gives a map.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_index",
        bin,
        ctx,
        index=_expression(index, "index"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_remove_by_index_range(
    bin: Any, index: Any, count: Any = None, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The map without `count` items from an index on.

    Args:
        bin: The bin's name, or an expression that gives a map.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        count: How many entries; None for all to the end.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_index_range",
        bin,
        ctx,
        index=_expression(index, "index"),
        count=_expression(count, "count"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_remove_by_rank(
    bin: Any, rank: Any, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The map without the item of a rank.

    Args:
        bin: The bin's name, or an expression that gives a map.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_rank",
        bin,
        ctx,
        rank=_expression(rank, "rank"),
        return_type=_map_return(return_type),
    )


@_of_bin
def map_remove_by_rank_range(
    bin: Any, rank: Any, count: Any = None, return_type: int = 0, ctx: Context | None = None
) -> Expression:
    """The map without `count` items from a rank on.

    Args:
        bin: The bin's name, or an expression that gives a map.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        count: How many entries; None for all to the end.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in it the map is, when it is nested; steps of `cdt_ctx`.
    """
    return _call(
        "map_remove_by_rank_range",
        bin,
        ctx,
        rank=_expression(rank, "rank"),
        count=_expression(count, "count"),
        return_type=_map_return(return_type),
    )


def map_keys(map: Any) -> Expression:
    """The keys of a map as a list (server 8.1).

    Args:
        map: An expression that gives a map.
    """
    return _node("map_keys", expr=_expression(map, "map"))


def map_values(map: Any) -> Expression:
    """The values of a map as a list (server 8.1).

    Args:
        map: An expression that gives a map.
    """
    return _node("map_values", expr=_expression(map, "map"))


# Paths that branch


@_of_bin
def select_by_path(bin: Any, ctx: Context, exp_type: int, flags: int = 0) -> Expression:
    """All that a path with branches leads to (server 8.1).

    Args:
        bin: The list or map, an expression.
        ctx: The path; `all_children`, `all_children_filter` and `map_keys_in` branch.
        exp_type: The EXP_TYPE_... of the result.
        flags: PATH_SELECT_... flags of `exp_operations`.
    """
    return _call(
        "select_by_path",
        _node_of(bin, "bin"),
        ctx,
        exp_type=check_enum(exp_type, "exp_type", _TYPES),
        flags=check_natural(flags, "flags"),
    )


@_of_bin
def modify_by_path(
    bin: Any,
    ctx: Context,
    exp_type: int,
    expr: Any,
    flags: int = 0,
) -> Expression:
    """The list or map with all that a path leads to replaced by an expression (server 8.1).

    Args:
        bin: The list or map, an expression.
        ctx: The path.
        exp_type: The EXP_TYPE_... of the result.
        expr: The new value of each, in which `loop_var` stands for the old.
        flags: PATH_MODIFY_... flags of `exp_operations`.
    """
    return _call(
        "modify_by_path",
        _node_of(bin, "bin"),
        ctx,
        exp_type=check_enum(exp_type, "exp_type", _TYPES),
        expr=_expression(expr, "expr"),
        flags=check_natural(flags, "flags"),
    )


# Bits of blobs


@_of_bin
def bit_resize(
    bin: Any, byte_size: Any, resize_flags: int = 0, policy: BitPolicy | None = None
) -> Expression:
    """The blob with another size.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        byte_size: How many bytes.
        resize_flags: BIT_RESIZE_ constants, put together with |.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_resize",
        bin,
        byte_size=_expression(byte_size, "byte_size"),
        resize_flags=check_flags(resize_flags, "resize_flags", 7),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_insert(bin: Any, byte_offset: Any, val: Any, policy: BitPolicy | None = None) -> Expression:
    """The blob with bytes inserted.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        byte_offset: The first byte, from 0; negative from the end.
        val: The bytes or the number to work with, or an expression that gives them.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_insert",
        bin,
        byte_offset=_expression(byte_offset, "byte_offset"),
        val=_expression(val, "val"),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_remove(
    bin: Any, byte_offset: Any, byte_size: Any, policy: BitPolicy | None = None
) -> Expression:
    """The blob with bytes removed.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        byte_offset: The first byte, from 0; negative from the end.
        byte_size: How many bytes.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_remove",
        bin,
        byte_offset=_expression(byte_offset, "byte_offset"),
        byte_size=_expression(byte_size, "byte_size"),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_set(
    bin: Any, bit_offset: Any, bit_size: Any, val: Any, policy: BitPolicy | None = None
) -> Expression:
    """The blob with bits replaced by those of bytes.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        val: The bytes or the number to work with, or an expression that gives them.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_set",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        val=_expression(val, "val"),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_or(
    bin: Any, bit_offset: Any, bit_size: Any, val: Any, policy: BitPolicy | None = None
) -> Expression:
    """The blob with bits combined by or.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        val: The bytes or the number to work with, or an expression that gives them.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_or",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        val=_expression(val, "val"),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_xor(
    bin: Any, bit_offset: Any, bit_size: Any, val: Any, policy: BitPolicy | None = None
) -> Expression:
    """The blob with bits combined by xor.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        val: The bytes or the number to work with, or an expression that gives them.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_xor",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        val=_expression(val, "val"),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_and(
    bin: Any, bit_offset: Any, bit_size: Any, val: Any, policy: BitPolicy | None = None
) -> Expression:
    """The blob with bits combined by and.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        val: The bytes or the number to work with, or an expression that gives them.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_and",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        val=_expression(val, "val"),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_not(
    bin: Any, bit_offset: Any, bit_size: Any, policy: BitPolicy | None = None
) -> Expression:
    """The blob with bits flipped.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_not",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_lshift(
    bin: Any, bit_offset: Any, bit_size: Any, shift: Any, policy: BitPolicy | None = None
) -> Expression:
    """The blob with bits shifted to the left.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        shift: By how many bits.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_lshift",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        shift=_expression(shift, "shift"),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_rshift(
    bin: Any, bit_offset: Any, bit_size: Any, shift: Any, policy: BitPolicy | None = None
) -> Expression:
    """The blob with bits shifted to the right.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        shift: By how many bits.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_rshift",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        shift=_expression(shift, "shift"),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_add(
    bin: Any,
    bit_offset: Any,
    bit_size: Any,
    val: Any,
    signed: bool = False,
    action: int = 0,
    policy: BitPolicy | None = None,
) -> Expression:
    """The blob with an int added to one in it.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        val: The bytes or the number to work with, or an expression that gives them.
        signed: Whether the number has a sign.
        action: What to do when the number does not fit: a BIT_OVERFLOW_ constant.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_add",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        val=_expression(val, "val"),
        signed=check_bool(signed, "signed") or None,
        action=check_enum(action, "action", (0, 2, 4)),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_subtract(
    bin: Any,
    bit_offset: Any,
    bit_size: Any,
    val: Any,
    signed: bool = False,
    action: int = 0,
    policy: BitPolicy | None = None,
) -> Expression:
    """The blob with an int subtracted from one in it.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        val: The bytes or the number to work with, or an expression that gives them.
        signed: Whether the number has a sign.
        action: What to do when the number does not fit: a BIT_OVERFLOW_ constant.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_subtract",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        val=_expression(val, "val"),
        signed=check_bool(signed, "signed") or None,
        action=check_enum(action, "action", (0, 2, 4)),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_set_int(
    bin: Any, bit_offset: Any, bit_size: Any, val: Any, policy: BitPolicy | None = None
) -> Expression:
    """The blob with an int written into it.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        val: The bytes or the number to work with, or an expression that gives them.
        policy: How to write; see `BitPolicy`.
    """
    return _call(
        "bit_set_int",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        val=_expression(val, "val"),
        bit_policy=flags_policy(policy, "bit_policy"),
    )


@_of_bin
def bit_get(bin: Any, bit_offset: Any, bit_size: Any) -> Expression:
    """Some bits, as bytes.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
    """
    return _call(
        "bit_get",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
    )


@_of_bin
def bit_count(bin: Any, bit_offset: Any, bit_size: Any) -> Expression:
    """How many bits are set.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
    """
    return _call(
        "bit_count",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
    )


@_of_bin
def bit_lscan(bin: Any, bit_offset: Any, bit_size: Any, val: Any) -> Expression:
    """The place of the first bit that is `val` (a bool), from the left; -1 for none.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        val: The bytes or the number to work with, or an expression that gives them.
    """
    return _call(
        "bit_lscan",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        val=_expression(val, "val"),
    )


@_of_bin
def bit_rscan(bin: Any, bit_offset: Any, bit_size: Any, val: Any) -> Expression:
    """The place of the last bit that is `val` (a bool); -1 for none.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        val: The bytes or the number to work with, or an expression that gives them.
    """
    return _call(
        "bit_rscan",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        val=_expression(val, "val"),
    )


@_of_bin
def bit_get_int(bin: Any, bit_offset: Any, bit_size: Any, signed: bool = False) -> Expression:
    """Some bits, as an int.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        signed: Whether the number has a sign.
    """
    return _call(
        "bit_get_int",
        bin,
        bit_offset=_expression(bit_offset, "bit_offset"),
        bit_size=_expression(bit_size, "bit_size"),
        signed=check_bool(signed, "signed") or None,
    )


# HyperLogLogs


@_of_bin
def hll_init(
    bin: Any,
    index_bit_count: int | None = None,
    minhash_bit_count: int | None = None,
    policy: HLLPolicy | None = None,
) -> Expression:
    """An empty HyperLogLog.

    Args:
        bin: The bin's name, or an expression that gives a HyperLogLog.
        index_bit_count: 4 to 16: how exact it is.
        minhash_bit_count: 4 to 51, or none: for similarities of more than two.
        policy: How to write; see `HLLPolicy`.
    """
    return _call(
        "hll_init",
        bin,
        index_bit_count=_optional_int(index_bit_count, "index_bit_count"),
        minhash_bit_count=_optional_int(minhash_bit_count, "minhash_bit_count"),
        hll_policy=flags_policy(policy, "hll_policy"),
    )


@_of_bin_and_vals
def hll_add(
    bin: Any,
    vals: Any,
    index_bit_count: int | None = None,
    minhash_bit_count: int | None = None,
    policy: HLLPolicy | None = None,
) -> Expression:
    """The HyperLogLog with the values of a list added.

    Args:
        bin: The bin's name, or an expression that gives a HyperLogLog.
        vals: The values, or an expression that gives a list of them.
        index_bit_count: 4 to 16: how exact it is.
        minhash_bit_count: 4 to 51, or none: for similarities of more than two.
        policy: How to write; see `HLLPolicy`.
    """
    return _call(
        "hll_add",
        bin,
        val=_expression(vals, "vals"),
        index_bit_count=_optional_int(index_bit_count, "index_bit_count"),
        minhash_bit_count=_optional_int(minhash_bit_count, "minhash_bit_count"),
        hll_policy=flags_policy(policy, "hll_policy"),
    )


@_of_bin
def hll_get_count(bin: Any) -> Expression:
    """The estimated number of values.

    Args:
        bin: The bin's name, or an expression that gives a HyperLogLog.
    """
    return _call("hll_get_count", bin)


@_of_bin_and_vals
def hll_get_union(bin: Any, vals: Any) -> Expression:
    """The union with a list of HyperLogLogs.

    Args:
        bin: The bin's name, or an expression that gives a HyperLogLog.
        vals: The values, or an expression that gives a list of them.
    """
    return _call("hll_get_union", bin, val=_expression(vals, "vals"))


@_of_bin_and_vals
def hll_get_union_count(bin: Any, vals: Any) -> Expression:
    """The estimated number of values in the union with a list of HyperLogLogs.

    Args:
        bin: The bin's name, or an expression that gives a HyperLogLog.
        vals: The values, or an expression that gives a list of them.
    """
    return _call("hll_get_union_count", bin, val=_expression(vals, "vals"))


@_of_bin_and_vals
def hll_get_intersect_count(bin: Any, vals: Any) -> Expression:
    """The estimated number of values that it has in common with a list of HyperLogLogs.

    Args:
        bin: The bin's name, or an expression that gives a HyperLogLog.
        vals: The values, or an expression that gives a list of them.
    """
    return _call("hll_get_intersect_count", bin, val=_expression(vals, "vals"))


@_of_bin_and_vals
def hll_get_similarity(bin: Any, vals: Any) -> Expression:
    """The estimated similarity to a list of HyperLogLogs, from 0.0 to 1.0.

    Args:
        bin: The bin's name, or an expression that gives a HyperLogLog.
        vals: The values, or an expression that gives a list of them.
    """
    return _call("hll_get_similarity", bin, val=_expression(vals, "vals"))


@_of_bin
def hll_describe(bin: Any) -> Expression:
    """The numbers of index and minhash bits, as a list.

    Args:
        bin: The bin's name, or an expression that gives a HyperLogLog.
    """
    return _call("hll_describe", bin)


@_of_bin_and_vals
def hll_may_contain(bin: Any, vals: Any) -> Expression:
    """1 if all values of a list may have been added, 0 if one certainly was not.

    Args:
        bin: The bin's name, or an expression that gives a HyperLogLog.
        vals: The values, or an expression that gives a list of them.
    """
    return _call("hll_may_contain", bin, val=_expression(vals, "vals"))


# Strings (server 8.2)


def to_string(value: Any) -> Expression:
    """An int, float, bool, str or bytes as a string.

    Args:
        value: The value, or an expression that gives it.
    """
    return _node("to_string", expr=_expression(value, "value"))


@_of_bin
def list_join(bin: Any, separator: Any = None) -> Expression:
    """The strings of a list as one, with a separator between them.

    Args:
        bin: The bin's name, or an expression that gives a list.
        separator: What to put between the strings.
    """
    return _call("list_join", bin, val=_optional(separator, "separator"))


@_of_bin
def bit_b64_encode(
    bin: Any, byte_offset: Any = 0, byte_size: Any = None, invert_size: bool = False
) -> Expression:
    """Bytes of a blob in base64, all to the end without a size; see `bit_operations`.

    Args:
        bin: The bin's name, or an expression that gives bytes.
        byte_offset: The first byte, from 0; negative from the end.
        byte_size: How many bytes.
        invert_size: Whether the size counts back from the end of the blob.
    """
    return _call(
        "bit_b64_encode",
        bin,
        byte_offset=_expression(byte_offset, "byte_offset"),
        byte_size=_optional(byte_size, "byte_size"),
        invert_size=check_bool(invert_size, "invert_size"),
    )


def _optional(value: Any, name: str) -> Any:
    return None if value is None else _expression(value, name)


@_of_bin
def string_strlen(bin: Any) -> Expression:
    """The number of code points.

    Args:
        bin: The bin's name, or an expression that gives a string.
    """
    return _call("string_strlen", bin)


@_of_bin
def string_substr(bin: Any, start: Any, end: Any = None) -> Expression:
    """The part from `start` up to, not including, `end`; None is the end of all.

    Args:
        bin: The bin's name, or an expression that gives a string.
        start: The first code point's index, from 0; negative from the end.
        end: The index that the part ends before.
    """
    return _call("string_substr", bin, index=_expression(start, "start"), end=_optional(end, "end"))


@_of_bin
def string_char_at(bin: Any, index: Any) -> Expression:
    """The code point at an index.

    Args:
        bin: The bin's name, or an expression that gives a string.
        index: The code point's index, from 0; negative from the end.
    """
    return _call("string_char_at", bin, index=_expression(index, "index"))


@_of_bin
def string_find(bin: Any, needle: Any, occurrence: Any = 1) -> Expression:
    """Where a text is found for the nth time; -1: nowhere.

    Args:
        bin: The bin's name, or an expression that gives a string.
        needle: The text to look for.
        occurrence: Which one, from 1; negative from the end.
    """
    return _call(
        "string_find",
        bin,
        val=_expression(needle, "needle"),
        count=_expression(occurrence, "occurrence"),
    )


@_of_bin
def string_contains(bin: Any, needle: Any) -> Expression:
    """Whether a text is found.

    Args:
        bin: The bin's name, or an expression that gives a string.
        needle: The text to look for.
    """
    return _call("string_contains", bin, val=_expression(needle, "needle"))


@_of_bin
def string_starts_with(bin: Any, prefix: Any) -> Expression:
    """Whether the string begins with a text.

    Args:
        bin: The bin's name, or an expression that gives a string.
        prefix: The text.
    """
    return _call("string_starts_with", bin, val=_expression(prefix, "prefix"))


@_of_bin
def string_ends_with(bin: Any, suffix: Any) -> Expression:
    """Whether the string ends with a text.

    Args:
        bin: The bin's name, or an expression that gives a string.
        suffix: The text.
    """
    return _call("string_ends_with", bin, val=_expression(suffix, "suffix"))


@_of_bin
def string_to_integer(bin: Any) -> Expression:
    """The integer that the string is.

    Args:
        bin: The bin's name, or an expression that gives a string.
    """
    return _call("string_to_integer", bin)


@_of_bin
def string_to_double(bin: Any) -> Expression:
    """The float that the string is.

    Args:
        bin: The bin's name, or an expression that gives a string.
    """
    return _call("string_to_double", bin)


@_of_bin
def string_byte_length(bin: Any) -> Expression:
    """The number of bytes in UTF-8.

    Args:
        bin: The bin's name, or an expression that gives a string.
    """
    return _call("string_byte_length", bin)


@_of_bin
def string_is_numeric(bin: Any, numeric_type: int = 0) -> Expression:
    """Whether the string is a number; see STRING_NUMERIC_...

    Args:
        bin: The bin's name, or an expression that gives a string.
        numeric_type: A STRING_NUMERIC_ constant.
    """
    return _call(
        "string_is_numeric", bin, flags=check_enum(numeric_type, "numeric_type", (0, 1, 2))
    )


@_of_bin
def string_is_upper(bin: Any) -> Expression:
    """Whether every code point is a capital letter: not a space or a digit.

    Args:
        bin: The bin's name, or an expression that gives a string.
    """
    return _call("string_is_upper", bin)


@_of_bin
def string_is_lower(bin: Any) -> Expression:
    """Whether every code point is a small letter: not a space or a digit.

    Args:
        bin: The bin's name, or an expression that gives a string.
    """
    return _call("string_is_lower", bin)


@_of_bin
def string_to_blob(bin: Any) -> Expression:
    """The string's bytes in UTF-8.

    Args:
        bin: The bin's name, or an expression that gives a string.
    """
    return _call("string_to_blob", bin)


@_of_bin
def string_split(bin: Any, separator: Any = None) -> Expression:
    """A list of the parts between separators; None splits into code points.

    Args:
        bin: The bin's name, or an expression that gives a string.
        separator: What is between the parts.
    """
    return _call("string_split", bin, val=_optional(separator, "separator"))


@_of_bin
def string_base64_decode(bin: Any) -> Expression:
    """The bytes that the string has in base64.

    Args:
        bin: The bin's name, or an expression that gives a string.
    """
    return _call("string_base64_decode", bin)


@_of_bin
def string_regex_compare(bin: Any, pattern: Any, regex_flags: int = 0) -> Expression:
    """Whether a regular expression matches; see STRING_REGEX_...

    Args:
        bin: The bin's name, or an expression that gives a string.
        pattern: The regular expression.
        regex_flags: STRING_REGEX_ constants, put together with |.
    """
    return _call(
        "string_regex_compare",
        bin,
        val=_expression(pattern, "pattern"),
        flags=check_flags(regex_flags, "regex_flags", 31),
    )


@_of_bin
def string_insert(
    bin: Any, index: Any, value: Any, policy: StringPolicy | None = None
) -> Expression:
    """The string that `string_operations.string_insert` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        index: The code point's index, from 0; negative from the end.
        value: The text.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_insert",
        bin,
        index=_expression(index, "index"),
        val=_expression(value, "value"),
        string_policy=flags_policy(policy, "string_policy"),
    )


@_of_bin
def string_overwrite(
    bin: Any, index: Any, value: Any, policy: StringPolicy | None = None
) -> Expression:
    """The string that `string_operations.string_overwrite` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        index: The code point's index, from 0; negative from the end.
        value: The text.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_overwrite",
        bin,
        index=_expression(index, "index"),
        val=_expression(value, "value"),
        string_policy=flags_policy(policy, "string_policy"),
    )


@_of_bin
def string_concat(bin: Any, values: list[str], policy: StringPolicy | None = None) -> Expression:
    """The string that `string_operations.string_concat` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        values: The texts.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_concat",
        bin,
        val=check_list(values, "values"),
        string_policy=flags_policy(policy, "string_policy"),
    )


@_of_bin
def string_snip(
    bin: Any, start: Any, end: Any = None, policy: StringPolicy | None = None
) -> Expression:
    """The string that `string_operations.string_snip` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        start: The first code point's index, from 0; negative from the end.
        end: The index that the part ends before.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_snip",
        bin,
        index=_expression(start, "start"),
        end=_optional(end, "end"),
        string_policy=flags_policy(policy, "string_policy"),
    )


@_of_bin
def string_replace(
    bin: Any, needle: Any, replacement: str, policy: StringPolicy | None = None
) -> Expression:
    """The string that `string_operations.string_replace` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        needle: The text to look for.
        replacement: What takes its place.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_replace",
        bin,
        val=_expression(needle, "needle"),
        replacement=check_str(replacement, "replacement"),
        string_policy=flags_policy(policy, "string_policy"),
    )


@_of_bin
def string_replace_all(
    bin: Any, needle: Any, replacement: str, policy: StringPolicy | None = None
) -> Expression:
    """The string that `string_operations.string_replace_all` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        needle: The text to look for.
        replacement: What takes its place.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_replace_all",
        bin,
        val=_expression(needle, "needle"),
        replacement=check_str(replacement, "replacement"),
        string_policy=flags_policy(policy, "string_policy"),
    )


@_of_bin
def string_upper(bin: Any, policy: StringPolicy | None = None) -> Expression:
    """The string that `string_operations.string_upper` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        policy: How to write; see `StringPolicy`.
    """
    return _call("string_upper", bin, string_policy=flags_policy(policy, "string_policy"))


@_of_bin
def string_lower(bin: Any, policy: StringPolicy | None = None) -> Expression:
    """The string that `string_operations.string_lower` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        policy: How to write; see `StringPolicy`.
    """
    return _call("string_lower", bin, string_policy=flags_policy(policy, "string_policy"))


@_of_bin
def string_casefold(bin: Any, policy: StringPolicy | None = None) -> Expression:
    """The string that `string_operations.string_casefold` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        policy: How to write; see `StringPolicy`.
    """
    return _call("string_casefold", bin, string_policy=flags_policy(policy, "string_policy"))


@_of_bin
def string_normalize_nfc(bin: Any, policy: StringPolicy | None = None) -> Expression:
    """The string that `string_operations.string_normalize_nfc` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        policy: How to write; see `StringPolicy`.
    """
    return _call("string_normalize_nfc", bin, string_policy=flags_policy(policy, "string_policy"))


@_of_bin
def string_trim_start(bin: Any, policy: StringPolicy | None = None) -> Expression:
    """The string that `string_operations.string_trim_start` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        policy: How to write; see `StringPolicy`.
    """
    return _call("string_trim_start", bin, string_policy=flags_policy(policy, "string_policy"))


@_of_bin
def string_trim_end(bin: Any, policy: StringPolicy | None = None) -> Expression:
    """The string that `string_operations.string_trim_end` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        policy: How to write; see `StringPolicy`.
    """
    return _call("string_trim_end", bin, string_policy=flags_policy(policy, "string_policy"))


@_of_bin
def string_trim(bin: Any, policy: StringPolicy | None = None) -> Expression:
    """The string that `string_operations.string_trim` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        policy: How to write; see `StringPolicy`.
    """
    return _call("string_trim", bin, string_policy=flags_policy(policy, "string_policy"))


@_of_bin
def string_pad_start(
    bin: Any, target_length: Any, pad_string: Any, policy: StringPolicy | None = None
) -> Expression:
    """The string that `string_operations.string_pad_start` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        target_length: How many code points the string is to have.
        pad_string: What is put in, again and again.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_pad_start",
        bin,
        count=_expression(target_length, "target_length"),
        val=_expression(pad_string, "pad_string"),
        string_policy=flags_policy(policy, "string_policy"),
    )


@_of_bin
def string_pad_end(
    bin: Any, target_length: Any, pad_string: Any, policy: StringPolicy | None = None
) -> Expression:
    """The string that `string_operations.string_pad_end` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        target_length: How many code points the string is to have.
        pad_string: What is put in, again and again.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_pad_end",
        bin,
        count=_expression(target_length, "target_length"),
        val=_expression(pad_string, "pad_string"),
        string_policy=flags_policy(policy, "string_policy"),
    )


@_of_bin
def string_repeat(bin: Any, count: Any, policy: StringPolicy | None = None) -> Expression:
    """The string that `string_operations.string_repeat` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        count: How often.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_repeat",
        bin,
        count=_expression(count, "count"),
        string_policy=flags_policy(policy, "string_policy"),
    )


@_of_bin
def string_regex_replace(
    bin: Any,
    pattern: Any,
    replacement: str,
    regex_flags: int = 0,
    policy: StringPolicy | None = None,
) -> Expression:
    """The string that `string_operations.string_regex_replace` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        pattern: The regular expression.
        replacement: What takes its place.
        regex_flags: STRING_REGEX_ constants, put together with |.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_regex_replace",
        bin,
        val=_expression(pattern, "pattern"),
        replacement=check_str(replacement, "replacement"),
        flags=check_flags(regex_flags, "regex_flags", 31),
        string_policy=flags_policy(policy, "string_policy"),
    )


@_of_bin
def string_append(bin: Any, value: Any, policy: StringPolicy | None = None) -> Expression:
    """The string that `string_operations.string_append` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        value: The text.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_append",
        bin,
        val=_expression(value, "value"),
        string_policy=flags_policy(policy, "string_policy"),
    )


@_of_bin
def string_prepend(bin: Any, value: Any, policy: StringPolicy | None = None) -> Expression:
    """The string that `string_operations.string_prepend` would write.

    Args:
        bin: The bin's name, or an expression that gives a string.
        value: The text.
        policy: How to write; see `StringPolicy`.
    """
    return _call(
        "string_prepend",
        bin,
        val=_expression(value, "value"),
        string_policy=flags_policy(policy, "string_policy"),
    )
