"""Python values into MessagePack requests.

The encoder takes exact built-in types and refuses everything else, also what a record can hold:
subclasses, NumPy scalars. What it refuses takes the slow path, which makes plain values of it or
raises the error that names bin and type.
"""

import sys
from typing import Any

from . import _codec
from ._validate import check_bin_name
from .exception import InvalidArgError
from .types import GeoJSON, HyperLogLog, KeyOrderedDict, KeyValueOrderedDict

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
DEPTH_MAX = 256
"""Lists and maps within lists and maps; a list of scalars has depth 1."""

EXTENSION_GEOJSON = 23
EXTENSION_HLL = 18
EXTENSION_PAIRS = 19
"""Only in results: a map's entries in order."""
EXTENSION_COMPARISON = 126
"""Only in arguments: the wildcard and infinity of comparisons."""

encode = _codec.pack
decode = _codec.unpack

_SCALARS = frozenset({int, str, float, bytes, bool, type(None), bytearray})
_MAP_KEYS = frozenset({int, str, bytes})
"""Of maps that the server stores, or compares with them."""


class Raw(bytes):
    """A value that is encoded already."""

    __slots__ = ()


class Extension:
    """A value of a type that MessagePack has only a number for.

    Attributes:
        code: The number.
        data: The value's bytes.
    """

    __slots__ = ("code", "data")

    def __init__(self, code: int, data: bytes) -> None:
        self.code = code
        self.data = data

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Extension):
            return NotImplemented
        return (self.code, self.data) == (other.code, other.data)

    def __hash__(self) -> int:
        return hash((self.code, self.data))

    def __repr__(self) -> str:
        return f"Extension({self.code}, {self.data!r})"


def plain_bins(bins: Any) -> dict[str, Any]:
    """The bins of a record to be written, made of the encoder's own types.

    Raises:
        TypeError: `bins` is not a dict, or a value is of a type that a bin cannot hold.
        InvalidArgError: There is no bin.
        BinNameError: A name is empty or too long.
        OverflowError: An int does not fit into 64 bits.
        UnicodeEncodeError: A str has lone surrogates.
        ValueError: Lists and maps are nested too deep.
    """
    if not isinstance(bins, dict):
        raise TypeError(f"bins must be a dict, not {type(bins).__name__}")
    plain: dict[str, Any] = {}
    for name, value in dict.items(bins):
        check_bin_name(name)
        plain[str.__str__(name)] = plain_value(value, name)
    if not plain:
        raise InvalidArgError("at least one bin is needed")
    return plain


def encode_operand(key: Any, name: Any, value: Any, kinds: tuple[type, ...], method: str) -> bytes:
    """The request [key, bin, value] of a method that takes values of certain types only.

    Raises:
        TypeError: The value is of another type, or the bin name is not a str.
        BinNameError: The name is empty or too long.
        OverflowError: An int does not fit into 64 bits.
    """
    check_bin_name(name)
    plain = plain_value(value, name)
    if type(plain) not in kinds:
        allowed = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(
            f"{method}: the value for bin {name!r} must be {allowed}, not {type(value).__name__}"
        )
    return encode((key, str.__str__(name), plain))


def plain_value(value: Any, name: str, *, float_keys: bool = False) -> Any:
    """The value made of the encoder's own types.

    Args:
        value: Anything.
        name: The bin that it is for, to be named in errors.
        float_keys: Whether maps may have keys that are floats, as functions take them.

    Raises:
        TypeError: The value, or one inside it, is of a type that a bin cannot hold.
        OverflowError: An int does not fit into 64 bits.
        UnicodeEncodeError: A str has lone surrogates.
        ValueError: Lists and maps are nested too deep.
    """
    try:
        return _Plain(name, float_keys).value(value, 0)
    except RecursionError:
        # The caller's own stack is nearly used up.
        raise _too_deep(name) from None


