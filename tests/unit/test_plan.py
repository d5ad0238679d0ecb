"""Which part of a filter an index is asked for, and which index that is."""

from typing import Any

import pytest

from aerospike_py import IndexInfo, InvalidArgError, cdt_ctx, exp
from aerospike_py import predicates as p
from aerospike_py._requests.plan import Filter

NUMERIC, STRING, BLOB = 1, 0, 3
LIST, MAPKEYS, MAPVALUES = 1, 2, 3


def index(
    name: str,
    bin_name: str | None,
    data_type: int = NUMERIC,
    collection: int = 0,
    set_name: str | None = "demo",
    ctx: Any = None,
    expression: Any = None,
    is_readable: bool = True,
) -> IndexInfo:
    return IndexInfo(
        "test", set_name, name, bin_name, data_type, collection, ctx, expression, is_readable
    )


AGE, NAME = index("by_age", "age"), index("by_name", "name", STRING)
EVERYTHING = [
    AGE,
    NAME,
    index("by_key", "k", BLOB),
    index("by_member", "l", NUMERIC, LIST),
    index("by_map_key", "m", STRING, MAPKEYS),
    index("by_map_value", "m", NUMERIC, MAPVALUES),
    index("by_place", "m", NUMERIC, ctx=[cdt_ctx.map_key("a")]),
    index("by_region", "g", 2),
    index("by_sum", None, expression=exp.compile(exp.parse("$.a + $.b"))),
    index(
        "by_word",
        None,
        STRING,
        expression=exp.compile(exp.parse("when ($.i > 1 => 'x', default => 'y')")),
    ),
    index("by_merged", None, NUMERIC, LIST, expression=exp.compile(exp.list_append("l", 1))),
]
POINT = '{"type":"Point","coordinates":[1,2]}'


def plan(text: str, indexes: list[IndexInfo], set_name: str = "demo", **options: Any) -> Any:
    filter_ = Filter(exp.parse(text))
    return filter_.plan(set_name, options.get("index_name"), indexes)


# Text, index, predicate, and the text of what is left.
CASES: list[tuple[str, str | None, Any, str | None]] = [
    ("$.age == 5", "by_age", p.equals("age", 5), None),
    ("5 == $.age", "by_age", p.equals("age", 5), None),
    ("$.age > 5", "by_age", p.between("age", 6, 2**63 - 1), None),
    ("5 > $.age", "by_age", p.between("age", -(2**63), 4), None),
    ("$.age >= 5 and $.age < 9", "by_age", p.between("age", 5, 8), None),
    ("$.age > 5 and $.age <= 9 and $.age >= 7", "by_age", p.between("age", 7, 9), None),
    ("$.age > 9 and $.age < 9", None, None, "$.age > 9 and $.age < 9"),
    ("$.age > 5 and $.i == 3", "by_age", p.between("age", 6, 2**63 - 1), "$.i == 3"),
    ("$.age != 5", None, None, "$.age != 5"),
    ("$.age == 5 or $.age == 6", None, None, "$.age == 5 or $.age == 6"),
    ("not($.age == 5)", None, None, "not($.age == 5)"),
    ("$.age == 5.5", None, None, "$.age == 5.5"),
    ("$.age == $.other", None, None, "$.age == $.other"),
    ("$.age + 1 == 5", None, None, "$.age + 1 == 5"),
    ("$.a + $.b == 5", "by_sum", p.equals(None, 5), None),
    ("$.a + $.b > 5 and 9 > $.a + $.b", "by_sum", p.between(None, 6, 8), None),
    ("$.b + $.a == 5", None, None, "$.b + $.a == 5"),
    ("'x' == when ($.i > 1 => 'x', default => 'y')", "by_word", p.equals(None, "x"), None),
    ("$.name == 'x'", "by_name", p.equals("name", "x"), None),
    ("$.name > 'x'", None, None, "$.name > 'x'"),
    (
        "$.name == 'x' and $.age > 3 and $.age < 5",
        "by_name",
        p.equals("name", "x"),
        "$.age > 3 and $.age < 5",
    ),
    ("$.k.get(type: BLOB) == 'YWJj'", "by_key", p.equals("k", b"abc"), None),
    ("3 in $.l", "by_member", p.contains("l", LIST, 3), "3 in $.l"),
    ("$.m.x.exists()", "by_map_key", p.contains("m", MAPKEYS, "x"), "$.m.x.exists()"),
    ("$.m.{=3}.exists()", "by_map_value", p.contains("m", MAPVALUES, 3), "$.m.{=3}.exists()"),
    ("$.m.a.get(type: INT) == 4", "by_place", p.equals("m", 4), None),
    ("$.m.b.get(type: INT) == 4", None, None, "$.m.b.get(type: INT) == 4"),
    (
        "$.i == 1 and ($.age == 2 and $.j == 3)",
        "by_age",
        p.equals("age", 2),
        "$.i == 1 and $.j == 3",
    ),
    (
        "3 in $.l and $.age > 1 and $.age < 4",
        "by_member",
        p.contains("l", LIST, 3),
        "3 in $.l and $.age > 1 and $.age < 4",
    ),
    ("$.age > 1 and $.name == 'x'", "by_name", p.equals("name", "x"), "$.age > 1"),
    ("$.age > 9223372036854775807", None, None, "$.age > 9223372036854775807"),
]


