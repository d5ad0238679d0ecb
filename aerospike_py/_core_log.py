"""Brings the core's log to Python's: one thread, which waits in the core without the GIL.

The core's own threads never enter Python, and never wait for it.
"""

import atexit
import contextlib
import threading

from . import _native
from .log import level_of, say

_WAIT_MS = 60_000

_lock = threading.Lock()
_thread: threading.Thread | None = None
_is_ending = False


def start() -> None:
    """Begins to bring lines, unless that has begun."""
    global _thread
    with _lock:
        if _thread is None and not _is_ending:
            _thread = threading.Thread(target=_run, name="aerospike-py-log", daemon=True)
            _thread.start()


def _run() -> None:
    while not _is_ending:
        line = _native.log_next(_WAIT_MS)
        if line is None:
            continue
        about = {name: value for name, value in line.about.items() if value}
        try:
            say(level_of(line.level), line.event, line.text, about=about)
        except BaseException as error:
            # A handler or a filter of the application failed; the next line may reach it.
            _report(error)


def _report(error: BaseException) -> None:
    """As if it had ended the thread."""
    thread = threading.current_thread()
    arguments = threading.ExceptHookArgs((type(error), error, error.__traceback__, thread))
    with contextlib.suppress(Exception):
        threading.excepthook(arguments)


def _stop() -> None:
    # Before the interpreter is gone, which a thread must not return into.
    global _is_ending
    _is_ending = True
    if _thread is not None:
        _native.log_stop()
        _thread.join(timeout=1)


def after_fork_in_child() -> None:
    """The thread is not in the child."""
    global _lock, _thread
    _lock = threading.Lock()
    _thread = None


atexit.register(_stop)
