"""The glue between Python and the library: calls, errors, interrupts. Nothing of Aerospike.

Commands are run by `execute`, of the codec. The GIL is released during calls. Signal handlers of
Python run while the main thread waits in a call: the library asks for them, and an exception that a
handler raises ends the call and surfaces from it.
"""

import sys
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from _cffi_backend import _C_API  # type: ignore[import-untyped]

from .._codec import bind_library, interpreter, unpack
from .._codec import execute as execute
from .._ffi import ffi, lib

if TYPE_CHECKING:
    from types import FrameType

    from .._ffi import CData, asz_client, asz_error, asz_policy, asz_result

T = TypeVar("T")
Pointer: TypeAlias = Any
"""A cffi object."""
Data: TypeAlias = "bytes | memoryview"
"""A result, valid while it is decoded."""

if lib.asz_abi_version() != lib.ASZ_ABI_VERSION:
    raise ImportError(
        f"the library has ABI version {lib.asz_abi_version()}, "
        f"this package needs {lib.ASZ_ABI_VERSION}; install aerospike-py again"
    )

_claim: Any = lib.asz_python_claim
if not _claim(interpreter()):
    raise ImportError("aerospike_py is in use in another interpreter of this process")

NULL: Pointer = ffi.NULL
CLIENT_ABORT: int = lib.ASZ_ERROR_CLIENT_ABORT
INTERRUPTED: int = lib.ASZ_ERROR_INTERRUPTED
NOT_CONNECTED: int = lib.ASZ_ERROR_NOT_CONNECTED

STATISTICS: int = lib.ASZ_STATISTICS

QUERY: int = lib.ASZ_QUERY
TABLE = -1
"""In the place of a command: a batch read into the asz_table that `decode` has as `table`."""
ARROW = -2
"""The same into the asz_arrow that `decode` has as `arrow`."""

_SCRATCH_BYTES = 64 * 1024

# Not filled with zeros, so that memory that no result needs is never touched.
allocate = ffi.new_allocator(should_clear_after_alloc=False)
_release = lib.asz_result_release

Scratch: TypeAlias = "tuple[asz_error, asz_result, memoryview, CData]"

# By thread: what a signal handler raised while the thread was in a call.
_raised: dict[int, BaseException] = {}
# By thread: how many calls it was in, around the one that is to end.
_ending: dict[int, int] = {}


def _new_scratch(size: int = _SCRATCH_BYTES) -> Scratch:
    """(asz_error, asz_result, the buffer as a memoryview, the buffer)."""
    memory = allocate("uint8_t[]", size)
    error = ffi.new("asz_error *")
    error.size = ffi.sizeof("asz_error")
    result = ffi.new("asz_result *")
    result.size = ffi.sizeof("asz_result")
    result.data = memory
    result.capacity = size
    return error, result, memoryview(ffi.buffer(memory)), memory


def _execute_otherwise(client: "asz_client", request: Any) -> Any:
    """Runs a batch read into a TABLE or ARROW."""
    command, encoded, policy, decode = request
    sent = client, encoded, len(encoded), policy
    error = _new_error()
    if command == TABLE:
        status = lib.asz_client_batch_read_table(*sent, decode.table, error)
    else:
        assert command == ARROW
        status = lib.asz_client_batch_read_arrow(*sent, decode.arrow, error)
    _check(status, error)
    return decode(b"")


def _reset(scratch: Scratch) -> None:
    _, result, view, memory = scratch
    _release(result)
    result.data = memory
    result.capacity = len(view)


def _raise_pending() -> None:
    raised = _raised.pop(get_ident(), None)
    if raised is not None:
        raise raised


class MakeError(Protocol):
    """Makes the exception for a failure that the library reports."""

    def __call__(
        self,
        code: int,
        message: str,
        *,
        in_doubt: bool = False,
        node: str | None = None,
        attempts: int = 0,
        more: Any = None,
    ) -> Exception:
        """The exception for a result code and what is known besides."""
        ...


def _unbound(
    code: int,
    message: str,
    *,
    in_doubt: bool = False,
    node: str | None = None,
    attempts: int = 0,
    more: Any = None,
) -> Exception:
    return RuntimeError(f"{message} ({code})")


make_error: MakeError = _unbound


def bind_errors(make: MakeError) -> None:
    """Has all failures raise what `make` makes of them."""
    global make_error
    make_error = make


def failure(error: "asz_error") -> Exception:
    """The exception for a filled asz_error."""
    node = _text(error.node, error.node_len)
    message = _text(error.message, error.message_len)
    more = error.more_len and unpack(memoryview(ffi.buffer(error.more, error.more_len)))
    return make_error(
        error.code,
        message,
        in_doubt=bool(error.in_doubt),
        node=node or None,
        attempts=error.attempts,
        more=more or None,
    )


def _failure_at(address: int) -> Exception:
    return failure(ffi.cast("asz_error *", address))


def _text(characters: "CData", length: int) -> str:
    return bytes(ffi.buffer(characters, length)).decode("utf-8", "replace")


def _new_error() -> "asz_error":
    error = ffi.new("asz_error *")
    error.size = ffi.sizeof("asz_error")
    return error


def _check(status: int, error: "asz_error") -> None:
    if _raised:
        _raise_pending()
    if status:
        raise failure(error)


def client_create(config: bytes) -> "asz_client":
    """A client of the library; it is destroyed when the last reference to it goes."""
    error = _new_error()
    out = ffi.new("asz_client **")
    _check(lib.asz_client_create(config, len(config), out, error), error)
    client: asz_client = out[0]
    return ffi.gc(client, lib.asz_client_destroy)


