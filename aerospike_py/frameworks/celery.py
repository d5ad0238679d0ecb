"""A result backend of Celery, chords included.

    app = Celery("app", broker=...)
    app.conf.result_backend = (
        "aerospike_py.frameworks.celery.AerospikeBackend"
        "+aerospike://10.0.0.1:3000,10.0.0.2:3000/cache/results"
    )
    app.conf.result_backend_transport_options = {"config": {"tls": {"cafile": "/etc/ca.pem"}}}

A result is kept for `result_expires`, where the namespace has a `nsup-period`. The parts of a chord
are counted by the server, in one step each.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from celery.backends.base import KeyValueStoreBackend
from celery.exceptions import ImproperlyConfigured

import aerospike_py

from ._store import BIN, Store, time_to_live

__all__ = ["AerospikeBackend"]


class AerospikeBackend(KeyValueStoreBackend):  # type: ignore[misc]
    """Results in a set of Aerospike; all of a process share one client.

    Args:
        url: "aerospike://HOST:PORT,HOST:PORT/NAMESPACE/SET"; the set is "celery" if none is said.
        args: As of Celery's backends.
        expires: Seconds that a result is kept; Celery's `result_expires` unless given.
        kwargs: As of Celery's backends.

    Raises:
        ImproperlyConfigured: The URL has no hosts or no namespace.
    """

    # What is counted is there for all as soon as it is counted.
    implements_incr = True
    supports_native_join = True

    def __init__(
        self, url: str | None = None, *args: Any, expires: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, url=url, expires_type=int, expires=expires, **kwargs)
        self.expires = self.prepare_expires(expires, int)
        place = (url or "").partition("://")[2].partition("?")[0]
        hosts, _, rest = place.partition("/")
        namespace, _, set_name = rest.partition("/")
        if not hosts or not namespace:
            raise ImproperlyConfigured(
                f"the result backend needs aerospike://HOST:PORT/NAMESPACE/SET, not {url!r}"
            )
        options = self.app.conf.get("result_backend_transport_options") or {}
        config = {**options.get("config", {}), "hosts": unquote(hosts).split(",")}
        self._store = Store(config, unquote(namespace), unquote(set_name).strip("/") or "celery")

    def get(self, key: "str | bytes") -> Any:
        """What was set, or None."""
        return self.mget([key])[0]

    def mget(self, keys: "Iterable[str | bytes]") -> list[Any]:
        """The same of many, read as one batch."""
        return [bins.get(BIN) for bins in self._store.read_many(_text(key) for key in keys)]

    def set(self, key: "str | bytes", value: "str | bytes") -> None:
        """Keeps a result for as long as results are kept."""
        meta: aerospike_py.WriteMeta = {"ttl": time_to_live(self.expires or None)}
        self._store.client.put(self._store.key(_text(key)), {BIN: value}, meta)

    def delete(self, key: "str | bytes") -> None:
        """Removes it, if it is there."""
        self._store.delete(_text(key))

    def incr(self, key: "str | bytes") -> int:
        """Counts one more, and gives the number."""
        meta: aerospike_py.WriteMeta = {"ttl": time_to_live(self.expires or None)}
        return self._store.count(_text(key), 1, meta, {})

    def expire(self, key: "str | bytes", value: "int | None") -> None:
        """Keeps it for so many seconds from now on, if it is there."""
        self._store.touch(_text(key), value or None)


def _text(key: "str | bytes") -> str:
    return key.decode() if isinstance(key, bytes) else key
