"""What runs the functions of a local server's modules: Lua, if the package lupa is installed.

The functions' world is functions.lua; this keeps one of it for each version of a module.
Runners are called on the server's threads. While Lua runs it does not hold the GIL.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from .._codec import skip
from .._values import decode, encode

_STATES_MAX = 32
_STATE_BYTES_MAX = 512 * 1024 * 1024

_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
"""By the numbers that functions know them by; what is beyond is a debug line too."""

_logger = logging.getLogger("aerospike_py.devserver")


_WITHOUT_LUA = "functions on a local server need the package lupa: pip install 'aerospike-py[lua]'"


def new_runner() -> Callable[[bytes], bytes]:
    """What answers a server's requests; without lupa with an error, once one is to be run."""
    return Runner().answer if _is_available() else _answer_without_lua


def _is_available() -> bool:
    """Whether lupa is installed, and with it the version of Lua that servers have."""
    try:
        return find_spec("lupa.lua54") is not None
    except ModuleNotFoundError:
        return False


def _answer_without_lua(request: bytes) -> bytes:
    if _question(request)["command"] == "check":
        return encode({"ok": True})
    return encode({"ok": False, "error": _WITHOUT_LUA})


def _question(request: bytes) -> dict[str, Any]:
    """What has to be known of a request to find the state that it is for.

    The other members are values of records, which only Lua can read whatever they are.
    """
    known: dict[str, Any] = {}
    position = 1
    for _ in range(request[0] & 0x0F):  # There are fewer than 16.
        value = skip(request, position)
        end = skip(request, value)
        name = decode(request[position:value])
        if name in ("command", "module", "source"):
            known[name] = decode(request[value:end])
        position = end
    return known


class Runner:
    """Runs functions, of any number of modules and on any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: OrderedDict[tuple[str, bytes], _State] = OrderedDict()

    def answer(self, request: bytes) -> bytes:
        """The reply to one request, both MessagePack maps; see devserver/core/modules.zig."""
        try:
            question = _question(request)
            # Whoever puts a module has it run anew.
            state = self._state(question, is_new=question["command"] == "check")
            return state.answer(request)
        except Exception as error:
            # The server has to be answered whatever happens here, such as that memory runs out.
            return encode({"ok": False, "error": f"UDF: {error or type(error).__name__}"})

    def _state(self, question: dict[str, Any], *, is_new: bool) -> "_State":
        key = question["module"], question["source"]
        with self._lock:
            state = None if is_new else self._states.get(key)
            if state is None:
                self._states[key] = state = _State()
            self._states.move_to_end(key)
            if len(self._states) > _STATES_MAX:
                self._states.popitem(last=False)
            return state


class _State:
    """A state of Lua, which one request uses at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer: Callable[[bytes], bytes] | None = None

    def answer(self, request: bytes) -> bytes:
        with self._lock:
            if self._answer is None:
                self._answer = _start()
            return self._answer(request)


def _start() -> Callable[[bytes], bytes]:
    from lupa import lua54

    source = Path(__file__).with_name("functions.lua").read_bytes()
    runtime = lua54.LuaRuntime(
        encoding=None,
        register_eval=False,
        register_builtins=False,
        max_memory=_STATE_BYTES_MAX,
    )
    load = runtime.execute(b"return function(source) return load(source, '@functions.lua') end")
    return cast("Callable[[bytes], bytes]", load(source)(_clock_ms, _log))


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000


def _log(level: int, place: bytes, message: bytes) -> None:
    _logger.log(
        _LEVELS[min(level, len(_LEVELS) - 1)],
        "%s: %s",
        place.decode("utf-8", "replace"),
        message.decode("utf-8", "replace"),
    )
