"""One function an operation for what runs a cluster: indexes, functions, jobs, users and roles.

As in `_requests.py`: from checked arguments to (command, request, policy, decoder of the result).
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypedDict

from ._checks import check_name
from ._ffi import lib
from ._functions import LUA_SUFFIX, function_call
from ._operations import check_context, plain_operations
from ._query_requests import namespace_argument, set_argument
from ._requests import Request, Requests, _info_response, _nothing
from ._results import Decode, T, value
from ._values import Raw, check_bin_name, encode
from .constants import (
    INDEX_BLOB,
    INDEX_GEO2DSPHERE,
    INDEX_NUMERIC,
    INDEX_STRING,
    INDEX_TYPE_DEFAULT,
    INDEX_TYPE_MAPVALUES,
)
from .exception import AdminError, InvalidArgError
from .keys import request_key
from .policy import Integer, admin_policies, integer
from .types import Privilege

_TRUNCATE: int = lib.ASZ_TRUNCATE
_INDEX_CREATE: int = lib.ASZ_INDEX_CREATE
_INDEX_REMOVE: int = lib.ASZ_INDEX_REMOVE
_UDF_PUT: int = lib.ASZ_UDF_PUT
_UDF_REMOVE: int = lib.ASZ_UDF_REMOVE
_UDF_LIST: int = lib.ASZ_UDF_LIST
_UDF_GET: int = lib.ASZ_UDF_GET
_APPLY: int = lib.ASZ_APPLY
_QUERY_BACKGROUND: int = lib.ASZ_QUERY_BACKGROUND
_JOB_STATUS: int = lib.ASZ_JOB_STATUS
_JOB_ABORT: int = lib.ASZ_JOB_ABORT
_INFO: int = lib.ASZ_INFO

_NO_ARGUMENTS = encode([])
_INVALID_USER = 60
_INVALID_ROLE = 70
_WAIT = Integer(0, 2**31 - 1)
_NANOS = Integer(0, 2**64 - 1)
_QUOTA = Integer(0, 2**32 - 1)
_PRIVILEGE_CODE = Integer(0, 255)
_JOB = Integer(0, 2**64 - 1)
_DATA_TYPES = frozenset({INDEX_STRING, INDEX_NUMERIC, INDEX_GEO2DSPHERE, INDEX_BLOB})


class UDFFile(NamedTuple):
    """A file of functions that is registered on the server."""

    name: str
    type: str
    hash: str


class JobStatus(NamedTuple):
    """How a background query is getting on, over all nodes.

    `state` is "running", "done", "aborted" (or failed), or "unknown": it ended so long ago that the
    nodes have forgotten it, or it never was. `progress` is the slowest node's, in percent.
    """

    state: str
    progress: float
    records_succeeded: int
    records_failed: int


class UserInfo(TypedDict):
    """A user, as `Client.admin_query_user_info` tells."""

    user: str
    roles: list[str]
    conns_in_use: int
    read_info: list[int]
    """Quota, single-record reads per second, scans and queries per second, those unlimited."""
    write_info: list[int]
    """The same for writes."""


class RoleInfo(TypedDict):
    """A role, as `Client.admin_query_role` tells."""

    name: str
    privileges: list[Privilege]
    allowlist: list[str]
    read_quota: int
    write_quota: int


_STATES = ("unknown", "running", "done", "aborted")

_UserRow = tuple[str, list[str], int, list[int], list[int]]
_RoleRow = tuple[str, list[tuple[int, str, str]], list[str], int, int]


def _files(data: memoryview) -> list[UDFFile]:
    return [UDFFile(*row) for row in value(data)]


def _text_content(data: memoryview) -> str:
    content: bytes = value(data)
    return content.decode("utf-8", "replace")


def _job_status(data: memoryview) -> JobStatus:
    state, progress, succeeded, failed = value(data)
    return JobStatus(_STATES[state], progress, succeeded, failed)


def _user_info(row: _UserRow) -> UserInfo:
    user, roles, connections, read_info, write_info = row
    return {
        "user": user,
        "roles": roles,
        "conns_in_use": connections,
        "read_info": read_info,
        "write_info": write_info,
    }


def _role_info(row: _RoleRow) -> RoleInfo:
    name, privileges, allowlist, read_quota, write_quota = row
    return {
        "name": name,
        "privileges": [
            {"code": code, "ns": namespace, "set": set_name}
            for code, namespace, set_name in privileges
        ],
        "allowlist": allowlist,
        "read_quota": read_quota,
        "write_quota": write_quota,
    }


def _user_infos(data: memoryview) -> list[UserInfo]:
    return [_user_info(row) for row in value(data)]


def _role_infos(data: memoryview) -> list[RoleInfo]:
    return [_role_info(row) for row in value(data)]


def _one(decode: Decode[list[T]], what: str, code: int) -> Decode[T]:
    """The one row that was asked for by its name."""

    def decode_one(data: memoryview) -> T:
        rows = decode(data)
        if not rows:
            raise AdminError(f"there is no such {what}", result_code=code)
        return rows[0]

    return decode_one


_one_user = _one(_user_infos, "user", _INVALID_USER)
_one_role = _one(_role_infos, "role", _INVALID_ROLE)


class AdministrationRequests:
    """Makes the requests of one client, with its default policies."""

    def __init__(self, requests: Requests, policies: Mapping[str, Any]) -> None:
        info = policies.get("info") or policies.get("admin")
        self._info = admin_policies("info", info, _INFO).struct
        self._admin = admin_policies(
            "admin", policies.get("admin"), lib.ASZ_ADMIN_CREATE_USER
        ).struct
        self._write = requests._write

    def info_node(self, command: Any, node_name: Any, policy: Any) -> Request[str]:
        request = encode((_text(command, "an info command"), _text(node_name, "a node's name")))
        return _INFO, request, self._info(policy), _info_response

    def truncate(self, namespace: Any, set_name: Any, nanos: Any, policy: Any) -> Request[None]:
        time = _NANOS.check(nanos, "nanos", "arguments")
        request = encode((namespace_argument(namespace), set_argument(set_name), time))
        return _TRUNCATE, request, self._info(policy), _nothing

    def index_create(
        self,
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
                _text(index_name, "an index's name"),
                None if bin_name is None else str.__str__(bin_name),
                int(data_type),
                collections.check(index_type, "index_type", "arguments"),
                None if ctx is None else check_context(ctx),
                None if expression is None else _compiled(expression),
                _wait(wait_timeout),
            )
        )
        return _INDEX_CREATE, request, self._info(policy), _nothing

    def index_remove(
        self, namespace: Any, index_name: Any, policy: Any, wait_timeout: Any
    ) -> Request[None]:
        name = _text(index_name, "an index's name")
        request = encode((namespace_argument(namespace), name, _wait(wait_timeout)))
        return _INDEX_REMOVE, request, self._info(policy), _nothing

    def udf_put(
        self, filename: Any, udf_type: Any, policy: Any, source: Any, wait_timeout: Any
    ) -> Request[None]:
        if udf_type != 0:
            raise InvalidArgError(f"udf_type must be 0 (Lua), not {udf_type!r}")
        from pathlib import Path  # Only needed here, and slow to import.

        path = os.fspath(filename)
        if not isinstance(path, str):
            raise TypeError(f"a file's name must be a str, not {type(filename).__name__}")
        file = Path(path)
        if source is None:
            source = file.read_bytes()
        elif isinstance(source, str):
            source = source.encode()
        elif not isinstance(source, (bytes, bytearray)):
            raise TypeError(f"source must be str or bytes, not {type(source).__name__}")
        request = encode((_with_suffix(file.name), source, _wait(wait_timeout)))
        return _UDF_PUT, request, self._info(policy), _nothing

    def udf_list(self, policy: Any) -> Request[list[UDFFile]]:
        return _UDF_LIST, _NO_ARGUMENTS, self._info(policy), _files

    def udf_get(self, module: Any, policy: Any) -> Request[str]:
        return _UDF_GET, encode((_file(module),)), self._info(policy), _text_content

    def udf_remove(self, module: Any, policy: Any, wait_timeout: Any) -> Request[None]:
        request = encode((_file(module), _wait(wait_timeout)))
        return _UDF_REMOVE, request, self._info(policy), _nothing

    def apply(self, key: Any, module: Any, function: Any, args: Any, policy: Any) -> Request[Any]:
        request = encode((request_key(key), *function_call(module, function, args)))
        return _APPLY, request, self._write(policy), value

    def query_background(self, members: Mapping[str, Any], ops: Any, policy: Any) -> Request[int]:
        listed = plain_operations(ops)
        request = encode({**members, "operations": listed})
        return _QUERY_BACKGROUND, request, self._write(policy), value

    def query_apply(
        self, members: Mapping[str, Any], module: Any, function: Any, args: Any, policy: Any
    ) -> Request[int]:
        request = encode({**members, "udf": function_call(module, function, args)})
        return _QUERY_BACKGROUND, request, self._write(policy), value

    def job_status(self, job_id: Any, policy: Any) -> Request[JobStatus]:
        return _JOB_STATUS, _job(job_id), self._info(policy), _job_status

    def job_abort(self, job_id: Any, policy: Any) -> Request[None]:
        return _JOB_ABORT, _job(job_id), self._info(policy), _nothing

    def _change(self, command: int, policy: Any, *members: Any) -> Request[None]:
        return command, encode(members), self._admin(policy), _nothing

    def create_user(self, username: Any, password: Any, roles: Any, policy: Any) -> Request[None]:
        return self._change(
            lib.ASZ_ADMIN_CREATE_USER,
            policy,
            _text(username, "a user's name"),
            _text(password, "a password", may_be_empty=True),
            _texts(roles, "roles"),
        )

    def drop_user(self, username: Any, policy: Any) -> Request[None]:
        name = _text(username, "a user's name")
        return self._change(lib.ASZ_ADMIN_DROP_USER, policy, name)

    def change_password(self, username: Any, password: Any, policy: Any) -> Request[None]:
        return self._change(
            lib.ASZ_ADMIN_SET_PASSWORD,
            policy,
            _text(username, "a user's name"),
            _text(password, "a password", may_be_empty=True),
        )

    def grant_roles(self, username: Any, roles: Any, policy: Any) -> Request[None]:
        name = _text(username, "a user's name")
        listed = _texts(roles, "roles", needed=True)
        return self._change(lib.ASZ_ADMIN_GRANT_ROLES, policy, name, listed)

    def revoke_roles(self, username: Any, roles: Any, policy: Any) -> Request[None]:
        name = _text(username, "a user's name")
        listed = _texts(roles, "roles", needed=True)
        return self._change(lib.ASZ_ADMIN_REVOKE_ROLES, policy, name, listed)

    def query_user_info(self, username: Any, policy: Any) -> Request[UserInfo]:
        request = encode((_text(username, "a user's name"),))
        return lib.ASZ_ADMIN_QUERY_USERS, request, self._admin(policy), _one_user

    def query_users_info(self, policy: Any) -> Request[list[UserInfo]]:
        return lib.ASZ_ADMIN_QUERY_USERS, encode((None,)), self._admin(policy), _user_infos

    def create_role(
        self,
        role: Any,
        privileges: Any,
        policy: Any,
        whitelist: Any,
        read_quota: Any,
        write_quota: Any,
    ) -> Request[None]:
        return self._change(
            lib.ASZ_ADMIN_CREATE_ROLE,
            policy,
            _text(role, "a role's name"),
            _privileges(privileges),
            _texts(whitelist or (), "whitelist"),
            _QUOTA.check(read_quota, "read_quota", "arguments"),
            _QUOTA.check(write_quota, "write_quota", "arguments"),
        )

    def drop_role(self, role: Any, policy: Any) -> Request[None]:
        return self._change(lib.ASZ_ADMIN_DROP_ROLE, policy, _text(role, "a role's name"))

    def grant_privileges(self, role: Any, privileges: Any, policy: Any) -> Request[None]:
        name = _text(role, "a role's name")
        listed = _privileges(privileges, needed=True)
        return self._change(lib.ASZ_ADMIN_GRANT_PRIVILEGES, policy, name, listed)

    def revoke_privileges(self, role: Any, privileges: Any, policy: Any) -> Request[None]:
        name = _text(role, "a role's name")
        listed = _privileges(privileges, needed=True)
        return self._change(lib.ASZ_ADMIN_REVOKE_PRIVILEGES, policy, name, listed)

    def query_role(self, role: Any, policy: Any) -> Request[RoleInfo]:
        request = encode((_text(role, "a role's name"),))
        return lib.ASZ_ADMIN_QUERY_ROLES, request, self._admin(policy), _one_role

    def query_roles(self, policy: Any) -> Request[list[RoleInfo]]:
        return lib.ASZ_ADMIN_QUERY_ROLES, encode((None,)), self._admin(policy), _role_infos

    def set_whitelist(self, role: Any, whitelist: Any, policy: Any) -> Request[None]:
        name = _text(role, "a role's name")
        addresses = _texts(whitelist, "whitelist")
        return self._change(lib.ASZ_ADMIN_SET_WHITELIST, policy, name, addresses)

    def set_quotas(
        self, role: Any, read_quota: Any, write_quota: Any, policy: Any
    ) -> Request[None]:
        return self._change(
            lib.ASZ_ADMIN_SET_QUOTAS,
            policy,
            _text(role, "a role's name"),
            _QUOTA.check(read_quota, "read_quota", "arguments"),
            _QUOTA.check(write_quota, "write_quota", "arguments"),
        )


def _text(value: Any, what: str, may_be_empty: bool = False) -> str:
    return "" if value == "" and may_be_empty else check_name(value, what)


def _texts(values: Any, what: str, needed: bool = False) -> list[str]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{what} must be a list of str, not {type(values).__name__}")
    listed = [_text(value, f"a member of {what}") for value in values]
    if needed and not listed:
        raise InvalidArgError(f"{what} must have at least one member")
    return listed


def _privileges(values: Any, needed: bool = False) -> list[tuple[int, str, str]]:
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise TypeError(f"privileges must be a list of dicts, not {type(values).__name__}")
    listed = [_privilege(value) for value in values]
    if needed and not listed:
        raise InvalidArgError("privileges must have at least one member")
    return listed


def _privilege(value: Any) -> tuple[int, str, str]:
    if not isinstance(value, Mapping):
        raise TypeError(f"a privilege must be a dict, not {type(value).__name__}")
    for key in value:
        if key not in ("code", "ns", "set"):
            raise InvalidArgError(f"unknown key {key!r} in a privilege: it has code, ns and set")
    if "code" not in value:
        raise InvalidArgError("a privilege needs a 'code', one of the PRIV_ constants")
    return (
        _PRIVILEGE_CODE.check(value["code"], "code", "privilege"),
        _text(value.get("ns") or "", "a privilege's ns", may_be_empty=True),
        _text(value.get("set") or "", "a privilege's set", may_be_empty=True),
    )


def _wait(wait_timeout: Any) -> int:
    return _WAIT.check(wait_timeout, "wait_timeout", "arguments")


def _job(job_id: Any) -> bytes:
    number = _JOB.check(integer(job_id, "job_id", "arguments"), "job_id", "arguments")
    # MessagePack's unsigned integer: the encoder takes what can be stored, which is signed.
    return encode((Raw(b"\xcf" + number.to_bytes(8, "big")),))


def _with_suffix(name: str) -> str:
    return name if name.endswith(LUA_SUFFIX) else name + LUA_SUFFIX


def _file(module: Any) -> str:
    return _with_suffix(_text(module, "a module's name"))


def _compiled(expression: Any) -> bytes:
    from .exp import compile as compile_expression

    return compile_expression(expression).encoded
