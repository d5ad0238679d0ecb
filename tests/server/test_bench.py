"""The benchmark runs: every case that our client has, once and briefly."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "bench" / "run.py"
FIGURES = ("ops_per_s", "cpu_us", "p50_us", "p99_us")


def bench(*arguments: str, set_name: str = "bench") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(RUN), "--python", f"ours={sys.executable}", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "BENCH_SET": set_name},
    )


@pytest.fixture
def small_report(server: Any, set_name: str, tmp_path: Path) -> dict[str, Any]:
    host, port = server.plain_hosts[0]
    run = bench(
        *("--server", f"{host}:{port}", "--peers", "ours", "--rounds", "2", "--seconds", "0.005"),
        *("--json", str(tmp_path / "b.json"), "--chart", str(tmp_path / "b.svg")),
        set_name=set_name,
    )
    assert run.returncode == 0, run.stderr
    assert "get, 8 threads" in run.stdout
    chart = ElementTree.parse(tmp_path / "b.svg")
    assert len(list(chart.iter("{http://www.w3.org/2000/svg}title"))) > 0
    texts = {each.text for each in chart.iter("{http://www.w3.org/2000/svg}text")}
    assert {"get", "get, 8 threads", "batch read of 100 (a record)"} <= texts
    report: dict[str, Any] = json.loads((tmp_path / "b.json").read_text())
    return report


@pytest.mark.timeout(180)
def test_every_case_gives_figures_or_says_why_not(small_report: dict[str, Any]) -> None:
    cases = {case["case"]: case["results"][0] for case in small_report["cases"]}
    titles = {case["case"]: case["title"] for case in small_report["cases"]}
    assert titles["get_8_threads"] == "get, 8 threads"
    assert len(set(titles.values())) == len(titles)
    for name, result in cases.items():
        if result.get("failure") in ("not yet", "absent"):
            continue
        assert "failure" not in result, name
        assert len(result["rounds"]) == 2, name
        assert all(result[figure] >= 0 for figure in FIGURES), name
        assert result["p99_us"] >= result["p50_us"] > 0, name
        assert result["times_ours"]["p50_us"] == 1, name
    assert {"get", "put", "get_8_threads", "import"} <= {
        name for name, result in cases.items() if result["rounds"]
    }
    assert cases["import"]["rss_mb"] > 1


def test_an_unknown_case_is_refused() -> None:
    run = bench("--cases", "gte")
    assert run.returncode == 2
    assert "no case is named 'gte'" in run.stderr


@pytest.mark.timeout(120)
def test_a_server_that_is_not_there_is_an_error_not_a_figure(closed_port: int) -> None:
    run = bench("--server", f"127.0.0.1:{closed_port}", "--peers", "ours", "--cases", "get")
    assert run.returncode == 1
    assert "bench: ours: ClusterError" in run.stderr
    assert run.stdout == ""


@pytest.mark.timeout(120)
def test_the_cost_of_nodes_is_measured(tmp_path: Path) -> None:
    figures = tmp_path / "nodes.json"
    program = [sys.executable, str(ROOT / "bench" / "nodes.py"), "--json", str(figures)]
    run = subprocess.run(
        [*program, "--nodes", "1,3", "--seconds", "0.3"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    rows = json.loads(figures.read_text())
    assert [row["nodes"] for row in rows] == [1, 3]
    for row in rows:
        assert row["connect_ms"] > 0
        assert row["tend_cpu_us"] > 0
        assert row["batch_cpu_us"] > 0


def test_what_tls_costs() -> None:
    command = [sys.executable, str(ROOT / "bench" / "tls.py"), "--count", "10", "--rounds", "1"]
    done = subprocess.run([*command, "--clients", "ours"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("put", "get", "batch of 100", "connect and close", "async get, 128 at once"):
        assert f"\n{name} " in done.stdout


def test_what_threads_gain() -> None:
    command = [sys.executable, str(ROOT / "bench" / "threads.py"), "--count", "20", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["threads", "ops/s", "CPU", "us"]
    figures = [row.rpartition("GIL")[2].split() for row in rows]
    assert [row[0] for row in figures] == ["1", "2", "4"]
    assert all(float(row[1]) > 0 and float(row[3]) > 0 for row in figures)
