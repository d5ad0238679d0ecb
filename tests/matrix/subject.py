"""The process that a cell of the matrix happens to: a client, and what is done to it.

It is forked from a server of processes that has nothing but imports, so that its descriptors, its
limits, its signals and its death are its own. Whoever started it says on a pipe what to do next;
what comes back are tagged replies. A thread reads the pipe; the main thread runs the commands, as
an application's would.
"""

import asyncio
import concurrent.futures
import contextlib
import ctypes
import faulthandler
import gc
import os
import pickle
import queue
import resource
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import kinds
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import aerospike_py
import aerospike_py.numpy_batch
import aerospike_py.numpy_query  # Not to be looked for when there are no descriptors left.
from aerospike_py import metrics, tracing

Message = tuple[str, tuple[Any, ...]]

# Of connections that were lent and of descriptors: other threads of the core bring it about that
# they are given back, and there is no event to wait for.
_SETTLING_S = 3.0
_LOOK_S = 0.005
# What the interpreter may take beside what the client asks for.
_SPARE_BYTES = 6 * 1024 * 1024


class Interrupt(Exception):
    """What the handler of a signal raises."""


class Outcome(NamedTuple):
    """How a command ended.

    Attributes:
        told: What came out, as its kind tells it; None when it raised.
        error: The name of the exception's class; "" when none was raised.
        failures: (result code, in doubt) of the exception, or of the rows that failed.
        message: The exception's text.
        seconds: How long it took.
        spans: (name, status, error type) of the spans that ended meanwhile.
        counted: How many operations were counted meanwhile, by (operation, error type).
    """

    told: Any
    error: str
    failures: list[tuple[Any, Any]]
    message: str
    seconds: float
    spans: list[tuple[str, str, Any]]
    counted: dict[tuple[str, str], int]


class Resources(NamedTuple):
    """What the process holds."""

    descriptors: int
    in_use: int
    open: int
    resident_bytes: int


def descriptors() -> int:
    """How many are open, but for the system's source of randomness, opened once for good."""
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # That of the listing itself.
            found += str(each.readlink()) != "/dev/urandom"
    return found


