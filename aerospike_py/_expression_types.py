"""Whether the types within an expression agree, which the server says no more of than "invalid".

Only what is certain is refused: where a type is known first when the record is, such as that of a
list's element, anything goes.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ._validate import did_you_mean
from .exception import InvalidArgError
from .types import GeoJSON, HyperLogLog

# By EXP_TYPE_ constant: the name in messages, and in the names of builders.
_SHOWN = {
    1: ("a bool", "bool"),
    2: ("an int", "int"),
    3: ("a str", "string"),
    4: ("a list", "list"),
    5: ("a map", "map"),
    6: ("bytes", "blob"),
    7: ("a float", "float"),
    8: ("GeoJSON", "geo"),
    9: ("a HyperLogLog", "hll"),
}
_BOOL, _INT, _STR, _LIST, _MAP, _BLOB, _FLOAT, _GEO, _HLL = range(1, 10)
_ANY = None

_Type = int | None
_Scope = Mapping[str, _Type]

_RETURN_COUNT = 5
_RETURN_VALUE = 7
_RETURN_EXISTS = (9,)
_INVERTED = 0x10000

_PREFIX_TYPE = {"bit_": _BLOB, "hll_": _HLL, "list_": _LIST, "map_": _MAP}
_CONSTANTS = {
    **{f"{builder}_val": kind for kind, (_, builder) in _SHOWN.items()},
    **{f"{builder}_bin": kind for kind, (_, builder) in _SHOWN.items()},
    "bin_exists": _BOOL,
    "bin_type": _INT,
    "key_exists": _BOOL,
    "set_name": _STR,
    "is_tombstone": _BOOL,
    **dict.fromkeys(
        (
            *("record_size", "device_size", "memory_size", "last_update", "since_update"),
            *("void_time", "ttl", "digest_modulo"),
        ),
        _INT,
    ),
}
_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_LOGIC = frozenset({"and", "or", "xor"})
# What takes numbers of one type, and gives one of that type.
_NUMERIC = frozenset({"num_add", "num_sub", "num_mul", "num_div", "num_abs", "min", "max"})
# What takes certain types, and what it gives.
_FIXED: dict[str, tuple[tuple[_Type, ...], _Type]] = {
    "num_mod": ((_INT, _INT), _INT),
    "num_pow": ((_FLOAT, _FLOAT), _FLOAT),
    "num_log": ((_FLOAT, _FLOAT), _FLOAT),
    "num_floor": ((_FLOAT,), _FLOAT),
    "num_ceil": ((_FLOAT,), _FLOAT),
    "to_int": ((_FLOAT,), _INT),
    "to_float": ((_INT,), _FLOAT),
    "int_not": ((_INT,), _INT),
    "int_lshift": ((_INT, _INT), _INT),
    "int_rshift": ((_INT, _INT), _INT),
    "int_arshift": ((_INT, _INT), _INT),
    "int_count": ((_INT,), _INT),
    "int_lscan": ((_INT, _BOOL), _INT),
    "int_rscan": ((_INT, _BOOL), _INT),
}
_INTS = frozenset({"int_and", "int_or", "int_xor"})
_CHANGES = frozenset(
    {
        *("list_append", "list_append_items", "list_insert", "list_insert_items"),
        *("list_increment", "list_set", "list_clear", "list_sort"),
        *("map_put", "map_put_items", "map_increment", "map_clear"),
        *("bit_resize", "bit_insert", "bit_remove", "bit_set", "bit_or", "bit_xor", "bit_and"),
        *("bit_not", "bit_lshift", "bit_rshift", "bit_add", "bit_subtract", "bit_set_int"),
        *("hll_init", "hll_add"),
    }
)
# What calls on bins give, where that is certain.
_RESULTS = {
    "list_size": _INT,
    "map_size": _INT,
    "map_keys": _LIST,
    "map_values": _LIST,
    "bit_get": _BLOB,
    "bit_get_int": _INT,
    "bit_count": _INT,
    "bit_lscan": _INT,
    "bit_rscan": _INT,
    "hll_get_count": _INT,
    "hll_get_union": _HLL,
    "hll_get_union_count": _INT,
    "hll_get_intersect_count": _INT,
    "hll_get_similarity": _FLOAT,
    "hll_describe": _LIST,
    "hll_may_contain": _INT,
}


def check_types(tree: Any) -> None:
    """Raises an InvalidArgError when types within an expression cannot agree."""
    with contextlib.suppress(RecursionError):  # The encoder says what is nested too deep.
        _type_of(tree, {})


def check_filter(tree: Any) -> None:
    """Raises an InvalidArgError when an expression is neither true nor false."""
    kind = _type_of(tree, {})
    if kind not in (_ANY, _BOOL):
        _refuse(f"a filter is true or false, and {tree['__expr__']} gives {_SHOWN[kind][0]}")


def _refuse(text: str) -> NoReturn:
    raise InvalidArgError(f"expression: {text}")


def _type_of(node: Any, scope: _Scope) -> _Type:
    if not isinstance(node, dict) or "__expr__" not in node:
        return _type_of_constant(node)
    name = node["__expr__"]
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    if name in _COMPARISONS:
        _compare(name, node.get("left"), node.get("right"), scope)
        return _BOOL
    if name in _LOGIC:
        for each in node.get("exprs") or ():
            _expect(name, each, _BOOL, scope)
        return _BOOL
    if name in _NUMERIC or name in _INTS or name in _FIXED:
        return _number(name, node.get("exprs") or (), scope)
    special = _SPECIAL.get(name)
    if special is not None:
        return special(node, scope)
    return _call(name, node, scope)


def _type_of_constant(value: Any) -> _Type:
    if isinstance(value, bool):
        return _BOOL
    for kind, found in (
        (int, _INT),
        (str, _STR),
        (float, _FLOAT),
        (HyperLogLog, _HLL),
        ((bytes, bytearray, memoryview), _BLOB),
        ((list, tuple), _LIST),
        (dict, _MAP),
        (GeoJSON, _GEO),
    ):
        if isinstance(value, kind):
            return found
    return _ANY


def _compare(name: str, left: Any, right: Any, scope: _Scope) -> None:
    kinds = _type_of(left, scope), _type_of(right, scope)
    if _ANY in kinds or kinds[0] == kinds[1]:
        return
    first, second = kinds
    assert first is not None
    assert second is not None
    text = f"{name}: {_SHOWN[first][0]} is compared with {_SHOWN[second][0]}"
    _refuse(text + (_meant(left, first, second) or _meant(right, second, first)))


def _meant(value: Any, kind: int, other: int) -> str:
    """What may have been meant by a constant beside something of another type."""
    if isinstance(value, dict) and "__expr__" in value:
        if value["__expr__"] != "string_val" or not isinstance(value.get("val"), str):
            return ""
        value = value["val"]
    if isinstance(value, str):
        if other == _INT and value.isdecimal():
            return f"; did you mean {int(value[:40])}?"
        if other == _GEO:
            return f"; did you mean geo_val({value!r:.40})?"
        return f"; did you mean {_SHOWN[other][1]}_bin({value!r:.40})?"
    if kind == _INT and other == _FLOAT and not isinstance(value, bool):
        return f"; did you mean {float(value)!r}?"
    if kind == _FLOAT and other == _INT and float(value).is_integer():
        return f"; did you mean {int(value)}?"
    return ""


def _expect(name: str, node: Any, wanted: int, scope: _Scope) -> None:
    kind = _type_of(node, scope)
    if kind not in (_ANY, wanted):
        assert kind is not None
        hint = _meant(node, kind, wanted)
        _refuse(f"{name} takes {_SHOWN[wanted][0]}, not {_SHOWN[kind][0]}{hint}")


def _number(name: str, values: Sequence[Any], scope: _Scope) -> _Type:
    if name in _INTS:
        for each in values:
            _expect(name, each, _INT, scope)
        return _INT
    if name in _FIXED:
        wanted, result = _FIXED[name]
        for each, kind in zip(values, wanted, strict=False):
            assert kind is not None
            _expect(name, each, kind, scope)
        return result
    found: _Type = _ANY
    known: Any = None
    for each in values:
        kind = _type_of(each, scope)
        if kind is _ANY:
            continue
        if kind not in (_INT, _FLOAT):
            hint = _meant(each, kind, found or _INT)
            _refuse(f"{name} takes numbers, not {_SHOWN[kind][0]}{hint}")
        if found not in (_ANY, kind):
            assert found is not None
            hint = _meant(each, kind, found) or _meant(known, found, kind)
            _refuse(f"{name} takes numbers of one type, not an int and a float{hint}")
        found, known = kind, each
    return found


def _not(node: Any, scope: _Scope) -> _Type:
    _expect("not", node.get("expr"), _BOOL, scope)
    return _BOOL


def _key(node: Any, _scope: _Scope) -> _Type:
    return _exp_type(node.get("exp_type"))


def _exp_type(value: Any) -> _Type:
    return value if value in _SHOWN else _ANY


def _regex(node: Any, scope: _Scope) -> _Type:
    _expect("regex_compare", node.get("bin"), _STR, scope)
    return _BOOL


def _geo(node: Any, scope: _Scope) -> _Type:
    _expect("geo_compare", node.get("left"), _GEO, scope)
    _expect("geo_compare", node.get("right"), _GEO, scope)
    return _BOOL


def _in_list(node: Any, scope: _Scope) -> _Type:
    _type_of(node.get("left"), scope)
    _expect("in_list", node.get("right"), _LIST, scope)
    return _BOOL


def _cond(node: Any, scope: _Scope) -> _Type:
    values = list(node.get("exprs") or ())
    for condition in values[:-1:2]:
        _expect("cond", condition, _BOOL, scope)
    found: _Type = _ANY
    for value in (*values[1::2], *values[-1:]):
        kind = _type_of(value, scope)
        if kind is not _ANY and found not in (_ANY, kind):
            assert found is not None
            _refuse(f"cond gives {_SHOWN[found][0]} or {_SHOWN[kind][0]}; it gives one type")
        found = found if kind is _ANY else kind
    return found


def _let(node: Any, scope: _Scope) -> _Type:
    inner = dict(scope)
    *definitions, last = node.get("exprs") or (None,)
    for each in definitions:
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            inner[each["name"]] = _type_of(each.get("value"), inner)
    return _type_of(last, inner)


def _var(node: Any, scope: _Scope) -> _Type:
    name = node.get("name")
    if name not in scope:
        hint = did_you_mean(name, scope) if scope else ", as it is in no let_"
        _refuse(f"var({name!r:.40}) is not defined{hint}")
    return scope[name]


def _call(name: Any, node: Any, scope: _Scope) -> _Type:
    """A call on a list, map, blob or HyperLogLog; anything of what is not known."""
    if not isinstance(name, str) or name == "compiled":
        return _ANY
    source = node.get("bin")
    prefix = name.partition("_")[0] + "_"
    wanted = _PREFIX_TYPE.get(prefix)
    if wanted is None or source is None:
        return _ANY
    # A list for a map, or the reverse, is no mistake to the server: the filter does not hold.
    if wanted in (_BLOB, _HLL) and not isinstance(source, str) and node.get("ctx") is None:
        _expect(name, source, wanted, scope)
    for field in ("val", "val_end", "map_key", "index", "rank", "count"):
        _type_of(node.get(field), scope)
    if name in _RESULTS:
        return _RESULTS[name]
    if name in _CHANGES:  # What changes it gives all of it.
        return wanted if node.get("ctx") is None else _ANY
    if "_get_" not in name:
        return _ANY
    returned = (node.get("return_type") or 0) & ~_INVERTED
    if returned == _RETURN_COUNT:
        return _INT
    if returned in _RETURN_EXISTS:
        return _BOOL
    return _exp_type(node.get("exp_type")) if returned == _RETURN_VALUE else _ANY


_SPECIAL = {
    "not": _not,
    "key": _key,
    "loop_var": _key,
    "regex_compare": _regex,
    "geo_compare": _geo,
    "in_list": _in_list,
    "cond": _cond,
    "let": _let,
    "var": _var,
}
