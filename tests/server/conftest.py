"""What the tests of a running server share beside the rest.

`client` and `make_client` come in two kinds, and so does every test that uses them: the synchronous
client, and the asynchronous one in the dress of the former, on an event loop in a thread.
"""

import asyncio
import functools
import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py.async_query import (
    AsyncArrowStream,
    AsyncBackgroundJob,
    AsyncBatchStream,
    AsyncQuery,
    AsyncRecords,
)

# What asynchronous methods return that has asynchronous methods in turn.
_DRESSED = (AsyncQuery, AsyncRecords, AsyncBatchStream, AsyncArrowStream, AsyncBackgroundJob)
KINDS = ("sync", "async")


class LoopThread:
    """An event loop that runs in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, awaitable: Any) -> Any:
        async def wait() -> Any:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(wait(), self.loop).result()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Blocking:
    """An asynchronous object whose methods wait, as those of the synchronous one do."""

    def __init__(self, inner: Any, thread: LoopThread) -> None:
        self._inner = inner
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not callable(attribute):
            return attribute

        @functools.wraps(attribute)
        def call(*args: Any, **kwargs: Any) -> Any:
            return self._dress(attribute(*args, **kwargs))

        return call

    def _dress(self, result: Any) -> Any:
        if inspect.isawaitable(result):
            result = self._thread.run(result)
        if result is self._inner:
            return self
        if isinstance(result, _DRESSED) or inspect.isasyncgen(result):
            return Blocking(result, self._thread)
        return result

    def __next__(self) -> Any:
        try:
            return self._thread.run(anext(self._inner))
        except StopAsyncIteration:
            raise StopIteration from None

    def __iter__(self) -> Iterator[Any]:
        iterator = aiter(self._inner)
        while True:
            try:
                yield self._thread.run(anext(iterator))
            except StopAsyncIteration:
                return

    def __enter__(self) -> "Blocking":
        entered = self._thread.run(self._inner.__aenter__())
        assert entered is self._inner
        return self

    def __exit__(self, *exception: Any) -> Any:
        return self._thread.run(self._inner.__aexit__(*exception))


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.stop()


def make(kind: str, config: Any, thread: LoopThread) -> Any:
    if kind == "sync":
        return aerospike_py.client(config)
    return Blocking(aerospike_py.AsyncClient(config), thread)


@pytest.fixture(scope="session", params=KINDS)
def client(
    request: pytest.FixtureRequest, server: Any, loop_thread: LoopThread
) -> Iterator[aerospike_py.Client]:
    with make(request.param, server.config, loop_thread).connect() as connected:
        yield connected


@pytest.fixture(params=KINDS)
def make_client(
    request: pytest.FixtureRequest, loop_thread: LoopThread
) -> Callable[[Any], aerospike_py.Client]:
    """Makes clients of a configuration, not connected yet."""
    return lambda config: make(request.param, config, loop_thread)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on 127.0.0.1 that refuses connections, and stays taken meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
