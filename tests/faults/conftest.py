"""Lets these tests use the fake node of the tests of the protocol."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "oracle"))
