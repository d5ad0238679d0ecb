"""The glue between Python and the dev server's library: calls and errors. Nothing of Aerospike.

The library is loaded when this is imported, by the dev server only: a process that is a client and
nothing else has no server in it.
"""

import atexit
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from .. import exception
from ._ffi import ffi, lib
from ._functions import Runner

if TYPE_CHECKING:
    from ._ffi import CData, asz_devserver, asz_devserver_answer, asz_devserver_error

Server: TypeAlias = "asz_devserver"
"""A local server of the library."""

if lib.asz_devserver_abi_version() != lib.ASZ_DEVSERVER_ABI_VERSION:
    raise ImportError(
        f"the dev server's library has ABI version {lib.asz_devserver_abi_version()}, "
        f"this package needs {lib.ASZ_DEVSERVER_ABI_VERSION}; install aerospike-py again"
    )


def start(options: bytes) -> Server:
    """Starts a local server; it is stopped when the last reference to it goes."""
    error = _new_error()
    out = ffi.new("asz_devserver **")
    _check(lib.asz_devserver_start(options, len(options), out, error), error)
    server: Server = out[0]
    return ffi.gc(server, partial(_destroy, os.getpid()))


def control(server: Server, command: bytes) -> bytes:
    """Runs a control command and returns its MessagePack reply."""
    error = _new_error()
    reply = ffi.new("asz_devserver_reply *")
    reply.size = ffi.sizeof("asz_devserver_reply")
    _check(lib.asz_devserver_control(server, command, len(command), reply, error), error)
    try:
        return bytes(ffi.buffer(reply.data, reply.length))
    finally:
        lib.asz_devserver_reply_release(reply)


def stop(server: Server) -> None:
    """Stops the server now, rather than when its last reference goes."""
    ffi.release(server)


def _new_error() -> "asz_devserver_error":
    error = ffi.new("asz_devserver_error *")
    error.size = ffi.sizeof("asz_devserver_error")
    return error


def _check(status: int, error: "asz_devserver_error") -> None:
    if status:
        text = bytes(ffi.buffer(error.message, error.message_len)).decode("utf-8", "replace")
        raise exception.class_for(status)(text, result_code=status)


# What runs the functions of local servers, by the servers' addresses.
_runners: "dict[int, tuple[CData, Runner]]" = {}


def set_runner(server: Server, runner: Runner) -> None:
    """Has a local server's functions run by `runner`, which is called on the server's threads.

    It is closed before the server stops, so that no thread waits for it then.
    """
    handle = ffi.new_handle(runner)
    lib.asz_devserver_set_runner(server, lib.asz_python_run_function, handle)
    _runners[_address(server)] = handle, runner


def _address(server: Server) -> int:
    return int(ffi.cast("uintptr_t", server))


def _destroy(process: int, server: Server) -> None:
    if process != os.getpid():
        return  # A forked child has none of the server's threads, and could not wait for them.
    # Until the server's threads have ended, they may be in it.
    handle, runner = _runners.pop(_address(server), (None, None))
    if runner is not None:
        runner.close()
    lib.asz_devserver_destroy(server)
    del handle


def _end_runners() -> None:
    """Nothing of Python may run on other threads once the interpreter begins to go away."""
    while _runners:
        address, (handle, runner) = _runners.popitem()
        runner.close()
        server = ffi.cast("asz_devserver *", address)
        lib.asz_devserver_set_runner(server, ffi.NULL, ffi.NULL)
        del handle


# Those of a forked child's parent, which the child is not to take for its own, or to drop.
_inherited: "list[dict[int, tuple[CData, Runner]]]" = []


def _give_up_runners() -> None:
    _inherited.append(dict(_runners))
    _runners.clear()


def _run_function(
    context: "CData", request: "CData", length: int, answer: "asz_devserver_answer"
) -> int:
    data = ffi.from_handle(context).answer(bytes(ffi.buffer(request, length)))
    return lib.asz_devserver_answer_write(answer, data, len(data))


ffi.def_extern("asz_python_run_function", error=1)(_run_function)
atexit.register(_end_runners)
if sys.platform != "win32":  # Where nothing forks.
    os.register_at_fork(after_in_child=_give_up_runners)
