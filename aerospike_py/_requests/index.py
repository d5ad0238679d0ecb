"""Requests of secondary indexes."""

from typing import Any

from .._ffi import lib
from .._operations import check_context
from .._validate import Choice, check_bin_name, check_name, namespace_argument, set_argument
from .._values import encode
from ..constants import (
    INDEX_BLOB,
    INDEX_GEO2DSPHERE,
    INDEX_NUMERIC,
    INDEX_STRING,
)
from ..exception import InvalidArgError
from .policies import INDEX_TYPE, WAIT, ClientPolicies
from .request import Request, nothing

_INDEX_CREATE: int = lib.ASZ_INDEX_CREATE
_INDEX_REMOVE: int = lib.ASZ_INDEX_REMOVE
# In place of an index type.
_OF_SET = 4

_DATA_TYPE = Choice(
    "INDEX_", frozenset({INDEX_STRING, INDEX_NUMERIC, INDEX_GEO2DSPHERE, INDEX_BLOB})
)


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
    if bin_name is None and expression is None:
        raise InvalidArgError("an index is on a bin or on an expression")
    if bin_name is not None:
        check_bin_name(bin_name, "bin_name")
    request = encode(
        (
            namespace_argument(namespace),
            set_argument(set_name),
            check_name(index_name, "index_name"),
            None if bin_name is None else str.__str__(bin_name),
            _DATA_TYPE.check(data_type, "data_type"),
            INDEX_TYPE.check(index_type, "index_type"),
            None if ctx is None else check_context(ctx),
            None if expression is None else _compiled(expression),
            WAIT.check(wait_timeout, "wait_timeout"),
        )
    )
    return _INDEX_CREATE, request, policies.info(policy), nothing


def create_of_set(
    policies: ClientPolicies,
    namespace: Any,
    set_name: Any,
    index_name: Any,
    policy: Any,
    wait_timeout: Any,
) -> Request[None]:
    request = encode(
        (
            namespace_argument(namespace),
            check_name(set_name, "set_name"),
            check_name(index_name, "index_name"),
            None,
            INDEX_STRING,  # It says nothing.
            _OF_SET,
            None,
            None,
            WAIT.check(wait_timeout, "wait_timeout"),
        )
    )
    return _INDEX_CREATE, request, policies.info(policy), nothing


def remove(
    policies: ClientPolicies, namespace: Any, index_name: Any, policy: Any, wait_timeout: Any
) -> Request[None]:
    name = check_name(index_name, "index_name")
    request = encode(
        (namespace_argument(namespace), name, WAIT.check(wait_timeout, "wait_timeout"))
    )
    return _INDEX_REMOVE, request, policies.info(policy), nothing


def _compiled(expression: Any) -> bytes:
    from ..exp import compile as compile_expression  # Who has an expression has imported it.

    return compile_expression(expression).encoded
