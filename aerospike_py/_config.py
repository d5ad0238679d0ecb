"""A client's configuration: checked when the client is made, encoded when it connects."""

from collections.abc import Mapping
from typing import Any

from . import constants
from ._validate import Boolean, Choice, Integer, unknown_key
from ._values import encode
from .exception import ClientError, InvalidArgError

PORT_DEFAULT = 3000

_PLACE = "configuration"
_MS = Integer(0, 2**31 - 1)
_COUNT = Integer(0, 2**31 - 1)
_PORT = Integer(1, 65535)

_NUMBERS: dict[str, Integer | Choice | Boolean] = {
    "auth_mode": Choice(
        "AUTH_", frozenset({constants.AUTH_INTERNAL, constants.AUTH_EXTERNAL, constants.AUTH_PKI})
    ),
    "timeout": _MS,
    "login_timeout": _MS,
    "idle_timeout": _MS,
    "max_conns_per_node": Integer(1, 65535),
    "min_conns_per_node": Integer(0, 65535),
    "tend_interval": Integer(10, 2**31 - 1),
    "max_error_rate": _COUNT,
    "error_rate_window": Integer(1, 2**31 - 1),
    "max_concurrent_operations": _COUNT,
    "operation_queue_timeout_ms": _MS,
    "rack_id": _COUNT,
}
_FLAGS = ("use_services_alternate", "rack_aware")
_TEXTS = ("cluster_name", "user", "password", "app_id")
_OTHERS = ("hosts", "rack_ids", "ip_map", "policies", "tls")
_KNOWN = (*_OTHERS, *_TEXTS, *_FLAGS, *_NUMBERS)
_POLICIES = ("read", "write", "batch", "query", "admin", "info")

# For the asynchronous client, or expressed by another key; the core does not know them.
_NOT_FOR_THE_CORE = ("policies", "tls", "max_concurrent_operations", "operation_queue_timeout_ms")


class Config:
    """A checked configuration.

    Attributes:
        hosts: (name, port) of the seeds, perhaps with a TLS name.
        cluster_name: The name that the cluster must have; "" for any.
        policies: The default policies by kind, not checked yet.
        max_concurrent_operations: Operations of an AsyncClient in flight at once; 0: no limit.
        operation_queue_timeout_ms: How long a further one waits in line; 0: without limit.

    Raises:
        TypeError: The configuration is not a dict.
        InvalidArgError: A key is unknown, or a value is not valid.
        ClientError: It asks for something that is not supported.
    """

    def __init__(self, given: Any) -> None:
        if not isinstance(given, Mapping):
            raise TypeError(f"the configuration must be a dict, not {type(given).__name__}")
        checked: dict[str, Any] = {}
        for key, value in given.items():
            if key not in _KNOWN:
                raise unknown_key(key, _PLACE, _KNOWN)
            if value is not None:
                checked[key] = _check(key, value)
        if checked.get("auth_mode") == constants.AUTH_PKI:
            raise ClientError("'auth_mode' AUTH_PKI is not supported yet")
        if checked.get("tls"):
            raise ClientError("'tls' is not supported yet")
        _set_racks(checked)
        if checked.get("min_conns_per_node", 0) > checked.get("max_conns_per_node", 65535):
            raise InvalidArgError(
                f"'min_conns_per_node' in the {_PLACE} is larger than 'max_conns_per_node'"
            )
        self.hosts: list[Any] = checked.get("hosts", [])
        self.cluster_name: str = checked.get("cluster_name", "")
        self.policies: dict[str, Any] = checked.get("policies", {})
        self.max_concurrent_operations: int = checked.get("max_concurrent_operations", 0)
        self.operation_queue_timeout_ms: int = checked.get("operation_queue_timeout_ms", 0)
        self._for_the_core = {
            key: value for key, value in checked.items() if key not in _NOT_FOR_THE_CORE
        }

    def encode(self, user: str | None = None, password: str | None = None) -> bytes:
        """The MessagePack map that the core takes.

        Args:
            user: The user to log in as, instead of the configuration's.
            password: The user's password.

        Raises:
            InvalidArgError: There are no hosts.
            ClientError: There is a user without a password, or a password without a user.
        """
        settings = dict(self._for_the_core)
        if user is not None or password is not None:
            settings["user"] = _text("username", user, "arguments")
            settings["password"] = _text("password", password, "arguments")
        if bool(settings.get("user")) != (settings.get("password") is not None):
            missing = "password" if settings.get("user") else "user name"
            raise ClientError(
                f"a {missing} is missing: logging in needs a user name and a password"
            )
        settings["user_agent"] = f"aerospike_py-{_version()}"
        if not settings.get("hosts"):
            raise InvalidArgError(f"the {_PLACE} has no 'hosts'; at least one is needed")
        return encode(settings)

    def change_password(self, user: str, password: str) -> None:
        """The user's password was changed: connecting again takes the new one."""
        if self._for_the_core.get("user") == user:
            self._for_the_core["password"] = password


