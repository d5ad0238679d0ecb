"""Requests of secondary indexes."""

from collections.abc import Iterator
from typing import Any

from .._ffi import lib
from .._native import Data
from .._operations import check_context
from .._results import nothing
from .._validate import Choice, check_bin_name, check_name, namespace_argument, set_argument
from .._values import encode
from ..constants import (
    INDEX_BLOB,
    INDEX_GEO2DSPHERE,
    INDEX_NUMERIC,
    INDEX_STRING,
    INDEX_TYPE_DEFAULT,
    INDEX_TYPE_LIST,
    INDEX_TYPE_MAPKEYS,
    INDEX_TYPE_MAPVALUES,
)
from ..exception import InvalidArgError
from ..types import IndexInfo, InfoNodeResult
from . import info
from .policies import INDEX_TYPE, WAIT, ClientPolicies
from .request import Request

_INDEX_CREATE: int = lib.ASZ_INDEX_CREATE
_INDEX_REMOVE: int = lib.ASZ_INDEX_REMOVE
# In place of an index type.
_OF_SET = 4

_DATA_TYPE = Choice(
    "INDEX_", frozenset({INDEX_STRING, INDEX_NUMERIC, INDEX_GEO2DSPHERE, INDEX_BLOB})
)


_LIST = "sindex-list:b64=true"
_DATA_TYPES = {
    "string": INDEX_STRING,
    "numeric": INDEX_NUMERIC,
    "geo2dsphere": INDEX_GEO2DSPHERE,
    "blob": INDEX_BLOB,
}
_COLLECTIONS = {
    "default": INDEX_TYPE_DEFAULT,
    "none": INDEX_TYPE_DEFAULT,
    "list": INDEX_TYPE_LIST,
    "mapkeys": INDEX_TYPE_MAPKEYS,
    "mapvalues": INDEX_TYPE_MAPVALUES,
}
_READABLE = "RW"


def listed(
    policies: ClientPolicies, namespace: str | None, policy: Any
) -> Request[list[IndexInfo]]:
    wanted = None if namespace is None else namespace_argument(namespace)
    command, request, struct, decode = info.info_of(policies, _LIST, wanted, policy)

    def indexes(response: Data) -> list[IndexInfo]:
        nodes = info.answers(decode(response))
        found = [each for each in _indexes(nodes) if wanted in (None, each.namespace)]
        return sorted(found, key=lambda each: (each.namespace, each.name))

    return command, request, struct, indexes


def _indexes(nodes: list[InfoNodeResult]) -> Iterator[IndexInfo]:
    """Those that any node has; all have to have one before it can be relied on."""
    rows: dict[tuple[str, str], list[dict[str, str]]] = {}
    for node in nodes:
        for row in info.rows(node.response):
            if "ns" not in row or "indexname" not in row:
                continue  # Whatever else a server lists.
            rows.setdefault((row["ns"], row["indexname"]), []).append(row)
    for (namespace, name), each in rows.items():
        row = each[0]
        data_type = _DATA_TYPES.get(row.get("type", "").lower())
        collection = _COLLECTIONS.get(row.get("indextype", "").lower())
        # That of a set has no state.
        is_readable = len(each) == len(nodes) and all(
            one.get("state", _READABLE) == _READABLE for one in each
        )
        yield IndexInfo(
            namespace,
            _present(row.get("set")),
            name,
            _present(row.get("bin")),
            data_type,
            collection,
            _context(_present(row.get("context"))),
            _expression(_present(row.get("exp"))),
            is_readable,
        )


def _present(text: str | None) -> str | None:
    return None if text in (None, "", "null", "NULL") else text


def _context(text: str | None) -> Any:
    if text is None:
        return None
    from ..cdt_ctx import from_base64

    return from_base64(text)


def _expression(text: str | None) -> Any:
    if text is None:
        return None
    from ..exp import from_base64

    return from_base64(text)


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
        raise InvalidArgError("bin_name must not be None, unless there is an expression")
    if bin_name is not None and expression is not None:
        raise InvalidArgError("bin_name must be None where there is an expression")
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
