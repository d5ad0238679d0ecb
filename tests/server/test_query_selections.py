"""Queries that compute operations and expressions, and find indexes by name or expression."""

from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import BinNameError, Client, IndexNotFound, InvalidArgError, exp
from aerospike_py import list_operations as lop
from aerospike_py import map_operations as mop
from aerospike_py import predicates as p

COUNT = 6
DOUBLE = exp.num_mul(exp.int_bin("a"), 2)


@pytest.fixture(scope="module")
def filled(server: Any, set_prefix: str) -> Iterator[str]:
    """A set whose last record has another type of bin than the others."""
    name = f"{set_prefix}_selections"
    with aerospike_py.client(server.config).connect() as client:
        for number in range(COUNT):
            bins: dict[str, Any] = {"a": number, "l": list(range(number)), "m": {"x": 1}}
            client.put(("test", name, number), bins)
        client.put(("test", name, COUNT), {"a": COUNT, "l": "text"})
        client.index_integer_create("test", name, "a", f"{name}_a")
        client.index_create(
            "test", name, None, f"{name}_e", aerospike_py.INDEX_NUMERIC, expression=DOUBLE
        )
        yield name
        client.index_remove("test", f"{name}_a")
        client.index_remove("test", f"{name}_e")


def found(query: Any, policy: Any = None) -> list[Any]:
    return sorted((record.bins for record in query.results(policy)), key=repr)


def test_expressions_are_computed_of_every_record(client: Client, filled: str) -> None:
    query = client.query("test", filled).select("a", "none", twice=DOUBLE)
    assert found(query) == [{"a": n, "twice": 2 * n} for n in range(COUNT + 1)]
    query = client.query("test", filled).select(big=exp.gt(exp.int_bin("a"), 3))
    assert found(query) == [{"big": False}] * 4 + [{"big": True}] * 3


def test_operations_answer_as_they_do_of_one_record(client: Client, filled: str) -> None:
    query = client.query("test", filled).select(lop.list_size("l"), lop.list_get_range("l", 0, 1))
    # The record with a text in the place of a list does not come.
    assert found(query) == [{"l": [n, [0][:n]]} for n in range(COUNT)]
    pairs = mop.map_get_by_key_range("m", None, None, aerospike_py.MAP_RETURN_KEY_VALUE)
    query = client.query("test", filled).select(pairs).where(p.between("a", 0, COUNT - 1))
    assert found(query) == [{"m": [("x", 1)]}] * COUNT


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_pages_of_computed_records_are_complete(client: Client, filled: str, size: int) -> None:
    collected: list[Any] = []
    token = None
    while True:
        query = client.query("test", filled).select(lop.list_size("l"))
        place = {} if token is None else {"token": token}
        page = found(query, {"max_records": size, **place})
        assert len(page) <= size
        collected += page
        token = query.token
        if token is None:
            break
    assert sorted(bins["l"] for bins in collected) == list(range(COUNT))


def test_what_cannot_be_selected_is_refused(client: Client, filled: str) -> None:
    query = client.query("test", filled)
    with pytest.raises(TypeError, match="needs a name"):
        query.select(DOUBLE)
    with pytest.raises(InvalidArgError, match="no 'op'"):
        query.select({"bin": "a"})
    with pytest.raises(BinNameError):
        query.select(**{"a name that is too long": DOUBLE})
    with pytest.raises(InvalidArgError, match="only a background query can write"):
        client.query("test", filled).select(lop.list_append("l", 1)).results()
    with pytest.raises(InvalidArgError, match="cannot read all bins"):
        client.query("test", filled).select({"op": 1}).results()


def test_an_index_is_found_by_its_name_or_its_expression(client: Client, filled: str) -> None:
    def numbers(**options: Any) -> list[int]:
        query = client.query("test", filled).where(p.between(None, 4, 8), **options)
        return sorted(record.bins["a"] for record in query.results())

    assert numbers(index_name=f"{filled}_a") == [4, 5, 6]
    assert numbers(index_name=f"{filled}_e") == [2, 3, 4]
    assert numbers(expression=DOUBLE) == [2, 3, 4]
    assert numbers(expression=exp.compile(DOUBLE)) == [2, 3, 4]
    with pytest.raises(IndexNotFound):
        numbers(expression=exp.num_add(exp.int_bin("a"), 1))
    with pytest.raises(IndexNotFound):
        numbers(index_name="no such index")
    with pytest.raises(InvalidArgError, match="without a bin needs an index_name or expression"):
        numbers()
    with pytest.raises(TypeError, match="expression"):
        numbers(expression="text")


def test_background_jobs_take_a_rate(client: Client, filled: str) -> None:
    query = client.query("test", filled).where(p.between("a", 1, 2))
    job = query.operate_background(
        [{"op": aerospike_py.OPERATOR_WRITE, "bin": "seen", "val": 1}], records_per_second=1000
    )
    assert job.wait(30_000).state == "done"
    seen = client.query("test", filled).select("seen").results()
    assert len(seen) == 2
    with pytest.raises(InvalidArgError, match="records_per_second"):
        query.operate_background([{"op": 2, "bin": "b", "val": 1}], records_per_second=-1)
