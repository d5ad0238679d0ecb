"""Requests of secondary indexes."""

from typing import Any

from .._ffi import lib
from .._operations import check_context
from .._validate import Integer, check_bin_name, check_name, namespace_argument, set_argument
from .._values import encode
from ..constants import (
    INDEX_BLOB,
    INDEX_GEO2DSPHERE,
    INDEX_NUMERIC,
    INDEX_STRING,
    INDEX_TYPE_DEFAULT,
    INDEX_TYPE_MAPVALUES,
)
from ..exception import InvalidArgError
from .policies import WAIT, ClientPolicies
from .request import Request, nothing

_INDEX_CREATE: int = lib.ASZ_INDEX_CREATE
_INDEX_REMOVE: int = lib.ASZ_INDEX_REMOVE

_DATA_TYPES = frozenset({INDEX_STRING, INDEX_NUMERIC, INDEX_GEO2DSPHERE, INDEX_BLOB})


def create(
    policies: ClientPolicies,
    namespace: Any,
    set_name: Any,
    bin_name: Any,
    index_name: Any,
    data_type: Any,
    policy: Any,
    index_type: Any,
    ctx: Any,
    expression: Any,
    wait_timeout: Any,
) -> Request[None]:
    if data_type not in _DATA_TYPES:
        raise InvalidArgError(
            f"data_type must be INDEX_NUMERIC, INDEX_STRING, INDEX_BLOB or INDEX_GEO2DSPHERE, "
            f"not {data_type!r}"
        )
    collections = Integer(INDEX_TYPE_DEFAULT, INDEX_TYPE_MAPVALUES)
    if bin_name is None and expression is None:
        raise InvalidArgError("an index is on a bin or on an expression")
    if bin_name is not None:
        check_bin_name(bin_name)
    request = encode(
        (
            namespace_argument(namespace),
            set_argument(set_name),
            check_name(index_name, "an index's name"),
            None if bin_name is None else str.__str__(bin_name),
            int(data_type),
            collections.check(index_type, "index_type", "arguments"),
            None if ctx is None else check_context(ctx),
            None if expression is None else _compiled(expression),
            WAIT.check(wait_timeout, "wait_timeout", "arguments"),
        )
    )
    return _INDEX_CREATE, request, policies.info(policy), nothing


def remove(
    policies: ClientPolicies, namespace: Any, index_name: Any, policy: Any, wait_timeout: Any
) -> Request[None]:
    name = check_name(index_name, "an index's name")
    request = encode(
        (namespace_argument(namespace), name, WAIT.check(wait_timeout, "wait_timeout", "arguments"))
    )
    return _INDEX_REMOVE, request, policies.info(policy), nothing


def _compiled(expression: Any) -> bytes:
    from ..exp import compile as compile_expression

    return compile_expression(expression).encoded
