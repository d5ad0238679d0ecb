"""Draws the CPU time per operation of every client in every case, as an SVG file."""

from html import escape
from pathlib import Path
from typing import Any

from peers import OURS
from report import CaseResults, number

WIDTH = 830
LEFT = 300
BAR_AREA = WIDTH - LEFT - 90
BAR_HEIGHT = 16
GAP = 14
TOP = 56
COLORS = {
    OURS: "#f7a41d",
    "official": "#4878a8",
    "aerospike-py": "#8a6d9e",
    "aerospike-native": "#5f9e7f",
}


def text(x: float, y: float, content: str, style: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}"{style}>{escape(content)}</text>'


def panel(case_results: CaseResults, top: int) -> tuple[list[str], int]:
    """The bars of one case, longest = the most CPU time; gives the elements and their height."""
    measured = [
        (result.peer, value)
        for result in case_results.results
        if (value := result.median("cpu_us")) is not None
    ]
    if not measured:
        return [], 0
    longest = max(value for _, value in measured)
    elements: list[str] = []
    middle = top + BAR_HEIGHT * len(measured) / 2 + 4
    case = case_results.case
    label = case.title + (" (a record)" if case.unit == "record" else "")
    elements.append(text(LEFT - 12, middle, label, ' text-anchor="end"'))
    for index, (peer, value) in enumerate(measured):
        y = top + index * BAR_HEIGHT
        length = max(1.0, BAR_AREA * value / longest) if longest > 0 else 1.0
        elements.append(
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR_HEIGHT - 3}" rx="2" '
            f'fill="{COLORS[peer]}"><title>{escape(peer)}: {value:.2f}</title></rect>'
        )
        elements.append(text(LEFT + length + 6, y + 11, f"{number(value)} us", ' font-size="11"'))
    return elements, BAR_HEIGHT * len(measured) + GAP


def draw(all_results: list[CaseResults], about: dict[str, Any]) -> str:
    """The whole picture as text."""
    elements: list[str] = []
    x = float(LEFT)
    for peer, version in about["clients"].items():
        label = f"{peer} {version}"
        elements.append(f'<rect x="{x:.0f}" y="32" width="10" height="10" fill="{COLORS[peer]}"/>')
        elements.append(text(x + 15, 41, label, ' font-size="11"'))
        x += 34 + 6.4 * len(label)
    top = TOP
    for case_results in all_results:
        bars, height = panel(case_results, top)
        elements += bars
        top += height
    source = f"{about['cpu']}, {about['cpus']} CPUs; server {about['server']}; median of rounds"
    elements.append(text(LEFT, top + 8, source, ' font-size="10" fill="#777"'))
    width = max(WIDTH, int(x))
    height = top + 22
    return (
        "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                f'width="{width}" height="{height}" font-family="sans-serif" font-size="13" '
                'fill="#222">',
                f'<rect width="{width}" height="{height}" fill="#fff"/>',
                text(LEFT, 20, "CPU time of the client per operation (shorter is better)"),
                *elements,
                "</svg>",
            ]
        )
        + "\n"
    )


def write_chart(path: Path, all_results: list[CaseResults], about: dict[str, Any]) -> None:
    path.write_text(draw(all_results, about))
