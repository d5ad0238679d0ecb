"""One function an operation: from arguments to a request, and from its result to Python.

The synchronous and the asynchronous client share all of it; they differ only in how they wait.
A request is (command, encoded request, policy struct, decoder of the result). Arguments are
checked here, before anything is sent.
"""

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from . import _native, batch
from ._codec import pack_key, pack_operate, pack_put
from ._config import Config
from ._ffi import lib
from ._functions import function_call
from ._native import Pointer
from ._operations import plain_operations
from ._results import BatchDecoder, Decode, T, exists_result, ordered_result, record, value
from ._values import bin_names, encode, encode_operand, plain_bins
from .batch import BatchRecords, BatchResults
from .exception import InvalidArgError, class_for
from .keys import encode_key, request_key
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
_APPLY: int = lib.ASZ_APPLY
_BATCH: int = lib.ASZ_BATCH
_BATCH_MIXED: int = lib.ASZ_BATCH_MIXED
_INFO: int = lib.ASZ_INFO
_INFO_ANY: int = lib.ASZ_INFO_ANY
_NODES: int = lib.ASZ_NODES
_PING: int = lib.ASZ_PING

_NO_ARGUMENTS = encode([])
_SERVER_ERROR = 1


def _nothing(_data: memoryview) -> None:
    return None


def _true(_data: memoryview) -> bool:
    return True


# How a server says in an info answer that it did not do it: "ERROR:4:unrecognized command".
_info_failure = re.compile(r"(?:ERROR|FAIL)(?::([0-9]+))?(?:[:=]|$)", re.IGNORECASE).match
_RESULT_CODE_MAX = 255
_CODE_DIGITS_MAX = 10

_controls = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _info_code(digits: str | None) -> int:
    """What failed has not succeeded, whatever its number says, if it has any."""
    code = int(digits[:_CODE_DIGITS_MAX]) if digits else 0
    return code if 0 < code <= _RESULT_CODE_MAX else _SERVER_ERROR


def _info_result(node: str, code: int, response: str) -> InfoNodeResult:
    failure = None if code else _info_failure(response)
    if failure is not None:
        code = _info_code(failure[1])
    return InfoNodeResult(node, code, response)


def _info_results(data: memoryview) -> list[InfoNodeResult]:
    return [_info_result(*row) for row in value(data)]


def _info_response(data: memoryview) -> str:
    ((node, code, response),) = _info_results(data)
    if code:
        text = _controls.sub(lambda found: f"\\x{ord(found[0]):02x}", response)
        raise class_for(code)(text, result_code=code, node=node)
    return response


def _node_names(data: memoryview) -> list[str]:
    return [name for name, _ in value(data)]


class Requests:
    """Makes the requests of one client, with its default policies."""

    def __init__(self, config: Config) -> None:
        defaults = config.policies
        info = defaults.get("info") or defaults.get("admin")
        self._read = read_policies(defaults.get("read"), _GET).struct
        self._write = write_policies(defaults.get("write"), _PUT).struct
        self._batch_read = batch_read_policies(defaults.get("batch"), _BATCH).struct
        # As single writes, batches that write are not repeated unless that is asked for.
        self._batch_write = batch_write_policies(defaults.get("batch"), _PUT).struct
        self._info = admin_policies("info", info, _INFO).struct

    def get(self, key: Any, policy: Any) -> Request[Record]:
        return _GET, pack_key(key) or encode_key(key), self._read(policy), record

    def select(self, key: Any, bins: Any, policy: Any) -> Request[Record]:
        request = encode((request_key(key), bin_names(bins, "select")))
        return _SELECT, request, self._read(policy), record

    def exists(self, key: Any, policy: Any) -> Request[ExistsResult]:
        return _EXISTS, pack_key(key) or encode_key(key), self._read(policy), exists_result

    def put(self, key: Any, bins: Any, meta: Any, policy: Any) -> Request[None]:
        request = pack_put(key, bins) or encode((request_key(key), plain_bins(bins)))
        return _PUT, request, self._write(policy, meta), _nothing

    def remove(self, key: Any, meta: Any, policy: Any) -> Request[None]:
        return _REMOVE, pack_key(key) or encode_key(key), self._write(policy, meta), _nothing

    def touch(self, key: Any, val: Any, meta: Any, policy: Any) -> Request[None]:
        request = pack_key(key) or encode_key(key)
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
        request = pack_operate(key, ops) or encode((request_key(key), plain_operations(ops)))
        return _OPERATE, request, self._write(policy, meta), record

    def operate_ordered(
        self, key: Any, ops: Any, meta: Any, policy: Any
    ) -> Request[OperateOrderedResult]:
        request = pack_operate(key, ops) or encode((request_key(key), plain_operations(ops)))
        return _OPERATE_ORDERED, request, self._write(policy, meta), ordered_result

    def batch_read(self, keys: Any, bins: Any, policy: Any) -> Request[BatchRecords]:
        asked, request = batch.encode_same(keys, *batch.read_argument(bins))
        return _BATCH, request, self._batch_read(policy), BatchDecoder(BatchRecords, asked)

    def batch_read_numpy(
        self, keys: Any, bins: Any, policy: Any, dtype: Any, errors: Any
    ) -> "Request[NumpyBatchRecords]":
        from .numpy_batch import read_request  # Imports NumPy.

        names = None if bins is None else batch.read_argument(bins)[1] or []
        request, destination = read_request(keys, names, dtype, errors)
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
        return _BATCH_MIXED, request, struct, BatchDecoder(BatchRecords)

    def batch_operate(self, keys: Any, ops: Any, policy: Any) -> Request[BatchResults]:
        operations = batch.encoded_operations(ops)
        asked, request = batch.encode_same(keys, _OPERATE, operations)
        return _BATCH, request, self._batch_write(policy), BatchDecoder(BatchResults, asked)

    def batch_remove(self, keys: Any, policy: Any) -> Request[BatchResults]:
        asked, request = batch.encode_same(keys, _REMOVE, None)
        return _BATCH, request, self._batch_write(policy), BatchDecoder(BatchResults, asked)

    def batch_apply(
        self, keys: Any, module: Any, function: Any, args: Any, policy: Any
    ) -> Request[BatchRecords]:
        call = function_call(module, function, args)
        asked, request = batch.encode_same(keys, _APPLY, call)
        return _BATCH, request, self._batch_write(policy), BatchDecoder(BatchRecords, asked)

    def batch(self, rows: Any, policy: Any) -> Request[BatchRecords]:
        struct = self._batch_write(policy)
        request = batch.encode_rows(rows, bool(struct.generation_policy))
        return _BATCH_MIXED, request, struct, BatchDecoder(BatchRecords)

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
