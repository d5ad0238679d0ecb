"""Python values into MessagePack requests.

The encoder takes exact built-in types and refuses everything else, also what a record can hold:
subclasses, NumPy scalars. What it refuses takes the slow path, which makes plain values of it or
raises the error that names bin and type.
"""

import sys
from collections.abc import Container, Iterable, Mapping
from typing import Any, Protocol

from . import _codec
from ._validate import at, check_bin_name, check_count, check_dict, is_listed, wrong_type
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


class Converts(Protocol):
    """Makes of values that no bin holds some that a bin holds."""

    @property
    def converted_kinds(self) -> Container[type]:
        """The types that this goes first with, though a bin might hold them."""
        ...

    def convert(self, value: Any) -> Any:
        """What the value is stored as; the value itself where that is not known."""
        ...

    def bins_of(self, value: Any) -> dict[str, Any]:
        """The bins of an object."""
        ...


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
        self.code: int = code
        self.data: bytes = data

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Extension):
            return NotImplemented
        return (self.code, self.data) == (other.code, other.data)

    def __hash__(self) -> int:
        return hash((self.code, self.data))

    def __repr__(self) -> str:
        return f"Extension({self.code}, {self.data!r})"


def unsigned(number: int) -> Raw:
    """An int of up to 64 bits without a sign; the encoder takes what can be stored, with one."""
    return Raw(b"\xcf" + number.to_bytes(8, "big"))


def plain_bins(bins: Any, converts: Converts | None = None) -> dict[str, Any]:
    """The bins of a record to be written, made of the encoder's own types.

    Args:
        bins: Values by bin name.
        converts: Makes of values what a bin holds, and bins of an object; None: nothing does.

    Raises:
        TypeError: `bins` is not a dict, or a value is of a type that a bin cannot hold.
        InvalidArgError: There is no bin, or too many.
        BinNameError: A name is empty or too long.
        OverflowError: An int does not fit into 64 bits.
        UnicodeEncodeError: A str has lone surrogates.
        ValueError: Lists and maps are nested too deep.
    """
    if converts is not None and is_object(bins):
        bins = converts.bins_of(bins)
    bins = check_dict(bins, "bins")
    plain: dict[str, Any] = {}
    for name, value in dict.items(bins):
        check_bin_name(name, "the name of a bin")
        plain[str.__str__(name)] = plain_value(value, f"bins[{name!r}]", converts)
    if not plain:
        raise InvalidArgError("bins must have at least one bin")
    check_count("bins", "bins", len(plain))
    return plain


def operand(name: Any, value: Any, kinds: tuple[type, ...], argument: str) -> tuple[str, Any]:
    """Bin and value of a method that takes values of certain types only.

    Raises:
        TypeError: The value is of another type, or the bin name is not a str.
        BinNameError: The name is empty or too long.
        OverflowError: An int does not fit into 64 bits.
    """
    check_bin_name(name, "bin")
    allowed = " or ".join(kind.__name__ for kind in kinds)
    try:
        plain = plain_value(value, argument)
    except TypeError:
        raise wrong_type(argument, allowed, value) from None
    if type(plain) not in kinds:
        raise wrong_type(argument, allowed, value)
    return str.__str__(name), plain


def plain_value(
    value: Any, path: str, converts: Converts | None = None, *, float_keys: bool = False
) -> Any:
    """The value made of the encoder's own types.

    Args:
        value: Anything.
        path: Where it is in the arguments, for errors.
        converts: Makes of values what a bin holds; None: nothing does.
        float_keys: Whether maps may have keys that are floats, as functions take them.

    Raises:
        TypeError: The value, or one inside it, is of a type that a bin cannot hold.
        OverflowError: An int does not fit into 64 bits.
        UnicodeEncodeError: A str has lone surrogates.
        ValueError: Lists and maps are nested too deep.
    """
    plain = _Plain(float_keys, converts)
    try:
        return plain.value(value, 0)
    except RecursionError:
        # The caller's own stack is nearly used up.
        raise InvalidArgError(f"{path}: {_TOO_DEEP}") from None
    except (TypeError, ValueError, OverflowError) as error:
        place = path if str(error) == _TOO_DEEP else plain.path_to_fault(value, path)
        raise at(place, error) from error.__cause__


_TOO_DEEP = f"lists and maps are nested deeper than {DEPTH_MAX} levels"


