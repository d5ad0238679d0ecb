"""The shell: commands that are typed, one after another, on one connected client."""

import os
import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from .. import _cli
from ..client import Client
from ..exception import AerospikeError, ClientError
from .arguments import shell_parser
from .commands import set_totals
from .notation import printable
from .output import Output

if TYPE_CHECKING:
    from prompt_toolkit.completion import CompleteEvent, Completion
    from prompt_toolkit.document import Document

_PROMPT = "aerospike> "
_WITHOUT = "the shell needs the package prompt_toolkit: pip install prompt_toolkit"
_OWN = {"help": "show the commands, or one of them", "exit": "end the shell"}
_KNOWN_FOR_S = 5.0
"""How long the names of namespaces and sets are taken to be the same."""


def run(client: Client, output: Output) -> int:
    """Runs commands until there are no more.

    Raises:
        ClientError: Commands are to be typed, and prompt_toolkit is not installed.
    """
    parser, commands = shell_parser()
    if not sys.stdin.isatty():
        return _run_all(sys.stdin, client, output, parser)
    lines = _typed(_Names(client, commands))
    names = sorted(client.get_node_names())
    print(f"Connected to {' '.join(names)}. help shows the commands, Ctrl-D ends.")
    for line in lines:
        if line.strip() in ("exit", "quit"):
            break
        if line.strip() == "help":
            _help(commands)
            continue
        _run_line(line, client, output, parser)
    return 0


def _run_all(lines: Iterable[str], client: Client, output: Output, parser: ArgumentParser) -> int:
    """Runs commands from a pipe until one fails."""
    for line in lines:
        status = _run_line(line, client, output, parser)
        if status:
            return status
    return 0


def _run_line(line: str, client: Client, output: Output, parser: ArgumentParser) -> int:
    """Runs one command; what is wrong with it has been said."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:  # A quotation mark is missing.
        print(f"{printable(str(error))}", file=sys.stderr)
        return _cli.MISUSED
    if not words:
        return 0
    if words[0] == "help":
        words = [*words[1:2], "--help"]
    try:
        options = parser.parse_args(words)
    except SystemExit as exit_:  # Said already, or the help was shown.
        return exit_.code if isinstance(exit_.code, int) else _cli.MISUSED
    where = Output(sys.stdout, output.is_json or options.json)
    status = _cli.guarded(words[0], lambda: int(options.run(client, options, where)))
    if status == _cli.INTERRUPTED:
        print()
    return status


def _help(commands: dict[str, ArgumentParser]) -> None:
    told = {name: made.description or "" for name, made in commands.items()}
    for name, text in {**told, **_OWN}.items():
        print(f"  {name:<11} {text[:1].lower()}{text[1:].partition('. ')[0].rstrip('.')}")
    print("help COMMAND shows what it takes.")


def _typed(names: "_Names") -> Iterator[str]:
    """The lines that are typed."""
    try:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import Completer
        from prompt_toolkit.history import FileHistory
    except ImportError:
        raise ClientError(_WITHOUT) from None

    class History(FileHistory):
        """What was typed before, except for lines that begin with a blank."""

        def append_string(self, string: str) -> None:
            if string.strip() and not string.startswith(" "):
                super().append_string(string)

    class Words(Completer):
        """The words that may come next."""

        def get_completions(
            self, document: "Document", complete_event: "CompleteEvent"
        ) -> "Iterator[Completion]":
            return _completions(names, document)

    session: PromptSession[str] = PromptSession(
        history=History(str(_history_file())),
        completer=Words(),
        complete_while_typing=False,
        complete_in_thread=True,
    )

    def lines() -> Iterator[str]:
        while True:
            try:
                yield session.prompt(_PROMPT)
            except KeyboardInterrupt:
                continue  # Another line.
            except EOFError:
                return

    return lines()


def _completions(names: "_Names", document: "Document") -> "Iterator[Completion]":
    from prompt_toolkit.completion import Completion

    before = document.text_before_cursor.split(" ")
    last = before.pop()
    for word in names.after([word for word in before if word]):
        if word.startswith(last):
            yield Completion(word, start_position=-len(last))


def _history_file() -> Path:
    """Where lines are kept; nobody else may read it."""
    variables = (os.environ.get(name) for name in ("XDG_STATE_HOME", "LOCALAPPDATA"))
    state = next(filter(None, variables), None)
    folder = (Path(state) if state else Path.home() / ".local" / "state") / "aerospike-py"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "shell_history"
    path.touch(mode=0o600)
    return path


class _Names:
    """What may come next in a line."""

    def __init__(self, client: Client, commands: dict[str, ArgumentParser]) -> None:
        self._client = client
        self._commands = commands
        # By namespace, None for the namespaces themselves: until when the names are good.
        self._known: dict[str | None, tuple[float, list[str]]] = {}

    def after(self, words: list[str]) -> list[str]:
        """The words that may come after these."""
        if not words:
            return [*self._commands, *_OWN]
        if words[0] == "help":
            return [*self._commands] if len(words) == 1 else []
        parser = self._commands.get(words[0])
        if parser is None:
            return []
        takes = [action.dest for action in parser._actions if not action.option_strings]
        given = [word for word in words[1:] if not word.startswith("-")]
        options = [name for action in parser._actions for name in action.option_strings]
        wanted = takes[len(given)] if len(given) < len(takes) else ""
        if wanted == "namespace":
            return self._of(None)
        if wanted == "set":
            return self._of(given[0])
        return [name for name in options if name.startswith("--") and name not in words]

    def _of(self, namespace: str | None) -> list[str]:
        """The namespaces, or the sets of one; none where the cluster does not say."""
        until, names = self._known.get(namespace, (0.0, []))
        if monotonic() > until:
            try:
                if namespace is None:
                    names = self._client.info_random_node("namespaces").split(";")
                else:
                    names = sorted(set_totals(self._client, namespace))
            except AerospikeError:
                names = []
            self._known[namespace] = (monotonic() + _KNOWN_FOR_S, names)
        return names
