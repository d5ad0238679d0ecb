"""What is left of secrets in the memory of a process whose clients are closed: nothing of ours.
And in what a client tells of itself, whatever goes wrong: none of them.

The process is told where keys and their password are, and has none itself. The password of the user
is the exception; the core makes a hash of it, which Python does not know. What OpenSSL leaves of a
key that it has decoded is not looked for.
"""

import base64
import json
import logging
import pickle
import re
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from terminator import tls_in_front_of

import aerospike_py
from aerospike_py._ffi import ffi
from aerospike_py.devserver import DevCluster

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/<pid>/mem")

# As bcrypt writes it, with the salt that all users have.
HASH = rb"\$2a\$10\$7EqJtq98hPqEX7fNZaFWoO[./A-Za-z0-9]{31}"
KEY_PASSWORD = "the password of the key"
LIBRARY = Path(aerospike_py.__file__).parent / "libaerospike_zig.so"
TOKEN_FIELD = 5
# What each of the C library's further heaps begins at a multiple of.
ARENA_BYTES = 64 * 1024 * 1024
SCRIPT = """
import asyncio, gc, json, logging, os, sys, threading
import aerospike_py
first, last, replaced = json.loads(sys.stdin.readline())
for config in first, last:
    config["hosts"] = [tuple(host) for host in config["hosts"]]
keys = [("test", "secrets", number) for number in range(20)]

def sync():
    with aerospike_py.client(first).connect() as client:
        for key in keys:
            client.put(key, {"n": 1})
        client.batch_read(keys)
        assert "secret" not in repr(client)
        client.admin_change_password("ada", "secret")
        client.put(keys[0], {"n": 2})
        if replaced:
            replace(client)

def replace(client):
    have_told = threading.Event()
    handler = logging.NullHandler()
    handler.handle = lambda record: "new connections use" in record.getMessage() and have_told.set()
    aerospike_py.set_log_level(aerospike_py.LOG_LEVEL_INFO)
    logging.getLogger("aerospike_py").addHandler(handler)
    for source, target in replaced:
        os.replace(source, target)
    assert have_told.wait(20)
    client.batch_read(keys)

def refused():
    for wrong in {"password": "wrong"}, {"user": "nobody"}:
        client = aerospike_py.client(first | wrong)
        try:
            client.connect()
        except aerospike_py.AdminError:
            client.close()
        else:
            raise AssertionError(wrong)

async def beside():
    async with aerospike_py.AsyncClient(last).connect() as client:
        await asyncio.gather(*(client.put(key, {"n": 1}) for key in keys))
        await client.admin_change_password("ada", "secret")
        try:
            await client.admin_create_user("mia", "another", [])
        except aerospike_py.AdminError:
            pass  # Not for ada to do.

sync()
refused()
asyncio.run(beside())
gc.collect()
print("closed", flush=True)
sys.stdin.readline()
"""


def allocated_memory(pid: int) -> Iterator[bytes]:
    """All that was ever allocated; not stacks, on which the next calls overwrite the last."""
    with (
        (Path("/proc") / str(pid) / "maps").open() as maps,
        (Path("/proc") / str(pid) / "mem").open("rb", 0) as memory,
    ):
        for line in maps:
            span, rights, *_ = line.split()
            first, _, end = span.partition("-")
            is_heap = line.endswith("[heap]\n") or int(first, 16) % ARENA_BYTES == 0
            if "w" in rights and is_heap:
                with suppress(OSError):
                    memory.seek(int(first, 16))
                    yield memory.read(int(end, 16) - int(first, 16))


def left_after_close(
    first: Any,
    last: Any,
    patterns_of: Callable[[], dict[str, bytes]],
    replaced: tuple[tuple[str, str], ...] = (),
) -> set[str]:
    """The names of the patterns that a process has in its memory when its clients are closed.

    They are asked for then, as sessions are not known before.

    Args:
        replaced: Files that take the place of others while the first client is connected.
    """
    return left_of(SCRIPT, (json.dumps([first, last, replaced]) + "\n").encode(), patterns_of)


