"""The dev server on the command line: `python -m aerospike_py.devserver`."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .. import __version__
from ..exception import AerospikeError
from ._remote import ControlServer, RemoteCluster
from .cluster import DevCluster, numeric

_ENDING = (signal.SIGINT, signal.SIGTERM)


def main(
    arguments: Sequence[str] | None = None, program: str = "python -m aerospike_py.devserver"
) -> int:
    """Runs a dev server until SIGINT or SIGTERM; returns the process's exit status."""
    options = _parse(arguments, program)
    if options.control:
        return _control(options)
    # Also when a shell that started it in the background has SIGINT ignored.
    for number in _ENDING:
        signal.signal(number, signal.default_int_handler)
    try:
        with _signals_kept(), _cluster(options) as cluster:
            places = " ".join(f"{options.host}:{port}" for port in cluster.ports)
            print(f"Aerospike dev server listening on {places}")
            with ExitStack() as stack:
                if options.control_port is not None:
                    server = ControlServer(cluster, numeric(options.host), options.control_port)
                    stack.callback(server.close)
                    print(f"Control commands: {options.host}:{server.port}")
                print(f"Namespaces: {', '.join(options.namespaces)}. Ctrl-C stops it.", flush=True)
                _await_end()
        return 0
    except KeyboardInterrupt:
        return 0
    except (AerospikeError, TypeError, _FileError) as error:
        print(f"aerospike_py.devserver: {error}", file=sys.stderr)
        return 1


class _FileError(Exception):
    """A file is not what it is to be."""


def _cluster(options: argparse.Namespace) -> DevCluster:
    return DevCluster(
        options.nodes,
        options.port,
        host=options.host,
        namespaces=[
            {"name": name, "default_ttl_s": options.default_ttl} for name in options.namespaces
        ],
        cluster_name=options.cluster_name,
        users=_users(options.users) if options.users else (),
        security=options.security,
        racks=options.racks,
        advertised=options.advertise,
        alternate=options.alternate,
        log_requests=options.log_requests,
        compression=options.compression,
        tls=_tls(options),
        mutual_tls=options.tls_ca is not None,
        allows_plain=options.allow_plain,
        server_version=options.server_version,
    )


def _tls(options: argparse.Namespace) -> dict[str, Any] | bool:
    """What the files for TLS have."""
    if options.tls_cert is None:
        if options.tls_key is not None or options.tls_ca is not None:
            raise _FileError("--tls-key and --tls-ca need --tls-cert")
        return False
    names = {"cert": options.tls_cert, "key": options.tls_key or options.tls_cert}
    if options.tls_ca is not None:
        names["ca"] = options.tls_ca
    try:
        return {
            **{name: path.read_bytes() for name, path in names.items()},
            "name": options.tls_name,
        }
    except OSError as error:
        raise _FileError(str(error)) from error


def _users(path: Path) -> list[dict[str, Any]]:
    """What a file of users says."""
    try:
        users = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _FileError(f"{path}: {error}") from error
    if not isinstance(users, list) or not all(isinstance(user, dict) for user in users):
        raise _FileError(f'{path}: not a list of {{"name", "password", "roles"}}')
    return users


def _control(options: argparse.Namespace) -> int:
    """Sends one control command to a dev server that runs; prints its reply."""
    try:
        name, *words = options.command or ["topology"]
        with RemoteCluster(options.control) as cluster:
            reply = cluster.control(name, **dict(map(_argument, words)))
    except AerospikeError as error:
        print(f"aerospike_py.devserver: {error}", file=sys.stderr)
        return 1
    print(json.dumps(reply))
    return 0


def _argument(word: str) -> tuple[str, Any]:
    """A name and its value, which is JSON or else text."""
    name, _, text = word.partition("=")
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keeps the signals that end the server for `_await_end`, from all threads begun within.

    One of those could take them otherwise, and the main thread would wait on.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _await_end() -> None:
    if sys.platform == "win32":
        while True:
            time.sleep(3600)  # Ctrl-C ends it.
    signal.sigwait(_ENDING)


def _texts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")] if text else []


def _parse(arguments: Sequence[str] | None, program: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=program,
        description="A local Aerospike cluster in memory, for development and tests.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--port", type=int, default=18710, help="first node's port; 0: any")
    parser.add_argument("--nodes", type=int, default=3, help="number of nodes, 1 to 128")
    parser.add_argument("--host", default="127.0.0.1", help="address or name to listen on")
    parser.add_argument(
        "--namespaces", type=_texts, default="test,bar", help="names, with commas between"
    )
    parser.add_argument(
        "--default-ttl", type=int, default=0, help="seconds that records live; 0: for ever"
    )
    parser.add_argument("--cluster-name", default="", help="name that clients may check")
    parser.add_argument(
        "--security", action="store_true", help="clients log in as admin with password admin"
    )
    parser.add_argument(
        "--users", type=Path, help='JSON file: [{"name": ..., "password": ..., "roles": [...]}]'
    )
    parser.add_argument(
        "--racks", type=_numbers, default="", help="each node's rack, with commas between"
    )
    parser.add_argument(
        "--advertise", default="", help="address that clients are told; none: where they connected"
    )
    parser.add_argument(
        "--alternate", default="", help="address for clients that use alternate ones"
    )
    parser.add_argument(
        "--compression", action="store_true", help="deflated frames, as in the Enterprise Edition"
    )
    parser.add_argument(
        "--tls-cert", type=Path, help="PEM file of the nodes' certificate: clients have to use TLS"
    )
    parser.add_argument(
        "--tls-key", type=Path, help="PEM file of its key; none: in the certificate's file"
    )
    parser.add_argument(
        "--tls-ca", type=Path, help="PEM file: clients have to show a certificate of one of these"
    )
    parser.add_argument("--tls-name", default="", help="what the nodes say they are called in TLS")
    parser.add_argument(
        "--allow-plain", action="store_true", help="with TLS, take plain connections as well"
    )
    parser.add_argument(
        "--server-version",
        choices=("8.1", "8.2"),
        default="8.1",
        help="release of the server to answer as",
    )
    parser.add_argument(
        "--log-requests", action="store_true", help="a line on stderr for each request"
    )
    parser.add_argument(
        "--control-port", type=int, help="port for control commands of other processes; 0: any"
    )
    parser.add_argument(
        "--control",
        metavar="HOST:PORT",
        help="start nothing, and have the server whose control port that is run COMMAND",
    )
    parser.add_argument(
        "command",
        nargs="*",
        metavar="COMMAND",
        help="with --control: a control command and its arguments, as in: kill node=0",
    )
    options = parser.parse_args(arguments)
    if options.command and not options.control:
        parser.error(f"{options.command[0]!r} is a command for a server that runs: see --control")
    return options


if __name__ == "__main__":
    sys.exit(main())
