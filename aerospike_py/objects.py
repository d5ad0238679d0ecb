"""Records as objects: bins become dataclasses, msgspec Structs, TypedDicts or pydantic models.

    @dataclass
    class User:
        name: str
        born: date
        full: Annotated[str, Bin("fullname")] = ""

    client.put(key, User("Alice", date(1990, 1, 1)))
    client.get(key, into=User).bins.name

`into=` is taken by `get`, `select`, `operate`, `batch_read` and `query`; `put`, `batch_write` and
`batch.write` take the objects. A bin has the name of its field, unless the field says otherwise: by
`Bin`, by a dataclass field's metadata {"bin": name}, by a Struct's names or by a pydantic alias.

What bins cannot hold is stored as text (datetime, date, time and timedelta in ISO 8601, Decimal,
UUID), as a list (set, frozenset, tuple), as a map (an object within an object), or as its value
(Enum). A `Converter` says otherwise, and is what further types need; the configuration's
"converters" are those of a client.

An object is also a value like any other: in a dict of bins, as an operation's `val`, as an argument
of a function it is stored as a map. So is what has a converter, wherever it stands; what would be
text only within objects is refused outside of them, as nothing would make of the text what it was.

Bins without a field are left out. A bin that is missing is the field's default; without one it is
None where that is allowed, and otherwise an `ObjectError`, which also names a bin that does not
fit.

Reading into anything but pydantic models needs msgspec. Nothing of this costs anything where it is
not used.
"""

import dataclasses
import enum
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    NamedTuple,
    SupportsIndex,
    TypeVar,
    overload,
)
from uuid import UUID

from ._validate import at, check_bin_name
from ._values import is_object
from .batch import BatchRecord
from .exception import AerospikeError, InvalidArgError, ObjectError
from .types import AerospikeKey, KeyOrderedDict, Record, RecordMetadata

__all__ = [
    "DATETIME_IN_MICROSECONDS",
    "BatchRecordOf",
    "BatchRecordsOf",
    "Bin",
    "Converter",
    "RecordOf",
    "from_bins",
    "to_bins",
]

T = TypeVar("T")
Encoded = TypeVar("Encoded")

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_AS_THEY_ARE = frozenset({bool, int, float, str, bytes, bytearray, type(None)})
# How msgspec ends what it says of something inside an object.
_PLACE = re.compile(r"^(.*) - at `\$\.?([^.\[`]*)(.*)`$", re.S)
_MISSING = re.compile(r"^Object missing required field `(.*)`$")


class Bin(NamedTuple):
    """The name of a field's bin: `full: Annotated[str, Bin("fullname")]`."""

    name: str


class Converter(Generic[T]):
    """How values of a type are stored.

    Args:
        kind: The type; a converter goes before what is done otherwise.
        to_bin: Makes something that a bin can hold.
        from_bin: Makes the value of that again.
    """

    __slots__ = ("from_bin", "kind", "to_bin")

    def __init__(
        self, kind: type[T], to_bin: Callable[[T], Any], from_bin: Callable[[Any], T]
    ) -> None:
        if not isinstance(kind, type):
            raise TypeError(f"kind must be a type, not {type(kind).__name__}")
        for name, function in (("to_bin", to_bin), ("from_bin", from_bin)):
            if not callable(function):
                raise TypeError(f"{name} must be a function, not {type(function).__name__}")
        self.kind: type[T] = kind
        self.to_bin: Callable[[T], Any] = to_bin
        self.from_bin: Callable[[Any], T] = from_bin

    def __repr__(self) -> str:
        return f"Converter({self.kind.__qualname__})"


def _microseconds(value: datetime) -> int:
    if value.tzinfo is None:
        raise InvalidArgError(
            "a datetime needs a time zone to be stored as microseconds since 1970"
        )
    return (value - _EPOCH) // _MICROSECOND


DATETIME_IN_MICROSECONDS: Converter[datetime] = Converter(
    datetime, _microseconds, lambda stored: _EPOCH + timedelta(microseconds=stored)
)
"""Stores datetimes as ints, microseconds since 1970, which indexes and filters can compare."""

