"""A query in progress, or a batch: its results in chunks, as the library has them."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from .. import _native
from .._ffi import ffi, lib
from . import Data, Pointer, _check, _new_error, _new_scratch, _reset

T = TypeVar("T")

# A chunk and the record that made it full.
_CHUNK_BYTES = 320 * 1024

_next = lib.asz_query_next
_next_table = lib.asz_query_next_table
_next_arrow = lib.asz_query_next_arrow


class Stream(Generic[T]):
    """The results of one run of a query, or of a batch.

    Threads that share it take chunks one after the other. `token` and `close` may come at any time,
    also while a chunk is waited for, or in a signal handler that has interrupted the wait.

    Args:
        client: The library's client.
        command: QUERY, or the number of a kind of batch.
        request: The encoded request.
        policy: The policy struct.
        decode: Makes of a chunk what `next` returns; of an empty one at the end.

    Raises:
        AerospikeError: The request was refused, or the client is not connected.
    """

    def __init__(
        self,
        client: Pointer,
        command: int,
        request: bytes,
        policy: Pointer,
        decode: Callable[[Data], T],
    ) -> None:
        # A signal handler that asks again is refused by the library, rather than stuck here.
        self._lock = threading.RLock()
        error = _new_error()
        out = ffi.new("asz_query **")
        if command == _native.QUERY:
            status = lib.asz_query_open(client, request, len(request), policy, out, error)
        else:
            status = lib.asz_batch_open(client, command, request, len(request), policy, out, error)
        _check(status, error)
        # Closed when the last reference goes, if not before.
        self._query = ffi.gc(out[0], lib.asz_query_close)
        self._client = client
        self.decode = decode
        self._is_decoding = False
        self._scratch: _native.Scratch | None = None

    def next(self) -> T:
        """What `decode` makes of the next chunk.

        Raises:
            ClientError: The stream was closed, or the client was.
            AerospikeError: The query fails.
            BaseException: What a signal handler raised during the call.
        """
        with self._lock:
            if self._is_decoding:  # This is a signal's handler: the chunk is not read yet.
                raise _native.make_error(
                    lib.ASZ_ERROR_INVALID_ARGUMENT, "results are being pulled already"
                )
            scratch = self._scratch
            if scratch is None:
                self._scratch = scratch = _new_scratch(_CHUNK_BYTES)
            error, result, view, _ = scratch
            status = _next(self.open_query(), result, error)
            self._is_decoding = True
            try:
                self._check(status, error)
                if not result.owned:
                    return self.decode(view[: result.length])
                return self.decode(memoryview(ffi.buffer(result.data, result.length)))
            finally:
                self._is_decoding = False
                _reset(scratch)

    def next_table(self, table: Pointer) -> int:
        """Fills the first rows of an asz_table and returns how many; 0 at the end.

        Raises:
            AerospikeError: As `next` does.
        """
        with self._lock:
            error = _new_error()
            length = ffi.new("uint64_t *")
            self._check(_next_table(self.open_query(), table, length, error), error)
            return int(length[0])

    def next_arrow(self, arrow: Pointer, rows: int) -> int:
        """Has an asz_arrow take so many records, and returns how many there were; 0 at the end.

        Raises:
            AerospikeError: As `next` does.
        """
        with self._lock:
            error = _new_error()
            length = ffi.new("uint64_t *")
            self._check(_next_arrow(self.open_query(), arrow, rows, length, error), error)
            return int(length[0])

    def token(self, unread: int) -> bytes | None:
        """Where to go on from: after all records but the last `unread`; None when none is left."""
        scratch = _new_scratch()
        error, result, _, _ = scratch
        try:
            _check(lib.asz_query_token(self.open_query(), unread, result, error), error)
            return bytes(ffi.buffer(result.data, result.length)) or None
        finally:
            _reset(scratch)

    def close(self) -> None:
        """Has the servers stop, and ends what waits; idempotent."""
        query, self._query = self._query, None
        if query is not None:
            ffi.release(query)

    def open_query(self) -> Pointer:
        """The library's query.

        Raises:
            ClientError: The stream was closed.
        """
        query = self._query
        if query is None:
            raise results_closed()
        return query

    def _check(self, status: int, error: Pointer) -> None:
        # Closed after it was asked for: the library does not know it any more.
        if status == lib.ASZ_ERROR_INVALID_ARGUMENT and self._query is None:
            raise results_closed()
        _check(status, error)


def results_closed() -> Exception:
    """What those get who wait for results that are closed meanwhile."""
    return _native.make_error(lib.ASZ_ERROR_CLIENT_ABORT, "its results were closed")
