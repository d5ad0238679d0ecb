"""What is left of secrets in the memory of a process whose clients are closed: nothing of ours.

The process is told where keys and their password are, and has none itself. The password of the user
is the exception; the core makes a hash of it, which Python does not know. What OpenSSL leaves of a
key that it has decoded is not looked for.
"""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from aerospike_py.devserver import DevCluster

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/<pid>/mem")

# As bcrypt writes it, with the salt that all users have.
HASH = rb"\$2a\$10\$7EqJtq98hPqEX7fNZaFWoO[./A-Za-z0-9]{31}"
KEY_PASSWORD = "the password of the key"
TOKEN_FIELD = 5
# What each of the C library's further heaps begins at a multiple of.
ARENA_BYTES = 64 * 1024 * 1024
SCRIPT = """
import asyncio, gc, json, sys
import aerospike_py
first, last = json.loads(sys.stdin.readline())
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
    first: Any, last: Any, patterns_of: Callable[[], dict[str, bytes]]
) -> set[str]:
    """The names of the patterns that a process has in its memory when its clients are closed.

    They are asked for then, as sessions are not known before.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([first, last]) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "closed\n"
        patterns = patterns_of()
        found = {
            name
            for part in allocated_memory(process.pid)
            for name, pattern in patterns.items()
            if re.search(pattern, part)
        }
        process.stdin.write("\n")
    assert process.returncode == 0
    return found


def test_keys_and_passwords(secured: DevCluster, tmp_path: Path) -> None:
    own = secured.authority.issue("client.dev", common_name="client")
    key = load_pem_private_key(own.key, None)
    paths = {name: str(tmp_path / name) for name in ("ca", "cert", "open", "locked", "password")}
    locking = BestAvailableEncryption(KEY_PASSWORD.encode())
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locking)
    opened = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    Path(paths["ca"]).write_bytes(secured.authority.pem)
    Path(paths["cert"]).write_bytes(own.cert)
    Path(paths["open"]).write_bytes(opened)
    Path(paths["locked"]).write_bytes(locked)
    Path(paths["password"]).write_text(KEY_PASSWORD + "\n")
    patterns = {
        "key": re.escape(opened.splitlines()[1][8:48]),
        "password": re.escape(KEY_PASSWORD.encode()),
        "hash": HASH,
    }
    login = {
        "hosts": [(host, port, "node.dev") for host, port in secured.hosts],
        "user": "ada",
        "password": "secret",
    }
    files = {"cafile": paths["ca"], "certfile": paths["cert"]}
    unlocking = {"keyfile": paths["locked"], "keyfile_pw": f"file:{paths['password']}"}
    first, last = files | {"keyfile": paths["open"]}, files | unlocking
    left = left_after_close({**login, "tls": first}, {**login, "tls": last}, lambda: patterns)
    assert left == set()


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


def test_sessions(mixed: DevCluster) -> None:
    """Without TLS, where they can be listened to."""
    listening = Listening(mixed.port)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=listening.accept, args=(listener,))
        thread.start()
        try:
            port = listener.getsockname()[1]
            config = {"hosts": [("127.0.0.1", port)], "user": "ada", "password": "secret"}
            left = left_after_close(config, config, listening.patterns)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            listening.end()
    assert left == set()
