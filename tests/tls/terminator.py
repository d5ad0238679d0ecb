"""A port that speaks TLS in front of a plain node, and how connecting to one fails."""

import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import aerospike_py


@contextmanager
def tls_in_front_of(port: int, cert: bytes, key: bytes, set_up: Any = None) -> Iterator[int]:
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
        relays = _Relays(context, port)
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
    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        self._context = context
        self._port = port
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def accept(self, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._relay, args=(accepted,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """Cuts what is still open; nobody accepts any more."""
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
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
                    back = threading.Thread(target=_pump, args=(far, near), daemon=True)
                    back.start()
                    _pump(near, far)
                    back.join()
        except (OSError, ValueError):
            pass  # Either end is gone, or nobody came to an agreement.


def _pump(source: Any, target: Any) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
    except (OSError, ValueError):
        pass


def tls_error(config: Any) -> aerospike_py.TLSError:
    """How connecting ends that must not succeed."""
    with pytest.raises(aerospike_py.TLSError) as caught:
        aerospike_py.client(config).connect()
    assert caught.value.result_code == -9
    return caught.value
