"""The example of queries does what it says, with fewer records."""

import importlib.util
import re
from pathlib import Path

import pytest

import aerospike_py
from aerospike_py import predicates as p
from aerospike_py.exception import IndexNotFound

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "explore.py"


def test_it_explores_and_cleans_up(
    client: aerospike_py.Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("shown_explore", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    monkeypatch.setattr(example, "COUNT", 3000)

    example.explore(client)
    shown = capsys.readouterr().out
    assert shown.count("3000 of 3000") == 2
    found = re.search(r"(\d+) are from 30 to 32: (\d+), (\d+), (\d+)\n", shown)
    assert found is not None
    total, *each = (int(number) for number in found.groups())
    assert total == sum(each)
    assert 0 < total < 3000
    assert "3000 records in an array" in shown
    assert all(f"  {city}" in shown for city in example.CITIES)

    assert client.query(example.NAMESPACE, example.SET).results() == []
    by_index = client.query(example.NAMESPACE, example.SET).where(p.equals("age", 30))
    with pytest.raises(IndexNotFound):
        by_index.results({"max_retries": 0})
