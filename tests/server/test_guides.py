"""The Python programs of the documentation run, and say what they claim; see guide_page.py."""

import asyncio
import importlib.util
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
RUNNER = Path(__file__).parent / "guide_page.py"

_spec = importlib.util.spec_from_file_location("guide_page", RUNNER)
assert _spec is not None
assert _spec.loader is not None
guide_page = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(guide_page)

INI = """[pytest]
aerospike_nodes = 3
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""
# Programs that stand beside one of ours, and are of the official client.
THEIRS = re.compile(r"^```py\n# aerospike\n(.*?)^```", re.M | re.S)
PAGES = sorted(page for page in DOCS.rglob("*.md") if guide_page.FENCE.search(page.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(DOCS)) for page in PAGES])
@pytest.mark.timeout(120)
def test_page(page: Path, server: Any, set_name: str) -> None:
    host, port = server.plain_hosts[0]
    place = f"{set_name}_{page.stem}".replace("-", "_")
    command = [sys.executable, str(RUNNER), str(page), place, f"{host}:{port}"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_what_is_shown_of_the_official_client(server: Any, set_name: str) -> None:
    pytest.importorskip("aerospike")
    text = (DOCS / "guides" / "migrating.md").read_text()
    namespace = {"hosts": server.plain_hosts[:1], "_claim": guide_page.check_claim}
    claims = 0
    with closing(asyncio.new_event_loop()) as loop:
        for program in THEIRS.finditer(text):
            source = program[1].replace("demo", f"{set_name}_theirs")
            claims += guide_page.run_program(source, namespace, loop)
    namespace["client"].close()
    assert claims == 8


def test_there_are_pages_and_claims() -> None:
    programs = [each[1] for page in PAGES for each in guide_page.FENCE.finditer(page.read_text())]
    claims = sum(len(re.findall(r"  # ['\d\[{(bNTF]", program)) for program in programs)
    assert len(PAGES) > 8
    assert claims > 50


def test_a_false_claim_is_found() -> None:
    namespace = {"_claim": guide_page.check_claim}
    loop = asyncio.new_event_loop()
    assert guide_page.run_program("a = 1\na  # 1\n", namespace, loop) == 1
    with pytest.raises(AssertionError, match="line 7 gives 2, the page says 3"):
        guide_page.run_program("1 + 1  # 3\n", namespace, loop, 7)
    loop.close()


def test_the_tests_on_the_pages(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(INI)
    count = 0
    for page in PAGES:
        for number, match in enumerate(guide_page.FENCE.finditer(page.read_text())):
            if found := guide_page.IS_TEST.findall(match[1]):
                (tmp_path / f"test_{page.stem}_{number}.py").write_text(match[1])
                count += len(found)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert f"{count} passed" in run.stdout, run.stdout + run.stderr
