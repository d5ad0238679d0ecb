"""A cache backend of Django.

    CACHES = {
        "default": {
            "BACKEND": "aerospike_py.frameworks.django.AerospikeCache",
            "LOCATION": ["10.0.0.1:3000", "10.0.0.2:3000"],
            "OPTIONS": {"namespace": "cache", "set": "django"},
        }
    }

Values are ints, which `incr` counts with on the server, or pickles. They expire where the namespace
has a `nsup-period`, after whole seconds. `clear` removes all of the set, as Memcached does all that
it has; there is no limit of entries, as the server evicts by the namespace's own.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.exceptions import ImproperlyConfigured

import aerospike_py
from aerospike_py import RecordNotFound
from aerospike_py.types import OperatePolicy

from ._store import MISSING, Store

__all__ = ["AerospikeCache"]

_OPTIONS = {"namespace", "set", "config"}


class AerospikeCache(BaseCache):  # type: ignore[misc]
    """Django's cache in a set of Aerospike; all of a process share one client.

    Args:
        server: LOCATION: hosts as "name:port", in a list or parted by commas.
        params: Of them `OPTIONS`: "namespace"; "set", which is "django" unless it says otherwise;
            and "config", the client's configuration beside its hosts.

    Raises:
        ImproperlyConfigured: There is no namespace, or an option that is unknown.
    """

    def __init__(self, server: str | Iterable[str], params: dict[str, Any]) -> None:
        super().__init__(params)
        options = {**params.get("OPTIONS", {})}
        # Django's own, of caches that have a limit.
        for name in ("MAX_ENTRIES", "CULL_FREQUENCY"):
            options.pop(name, None)
        unknown = ", ".join(sorted(set(options) - _OPTIONS))
        if unknown:
            raise ImproperlyConfigured(f"unknown OPTIONS of the cache: {unknown}")
        if "namespace" not in options:
            raise ImproperlyConfigured("OPTIONS of the cache need a 'namespace'")
        hosts = server.split(",") if isinstance(server, str) else list(server)
        config = {**options.get("config", {}), "hosts": [host.strip() for host in hosts]}
        self._store = Store(config, options["namespace"], options.get("set", "django"))

    def _seconds(self, timeout: Any) -> float | None:
        seconds: float | None = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return seconds

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """The value, or the default."""
        value = self._store.get(self.make_and_validate_key(key, version=version))
        return default if value is MISSING else value

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        """The values of those that are there, read as one batch."""
        names = {self.make_and_validate_key(key, version=version): key for key in keys}
        return {names[name]: value for name, value in self._store.get_many(names).items()}

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Keeps a value for `timeout` seconds; None: until it is deleted."""
        name = self.make_and_validate_key(key, version=version)
        seconds = self._seconds(timeout)
        if seconds is not None and seconds <= 0:
            self._store.delete(name)
        else:
            self._store.set(name, value, seconds)

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """The same where there is none yet; whether there was not."""
        name = self.make_and_validate_key(key, version=version)
        seconds = self._seconds(timeout)
        if seconds is not None and seconds <= 0:
            return not self._store.has(name)
        return self._store.add(name, value, seconds)

    def set_many(
        self,
        data: Mapping[str, Any],
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> list[str]:
        """Keeps all of them, written as one batch; the keys of those that failed."""
        names = {self.make_and_validate_key(key, version=version): key for key in data}
        seconds = self._seconds(timeout)
        if seconds is not None and seconds <= 0:
            self._store.delete_many(names)
            return []
        values = {name: data[key] for name, key in names.items()}
        return [names[name] for name in self._store.set_many(values, seconds)]

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keeps a value for so long from now on; whether there is one."""
        name = self.make_and_validate_key(key, version=version)
        seconds = self._seconds(timeout)
        if seconds is not None and seconds <= 0:
            return self._store.delete(name)
        return self._store.touch(name, seconds)

    def delete(self, key: str, version: int | None = None) -> bool:
        """Whether there was a value."""
        return self._store.delete(self.make_and_validate_key(key, version=version))

    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        """Removes those that are there, as one batch."""
        names = [self.make_and_validate_key(key, version=version) for key in keys]
        self._store.delete_many(names)

    def has_key(self, key: str, version: int | None = None) -> bool:
        """Whether there is a value, without reading it."""
        return self._store.has(self.make_and_validate_key(key, version=version))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Adds to an int, in one step for all who count, and keeps when it expires.

        Raises:
            ValueError: There is no such value.
            TypeError: It is no int.
        """
        name = self.make_and_validate_key(key, version=version)
        policy: OperatePolicy = {"exists": aerospike_py.POLICY_EXISTS_UPDATE_ONLY}
        try:
            return self._store.count(name, delta, {"ttl": aerospike_py.TTL_DONT_UPDATE}, policy)
        except RecordNotFound:
            raise ValueError(f"Key {key!r} not found") from None

    def clear(self) -> None:
        """Removes all of the set."""
        self._store.clear()
