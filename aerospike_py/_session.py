"""A client's life, and how its requests are carried out: what both faces of the client hold.

A client of the library is made when connecting, and kept to connect again after a close. In the
child of a fork it is given up: sockets and threads belong to the parent, and the child's next
operation connects anew.

This is what waits; `_async_session` has what is awaited.
"""

import logging
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, Generic, Protocol, TypeVar

from . import _core_log, _native, _node_metrics, tracing
from ._apart import Apart
from ._config import Config
from ._config_file import ConfigFile, Settings, Watcher, named_file
from ._native import Pointer
from ._native.streams import Stream, results_closed
from ._node_metrics import Counted
from ._requests import info
from ._requests.allowance import TIME_IS_OVER
from ._requests.policies import ClientPolicies
from ._requests.request import Request
from ._results import T, records
from ._values import encode
from .exception import AerospikeTimeoutError, ClientError
from .log import say
from .types import Record

_PACKAGE = __name__.partition(".")[0]
T_co = TypeVar("T_co", covariant=True)


class Filler(Protocol):
    """Has an asz_table, and keeps what that points to."""

    @property
    def table(self) -> Pointer: ...


class Gatherer(Protocol):
    """Has an asz_arrow, and knows how many records that is to take."""

    @property
    def arrow(self) -> Pointer: ...

    @property
    def rows(self) -> int: ...


class Steps(Protocol[T_co]):
    """Something to be done that takes long."""

    def step(self) -> bool:
        """Does a part of it; whether all is done then."""
        ...

    def result(self) -> T_co: ...


class _Forked(Protocol):
    def after_fork(self) -> None: ...


_to_tell: "weakref.WeakSet[_Forked]" = weakref.WeakSet()


def in_child_of_fork(whom: _Forked) -> None:
    """Has `whom.after_fork` called in the child of a fork, as long as there is such an object."""
    _to_tell.add(whom)


