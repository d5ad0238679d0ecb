"""A file that operators keep a client's settings in, with the keys that Aerospike documents for it.

It is looked at again and again, and taken as a whole once it has changed: policies at once, what
concerns connections when the client connects next. What it says goes before the program's
configuration, and before the policies of single calls. A file that is not valid changes nothing,
and is said once.
"""

import logging
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from . import constants
from ._validate import Boolean, Integer, Milliseconds, Rule, check_str, unknown_key
from .exception import ClientError, InvalidArgError
from .log import say

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "AEROSPIKE_CLIENT_CONFIG_URL"
"""The environment variable that names the file; it goes before the configuration's key."""

_VERSION = "1.0.0"
_INTERVAL_MS_DEFAULT = 60_000
_INTERVAL_MS_MIN = 10

_COUNT = Integer(0, 2**31 - 1)
_MS = Milliseconds()


class _Name(NamedTuple):
    """A value that is written as a name."""

    numbers: dict[str, int]

    def check(self, value: Any, path: str) -> int:
        if not isinstance(value, str) or value not in self.numbers:
            known = ", ".join(self.numbers)
            raise InvalidArgError(f"{path} must be one of {known}, not {value!r:.60}")
        return self.numbers[value]


class _Concurrent(NamedTuple):
    """How many threads there may be; 1: one node is asked after the other."""

    def check(self, value: Any, path: str) -> int:
        return int(_COUNT.check(value, path) != 1)


def _names(prefix: str, **others: int) -> _Name:
    """The names of constants that begin alike."""
    named = {
        name.removeprefix(prefix): number
        for name, number in vars(constants).items()
        if name.startswith(prefix)
    }
    return _Name({**named, **others})


_REPLICA = _names("POLICY_REPLICA_", MASTER_PROLES=constants.POLICY_REPLICA_ANY)
_READ_MODE_AP = _names("POLICY_READ_MODE_AP_")
_READ_MODE_SC = _names("POLICY_READ_MODE_SC_")
_DURATION = _Name({"LONG": 0, "SHORT": 1, "LONG_RELAX_AP": 2})

# By key of the file: (key of the policy, rule). Those without a policy's key are known and do
# nothing here.
_Keys = dict[str, tuple[str, Rule | _Name | _Concurrent]]
_COMMAND: _Keys = {
    "replica": ("replica", _REPLICA),
    "socket_timeout": ("socket_timeout", _MS),
    "total_timeout": ("total_timeout", _MS),
    "timeout_delay": ("timeout_delay", _MS),
    "max_retries": ("max_retries", _COUNT),
    "sleep_between_retries": ("sleep_between_retries", _MS),
    "connect_timeout": ("connect_timeout", _MS),
    "fail_on_filtered_out": ("", Boolean()),
}
_MODES: _Keys = {
    "read_mode_ap": ("read_mode_ap", _READ_MODE_AP),
    "read_mode_sc": ("read_mode_sc", _READ_MODE_SC),
}
_CHANGES: _Keys = {
    "send_key": ("key", Boolean()),
    "durable_delete": ("durable_delete", Boolean()),
}
_BATCH: _Keys = {
    **_COMMAND,
    **_MODES,
    "max_concurrent_threads": ("concurrent", _Concurrent()),
    "allow_inline": ("allow_inline", Boolean()),
    "allow_inline_ssd": ("allow_inline_ssd", Boolean()),
    "respond_all_keys": ("respond_all_keys", Boolean()),
}
_QUERY: _Keys = {
    **_COMMAND,
    "expected_duration": ("expected_duration", _DURATION),
    "include_bin_data": ("include_bin_data", Boolean()),
    "info_timeout": ("", _MS),
    "record_queue_size": ("", _COUNT),
    "max_concurrent_nodes": ("", _COUNT),
    "concurrent_nodes": ("", Boolean()),
}
# By section of the file: its keys, and the kinds of policies that it is about.
_SECTIONS: dict[str, tuple[_Keys, tuple[str, ...]]] = {
    "read": ({**_COMMAND, **_MODES}, ("read",)),
    "write": ({**_COMMAND, **_CHANGES}, ("write", "operate", "remove", "apply")),
    "query": (_QUERY, ("query",)),
    "batch_read": (_BATCH, ("batch_read",)),
    "batch_write": (
        {**_BATCH, **_CHANGES},
        ("batch_write", "batch_apply", "batch_remove"),
    ),
    "batch_udf": (_CHANGES, ("batch_apply",)),
    "batch_delete": (_CHANGES, ("batch_remove",)),
}
_UNUSED_SECTIONS = ("scan", "txn_verify", "txn_roll", "metrics")

