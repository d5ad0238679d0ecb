"""How an asynchronous client carries out its requests on one event loop.

What waits, and a client's life, are in `_session`.
"""

import asyncio
import sys
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from functools import partial, wraps
from threading import get_ident
from types import TracebackType
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeVar

from . import tracing
from ._apart import Apart
from ._codec import submit_directly, submit_key
from ._config import Config
from ._native import Pointer
from ._native.completions import Completions
from ._native.streams import Stream, results_closed
from ._requests.allowance import TIME_IS_OVER
from ._requests.policies import ClientPolicies
from ._requests.request import Request
from ._results import T
from ._session import Filler, Gatherer, Session, Steps, in_child_of_fork, not_connected
from .exception import AerospikeTimeoutError, BackpressureError, ClientError
from .types import Record

# Between two looks at whether another loop still runs, in seconds.
_LOOK_S = 0.05


async def _asked(function: Callable[[], Any]) -> Callable[[], Any]:
    """Answers as the function does now, which is not asked again."""
    said = function()
    if isinstance(said, Awaitable):
        said = await said
    return lambda: said


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise ClientError(
            "an AsyncClient is used on an event loop of asyncio, and none runs here; "
            "other libraries' loops, such as trio's, do not do"
        ) from None


def _presence(loop: asyncio.AbstractEventLoop) -> tuple[Callable[[], Any], Any]:
    """What to ask on a loop's thread, and what that says while the loop runs."""
    if sys.version_info >= (3, 12):
        return asyncio._get_running_loop, loop
    # Before, asking for the loop that runs takes a system call.
    return loop.is_running, True


class _Submits(Protocol):
    def __call__(self, request: Request[T], /) -> Awaitable[T]: ...


