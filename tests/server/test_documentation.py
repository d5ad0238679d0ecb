"""What the README shows runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
INI = "[pytest]\naerospike_nodes = 3\n"


def run_program(text: str, directory: Path) -> "subprocess.CompletedProcess[str]":
    program = directory / "program.py"
    program.write_text(text)
    return subprocess.run([sys.executable, program], capture_output=True, text=True)


def test_the_shortest_program(tmp_path: Path) -> None:
    run = run_program(BLOCKS[0], tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "{'name': 'Alice', 'age': 30}\n"


def test_the_first_program(tmp_path: Path) -> None:
    run = run_program(BLOCKS[1], tmp_path)
    assert run.returncode == 0, run.stderr
    exists, gone = run.stdout.splitlines()
    assert " 5 " in exists
    assert gone == "gone"


def test_the_asynchronous_program(tmp_path: Path) -> None:
    run = run_program(BLOCKS[2], tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "499500\n"


def test_the_program_of_batches(tmp_path: Path) -> None:
    run = run_program(BLOCKS[3], tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "0 {'age': 0}\n0 {'age': 1}\n249.75\n"


def test_the_fixtures(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "test_shown.py").write_text(BLOCKS[4])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "2 passed" in run.stdout, run.stdout + run.stderr


@pytest.mark.timeout(120)
def test_the_quickstart(server: Any) -> None:
    host, port = server.plain_hosts[0]
    program = ROOT / "examples" / "quickstart.py"
    command = [sys.executable, str(program), "--server", f"{host}:{port}"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "RecordNotFound, code 2" in run.stdout
    assert "total_timeout" in run.stdout
    assert run.stdout.endswith("All done.\n")