def check_tls(options: bytes) -> None:
    """Raises what is wrong with the configuration of TLS, as far as this machine knows."""
    error = _new_error()
    _check(lib.asz_tls_check(options, len(options), error), error)


def client_connect(client: "asz_client") -> None:
    """Connects to the cluster; does nothing when connected."""
    error = _new_error()
    _check(lib.asz_client_connect(client, error), error)


def client_close(client: "asz_client") -> None:
    """Closes the connections; idempotent."""
    lib.asz_client_close(client)


def client_is_connected(client: "asz_client") -> bool:
    """Whether the cluster has a node."""
    return bool(lib.asz_client_is_connected(client))


def client_after_fork(client: "asz_client") -> None:
    """In the child of a fork: gives up what belongs to the parent."""
    lib.asz_client_after_fork(client)


def key_digest(key: bytes) -> bytes:
    """The digest (20 bytes) of an encoded key."""
    error = _new_error()
    digest = ffi.new("uint8_t[20]")
    _check(lib.asz_key_digest(key, len(key), digest, error), error)
    return bytes(ffi.buffer(digest))


def metrics() -> bytes:
    """How long the operations of this process took, as MessagePack; see asz_metrics."""
    scratch = _new_scratch()
    error, result, _, _ = scratch
    try:
        _check(lib.asz_metrics(result, error), error)
        return bytes(ffi.buffer(result.data, result.length))
    finally:
        _reset(scratch)


class Line(NamedTuple):
    """A line of the core's log."""

    level: int
    event: str
    text: str
    about: dict[str, str | int]
    """The name of a node, a code, and so on; zero or empty where it is not about that."""


def log_next(timeout_ms: int) -> Line | None:
    """The next line of the core's log; None after that time, or a stop."""
    line = ffi.new("asz_log_line *")
    line.size = ffi.sizeof("asz_log_line")
    level: int = lib.asz_log_next(line, timeout_ms)
    if level < 0:
        return None
    about: dict[str, str | int] = {
        "node": _text(line.node, line.node_len),
        "code": line.code,
        "duration_ms": line.duration_ms,
        "count": line.count,
    }
    event = _text(line.event, line.event_len)
    return Line(level, event, _text(line.text, line.text_len), about)


def log_stop() -> None:
    """Ends the wait of `log_next`."""
    lib.asz_log_stop()


def new_policy(command: int) -> "asz_policy":
    """A policy struct with the defaults of a command."""
    policy = ffi.new("asz_policy *")
    policy.size = ffi.sizeof("asz_policy")
    lib.asz_policy_init(policy, command)
    return policy


def copy_policy(policy: "asz_policy") -> "asz_policy":
    """A policy struct of its own with the same members."""
    copy = ffi.new("asz_policy *", policy[0])
    filter_ = _filters.get(policy)
    if filter_ is not None:
        _filters[copy] = filter_
    return copy


class Asked:
    """Which node is asked for a record: has the library tell it when the command ends.

    Args:
        command: The command's number.
        policy: Its policy, or NULL.
    """

    __slots__ = ("_node", "policy")

    def __init__(self, command: int, policy: Pointer) -> None:
        self._node = ffi.new("asz_node *")
        self._node.size = ffi.sizeof("asz_node")
        self.policy: Pointer = copy_policy(policy) if policy else new_policy(command)
        """To be used in place of the policy, and kept until the command has ended."""
        self.policy.asked = self._node

    @property
    def address(self) -> tuple[str, int] | None:
        """The IP address and the port of the node that was asked last; None if there was none."""
        node = self._node
        if not node.name_len:
            return None
        return _text(node.address, node.address_len), node.port


# The memory that policies' filters lie in, by the policy.
_filters: "WeakKeyDictionary[asz_policy, CData]" = WeakKeyDictionary()


def set_filter(policy: "asz_policy", encoded: bytes) -> None:
    """Gives a policy struct a filter, in the server's encoding, that lives as long as it."""
    _filters[policy] = memory = ffi.new("uint8_t[]", encoded)
    policy.filter = memory
    policy.filter_len = len(encoded)


def _keep_raised(kind: object, raised: BaseException, traceback: object) -> int:
    _raised[get_ident()] = raised
    return 1


def _interrupt_check() -> int:
    """Gives Python's signal handlers their turn; 1 when one of them raised, or the call is over."""
    ident = get_ident()
    if ident in _raised:
        return 1
    return 1 if _ending and _ending.get(ident) == calls_interrupted() - 1 else 0


def calls_interrupted() -> int:
    """How many calls of this thread wait for a signal handler, which this is called in."""
    count = 0
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        count += frame.f_code is _interrupt_check.__code__
        frame = frame.f_back
    return count


def end_call(ident: int, depth: int) -> None:
    """Has a thread's call end soon, with the code INTERRUPTED, if it waits.

    Args:
        ident: The thread.
        depth: What `calls_interrupted` said where the call is made.
    """
    _ending[ident] = depth


def let_call() -> None:
    """The same is not to end any more, if it was."""
    _ending.pop(get_ident(), None)


ffi.def_extern("asz_python_interrupt_check", error=1, onerror=_keep_raised)(_interrupt_check)
lib.asz_set_interrupt_check(lib.asz_python_interrupt_check)


def address(function: str) -> int:
    """Where a function of the library lies."""
    return int(ffi.cast("uintptr_t", ffi.addressof(lib, function)))


bind_library(
    address("asz_client_execute"),
    address("asz_result_release"),
    _C_API,
    ffi.typeof("asz_client *"),
    ffi.typeof("asz_policy *"),
    NULL,
    _raised,
    _raise_pending,
    _failure_at,
    _execute_otherwise,
)
