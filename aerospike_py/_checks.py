"""Checks of arguments that several modules of builders share."""

from typing import Any

from .exception import InvalidArgError


def check_str(value: Any, name: str) -> str:
    """`value`, which must be a str.

    Raises:
        TypeError: It is not.
    """
    if isinstance(value, str):
        return value
    raise TypeError(f"{name} must be a str, not {type(value).__name__}")


def check_name(value: Any, name: str) -> str:
    """`value` as a plain str, which must be a str that is not empty.

    Raises:
        TypeError: It is no str.
        InvalidArgError: It is empty.
    """
    text = check_str(value, name)
    if not text:
        raise InvalidArgError(f"{name} must not be empty")
    return str.__str__(text)


def check_int(value: Any, name: str) -> int:
    """`value`, which must be an int and not a bool. NumPy's integers become int.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # NumPy's integers, and others that are exact.
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return int(value.__index__())
    raise TypeError(f"{name} must be an int, not {type(value).__name__}")


def check_natural(value: Any, name: str) -> int:
    """`value`, which must be an int that is not negative.

    Raises:
        TypeError: It is not an int.
        InvalidArgError: It is negative.
    """
    number = check_int(value, name)
    if number < 0:
        raise InvalidArgError(f"{name} must not be negative, but is {number}")
    return number


def check_bool(value: Any, name: str) -> bool:
    """`value`, which must be a bool.

    Raises:
        TypeError: It is not.
    """
    if isinstance(value, bool):
        return value
    raise TypeError(f"{name} must be a bool, not {type(value).__name__}")


def check_enum(value: Any, name: str, allowed: tuple[int, ...]) -> int:
    """`value`, which must be one of some ints.

    Raises:
        TypeError: It is not an int.
        InvalidArgError: It is another int.
    """
    number = check_int(value, name)
    if number not in allowed:
        choices = ", ".join(map(str, allowed))
        raise InvalidArgError(f"{name} must be one of {choices}, but is {number}")
    return number


def check_flags(value: Any, name: str, mask: int) -> int:
    """`value`, which must be an int that has only bits of a mask.

    Raises:
        TypeError: It is not an int.
        InvalidArgError: It has other bits.
    """
    number = check_int(value, name)
    if number & ~mask:
        raise InvalidArgError(f"{name} has unknown bits: {number}")
    return number


def check_list(value: Any, name: str) -> list[Any]:
    """`value`, a list or tuple, as a list.

    Raises:
        TypeError: It is neither.
    """
    if type(value) is list:
        return value
    if isinstance(value, (list, tuple)):
        return list(value)
    raise TypeError(f"{name} must be a list, not {type(value).__name__}")


def check_dict(value: Any, name: str) -> dict[Any, Any]:
    """`value`, which must be a dict.

    Raises:
        TypeError: It is not.
    """
    if isinstance(value, dict):
        return value
    raise TypeError(f"{name} must be a dict, not {type(value).__name__}")


def check_bytes(value: Any, name: str) -> bytes:
    """`value`, bytes or what is like them, as bytes.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"{name} must be bytes, not {type(value).__name__}")
