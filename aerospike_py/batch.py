"""Batches: what many records are asked at once, and what they answered.

Every record of a batch is a row. `Client.batch` takes rows that this module's functions make, of
different kinds and in any mixture:

    from aerospike_py import batch

    results = client.batch([
        batch.read(("test", "users", 1), ["name"]),
        batch.write(("test", "users", 2), {"name": "Alice"}, {"ttl": 3600}),
        batch.operate(("test", "counters", 3), [{"op": OPERATOR_INCR, "bin": "n", "val": 1}]),
        batch.remove(("test", "users", 4)),
    ])
    for row in results:
        print(row.key, row.result, row.record)

A row that fails leaves the others alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ._codec import Row, pack_batch
from ._ffi import lib
from ._operations import encode_operate
from ._values import Raw, bin_names, encode, encode_fast, plain_bins, slow_bins
from .exception import AerospikeError, InvalidArgError, class_for
from .keys import request_key
from .policy import write_meta
from .types import AerospikeKey, Key, Record, RecordMetadata, WriteMeta

__all__ = [
    "BatchRecord",
    "BatchRecords",
    "BatchResults",
    "BatchRow",
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

Keys = Iterable[Key]


class BatchRecord(Row):
    """One row of a batch: a record, or why there is none.

    The record is made when it is first asked for: rows that nobody looks at cost next to nothing.

    Attributes:
        key: The record's key, with the user key as it was asked for.
        result: 0, or the result code of what went wrong: 2 when there is no such record, 27 when
            a filter left it out.
        in_doubt: True when a write may or may not have taken effect.
        record: The record; None when `result` is not 0. Rows that write have no bins in it.

    Raises:
        ClientError: By `record` and what is part of it, when a value cannot be shown in Python,
            such as a str that is not UTF-8.
    """

    __slots__ = ()

    @property
    def meta(self) -> RecordMetadata | None:
        """The record's metadata; None when there is no record."""
        return None if self.record is None else self.record.meta

    @property
    def bins(self) -> dict[str, Any] | None:
        """The record's bins; None when there is no record."""
        return None if self.record is None else self.record.bins

    @property
    def error(self) -> AerospikeError | None:
        """What a single operation would have raised; None when there is nothing wrong."""
        code = self.result
        if code == 0:
            return None
        return class_for(code)(
            f"the record {self.key[:3]} of the batch failed",
            result_code=code,
            in_doubt=self.in_doubt,
        )

    def _members(self) -> tuple[AerospikeKey, int, bool, Record | None]:
        return (self.key, self.result, self.in_doubt, self.record)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BatchRecord):
            return NotImplemented
        return self._members() == other._members()

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return BatchRecord, self._members()

    def __repr__(self) -> str:
        return (
            f"BatchRecord(key={self.key!r}, result={self.result}, in_doubt={self.in_doubt}, "
            f"record={self.record!r})"
        )


class BatchRecords:
    """The rows of a batch, in the order in which they were asked for.

    `len` and iteration are those of the rows.

    Attributes:
        batch_records: The rows.
    """

    __slots__ = ("batch_records",)

    def __init__(self, batch_records: list[BatchRecord]) -> None:
        self.batch_records = batch_records

    def __len__(self) -> int:
        return len(self.batch_records)

    def __iter__(self) -> Iterator[BatchRecord]:
        return iter(self.batch_records)

    def __repr__(self) -> str:
        ok = sum(row.result == 0 for row in self.batch_records)
        return f"BatchRecords(count={len(self)}, ok={ok})"


class BatchResults(list[Record]):
    """A record for each key, in the order of the keys; a list that knows more.

    A row that failed is Record(key, None, None).

    Attributes:
        batch_records: The rows, which say why one failed.
    """

    __slots__ = ("batch_records",)

    def __init__(self, batch_records: list[BatchRecord]) -> None:
        super().__init__([row.record or Record(row.key, None, None) for row in batch_records])
        self.batch_records = batch_records

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return BatchResults, (self.batch_records,)


class BatchRow(NamedTuple):
    """What one record of a mixed batch is asked; to be made by this module's functions."""

    key: tuple[Any, ...]
    command: int
    argument: Any
    meta: tuple[int | None, int | None] | None
    """Expected generation and time to live of a write."""
    is_checked: bool
    """Whether the argument has only values that the encoder takes as they are."""


def read(key: Key, bins: Sequence[str] | None = None) -> BatchRow:
    """A row that reads a record.

    Args:
        key: (namespace, set, user key), or a key that a result carries.
        bins: The bins' names; None for all, an empty list for none but the metadata.

    Raises:
        TypeError, ValueError, OverflowError: The key is not valid.
        BinNameError: A bin name is empty or has more than 15 bytes.
    """
    command, names = read_argument(bins)
    return BatchRow(request_key(key), command, names, None, True)


def exists(key: Key) -> BatchRow:
    """A row that asks for a record's metadata.

    Args:
        key: (namespace, set, user key), or a key that a result carries.

    Raises:
        TypeError, ValueError, OverflowError: The key is not valid.
    """
    return BatchRow(request_key(key), _EXISTS, None, None, True)


