"""Requests of info commands, and of what a client knows of its cluster."""

import re
from typing import Any

from .. import _native
from .._ffi import lib
from .._native import Data
from .._results import nothing, value
from .._validate import (
    Integer,
    check_moment,
    check_name,
    check_str,
    is_moment,
    namespace_argument,
    set_argument,
)
from .._values import encode, unsigned
from ..exception import InvalidArgError, class_for
from ..types import (
    InfoNodeResult,
    NamespaceInfo,
    NodeInfo,
    NodeStats,
    SetInfo,
    SizeStats,
    TLSStats,
)
from .policies import ClientPolicies
from .request import Request

_INFO: int = lib.ASZ_INFO
_INFO_ANY: int = lib.ASZ_INFO_ANY
_NODES: int = lib.ASZ_NODES
_PING: int = lib.ASZ_PING
_STATISTICS: int = lib.ASZ_STATISTICS
_TRUNCATE: int = lib.ASZ_TRUNCATE

_NO_ARGUMENTS = encode([])
_SERVER_ERROR = 1
_NANOS = Integer(0, 2**64 - 1)


# How a server says in an info answer that it did not do it: "ERROR:4:unrecognized command".
_info_failure = re.compile(r"(?:ERROR|FAIL)(?::([0-9]+))?(?:[:=]|$)", re.IGNORECASE).match
_RESULT_CODE_MAX = 255
_CODE_DIGITS_MAX = 10

_separators = re.compile(r"[;=:\x00-\x1f]")
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


def _info_results(data: Data) -> list[InfoNodeResult]:
    return [_info_result(*row) for row in value(data)]


def answers(results: list[InfoNodeResult]) -> list[InfoNodeResult]:
    """Those of nodes that have answered.

    Raises:
        AerospikeError: None has.
    """
    answered = [each for each in results if not each.error_code]
    if results and not answered:
        first = results[0]
        raise class_for(first.error_code)(
            first.response, result_code=first.error_code, node=first.node_name
        )
    return answered


def rows(response: str) -> list[dict[str, str]]:
    """What is listed as "a=b:c=d;a=e:c=f"."""
    return [pairs(row, ":") for row in response.split(";") if row]


def pairs(text: str, separator: str) -> dict[str, str]:
    """What is given as "a=b;c=d"."""
    return {
        name: content
        for name, equals, content in (part.partition("=") for part in text.split(separator))
        if equals
    }


def _info_response(data: Data) -> str:
    ((node, code, response),) = _info_results(data)
    if code:
        text = _controls.sub(lambda found: f"\\x{ord(found[0]):02x}", response)
        raise class_for(code)(text, result_code=code, node=node)
    return response


def _node_names(data: Data) -> list[str]:
    return [name for name, *_ in value(data)]


def _nodes(data: Data) -> list[NodeInfo]:
    return sorted(NodeInfo(*row) for row in value(data))


def _statistics(data: Data) -> list[NodeStats]:
    bounds, listed, _ = value(data)
    return sorted(_node_stats(bounds, *row) for row in listed)


def _tls_statistics(data: Data) -> TLSStats | None:
    _, _, counts = value(data)
    if counts is None:
        return None
    handshakes, resumed, failures = counts
    return TLSStats(handshakes, resumed, dict(failures))


def _node_stats(
    bounds: list[int], name: str, is_active: bool, is_open: int, in_use: int, counts: list[Any]
) -> NodeStats:
    *counters, tend_ns, batches, streams, codes = counts
    sizes = _sizes(bounds, *batches), _sizes(bounds, *streams)
    members = (name, is_active, is_open, in_use, *counters, tend_ns / 1e9, *sizes, dict(codes))
    return NodeStats._make(members)


def _sizes(bounds: list[int], records: int, counts: list[int]) -> SizeStats:
    return SizeStats(records, dict(zip([*bounds, None], counts, strict=True)))


def _namespaces(response: Data) -> list[str]:
    names = {
        name
        for node in answers(_info_results(response))
        for name in node.response.split(";")
        if name
    }
    return sorted(names)


def _namespace_info(name: str, results: list[InfoNodeResult]) -> NamespaceInfo:
    nodes = {each.node_name: pairs(each.response, ";") for each in answers(results)}
    first = next(iter(nodes.values()), {})
    copies = _integer(first, "effective_replication_factor") or _integer(
        first, "replication-factor"
    )
    return NamespaceInfo(
        name,
        copies,
        first.get("strong-consistency") == "true",
        sum(_integer(each, "master_objects") for each in nodes.values()),
        sum(_integer(each, "master_tombstones") for each in nodes.values()),
        sum(_integer(each, "data_used_bytes") for each in nodes.values()),
        _integer(first, "default-ttl"),
        any(each.get("stop_writes") == "true" for each in nodes.values()),
        nodes,
    )


