"""Every kind of command, by both faces, in every situation: the same promises.

`kinds.KINDS` and `situations.SITUATIONS` are the table, and every pair of them is a cell. A cell
says of a command that something happened to: what it raised and whether that is in doubt, how long
it took, what was traced and counted; and then that nothing is lent any more, that the same command
works, and that what was opened is closed.
"""

import itertools
from typing import Any

import kinds
import pytest
import situations
from kinds import KINDS, METHODS, NO_COMMANDS, Kind
from situations import FACES, OK, SITUATIONS, Cell, Ended
from stage import Stage
from subject import Outcome, Resources

import aerospike_py
from aerospike_py.exception import class_for

# What has to be there; the tables may have more.
COMMANDS = {
    "get",
    "put",
    "operate",
    "batch_read",
    "batch_write",
    "batch_mixed",
    "query",
    "query_background",
    "apply",
    "info",
    "index_create",
    "admin_create_user",
}
HAPPENINGS = {
    "total_timeout_passes",
    "answer_drips",
    "pool_is_empty",
    "node_is_killed",
    "node_hangs",
    "reply_is_torn",
    "session_has_ended",
    "client_is_closed",
    "handler_closes_the_client",
    "wait_is_given_up",
    "forks_before_connecting",
    "forks_while_connected",
    "descriptors_are_exhausted",
    "memory_is_exhausted",
}

# What is raised in the midst of a call, and not by it.
FOREIGN = ("Interrupt", "CancelledError", "MemoryError")

# What the interpreter and the client keep once they have run; not a large result.
RESIDENT_BYTES_MAX = kinds.BULK_BYTES // 2

# A password's hash is made to take its time, and more of it in a debug build.
HASHING_S = 2.0

CELLS = list(itertools.product(SITUATIONS, FACES, KINDS))


def can_be_shown(situation: str, kind: str, *, is_embedded: bool) -> bool:
    """Whether a server can show a cell: others than the dev server cannot be brought to all."""
    happens, done = SITUATIONS[situation], KINDS[kind]
    needs_embedded = happens.needs_embedded or happens.needs_security or done.needs_security
    return is_embedded or not needs_embedded


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        is_embedded = metafunc.config.getoption("--server") == "embedded"
        shown = [cell for cell in CELLS if can_be_shown(cell[0], cell[2], is_embedded=is_embedded)]
        metafunc.parametrize("cell", shown, ids=["-".join(cell) for cell in shown], indirect=True)


@pytest.fixture
def cell(request: pytest.FixtureRequest) -> Any:
    situation, face, kind = request.param
    is_secured = SITUATIONS[situation].needs_security or KINDS[kind].needs_security
    stage: Stage = request.getfixturevalue("secured_stage" if is_secured else "stage")
    try:
        made = Cell(stage, KINDS[kind], face, SITUATIONS[situation])
        kinds.prepare(
            stage.observer, made.kind, made.name, stage.module, is_bulk=made.situation.is_bulk
        )
        yield made
    finally:
        stage.clear()
    kinds.clear_away(stage.observer, made.kind, made.name, made.turn + 1)


def test_every_pair_of_a_command_and_a_situation_is_a_cell() -> None:
    assert set(KINDS) >= COMMANDS
    assert set(SITUATIONS) >= HAPPENINGS
    assert set(CELLS) == set(itertools.product(SITUATIONS, ("sync", "async"), KINDS))
    shown = [cell for cell in CELLS if can_be_shown(cell[0], cell[2], is_embedded=True)]
    assert shown == CELLS


@pytest.mark.parametrize(
    ("client_kind", "query_kind"),
    [
        (aerospike_py.Client, aerospike_py.Query),
        (aerospike_py.AsyncClient, aerospike_py.AsyncQuery),
    ],
)
def test_every_method_belongs_to_a_kind(client_kind: type, query_kind: type) -> None:
    methods = {name for name in dir(client_kind) if not name.startswith("_")}
    methods |= {f"query.{name}" for name in dir(query_kind) if not name.startswith("_")}
    assert methods == {name for name in METHODS if "(" not in name} | NO_COMMANDS
    assert set(METHODS.values()) == set(KINDS)


def is_as(outcome: Outcome, ended: Ended, kind: Kind, told: Any) -> bool:
    """Whether a command has ended so."""
    if ended == OK:
        return not outcome.error and not outcome.failures and outcome.told == told
    if outcome.error:
        if outcome.error != ended.error:
            return False
    elif not kind.is_rows or not outcome.failures:
        return False
    return all(
        code in ended.codes and (ended.doubt is None or bool(doubt) == ended.doubt)
        for code, doubt in outcome.failures
    )


