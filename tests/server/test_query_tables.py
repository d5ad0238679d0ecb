"""Queries of random tables find what Python finds in the same tables, page by page or at once."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import Client, exp
from aerospike_py import predicates as p

NAMESPACE = "test"
BINS = ("n", "s", "l", "o")
LIST = aerospike_py.INDEX_TYPE_LIST
EXTREMES = [-(2**63), 2**63 - 1, -1, 0, 1]

Table = dict[bytes, dict[str, Any]]


@pytest.fixture(scope="module", params=range(20))
def table(
    request: pytest.FixtureRequest, server: Any, set_prefix: str
) -> Iterator[tuple[str, random.Random, Table]]:
    """A set with an index for each kind of predicate, and what is in it by digest."""
    source = random.Random(request.param)
    name = f"{set_prefix}_table{request.param}"
    with aerospike_py.client(server.config).connect() as client:
        client.index_integer_create(NAMESPACE, name, "n", f"{name}_n")
        client.index_string_create(NAMESPACE, name, "s", f"{name}_s")
        client.index_integer_create(NAMESPACE, name, "l", f"{name}_l", index_type=LIST)
        content: Table = {}
        for number in range(source.choice([0, 1, 2, 17, 100, 400])):
            key = (NAMESPACE, name, number)
            bins = row(source)
            client.put(key, bins)
            digest = client.exists(key).key.digest
            content[digest] = bins
        yield name, source, content
        for suffix in "nsl":
            client.index_remove(NAMESPACE, f"{name}_{suffix}")


def row(source: random.Random) -> dict[str, Any]:
    number = source.choice([source.randrange(-9, 10), source.choice(EXTREMES)])
    bins = {
        "n": number if source.random() < 0.9 else "text",
        "s": source.choice("abcdef") if source.random() < 0.9 else 5,
        # The same value several times, and values of other types.
        "l": [source.choice([1, 2, 2, 3, "a", 1.0, None, b"x"]) for _ in range(6)],
        "o": source.randrange(100),
    }
    return {name: value for name, value in bins.items() if source.random() < 0.9} or {"o": 0}


def predicate(source: random.Random) -> tuple[Any, Any]:
    """A predicate, and whether a record's bins fulfil it."""
    low, high = sorted([source.choice([*EXTREMES, -3, 5]), source.choice([*EXTREMES, 2, 9])])
    word, number = source.choice("abcz"), source.choice([1, 2, 3, 4])
    choices = [
        (None, lambda bins: True),
        (p.between("n", low, high), lambda bins: is_int(bins, "n") and low <= bins["n"] <= high),
        (p.equals("n", low), lambda bins: is_int(bins, "n") and bins["n"] == low),
        (p.equals("s", word), lambda bins: bins.get("s") == word),
        (p.contains("l", LIST, number), lambda bins: number in ints(bins)),
        (p.range("l", LIST, 2, 3), lambda bins: 2 in ints(bins) or 3 in ints(bins)),
    ]
    return source.choice(choices)


def is_int(bins: dict[str, Any], name: str) -> bool:
    return type(bins.get(name)) is int


def ints(bins: dict[str, Any]) -> list[int]:
    return [value for value in bins.get("l", []) if type(value) is int]


def query_policy(source: random.Random) -> tuple[dict[str, Any], Any]:
    """A policy, and whether a record's bins pass its filter."""
    limit = source.randrange(101)
    if source.random() < 0.5:
        return {}, lambda bins: True
    passes = exp.lt(exp.int_bin("o"), limit)
    return {"expressions": passes}, lambda bins: "o" in bins and bins["o"] < limit


def checked(records: list[Any], expected: Table, chosen: list[str]) -> list[bytes]:
    """The digests of records, each of which is there and is what it should be."""
    digests = [record.key.digest for record in records]
    for record in records:
        bins = expected[record.key.digest]
        assert record.bins == {name: bins[name] for name in chosen or BINS if name in bins}
    assert len(set(digests)) == len(digests)
    return digests


def test_queries_of_random_tables(client: Client, table: tuple[str, random.Random, Table]) -> None:
    name, source, content = table
    for _ in range(25):
        where, fulfils = predicate(source)
        policy, passes = query_policy(source)
        chosen = source.sample(BINS, source.choice([0, 0, 1, 2]))
        expected = {
            digest: bins
            for digest, bins in content.items()
            if fulfils(bins)
            and passes(bins)
            and (not chosen or any(each in bins for each in chosen))
        }

        def query(where: Any = where, chosen: Any = chosen) -> Any:
            made = client.query(NAMESPACE, name).select(*chosen)
            return made if where is None else made.where(where)

        found = checked(query().results(policy), expected, chosen)
        assert set(found) == set(expected), (where, policy, chosen)
        size = source.choice([1, 2, 5, 50, 1000])
        first = checked(query().results({**policy, "max_records": size}), expected, chosen)
        assert len(first) <= size
        assert len(first) == min(size, len(expected)) or len(expected) < size
        pages(query, policy, size, expected, chosen, where)


def pages(
    query: Any, policy: Any, size: int, expected: Table, chosen: list[str], where: Any
) -> None:
    found: list[bytes] = []
    token = None
    while True:
        page = query()
        place = {} if token is None else {"token": token}
        records = page.results({**policy, "max_records": size, **place})
        assert len(records) <= size
        found += checked(records, expected, chosen)
        token = page.token
        if token is None:
            break
    # A record with several values in the range may come for each, though not twice in one page.
    may_repeat = where is not None and where[0] == "range"
    assert may_repeat or len(set(found)) == len(found), where
    assert len(found) <= 2 * len(expected)
    assert set(found) == set(expected), (where, policy, size)
