"""Changes records of TLS on their way between clients and a dev server, and watches both.

    python tests/faults/tls_mutations.py --mutations 200000 --seed 1

Clients of TLS 1.2 and 1.3, which show certificates, connect and read through a relay, which changes
a record of most connections, of the handshake or later, in either direction: bits and bytes, its
type, version and length, its end; it repeats and splits some, and puts others before them. Fails
when an answer is not the record that was written, a call takes much longer than it may, or
descriptors and memory are not as they were; a crash ends the program. All of it is this process.
"""

import argparse
import asyncio
import collections
import contextlib
import random
import sys
import threading
import time
from typing import Any

from soak import CHECKPOINTS, Watch, resources

import aerospike_py
from aerospike_py.devserver import DevCluster

KEY = ("test", "changed", 1)
BINS = {"n": 1, "text": "x" * 3000}
THREADS = 8
READS = 200
HEADER_BYTES = 5
# Of one connection, the record that is changed: most of a handshake, and some after it.
RECORDS = 7
TIMEOUT_MS = 300
# What a busy machine may add to that.
PATIENCE_S = 20


class Changes:
    """What becomes of records, and how many."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.is_on = True
        self.counts: collections.Counter[str] = collections.Counter()
        self._kinds = [
            *(self._flip, self._flip, self._flip, self._overwrite, self._retype, self._resize),
            *(self._shorten, self._repeat, self._split, self._invent),
        ]

    def done(self) -> int:
        # Each is counted by its direction and by its kind.
        return self.counts.total() // 2

    def of(self, record: bytearray, direction: str) -> bytearray:
        kind = self.dice.choice(self._kinds)
        changed = kind(record)
        self.counts[direction] += 1
        self.counts[kind.__name__.strip("_")] += 1
        return changed

    def _flip(self, record: bytearray) -> bytearray:
        record[self.dice.randrange(len(record))] ^= 1 << self.dice.randrange(8)
        return record

    def _overwrite(self, record: bytearray) -> bytearray:
        at = self.dice.randrange(len(record))
        record[at : at + 8] = self.dice.randbytes(len(record[at : at + 8]))
        return record

    def _retype(self, record: bytearray) -> bytearray:
        record[self.dice.randrange(3)] = self.dice.randrange(256)
        return record

    def _resize(self, record: bytearray) -> bytearray:
        """Its length says something else."""
        record[3:5] = self.dice.choice((0, 1, len(record), 0x4000, 0xFFFF)).to_bytes(2, "big")
        return record

    def _shorten(self, record: bytearray) -> bytearray:
        return record[: self.dice.randrange(len(record))]

    def _repeat(self, record: bytearray) -> bytearray:
        return record + record

    def _split(self, record: bytearray) -> bytearray:
        """Into two that are whole, but for what they say together."""
        body = record[HEADER_BYTES:]
        at = self.dice.randrange(len(body) + 1)
        parts = (body[:at], body[at:])
        return bytearray().join(record[:3] + len(part).to_bytes(2, "big") + part for part in parts)

    def _invent(self, record: bytearray) -> bytearray:
        """One of any type before it: an alert, a renegotiation, an empty one."""
        body = self.dice.randbytes(self.dice.choice((0, 1, 2, 40)))
        kind = self.dice.choice((20, 21, 22, 23, 24))
        return bytearray((kind, 3, 3)) + len(body).to_bytes(2, "big") + body + record


class End(asyncio.Protocol):
    """Of the two of a connection, which passes on what it is sent, record by record."""

    transport: asyncio.Transport
    other: "End | None" = None

    def __init__(self, direction: str, changes: Changes, at: int) -> None:
        self._direction = direction
        self._changes = changes
        self._at = at
        self._received = bytearray()
        self._waiting = bytearray()
        self._is_lost = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def pair(self, other: "End") -> None:
        self.other, other.other = other, self
        other.transport.write(self._waiting)
        if self._is_lost:
            other.transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        passed = bytearray()
        while len(self._received) >= HEADER_BYTES:
            size = HEADER_BYTES + int.from_bytes(self._received[3:5], "big")
            if len(self._received) < size:
                break
            record, self._received = self._received[:size], self._received[size:]
            if self._at == 0 and self._changes.is_on:
                record = self._changes.of(record, self._direction)
            self._at -= 1
            passed += record
        if self.other is None:
            self._waiting += passed
        elif not self.other.transport.is_closing():
            self.other.transport.write(passed)

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost = True
        if self.other is not None:
            self.other.transport.close()


class Near(End):
    """The client's end, which connects to the node."""

    def __init__(self, changes: Changes, port: int) -> None:
        at = changes.dice.randrange(RECORDS)
        self._is_near = changes.dice.random() < 0.5
        super().__init__("to the node", changes, at if self._is_near else -1)
        self._far_at = -1 if self._is_near else at
        self._port = port

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        far = End("to the client", self._changes, self._far_at)
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: far, "127.0.0.1", self._port)
        except OSError:
            self.transport.close()
        else:
            self.pair(far)


