"""What is left to do of an aggregation when the servers have done their part, in Lua.

Servers apply the steps of a stream up to the first `reduce`, each to what it has; here the values
of all of them go through that `reduce` and the steps after it. The functions are those of the
module that the servers have, in a state of Lua of their own, from which nothing outside can be
reached.
"""

import time
from functools import lru_cache
from typing import Any

from ._codec import skip
from ._native.expressions import particle_decode, value_pack
from ._values import decode, encode
from .exception import ClientError, UDFError
from .log import say

_STATE_BYTES_MAX = 512 * 1024 * 1024
_FOR_EVER_MS = 2**52
# By the numbers that functions know them by; what is beyond is a debug line too.
_LEVELS = (40, 30, 20, 10)
_LIBRARIES_MAX = 32


def lua() -> Any:
    """The module of lupa with the Lua that servers have.

    Raises:
        ClientError: lupa is not installed.
    """
    try:
        from lupa import lua54
    except ImportError:
        raise ClientError(
            "aggregations need the package lupa, which has Lua: pip install lupa"
        ) from None
    return lua54


@lru_cache(maxsize=1)
def _world() -> bytes:
    from pathlib import Path  # Only needed here, and slow to import.

    return Path(__file__).with_name("functions.lua").read_bytes()


class Reduction:
    """The rest of one aggregation.

    Args:
        module: The module's name, without ".lua".
        source: Its text.
        function: The function that says the steps.
        arguments: The function's further arguments.
        values: What the nodes have sent.

    Raises:
        ClientError: lupa is not installed.
    """

    def __init__(
        self,
        module: str,
        source: bytes,
        function: str,
        arguments: list[Any],
        values: list[Any],
    ) -> None:
        self._question = {
            "command": "reduce",
            "module": f"{module}.lua",
            "source": source,
            "function": function,
            "arguments": value_pack(encode(arguments)),
            "values": values,
            "timeout_ms": _FOR_EVER_MS,
        }
        self._libraries: dict[str, bytes | bool] = {}
        self._lua = lua()
        self._is_given_up = False
        self._late_ms = 0

    def run(self) -> tuple[list[Any], str | None]:
        """What comes of it, or the name of another module that it needs first.

        It takes as long as the function does, and holds up no other thread.

        Raises:
            UDFError: The function fails.
        """
        runtime = self._lua.LuaRuntime(
            encoding=None,
            register_eval=False,
            register_builtins=False,
            max_memory=_STATE_BYTES_MAX,
        )
        load = runtime.execute(b"return function(source) return load(source, '@functions.lua') end")
        answer = load(_world())(self._now_ms, _log)
        question = encode({**self._question, "libraries": self._libraries})
        try:
            said = _members(answer(question))
        except self._lua.LuaError as error:
            raise UDFError(f"UDF: {error}") from None
        except MemoryError:
            raise UDFError("UDF: the function takes too much memory") from None
        if "needs" in said:
            return [], str(said["needs"])
        if not said["ok"]:
            raise UDFError(str(said["error"]))
        return [decode(particle_decode(kind, data)) for kind, data in said["values"]], None

    def give_up(self) -> None:
        """Has `run` end in another thread, unless the function is where Lua does not look."""
        self._is_given_up = True

    def _now_ms(self) -> int:
        if not self._is_given_up:
            return time.time_ns() // 1_000_000
        # Later than whatever was to be reached from the last answer on.
        self._late_ms += 2 * _FOR_EVER_MS
        return self._late_ms

    def provide(self, name: str, source: bytes | None) -> None:
        """Gives the text of another module; None says that there is none."""
        if len(self._libraries) == _LIBRARIES_MAX:
            raise UDFError(f"UDF: more than {_LIBRARIES_MAX} modules are needed")
        self._libraries[name] = False if source is None else source


def _members(answer: bytes) -> dict[str, Any]:
    members: dict[str, Any] = {}
    position = 1
    for _ in range(answer[0] & 0x0F):
        value = skip(answer, position)
        end = skip(answer, value)
        members[decode(answer[position:value])] = decode(answer[value:end])
        position = end
    return members


def _log(level: int, place: bytes, message: bytes) -> None:
    python_level = _LEVELS[min(max(level, 1), len(_LEVELS)) - 1]
    function = place.decode("utf-8", "replace")
    text = message.decode("utf-8", "replace")
    about = {"function": function}
    say(python_level, "function_log", "%s: %s", function, text, about=about)
