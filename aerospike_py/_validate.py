"""The rules that arguments are checked by, in one place.

A wrong type is a TypeError and a wrong value an InvalidArgError, which is a ValueError, too. Both
begin with the path to the argument: `keys[777]`, `policy['ttl']`, `ops[3]['val']`. What is checked
is given back as an exact built-in, so that the encoder takes it.
"""

import operator
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

from .exception import AerospikeError, BinNameError, InvalidArgError

BIN_NAME_BYTES_MAX = 15
COUNT_MAX = 2**16 - 1
"""How many operations or bins a request on one record has at most: the server counts in 16 bits."""
_TTL_MAX = 2**31 - 1
_TTL_NAMES = {-1: "never", -2: "as it is", -3: "the client's default"}

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


def wrong_type(path: str, wanted: str, value: object) -> TypeError:
    """The error for a value of a wrong type."""
    return TypeError(f"{path} must be {wanted}, not {type(value).__name__}")


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """The end of a message about a word that is unknown: the nearest known one, or all of them."""
    from difflib import get_close_matches  # Only needed here, and slow to import.

    listed = list(known)
    near = get_close_matches(str(given), listed, n=1, cutoff=0.5)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; there are {', '.join(listed)}" if listed else "; there are none"


def unknown_key(path: str, key: object, what: str, known: Iterable[str]) -> InvalidArgError:
    """The error for a key of a dict that `what` has not."""
    return InvalidArgError(f"{path}[{key!r}]: {what} has no such key{did_you_mean(key, known)}")


def at(path: str, error: E, own: str = "") -> E:
    """The error with the path to where it is before its message.

    Args:
        path: The path.
        error: The error of a part of what is there.
        own: What its message may begin with, which the path then takes the place of.
    """
    made: Any
    if isinstance(error, UnicodeError):
        made = error
        made.reason = f"{made.reason} ({path})"
    else:
        text = error.message if isinstance(error, AerospikeError) else str(error)
        text = (
            f"{path}{text.removeprefix(own)}" if own and text.startswith(own) else f"{path}: {text}"
        )
        made = type(error)(text)
        made.__cause__ = error.__cause__
    found: E = made
    return found


def each(path: str, check: Callable[[Any], T], values: Iterable[Any], own: str = "") -> list[T]:
    """What `check` makes of each of the values; an error says which one it is of.

    Args:
        path: The path to the values.
        check: Makes something of a value, or raises.
        values: The values.
        own: What the messages of `check` begin with when they are of the whole value.
    """
    checked = []
    for index, value in enumerate(values):
        try:
            checked.append(check(value))
        except (TypeError, ValueError, OverflowError, BinNameError) as error:
            raise at(f"{path}[{index}]", error, own) from None
    return checked


# Numbers


class Integer(NamedTuple):
    """An int from `low` to `high`."""

    low: int
    high: int

    def check(self, value: Any, path: str) -> int:
        """The value as an int."""
        number = integer(value, path)
        if not self.low <= number <= self.high:
            raise InvalidArgError(f"{path} must be from {self.low} to {self.high}, not {value!r}")
        return number


ROWS = Integer(1, 2**31 - 1)
"""How many records go into one table, array or batch."""


class Milliseconds(NamedTuple):
    """Milliseconds from `low` to 2**31 - 1, or a timedelta."""

    low: int = 0

    def check(self, value: Any, path: str) -> int:
        """The milliseconds."""
        if hasattr(value, "total_seconds"):
            value = _rounded_up(value.total_seconds() * 1000)
        elif not hasattr(value, "__index__") or isinstance(value, bool):
            raise wrong_type(path, "milliseconds as an int, or a timedelta", value)
        return Integer(self.low, 2**31 - 1).check(value, path)


class TimeToLive(NamedTuple):
    """Seconds, a timedelta, when it ends, a TTL_ constant, or what a record's metadata say."""

    def check(self, value: Any, path: str) -> int:
        """The seconds, or the constant."""
        if hasattr(value, "total_seconds"):
            number = _rounded_up(value.total_seconds())
        elif is_moment(value):
            return _seconds_until(value, path)
        elif not hasattr(value, "__index__") or isinstance(value, bool):
            wanted = "seconds as an int, a timedelta, a datetime or a TTL_ constant"
            raise wrong_type(path, wanted, value)
        else:
            number = integer(value, path)
        if number - 2**32 in _TTL_NAMES:  # The unsigned forms, as the server has them.
            number -= 2**32
        if number not in _TTL_NAMES and not 0 <= number <= _TTL_MAX:
            raise InvalidArgError(
                f"{path} must be seconds from 0 to {_TTL_MAX} or a TTL_ constant, not {value!r}"
            )
        return number


def is_moment(value: Any) -> bool:
    """Whether it is a datetime."""
    return hasattr(value, "timestamp") and hasattr(value, "tzinfo")


def check_moment(value: Any, path: str) -> Any:
    """A datetime, which must have a time zone.

    Raises:
        InvalidArgError: It has none.
    """
    if value.tzinfo is None:
        raise InvalidArgError(f"{path} must have a time zone when it is a datetime: {value}")
    return value


def _seconds_until(moment: Any, path: str) -> int:
    left = _rounded_up(check_moment(moment, path).timestamp() - time.time())
    if not 0 < left <= _TTL_MAX:
        raise InvalidArgError(f"{path} must be in the next 68 years, not {moment}")
    return left


