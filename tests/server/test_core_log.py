"""What the core has to say of a cluster reaches Python's logging, once."""

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import metrics
from aerospike_py.devserver import DevCluster
from aerospike_py.log import logger

CLUSTER = "logged"
TEND_MS = 250
# A machine with too much to do makes calm and storm of its own; a line for each error is more.
FEW = 10


class Lines(logging.Handler):
    """Keeps lines, and waits for them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int, str]] = []
        # What a line says to programs, by its text.
        self.fields: dict[str, dict[str, Any]] = {}
        self.changed = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self.changed:
            self.lines.append((record.levelno, record.getMessage()))
            self.fields[record.getMessage()] = {
                name.removeprefix("aerospike_"): value
                for name, value in vars(record).items()
                if name.startswith("aerospike_")
            }
            self.changed.notify_all()

    def containing(self, text: str) -> list[tuple[int, str]]:
        return [line for line in self.lines if text in line[1]]

    def about(self, text: str) -> dict[str, Any]:
        """The attributes of the first line with this text."""
        return self.fields[self.containing(text)[0][1]]

    def wait_for(self, text: str) -> tuple[int, str]:
        with self.changed:
            assert self.changed.wait_for(lambda: self.containing(text), 20), self.lines
            return self.containing(text)[0]


def tends() -> float:
    return sum(
        sample.value
        for family in metrics.Collector().collect()
        for sample in family.samples
        if sample.name == "aerospike_client_tend_duration_seconds_count"
        and sample.labels["cluster_name"] == CLUSTER
    )


def wait_for_tends(count: int) -> None:
    """Until nodes have been asked so many times more."""
    until = tends() + count
    pause = threading.Event()
    while tends() < until:
        pause.wait(0.05)


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_nodes_join_and_leave(lines: Lines) -> None:
    with DevCluster(nodes=2, cluster_name=CLUSTER) as cluster:
        config = {"hosts": cluster.hosts, "tend_interval": TEND_MS, "cluster_name": CLUSTER}
        with aerospike_py.client(config).connect():
            assert lines.wait_for("node D1 at 127.0.0.1")[0] == logging.INFO
            lines.wait_for("node D2 at 127.0.0.1")
            cluster.kill(1)
            assert lines.wait_for("node D2 left")[0] == logging.INFO
            wait_for_tends(3)
            for once in ("node D1 at", "node D2 at", "node D2 left"):
                assert len(lines.containing(once)) == 1
            assert lines.about("node D1 at") == {"event": "node_joined", "node": "D1"}
            assert lines.about("node D2 left") == {"event": "node_left", "node": "D2"}


def test_a_cluster_that_is_gone_is_told_once_and_so_is_its_return(lines: Lines) -> None:
    with DevCluster(nodes=1, cluster_name=CLUSTER) as cluster:
        config = {"hosts": cluster.hosts, "tend_interval": TEND_MS, "cluster_name": CLUSTER}
        with aerospike_py.client(config).connect():
            cluster.kill(0)
            assert lines.wait_for("cannot be reached")[0] == logging.ERROR
            cluster.revive(0)
            lines.wait_for("can be reached again")
            gone = lines.about("cannot be reached")
            assert gone == {"event": "cluster_unreachable", "code": gone["code"]}
            assert gone["code"] < 0
            assert lines.about("can be reached again") == {"event": "cluster_reachable"}
            assert len(lines.containing("cannot be reached")) == 1


def test_a_node_that_makes_errors_and_a_storm_of_retries_are_told_rarely(lines: Lines) -> None:
    with DevCluster(nodes=1, cluster_name=CLUSTER) as cluster:
        config = {"hosts": cluster.hosts, "tend_interval": TEND_MS, "cluster_name": CLUSTER}
        with aerospike_py.client(config).connect() as client:
            cluster.answer_with(18)  # Overloaded.
            policy = {"max_retries": 1000, "sleep_between_retries": 0, "total_timeout": 20_000}
            done = threading.Event()

            def work() -> None:
                while not done.is_set():
                    with pytest.raises(aerospike_py.AerospikeError):
                        client.get(("test", "log", 1), policy=policy)

            thread = threading.Thread(target=work)
            thread.start()
            try:
                assert lines.wait_for("too many errors")[0] == logging.WARNING
                assert lines.wait_for("retries in a tend interval")[0] == logging.WARNING
            finally:
                cluster.clear_faults()
                done.set()
                thread.join()
            lines.wait_for("makes few errors again")
            rests = {"event": "node_rests", "node": "D1"}
            assert lines.about("too many errors") == rests
            storm = lines.about("retries in a tend interval")
            assert storm == {"event": "retries_many", "node": "D1", "count": storm["count"]}
            assert storm["count"] >= 100
            assert len(lines.containing("too many errors")) < FEW
            assert len(lines.containing("retries in a tend interval")) < FEW


def test_a_node_that_is_slow_is_told_and_so_is_its_recovery(lines: Lines) -> None:
    with DevCluster(nodes=1, cluster_name=CLUSTER) as cluster:
        config = {"hosts": cluster.hosts, "tend_interval": TEND_MS, "cluster_name": CLUSTER}
        with aerospike_py.client(config).connect():
            cluster.delay(400, scope="info")
            assert lines.wait_for("longer than the tend interval")[0] == logging.WARNING
            wait_for_tends(3)
            assert len(lines.containing("longer than the tend interval")) == 1
            cluster.clear_faults()
            lines.wait_for("says how it is in")
            slow = lines.about("longer than the tend interval")
            assert slow == {"event": "node_slow", "node": "D1", "duration_ms": slow["duration_ms"]}
            assert slow["duration_ms"] > TEND_MS
            assert len(lines.containing("longer than the tend interval")) < FEW


def test_a_handler_that_raises_is_told_and_the_next_line_reaches_the_others(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(logging.Handler):  # Not for the lines of this thread, which are of another level.
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError(record.getMessage())

    told: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: told.append(str(hook.exc_value)))
    broken = Broken(logging.INFO)
    logger.addHandler(broken)
    try:
        with DevCluster(nodes=2, cluster_name=CLUSTER) as cluster:
            config = {"hosts": cluster.hosts, "tend_interval": TEND_MS, "cluster_name": CLUSTER}
            with aerospike_py.client(config).connect():
                lines.wait_for("node D1 at 127.0.0.1")
                cluster.kill(1)
                lines.wait_for("node D2 left")
    finally:
        logger.removeHandler(broken)
    assert any("node D1 at" in text for text in told)