_STATIC: _Keys = {
    "config_interval": ("", Milliseconds(_INTERVAL_MS_MIN)),
    "max_connections_per_node": ("max_conns_per_node", Integer(1, 65535)),
    "min_connections_per_node": ("min_conns_per_node", Integer(0, 65535)),
    "async_max_connections_per_node": ("max_conns_per_node", Integer(1, 65535)),
    "async_min_connections_per_node": ("min_conns_per_node", Integer(0, 65535)),
}
_DYNAMIC: _Keys = {
    "timeout": ("timeout", _MS),
    "login_timeout": ("login_timeout", _MS),
    "tend_interval": ("tend_interval", Milliseconds(10)),
    "max_error_rate": ("max_error_rate", _COUNT),
    "error_rate_window": ("error_rate_window", Integer(1, 2**31 - 1)),
    "use_service_alternative": ("use_services_alternate", Boolean()),
    "rack_aware": ("rack_aware", Boolean()),
    "fail_if_not_connected": ("", Boolean()),
}
# In seconds, where the configuration has milliseconds.
_IDLE = ("max_socket_idle", "idle_timeout", Integer(0, 86_400))
_OTHERS = (_IDLE[0], "rack_ids", "app_id")


class Settings(NamedTuple):
    """What a file says."""

    connection: dict[str, Any]
    """Keys of a configuration."""
    policies: dict[str, dict[str, Any]]
    """By kind of policy, keys of it."""
    interval_ms: int
    """How often to look at the file."""
    unused: tuple[str, ...]
    """What is of no use to this client."""


NOTHING = Settings({}, {}, _INTERVAL_MS_DEFAULT, ())


def named_file(given: Any) -> "Path | None":
    """The file that the environment or a configuration's value names; None for none.

    Raises:
        TypeError: It is neither a str nor a path.
        InvalidArgError: It is a URL of another kind than file.
    """
    given = os.environ.get(VARIABLE) or given
    if given is None or given == "":
        return None
    from pathlib import Path  # Both only needed here, and slow to import.
    from urllib.parse import unquote, urlsplit

    if isinstance(given, os.PathLike):
        return Path(given)
    text = str.__str__(check_str(given, "config['config_file']"))
    if "://" not in text:
        return Path(text)
    url = urlsplit(text)
    if url.scheme != "file" or url.netloc not in ("", "localhost"):
        raise InvalidArgError(f"a configuration file is on this machine: {text!r:.200} is not")
    return Path(unquote(url.path))


def yaml() -> Any:
    """The package that reads the file.

    Raises:
        ClientError: It is not installed.
    """
    try:
        import yaml as package
    except ImportError:
        raise ClientError(
            "a configuration file needs the package PyYAML: pip install pyyaml"
        ) from None
    return package


def parse(content: bytes, *, is_async: bool) -> Settings:
    """What a file's content says.

    Raises:
        TypeError, InvalidArgError: It is not valid; the text says where.
    """
    package = yaml()
    try:
        given = package.safe_load(content)
    except (package.YAMLError, UnicodeDecodeError) as error:
        raise InvalidArgError(f"it is no YAML: {error}") from None
    document = _mapping({} if given is None else given, "it", ("version", "static", "dynamic"))
    version = document.get("version")
    if version is not None and version != _VERSION:
        raise InvalidArgError(f"version must be {_VERSION!r}, not {version!r:.60}")
    connection: dict[str, Any] = {}
    unused: list[str] = []
    interval_ms = _static(document.get("static"), connection, is_async=is_async)
    sections = (*_SECTIONS, *_UNUSED_SECTIONS, "client")
    dynamic = _mapping(document.get("dynamic") or {}, "dynamic", sections)
    _client(dynamic.get("client"), connection, unused)
    unused += [f"dynamic.{name}" for name in _UNUSED_SECTIONS if name in dynamic]
    policies: dict[str, dict[str, Any]] = {}
    for name, (keys, kinds) in _SECTIONS.items():
        path = f"dynamic.{name}"
        said = _checked(dynamic.get(name), keys, path, unused)
        for kind in kinds:
            # The keys of changes are of batch_udf and batch_delete themselves.
            is_other = name == "batch_write" and kind != "batch_write"
            of_kind = {
                key: value
                for key, value in said.items()
                if not (is_other and key in ("key", "durable_delete"))
            }
            if of_kind:
                policies.setdefault(kind, {}).update(of_kind)
    return Settings(connection, policies, interval_ms, tuple(unused))


def _static(given: Any, connection: dict[str, Any], *, is_async: bool) -> int:
    static = _mapping(given or {}, "static", ("client",))
    client = _mapping(static.get("client") or {}, "static.client", tuple(_STATIC))
    interval_ms = _INTERVAL_MS_DEFAULT
    for key, value in client.items():
        member, rule = _STATIC[key]
        number = rule.check(value, f"static.client.{key}")
        if not member:
            interval_ms = number
        elif key.startswith("async_") == is_async:
            connection[member] = number
    return interval_ms


