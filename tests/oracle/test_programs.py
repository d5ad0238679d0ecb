"""Random programs of operations give the same results through both clients, on any server.

Each program runs twice on records of its own, once through each client; after every step the
results are equal, and so are the records at the end. DATA_MODEL_PROGRAMS sets how many are run.
"""

import os
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aerospike_py
from aerospike_py import exp
from aerospike_py import exp_operations as eop
from aerospike_py import list_operations as lop
from aerospike_py import map_operations as mop

aerospike = pytest.importorskip("aerospike")

from aerospike_helpers import expressions as theirs_exp  # noqa: E402
from aerospike_helpers.operations import expression_operations as theirs_eop  # noqa: E402
from aerospike_helpers.operations import list_operations as their_list_operations  # noqa: E402
from aerospike_helpers.operations import map_operations as their_map_operations  # noqa: E402
from program_values import (  # noqa: E402
    CONTEXTS,
    KEYS,
    KNOWN_MAPS,
    MAPS,
    VALUES,
    ForThem,
    comparable,
    for_them,
)

theirs_lop = ForThem(their_list_operations)
theirs_mop = ForThem(their_map_operations)

_NAMESPACE = "test"
_PROGRAMS = int(os.environ.get("DATA_MODEL_PROGRAMS", "60"))
# The official client deprecates what it is asked to send here.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

_SETTINGS = settings(
    max_examples=_PROGRAMS,
    deadline=None,
    derandomize="DATA_MODEL_PROGRAMS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)

Step = tuple[str, dict[str, Any], Any]


class Pair:
    """The same step through both clients."""

    def __init__(self, ours: aerospike_py.Client, theirs: Any, set_name: str) -> None:
        self.ours = ours
        self.theirs = theirs
        self.set_name = set_name

    def keys(self) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
        """A new record for each."""
        name = uuid.uuid4().hex
        return (_NAMESPACE, self.set_name, f"o{name}"), (_NAMESPACE, self.set_name, f"t{name}")

    def check(self, start: dict[str, Any], steps: list[Step], *, in_batches: bool = False) -> None:
        ours_key, their_key = self.keys()
        if start:
            self.ours.put(ours_key, start)
            self.theirs.put(their_key, for_them(start))
        run = (self._our_row, self._their_row) if in_batches else (self._our, self._their)
        for name, ours, their in steps:
            got = _outcome(lambda op=ours: run[0](ours_key, op))
            wanted = _outcome(lambda op=their: run[1](their_key, op))
            assert got == wanted, (name, ours)
        got = _outcome(lambda: self.ours.get(ours_key).bins)
        wanted = _outcome(lambda: self.theirs.get(their_key)[2])
        assert got == wanted

    def _our(self, key: Any, operation: Any) -> Any:
        return self.ours.operate(key, [operation]).bins.get("b")

    def _their(self, key: Any, operation: Any) -> Any:
        return self.theirs.operate(key, [operation])[2].get("b")

    def _our_row(self, key: Any, operation: Any) -> Any:
        row = self.ours.batch_operate([key], [operation]).batch_records[0]
        return ("row", row.result) if row.result else row.bins.get("b")

    def _their_row(self, key: Any, operation: Any) -> Any:
        row = self.theirs.batch_operate([key], [operation]).batch_records[0]
        return ("row", row.result) if row.result else row.record[2].get("b")


def _outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the server's code for its failure."""
    try:
        value = call()
    except aerospike_py.AerospikeError as error:
        return ("failed", error.result_code)
    except aerospike.exception.AerospikeError as error:
        return ("failed", error.code)
    return comparable(value)


@pytest.fixture(scope="session")
def pair(server: Any, client: aerospike_py.Client, set_prefix: str) -> Any:
    theirs = aerospike.client({"hosts": server.hosts}).connect()
    yield Pair(client, theirs, f"{set_prefix}_programs")
    theirs.close()


_COMPARISONS = [
    (exp.eq, theirs_exp.Eq),
    (exp.ne, theirs_exp.NE),
    (exp.gt, theirs_exp.GT),
    (exp.ge, theirs_exp.GE),
    (exp.lt, theirs_exp.LT),
    (exp.le, theirs_exp.LE),
]
_INVALID_ARGUMENT = -2
_FILTERED_OUT = 27
_INDEXES = st.integers(-4, 5)
_COUNTS = st.integers(0, 4)
_LIST_TYPES = st.sampled_from([0, 1, 2, 3, 4, 5, 7])
_MAP_TYPES = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7])
_INVERTED = 0x10000


