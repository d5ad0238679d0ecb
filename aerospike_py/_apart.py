"""Work that neither ends by itself nor can be ended from outside: a thread of its own does it.

Whoever waits for it keeps what is promised of every command: its time, the turns of the event loop,
and the signals of the main thread.
"""

import sys
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Apart(Generic[T]):
    """A thread that does something, from now on; it keeps no process from ending.

    Args:
        work: What is done.
        ended: Called in the thread when there is a result.
    """

    def __init__(self, work: Callable[[], T], ended: Callable[[], object]) -> None:
        self._work = work
        self._ended = ended
        self._error: BaseException | None = None
        self._result: list[T] = []
        threading.Thread(target=self._run, name="aerospike-py-apart", daemon=True).start()

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException:
            self._error = sys.exc_info()[1]
        self._ended()

    def result(self) -> T:
        """What came of it, or what it raised; to be called when it has ended."""
        if self._error is not None:
            raise self._error
        return self._result[0]
