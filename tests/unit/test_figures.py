"""The figures of README and documentation are those of the run that the chart shows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = re.compile(r"<text[^>]*>([^<]+)")
# What tables call the chart's cases, where the name is another one.
TITLES = {
    "batch_read of 1000, every record touched": "batch read of 1000 (a record)",
    "the same into NumPy": "batch read of 1000 into NumPy (a record)",
    "the same as columns of Arrow": "batch read of 1000 into Arrow (a record)",
    "query of 10 000": "query of 10000 (a record)",
    **{
        f"async {what}, {flying} in flight (uvloop)": f"async {what}, {flying} in flight, uvloop"
        for what in ("get", "put")
        for flying in (1, 16, 128)
    },
}


def charted() -> dict[str, list[float]]:
    """The microseconds of each case, of this client and then of those that have the case."""
    cases: dict[str, list[float]] = {}
    for text in TEXT.findall((ROOT / "docs" / "peers.svg").read_text(encoding="utf-8")):
        if text.endswith(" us"):
            *_, last = cases.values()
            last.append(float(text.removesuffix(" us").replace(" ", "")))
        else:
            cases[text] = []
    return {case: figures for case, figures in cases.items() if figures}


@pytest.mark.parametrize(("page", "rows"), [("README.md", 11), ("docs/index.md", 7)])
def test_the_table_of_clients_has_the_figures_of_the_chart(page: str, rows: int) -> None:
    cases = charted()
    compared = 0
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        name, *cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
        shown = cases.get(TITLES.get(name, name))
        if shown is None or name == "import":  # That is in milliseconds.
            continue
        assert [float(cell) for cell in cells if cell] == pytest.approx(shown, rel=0.005), line
        compared += 1
    assert compared >= rows


def test_tuning_has_the_figures_of_the_chart() -> None:
    cases = charted()
    text = (ROOT / "docs" / "guides" / "tuning.md").read_text(encoding="utf-8")
    expected = {
        "`put`, `get`, one at a time": ["put", "get"],
        "`get` in each of 8 threads": ["get, 8 threads"],
        "`get` on an `AsyncClient` (uvloop), 1, 16 and 128 in flight": [
            f"async get, {flying} in flight, uvloop" for flying in (1, 16, 128)
        ],
        "a query of 10 000 records": ["query of 10000 (a record)"],
        "`batch_read` of 1000, every record looked at": ["batch read of 1000 (a record)"],
        "the same as columns of Arrow, into NumPy": [
            f"batch read of 1000 into {what} (a record)" for what in ("Arrow", "NumPy")
        ],
    }
    for name, titles in expected.items():
        found = re.search(rf"^\| {re.escape(name)} \| (.+) \|$", text, re.M)
        assert found is not None, name
        figures = [float(figure) for figure in found[1].split(", ")]
        assert figures == pytest.approx([cases[title][0] for title in titles], rel=0.005), name
