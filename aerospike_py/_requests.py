"""One function an operation: from arguments to a request, and from its result to Python.

The synchronous and the asynchronous client share all of it; they differ only in how they wait.
A request is (command, encoded request, policy struct, decoder of the result). Arguments are
checked here, before anything is sent.
"""

import gc
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import msgspec

from . import _native, batch
from ._config import Config
from ._ffi import lib
from ._native import Pointer
from ._operations import encode_operate
from ._values import bin_names, decode_extension, encode, encode_operand, encode_put
from .batch import BatchRecord, BatchRecords, BatchResults
from .exception import ClientError, InvalidArgError, class_for
from .keys import request_key
from .policy import (
    admin_policies,
    batch_read_policies,
    batch_write_policies,
    read_policies,
    write_meta,
    write_policies,
)
from .types import ExistsResult, InfoNodeResult, OperateOrderedResult, Record

if TYPE_CHECKING:
    from .numpy_batch import NumpyBatchRecords

T = TypeVar("T")
Decode: TypeAlias = Callable[[memoryview], T]
Request: TypeAlias = tuple[int, bytes, Pointer, Decode[T]]

_PUT: int = lib.ASZ_PUT
_GET: int = lib.ASZ_GET
_SELECT: int = lib.ASZ_SELECT
_EXISTS: int = lib.ASZ_EXISTS
_REMOVE: int = lib.ASZ_REMOVE
_TOUCH: int = lib.ASZ_TOUCH
_APPEND: int = lib.ASZ_APPEND
_PREPEND: int = lib.ASZ_PREPEND
_INCREMENT: int = lib.ASZ_INCREMENT
_REMOVE_BIN: int = lib.ASZ_REMOVE_BIN
_OPERATE: int = lib.ASZ_OPERATE
_OPERATE_ORDERED: int = lib.ASZ_OPERATE_ORDERED
_BATCH: int = lib.ASZ_BATCH
_BATCH_MIXED: int = lib.ASZ_BATCH_MIXED
_INFO: int = lib.ASZ_INFO
_INFO_ANY: int = lib.ASZ_INFO_ANY
_NODES: int = lib.ASZ_NODES
_PING: int = lib.ASZ_PING

_NO_ARGUMENTS = encode([])
_SERVER_ERROR = 1
# About a hundred records; the collector would not run for fewer.
_COLLECTED_BYTES_MAX = 16 * 1024


def _decoder(kind: type[T]) -> Decode[T]:
    decode = msgspec.msgpack.Decoder(kind, ext_hook=decode_extension).decode

    def checked(data: memoryview) -> T:
        try:
            return decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise _not_shown(error) from error

    return checked


def _uncollected(decode: Decode[T]) -> Decode[T]:
    """The decoder with garbage collection put off until it has ended.

    Before Python 3.12 the collector runs in the midst of it, several times a batch, over objects
    that are all in use: a fifth of the time that a batch takes. The GIL is not given up meanwhile,
    but for values that need Python code; a thread that happens to run then finds it off.
    """
    if sys.version_info >= (3, 12):
        return decode

    def uncollected(data: memoryview) -> T:
        if len(data) < _COLLECTED_BYTES_MAX or not gc.isenabled():
            return decode(data)
        gc.disable()
        try:
            return decode(data)
        finally:
            gc.enable()

    return uncollected


def _not_shown(error: Exception) -> ClientError:
    return ClientError(f"the server's answer cannot be shown as Python values: {error}")


def _nothing(_data: memoryview) -> None:
    return None


def _true(_data: memoryview) -> bool:
    return True


_record = _decoder(Record)
_exists_result = _decoder(ExistsResult)
_ordered_result = _decoder(OperateOrderedResult)
_rows = _uncollected(_decoder(list[BatchRecord]))
_raw_rows = _decoder(list[msgspec.Raw])
_info_rows = _decoder(list[InfoNodeResult])
_nodes = _decoder(list[tuple[str, str]])


