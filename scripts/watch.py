"""Runs tests whenever a source changes; what is in native/ is built before, to be debugged.

scripts/watch.py ARGUMENTS OF PYTEST
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("aerospike_py", "native/src", "native/include", "tests", "docs", "examples")
SUFFIXES = {".py", ".zig", ".c", ".h", ".md"}
BUILT = "_ffi.c"
PAUSE_S = 0.5


def newest(folder: str) -> float:
    """When something in a folder has changed last."""
    files = (
        each
        for each in (ROOT / folder).rglob("*")
        if each.suffix in SUFFIXES and each.name != BUILT
    )
    return max((each.stat().st_mtime for each in files), default=0.0)


def build() -> bool:
    """Builds the core so that it can be debugged, which takes seconds."""
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    environment = {**os.environ, "AEROSPIKE_PY_OPTIMIZE": "debug"}
    return subprocess.run(command, cwd=ROOT, env=environment).returncode == 0


def main() -> None:
    tests = [sys.executable, "-m", "pytest", "-q", *sys.argv[1:]]
    seen: dict[str, float] = {}
    while True:
        present = {folder: newest(folder) for folder in FOLDERS}
        changed = {folder for folder in FOLDERS if present[folder] != seen.get(folder)}
        if changed:
            is_native = seen and any(folder.startswith("native") for folder in changed)
            if not is_native or build():
                subprocess.run(tests, cwd=ROOT)
            print(f"+ waiting for a change, after that of {', '.join(sorted(changed))}", flush=True)
            seen = present
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
