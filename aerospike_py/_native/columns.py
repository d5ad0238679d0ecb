"""Columns of Arrow: the structs of its C data interface, and the library's calls that fill them.

Nothing here depends on a library of Arrow. A struct that Python has is released with the last
reference to it; one that is given to others travels in a capsule, by Arrow's PyCapsule interface.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from .. import _native
from .._codec import arrow_address, arrow_capsule
from .._ffi import ffi, lib
from . import Pointer, _check, _new_error, _new_scratch, _raise_pending, _reset

SCHEMA = "arrow_schema"
ARRAY = "arrow_array"
STREAM = "arrow_array_stream"

Release = Callable[[Pointer], None]

# errno's, as Arrow's streams return them.
_EIO = 5
_EINVAL = 22

# Streams that somebody has, by their handles.
_streams: dict[Pointer, Pointer] = {}


def _released(struct: Pointer) -> None:
    if struct.release != ffi.NULL:
        struct.release(struct)


def _move(source: Pointer, target: Pointer) -> None:
    target[0] = source[0]
    source.release = ffi.NULL


def new_schema() -> Pointer:
    """An empty ArrowSchema, which is released with the last reference to it."""
    return ffi.gc(ffi.new("struct ArrowSchema *"), _released)


def new_array() -> Pointer:
    """An empty ArrowArray, which is released with the last reference to it."""
    return ffi.gc(ffi.new("struct ArrowArray *"), _released)


def capsule(name: str, struct: Pointer) -> object:
    """A capsule with what is in the struct, which is empty then."""
    return arrow_capsule(name, int(ffi.cast("intptr_t", struct)))


def schema_of(given: Any) -> Pointer:
    """The schema that an object's `__arrow_c_schema__` gives, taken out of its capsule.

    Raises:
        ClientError: Another took it before.
    """
    return _taken(SCHEMA, "struct ArrowSchema *", given.__arrow_c_schema__())


def stream_of(given: Any) -> Pointer:
    """The stream that an object's `__arrow_c_stream__` gives, taken out of its capsule.

    Raises:
        ClientError: Another took it before.
    """
    return _taken(STREAM, "struct ArrowArrayStream *", given.__arrow_c_stream__())


def _taken(name: str, kind: str, found: object) -> Pointer:
    source = ffi.cast(kind, arrow_address(name, found))
    if source.release == ffi.NULL:
        text = f"the {name} in a capsule has been taken, which can be done once"
        raise _native.make_error(lib.ASZ_ERROR_CLIENT, text)
    struct = ffi.gc(ffi.new(kind), _released)
    _move(source, struct)
    return struct


def names_of(schema: Pointer) -> list[str]:
    """What the fields of a struct are called; one may have no name."""
    names = [schema.children[index].name for index in range(schema.n_children)]
    return ["" if name == ffi.NULL else ffi.string(name).decode() for name in names]


class Maker:
    """Takes records and makes tables of them, which all have the same columns.

    Args:
        description: What `asz_arrow_create` is to be given.

    Raises:
        InvalidArgError: The description is not valid.
    """

    __slots__ = ("pointer",)

    def __init__(self, description: bytes) -> None:
        error = _new_error()
        out = ffi.new("asz_arrow **")
        _check(lib.asz_arrow_create(description, len(description), out, error), error)
        self.pointer: Pointer = ffi.gc(out[0], lib.asz_arrow_destroy)

    def make(self, values: int, array: Pointer) -> "Misfit | None":
        """Makes about so many values, 0 for all, of a table; when it is whole the array has it.

        Raises:
            AerospikeError: There is no memory, or too much for one table.
        """
        error = _new_error()
        mismatch = ffi.new("asz_mismatch *")
        status = lib.asz_arrow_make(self.pointer, values, array, mismatch, error)
        if status == lib.ASZ_ERROR_VALUE_MISMATCH:
            text = bytes(ffi.buffer(error.message, error.message_len)).decode("utf-8", "replace")
            return Misfit(text, int(mismatch.row), mismatch.reason == lib.ASZ_MISMATCH_TYPE)
        _check(status, error)
        return None

    def clear(self) -> None:
        """Forgets the records."""
        lib.asz_arrow_clear(self.pointer)

    def schema(self) -> Pointer:
        """The type of the tables, after the first was made."""
        schema = new_schema()
        error = _new_error()
        _check(lib.asz_arrow_schema(self.pointer, schema, error), error)
        return schema

    def codes(self, memory: Pointer, count: int) -> None:
        """Copies the result codes of so many rows."""
        lib.asz_arrow_codes(self.pointer, memory, count)


class Misfit(Exception):
    """A value that does not fit its column.

    Args:
        text: What is wrong.
        row: Whose record it is.
        is_type: It is of the wrong type.
    """

    def __init__(self, text: str, row: int, is_type: bool) -> None:
        super().__init__(text)
        self.row = row
        self.is_type = is_type


def share(array: Pointer) -> Pointer:
    """Another array with the same memory."""
    copy = new_array()
    error = _new_error()
    _check(lib.asz_arrow_share(array, copy, error), error)
    return copy


def encode_rows(schema: Pointer, array: Pointer, first: int, count: int, place: bytes) -> bytes:
    """The request of a batch that writes so many rows of an array.

    Raises:
        OverflowError: An integer does not fit into 64 bits.
        TypeError: There is a type that no bin takes, or a key is null.
    """
    scratch = _new_scratch()
    error, result, _, _ = scratch
    try:
        status = lib.asz_arrow_encode(schema, array, first, count, place, len(place), result, error)
        text = bytes(ffi.buffer(error.message, error.message_len)).decode("utf-8", "replace")
        if status == lib.ASZ_ERROR_VALUE_MISMATCH:
            raise OverflowError(text)
        if status == lib.ASZ_ERROR_INVALID_ARGUMENT:
            raise TypeError(text)
        _check(status, error)
        return bytes(ffi.buffer(result.data, result.length))
    finally:
        _reset(scratch)


def arrays(stream: Pointer) -> Iterator[Pointer]:
    """The arrays of somebody's stream, one after the other.

    Raises:
        OSError: The stream failed.
    """
    while True:
        array = new_array()
        check_stream(stream, stream.get_next(stream, array))
        if array.release == ffi.NULL:
            return
        yield array


def schema_of_stream(stream: Pointer) -> Pointer:
    """The schema of somebody's stream.

    Raises:
        OSError: The stream failed.
    """
    schema = new_schema()
    check_stream(stream, stream.get_schema(stream, schema))
    return schema


def check_stream(stream: Pointer, status: int) -> None:
    """Raises what a stream says to have failed of."""
    _raise_pending()  # What a signal handler raised meanwhile.
    if status:
        text = stream.get_last_error(stream)
        said = "" if text == ffi.NULL else ffi.string(text).decode("utf-8", "replace")
        raise OSError(status, said or "the stream of Arrow failed")


class Producer(Protocol):
    """What a stream that others read is made of."""

    def schema(self) -> Pointer:
        """The type of all arrays: an ArrowSchema of the caller's own."""
        ...

    def next(self) -> Pointer | None:
        """The next array, the caller's own; None at the end."""
        ...

    def failed(self, error: BaseException) -> None:
        """Reading ended with an error, which whoever reads can only be told as a text."""
        ...

    def released(self) -> None:
        """Nobody reads any more."""
        ...


