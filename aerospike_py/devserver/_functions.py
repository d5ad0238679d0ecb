"""What runs the functions of a local server's modules: processes with Lua, if there is lupa.

Functions can do what only the end of a process ends: a pattern that never matches, a finalizer that
does not return. So they run in processes (`_lua`), which are killed when a function takes longer
than it may, and when the server stops. A server has as many processes as there were ever functions
running at once; the first one is started for the first function.
"""

import hashlib
import itertools
import logging
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from .._codec import skip
from .._values import decode, encode
from . import _lua

_WITHOUT_LUA = "functions on a local server need the package lupa: pip install lupa"
_EXPIRED = "UDF Execution Timeout"
"""What Lua itself says where it can still look at the clock."""

_STOPS = "UDF: the server stops"

_LATE_S = 0.25
"""How much longer than it may a function can run before its process is killed."""
_START_S = 20.0
"""How long a process may take to begin."""

_STATES_MAX = 32
"""A process that has run more modules than this is not asked again."""
_RUNS_MAX = 1000
"""Modules that are known at once; one that is forgotten is run anew."""

_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
"""By the numbers that functions know them by; what is beyond is a debug line too."""

_logger = logging.getLogger("aerospike_py.devserver")


class Runner(Protocol):
    """What answers a server's requests, on any number of threads."""

    def answer(self, request: bytes) -> bytes:
        """The reply to one request, both MessagePack maps; see devserver/core/modules.zig."""

    def close(self) -> None:
        """Ends what runs; from now on every answer is an error. Any thread, more than once."""


def new_runner() -> Runner:
    """What answers a server's requests; without lupa with an error, once one is to be run."""
    path = _lupa_path()
    return _WithoutLua() if path is None else _Processes(path)


def _lupa_path() -> str | None:
    """Where lupa is installed, with the version of Lua that servers have."""
    try:
        spec = find_spec("lupa.lua54")
    except ModuleNotFoundError:
        return None
    return None if spec is None or spec.origin is None else str(Path(spec.origin).parents[1])


def _failure(reason: str) -> bytes:
    return encode({"ok": False, "error": reason})


def _question(request: bytes) -> dict[str, Any]:
    """What has to be known of a request to have it answered.

    The other members are values of records, which only Lua can read whatever they are.
    """
    known: dict[str, Any] = {}
    position = 1
    for _ in range(request[0] & 0x0F):  # There are fewer than 16.
        value = skip(request, position)
        end = skip(request, value)
        name = decode(request[position:value])
        if name in ("command", "module", "source", "timeout_ms"):
            known[name] = decode(request[value:end])
        position = end
    return known


class _WithoutLua:
    def answer(self, request: bytes) -> bytes:
        if _question(request)["command"] == "check":
            return encode({"ok": True})
        return _failure(_WITHOUT_LUA)

    def close(self) -> None:
        pass


class _EndedError(Exception):
    """A process has ended before it answered."""


class _Process:
    """A process that runs functions; one thread at a time asks it."""

    def __init__(self, lupa_path: str) -> None:
        command = [sys.executable, "-I", "-S", _lua.__file__, lupa_path]
        self._process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C in a terminal is for who has started the server.
            start_new_session=sys.platform != "win32",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._input = cast("BinaryIO", self._process.stdin)
        self._output = cast("BinaryIO", self._process.stdout)
        self.is_expired = False
        self._states: set[bytes] = set()

    @property
    def is_new(self) -> bool:
        return not self._states

    def is_full(self) -> bool:
        return len(self._states) > _STATES_MAX

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        self._take(_lua.KIND_READY)

    def ask(self, state: bytes, request: bytes) -> bytes:
        self._states.add(state)
        try:
            self._input.write(_lua.REQUEST.pack(len(request), state))
            self._input.write(request)
            self._input.flush()
        except OSError as error:
            raise _EndedError from error
        return self._take(_lua.KIND_ANSWER)

    def _take(self, expected: int) -> bytes:
        """What the process says, once it has said all that is to be logged."""
        while True:
            length, kind = _lua.ANSWER.unpack(self._read(_lua.ANSWER.size))
            content = self._read(length)
            if kind == expected:
                return content
            if kind == _lua.KIND_FAILED:
                return _failure("UDF: " + content.decode("utf-8", "replace"))
            _log(content)

    def _read(self, size: int) -> bytes:
        content = self._output.read(size)
        if len(content) < size:
            raise _EndedError
        return content

    def kill(self) -> None:
        """Has it end at once, whoever waits for it."""
        self._process.kill()

    def close(self) -> None:
        """Ends it and gives back what it takes. Nobody waits for it any more."""
        self._process.kill()
        self._output.close()
        with suppress(OSError):  # What it was to be asked has not reached it.
            self._input.close()
        self._process.wait()


