"""The programs that are run by hand, for a moment: they still run, and find nothing wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self")

PROGRAMS = Path(__file__).parents[1] / "faults"


def outcome(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, PROGRAMS / program, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("client", ["sync", "async"])
def test_connecting_and_closing_leaves_nothing_behind(client: str) -> None:
    told = outcome("soak.py", "--tls", "--cycles", "10", "--client", client)
    assert "descriptors left over: +0\npassed" in told


def test_records_that_were_changed_on_their_way_do_no_harm() -> None:
    told = outcome("tls_mutations.py", "--mutations", "60", "--seed", "1")
    assert "'to the client': " in told
    assert "'to the node': " in told
    assert "'TLSError': " in told
    assert "descriptors left over: +0\npassed" in told
