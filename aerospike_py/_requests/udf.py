"""Requests of functions that run on the server, and how a request names one."""

import os
from typing import Any

from .._ffi import lib
from .._native import Data
from .._operations import LUA_SUFFIX, function_call
from .._results import nothing, value
from .._validate import check_name, integer, wrong_type
from .._values import encode
from ..exception import InvalidArgError
from ..keys import encode_with_key
from ..types import UDFFile
from .policies import WAIT, ClientPolicies
from .request import Request

_UDF_PUT: int = lib.ASZ_UDF_PUT
_UDF_REMOVE: int = lib.ASZ_UDF_REMOVE
_UDF_LIST: int = lib.ASZ_UDF_LIST
_UDF_GET: int = lib.ASZ_UDF_GET
_APPLY: int = lib.ASZ_APPLY

_NO_ARGUMENTS = encode([])


def _files(data: Data) -> list[UDFFile]:
    return [UDFFile(*row) for row in value(data)]


def _text_content(data: Data) -> str:
    content: bytes = value(data)
    return content.decode("utf-8", "replace")


def put(
    policies: ClientPolicies,
    filename: Any,
    udf_type: Any,
    policy: Any,
    source: Any,
    wait_timeout: Any,
) -> Request[None]:
    if integer(udf_type, "udf_type") != 0:
        raise InvalidArgError(f"udf_type must be 0, which is Lua, not {udf_type!r}")
    from pathlib import Path  # Only needed here, and slow to import.

    path = os.fspath(filename) if isinstance(filename, os.PathLike) else filename
    if not isinstance(path, str):
        raise wrong_type("filename", "a str or a path", filename)
    if not Path(path).name:
        raise InvalidArgError(f"filename must name a file, and {path!r} does not")
    file = Path(path)
    if source is None:
        source = file.read_bytes()
    elif isinstance(source, str):
        source = source.encode()
    elif not isinstance(source, (bytes, bytearray)):
        raise wrong_type("source", "a str or bytes", source)
    request = encode((_with_suffix(file.name), source, WAIT.check(wait_timeout, "wait_timeout")))
    return _UDF_PUT, request, policies.info(policy), nothing


def listed(policies: ClientPolicies, policy: Any) -> Request[list[UDFFile]]:
    return _UDF_LIST, _NO_ARGUMENTS, policies.info(policy), _files


def content(policies: ClientPolicies, module: Any, policy: Any) -> Request[str]:
    return _UDF_GET, encode((_file(module),)), policies.info(policy), _text_content


def raw_content(policies: ClientPolicies, module: Any, policy: Any) -> Request[bytes]:
    return _UDF_GET, encode((_file(module),)), policies.info(policy), value


def remove(policies: ClientPolicies, module: Any, policy: Any, wait_timeout: Any) -> Request[None]:
    request = encode((_file(module), WAIT.check(wait_timeout, "wait_timeout")))
    return _UDF_REMOVE, request, policies.info(policy), nothing


def apply(
    policies: ClientPolicies, key: Any, module: Any, function: Any, args: Any, policy: Any
) -> Request[Any]:
    request = encode_with_key(key, *function_call(module, function, args, policies))
    return _APPLY, request, policies.apply(policy), value


def _with_suffix(name: str) -> str:
    return name if name.endswith(LUA_SUFFIX) else name + LUA_SUFFIX


def _file(module: Any) -> str:
    return _with_suffix(check_name(module, "module"))
