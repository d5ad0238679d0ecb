"""Submitted operations and their completions, on one event loop.

An operation is handed to the library under a token, and a future waits for it. The library makes
one descriptor readable when any number of operations has ended; the loop then collects all that
are ready in one call. Everything here happens in the loop's thread.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from struct import Struct
from threading import get_ident
from time import perf_counter
from typing import Any, TypeAlias, TypeVar

from .. import _native
from .._codec import Submitter, bind_completions, collect, resolve, settle, submitter, unpack
from .._ffi import ffi, lib
from . import ARROW, TABLE, Asked, Data, Pointer, address, allocate, failure
from .streams import Stream
from .watch import watch

T = TypeVar("T")
Submitted: TypeAlias = tuple[int, bytes, Pointer, Callable[[Data], Any]]
"""A request."""

_DRAINED_MAX = 256
# What is collected at once, unless a single result is larger: to decode it takes a few milliseconds
# at most, then others have their turn on the loop.
_DATA_BYTES = 256 * 1024

# So long others may have to wait for their turn on the loop while results are handed over, in
# seconds.
_BUDGET_S = 0.001
# Results that are handed over between two looks at the clock.
_LOOK_EVERY = 8
# A result of so many bytes is the last that is handed over before others have their turn: who waits
# for it has more to do with it than what to decode it takes, and does so before the loop looks
# around again.
_MUCH_BYTES = 8 * 1024

# Addresses of the client, of completions and how many those are, and of the state of collecting.
_pack_target = Struct("=4Q").pack
# In that state: where results are put, and how many bytes; the size of a result that has no room;
# how many operations were collected last, and how many of them were resolved.
_DATA, _DATA_SIZE, _NEEDED, _COLLECTED, _RESOLVED = range(5)
_submit_table = lib.asz_client_submit_batch_read_table
_submit_arrow = lib.asz_client_submit_batch_read_arrow
_submit_next = lib.asz_query_submit_next
_submit_next_arrow = lib.asz_query_submit_next_arrow
_is_hosted = lib.asz_client_is_hosted
# What the library writes into until the operation has ended, by its token, whoever still waits for
# it. Not kept by the client: one that was never closed is freed in any order with what belongs to
# it.
_owners: dict[int, Any] = {}

# Reads that may travel together, a bit for each.
_READS = 1 << lib.ASZ_GET | 1 << lib.ASZ_SELECT | 1 << lib.ASZ_EXISTS


class Completions:
    """The operations of one client of the library that are in flight on one loop.

    Args:
        client: The library's client.
        loop: The running loop.
        coalesces: Whether reads that are submitted in one tick of the loop may travel together.
    """

    def __init__(self, client: Pointer, loop: asyncio.AbstractEventLoop, coalesces: bool) -> None:
        self.client = client
        self.loop = loop
        # Of the loop.
        self.thread: int = get_ident()
        # What is submitted otherwise than with `run` or `start` belongs to the loop, too.
        self.submitter: Submitter = submitter(
            *(client, *_future_maker(loop), loop.call_soon), _READS if coalesces else 0
        )
        # Submits a request; what it returns waits for the result, and is to be awaited at once.
        self.run: Callable[[Submitted], Awaitable[Any]] = self.submitter.run
        self._error = ffi.new("asz_error *")
        self._error.size = ffi.sizeof("asz_error")
        self._completions = ffi.new("asz_completion[]", _DRAINED_MAX)
        self._state = ffi.new("uint64_t[5]")
        self._target = _pack_target(
            *(_address(client), _address(self._completions), _DRAINED_MAX, _address(self._state))
        )
        # What was collected and is not resolved has its turn in the next round of the loop.
        self._goes_on = False
        self._allocate(_DATA_BYTES)
        descriptor: int = lib.asz_client_wake_fd(client, self._error)
        if descriptor < 0:
            raise failure(self._error)
        self._unwatch = watch(loop, descriptor, self._collect)
        # While the library's loop is driven from this one.
        self._hosted = -1
        self._is_watching = False

    def _allocate(self, size: int) -> None:
        self._is_large = size > _DATA_BYTES
        self._data = data = allocate("uint8_t[]", size)
        self._state[_DATA] = _address(data)
        self._state[_DATA_SIZE] = size

    @property
    def latest(self) -> int:
        """The token of the operation that was submitted last."""
        return self.submitter.latest

    def start(self, request: Submitted, owner: object = None) -> "asyncio.Future[Any]":
        """Submits a command, TABLE or ARROW; the future gets what the decoder makes of its result.

        The operation has the token `latest`.

        Args:
            request: It.
            owner: Kept until a command has ended, whether or not anybody waits for it.

        Raises:
            AerospikeError: The request was refused; nothing was sent.
        """
        before = self.latest
        try:
            return self.submitter.start(request, owner)
        except BaseException:
            # It may be begun all the same, where a signal's handler has raised after that.
            if self.latest != before:
                self.submitter.abandon(self.latest)
            raise

    def start_asking(self, asked: Asked, request: Submitted) -> "asyncio.Future[Any]":
        """The same of a command on one record, which tells the node that is asked."""
        command, encoded, _, decode = request
        return self.start((command, encoded, asked.policy, decode), asked)

    def connect(self) -> "asyncio.Future[None]":
        """Connects the client; cancelling the future ends that."""
        connecting = self._start_on_its_own(lib.asz_client_submit_connect)
        if connecting is None:
            raise failure(self._error)
        return connecting

    def close(self) -> "asyncio.Future[None]":
        """Closes the client; operations in flight end first."""
        # Before the descriptor is closed, and its number another one's.
        self._leave_hosted()
        closing = self._start_on_its_own(lib.asz_client_submit_close)
        if closing is None:
            # No thread is to be had for it, and this one needs nothing more.
            lib.asz_client_close(self.client)
            closing = self.loop.create_future()
            closing.set_result(None)
        return closing

    def host(self) -> None:
        """Drives the library's loop from this one while few operations are in flight.

        To be called when the client has connected.
        """
        self._leave_hosted()
        self._hosted = lib.asz_client_host(self.client)
        try:
            self._look_who_drives()
        except NotImplementedError:  # A loop that cannot watch descriptors.
            self._is_watching = False
            self._leave_hosted()

    def _look_who_drives(self) -> None:
        if self._hosted < 0:
            return
        is_hosted = bool(_is_hosted(self.client))
        if is_hosted is self._is_watching:
            return
        self._is_watching = is_hosted
        if is_hosted:
            self.loop.add_reader(self._hosted, self._collect_hosted)
        else:
            self.loop.remove_reader(self._hosted)

    def _leave_hosted(self) -> None:
        if self._is_watching and not self.loop.is_closed():
            self.loop.remove_reader(self._hosted)
        if self._hosted >= 0:
            lib.asz_client_end_host(self.client)
        self._is_watching = False
        self._hosted = -1

    def _start_on_its_own(self, submit: Callable[..., int]) -> "asyncio.Future[None] | None":
        """Has the library do it on a thread; None: it cannot, and the error says why."""
        future: asyncio.Future[None] = self.loop.create_future()
        token = self.submitter.keep(future, _nothing)
        if submit(self.client, token, self._error):
            self.submitter.forget(token)
            return None
        future.add_done_callback(lambda done: self.end_early(token) if done.cancelled() else None)
        return future

    def end_early(self, token: int) -> None:
        """Ends an operation that nobody waits for any more, and frees its connection."""
        if self.submitter.keeps(token):
            lib.asz_client_cancel(self.client, token)

    def next_chunk(self, stream: Stream[T]) -> "asyncio.Future[T]":
        """What a query's stream makes of its next chunk.

        Raises:
            ClientError: The stream was closed, or the client was.
        """
        return self._start_next(stream, stream.decode, None, _submit_next, ffi.NULL)

    def next_table(self, stream: Stream[Any], table: Pointer, owner: object) -> Any:
        """How many rows of an asz_table are filled; 0 at the end.

        Args:
            stream: Of the query.
            table: The table.
            owner: Keeps what the table points to.
        """
        return self._start_next(stream, unpack, owner, _submit_next, table)

    def next_arrow(self, stream: Stream[Any], arrow: Pointer, rows: int, owner: object) -> Any:
        """How many records an asz_arrow has taken, which has room for so many; 0 at the end."""
        return self._start_next(stream, unpack, owner, _submit_next_arrow, arrow, rows)

    def _start_next(
        self,
        stream: Stream[Any],
        decode: Callable[[Data], Any],
        owner: object,
        submit: Callable[..., int],
        *target: Any,
    ) -> "asyncio.Future[Any]":
        query = stream.open_query()
        future = self.loop.create_future()
        token = self.submitter.keep(future, decode)
        _owners[token] = owner
        if submit(query, token, *target, self._error):
            self.submitter.forget(token)
            del _owners[token]
            raise failure(self._error)
        return future

    def __len__(self) -> int:
        """Operations in flight, those included that nobody waits for any more."""
        return len(self.submitter)

    def _collect(self) -> None:
        """Resolves the futures of what has ended, once in a round of the loop."""
        self._collect_hosted()
        self._look_who_drives()

    def _collect_hosted(self) -> None:
        """The same where this loop drives the library's; mostly one operation has ended."""
        if self._goes_on:
            return
        try:
            if settle(self._target, _LOOK_EVERY, _MUCH_BYTES, self.submitter):
                if self._is_large:
                    self._allocate(_DATA_BYTES)
            elif self._state[_COLLECTED] or self._state[_NEEDED]:
                self._fill()
                self._resolve()
            else:  # It may be that the library's own thread drives.
                self._look_who_drives()
        except BaseException:
            self._go_on_later()
            raise

    def _resolve(self) -> None:
        """What is left over has its turn in the loop's next round."""
        over = 0.0
        while True:
            before = self._state[_RESOLVED]
            left = resolve(self._target, _LOOK_EVERY, _MUCH_BYTES, self.submitter)
            if not left:
                break
            now = perf_counter()
            over = over or now + _BUDGET_S
            if self._state[_RESOLVED] - before < _LOOK_EVERY or now > over:
                self.loop.call_soon(self._go_on)
                self._goes_on = True
                return
        if self._is_large:
            self._allocate(_DATA_BYTES)

    def _go_on_later(self) -> None:
        """A signal's handler has raised; what was collected is resolved all the same."""
        if not self._goes_on:
            self.loop.call_soon(self._go_on)
            self._goes_on = True

    def _go_on(self) -> None:
        self._goes_on = False
        try:
            self._resolve()
        except BaseException:
            self._go_on_later()
            raise
        self._look_who_drives()

    def _fill(self) -> None:
        """Collects into the buffers; makes a larger one for a result that does not fit."""
        while not collect(self._target) and self._state[_NEEDED]:
            try:
                self._allocate(self._state[_NEEDED])
            except MemoryError:
                # That operation fails, and the others go on.
                lib.asz_client_lose_result(self.client)

    def leave(self) -> None:
        """To be called when nobody has the client any more: closes it, in the loop's thread."""
        if not self.loop.is_closed():
            with contextlib.suppress(RuntimeError):  # It may be closed just now.
                self.loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self._unwatch()
        self._leave_hosted()
        lib.asz_client_close(self.client)
        for token, _ in self.submitter.kept():
            _owners.pop(token, None)

    def shut(self) -> None:
        """After the library's client was closed: resolves what is left and leaves the loop."""
        self._unwatch()
        self._leave_hosted()
        if not self.loop.is_closed():
            while before := len(self):
                self._fill()
                self._resolve()
                if len(self) == before:
                    break
        self.abandon()

    def abandon(self) -> None:
        """Fails what is still waiting, without the library."""
        for token, future in self.submitter.kept():
            self.submitter.forget(token)
            if future is not None and not future.done() and not self.loop.is_closed():
                future.set_exception(
                    _native.make_error(
                        lib.ASZ_ERROR_CLIENT_ABORT, "the client was closed during the operation"
                    )
                )


