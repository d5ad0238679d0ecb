"""The command line: what it writes, its statuses, its shell in a terminal."""

import contextlib
import io
import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py import GeoJSON, HyperLogLog
from aerospike_py._cli import main
from aerospike_py._cli.notation import NotationError, dumps, loads, plain
from aerospike_py._cli.output import Output
from aerospike_py.devserver import DevCluster

Run = Callable[..., "tuple[int, str, str]"]
HELD = {
    "text": "a\x1b[2J\u202eb\n",
    "whole": -(2**63),
    "half": 0.5,
    "endless": float("-inf"),
    "yes": True,
    "bytes": b"\x00\xff",
    "place": GeoJSON({"type": "Point", "coordinates": [1.5, 2.5]}),
    "list": [1, [None, "b"], {"k": [b"x"]}],
    "keys": {1: "a", "b": 2.5, b"c": [3]},
    "dollar": {"$bytes": "no bytes"},
}


@pytest.fixture(scope="module")
def client(server: Any) -> Iterator[aerospike_py.Client]:
    with aerospike_py.client(server.config).connect() as connected:
        yield connected


@pytest.fixture(scope="module")
def environment(server: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables by which the command line finds the server."""
    variables: dict[str, str] = server.environment(tmp_path_factory.mktemp("tls"))
    return variables


@pytest.fixture
def run(
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Runs the command line on the server; returns its status and what it wrote."""
    monkeypatch.setattr(sys, "argv", ["aerospike-py"])
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run_it(*words: str, stdin: str = "") -> "tuple[int, str, str]":
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        status = main(words)
        return status, *capsys.readouterr()

    return run_it


@pytest.fixture
def held(server: Any, key: Any) -> Any:
    """A record with values of all kinds."""
    with aerospike_py.client(server.config).connect() as client:
        client.put(key, HELD)
        yield key
        with contextlib.suppress(aerospike_py.RecordNotFound):
            client.remove(key)


def test_put_get_and_remove(run: Run, key: Any) -> None:
    written = run("put", *key, "name=Alice", "age:=30", 'tags:=[1, {"a": null}]', "--ttl", "60")
    assert written == (0, "written\n", "")
    status, shown, said = run("get", *key)
    assert (status, said) == (0, "")
    first, *lines = shown.splitlines()
    assert re.fullmatch(r"generation 1, (59|60) s to live", first)
    assert sorted(lines) == ["age   30", 'name  "Alice"', 'tags  [1, {"a": null}]']
    record = json.loads(run("get", *key, "--bins", "age", "--json")[1])
    assert record.pop("ttl") in (59, 60)
    assert len(bytes.fromhex(record.pop("digest"))) == 20
    namespace, set_name, user_key = key
    assert record == {
        "namespace": namespace,
        "set": set_name,
        "key": user_key,
        "gen": 1,
        "bins": {"age": 30},
    }
    assert run("remove", *key, "--json") == (0, '{"removed": true}\n', "")
    assert run("get", *key)[0] == 3


def test_values_are_written_as_they_are_read(run: Run, held: Any) -> None:
    status, shown, _ = run("get", *held, "--json")
    assert status == 0
    assert shown.rstrip("\n").isprintable()
    bins = json.loads(shown)["bins"]
    assert loads(json.dumps(bins)) == HELD
    assert run("put", *held, "--replace", "-", stdin=json.dumps(bins))[0] == 0
    assert json.loads(run("get", *held, "--json")[1])["bins"] == bins


@pytest.mark.parametrize(
    "value",
    [float("inf"), HyperLogLog(b"\x01"), {"$map": 1}, {}, {"$bytes": 1, "b": 2}, [{2: {3: b""}}]],
    ids=str,
)
def test_the_notation_loses_nothing(value: Any) -> None:
    read = loads(dumps(plain(value)))
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "{",
            "NaN",
            '{"$bytes": "x"}',
            '{"$map": [[[1], 2]]}',
            '{"$map": 1}',
            '{"$geo": "{"}',
        ),
        "[" * 100_000,
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_value_is_said(text: str) -> None:
    with pytest.raises(NotationError):
        loads(text)


def test_what_an_output_cannot_encode_is_escaped() -> None:
    written = io.TextIOWrapper(io.BytesIO(), "latin-1", write_through=True)
    Output(written, is_json=True).write("", {"a": "é😀"})
    Output(written, is_json=False).write("é", None)
    assert isinstance(written.buffer, io.BytesIO)
    assert json.loads(written.buffer.getvalue().splitlines()[0]) == {"a": "é😀"}
    assert written.buffer.getvalue().splitlines()[1] == "é".encode("latin-1")