class _Plain:
    """Makes values of the encoder's own types."""

    __slots__ = ("converts", "first", "keys")

    def __init__(self, float_keys: bool, converts: Converts | None) -> None:
        self.keys = _MAP_KEYS | {float} if float_keys else _MAP_KEYS
        self.converts = converts
        self.first: Container[type] = () if converts is None else converts.converted_kinds

    def value(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _SCALARS:
            if kind is int:
                return _int64(value)
            if kind is str:
                value.encode()
            return value
        if kind in self.first:
            return self.converted(value, depth)
        if isinstance(value, (list, tuple)):
            _check_depth(depth)
            # The base type's own iteration: a subclass may have overridden it.
            members = list.__iter__(value) if isinstance(value, list) else tuple.__iter__(value)
            return [self.value(member, depth + 1) for member in members]
        if isinstance(value, dict):
            _check_depth(depth)
            return _class_of_map(value)(
                (self.key(key), self.value(member, depth + 1)) for key, member in dict.items(value)
            )
        if isinstance(value, Mapping):
            return self.value(dict(value), depth)
        if is_listed(value):
            return self.value(list(value), depth)
        plain = _unusual(value)
        return self.converted(value, depth) if plain is _NOT_STORED else plain

    def converted(self, value: Any, depth: int) -> Any:
        made = value if self.converts is None else self.converts.convert(value)
        if made is value:
            hint = "" if self.converts is None else " without a Converter"
            raise TypeError(f"a value of type {_name(type(value))} cannot be stored{hint}")
        return self.value(made, depth)

    def key(self, key: Any) -> Any:
        if key is not None and not isinstance(key, (bool, list, tuple, dict, GeoJSON)):
            plain = self.value(key, 0)
            if type(plain) in self.keys:
                return plain
        raise TypeError(f"a map key must be a str, int or bytes, not {type(key).__name__}")

    def made_of(self, value: Any) -> Any:
        """What a value is converted to; the value itself when it is not."""
        kind = type(value)
        is_foreign = kind in self.first or not (kind in _SCALARS or hasattr(kind, "__index__"))
        if self.converts is None or not is_foreign:
            return value
        try:
            return self.converts.convert(value)
        except (TypeError, ValueError, OverflowError):  # The fault is the value's own.
            return value

    def path_to_fault(self, value: Any, path: str) -> str:
        """The path to the first thing in a value, or the value, that is not valid."""
        members: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, Mapping):
            members = value.items()
        elif is_listed(value):
            members = enumerate(value)
        elif (made := self.made_of(value)) is not value:
            return self.path_to_fault(made, path)
        for key, member in members:
            try:
                self.value(member, 0)
            except (TypeError, ValueError, OverflowError):
                return self.path_to_fault(member, f"{path}[{key!r:.60}]")
        return path


def is_object(value: object) -> bool:
    """Whether it is of a class whose fields can be bins: a dataclass, Struct or pydantic model."""
    kind = type(value)
    return (
        hasattr(kind, "__dataclass_fields__")
        or hasattr(kind, "__struct_fields__")
        or hasattr(kind, "model_fields")
    ) and not isinstance(value, Mapping)


_NOT_STORED = object()


def _class_of_map(value: dict[Any, Any]) -> type[dict[Any, Any]]:
    if isinstance(value, KeyValueOrderedDict):
        return KeyValueOrderedDict
    return KeyOrderedDict if isinstance(value, KeyOrderedDict) else dict


def _unusual(value: Any) -> Any:
    if isinstance(value, GeoJSON):
        return Extension(EXTENSION_GEOJSON, value.text.encode())
    if isinstance(value, HyperLogLog):
        return Extension(EXTENSION_HLL, bytes(value))
    if isinstance(value, Extension) and value.code == EXTENSION_COMPARISON:
        return value  # The core refuses it where there is nothing to compare.
    # The base type's own methods: a subclass may have overridden them.
    if isinstance(value, int):
        return _int64(int.__pos__(value))
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
            return _int64(item)
        if type(item) in _SCALARS:
            return item
    return _NOT_STORED


def _name(kind: type) -> str:
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def _int64(value: int) -> int:
    if INT64_MIN <= value <= INT64_MAX:
        return value
    raise OverflowError(f"the int {_shown(value)} does not fit into 64 bits")


def _shown(value: int) -> str:
    # The decimal digits of a huge int take long, and Python may refuse to make them.
    return str(value) if value.bit_length() <= 256 else f"of {value.bit_length()} bits"


def _check_depth(depth: int) -> None:
    if depth >= DEPTH_MAX:
        raise InvalidArgError(_TOO_DEEP)


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
