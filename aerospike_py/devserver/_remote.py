"""Control of a dev server from another process: lines of JSON over a TCP connection.

A request is an object with the command's name as "command" and its arguments, a reply one with
"ok", and "error" when that is false. Who sends anything else is left alone: what a browser is made
to send must not be taken for a command.
"""

import json
import socket
import socketserver
import threading
from types import TracebackType
from typing import Any, Literal

from .._config import parse_host
from ..exception import AerospikeError, ClientError, InvalidArgError
from ._controls import Controls

_LINE_BYTES_MAX = 1024 * 1024
_TIMEOUT_S = 30.0


class ControlServer:
    """Takes control commands for a cluster, in threads of its own, until it is closed.

    Args:
        cluster: What they are for.
        host: The address to listen on.
        port: The port; 0: any free one.

    Raises:
        ClientError: The port is taken, or there is no such address.
    """

    def __init__(self, cluster: Controls, host: str, port: int) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while (line := self.rfile.readline(_LINE_BYTES_MAX)).endswith(b"\n"):
                    reply = _answer(cluster, line)
                    if reply is None:
                        return
                    self.wfile.write(reply)

        class Server(socketserver.ThreadingTCPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # Whoever asked has gone.

        try:
            self._server = Server((host, port), Handler)
        except (OSError, OverflowError) as error:
            raise ClientError(f"control commands are not taken on port {port}: {error}") from error
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Takes no more commands."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answer(cluster: Controls, line: bytes) -> bytes | None:
    """The reply to a line; None when it is no request at all."""
    try:
        request = json.loads(line)
    except ValueError:
        return None
    if not isinstance(request, dict) or not isinstance(request.get("command"), str):
        return None
    command = request.pop("command")
    try:
        reply = {"ok": True, **cluster.control(command, **request)}
    except (AerospikeError, TypeError) as error:
        reply = {"ok": False, "error": str(error)}
    return json.dumps(reply, default=_as_text).encode() + b"\n"


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise TypeError(f"{type(value).__name__} has no form in JSON")


class RemoteCluster(Controls):
    """Controls a dev server that runs in another process, which was started with `--control-port`.

    It has the methods of a `DevCluster` that do something to nodes, such as `kill` and `delay`.

    Args:
        address: Where it takes commands: "host:port".

    Raises:
        ClientError: Nobody listens there.
        InvalidArgError: The address is not one.
    """

    def __init__(self, address: str) -> None:
        host, port = parse_host(address, "address")
        self._lock = threading.Lock()
        try:
            self._connection = socket.create_connection((host, port), timeout=_TIMEOUT_S)
        except OSError as error:
            raise ClientError(f"{address} does not take control commands: {error}") from error
        self._lines = self._connection.makefile("rb")

    def control(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Runs a control command by its name; the other methods do it for you.

        Raises:
            ClientError: The dev server has ended, or is not one.
            InvalidArgError: The command or an argument is not valid.
        """
        given = {key: value for key, value in arguments.items() if value is not None}
        request = json.dumps({**given, "command": command}).encode() + b"\n"
        try:
            with self._lock:
                self._connection.sendall(request)
                line = self._lines.readline()
        except OSError as error:
            raise ClientError(f"the dev server does not answer: {error}") from error
        if not line:
            raise ClientError("the dev server has ended, or takes no control commands there")
        reply: dict[str, Any] = json.loads(line)
        if not reply.pop("ok"):
            raise InvalidArgError(reply["error"])
        return reply

    def close(self) -> None:
        """Closes the connection; what was done stays done."""
        self._lines.close()
        self._connection.close()

    def __enter__(self) -> "RemoteCluster":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        self.close()
        return False
