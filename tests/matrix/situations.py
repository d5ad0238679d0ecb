"""What happens to a command: how each situation is brought about, and what is to come of it.

A situation is played by a `Cell`: the process of one client (`subject`), the proxies before the
nodes, and another client to see with. It ends the same way for all: nothing is lent any more, the
same command works, what was opened is closed.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from frame_proxy import Harm, Watch
from kinds import NAMESPACE, Kind, Work
from stage import Stage
from subject import Outcome, Resources

FACES = ("sync", "async")

TOTAL_TIMEOUT_MS = 200
SLACK_S = 2.5
"""On a machine that has other things to do."""
CLOSE_MAX_S = 1.0
_PATIENCE_S = 15.0
_TRIES_MAX = 5
_ATTEMPT_MS = 150
# So long that only a command which never ends would take it.
_LONG_MS = 4_000
_UNHARMED_MS = 30_000

ABORTED = -5
NO_MORE_CONNECTIONS = -7
CONNECTION = -10
NO_DESCRIPTOR = -105
OUT_OF_MEMORY = -100
TIMEOUT = 9


class Ended(NamedTuple):
    """What may come of a command.

    Attributes:
        error: The name of the class of the exception; "" for none, or for rows that failed.
        codes: The result codes that are right.
        doubt: Whether it is in doubt; None where either is right, as long as nothing that is not
            in doubt was carried out.
    """

    error: str
    codes: tuple[int | None, ...] = ()
    doubt: bool | None = False


OK = Ended("")


@dataclass(frozen=True)
class Situation:
    """What happens to a command.

    Attributes:
        name: What it is called.
        play: Brings it about, and returns how the command ended.
        expect: What may have come of it: one of several, in the order of likelihood.
        seconds_max: How long the command may take.
        config: Of the client, beside the address.
        needs_embedded: Whether only a dev server can be brought to it.
        needs_security: Whether the server must have users.
        is_bulk: Whether what the command reads is larger than memory.
        is_closed_by_it: Whether the client is closed in the end.
        applies: Whether it was carried out: True, False, or None where that is open.
    """

    name: str
    play: "Callable[[Cell], Outcome]"
    expect: Callable[[Kind, str], tuple[Ended, ...]]
    seconds_max: float
    config: dict[str, Any] = field(default_factory=dict)
    needs_embedded: bool = False
    needs_security: bool = False
    is_bulk: bool = False
    is_closed_by_it: bool = False
    applies: bool | None = None


class Cell:
    """One command of a kind, by one face, in one situation.

    Args:
        stage: The servers, and what is between them and the client.
        kind: The kind of command.
        face: "sync" or "async".
        situation: What happens to it.
    """

    def __init__(self, stage: Stage, kind: Kind, face: str, situation: Situation) -> None:
        self.stage = stage
        self.kind = kind
        self.face = face
        self.situation = situation
        self.name = stage.new_name()
        self.process = stage.start(face, kind.name, {**stage.config, **situation.config})
        self.ask = self.process.ask
        self.turn = 0

    def work(self) -> Work:
        """The next run."""
        self.turn += 1
        return Work(self.name, self.turn, self.stage.module, self.situation.is_bulk)

    def policy(self, total_ms: int, attempt_ms: int = 0, retries: int | None = None) -> Any:
        """A policy for commands of the kind; 0: without limit."""
        if self.kind.policy == "admin":
            return {"timeout": total_ms}
        policy = {"total_timeout": total_ms, "socket_timeout": attempt_ms}
        return policy if retries is None else {**policy, "max_retries": retries}

    def run_unharmed(self, work: Work) -> Outcome:
        """Runs the command where nothing is in its way, however slow the machine is."""
        outcome: Outcome = self.ask("run", work, self.policy(_UNHARMED_MS))
        return outcome

    def watch(self, harm: Harm, *, is_once: bool = False) -> Watch:
        """Harms the requests of this cell."""
        return self.stage.proxies.watch(self.name.encode(), harm, is_once=is_once)

    def begin(self, work: Work, policy: Any, until: Watch) -> None:
        """Starts the command, and waits until a request has come to a node."""
        self.process.tell("run", work, policy)
        assert until.arrived.wait(_PATIENCE_S), "no request came to any node"

    def end(self) -> Outcome:
        """Waits for the command that was begun."""
        outcome: Outcome = self.process.reply("run")
        return outcome

    def connect(self) -> None:
        self.ask("create")
        self.before: Resources = self.ask("connect")

    def close_ended(self) -> None:
        """Waits for a close that was asked for during the command."""
        seconds = self.process.reply("closed")
        assert seconds < CLOSE_MAX_S, f"close took {seconds:.2f} s"


def _run_out_of_time(cell: Cell, harm: Harm) -> Outcome:
    """Runs the command with little time, until a request of it has come to a node.

    A slow machine may take all of the time for a login; then nothing was sent, which is no doubt.
    """
    watch = cell.watch(harm)
    for _ in range(_TRIES_MAX):
        outcome: Outcome = cell.ask("run", cell.work(), cell.policy(TOTAL_TIMEOUT_MS))
        if watch.arrived.is_set() or outcome.failures != [(TIMEOUT, False)]:
            break
    return outcome


def _total_timeout_passes(cell: Cell) -> Outcome:
    return _run_out_of_time(cell, Harm.MUTE)


def _answer_drips(cell: Cell) -> Outcome:
    """The time passes while there is always something to read."""
    return _run_out_of_time(cell, Harm.DRIP)


def _pool_is_empty(cell: Cell) -> Outcome:
    """A batch over all nodes, of which no node answers, has their only connections."""
    name = cell.stage.new_name()
    blocked = cell.stage.proxies.watch(name.encode(), Harm.MUTE)
    keys = [(NAMESPACE, name, index) for index in range(100)]
    cell.ask("block", keys, {"total_timeout": 0, "socket_timeout": 0})
    cell.stage.wait_for(lambda: len(set(blocked.ports)) == len(cell.stage.addresses))
    sent = cell.watch(Harm.NONE)
    outcome: Outcome = cell.ask("run", cell.work(), cell.policy(TOTAL_TIMEOUT_MS))
    assert sent.ports == [], "a request found a connection"
    cell.stage.proxies.heal()
    assert set(cell.ask("unblock")) == {2}
    return outcome


def _node_is_killed(cell: Cell) -> Outcome:
    cell.watch(Harm.FALL, is_once=True)
    return cell.ask("run", cell.work(), cell.policy(_LONG_MS))


def _node_hangs(cell: Cell) -> Outcome:
    cell.watch(Harm.HANG, is_once=True)
    if cell.kind.policy == "admin":
        return cell.ask("run", cell.work(), cell.policy(2 * TOTAL_TIMEOUT_MS))
    policy = cell.policy(_LONG_MS, _ATTEMPT_MS)
    return cell.ask("run", cell.work(), policy)


def _reply_is_torn(cell: Cell) -> Outcome:
    cell.watch(Harm.TEAR, is_once=True)
    return cell.ask("run", cell.work(), cell.policy(_LONG_MS))


def _session_has_ended(cell: Cell) -> Outcome:
    """All logins are void, and every connection has to be made anew."""
    assert cell.stage.embedded is not None
    first = cell.run_unharmed(cell.work())
    assert first.error == "", first
    cell.stage.embedded.revoke_sessions()
    cell.stage.proxies.cut()
    return cell.ask("run", cell.work(), cell.policy(_LONG_MS))


def _client_is_closed(cell: Cell) -> Outcome:
    watch = cell.watch(Harm.MUTE)
    cell.begin(cell.work(), cell.policy(0), watch)
    cell.process.tell("close_beside")
    outcome = cell.end()
    cell.close_ended()
    return outcome


def _handler_closes_the_client(cell: Cell) -> Outcome:
    watch = cell.watch(Harm.MUTE)
    cell.begin(cell.work(), cell.policy(0), watch)
    os.kill(cell.process.pid, signal.SIGTERM)
    outcome = cell.end()
    cell.close_ended()
    return outcome


def _wait_is_given_up(cell: Cell) -> Outcome:
    """The task is cancelled, or the handler of a signal raises."""
    watch = cell.watch(Harm.MUTE)
    cell.begin(cell.work(), cell.policy(0), watch)
    begin_s = time.monotonic()
    if cell.face == "sync":
        os.kill(cell.process.pid, signal.SIGUSR1)
    else:
        cell.process.tell("cancel")
    outcome = cell.end()
    # What came before, until the request arrived, is not what is measured here.
    return outcome._replace(seconds=time.monotonic() - begin_s)


def _forks_before_connecting(cell: Cell) -> Outcome:
    return cell.ask("fork", cell.work(), None, False)


def _forks_while_connected(cell: Cell) -> Outcome:
    """Parent and child have both run such commands before, and do at the same time."""
    first = cell.run_unharmed(cell.work())
    assert first.error == "", first
    return cell.ask("fork", cell.work(), None, True)


def _descriptors_are_exhausted(cell: Cell) -> Outcome:
    """There are none to make a connection with, and there is no connection."""
    assert cell.ask("settle", 1 << 20).open == 0
    cell.ask("limit", "descriptors")
    outcome: Outcome = cell.ask("run", cell.work(), cell.policy(_LONG_MS))
    cell.ask("lift")
    return outcome


def _memory_is_exhausted(cell: Cell) -> Outcome:
    first = cell.run_unharmed(Work(cell.name, cell.turn, cell.stage.module))
    assert first.error == "", first
    cell.ask("limit", "memory")
    outcome: Outcome = cell.ask("run", cell.work(), cell.policy(_LONG_MS))
    cell.ask("lift")
    return outcome


def _ends_ok(kind: Kind, face: str) -> tuple[Ended, ...]:
    return (OK,)


def _fails_in_doubt(error: str, *codes: int | None) -> Callable[[Kind, str], tuple[Ended, ...]]:
    return lambda kind, face: (Ended(error, codes, kind.writes),)


def _fails_unsent(error: str, *codes: int | None) -> Callable[[Kind, str], tuple[Ended, ...]]:
    return lambda kind, face: (Ended(error, codes, False),)


def _reads_go_on(error: str, *codes: int | None) -> Callable[[Kind, str], tuple[Ended, ...]]:
    """Reads of records go on elsewhere, writes are in doubt; what may be sent twice, may be."""

    def expect(kind: Kind, face: str) -> tuple[Ended, ...]:
        fails = Ended(error, codes, kind.writes)
        if kind.policy == "admin":
            return (fails,) if kind.is_rows else (fails, OK)
        return (fails,) if kind.writes else (OK,)

    return expect


def _finds_no_connection(kind: Kind, face: str) -> tuple[Ended, ...]:
    return (
        Ended("NoMoreConnections", (NO_MORE_CONNECTIONS,), False),
        Ended("AerospikeTimeoutError", (TIMEOUT,), False),
    )


def _given_up(kind: Kind, face: str) -> tuple[Ended, ...]:
    return (Ended("Interrupt" if face == "sync" else "CancelledError", (None,), None),)


def _out_of_memory(kind: Kind, face: str) -> tuple[Ended, ...]:
    if kind.bulk is None:
        return (OK,)
    return (
        Ended("ClientError", (OUT_OF_MEMORY,), kind.writes),
        # Where it is the interpreter that asked for too much.
        Ended("MemoryError", (None,), None),
    )


_TIMED_S = TOTAL_TIMEOUT_MS / 1000 + SLACK_S
_PATIENT = {"tend_interval": 60_000}

_SITUATIONS = [
    Situation(
        "total_timeout_passes",
        _total_timeout_passes,
        _fails_in_doubt("AerospikeTimeoutError", TIMEOUT),
        _TIMED_S,
        applies=True,
    ),
    Situation(
        "answer_drips",
        _answer_drips,
        _fails_in_doubt("AerospikeTimeoutError", TIMEOUT),
        _TIMED_S,
        applies=True,
    ),
    Situation(
        "pool_is_empty",
        _pool_is_empty,
        _finds_no_connection,
        _TIMED_S,
        config={"max_conns_per_node": 1},
        applies=False,
    ),
    Situation(
        "node_is_killed",
        _node_is_killed,
        _reads_go_on("ClusterError", CONNECTION),
        SLACK_S,
        applies=True,
    ),
    Situation(
        "node_hangs",
        _node_hangs,
        _reads_go_on("AerospikeTimeoutError", TIMEOUT),
        2 * TOTAL_TIMEOUT_MS / 1000 + SLACK_S,
    ),
    Situation(
        "reply_is_torn",
        _reply_is_torn,
        _reads_go_on("ClusterError", CONNECTION),
        SLACK_S,
        applies=True,
    ),
    Situation(
        "session_has_ended",
        _session_has_ended,
        _ends_ok,
        SLACK_S,
        config=_PATIENT,
        needs_embedded=True,
        needs_security=True,
    ),
    Situation(
        "client_is_closed",
        _client_is_closed,
        _fails_in_doubt("ClientError", ABORTED),
        SLACK_S,
        is_closed_by_it=True,
        applies=True,
    ),
    Situation(
        "handler_closes_the_client",
        _handler_closes_the_client,
        _fails_in_doubt("ClientError", ABORTED),
        SLACK_S,
        is_closed_by_it=True,
        applies=True,
    ),
    Situation(
        "wait_is_given_up",
        _wait_is_given_up,
        _given_up,
        SLACK_S,
        applies=True,
    ),
    Situation("forks_before_connecting", _forks_before_connecting, _ends_ok, SLACK_S),
    Situation("forks_while_connected", _forks_while_connected, _ends_ok, SLACK_S),
    Situation(
        "descriptors_are_exhausted",
        _descriptors_are_exhausted,
        _fails_unsent("ClientError", NO_DESCRIPTOR),
        SLACK_S,
        config=_PATIENT,
        applies=False,
    ),
    Situation(
        "memory_is_exhausted",
        _memory_is_exhausted,
        _out_of_memory,
        2 * SLACK_S,
        needs_embedded=True,
        is_bulk=True,
    ),
]

SITUATIONS = {situation.name: situation for situation in _SITUATIONS}