def _client(given: Any, connection: dict[str, Any], unused: list[str]) -> None:
    path = "dynamic.client"
    client = dict(_mapping(given or {}, path, (*_DYNAMIC, *_OTHERS)))
    others = {key: client.pop(key) for key in _OTHERS if key in client}
    connection.update(_checked(client, _DYNAMIC, path, unused))
    idle, member, rule = _IDLE
    if idle in others:
        connection[member] = 1000 * rule.check(others[idle], f"{path}.{idle}")
    if "app_id" in others:
        connection["app_id"] = check_str(others["app_id"], f"{path}.app_id")
    if "rack_ids" in others:
        if not isinstance(others["rack_ids"], list):
            raise InvalidArgError(f"{path}.rack_ids must be a list of ints")
        connection["rack_ids"] = [
            _COUNT.check(each, f"{path}.rack_ids[{index}]")
            for index, each in enumerate(others["rack_ids"])
        ]


def _checked(given: Any, keys: _Keys, path: str, unused: list[str]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for key, value in _mapping(given or {}, path, tuple(keys)).items():
        member, rule = keys[key]
        number = rule.check(value, f"{path}.{key}")
        if member:
            said[member] = bool(number) if isinstance(rule, (Boolean, _Concurrent)) else number
        else:
            unused.append(f"{path}.{key}")
    if "key" in said:
        said["key"] = int(said["key"])
    return said


def _mapping(given: Any, path: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidArgError(f"{path} must have keys, and is {given!r:.60}")
    for key in given:
        if key not in known:
            raise unknown_key(path, key, "a configuration file", known)
    return given


class ConfigFile:
    """A file, and what it said when it was last valid.

    Args:
        path: The file.
        is_async: Whether the client is an asynchronous one.

    Raises:
        ClientError: PyYAML is not installed.
    """

    def __init__(self, path: "Path", *, is_async: bool) -> None:
        yaml()
        self.path = path
        self.settings = NOTHING
        self._is_async = is_async
        # What the file looked like; None for one that is not there.
        self._seen: Any = ()
        self._said: str | None = None
        self.after_fork()

    def after_fork(self) -> None:
        """In the child of a fork, where a thread that is not there may have held the lock."""
        # A signal handler may connect while this thread looks.
        self._lock = threading.RLock()

    def look(self, take: Callable[[Settings], None]) -> None:
        """Has `take` called with what the file says, if it has changed.

        What is wrong with the file is logged; whatever `take` raises is wrong with it, too.
        """
        with self._lock:
            self._look(take)

    def _look(self, take: Callable[[Settings], None]) -> None:
        try:
            status = self.path.stat()
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if seen == self._seen:
                return
            content = self.path.read_bytes()
            self._seen = seen
            settings = parse(content, is_async=self._is_async)
            take(settings)
        except OSError as error:
            self._seen = None
            self._complain(f"cannot be read: {error}")
        except (TypeError, ValueError, OverflowError, ClientError) as error:
            self._complain(f"is not valid and changes nothing: {error}")
        else:
            self._said = None
            old, self.settings = self.settings, settings
            text = "configuration file %s: taken: %s"
            self._say(logging.INFO, "config_file_taken", text, _shown(settings))
            if settings.unused and settings.unused != old.unused:
                text = "configuration file %s: of no use here: %s"
                unused = ", ".join(settings.unused)
                self._say(logging.WARNING, "config_file_unused", text, unused)

    def _complain(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._say(logging.ERROR, "config_file_invalid", "configuration file %s %s", text)

    def _say(self, level: int, event: str, text: str, what: str) -> None:
        say(level, event, text, self.path, what, about={"path": str(self.path)})


def _shown(settings: Settings) -> str:
    parts = [f"{key}={value!r}" for key, value in settings.connection.items()]
    parts += [
        f"{kind}.{key}={value!r}"
        for kind, keys in settings.policies.items()
        for key, value in keys.items()
    ]
    return ", ".join(parts) or "nothing"


class _Watched(Protocol):
    def look_at_config_file(self) -> int: ...


class Watcher:
    """A thread that has a file looked at, as long as there is who wants to know.

    Args:
        whom: Its `look_at_config_file` looks, and says after how many milliseconds to look again.
        interval_ms: How long to wait before the first look.
    """

    def __init__(self, whom: _Watched, interval_ms: int) -> None:
        self._stopped = threading.Event()
        watched = weakref.ref(whom)
        threading.Thread(
            target=_watch,
            args=(watched, self._stopped, interval_ms),
            name="aerospike-py-config",
            daemon=True,
        ).start()

    def stop(self) -> None:
        """Ends it; idempotent."""
        self._stopped.set()


def _watch(watched: "weakref.ref[_Watched]", stopped: threading.Event, interval_ms: int) -> None:
    while not stopped.wait(interval_ms / 1000):
        whom = watched()
        if whom is None:
            return
        interval_ms = whom.look_at_config_file()
        del whom
