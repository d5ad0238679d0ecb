"""Requests of info commands, and of what a client knows of its cluster."""

import re
from typing import Any

from .. import _native
from .._ffi import lib
from .._results import value
from .._validate import Integer, check_name, check_str, namespace_argument, set_argument
from .._values import encode, unsigned
from ..exception import InvalidArgError, class_for
from ..types import InfoNodeResult
from .policies import ClientPolicies
from .request import Request, nothing

_INFO: int = lib.ASZ_INFO
_INFO_ANY: int = lib.ASZ_INFO_ANY
_NODES: int = lib.ASZ_NODES
_PING: int = lib.ASZ_PING
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


def _true(_response: memoryview) -> bool:
    return True


def info_all(policies: ClientPolicies, command: Any, policy: Any) -> Request[list[InfoNodeResult]]:
    request = encode((_info_command(command), None))
    return _INFO, request, policies.info(policy), _info_results


def info_random_node(policies: ClientPolicies, command: Any, policy: Any) -> Request[str]:
    return _INFO_ANY, encode((_info_command(command),)), policies.info(policy), _info_response


def node_names() -> Request[list[str]]:
    return _NODES, _NO_ARGUMENTS, _native.NULL, _node_names


def ping(policies: ClientPolicies) -> Request[bool]:
    return _PING, _NO_ARGUMENTS, policies.info(), _true


def info_node(policies: ClientPolicies, command: Any, node_name: Any, policy: Any) -> Request[str]:
    request = encode((_info_command(command), check_name(node_name, "node_name")))
    return _INFO, request, policies.info(policy), _info_response


def truncate(
    policies: ClientPolicies, namespace: Any, set_name: Any, nanos: Any, policy: Any
) -> Request[None]:
    time = _NANOS.check(nanos, "nanos")
    request = encode((namespace_argument(namespace), set_argument(set_name), unsigned(time)))
    return _TRUNCATE, request, policies.info(policy), nothing


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


def _no_info_response(data: memoryview) -> None:
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
