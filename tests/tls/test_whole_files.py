"""Tests of commands, over mutual TLS: the same files in a run of their own, sync and async."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ["test_crud.py"]


@pytest.mark.timeout(300)
def test_they_pass_over_mutual_tls() -> None:
    files = [str(ROOT / "tests" / "server" / name) for name in FILES]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--server=embedded-mutual-tls",
        "--timeout=120",
    ]
    command += ["-p", "no:cacheprovider", "-p", "no:randomly", *files]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout[-3000:]
    assert " passed" in run.stdout
