"""The clients that are compared, and how each is driven.

A driver is a module with the same two functions:

- `connect(host, port)` gives the synchronous calls as a dictionary,
- `connect_async(host, port)`, a coroutine function, the asynchronous ones,

where a call that the client does not have is left out:

- `put(name, bins)` writes one record,
- `get(name)` gives the bins of one record,
- `batch_read(names)` reads all the records and touches one bin of each; gives the sum of `id`,
- `batch_numpy(names)` reads them into a NumPy array; gives the sum of the column `id`,
- `batch_arrow(names)` reads them into a frame of polars through Arrow; gives the same,
- `query()` reads the whole set and touches one bin of each; gives the sum of `id`,
- `close()` ends the connection.

The user's key goes in as text and whatever the client wants to be made of it is made inside the
call, as an application would. Each client is used in the fastest way that its documentation shows.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """A client to measure.

    Attributes:
        name: What the command line calls it.
        driver: The module in this package that drives it.
        module: What its users import.
        distribution: Its name on PyPI.
        requirements: What its environment gets, beside the client where that is this checkout.
    """

    name: str
    driver: str
    module: str
    distribution: str
    requirements: tuple[str, ...]


OURS = "ours"

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(OURS, "ours", "aerospike_py", "aerospike-py", ("numpy", "polars", "uvloop")),
        Peer("official", "official", "aerospike", "aerospike", ("aerospike==19.3.0",)),
        Peer(
            "aerospike-py",
            "rust",
            "aerospike_py",
            "aerospike-py",
            ("aerospike-py==0.14.4", "numpy", "uvloop"),
        ),
        Peer(
            "aerospike-native",
            "native",
            "aerospike_native",
            "aerospike-native",
            ("aerospike-native==1.0.0", "uvloop"),
        ),
    )
}