class Subject:
    """What both faces have in common."""

    def __init__(self, pipe: Connection, config: dict[str, Any], kind: str) -> None:
        self.pipe = pipe
        self.config = config
        self.kind = kinds.KINDS[kind]
        self.sending = threading.Lock()
        self.inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.exporter = InMemorySpanExporter()
        self.counted: dict[tuple[str, str], int] = {}
        self.fillers: list[int] = []
        self.limits = {
            which: resource.getrlimit(which) for which in (resource.RLIMIT_NOFILE, _MEMORY)
        }

    def begin(self) -> None:
        faulthandler.register(signal.SIGQUIT)
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        trace.set_tracer_provider(provider)
        tracing.init_tracing()

    def send(self, tag: str, *content: Any) -> None:
        with self.sending:
            self.pipe.send((tag, content))

    def serve(self) -> None:
        """Does as it is told until the end."""
        threading.Thread(target=self.listen, daemon=True).start()
        while True:
            name, arguments = self.receive()
            if name == "end":
                return
            function: Callable[..., Any] = getattr(self, f"do_{name}")
            self.send(name, function(*arguments))

    def listen(self) -> None:
        while True:
            try:
                name, arguments = self.pipe.recv()
            except (EOFError, OSError):
                os._exit(3)  # Whoever started this process is gone.
            if name in ("close_beside", "cancel"):
                getattr(self, name)()
            else:
                self.deliver((name, arguments))

    def deliver(self, message: Message) -> None:
        """Hands a message to the main thread."""
        self.inbox.put(message)

    def receive(self) -> Message:
        """The next message, in the main thread."""
        return self.inbox.get()

    def do_create(self) -> None:
        self.client = self.make()

    def do_connect(self) -> Resources:
        before = self.held()
        self.connect()
        return before

    def do_run(self, work: kinds.Work, policy: Any) -> Outcome:
        return self.outcome(lambda: self.told(self.run(work, policy)))

    def do_open(self) -> Outcome:
        """The same for connecting."""
        return self.outcome(lambda: (self.connect(), []))

    def outcome(self, act: Callable[[], tuple[Any, list[tuple[Any, Any]]]]) -> Outcome:
        self.seen()
        begin_s = time.monotonic()
        try:
            told, failures = act()
            error = message = ""
        except BaseException as raised:
            told, error, message = None, type(raised).__name__, str(raised)
            failures = [(getattr(raised, "result_code", None), getattr(raised, "in_doubt", None))]
        seconds = time.monotonic() - begin_s
        spans, counted = self.seen()
        return Outcome(told, error, failures, message, seconds, spans, counted)

    def told(self, result: Any) -> tuple[Any, list[tuple[Any, Any]]]:
        return self.kind.told(result), kinds.rows_failed(self.kind, result)

    def seen(self) -> tuple[list[tuple[str, str, Any]], dict[tuple[str, str], int]]:
        """The spans that have ended, and what was counted, since it was asked last."""
        spans = [
            (span.name.partition(" ")[0], span.status.status_code.name, _error_type(span))
            for span in self.exporter.get_finished_spans()
        ]
        self.exporter.clear()
        now = _counts()
        before, self.counted = self.counted, now
        counted = {key: now[key] - before.get(key, 0) for key in now}
        return spans, {key: count for key, count in counted.items() if count}

    def do_seen(self) -> tuple[list[tuple[str, str, Any]], dict[tuple[str, str], int]]:
        return self.seen()

    def held(self) -> Resources:
        # What is shared are files, such as the library.
        resident, shared = map(int, Path("/proc/self/statm").read_text().split()[1:3])
        size = (resident - shared) * resource.getpagesize()
        return Resources(descriptors(), *_connections(), size)

    def do_held(self) -> Resources:
        return self.held()

    def do_settle(self, descriptors_max: int) -> Resources:
        """Waits until nothing is lent and no more descriptors are open than these."""
        end_s = time.monotonic() + _SETTLING_S
        while True:
            held = self.held()
            if (
                not held.in_use and held.descriptors <= descriptors_max
            ) or time.monotonic() > end_s:
                return held
            self.pause()

    def do_limit(self, which: str) -> None:
        if which == "descriptors":
            _, hard = self.limits[resource.RLIMIT_NOFILE]
            highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
            try:
                while True:
                    self.fillers.append(os.dup(0))
            except OSError:
                return
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        size = pages * resource.getpagesize() + _SPARE_BYTES
        resource.setrlimit(_MEMORY, (size, self.limits[_MEMORY][1]))

    def do_lift(self) -> None:
        for which, limits in self.limits.items():
            resource.setrlimit(which, limits)
        while self.fillers:
            os.close(self.fillers.pop())

    def do_fork(self, work: kinds.Work, policy: Any, is_connected: bool) -> Outcome:
        """Runs the command in a child."""
        reading, writing = os.pipe()
        child = os.fork()
        if child:
            os.close(writing)
            with os.fdopen(reading, "rb") as pipe:
                data = pipe.read()
            _, status = os.waitpid(child, 0)
            if status or not data:
                return Outcome(None, "died", [], f"status {status}", 0.0, [], {})
            return Outcome(**_load(data))
        code = 1
        try:
            self.in_child()
            if not is_connected:
                self.connect()
            outcome = self.do_run(work, policy)
            self.do_close()
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(_dump(outcome._asdict()))
            code = 0
        finally:
            os._exit(code)

    def do_close(self) -> float:
        begin_s = time.monotonic()
        self.close()
        return time.monotonic() - begin_s

    def do_forget(self) -> None:
        """Gives up the client, which may keep some descriptors to be connected again."""
        del self.client
        gc.collect()
        # The C library keeps what was freed, unless it is asked.
        ctypes.CDLL(None).malloc_trim(0)

    # What the two faces do each in its way.

    def make(self) -> Any:
        raise NotImplementedError

    def connect(self) -> None:
        raise NotImplementedError

    def run(self, work: kinds.Work, policy: Any) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def close_beside(self) -> None:
        """Closes while the main thread is in a command."""
        raise NotImplementedError

    def in_child(self) -> None:
        """To be called first in the child of a fork."""
        raise NotImplementedError

    def pause(self) -> None:
        raise NotImplementedError


class SyncSubject(Subject):
    """A `Client`."""

    def begin(self) -> None:
        super().begin()
        signal.signal(signal.SIGUSR1, self.interrupt)
        signal.signal(signal.SIGTERM, self.terminate)

    def interrupt(self, *_: object) -> None:
        raise Interrupt

    def terminate(self, *_: object) -> None:
        self.close_beside()

    def make(self) -> Any:
        return aerospike_py.client(self.config)

    def connect(self) -> None:
        self.client.connect()

    def run(self, work: kinds.Work, policy: Any) -> Any:
        return self.kind.run(self.client, work, policy)

    def close(self) -> None:
        self.client.close()

    def close_beside(self) -> None:
        begin_s = time.monotonic()
        self.client.close()
        self.send("closed", time.monotonic() - begin_s)

    def do_block(self, keys: list[Any], policy: Any) -> None:
        """Has every connection be lent, by a batch that is not answered."""
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.blocker = self.pool.submit(self.client.batch_read, keys, None, policy)

    def do_unblock(self) -> list[int]:
        rows = self.blocker.result(10).batch_records
        self.pool.shutdown()
        return [row.result for row in rows]

    def in_child(self) -> None:
        pass

    def pause(self) -> None:
        time.sleep(_LOOK_S)