class _Plain:
    """Makes values of the encoder's own types; `name` is the bin's, for errors."""

    __slots__ = ("keys", "name")

    def __init__(self, name: str, float_keys: bool) -> None:
        self.name = name
        self.keys = _MAP_KEYS | {float} if float_keys else _MAP_KEYS

    def value(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _SCALARS:
            if kind is int:
                return _int64(value, self.name)
            if kind is str:
                value.encode()
            return value
        if isinstance(value, (list, tuple)):
            _check_depth(depth, self.name)
            # The base type's own iteration: a subclass may have overridden it.
            members = list.__iter__(value) if isinstance(value, list) else tuple.__iter__(value)
            return [self.value(member, depth + 1) for member in members]
        if isinstance(value, dict):
            _check_depth(depth, self.name)
            return _class_of_map(value)(
                (self.key(key), self.value(member, depth + 1)) for key, member in dict.items(value)
            )
        return _unusual(value, self.name)

    def key(self, key: Any) -> Any:
        if key is not None and not isinstance(key, (bool, list, tuple, dict, GeoJSON)):
            plain = self.value(key, 0)
            if type(plain) in self.keys:
                return plain
        raise TypeError(
            f"bin {self.name!r}: a map key must be a str, int or bytes, not {type(key).__name__}"
        )


def _class_of_map(value: dict[Any, Any]) -> type[dict[Any, Any]]:
    if isinstance(value, KeyValueOrderedDict):
        return KeyValueOrderedDict
    return KeyOrderedDict if isinstance(value, KeyOrderedDict) else dict


def _unusual(value: Any, name: str) -> Any:
    if isinstance(value, GeoJSON):
        return Extension(EXTENSION_GEOJSON, value.text.encode())
    if isinstance(value, HyperLogLog):
        return Extension(EXTENSION_HLL, bytes(value))
    if isinstance(value, Extension) and value.code == EXTENSION_COMPARISON:
        return value  # The core refuses it where there is nothing to compare.
    # The base type's own methods: a subclass may have overridden them.
    if isinstance(value, int):
        return _int64(int.__pos__(value), name)
    if isinstance(value, str):
        text = str.__str__(value)
        text.encode()
        return text
    if isinstance(value, float):
        return float.__pos__(value)
    if isinstance(value, bytes):
        return bytes.__getitem__(value, slice(None))
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.integer, numpy.floating, numpy.bool_)):
        item = value.item()
        if type(item) is int:
            return _int64(item, name)
        if type(item) in _SCALARS:
            return item
    kind = type(value)
    raise TypeError(
        f"bin {name!r}: a value of type {kind.__module__}.{kind.__qualname__} cannot be stored"
    )


def _int64(value: int, name: str) -> int:
    if INT64_MIN <= value <= INT64_MAX:
        return value
    raise OverflowError(f"bin {name!r}: the int {_shown(value)} does not fit into 64 bits")


def _shown(value: int) -> str:
    # The decimal digits of a huge int take long, and Python may refuse to make them.
    return str(value) if value.bit_length() <= 256 else f"of {value.bit_length()} bits"


def _check_depth(depth: int, name: str) -> None:
    if depth >= DEPTH_MAX:
        raise _too_deep(name)


def _too_deep(name: str) -> ValueError:
    return ValueError(f"bin {name!r}: lists and maps are nested deeper than {DEPTH_MAX} levels")


def _decode_extension(code: int, data: bytes) -> Any:
    """A value that MessagePack has no type of its own for."""
    if code == EXTENSION_GEOJSON:
        return GeoJSON._from_server(str(data, "utf-8", "replace"))
    if code == EXTENSION_HLL:
        return HyperLogLog(data)
    if code == EXTENSION_PAIRS:
        return [(key, value) for key, value in decode(data)]
    return Extension(code, data)


_codec.bind_values(Raw, Extension, KeyOrderedDict, KeyValueOrderedDict, _decode_extension)
