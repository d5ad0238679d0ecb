"""The example of collections and expressions does what it says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import aerospike_py
from aerospike_py.exception import RecordNotFound

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "data_model.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shown_data_model", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_parts(example: ModuleType, client: aerospike_py.Client) -> None:
    assert example.leaderboard(client) == [("cid", 480), ("bob", 320), ("ann", 310)]
    assert [text for _, text in example.capped_events(client)] == ["event 10", "event 11"]
    assert client.get(example.FEED).bins["events"][0][1] == "event 7"
    assert example.nested_document(client) == {
        "lines": [{"sku": "a1", "count": 5}, {"sku": "b2", "count": 1}],
        "totals": {"cents": 1750},
        "address": {"city": "Seoul"},
    }
    assert example.filtered(client) == 5


def test_it_cleans_up(
    example: ModuleType, client: aerospike_py.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    example.run(client)
    assert "FilteredOut" in capsys.readouterr().out
    for key in (example.BOARD, example.FEED, example.DOCUMENT, example.ACCOUNT):
        with pytest.raises(RecordNotFound):
            client.get(key)
