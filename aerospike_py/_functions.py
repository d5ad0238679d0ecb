"""How requests name a function of the server and its arguments."""

from collections.abc import Iterable, Mapping
from typing import Any

from ._checks import check_name
from ._values import plain_value

LUA_SUFFIX = ".lua"


def function_call(module: Any, function: Any, args: Any) -> tuple[str, str, list[Any]]:
    """The module without its suffix, the function, and its arguments as the encoder takes them.

    Raises:
        TypeError: A name is not a str, the arguments are not a list, or one's type cannot be sent.
        InvalidArgError: A name is empty.
        OverflowError: An int does not fit into 64 bits.
        ValueError: Lists and maps are nested too deep.
    """
    name = check_name(module, "a module's name").removesuffix(LUA_SUFFIX)
    if args is None:
        args = []
    elif isinstance(args, (str, bytes, Mapping)) or not isinstance(args, Iterable):
        raise TypeError(f"args must be a list, not {type(args).__name__}")
    values: list[Any] = plain_value(list(args), "args")
    return name, check_name(function, "a function's name"), values
