"""A process that runs the functions of a local server's modules, in Lua; a program of its own.

It is started by `_functions`, with the folder that the package lupa is in, and has nothing of this
package. What it is asked comes in on its standard input, and what it answers goes out on its
standard output, in frames: a length, and for a request whether its module is to be run anew and
which state it is for, for an answer what it is. The functions' world is ../functions.lua; this
keeps one of it for each version of a module. It ends when its input does, whatever it is doing
then.
"""

import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

STATE_KEY_BYTES = 20
REQUEST = struct.Struct(f"<I{STATE_KEY_BYTES}s")
ANSWER = struct.Struct("<IB")
LINE = struct.Struct("<IH")
"""Of a line that is logged: its level, and how long the place is that is before the text."""
KIND_READY, KIND_ANSWER, KIND_LINE, KIND_FAILED = range(4)

_STATE_BYTES_MAX = 512 * 1024 * 1024

_Answer = Callable[[bytes], bytes]


class _Output:
    def __init__(self) -> None:
        # Whatever else writes to the standard output is not to get in between.
        self._fd = os.dup(1)
        os.dup2(2, 1)

    def write(self, kind: int, content: bytes) -> None:
        rest = memoryview(ANSWER.pack(len(content), kind) + content)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def log(self, level: int, place: bytes, message: bytes) -> None:
        place = place[:0xFFFF]
        self.write(KIND_LINE, LINE.pack(min(level, 0xFFFF), len(place)) + place + message)


def _start(lua: Any, output: _Output) -> _Answer:
    """A new state of Lua with the functions' world in it."""
    source = Path(__file__).parents[1].joinpath("functions.lua").read_bytes()
    runtime = lua.LuaRuntime(
        encoding=None,
        register_eval=False,
        register_builtins=False,
        max_memory=_STATE_BYTES_MAX,
    )
    load = runtime.execute(b"return function(source) return load(source, '@functions.lua') end")
    answer: _Answer = load(source)(lambda: time.time_ns() // 1_000_000, output.log)
    return answer


def _read(requests: "SimpleQueue[tuple[bytes, bytes]]") -> None:
    """Takes requests in, also while Lua runs, so that an end of them is an end of all."""
    source = sys.stdin.buffer
    while len(head := source.read(REQUEST.size)) == REQUEST.size:
        length, key = REQUEST.unpack(head)
        request = source.read(length)
        if len(request) < length:
            break
        requests.put((key, request))
    os._exit(0)


def main() -> None:
    """Answers requests until there are no more."""
    sys.path.append(sys.argv[1])
    from lupa import lua54

    output = _Output()
    # None is ever given up: the finalizers of functions would run then, which may not end.
    states: dict[bytes, _Answer] = {}
    requests: SimpleQueue[tuple[bytes, bytes]] = SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    output.write(KIND_READY, b"")
    while True:
        key, request = requests.get()
        try:
            answer = states.get(key)
            if answer is None:
                states[key] = answer = _start(lua54, output)
            content = answer(request)
        except Exception as error:
            # Whoever asks has to be answered whatever happens here, such as no memory left.
            reason = str(error) or type(error).__name__
            output.write(KIND_FAILED, reason.encode(errors="replace"))
        else:
            output.write(KIND_ANSWER, content)


if __name__ == "__main__":
    main()