def left_of(
    script: str, told: bytes, patterns_of: Callable[[], dict[str, bytes]], *arguments: str
) -> set[str]:
    """The same of any script, which is told what to do, and says when it has closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(told)
        process.stdin.flush()
        assert process.stdout.readline() == b"closed\n"
        patterns = patterns_of()
        found = {
            name
            for part in allocated_memory(process.pid)
            for name, pattern in patterns.items()
            if re.search(pattern, part)
        }
        process.stdin.write(b"\n")
    assert process.returncode == 0
    return found


class Keys:
    """Of a client that is to be, in files: open, and locked with a password."""

    def __init__(self, cluster: DevCluster, folder: Path, which: str) -> None:
        own = cluster.authority.issue("client.dev", common_name="client")
        key = load_pem_private_key(own.key, None)
        locking = BestAvailableEncryption(KEY_PASSWORD.encode())
        self.chain = own.cert
        self.locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locking)
        opened = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.pattern = re.escape(opened.splitlines()[1][8:48])
        self.cert, self.open = str(folder / f"cert{which}"), str(folder / f"open{which}")
        Path(self.cert).write_bytes(own.cert)
        Path(self.open).write_bytes(opened)


def test_keys_and_passwords(secured: DevCluster, tmp_path: Path) -> None:
    """Of a key that another one takes the place of, too."""
    ca, locked, password = (str(tmp_path / name) for name in ("ca", "locked", "password"))
    own, next_one = Keys(secured, tmp_path, ""), Keys(secured, tmp_path, " next")
    last_one = Keys(secured, tmp_path, " last")
    Path(ca).write_bytes(secured.authority.pem)
    Path(locked).write_bytes(last_one.locked)
    Path(password).write_text(KEY_PASSWORD + "\n")
    patterns = {
        "key": own.pattern,
        "next key": next_one.pattern,
        "last key": last_one.pattern,
        "password": re.escape(KEY_PASSWORD.encode()),
        "hash": HASH,
    }
    login = {
        "hosts": [(host, port, "node.dev") for host, port in secured.hosts],
        "user": "ada",
        "password": "secret",
        "tend_interval": 250,
    }
    first = {"cafile": ca, "certfile": own.cert, "keyfile": own.open}
    unlocking = {"keyfile": locked, "keyfile_pw": f"file:{password}"}
    last = {"cafile": ca, "certfile": last_one.cert, **unlocking}
    replaced = ((next_one.cert, own.cert), (next_one.open, own.open))
    left = left_after_close(
        {**login, "tls": first}, {**login, "tls": last}, lambda: patterns, replaced
    )
    assert left == set()


# What it is told goes by no object of Python's, and is overwritten as soon as the core has it.
ABI_SCRIPT = """
import ctypes, os, sys
size = int.from_bytes(os.read(0, 4), "big")
told = (ctypes.c_uint8 * size)()
assert os.readv(0, [told]) == size
library = ctypes.CDLL(sys.argv[1])
client, error = ctypes.c_void_p(), (ctypes.c_uint32 * 512)(int(sys.argv[2]))
status = library.asz_client_create(told, ctypes.c_uint64(size), ctypes.byref(client), error)
ctypes.memset(told, 0, size)
assert status == 0, bytes(error)[:600]
for _ in range(2):
    status = library.asz_client_connect(client, error)
    assert status == 0, bytes(error)[:600]
    assert library.asz_client_is_connected(client) == 1
    library.asz_client_close(client)
