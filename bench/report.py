"""From the figures of rounds to medians, ratios, a table and a JSON file."""

import json
import os
import platform
import textwrap
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

from cases import Case
from peers import OURS

Round = dict[str, float]

# Why a client has no figures in a case: our client is to have it, or another one has it not.
NOT_YET = "not yet"
ABSENT = "absent"


@dataclass
class Result:
    """What one client did in one case.

    Attributes:
        peer: The client.
        rounds: The figures of each round, as the worker gave them.
        failure: Why there are none: NOT_YET, ABSENT, or the error.
    """

    peer: str
    rounds: list[Round] = field(default_factory=list)
    failure: str = ""

    def median(self, figure: str) -> float | None:
        """The median of a figure over the rounds, None if there were none."""
        values = [figures[figure] for figures in self.rounds if figure in figures]
        return median(values) if values else None

    def ratio(self, figure: str, base: "Result | None") -> float | None:
        """The median over the rounds of this client's figure divided by that of `base`.

        Round by round, because two clients in the same round had the same machine.
        """
        if base is None:
            return None
        pairs = zip(self.rounds, base.rounds, strict=False)
        ratios = [mine[figure] / other[figure] for mine, other in pairs if other[figure] > 0]
        return median(ratios) if ratios else None


@dataclass
class CaseResults:
    """One case and what each client did in it, in the order of the command line."""

    case: Case
    results: list[Result]

    def ours(self) -> Result | None:
        return next((result for result in self.results if result.peer == OURS), None)


FIGURES = ("ops_per_s", "cpu_us", "p50_us", "p99_us")
COLUMNS = ("case", "client", "ops/s", "CPU us/op", "p50 us", "p99 us", "CPU x", "p50 x", "ops/s x")


def number(value: float | None) -> str:
    """Three digits that matter."""
    if value is None:
        return ""
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def rows(all_results: list[CaseResults]) -> list[tuple[str, ...]]:
    """The lines of the table: one for each client that ran a case or failed in it."""
    lines: list[tuple[str, ...]] = []
    for case_results in all_results:
        ours = case_results.ours()
        label = case_results.case.title
        if case_results.case.unit != "op":
            label += f" (a {case_results.case.unit})"
        for result in case_results.results:
            if result.rounds:
                figures = [number(result.median(name)) for name in FIGURES]
                ratios = [
                    number(result.ratio(name, ours)) for name in ("cpu_us", "p50_us", "ops_per_s")
                ]
                lines.append((label, result.peer, *figures, *ratios))
            elif result.failure not in (NOT_YET, ABSENT):
                lines.append((label, result.peer, result.failure))
            else:
                continue
            label = ""
    return lines


def notes(all_results: list[CaseResults]) -> list[str]:
    """What the table does not show: memory, and what we do not have yet."""
    results = [(entry.case, result) for entry in all_results for result in entry.results]
    lines: list[str] = []
    memory = [
        f"{result.peer} {value:.0f} MB"
        for _, result in results
        if (value := result.median("rss_mb")) is not None
    ]
    if memory:
        lines.append(f"Resident memory after the import: {', '.join(memory)}.")
    missing = [case.title for case, result in results if result.failure == NOT_YET]
    if missing:
        lines += textwrap.wrap(f"Not yet in this client: {', '.join(missing)}.", 96)
    return lines


def table(all_results: list[CaseResults]) -> str:
    """The results as text; "x" is how many times ours."""
    lines = [COLUMNS, *rows(all_results)]
    whole = [line for line in lines if len(line) == len(COLUMNS)]
    widths = [max(len(line[i]) for line in whole) for i in range(len(COLUMNS))]
    text = []
    for line in lines:
        cells = [
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=False))
        ]
        text.append("  ".join(cells).rstrip())
    text.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join([*text, *notes(all_results)])


def as_json(all_results: list[CaseResults], about: dict[str, Any]) -> dict[str, Any]:
    """Everything, for a file: medians, ratios and every round."""
    return {
        "about": about,
        "cases": [
            {
                "case": case_results.case.name,
                "title": case_results.case.title,
                "unit": case_results.case.unit,
                "latency_of": case_results.case.measures,
                "results": [
                    {
                        "client": result.peer,
                        **({"failure": result.failure} if not result.rounds else {}),
                        **{
                            name: value
                            for name in (*FIGURES, "rss_mb")
                            if (value := result.median(name)) is not None
                        },
                        "times_ours": {
                            name: ratio
                            for name in FIGURES
                            if (ratio := result.ratio(name, case_results.ours())) is not None
                        },
                        "rounds": result.rounds,
                    }
                    for result in case_results.results
                ],
            }
            for case_results in all_results
        ],
    }


def machine() -> dict[str, Any]:
    """Where this was measured, and when."""
    model = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "")
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": model,
        "cpus": os.cpu_count(),
    }


def write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n")
