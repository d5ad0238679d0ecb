"""Measures this client beside others, in the same run and on the same server.

    python bench/run.py                                   # on a development server
    python bench/run.py --server 127.0.0.1:3000 --peers ours,official,aerospike-py
    python bench/run.py --cases 'get,put,async_get_*' --json out.json --chart out.svg

Every client is a process of its own in an environment of its own, connects once, and waits. Rounds
are interleaved: client A, B, C, then A, B, C again, a different one first each time, so that
what the machine does meanwhile falls on all of them. What is printed is the median over the rounds,
and the median of the ratios to ours round by round. Machines differ and are noisy: compare ratios
of one run, not figures of two.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cases import CASES, NAMESPACE, SET, Case, select_cases
from chart import write_chart
from environments import interpreters
from peers import OURS, PEERS
from report import ABSENT, NOT_YET, CaseResults, Result, as_json, machine, table, write_json

HERE = Path(__file__).resolve().parent
WARM_UP_SHARE = 0.2


class PeerError(Exception):
    """A worker answered with an error, or is gone."""


class PeerProcess:
    """A worker process and the pipe to it."""

    def __init__(self, name: str, python: Path, host: str, port: int) -> None:
        self.name = name
        command = [str(python), str(HERE / "worker.py"), name, host, str(port)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.description = self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise PeerError(f"{self.name}: its process ended ({self.process.wait()})")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{self.name}: {answer['error']}")
        return answer

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise PeerError(f"{self.name}: its process ended ({self.process.wait()})") from None
        return self.answer()

    def supports(self, case: Case) -> bool:
        return case.name in self.description["cases"]

    def lack(self, case: Case) -> str:
        """Why it does not support the case: this client is to have it, or there is no such loop."""
        is_loop_missing = case.loop and case.loop not in self.description["loops"]
        return ABSENT if self.name != OURS or is_loop_missing else NOT_YET

    def close(self) -> None:
        """Ends the worker: by the end of its input, or by force if it does not listen."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.close()
            self.process.wait(timeout=10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Progress:
    """A bar on a terminal, a line for every case elsewhere."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.done = 0
        self.is_terminal = sys.stderr.isatty()
        self.begin_s = time.monotonic()

    def show(self, text: str) -> None:
        if not self.is_terminal:
            return
        width = 32
        filled = width * self.done // max(1, self.steps)
        bar = "#" * filled + "." * (width - filled)
        elapsed_s = time.monotonic() - self.begin_s
        left_s = elapsed_s / self.done * (self.steps - self.done) if self.done else 0.0
        print(f"\r\x1b[K[{bar}] {left_s:4.0f} s left  {text}", end="", file=sys.stderr, flush=True)

    def step(self, text: str) -> None:
        self.done += 1
        self.show(text)

    def line(self, text: str) -> None:
        """A line that stays."""
        print(f"\r\x1b[K{text}" if self.is_terminal else text, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self.is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextmanager
def server(address: str, python: Path) -> Iterator[tuple[str, int]]:
    """The address of one node of the server to measure on; starts one if it is "embedded"."""
    if address != "embedded":
        host, _, port = address.rpartition(":")
        yield host.strip("[]"), int(port)
        return
    command = [str(python), str(HERE / "embedded.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise PeerError(f"the development server did not start ({process.wait()})")
        started = json.loads(line)
        try:
            yield started["host"], started["port"]
        finally:
            process.stdin.close()


def measure_case(
    case: Case,
    peers: list[PeerProcess],
    rounds: int,
    seconds: float,
    progress: Progress,
) -> CaseResults:
    """Runs the rounds of one case on every client that has it."""
    results = {peer.name: Result(peer.name) for peer in peers}
    for peer in peers:
        if not peer.supports(case):
            results[peer.name].failure = peer.lack(case)
    for round_index in range(rounds):
        first = round_index % len(peers)
        for peer in peers[first:] + peers[:first]:
            result = results[peer.name]
            progress.step(f"{case.title}  {peer.name}  round {round_index + 1}/{rounds}")
            if result.failure:
                continue
            try:
                if round_index == 0:
                    peer.ask(do="run", case=case.name, seconds=seconds * WARM_UP_SHARE)
                result.rounds.append(peer.ask(do="run", case=case.name, seconds=seconds))
            except PeerError as error:
                result.failure = str(error)
                result.rounds.clear()
    return CaseResults(case, list(results.values()))


def measure(
    cases: list[Case], peers: list[PeerProcess], rounds: int, seconds: float, is_named: bool
) -> list[CaseResults]:
    """Runs all cases.

    Args:
        cases: What to run.
        peers: The clients.
        rounds: How many rounds each case has.
        seconds: How long a round is.
        is_named: The user named the cases: run one even where our client does not have it.
    """
    ours = next((peer for peer in peers if peer.name == OURS), None)
    progress = Progress(len(cases) * len(peers) * rounds)
    all_results: list[CaseResults] = []
    peers[0].ask(do="load")
    for peer in peers:
        peer.ask(do="check")
    for case in cases:
        if ours is not None and not is_named and not ours.supports(case):
            progress.done += len(peers) * rounds
            all_results.append(CaseResults(case, [Result(OURS, failure=ours.lack(case))]))
            continue
        results = measure_case(case, peers, rounds, seconds, progress)
        all_results.append(results)
        figures = [
            f"{result.peer} {number:.1f} us"
            if (number := result.median("cpu_us")) is not None
            else f"{result.peer} {result.failure}"
            for result in results.results
        ]
        progress.line(f"{case.title}: CPU of one {case.unit}: {', '.join(figures)}")
    progress.end()
    return all_results


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument(
        "--server",
        default="embedded",
        metavar="HOST:PORT",
        help='any node of a cluster, or "embedded" for a development server (default)',
    )
    named = (f"{name} ({case.title})" if "_" in name else name for name, case in CASES.items())
    parser.add_argument("--cases", metavar="A,B*", help=f"of these: {'; '.join(named)}")
    parser.add_argument(
        "--peers", default="ours,official", metavar="A,B", help=f"of these: {', '.join(PEERS)}"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of each case (default 5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one round (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--chart", type=Path, metavar="FILE.svg", help="draw the CPU time per op")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PEER=PATH",
        help="use this interpreter for a client instead of an environment made for it",
    )
    options = parser.parse_args(arguments)
    options.peers = [name.strip() for name in options.peers.split(",")]
    for name in options.peers:
        if name not in PEERS:
            parser.error(f"no client is named {name!r}; there are: {', '.join(PEERS)}")
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    is_address = options.server.rpartition(":")[2].isdigit()
    if options.server != "embedded" and not is_address:
        parser.error(f"--server is HOST:PORT or embedded, not {options.server!r}")
    try:
        options.selected = select_cases(options.cases or "*")
        options.python = dict(given.split("=", 1) for given in options.python)
    except ValueError as error:
        parser.error(str(error))
    return options


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints the table, writes the files. Gives the exit status."""
    options = parse_arguments(arguments)
    needed = options.peers if options.server != "embedded" else [OURS, *options.peers]
    try:
        pythons = interpreters(list(dict.fromkeys(needed)), options.python)
        with ExitStack() as stack:
            host, port = stack.enter_context(server(options.server, pythons.get(OURS, Path())))
            peers: list[PeerProcess] = []
            for name in options.peers:
                peers.append(PeerProcess(name, pythons[name], host, port))
                stack.callback(peers[-1].close)
            results = measure(
                options.selected, peers, options.rounds, options.seconds, bool(options.cases)
            )
            versions = {peer.name: peer.description["version"] for peer in peers}
    except (PeerError, subprocess.CalledProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    about = {
        **machine(),
        "server": options.server,
        "data": f"{NAMESPACE}.{SET}",
        "clients": versions,
        "rounds": options.rounds,
        "seconds": options.seconds,
    }
    print(table(results))
    if options.json:
        write_json(options.json, as_json(results, about))
    if options.chart:
        write_chart(options.chart, results, about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
