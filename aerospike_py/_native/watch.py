"""Calls back when a descriptor is readable, also on event loops that cannot watch descriptors.

Those are the ones that asyncio runs on Windows unless told otherwise. For them a thread waits, and
has the loop call back.
"""

import asyncio
import select
import socket
import threading
from collections.abc import Callable


def watch(
    loop: asyncio.AbstractEventLoop, descriptor: int, callback: Callable[[], object]
) -> Callable[[], None]:
    """Begins to watch; returns what ends it, to be called in the loop's thread.

    Args:
        loop: Calls back, in its thread, again and again as long as the descriptor is readable.
        descriptor: A socket where that is Windows.
        callback: Is to make the descriptor unreadable.
    """
    try:
        loop.add_reader(descriptor, callback)
    except NotImplementedError:
        return _Watcher(loop, descriptor, callback).stop

    def stop() -> None:
        if not loop.is_closed():
            loop.remove_reader(descriptor)

    return stop


class _Watcher:
    def __init__(
        self, loop: asyncio.AbstractEventLoop, descriptor: int, callback: Callable[[], object]
    ) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._callback = callback
        self._is_stopping = False
        # The callback has returned, and the descriptor can be looked at again.
        self._returned = threading.Event()
        self._stopped, self._stop = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="aerospike-py-wake", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            select.select([self._descriptor, self._stopped.fileno()], [], [])
            self._returned.clear()
            if self._is_stopping:  # Looked at after clearing: `stop` sets this first.
                return
            try:
                self._loop.call_soon_threadsafe(self._call)
            except RuntimeError:  # The loop is closed.
                return
            self._returned.wait()

    def _call(self) -> None:
        try:
            if not self._is_stopping:
                self._callback()
        finally:
            self._returned.set()

    def stop(self) -> None:
        self._is_stopping = True
        self._returned.set()
        self._stop.close()  # The other end is readable.
        self._thread.join()
        self._stopped.close()
