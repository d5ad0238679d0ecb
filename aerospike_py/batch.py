"""Batches: what many records are asked at once, and what they answered.

Every record of a batch is a row. `Client.batch` takes rows that this module's functions make, of
different kinds and in any mixture:

    from aerospike_py import batch

    results = client.batch([
        batch.read(("test", "users", 1), ["name"]),
        batch.write(("test", "users", 2), {"name": "Alice"}, {"ttl": 3600}),
        batch.operate(("test", "counters", 3), [{"op": OPERATOR_INCR, "bin": "n", "val": 1}]),
        batch.remove(("test", "users", 4)),
        batch.apply(("test", "users", 5), "module", "function", [1]),
    ])
    for row in results:
        print(row.key, row.result, row.record)

A row may have a policy of its own, which goes before the batch's:

    batch.write(key, {"n": 1}, policy={"exists": POLICY_EXISTS_CREATE_ONLY, "expressions": filter})

A row that fails leaves the others alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, SupportsIndex, TypeAlias, overload

from ._codec import Row, pack_put, unpack
from ._ffi import lib
from ._operations import encoded_operations, function_call
from ._requests.policies import RowMeta, row_meta
from ._validate import COUNT_MAX, bin_names, check_count, is_listed
from ._values import Converts, Raw, encode, plain_bins
from .exception import AerospikeError, class_for
from .keys import request_key
from .types import (
    AerospikeKey,
    ApplyRowPolicy,
    Key,
    OperateRowPolicy,
    ReadRowPolicy,
    Record,
    RecordMetadata,
    RemoveRowPolicy,
    WriteMeta,
    WriteRowPolicy,
)

__all__ = [
    "BatchRecord",
    "BatchRecords",
    "BatchResults",
    "BatchRow",
    "BatchWrite",
    "apply",
    "exists",
    "operate",
    "read",
    "remove",
    "write",
]

_GET: int = lib.ASZ_GET
_SELECT: int = lib.ASZ_SELECT
_EXISTS: int = lib.ASZ_EXISTS
_PUT: int = lib.ASZ_PUT
_OPERATE: int = lib.ASZ_OPERATE
_REMOVE: int = lib.ASZ_REMOVE
_APPLY: int = lib.ASZ_APPLY
# Where the server puts what a function returns.
_RETURNED = "SUCCESS"
# The upper half of the first byte of a MessagePack map of few members.
_SMALL_MAP = 0x8

Keys = Iterable[Key]
BatchWrite: TypeAlias = (
    tuple[Key, "Mapping[str, Any] | Storable"]
    | tuple[Key, "Mapping[str, Any] | Storable", WriteMeta | RecordMetadata | None]
    | tuple[
        Key,
        "Mapping[str, Any] | Storable",
        WriteMeta | RecordMetadata | None,
        WriteRowPolicy | None,
    ]
)
"""A record of `Client.batch_write`: key, bins, and perhaps metadata and a policy of its own."""


class BatchRecord(Row):
    """One row of a batch: a record, or why there is none.

    The record is made when it is first asked for: rows that nobody looks at cost next to nothing.

    Attributes:
        key: The record's key, with the user key as it was asked for.
        result: 0, or the result code of what went wrong: 2 when there is no such record, 27 when
            a filter left it out.
        in_doubt: True when a write may or may not have taken effect.
        record: The record; None when `result` is not 0. Rows that write have no bins in it.
        bins: The record's bins; None when there is no record. Whoever asks for no more of the row
            is spared the rest of the record.

    Raises:
        ClientError: By `record` and what is part of it, when a value cannot be shown in Python,
            such as a map with a map for a key.
    """

    __slots__ = ()

    @property
    def meta(self) -> RecordMetadata | None:
        """The record's metadata; None when there is no record."""
        return None if self.record is None else self.record.meta

    @property
    def value(self) -> Any:
        """What the row's function returned; None when it failed, or the row had none."""
        return (self.bins or {}).get(_RETURNED)

    @property
    def message(self) -> str | None:
        """What the server said of the failure, as it does of functions; None for most rows."""
        if self._text is None:
            return None
        details = _details(self._text)
        if details is not None:
            message: str | None = details.get("message")
            return message
        return self._text.decode("utf-8", "replace")

    @property
    def error(self) -> AerospikeError | None:
        """What a single operation would have raised; None when there is nothing wrong."""
        code = self.result
        if code == 0:
            return None
        text = f"the record {self.key[:3]} of the batch failed"
        message = self.message
        error = class_for(code)(
            text if message is None else f"{text}: {message}",
            result_code=code,
            in_doubt=self.in_doubt,
        )
        details = None if self._text is None else _details(self._text)
        if details is not None:
            error._take_details(details)
        return error

    def _members(self) -> tuple[AerospikeKey, int, bool, Record | None, bytes | None]:
        return (self.key, self.result, self.in_doubt, self.record, self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BatchRecord):
            return NotImplemented
        return self._members() == other._members()

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return BatchRecord, self._members()

    def __repr__(self) -> str:
        return (
            f"BatchRecord(key={self.key!r}, result={self.result}, in_doubt={self.in_doubt}, "
            f"record={self.record!r})"
        )