if TYPE_CHECKING:
    from typing import ClassVar, Protocol

    class _DataclassLike(Protocol):
        __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    class _StructLike(Protocol):
        __struct_fields__: ClassVar[tuple[str, ...]]

    class _ModelLike(Protocol):
        def model_dump(self) -> dict[str, Any]: ...

    Storable: typing.TypeAlias = _DataclassLike | _StructLike | _ModelLike

    class RecordOf(NamedTuple, Generic[T]):
        """A `Record` whose bins are an object."""

        key: AerospikeKey
        meta: RecordMetadata
        bins: T

        @property
        def ttl(self) -> int | None:
            """The seconds that the record has left; None when it never expires."""

else:

    class RecordOf(Record):
        """A `Record` whose bins are an object."""

        __slots__ = ()


class BatchRecordOf(Generic[T]):
    """One row of a batch that is read into objects: a record, or why there is none.

    The object is made when it is first asked for.

    Raises:
        ObjectError: By `record` and `bins`, when a bin does not fit; other rows are not concerned.
    """

    __slots__ = ("_made", "_row", "_shape")

    def __init__(self, row: BatchRecord, shape: "Shape[T]") -> None:
        self._row = row
        self._shape = shape
        self._made: RecordOf[T] | None = None

    @property
    def key(self) -> AerospikeKey:
        """The record's key, with the user key as it was asked for."""
        return self._row.key

    @property
    def result(self) -> int:
        """0, or the result code of what went wrong: 2 when there is no such record."""
        return self._row.result

    @property
    def in_doubt(self) -> bool:
        """Never true of what reads."""
        return self._row.in_doubt

    @property
    def record(self) -> RecordOf[T] | None:
        """The record; None when `result` is not 0."""
        if self._made is None:
            record = self._row.record
            if record is not None:
                self._made = self._shape.record(record)
        return self._made

    @property
    def bins(self) -> T | None:
        """The object; None when there is no record."""
        record = self.record
        return None if record is None else record.bins

    @property
    def meta(self) -> RecordMetadata | None:
        """The record's metadata; None when there is no record."""
        return self._row.meta

    @property
    def error(self) -> AerospikeError | None:
        """What a single operation would have raised; None when there is nothing wrong."""
        return self._row.error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BatchRecordOf):
            return NotImplemented
        return self._row == other._row and self._shape.kind is other._shape.kind

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"BatchRecordOf({self._shape.kind.__name__}, {self._row!r})"


class BatchRecordsOf(Generic[T]):
    """The rows of a batch that is read into objects, in the order of the keys.

    Attributes:
        batch_records: The rows.
    """

    __slots__ = ("batch_records",)

    def __init__(self, batch_records: list[BatchRecordOf[T]]) -> None:
        self.batch_records: list[BatchRecordOf[T]] = batch_records

    def __len__(self) -> int:
        return len(self.batch_records)

    def __iter__(self) -> Iterator[BatchRecordOf[T]]:
        return iter(self.batch_records)

    @overload
    def __getitem__(self, index: SupportsIndex) -> BatchRecordOf[T]: ...

    @overload
    def __getitem__(self, index: slice) -> list[BatchRecordOf[T]]: ...

    def __getitem__(
        self, index: SupportsIndex | slice
    ) -> "BatchRecordOf[T] | list[BatchRecordOf[T]]":
        return self.batch_records[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BatchRecordsOf):
            return NotImplemented
        return self.batch_records == other.batch_records

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __repr__(self) -> str:
        ok = sum(row.result == 0 for row in self.batch_records)
        return f"BatchRecordsOf(count={len(self)}, ok={ok})"


def to_bins(
    value: object, kind: type | None = None, *, converters: Sequence[Converter[Any]] = ()
) -> dict[str, Any]:
    """The bins that an object is stored as; what `put` does with one.

    Args:
        value: A dataclass, Struct or pydantic model, or with `kind` a TypedDict.
        kind: The TypedDict that a dict is of, so that its fields' types and names are known.
        converters: `Converter`s, which go before what is done otherwise.

    Raises:
        TypeError: It is no object of such a kind.
        BinNameError: A field's bin name has more than 15 bytes.
    """
    return Shapes(converters).bins(value, kind)


def from_bins(
    bins: Mapping[str, Any], kind: type[T], *, converters: Sequence[Converter[Any]] = ()
) -> T:
    """The object that bins are read into; what `into=` does with a record's.

    Args:
        bins: Values by bin name.
        kind: A dataclass, Struct, TypedDict or pydantic model.
        converters: `Converter`s, which go before what is done otherwise.

    Raises:
        TypeError: `kind` is no such class.
        ObjectError: A bin does not fit its field, or is missing.
    """
    return Shapes(converters).of(kind).object(dict(bins), None)