def _list_step(draw: Any) -> Step:
    i, c, v, rt = draw(_INDEXES), draw(_COUNTS), draw(VALUES), draw(_LIST_TYPES)
    vs, other = draw(st.lists(VALUES, max_size=3)), draw(VALUES)
    order, flags, inverted = (
        draw(st.sampled_from([0, 1])),
        draw(st.integers(0, 15)),
        draw(st.booleans()),
    )
    policy = {"list_order": order, "write_flags": flags}
    only_flags = {"write_flags": flags}
    kind = rt | (_INVERTED if inverted else 0)
    choices: list[Callable[[], Step]] = [
        lambda: ("append", lop.list_append("b", v, policy), theirs_lop.list_append("b", v, policy)),
        lambda: ("append", lop.list_append("b", v), theirs_lop.list_append("b", v)),
        lambda: (
            "append_items",
            lop.list_append_items("b", vs, policy),
            theirs_lop.list_append_items("b", vs, policy),
        ),
        lambda: (
            "insert",
            lop.list_insert("b", i, v, only_flags),
            theirs_lop.list_insert("b", i, v, only_flags),
        ),
        lambda: (
            "insert_items",
            lop.list_insert_items("b", i, vs),
            theirs_lop.list_insert_items("b", i, vs),
        ),
        lambda: ("pop", lop.list_pop("b", i), theirs_lop.list_pop("b", i)),
        lambda: ("pop_range", lop.list_pop_range("b", i, c), theirs_lop.list_pop_range("b", i, c)),
        lambda: ("remove", lop.list_remove("b", i), theirs_lop.list_remove("b", i)),
        lambda: (
            "remove_range",
            lop.list_remove_range("b", i, c),
            theirs_lop.list_remove_range("b", i, c),
        ),
        lambda: ("set", lop.list_set("b", i, v), theirs_lop.list_set("b", i, v)),
        lambda: ("trim", lop.list_trim("b", i, c), theirs_lop.list_trim("b", i, c)),
        lambda: ("clear", lop.list_clear("b"), theirs_lop.list_clear("b")),
        lambda: ("size", lop.list_size("b"), theirs_lop.list_size("b")),
        lambda: ("get", lop.list_get("b", i), theirs_lop.list_get("b", i)),
        lambda: ("get_range", lop.list_get_range("b", i, c), theirs_lop.list_get_range("b", i, c)),
        lambda: ("increment", lop.list_increment("b", i, 2), theirs_lop.list_increment("b", i, 2)),
        lambda: ("sort", lop.list_sort("b", c % 4), theirs_lop.list_sort("b", c % 4)),
        lambda: (
            "set_order",
            lop.list_set_order("b", order),
            theirs_lop.list_set_order("b", order),
        ),
    ]
    for verb in ("get", "remove"):
        ours_by, their_by = f"list_{verb}_by_", f"list_{verb}_by_"

        def by(name: str, *, ours_by: str = ours_by) -> Any:
            return getattr(lop, ours_by + name)

        def their(name: str, *, their_by: str = their_by) -> Any:
            return getattr(theirs_lop, their_by + name)

        choices += [
            lambda by=by, their=their: (
                "by_index",
                by("index")("b", i, rt),
                their("index")("b", i, rt),
            ),
            lambda by=by, their=their: (
                "by_rank",
                by("rank")("b", i, rt),
                their("rank")("b", i, rt),
            ),
            lambda by=by, their=their: (
                "by_index_range",
                by("index_range")("b", i, kind, c),
                their("index_range")("b", i, rt, c, inverted),
            ),
            lambda by=by, their=their: (
                "by_rank_range",
                by("rank_range")("b", i, kind, c),
                their("rank_range")("b", i, rt, c, inverted),
            ),
            lambda by=by, their=their: (
                "by_value",
                by("value")("b", v, kind),
                their("value")("b", v, rt, inverted),
            ),
            lambda by=by, their=their: (
                "by_value_list",
                by("value_list")("b", vs, kind),
                their("value_list")("b", vs, rt, inverted),
            ),
            lambda by=by, their=their: (
                "by_value_range",
                by("value_range")("b", v, other, kind),
                their("value_range")("b", rt, v, other, inverted),
            ),
            lambda by=by, their=their: (
                "by_value_rel_rank_range",
                by("value_rel_rank_range")("b", v, i, kind, c),
                their("value_rank_range_relative")("b", v, i, rt, c, inverted),
            ),
        ]
    return draw(st.sampled_from(choices))()


