"""What the builders of operations share, and how requests carry operations and function calls."""

# ruff: noqa: A002  (`bin` is the field's word, and users pass it by name)

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

from ._codec import pack_operate, pack_plain
from ._validate import (
    COUNT_MAX,
    check_count,
    check_dict,
    check_int,
    check_iterable,
    check_name,
    check_str,
    unknown_key,
    wrong_type,
)
from ._values import Converts, Raw, encode, plain_value
from .exception import InvalidArgError

Operation: TypeAlias = dict[str, Any]
"""One operation: its number, its bin, and what it needs besides."""

LUA_SUFFIX = ".lua"
_RETURN_INVERTED = 0x10000

_ORDER_NAMES = {
    "list_policy": ("list_order", "order"),
    "map_policy": ("map_order", "order"),
    "bit_policy": (),
    "hll_policy": (),
    "string_policy": (),
}
# No request of fewer bytes has more operations than one may have.
_MANY_BYTES = COUNT_MAX
_KINDS = {
    "list_policy": "list",
    "map_policy": "map",
    "bit_policy": "bit",
    "hll_policy": "HyperLogLog",
}
_FLAG_NAMES = ("write_flags", "flags", "write_mode")
_ORDERS = {"list_policy": (0, 1), "map_policy": (0, 1, 3)}
_FLAGS_MASK = 0xF
# The content of policies that were found valid, as the same ones come again and again.
_checked: dict[tuple[Any, ...], tuple[int, int]] = {}
_CHECKED_MAX = 256
# Fields in which None is a value and not the absence of one.
_NULLABLE = frozenset({"val", "val_end", "map_key"})


P = ParamSpec("P")
R = TypeVar("R")


