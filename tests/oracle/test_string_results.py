"""Operations and expressions on strings give the same through both clients.

On a dev server of release 8.2: the bytes are compared elsewhere, here is that they are carried out.
"""

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import aerospike_py
from aerospike_py import exp_operations
from aerospike_py.devserver import DevCluster

aerospike = pytest.importorskip("aerospike")

from aerospike_helpers.operations import expression_operations as theirs_eop  # noqa: E402
from expression_cases import ExpressionCase, expression_cases  # noqa: E402
from operation_cases import Case, operation_cases  # noqa: E402

OPERATIONS = [case for case in operation_cases() if case.name.startswith("string ")]
EXPRESSIONS = [case for case in expression_cases() if case.name.startswith("string ")]
VALUES: list[Any] = ["", "x,é,aX,ab", "12", "aGk=", ["x", "é"], b"\x01\x02\x03\x04\x05\x06", 7]
RECORDS = [
    {"b": value, "l": ["x", "y"], "i": 5} for value in [*VALUES, *({"k": each} for each in VALUES)]
]
# Nothing is compared globally, and bits are not reached inside of lists and maps.
REFUSED = ("string regex_compare flags", "string bit_b64_encode inverted")


class Clients(NamedTuple):
    """Both clients of one dev server."""

    ours: aerospike_py.Client
    theirs: Any


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with DevCluster(1, server_version="8.2") as cluster:
        theirs = aerospike.client({"hosts": cluster.hosts}).connect()
        with aerospike_py.client(cluster.config).connect() as ours:
            yield Clients(ours, theirs)
        theirs.close()


def _outcomes(clients: Clients, ours: Any, theirs: Any) -> list[tuple[Any, Any]]:
    """What both give, and the records after it, of all records before it."""
    key = ("test", "both", uuid.uuid4().hex)
    outcomes = []
    for record in RECORDS:
        clients.ours.put(key, record)
        try:
            made: Any = clients.ours.operate(key, [ours]).bins
        except aerospike_py.AerospikeError as error:
            made = error.result_code
        after = clients.ours.get(key).bins
        clients.ours.put(key, record)
        try:
            # They ask for an answer of every operation, which is None of one that has no result.
            answers = clients.theirs.operate(key, [theirs])[2].items()
            said: Any = {name: value for name, value in answers if value is not None}
        except aerospike.exception.AerospikeError as error:
            said = error.code
        outcomes.append(((made, after), (said, clients.theirs.get(key)[2])))
    return outcomes


@pytest.mark.parametrize("case", OPERATIONS, ids=lambda case: case.name)
def test_operations(clients: Clients, case: Case) -> None:
    outcomes = _outcomes(clients, case.ours, case.theirs)
    for ours, theirs in outcomes:
        assert ours == theirs
    # It is one that is carried out, on some of the records.
    is_carried_out = any(isinstance(made, dict) for (made, _), _ in outcomes)
    assert is_carried_out != case.name.startswith(REFUSED)


@pytest.mark.parametrize("case", EXPRESSIONS, ids=lambda case: case.name)
def test_expressions(clients: Clients, case: ExpressionCase) -> None:
    ours = exp_operations.exp_read("r", case.ours)
    theirs = theirs_eop.expression_read("r", case.theirs.compile())
    for made, said in _outcomes(clients, ours, theirs):
        assert made == said
