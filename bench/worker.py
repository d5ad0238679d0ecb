"""One client under measurement: a process of its own, told what to do over a pipe.

Started by `run.py` with the interpreter of the client's environment. Each line of standard input is
a JSON object with a member `do`, each line of standard output its answer; an answer with `error`
says what went wrong, and the process goes on. It ends when its input does. What a client itself
prints goes to standard error, so that it cannot mix with answers.
"""

import asyncio
import gc
import importlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from typing import Any

from cases import CASES, RECORD_COUNT, Case, record_bins, user_key
from peers import PEERS, Peer

clock_ns = time.perf_counter_ns
NAMES = [user_key(index) for index in range(RECORD_COUNT)]
BINS = [record_bins(index) for index in range(RECORD_COUNT)]

Calls = dict[str, Callable[..., Any]]
Answer = dict[str, Any]

# Run by a fresh interpreter: what an import costs, and how much memory the process then has.
IMPORT_PROGRAM = """
import sys, time
wall_s, cpu_s = time.perf_counter(), time.process_time()
__import__(sys.argv[1])
wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
try:
    with open("/proc/self/status") as status:
        rss_kb = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
except OSError:
    import resource
    rss_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(wall_s, cpu_s, rss_kb)
"""


def cpu_seconds() -> float:
    """User and system time of this process, every thread of it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def percentile_us(latencies_ns: list[int], percent: float) -> float:
    """The latency, in microseconds, that `percent` of the calls do not exceed.

    Args:
        latencies_ns: Sorted, not empty.
        percent: From 0 to 100.
    """
    position = min(len(latencies_ns) - 1, int(len(latencies_ns) * percent / 100))
    return latencies_ns[position] / 1000


def answer_of(latencies_ns: list[int], operations: int, wall_s: float, cpu_s: float) -> Answer:
    """The figures of one round."""
    latencies_ns.sort()
    return {
        "operations": operations,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "ops_per_s": operations / wall_s,
        "cpu_us": cpu_s * 1e6 / operations,
        "p50_us": percentile_us(latencies_ns, 50),
        "p99_us": percentile_us(latencies_ns, 99),
    }


def batches(size: int) -> list[list[str]]:
    """The keys in slices of `size`, as many as the data set fills."""
    return [NAMES[start : start + size] for start in range(0, RECORD_COUNT - size + 1, size)]


def single_calls(case: Case, calls: Calls, start: int, step: int) -> Callable[[int], Any]:
    """What one call of the case does: a function of the call's number.

    Args:
        case: The case.
        calls: The driver's functions.
        start: The record or slice to begin with.
        step: How far the next one is, so that threads and tasks do not read the same records.
    """
    call = calls[case.call]
    if case.call == "query":
        return lambda number: call()
    if case.size > 1:
        slices = batches(case.size)
        return lambda number: call(slices[(start + number * step) % len(slices)])
    if case.call == "put":
        return lambda number: call(
            NAMES[(start + number * step) % RECORD_COUNT],
            BINS[(start + number * step) % RECORD_COUNT],
        )
    return lambda number: call(NAMES[(start + number * step) % RECORD_COUNT])


def call_until(end_ns: int, call: Callable[[int], Any]) -> list[int]:
    """Calls one after another until the time is over, once at least.

    Returns:
        How long each call took, in nanoseconds.
    """
    latencies_ns: list[int] = []
    append = latencies_ns.append
    begin_ns = clock_ns()
    for number in count():
        call(number)
        now_ns = clock_ns()
        append(now_ns - begin_ns)
        begin_ns = now_ns
        if now_ns >= end_ns:
            break
    return latencies_ns


class Worker:
    """The client of one peer, its connections, and the cases it can run."""

    def __init__(self, peer: Peer, host: str, port: int) -> None:
        self.peer = peer
        self.host = host
        self.port = port
        self.driver = importlib.import_module(f"peers.{peer.driver}")
        self.calls: Calls = self.driver.connect(host, port)
        self.loops: dict[str, asyncio.AbstractEventLoop] = {}
        self.asynchronous: dict[str, Calls] = {}

    def describe(self) -> Answer:
        """The version of the client, the cases that it can run, the loops that there are."""
        supported = [case.name for case in CASES.values() if self.supports(case)]
        try:
            installed = version(self.peer.distribution)
        except PackageNotFoundError:  # Run from a source tree.
            installed = "unknown"
        return {
            "version": installed,
            "python": sys.version.split()[0],
            "cases": supported,
            "loops": sorted(self.loops),
        }

    def supports(self, case: Case) -> bool:
        if case.call == "import":
            return True
        if not case.loop:
            return case.call in self.calls
        return case.call in self.calls_on(case.loop)

    def calls_on(self, loop_name: str) -> Calls:
        """The asynchronous calls on a loop of that kind; connects at the first use."""
        if loop_name not in self.asynchronous:
            loop = self.new_loop(loop_name)
            if loop is None:
                self.asynchronous[loop_name] = {}
            else:
                self.loops[loop_name] = loop
                connected = self.driver.connect_async(self.host, self.port)
                self.asynchronous[loop_name] = loop.run_until_complete(connected)
        return self.asynchronous[loop_name]

    @staticmethod
    def new_loop(loop_name: str) -> asyncio.AbstractEventLoop | None:
        if loop_name == "asyncio":
            return asyncio.SelectorEventLoop()
        try:
            import uvloop
        except ImportError:
            return None
        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        return loop

    def load(self) -> Answer:
        """Writes the data set."""
        put = self.calls["put"]
        for name, bins in zip(NAMES, BINS, strict=True):
            put(name, bins)
        return {"records": RECORD_COUNT}

    def check(self) -> Answer:
        """Reads a few records and compares them: a wrong answer must not count as a fast one."""
        for index in range(0, RECORD_COUNT, RECORD_COUNT // 16):
            bins = dict(self.calls["get"](NAMES[index]))
            if bins != BINS[index]:
                raise ValueError(f"{NAMES[index]} is {bins}, not {BINS[index]}")
        names = NAMES[:100]
        for call in ("batch_read", "batch_numpy", "batch_arrow"):
            if call in self.calls and self.calls[call](names) != sum(range(100)):
                raise ValueError(f"{call} of {len(names)} records does not give what was written")
        return {}

    def run(self, case: Case, seconds: float) -> Answer:
        """One round of a case.

        Args:
            case: What to run.
            seconds: For how long; one call is made at least.
        """
        gc.collect()
        if case.call == "import":
            return self.run_imports(seconds)
        if case.measures == "loop lag":
            return self.run_loop_lag(case, seconds)
        begin_s, cpu_begin_s = time.perf_counter(), cpu_seconds()
        if case.loop:
            loop = self.loops[case.loop]
            latencies_ns = loop.run_until_complete(self.run_in_flight(case, seconds))
        elif case.threads > 1:
            latencies_ns = self.run_threads(case, seconds)
        else:
            end_ns = clock_ns() + int(seconds * 1e9)
            latencies_ns = call_until(end_ns, single_calls(case, self.calls, 0, 1))
        cpu_s = cpu_seconds() - cpu_begin_s
        wall_s = time.perf_counter() - begin_s
        return answer_of(latencies_ns, len(latencies_ns) * case.size, wall_s, cpu_s)

    def run_threads(self, case: Case, seconds: float) -> list[int]:
        end_ns = clock_ns() + int(seconds * 1e9)
        of_threads: list[list[int]] = []
        failures: list[BaseException] = []

        def run(index: int) -> None:
            try:
                call = single_calls(case, self.calls, index, case.threads)
                of_threads.append(call_until(end_ns, call))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(index,)) for index in range(case.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return [latency_ns for latencies_ns in of_threads for latency_ns in latencies_ns]

    async def run_in_flight(self, case: Case, seconds: float) -> list[int]:
        """Keeps as many calls in flight as the case says; gives how long each took."""
        latencies_ns: list[int] = []
        append = latencies_ns.append
        end_ns = clock_ns() + int(seconds * 1e9)

        async def task(index: int) -> None:
            call = single_calls(case, self.calls_on(case.loop), index, case.in_flight)
            begin_ns = clock_ns()
            for number in count():
                await call(number)
                now_ns = clock_ns()
                append(now_ns - begin_ns)
                begin_ns = now_ns
                if now_ns >= end_ns:
                    break

        await asyncio.gather(*(task(index) for index in range(case.in_flight)))
        return latencies_ns

    def run_loop_lag(self, case: Case, seconds: float) -> Answer:
        """How late a task that asks to be woken every millisecond is, beside tasks that read."""
        lags_ns: list[int] = []
        call_count = 0

        async def tick() -> None:
            while True:
                begin_ns = clock_ns()
                await asyncio.sleep(0.001)
                lags_ns.append(max(0, clock_ns() - begin_ns - 1_000_000))

        async def run() -> None:
            nonlocal call_count
            ticker = asyncio.ensure_future(tick())
            call_count = len(await self.run_in_flight(case, seconds))
            # Let it see what the last reply cost, and once be woken in a very short round.
            await asyncio.sleep(0.002)
            ticker.cancel()

        begin_s, cpu_begin_s = time.perf_counter(), cpu_seconds()
        self.loops[case.loop].run_until_complete(run())
        cpu_s = cpu_seconds() - cpu_begin_s
        wall_s = time.perf_counter() - begin_s
        return answer_of(lags_ns, call_count * case.size, wall_s, cpu_s)

    def run_imports(self, seconds: float) -> Answer:
        walls_ns: list[int] = []
        cpu_s = 0.0
        rss_kb = 0
        end_s = time.perf_counter() + seconds
        while not walls_ns or time.perf_counter() < end_s:
            # In a directory without modules: its own is the first that an interpreter looks in.
            command = [sys.executable, "-c", IMPORT_PROGRAM, self.peer.module]
            run = subprocess.run(command, cwd=sys.prefix, capture_output=True, text=True)
            if run.returncode != 0:
                raise RuntimeError(run.stderr.strip().rpartition("\n")[2])
            wall, cpu, rss = run.stdout.split()
            walls_ns.append(int(float(wall) * 1e9))
            cpu_s += float(cpu)
            rss_kb = max(rss_kb, int(rss))
        answer = answer_of(walls_ns, len(walls_ns), sum(walls_ns) / 1e9, cpu_s)
        return {**answer, "rss_mb": rss_kb / 1024}

    def close(self) -> None:
        self.calls["close"]()
        for loop_name, loop in self.loops.items():
            loop.run_until_complete(self.close_on(loop_name))
            loop.close()

    async def close_on(self, loop_name: str) -> None:
        calls = self.asynchronous[loop_name]
        if "close" in calls:
            await calls["close"]()

    def do(self, request: dict[str, Any]) -> Answer:
        """Carries out one request of the command."""
        match request["do"]:
            case "describe":
                return self.describe()
            case "load":
                return self.load()
            case "check":
                return self.check()
            case "run":
                return self.run(CASES[request["case"]], request["seconds"])
        raise ValueError(f"unknown request: {request}")


def main() -> None:
    # Answers go out through a copy of standard output; the original becomes standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer, host, port = PEERS[sys.argv[1]], sys.argv[2], int(sys.argv[3])

    def give(answer: Answer) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    try:
        worker = Worker(peer, host, port)
        give(worker.describe())
    except Exception as error:
        give({"error": f"{type(error).__name__}: {error}"})
        return
    for line in sys.stdin:
        try:
            give(worker.do(json.loads(line)))
        except Exception as error:
            give({"error": f"{type(error).__name__}: {error}"})
    worker.close()


if __name__ == "__main__":
    main()
