"""Which commands there are and what they take, and the statuses that they end with."""

import argparse
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__, constants
from . import commands

STATUSES = (0, 1, 2, 3, 130)
"""Done; the cluster or a server has failed or refuses; an argument is wrong; there is no such
record; interrupted."""

AUTH_MODES = {
    "internal": constants.AUTH_INTERNAL,
    "external": constants.AUTH_EXTERNAL,
    "external-insecure": constants.AUTH_EXTERNAL_INSECURE,
    "pki": constants.AUTH_PKI,
}
_HOSTS = "127.0.0.1:3000"
_STATUSES = f"""\
The exit status is {STATUSES[0]} when it is done, {STATUSES[1]} when the cluster or a server fails
or refuses, {STATUSES[2]} when an argument is wrong, {STATUSES[3]} when there is no such record,
and {STATUSES[4]} when it is interrupted."""
_VALUES = """\
Values are JSON. What JSON does not know is an object of one member: {"$bytes": "00ff"}, {"$hll":
"00ff"}, {"$geo": {...}}, {"$map": [[key, value], ...]} for keys that are not all text, and
{"$float": "nan"}. A ttl that is shown as null is never, which --ttl -1 sets."""
_EXAMPLES = """\
examples:
  aerospike-py devserver --port 18710    # in a terminal of its own
  export AEROSPIKE_HOSTS=127.0.0.1:18710
  aerospike-py put test demo user1 name=Alice age:=30
  aerospike-py get test demo user1
  aerospike-py query test demo --filter '$.age > 18' --json | jq .bins.name
  aerospike-py shell"""


def program() -> str:
    """How the command line was called."""
    name = Path(sys.argv[0]).name
    return "python -m aerospike_py" if name == "__main__.py" else "aerospike-py"