# How a server says in an info answer that it did not do it: "ERROR:4:unrecognized command".
_info_failure = re.compile(r"(?:ERROR|FAIL)(?::(\d+))?(?:[:=]|$)", re.IGNORECASE).match


def _info_result(row: InfoNodeResult) -> InfoNodeResult:
    failure = None if row.error_code else _info_failure(row.response)
    if failure is None:
        return row
    return row._replace(error_code=int(failure[1] or _SERVER_ERROR))


def _info_results(data: memoryview) -> list[InfoNodeResult]:
    return [_info_result(row) for row in _info_rows(data)]


def _info_response(data: memoryview) -> str:
    ((node, code, response),) = _info_results(data)
    if code:
        raise class_for(code)(response, result_code=code, node=node)
    return response


def _node_names(data: memoryview) -> list[str]:
    return [name for name, _ in _nodes(data)]


class BatchDecoder(Generic[T]):
    """Decodes the rows of a batch, all at once or in steps.

    Args:
        make: What to make of the rows.
    """

    # Rows of one step, which take about half a millisecond.
    step_rows = 512

    def __init__(self, make: Callable[[list[BatchRecord]], T]) -> None:
        self._make = make

    def __call__(self, data: memoryview) -> T:
        return self._make(_rows(data))

    def steps(self, data: memoryview) -> Iterator[T | None]:
        """Does a part of the work for each None, and ends with the result."""
        raw = _raw_rows(data)
        rows: list[BatchRecord] = []
        for start in range(0, len(raw), self.step_rows):
            part = raw[start : start + self.step_rows]
            header = b"\xdd" + len(part).to_bytes(4, "big")  # An array of so many members.
            rows += _rows(memoryview(header + b"".join(part)))
            yield None
        yield self._make(rows)


_batch_records = BatchDecoder(BatchRecords)
_batch_results = BatchDecoder(BatchResults)


