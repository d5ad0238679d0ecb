"""Looking through a set of 100 000 records: an index, a query, pages, and sums in NumPy.

Runs on a server of its own, or on the one that is given:

    python examples/explore.py [--server HOST:PORT]
"""

import argparse
import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np

import aerospike_py
from aerospike_py import predicates as p
from aerospike_py.devserver import DevCluster

NAMESPACE, SET = "test", "explore"
COUNT = 100_000
CITIES = ["Seoul", "Busan", "Incheon", "Daegu", "Daejeon"]
DTYPE = np.dtype([("age", "u1"), ("city", "S8"), ("spent", "f8")])


def progress(title: str, chunks: Iterable[int], total: int) -> None:
    """Shows how far something is, as it goes on."""
    done = 0
    for count in chunks:
        done += count
        bar = "#" * (30 * done // total)
        print(f"\r{title:<8} [{bar:<30}] {done:>7} of {total}", end="", flush=True)
    print()


def fill(client: aerospike_py.Client) -> Iterable[int]:
    """Writes the records, a thousand at a time."""
    random = np.random.default_rng(1)
    for start in range(0, COUNT, 1000):
        ages = random.integers(18, 90, 1000).tolist()
        spent = random.gamma(2.0, 50.0, 1000).round(2).tolist()
        rows: list[Any] = [
            (
                (NAMESPACE, SET, start + n),
                {"age": ages[n], "city": CITIES[(start + n) % 5], "spent": spent[n]},
            )
            for n in range(1000)
        ]
        client.batch_write(rows)
        yield len(rows)


def pages(client: aerospike_py.Client, size: int) -> Iterable[int]:
    """Goes through the set page by page; the token would also serve another process."""
    token = None
    while True:
        query = client.query(NAMESPACE, SET).select("age")
        policy: Any = {"max_records": size, **({"token": token} if token else {})}
        yield len(query.results(policy))
        token = query.token
        if token is None:
            return


def explore(client: aerospike_py.Client) -> None:
    """All of it, in order."""
    progress("writing", fill(client), COUNT)
    client.index_integer_create(NAMESPACE, SET, "age", "explore_age")

    query = client.query(NAMESPACE, SET).select("age").where(p.between("age", 30, 32))
    ages = [(record.bins or {})["age"] for record in query]
    print(f"{len(ages)} are from 30 to 32: {ages.count(30)}, {ages.count(31)}, {ages.count(32)}")

    progress("pages", pages(client, 7500), COUNT)

    start = time.perf_counter()
    everybody = client.query(NAMESPACE, SET).to_numpy(DTYPE)
    seconds = time.perf_counter() - start
    print(f"{len(everybody)} records in an array after {seconds:.2f} s")
    for city in CITIES:
        mine = everybody[everybody["city"] == city.encode()]
        print(f"  {city:<8} mean age {mine['age'].mean():.1f}, spent {mine['spent'].sum():>12.2f}")

    client.index_remove(NAMESPACE, "explore_age")
    client.truncate(NAMESPACE, SET)
    while client.query(NAMESPACE, SET).results({"max_records": 1}):
        time.sleep(0.05)  # Each node truncates when it hears of it.
    print("truncated")


def main() -> None:
    """Runs on the given server, or on one of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--server", metavar="HOST:PORT", help="any node of a running cluster")
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.server:
            config: aerospike_py.ClientConfig = {"hosts": [options.server]}
        else:
            config = stack.enter_context(DevCluster(nodes=3)).config
        explore(stack.enter_context(aerospike_py.client(config).connect()))


if __name__ == "__main__":
    main()