class Relay:
    """Runs in a thread of its own."""

    def __init__(self, changes: Changes, port: int) -> None:
        self._loop = asyncio.new_event_loop()
        listening = self._loop.create_server(lambda: Near(changes, port), "127.0.0.1", 0)
        self._server = self._loop.run_until_complete(listening)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> "Relay":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        # What the clients have closed is to be noticed.
        self._loop.run_until_complete(asyncio.sleep(0.1))
        self._loop.close()


class Reader:
    """Connects and reads until there were enough changes."""

    def __init__(self, config: Any, protocols: str) -> None:
        self.reads = 0
        self.errors: collections.Counter[str] = collections.Counter()
        tls = config["tls"] | {"protocols": protocols}
        self._client = aerospike_py.client(config | {"tls": tls})

    def go_on(self, are_enough: Any) -> None:
        while not are_enough():
            if self._tried(self._client.connect) is None:
                continue
            with self._client:
                for _ in range(READS):
                    if are_enough():
                        break
                    record = self._tried(self._read)
                    if record is not None and record.bins != BINS:
                        raise SystemExit(f"another record than was written: {record}")

    def connects(self) -> bool:
        """And reads, when nothing is changed."""
        with self._client.connect():
            return self._client.get(KEY, policy={"total_timeout": 1000 * PATIENCE_S}).bins == BINS

    def _read(self) -> Any:
        record = self._client.get(KEY, policy={"max_retries": 0, "total_timeout": TIMEOUT_MS})
        self.reads += 1
        return record

    def _tried(self, call: Any) -> Any:
        begin_s = time.monotonic()
        try:
            return call()
        except aerospike_py.AerospikeError as error:
            self.errors[type(error).__name__] += 1
            return None
        finally:
            taken_s = time.monotonic() - begin_s
            if taken_s > PATIENCE_S:
                raise SystemExit(f"a call took {taken_s:.1f} s")


def change(readers: list[Reader], changes: Changes, enough: int) -> None:
    """In as many threads as there are readers, until there are that many changes."""

    def are_enough() -> bool:
        return bool(failed) or changes.done() >= enough

    failed: list[BaseException] = []

    def work(reader: Reader) -> None:
        try:
            reader.go_on(are_enough)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(reader,)) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mutations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    changes = Changes(options.seed)
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(DevCluster(nodes=1, tls=True, mutual_tls=True))
        relay = stack.enter_context(Relay(changes, cluster.port))
        with aerospike_py.client(cluster.config).connect() as direct:
            direct.put(KEY, BINS)
        config: Any = cluster.config | {
            "hosts": [("127.0.0.1", relay.port, "node.dev")],
            "timeout": TIMEOUT_MS,
            "max_error_rate": 0,
        }
        readers = [Reader(config, f"TLSv1.{2 + number % 2}") for number in range(THREADS)]
        watch = Watch()
        for step in range(1, CHECKPOINTS + 1):
            change(readers, changes, options.mutations * step // CHECKPOINTS)
            watch.checkpoint(changes.done())
        # Nothing of it has done harm to who is left alone.
        changes.is_on = False
        if not all(reader.connects() for reader in readers):
            raise SystemExit("another record than was written")
        print(dict(changes.counts))
        print(f"{sum(reader.reads for reader in readers)} reads, and of errors:")
        print(dict(sum((reader.errors for reader in readers), collections.Counter())))
        wait_for_ends(watch)
        return watch.verdict()


def wait_for_ends(watch: Watch) -> None:
    """The relay and the node learn by themselves what the clients have closed."""
    deadline = time.monotonic() + PATIENCE_S
    while resources()[0] > watch.descriptors and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
