"""Type checkers accept the programs of README and documentation as they stand.

The programs of a page share their names, as when test_guides.py runs them; those of the README
stand alone.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
# What a page's programs are given; they may await.
PAGE = """import aerospike_py
async def page(client: aerospike_py.Client, hosts: list[tuple[str, int]]) -> None:"""


def blocks(page: Path) -> list[tuple[int, str]]:
    """The line that each program begins on, and its text."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, each.start(1)) + 1, each[1]) for each in FENCE.finditer(text)]


def as_one(page: Path) -> str:
    """A page's programs, on the lines that they are on."""
    lines = PAGE.splitlines()
    for line, program in blocks(page):
        lines += [""] * (line - 1 - len(lines))
        lines += textwrap.indent(program, "    ").splitlines()
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("documentation")
    for line, program in blocks(ROOT / "README.md"):
        (folder / f"readme_line_{line}.py").write_text(program)
    for page in sorted((ROOT / "docs").rglob("*.md")):
        if blocks(page):
            name = f"page_{page.stem.replace('-', '_')}.py"
            (folder / name).write_text(as_one(page))
    made = sorted(folder.glob("*.py"))
    assert len(made) > 15
    return made


def run(*command: str | Path, cwd: Path) -> None:
    environment = {**os.environ, "MYPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(600)
def test_mypy(programs: list[Path]) -> None:
    cache = ROOT / ".mypy_cache" / "programs"
    config = ROOT / "pyproject.toml"  # Which packages have no types.
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", config]
    run(*command, "--cache-dir", cache, *programs, cwd=programs[0].parent)


@pytest.mark.timeout(600)
def test_pyright(programs: list[Path]) -> None:
    pyright = shutil.which("pyright", path=Path(sys.executable).parent)
    if not pyright or subprocess.run([pyright, "--version"], capture_output=True).returncode:
        pytest.skip("pyright does not start: it needs Node.js")
    settings = programs[0].parent / "pyrightconfig.json"
    settings.write_text(f'{{"pythonVersion": "3.11", "extraPaths": ["{ROOT}"]}}')
    examples = sorted((ROOT / "examples").rglob("*.py"))
    assert len(examples) > 5
    run(pyright, "--pythonpath", sys.executable, *programs, *examples, cwd=programs[0].parent)