def _end(value: Any) -> Any:
    """The end of a range: None is none here, and a value to the official client."""
    return aerospike.CDTInfinite() if value is None else value


def _map_step(draw: Any) -> Step:
    i, c, v, rt = draw(_INDEXES), draw(_COUNTS), draw(VALUES), draw(_MAP_TYPES)
    k, k2, other = draw(KEYS), draw(KEYS), draw(VALUES)
    # Server 8.1.2 dies of an empty list that is inverted, so there is something in these.
    ks = draw(st.lists(KEYS, min_size=1, max_size=3))
    vs = draw(st.lists(VALUES, min_size=1, max_size=3))
    items = draw(MAPS)
    order, flags = draw(st.sampled_from([0, 1, 3])), draw(st.integers(0, 15))
    inverted = draw(st.booleans())
    policy = {"map_order": order, "write_flags": flags}
    their_policy = {"map_order": order, "map_write_flags": flags}
    only_order = {"map_order": order}
    kind = rt | (_INVERTED if inverted else 0)
    choices: list[Callable[[], Step]] = [
        lambda: (
            "put",
            mop.map_put("b", k, v, policy),
            theirs_mop.map_put("b", k, v, their_policy),
        ),
        lambda: ("put", mop.map_put("b", k, v), theirs_mop.map_put("b", k, v)),
        lambda: (
            "put_items",
            mop.map_put_items("b", items, policy),
            theirs_mop.map_put_items("b", items, their_policy),
        ),
        lambda: (
            "increment",
            mop.map_increment("b", k, 2, only_order),
            theirs_mop.map_increment("b", k, 2, only_order),
        ),
        lambda: ("decrement", mop.map_decrement("b", k, 2), theirs_mop.map_decrement("b", k, 2)),
        lambda: ("clear", mop.map_clear("b"), theirs_mop.map_clear("b")),
        lambda: ("size", mop.map_size("b"), theirs_mop.map_size("b")),
        lambda: (
            "set_order",
            mop.map_set_order("b", order),
            theirs_mop.map_set_policy("b", only_order),
        ),
    ]
    for verb in ("get", "remove"):

        def by(name: str, *, verb: str = verb) -> Any:
            return getattr(mop, f"map_{verb}_by_{name}")

        def their(name: str, *, verb: str = verb) -> Any:
            return getattr(theirs_mop, f"map_{verb}_by_{name}")

        choices += [
            lambda by=by, their=their: ("by_key", by("key")("b", k, rt), their("key")("b", k, rt)),
            lambda by=by, their=their: (
                "by_index",
                by("index")("b", i, rt),
                their("index")("b", i, rt),
            ),
            lambda by=by, their=their: (
                "by_rank",
                by("rank")("b", i, rt),
                their("rank")("b", i, rt),
            ),
            lambda by=by, their=their: (
                "by_index_range",
                by("index_range")("b", i, kind, c),
                their("index_range")("b", i, c, rt, inverted),
            ),
            lambda by=by, their=their: (
                "by_rank_range",
                by("rank_range")("b", i, kind, c),
                their("rank_range")("b", i, c, rt, inverted),
            ),
            lambda by=by, their=their: (
                "by_value",
                by("value")("b", v, kind),
                their("value")("b", v, rt, inverted),
            ),
            lambda by=by, their=their: (
                "by_value_list",
                by("value_list")("b", vs, kind),
                their("value_list")("b", vs, rt, inverted),
            ),
            lambda by=by, their=their: (
                "by_value_range",
                by("value_range")("b", v, other, kind),
                their("value_range")("b", v, _end(other), rt, inverted),
            ),
            lambda by=by, their=their: (
                "by_key_list",
                by("key_list")("b", ks, kind),
                their("key_list")("b", ks, rt, inverted),
            ),
            lambda by=by, their=their: (
                "by_key_range",
                by("key_range")("b", k, k2, kind),
                their("key_range")("b", k, k2, rt, inverted),
            ),
            lambda by=by, their=their: (
                "by_value_rel_rank_range",
                by("value_rel_rank_range")("b", v, i, kind, c),
                their("value_rank_range_relative")("b", v, i, rt, c, inverted),
            ),
            lambda by=by, their=their: (
                "by_key_rel_index_range",
                by("key_rel_index_range")("b", k, i, kind, c),
                their("key_index_range_relative")("b", k, i, rt, c, inverted),
            ),
        ]
    return draw(st.sampled_from(choices))()