def check_converters(given: Any, path: str) -> "list[Converter[Any]]":
    """`given`, which must be converters, each of another type.

    Raises:
        TypeError: Something else is among them.
        InvalidArgError: Two are of one type.
    """
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise TypeError(f"{path} must be a list of Converters, not {type(given).__name__}")
    converters = list(given)
    kinds = set()
    for index, converter in enumerate(converters):
        if not isinstance(converter, Converter):
            raise TypeError(f"{path}[{index}] must be a Converter, not {type(converter).__name__}")
        if converter.kind in kinds:
            raise InvalidArgError(f"{path}[{index}] is the second of {converter.kind.__name__}")
        kinds.add(converter.kind)
    return converters


class Shapes:
    """What is known of classes, and the converters of one client.

    Args:
        converters: The converters.
    """

    def __init__(self, converters: Any = (), path: str = "converters") -> None:
        self.converters: dict[type, Converter[Any]] = {
            each.kind: each for each in check_converters(converters, path)
        }
        self._shapes: dict[Any, Shape[Any]] = {}

    def of(self, kind: type[T]) -> "Shape[T]":
        """The shape of a class.

        Raises:
            TypeError: It is no dataclass, Struct, TypedDict or pydantic model.
            InvalidArgError: Two of its fields have the same bin.
            BinNameError: A field's bin name has more than 15 bytes.
        """
        try:
            shape = self._shapes.get(kind)
        except TypeError:  # What has no hash is no class.
            return Shape(kind, self)
        if shape is None:
            shape = self._shapes[kind] = Shape(kind, self)
        return shape

    def bins(self, value: object, kind: type | None = None) -> dict[str, Any]:
        """The bins that an object is stored as.

        Raises:
            TypeError: It is no object of a kind that there is a shape of.
        """
        shape: Shape[Any] = self.of(type(value) if kind is None else kind)
        made: dict[str, Any] = self._unless_too_deep(shape.bins, value)
        return made

    def plain(self, value: Any) -> Any:
        """A value as a bin can hold it; what no bin can hold is left as it is."""
        kind = type(value)
        if kind in _AS_THEY_ARE:
            return value
        converter = self.converters.get(kind)
        if converter is not None:
            return self._made_by(converter, value)
        text = _TEXTS.get(kind)
        if text is not None:
            return text(value)
        if isinstance(value, enum.Enum):
            return self.plain(value.value)
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.plain(member) for member in value]
        if isinstance(value, dict):
            made = kind if isinstance(value, KeyOrderedDict) else dict
            return made((self.plain(key), self.plain(each)) for key, each in value.items())
        if is_object(value):
            return self.of(kind).members(value)
        other = self._converter_of_base(value)
        return value if other is None else self._made_by(other, value)

    def stored(self, value: Any) -> Any:
        """What a value that is no field's is stored as: by a converter, or an object's map.

        All else is left as it is: nobody would make of the text what it was.

        Raises:
            InvalidArgError: A converter cannot make anything of it, or objects are nested too deep.
        """
        if (
            type(value) in self.converters
            or is_object(value)
            or self._converter_of_base(value) is not None
        ):
            return self._unless_too_deep(self.plain, value)
        return value

    def _converter_of_base(self, value: Any) -> "Converter[Any] | None":
        bases = (each for base, each in self.converters.items() if isinstance(value, base))
        return next(bases, None)

    def _made_by(self, converter: "Converter[Any]", value: Any) -> Any:
        name = converter.kind.__name__
        try:
            made = converter.to_bin(value)
        except Exception as error:
            raise InvalidArgError(f"to_bin of Converter({name}) failed: {error}") from error
        if type(made) is type(value):
            raise InvalidArgError(f"to_bin of Converter({name}) gives what it was given: a {name}")
        return self.plain(made)

    @staticmethod
    def _unless_too_deep(make: Callable[[Any], Any], value: Any) -> Any:
        try:
            return make(value)
        except RecursionError:
            raise InvalidArgError(
                f"a {type(value).__name__} has objects nested too deep, or itself within itself"
            ) from None


def _duration(value: timedelta) -> str:
    """ISO 8601, exactly: seconds can have a fraction."""
    sign, left = ("-", -value) if value < timedelta(0) else ("", value)
    seconds = f"{left.seconds}.{left.microseconds:06}".rstrip("0").rstrip(".")
    return f"{sign}P{left.days}DT{seconds}S"


