"""A client's configuration: checked when the client is made, encoded when it connects."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from . import _tls, constants
from ._requests.policies import POLICY_KINDS
from ._validate import (
    Boolean,
    Choice,
    Integer,
    Milliseconds,
    Rule,
    check_str,
    check_text,
    did_you_mean,
    is_listed,
    unknown_key,
    wrong_type,
)
from ._values import encode
from .exception import ClientError, InvalidArgError

PORT_DEFAULT = 3000

_MS = Milliseconds()
_HOST = "(host, port), (host, port, name in TLS), 'host:port' or 'host'"
_COUNT = Integer(0, 2**31 - 1)
_PORT = Integer(1, 65535)

_NUMBERS: dict[str, Rule] = {
    "auth_mode": Choice(
        "AUTH_",
        frozenset(
            {
                constants.AUTH_INTERNAL,
                constants.AUTH_EXTERNAL,
                constants.AUTH_EXTERNAL_INSECURE,
                constants.AUTH_PKI,
            }
        ),
    ),
    "timeout": Milliseconds(1),
    "login_timeout": _MS,
    "idle_timeout": _MS,
    "max_conns_per_node": Integer(1, 65535),
    "min_conns_per_node": Integer(0, 65535),
    "tend_interval": Milliseconds(10),
    "max_error_rate": _COUNT,
    "error_rate_window": Integer(1, 2**31 - 1),
    "max_in_flight": Integer(1, 2**31 - 1),
    "max_concurrent_operations": _COUNT,
    "operation_queue_timeout_ms": _MS,
    "rack_id": _COUNT,
}
_FLAGS = ("use_services_alternate", "rack_aware", "coalesce")
_TEXTS = ("cluster_name", "user", "password", "app_id")
_OF_IPV6 = frozenset("0123456789abcdefABCDEF:.")
_OTHERS = ("hosts", "rack_ids", "ip_map", "policies", "tls", "converters", "config_file")
_KNOWN = (*_OTHERS, *_TEXTS, *_FLAGS, *_NUMBERS)
# The core's.
_MAX_IN_FLIGHT = 262_144

# For the asynchronous client, or expressed by another key; the core does not know them.
_NOT_FOR_THE_CORE = (
    *("policies", "converters", "config_file"),
    *("max_concurrent_operations", "operation_queue_timeout_ms", "coalesce"),
)


class Config:
    """A checked configuration.

    Attributes:
        hosts: (name, port) of the seeds, perhaps with a TLS name.
        cluster_name: The name that the cluster must have; "" for any.
        policies: The default policies by kind, not checked yet.
        converters: Of objects; see `objects`.
        config_file: What names a configuration file, not checked yet; None for none.
        max_concurrent_operations: Operations of an AsyncClient in flight at once; 0: no limit.
        operation_queue_timeout_ms: How long a further one waits in line; 0: without limit.
        coalesce: Whether reads of an AsyncClient that come at the same time travel together.

    Args:
        given: As users give it.
        is_async: It is an AsyncClient's, which awaits a password that has to be awaited.

    Raises:
        TypeError: The configuration is not a dict, or a value is of a wrong type.
        InvalidArgError: A key is unknown, or a value is not valid.
        TLSError: What it has for TLS cannot work.
    """

    def __init__(self, given: Any, is_async: bool = False) -> None:
        if not isinstance(given, Mapping):
            raise wrong_type("config", "a dict, such as {'hosts': ['127.0.0.1:3000']}", given)
        checked: dict[str, Any] = {}
        for key, value in given.items():
            if key not in _KNOWN:
                raise unknown_key("config", key, "a configuration", _KNOWN)
            if value is not None:
                checked[key] = _check(key, value, f"config[{key!r}]")
        if not is_async and _gives_awaitable(checked.get("password")):
            raise TypeError(_NOT_AWAITED)
        _check_identity(checked)
        _set_racks(checked)
        _check_counts(checked)
        if checked.get("max_concurrent_operations", 0) > checked.get(
            "max_in_flight", _MAX_IN_FLIGHT
        ):
            raise InvalidArgError(
                "config['max_concurrent_operations'] must not be larger than "
                f"config['max_in_flight'], which is {_MAX_IN_FLIGHT} by default"
            )
        self.hosts: list[Any] = checked.get("hosts", [])
        self.cluster_name: str = checked.get("cluster_name", "")
        self.policies: dict[str, Any] = checked.get("policies", {})
        self.converters: list[Any] = checked.get("converters", [])
        self.config_file: Any = checked.get("config_file")
        self.max_concurrent_operations: int = checked.get("max_concurrent_operations", 0)
        self.operation_queue_timeout_ms: int = checked.get("operation_queue_timeout_ms", 0)
        self.coalesce: bool = checked.get("coalesce", True)
        self._for_the_core = {
            key: value for key, value in checked.items() if key not in _NOT_FOR_THE_CORE
        }

        # What a configuration file says instead.
        self._over: dict[str, Any] = {}

    def set_over(self, settings: dict[str, Any]) -> None:
        """Has settings that are valid by themselves go before those that were given.

        Raises:
            InvalidArgError: They do not agree with those.
        """
        _check_counts({**self._for_the_core, **settings})
        over = dict(settings)
        _set_racks(over)
        self._over = over

    @property
    def password_function(self) -> Callable[[], Any] | None:
        """What was given to be asked for the password."""
        password = self._for_the_core.get("password")
        return password if callable(password) else None

    def encode(
        self,
        user: str | None = None,
        password: str | None = None,
        ask: Callable[[], Any] | None = None,
    ) -> bytes:
        """The MessagePack map that the core takes.

        Args:
            user: The user to log in as, instead of the configuration's.
            password: The user's password.
            ask: Asked instead of the function that was given as password.

        Raises:
            TypeError: What the function says is no str.
            InvalidArgError: There are no hosts, or a user where the certificate says who logs in.
            ClientError: There is a user without a password, or a password without a user.
        """
        settings = {**self._for_the_core, **self._over}
        if user is not None or password is not None:
            settings["user"] = _text(user, "username")
            settings["password"] = _text(password, "password")
        _check_login(settings)
        if callable(settings.get("password")):
            settings["password"] = _said((ask or settings["password"])())
        if bool(settings.get("user")) != (settings.get("password") is not None):
            missing = "password" if settings.get("user") else "user name"
            raise ClientError(
                f"a {missing} is missing: logging in needs a user name and a password"
            )
        settings["user_agent"] = f"aerospike_py-{_version()}"
        if not settings.get("hosts"):
            raise InvalidArgError(
                "config['hosts'] is missing or empty; at least one host is needed, "
                "as in {'hosts': [('127.0.0.1', 3000)]}"
            )
        return encode(settings)

    def remember(self, user: str | None, password: str | None) -> None:
        """Connecting again logs in as this user, unless another one is given then."""
        if user is not None and password is not None:
            self._for_the_core |= {"user": str.__str__(user), "password": str.__str__(password)}

    def change_password(self, user: str, password: str) -> None:
        """The user's password was changed: connecting again takes the new one.

        A function is asked again, which knows of later changes, too.
        """
        settings = self._for_the_core
        if settings.get("user") == user and not callable(settings.get("password")):
            settings["password"] = password


def _version() -> str:
    # The package imports this module before it has said which version it is.
    from . import __version__

    return __version__


_NOT_AWAITED = (
    "config['password'] must return a str, and what it returns has to be awaited, which only an "
    "AsyncClient does"
)


def _gives_awaitable(password: Any) -> bool:
    """Whether it is known of a function before it is called."""
    if not callable(password):
        return False
    from inspect import iscoroutinefunction  # Slow to import.

    return iscoroutinefunction(password) or iscoroutinefunction(type(password).__call__)


def _said(said: Any) -> str | None:
    if isinstance(said, Awaitable):
        if isinstance(said, Coroutine):
            said.close()  # Else Python warns that nobody has awaited it.
        raise TypeError(_NOT_AWAITED)
    return _text(said, "what config['password'] returns")


def _check_identity(checked: dict[str, Any]) -> None:
    # An external password without TLS is refused when the client connects, whoever gives it.
    tls = checked.get("tls") or {}
    if checked.get("auth_mode") == constants.AUTH_PKI and not _tls.has_identity(tls):
        raise InvalidArgError(
            "config['auth_mode'] AUTH_PKI logs in with the client's certificate and so needs "
            "config['tls'] with 'certfile' or 'cert'"
        )
    _check_login(checked)


def _check_login(settings: Mapping[str, Any]) -> None:
    # Whoever gives one means to be that user, and would be the certificate's.
    is_named = settings.get("user") or settings.get("password") is not None
    if settings.get("auth_mode") == constants.AUTH_PKI and is_named:
        raise InvalidArgError(
            "AUTH_PKI logs in as the user that the client's certificate names: leave out the user "
            "name and the password"
        )


def _check_counts(settings: dict[str, Any]) -> None:
    if settings.get("min_conns_per_node", 0) > settings.get("max_conns_per_node", 65535):
        raise InvalidArgError(
            "config['min_conns_per_node'] must not be larger than config['max_conns_per_node']"
        )


def _set_racks(checked: dict[str, Any]) -> None:
    rack_id = checked.pop("rack_id", None)
    if rack_id is not None:
        if "rack_ids" in checked:
            raise InvalidArgError("config has both 'rack_id' and 'rack_ids'; one is enough")
        checked["rack_ids"] = [rack_id]
    if checked.get("rack_ids"):
        checked.setdefault("rack_aware", True)


def _check(key: str, value: Any, path: str) -> Any:
    rule = _NUMBERS.get(key)
    if rule is not None:
        return rule.check(value, path)
    if key in _FLAGS:
        return bool(Boolean().check(value, path))
    if key == "password" and callable(value):
        return value
    if key in _TEXTS:
        return _text(value, path)
    if key == "tls":
        return _tls.check(value, path)
    if key == "hosts":
        return _hosts(value, path)
    if key == "converters":
        from .objects import check_converters  # Who has one has imported it already.

        return check_converters(value, path)
    if key == "config_file":
        return value
    if key == "rack_ids":
        if not is_listed(value):
            raise wrong_type(path, "a list of ints", value)
        return [_COUNT.check(member, f"{path}[{index}]") for index, member in enumerate(value)]
    if not isinstance(value, Mapping):
        raise wrong_type(path, "a dict", value)
    if key == "ip_map":
        return {
            str.__str__(check_str(name, f"a key of {path}")): str.__str__(
                check_str(address, f"{path}[{name!r}]")
            )
            for name, address in value.items()
        }
    if key == "policies":
        for kind in value:
            if kind not in POLICY_KINDS:
                hint = did_you_mean(kind, POLICY_KINDS)
                raise InvalidArgError(f"{path}[{kind!r}]: there is no such kind of policy{hint}")
    return dict(value)


def _text(value: Any, path: str) -> str | None:
    return None if value is None else check_text(value, path)


def _hosts(value: Any, path: str) -> list[list[Any]]:
    if not is_listed(value):
        raise wrong_type(path, "a list of hosts, such as [('127.0.0.1', 3000)]", value)
    if len(value) in (2, 3) and isinstance(value[0], str) and isinstance(value[1], int):
        raise InvalidArgError(
            f"{path} must be a list of hosts, and {value!r:.100} is a single one: "
            f"write [{value!r:.100}]"
        )
    return [_host(member, f"{path}[{index}]") for index, member in enumerate(value)]


def _host(member: Any, path: str) -> list[Any]:
    if isinstance(member, str):
        return parse_host(member, path)
    if not is_listed(member):
        raise wrong_type(path, _HOST, member)
    if len(member) not in (2, 3):
        raise InvalidArgError(f"{path} must be {_HOST}, not {member!r:.100}")
    name = _text(member[0], f"{path}[0], the name or address,")
    if not name:
        raise InvalidArgError(f"{path}[0], the name or address, must not be empty")
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    if not _is_address(name):
        raise InvalidArgError(f"{path}[0], the name or address, cannot be {name!r:.100}")
    host: list[Any] = [name, _PORT.check(member[1], f"{path}[1], the port,")]
    if len(member) == 3 and member[2] is not None:
        tls_name = _text(member[2], f"{path}[2], the name in TLS,")
        if tls_name and (tls_name.startswith(".") or not _is_address(tls_name)):
            raise InvalidArgError(f"{path}[2], the name in TLS, cannot be {tls_name!r:.100}")
        host.append(tls_name)
    return host


def _is_address(name: str) -> bool:
    """Whether it can be a name or an address: no URL, no list of several, no second port."""
    address, _, _ = name.partition("%")  # What follows is an interface, as in "fe80::1%eth0".
    if ":" in address:
        return not set(address) - _OF_IPV6
    return not any(each.isspace() or each in "/,;@\0" for each in name)


def parse_host(text: str, path: str) -> list[Any]:
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
    if not name or not is_whole or not _is_address(name):
        raise InvalidArgError(f"{path} must be 'host' or 'host:port', not {text!r:.100}")
    if port is None:
        return [name, PORT_DEFAULT]
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise InvalidArgError(
            f"{path}: the port must be from 1 to 65535, and it is {port!r:.20} in {text!r:.100}"
        )
    return [name, int(port)]
