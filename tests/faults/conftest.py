"""Lets these tests use the fake node of the tests of the protocol and the matrix's proxies."""

import sys
from pathlib import Path

for folder in ("oracle", "matrix"):
    sys.path.insert(0, str(Path(__file__).parent.parent / folder))
