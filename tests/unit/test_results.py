"""What results, clients and queries are to Python: compared, shown, copied, left open."""

import copy
import gc
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

import aerospike_py
from aerospike_py import AsyncClient, BatchRecord, BatchRecords, Client, NumpyBatchRecords, Record
from aerospike_py.devserver import DevCluster
from aerospike_py.types import AerospikeKey, ExistsResult, RecordMetadata

KEY = AerospikeKey("test", "demo", "k", bytes(20))
NEVER = 2**32 - 1


def rows(*numbers: int) -> BatchRecords:
    return BatchRecords(
        [BatchRecord(KEY, 0, False, Record(KEY, RecordMetadata(1, 2), {"n": n})) for n in numbers]
    )


def arrays(*numbers: int) -> NumpyBatchRecords:
    found = np.array([(number,) for number in numbers], dtype=[("n", "i8")])
    meta = np.zeros(len(numbers), dtype=[("gen", "u4"), ("ttl", "u4")])
    keys = [("test", "demo", number) for number in numbers]
    return NumpyBatchRecords(found, meta, np.zeros(len(numbers), "i4"), keys)


def test_the_result_of_exists_is_false_when_there_is_no_record() -> None:
    assert not ExistsResult(KEY, None)
    assert ExistsResult(KEY, RecordMetadata(1, 2))
    assert ExistsResult(KEY, RecordMetadata(0, 0))


def test_a_records_time_to_live() -> None:
    assert Record(KEY, RecordMetadata(1, 60), {}).ttl == 60
    assert Record(KEY, RecordMetadata(1, NEVER), {}).ttl is None
    failed: Any = None
    assert Record(KEY, failed, failed).ttl is None


def test_rows_of_a_batch_by_position() -> None:
    batch = rows(1, 2, 3)
    assert batch[0].bins == {"n": 1}
    assert batch[-1].bins == {"n": 3}
    assert [row.bins for row in batch[1:]] == [{"n": 2}, {"n": 3}]
    with pytest.raises(IndexError):
        batch[3]


def test_batches_with_equal_rows_are_equal() -> None:
    assert rows(1, 2) == rows(1, 2)
    assert rows(1, 2) != rows(1, 3)
    assert rows(1) != [1]
    assert pickle.loads(pickle.dumps(rows(1, 2))) == rows(1, 2)


def test_rows_of_arrays_by_position() -> None:
    found = arrays(5, 6, 7)
    assert found[0]["n"] == 5
    assert found[-1]["n"] == 7
    assert found[1:]["n"].tolist() == [6, 7]
    with pytest.raises(IndexError):
        found[3]


def test_arrays_that_are_equal() -> None:
    assert arrays(1, 2) == arrays(1, 2)
    assert arrays(1, 2) != arrays(2, 1)
    assert arrays(1) != 1
    assert pickle.loads(pickle.dumps(arrays(1, 2))) == arrays(1, 2)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_client_shows_its_hosts_and_whether_it_is_connected_and_no_password(kind: type) -> None:
    config = {"hosts": [("db1", 3000), "db2:4000"], "user": "u", "password": "secret"}
    assert repr(kind(config)) == f"<{kind.__name__} of db1:3000, db2:4000, not connected>"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_client_is_neither_copied_nor_pickled(kind: type, copied: Any) -> None:
    with pytest.raises(TypeError, match=f"an? {kind.__name__} .*cannot be copied or pickled"):
        copied(kind({"hosts": ["db1"]}))


@pytest.fixture(scope="module")
def cluster() -> Any:
    with DevCluster() as cluster:
        yield cluster


def test_a_connected_client_and_its_query(cluster: DevCluster) -> None:
    with aerospike_py.client(cluster.config).connect() as client:
        assert repr(client) == f"<Client of 127.0.0.1:{cluster.port}, connected>"
        query = client.query("test", "demo")
        for each in (query, query.records()):
            with pytest.raises(TypeError, match="cannot be copied or pickled"):
                copy.copy(each)
            if each is not query:
                each.close()  # type: ignore[union-attr]


def unclosed(action: Any) -> list[str]:
    """What is said of what the action leaves open."""
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
        gc.collect()
    return [str(each.message) for each in caught if each.category is ResourceWarning]


def test_a_client_that_nobody_closes_is_warned_of(cluster: DevCluster) -> None:
    def leave_open() -> None:
        aerospike_py.client(cluster.config).connect().ping()

    assert unclosed(leave_open) == [f"unclosed <Client of 127.0.0.1:{cluster.port}, connected>"]


async def test_the_same_of_an_asynchronous_client(cluster: DevCluster) -> None:
    client = await AsyncClient(cluster.config).connect()
    clients = [client]
    del client
    shown = f"<AsyncClient of 127.0.0.1:{cluster.port}, connected>"
    assert unclosed(clients.clear) == [f"unclosed {shown}"]


def test_records_that_nobody_closes_are_warned_of(cluster: DevCluster) -> None:
    with aerospike_py.client(cluster.config).connect() as client:
        client.batch_write([(("test", "left", number), {"n": number}) for number in range(5)])

        def leave_open() -> None:
            next(client.query("test", "left").records())

        assert unclosed(leave_open) == ["unclosed Records of Query('test', 'left')"]


def test_what_is_closed_is_not_warned_of(cluster: DevCluster) -> None:
    def use() -> None:
        never_connected = aerospike_py.client(cluster.config)
        with aerospike_py.client(cluster.config).connect() as client:
            list(client.query("test", "left"))
            with client.query("test", "left").records() as records:
                next(records, None)
        del never_connected

    assert unclosed(use) == []


def test_in_development_mode_the_place_where_it_was_made_is_named(
    cluster: DevCluster, tmp_path: Any
) -> None:
    program = tmp_path / "leaves_it_open.py"
    program.write_text(
        f"import aerospike_py\n\nclient = aerospike_py.client({cluster.config!r})\n"
        "client.connect()\ndel client\n"
    )
    command = [sys.executable, "-X", "dev", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert f"connected>, made at {program}:3" in done.stderr