def also_named(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Has a builder take other clients' names of its arguments, too.

    Args:
        names: The argument's own name, by the other one.
    """

    def decorate(build: Callable[P, R]) -> Callable[P, R]:
        @wraps(build)
        def build_by_name(*args: P.args, **kwargs: P.kwargs) -> R:
            for other, own in names.items():
                if other in kwargs:
                    if own in kwargs:
                        raise TypeError(
                            f"{build.__name__}: {other!r} is another name of {own!r}; give one"
                        )
                    kwargs[own] = kwargs.pop(other)
            return build(*args, **kwargs)

        return build_by_name

    return decorate


def make(op: int, bin: str, ctx: Any, **fields: Any) -> Operation:
    """An operation without the fields that are not set.

    Raises:
        TypeError: The bin's name is not a str, or the context not a list.
    """
    operation: Operation = {"op": op, "bin": bin, **fields}
    if type(bin) is not str:
        check_str(bin, "bin")
    for name, value in fields.items():
        if value is None and name not in _NULLABLE:
            del operation[name]
    if ctx is not None:
        operation["ctx"] = check_context(ctx)
    return operation


def check_context(ctx: Any) -> list[Any]:
    """`ctx`, which must be a list of steps.

    Raises:
        TypeError: It is not a list, or a step is not a tuple.
        InvalidArgError: It has no step.
    """
    if not isinstance(ctx, (list, tuple)):
        raise TypeError(f"ctx must be a list of steps (see cdt_ctx), not {type(ctx).__name__}")
    if isinstance(ctx, tuple) and ctx and isinstance(ctx[0], str):
        raise TypeError("ctx must be a list of steps; this is a single one")
    if not ctx:
        raise InvalidArgError("ctx must have at least one step")
    for step in ctx:
        if not isinstance(step, (list, tuple)):
            raise TypeError(f"a step of ctx must be made by cdt_ctx, not {type(step).__name__}")
    return list(ctx)


def return_type_of(value: Any, known: frozenset[int], prefix: str) -> int:
    """`value`, which must be a return type, perhaps inverted.

    Raises:
        TypeError: It is not an int.
        InvalidArgError: There is no such return type.
    """
    number = check_int(value, "return_type")
    if number & ~_RETURN_INVERTED not in known:
        raise InvalidArgError(f"return_type {number} is none of the {prefix}_... constants")
    return number


def list_policy(policy: Any, *, takes_order: bool = True) -> Any:
    """`policy` unchanged, which must be None or a policy of list operations.

    Raises:
        TypeError: It is not a dict, or a value in it is not an int.
        InvalidArgError: A key is unknown, a value out of range, or two synonyms differ.
    """
    order, _ = _check_policy(policy, "list_policy")
    if order and not takes_order:
        raise InvalidArgError("list_policy: this operation takes no order, only write flags")
    return policy


def map_policy(policy: Any, *, takes_flags: bool = True) -> Any:
    """`policy` unchanged, which must be None or a policy of map operations.

    Raises:
        TypeError: It is not a dict, or a value in it is not an int.
        InvalidArgError: A key is unknown, a value out of range, or two synonyms differ.
    """
    _, flags = _check_policy(policy, "map_policy")
    if flags and not takes_flags:
        raise InvalidArgError("map_policy: this operation takes no write flags, only an order")
    return policy


def flags_policy(policy: Any, name: str) -> Any:
    """`policy` unchanged, which must be None or a policy of write flags alone.

    Raises:
        TypeError: It is not a dict, or a value in it is not an int.
        InvalidArgError: A key is unknown, a value out of range, or two synonyms differ.
    """
    _check_policy(policy, name)
    return policy


def _check_policy(policy: Any, kind: str) -> tuple[int, int]:
    if policy is None:
        return 0, 0
    policy = check_dict(policy, "policy")
    content = (kind, *policy.items())
    try:
        known = _checked.get(content)
    except TypeError:  # A value that has no hash, and so is none of those that are allowed.
        known = None
    if known is None:
        known = _look_at_policy(policy, kind)
        if len(_checked) >= _CHECKED_MAX:
            _checked.clear()
        _checked[content] = known
    return known


def _look_at_policy(policy: dict[Any, Any], kind: str) -> tuple[int, int]:
    known = (*_ORDER_NAMES[kind], *_FLAG_NAMES)
    if kind == "map_policy":
        known = (*known, "persist_index")
    for key in policy:
        if key not in known:
            raise unknown_key("policy", key, f"a {_KINDS[kind]} policy", known)
    order = _synonyms(policy, _ORDER_NAMES[kind])
    flags = _synonyms(policy, _FLAG_NAMES)
    if order and order not in _ORDERS[kind]:
        raise InvalidArgError(f"policy: there is no order {order} of a {_KINDS[kind]}")
    if flags & ~_FLAGS_MASK:
        raise InvalidArgError(f"policy: there are no write flags {flags} of a {_KINDS[kind]}")
    return order, flags


def _synonyms(policy: dict[str, Any], names: tuple[str, ...]) -> int:
    found: dict[str, int] = {
        name: check_int(policy[name], f"policy[{name!r}]")
        for name in names
        if policy.get(name) is not None
    }
    if len(set(found.values())) > 1:
        given = ", ".join(f"{name!r} {value}" for name, value in found.items())
        raise InvalidArgError(f"policy has different values for the same: {given}")
    return next(iter(found.values()), 0)


def within_count(ops: Any, request: bytes | None) -> bytes | None:
    """The request that was made of operations; an InvalidArgError when they are too many."""
    if request is not None and len(request) > _MANY_BYTES:
        check_count("ops", "operations", len(ops))
    return request


def plain_operations(operations: Any, converts: Converts | None = None) -> list[dict[str, Any]]:
    """The operations, made of the encoder's own types.

    Args:
        operations: A list of dicts.
        converts: Makes of values what a bin holds; None: nothing does.

    Raises:
        TypeError: The operations are not a list of dicts, or a value is of a type that a bin
            cannot hold.
        InvalidArgError: There is no operation, or one says not which it is.
        OverflowError: An int does not fit into 64 bits.
        UnicodeEncodeError: A str has lone surrogates.
        ValueError: Lists and maps are nested too deep.
    """
    return [
        plain_operation(operation, f"ops[{index}]", converts)
        for index, operation in enumerate(check_operations(operations))
    ]


def check_operations(operations: Any) -> list[Any]:
    """`operations`, which must be a list of dicts that say which operation they are.

    Raises:
        TypeError: It is not a list, or an operation is not a dict.
        InvalidArgError: There is no operation, or one has no "op".
    """
    listed = check_iterable(operations, "ops", "a list of operations")
    if not listed:
        raise InvalidArgError("ops must have at least one operation")
    check_count("ops", "operations", len(listed))
    for index, operation in enumerate(listed):
        if not isinstance(operation, Mapping):
            raise wrong_type(f"ops[{index}]", "a dict", operation)
        if "op" not in operation:
            raise InvalidArgError(f"ops[{index}] has no 'op', one of the OPERATOR_ constants")
    return listed


def plain_operation(
    operation: Mapping[str, Any], path: str = "op", converts: Converts | None = None
) -> dict[str, Any]:
    """An operation made of the encoder's own types.

    Raises:
        TypeError: A value in it is of a type that a bin cannot hold.
        OverflowError: An int in it does not fit into 64 bits.
        UnicodeEncodeError: A str in it has lone surrogates.
        ValueError: Lists and maps in it are nested too deep.
    """
    plain: dict[str, Any] = plain_value(operation, path, converts)
    return plain


def encode_expression(expression: dict[str, Any]) -> bytes:
    """A tree of expressions as the core takes it.

    Raises:
        TypeError: A value in it is of a type that cannot be stored.
        OverflowError: An int in it does not fit into 64 bits.
        UnicodeEncodeError: A str in it has lone surrogates.
        ValueError: It is nested too deep.
    """
    return pack_plain(expression) or encode(plain_expression(expression))


def with_steps(node: dict[str, Any]) -> dict[str, Any]:
    """An expression that the core gave, with tuples as steps of contexts, as `cdt_ctx` has them."""
    if node["__expr__"] == "map_val":
        return node
    for field, value in node.items():
        if field == "ctx":
            node[field] = [tuple(step) for step in value]
        for member in value if field == "exprs" else (value,):
            if type(member) is dict and "__expr__" in member:
                with_steps(member)
    return node


def plain_expression(expression: dict[str, Any]) -> dict[str, Any]:
    """An expression made of the encoder's own types.

    Raises:
        TypeError: A value in it is of a type that cannot be stored.
        OverflowError: An int in it does not fit into 64 bits.
        UnicodeEncodeError: A str in it has lone surrogates.
        ValueError: It is nested too deep.
    """
    plain: dict[str, Any] = plain_value(expression, "expression")
    return plain


def encoded_operations(ops: Any, converts: Converts | None = None) -> Raw:
    """Operations as a request carries them.

    Args:
        ops: A list of dicts.
        converts: Makes of values what a bin holds; None: nothing does.

    Raises:
        TypeError, ValueError, OverflowError: A value is not valid.
        InvalidArgError: There is no operation, or one has no "op".
    """
    return Raw(within_count(ops, pack_operate(ops)) or encode(plain_operations(ops, converts)))


def function_call(
    module: Any, function: Any, args: Any, converts: Converts | None = None
) -> tuple[str, str, list[Any]]:
    """The module without its suffix, the function, and its arguments as the encoder takes them.

    Args:
        module: The module.
        function: The function.
        args: Its arguments, or None.
        converts: Makes of values what a bin holds; None: nothing does.

    Raises:
        TypeError: A name is not a str, the arguments are not a list, or one's type cannot be sent.
        InvalidArgError: A name is empty.
        OverflowError: An int does not fit into 64 bits.
        ValueError: Lists and maps are nested too deep.
    """
    name = check_name(module, "module").removesuffix(LUA_SUFFIX)
    if args is None:
        args = []
    listed = check_iterable(args, "args", "a list")
    values: list[Any] = plain_value(listed, "args", converts, float_keys=True)
    return name, check_name(function, "function"), values