def parser(prog: str) -> ArgumentParser:
    """The parser of the command line."""
    main = ArgumentParser(
        prog=prog,
        description="Asks and changes an Aerospike cluster from the command line.",
        epilog=f"{_STATUSES}\n\n{_VALUES}\n\n{_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    main.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _add_connection(main, is_above=True)
    connection = ArgumentParser(add_help=False)
    _add_connection(connection.add_argument_group("connection and output"), is_above=False)
    added = main.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_commands(added, [connection])
    added.add_parser(
        "shell",
        parents=[connection],
        help="commands one after another, with history and completion",
        description="Runs commands that are typed, with history and completion, for which it needs "
        "the package prompt_toolkit. Commands from a pipe are run until one fails.",
    )
    added.add_parser("devserver", help="run a local cluster in memory; goes before all options")
    return main


class _LineParser(ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(STATUSES[2], f"{self.prog}: {message}\n" if self.prog else f"{message}\n")


def shell_parser() -> tuple[ArgumentParser, dict[str, ArgumentParser]]:
    """The parser of a line in the shell, and those of its commands by their names."""
    main = _LineParser(prog="", add_help=False)
    output = ArgumentParser(add_help=False)
    output.add_argument("--json", action="store_true", help="JSON, one document a line")
    added = main.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_commands(added, [output])
    for name, made in added.choices.items():
        made.prog = name
    return main, dict(added.choices)


def _add_connection(to: Any, *, is_above: bool) -> None:
    """Adds what all commands take, before the command (`is_above`) or after it."""

    def add(name: str, default: Any, **options: Any) -> None:
        # Where it is not given after the command, what was given before it counts.
        to.add_argument(name, default=default if is_above else argparse.SUPPRESS, **options)

    environment = os.environ.get
    add(
        "--hosts",
        environment("AEROSPIKE_HOSTS", _HOSTS),
        metavar="HOST:PORT,...",
        help=f"nodes to begin with; by default $AEROSPIKE_HOSTS, or {_HOSTS}",
    )
    add("--user", environment("AEROSPIKE_USER", ""), help="log in; by default $AEROSPIKE_USER")
    add(
        "--password-file",
        "",
        metavar="FILE",
        help="where the password is; by default $AEROSPIKE_PASSWORD, or it is asked for",
    )
    add(
        "--auth",
        environment("AEROSPIKE_AUTH", "internal"),
        choices=tuple(AUTH_MODES),
        help="who knows the user: the cluster, a directory, or the certificate names it; by "
        "default $AEROSPIKE_AUTH, or internal",
    )
    add("--tls", False, action="store_true", help="connect with TLS, as with each of the next")
    add(
        "--tls-cafile",
        environment("AEROSPIKE_CAFILE", ""),
        metavar="FILE",
        help="whom to trust; by default $AEROSPIKE_CAFILE, or whom the system trusts",
    )
    add(
        "--tls-certfile",
        environment("AEROSPIKE_CERTFILE", ""),
        metavar="FILE",
        help="the certificate to show; by default $AEROSPIKE_CERTFILE",
    )
    add(
        "--tls-keyfile",
        environment("AEROSPIKE_KEYFILE", ""),
        metavar="FILE",
        help="its key, whose password is in $AEROSPIKE_KEYFILE_PW; by default $AEROSPIKE_KEYFILE, "
        "or the certificate's file",
    )
    add(
        "--tls-name",
        environment("AEROSPIKE_TLS_NAME", ""),
        metavar="NAME",
        help="what the nodes of --hosts are called in their certificates; by default "
        "$AEROSPIKE_TLS_NAME, or as in --hosts",
    )
    add("--cluster-name", "", metavar="NAME", help="the name that the cluster must have")
    add("--timeout", 5000, type=int, metavar="MS", help="milliseconds for each request; 5000")
    add("--alternate", False, action="store_true", help="use the nodes' alternate addresses")
    add("--json", False, action="store_true", help="JSON, one document a line")


def _add_commands(added: Any, parents: list[ArgumentParser]) -> None:
    def add(name: str, run: Any, text: str, more: str = "") -> ArgumentParser:
        made: ArgumentParser = added.add_parser(
            name, parents=parents, help=text, description=f"{text[:1].upper()}{text[1:]}. {more}"
        )
        made.set_defaults(run=run)
        return made

    add("ping", commands.ping, "ask each node whether it answers, and how fast")

    info = add("info", commands.info, "ask nodes an info command")
    info.add_argument("question", metavar="COMMAND", help='such as "namespaces" or "sets/test"')
    info.add_argument("--node", metavar="NAME", help="ask this node only")
    info.add_argument("--lines", action="store_true", help="a line for each part between ;")

    add("namespaces", commands.namespaces, "show the namespaces")

    sets = add("sets", commands.sets, "show the sets of a namespace", "Numbers are approximate.")
    sets.add_argument("namespace", metavar="NAMESPACE")

    get = add("get", commands.get, "read a record")
    _add_key(get)
    _add_bins(get)

    put = add("put", commands.put, "write a record", "Bins that are not named stay as they are.")
    _add_key(put)
    put.add_argument(
        "bins",
        nargs="+",
        metavar="BIN",
        help="name=text, name:=JSON (null removes the bin), or - to read a JSON object of bins",
    )
    put.add_argument("--ttl", type=int, metavar="S", help="seconds to live; -1: for ever")
    put.add_argument("--send-key", action="store_true", help="store the key with the record")
    only = put.add_mutually_exclusive_group()
    only.add_argument("--create", action="store_true", help="fail if there is such a record")
    only.add_argument("--update", action="store_true", help="fail if there is no such record")
    only.add_argument("--replace", action="store_true", help="remove the bins that are not named")

    _add_key(add("remove", commands.remove, "remove a record"))
    _add_query(add("query", commands.query, "show the records of a set", "A line for each one."))

    truncate = add("truncate", commands.truncate, "remove all records of a set")
    _add_place(truncate)
    truncate.add_argument("--yes", action="store_true", help="do not ask")


def _add_key(to: ArgumentParser) -> None:
    to.add_argument("namespace", metavar="NAMESPACE")
    to.add_argument("set", metavar="SET", help='"" for none')
    to.add_argument("key", metavar="KEY")
    to.add_argument(
        "--key-type",
        choices=commands.KEY_TYPES,
        default="str",
        help="what the key is: text (the default), a number, bytes or a digest in hexadecimal",
    )


def _add_place(to: ArgumentParser) -> None:
    to.add_argument("namespace", metavar="NAMESPACE")
    to.add_argument("set", nargs="?", metavar="SET", help="without it, the whole namespace")


def _add_bins(to: ArgumentParser) -> None:
    to.add_argument("--bins", metavar="BIN,...", help="read these bins only")


def _add_query(to: ArgumentParser) -> None:
    _add_place(to)
    _add_bins(to)
    to.add_argument("--filter", metavar="TEXT", help="a condition, such as '$.age > 18'")
    by = to.add_mutually_exclusive_group()
    by.add_argument(
        "--equals", nargs=2, metavar=("BIN", "VALUE"), help="by an index; text may be in quotes"
    )
    by.add_argument(
        "--between", nargs=3, metavar=("BIN", "LOW", "HIGH"), help="by an index; both ends included"
    )
    by.add_argument(
        "--contains",
        nargs=3,
        metavar=("KIND", "BIN", "VALUE"),
        help=f"by an index on members; KIND is one of {', '.join(commands.COLLECTIONS)}",
    )
    to.add_argument("--limit", type=int, default=0, metavar="N", help="so many records at most")
    to.add_argument("--count", action="store_true", help="show only how many there are")
