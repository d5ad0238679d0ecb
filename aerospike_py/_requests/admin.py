"""Requests about users and roles."""

from collections.abc import Iterable, Mapping
from typing import Any

from .._ffi import lib
from .._results import Decode, T, value
from .._validate import Integer, check_name
from .._values import encode
from ..exception import AdminError, InvalidArgError
from ..types import RoleInfo, UserInfo
from .policies import ClientPolicies
from .request import Request, nothing

_INVALID_USER = 60
_INVALID_ROLE = 70
_QUOTA = Integer(0, 2**32 - 1)
_PRIVILEGE_CODE = Integer(0, 255)

_UserRow = tuple[str, list[str], int, list[int], list[int]]
_RoleRow = tuple[str, list[tuple[int, str, str]], list[str], int, int]


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


def _change(policies: ClientPolicies, command: int, policy: Any, *members: Any) -> Request[None]:
    return command, encode(members), policies.admin(policy), nothing


def create_user(
    policies: ClientPolicies, username: Any, password: Any, roles: Any, policy: Any
) -> Request[None]:
    return _change(
        policies,
        lib.ASZ_ADMIN_CREATE_USER,
        policy,
        _text(username, "a user's name"),
        _text(password, "a password", may_be_empty=True),
        _texts(roles, "roles"),
    )


def drop_user(policies: ClientPolicies, username: Any, policy: Any) -> Request[None]:
    name = _text(username, "a user's name")
    return _change(policies, lib.ASZ_ADMIN_DROP_USER, policy, name)


def change_password(
    policies: ClientPolicies, username: Any, password: Any, policy: Any
) -> Request[None]:
    return _change(
        policies,
        lib.ASZ_ADMIN_SET_PASSWORD,
        policy,
        _text(username, "a user's name"),
        _text(password, "a password", may_be_empty=True),
    )


def grant_roles(policies: ClientPolicies, username: Any, roles: Any, policy: Any) -> Request[None]:
    name = _text(username, "a user's name")
    listed = _texts(roles, "roles", needed=True)
    return _change(policies, lib.ASZ_ADMIN_GRANT_ROLES, policy, name, listed)


def revoke_roles(policies: ClientPolicies, username: Any, roles: Any, policy: Any) -> Request[None]:
    name = _text(username, "a user's name")
    listed = _texts(roles, "roles", needed=True)
    return _change(policies, lib.ASZ_ADMIN_REVOKE_ROLES, policy, name, listed)


def query_user_info(policies: ClientPolicies, username: Any, policy: Any) -> Request[UserInfo]:
    request = encode((_text(username, "a user's name"),))
    return lib.ASZ_ADMIN_QUERY_USERS, request, policies.admin(policy), _one_user


def query_users_info(policies: ClientPolicies, policy: Any) -> Request[list[UserInfo]]:
    return lib.ASZ_ADMIN_QUERY_USERS, encode((None,)), policies.admin(policy), _user_infos


def create_role(
    policies: ClientPolicies,
    role: Any,
    privileges: Any,
    policy: Any,
    whitelist: Any,
    read_quota: Any,
    write_quota: Any,
) -> Request[None]:
    return _change(
        policies,
        lib.ASZ_ADMIN_CREATE_ROLE,
        policy,
        _text(role, "a role's name"),
        _privileges(privileges),
        _texts(whitelist or (), "whitelist"),
        _QUOTA.check(read_quota, "read_quota", "arguments"),
        _QUOTA.check(write_quota, "write_quota", "arguments"),
    )


def drop_role(policies: ClientPolicies, role: Any, policy: Any) -> Request[None]:
    return _change(policies, lib.ASZ_ADMIN_DROP_ROLE, policy, _text(role, "a role's name"))


def grant_privileges(
    policies: ClientPolicies, role: Any, privileges: Any, policy: Any
) -> Request[None]:
    name = _text(role, "a role's name")
    listed = _privileges(privileges, needed=True)
    return _change(policies, lib.ASZ_ADMIN_GRANT_PRIVILEGES, policy, name, listed)


def revoke_privileges(
    policies: ClientPolicies, role: Any, privileges: Any, policy: Any
) -> Request[None]:
    name = _text(role, "a role's name")
    listed = _privileges(privileges, needed=True)
    return _change(policies, lib.ASZ_ADMIN_REVOKE_PRIVILEGES, policy, name, listed)


def query_role(policies: ClientPolicies, role: Any, policy: Any) -> Request[RoleInfo]:
    request = encode((_text(role, "a role's name"),))
    return lib.ASZ_ADMIN_QUERY_ROLES, request, policies.admin(policy), _one_role


def query_roles(policies: ClientPolicies, policy: Any) -> Request[list[RoleInfo]]:
    return lib.ASZ_ADMIN_QUERY_ROLES, encode((None,)), policies.admin(policy), _role_infos


def set_whitelist(
    policies: ClientPolicies, role: Any, whitelist: Any, policy: Any
) -> Request[None]:
    name = _text(role, "a role's name")
    addresses = _texts(whitelist, "whitelist")
    return _change(policies, lib.ASZ_ADMIN_SET_WHITELIST, policy, name, addresses)


def set_quotas(
    policies: ClientPolicies, role: Any, read_quota: Any, write_quota: Any, policy: Any
) -> Request[None]:
    return _change(
        policies,
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
