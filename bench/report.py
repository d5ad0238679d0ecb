"""From the figures of rounds to medians, ratios, a table and a JSON file."""

import json
import platform
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

from cases import Case
from peers import OURS

Round = dict[str, float]


@dataclass
class Result:
    """What one client did in one case.

    Attributes:
        peer: The client.
        rounds: The figures of each round, as the worker gave them.
        failure: Why there are none: "not yet" where this project lacks the call, "-" where another
            client does, else the error.
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


COLUMNS = ("case", "client", "ops/s", "CPU us/op", "p50 us", "p99 us", "CPU x", "p50 x", "ops/s x")


def number(value: float | None) -> str:
    """Three digits that matter."""
    if value is None:
        return ""
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def rows(all_results: list[CaseResults]) -> list[tuple[str, ...]]:
    """The lines of the table."""
    lines: list[tuple[str, ...]] = []
    for case_results in all_results:
        ours = case_results.ours()
        label = case_results.case.name
        if case_results.case.unit != "op":
            label += f" (a {case_results.case.unit})"
        for result in case_results.results:
            if not result.rounds:
                lines.append((label, result.peer, result.failure, *[""] * 6))
            else:
                figures = [
                    number(result.median(name)) for name in ("ops_per_s", "cpu_us", "p50_us")
                ]
                p99 = number(result.median("p99_us"))
                ratios = [
                    number(result.ratio(name, ours)) for name in ("cpu_us", "p50_us", "ops_per_s")
                ]
                lines.append((label, result.peer, *figures, p99, *ratios))
            label = ""
    return lines


def table(all_results: list[CaseResults]) -> str:
    """The results as text; "x" is how many times ours."""
    lines = [COLUMNS, *rows(all_results)]
    # An error may be long: it may run over the columns to its right.
    short = [
        [cell if len(cell) < 12 or i < 2 else "" for i, cell in enumerate(line)] for line in lines
    ]
    widths = [max(len(line[i]) for line in short) for i in range(len(COLUMNS))]
    text = []
    for line in lines:
        cells = [
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    text.insert(1, "-" * max(len(line) for line in text))
    memory = [
        f"{result.peer} {value:.0f} MB"
        for case_results in all_results
        for result in case_results.results
        if (value := result.median("rss_mb")) is not None
    ]
    if memory:
        text.append(f"resident memory after import: {', '.join(memory)}")
    return "\n".join(text)


def as_json(all_results: list[CaseResults], about: dict[str, Any]) -> dict[str, Any]:
    """Everything, for a file: medians, ratios and every round."""
    names = ("ops_per_s", "cpu_us", "p50_us", "p99_us", "rss_mb")
    return {
        "about": about,
        "cases": [
            {
                "case": case_results.case.name,
                "unit": case_results.case.unit,
                "latency_of": case_results.case.measures,
                "results": [
                    {
                        "client": result.peer,
                        **({"failure": result.failure} if not result.rounds else {}),
                        **{
                            name: value
                            for name in names
                            if (value := result.median(name)) is not None
                        },
                        "times_ours": {
                            name: ratio
                            for name in ("ops_per_s", "cpu_us", "p50_us", "p99_us")
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
    import os

    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": model,
        "cpus": os.cpu_count(),
    }


def write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n")
