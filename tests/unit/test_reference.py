"""The reference of the documentation has every method of the clients, each once."""

import inspect
import re
from pathlib import Path

import aerospike_py
from aerospike_py import async_query, query

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
# A class whose page lists some of its methods, or a method by itself.
LISTED = re.compile(r"::: aerospike_py\.client\.Client\n    options: \{members: \[([\w, ]+)\]\}")
ALONE = re.compile(r"^::: aerospike_py\.client\.Client\.(\w+)$", re.MULTILINE)


def test_every_method_of_the_clients_is_on_one_page() -> None:
    text = "\n".join(page.read_text() for page in REFERENCE.glob("*.md"))
    (members,) = LISTED.findall(text)
    shown = sorted([*members.split(", "), *ALONE.findall(text)])
    methods = inspect.getmembers(aerospike_py.Client, inspect.isfunction)
    assert shown == sorted(name for name, _ in methods if not name.startswith("_"))


def test_every_public_class_of_queries_is_on_a_page() -> None:
    text = (REFERENCE / "queries.md").read_text()
    for module in (query, async_query):
        for name in module.__all__:
            assert f"::: {module.__name__}.{name}\n" in text