library.asz_client_destroy(client)
os.write(1, b"closed\\n")
os.read(0, 1)
"""


def test_who_calls_the_library_from_another_language(secured: DevCluster, tmp_path: Path) -> None:
    """Where all secrets are in what a client is created from."""
    own = Keys(secured, tmp_path, "")
    password = "directory"
    config = {
        "hosts": [["127.0.0.1", secured.port, "node.dev"]],
        "user": "eve",
        "password": password,
        "auth_mode": aerospike_py.AUTH_EXTERNAL,
        "tls": {
            "ca": secured.authority.pem,
            "cert": own.chain,
            "key": own.locked,
            "keyfile_pw": KEY_PASSWORD,
        },
    }
    told = msgspec.msgpack.encode(config)
    patterns = {
        "key": own.pattern,
        "locked key": re.escape(own.locked.splitlines()[1][8:48]),
        "password of the key": re.escape(KEY_PASSWORD.encode()),
        # As the message for the core, or one for a node, has it.
        "password": rb"(password\xa9|\x00\x0a[\x03-\x05])" + password.encode(),
        "hash": HASH,
    }
    arguments = str(LIBRARY), str(ffi.sizeof("asz_error"))
    framed = len(told).to_bytes(4, "big") + told
    assert left_of(ABI_SCRIPT, framed, lambda: patterns, *arguments) == set()


class Listening:
    """Passes on what a client and a node say, and writes down the sessions that are granted."""

    def __init__(self, port: int) -> None:
        self.tokens: list[bytes] = []
        self._node = port
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._node))
            self._open += [near, far]
            for pair in ((near, far), (far, near)):
                thread = threading.Thread(target=self._pump, args=(*pair, pair[0] is far))
                thread.start()
                self._threads.append(thread)

    def patterns(self) -> dict[str, bytes]:
        assert self.tokens
        named = {f"session {each.hex()}": re.escape(each) for each in self.tokens}
        return {"hash": HASH, **named}

    def end(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._open:
            each.close()

    def _pump(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                # Of the security protocol: a reply comes alone, and in one piece.
                if answers and data[1] == 2:
                    self.tokens += tokens_in(data[24:])
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def tokens_in(fields: bytes) -> Iterator[bytes]:
    while len(fields) > 5:
        size = int.from_bytes(fields[:4], "big")
        if fields[4] == TOKEN_FIELD:
            yield fields[5 : 4 + size]
        fields = fields[4 + size :]


@pytest.mark.parametrize("over_tls", [False, True], ids=["plain", "tls"])
def test_sessions(mixed: DevCluster, over_tls: bool, tmp_path: Path) -> None:
    """They are listened to without TLS, in front of which something may speak it."""
    listening = Listening(mixed.port)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=listening.accept, args=(listener,))
        thread.start()
        try:
            with ExitStack() as stack:
                port = listener.getsockname()[1]
                config: dict[str, Any] = {"user": "ada", "password": "secret"}
                if over_tls:
                    own = mixed.authority.issue("node.dev")
                    port = stack.enter_context(tls_in_front_of(port, *own))
                    ca = tmp_path / "ca"
                    ca.write_bytes(mixed.authority.pem)
                    config["tls"] = {"cafile": str(ca)}
                config["hosts"] = [("127.0.0.1", port, "node.dev")]
                left = left_after_close(config, config, listening.patterns)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            listening.end()
    assert left == set()


PASSWORDS = {name: f"the-password-{name}-9f3" for name in ("own", "next", "wrong", "new", "bad")}


class Told:
    """All that clients say, of which nothing may be a secret."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, *texts: object) -> None:
        self.texts += [shown for text in texts for shown in (repr(text), str(text))]

    @contextmanager
    def failing(self, kind: type[BaseException] = Exception) -> Iterator[None]:
        """What is inside fails."""
        with pytest.raises(kind) as caught:
            yield
        error = caught.value
        pickled = pickle.dumps(error).decode("latin-1")
        # Without the lines of this file, which has them all.
        stack = traceback.TracebackException.from_exception(error).format_exception_only()
        self.note(error, vars(error), pickled, *stack)


def mistakes(key: bytes) -> Iterator[dict[str, Any]]:
    """Configurations that are refused, with a secret each."""
    secret = PASSWORDS["bad"]
    # As variables of the environment come that are not UTF-8.
    for name in ("keyfile_pw", "key", "cert", "certfile"):
        yield {name: secret + "\udcff"}
    for value in (secret.encode(), [secret], {secret: secret}, (secret,), {secret}, secret * 999):
        yield {"keyfile_pw": value, "ca": b"none"}
    for name in ("key", "cert", "ca"):
        for value in (secret, secret.encode(), [key], {"pem": key}, bytearray(key) + b"x"):
            yield {name: value}
    yield {"keyfile_pwd": secret}
    yield {"cert": key, "key": key}


