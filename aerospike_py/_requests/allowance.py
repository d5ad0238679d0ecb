"""What a command may take in all that asks several things, one after the other."""

import time

from .. import _native
from .._native import NULL, Pointer
from .._results import T
from ..exception import AerospikeTimeoutError
from .request import Request

TIME_IS_OVER = "client timeout: the total_timeout of the command has passed"


class Allowance:
    """The time of a policy's `total_timeout`, which begins now and is shared by all requests.

    Args:
        struct: The policy struct; NULL for the defaults of the command.
        command: The command.
    """

    def __init__(self, struct: Pointer, command: int) -> None:
        total_ms: int = _of(struct, command).total_timeout
        self._end: float | None = time.monotonic() + total_ms / 1000 if total_ms else None

    def left_ms(self) -> int:
        """What is left; 0: it has no limit.

        Raises:
            AerospikeTimeoutError: Nothing is.
        """
        if self._end is None:
            return 0
        left_ms = int(1000 * (self._end - time.monotonic()))
        if left_ms <= 0:
            raise AerospikeTimeoutError(TIME_IS_OVER)
        return left_ms

    def limit(self, struct: Pointer, command: int) -> Pointer:
        """The same policy with no more time than is left."""
        left_ms = self.left_ms()
        given = _of(struct, command)
        if not left_ms or 0 < given.total_timeout <= left_ms:
            return struct
        limited = _native.copy_policy(given)
        limited.total_timeout = left_ms
        return limited

    def within(self, request: Request[T]) -> Request[T]:
        """The same request with no more time than is left."""
        command, encoded, struct, decode = request
        return command, encoded, self.limit(struct, command), decode


def _of(struct: Pointer, command: int) -> Pointer:
    return _native.new_policy(command) if struct == NULL else struct
