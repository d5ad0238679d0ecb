"""Runs every test and prints what passed by area: `make test` without the set-up.

First the tests of the core, as one Zig program, then pytest over `tests/`. Arguments that it does
not know go to pytest. A few tests that fail run once more, by themselves: many of them measure how
long something took, beside whatever else the machine does. What passes only then is named at the
end, as it is either such a measure or a race to be looked into.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
JUNIT = BUILD / "tests.xml"
JUNIT_AGAIN = BUILD / "tests-again.xml"
MAX_AGAIN = 5
# What the test program of the core prints for each test: "12/340 wire.message.test.decodes...OK",
# where the test itself may print before the last word.
NATIVE_TEST = re.compile(r"^\d+/\d+ (?P<area>\w+).*\.\.\.(?P<end>(FAIL|SKIP)?)")


@dataclass
class Counts:
    """What became of the tests of one area."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0


def run_native(areas: dict[str, Counts], word: str) -> bool:
    """Builds and runs the tests of the core whose names have a word, if it is not "".

    Prints what they print only where one fails.
    """
    cache = str(BUILD / "zig-cache")
    command = [sys.executable, "-m", "ziglang", "test"]
    command += ["native/src/tests.zig", "native/src/abi_layout.c", "-I", "native/include", "-lc"]
    command += ["--cache-dir", cache, *(["--test-filter", word] if word else [])]
    print("+ " + " ".join(command[1:]), flush=True)
    begin_s = time.monotonic()
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace")
    seconds = time.monotonic() - begin_s
    output = run.stderr + run.stdout
    count = 0
    counts = Counts()
    for line in output.splitlines():
        if line.startswith("FAIL (") and counts.passed:  # The test before it has printed something.
            counts.passed -= 1
            counts.failed += 1
        if match := NATIVE_TEST.match(line):
            counts = areas["core: " + match["area"].removesuffix("_test")]
            counts.passed += match["end"] == ""
            counts.skipped += match["end"] == "SKIP"
            counts.failed += match["end"] == "FAIL"
            count += 1
    is_passed = run.returncode == 0 and count > 0
    if not is_passed:
        print(output)
    print(f"core: {count} tests, {'passed' if is_passed else 'FAILED'} in {seconds:.1f} s\n")
    return is_passed


def run_pytest(areas: dict[str, Counts], server: str, arguments: list[str]) -> bool:
    """Runs pytest, which prints for itself, and counts by folder what its report says."""
    BUILD.mkdir(exist_ok=True)
    is_passed = call_pytest(JUNIT, server, arguments)
    cases = read_report(JUNIT)
    failed = [name for name, case in cases.items() if case.outcome == "failed"]
    if not is_passed and 0 < len(failed) <= MAX_AGAIN:
        print(f"\nonce more, by themselves: {', '.join(failed)}", flush=True)
        is_passed = call_pytest(JUNIT_AGAIN, server, ["--last-failed", *arguments])
        again = read_report(JUNIT_AGAIN)
        is_passed = is_passed and all(name in again for name in failed)
        cases |= again
    for case in cases.values():
        counts = areas[case.area]
        counts.seconds += case.seconds
        setattr(counts, case.outcome, getattr(counts, case.outcome) + 1)
    unsteady = [name for name in failed if cases[name].outcome == "passed"]
    if unsteady:
        print("\nPASSED ONLY AT THE SECOND TRY:", *unsteady, sep="\n  ")
    return is_passed


def call_pytest(report: Path, server: str, arguments: list[str]) -> bool:
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", f"--server={server}", f"--junitxml={report}"]
    print("+ " + " ".join([*command[1:4], *command[4:5], *arguments]), flush=True)
    return subprocess.run([*command, *arguments], cwd=ROOT).returncode == 0


@dataclass
class Case:
    """A test in pytest's report."""

    area: str
    outcome: str
    seconds: float


def read_report(report: Path) -> dict[str, Case]:
    """What a report says of each test, by the test's name; nothing where pytest wrote none."""
    cases: dict[str, Case] = {}
    if not report.exists():
        return cases
    for element in ElementTree.parse(report).iter("testcase"):
        place = element.get("classname", "")
        outcomes = {child.tag for child in element}
        case = Case("/".join(place.split(".")[:2]), "passed", float(element.get("time", "0")))
        if outcomes & {"failure", "error"}:
            case.outcome = "failed"
        elif "skipped" in outcomes:
            case.outcome = "skipped"
        name = f"{place}::{element.get('name', '')}"
        # A test whose end failed too is there twice.
        if name not in cases or cases[name].outcome != "failed":
            cases[name] = case
    return cases


def print_summary(areas: dict[str, Counts]) -> None:
    width = max(len(area) for area in areas) if areas else 0
    print(f"\n{'area':<{width}}  passed  failed  skipped  seconds")
    total = Counts()
    for area, counts in sorted(areas.items()):
        print_line(area, counts, width)
        total.passed += counts.passed
        total.failed += counts.failed
        total.skipped += counts.skipped
        total.seconds += counts.seconds
    print_line("all", total, width)


def print_line(area: str, counts: Counts, width: int) -> None:
    seconds = f"{counts.seconds:7.1f}" if counts.seconds else ""
    line = f"{area:<{width}}  {counts.passed:6}  {counts.failed:6}  {counts.skipped:7}  {seconds}"
    print(line.rstrip())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--server", default="embedded", help="embedded or HOST:PORT")
    parser.add_argument("--part", choices=["all", "core", "python"], default="all")
    parser.add_argument("--filter", default="", help="a word in the names of the core's tests")
    options, arguments = parser.parse_known_args()
    os.chdir(ROOT)
    areas: dict[str, Counts] = defaultdict(Counts)
    is_native_passed = options.part == "python" or run_native(areas, options.filter)
    is_pytest_passed = options.part == "core" or run_pytest(areas, options.server, arguments)
    print_summary(areas)
    if is_native_passed and is_pytest_passed:
        print("\nAll tests passed." if options.part == "all" else "\nPassed.")
        return 0
    failed = [] if is_native_passed else ["the core's tests"]
    failed += [] if is_pytest_passed else ["pytest"]
    print(f"\nFAILED: {' and '.join(failed)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
