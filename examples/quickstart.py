"""A first program: writes, reads, counts and deletes records, and shows what errors look like.

    python examples/quickstart.py                            # starts a local cluster of three nodes
    python examples/quickstart.py --server 127.0.0.1:3000    # on a cluster of yours

On your own cluster it writes to the set `quickstart` of the namespace `test`, and cleans up.
"""

import argparse
import time
from contextlib import ExitStack, suppress
from typing import Any

import aerospike_py
from aerospike_py.devserver import DevCluster

NAMESPACE = "test"
SET = "quickstart"


def show(call: str, result: object = "ok") -> None:
    """Prints a call and what came of it."""
    print(f"  {call:<62} -> {result}")


def write_and_read(client: aerospike_py.Client) -> None:
    """A record is a dict of bins under a key: (namespace, set, your own key)."""
    print("\nWrite and read")
    key = (NAMESPACE, SET, "user1")
    client.put(key, {"name": "Alice", "age": 30, "tags": ["a", "b"], "address": {"city": "Seoul"}})
    show('put(key, {"name": "Alice", "age": 30, ...})')
    record = client.get(key)
    show("get(key).bins", record.bins)
    show("get(key).meta", record.meta)
    show('select(key, ["name"]).bins', client.select(key, ["name"]).bins)
    show("exists(key).meta", client.exists(key).meta)
    nobody = (NAMESPACE, SET, "nobody")
    show('exists((..., "nobody")).meta', client.exists(nobody).meta)


def change(client: aerospike_py.Client) -> None:
    """Changes that the server makes by itself, without a read before the write."""
    print("\nChange in place")
    key = (NAMESPACE, SET, "user1")
    client.increment(key, "visits", 1)
    client.increment(key, "visits", 2)
    client.append(key, "name", " Kim")
    client.remove_bin(key, ["tags"])
    show("increment twice, append, remove_bin; get(key).bins", client.get(key).bins)
    client.put(key, {"age": 31}, meta={"ttl": 3600})
    record = client.get(key)
    ttl = record.meta.ttl if record.meta else None
    show('put(key, {"age": 31}, meta={"ttl": 3600}); seconds to live', ttl)


def handle_errors(client: aerospike_py.Client) -> None:
    """Every error is an AerospikeError with the server's code and the node that said it."""
    print("\nErrors")
    key = (NAMESPACE, SET, "user1")
    try:
        client.get((NAMESPACE, SET, "nobody"))
    except aerospike_py.RecordNotFound as error:
        show('get((..., "nobody"))', f"RecordNotFound, code {error.result_code}")
    try:
        client.put(key, {"age": 1}, policy={"exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY})
    except aerospike_py.RecordExistsError as error:
        show("put(key, ..., create only)", f"RecordExistsError on node {error.node}")
    try:
        client.put(key, {"age": 1}, meta={"gen": 1}, policy={"gen": aerospike_py.POLICY_GEN_EQ})
    except aerospike_py.RecordGenerationError:
        show("put(key, ..., if still at generation 1)", "RecordGenerationError: it has changed")
    misspelt: Any = {"total_timeot": 100}
    try:
        client.put(key, {"age": 1}, policy=misspelt)
    except aerospike_py.InvalidArgError as error:
        show('put(key, ..., policy={"total_timeot": 100})', error)


def write_many(client: aerospike_py.Client, count: int = 5000) -> None:
    """A round trip for each: what one thread does without any cleverness."""
    print("\nMany records, one at a time")
    begin_s = time.perf_counter()
    for number in range(count):
        client.put((NAMESPACE, SET, number), {"number": number})
    write_s = time.perf_counter() - begin_s
    total = 0
    begin_s = time.perf_counter()
    for number in range(count):
        bins = client.get((NAMESPACE, SET, number)).bins
        total += bins["number"] if bins else 0
    read_s = time.perf_counter() - begin_s
    assert total == sum(range(count)), "a record was lost"
    show(f"put of {count} records", f"{count / write_s:,.0f} a second")
    show(f"get of {count} records", f"{count / read_s:,.0f} a second")


def clean_up(client: aerospike_py.Client, count: int = 5000) -> None:
    for user_key in ["user1", *range(count)]:
        with suppress(aerospike_py.RecordNotFound):
            client.remove((NAMESPACE, SET, user_key))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--server", metavar="HOST:PORT", help="any node of a running cluster")
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.server:
            hosts: list[Any] = [options.server]
        else:
            cluster = stack.enter_context(DevCluster(nodes=3))
            hosts = [*cluster.hosts]
            print(f"A local cluster of three nodes listens on ports {cluster.ports}")
        client = stack.enter_context(aerospike_py.client({"hosts": hosts}).connect())
        names = ", ".join(client.get_node_names())
        print(f"Connected to {names}; the server is {client.info_random_node('build').strip()}")
        write_and_read(client)
        change(client)
        handle_errors(client)
        write_many(client)
        clean_up(client)
        print("\nAll done.")


if __name__ == "__main__":
    main()