@pytest.mark.parametrize(("text", "name", "predicate", "rest"), CASES)
def test_what_an_index_answers_is_taken_out_of_the_filter(
    text: str, name: str | None, predicate: Any, rest: str | None
) -> None:
    found = plan(text, EVERYTHING)
    assert (found.index_used and found.index_used.name, found.predicate) == (name, predicate)
    assert found.filter == (None if rest is None else exp.parse(rest))


def test_an_index_of_a_region_leaves_the_filter_as_it_is() -> None:
    text = f"geoCompare($.g, geoJson('{POINT}'))"
    found = plan(text, EVERYTHING)
    assert found.predicate == ("geo_contains_geojson_point", "g", exp.parse(text)["right"].text, 0)
    assert found.filter == exp.parse(text)


def test_indexes_of_other_sets_types_and_bins_and_unfinished_ones_are_left_alone() -> None:
    others = [
        index("other set", "age", set_name="other"),
        index("other type", "age", STRING),
        index("other bin", "ages"),
        index("in a list", "age", NUMERIC, LIST),
        index("nested", "age", ctx=[cdt_ctx.list_index(0)]),
        index("unfinished", "age", is_readable=False),
        index("computed", None, expression=exp.compile(exp.parse("$.age + 1"))),
    ]
    assert plan("$.age == 5", others).index_used is None


def test_an_index_of_an_expression_answers_what_is_asked_of_the_same_expression() -> None:
    age = index("computed", None, expression=exp.compile(exp.int_bin("age")))
    assert plan("$.age == 5", [age]) == (age, p.equals(None, 5), None)
    assert plan("$.age == 5", [age, AGE]).index_used is AGE
    member = exp.list_get_by_value(exp.list_append("l", 1), 3, 9)
    found = Filter(member).plan("demo", None, EVERYTHING)
    assert found.index_used is not None
    assert (found.index_used.name, found.predicate) == ("by_merged", p.contains(None, LIST, 3))
    assert found.filter == member


def test_an_index_of_the_set_finds_what_no_other_index_does() -> None:
    whole = IndexInfo("test", "demo", "whole", None, None, None, None, None, is_readable=True)
    text = "$.i == 3"
    assert plan(text, [*EVERYTHING, whole]) == (whole, None, exp.parse(text))
    assert plan("$.age == 3", [whole, AGE]).index_used is AGE
    assert plan(text, [whole], set_name="other").index_used is None
    assert plan(text, [whole], set_name="").index_used is None
    assert plan(text, [whole._replace(is_readable=False)]).index_used is None


def test_an_index_of_the_namespace_answers_if_there_is_none_of_the_set() -> None:
    whole = index("whole", "age", set_name=None)
    assert plan("$.age == 5", [whole]).index_used is whole
    assert plan("$.age == 5", [whole, AGE]).index_used is AGE
    assert plan("$.age == 5", [AGE], set_name="").index_used is None
    assert plan("$.age == 5", [whole], set_name="").index_used is whole


def test_a_named_index_is_taken_or_it_is_an_error() -> None:
    text = "$.name == 'x' and $.age == 3"
    assert plan(text, EVERYTHING, index_name="by_age").index_used is AGE
    for name in ("by_key", "missing"):
        with pytest.raises(InvalidArgError, match="answers no part of the filter"):
            plan(text, EVERYTHING, index_name=name)


def test_strings_that_are_too_long_for_indexes_are_looked_for_by_the_servers() -> None:
    assert plan(f"$.name == '{'x' * 2047}'", EVERYTHING).index_used is NAME
    assert plan(f"$.name == '{'x' * 2048}'", EVERYTHING).index_used is None


def test_a_compiled_expression_is_not_taken_apart() -> None:
    compiled = exp.compile(exp.parse("$.age == 5"))
    assert Filter(compiled).plan("demo", None, EVERYTHING) == (None, None, compiled)


def test_what_is_no_condition_is_refused() -> None:
    with pytest.raises(InvalidArgError, match="filter"):
        Filter(exp.int_bin("age"))
