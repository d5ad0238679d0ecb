"""Ports that speak TLS in front of plain nodes, and how connecting to one fails."""

import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py.devserver import Authority

NAME = "node.example"
"""Of all nodes, in their certificates."""

_HEADER_BYTES = 8
_INFO = 1


class Announcements:
    """Has nodes that know nothing of TLS say where they are reached with it.

    Attributes:
        fronts: For the port of each node the one that speaks TLS in front of it.
    """

    def __init__(self) -> None:
        self.fronts: dict[int, int] = {}

    def asked(self, body: bytes) -> bytes:
        """What a client asks of a node that has TLS, as one without is asked."""
        return re.sub(rb"(?m)^(peers|service)-tls-std$", rb"\1-clear-std", body)

    def answered(self, body: bytes) -> bytes:
        """What such a node answers, as one that has TLS does."""
        return re.sub(rb"(?m)^(peers|service)-clear-std\t(.*)$", self._line, body)

    def _line(self, line: re.Match[bytes]) -> bytes:
        kind, value = line[1].decode(), line[2].decode()
        if kind == "service":
            told = self._addresses(value, "")
        else:
            generation, port, peers = value.split(",", 2)
            told = f"{generation},{port}," + re.sub(
                r"\[(\w+),[^,\[]*,\[([^\]]*)\]\]",
                lambda peer: f"[{peer[1]},{NAME},[{self._addresses(peer[2], port)}]]",
                peers,
            )
        return f"{kind}-tls-std\t{told}".encode()

    def _addresses(self, listed: str, port: str) -> str:
        places = [place.partition(":") for place in listed.split(",")]
        return ",".join(f"{host}:{self.fronts[int(own or port)]}" for host, _, own in places)


@contextmanager
def tls_in_front_of_all(hosts: list[tuple[str, int]]) -> Iterator[dict[str, Any]]:
    """Ports that speak TLS in front of all nodes of a plain cluster on this machine.

    Yields:
        The configuration of a client that goes by them.
    """
    announcements = Announcements()
    authority = Authority()
    issued = authority.issue(NAME, "127.0.0.1", "localhost")
    with aerospike_py.client({"hosts": hosts}).connect() as client:
        answers = client.info_all("service-clear-std")
    with ExitStack() as stack:
        for _, _, response in answers:
            port = int(response.rpartition(":")[2])
            front = tls_in_front_of(port, issued.cert, issued.key, announcements=announcements)
            announcements.fronts[port] = stack.enter_context(front)
        places = [("127.0.0.1", port, NAME) for port in announcements.fronts.values()]
        yield {"hosts": places, "tls": {"ca": authority.pem}}


@contextmanager
def tls_in_front_of(
    port: int,
    cert: bytes,
    key: bytes,
    set_up: Any = None,
    announcements: Announcements | None = None,
) -> Iterator[int]:
    """A port that speaks TLS in front of a plain node; yields it.

    It is Python's own, so that a server of another hand than the dev server's answers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node.pem"
        path.write_bytes(key + cert)
        context.load_cert_chain(path)
    if set_up is not None:
        set_up(context)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        relays = _Relays(context, port, announcements)
        thread = threading.Thread(target=relays.accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            # A close alone would leave the thread in accept.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            relays.end()


class _Relays:
    def __init__(
        self, context: ssl.SSLContext, port: int, announcements: Announcements | None
    ) -> None:
        self._context = context
        self._port = port
        self._to_node = self._to_client = _pump
        if announcements is not None:
            self._to_node = _by_frames(announcements.asked)
            self._to_client = _by_frames(announcements.answered)
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def accept(self, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._relay, args=(accepted,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """Cuts what is still open; nobody accepts any more."""
        with self._lock:
            for each in self._open:
                _cut(each)
        for thread in self._threads:
            thread.join()

    @contextmanager
    def _known(self, opened: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(opened)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(opened)

    def _relay(self, accepted: socket.socket) -> None:
        try:
            with (
                accepted,
                self._context.wrap_socket(
                    accepted, server_side=True, do_handshake_on_connect=False
                ) as near,
                self._known(near),
            ):
                near.do_handshake()
                with (
                    socket.create_connection(("127.0.0.1", self._port)) as far,
                    self._known(far),
                ):
                    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    back = threading.Thread(target=self._to_client, args=(far, near), daemon=True)
                    back.start()
                    self._to_node(near, far)
                    back.join()
        except (OSError, ValueError):
            pass  # Either end is gone, or nobody came to an agreement.


def _pump(source: Any, target: Any) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except (OSError, ValueError):
        pass
    _cut(target)


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        # One with TLS has a method of its own, which leaves the thread that reads from it without
        # TLS: that would take the records themselves for what the client has sent.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _by_frames(change: Callable[[bytes], bytes]) -> Callable[[Any, Any], None]:
    """A pump that changes the bodies of what is asked about nodes, and of its answers."""

    def pump(source: Any, target: Any) -> None:
        reader = source.makefile("rb")
        with suppress(OSError, ValueError), reader:
            while len(header := reader.read(_HEADER_BYTES)) == _HEADER_BYTES:
                left = int.from_bytes(header[2:], "big")
                if header[1] == _INFO:
                    body = change(reader.read(left))
                    target.sendall(header[:2] + len(body).to_bytes(6, "big") + body)
                    continue
                begun = header
                while left > 0 and (part := reader.read1(left)):
                    target.sendall(begun + part)
                    begun = b""
                    left -= len(part)
        _cut(target)

    return pump


def tls_error(config: Any) -> aerospike_py.TLSError:
    """How connecting ends that must not succeed."""
    with pytest.raises(aerospike_py.TLSError) as caught:
        aerospike_py.client(config).connect()
    assert caught.value.result_code == -9
    return caught.value
