"""Filters as what a query looks for: an index answers what it can, and the records are the same."""

import random
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import Client, ClientError, InvalidArgError, cdt_ctx, exp
from aerospike_py import predicates as p

RECORDS = 240


@pytest.fixture(scope="module")
def table(server: Any, set_prefix: str) -> Iterator[tuple[str, list[str]]]:
    """A set with records and indexes, and the indexes' names."""
    set_name = f"{set_prefix}_plans"
    names = [f"p{uuid.uuid4().hex[:8]}_{what}" for what in ("age", "name", "in", "place")]
    age, name, member, place = names
    with aerospike_py.client(server.config).connect() as client:
        rows: list[Any] = [
            (
                ("test", set_name, number),
                {
                    "age": number % 40 - 5,
                    "name": f"n{number % 11}",
                    "l": [number % 4, number % 7],
                    "m": {"a": number % 9, "b": "x"},
                    "i": number % 5,
                },
            )
            for number in range(RECORDS)
        ]
        rows.append((("test", set_name, "other types"), {"age": "5", "name": 3, "l": {"a": 1}}))
        client.batch_write(rows)
        client.index_integer_create("test", set_name, "age", age)
        client.index_string_create("test", set_name, "name", name)
        client.index_integer_create(
            "test", set_name, "l", member, index_type=aerospike_py.INDEX_TYPE_LIST
        )
        client.index_integer_create("test", set_name, "m", place, ctx=[cdt_ctx.map_key("a")])
        yield set_name, names
        for index in names:
            client.index_remove("test", index)


def digests(records: Any) -> list[bytes]:
    return sorted(record.key.digest for record in records)


def random_filter(seed: int) -> str:
    draw = random.Random(seed)
    conditions = [
        lambda: f"$.age {draw.choice(['==', '>', '>=', '<', '<=', '!='])} {draw.randrange(-7, 37)}",
        lambda: f"{draw.randrange(-7, 37)} < $.age",
        lambda: f"$.name == 'n{draw.randrange(12)}'",
        lambda: f"{draw.randrange(8)} in $.l",
        lambda: f"$.m.a.get(type: INT) {draw.choice(['==', '>', '<='])} {draw.randrange(9)}",
        lambda: f"$.i == {draw.randrange(6)}",
        lambda: f"($.i == {draw.randrange(6)} or $.age == {draw.randrange(9)})",
    ]
    return " and ".join(draw.choice(conditions)() for _ in range(draw.randrange(1, 4)))


def test_80_filters_find_by_an_index_what_they_find_without(
    client: Client, table: tuple[str, list[str]]
) -> None:
    set_name, _ = table
    used = set()
    for seed in range(80):
        text = random_filter(seed)
        query = client.query("test", set_name).where(text)
        found = query.explain()
        used.add(found.index_used.name if found.index_used else None)
        without = client.query("test", set_name).results({"expressions": text})
        assert digests(query.results()) == digests(without), text
    assert used == {None, *table[1]}


def test_a_constant_may_be_all_that_an_index_leaves(
    client: Client, table: tuple[str, list[str]]
) -> None:
    set_name, (age, *_) = table
    without = client.query("test", set_name).results({"expressions": "$.age == 5"})
    for text, expected in (("$.age == 5 and true", without), ("false and $.age == 5", [])):
        query = client.query("test", set_name).where(text)
        used = query.explain().index_used
        assert used is not None
        assert used.name == age
        assert digests(query.results()) == digests(expected)


def test_the_plan_names_the_index_what_it_is_asked_and_what_is_left(
    client: Client, table: tuple[str, list[str]]
) -> None:
    set_name, (age, *_) = table
    query = client.query("test", set_name).where("$.age > 21 and $.i == 3")
    found = query.explain()
    assert found.index_used is not None
    assert (found.index_used.name, found.predicate) == (age, p.between("age", 22, 2**63 - 1))
    assert found.filter == exp.eq(exp.int_bin("i"), 3)
    nothing = client.query("test", set_name).where("$.i == 3").explain()
    assert nothing == (None, None, exp.eq(exp.int_bin("i"), 3))


def test_the_plan_of_a_predicate_and_of_no_filter(
    client: Client, table: tuple[str, list[str]]
) -> None:
    set_name, (age, _, _, place) = table
    assert client.query("test", set_name).explain() == (None, None, None)
    predicate = p.between("age", 1, 2)
    found = client.query("test", set_name).where(predicate).explain()
    assert found.index_used is not None
    assert (found.index_used.name, found.predicate, found.filter) == (age, predicate, None)
    nested = client.query("test", set_name).where(p.equals("m", 1), ctx=[cdt_ctx.map_key("a")])
    explained = nested.explain().index_used
    assert explained is not None
    assert explained.name == place
    named = client.query("test", set_name).where(p.equals(None, 1), index_name=age).explain()
    assert named.index_used is not None
    assert named.index_used.bin == "age"
    assert client.query("test", set_name).where(p.equals("none", 1)).explain().index_used is None