_TEXTS: dict[type, Callable[[Any], str]] = {
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: _duration,
    Decimal: str,
    UUID: str,
}


class _Field(NamedTuple):
    name: str
    """What the attribute is called, or the TypedDict's key."""
    given: str
    """By which name the class takes it."""
    bin: str
    annotation: Any
    has_default: bool


class _Misfit(Exception):
    """A converter could not make a field's value."""

    def __init__(self, given: str, cause: Exception) -> None:
        super().__init__(given, cause)
        self.given = given
        self.cause = cause


# What converting raises for bins that do not fit, pydantic's error included.
_NOT_FITTING = (ValueError, TypeError, ArithmeticError, LookupError, _Misfit)
_new_tuple = tuple.__new__


class Shape(Generic[T]):
    """How bins become objects of one class, and objects bins.

    Args:
        kind: The class.
        shapes: Those of the same client.
    """

    def __init__(self, kind: type[T], shapes: Shapes) -> None:
        self.kind = kind
        self._shapes = shapes
        self._is_dict = _is_typed_dict(kind)
        self._fields = _fields_of(kind)
        self._check_bins()
        self._convert: Callable[[dict[str, Any]], T] = self._convert_first

    def _check_bins(self) -> None:
        seen: dict[str, str] = {}
        for field in self._fields:
            path = f"{self.kind.__name__}.{field.name}: the name of a bin"
            check_bin_name(field.bin, path)
            if field.bin in seen:
                raise InvalidArgError(
                    f"{self.kind.__name__}.{field.name} has the same bin as {seen[field.bin]}: "
                    f"{field.bin!r}"
                )
            seen[field.bin] = field.name

    def bins(self, value: Any) -> dict[str, Any]:
        """The bins that an object is stored as."""
        return {name: each for _, name, each in self._values(value)}

    def members(self, value: Any) -> dict[str, Any]:
        """The map that an object within another is stored as."""
        return {name: each for name, _, each in self._values(value)}

    def _values(self, value: Any) -> Iterator[tuple[str, str, Any]]:
        plain = self._shapes.plain
        config = getattr(self.kind, "__struct_config__", None)
        if config is not None and config.tag is not None:  # Which Struct of a union it is.
            yield config.tag_field, config.tag_field, config.tag
        for field in self._fields:
            if self._is_dict:
                if field.name not in value:
                    continue
                member = value[field.name]
            else:
                member = getattr(value, field.name)
                if type(member).__name__ == "UnsetType":  # Of msgspec: there is nothing.
                    continue
            try:
                stored = plain(member)
            except InvalidArgError as error:
                raise at(f"{self.kind.__name__}.{field.name}", error) from error.__cause__
            yield field.given, field.bin, stored

    def record(self, record: Record) -> RecordOf[T]:
        """A record with an object in the place of its bins.

        Raises:
            ObjectError: A bin does not fit its field, or is missing.
        """
        key, meta, bins = record
        try:
            made: Any = _new_tuple(RecordOf, (key, meta, self._convert(bins)))
        except _NOT_FITTING as error:
            raise self._error(error, key) from error
        found: RecordOf[T] = made
        return found

    def decoder(self, decode: Callable[[Encoded], Record]) -> Callable[[Encoded], RecordOf[T]]:
        """Makes records with objects of what `decode` makes records of."""
        return lambda data: self.record(decode(data))

    def batch(self, rows: list[BatchRecord]) -> BatchRecordsOf[T]:
        """The rows of a batch."""
        return BatchRecordsOf([BatchRecordOf(row, self) for row in rows])

    def object(self, bins: dict[str, Any], key: AerospikeKey | None) -> T:
        """The object of a record's bins.

        Args:
            bins: Values by bin name.
            key: The record's, for errors.

        Raises:
            ObjectError: A bin does not fit its field, or is missing.
        """
        try:
            return self._convert(bins)
        except _NOT_FITTING as error:
            raise self._error(error, key) from error

    def _convert_first(self, bins: dict[str, Any]) -> T:
        self._convert = self._made_converter()
        return self._convert(bins)

    def _made_converter(self) -> Callable[[dict[str, Any]], T]:
        convert = self._validator()
        renamed = {field.bin: field.given for field in self._fields if field.bin != field.given}
        absent = [
            field.given
            for field in self._fields
            if not field.has_default and _is_nullable(field.annotation)
        ]
        builders = {
            field.given: build
            for field in self._fields
            if (build := _builder(field.annotation, self._shapes, {})) is not None
        }
        if not (renamed or absent or builders):
            return convert

        def prepared(bins: dict[str, Any]) -> T:
            given = {renamed.get(name, name): value for name, value in bins.items()}
            for name in absent:
                given.setdefault(name, None)
            for name, build in builders.items():
                if given.get(name) is not None:
                    try:
                        given[name] = build(given[name])
                    except Exception as error:
                        raise _Misfit(name, error) from error
            return convert(given)

        return prepared

    def _validator(self) -> Callable[[dict[str, Any]], T]:
        """What makes an object of its members, and says what does not fit."""
        if hasattr(self.kind, "model_validate"):
            model: Any = self.kind
            validate: Callable[[dict[str, Any]], T] = model.model_validate
            return validate
        try:
            from msgspec import convert
        except ImportError as error:
            raise ImportError(
                f"reading into {self.kind.__name__}, which is no pydantic model, needs msgspec; "
                "install it"
            ) from error
        kind = self.kind
        return lambda bins: convert(bins, kind)  # Faster than by keyword.

    def _error(self, error: Exception, key: AerospikeKey | None) -> ObjectError:
        given, text = _described(error)
        what = "bins do" if key is None else f"the record {_shown(key)} does"
        place, name, bin_name = "", None, None
        for field in self._fields:
            if field.given == given:
                name, bin_name = field.name, field.bin
                place = f"bin {bin_name!r} (field {name!r}): "
        raised = ObjectError(f"{what} not fit {self.kind.__name__}: {place}{text}")
        raised.bin, raised.field, raised.key = bin_name, name, key
        return raised


