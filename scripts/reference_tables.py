"""Tables of the reference that are read from the code, and what searches find first.

MkDocs calls this.

A line "<!-- table: NAME -->" of a page becomes the table of that name, and one that says
"<!-- expressions: NAME, NAME -->" the builders of these sections of `exp`.
"""

import ast
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from aerospike_py import _native, constants, exception, exp, result_codes
from aerospike_py._ffi import lib

ROOT = Path(__file__).resolve().parent.parent
_BOOSTS = {
    "how-do-i.md": 4,
    "guides": 3,
    "guides/migrating.md": 1,
    "quick-start.md": 3,
    "reference": 0.5,
    "changelog.md": 0.2,
}
_MARK = re.compile(r"^<!-- table: (\w+) -->$", re.M)
_EXPRESSIONS = re.compile(r"^<!-- expressions: (.+) -->$", re.M)
_SECTION = re.compile(r"\n\n\n# (.+)\n\n\n")


def on_page_markdown(markdown: str, page: Any, **_context: Any) -> str:
    """MkDocs calls this with each page."""
    # Who searches for a word wants the guide first: the reference has it far more often.
    folder = page.file.src_uri.partition("/")[0]
    boost = _BOOSTS.get(page.file.src_uri, _BOOSTS.get(folder, 1))
    page.meta.setdefault("search", {"boost": boost})
    markdown = _EXPRESSIONS.sub(lambda mark: _builders(mark[1]), markdown)
    return _MARK.sub(lambda mark: TABLES[mark[1]](), markdown)


def expression_sections() -> dict[str, list[str]]:
    """The public names of `exp`, by the comments that divide it; "Basics" comes before them."""
    source = "\n\n\n# Basics\n\n\n" + Path(exp.__file__).read_text(encoding="utf-8")
    _, *parts = _SECTION.split(source)
    sections: dict[str, list[str]] = {}
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        names = re.findall(r"^(?:def |class )?([A-Za-z]\w*)", text, re.M)
        sections[title.partition(" (")[0]] = [name for name in names if name in exp.__all__]
    return sections


def _builders(titles: str) -> str:
    """These sections, each with its heading and what mkdocstrings shows of it."""
    sections = expression_sections()
    shown = "summary: {classes: true, functions: true}, show_root_heading: false"
    return "\n\n".join(
        f"## {title}\n\n::: aerospike_py.exp\n"
        f"    options: {{{shown}, show_root_toc_entry: false, heading_level: 3, "
        f"members: {sections[title]}}}"
        for title in titles.split(", ")
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines: list[list[object]] = [list(heads), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines) + "\n"


def _constants() -> str:
    """A table for each group, under the comment that introduces it."""
    source = Path(constants.__file__).read_text(encoding="utf-8")
    lines = source.splitlines()
    body = ast.parse(source).body
    parts: list[str] = []
    rows: list[tuple[str, object, str]] = []
    end = 0
    for index, node in enumerate(body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        name = node.target.id
        if node.lineno - 1 > end and rows:  # An empty line or a comment: a group begins.
            parts.append(_table(("", "", ""), rows))
            rows = []
        if not rows:
            comments: list[str] = []
            above = node.lineno - 2
            while lines[above].startswith("#"):
                comments.insert(0, lines[above].lstrip("# "))
                above -= 1
            family = name.rpartition("_")[0]
            parts.append(" ".join(comments) or f"`{family}_…`")
        following = body[index + 1] if index + 1 < len(body) else None
        text = ""
        end = node.end_lineno or node.lineno
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = " ".join(str(following.value.value).split())
            end = following.end_lineno or end
        rows.append((f"`{name}`", getattr(constants, name), text))
    parts.append(_table(("", "", ""), rows))
    return "\n\n".join(parts)


def _errors() -> str:
    texts = _member_texts(result_codes.ResultCode)
    rows = (
        (
            code.value,
            f"`{code.name}`<br>`{exception.class_for(code).__name__}`",
            texts[code.name],
        )
        for code in result_codes.ResultCode
        if code
    )
    return _table(("code", "`ResultCode`, exception", "meaning"), rows)


def _member_texts(enum: type) -> dict[str, str]:
    """The text below each member of an enum."""
    source = Path(result_codes.__file__).read_text(encoding="utf-8")
    (definition,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == enum.__name__
    )
    texts: dict[str, str] = {}
    name = ""
    for node in definition.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            texts[name] = " ".join(str(node.value.value).split())
    return texts


def _defaults() -> str:
    """What holds for each kind of command when neither policy nor configuration says anything."""
    kinds = {
        "read": lib.ASZ_GET,
        "write": lib.ASZ_PUT,
        "batch that reads": lib.ASZ_BATCH,
        "batch that writes": lib.ASZ_PUT,  # As `ClientPolicies` has it.
        "query": lib.ASZ_QUERY,
        "background query": lib.ASZ_QUERY_BACKGROUND,
        "info": lib.ASZ_INFO,
    }
    keys = (
        "total_timeout",
        "socket_timeout",
        "max_retries",
        "sleep_between_retries",
        "timeout_delay",
    )
    structs = {kind: _native.new_policy(command) for kind, command in kinds.items()}
    rows = ((kind, *(getattr(struct, key) for key in keys)) for kind, struct in structs.items())
    return _table(("", *(f"`{key}`" for key in keys)), rows)


def _changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


TABLES: dict[str, Callable[[], str]] = {
    "changelog": _changelog,
    "constants": _constants,
    "errors": _errors,
    "defaults": _defaults,
}