def test_policies_of_writes(run: Run, key: Any) -> None:
    assert run("put", *key, "a:=1", "b:=2", "--update")[0] == 3
    assert run("put", *key, "a:=1", "b:=2", "--create", "--send-key")[0] == 0
    assert run("put", *key, "a:=1", "--create")[0] == 1
    assert run("put", *key, "c:=3", "--replace")[0] == 0
    assert json.loads(run("get", *key, "--json")[1])["bins"] == {"c": 3}
    run("remove", *key)


@pytest.mark.parametrize(
    ("text", "kind", "stored"),
    [("42", "int", 42), ("-7", "int", -7), ("00ff", "bytes", b"\x00\xff"), ("42", "str", "42")],
)
def test_keys_of_all_kinds(
    run: Run, client: aerospike_py.Client, set_name: str, text: str, kind: str, stored: Any
) -> None:
    place = ("test", set_name)
    assert run("put", *place, text, "--key-type", kind, "n:=1")[0] == 0
    record = client.get((*place, stored))
    assert record.key is not None
    digest = record.key.digest.hex()
    assert run("get", *place, digest, "--key-type", "digest")[0] == 0
    assert run("remove", *place, text, "--key-type", kind)[0] == 0


def test_queries(run: Run, client: aerospike_py.Client, set_name: str) -> None:
    place = ("test", f"{set_name}q")
    for number in range(20):
        policy: aerospike_py.WritePolicy = {"key": aerospike_py.POLICY_KEY_SEND}
        bins = {"age": number, "name": f"n{number % 2}", "tags": [f"t{number % 5}"]}
        client.put((*place, number), bins, policy=policy)
    status, shown, _ = run("query", *place, "--bins", "age", "--json")
    assert status == 0
    found = [json.loads(line) for line in shown.splitlines()]
    assert sorted((each["key"], each["bins"]["age"]) for each in found) == [
        (number, number) for number in range(20)
    ]
    assert run("query", *place, "--filter", "$.age > 16", "--bins", "age")[1].count("\n") == 3
    assert run("query", *place, "--count") == (0, "20\n", "")
    assert run("query", *place, "--limit", "7", "--count", "--json") == (0, '{"count": 7}\n', "")
    names = [f"{set_name}{kind}" for kind in ("i", "s", "l")]
    client.index_integer_create(*place, "age", names[0])
    client.index_string_create(*place, "name", names[1])
    client.index_create(
        *place, "tags", names[2], aerospike_py.INDEX_STRING, index_type=aerospike_py.INDEX_TYPE_LIST
    )
    try:
        assert run("query", *place, "--equals", "age", "3")[1].startswith('3  {"age": 3')
        assert run("query", *place, "--between", "age", "3", "5", "--count")[1] == "3\n"
        assert run("query", *place, "--equals", "name", "n1", "--count")[1] == "10\n"
        assert run("query", *place, "--equals", "name", '"n1"', "--count")[1] == "10\n"
        assert run("query", *place, "--contains", "list", "tags", "t3", "--count")[1] == "4\n"
    finally:
        for name in names:
            client.index_remove("test", name)
    assert run("truncate", *place)[0] == 2
    assert run("truncate", *place, "--yes")[0] == 0
    until = time.monotonic() + 10
    while run("query", *place, "--count")[1] != "0\n":
        assert time.monotonic() < until