class _Stream:
    def __init__(self, producer: Producer) -> None:
        self.producer = producer
        self.text = ffi.NULL

    def run(self, step: Callable[[], None]) -> int:
        try:
            step()
        except BaseException as error:
            self.producer.failed(error)
            said = f"{type(error).__name__}: {error}".replace("\0", " ")
            self.text = ffi.new("char[]", said.encode("utf-8", "replace"))
            return _EINVAL if isinstance(error, (TypeError, ValueError, OverflowError)) else _EIO
        return 0


def stream_capsule(producer: Producer) -> object:
    """A capsule with a stream that asks the producer, on whatever thread somebody reads it."""
    struct = ffi.new("struct ArrowArrayStream *")
    handle = ffi.new_handle(_Stream(producer))
    struct.get_schema = lib.asz_python_stream_schema
    struct.get_next = lib.asz_python_stream_next
    struct.get_last_error = lib.asz_python_stream_error
    struct.release = ffi.addressof(lib, "asz_python_stream_release")
    struct.private_data = handle
    _streams[handle] = handle
    return capsule(STREAM, struct)


def _of(struct: Pointer) -> _Stream:
    stream: _Stream = ffi.from_handle(struct.private_data)
    return stream


def _stream_schema(struct: Pointer, out: Pointer) -> int:
    out.release = ffi.NULL
    stream = _of(struct)
    return stream.run(lambda: _move(stream.producer.schema(), out))


def _stream_next(struct: Pointer, out: Pointer) -> int:
    out.release = ffi.NULL
    stream = _of(struct)

    def step() -> None:
        array = stream.producer.next()
        if array is not None:
            _move(array, out)

    return stream.run(step)


def _stream_error(struct: Pointer) -> Pointer:
    return _of(struct).text


def _stream_released(struct: Pointer) -> None:
    stream = _streams.pop(struct.private_data)
    ffi.from_handle(stream).producer.released()


ffi.def_extern("asz_python_stream_schema", error=_EIO)(_stream_schema)
ffi.def_extern("asz_python_stream_next", error=_EIO)(_stream_next)
ffi.def_extern("asz_python_stream_error", error=ffi.NULL)(_stream_error)
ffi.def_extern("asz_python_stream_released")(_stream_released)
