"""The dashboard and the alert rules name only metrics that there are."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aerospike_py import metrics

FOLDER = Path(__file__).resolve().parents[2] / "docker" / "observability"
NAME = re.compile(r"\b(?:aerospike_client|db_client)_\w+")


def named() -> Iterator[tuple[str, str]]:
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    alert = ""
    for line in (FOLDER / "alerts.yml").read_text().splitlines():
        alert = line.partition("alert: ")[2] or alert
        yield alert, line


@pytest.mark.parametrize(
    ("place", "expression"), [each for each in named() if NAME.search(each[1])]
)
def test_the_metrics_are_there(place: str, expression: str) -> None:
    families = {family.name: family.type for family in metrics.Collector().collect()}
    endings = {
        "counter": ["_total"],
        "gauge": [""],
        "summary": ["_count", "_sum"],
        "histogram": ["_bucket", "_count", "_sum"],
    }
    samples = {name + ending for name, kind in families.items() for ending in endings[kind]}
    assert set(NAME.findall(expression)) <= samples


def test_all_panels_and_rules_were_looked_at() -> None:
    places = {place for place, expression in named() if NAME.search(expression)}
    rules = re.findall(r"alert: (\w+)", (FOLDER / "alerts.yml").read_text())
    assert len(rules) >= 5
    assert set(rules) <= places
    assert len(places) >= len(rules) + 10
