"""Filters as text decide as the same filters made by hand do, on every kind of command."""

import random
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    AerospikeError,
    Client,
    FilteredOut,
    InvalidArgError,
    KeyOrderedDict,
    ResultCode,
    batch,
    exp,
)
from aerospike_py import exp_operations as eop

BINS: dict[str, Any] = {
    "i": 5,
    "j": -3,
    "f": 2.5,
    "s": "abc",
    "t": True,
    "l": [3, 1, 2, 5],
    "m": KeyOrderedDict({"a": 1, "b": 7, 3: 2}),
}
INT, FLOAT = exp.EXP_TYPE_INT, exp.EXP_TYPE_FLOAT
VALUE, COUNT, EXISTS, INVERTED = 7, 5, 9, 0x10000
Pair = tuple[str, Any]


class Maker:
    """Random texts, each with the expression that it should be, made beside it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def condition(self, depth: int = 3) -> Pair:
        kind = self._random.randrange(9 if depth else 5)
        if kind == 0:
            return "$.t", exp.bool_bin("t")
        if kind < 4:
            return self._comparison(depth)
        if kind == 4:
            return self._membership()
        if kind == 5:
            text, made = self.condition(depth - 1)
            return f"not({text})", exp.not_(made)
        parts = [self.condition(depth - 1) for _ in range(self._random.randrange(2, 4))]
        word, builder = [("and", exp.and_), ("or", exp.or_)][kind % 2]
        text = f" {word} ".join(f"({part[0]})" for part in parts)
        return text, builder(*(part[1] for part in parts))

    def _comparison(self, depth: int) -> Pair:
        symbol, builder = self._random.choice(
            [
                ("==", exp.eq),
                ("!=", exp.ne),
                ("<", exp.lt),
                ("<=", exp.le),
                (">", exp.gt),
                (">=", exp.ge),
            ]
        )
        side = self._random.choice([self._integer, self._integer, self._float, self._text])
        left, right = side(depth), side(depth)
        return f"{left[0]} {symbol} {right[0]}", builder(left[1], right[1])

    def _membership(self) -> Pair:
        values = self._random.sample(range(-3, 8), 3)
        found = exp.list_get_by_value(exp.list_val(values), exp.int_bin("i"), EXISTS)
        if self._random.random() < 0.5:
            return f"$.i in {values}", found
        return f"{values[0]} in $.l", exp.list_get_by_value(exp.list_bin("l"), values[0], EXISTS)

    def _integer(self, depth: int) -> Pair:
        kind = self._random.randrange(12 if depth else 8)
        index, count = self._random.randrange(-2, 3), self._random.randrange(3)
        if kind == 0:
            return str(index), index
        if kind == 1:
            return "$.i.get(type: INT)", exp.int_bin("i")
        if kind == 2:
            made = exp.list_get_by_index(exp.list_bin("l"), index, VALUE, INT)
            return f"$.l.[{index}].get(type: INT)", made
        if kind == 3:
            made = exp.list_get_by_rank_range(exp.list_bin("l"), index, COUNT, count)
            return f"$.l.[#{index}:{index + count}].count()", made
        if kind == 4:
            key = self._random.choice(["a", "b", 3, "none"])
            return f"$.m.{key}.get(type: INT)", exp.map_get_by_key(
                exp.map_bin("m"), key, VALUE, INT
            )
        if kind == 5:
            made = exp.map_get_by_value_range(exp.map_bin("m"), count, 7, COUNT | INVERTED)
            return f"$.m.{{!={count}:7}}.count()", made
        if kind == 6:
            return "$.f.asInt()", exp.to_int(exp.float_bin("f"))
        if kind == 7:
            return "countOneBits($.j)", exp.int_count(exp.int_bin("j"))
        return self._computed(self._integer, depth, INT)

    def _float(self, depth: int) -> Pair:
        kind = self._random.randrange(8 if depth else 4)
        if kind == 0:
            return "2.25", 2.25
        if kind == 1:
            return "$.f.get(type: FLOAT)", exp.float_bin("f")
        if kind == 2:
            return "$.i.asFloat()", exp.to_float(exp.int_bin("i"))
        if kind == 3:
            return "ceil($.f)", exp.num_ceil(exp.float_bin("f"))
        return self._computed(self._float, depth, FLOAT)

    def _computed(self, operand: Any, depth: int, kind: int) -> Pair:
        left, right = operand(depth - 1), operand(depth - 1)
        choices = [
            ("({} + {})", exp.num_add),
            ("({} - {})", exp.num_sub),
            ("{} * {}", exp.num_mul),
            ("max({}, {})", exp.max_),
        ]
        if kind == INT:
            choices += [
                ("({} & {})", exp.int_and),
                ("({} | {})", exp.int_or),
                ("{} % 7 + 0 * {}", None),
            ]
        form, builder = self._random.choice(choices)
        text = form.format(left[0], right[0])
        if builder is not None:
            return f"({text})", builder(left[1], right[1])
        rest = exp.num_mod(left[1], 7)
        return f"({text})", exp.num_add(rest, exp.num_mul(0, right[1]))

    def _text(self, depth: int) -> Pair:
        if self._random.random() < 0.5:
            return "$.s.get(type: STRING)", exp.string_bin("s")
        word = self._random.choice(["abc", "b", ""])
        return f"'{word}'", word


def outcome(client: Client, key: Any, expression: Any) -> Any:
    """What the server makes of a filter: whether the record passes, or an error's code."""
    try:
        client.exists(key, {"expressions": expression})
    except aerospike_py.AerospikeError as error:
        return error.result_code
    return True