class AsyncSubject(Subject):
    """An `AsyncClient`, on an event loop in the main thread."""

    def begin(self) -> None:
        super().begin()
        self.task: asyncio.Task[Any] | None = None
        self.closing: asyncio.Task[Any] | None = None
        self.loop = self.new_loop()
        self.messages: asyncio.Queue[Message] = asyncio.Queue()

    def deliver(self, message: Message) -> None:
        self.loop.call_soon_threadsafe(self.messages.put_nowait, message)

    def receive(self) -> Message:
        # The loop goes on meanwhile, as an application's does.
        return self.loop.run_until_complete(self.messages.get())

    def new_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.add_signal_handler(signal.SIGTERM, self.terminate)
        return loop

    def terminate(self) -> None:
        self.closing = self.loop.create_task(self.timed_close())

    async def timed_close(self) -> None:
        begin_s = time.monotonic()
        await self.client.close()
        self.send("closed", time.monotonic() - begin_s)

    def make(self) -> Any:
        return aerospike_py.AsyncClient(self.config)

    def connect(self) -> None:
        self.complete(self.client.connect())

    def run(self, work: kinds.Work, policy: Any) -> Any:
        async def command() -> Any:
            # Some of them look for the running loop before they are awaited.
            return await self.kind.run(self.client, work, policy)

        return self.complete(command())

    def complete(self, waited_for: Awaitable[Any]) -> Any:
        """In a task of its own, which may be cancelled."""

        async def command() -> Any:
            return await waited_for

        self.task = self.loop.create_task(command())
        try:
            return self.loop.run_until_complete(self.task)
        finally:
            self.task = None
            if self.closing is not None:
                self.loop.run_until_complete(self.closing)

    def close(self) -> None:
        self.loop.run_until_complete(self.client.close())

    def close_beside(self) -> None:
        self.loop.call_soon_threadsafe(self.terminate)

    def cancel(self) -> None:
        task = self.task
        if task is not None:
            self.loop.call_soon_threadsafe(task.cancel)

    def do_block(self, keys: list[Any], policy: Any) -> None:
        """Has every connection be lent, by a batch that is not answered."""
        self.blocker = self.loop.create_task(self.client.batch_read(keys, None, policy))
        self.loop.run_until_complete(asyncio.sleep(0))

    def do_unblock(self) -> list[int]:
        rows = self.loop.run_until_complete(asyncio.wait_for(self.blocker, 10)).batch_records
        return [row.result for row in rows]

    def in_child(self) -> None:
        # The parent's loop, with its descriptors and tasks, is none of the child's business. Were
        # it forgotten, asyncio would close it, and take from the parent what wakes its loop.
        self.loop_of_parent = self.loop
        self.loop = self.new_loop()

    def pause(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(_LOOK_S))


def main(pipe: Connection, face: str, config: dict[str, Any], kind: str) -> None:
    """The process."""
    subject = {"sync": SyncSubject, "async": AsyncSubject}[face](pipe, config, kind)
    subject.begin()
    subject.send("begun", None)
    subject.serve()
    os._exit(0)  # What is closed was closed; nothing hides behind an orderly end.


_MEMORY = resource.RLIMIT_AS


def _error_type(span: Any) -> Any:
    return (span.attributes or {}).get("error.type")


def _dump(value: Any) -> bytes:
    return pickle.dumps(value)


def _load(data: bytes) -> Any:
    return pickle.loads(data)


def _counts() -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for sample in _samples():
        if sample.name == "db_client_operation_duration_seconds_count":
            name = sample.labels["db_operation_name"], sample.labels["error_type"]
            found[name] = found.get(name, 0) + int(sample.value)
    return found


def _connections() -> tuple[int, int]:
    """Those in use, and those open, of all nodes."""
    sums = {"aerospike_client_connections_in_use": 0, "aerospike_client_connections_open": 0}
    for sample in _samples():
        if sample.name in sums:
            sums[sample.name] += int(sample.value)
    in_use, open_ = sums.values()
    return in_use, open_


def _samples() -> Any:
    for family in metrics.Collector().collect():
        yield from family.samples
