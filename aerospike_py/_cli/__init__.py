"""The command line: what `aerospike-py` does with its arguments.

`arguments` says which commands there are, `commands` carries them out, `notation` writes and reads
values, `shell` runs commands one after another. What the client raises is one line on the standard
error; the statuses are those in `arguments.STATUSES`.
"""

import getpass
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._config import parse_host
from ..client import client
from ..exception import AerospikeError, BinNameError, InvalidArgError, RecordNotFound
from . import arguments
from .notation import NotationError, printable
from .output import Output

_OF_ARGUMENTS = (
    *(InvalidArgError, BinNameError, NotationError),
    *(OverflowError, TypeError, UnicodeError),
)
DONE, FAILED, MISUSED, NOT_FOUND, INTERRUPTED = arguments.STATUSES


def main(given: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        given: The arguments; None: the process's.

    Returns:
        The process's exit status.
    """
    words = list(sys.argv[1:] if given is None else given)
    program = arguments.program()
    try:
        if words[:1] == ["devserver"]:
            from ..devserver.__main__ import main as run_devserver

            return run_devserver(words[1:], f"{program} devserver")
        options = arguments.parser(program).parse_args(words)
    except SystemExit as exit_:  # What is wrong, or the help, has been said.
        return exit_.code if isinstance(exit_.code, int) else MISUSED
    return guarded(program, lambda: _run(options))


def _run(options: Namespace) -> int:
    output = Output(sys.stdout, options.json)
    with client(_config(options)).connect() as connected:
        if options.command == "shell":
            from .shell import run

            return run(connected, output)
        status: int = options.run(connected, options, output)
        return status


def guarded(program: str, run: Callable[[], int]) -> int:
    """What `run` returns, or the status of what it raises, which is said in one line."""
    try:
        status = run()
        sys.stdout.flush()
        return status
    except RecordNotFound as error:
        return _say(program, error, NOT_FOUND)
    except _OF_ARGUMENTS as error:
        return _say(program, error, MISUSED)
    except BrokenPipeError:
        # Who reads has seen enough; nothing is to be written when the interpreter ends, either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (AerospikeError, OSError) as error:
        return _say(program, error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def _say(program: str, error: BaseException, status: int) -> int:
    with suppress(OSError):
        sys.stdout.flush()
    print(f"{program}: {type(error).__name__}: {printable(str(error))}", file=sys.stderr)
    return status


def _config(options: Namespace) -> dict[str, Any]:
    """The client's configuration."""
    limited = {"total_timeout": options.timeout}
    asked = {"timeout": options.timeout}
    config: dict[str, Any] = {
        "hosts": _hosts(options),
        "auth_mode": arguments.AUTH_MODES[options.auth],
        "timeout": options.timeout,
        "use_services_alternate": options.alternate,
        "policies": {"read": limited, "write": limited, "info": asked, "admin": asked},
    }
    if options.cluster_name:
        config["cluster_name"] = options.cluster_name
    if tls := _tls(options):
        config["tls"] = tls
    if options.user:
        config |= {"user": options.user, "password": _password(options)}
    return config


def _hosts(options: Namespace) -> list[Any]:
    hosts = [host.strip() for host in options.hosts.split(",")]
    if not options.tls_name:
        return hosts
    return [
        (*parse_host(host, f"config['hosts'][{index}]"), options.tls_name)
        for index, host in enumerate(hosts)
    ]


def _tls(options: Namespace) -> dict[str, Any]:
    """Empty for plain connections."""
    files = {name: getattr(options, f"tls_{name}") for name in ("cafile", "certfile", "keyfile")}
    given = {name: path for name, path in files.items() if path}
    if not (options.tls or options.tls_name or given):
        return {}
    # In an environment it may stand for others' keys.
    if "certfile" in given and "AEROSPIKE_KEYFILE_PW" in os.environ:
        given["keyfile_pw"] = "env:AEROSPIKE_KEYFILE_PW"
    return {"enable": True, **given}


def _password(options: Namespace) -> str:
    """From a file, the environment, or whoever sits before the terminal, to whom it is not shown.

    Not from the arguments, which every process of the machine can read.
    """
    if options.password_file:
        return Path(options.password_file).read_text(encoding="utf-8").rstrip("\r\n")
    given = os.environ.get("AEROSPIKE_PASSWORD")
    if given is not None:
        return given
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {printable(options.user)}: ")
    raise InvalidArgError(
        "a user needs a password: in the variable AEROSPIKE_PASSWORD, or with --password-file"
    )
