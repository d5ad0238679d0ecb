"""Each node is told once, on the connection that asks it how it is, who this client is."""

import base64
import threading
from typing import Any

import pytest
from recording_node import RecordingNode

import aerospike_py

INFO = 1
ADMIN = 2
NO_SECURITY = 52
QUESTION = "user-agent-set:value="


class Listening(RecordingNode):
    """Keeps what it is told."""

    def __init__(self, build: str) -> None:
        super().__init__()
        self._answers["build"] = build
        self.agents: list[str] = []
        self.rounds = 0
        self._changed = threading.Condition()

    def _answer(self, frame: bytes) -> bytes:
        if frame[1] == ADMIN:
            body = bytes([0, NO_SECURITY]) + bytes(14)
            return bytes([2, ADMIN]) + len(body).to_bytes(6, "big") + body
        if frame[1] == INFO:
            with self._changed:
                for question in frame[8:].decode().split("\n"):
                    if question.startswith(QUESTION):
                        told = base64.b64decode(question.removeprefix(QUESTION), validate=True)
                        self.agents.append(told.decode())
                    self.rounds += question == "peers-generation"
                self._changed.notify_all()
        return super()._answer(frame)

    def wait_for_rounds(self, count: int) -> None:
        with self._changed:
            until = self.rounds + count
            assert self._changed.wait_for(lambda: self.rounds >= until, 20)


LIBRARY = f"aerospike_py-{aerospike_py.__version__}"


@pytest.mark.parametrize(
    ("build", "config", "expected"),
    [
        ("8.1.0.0", {}, [f"1,{LIBRARY},not-set"]),
        ("8.1.2.1", {"app_id": "shöp"}, [f"1,{LIBRARY},shöp"]),
        ("9.0.0", {"user": "ada", "password": "secret"}, [f"1,{LIBRARY},ada"]),
        ("8.0.0.9", {"app_id": "shop"}, []),
    ],
)
def test_a_server_that_takes_it_is_told(build: str, config: Any, expected: list[str]) -> None:
    with Listening(build) as node:
        hosts = [("127.0.0.1", node.port)]
        with aerospike_py.client({"hosts": hosts, "tend_interval": 100, **config}).connect():
            # The first questions of all say so.
            assert node.agents == expected
            node.wait_for_rounds(3)
            assert node.agents == expected


@pytest.mark.parametrize("app_id", ["x" * 64, "a\nb"])
def test_what_no_server_takes_is_refused(app_id: str) -> None:
    client = aerospike_py.client({"hosts": [("127.0.0.1", 1)], "app_id": app_id})
    with pytest.raises(aerospike_py.InvalidArgError, match="app_id"):
        client.connect()
