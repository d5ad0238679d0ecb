"""Commands whose connections have to be made anew, in handshakes that do not go as they should.

Connecting itself is tested beside clusters that speak TLS.
"""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import kinds
import pytest
import situations
from kinds import KINDS, Work
from situations import FACES, OK, Ended
from stage import SubjectProcess
from subject import Outcome, Resources
from test_matrix import is_as

import aerospike_py
from aerospike_py.devserver import DevCluster

TOTAL_MS = 300
NAME = "tlsmatrix"
PATIENT = {"tend_interval": 60_000, "timeout": 10_000}


class Play:
    """One command by one client, whose node is told what to make of handshakes."""

    def __init__(self, cluster: DevCluster, process: SubjectProcess, face: str) -> None:
        self.cluster = cluster
        self.process = process
        self.face = face

    def run(self, total_ms: int = 4000) -> Outcome:
        policy = {"total_timeout": total_ms, "socket_timeout": 0}
        outcome: Outcome = self.process.ask("run", WORK, policy)
        return outcome

    def given_up(self) -> Outcome:
        faults = self.cluster.counters()[0]["faults"]
        self.process.tell("run", WORK, {"total_timeout": 0, "socket_timeout": 0})
        end_s = time.monotonic() + 10
        while self.cluster.counters()[0]["faults"] == faults:
            assert time.monotonic() < end_s, "no handshake came"
            time.sleep(0.002)
        if self.face == "sync":
            os.kill(self.process.pid, signal.SIGUSR1)
        else:
            self.process.tell("cancel")
        outcome: Outcome = self.process.reply("run")
        return outcome

    def without_descriptors(self) -> Outcome:
        assert self.process.ask("settle", 1 << 20).open == 0
        self.process.ask("limit", "descriptors")
        outcome = self.run()
        self.process.ask("lift")
        return outcome


WORK = Work(NAME, 1, "")
GIVEN_UP = {
    "sync": Ended("Interrupt", (None,), None),
    "async": Ended("CancelledError", (None,), None),
}

# What handshakes become, how the command runs, and how it ends.
SITUATIONS: dict[str, tuple[Callable[[DevCluster], None], Callable[[Play], Outcome], Any]] = {
    "stalled": (
        lambda cluster: cluster.drop(scope="handshake"),
        lambda play: play.run(TOTAL_MS),
        Ended("AerospikeTimeoutError", (situations.TIMEOUT,)),
    ),
    "torn": (
        lambda cluster: cluster.truncate_replies(scope="handshake"),
        Play.run,
        Ended("ClusterError", (situations.CONNECTION,)),
    ),
    "answered in plain text": (
        lambda cluster: cluster.corrupt(scope="handshake"),
        Play.run,
        Ended("TLSError", (-9,)),
    ),
    "torn once": (
        lambda cluster: cluster.truncate_replies(scope="handshake", count=1),
        Play.run,
        OK,
    ),
    "given up": (
        lambda cluster: cluster.drop(scope="handshake"),
        Play.given_up,
        GIVEN_UP,
    ),
    "forked": (
        lambda cluster: None,
        lambda play: play.process.ask("fork", WORK, None, False),
        OK,
    ),
    "without descriptors": (
        lambda cluster: None,
        Play.without_descriptors,
        Ended("ClientError", (situations.NO_DESCRIPTOR,)),
    ),
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[DevCluster]:
    with DevCluster(nodes=1, tls=True) as made:
        with aerospike_py.client(made.config).connect() as client:
            kinds.prepare(client, KINDS["get"], NAME, "", is_bulk=False)
        yield made


@pytest.mark.parametrize(
    ("situation", "face", "kind"),
    list(itertools.product(SITUATIONS, FACES, ("get", "batch_read", "query"))),
)
def test_cell(cluster: DevCluster, situation: str, face: str, kind: str) -> None:
    spoil, play, expected = SITUATIONS[situation]
    ended: Ended = expected[face] if isinstance(expected, dict) else expected
    process = SubjectProcess(face, kind, {**cluster.config, **PATIENT})
    try:
        process.ask("create")
        before: Resources = process.ask("connect")
        playing = Play(cluster, process, face)
        cluster.close_connections()
        spoil(cluster)
        begin_s = time.monotonic()
        outcome = play(playing)
        told = KINDS[kind].expected(WORK)
        assert is_as(outcome, ended, KINDS[kind], told), outcome
        assert time.monotonic() - begin_s < situations.SLACK_S
        cluster.clear_faults()
        assert process.ask("settle", 1 << 20).in_use == 0
        again = playing.run()
        assert is_as(again, OK, KINDS[kind], told), again
        assert process.ask("close") < situations.CLOSE_MAX_S
        process.ask("forget")
        closed: Resources = process.ask("settle", before.descriptors)
        assert (closed.in_use, closed.open) == (0, 0)
        assert closed.descriptors <= before.descriptors
    finally:
        cluster.clear_faults()
        process.end()
