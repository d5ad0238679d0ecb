"""A query in progress: its results in chunks, as the library has them."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from .. import _native
from .._ffi import ffi, lib
from . import Pointer, _check, _new_error, _new_scratch, _reset

T = TypeVar("T")

_NOTHING = memoryview(b"")

_next = lib.asz_query_next
_next_table = lib.asz_query_next_table


class Stream(Generic[T]):
    """The results of one run of a query.

    A lock makes it safe to use from several threads, one after the other; `abort` may come while
    another thread waits in `next`.

    Args:
        client: The library's client.
        request: The encoded request.
        policy: The policy struct.
        decode: Makes of a chunk what `next` returns; of an empty one at the end.

    Raises:
        AerospikeError: The request was refused, or the client is not connected.
    """

    def __init__(
        self,
        client: Pointer,
        request: bytes,
        policy: Pointer,
        decode: Callable[[memoryview], T],
    ) -> None:
        self._lock = threading.Lock()
        self._error = _new_error()
        out = ffi.new("asz_query **")
        status = lib.asz_query_open(client, request, len(request), policy, out, self._error)
        _check(status, self._error)
        # Closed when the last reference goes, if not before.
        self._query = ffi.gc(out[0], lib.asz_query_close)
        self._client = client
        self._decode = decode
        self._data = ffi.new("uint8_t **")
        self._length = ffi.new("uint64_t *")

    def next(self) -> T:
        """What `decode` makes of the next chunk.

        Raises:
            ClientError: The stream was closed or aborted, or the client was closed.
            AerospikeError: The query fails.
            BaseException: What a signal handler raised during the call.
        """
        with self._lock:
            query = self._open_query()
            _check(_next(query, self._data, self._length, self._error), self._error)
            if self._length[0] == 0:
                return self._decode(_NOTHING)
            return self._decode(memoryview(ffi.buffer(self._data[0], self._length[0])))

    def next_table(self, table: Pointer) -> int:
        """Fills the first rows of an asz_table and returns how many; 0 at the end.

        Raises:
            AerospikeError: As `next` does.
        """
        with self._lock:
            query = self._open_query()
            _check(_next_table(query, table, self._length, self._error), self._error)
            return int(self._length[0])

    def token(self, unread: int) -> bytes | None:
        """Where to go on from: after all records but the last `unread`; None when none is left."""
        with self._lock:
            query = self._open_query()
            scratch = _new_scratch()
            error, result, _, _ = scratch
            try:
                _check(lib.asz_query_token(query, unread, result, error), error)
                return bytes(ffi.buffer(result.data, result.length)) or None
            finally:
                _reset(scratch)

    def abort(self) -> None:
        """Ends a `next` that waits in another thread, and all later ones."""
        query = self._query
        if query is not None:
            lib.asz_query_abort(query)

    def close(self) -> None:
        """Has the servers stop; idempotent."""
        self.abort()
        with self._lock:
            query, self._query = self._query, None
            if query is not None:
                ffi.release(query)

    def _open_query(self) -> Pointer:
        if self._query is None:
            raise _native.make_error(lib.ASZ_ERROR_CLIENT_ABORT, "the query was closed")
        return self._query
