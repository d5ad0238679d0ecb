"""Requests about users and roles."""

from collections.abc import Mapping
from typing import Any

from .._ffi import lib
from .._native import Data
from .._results import Decode, T, nothing, value
from .._validate import (
    Integer,
    check_iterable,
    check_name,
    check_names,
    check_str,
    check_text,
    unknown_key,
    wrong_type,
)
from .._values import encode
from ..exception import AdminError, InvalidArgError
from ..types import RoleInfo, UserInfo
from .policies import ClientPolicies
from .request import Request

_INVALID_USER = 60
_INVALID_ROLE = 70
_QUOTA = Integer(0, 2**32 - 1)
_PRIVILEGE_KEYS = ("code", "ns", "set")
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


def _user_infos(data: Data) -> list[UserInfo]:
    return [_user_info(row) for row in value(data)]


def _role_infos(data: Data) -> list[RoleInfo]:
    return [_role_info(row) for row in value(data)]


def _one(decode: Decode[list[T]], what: str, code: int) -> Decode[T]:
    """The one row that was asked for by its name."""

    def decode_one(data: Data) -> T:
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
        check_name(username, "username"),
        _password(password),
        check_names(roles, "roles"),
    )


def create_pki_user(
    policies: ClientPolicies, username: Any, roles: Any, policy: Any
) -> Request[None]:
    name, listed = check_name(username, "username"), check_names(roles, "roles")
    return _change(policies, lib.ASZ_ADMIN_CREATE_USER, policy, name, None, listed)


def drop_user(policies: ClientPolicies, username: Any, policy: Any) -> Request[None]:
    name = check_name(username, "username")
    return _change(policies, lib.ASZ_ADMIN_DROP_USER, policy, name)


def change_password(
    policies: ClientPolicies, username: Any, password: Any, policy: Any
) -> Request[None]:
    return _change(
        policies,
        lib.ASZ_ADMIN_SET_PASSWORD,
        policy,
        check_name(username, "username"),
        _password(password),
    )


def grant_roles(policies: ClientPolicies, username: Any, roles: Any, policy: Any) -> Request[None]:
    name = check_name(username, "username")
    listed = check_names(roles, "roles", needed=True)
    return _change(policies, lib.ASZ_ADMIN_GRANT_ROLES, policy, name, listed)


def revoke_roles(policies: ClientPolicies, username: Any, roles: Any, policy: Any) -> Request[None]:
    name = check_name(username, "username")
    listed = check_names(roles, "roles", needed=True)
    return _change(policies, lib.ASZ_ADMIN_REVOKE_ROLES, policy, name, listed)


def query_user_info(policies: ClientPolicies, username: Any, policy: Any) -> Request[UserInfo]:
    request = encode((check_name(username, "username"),))
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
        check_name(role, "role"),
        _privileges(privileges),
        check_names(whitelist or (), "whitelist"),
        _QUOTA.check(read_quota, "read_quota"),
        _QUOTA.check(write_quota, "write_quota"),
    )


def drop_role(policies: ClientPolicies, role: Any, policy: Any) -> Request[None]:
    return _change(policies, lib.ASZ_ADMIN_DROP_ROLE, policy, check_name(role, "role"))


def grant_privileges(
    policies: ClientPolicies, role: Any, privileges: Any, policy: Any
) -> Request[None]:
    name = check_name(role, "role")
    listed = _privileges(privileges, needed=True)
    return _change(policies, lib.ASZ_ADMIN_GRANT_PRIVILEGES, policy, name, listed)


def revoke_privileges(
    policies: ClientPolicies, role: Any, privileges: Any, policy: Any
) -> Request[None]:
    name = check_name(role, "role")
    listed = _privileges(privileges, needed=True)
    return _change(policies, lib.ASZ_ADMIN_REVOKE_PRIVILEGES, policy, name, listed)


def query_role(policies: ClientPolicies, role: Any, policy: Any) -> Request[RoleInfo]:
    request = encode((check_name(role, "role"),))
    return lib.ASZ_ADMIN_QUERY_ROLES, request, policies.admin(policy), _one_role


def query_roles(policies: ClientPolicies, policy: Any) -> Request[list[RoleInfo]]:
    return lib.ASZ_ADMIN_QUERY_ROLES, encode((None,)), policies.admin(policy), _role_infos


def set_whitelist(
    policies: ClientPolicies, role: Any, whitelist: Any, policy: Any
) -> Request[None]:
    name = check_name(role, "role")
    addresses = check_names(whitelist, "whitelist")
    return _change(policies, lib.ASZ_ADMIN_SET_WHITELIST, policy, name, addresses)


def set_quotas(
    policies: ClientPolicies, role: Any, read_quota: Any, write_quota: Any, policy: Any
) -> Request[None]:
    return _change(
        policies,
        lib.ASZ_ADMIN_SET_QUOTAS,
        policy,
        check_name(role, "role"),
        _QUOTA.check(read_quota, "read_quota"),
        _QUOTA.check(write_quota, "write_quota"),
    )


def _password(password: Any) -> str:
    return check_text(password, "password")


def _privileges(values: Any, needed: bool = False) -> list[tuple[int, str, str]]:
    listed = check_iterable(values, "privileges", "a list of dicts")
    if needed and not listed:
        raise InvalidArgError("privileges must have at least one member")
    return [_privilege(value, f"privileges[{index}]") for index, value in enumerate(listed)]


def _privilege(value: Any, path: str) -> tuple[int, str, str]:
    if not isinstance(value, Mapping):
        raise wrong_type(path, "a dict", value)
    for key in value:
        if key not in _PRIVILEGE_KEYS:
            raise unknown_key(path, key, "a privilege", _PRIVILEGE_KEYS)
    if "code" not in value:
        raise InvalidArgError(f"{path} has no 'code', one of the PRIV_ constants")
    return (
        _PRIVILEGE_CODE.check(value["code"], f"{path}['code']"),
        str.__str__(check_str(value.get("ns") or "", f"{path}['ns']")),
        str.__str__(check_str(value.get("set") or "", f"{path}['set']")),
    )