def _inside(draw: Any, step: Step) -> Step:
    """The same operation, perhaps inside of a list or map."""
    steps = draw(CONTEXTS)
    if steps is None:
        return step
    name, ours, their = step
    ours_path, their_path = (list(each) for each in zip(*steps, strict=True))
    return name, {**ours, "ctx": ours_path}, {**their, "ctx": their_path}


@st.composite
def _list_programs(draw: Any) -> tuple[dict[str, Any], list[Step]]:
    start = draw(st.lists(VALUES, max_size=6))
    return {"b": start}, [_inside(draw, _list_step(draw)) for _ in range(draw(st.integers(1, 8)))]


@st.composite
def _map_programs(draw: Any) -> tuple[dict[str, Any], list[Step]]:
    start = draw(MAPS)
    return {"b": start}, [_inside(draw, _map_step(draw)) for _ in range(draw(st.integers(1, 8)))]


@_SETTINGS
@given(program=_list_programs(), in_batches=st.booleans())
def test_programs_of_list_operations(
    pair: Pair, program: tuple[dict[str, Any], list[Step]], in_batches: bool
) -> None:
    pair.check(*program, in_batches=in_batches)


@_SETTINGS
@given(program=_map_programs(), in_batches=st.booleans())
def test_programs_of_map_operations(
    pair: Pair, program: tuple[dict[str, Any], list[Step]], in_batches: bool
) -> None:
    pair.check(*program, in_batches=in_batches)


