"""Where the cells of the matrix play: a cluster, proxies before it, processes of clients."""

import contextlib
import itertools
import multiprocessing
import os
import signal
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any

import kinds
import pytest
import subject
from frame_proxy import Address, Proxies

import aerospike_py
from aerospike_py.devserver import DevCluster

_REPLY_MAX_S = 7.0
_END_MAX_S = 5.0
_DUMP_S = 0.3
_LOOK_S = 0.002

_PRELOADED = [
    "aerospike_py",
    "numpy",
    "opentelemetry.sdk.trace.export.in_memory_span_exporter",
    "prometheus_client.parser",
]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_PRELOADED)


def _start_server_of_processes() -> None:
    """Starts what all processes are forked from; once, as later calls find it there."""
    # By default every thread sets a large address space aside, which a limit would not reach.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MALLOC_ARENA_MAX", "1")
        forkserver.ensure_running()


class Stuck(AssertionError):
    """A process did not answer in time."""


class SubjectProcess:
    """A process with a client, and the pipe to it."""

    def __init__(self, face: str, kind: str, config: dict[str, Any]) -> None:
        _start_server_of_processes()
        self.pipe: Connection
        self.pipe, theirs = _context.Pipe()
        self.process = _context.Process(
            target=subject.main, args=(theirs, face, config, kind), daemon=True
        )
        self.process.start()
        theirs.close()
        self.kept: dict[str, deque[Any]] = defaultdict(deque)
        self.reply("begun")

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def tell(self, name: str, *arguments: Any) -> None:
        self.pipe.send((name, arguments))

    def reply(self, name: str) -> Any:
        """The answer to what was told, or what the process tells by itself.

        Raises:
            Stuck: It does not come.
            AssertionError: The process has died.
        """
        end_s = time.monotonic() + _REPLY_MAX_S
        while not self.kept[name]:
            if not self.pipe.poll(max(0.0, end_s - time.monotonic())):
                os.kill(self.pid, signal.SIGQUIT)  # Its threads go to stderr.
                time.sleep(_DUMP_S)
                raise Stuck(f"no answer to {name!r}")
            try:
                tag, (content,) = self.pipe.recv()
            except (EOFError, ConnectionResetError):
                self.process.join(_END_MAX_S)
                raise AssertionError(f"the process ended: {self.process.exitcode}") from None
            self.kept[tag].append(content)
        return self.kept[name].popleft()

    def ask(self, name: str, *arguments: Any) -> Any:
        self.tell(name, *arguments)
        return self.reply(name)

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self.tell("end")
        self.process.join(_END_MAX_S)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        self.pipe.close()


class Stage:
    """The servers, and what is between them and the clients.

    Attributes:
        proxies: The proxies.
        observer: A client that goes around the proxies.
        embedded: The dev server, if it is one.
        addresses: The nodes'.
        config: Of a client that comes by the proxies.
        module: A registered function module.
    """

    def __init__(
        self,
        proxies: Proxies,
        observer: aerospike_py.Client,
        embedded: DevCluster | None,
        credentials: dict[str, str],
    ) -> None:
        self.proxies = proxies
        self.observer = observer
        self.embedded = embedded
        self.addresses = proxies.addresses
        self.config = {**proxies.config, **credentials}
        self.module = f"mod{uuid.uuid4().hex[:10]}"
        # Of letters and figures only, so that it may be the name of anything, and every one of the
        # same length, so that none is the beginning of another.
        self._names = (f"m{uuid.uuid4().hex[:6]}n{number:05}e" for number in itertools.count())
        self.processes: list[SubjectProcess] = []

    def new_name(self) -> str:
        return next(self._names)

    def start(self, face: str, kind: str, config: dict[str, Any]) -> SubjectProcess:
        process = SubjectProcess(face, kind, config)
        self.processes.append(process)
        return process

    def clear(self) -> None:
        """After a cell: all is as before."""
        self.proxies.heal()
        while self.processes:
            self.processes.pop().end()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Waits for what another process brings about."""
        end_s = time.monotonic() + _REPLY_MAX_S
        while not condition():
            assert time.monotonic() < end_s, "it did not come true"
            time.sleep(_LOOK_S)


def addresses_of(client: aerospike_py.Client) -> list[Address]:
    """The addresses of all nodes, as they announce them."""
    answers = client.info_all("service-clear-std")
    places = [each.response.split(",")[0].rpartition(":") for each in answers]
    return sorted((host, int(port)) for host, _, port in places)


@contextlib.contextmanager
def stage_of(
    hosts: list[Address], embedded: DevCluster | None = None, **credentials: str
) -> Iterator[Stage]:
    """A stage before these servers, and its end."""
    config = {"hosts": hosts, **credentials}
    with (
        aerospike_py.client(config).connect() as observer,
        Proxies(addresses_of(observer)) as proxies,
    ):
        stage = Stage(proxies, observer, embedded, credentials)
        observer.udf_put(f"{stage.module}.lua", source=kinds.MODULE)
        try:
            yield stage
        finally:
            stage.clear()
            observer.udf_remove(stage.module)