class AsyncSession:
    """The life of one asynchronous client, which is that of a `Session` and its loop.

    Args:
        config: The configuration, not checked yet.

    Raises:
        TypeError: The configuration is not a dict.
        InvalidArgError: It has an unknown key or a value that is not valid.
        ClientError: It asks for something that is not supported.
    """

    def __init__(self, config: Any) -> None:
        self._session = session = Session(config, "AsyncClient")
        self.config: Config = session.config
        self.policies: ClientPolicies = session.policies
        # Those in use, and all that watch.
        self._completions: Completions | None = None
        # What submits for them where nothing else is to be done, and where their loop is.
        self._direct: list[Any] = [None] * 4
        self.submit: _Submits = submit_directly(
            *(self._direct, vars(tracing), "active"), _submitting_of(weakref.ref(self))
        )
        """Carries out a request; what this returns is to be awaited at once.

        Raises:
            ClientError: The client is not connected, or belongs to another loop.
            AerospikeError: The request was refused; nothing was sent.
        """
        self._made: list[Completions] = []
        # Those that are closing, once for all who wait for that; perhaps nobody does.
        self._closing: dict[Completions, asyncio.Future[None]] = {}
        self._reconnecting: asyncio.Future[None] | None = None
        # With a limit of operations in flight, where those wait that are beyond it.
        self._line: _Line | None = None
        in_child_of_fork(self)

    async def connect(self, user: str | None, password: str | None) -> None:
        """Connects to the cluster; the client belongs to the running loop then."""
        if self._home() is not None:
            raise ClientError(
                "the client is connected on another event loop, which runs in another thread; "
                "close it first"
            )
        ask = self.config.password_function
        if ask is not None and user is None and password is None:
            ask = await _asked(ask)
        await self._connect(*self._session.choose(user, password, ask))
        self.config.remember(user, password)

    async def _connect(self, client: Pointer, encoded: bytes) -> None:
        session = self._session
        completions = self._completions_of(client, loop := _running_loop())
        try:
            while closing := self._closing.get(completions):
                await asyncio.wait([closing])
                completions = self._completions_of(client, loop)
            await completions.connect()
            old = session.adopt(client, encoded)
        except BaseException:
            session.give_up(client)
            if self._is_idle(completions):
                self._begin_to_close(completions)
            raise
        completions.host()
        replaced = self._completions
        self._use(completions)
        if replaced is None or replaced is completions:
            return
        if old is None:
            self._leave(replaced)
        else:
            # Its own loop may have ended.
            await asyncio.wait([self._begin_to_close(self._completions_of(old, loop))])

    def _use(self, completions: Completions | None) -> None:
        """From now on, with a line of its own: what another loop has of the old one may be lost."""
        limit = self.config.max_concurrent_operations
        if completions is None:
            self._direct[:] = [None] * 4
        elif not limit:
            place = *_presence(completions.loop), completions.thread
            self._direct[:] = completions.submitter, *place
        elif completions is not self._completions:
            timeout_ms = self.config.operation_queue_timeout_ms
            self._line = _Line(limit, timeout_ms, completions.loop)
        self._completions = completions

    def _is_idle(self, completions: Completions) -> bool:
        """Whether it is there for nothing: neither connected nor connecting, and not left yet."""
        is_used = completions is self._completions or completions not in self._made
        return not is_used and not self._session.is_connecting(completions.client)

    def _begin_to_close(self, completions: Completions) -> "asyncio.Future[None]":
        """Closes it, unless that has begun; who waits for that must not cancel what this returns.

        It goes on when nobody waits any more: others may.
        """
        closing = self._closing.get(completions)
        if closing is None:
            closing = self._closing[completions] = completions.close()

            def leave(ended: "asyncio.Future[None]") -> None:
                ended.cancelled() or ended.exception()  # Nobody may be left to be told.
                if self._closing.get(completions) is ended:
                    self._leave(completions)

            closing.add_done_callback(leave)
        return closing

    def _completions_of(self, client: Pointer, loop: asyncio.AbstractEventLoop) -> Completions:
        """Those of a client of the library, which is drained in one place."""
        for completions in self._made:
            if completions.client == client:
                if completions.loop is loop:
                    return completions
                self._leave(completions)
                break
        completions = Completions(client, loop, self.config.coalesce)
        self._made.append(completions)
        return completions

    def _leave(self, completions: Completions) -> None:
        self._closing.pop(completions, None)
        completions.shut()
        if completions in self._made:
            self._made.remove(completions)
        if self._completions is completions:
            self._use(None)

    async def close(self) -> None:
        """Closes all connections; operations in flight fail. Idempotent."""
        home = self._home()
        if home is not None and await self._close_on(home):
            return
        loop = _running_loop()
        for client in self._session.release():
            completions = self._completions_of(client, loop)
            if self._completions is completions:
                self._use(None)
            self._begin_to_close(completions)
        for closing in tuple(self._closing.values()):
            if closing.get_loop() is loop:
                await asyncio.wait([closing])

    async def _close_on(self, home: asyncio.AbstractEventLoop) -> bool:
        """Has another thread's loop close; False when that was stopped before."""
        closing = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.close(), home))
        while home.is_running():  # As it does not tell that it stops.
            done, _ = await asyncio.wait([closing], timeout=_LOOK_S)
            if done and not closing.cancelled():
                closing.result()
                return True
            if done:
                await asyncio.sleep(_LOOK_S)
        return False

    def _home(self) -> asyncio.AbstractEventLoop | None:
        """The loop that it is used on, if that runs in another thread."""
        for completions in self._made:
            if completions.thread != get_ident() and completions.loop.is_running():
                return completions.loop
        return None

    def is_connected(self) -> bool:
        """Whether the client is connected and the cluster has a node."""
        return self._completions is not None and self._session.is_connected()

    def submitting(
        self, request_of: Callable[[Any, Any], Request[T]]
    ) -> Callable[[Any, Any], Awaitable[T]]:
        """What submits the request that a function of `key_request` makes of a key and a policy."""
        return submit_key(self.submit, request_of)

    def _submit(self, request: Request[T]) -> Awaitable[T]:
        """The same as `submit`, whatever is to be done beside."""
        completions = self._completions
        if completions is None:
            return self._submit_in_child(request)
        if completions.loop is not asyncio._get_running_loop():
            completions = self._running()
        if self._line is None and tracing.active is None:
            return completions.run(request)
        return self._submit_otherwise(completions, request)

    def _running(self) -> Completions:
        completions = self._completions
        if completions is None:
            raise not_connected()
        if completions.loop is not _running_loop():
            raise ClientError(
                "the client was connected on another event loop; connect it again on this one"
            )
        return completions

    def _submit_otherwise(self, completions: Completions, request: Request[T]) -> Awaitable[T]:
        """The same with a line to wait in, a span around it, or both."""
        traced = tracing.active
        asked = None if traced is None else tracing.ask(request[0], request[2])
        start: Callable[[], asyncio.Future[T]] = partial(completions.start, request)
        if asked is not None:
            start = partial(completions.start_asking, asked, request)
        run = self._line.run if self._line is not None else _run
        if traced is None:
            return run(completions, start)
        return traced.start(self.config, *request[:2], partial(run, completions, start), asked)

    async def _submit_in_child(self, request: Request[T]) -> T:
        """Connects anew in the child of a fork, once for all who come meanwhile."""
        if not self._session.was_forked:
            raise not_connected()
        if self._reconnecting is None:
            self._reconnecting = asyncio.ensure_future(self._connect(*self._session.choose_again()))
        reconnecting = self._reconnecting
        try:
            await asyncio.shield(reconnecting)
        finally:
            if self._reconnecting is reconnecting and reconnecting.done():
                self._reconnecting = None
        return await self.submit(request)

    def _reconnect_in_child(self) -> None:
        """The same where nothing can be awaited."""
        session = self._session
        if self._completions is None and session.was_forked:
            loop = asyncio.get_running_loop()
            session.reconnect_in_child()
            self._use(self._completions_of(session.native, loop))

    def open_stream(self, members: dict[str, Any], policy: Pointer) -> Stream[list[Record]]:
        """Starts a query, whose chunks `fetch` waits for."""
        self._reconnect_in_child()
        return self._session.open_stream(members, policy)

    def open_batch(self, request: Request[T]) -> Stream[T]:
        """Starts a batch whose rows come in chunks, which `fetch` waits for, too."""
        self._reconnect_in_child()
        return self._session.open_batch(request)

    def fetch(self, stream: Stream[T]) -> Awaitable[T]:
        """Waits for the next chunk of a query; what this returns is to be awaited at once."""
        completions = self._running()
        start: Callable[[], asyncio.Future[T]] = partial(completions.next_chunk, stream)
        return start() if self._line is None else self._line.run(completions, start)

    def fetch_rows(self, stream: Stream[Any], filler: Filler) -> Awaitable[int]:
        """Waits for the next rows of a query; says how many there are."""
        completions = self._running()
        start: Callable[[], asyncio.Future[int]] = partial(
            completions.next_table, stream, filler.table, filler
        )
        return start() if self._line is None else self._line.run(completions, start)

    def fetch_arrow(self, stream: Stream[Any], gatherer: Gatherer) -> Awaitable[int]:
        """Waits for the records of a query's next table; says how many there are."""
        completions = self._running()
        start: Callable[[], asyncio.Future[int]] = partial(
            completions.next_arrow, stream, gatherer.arrow, gatherer.rows, gatherer
        )
        return start() if self._line is None else self._line.run(completions, start)

    async def in_steps(self, work: Steps[T]) -> T:
        """Does it, while others have their turns, and returns the result."""
        while not work.step():
            await asyncio.sleep(0)
        return work.result()

    async def apart(self, work: Callable[[], T], left_ms: int) -> T:
        """Has a thread do it, and waits so long at most; 0: without limit.

        Raises:
            AerospikeTimeoutError: It takes longer. The thread goes on.
        """
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # The loop is closed.
                loop.call_soon_threadsafe(ended.set)

        begun = Apart(work, tell)
        try:
            await asyncio.wait_for(ended.wait(), left_ms / 1000 if left_ms else None)
        except asyncio.TimeoutError:
            raise AerospikeTimeoutError(TIME_IS_OVER) from None
        return begun.result()

    def require_connection(self) -> None:
        """Raises a ClientError unless the client is connected."""
        self._reconnect_in_child()
        self._session.require_connection()

    def __repr__(self) -> str:
        return repr(self._session)

    def after_fork(self) -> None:
        """In the child of a fork, where the parent's loop and its futures do not exist."""
        if self._line is not None:
            self._line.is_over = True
        self._use(None)
        self._made = []
        self._closing = {}
        self._reconnecting = None

    def __del__(self) -> None:
        # The loop refers to what it calls; without this, it would keep a client that nobody has.
        completions: Completions | None = getattr(self, "_completions", None)
        if completions is not None:
            completions.leave()