def test_300_texts_decide_as_the_same_filters_by_hand(client: Client, key: Any) -> None:
    client.put(key, BINS)
    outcomes = []
    for seed in range(300):
        text, made = Maker(seed).condition()
        decided = outcome(client, key, text)
        assert decided == outcome(client, key, made), text
        assert exp.compile(exp.parse(text)) == exp.compile(made), text
        outcomes.append(decided)
    # Some pass and some do not; few are refused.
    assert outcomes.count(True) > 50
    assert outcomes.count(27) > 50
    assert len(outcomes) - outcomes.count(True) - outcomes.count(27) < 30


def test_every_kind_of_command_takes_a_text(client: Client, key: Any) -> None:
    client.put(key, BINS)
    passes, fails = {"expressions": "$.i == 5"}, {"filter_expression": "$.i > 5 or not $.t"}
    assert client.get(key, passes).bins["i"] == 5
    client.put(key, {"n": 1}, policy=passes)
    client.operate(key, [{"op": 1, "bin": "i"}], policy=passes)
    for call in (
        lambda: client.get(key, fails),
        lambda: client.put(key, {"n": 2}, policy=fails),
        lambda: client.remove(key, policy=fails),
        lambda: client.operate(key, [{"op": 1, "bin": "i"}], policy=fails),
    ):
        with pytest.raises(FilteredOut):
            call()
    assert [row.result for row in client.batch_read([key], policy=passes)] == [0]
    assert [row.result for row in client.batch_read([key], policy=fails)] == [27]
    rows = client.batch(
        [batch.read(key, policy={"expressions": text}) for text in ("$.i == 5", "$.i == 6")]
    )
    assert [row.result for row in rows] == [0, 27]
    query = client.query(key[0], key[1])
    found = query.results({"expressions": "$.i == 5 and $.n == 1"})
    assert client.get(key).key.digest in [record.key.digest for record in found]
    assert query.results(fails) == []
    with pytest.raises(InvalidArgError, match="line 1, column 8"):
        client.get(key, {"expressions": "$.i == "})


def test_a_text_with_parameters_stands_where_an_expression_can(client: Client, key: Any) -> None:
    client.put(key, BINS)
    assert outcome(client, key, exp.parse("$.s == %s and $.i >= %(least)s", "abc", least=5)) is True
    assert outcome(client, key, exp.parse("$.m == ?0", dict(BINS["m"]))) is True
    read = eop.exp_read("r", exp.parse("$.i * 2 + $.l.[0]"))
    assert client.operate(key, [read]).bins == {"r": 13}


def test_servers_before_8_2_compile_no_texts_and_are_not_asked_to(
    client: Client, key: Any, set_name: str
) -> None:
    policy = {"expressions": exp.from_text("$.i == 5")}
    rows = [batch.read(key), batch.read(key, policy=policy)]
    for call in (
        lambda: client.get(key, policy),
        lambda: client.put(key, {"n": 2}, policy=policy),
        lambda: client.batch_read([key], policy=policy),
        lambda: client.batch(rows),
        lambda: client.query(key[0], set_name).results(policy),
        lambda: client.query(key[0], set_name).operate_background(
            [{"op": aerospike_py.OPERATOR_WRITE, "bin": "n", "val": 1}], policy
        ),
    ):
        with pytest.raises(AerospikeError, match=r"needs servers from 8\.2 on") as caught:
            call()
        assert caught.value.result_code == ResultCode.UNSUPPORTED_FEATURE
