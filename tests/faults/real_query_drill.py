"""Takes a node of a real cluster away in the midst of queries, gives it back, and counts records.

Not a test of `make test`: it needs a cluster of at least two nodes of this machine, which serves
nobody else, and how to start the node that is taken away:

    python tests/faults/real_query_drill.py --server 127.0.0.1:3000 \
        --pid-file /run/node2.pid --start "asd --config-file /etc/node2.conf --foreground"

In each run one query (all records or an index, whole or in pages, with a `for` or an `async for`)
has had some records when the node is killed. In some of the runs it goes on only when the cluster
has formed anew without the node, or when the node is back and its partitions move. A query that
ends must have brought each record exactly once, and one that fails must have raised an error of the
package, and no record twice. With an error in the midst of pages the page is asked for once more.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from real_cluster_drill import Cluster, Victim

import aerospike_py
from aerospike_py import AerospikeError
from aerospike_py import predicates as p

NAMESPACE, SET, INDEX = "test", "query_drill", "query_drill_id"
KINDS = ("scan", "index", "pages", "async scan", "async index")
POLICY: Any = {"max_retries": 20}
PAGE = 1000
# Much more than what sockets hold: most of it is still to be sent when the node is killed.
PAYLOAD = bytes(2500)


class Course:
    """What happens to the cluster, by how many records the query has had."""

    def __init__(self, cluster: Cluster, victim: Victim, records: int, dice: random.Random) -> None:
        nodes = len(cluster.addresses)
        marks = sorted(dice.sample(range(1, records), 3))
        self.happened: list[str] = []
        waits = dice.random() < 0.7
        self.events: list[tuple[int, str, Callable[[], Any]]] = [
            (marks[0], "killed", victim.take),
            (marks[1], "given back", victim.give_back),
        ]
        if waits:
            self.events += [
                (marks[1], "without it", lambda: cluster.wait_for_size(nodes - 1)),
                (marks[2], "with it again", lambda: cluster.wait_for_size(nodes)),
            ]
            self.events[1], self.events[2] = self.events[2], self.events[1]

    def on(self, seen: int) -> None:
        """The query has had so many records."""
        while self.events and seen >= self.events[0][0]:
            _, name, event = self.events.pop(0)
            event()
            self.happened.append(name)

    def end(self) -> None:
        """What has not happened yet."""
        during = list(self.happened)
        self.on(sys.maxsize)
        self.happened = during


def query_of(client: Any, kind: str, records: int) -> Any:
    query = client.query(NAMESPACE, SET)
    return query.where(p.between("id", 0, records)) if "index" in kind else query


def in_pages(client: aerospike_py.Client, errors: Counter[str]) -> Iterator[int]:
    token = None
    failures = 0
    while True:
        query = client.query(NAMESPACE, SET)
        try:
            page = query.results({**POLICY, "max_records": PAGE, "token": token})
        except AerospikeError as error:
            errors[f"{type(error).__name__} {error.result_code}, page repeated"] += 1
            failures += 1
            if failures > 10:
                raise
            continue
        for record in page:
            yield (record.bins or {})["id"]
        token = query.token
        if token is None:
            return


def run(kind: str, options: argparse.Namespace, course: Course, seen: list[int]) -> Counter[str]:
    """Appends the ids that the query brings."""
    config = {"hosts": [options.server]}
    errors: Counter[str] = Counter()
    if kind.startswith("async"):
        asyncio.run(run_async(kind, options, course, seen))
        return errors
    with aerospike_py.client(config).connect() as client:
        if kind == "pages":
            ids = in_pages(client, errors)
        else:
            records = query_of(client, kind, options.records).records(POLICY)
            ids = ((record.bins or {})["id"] for record in records)
        for number in ids:
            seen.append(number)
            course.on(len(seen))
    return errors


async def run_async(
    kind: str, options: argparse.Namespace, course: Course, seen: list[int]
) -> None:
    async with aerospike_py.AsyncClient({"hosts": [options.server]}) as client:
        await client.connect()
        async for record in query_of(client, kind, options.records).records(POLICY):
            seen.append((record.bins or {})["id"])
            if course.events and len(seen) >= course.events[0][0]:
                await asyncio.to_thread(course.on, len(seen))


def fill(options: argparse.Namespace) -> None:
    with aerospike_py.client({"hosts": [options.server]}).connect() as client:
        for start in range(0, options.records, 1000):
            numbers = range(start, min(start + 1000, options.records))
            rows = client.batch_write(
                [((NAMESPACE, SET, n), {"id": n, "data": PAYLOAD}) for n in numbers],
                {"total_timeout": 10_000},
            )
            assert all(row.result == 0 for row in rows)
        client.index_integer_create(NAMESPACE, SET, "id", INDEX)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--server", default="127.0.0.1:3000", metavar="HOST:PORT")
    parser.add_argument("--pid-file", type=Path, required=True, help="of the node to take away")
    parser.add_argument("--start", required=True, help="the command that starts it again")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--records", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> int:
    options = parse()
    host, _, port = options.server.rpartition(":")
    cluster = Cluster((host, int(port)))
    victim = Victim(options.pid_file, options.start, "kill")
    dice = random.Random(options.seed)
    fill(options)
    complete, faults = 0, []
    errors: Counter[str] = Counter()
    for number in range(options.runs):
        kind = KINDS[number % len(KINDS)]
        cluster.wait_for_migrations()
        # A node that has just joined says that there is nothing to move before it knows.
        time.sleep(1)
        cluster.wait_for_migrations()
        course = Course(cluster, victim, options.records, dice)
        seen: list[int] = []
        begin_s = time.monotonic()
        outcome = "complete"
        try:
            errors += run(kind, options, course, seen)
        except AerospikeError as error:
            outcome = f"{type(error).__name__} {error.result_code}"
            errors[outcome] += 1
        took_s = time.monotonic() - begin_s
        course.end()
        twice = len(seen) - len(set(seen))
        missing = options.records - len(set(seen))
        line = {"run": number, "kind": kind, "outcome": outcome, "records": len(seen)}
        print(json.dumps({**line, "during": course.happened, "s": round(took_s, 1)}), flush=True)
        complete += outcome == "complete"
        if twice or (missing and outcome == "complete"):
            faults.append(f"run {number} ({kind}): {twice} twice, {missing} missing")
        cluster.wait_for_size(len(cluster.addresses))
    print(f"{complete} of {options.runs} complete, errors {dict(errors)}")
    for fault in faults:
        print(f"FAULT {fault}")
    with aerospike_py.client({"hosts": [options.server]}).connect() as client:
        client.index_remove(NAMESPACE, INDEX)
        client.truncate(NAMESPACE, SET)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
