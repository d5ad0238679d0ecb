"""The reference has every method of the clients, each once; and links between pages lead."""

import importlib.util
import inspect
import re
from pathlib import Path

import aerospike_py
from aerospike_py import async_query, exp, query, types

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
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


def anchors(page: Path) -> set[str]:
    """What the headings of a page are linked by."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    words = (re.sub(r"[^\w\s-]", "", title, flags=re.ASCII).strip().lower() for title in titles)
    return {re.sub(r"[-\s]+", "-", title) for title in words}


def test_links_between_pages_lead_somewhere() -> None:
    count = 0
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
            place, _, anchor = target.partition("#")
            other = (page.parent / place).resolve() if place else page
            assert other.exists(), f"{page.name}: {target}"
            # Those with dots are of the reference, which is made when the site is.
            if anchor and "." not in anchor and other.suffix == ".md":
                assert anchor in anchors(other), f"{page.name}: {target}"
            count += 1
    assert count > 100


def test_classes_of_which_nothing_is_listed_list_no_inherited_members_either() -> None:
    for page in REFERENCE.glob("*.md"):
        for options in re.findall(r"options: (\{.*members: \[\].*)", page.read_text()):
            assert "inherited_members: false" in options, page.name


def test_no_text_of_the_package_has_a_table_that_markdown_does_not_know() -> None:
    for path in sorted((ROOT / "aerospike_py").rglob("*.py")):
        assert not re.search(r"^ *={4,}", path.read_text(), re.MULTILINE), path.name


def test_what_is_returned_is_not_taken_for_a_name_and_a_text() -> None:
    for path in sorted((ROOT / "aerospike_py").rglob("*.py")):
        for line in re.findall(r"^ *Returns:\n(.*)", path.read_text(), re.MULTILINE):
            assert not re.search(r":\s", line), f"{path.name}: {line.strip()}"
