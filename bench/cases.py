"""What is measured: the data set and the cases, shared by the command and its workers."""

import fnmatch
import os
from dataclasses import dataclass
from typing import Any

NAMESPACE = "test"
# A set of one's own, where the server has other users.
SET = os.environ.get("BENCH_SET", "bench")
RECORD_COUNT = 10_000
LOOPS = ("asyncio", "uvloop")

Bins = dict[str, int | float | str]


def user_key(index: int) -> str:
    """The key of record number `index`."""
    return f"user_{index}"


def record_bins(index: int) -> Bins:
    """The seven bins of record number `index`: three integers, two floats, two strings."""
    return {
        "id": index,
        "age": 18 + index % 60,
        "vip": index % 2,
        "score": index * 0.5,
        "bal": 1000.0 + index * 0.25,
        "name": f"name_{index:08d}",
        "city": f"c{index % 10_000:04d}",
    }


def numpy_columns() -> Any:
    """The dtype that takes every bin of the data set; None where NumPy is not installed."""
    try:
        import numpy
    except ImportError:
        return None
    fields = [("id", "i8"), ("age", "i4"), ("vip", "i4"), ("score", "f8"), ("bal", "f8")]
    return numpy.dtype([*fields, ("name", "S16"), ("city", "S8")])


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    Attributes:
        name: What the command line calls it, and the file of the report beside its title.
        call: The function of a driver that it exercises: get, put, batch_read, batch_numpy,
            batch_arrow, query, or import.
        unit: What is counted: an operation, a record, an import.
        size: Records in one call, where a call takes several.
        threads: Threads that share one client.
        in_flight: Tasks that share one asynchronous client; 0 is a synchronous case.
        loop: The event loop of an asynchronous case.
        measures: What the latencies are of.
    """

    name: str
    call: str
    unit: str = "op"
    size: int = 1
    threads: int = 1
    in_flight: int = 0
    loop: str = ""
    measures: str = "call"

    @property
    def title(self) -> str:
        """What it is called in words, such as "get, 8 threads"."""
        verb, _, target = {
            "batch_numpy": "batch read into NumPy",
            "batch_arrow": "batch read into Arrow",
        }.get(self.call, self.call.replace("_", " ")).partition(" into ")
        words = f"{verb} of {self.size}" if self.size > 1 else verb
        if target:
            words += f" into {target}"
        if self.threads > 1:
            words += f", {self.threads} threads"
        if self.in_flight:
            words = f"async {words}, {self.in_flight} in flight, {self.loop}"
        if self.measures != "call":
            words += f", and the {self.measures}"
        return words


def _all_cases() -> list[Case]:
    cases = [Case("get", "get"), Case("put", "put"), Case("get_8_threads", "get", threads=8)]
    cases += [
        Case(f"batch_read_{size}", "batch_read", unit="record", size=size)
        for size in (100, 1000, 5000)
    ]
    cases += [
        Case(f"numpy_{size}", "batch_numpy", unit="record", size=size) for size in (1000, 5000)
    ]
    cases += [
        Case(f"arrow_{size}", "batch_arrow", unit="record", size=size) for size in (1000, 5000)
    ]
    cases.append(Case(f"query_{RECORD_COUNT}", "query", unit="record", size=RECORD_COUNT))
    cases += [
        Case(f"async_{call}_{in_flight}_{loop}", call, in_flight=in_flight, loop=loop)
        for call in ("get", "put")
        for loop in LOOPS
        for in_flight in (1, 16, 128, 1024)
    ]
    cases += [
        Case(
            f"loop_lag_{loop}",
            "batch_read",
            unit="record",
            size=200,
            in_flight=8,
            loop=loop,
            measures="loop lag",
        )
        for loop in LOOPS
    ]
    cases.append(Case("import", "import", unit="import", measures="import"))
    return cases


CASES: dict[str, Case] = {case.name: case for case in _all_cases()}


def select_cases(patterns: str) -> list[Case]:
    """The cases whose names match one of the patterns, in the order of the list above.

    Args:
        patterns: Names or shell patterns with commas between them, such as "get,async_get_*".

    Raises:
        ValueError: A pattern matches no case.
    """
    chosen: set[str] = set()
    for pattern in patterns.split(","):
        matches = fnmatch.filter(CASES, pattern.strip())
        if not matches:
            raise ValueError(f"no case is named {pattern.strip()!r}; there are: {', '.join(CASES)}")
        chosen.update(matches)
    return [case for name, case in CASES.items() if name in chosen]
