"""What others have built on the official client runs on the local server as it is."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "langgraph_app.py"


def test_langgraphs_checkpoints_and_store() -> None:
    run = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, timeout=50)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "remembered: {'turns': 1}",
        "checkpoints: 3",
        "likes: ['likes']",
        "left: ['dislikes']",
    ]