def _shown(key: AerospikeKey) -> str:
    return repr(tuple(key[:3]) if key[2] is not None else tuple(key))


def _described(error: Exception) -> tuple[str | None, str]:
    """The member that an error is of, and what is wrong with it."""
    if isinstance(error, _Misfit):
        inside, text = _described(error.cause)
        return error.given, text if inside is None else f"[{inside!r}]: {text}"
    found = getattr(error, "errors", None)
    if callable(found):  # As pydantic has them.
        first = found(include_url=False)[0]
        given, *inner = first["loc"] or (None,)
        within = "".join(f"[{step!r}]" for step in inner)
        return given, f"{within}{': ' if within else ''}{first['msg']}"
    text = str(error)
    missing = _MISSING.match(text)
    if missing:
        return missing[1], "there is no such bin, and the field has no default"
    placed = _PLACE.match(text)
    if placed:
        return placed[2], f"{placed[1]}{f' at {placed[3]}' if placed[3] else ''}"
    return None, text


def _is_typed_dict(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, dict) and hasattr(kind, "__required_keys__")


def _fields_of(kind: Any) -> list[_Field]:
    """The fields of a class.

    Raises:
        TypeError: It is no class of a kind that is known, or its types cannot be resolved.
    """
    given = kind
    if not isinstance(kind, type):
        kind = typing.get_origin(kind) or kind
    is_known = isinstance(kind, type) and (
        dataclasses.is_dataclass(kind)
        or hasattr(kind, "__struct_fields__")
        or hasattr(kind, "model_fields")
        or _is_typed_dict(kind)
    )
    if not is_known:
        shown = given.__name__ if type(given) is type else f"{given!r:.100}"
        raise TypeError(
            "into must be a dataclass, a msgspec Struct, a TypedDict or a pydantic model, "
            f"not {shown}"
        )
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise TypeError(f"the types of {kind.__name__} cannot be resolved: {error}") from error
    return [_named(field) for field in _raw_fields(kind, hints)]


def _raw_fields(kind: Any, hints: dict[str, Any]) -> Iterator[_Field]:
    if dataclasses.is_dataclass(kind):
        for each in dataclasses.fields(kind):
            if each.init:
                has_default = not (
                    each.default is dataclasses.MISSING
                    and each.default_factory is dataclasses.MISSING
                )
                bin_name = each.metadata.get("bin", each.name)
                yield _Field(each.name, each.name, bin_name, hints[each.name], has_default)
    elif hasattr(kind, "__struct_fields__"):
        names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
        first_default = len(kind.__struct_fields__) - len(kind.__struct_defaults__)
        import msgspec

        for index, (name, encoded) in enumerate(names):
            has_default = (
                index >= first_default
                and kind.__struct_defaults__[index - first_default] is not msgspec.NODEFAULT
            )
            yield _Field(name, encoded, encoded, hints[name], has_default)
    elif hasattr(kind, "model_fields"):
        for name, info in kind.model_fields.items():
            alias = info.validation_alias if isinstance(info.validation_alias, str) else info.alias
            given = alias or name
            yield _Field(name, given, given, hints[name], not info.is_required())
    else:
        for name, annotation in hints.items():
            yield _Field(name, name, name, annotation, name not in kind.__required_keys__)


