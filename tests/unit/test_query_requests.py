"""Predicates and query policies: what is accepted, and what becomes of it."""

from typing import Any

import msgspec
import pytest

import aerospike_py
from aerospike_py import INDEX_TYPE_LIST, INDEX_TYPE_MAPKEYS, GeoJSON, InvalidArgError
from aerospike_py import predicates as p
from aerospike_py._requests import query
from aerospike_py._requests.policies import ClientPolicies, QueryPolicies
from aerospike_py._requests.query import where_member
from aerospike_py._values import encode
from aerospike_py.exception import BinNameError

REGION = '{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}'
POINT = '{"type": "Point", "coordinates": [1.0, 2.0]}'


def geo(text: str) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(23, text.encode())


def test_predicates_are_plain_tuples() -> None:
    assert p.equals("a", 1) == ("equals", "a", 1)
    assert p.between("a", 1, 2) == ("between", "a", 1, 2)
    assert p.contains("a", INDEX_TYPE_LIST, 5) == ("contains", "a", INDEX_TYPE_LIST, 5)
    assert p.range("a", INDEX_TYPE_LIST, 5, 6) == ("range", "a", INDEX_TYPE_LIST, 5, 6)
    assert p.geo_within_geojson_region("a", GeoJSON(REGION)) == (
        "geo_within_geojson_region",
        "a",
        REGION,
    )
    assert p.geo_within_radius("a", 2, 1, 5) == ("geo_within_radius", "a", 2, 1, 5)
    assert p.geo_contains_geojson_point("a", "{}", INDEX_TYPE_LIST)[2:] == ("{}", INDEX_TYPE_LIST)