class Requests:
    """Makes the requests of one client, with its default policies."""

    def __init__(self, config: Config) -> None:
        defaults = config.policies
        self._read = read_policies(defaults.get("read"), _GET)
        self._write = write_policies(defaults.get("write"), _PUT)
        self._batch_read = batch_read_policies(defaults.get("batch"), _BATCH)
        # As single writes, batches that write are not repeated unless that is asked for.
        self._batch_write = batch_write_policies(defaults.get("batch"), _PUT)
        self._info = admin_policies("info", defaults.get("info") or defaults.get("admin"), _INFO)

    def get(self, key: Any, policy: Any) -> Request[Record]:
        return _GET, encode((request_key(key),)), self._read(policy), _record

    def select(self, key: Any, bins: Any, policy: Any) -> Request[Record]:
        request = encode((request_key(key), bin_names(bins, "select")))
        return _SELECT, request, self._read(policy), _record

    def exists(self, key: Any, policy: Any) -> Request[ExistsResult]:
        return _EXISTS, encode((request_key(key),)), self._read(policy), _exists_result

    def put(self, key: Any, bins: Any, meta: Any, policy: Any) -> Request[None]:
        return _PUT, encode_put(request_key(key), bins), self._write(policy, meta), _nothing

    def remove(self, key: Any, meta: Any, policy: Any) -> Request[None]:
        return _REMOVE, encode((request_key(key),)), self._write(policy, meta), _nothing

    def touch(self, key: Any, val: Any, meta: Any, policy: Any) -> Request[None]:
        request = encode((request_key(key),))
        given = None if val == 0 and type(val) is int else val
        return _TOUCH, request, self._write(policy, meta, given), _nothing

    def append(self, key: Any, name: Any, val: Any, meta: Any, policy: Any) -> Request[None]:
        request = encode_operand(request_key(key), name, val, (str, bytes, bytearray), "append")
        return _APPEND, request, self._write(policy, meta), _nothing

    def prepend(self, key: Any, name: Any, val: Any, meta: Any, policy: Any) -> Request[None]:
        request = encode_operand(request_key(key), name, val, (str, bytes, bytearray), "prepend")
        return _PREPEND, request, self._write(policy, meta), _nothing

    def increment(self, key: Any, name: Any, offset: Any, meta: Any, policy: Any) -> Request[None]:
        request = encode_operand(request_key(key), name, offset, (int, float), "increment")
        return _INCREMENT, request, self._write(policy, meta), _nothing

    def remove_bin(self, key: Any, names: Any, meta: Any, policy: Any) -> Request[None]:
        request = encode((request_key(key), bin_names(names, "remove_bin")))
        return _REMOVE_BIN, request, self._write(policy, meta), _nothing

    def operate(self, key: Any, ops: Any, meta: Any, policy: Any) -> Request[Record]:
        request = encode_operate(request_key(key), ops)
        return _OPERATE, request, self._write(policy, meta), _record

    def operate_ordered(
        self, key: Any, ops: Any, meta: Any, policy: Any
    ) -> Request[OperateOrderedResult]:
        request = encode_operate(request_key(key), ops)
        return _OPERATE_ORDERED, request, self._write(policy, meta), _ordered_result

    def batch_read(self, keys: Any, bins: Any, policy: Any) -> Request[BatchRecords]:
        request = batch.encode_same(batch.request_keys(keys), *batch.read_argument(bins))
        return _BATCH, request, self._batch_read(policy), _batch_records

    def batch_read_numpy(
        self, keys: Any, bins: Any, policy: Any, dtype: Any, errors: Any
    ) -> "Request[NumpyBatchRecords]":
        from .numpy_batch import read_request  # Imports NumPy.

        names = None if bins is None else batch.read_argument(bins)[1] or []
        request, destination = read_request(batch.request_keys(keys), names, dtype, errors)
        return _native.TABLE, request, self._batch_read(policy), destination

    def batch_write(self, records: Any, policy: Any) -> Request[BatchRecords]:
        return self.batch(batch.writes(records), policy)

    def batch_write_numpy(
        self, array: Any, namespace: Any, set_name: Any, key_field: Any, meta: Any, policy: Any
    ) -> Request[BatchRecords]:
        from .numpy_batch import write_request  # Imports NumPy.

        struct = self._batch_write(policy)
        generation, ttl = write_meta(meta) or (None, None)
        if not struct.generation_policy:
            generation = None
        request = write_request(array, namespace, set_name, key_field, ttl, generation)
        return _BATCH_MIXED, request, struct, _batch_records

    def batch_operate(self, keys: Any, ops: Any, policy: Any) -> Request[BatchResults]:
        operations = batch.encoded_operations(ops)
        request = batch.encode_same(batch.request_keys(keys), _OPERATE, operations)
        return _BATCH, request, self._batch_write(policy), _batch_results

    def batch_remove(self, keys: Any, policy: Any) -> Request[BatchResults]:
        request = batch.encode_same(batch.request_keys(keys), _REMOVE, None)
        return _BATCH, request, self._batch_write(policy), _batch_results

    def batch(self, rows: Any, policy: Any) -> Request[BatchRecords]:
        struct = self._batch_write(policy)
        request = batch.encode_rows(rows, bool(struct.generation_policy))
        return _BATCH_MIXED, request, struct, _batch_records

    def info_all(self, command: Any, policy: Any) -> Request[list[InfoNodeResult]]:
        request = encode((_info_command(command), None))
        return _INFO, request, self._info(policy), _info_results

    def info_random_node(self, command: Any, policy: Any) -> Request[str]:
        return _INFO_ANY, encode((_info_command(command),)), self._info(policy), _info_response

    def node_names(self) -> Request[list[str]]:
        return _NODES, _NO_ARGUMENTS, _native.NULL, _node_names

    def ping(self) -> Request[bool]:
        return _PING, _NO_ARGUMENTS, self._info(), _true


def _info_command(command: Any) -> str:
    if not isinstance(command, str):
        raise TypeError(f"an info command must be a str, not {type(command).__name__}")
    text = str.__str__(command).strip()
    if not text or "\n" in text:
        raise InvalidArgError("an info command must be one line, and not empty")
    return text
