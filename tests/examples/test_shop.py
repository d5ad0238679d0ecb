"""The shop's own tests pass as they stand, and the shop does the same on the server at hand."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

ROOT = Path(__file__).resolve().parents[2]
INI = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"


def test_its_tests(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(INI)
    command = [sys.executable, "-m", "pytest", "-q", "-c", tmp_path / "pytest.ini"]
    command += ["-p", "no:cacheprovider", ROOT / "examples" / "shop"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "8 passed" in run.stdout, run.stdout + run.stderr


def test_who_starts_the_file_itself_is_told_how() -> None:
    command = [sys.executable, ROOT / "examples" / "shop" / "app.py"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1
    assert "python -m examples.shop.app" in run.stderr


@pytest.fixture
def http(server: Any, set_name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    hosts = ",".join(f"{host}:{port}" for host, port in server.hosts)
    monkeypatch.setenv("AEROSPIKE_HOSTS", hosts)
    monkeypatch.setenv("SHOP_PREFIX", set_name)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    with TestClient(importlib.import_module("shop.app").app) as client:
        yield client


def test_a_purchase(http: TestClient, client: Any, set_name: str) -> None:
    product = {"sku": "pot", "name": "Pot", "category": "kitchen", "cents": 2900, "stock": 1}
    assert http.post("/products", json=product).status_code == 201
    for customer in ("ann", "bob"):
        assert http.post(f"/carts/{customer}", json={"sku": "pot"}).json() == {"pot": 1}
    order = http.post("/carts/ann/order")
    assert order.json()["lines"] == {"pot": 1}
    assert http.get("/orders/ann").json() == [order.json()]
    sold_out = http.post("/carts/bob/order")
    assert (sold_out.status_code, "pot" in sold_out.json()["detail"]) == (409, True)
    for name in ("products_category", "orders_customer"):
        client.index_remove("test", f"{set_name}_{name}")