def _rounded_up(number: float) -> int:
    return -int(-number // 1)


class Choice(NamedTuple):
    """One of some constants."""

    prefix: str
    values: frozenset[int]

    def check(self, value: Any, path: str) -> int:
        """The value as an int."""
        if not hasattr(value, "__index__") or isinstance(value, bool):
            raise wrong_type(path, f"one of the {self.prefix} constants", value)
        number = integer(value, path)
        if number not in self.values:
            raise InvalidArgError(
                f"{path} must be one of the {self.prefix} constants, not {value!r}"
            )
        return number


class Boolean(NamedTuple):
    """True or False."""

    def check(self, value: Any, path: str) -> int:
        """The value as an int."""
        return int(check_bool(value, path))


Rule: TypeAlias = Integer | Milliseconds | TimeToLive | Choice | Boolean


def integer(value: Any, path: str) -> int:
    """The int, which may be a NumPy integer or another that is exact, but no bool.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise wrong_type(path, "an int", value)


def check_int(value: Any, name: str) -> int:
    """`value`, which must be an int and not a bool. NumPy's integers become int.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return integer(value, name)


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
    raise wrong_type(name, "a bool", value)


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


def check_count(path: str, things: str, count: int) -> None:
    """Raises an InvalidArgError when a request on one record has too many of something."""
    if count > COUNT_MAX:
        raise InvalidArgError(
            f"{path} has {count} {things}; a request on a record has at most {COUNT_MAX}"
        )


# Text and bytes


def check_str(value: Any, name: str) -> str:
    """`value`, which must be a str.

    Raises:
        TypeError: It is not.
    """
    if isinstance(value, str):
        return value
    raise wrong_type(name, "a str", value)


def check_text(value: Any, name: str) -> str:
    """`value` as a plain str, which must be a str without lone surrogates.

    The error of encoding it would show all of it, and it may be a secret.

    Raises:
        TypeError: It is no str.
        InvalidArgError: It has a lone surrogate.
    """
    text = str.__str__(check_str(value, name))
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidArgError(f"{name} must not have lone surrogates, which are no text")
    return text


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


def check_names(values: Any, name: str, *, needed: bool = False) -> list[str]:
    """`values` as a list of plain strs that are not empty.

    Raises:
        TypeError: It is no list, or a member is no str.
        InvalidArgError: A member is empty, or there is none although one is needed.
    """
    listed = check_iterable(values, name, "a list of str")
    checked = [check_name(value, f"{name}[{index}]") for index, value in enumerate(listed)]
    if needed and not checked:
        raise InvalidArgError(f"{name} must have at least one member")
    return checked


def check_bytes(value: Any, name: str) -> bytes:
    """`value`, bytes or what is like them, as bytes.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise wrong_type(name, "bytes", value)


def check_bin_name(name: Any, path: str = "a bin name") -> None:
    """Raises unless `name` can be the name of a bin.

    Raises:
        TypeError: It is not a str.
        BinNameError: It is empty, or has more than 15 bytes in UTF-8.
        UnicodeEncodeError: It has a lone surrogate.
    """
    if not isinstance(name, str):
        raise TypeError(f"{path} must be a str, not {type(name).__name__}: {name!r:.100}")
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:
        raise at(path, error) from None
    if length > BIN_NAME_BYTES_MAX:
        raise BinNameError(
            f"{path} must have at most {BIN_NAME_BYTES_MAX} bytes, and {name!r:.100} has {length}"
        )
    if length == 0:
        raise BinNameError(f"{path} must not be empty")


def bin_names(names: Any, path: str = "bins") -> list[str]:
    """A list of bin names as a method's argument.

    Raises:
        TypeError: It is not a list of str.
        InvalidArgError: It is empty, or too long.
        BinNameError: A name is empty or too long.
    """
    listed = check_iterable(names, path, "a list of bin names")
    if not listed:
        raise InvalidArgError(f"{path} must have at least one bin name")
    check_count(path, "names", len(listed))
    for index, name in enumerate(listed):
        check_bin_name(name, f"{path}[{index}]")
    return [str.__str__(name) for name in listed]


def set_argument(set_name: Any) -> str:
    """The set's name; "" stands for the whole namespace.

    Raises:
        TypeError: It is neither str nor None.
    """
    if set_name is None:
        return ""
    if not isinstance(set_name, str):
        raise wrong_type("set_name", "a str or None", set_name)
    return str.__str__(set_name)


def namespace_argument(namespace: Any) -> str:
    """The namespace.

    Raises:
        TypeError: It is not a str.
        InvalidArgError: It is empty.
    """
    return check_name(namespace, "namespace")


# Lists and dicts


def check_list(value: Any, name: str) -> list[Any]:
    """`value`, a sequence that is neither text nor bytes, as a list.

    Raises:
        TypeError: It is none.
    """
    if type(value) is list:
        return value
    if is_listed(value):
        return list(value)
    raise wrong_type(name, "a list", value)


def check_iterable(value: Any, name: str, wanted: str) -> list[Any]:
    """The members of anything but text, bytes and dicts.

    Raises:
        TypeError: It has none.
    """
    if type(value) is list:
        return value
    if isinstance(value, (str, bytes, bytearray, Mapping)) or not isinstance(value, Iterable):
        raise wrong_type(name, wanted, value)
    return list(value)


def check_dict(value: Any, name: str) -> dict[Any, Any]:
    """`value`, which must be a dict or another mapping, as a dict.

    Raises:
        TypeError: It is none.
    """
    if isinstance(value, dict):
        return value
    if isinstance(value, Mapping):
        return dict(value)
    raise wrong_type(name, "a dict", value)


def is_listed(value: object) -> bool:
    """Whether it is what a list can be made of: a sequence, but neither text nor bytes."""
    return isinstance(value, Sequence) and not isinstance(
        value, (str, bytes, bytearray, memoryview)
    )
