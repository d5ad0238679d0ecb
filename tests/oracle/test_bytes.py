"""What is sent for each builder is what the official client sends for the same call.

Three differences are wanted. A list operation asks for a place in the reply for every operation, as
all others do, so that results of an operation do not depend on its neighbours. And an expression
that increments in a map with a policy sends no write flags, which the server refuses there. And a
HyperLogLog in an expression is sent as one: theirs is sent as a blob, which the server refuses.
"""

from collections.abc import Iterator, Mapping
from inspect import isfunction
from pathlib import Path
from types import ModuleType
from typing import Any

import aerospike_helpers
import pytest
from aerospike_helpers import expressions as theirs
from aerospike_helpers.operations import operations
from expression_cases import SKETCH, ExpressionCase, expression_cases
from operation_cases import Case, operation_cases
from recorder import Recorder

from aerospike_py import (
    bit_operations,
    exp,
    exp_operations,
    hll_operations,
    list_operations,
    map_operations,
    string_operations,
)
from aerospike_py._operations import plain_expression, plain_operation
from aerospike_py._values import encode
from aerospike_py.types import HyperLogLog

# The official client deprecates what it is asked to send here.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

_RESPOND_ALL = 0x80
_BLOB = b"\x04"
_HLL = b"\x12"


@pytest.mark.parametrize("case", operation_cases(), ids=lambda case: case.name)
def test_operations(recorder: Recorder, case: Case) -> None:
    recorder.ours.operate(recorder.key, [case.ours])
    ours = recorder.last()
    recorder.theirs.operate(recorder.key, [case.theirs])
    theirs = recorder.last()
    assert ours.operations == theirs.operations
    assert ours.operation_count == theirs.operation_count
    assert ours.info[0] == theirs.info[0]
    assert ours.info[1] in (theirs.info[1], theirs.info[1] | _RESPOND_ALL)
    assert ours.info[2:] == theirs.info[2:]


@pytest.mark.parametrize("case", expression_cases(), ids=lambda case: case.name)
def test_filters(recorder: Recorder, case: ExpressionCase, monkeypatch: pytest.MonkeyPatch) -> None:
    # The cases compare everything with 1, whatever its type.
    monkeypatch.setattr("aerospike_py.exp.check_types", lambda _tree: None)
    monkeypatch.setattr("aerospike_py._expression_types.check_filter", lambda _tree: None)
    recorder.ours.get(recorder.key, {"expressions": case.ours})
    ours = recorder.last()
    recorder.theirs.get(recorder.key, {"expressions": case.theirs.compile()})
    theirs = recorder.last()
    assert ours.filter is not None
    assert ours.filter == theirs.filter


# They make no expression of their own kind, or are compared by a test of their own.
_RECORDED = Path(__file__).parents[2] / "native" / "src" / "command" / "recorded"
_NOT_COMPARED = {"parse", "compile", "to_base64", "from_base64", "from_text", "hll_val"}


def _builders(tree: Any) -> Iterator[str]:
    if isinstance(tree, Mapping):
        if "__expr__" in tree:
            yield tree["__expr__"]
        for each in tree.values():
            yield from _builders(each)
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from _builders(each)


def test_every_expression_is_compared() -> None:
    compared = {name for case in expression_cases() for name in _builders(case.ours)}
    functions = {name.rstrip("_") for name in exp.__all__ if isfunction(getattr(exp, name))}
    assert functions - compared == _NOT_COMPARED


@pytest.mark.parametrize(
    "module",
    [
        list_operations,
        map_operations,
        bit_operations,
        hll_operations,
        exp_operations,
        string_operations,
    ],
)
def test_every_operation_is_compared(module: ModuleType) -> None:
    # "list_append ordered", and "string upper 3" of those that are about strings.
    words = [case.name.split() for case in operation_cases()]
    compared = {name for family, *rest in words for name in (family, *rest[:1])}
    compared |= {f"string_{rest[0]}" for family, *rest in words if family == "string"}
    functions = {name for name in module.__all__ if isfunction(getattr(module, name))}
    # The official client has an expression for it, and no operation.
    assert functions - compared - {"hll_may_contain"} == set()


def test_the_cores_own_tests_have_every_case() -> None:
    cases = {
        "operations.txt": [
            (case.name, encode(plain_operation(case.ours))) for case in operation_cases()
        ],
        "expressions.txt": [
            (case.name, encode(plain_expression(case.ours))) for case in expression_cases()
        ],
    }
    for name, expected in cases.items():
        lines = [line.split("|") for line in (_RECORDED / name).read_text().splitlines()]
        recorded = [(label, bytes.fromhex(ours)) for label, ours, _ in lines]
        missing = [label for label, ours in expected if (label, ours) not in recorded]
        assert missing == [], "tests/oracle/record.py writes them"
        assert recorded == expected


def test_a_hyperloglog_is_sent_as_one(recorder: Recorder) -> None:
    ours = exp.eq(exp.hll_bin("h"), exp.hll_val(HyperLogLog(SKETCH)))
    recorder.ours.get(recorder.key, {"expressions": ours})
    sent = recorder.last().filter
    their_sketch = aerospike_helpers.HyperLogLog(SKETCH)
    their = theirs.Eq(theirs.HLLBin("h"), their_sketch)
    recorder.theirs.get(recorder.key, {"expressions": their.compile()})
    assert sent is not None
    assert sent.endswith(_HLL + SKETCH)
    assert sent.removesuffix(_HLL + SKETCH) + _BLOB + SKETCH == recorder.last().filter


def test_a_read_of_all_bins_has_no_places(recorder: Recorder) -> None:
    recorder.ours.operate(recorder.key, [{"op": 5, "bin": "a", "val": 1}, {"op": 1}])
    sent = recorder.last()
    assert sent.info[0] == 0x03
    assert sent.info[1] == 0x01


def test_a_touch_carries_its_time_to_live(recorder: Recorder) -> None:
    recorder.ours.operate(recorder.key, [{"op": 11, "val": 300}])
    assert recorder.last().ttl == 300


@pytest.mark.parametrize(
    "policy",
    [
        {"read_mode_ap": 1},
        {"read_mode_sc": 1},
        {"read_mode_sc": 2},
        {"read_mode_sc": 3},
        {"read_touch_ttl_percent": 50},
        {"read_touch_ttl_percent": -1},
    ],
)
@pytest.mark.parametrize("with_write", [False, True])
def test_operations_read_as_their_policy_says(
    recorder: Recorder, policy: dict[str, int], with_write: bool
) -> None:
    ours = [{"op": 1, "bin": "a"}, {"op": 2, "bin": "b", "val": 1}]
    their_operations = [operations.read("a"), operations.write("b", 1)]
    count = 2 if with_write else 1
    recorder.ours.operate(recorder.key, ours[:count], policy=policy)
    sent = recorder.last()
    recorder.theirs.operate(recorder.key, their_operations[:count], policy=policy)
    assert sent.info == recorder.last().info
    assert sent.ttl == recorder.last().ttl