def _set_infos(namespace: str | None, results: list[InfoNodeResult]) -> list[SetInfo]:
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for node in answers(results):
        for row in rows(node.response):
            if namespace in (None, row.get("ns")):
                found.setdefault((row.get("ns", ""), row.get("set", "")), []).append(row)
    return [
        SetInfo(
            *place,
            sum(_integer(each, "objects") for each in listed),
            sum(_integer(each, "tombstones") for each in listed),
            sum(_integer(each, "data_used_bytes") for each in listed),
            _integer(listed[0], "default-ttl"),
            listed[0].get("enable-index") == "true",
            any(each.get("truncating") == "true" for each in listed),
        )
        for place, listed in sorted(found.items())
    ]


def _integer(given: dict[str, str], name: str) -> int:
    try:
        return int(given.get(name, ""))
    except ValueError:
        return 0


def _true(_response: Data) -> bool:
    return True


def info_all(policies: ClientPolicies, command: Any, policy: Any) -> Request[list[InfoNodeResult]]:
    request = encode((_info_command(command), None))
    return _INFO, request, policies.info(policy), _info_results


def info_of(
    policies: ClientPolicies, command: str, namespace: str | None, policy: Any
) -> Request[list[InfoNodeResult]]:
    """What is asked of all nodes about a namespace, which the cluster has to have; None: of all."""
    members = (command, None) if namespace is None else (command, None, namespace)
    return _INFO, encode(members), policies.info(policy), _info_results


def info_random_node(policies: ClientPolicies, command: Any, policy: Any) -> Request[str]:
    return _INFO_ANY, encode((_info_command(command),)), policies.info(policy), _info_response


def nodes() -> Request[list[NodeInfo]]:
    return _NODES, _NO_ARGUMENTS, _native.NULL, _nodes


def stats() -> Request[list[NodeStats]]:
    return _STATISTICS, _NO_ARGUMENTS, _native.NULL, _statistics


def tls_stats() -> Request[TLSStats | None]:
    return _STATISTICS, _NO_ARGUMENTS, _native.NULL, _tls_statistics


def namespaces(policies: ClientPolicies, policy: Any) -> Request[list[str]]:
    request = encode(("namespaces", None))
    return _INFO, request, policies.info(policy), _namespaces


def namespace(policies: ClientPolicies, name: str, policy: Any) -> Request[NamespaceInfo]:
    request = encode((f"namespace/{name}", None))

    def decode(response: Data) -> NamespaceInfo:
        return _namespace_info(name, _info_results(response))

    return _INFO, request, policies.info(policy), decode


def sets(policies: ClientPolicies, namespace: Any, policy: Any) -> Request[list[SetInfo]]:
    wanted = None if namespace is None else namespace_argument(namespace)
    command, request, struct, results = info_of(policies, "sets", wanted, policy)

    def decode(response: Data) -> list[SetInfo]:
        return _set_infos(wanted, results(response))

    return command, request, struct, decode


def node_names() -> Request[list[str]]:
    return _NODES, _NO_ARGUMENTS, _native.NULL, _node_names


def ping(policies: ClientPolicies, policy: Any) -> Request[bool]:
    return _PING, _NO_ARGUMENTS, policies.info(policy), _true


def info_node(policies: ClientPolicies, command: Any, node_name: Any, policy: Any) -> Request[str]:
    request = encode((_info_command(command), check_name(node_name, "node_name")))
    return _INFO, request, policies.info(policy), _info_response


def truncate(
    policies: ClientPolicies, namespace: Any, set_name: Any, nanos: Any, policy: Any
) -> Request[None]:
    if is_moment(nanos):
        nanos = _nanoseconds(check_moment(nanos, "nanos"))
    time = _NANOS.check(nanos, "nanos")
    request = encode((namespace_argument(namespace), set_argument(set_name), unsigned(time)))
    return _TRUNCATE, request, policies.info(policy), nothing


def _nanoseconds(moment: Any) -> int:
    from datetime import datetime, timedelta, timezone  # Who has a datetime has imported it.

    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return int(since // timedelta(microseconds=1)) * 1000


def set_xdr_filter(
    policies: ClientPolicies, data_center: Any, namespace: Any, expression: Any, policy: Any
) -> Request[None]:
    name = _info_name(check_name(data_center, "data_center"), "data_center")
    place = _info_name(namespace_argument(namespace), "namespace")
    encoded = "null"
    if expression is not None:
        from ..exp import to_base64  # Who has an expression has imported it.

        encoded = to_base64(expression)
    command = f"xdr-set-filter:dc={name};namespace={place};exp={encoded}"
    return _INFO_ANY, encode((command,)), policies.info(policy), _no_info_response


def _no_info_response(data: Data) -> None:
    _info_response(data)


def _info_name(text: str, path: str) -> str:
    if _separators.search(text):
        raise InvalidArgError(f"{path} must not have ';', '=', ':' or control characters in it")
    return text


def _info_command(command: Any) -> str:
    text = str.__str__(check_str(command, "command")).strip()
    if not text or "\n" in text or "\0" in text:
        raise InvalidArgError(
            f"command must be one line without zeros, and not empty, and is {command!r:.60}"
        )
    return text
