"""The asynchronous client, for asyncio and loops that are compatible with it, such as uvloop."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from . import tracing
from ._administration import AsyncAdministration
from ._base import not_connected
from ._native.completions import Completions
from ._requests import Request
from ._results import T
from .batch import BatchRecords, BatchResults, BatchRow, BatchWrite
from .exception import AerospikeTimeoutError, BackpressureError, ClientError, ClusterError
from .types import (
    AdminPolicy,
    BatchPolicy,
    ClientConfig,
    ExistsResult,
    InfoNodeResult,
    Key,
    OperateOrderedResult,
    ReadPolicy,
    Record,
    WriteMeta,
    WritePolicy,
)

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from .numpy_batch import NumpyBatchRecords

_AsyncClient = TypeVar("_AsyncClient", bound="AsyncClient")


class AsyncClient(AsyncAdministration):
    """A client of an Aerospike cluster, for any number of tasks of one event loop.

    Its operations are those of `Client`, with the same arguments, results and errors; they are
    awaited. The loop is the one that `connect` ran on; after a reconnect it may be another one.
    Cancelling an operation leaves its connection in order: a late reply reaches nobody else.

    Args:
        config: The configuration; only "hosts" is needed. "max_concurrent_operations" limits how
            many operations are in flight at once (0: no limit); further ones wait in line, for at
            most "operation_queue_timeout_ms" (0: without limit), and fail with a BackpressureError.

    Raises:
        TypeError: The configuration is not a dict.
        InvalidArgError: It has an unknown key or a value that is not valid.
        ClientError: It asks for something that is not supported.
    """

    def __init__(self, config: ClientConfig | Mapping[str, Any]) -> None:
        super().__init__(config)
        self._completions: Completions | None = None
        limit = self._config.max_concurrent_operations
        self._line = _Line(limit, self._config.operation_queue_timeout_ms) if limit else None

    async def connect(
        self: _AsyncClient, username: str | None = None, password: str | None = None
    ) -> _AsyncClient:
        """Connects to the cluster; see `Client.connect`. The client belongs to this loop then."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._open, username, password)
        self._attach(loop)
        return self

    def _attach(self, loop: asyncio.AbstractEventLoop) -> None:
        completions = self._completions
        if completions is not None:
            if completions.client is self._native and completions.loop is loop:
                return
            completions.shut()
        self._completions = Completions(self._native, loop)

    def is_connected(self) -> bool:
        """Whether the client is connected and at least one node answers."""
        return self._completions is not None and self._is_connected()

    async def close(self) -> None:
        """Closes all connections; operations in flight fail with a ClientError. Idempotent."""
        completions, self._completions = self._completions, None
        await asyncio.get_running_loop().run_in_executor(None, self._shut)
        if completions is not None:
            completions.shut()

    async def __aenter__(self: _AsyncClient) -> _AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        await self.close()
        return False

    def __del__(self) -> None:
        super().__del__()
        # The loop refers to what it calls; without this, it would keep a client that nobody has.
        completions: Completions | None = getattr(self, "_completions", None)
        if completions is not None:
            completions.leave()

    def _after_fork(self) -> None:
        super()._after_fork()
        # The parent's loop and its futures do not exist here.
        self._completions = None

    def _start(self, request: Request[T]) -> Awaitable[T]:
        """Submits an operation; what it returns is to be awaited at once."""
        completions = self._completions
        if completions is None:
            return self._start_in_child(request)
        if completions.loop is not asyncio.get_running_loop():
            raise ClientError(
                "the client was connected on another event loop; connect it again on this one"
            )
        if self._line is None and tracing.active is None:
            command, encoded, policy, decode = request
            return completions.start(command, encoded, policy, decode)
        return self._start_otherwise(completions, request)

    def _start_otherwise(self, completions: Completions, request: Request[T]) -> Awaitable[T]:
        """The same with a line to wait in, a span around it, or both."""
        start = partial(completions.start, *request)
        run: Callable[[], Awaitable[T]] = start
        if self._line is not None:
            run = partial(self._line.run, start)
        traced = tracing.active
        return run() if traced is None else traced.start(self._config, *request[:2], run)

    async def _start_in_child(self, request: Request[T]) -> T:
        """Connects anew in the child of a fork."""
        if not self._was_forked:
            raise not_connected()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._reopen_in_child)
        if self._completions is None:
            self._attach(loop)
        return await self._start(request)

    async def _run(self, request: Request[T]) -> T:
        """For what is not asked often: waits in a thread of the loop's executor."""
        if self._completions is None and not self._was_forked:
            raise not_connected()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._execute, request)

    async def get_node_names(self) -> list[str]:
        """See `Client.get_node_names`."""
        return await self._run(self._requests.node_names())

    async def ping(self) -> bool:
        """See `Client.ping`."""
        try:
            return await self._run(self._requests.ping())
        except (ClusterError, AerospikeTimeoutError):
            return False

    async def get(self, key: Key, policy: ReadPolicy | None = None) -> Record:
        """See `Client.get`."""
        return await self._start(self._requests.get(key, policy))

    async def select(
        self, key: Key, bins: Sequence[str], policy: ReadPolicy | None = None
    ) -> Record:
        """See `Client.select`."""
        return await self._start(self._requests.select(key, bins, policy))

    async def exists(self, key: Key, policy: ReadPolicy | None = None) -> ExistsResult:
        """See `Client.exists`."""
        return await self._start(self._requests.exists(key, policy))

    async def put(
        self,
        key: Key,
        bins: Mapping[str, Any],
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """See `Client.put`."""
        await self._start(self._requests.put(key, bins, meta, policy))

    async def remove(
        self, key: Key, meta: WriteMeta | None = None, policy: WritePolicy | None = None
    ) -> None:
        """See `Client.remove`."""
        await self._start(self._requests.remove(key, meta, policy))

    async def touch(
        self,
        key: Key,
        val: int = 0,
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """See `Client.touch`."""
        await self._start(self._requests.touch(key, val, meta, policy))

    async def append(
        self,
        key: Key,
        bin: str,  # noqa: A002
        val: str | bytes,
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """See `Client.append`."""
        await self._start(self._requests.append(key, bin, val, meta, policy))

    async def prepend(
        self,
        key: Key,
        bin: str,  # noqa: A002
        val: str | bytes,
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """See `Client.prepend`."""
        await self._start(self._requests.prepend(key, bin, val, meta, policy))

    async def increment(
        self,
        key: Key,
        bin: str,  # noqa: A002
        offset: int | float,
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """See `Client.increment`."""
        await self._start(self._requests.increment(key, bin, offset, meta, policy))

    async def remove_bin(
        self,
        key: Key,
        bin_names: Sequence[str],
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> None:
        """See `Client.remove_bin`."""
        await self._start(self._requests.remove_bin(key, bin_names, meta, policy))

    async def operate(
        self,
        key: Key,
        ops: Sequence[Mapping[str, Any]],
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> Record:
        """See `Client.operate`."""
        return await self._start(self._requests.operate(key, ops, meta, policy))

    async def operate_ordered(
        self,
        key: Key,
        ops: Sequence[Mapping[str, Any]],
        meta: WriteMeta | None = None,
        policy: WritePolicy | None = None,
    ) -> OperateOrderedResult:
        """See `Client.operate_ordered`."""
        return await self._start(self._requests.operate_ordered(key, ops, meta, policy))

    @overload
    async def batch_read(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None = None,
        policy: BatchPolicy | None = None,
        _dtype: None = None,
        *,
        errors: Literal["raise", "zero"] = "raise",
    ) -> BatchRecords: ...

    @overload
    async def batch_read(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None = None,
        policy: BatchPolicy | None = None,
        *,
        _dtype: "DTypeLike",
        errors: Literal["raise", "zero"] = "raise",
    ) -> "NumpyBatchRecords": ...

    @overload
    async def batch_read(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None,
        policy: BatchPolicy | None,
        _dtype: "DTypeLike",
        *,
        errors: Literal["raise", "zero"] = "raise",
    ) -> "NumpyBatchRecords": ...

    async def batch_read(
        self,
        keys: Iterable[Key],
        bins: Sequence[str] | None = None,
        policy: BatchPolicy | None = None,
        _dtype: "DTypeLike | None" = None,
        *,
        errors: Literal["raise", "zero"] = "raise",
    ) -> "BatchRecords | NumpyBatchRecords":
        """See `Client.batch_read`."""
        if _dtype is None:
            return await self._start(self._requests.batch_read(keys, bins, policy))
        return await self._start(
            self._requests.batch_read_numpy(keys, bins, policy, _dtype, errors)
        )

    async def batch_write(
        self,
        records: Iterable[BatchWrite],
        policy: BatchPolicy | None = None,
    ) -> BatchRecords:
        """See `Client.batch_write`."""
        return await self._start(self._requests.batch_write(records, policy))

    async def batch_write_numpy(
        self,
        array: "NDArray[Any]",
        namespace: str,
        set_name: str | None,
        key_field: str = "_key",
        meta: WriteMeta | None = None,
        policy: BatchPolicy | None = None,
    ) -> BatchRecords:
        """See `Client.batch_write_numpy`."""
        return await self._start(
            self._requests.batch_write_numpy(array, namespace, set_name, key_field, meta, policy)
        )

    async def batch_operate(
        self,
        keys: Iterable[Key],
        ops: Sequence[Mapping[str, Any]],
        policy: BatchPolicy | None = None,
    ) -> BatchResults:
        """See `Client.batch_operate`."""
        return await self._start(self._requests.batch_operate(keys, ops, policy))

    async def batch_remove(
        self, keys: Iterable[Key], policy: BatchPolicy | None = None
    ) -> BatchResults:
        """See `Client.batch_remove`."""
        return await self._start(self._requests.batch_remove(keys, policy))

    async def batch_apply(
        self,
        keys: Iterable[Key],
        module: str,
        function: str,
        args: Sequence[Any] | None = None,
        policy: BatchPolicy | None = None,
    ) -> BatchRecords:
        """See `Client.batch_apply`."""
        return await self._start(self._requests.batch_apply(keys, module, function, args, policy))

    async def batch(
        self, rows: Iterable[BatchRow], policy: BatchPolicy | None = None
    ) -> BatchRecords:
        """See `Client.batch`."""
        return await self._start(self._requests.batch(rows, policy))

    async def info_all(
        self, command: str, policy: AdminPolicy | None = None
    ) -> list[InfoNodeResult]:
        """See `Client.info_all`."""
        return await self._run(self._requests.info_all(command, policy))

    async def info_random_node(self, command: str, policy: AdminPolicy | None = None) -> str:
        """See `Client.info_random_node`."""
        return await self._run(self._requests.info_random_node(command, policy))


class _Line:
    """Lets so many operations run at once; further ones wait in line."""

    def __init__(self, limit: int, timeout_ms: int) -> None:
        self._free = limit
        self._limit = limit
        self._timeout_ms = timeout_ms
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def run(self, start: "Callable[[], asyncio.Future[T]]") -> T:
        """Starts an operation when it is its turn, and waits for it.

        Raises:
            BackpressureError: Its turn did not come in time.
        """
        if self._free and not self._waiting:
            self._free -= 1
        else:
            await self._turn()
        try:
            operation = start()
        except BaseException:
            self._pass_on()
            raise
        operation.add_done_callback(self._ended)
        # Cancelling this task does not end the operation, which keeps its place until it does.
        return await asyncio.shield(operation)

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        timer = None
        if self._timeout_ms:
            timer = loop.call_later(self._timeout_ms / 1000, self._expire, turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on()  # Cancelled just as its turn had come.
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

    def _ended(self, operation: "asyncio.Future[Any]") -> None:
        if not operation.cancelled():
            operation.exception()  # Nobody may be left to be told.
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