@pytest.mark.parametrize(
    ("predicate", "member"),
    [
        (("equals", "a", 5), ("a", 0, 5, 5)),
        (("equals", "a", "x"), ("a", 0, "x", "x")),
        (("equals", "a", bytearray(b"x")), ("a", 0, b"x", b"x")),
        (("between", "a", -1, 1), ("a", 0, -1, 1)),
        (("contains", "a", INDEX_TYPE_MAPKEYS, "k"), ("a", 2, "k", "k")),
        (("range", "a", INDEX_TYPE_LIST, 1, 2), ("a", 1, 1, 2)),
        (("geo_within_geojson_region", "a", REGION), ("a", 0, geo(REGION), None)),
        (("geo_contains_geojson_point", "a", POINT, 1), ("a", 1, geo(POINT), None)),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_becomes_of_a_predicate(predicate: Any, member: Any) -> None:
    made = where_member(predicate, None, None)
    assert made[:2] == member[:2]
    for value, expected in zip(made[2:], member[2:], strict=True):
        if isinstance(expected, msgspec.msgpack.Ext):
            assert (value.code, value.data) == (expected.code, expected.data)
        else:
            assert value == expected
            assert type(value) is type(expected)


def test_a_circle_has_its_longitude_first() -> None:
    circle = where_member(p.geo_within_radius("a", 2.5, 1.5, 100), None, None)[2]
    assert GeoJSON(bytes(circle.data).decode()).unwrap() == {
        "type": "AeroCircle",
        "coordinates": [[1.5, 2.5], 100.0],
    }


def test_contexts_and_indexes_by_name() -> None:
    context = [("map_key", "k")]
    assert where_member(("equals", "a", 1), context, None)[4] == {"context": context}
    assert where_member(("equals", "a", 1), None, "i")[::4] == (None, {"index": "i"})


@pytest.mark.parametrize(
    ("predicate", "error"),
    [
        (None, TypeError),
        ([], TypeError),
        ((), TypeError),
        (["equals", "a", 1], TypeError),
        (("unequal", "a", 1), InvalidArgError),
        ((1, "a", 1), InvalidArgError),
        (("equals", "a"), InvalidArgError),
        (("equals", "a", 1, 2), InvalidArgError),
        (("between", "a", 2, 1), InvalidArgError),
        (("between", "a", "x", "y"), TypeError),
        (("between", "a", 1.0, 2.0), TypeError),
        (("equals", "a", 1.5), TypeError),
        (("equals", "a", True), TypeError),
        (("equals", "a", None), TypeError),
        (("equals", "a", 2**63), OverflowError),
        (("equals", "x" * 16, 1), BinNameError),
        (("equals", 5, 1), TypeError),
        (("contains", "a", 4, 1), InvalidArgError),
        (("contains", "a", "list", 1), TypeError),
        (("geo_within_geojson_region", "a", {"type": "Point"}), TypeError),
        (("geo_within_radius", "a", "x", 1, 1), TypeError),
    ],
    ids=str,
)
def test_predicates_that_are_wrong(predicate: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        where_member(predicate, None, None)


def test_policies_are_split_and_have_defaults() -> None:
    policies = QueryPolicies({"max_records": 10, "total_timeout": 5})
    struct, members = policies(None)
    assert struct.total_timeout == 5
    assert members == {"max_records": 10}
    struct, members = policies({"max_records": 20, "socket_timeout": 7, "include_bin_data": False})
    assert (struct.total_timeout, struct.socket_timeout) == (5, 7)
    assert members == {"max_records": 20, "include_bin_data": False}
    assert policies({"max_records": None})[1] == {"max_records": 10}


def test_partition_filters() -> None:
    policies = QueryPolicies(None)

    def members(**given: Any) -> dict[str, Any]:
        return policies({"partition_filter": given})[1]

    digest = bytes([7, 1]) + bytes(18)
    assert members() == {}
    assert members(begin=5) == {"partitions": (5, 1)}
    assert members(begin=5, count=10) == {"partitions": (5, 10)}
    assert members(count=10) == {"partitions": (0, 10)}
    assert members(digest=digest) == {"after": digest}
    assert members(digest=digest, count=3) == {"after": digest, "partitions": (263, 3)}


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(InvalidArgError, match="max_records"):
        QueryPolicies(None)({"max_record": 1})
    with pytest.raises(InvalidArgError, match="max_retries"):
        QueryPolicies({"max_retires": 1})


@pytest.mark.parametrize(
    ("answers", "code", "text"),
    [
        ([("A", 0, "ERROR::unstable-cluster"), ("B", 0, "AF0")], 7, "not stable"),
        ([("A", 0, "AF0"), ("B", 0, "ERROR:7:cluster not specified size")], 7, "not stable"),
        ([("A", 0, "AF0"), ("B", 0, "AF1")], 7, "do not agree"),
        ([("A", 0, "AF0"), ("B", 9, "client timeout")], 9, "client timeout"),
    ],
)
def test_what_nodes_say_of_a_cluster_that_is_not_stable(
    answers: list[tuple[str, int, str]], code: int, text: str
) -> None:
    *_, decode = query.cluster_key(ClientPolicies({}), "test")
    with pytest.raises(aerospike_py.AerospikeError, match=text) as caught:
        decode(memoryview(encode(answers)))
    assert caught.value.result_code == code


def test_the_key_of_a_cluster_is_what_all_nodes_say() -> None:
    *_, decode = query.cluster_key(ClientPolicies({}), "test")
    assert decode(memoryview(encode([("A", 0, "AF0"), ("B", 0, "AF0")]))) == "AF0"


def test_a_query_fails_of_changes_if_its_policy_or_the_default_says_so() -> None:
    told = ClientPolicies({"query": {"fail_on_cluster_change": True}}).query
    silent = ClientPolicies({}).query
    assert told.fails_on_change(None)
    assert not told.fails_on_change({"fail_on_cluster_change": False})
    assert not silent.fails_on_change({"fail_on_cluster_change": None})
    assert silent.fails_on_change({"fail_on_cluster_change": True})
    # No server is told.
    assert silent({"fail_on_cluster_change": True})[1] == {}
    with pytest.raises(TypeError, match="must be a bool"):
        silent({"fail_on_cluster_change": 1})
