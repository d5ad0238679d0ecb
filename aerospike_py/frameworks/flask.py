"""A cache of cachelib, which Flask-Caching takes as its backend.

    app.config["CACHE_TYPE"] = "aerospike_py.frameworks.flask.backend"
    app.config["CACHE_AEROSPIKE_CONFIG"] = {"hosts": ["10.0.0.1:3000"]}
    app.config["CACHE_AEROSPIKE_NAMESPACE"] = "cache"
    cache = flask_caching.Cache(app)

Values are ints, which `inc` counts with on the server, or pickles. They expire where the namespace
has a `nsup-period`. `clear` removes all of the set.
"""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cachelib import BaseCache

import aerospike_py

from ._store import MISSING, Store, time_to_live

__all__ = ["AerospikeCache", "backend"]


class AerospikeCache(BaseCache):  # type: ignore[misc]
    """A cache in a set of Aerospike; all of a process share one client.

    Args:
        config: The client's configuration.
        namespace: The namespace.
        set_name: The set, which has nothing else in it.
        key_prefix: What the keys begin with.
        default_timeout: Seconds that a value is kept; 0: until it is deleted.
        ignore_delete_many_errors: As of cachelib's.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        namespace: str,
        set_name: str = "flask",
        key_prefix: str = "",
        default_timeout: "int | timedelta" = 300,
        ignore_delete_many_errors: bool = True,
    ) -> None:
        super().__init__(_whole(default_timeout), ignore_delete_many_errors)
        self._store = Store(config, namespace, set_name)
        self._prefix = key_prefix

    def _seconds(self, timeout: "int | timedelta | None") -> float | None:
        """None: without an end."""
        return (self.default_timeout if timeout is None else _whole(timeout)) or None

    def get(self, key: str) -> Any:
        """The value, or None."""
        value = self._store.get(self._prefix + key)
        return None if value is MISSING else value

    def get_many(self, *keys: str) -> list[Any]:
        """The values, read as one batch; None for those that are not there."""
        found = self._store.get_many(self._prefix + key for key in keys)
        return [found.get(self._prefix + key) for key in keys]

    def set(self, key: str, value: Any, timeout: "int | timedelta | None" = None) -> bool:
        """Keeps a value for `timeout` seconds; 0: until it is deleted."""
        self._store.set(self._prefix + key, value, self._seconds(timeout))
        return True

    def add(self, key: str, value: Any, timeout: "int | timedelta | None" = None) -> bool:
        """The same where there is none yet; whether there was not."""
        return self._store.add(self._prefix + key, value, self._seconds(timeout))

    def set_many(
        self, mapping: Mapping[str, Any], timeout: "int | timedelta | None" = None
    ) -> list[str]:
        """Keeps all of them, written as one batch; the keys of those that did not fail."""
        values = {self._prefix + key: value for key, value in mapping.items()}
        failed = set(self._store.set_many(values, self._seconds(timeout)))
        return [key for key in mapping if self._prefix + key not in failed]

    def delete(self, key: str) -> bool:
        """Whether there was a value."""
        return self._store.delete(self._prefix + key)

    def has(self, key: str) -> bool:
        """Whether there is a value, without reading it."""
        return self._store.has(self._prefix + key)

    def clear(self) -> bool:
        """Removes all of the set, whatever the keys begin with."""
        self._store.clear()
        return True

    def inc(self, key: str, delta: int = 1) -> int:
        """Adds to an int in one step for all who count; one that is not there begins with 0."""
        meta: aerospike_py.WriteMeta = {"ttl": time_to_live(self._seconds(None))}
        return self._store.count(self._prefix + key, delta, meta, {})

    def dec(self, key: str, delta: int = 1) -> int:
        """Subtracts from an int, as `inc` adds."""
        return self.inc(key, -delta)


def backend(
    app: Any, config: Mapping[str, Any], args: list[Any], kwargs: dict[str, Any]
) -> AerospikeCache:
    """The cache that the configuration of a Flask application asks for; Flask-Caching calls it."""
    kwargs.setdefault("key_prefix", config.get("CACHE_KEY_PREFIX") or "")
    kwargs.setdefault("set_name", config.get("CACHE_AEROSPIKE_SET", "flask"))
    place = (config["CACHE_AEROSPIKE_CONFIG"], config["CACHE_AEROSPIKE_NAMESPACE"])
    return AerospikeCache(*place, *args, **kwargs)


def _whole(timeout: "int | timedelta") -> int:
    """Seconds, at least one of what is more than nothing."""
    if isinstance(timeout, timedelta):
        return math.ceil(timeout.total_seconds())
    return timeout