def _looked_for(value: Any) -> list[tuple[Any, Any]]:
    """Expressions that look for a value in the bin "b", whatever it is."""
    constant = exp.map_val(value) if type(value) is dict else value
    their = for_them(value)
    count = aerospike_py.LIST_RETURN_COUNT
    return [
        (
            exp.list_get_by_value("b", constant, count),
            theirs_exp.ListGetByValue(None, count, their, "b"),
        ),
        (
            exp.list_get_by_value_list("b", [value], count),
            theirs_exp.ListGetByValueList(None, count, [their], "b"),
        ),
        (
            exp.list_get_by_value_range("b", constant, None, count),
            theirs_exp.ListGetByValueRange(None, count, their, _end(None), "b"),
        ),
        (
            exp.list_get_by_value_rel_rank_range("b", constant, 0, count),
            theirs_exp.ListGetByValueRelRankRangeToEnd(None, count, their, 0, "b"),
        ),
        (exp.in_list(constant, exp.list_bin("b")), theirs_exp.InList(their, "b")),
        (exp.map_get_by_value("b", constant, 5), theirs_exp.MapGetByValue(None, 5, their, "b")),
        (
            exp.map_get_by_value_list("b", [value], 5),
            theirs_exp.MapGetByValueList(None, 5, [their], "b"),
        ),
        (
            exp.map_get_by_value_range("b", constant, None, 5),
            theirs_exp.MapGetByValueRange(None, 5, their, _end(None), "b"),
        ),
    ]


@_SETTINGS
@given(start=st.lists(VALUES, max_size=5) | MAPS, values=st.lists(VALUES, min_size=1, max_size=3))
def test_expressions_that_look_for_values(pair: Pair, start: Any, values: list[Any]) -> None:
    steps = [
        ("expression", eop.exp_read("b", ours), theirs_eop.expression_read("b", their.compile()))
        for value in values
        if value is not None
        for ours, their in _looked_for(value)
    ]
    pair.check({"b": start}, steps)


@_SETTINGS
@given(
    value=MAPS | st.lists(VALUES, max_size=3),
    constant=KNOWN_MAPS | MAPS | st.lists(VALUES, max_size=3),
    comparison=st.sampled_from(_COMPARISONS),
    same=st.booleans(),
)
def test_filters_that_compare_whole_lists_and_maps(
    pair: Pair, value: Any, constant: Any, comparison: Any, same: bool
) -> None:
    """What is refused here is never true for them."""
    ours_key, their_key = pair.keys()
    pair.ours.put(ours_key, {"b": value})
    pair.theirs.put(their_key, {"b": for_them(value)})
    if same:
        constant = value
    bins = (
        (exp.list_bin("b"), theirs_exp.ListBin("b"))
        if isinstance(constant, list)
        else (exp.map_bin("b"), theirs_exp.MapBin("b"))
    )
    ours = exp.map_val(constant) if type(constant) is dict else constant
    ours_filter = comparison[0](bins[0], ours)
    their_filter = comparison[1](bins[1], for_them(constant)).compile()
    got = _outcome(lambda: pair.ours.exists(ours_key, {"expressions": ours_filter}).meta.gen)
    wanted = _outcome(lambda: pair.theirs.get(their_key, {"expressions": their_filter})[1]["gen"])
    if got == ("failed", _INVALID_ARGUMENT):
        assert wanted == ("failed", _FILTERED_OUT)
    else:
        assert got == wanted


# Bins of the record that expressions are evaluated on.
_RECORD = {"i": 5, "j": -3, "f": 2.5, "g": 0.5, "t": True, "u": False, "s": "abc"}


