"""What all of them keep: values by text keys in one set, with a time to live.

A value is the bin "v" of a record. An int that the server can count with is stored as one, anything
else as the bytes of a pickle. So whoever may write into the set decides what runs here.
"""

import atexit
import math
import pickle
import threading
from collections.abc import Iterable, Mapping
from typing import Any

import aerospike_py
from aerospike_py import (
    BinTypeError,
    Client,
    RecordExistsError,
    RecordNotFound,
)
from aerospike_py.types import OperatePolicy, WriteMeta, WritePolicy

BIN = "v"
"""The bin that has the value."""

_CREATE_ONLY: WritePolicy = {"exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY}
_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1

MISSING: Any = object()
"""In the place of a value that is not there."""

_clients: dict[str, Client] = {}
_lock = threading.Lock()


def shared_client(config: Mapping[str, Any]) -> Client:
    """The connected client of a configuration: one in a process, for all threads."""
    name = repr(sorted(config.items()))
    with _lock:
        client = _clients.get(name)
        if client is None:
            client = aerospike_py.client(dict(config)).connect()
            _clients[name] = client
        return client


@atexit.register
def close_clients() -> None:
    """Closes those that `shared_client` has made."""
    with _lock:
        while _clients:
            _clients.popitem()[1].close()


def time_to_live(seconds: float | None) -> int:
    """What the server is told of a timeout that is positive, or None for none at all."""
    return aerospike_py.TTL_NEVER_EXPIRE if seconds is None else max(1, math.ceil(seconds))


class Store:
    """Values by text keys.

    Args:
        config: The client's configuration.
        namespace: The namespace; records expire where it has a `nsup-period`.
        set_name: The set, which has nothing else in it.
    """

    def __init__(self, config: Mapping[str, Any], namespace: str, set_name: str) -> None:
        self._config = dict(config)
        self._place = (namespace, set_name)

    @property
    def client(self) -> Client:
        """Connects when it is first needed, not when the program is configured."""
        return shared_client(self._config)

    def get(self, key: str) -> Any:
        """The value, or MISSING."""
        try:
            return _loaded(self.client.get(self.key(key)).bins)
        except RecordNotFound:
            return MISSING

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those that are there."""
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return {}
        bins = self.read_many(wanted)
        return {key: _loaded(each) for key, each in zip(wanted, bins, strict=True) if each}

    def read_many(self, keys: Iterable[str]) -> list[dict[str, Any]]:
        """The bins of each; {} where there is no record."""
        rows = self.client.batch_read([self.key(key) for key in keys], [BIN])
        for row in rows:
            if row.error is not None and not isinstance(row.error, RecordNotFound):
                raise row.error
        return [row.bins or {} for row in rows]

    def has(self, key: str) -> bool:
        """Whether there is a value, without reading it."""
        return self.client.exists(self.key(key)).meta is not None

    def set(self, key: str, value: Any, seconds: float | None) -> None:
        """Keeps a value for so long; None: until it is deleted."""
        self.client.put(self.key(key), {BIN: _dumped(value)}, {"ttl": time_to_live(seconds)})

    def add(self, key: str, value: Any, seconds: float | None) -> bool:
        """The same where there is none yet; whether there was not."""
        meta: WriteMeta = {"ttl": time_to_live(seconds)}
        try:
            self.client.put(self.key(key), {BIN: _dumped(value)}, meta, _CREATE_ONLY)
        except RecordExistsError:
            return False
        return True

    def set_many(self, values: Mapping[str, Any], seconds: float | None) -> list[str]:
        """Keeps all of them; the keys of those that failed."""
        if not values:
            return []
        records = [(self.key(key), {BIN: _dumped(value)}) for key, value in values.items()]
        rows = self.client.batch_write(records, {"ttl": time_to_live(seconds)})
        return [key for key, row in zip(values, rows, strict=True) if row.result != 0]

    def touch(self, key: str, seconds: float | None) -> bool:
        """Keeps a value for so long from now on; whether there is one."""
        try:
            self.client.touch(self.key(key), time_to_live(seconds))
        except RecordNotFound:
            return False
        return True

    def delete(self, key: str) -> bool:
        """Whether there was a value."""
        try:
            self.client.remove(self.key(key))
        except RecordNotFound:
            return False
        return True

    def delete_many(self, keys: Iterable[str]) -> None:
        """Removes those that are there."""
        gone = [self.key(key) for key in keys]
        if gone:
            self.client.batch_remove(gone)

    def count(self, key: str, delta: int, meta: WriteMeta, policy: OperatePolicy) -> int:
        """Adds to an int, in one step for all who count, and gives the sum.

        Raises:
            TypeError: The value is no int.
            RecordNotFound: There is none, and the policy makes none.
        """
        operations = [
            {"op": aerospike_py.OPERATOR_INCR, "bin": BIN, "val": delta},
            {"op": aerospike_py.OPERATOR_READ, "bin": BIN, "val": None},
        ]
        try:
            bins = self.client.operate(self.key(key), operations, meta, policy).bins
        except BinTypeError:
            raise TypeError(f"the value of {key!r} is no int that can be counted with") from None
        total: int = (bins or {})[BIN]
        return total

    def clear(self) -> None:
        """Removes all values."""
        self.client.truncate(*self._place)

    def key(self, key: str) -> tuple[str, str, str]:
        """The record's key."""
        return (*self._place, key)


def _dumped(value: Any) -> int | bytes:
    # A bool is not counted with, and comes back as itself.
    if type(value) is int and _INT64_MIN <= value <= _INT64_MAX:
        return value
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def _loaded(bins: Mapping[str, Any] | None) -> Any:
    value = (bins or {}).get(BIN, MISSING)
    return pickle.loads(value) if isinstance(value, bytes) else value  # noqa: S301
