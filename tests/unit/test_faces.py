"""The synchronous and the asynchronous face are the same, but for what is awaited."""

import inspect
import re
from typing import Any

import pytest

from aerospike_py import AsyncClient, Client, async_query, query

PAIRS: list[tuple[Any, Any]] = [
    (Client, AsyncClient),
    (query.Query, async_query.AsyncQuery),
    (query.Records, async_query.AsyncRecords),
    (query.BackgroundJob, async_query.AsyncBackgroundJob),
    (query.BatchStream, async_query.AsyncBatchStream),
]
# What the two may say differently, beside the words of `words`.
OWN_WORDS = {"Client.connect", "Client.close", "Query.foreach", "Query.records"}


def public(kind: Any) -> dict[str, Any]:
    return {name: getattr(kind, name) for name in vars(kind) if not name.startswith("_")}


def words(text: str) -> list[str]:
    faces = "Client|Query|Records|BackgroundJob|BatchStream"
    return re.sub(rf"\bAsync(?={faces})|\b(async|await) ", "", text).split()


METHODS = [
    (sync, asynchronous, name) for sync, asynchronous in PAIRS for name in public(asynchronous)
]


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS)
def test_the_faces_have_the_same_methods_in_the_same_order(sync: Any, asynchronous: Any) -> None:
    assert list(public(sync)) == list(public(asynchronous))


@pytest.mark.parametrize(
    ("sync", "asynchronous", "name"), METHODS, ids=[f"{s.__name__}.{n}" for s, _, n in METHODS]
)
def test_a_method_says_the_same_on_both_faces(sync: Any, asynchronous: Any, name: str) -> None:
    here, there = getattr(sync, name), getattr(asynchronous, name)
    if f"{sync.__name__}.{name}" not in OWN_WORDS:
        assert words(inspect.getdoc(here) or "") == words(inspect.getdoc(there) or "")
    assert len((inspect.getdoc(there) or "").split()) > 3
    assert "See `" not in (inspect.getdoc(there) or "")
    if not isinstance(here, property):
        mine, others = (inspect.signature(each).parameters.values() for each in (here, there))
        assert [(p.name, p.kind, p.default) for p in mine] == [
            (p.name, p.kind, p.default) for p in others
        ]


@pytest.mark.parametrize(
    ("sync", "asynchronous", "name"), METHODS, ids=[f"{s.__name__}.{n}" for s, _, n in METHODS]
)
def test_a_method_names_all_its_arguments(sync: Any, asynchronous: Any, name: str) -> None:
    method = getattr(sync, name)
    if isinstance(method, property):
        return
    text = inspect.getdoc(method) or ""
    for parameter in list(inspect.signature(method).parameters)[1:]:
        assert re.search(rf"^    {parameter}: \S", text, re.M), f"{parameter} is not explained"