def _integers(inner: Any) -> Any:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: (exp.num_add(p[0][0], p[1][0]), theirs_exp.Add(p[0][1], p[1][1]))),
        pairs.map(lambda p: (exp.num_sub(p[0][0], p[1][0]), theirs_exp.Sub(p[0][1], p[1][1]))),
        pairs.map(lambda p: (exp.num_mul(p[0][0], p[1][0]), theirs_exp.Mul(p[0][1], p[1][1]))),
        pairs.map(lambda p: (exp.num_div(p[0][0], p[1][0]), theirs_exp.Div(p[0][1], p[1][1]))),
        pairs.map(lambda p: (exp.num_mod(p[0][0], p[1][0]), theirs_exp.Mod(p[0][1], p[1][1]))),
        pairs.map(lambda p: (exp.min_(p[0][0], p[1][0]), theirs_exp.Min(p[0][1], p[1][1]))),
        pairs.map(lambda p: (exp.max_(p[0][0], p[1][0]), theirs_exp.Max(p[0][1], p[1][1]))),
        pairs.map(lambda p: (exp.int_and(p[0][0], p[1][0]), theirs_exp.IntAnd(p[0][1], p[1][1]))),
        pairs.map(lambda p: (exp.int_or(p[0][0], p[1][0]), theirs_exp.IntOr(p[0][1], p[1][1]))),
        pairs.map(lambda p: (exp.int_xor(p[0][0], p[1][0]), theirs_exp.IntXOr(p[0][1], p[1][1]))),
        inner.map(lambda p: (exp.num_abs(p[0]), theirs_exp.Abs(p[1]))),
        inner.map(lambda p: (exp.int_not(p[0]), theirs_exp.IntNot(p[1]))),
        inner.map(lambda p: (exp.int_count(p[0]), theirs_exp.IntCount(p[1]))),
        inner.map(
            lambda p: (exp.int_lshift(p[0], 3), theirs_exp.IntLeftShift(p[1], 3)),
        ),
        inner.map(
            lambda p: (exp.int_arshift(p[0], 2), theirs_exp.IntArithmeticRightShift(p[1], 2)),
        ),
        inner.map(lambda p: (exp.int_lscan(p[0], True), theirs_exp.IntLeftScan(p[1], True))),
        inner.map(
            lambda p: (exp.to_int(exp.to_float(p[0])), theirs_exp.ToInt(theirs_exp.ToFloat(p[1])))
        ),
    )


_INTEGER = st.recursive(
    st.one_of(
        st.sampled_from([-(2**40), -7, -1, 0, 1, 2, 13, 2**40]).map(lambda n: (n, n)),
        st.sampled_from(["i", "j"]).map(lambda n: (exp.int_bin(n), theirs_exp.IntBin(n))),
        st.just((exp.bin_type("s"), theirs_exp.BinType("s"))),
    ),
    _integers,
    max_leaves=8,
)


def _logic(inner: Any) -> Any:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: (exp.and_(p[0][0], p[1][0]), theirs_exp.And(p[0][1], p[1][1]))),
        pairs.map(lambda p: (exp.or_(p[0][0], p[1][0]), theirs_exp.Or(p[0][1], p[1][1]))),
        pairs.map(lambda p: (exp.xor_(p[0][0], p[1][0]), theirs_exp.Exclusive(p[0][1], p[1][1]))),
        inner.map(lambda p: (exp.not_(p[0]), theirs_exp.Not(p[1]))),
    )


_BOOLEAN = st.recursive(
    st.one_of(
        st.sampled_from(["t", "u"]).map(lambda n: (exp.bool_bin(n), theirs_exp.BoolBin(n))),
        st.sampled_from(["i", "none"]).map(lambda n: (exp.bin_exists(n), theirs_exp.BinExists(n))),
        st.tuples(st.sampled_from(_COMPARISONS), _INTEGER, _INTEGER).map(
            lambda c: (c[0][0](c[1][0], c[2][0]), c[0][1](c[1][1], c[2][1]))
        ),
    ),
    _logic,
    max_leaves=6,
)
_EVALUATED = st.one_of(
    _BOOLEAN,
    st.tuples(_BOOLEAN, _INTEGER, _INTEGER).map(
        lambda c: (
            exp.cond(c[0][0], c[1][0], c[2][0]),
            theirs_exp.Cond(c[0][1], c[1][1], c[2][1]),
        )
    ),
    _INTEGER.filter(lambda pair: isinstance(pair[0], dict)),
)


@_SETTINGS
@given(expressions=st.lists(_EVALUATED, min_size=1, max_size=4))
def test_numeric_bit_and_logic_expressions(pair: Pair, expressions: list[tuple[Any, Any]]) -> None:
    steps = [
        ("expression", eop.exp_read("b", ours), theirs_eop.expression_read("b", their.compile()))
        for ours, their in expressions
    ]
    pair.check(_RECORD, steps)