def write(key: Key, bins: Mapping[str, Any], meta: WriteMeta | None = None) -> BatchRow:
    """A row that writes bins; the record's other bins stay, unless the policy says otherwise.

    Args:
        key: (namespace, set, user key), or a key that a result carries.
        bins: A dict of values by bin name, as `Client.put` takes it.
        meta: The record's time to live ("ttl", in seconds), which goes before the policy's, and
            the expected generation ("gen") for a policy that compares it.

    Raises:
        TypeError, ValueError, OverflowError: The key or a value is not valid.
        BinNameError: A bin name is empty or has more than 15 bytes.
        InvalidArgError: There is no bin, or the metadata are not valid.
    """
    plain, is_fast = plain_bins(bins)
    if not plain:
        raise InvalidArgError("at least one bin is needed")
    return BatchRow(request_key(key), _PUT, plain, write_meta(meta), not is_fast)


def operate(key: Key, ops: Sequence[Mapping[str, Any]], meta: WriteMeta | None = None) -> BatchRow:
    """A row that carries out operations on a record.

    Args:
        key: (namespace, set, user key), or a key that a result carries.
        ops: The operations, as `Client.operate` takes them.
        meta: The record's time to live ("ttl", in seconds), which goes before the policy's, and
            the expected generation ("gen") for a policy that compares it.

    Raises:
        TypeError, ValueError, OverflowError: The key or a value is not valid.
        InvalidArgError: There is no operation, one has no "op", or the metadata are not valid.
    """
    return BatchRow(request_key(key), _OPERATE, encoded_operations(ops), write_meta(meta), True)


def remove(key: Key, meta: WriteMeta | None = None) -> BatchRow:
    """A row that removes a record.

    Args:
        key: (namespace, set, user key), or a key that a result carries.
        meta: The expected generation ("gen"), for a policy that compares it.

    Raises:
        TypeError, ValueError, OverflowError: The key is not valid.
        InvalidArgError: The metadata are not valid.
    """
    return BatchRow(request_key(key), _REMOVE, None, write_meta(meta), True)


def _listed_keys(keys: Any) -> list[Any]:
    if isinstance(keys, (str, bytes, bytearray, Mapping)) or not isinstance(keys, Iterable):
        raise TypeError(f"keys must be a list of keys, not {type(keys).__name__}")
    return list(keys)


def read_argument(bins: Any) -> tuple[int, list[str] | None]:
    """The command that reads these bins, and its argument."""
    if bins is None:
        return _GET, None
    if isinstance(bins, (list, tuple)) and not bins:
        return _EXISTS, None
    return _SELECT, bin_names(bins, "batch_read")


def encoded_operations(ops: Any) -> Raw:
    """Operations as a request carries them.

    Raises:
        TypeError, ValueError, OverflowError: A value is not valid.
        InvalidArgError: There is no operation, or one has no "op".
    """
    return Raw(encode_operate(None, ops)[len(_BEFORE_OPERATIONS) :])


# What stands before them in a request without a key.
_BEFORE_OPERATIONS = b"\x92\xc0"


def encode_same(keys: Any, command: int, argument: Any) -> tuple[list[Any], bytes]:
    """The request that asks the same of every record, and its checked keys.

    Raises:
        TypeError: The keys are not a list, or one of them is no key.
        ValueError, OverflowError: A key is not valid.
    """
    listed = _listed_keys(keys)
    rest = encode(command) + encode(argument)
    request = pack_batch(listed, rest)
    if request is not None:
        return listed, request
    checked = [request_key(key) for key in listed]
    return checked, encode((checked, command, argument))


def encode_rows(rows: Any, compares_generation: bool) -> bytes:
    """The request of rows that ask for different things.

    Args:
        rows: What this module's functions made.
        compares_generation: Whether the policy does; if not, expected generations are dropped.

    Raises:
        TypeError: It is something else.
        OverflowError, UnicodeEncodeError: A value is not valid.
    """
    if isinstance(rows, (str, bytes, Mapping, BatchRow)) or not isinstance(rows, Iterable):
        raise TypeError(f"a batch must be a list of rows, not {type(rows).__name__}")
    listed = list(rows)
    for row in listed:
        if type(row) is not BatchRow:
            raise TypeError(
                "a row of a batch must be made by read, write, operate, exists or remove of "
                f"aerospike_py.batch, not {type(row).__name__}"
            )
    if not compares_generation:
        listed = [_without_generation(row) for row in listed]
    encoded = encode_fast([row[:4] for row in listed])
    if encoded is None:
        encoded = encode([_slow(row) for row in listed])
    return encoded


def _without_generation(row: BatchRow) -> BatchRow:
    meta = row.meta
    if meta is None or meta[0] is None:
        return row
    return row._replace(meta=None if meta[1] is None else (None, meta[1]))


def _slow(row: BatchRow) -> tuple[Any, ...]:
    """The row with an argument made of the encoder's own types."""
    argument = row.argument if row.is_checked else slow_bins(row.argument)
    return (row.key, row.command, argument, row.meta)


def writes(records: Any) -> list[BatchRow]:
    """Rows of `Client.batch_write`: (key, bins) or (key, bins, meta) each.

    Raises:
        TypeError: It is something else, or a key or a value is not valid.
        ValueError, OverflowError, InvalidArgError: A key or a value is not valid.
    """
    if isinstance(records, (str, bytes, Mapping)) or not isinstance(records, Iterable):
        raise TypeError(f"records must be a list of (key, bins), not {type(records).__name__}")
    rows = []
    for record in records:
        if not isinstance(record, (tuple, list)) or len(record) not in (2, 3):
            raise TypeError(
                "each record to write must be (key, bins) or (key, bins, meta), not "
                f"{record!r:.100}"
            )
        rows.append(write(*record))
    return rows