def check_outcome(cell: Cell, outcome: Outcome, told: Any) -> None:
    expected = cell.situation.expect(cell.kind, cell.face)
    assert any(is_as(outcome, ended, cell.kind, told) for ended in expected), (
        f"{outcome}\nexpected {expected}"
    )
    hashing_s = HASHING_S if cell.kind.needs_security else 0.0
    assert outcome.seconds < cell.situation.seconds_max + hashing_s, outcome


def check_doubt(cell: Cell, outcome: Outcome, applied: bool | None) -> None:
    """What was carried out, and is said to have failed, is in doubt."""
    if applied is None:
        assert not any(doubt for _, doubt in outcome.failures), outcome
        return
    if applied and outcome.failures and all(doubt is not None for _, doubt in outcome.failures):
        assert any(doubt for _, doubt in outcome.failures), outcome
    assert not applied or cell.situation.applies is not False, outcome


def check_observed(kind: Kind, outcome: Outcome) -> None:
    """One span, and one operation counted, with what was raised."""
    check_spans(kind, outcome)
    errors = {outcome.error}
    if kind.name == "info_all" and len(outcome.failures) == outcome.told:
        # Every node has failed, which raises nothing.
        errors = {class_for(outcome.failures[0][0]).__name__}
    if outcome.failures and outcome.failures[0][0] == situations.OUT_OF_MEMORY:
        errors.add("")  # It had succeeded, until its result was to be handed over.
    counted = [{(kind.operation, error): 1} if kind.operation else {} for error in errors]
    assert outcome.counted in counted


def check_spans(kind: Kind, outcome: Outcome) -> None:
    spans = [(name, status) for name, status, _ in outcome.spans]
    assert spans == ([(kind.span, "ERROR" if outcome.error else "UNSET")] if kind.span else [])
    assert [kind_ for _, _, kind_ in outcome.spans if kind_] == (
        [outcome.error] if kind.span and outcome.error else []
    )


def check_observed_later(cell: Cell, outcome: Outcome) -> None:
    """Of a wait that was given up: the core counts it when it knows how it has ended."""
    check_spans(cell.kind, outcome)
    if not cell.kind.operation:
        assert outcome.counted == {}
        return
    counted = dict(outcome.counted)

    def is_counted() -> bool:
        counted.update(cell.ask("seen")[1])
        return bool(counted)

    cell.stage.wait_for(is_counted)
    assert list(counted) in ([(cell.kind.operation, error)] for error in ("ClientError", ""))
    assert set(counted.values()) == {1}


def check_afterwards(cell: Cell) -> None:
    """Nothing is lent, the client works, and closing it gives everything back."""
    if cell.situation.is_closed_by_it:
        cell.ask("connect")
    else:
        held: Resources = cell.ask("settle", 1 << 20)
        assert held.in_use == 0, held
    work = cell.work()._replace(is_bulk=False)
    again = cell.run_unharmed(work)
    assert (again.error, again.failures, again.told) == ("", [], cell.kind.expected(work))
    check_observed(cell.kind, again)
    if cell.kind.applied is not None:
        applied = cell.kind.applied
        cell.stage.wait_for(lambda: applied(cell.stage.observer, work))
    assert cell.ask("close") < situations.CLOSE_MAX_S
    cell.ask("forget")
    before = cell.before
    closed: Resources = cell.ask("settle", before.descriptors)
    assert (closed.in_use, closed.open) == (0, 0)
    assert closed.descriptors <= before.descriptors
    assert closed.resident_bytes < before.resident_bytes + RESIDENT_BYTES_MAX


def check_applied(cell: Cell, outcome: Outcome, work: kinds.Work) -> None:
    applied = cell.kind.applied
    if applied is None:
        check_doubt(cell, outcome, None)
        return
    if cell.situation.applies:
        # It is on its way to the server, or there.
        cell.stage.wait_for(lambda: applied(cell.stage.observer, work))
    check_doubt(cell, outcome, applied(cell.stage.observer, work))


def test_cell(cell: Cell) -> None:
    situation = cell.situation
    cell.connect()
    outcome = situation.play(cell)
    work = kinds.Work(cell.name, cell.turn, cell.stage.module)
    check_outcome(cell, outcome, cell.kind.expected(work))
    check_applied(cell, outcome, work)
    is_given_up = outcome.error in FOREIGN
    if not is_given_up:
        check_observed(cell.kind, outcome)
    cell.stage.proxies.heal()
    if is_given_up:
        check_observed_later(cell, outcome)
    check_afterwards(cell)
