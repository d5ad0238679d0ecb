"""examples/celery_app.py in a worker of Celery that forks its processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import aerospike_py

ROOT = Path(__file__).resolve().parents[2]
TASKS = 40
SEND = (
    "from examples.celery_app import count\nfor _ in range({}): count.delay('to be or not to be')"
)


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks on Windows")
def test_forked_workers_connect_anew(
    client: aerospike_py.Client, server: Any, set_name: str, tmp_path: Path
) -> None:
    addresses = ",".join(f"{host}:{port}" for host, port in server.hosts)
    places = {"AEROSPIKE_HOSTS": addresses, "AEROSPIKE_SET": set_name}
    environment = {**os.environ, **places, "CELERY_FOLDER": str(tmp_path)}
    environment.pop("CELERY_BROKER_URL", None)
    subprocess.run(
        [sys.executable, "-c", SEND.format(TASKS)], cwd=ROOT, env=environment, check=True
    )
    command = [sys.executable, "-m", "celery", "-A", "examples.celery_app", "worker"]
    command += ["--pool", "prefork", "--concurrency", "2", "--loglevel", "ERROR"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + 45
        workers: dict[str, int] = {}
        while sum(workers.values()) < TASKS:
            assert worker.poll() is None
            assert time.monotonic() < deadline, workers
            if client.exists(("test", set_name, "(workers)")).meta:
                workers = client.get(("test", set_name, "(workers)")).bins or {}
            time.sleep(0.05)
    finally:
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(20)
    assert code == 0
    assert f"p{worker.pid}" not in workers
    words = {word: client.get(("test", set_name, word)).bins for word in ("to", "be", "or", "not")}
    counted = {"to": 2, "be": 2, "or": 1, "not": 1}
    assert words == {word: {"count": number * TASKS} for word, number in counted.items()}
