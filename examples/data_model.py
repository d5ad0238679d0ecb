"""Collections and expressions: a leaderboard, a capped list of events, a document, a filtered read.

    python examples/data_model.py                            # starts a local cluster of three nodes
    python examples/data_model.py --server 127.0.0.1:3000    # on a cluster of yours

On your own cluster it writes to the set `data_model` of the namespace `test`, and cleans up. Each
change is one command that the server carries out on the record as a whole, or not at all.
"""

import argparse
from contextlib import ExitStack, suppress
from typing import Any

import aerospike_py
from aerospike_py import cdt_ctx, exp, exp_operations
from aerospike_py import list_operations as lop
from aerospike_py import map_operations as mop
from aerospike_py.devserver import DevCluster
from aerospike_py.types import MapPolicy

SET = "data_model"
BOARD, FEED, DOCUMENT, ACCOUNT = [
    ("test", SET, name) for name in ("board", "feed", "document", "account")
]


def bins(record: aerospike_py.Record) -> dict[str, Any]:
    """A record's bins; only a record that failed in a batch has none."""
    assert record.bins is not None
    return record.bins


def show(what: str, result: object) -> None:
    """Prints what was asked and what came of it."""
    print(f"  {what:<58} -> {result}")


def leaderboard(client: aerospike_py.Client) -> list[tuple[str, int]]:
    """A map from player to score; ranks are places in the order of the scores."""
    print("\nLeaderboard")
    ordered: MapPolicy = {"map_order": aerospike_py.MAP_KEY_ORDERED}
    scores = {"ann": 310, "bob": 120, "cid": 480, "dee": 290}
    client.operate(BOARD, [mop.map_put_items("scores", scores, ordered)])
    record = client.operate(
        BOARD,
        [
            mop.map_increment("scores", "bob", 200, ordered),
            mop.map_get_by_key("scores", "bob", aerospike_py.MAP_RETURN_REVERSE_RANK),
        ],
    )
    score, rank = bins(record)["scores"]
    show("bob wins 200 points", f"{score} points, place {rank + 1}")
    best = mop.map_get_by_rank_range("scores", -3, aerospike_py.MAP_RETURN_KEY_VALUE)
    top: list[tuple[str, int]] = bins(client.operate(BOARD, [best]))["scores"][::-1]
    show("the best three", top)
    around = mop.map_get_by_value_rel_rank_range(
        "scores", score, -1, aerospike_py.MAP_RETURN_KEY_VALUE, 3
    )
    show("bob and those next to him", bins(client.operate(BOARD, [around]))["scores"])
    return top


def capped_events(client: aerospike_py.Client) -> list[list[Any]]:
    """A list that never holds more than the last five events."""
    print("\nCapped list of events")
    for number in range(12):
        client.operate(
            FEED,
            [
                lop.list_append("events", [1_700_000_000 + number, f"event {number}"]),
                lop.list_remove_by_index_range("events", -5, lop.LIST_RETURN_INVERTED),
            ],
        )
    since = lop.list_get_by_value_range(
        "events", [1_700_000_010], None, aerospike_py.LIST_RETURN_VALUE
    )
    record = client.operate(FEED, [lop.list_size("events"), since])
    size, latest = bins(record)["events"]
    show("after twelve events the list holds", size)
    show("those since a point in time", latest)
    events: list[list[Any]] = latest
    return events


def nested_document(client: aerospike_py.Client) -> dict[str, Any]:
    """A document of maps and lists, changed deep inside without being read."""
    print("\nNested document")
    client.put(
        DOCUMENT, {"order": {"lines": [{"sku": "a1", "count": 2}], "totals": {"cents": 500}}}
    )
    lines = [cdt_ctx.map_key("lines")]
    client.operate(
        DOCUMENT,
        [
            lop.list_append("order", {"sku": "b2", "count": 1}, ctx=lines),
            mop.map_increment("order", "count", 3, ctx=[*lines, cdt_ctx.list_index(0)]),
            mop.map_increment("order", "cents", 1250, ctx=[cdt_ctx.map_key("totals")]),
            mop.map_put("order", "city", "Seoul", ctx=[cdt_ctx.map_key_create("address")]),
        ],
    )
    document: dict[str, Any] = bins(client.get(DOCUMENT))["order"]
    show("the document after four changes in one command", document)
    return document


def filtered(client: aerospike_py.Client) -> int:
    """A condition that the server checks before it does what is asked, and a computed value."""
    print("\nFilter")
    client.put(ACCOUNT, {"balance": 100, "holds": [5, 10]})
    # Compiled once, it can be used a million times.
    can_pay = exp.compile(exp.ge(exp.int_bin("balance"), exp.int_val(80)))
    pay = [{"op": aerospike_py.OPERATOR_INCR, "bin": "balance", "val": -80}]
    client.operate(ACCOUNT, pay, policy={"expressions": can_pay})
    show("pay 80 if the balance allows it", bins(client.get(ACCOUNT))["balance"])
    with suppress(aerospike_py.FilteredOut):
        client.operate(ACCOUNT, pay, policy={"expressions": can_pay})
        raise AssertionError("80 of 20 were paid")
    show("once more", "FilteredOut")
    held = exp.num_add(
        exp.list_get_by_index("holds", 0, aerospike_py.LIST_RETURN_VALUE, exp.EXP_TYPE_INT),
        exp.list_get_by_index("holds", 1, aerospike_py.LIST_RETURN_VALUE, exp.EXP_TYPE_INT),
    )
    free = exp.num_sub(exp.int_bin("balance"), held)
    result = bins(client.operate(ACCOUNT, [exp_operations.exp_read("free", free)]))["free"]
    show("the balance less what is held, computed by the server", result)
    return int(result)


def run(client: aerospike_py.Client) -> None:
    """All of it, on a connected client."""
    leaderboard(client)
    capped_events(client)
    nested_document(client)
    filtered(client)
    for key in (BOARD, FEED, DOCUMENT, ACCOUNT):
        client.remove(key)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--server", metavar="HOST:PORT", help="any node of a running cluster")
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.server:
            hosts: list[Any] = [options.server]
        else:
            hosts = [*stack.enter_context(DevCluster(nodes=3)).hosts]
        run(stack.enter_context(aerospike_py.client({"hosts": hosts}).connect()))
    print("\nAll done.")


if __name__ == "__main__":
    main()