def _details(said: bytes) -> dict[str, Any] | None:
    """What a server said of a failure when it was asked to; None for a text."""
    # A small map's first byte, which no text begins with.
    is_map = said[:1] != b"" and said[0] >> 4 == _SMALL_MAP
    return unpack(memoryview(said)) if is_map else None


class BatchRecords:
    """The rows of a batch, in the order in which they were asked for.

    `len`, iteration and `batch[0]` are those of the rows, and two are equal when their rows are.

    Attributes:
        batch_records: The rows.
    """

    __slots__ = ("batch_records",)

    def __init__(self, batch_records: list[BatchRecord]) -> None:
        self.batch_records: list[BatchRecord] = batch_records

    def __len__(self) -> int:
        return len(self.batch_records)

    def __iter__(self) -> Iterator[BatchRecord]:
        return iter(self.batch_records)

    @overload
    def __getitem__(self, index: SupportsIndex) -> BatchRecord: ...

    @overload
    def __getitem__(self, index: slice) -> list[BatchRecord]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> BatchRecord | list[BatchRecord]:
        return self.batch_records[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BatchRecords):
            return NotImplemented
        return self.batch_records == other.batch_records

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __repr__(self) -> str:
        ok = sum(row.result == 0 for row in self.batch_records)
        return f"BatchRecords(count={len(self)}, ok={ok})"


if TYPE_CHECKING:
    from .objects import Storable

    class _OperatedRecord(NamedTuple):
        """A `Record`, or what there is in its place."""

        key: AerospikeKey
        meta: RecordMetadata | None
        bins: dict[str, Any] | None


class BatchResults(list[Record]):
    """A record for each key, in the order of the keys; a list that knows more.

    A row that failed is Record(key, None, None).

    Attributes:
        batch_records: The rows, which say why one failed.
    """

    __slots__ = ("batch_records",)

    if TYPE_CHECKING:
        # A checker is told that what a row says may be missing. The list is one of records.

        def __iter__(self) -> Iterator["_OperatedRecord"]: ...  # type: ignore[override]

        @overload  # type: ignore[override]
        def __getitem__(self, index: SupportsIndex) -> "_OperatedRecord": ...

        @overload
        def __getitem__(self, index: slice) -> list[Record]: ...

        def __getitem__(self, index: SupportsIndex | slice) -> Any: ...

    def __init__(self, batch_records: list[BatchRecord]) -> None:
        super().__init__([row.record or _failed(row) for row in batch_records])
        self.batch_records: list[BatchRecord] = batch_records

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return BatchResults, (self.batch_records,)


def _failed(row: BatchRecord) -> Record:
    none: Any = None
    return Record(row.key, none, none)


class BatchRow(NamedTuple):
    """What one record of a mixed batch is asked; to be made by this module's functions."""

    key: tuple[Any, ...]
    command: int
    argument: Any
    meta: RowMeta | None
    """Expected generation and time to live of a write, and the row's own policy."""


class ForClient(NamedTuple):
    """An argument of a row that has a value which only a client knows how to store."""

    make: Callable[[Converts], Any]


class _Unknown:
    """In the place of a client's converters where there is no client yet."""

    converted_kinds: frozenset[type] = frozenset()

    def convert(self, value: Any) -> Any:
        raise _NeedsClientError

    def bins_of(self, value: Any) -> Any:
        raise _NeedsClientError


class _NeedsClientError(Exception):
    """A value has to wait for a client."""


def _argument(make: Callable[[Converts], Any]) -> Any:
    """What `make` makes, at once or, where it is for the client's converters, by `Client.batch`."""
    try:
        return make(_Unknown())
    except _NeedsClientError:
        return ForClient(make)


def read(
    key: Key, bins: Sequence[str] | None = None, policy: ReadRowPolicy | None = None
) -> BatchRow:
    """A row that reads a record.

    Args:
        key: (namespace, set, user key), or a key that a result carries.
        bins: The bins' names; None for all, an empty list for none but the metadata.
        policy: What goes before the batch's policy for this row.

    Raises:
        TypeError, ValueError, OverflowError: The key is not valid.
        BinNameError: A bin name is empty or has more than 15 bytes.
        InvalidArgError: The policy is not valid.
    """
    command, names = read_argument(bins)
    return BatchRow(request_key(key), command, names, row_meta("read", None, policy))


