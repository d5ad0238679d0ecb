"""The dev server runs random functions in Lua as a real server does, byte for byte.

`--server HOST:PORT` names the real server; without it only this is shown, that every function runs.
`DEV_SERVER_PROGRAMS=2000` makes a long run.
"""

import os
import uuid
from collections.abc import Iterator
from random import Random
from typing import Any

import function_programs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_server import (
    BLOB,
    INFO2_WRITE,
    INTEGER,
    LIST,
    MAP,
    STRING,
    WRITE,
    Flagged,
    Operation,
    RawServer,
    Request,
    pack,
    read_all,
)

import aerospike_py
from aerospike_py.devserver import DevCluster

_PROGRAMS = int(os.environ.get("DEV_SERVER_PROGRAMS", "60"))


@pytest.fixture(scope="module")
def module() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="module")
def servers(server: Any, module: str) -> Iterator[list[RawServer]]:
    """The dev server, and the one to compare with if there is one."""
    with DevCluster(nodes=1) as cluster:
        places = list(cluster.hosts)
        if server.embedded is None:
            places.append(server.hosts[0])
        set_name = f"f{uuid.uuid4().hex[:8]}"
        for place in places:
            with aerospike_py.client({"hosts": [place]}).connect() as client:
                client.udf_put(f"{module}.lua", source=function_programs.MODULE)
        connections = [RawServer(host, port, set_name) for host, port in places]
        yield connections
        for connection in connections:
            connection.close()
        with aerospike_py.client({"hosts": places[-1:]}).connect() as client:
            client.udf_remove(module)


def _record(random: Random, digest: bytes) -> Request:
    numbers = random.choice([[], [3, 1, 2], [1, "a", 2.5, None, [1]], [b"x", -7]])
    pairs = random.choice([{}, {"b": 1, "a": 2, 3: [4]}, {b"k": 1, "a": {"c": 2}}])
    flags = random.choice([0, 0, 1, 3])
    bins = [
        Operation(WRITE, "i", random.choice([0, 5, -1]).to_bytes(8, "big", signed=True), INTEGER),
        Operation(WRITE, "s", random.choice([b"", b"text", b"a\0b"]), STRING),
        Operation(
            WRITE, "l", pack(Flagged(1, [1, 2, [3, Flagged(1, [4])]]) if flags else numbers), LIST
        ),
        Operation(WRITE, "m", pack(Flagged(flags, {1: 1, "a": 2}) if flags else pairs), MAP),
        Operation(WRITE, "b", random.choice([bytes(range(16)), bytes(20)]), BLOB),
    ]
    kept = random.sample(bins, random.choice([1, 4, 5, 5]))
    return Request(digest, tuple(kept), 0, INFO2_WRITE)


@pytest.mark.timeout(600)
@settings(
    max_examples=_PROGRAMS,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(random=st.randoms(use_true_random=True))
def test_functions_are_answered_alike(
    servers: list[RawServer], module: str, random: Random
) -> None:
    digest = uuid.uuid4().bytes + bytes(4)
    requests = [_record(random, digest)] if random.random() < 0.8 else []
    for _ in range(random.choice([1, 1, 2])):
        source = function_programs.function(random)
        function = (module, "run")
        call = Request(digest, (), 0, INFO2_WRITE, function=function, arguments=pack([source]))
        requests += [call, read_all(digest)]
    ours, *others = [[server.send(request) for request in requests] for server in servers]
    assert len(ours) == len(requests)
    for theirs in others:
        assert ours == theirs
