"""What the synchronous and the asynchronous client have in common: a connection's life.

A client of the library is made when connecting, and kept to connect again after a close. In the
child of a fork it is given up: sockets and threads belong to the parent, and the child's next
operation connects anew.
"""

import os
import sys
import threading
import weakref
from functools import partial
from typing import Any

from . import _core_log, _native, _node_metrics, tracing
from ._config import Config
from ._native import Pointer
from ._node_metrics import Counted
from ._requests import Request, Requests
from ._results import T
from .exception import ClientError
from .log import logger

_clients: "weakref.WeakSet[BaseClient]" = weakref.WeakSet()


class BaseClient:
    """Not for users: see `Client`."""

    def __init__(self, config: Any) -> None:
        self._config = Config(config)
        self._requests = Requests(self._config)
        # Connecting and closing exclude one another; operations do not take the lock.
        self._lock = threading.Lock()
        self._native: Pointer = None
        self._native_config = b""
        self._was_forked = False
        self._counted: Counted | None = None
        _clients.add(self)

    def _open(self, user: str | None, password: str | None) -> None:
        encoded = self._config.encode(user, password)
        _core_log.start()
        with self._lock:
            if self._native is not None and encoded == self._native_config:
                _native.client_connect(self._native)
            else:
                client = _native.client_create(encoded)
                _native.client_connect(client)
                old = self._native
                self._end_counting()
                self._native, self._native_config = client, encoded
                if old is not None:
                    _native.client_close(old)
            self._was_forked = False
            self._begin_counting()
        logger.debug("connected to the cluster")

    def _shut(self) -> None:
        with self._lock:
            self._was_forked = False
            if self._native is not None:
                self._end_counting()
                _native.client_close(self._native)
                logger.debug("closed the client")

    def __del__(self) -> None:
        counted: Counted | None = getattr(self, "_counted", None)
        if counted is None:
            return
        if sys.is_finalizing():
            counted.forget()
        else:
            counted.end()

    def _begin_counting(self) -> None:
        if self._counted is None:
            take = partial(_statistics, self._native)
            self._counted = Counted(self._config.cluster_name, take)

    def _end_counting(self) -> None:
        counted, self._counted = self._counted, None
        if counted is not None:
            counted.end()

    def _is_connected(self) -> bool:
        client = self._native
        if client is None:
            return False
        return _native.client_is_connected(client)

    def _execute(self, request: Request[T]) -> T:
        client = self._native
        if client is None:
            raise not_connected()
        command, encoded, policy, decode = request
        try:
            traced = tracing.active
            if traced is None:
                return _native.execute(client, command, encoded, policy, decode)
            run = partial(_native.execute, client, *request)
            return traced.execute(self._config, command, encoded, run)
        except ClientError as error:
            if error.result_code != _native.NOT_CONNECTED:
                raise
        if not self._was_forked:
            raise not_connected()
        self._reopen_in_child()
        return _native.execute(client, command, encoded, policy, decode)

    def _reopen_in_child(self) -> None:
        with self._lock:
            if self._was_forked:
                _core_log.start()
                _native.client_connect(self._native)
                self._was_forked = False
                self._begin_counting()

    def _after_fork(self) -> None:
        self._lock = threading.Lock()  # A thread that is not in the child may have held it.
        self._counted = None
        client = self._native
        if client is not None:
            self._was_forked = _native.client_is_connected(client)
            _native.client_after_fork(client)


def _statistics(client: Pointer) -> bytes | None:
    try:
        return _native.execute(client, _native.STATISTICS, b"\x90", _native.NULL, bytes)
    except ClientError:  # Not connected.
        return None


def not_connected() -> ClientError:
    """What every operation of a client that is not connected raises."""
    return ClientError(
        "the client is not connected; call connect() first", result_code=_native.NOT_CONNECTED
    )


def _after_fork_in_child() -> None:
    for client in list(_clients):
        client._after_fork()
    _node_metrics.after_fork_in_child()
    _core_log.after_fork_in_child()


if sys.platform != "win32":  # Where nothing forks.
    os.register_at_fork(after_in_child=_after_fork_in_child)
