"""examples/wsgi_app.py behind a gunicorn that loads it and then forks its workers."""

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = 200


def test_workers_that_were_forked_connect_anew(server: Any, set_name: str) -> None:
    addresses = ",".join(f"{host}:{port}" for host, port in server.hosts)
    with socket.create_server(("127.0.0.1", 0), backlog=REQUESTS) as listener:
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--log-level"]
        command += ["error", "--bind", f"fd://{listener.fileno()}", "examples.wsgi_app:app"]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            pass_fds=[listener.fileno()],
            env={**os.environ, "AEROSPIKE_HOSTS": addresses, "AEROSPIKE_SET": set_name},
        )
        try:
            # The port listens already: a request waits until a worker takes it.
            address = f"http://127.0.0.1:{listener.getsockname()[1]}/page"

            def ask(_: int) -> dict[str, int]:
                with urlopen(address, timeout=30) as response:
                    answer: dict[str, int] = json.load(response)
                    return answer

            with ThreadPoolExecutor(16) as threads:
                answers = list(threads.map(ask, range(REQUESTS)))
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(20)
    assert code == 0
    # Every view was counted once, whichever worker did it.
    assert sorted(each["views"] for each in answers) == list(range(1, REQUESTS + 1))
    workers = {each["process"] for each in answers}
    assert process.pid not in workers
    assert len(workers) > 1