def _future_maker(
    loop: asyncio.AbstractEventLoop,
) -> tuple[Callable[..., "asyncio.Future[Any]"], dict[str, Any] | None]:
    """What makes a future of the loop, and the arguments: at best without the loop's doing."""
    if type(loop.create_future()) is asyncio.Future:
        return asyncio.Future, {"loop": loop}
    return loop.create_future, None


def _submit_otherwise(client: Pointer, token: int, request: Submitted) -> None:
    """Has the library begin a batch that is read into arrays or columns."""
    command, encoded, policy = request[:3]
    decode: Any = request[3]
    assert command in (TABLE, ARROW)
    begin, target = (
        (_submit_table, decode.table) if command == TABLE else (_submit_arrow, decode.arrow)
    )
    error = ffi.new("asz_error *")
    error.size = ffi.sizeof("asz_error")
    _owners[token] = decode
    if begin(client, token, encoded, len(encoded), policy, target, error):
        del _owners[token]
        raise failure(error)


def _address(pointer: Pointer) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def _resolve_otherwise(
    future: "asyncio.Future[Any]", decode: Callable[[Data], Any], status: int, data: bytes
) -> None:
    """Of what has failed, or has a large result."""
    if future.done():  # Cancelled in the meantime.
        return
    try:
        if status:
            future.set_exception(_failure(status, data))
        elif hasattr(decode, "steps"):
            _step(future, decode.steps(data))
        else:
            future.set_result(decode(data))
    except BaseException as error:
        _reject(future, error)


