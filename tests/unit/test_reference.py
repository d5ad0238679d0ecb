"""The reference of the documentation has every method of the clients, each once."""

import importlib.util
import inspect
import re
from pathlib import Path

import aerospike_py
from aerospike_py import async_query, exp, query, types

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
# A class whose page lists some of its methods, or a method by itself.
LISTED = re.compile(r"::: aerospike_py\.client\.Client\n    options: \{members: \[([\w, ]+)\]\}")
TYPES = re.compile(r"::: aerospike_py\.types\n(?:    .*\n)+?      members: \[([\w,\s]+)\]")
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


def test_every_type_is_on_one_page() -> None:
    text = "\n".join(page.read_text() for page in REFERENCE.glob("*.md"))
    listed = re.findall(
        r"::: aerospike_py\.types\n(?:    .*\n)+?      members: \[([\w,\s]+)\]", text
    )
    shown = [name for names in listed for name in re.findall(r"\w+", names)]
    assert sorted(shown) == sorted(types.__all__)


def test_every_expression_is_on_one_page() -> None:
    program = ROOT / "scripts" / "reference_tables.py"
    spec = importlib.util.spec_from_file_location("reference_tables", program)
    assert spec is not None
    assert spec.loader is not None
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    sections = tables.expression_sections()
    text = "\n".join(page.read_text() for page in REFERENCE.glob("*.md"))
    lines = re.findall(r"<!-- expressions: (.+) -->", text)
    shown = [title for line in lines for title in line.split(", ")]
    assert sorted(shown) == sorted(sections)
    assert sorted(name for names in sections.values() for name in names) == sorted(exp.__all__)