def test_what_there_is(run: Run, server: Any, held: Any) -> None:
    status, shown, _ = run("namespaces", "--json")
    assert status == 0
    rows = {row["namespace"]: row for row in map(json.loads, shown.splitlines())}
    assert set(rows) == {"test", "bar"}
    assert rows["test"]["records"] >= 1
    assert rows["test"]["copies"] == 2
    status, shown, _ = run("namespaces")
    assert shown.splitlines()[0].split() == [
        "namespace",
        "records",
        "copies",
        "bytes",
        "stop_writes",
    ]
    sets = [json.loads(line) for line in run("sets", "test", "--json")[1].splitlines()]
    assert any(row["set"] == held[1] and row["records"] >= 1 for row in sets)
    status, shown, said = run("ping", "--json")
    nodes = [json.loads(line) for line in shown.splitlines()]
    assert (status, said, len(nodes)) == (0, "", 3)
    assert {f"{host}:{port}" for host, port in server.hosts} <= {each["address"] for each in nodes}
    assert all(0 < each["ms"] < 5000 for each in nodes)
    names = sorted(each["node"] for each in nodes)
    status, shown, _ = run("info", "namespaces")
    assert [line.split("  ")[0] for line in shown.splitlines()] == names
    status, shown, _ = run("info", "namespaces", "--node", names[1], "--lines", "--json")
    answers = [json.loads(line) for line in shown.splitlines()]
    assert [each["node"] for each in answers] == [names[1]] * 2
    assert {each["answer"] for each in answers} == {"test", "bar"}
    status, shown, said = run("info", "no-such-command")
    assert (status, shown, said.count("\n")) == (1, "", 3)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("get", "test", "{set}", "42"), 3, "RecordNotFound: .*--key-type int"),
        (("get", "test", "{set}", "x", "--key-type", "int"), 2, "'x' is not a number"),
        (("get", "test", "{set}", "x", "--key-type", "bytes"), 2, "not in hexadecimal"),
        (("get", "nowhere", "{set}", "x"), 1, "InvalidNamespace: namespace 'nowhere'"),
        (("sets", "nowhere"), 1, "InvalidNamespace: there is no namespace 'nowhere'"),
        (("put", "test", "{set}", "x", "a"), 2, "'a' is neither name=text nor name:=JSON"),
        (("put", "test", "{set}", "x", "a:=x"), 2, "'x' is no JSON"),
        (("put", "test", "{set}", "x", "a:=1" + "0" * 20), 2, "OverflowError: "),
        (("put", "test", "{set}", "x", "aaaaaaaaaaaaaaaa=1"), 2, "BinNameError: "),
        (("put", "test", "{set}", "x", "a:=1", "--ttl", "-9"), 2, "InvalidArgError: .*ttl"),
        (("query", "test", "{set}", "--between", "a", "1", "x"), 2, "'x' is no whole number"),
        (("query", "test", "{set}", "--contains", "x", "a", "1"), 2, "KIND of --contains"),
        (("query", "test", "{set}", "--filter", "$.a >"), 2, "--filter: line 1, column 6"),
        (("query", "test", "{set}", "--filter", "$.a >> 1"), 2, "--filter: a filter is true or"),
        (("query", "test", "{set}", "--equals", "a", "1", "--timeout", "9000"), 1, "IndexNotFound"),
        (("info", "build", "--node", "none"), 1, "ClusterError: "),
        (("get", "--hosts", "127.0.0.1:x", "a", "b", "c"), 2, r"hosts'\]\[0\]: the port"),
        (("--user", "ann", "ping"), 2, "AEROSPIKE_PASSWORD"),
        (("ping", "--user", "ann", "--password-file", "/none"), 1, "FileNotFoundError: "),
        (("ping", "--cluster-name", "another"), 1, "ClusterError: "),
    ],
)
def test_errors_are_one_line(
    run: Run, set_name: str, words: tuple[str, ...], status: int, message: str
) -> None:
    words = tuple(word.format(set=set_name) if "{set}" in word else word for word in words)
    ended, shown, said = run(*words)
    assert (ended, shown) == (status, "")
    assert re.search(message, said), said
    assert said.startswith("aerospike-py: ")
    assert said.count("\n") == 1


def test_nobody_there_is_one_line(run: Run, closed_port: int) -> None:
    status, _, said = run("ping", "--hosts", f"127.0.0.1:{closed_port}", "--timeout", "500")
    assert (status, said.count("\n")) == (1, 1)


def test_an_answer_cannot_change_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with DevCluster() as cluster:
        cluster.answer_info("sets", "\x1b[2J\x9b2J")
        assert main(["info", "sets", "--hosts", f"127.0.0.1:{cluster.port}"]) == 0
        cluster.answer_with(22)
        assert main(["get", "test", "a", "b", "--hosts", f"127.0.0.1:{cluster.port}"]) == 1
    assert capsys.readouterr().out == "D1  \\u001b[2J\\u009b2J\n"


@pytest.mark.parametrize("words", [(), ("no-such",), ("get", "test"), ("get", "--no")])
def test_wrong_arguments(run: Run, words: tuple[str, ...]) -> None:
    status, shown, said = run(*words)
    assert (status, shown) == (2, "")
    assert "usage: aerospike-py" in said


COMMANDS = [
    *("ping", "info", "namespaces", "sets", "get", "put", "remove", "query", "truncate", "shell")
]