def _submitting_of(session: "weakref.ref[AsyncSession]") -> _Submits:
    """As the session does, which has this, and goes with the last one who has it."""

    def submit(request: Request[T], /) -> Awaitable[T]:
        this = session()
        assert this is not None
        return this._submit(request)

    return submit


class Endable(Generic[T]):
    """What a task waits for, and whoever closes what it is for can end."""

    def __init__(self) -> None:
        self._is_over = False
        self._work: asyncio.Future[T] | None = None

    async def wait(self, work: Callable[[], Awaitable[T]]) -> T:
        """What the work returns.

        Raises:
            ClientError: It was ended.
        """
        if self._is_over:
            raise results_closed()
        self._work = future = asyncio.ensure_future(work())
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            future.cancel()
            # Nobody is left to be told.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise
        if future.cancelled():
            raise results_closed()
        return future.result()

    def end(self) -> None:
        """Ends the wait, or the next one."""
        self._is_over = True
        if self._work is not None:
            self._work.cancel()


async def _run(completions: Completions, start: "Callable[[], asyncio.Future[T]]") -> T:
    """Starts an operation, and waits for it."""
    operation = start()
    token = completions.latest
    try:
        return await operation
    except asyncio.CancelledError:
        completions.end_early(token)
        raise


class _Line:
    """Lets so many operations of one loop run at once; further ones wait in line."""

    def __init__(self, limit: int, timeout_ms: int, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        # What belongs to the parent of a fork is not touched.
        self.is_over = False
        self._free = limit
        self._limit = limit
        self._timeout_ms = timeout_ms
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def run(self, completions: Completions, start: "Callable[[], asyncio.Future[T]]") -> T:
        """Starts an operation when it is its turn, and waits for it.

        Raises:
            BackpressureError: Its turn did not come in time.
        """
        place = _Place()
        if self._free and not self._waiting:
            self._free -= 1
            place.line = self
        else:
            await self._turn(place)
        latest = completions.latest
        try:
            operation = start()
        except BaseException:
            # A signal's handler may have raised after it was begun.
            if completions.latest != latest:
                completions.end_early(completions.latest)
            place.leave()
            raise
        token = completions.latest
        # It keeps its place until it has ended, however soon that is.
        operation.add_done_callback(place.leave)
        del place
        try:
            return await asyncio.shield(operation)
        except asyncio.CancelledError:
            completions.end_early(token)
            raise

    async def _turn(self, place: "_Place") -> None:
        turn = self.loop.create_future()
        timer = None
        try:
            self._waiting.append(turn)
            if self._timeout_ms:
                timer = self.loop.call_later(self._timeout_ms / 1000, self._expire, turn)
            await turn
            place.line = self
        except BaseException:
            # A place that is left must not be given a turn; this one may just have come.
            if not turn.cancel() and not turn.cancelled() and turn.exception() is None:
                self.pass_on()
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _expire(self, turn: "asyncio.Future[None]") -> None:
        if not turn.done():
            turn.set_exception(
                BackpressureError(
                    f"the operation waited {self._timeout_ms} ms for its turn: "
                    f"{self._limit} are in flight (max_concurrent_operations)"
                )
            )

    def pass_on(self) -> None:
        """A place is free: for who has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class _Place:
    """Of an operation that is in flight, in a line.

    A loop may lose the callback that is to leave it, as it does where a signal's handler raises
    before the call. It is left then when the callback is forgotten.
    """

    line: _Line | None = None
    """None before it is taken, and after it was left."""

    def leave(self, operation: "asyncio.Future[Any] | None" = None) -> None:
        """To be called when the operation has ended."""
        try:
            if operation is not None and not operation.cancelled():
                operation.exception()  # Nobody may be left to be told.
        finally:
            line, self.line = self.line, None
            if line is not None:
                line.pass_on()

    def __del__(self) -> None:
        line = self.line
        if line is None or line.is_over:
            return
        # Perhaps this is another thread, or in the midst of something.
        with suppress(RuntimeError):  # The loop is closed, and nobody waits on it any more.
            line.loop.call_soon_threadsafe(line.pass_on)


class _Closable(Protocol):
    async def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)
P = ParamSpec("P")


class Connecting(Coroutine[Any, Any, C], Generic[C]):
    """A client that connects: to be awaited, or entered with `async with`, which closes it."""

    __slots__ = ("_client", "_coroutine")

    def __init__(self, coroutine: Coroutine[Any, Any, C]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, None, C]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        """As of any coroutine."""
        return self._coroutine.send(value)

    def throw(self, *raised: Any) -> Any:
        """As of any coroutine."""
        return self._coroutine.throw(*raised)

    def close(self) -> None:
        """As of any coroutine."""
        self._coroutine.close()

    async def __aenter__(self) -> C:
        self._client = await self._coroutine
        return self._client

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        await self._client.close()
        return False


def connecting(connect: Callable[P, Coroutine[Any, Any, C]]) -> Callable[P, Connecting[C]]:
    """Makes what a `connect` method returns an asynchronous context manager, too."""

    @wraps(connect)
    def connect_or_enter(*args: P.args, **kwargs: P.kwargs) -> Connecting[C]:
        return Connecting(connect(*args, **kwargs))

    return connect_or_enter
