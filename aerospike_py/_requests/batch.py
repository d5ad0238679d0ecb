"""Requests of batches."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .. import _native
from .._codec import pack_batch
from .._ffi import lib
from .._native import Data, Pointer
from .._operations import encoded_operations, function_call
from .._results import BatchDecoder
from .._validate import (
    at,
    check_bool,
    check_iterable,
    check_natural,
    each,
    namespace_argument,
    set_argument,
    wrong_type,
)
from .._values import Converts, encode
from ..batch import (
    BatchRecord,
    BatchRecords,
    BatchResults,
    BatchRow,
    ForClient,
    read_argument,
    write,
)
from ..constants import POLICY_EXISTS_REPLACE, POLICY_EXISTS_REPLACE_ONLY
from ..exception import BinNameError, InvalidArgError
from ..keys import encode_key, request_key
from .policies import NO_GENERATION, ClientPolicies, RowMeta, write_meta
from .request import Request

if TYPE_CHECKING:
    from ..arrow import Destination
    from ..numpy_batch import NumpyBatchRecords
    from ..objects import BatchRecordsOf

T = TypeVar("T")

_GET: int = lib.ASZ_GET
_SELECT: int = lib.ASZ_SELECT
_EXISTS: int = lib.ASZ_EXISTS
_OPERATE: int = lib.ASZ_OPERATE
_REMOVE: int = lib.ASZ_REMOVE
_APPLY: int = lib.ASZ_APPLY
_BATCH: int = lib.ASZ_BATCH
# What changes a record whose generation may be compared before.
_COMPARING = (lib.ASZ_PUT, lib.ASZ_OPERATE, lib.ASZ_REMOVE)
_STREAMED = "a list of keys, or of rows made by aerospike_py.batch"
_ROWS = "a list of rows made by aerospike_py.batch"
_WRITTEN = "(key, bins), (key, bins, meta) or (key, bins, meta, policy)"
_BATCH_MIXED: int = lib.ASZ_BATCH_MIXED


def read(policies: ClientPolicies, keys: Any, bins: Any, policy: Any) -> Request[BatchRecords]:
    asked, request = encode_same(keys, *read_argument(bins))
    return _BATCH, request, policies.batch_read(policy), BatchDecoder(BatchRecords, asked)


def stream(
    policies: ClientPolicies, given: Any, bins: Any, policy: Any
) -> Request[list[BatchRecord]]:
    """Of keys to be read, or of rows."""
    if not isinstance(given, BatchRow):  # Of which `rows` says what is wrong.
        given = list(check_iterable(given, "keys", _STREAMED))
    if isinstance(given, BatchRow) or any(type(row) is BatchRow for row in given):
        if bins is not None:
            raise InvalidArgError("bins are for keys; a row says by itself which bins it reads")
        command, request, struct, _ = rows(policies, given, policy)
    else:
        command, struct = _BATCH, policies.batch_read(policy)
        _, request = encode_same(given, *read_argument(bins))
    return command, request, struct, _rows


_unpack_rows = BatchDecoder(list[BatchRecord])


def _rows(data: Data) -> list[BatchRecord]:
    """The rows of a chunk; none of an empty one."""
    return _unpack_rows(data) if data else []


def read_into(
    policies: ClientPolicies, keys: Any, bins: Any, policy: Any, into: type[T]
) -> "Request[BatchRecordsOf[T]]":
    shape = policies.shapes.of(into)
    asked, request = encode_same(keys, *read_argument(bins))
    return _BATCH, request, policies.batch_read(policy), BatchDecoder(shape.batch, asked)


def check_into(dtype: Any) -> None:
    """Raises an InvalidArgError when a batch is to be read into objects and an array at once."""
    if dtype is not None:
        raise InvalidArgError("into and _dtype are two kinds of results; give one")


def check_without_dtype(errors: Any, mask: Any) -> None:
    """Raises an InvalidArgError when something is said of an array, and there is to be none."""
    for name, is_given in (("errors", errors != "raise"), ("mask", bool(mask))):
        if is_given:
            raise InvalidArgError(f"{name} is about the rows of an array, and needs a _dtype")


def read_numpy(
    policies: ClientPolicies,
    keys: Any,
    bins: Any,
    policy: Any,
    dtype: Any,
    errors: Any,
    mask: Any = False,
) -> "Request[NumpyBatchRecords]":
    from ..numpy_batch import read_request  # Imports NumPy.

    names = None if bins is None else read_argument(bins)[1] or []
    request, destination = read_request(keys, names, dtype, errors, mask=check_bool(mask, "mask"))
    return _native.TABLE, request, policies.batch_read(policy), destination


def read_arrow(
    policies: ClientPolicies,
    keys: Any,
    bins: Any,
    policy: Any,
    schema: Any,
    key: Any,
    meta: Any,
    errors: Any,
) -> "Request[Destination]":
    from ..arrow import Destination, describe

    names = None if bins is None else read_argument(bins)[1] or []
    asked, description = describe(names, schema, key, meta, errors)
    checked, request = encode_same(keys, *read_argument(asked))
    destination = Destination(description, checked)
    return _native.ARROW, request, policies.batch_read(policy), destination


def write_all(
    policies: ClientPolicies, records: Any, policy: Any, retry: Any
) -> Request[BatchRecords]:
    return rows(policies, written(records, policies), _retried(policy, retry), "records")


def write_numpy(
    policies: ClientPolicies,
    array: Any,
    namespace: Any,
    set_name: Any,
    key_field: Any,
    meta: Any,
    policy: Any,
    retry: Any,
) -> Request[BatchRecords]:
    from ..numpy_batch import write_request  # Imports NumPy.

    struct = policies.batch_write(_retried(policy, retry))
    generation, ttl = _common_meta(struct, meta)
    request = write_request(array, namespace, set_name, key_field, ttl, generation)
    return _BATCH_MIXED, request, struct, BatchDecoder(BatchRecords)


def _common_meta(struct: Pointer, meta: Any) -> tuple[int | None, int | None]:
    """Generation and time to live of all rows; no generation where the policy compares none."""
    generation, ttl = write_meta(meta) or (None, None)
    if not struct.generation_policy:
        return None, ttl
    if generation is None:
        raise InvalidArgError(NO_GENERATION)
    return generation, ttl


def _retried(policy: Any, retry: Any) -> Any:
    """The policy with an argument that other clients have in the place of its `max_retries`."""
    if retry is None or not (policy is None or isinstance(policy, Mapping)):
        return policy
    if policy and policy.get("max_retries") is not None:
        raise InvalidArgError("retry is another name of policy['max_retries']; give one")
    return {**(policy or {}), "max_retries": check_natural(retry, "retry")}


def write_arrow(
    policies: ClientPolicies,
    table: Any,
    namespace: Any,
    set_name: Any,
    key_column: Any,
    meta: Any,
    policy: Any,
    rows_max: Any,
) -> Iterator[Request[BatchRecords]]:
    """The requests of one batch after the other; what is wrong is said at once."""
    from ..arrow import write_requests

    struct = policies.batch_write(policy)
    generation, ttl = _common_meta(struct, meta)
    place = (namespace_argument(namespace), set_argument(set_name))
    row_meta = None if ttl is None and generation is None else (generation, ttl)
    # A record that is replaced has no other bins to be removed.
    removes = struct.exists not in (POLICY_EXISTS_REPLACE, POLICY_EXISTS_REPLACE_ONLY)
    requests = write_requests(table, place, key_column, row_meta, rows_max, removes=removes)
    return ((_BATCH_MIXED, request, struct, BatchDecoder(BatchRecords)) for request in requests)


def operate(policies: ClientPolicies, keys: Any, ops: Any, policy: Any) -> Request[BatchResults]:
    operations = encoded_operations(ops, policies)
    asked, request = encode_same(keys, _OPERATE, operations)
    struct = _without_generations(policies.batch_write(policy))
    return _BATCH, request, struct, BatchDecoder(BatchResults, asked)


def remove(policies: ClientPolicies, keys: Any, policy: Any) -> Request[BatchResults]:
    asked, request = encode_same(keys, _REMOVE, None)
    struct = _without_generations(policies.batch_remove(policy))
    return _BATCH, request, struct, BatchDecoder(BatchResults, asked)


def apply(
    policies: ClientPolicies, keys: Any, module: Any, function: Any, args: Any, policy: Any
) -> Request[BatchRecords]:
    call = function_call(module, function, args, policies)
    asked, request = encode_same(keys, _APPLY, call)
    struct = _without_generations(policies.batch_apply(policy))
    return _BATCH, request, struct, BatchDecoder(BatchRecords, asked)


def _without_generations(struct: Pointer) -> Pointer:
    """The struct of a batch that has nothing but keys, and so no generation to compare with."""
    if struct.generation_policy:
        raise InvalidArgError(
            "policy['gen'] has generations compared, and keys have none to compare with; use "
            "batch() with rows whose meta has a 'gen'"
        )
    return struct


def rows(
    policies: ClientPolicies, given: Any, policy: Any, path: str = "rows"
) -> Request[BatchRecords]:
    struct = policies.batch_write(policy)
    if policies.batch_rows:
        given = _with_defaults(given, policies.batch_rows, path)
    request = encode_rows(given, bool(struct.generation_policy), path, policies)
    return _BATCH_MIXED, request, struct, BatchDecoder(BatchRecords)


# What each command is to the defaults of a batch's rows.
_KIND_OF_ROW = {_REMOVE: "remove", _APPLY: "apply", _GET: "read", _SELECT: "read", _EXISTS: "read"}


def _with_defaults(rows: Any, defaults: dict[str, RowMeta | None], path: str) -> Any:
    """Rows with the defaults of their kinds under their own policies; what is no row stays."""
    if isinstance(rows, BatchRow):
        return rows
    listed = check_iterable(rows, path, _ROWS)
    return [_with_default(row, defaults) if type(row) is BatchRow else row for row in listed]


def _with_default(row: BatchRow, defaults: dict[str, RowMeta | None]) -> BatchRow:
    default = defaults.get(_KIND_OF_ROW.get(row.command, ""))
    if default is None:
        return row
    own = row.meta or RowMeta(None, None, None)
    policy = {**(default.policy or {}), **(own.policy or {})} or None
    ttl = default.ttl if own.ttl is None else own.ttl
    return row._replace(meta=RowMeta(own.generation, ttl, policy))


def encode_same(keys: Any, command: int, argument: Any) -> tuple[list[Any], bytes]:
    """The request that asks the same of every record, and its checked keys.

    Raises:
        TypeError: The keys are not a list, or one of them is no key.
        ValueError, OverflowError: A key is not valid.
    """
    listed = list(check_iterable(keys, "keys", "a list of keys"))
    rest = encode(command) + encode(argument)
    request = pack_batch(listed, rest)
    if request is not None:
        return listed, request
    checked = each("keys", request_key, listed, "key")
    try:
        return checked, encode((checked, command, argument))
    except UnicodeEncodeError:
        each("keys", encode_key, listed)
        raise


def encode_rows(
    rows: Any, compares_generation: bool, path: str = "rows", converts: Converts | None = None
) -> bytes:
    """The request of rows that ask for different things.

    Args:
        rows: What this module's functions made.
        compares_generation: Whether the batch's policy does; if not, expected generations of rows
            whose own policy does not are dropped.
        path: What the rows are called, for errors.
        converts: Makes of values what a bin holds; None: nothing does.

    Raises:
        TypeError: It is something else, or a value's type cannot be stored.
        InvalidArgError: A row's generation is to be compared, and it has none.
        UnicodeEncodeError: A key has lone surrogates.
    """
    if isinstance(rows, BatchRow):
        raise wrong_type("rows", _ROWS, rows)
    listed = check_iterable(rows, "rows", _ROWS)
    for index, row in enumerate(listed):
        if type(row) is not BatchRow:
            raise wrong_type(
                f"rows[{index}]", "made by a function of aerospike_py.batch, such as read", row
            )
    if compares_generation:
        _check_generations(listed, path)
    try:
        return encode(
            [
                tuple(row) if row.meta is None else _with_meta(row, row.meta, compares_generation)
                for row in listed
            ]
        )
    except UnicodeEncodeError:
        each("rows", lambda row: encode_key(row.key), listed)
        raise
    except TypeError:  # The encoder does not know what waits for a client.
        if converts is None or not any(type(row.argument) is ForClient for row in listed):
            raise
    made = each(path, partial(_for_client, converts), listed)
    return encode_rows(made, compares_generation, path)


def _for_client(converts: Converts, row: BatchRow) -> BatchRow:
    """The row with an argument that can be encoded."""
    argument = row.argument
    if type(argument) is not ForClient:
        return row
    return row._replace(argument=argument.make(converts))


def _check_generations(rows: list[BatchRow], path: str) -> None:
    for index, (_, command, _, meta) in enumerate(rows):
        if command in _COMPARING and (
            meta is None or (meta.generation is None and meta.compares(True))
        ):
            raise InvalidArgError(f"{path}[{index}]: {NO_GENERATION}")


def _with_meta(row: BatchRow, meta: RowMeta, compares_generation: bool) -> tuple[Any, ...]:
    return (*row[:3], meta.members(compares_generation))


def written(records: Any, policies: ClientPolicies) -> list[BatchRow]:
    """Rows of `Client.batch_write`: (key, bins), with metadata and policy or without.

    Raises:
        TypeError: It is something else, or a key or a value is not valid.
        ValueError, OverflowError, InvalidArgError: A key or a value is not valid.
    """
    listed = check_iterable(records, "records", "a list of (key, bins)")
    rows = []
    for index, record in enumerate(listed):
        try:
            if not isinstance(record, (tuple, list)):
                raise wrong_type("it", _WRITTEN, record)
            if not 2 <= len(record) <= 4:
                raise InvalidArgError(f"it must be {_WRITTEN}, and has {len(record)} members")
            key, bins, *rest = record
            row = write(key, bins, *rest)
            rows.append(_for_client(policies, row))
        except (TypeError, ValueError, OverflowError, BinNameError) as error:
            raise at(f"records[{index}]", error, "it") from None
    return rows