def test_the_help_is_whole(run: Run) -> None:
    status, whole, _ = run("--help")
    assert status == 0
    assert {*COMMANDS, "devserver"} <= set(re.findall(r"^    (\w+)", whole, re.M))
    assert "exit status" in whole
    for command in COMMANDS:
        status, text, _ = run(command, "--help")
        assert status == 0
        # Each option and argument is explained.
        for line in re.findall(r"^  (-\S.*)$", text, re.M):
            assert "  " in line or f"{line}\n   " in text, line
    assert "--nodes" in run("devserver", "--help")[1]


def test_it_can_be_started_in_both_ways() -> None:
    script = Path(sys.executable).with_name("aerospike-py")
    for command in ([sys.executable, "-m", "aerospike_py"], [script]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True)
        assert done.stdout.endswith(f" {aerospike_py.__version__}\n"), done.stderr


def test_who_reads_may_stop(
    environment: dict[str, str], client: aerospike_py.Client, set_name: str
) -> None:
    place = ("test", f"{set_name}pipe")
    for number in range(40):
        client.put((*place, number), {"text": "x" * 10_000})
    command = [sys.executable, "-m", "aerospike_py", "query", *place]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=os.environ | environment, **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr.read() == b""


def test_the_commands_of_the_page(environment: dict[str, str], set_name: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "guides" / "command-line.md").read_text()
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)).splitlines()
    wanted = [line for line in lines if not re.search(r"devserver|^export", line)]
    assert len(wanted) > 4
    script = "\n".join(["set -euo pipefail", *wanted]).replace("demo", f"{set_name}page")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = os.environ | environment | {"PATH": path}
    done = subprocess.run(["bash", "-c", script], env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"bins": {"name": "Alice", "age": 30}' in done.stdout


def test_the_shell_runs_a_pipe_until_a_command_fails(run: Run, key: Any) -> None:
    namespace, set_name, name = key
    lines = [
        "# A remark.",
        f"put {namespace} {set_name} {name} 'text=two words'",
        f"get {namespace} {set_name} {name} --json",
        "nonsense",
        f"remove {namespace} {set_name} {name}",
    ]
    status, shown, said = run("shell", stdin="\n".join(lines))
    assert status == 2
    assert "invalid choice: 'nonsense'" in said
    assert json.loads(shown.splitlines()[1])["bins"] == {"text": "two words"}
    assert run("remove", *key)[0] == 0
    assert run("shell", stdin="get test 'a")[0] == 2


def test_the_shell_says_which_package_it_needs(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setitem(sys.modules, "prompt_toolkit", None)
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert main(["shell"]) == 1
    said = capsys.readouterr().err
    assert said == (
        "aerospike-py: ClientError: the shell needs the package prompt_toolkit: "
        "pip install prompt_toolkit\n"
    )


IN_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "aerospike_py", *sys.argv[1:]])
"""
CONTROLS = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|.)|[\r\x07\x08]")


class Terminal:
    """The command line in a terminal of its own."""

    def __init__(self, *words: str, environment: Mapping[str, str]) -> None:
        self._end, other = os.openpty()
        variables = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", **environment}
        self._process = subprocess.Popen(
            [sys.executable, "-c", IN_A_TERMINAL, *words],
            stdin=other,
            stdout=other,
            stderr=other,
            env=variables,
            start_new_session=True,
        )
        os.close(other)
        self._unread = ""
        self.all = ""

    def type(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def complete(self, word: str, rest: str) -> None:
        """Types a word and a tab, and waits until the line has the rest of it.

        It comes by itself, or with the whole line. The menu of completions, which may be shown for
        a moment before, has the whole word, and the prompt letters of its own.
        """
        self.type(word)
        self.expect(re.escape(word))
        self.type("\t")
        last, more = re.escape(word[-2:]), re.escape(rest)
        self.expect(f"> .*{re.escape(word)}{more}|(?<!{last})(?<!aeros){more}")

    def expect(self, pattern: str) -> str:
        """Waits until this is shown; returns all until then."""
        until = time.monotonic() + 20
        while not (found := re.search(pattern, CONTROLS.sub("", self._unread))):
            assert time.monotonic() < until, f"{pattern!r} is not in {self._unread!r}"
            assert self._read(), f"it ended after {self._unread!r}"
        text = CONTROLS.sub("", self._unread)
        self._unread = text[found.end() :]
        return text[: found.end()]

    def skip(self) -> None:
        """Leaves out what has been shown so far."""
        while select.select([self._end], [], [], 0)[0]:
            assert self._read()
        self._unread = ""

    def _read(self) -> bool:
        if select.select([self._end], [], [], 1.0)[0]:
            try:
                part = os.read(self._end, 65536).decode()
            except OSError:  # The other end is closed.
                return False
            self._unread += part
            self.all += part
        return True

    def end(self) -> int:
        """Waits until it has ended; returns the status."""
        while self._read():
            pass
        return self._process.wait(10)

    def interrupt(self) -> None:
        self.type("\x03")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._end)


@contextlib.contextmanager
def terminal(*words: str, **environment: str) -> Iterator[Terminal]:
    opened = Terminal(*words, environment=environment)
    try:
        yield opened
    finally:
        opened.close()


def test_the_shell_in_a_terminal(
    environment: dict[str, str], client: aerospike_py.Client, key: Any, tmp_path: Path
) -> None:
    namespace, set_name, name = key
    client.put((namespace, f"{set_name}shell", "first"), {"a": 1})
    with terminal("shell", **environment, XDG_STATE_HOME=str(tmp_path)) as shown:
        shown.expect("(?s:Connected to .*aerospike>)")
        shown.complete("hel", "p")
        shown.type("\r")
        shown.expect("namespaces +show the namespaces\n(?s:.*)aerospike>")
        shown.complete("get te", "st")
        shown.type(" ")
        shown.complete(f"{set_name}she", "ll")
        shown.type(" first\r")
        shown.expect("generation 1, never expires\na  1\n(?s:.*)aerospike>")
        shown.type("get test nowhere nobody\r")
        shown.expect("get: RecordNotFound: record not found .*\n(?s:.*)aerospike>")
        shown.type("bad line 'x\r")
        shown.expect("No closing quotation\n(?s:.*)aerospike>")
        shown.type("abandoned")
        shown.interrupt()
        shown.expect("aerospike>")
        shown.type(f" put {namespace} {set_name} {name} secret=x\r")
        shown.expect("written\n(?s:.*)aerospike>")
        shown.type(f"truncate {namespace} {set_name}shell\r")
        shown.expect(re.escape(f"Remove all records of {namespace}.{set_name}shell? [y/N] "))
        shown.type("n\r")
        shown.expect("nothing was removed\n(?s:.*)aerospike>")
        shown.type("exit\r")
        assert shown.end() == 0
        assert "Traceback" not in shown.all
    history = tmp_path / "aerospike-py" / "shell_history"
    assert history.stat().st_mode & 0o077 == 0
    lines = re.findall(r"^\+(.*)", history.read_text(), re.M)
    assert lines[0] == "help"
    assert not any("secret" in line for line in lines)
    with terminal("shell", **environment, XDG_STATE_HOME=str(tmp_path)) as shown:
        shown.expect("(?s:Connected to .*aerospike>)")
        # What was typed before: the fifth line from the end.
        shown.type("\x1b[A" * 5 + "\r")
        shown.expect("generation 1, never expires\na  1\n(?s:.*)aerospike>")
        shown.type("\x04")
        assert shown.end() == 0
    client.remove((namespace, f"{set_name}shell", "first"))
    client.remove(key)


def test_a_password_is_asked_for_and_not_shown() -> None:
    users = [{"name": "ann", "password": "open sesame", "roles": ["read-write"]}]
    with DevCluster(users=users) as cluster:
        place = f"127.0.0.1:{cluster.port}"
        words = ("get", "test", "demo", "k", "--user", "ann", "--hosts", place)
        for password, message, status in (
            ("open sesame", "RecordNotFound", 3),
            ("simsalabim", "NotAuthenticated|AdminError|ClusterError", 1),
        ):
            with terminal(*words) as shown:
                shown.expect("Password of ann: ")
                shown.type(f"{password}\r")
                assert shown.end() == status
                assert re.search(message, shown.all), shown.all
                assert password not in shown.all


def test_ctrl_c_ends_a_command(tmp_path: Path) -> None:
    with DevCluster() as cluster:
        cluster.delay(60_000)
        words = ("get", "test", "demo", "k", "--timeout", "60000")
        place = ("--hosts", f"127.0.0.1:{cluster.port}")
        with terminal(*words, *place) as shown:
            while not cluster.counters()[0]["read"]:
                assert shown._process.poll() is None
            shown.interrupt()
            assert shown.end() == 130
            assert "Traceback" not in shown.all
        with terminal("shell", *words[4:], *place, XDG_STATE_HOME=str(tmp_path)) as shown:
            shown.expect("aerospike>")
            shown.type("get test demo k\r")
            while cluster.counters()[0]["read"] < 2:
                assert shown._process.poll() is None
            shown.skip()
            shown.interrupt()
            shown.expect("aerospike>")
            shown.type("\x04")
            assert shown.end() == 0
            assert "Traceback" not in shown.all