def _version() -> str:
    # The package imports this module before it has said which version it is.
    from . import __version__

    return __version__


def _set_racks(checked: dict[str, Any]) -> None:
    rack_id = checked.pop("rack_id", None)
    if rack_id is not None:
        if "rack_ids" in checked:
            raise InvalidArgError(f"the {_PLACE} has both 'rack_id' and 'rack_ids'")
        checked["rack_ids"] = [rack_id]
    if checked.get("rack_ids"):
        checked.setdefault("rack_aware", True)


def _check(key: str, value: Any) -> Any:
    rule = _NUMBERS.get(key)
    if rule is not None:
        return rule.check(value, key, _PLACE)
    if key in _FLAGS:
        return bool(Boolean().check(value, key, _PLACE))
    if key in _TEXTS:
        return _text(key, value, _PLACE)
    if key == "hosts":
        return _hosts(value)
    if key == "rack_ids":
        if isinstance(value, (str, bytes)) or not _is_sequence(value):
            raise _wrong_type(key, "a list of ints", value)
        return [_COUNT.check(member, key, _PLACE) for member in value]
    if not isinstance(value, Mapping):
        raise _wrong_type(key, "a dict", value)
    if key == "ip_map":
        return {
            _text("ip_map", name, _PLACE): _text("ip_map", address, _PLACE)
            for name, address in value.items()
        }
    if key == "policies":
        for kind in value:
            if kind not in _POLICIES:
                raise unknown_key(kind, "configuration's policies", _POLICIES)
    return dict(value)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _wrong_type(key: str, wanted: str, value: Any) -> InvalidArgError:
    return InvalidArgError(f"'{key}' in the {_PLACE} must be {wanted}, not {type(value).__name__}")


def _text(key: str, value: Any, place: str) -> str | None:
    if value is None or type(value) is str:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    raise InvalidArgError(f"'{key}' in the {place} must be a str, not {type(value).__name__}")


def _hosts(value: Any) -> list[list[Any]]:
    if not _is_sequence(value):
        raise _wrong_type("hosts", "a list of (host, port) or 'host:port'", value)
    return [_host(member) for member in value]


def _host(member: Any) -> list[Any]:
    if isinstance(member, str):
        return _parse_host(member)
    if not _is_sequence(member) or len(member) not in (2, 3):
        raise InvalidArgError(
            "a member of 'hosts' must be (host, port), (host, port, tls name), 'host:port' or "
            f"'host', not {member!r}"
        )
    name = _text("hosts", member[0], _PLACE)
    if not name:
        raise InvalidArgError(f"'hosts' in the {_PLACE}: a host's name is missing in {member!r}")
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    host: list[Any] = [name, _PORT.check(member[1], "hosts", _PLACE)]
    if len(member) == 3 and member[2] is not None:
        host.append(_text("hosts", member[2], _PLACE))
    return host


def _parse_host(text: str) -> list[Any]:
    """Parses "host", "host:port", "[IPv6]:port", "[IPv6]" and "IPv6"."""
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        is_whole = bool(bracket) and (rest == "" or rest.startswith(":"))
        port = rest[1:] if rest else None
    elif text.count(":") > 1:
        name, port, is_whole = text, None, True
    else:
        name, colon, rest = text.partition(":")
        port, is_whole = (rest if colon else None), True
    if not name or not is_whole:
        raise InvalidArgError(f"'hosts' in the {_PLACE}: {text!r} is no host")
    if port is None:
        return [name, PORT_DEFAULT]
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise InvalidArgError(
            f"'hosts' in the {_PLACE}: the port in {text!r} must be from 1 to 65535"
        )
    return [name, int(port)]