def _log(line: bytes) -> None:
    level, length = _lua.LINE.unpack_from(line)
    text = line[_lua.LINE.size :]
    _logger.log(
        _LEVELS[min(level, len(_LEVELS) - 1)],
        "%s: %s",
        text[:length].decode("utf-8", "replace"),
        text[length:].decode("utf-8", "replace"),
    )


class _Processes:
    """The processes of one server, each of which runs one function at a time."""

    def __init__(self, lupa_path: str) -> None:
        self._lupa_path = lupa_path
        # Whoever drops the last reference to a server closes this, within whatever it is doing.
        self._changed = threading.Condition(threading.RLock())
        self._idle: list[_Process] = []
        self._deadlines: dict[_Process, float] = {}
        self._is_closed = False
        self._is_watched = False
        # By name and source: which run of a module is the present one.
        self._runs: dict[tuple[str, bytes], int] = {}
        self._next_run = itertools.count()

    def answer(self, request: bytes) -> bytes:
        try:
            question = _question(request)
            return self._answer(question, request)
        except Exception as error:
            # The server has to be answered whatever happens here, such as no process to be had.
            return _failure(f"UDF: {error or type(error).__name__}")

    def _answer(self, question: dict[str, Any], request: bytes) -> bytes:
        state = self._state(question)
        while (process := self._acquire()) is not None:
            is_usable, is_new = False, process.is_new
            try:
                self._expect(process, question["timeout_ms"] / 1000 + _LATE_S)
                content = process.ask(state, request)
                is_usable = True
                return content
            except _EndedError:
                # One that ended while it had nothing to do is not this function's doing.
                if is_new or process.is_expired or self._is_closed:
                    return _failure(self._reason(process))
            finally:
                self._release(process, is_usable)
        return _failure(_STOPS)

    def _reason(self, process: _Process) -> str:
        if process.is_expired:
            return _EXPIRED
        if self._is_closed:
            return _STOPS
        return "UDF: the process that runs functions has ended"

    def _state(self, question: dict[str, Any]) -> bytes:
        """Which state a request is for; whoever puts a module has it run anew."""
        module = question["module"], question["source"]
        with self._changed:
            run = self._runs.get(module)
            if run is None or question["command"] == "check":
                if len(self._runs) == _RUNS_MAX:
                    self._runs.clear()
                self._runs[module] = run = next(self._next_run)
        digest = hashlib.sha1(usedforsecurity=False)
        for part in (str(run).encode(), question["module"].encode(), question["source"]):
            digest.update(b"%d:" % len(part) + part)
        return digest.digest()

    def _acquire(self) -> _Process | None:
        with self._changed:
            while self._idle:
                process = self._idle.pop()
                if process.is_alive():
                    self._deadlines[process] = time.monotonic() + _START_S
                    return process
                process.close()
            if self._is_closed:
                return None
        return self._start()

    def _start(self) -> _Process | None:
        process = _Process(self._lupa_path)
        is_usable = False
        try:
            self._expect(process, _START_S)
            process.wait_until_ready()
            is_usable = True
        except _EndedError as error:
            if self._is_closed:
                return None
            raise RuntimeError("the process that runs functions does not start") from error
        finally:
            if not is_usable:
                self._release(process, is_usable)
        return process

    def _expect(self, process: _Process, seconds: float) -> None:
        """Has a process killed if it is not released in time."""
        with self._changed:
            self._deadlines[process] = time.monotonic() + seconds
            if self._is_closed:
                process.kill()
            if not self._is_watched:
                self._is_watched = True
                name = "aerospike-functions"
                threading.Thread(target=self._watch, name=name, daemon=True).start()
            self._changed.notify_all()

    def _release(self, process: _Process, is_usable: bool) -> None:
        with self._changed:
            self._deadlines.pop(process, None)
            is_kept = is_usable and not process.is_expired and not process.is_full()
            if is_kept and not self._is_closed:
                self._idle.append(process)
                return
        process.close()

    def _watch(self) -> None:
        with self._changed:
            while not self._is_closed:
                now = time.monotonic()
                for process, deadline in self._deadlines.items():
                    if deadline <= now and not process.is_expired:
                        process.is_expired = True
                        process.kill()
                ahead = [each for each in self._deadlines.values() if each > now]
                self._changed.wait(min(ahead) - now if ahead else None)

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            idle, self._idle = self._idle, []
            for process in self._deadlines:
                process.kill()
            self._changed.notify_all()
        for process in idle:
            process.close()