def test_nothing_that_is_told_has_a_secret_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, span_exporter: InMemorySpanExporter
) -> None:
    caplog.set_level(0)
    caplog.set_level(5, "aerospike_py")
    told = Told()
    users = [{"name": "ada", "password": PASSWORDS["own"], "roles": ["user-admin", "read-write"]}]
    with ExitStack() as stack:
        cluster = stack.enter_context(DevCluster(nodes=1, tls=True, allows_plain=True, users=users))
        own = Keys(cluster, tmp_path, "")
        key = Path(own.open).read_bytes()
        tls = {"ca": cluster.authority.pem, "cert": own.chain, "key": own.locked}
        unlocked = tls | {"keyfile_pw": KEY_PASSWORD}
        config: Any = cluster.config | {"tls": unlocked, "user": "ada"}
        config |= {"password": PASSWORDS["own"], "tend_interval": 250}
        for wrong in (*mistakes(key), tls | {"keyfile_pw": PASSWORDS["bad"]}):
            with told.failing():
                aerospike_py.client(config | {"tls": wrong})
        bad = PASSWORDS["bad"]
        for each in ([bad], bad.encode(), {bad: 1}, bad + "\udcff"):
            with told.failing():
                aerospike_py.client(config | {"password": each})
            with told.failing():
                aerospike_py.client(config).connect("ada", each)
        with told.failing():
            aerospike_py.client(config | {"passwort": bad})
        with told.failing(aerospike_py.AdminError):
            aerospike_py.client(config | {"password": PASSWORDS["wrong"]}).connect()
        with told.failing(aerospike_py.InvalidArgError):
            external = config | {"tls": {"enable": False}, "auth_mode": aerospike_py.AUTH_EXTERNAL}
            aerospike_py.client(external).connect()

        with aerospike_py.client(config).connect() as client:
            told.note(client, client.stats(), client.tls_stats(), client.info_all("status"))
            client.put(("test", "told", 1), {"n": 1})
            client.admin_create_user("mia", PASSWORDS["new"], ["read"])
            with told.failing(aerospike_py.AdminError):
                client.admin_create_user("mia", PASSWORDS["new"], ["read"])
            with told.failing(aerospike_py.AdminError):
                client.admin_change_password("nobody", bad)
            with told.failing(aerospike_py.InvalidArgError):
                client.admin_create_user("mia", bad + "\udcff", ["read"])
            with told.failing():
                client.admin_change_password("mia", [bad])  # type: ignore[arg-type]
            client.admin_change_password("ada", PASSWORDS["next"])
            cluster.revoke_sessions()
            cluster.close_connections()
            client.get(("test", "told", 1), policy={"max_retries": 5, "total_timeout": 5000})
            with told.failing(TypeError):
                pickle.dumps(client)
            told.note(client)

        # Tokens, where they can be listened to.
        listening = Listening(cluster.port)
        listener = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        thread = threading.Thread(target=listening.accept, args=(listener,))
        thread.start()
        try:
            hosts = [("127.0.0.1", listener.getsockname()[1])]
            plain = {"hosts": hosts, "user": "ada", "password": PASSWORDS["next"]}
            with aerospike_py.client(plain).connect() as client:
                client.put(("test", "told", 2), {"n": 1})
                told.note(client)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            listening.end()
        told.note(aerospike_py.get_metrics())
    told.note(*caplog.messages, *(vars(record) for record in caplog.records))
    told.note(*(span.to_json() for span in span_exporter.get_finished_spans()))
    assert [each for each in caplog.records if each.levelno <= logging.INFO]
    assert span_exporter.get_finished_spans()
    assert listening.tokens

    secrets = [*PASSWORDS.values(), KEY_PASSWORD, *own.locked.decode().split("\n")[1:-2]]
    secrets += key.decode().split("\n")[1:-2]
    for token in listening.tokens:
        shown = repr(token)[2:-1], token.hex(), base64.b64encode(token).decode()
        secrets += (*shown, token.decode("latin-1"))
    everything = "\n".join(told.texts)
    assert [each for each in secrets if each in everything] == []
    assert re.search(HASH.decode(), everything) is None
