"""The dev server answers random raw programs byte for byte as a real server does.

`--server HOST:PORT` names the real server; without it only this is shown, that every program is
answered by the dev server. `DEV_SERVER_PROGRAMS=2000` makes a long run.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import blob_programs
import branch_programs
import cdt_programs
import expression_programs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_server import RawServer, Reply, Request, read_all

from aerospike_py.devserver import DevCluster

_PROGRAMS = int(os.environ.get("DEV_SERVER_PROGRAMS", "60"))

Program = Callable[[Random, bytes], list[Request]]


@pytest.fixture(scope="module")
def servers(server: Any) -> Iterator[list[RawServer]]:
    """The dev server, and the one to compare with if there is one."""
    with DevCluster(nodes=1) as cluster:
        places = list(cluster.hosts)
        if server.embedded is None:
            places.append(server.hosts[0])
        set_name = f"p{uuid.uuid4().hex[:8]}"
        connections = [RawServer(host, port, set_name) for host, port in places]
        yield connections
        for connection in connections:
            connection.close()


def _answers(server: RawServer, requests: list[Request]) -> list[Reply]:
    answers = []
    for request in requests:
        answers.append(server.send(request))
        answers.append(server.send(read_all(request.digest)))
    return answers


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "program",
    [
        cdt_programs.program,
        expression_programs.program,
        branch_programs.program,
        blob_programs.bits,
        blob_programs.hlls,
    ],
    ids=["lists and maps", "expressions", "branches", "bits", "HyperLogLogs"],
)
@settings(
    max_examples=_PROGRAMS,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(random=st.randoms(use_true_random=True))
def test_programs_are_answered_alike(
    servers: list[RawServer], program: Program, random: Random
) -> None:
    requests = program(random, uuid.uuid4().bytes + bytes(4))
    answers = [_answers(server, requests) for server in servers]
    assert all(len(replies) == 2 * len(requests) for replies in answers)
    for others in answers[1:]:
        assert answers[0] == others
