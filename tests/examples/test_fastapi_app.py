"""The feature service of examples/fastapi_app, within the process and behind a real uvicorn."""

import asyncio
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

import aerospike_py
from aerospike_py.devserver import DevCluster

ROOT = Path(__file__).resolve().parents[2]
ITEMS = [f"item-{number}" for number in range(100)]


def load_application() -> ModuleType:
    path = ROOT / "examples" / "fastapi_app" / "app.py"
    spec = importlib.util.spec_from_file_location("shown_fastapi_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def environment(hosts: list[tuple[str, int]], set_name: str) -> dict[str, str]:
    addresses = ",".join(f"{host}:{port}" for host, port in hosts)
    return {"AEROSPIKE_HOSTS": addresses, "AEROSPIKE_SET": set_name}


@pytest.fixture
def service(server: Any, set_name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    for name, value in environment(server.hosts, set_name).items():
        monkeypatch.setenv(name, value)
    with TestClient(load_application().app) as client:
        yield client


def test_an_item_from_its_creation_to_its_end(service: TestClient) -> None:
    item = "/items/one"
    assert service.get(item).status_code == 404
    assert service.put(item, json={"price": 9.5}, params={"create": True}).status_code == 204
    created_twice = service.put(item, json={"price": 1}, params={"create": True})
    assert created_twice.status_code == 409
    assert created_twice.json()["result_code"] == 5
    assert service.post(f"{item}/views").json() == {"views": 1}
    assert service.post(f"{item}/views").json() == {"views": 2}
    assert service.get(item).json() == {"price": 9.5, "views": 2, "sold": 0}
    assert service.delete(item).status_code == 204
    assert service.delete(item).status_code == 404
    assert service.post(f"{item}/views").status_code == 404


def test_answers_a_request_with_a_hundred_items(service: TestClient) -> None:
    for number, item in enumerate(ITEMS):
        service.put(f"/items/{item}", json={"price": number, "sold": number})
    answer = service.get("/features", params={"item": [*ITEMS, "nothing"]}).json()
    assert answer["missing"] == ["nothing"]
    assert answer["features"] == {
        item: {"price": number, "views": 0, "sold": number} for number, item in enumerate(ITEMS)
    }


def test_refuses_too_many_and_no_items(service: TestClient) -> None:
    assert service.get("/features").status_code == 422
    assert service.get("/features", params={"item": ["a"] * 201}).status_code == 422


def test_an_unreachable_cluster_is_told_and_gone_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with DevCluster(nodes=1) as cluster:
        for name, value in environment(cluster.hosts, "features").items():
            monkeypatch.setenv(name, value)
        with TestClient(load_application().app) as service:
            assert service.get("/health").json() == {"aerospike": "ok"}
            cluster.kill(0)
            assert service.get("/health").status_code == 503
            failed = service.get("/features", params={"item": ["a"]})
            assert failed.status_code in (503, 504)
            assert failed.json()["result_code"] != 0
            cluster.revive(0)
            cluster.answer_with(9, count=10)  # The server's timeout, to every attempt.
            assert service.get("/features", params={"item": ["a"]}).status_code == 504
            cluster.clear_faults()
            assert service.get("/features", params={"item": ["a"]}).status_code == 200
            assert service.get("/health").status_code == 200


@pytest.fixture
def address(server: Any, set_name: str) -> Iterator[str]:
    """A service that uvicorn serves, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "uvicorn", "--app-dir", str(ROOT), "--log-level", "error"]
        command += ["--fd", str(listener.fileno()), "examples.fastapi_app.app:app"]
        process = subprocess.Popen(
            command,
            pass_fds=[listener.fileno()],
            env={**os.environ, **environment(server.hosts, set_name)},
        )
        try:
            # The port listens already: a request waits until the service has started.
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(20)
    assert code in (0, -signal.SIGTERM)


def test_serves_many_requests_at_once(
    address: str, client: aerospike_py.Client, set_name: str
) -> None:
    for number, item in enumerate(ITEMS):
        client.put(("test", set_name, item), {"price": number, "views": 1, "sold": 2})

    async def ask() -> list[httpx2.Response]:
        async with httpx2.AsyncClient(base_url=address, timeout=20) as browser:
            requests = [browser.get("/features", params={"item": ITEMS}) for _ in range(64)]
            return await asyncio.gather(*requests)

    for response in asyncio.run(ask()):
        assert response.status_code == 200, response.text
        assert len(response.json()["features"]) == 100
        assert response.json()["features"]["item-7"] == {"price": 7.0, "views": 1, "sold": 2}
