"""examples/wsgi_app.py behind a gunicorn that forks its workers, and by itself."""

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = 200
WORKERS = 3


def ask_every_worker(port: int) -> list[dict[str, int]]:
    """One answer of each worker: each takes a connection, and the next when that one is done."""
    connections = [HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(WORKERS)]
    for connection in connections:
        connection.connect()
    answers = []
    # The last one first: it is taken after the others, so by then every worker has its own.
    for connection in reversed(connections):
        connection.request("GET", "/page")
        answers.append(json.load(connection.getresponse()))
        connection.close()
    return answers


def test_workers_that_were_forked_connect_anew(server: Any, set_name: str) -> None:
    addresses = ",".join(f"{host}:{port}" for host, port in server.hosts)
    with socket.create_server(("127.0.0.1", 0), backlog=REQUESTS) as listener:
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", str(WORKERS)]
        command += ["--log-level", "error", "--bind", f"fd://{listener.fileno()}"]
        command += ["examples.wsgi_app:app"]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            pass_fds=[listener.fileno()],
            env={**os.environ, "AEROSPIKE_HOSTS": addresses, "AEROSPIKE_SET": set_name},
        )
        try:
            # The port listens already: a request waits until a worker takes it.
            port = listener.getsockname()[1]
            address = f"http://127.0.0.1:{port}/page"

            def ask(_: int) -> dict[str, int]:
                with urlopen(address, timeout=30) as response:
                    answer: dict[str, int] = json.load(response)
                    return answer

            answers = ask_every_worker(port)
            workers = {each["process"] for each in answers}
            with ThreadPoolExecutor(16) as threads:
                answers += list(threads.map(ask, range(REQUESTS)))
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(20)
    assert code == 0
    # Every view was counted once, whichever worker did it.
    assert sorted(each["views"] for each in answers) == list(range(1, len(answers) + 1))
    assert len(workers) == WORKERS
    assert process.pid not in workers


def test_the_file_as_a_program_serves(server: Any, set_name: str) -> None:
    addresses = ",".join(f"{host}:{port}" for host, port in server.hosts)
    with subprocess.Popen(
        [sys.executable, ROOT / "examples" / "wsgi_app.py"],
        cwd=ROOT,
        env={
            **os.environ,
            "AEROSPIKE_HOSTS": addresses,
            "AEROSPIKE_SET": set_name,
            "PORT": "0",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            with urlopen(f"{address}alone", timeout=30) as response:
                assert json.load(response) == {"views": 1, "process": process.pid}
        finally:
            process.terminate()