def _named(field: _Field) -> _Field:
    """The field with the bin that its annotation names."""
    for each in getattr(_without_requirement(field.annotation), "__metadata__", ()):
        if isinstance(each, Bin):
            return field._replace(bin=each.name)
    return field


def _without_requirement(annotation: Any) -> Any:
    """What Required and NotRequired are of."""
    while str(typing.get_origin(annotation)).endswith(("Required", "ReadOnly")):
        (annotation,) = typing.get_args(annotation)
    return annotation


def _bare(annotation: Any) -> Any:
    """The annotation without what is only noted on it."""
    annotation = _without_requirement(annotation)
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    while hasattr(annotation, "__supertype__"):
        annotation = annotation.__supertype__
    return annotation


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _is_nullable(annotation: Any) -> bool:
    annotation = _bare(annotation)
    return _is_union(annotation) and type(None) in typing.get_args(annotation)


_Builder = Callable[[Any], Any]


def _builder(annotation: Any, shapes: Shapes, seen: dict[Any, list[_Builder]]) -> _Builder | None:
    """What makes of a stored value one whose parts converters have made; None for nothing.

    msgspec and pydantic have their own ways with types that they know, which converters go before;
    msgspec knows no pydantic models.

    Args:
        annotation: The type.
        shapes: Has the converters.
        seen: What is made for classes at the moment, as they may contain themselves.
    """
    annotation = _bare(annotation)
    converters = shapes.converters
    if isinstance(annotation, type) and annotation in converters:
        kind, from_bin = annotation, converters[annotation].from_bin
        return lambda value: value if isinstance(value, kind) else from_bin(value)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if _is_union(annotation):
        others = [each for each in arguments if each is not type(None)]
        builders = [_builder(each, shapes, seen) for each in others]
        if len(others) == 1 and builders[0] is not None:
            build = builders[0]
            return lambda value: None if value is None else build(value)
        if any(builders):
            raise TypeError(
                f"a converter's type within the union {annotation} cannot be told apart"
            )
        return None
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
        of_key, of_value = (_builder(each, shapes, seen) for each in arguments)
        if of_key is None and of_value is None:
            return None
        key, member = of_key or _same, of_value or _same
        return lambda value: {key(name): member(each) for name, each in value.items()}
    if isinstance(origin, type) and issubclass(origin, tuple) and arguments[1:] != (...,):
        parts = [_builder(each, shapes, seen) for each in arguments]
        if not any(parts):
            return None
        makers = [part or _same for part in parts]
        return lambda value: [make(each) for make, each in zip(makers, value, strict=True)]
    if isinstance(origin, type) and issubclass(origin, Iterable) and arguments:
        member_builder = _builder(arguments[0], shapes, seen)
        if member_builder is None:
            return None
        of_member = member_builder
        return lambda value: [of_member(each) for each in value]
    if hasattr(annotation, "model_validate"):
        validate: _Builder = annotation.model_validate
        return validate
    if isinstance(annotation, type):
        return _builder_of_members(annotation, shapes, seen)
    return None


def _builder_of_members(
    kind: type, shapes: Shapes, seen: dict[Any, list[_Builder]]
) -> _Builder | None:
    """The same of an object within an object."""
    if not (
        dataclasses.is_dataclass(kind) or hasattr(kind, "__struct_fields__") or _is_typed_dict(kind)
    ):
        return None
    if kind in seen:
        made = seen[kind]
        return lambda value: made[0](value)
    cell = seen[kind] = [_same]
    builders = {
        field.given: build
        for field in _fields_of(kind)
        if (build := _builder(field.annotation, shapes, seen)) is not None
    }
    if not builders:
        return None

    def build_members(value: Any) -> Any:
        return {
            name: each if each is None or name not in builders else builders[name](each)
            for name, each in value.items()
        }

    cell[0] = build_members
    return build_members


def _same(value: Any) -> Any:
    return value