def _reject(future: "asyncio.Future[Any]", error: BaseException) -> None:
    """Has the future raise it, and what is no error raise here, too."""
    is_error = isinstance(error, Exception)
    if not future.done():
        future.set_exception(error if is_error else _interrupted(error))
    if not is_error:
        raise error


def _step(future: "asyncio.Future[Any]", steps: Iterator[Any]) -> None:
    """Decodes a part of a large result, and the next one when others have had their turn."""
    if future.done():
        return
    try:
        result = next(steps)
    except BaseException as error:
        _reject(future, error)
        return
    if result is None:
        future.get_loop().call_soon(_step, future, steps)
    else:
        future.set_result(result)


def _nothing(_: Data) -> None:
    return None


def _interrupted(error: BaseException) -> Exception:
    """Of whom a signal's handler has interrupted."""
    return _native.make_error(lib.ASZ_ERROR_CLIENT_ABORT, f"interrupted by {error!r}")


def _failure(status: int, data: bytes) -> Exception:
    in_doubt, node, message, attempts, more = unpack(data)
    return _native.make_error(
        status, message, in_doubt=in_doubt, node=node or None, attempts=attempts, more=more
    )


bind_completions(
    address("asz_client_submit"),
    address("asz_client_submit_waiting"),
    address("asz_client_flush"),
    address("asz_client_cancel"),
    address("asz_client_drain"),
    _submit_otherwise,
    _resolve_otherwise,
    _reject,
    _owners,
    asyncio.Future,
    asyncio.Future.set_result,
    asyncio.Future.result,
    "set_result",
    "result",
    "_asyncio_future_blocking",
    asyncio.InvalidStateError,
)
