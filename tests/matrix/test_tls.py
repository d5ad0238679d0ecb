"""Connecting, and commands whose connections have to be made anew, in handshakes that do not go as
they should."""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """One command by one client, whose node is told what to make of handshakes; or connecting."""

    def __init__(
        self, cluster: DevCluster, process: SubjectProcess, face: str, connects: bool
    ) -> None:
        self.cluster = cluster
        self.process = process
        self.face = face
        self.connects = connects

    @property
    def doing(self) -> str:
        return "open" if self.connects else "run"

    def run(self, total_ms: int = 4000) -> Outcome:
        outcome: Outcome = self.process.ask(self.doing, *self._arguments(total_ms))
        return outcome

    def _arguments(self, total_ms: int) -> tuple[Any, ...]:
        if self.connects:
            return ()
        return WORK, {"total_timeout": total_ms, "socket_timeout": 0}

    def given_up(self) -> Outcome:
        faults = self.cluster.counters()[0]["faults"]
        self.process.tell(self.doing, *self._arguments(0))
        end_s = time.monotonic() + 10
        while self.cluster.counters()[0]["faults"] == faults:
            assert time.monotonic() < end_s, "no handshake came"
            time.sleep(0.002)
        if self.face == "sync":
            os.kill(self.process.pid, signal.SIGUSR1)
        else:
            self.process.tell("cancel")
        outcome: Outcome = self.process.reply(self.doing)
        return outcome

    def without_descriptors(self) -> Outcome:
        if not self.connects:
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


def end_of(situation: str, face: str) -> Ended:
    expected: Any = SITUATIONS[situation][2]
    ended: Ended = expected[face] if isinstance(expected, dict) else expected
    return ended


@contextmanager
def played(
    cluster: DevCluster, situation: str, ended: Ended, face: str, kind: str, config: dict[str, Any]
) -> Iterator[tuple[Play, Callable[[Any], None]]]:
    """A client, and what brings a situation about, to whose end it holds.

    What was opened is closed in the end.
    """
    spoil, play, _ = SITUATIONS[situation]
    process = SubjectProcess(face, kind, {**cluster.config, **PATIENT, **config})
    try:
        process.ask("create")
        before: Resources = process.ask("held")
        playing = Play(cluster, process, face, connects=False)

        def bring_about(told: Any) -> None:
            spoil(cluster)
            begin_s = time.monotonic()
            outcome = play(playing)
            assert is_as(outcome, ended, KINDS[kind], told), outcome
            assert time.monotonic() - begin_s < situations.SLACK_S
            cluster.clear_faults()

        yield playing, bring_about
        assert process.ask("settle", 1 << 20).in_use == 0
        playing.connects = False
        again = playing.run()
        assert is_as(again, OK, KINDS[kind], KINDS[kind].expected(WORK)), again
        assert process.ask("close") < situations.CLOSE_MAX_S
        process.ask("forget")
        closed: Resources = process.ask("settle", before.descriptors)
        assert (closed.in_use, closed.open) == (0, 0)
        assert closed.descriptors <= before.descriptors
    finally:
        cluster.clear_faults()
        process.end()


@pytest.mark.parametrize(
    ("situation", "face", "kind"),
    list(itertools.product(SITUATIONS, FACES, ("get", "batch_read", "query"))),
)
def test_cell(cluster: DevCluster, situation: str, face: str, kind: str) -> None:
    with played(cluster, situation, end_of(situation, face), face, kind, {}) as (
        playing,
        bring_about,
    ):
        playing.process.ask("connect")
        cluster.close_connections()
        bring_about(KINDS[kind].expected(WORK))


@pytest.mark.parametrize(("situation", "face"), list(itertools.product(SITUATIONS, FACES)))
def test_cell_of_connecting(cluster: DevCluster, situation: str, face: str) -> None:
    config = {"timeout": TOTAL_MS} if situation == "stalled" else {}
    # The only host is tried once.
    ended = end_of("torn" if situation == "torn once" else situation, face)
    with played(cluster, situation, ended, face, "get", config) as (playing, bring_about):
        playing.connects = True
        forks = situation == "forked"
        bring_about(KINDS["get"].expected(WORK) if forks else None)
        playing.process.ask("connect")
