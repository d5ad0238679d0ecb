"""The rules that arguments are checked by, in one place.

A wrong type is a TypeError and a wrong value an InvalidArgError; both name the argument. What is
checked is given back as an exact built-in, so that the encoder takes it.
"""

import operator
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from .exception import BinNameError, InvalidArgError

BIN_NAME_BYTES_MAX = 15


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


class Integer(NamedTuple):
    """An int from `low` to `high`."""

    low: int
    high: int

    def check(self, value: Any, key: str, place: str) -> int:
        """The value as an int, or an InvalidArgError that names the key."""
        number = integer(value, key, place)
        if not self.low <= number <= self.high:
            raise InvalidArgError(
                f"'{key}' in the {place} must be from {self.low} to {self.high}, not {value!r}"
            )
        return number


class Choice(NamedTuple):
    """One of some constants."""

    prefix: str
    values: frozenset[int]

    def check(self, value: Any, key: str, place: str) -> int:
        """The value as an int, or an InvalidArgError that names the key."""
        number = integer(value, key, place)
        if number not in self.values:
            raise InvalidArgError(
                f"'{key}' in the {place} must be one of the {self.prefix}* constants, not {value!r}"
            )
        return number


class Boolean(NamedTuple):
    """True or False."""

    def check(self, value: Any, key: str, place: str) -> int:
        """The value as an int, or an InvalidArgError that names the key."""
        if not isinstance(value, bool):
            raise InvalidArgError(
                f"'{key}' in the {place} must be a bool, not {type(value).__name__}"
            )
        return int(value)


Rule: TypeAlias = Integer | Choice | Boolean


def integer(value: Any, key: str, place: str) -> int:
    """The int, or an InvalidArgError that names the key."""
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise InvalidArgError(f"'{key}' in the {place} must be an int, not {type(value).__name__}")


def unknown_key(key: object, place: str, known: Sequence[str]) -> InvalidArgError:
    """The error for a key that `place` has not."""
    from difflib import get_close_matches  # Only needed here, and slow to import.

    near = get_close_matches(str(key), known, n=1, cutoff=0)
    return InvalidArgError(f"unknown key {key!r} in the {place}; did you mean '{near[0]}'?")


def check_bin_name(name: Any) -> None:
    """Raises unless `name` can be the name of a bin.

    Raises:
        TypeError: It is not a str.
        BinNameError: It is empty, or has more than 15 bytes in UTF-8.
        UnicodeEncodeError: It has a lone surrogate.
    """
    if not isinstance(name, str):
        raise TypeError(f"a bin name must be a str, not {type(name).__name__}: {name!r:.100}")
    length = len(name.encode())
    if length > BIN_NAME_BYTES_MAX:
        raise BinNameError(
            f"bin name {name!r:.100} has {length} bytes; at most {BIN_NAME_BYTES_MAX} are allowed"
        )
    if length == 0:
        raise BinNameError("a bin name must not be empty")


def bin_names(names: Any, method: str) -> list[str]:
    """A list of bin names as a method's argument.

    Raises:
        TypeError: It is not a list or tuple of str.
        InvalidArgError: It is empty.
        BinNameError: A name is empty or too long.
    """
    if isinstance(names, (str, bytes, bytearray)) or not isinstance(names, Iterable):
        raise TypeError(f"{method}: bin names must be a list of str, not {type(names).__name__}")
    listed = list(names)
    if not listed:
        raise InvalidArgError(f"{method}: at least one bin name is needed")
    for name in listed:
        check_bin_name(name)
    return [str.__str__(name) for name in listed]


def set_argument(set_name: Any) -> str:
    """The set's name; "" stands for the whole namespace.

    Raises:
        TypeError: It is neither str nor None.
    """
    if set_name is None:
        return ""
    if not isinstance(set_name, str):
        raise TypeError(f"a set must be a str or None, not {type(set_name).__name__}")
    return str.__str__(set_name)


def namespace_argument(namespace: Any) -> str:
    """The namespace.

    Raises:
        TypeError: It is not a str.
        ValueError: It is empty.
    """
    if not isinstance(namespace, str):
        raise TypeError(f"a namespace must be a str, not {type(namespace).__name__}")
    if not namespace:
        raise ValueError("a namespace must not be empty")
    return str.__str__(namespace)
