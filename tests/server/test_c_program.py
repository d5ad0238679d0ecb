"""The C ABI from C: the programs that the documentation shows, compiled and run."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import aerospike_py

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(aerospike_py.__file__).parent
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


POSIX = "-D_POSIX_C_SOURCE=200809L"


def build(source: str, folder: Path, library: str, output: Path, *options: str) -> Path:
    """An example, built against the library and the header that lie in a folder."""
    suffix = "dylib" if sys.platform == "darwin" else "so"
    command = [sys.executable, "-m", "ziglang", "cc", *WARNINGS, *options]
    command += [str(ROOT / "examples" / source)]
    command += ["-I", str(folder / "include"), str(folder / f"lib{library}.{suffix}")]
    command += [f"-Wl,-rpath,{folder}", "-o", str(output)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return output


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("hello.c", PACKAGE, "aerospike_zig", tmp_path_factory.mktemp("c") / "hello")


@pytest.mark.timeout(180)
def test_writes_reads_and_removes_a_record(program: Path, server: Any, set_name: str) -> None:
    host, port = server.plain_hosts[0]
    run = subprocess.run([program, host, str(port), set_name], capture_output=True, text=True)
    put, get, filtered, wrong, place, batch, remove, again = run.stdout.splitlines()
    assert put == "put: ok"
    assert f'["test", "{set_name}", "from C", ' in get
    assert '"name": "Alice"' in get
    assert '"age": 30' in get
    assert filtered.startswith("get if older: 27 ")
    assert wrong == "compile: -2 line 1, column 9, before '= %s': expected a value"
    assert place == "wrong at byte 9"
    assert batch.startswith(f'batch: [[null, 0, false, [["test", "{set_name}", "from C", ')
    assert batch.endswith(", 2, false, null]]")
    assert remove == "remove: ok"
    assert again.startswith("get again: 2 ")
    assert run.returncode == 0


@pytest.mark.timeout(180)
def test_reports_a_refused_connection(program: Path, closed_port: int) -> None:
    run = subprocess.run([program, "127.0.0.1", str(closed_port)], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stdout.startswith("connect: -")
    assert f"127.0.0.1:{closed_port}" in run.stdout


@pytest.mark.timeout(180)
def test_reads_a_query_as_columns_of_arrow(tmp_path: Path, server: Any, set_name: str) -> None:
    program = build("arrow.c", PACKAGE, "aerospike_zig", tmp_path / "arrow")
    host, port = server.plain_hosts[0]
    place = f"{set_name}_arrow"
    run = subprocess.run([program, host, str(port), place], capture_output=True, text=True)
    numbers = [number for number in range(100) if number % 10]
    assert run.stdout.splitlines() == [
        "column: n l",
        "ok",
        f"rows: 100, nulls: 10, sum: {sum(numbers)}",
    ]
    assert run.returncode == 0


@pytest.mark.timeout(180)
def test_starts_a_local_cluster(tmp_path: Path) -> None:
    folder = PACKAGE / "devserver"
    program = build("devserver.c", folder, "aerospike_devserver", tmp_path / "devserver")
    run = subprocess.run([program], capture_output=True, text=True, timeout=60)
    ports = run.stdout.splitlines()
    assert run.returncode == 0
    assert len(ports) == 2
    assert all(re.fullmatch(r"port \d{4,5}", port) for port in ports)


@pytest.mark.timeout(180)
def test_the_benchmark_of_the_core(tmp_path: Path, server: Any, set_name: str) -> None:
    program = build("../bench/core.c", PACKAGE, "aerospike_zig", tmp_path / "core", POSIX)
    host, port = server.plain_hosts[0]
    arguments = (host, str(port), "1", "50", f"{set_name}_core")
    run = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    head, *rows = run.stdout.splitlines()
    assert head.split() == ["CPU,", "us", "clock,", "us"]
    assert [row.split()[0] for row in rows] == ["put", "get", "batch", "query"]
    assert all(float(figure) > 0 for row in rows for figure in row.split()[2:])
