"""A port that speaks TLS in front of a plain node, and how connecting to one fails."""

import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
        thread = threading.Thread(target=_accept, args=(listener, context, port), daemon=True)
        thread.start()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        try:
            accepted, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_relay, args=(accepted, context, port), daemon=True).start()


def _relay(accepted: socket.socket, context: ssl.SSLContext, port: int) -> None:
    try:
        with (
            context.wrap_socket(accepted, server_side=True) as near,
            socket.create_connection(("127.0.0.1", port)) as far,
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
