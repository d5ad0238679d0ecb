"""Requests of single records."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .._codec import key_request, pack_key, pack_operate, pack_put
from .._ffi import lib
from .._operations import plain_operations, within_count
from .._results import exists_result, nothing, ordered_result, record
from .._validate import COUNT_MAX, bin_names, check_count
from .._values import operand, plain_bins
from ..keys import encode_key, encode_with_key
from ..types import ExistsResult, OperateOrderedResult, Record
from .policies import ClientPolicies
from .request import Request

if TYPE_CHECKING:
    from ..objects import RecordOf

T = TypeVar("T")

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


def getting(policies: ClientPolicies) -> Callable[[Any, Any], Request[Record]]:
    """What makes the request of a key and a policy."""
    return key_request(_GET, policies, "read", encode_key, record)


def select(policies: ClientPolicies, key: Any, bins: Any, policy: Any) -> Request[Record]:
    request = encode_with_key(key, bin_names(bins))
    return _SELECT, request, policies.read(policy), record


def into_objects(
    policies: ClientPolicies, request: Request[Record], into: type[T]
) -> "Request[RecordOf[T]]":
    """The same request, whose result is read into an object."""
    command, encoded, struct, decode = request
    return command, encoded, struct, policies.shapes.of(into).decoder(decode)


def asking(policies: ClientPolicies) -> Callable[[Any, Any], Request[ExistsResult]]:
    """What makes the request, of a key and a policy, whether the record exists."""
    return key_request(_EXISTS, policies, "read", encode_key, exists_result)


def put(policies: ClientPolicies, key: Any, bins: Any, meta: Any, policy: Any) -> Request[None]:
    request = pack_put(key, bins)
    if request is None:
        request = encode_with_key(key, plain_bins(bins, policies))
    elif len(request) > COUNT_MAX:  # None of fewer bytes has as many bins.
        check_count("bins", "bins", len(bins))
    return _PUT, request, policies.write(policy, meta), nothing


def remove(policies: ClientPolicies, key: Any, meta: Any, policy: Any) -> Request[None]:
    return _REMOVE, pack_key(key) or encode_key(key), policies.remove(policy, meta), nothing


def touch(policies: ClientPolicies, key: Any, val: Any, meta: Any, policy: Any) -> Request[None]:
    request = pack_key(key) or encode_key(key)
    given = None if val == 0 and type(val) is int else val
    return _TOUCH, request, policies.write(policy, meta, given), nothing


def append(
    policies: ClientPolicies, key: Any, name: Any, val: Any, meta: Any, policy: Any
) -> Request[None]:
    request = encode_with_key(key, *operand(name, val, (str, bytes, bytearray), "val"))
    return _APPEND, request, policies.write(policy, meta), nothing


def prepend(
    policies: ClientPolicies, key: Any, name: Any, val: Any, meta: Any, policy: Any
) -> Request[None]:
    request = encode_with_key(key, *operand(name, val, (str, bytes, bytearray), "val"))
    return _PREPEND, request, policies.write(policy, meta), nothing


def increment(
    policies: ClientPolicies, key: Any, name: Any, offset: Any, meta: Any, policy: Any
) -> Request[None]:
    request = encode_with_key(key, *operand(name, offset, (int, float), "offset"))
    return _INCREMENT, request, policies.write(policy, meta), nothing


def remove_bin(
    policies: ClientPolicies, key: Any, names: Any, meta: Any, policy: Any
) -> Request[None]:
    request = encode_with_key(key, bin_names(names, "bin_names"))
    return _REMOVE_BIN, request, policies.write(policy, meta), nothing


def operate(
    policies: ClientPolicies, key: Any, ops: Any, meta: Any, policy: Any
) -> Request[Record]:
    request = within_count(ops, pack_operate(key, ops)) or encode_with_key(
        key, plain_operations(ops, policies)
    )
    return _OPERATE, request, policies.operate(policy, meta), record


def operate_ordered(
    policies: ClientPolicies, key: Any, ops: Any, meta: Any, policy: Any
) -> Request[OperateOrderedResult]:
    request = within_count(ops, pack_operate(key, ops)) or encode_with_key(
        key, plain_operations(ops, policies)
    )
    return _OPERATE_ORDERED, request, policies.operate(policy, meta), ordered_result
