"""`.ci/setup`, with a Python that only notes what it is told to install."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What builds the package says so, and goes on when it is told to.
PYTHON = """#!/usr/bin/env bash
case "$1 ${2:-}" in
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip")
    echo "$5 ${@: -1}" >>installed.txt
    case "$*" in *--editable*) echo >building; read -r <go ;; esac ;;
  "setup.py "*) echo "install $1" >>installed.txt; echo >building; read -r <go ;;
  *) exec "$REAL_PYTHON" "$@" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in (".ci/setup", "pyproject.toml", "setup.py", "aerospike_py/_ffi_build.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("native/src/root.zig", "native/include/aerospike_zig.h"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    for name in ("building", "go"):
        os.mkfifo(tmp_path / name)
    return tmp_path


class Setups:
    """Runs of `.ci/setup built` in a folder, all of which end with the test."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.running: list[subprocess.Popen[str]] = []

    def begin(self) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if k != "AEROSPIKE_PY_OPTIMIZE"}
        environment |= {"PYTHON": str(self.checkout / "python"), "REAL_PYTHON": sys.executable}
        setup = subprocess.Popen(
            [self.checkout / ".ci" / "setup", "built"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.running.append(setup)
        return setup

    def wait_until_it_builds(self) -> None:
        (self.checkout / "building").read_text()

    def let_it_build(self) -> None:
        (self.checkout / "go").write_text("\n")

    def installed(self) -> list[str]:
        lines = (self.checkout / "installed.txt").read_text().splitlines()
        return [line.removeprefix("install ") for line in lines]


@pytest.fixture
def setups(checkout: Path) -> Iterator[Setups]:
    all_of_them = Setups(checkout)
    yield all_of_them
    for setup in all_of_them.running:
        if setup.poll() is None:
            os.killpg(setup.pid, signal.SIGKILL)
        setup.communicate()


@pytest.mark.timeout(30)
def test_of_two_at_once_one_waits_and_finds_all_done(setups: Setups) -> None:
    first = setups.begin()
    setups.wait_until_it_builds()
    second = setups.begin()
    assert second.stderr is not None
    assert second.stderr.readline() == "+ waiting for another .ci/setup\n"
    setups.let_it_build()
    assert (first.wait(), second.wait()) == (0, 0)
    assert second.stderr.read() == ""
    assert len(setups.installed()) == 3


@pytest.mark.timeout(30)
def test_what_changes_while_it_builds_is_built_the_next_time(
    setups: Setups, checkout: Path
) -> None:
    for _ in range(2):
        setup = setups.begin()
        setups.wait_until_it_builds()
        begun_ns = (checkout / ".venv/stamps/built.begun").stat().st_mtime_ns
        source = checkout / "native/src/root.zig"
        os.utime(source, ns=(begun_ns + 1, begun_ns + 1))
        setups.let_it_build()
        assert setup.wait() == 0
    # What is installed already is not installed anew, as its libraries alone have changed.
    assert setups.installed()[2:] == ["--no-build-isolation .", "setup.py"]
    os.utime(source, ns=(begun_ns, begun_ns))
    assert setups.begin().wait() == 0
    assert len(setups.installed()) == 4