def exists(key: Key, policy: ReadRowPolicy | None = None) -> BatchRow:
    """A row that asks for a record's metadata.

    Args:
        key: (namespace, set, user key), or a key that a result carries.
        policy: What goes before the batch's policy for this row.

    Raises:
        TypeError, ValueError, OverflowError: The key is not valid.
        InvalidArgError: The policy is not valid.
    """
    return BatchRow(request_key(key), _EXISTS, None, row_meta("read", None, policy))


def write(
    key: Key,
    bins: "Mapping[str, Any] | Storable",
    meta: WriteMeta | RecordMetadata | None = None,
    policy: WriteRowPolicy | None = None,
) -> BatchRow:
    """A row that writes bins; the record's other bins stay, unless the policy says otherwise.

    Args:
        key: (namespace, set, user key), or a key that a result carries.
        bins: A dict of values by bin name, or an object, as `Client.put` takes them.
        meta: The record's time to live ("ttl", in seconds), which goes before the batch's, and
            the expected generation ("gen") for a policy that compares it.
        policy: What goes before the batch's policy, and before the metadata, for this row.

    Raises:
        TypeError, ValueError, OverflowError: The key or a value is not valid. `Client.batch` says
            so of a value that only a client's converters can know.
        BinNameError: A bin name is empty or has more than 15 bytes.
        InvalidArgError: There is no bin, or the metadata or the policy are not valid.
    """
    packed = pack_put(bins)
    if packed is None:
        encoded = _argument(partial(_encoded_bins, bins))
    else:
        encoded = Raw(packed)
        if len(packed) > COUNT_MAX:  # None of fewer bytes has as many bins.
            written: Any = bins
            check_count("bins", "bins", len(written))
    return BatchRow(request_key(key), _PUT, encoded, row_meta("write", meta, policy))


def _encoded_bins(bins: Any, converts: Converts) -> Raw:
    return Raw(encode(plain_bins(bins, converts)))


def operate(
    key: Key,
    ops: Sequence[Mapping[str, Any]],
    meta: WriteMeta | RecordMetadata | None = None,
    policy: OperateRowPolicy | None = None,
) -> BatchRow:
    """A row that carries out operations on a record.

    Args:
        key: (namespace, set, user key), or a key that a result carries.
        ops: The operations, as `Client.operate` takes them.
        meta: The record's time to live ("ttl", in seconds), which goes before the batch's, and
            the expected generation ("gen") for a policy that compares it.
        policy: What goes before the batch's policy, and before the metadata, for this row. Where
            all operations read, what concerns writes has no effect.

    Raises:
        TypeError, ValueError, OverflowError: The key or a value is not valid. `Client.batch` says
            so of a value that only a client's converters can know.
        InvalidArgError: There is no operation, one has no "op", or the metadata or the policy are
            not valid.
    """
    operations = _argument(partial(encoded_operations, ops))
    said = row_meta("operate", meta, policy)
    return BatchRow(request_key(key), _OPERATE, operations, said)


def remove(
    key: Key, meta: WriteMeta | RecordMetadata | None = None, policy: RemoveRowPolicy | None = None
) -> BatchRow:
    """A row that removes a record.

    Args:
        key: (namespace, set, user key), or a key that a result carries.
        meta: The expected generation ("gen"), for a policy that compares it.
        policy: What goes before the batch's policy for this row.

    Raises:
        TypeError, ValueError, OverflowError: The key is not valid.
        InvalidArgError: The metadata or the policy are not valid.
    """
    return BatchRow(request_key(key), _REMOVE, None, row_meta("remove", meta, policy))


def apply(
    key: Key,
    module: str,
    function: str,
    args: Sequence[Any] | None = None,
    policy: ApplyRowPolicy | None = None,
) -> BatchRow:
    """A row that runs a registered function on a record; its `value` is what that returned.

    Args:
        key: (namespace, set, user key), or a key that a result carries.
        module: The module, with or without ".lua".
        function: The function; its first argument is the record.
        args: Its further arguments, of any type that a bin can hold.
        policy: What goes before the batch's policy for this row.

    Raises:
        TypeError, ValueError, OverflowError: The key or an argument is not valid. `Client.batch`
            says so of a value that only a client's converters can know.
        InvalidArgError: A name is empty, or the policy is not valid.
    """
    call = _argument(partial(function_call, module, function, args))
    return BatchRow(request_key(key), _APPLY, call, row_meta("apply", None, policy))


def read_argument(bins: Any) -> tuple[int, list[str] | None]:
    """The command that reads these bins, and its argument."""
    if bins is None:
        return _GET, None
    if is_listed(bins) and not bins:
        return _EXISTS, None
    return _SELECT, bin_names(bins)