class Session:
    """The life of one client.

    Args:
        config: The configuration, not checked yet.
        face: The name of the class that users see.

    Raises:
        TypeError: The configuration is not a dict.
        InvalidArgError: It has an unknown key or a value that is not valid.
        ClientError: It asks for something that is not supported.
    """

    def __init__(self, config: Any, face: str = "Client") -> None:
        self._is_open = False
        self._face = face
        self._made_at = place_of_creation()
        self.config: Config = Config(config, is_async=face != "Client")
        self.policies: ClientPolicies = ClientPolicies(self.config.policies, self.config.converters)
        path = named_file(self.config.config_file)
        self._file = None if path is None else ConfigFile(path, is_async=face != "Client")
        self._watcher: Watcher | None = None
        self.look_at_config_file()
        # Guards what follows, and is never held while anything is waited for. A signal handler may
        # close the client in the midst of it.
        self._lock = threading.RLock()
        self.native: Pointer = None
        # What connects at the moment, once for each who waits for that.
        self._connecting: list[Pointer] = []
        self._native_config = b""
        self.was_forked: bool = False
        self._counted: Counted | None = None
        in_child_of_fork(self)

    def connect(self, user: str | None, password: str | None) -> None:
        """Connects to the cluster; does nothing when connected."""
        self._connect(*self.choose(user, password))
        self.config.remember(user, password)

    def _connect(self, client: Pointer, encoded: bytes) -> None:
        try:
            _native.client_connect(client)
        except BaseException:
            self.give_up(client)
            raise
        old = self.adopt(client, encoded)
        if old is not None:
            _native.client_close(old)

    def choose(
        self, user: str | None, password: str | None, ask: Callable[[], Any] | None = None
    ) -> tuple[Pointer, bytes]:
        """What is to be connected, and its configuration. `adopt` or `give_up` follows."""
        self.look_at_config_file()
        encoded = self.config.encode(user, password, ask)
        _core_log.start()
        with self._lock:
            client = self.native
            if client is None or encoded != self._native_config:
                client = _native.client_create(encoded)
            self._connecting.append(client)
            return client, encoded

    def choose_again(self) -> tuple[Pointer, bytes]:
        """The same for what was connected in the parent of a fork."""
        _core_log.start()
        with self._lock:
            self._connecting.append(self.native)
            return self.native, self._native_config

    def give_up(self, client: Pointer) -> None:
        """What was chosen did not connect."""
        with self._lock:
            if client in self._connecting:
                self._connecting.remove(client)

    def is_connecting(self, client: Pointer) -> bool:
        """Whether somebody waits for it to connect."""
        with self._lock:
            return client in self._connecting

    def adopt(self, client: Pointer, encoded: bytes) -> Pointer:
        """What was chosen is connected. Returns what it takes the place of, to be closed, or None.

        Raises:
            ClientError: It was closed meanwhile.
        """
        with self._lock:
            if client not in self._connecting:
                raise _native.make_error(
                    _native.CLIENT_ABORT, "the client was closed while it connected"
                )
            self._connecting.remove(client)
            old, self.native = self.native, client
            if old is client:
                old = None
            else:
                self._end_counting()
            self._native_config = encoded
            self.was_forked = False
            self._is_open = True
            self._begin_counting()
        if self._file is not None and self._watcher is None:
            self._watcher = Watcher(self, self._file.settings.interval_ms)
        say(logging.DEBUG, "client_connected", "connected to the cluster")
        return old

    def look_at_config_file(self) -> int:
        """Takes what the configuration file says; returns in how many ms to look again."""
        if self._file is None:
            return 0
        self._file.look(self._take)
        return self._file.settings.interval_ms

    def _take(self, settings: Settings) -> None:
        given = self.config
        policies = ClientPolicies(given.policies, given.converters, settings.policies)
        given.set_over(settings.connection)
        self.policies.replace(policies)

    def close(self) -> None:
        """Closes all connections; idempotent."""
        for client in self.release():
            _native.client_close(client)
            say(logging.DEBUG, "client_closed", "closed the client")

    def release(self) -> list[Pointer]:
        """What is to be closed, now that nobody is to use the client any more."""
        with self._lock:
            self.was_forked = self._is_open = False
            self._stop_watching()
            clients, self._connecting = self._connecting, []
            if self.native is not None:
                self._end_counting()
                clients.append(self.native)
            return clients

    def is_connected(self) -> bool:
        """Whether the client is connected and the cluster has a node."""
        client = self.native
        return client is not None and _native.client_is_connected(client)

    def execute(self, request: Request[T]) -> T:
        """Carries out a request and waits for it.

        Raises:
            ClientError: The client is not connected.
            AerospikeError: The request fails.
        """
        client = self.native
        if client is None:
            raise not_connected()
        if self.was_forked:
            self.reconnect_in_child()
        try:
            traced = tracing.active
            if traced is None:
                return _native.execute(client, request)
            asked = tracing.ask(request[0], request[2])
            if asked is not None:
                command, encoded, _, decode = request
                request = command, encoded, asked.policy, decode
            run = partial(_native.execute, client, request)
            return traced.execute(self.config, *request[:2], run, asked)
        except ClientError as error:
            if error.result_code != _native.NOT_CONNECTED:
                raise
        raise not_connected()

    def open_stream(self, members: dict[str, Any], policy: Pointer) -> Stream[list[Record]]:
        """Starts a query, whose chunks `fetch` waits for."""
        return self.open_batch((_native.QUERY, encode(members), policy, records))

    def open_batch(self, request: Request[T]) -> Stream[T]:
        """Starts a batch whose rows come in chunks, which `fetch` waits for, too."""
        client = self.native
        if client is None:
            raise not_connected()
        try:
            return Stream(client, *request)
        except ClientError as error:
            if error.result_code != _native.NOT_CONNECTED:
                raise
        self.require_connection()  # In the child of a fork, this connects anew.
        return Stream(client, *request)

    def fetch(self, stream: Stream[T]) -> T:
        """Waits for the next chunk of a query."""
        return stream.next()

    def fetch_rows(self, stream: Stream[Any], filler: Filler) -> int:
        """Waits for the next rows of a query; says how many there are."""
        return stream.next_table(filler.table)

    def fetch_arrow(self, stream: Stream[Any], gatherer: Gatherer) -> int:
        """Waits for the records of a query's next table; says how many there are."""
        return stream.next_arrow(gatherer.arrow, gatherer.rows)

    def in_steps(self, work: Steps[T]) -> T:
        """Does it, and returns the result."""
        while not work.step():
            pass
        return work.result()

    def apart(self, work: Callable[[], T], left_ms: int) -> T:
        """Has a thread do it, and waits so long at most; 0: without limit.

        Raises:
            AerospikeTimeoutError: It takes longer. The thread goes on.
        """
        ended = threading.Event()
        begun = Apart(work, ended.set)
        if not ended.wait(left_ms / 1000 if left_ms else None):
            raise AerospikeTimeoutError(TIME_IS_OVER)
        return begun.result()

    def require_connection(self) -> None:
        """Raises a ClientError unless the client is connected."""
        self.execute(info.node_names())

    def reconnect_in_child(self) -> None:
        """In the child of a fork: connects anew, unless another thread has done so."""
        if self.was_forked:
            self._connect(*self.choose_again())

    def after_fork(self) -> None:
        """In the child of a fork: gives up what is the parent's."""
        self._lock = threading.RLock()  # A thread that is not in the child may have held it.
        self._connecting = []
        self._counted = None
        self._watcher = None
        if self._file is not None:
            self._file.after_fork()
        self._is_open = False  # What the parent has opened, the parent is to close.
        client = self.native
        if client is not None:
            self.was_forked = _native.client_is_connected(client)
            _native.client_after_fork(client)

    def _stop_watching(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()

    def _begin_counting(self) -> None:
        if self._counted is None:
            take = partial(_statistics, self.native)
            self._counted = Counted(self.config.cluster_name, take)

    def _end_counting(self) -> None:
        counted, self._counted = self._counted, None
        if counted is not None:
            counted.end()

    def __repr__(self) -> str:
        hosts = ", ".join(
            f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
            for name, port, *_ in self.config.hosts
        )
        state = "connected" if self.is_connected() else "not connected"
        return f"<{self._face} of {hosts or 'no hosts'}, {state}>"

    def __del__(self) -> None:
        if getattr(self, "_is_open", False):
            warn_unclosed(repr(self), self._made_at, self)
        if getattr(self, "_watcher", None) is not None:
            self._stop_watching()
        counted: Counted | None = getattr(self, "_counted", None)
        if counted is None:
            return
        if sys.is_finalizing():
            counted.forget()
        else:
            counted.end()


class Endable(Generic[T]):
    """What a thread waits for in its calls, and whoever closes what it is for can end."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._is_over = False
        # The thread that waits, and how many calls signal handlers have interrupted around it.
        self._waiting: tuple[int, int] | None = None

    def wait(self, work: Callable[[], T]) -> T:
        """What the work returns.

        Raises:
            ClientError: It was ended.
        """
        try:
            with self._lock:
                if self._is_over:
                    raise results_closed()
                self._waiting = threading.get_ident(), _native.calls_interrupted()
            return work()
        except ClientError as error:
            if error.result_code != _native.INTERRUPTED or not self._is_over:
                raise
            raise results_closed() from None
        finally:
            with self._lock:
                self._waiting = None
                _native.let_call()

    def end(self) -> None:
        """Ends the wait, or the next one. Any thread, and signal handlers."""
        with self._lock:
            self._is_over = True
            if self._waiting is not None:
                _native.end_call(*self._waiting)


def _statistics(client: Pointer) -> bytes | None:
    try:
        return _native.execute(client, (_native.STATISTICS, b"\x90", _native.NULL, bytes))
    except ClientError:  # Not connected.
        return None


def place_of_creation() -> str | None:
    """The line outside of this package that runs now, in Python's development mode."""
    if not sys.flags.dev_mode:
        return None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        frame = frame.f_back
    return None if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def warn_unclosed(what: str, made_at: str | None, source: object) -> None:
    """Says that something was left open until nobody had it any more."""
    if sys.is_finalizing():
        return  # Much of what a warning needs is gone, and the process's end closes all.
    place = f", made at {made_at}" if made_at else ""
    warnings.warn(f"unclosed {what}{place}", ResourceWarning, stacklevel=2, source=source)


def not_connected() -> ClientError:
    """What every operation of a client that is not connected raises."""
    return ClientError(
        "the client is not connected; call connect() first, or write "
        "`with aerospike_py.client(config).connect() as client:`, with `async with` for an "
        "AsyncClient",
        result_code=_native.NOT_CONNECTED,
    )


def _after_fork_in_child() -> None:
    for whom in list(_to_tell):
        whom.after_fork()
    _node_metrics.after_fork_in_child()
    _core_log.after_fork_in_child()


if sys.platform != "win32":  # Where nothing forks.
    os.register_at_fork(after_in_child=_after_fork_in_child)