def test_an_index_of_an_expression_answers_its_part(
    client: Client, table: tuple[str, list[str]]
) -> None:
    if client.info_random_node("build") < "8.1":
        pytest.skip("the server has no indexes of expressions")
    set_name, _ = table
    sums, name = exp.parse("$.age + $.i"), f"e{uuid.uuid4().hex[:10]}"
    text = "$.age + $.i >= 10 and $.age + $.i < 13 and $.i != 2"
    query = client.query("test", set_name)
    expected = digests(query.results({"expressions": text}))
    client.index_create(
        *("test", set_name, None, name, aerospike_py.INDEX_NUMERIC), expression=sums
    )
    try:
        found = client.query("test", set_name).where(text)
        plan = found.explain()
        assert plan.index_used is not None
        assert (plan.index_used.name, plan.predicate) == (name, p.between(None, 10, 12))
        assert plan.filter == exp.parse("$.i != 2")
        assert digests(found.results()) == expected
        named = client.query("test", set_name).where(text, index_name=name)
        assert digests(named.results()) == expected
        by_hand = client.query("test", set_name).where(p.between(None, 10, 12), expression=sums)
        assert digests(by_hand.results({"expressions": "$.i != 2"})) == expected
    finally:
        client.index_remove("test", name)
    assert len(expected) > 3


def test_the_policys_filter_has_to_hold_too(client: Client, table: tuple[str, list[str]]) -> None:
    set_name, _ = table
    query = client.query("test", set_name).where("$.age >= 0 and $.age < 20 and $.i != 4")
    both = query.results({"expressions": "$.i == 3 or $.i == 4"})
    assert {record.bins["i"] for record in both} == {3}
    assert both
    expression = exp.eq(exp.int_bin("i"), 2)
    records = query.results({"filter_expression": expression})
    assert {record.bins["i"] for record in records} == {2}
    with pytest.raises(InvalidArgError, match="two different ones"):
        query.results({"expressions": "$.i == 3", "filter_expression": expression})


def test_the_index_that_is_named_is_used(client: Client, table: tuple[str, list[str]]) -> None:
    set_name, (age, name, *_) = table
    text = "$.name == 'n3' and $.age > 3"
    query = client.query("test", set_name).where(text, index_name=age)
    explained = query.explain().index_used
    assert explained is not None
    assert explained.name == age
    other = client.query("test", set_name).where(text)
    assert digests(query.results()) == digests(other.results())
    wrong = client.query("test", set_name).where("$.age > 3", index_name=name)
    with pytest.raises(InvalidArgError, match="answers no part"):
        wrong.results()


def test_an_expression_with_parameters_is_a_filter(
    client: Client, table: tuple[str, list[str]]
) -> None:
    set_name, (_, name, *_) = table
    query = client.query("test", set_name).where(exp.parse("$.name == %s", "n7"))
    explained = query.explain().index_used
    assert explained is not None
    assert explained.name == name
    assert {record.bins["name"] for record in query} == {"n7"}


def test_there_is_one_filter_or_predicate(client: Client, table: tuple[str, list[str]]) -> None:
    set_name, _ = table
    query = client.query("test", set_name).where("$.age > 3")
    for other in ("$.i == 3", p.equals("i", 3)):
        with pytest.raises(InvalidArgError, match="one already"):
            query.where(other)
    with pytest.raises(InvalidArgError, match="line 1, column 9"):
        client.query("test", set_name).where("$.age > ")
    with pytest.raises(InvalidArgError, match="ctx"):
        client.query("test", set_name).where("$.age > 3", ctx=[cdt_ctx.map_key("a")])


def test_records_that_are_closed_before_they_begin(
    client: Client, table: tuple[str, list[str]]
) -> None:
    set_name, _ = table
    records = client.query("test", set_name).where("$.age > 3").records()
    records.close()
    assert list(records) == []
    records = client.query("test", set_name).where("$.age > 3").records()
    with pytest.raises(ClientError, match="closed"):
        _ = records.token  # Nothing has been handed out.
    assert next(records).bins["age"] > 3
    assert records.token
    records.close()


def test_pages_of_a_filter_bring_every_record_once(
    client: Client, table: tuple[str, list[str]]
) -> None:
    set_name, _ = table
    query = client.query("test", set_name).where("$.age > 3 and $.i != 2")
    found = query.results({"max_records": 20})
    while query.token is not None:
        found += query.results({"max_records": 20, "token": query.token})
    assert digests(found) == digests(client.query("test", set_name).where("$.age > 3 and $.i != 2"))
    assert len(found) > 60


def test_arrays_and_background_jobs_of_a_filter(client: Client, set_name: str) -> None:
    index = f"p{uuid.uuid4().hex[:10]}"
    rows: list[Any] = [(("test", set_name, n), {"a": n, "b": n % 3}) for n in range(60)]
    client.batch_write(rows)
    client.index_integer_create("test", set_name, "a", index)
    try:
        query = client.query("test", set_name).where("$.a >= 30 and $.b == 1")
        assert sorted(query.to_numpy([("a", "i8")])["a"].tolist()) == list(range(31, 60, 3))
        columns = list(query.to_arrow(schema={"a": "int64"}))
        assert sum(len(column) for column in columns) == 10
        ops = [{"op": aerospike_py.OPERATOR_WRITE, "bin": "c", "val": 1}]
        job = query.operate_background(ops, {"expressions": "$.a < 50"})
        job.wait(10_000)
        changed = client.query("test", set_name).where("$.c == 1").results()
        assert sorted(record.bins["a"] for record in changed) == list(range(31, 50, 3))
    finally:
        client.index_remove("test", index)


def test_a_filter_of_an_unknown_namespace_is_an_error_at_once(client: Client) -> None:
    with pytest.raises(aerospike_py.AerospikeError):
        client.query("nowhere", "demo").where("$.a == 1").results()
