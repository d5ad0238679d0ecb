"""A filter whose text the server compiles is sent to servers that can, on every kind of command."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from recording_node import RecordingNode, Request

import aerospike_py
from aerospike_py import ClusterError, batch, exp

_KEYS = [("test", "recorded", number) for number in range(2)]
_POLICY: Any = {"expressions": exp.from_text("$.n == 1")}
_BYTES = b"\x92\xcc\x80\xc4\x08$.n == 1"
_COMMANDS: dict[str, Callable[[aerospike_py.Client], Any]] = {
    "get": lambda client: client.get(_KEYS[0], _POLICY),
    "put": lambda client: client.put(_KEYS[0], {"n": 1}, policy=_POLICY),
    "batch": lambda client: client.batch_read(_KEYS, policy=_POLICY),
    "rows": lambda client: client.batch([batch.read(key, policy=_POLICY) for key in _KEYS]),
    "query": lambda client: client.query("test", "recorded").results(_POLICY),
}


@pytest.mark.parametrize("name", _COMMANDS)
def test_the_text_is_the_filter(name: str) -> None:
    config = {"tend_interval": 60_000}
    with (
        RecordingNode(build="8.2.0.1") as node,
        aerospike_py.client({**config, "hosts": [("127.0.0.1", node.port)]}).connect() as client,
    ):
        with contextlib.suppress(ClusterError):  # The node answers no rows.
            _COMMANDS[name](client)
        request = node.requests[0]
    if name == "rows":
        assert request.count(_BYTES) == 1  # The second row repeats the first.
    else:
        assert Request(request).filter == _BYTES
