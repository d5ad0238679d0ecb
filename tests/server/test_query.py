"""Queries and scans: what they find, how they are ended early, and how they go on."""

import asyncio
import itertools
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    AerospikeTimeoutError,
    BinNameError,
    Client,
    ClientError,
    GeoJSON,
    IndexNotFound,
    InvalidArgError,
    ServerError,
    cdt_ctx,
    exp,
)
from aerospike_py import predicates as p
from aerospike_py.types import AerospikeKey, Record, RecordMetadata

NAMESPACE = "test"
COUNT = 400
SUFFIXES = ("age", "name", "raw", "place", "tag_i", "tag_s", "keys", "values", "deep")


@pytest.fixture(scope="module")
def people(server: Any, set_prefix: str) -> Iterator[str]:
    """A set of COUNT records, with an index on each of their bins."""
    name = f"{set_prefix}_people_{uuid.uuid4().hex[:6]}"
    with aerospike_py.client(server.config).connect() as client:
        for number in range(COUNT):
            bins = {
                "id": number,
                "age": number % 50,
                "name": f"name {number % 20}",
                "raw": bytes([number % 10]),
                "tags": [number % 7, f"tag {number % 3}"],
                "map": {f"k{number % 5}": number, "s": f"v{number % 4}"},
                "deep": {"list": [number, number + 1000]},
                "place": GeoJSON(
                    {"type": "Point", "coordinates": [number / 10 - 20, number / 20 - 10]}
                ),
            }
            client.put(
                (NAMESPACE, name, number), bins, policy={"key": aerospike_py.POLICY_KEY_SEND}
            )
        client.index_integer_create(NAMESPACE, name, "age", f"{name}_age")
        client.index_string_create(NAMESPACE, name, "name", f"{name}_name")
        client.index_blob_create(NAMESPACE, name, "raw", f"{name}_raw")
        client.index_geo2dsphere_create(NAMESPACE, name, "place", f"{name}_place")
        for suffix, create, bin_name, index_type in [
            ("tag_i", client.index_integer_create, "tags", aerospike_py.INDEX_TYPE_LIST),
            ("tag_s", client.index_string_create, "tags", aerospike_py.INDEX_TYPE_LIST),
            ("keys", client.index_string_create, "map", aerospike_py.INDEX_TYPE_MAPKEYS),
            ("values", client.index_integer_create, "map", aerospike_py.INDEX_TYPE_MAPVALUES),
        ]:
            create(NAMESPACE, name, bin_name, f"{name}_{suffix}", index_type=index_type)
        client.index_integer_create(
            NAMESPACE,
            name,
            "deep",
            f"{name}_deep",
            index_type=aerospike_py.INDEX_TYPE_LIST,
            ctx=[cdt_ctx.map_key("list")],
        )
        yield name
        for suffix in SUFFIXES:
            client.index_remove(NAMESPACE, f"{name}_{suffix}")


def ids(records: Any) -> list[int]:
    return sorted(record.bins["id"] for record in records)


EVERYBODY = list(range(COUNT))


def those(condition: Callable[[int], bool]) -> list[int]:
    return [number for number in EVERYBODY if condition(number)]


class TestScan:
    def test_results_are_all_records(self, client: Client, people: str) -> None:
        records = client.query(NAMESPACE, people).results()
        assert ids(records) == EVERYBODY
        record = next(record for record in records if (record.bins or {})["id"] == 7)
        assert type(record) is Record
        assert type(record.key) is AerospikeKey
        assert record.key[:3] == (NAMESPACE, people, 7)
        assert type(record.meta) is RecordMetadata
        assert record.meta.gen == 1
        assert record == client.get((NAMESPACE, people, 7))

    def test_a_key_that_is_not_stored_is_none(
        self, client: Client, key: tuple[str, str, str]
    ) -> None:
        name = f"{key[1]}_{uuid.uuid4().hex[:6]}"
        client.put((NAMESPACE, name, "k"), {"a": 1})
        (record,) = client.query(NAMESPACE, name).results()
        assert record.key is not None
        assert record.key.user_key is None
        # A record's key is as good as the user's own.
        assert client.get(record.key).bins == {"a": 1}

    def test_a_set_that_does_not_exist_is_empty(self, client: Client) -> None:
        assert client.query(NAMESPACE, f"no_{uuid.uuid4().hex[:8]}").results() == []

    @pytest.mark.parametrize("set_name", [None, ""])
    def test_the_whole_namespace(self, client: Client, people: str, set_name: str | None) -> None:
        found = client.query(NAMESPACE, set_name).select("id").results()
        mine = [record for record in found if record.key and record.key.set_name == people]
        assert ids(mine) == EVERYBODY

    def test_selected_bins_only(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people).select("id", "age")
        assert all(set(record.bins or {}) == {"id", "age"} for record in query.results())

    def test_select_adds_up(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people).select("id").select("name")
        assert all(set(record.bins or {}) == {"id", "name"} for record in query.results())

    def test_bins_that_are_absent_are_left_out(self, client: Client, people: str) -> None:
        records = client.query(NAMESPACE, people).select("id", "nothing").results()
        assert all(set(record.bins or {}) == {"id"} for record in records)
        assert ids(records) == EVERYBODY

    def test_records_without_any_selected_bin_do_not_come(
        self, client: Client, people: str
    ) -> None:
        assert client.query(NAMESPACE, people).select("nothing").results() == []

    def test_without_bin_data(self, client: Client, people: str) -> None:
        records = client.query(NAMESPACE, people).results({"include_bin_data": False})
        assert len(records) == COUNT
        assert all(record.bins == {} and record.meta.gen == 1 for record in records if record.meta)

    def test_a_query_can_be_run_again(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people)
        assert ids(query.results()) == ids(query.results()) == EVERYBODY

    def test_a_filter_expression(self, client: Client, people: str) -> None:
        condition = exp.lt(exp.int_bin("id"), exp.int_val(10))
        records = client.query(NAMESPACE, people).results({"expressions": condition})
        assert ids(records) == list(range(10))

    def test_short_queries(self, client: Client, people: str) -> None:
        assert ids(client.query(NAMESPACE, people).results({"expected_duration": 1})) == EVERYBODY

    def test_records_per_second(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people)
        start = time.monotonic()
        query.results({"records_per_second": COUNT // 3, "partition_filter": {"count": 2048}})
        # A node has about a sixth of the records here, half a second's worth.
        assert time.monotonic() - start > 0.1

    def test_large_records(self, client: Client, set_name: str) -> None:
        name = f"{set_name}_large"
        for number in range(6):
            client.put((NAMESPACE, name, number), {"id": number, "data": bytes(400_000)})
        records = client.query(NAMESPACE, name).results()
        assert ids(records) == list(range(6))
        assert all(record.bins["data"] == bytes(400_000) for record in records if record.bins)

    def test_many_threads(self, client: Client, people: str) -> None:
        found: list[list[int]] = []

        def run() -> None:
            for _ in range(3):
                found.append(ids(client.query(NAMESPACE, people).select("id").results()))

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [EVERYBODY] * 24


class TestWhere:
    def test_equals_int(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people).where(p.equals("age", 13))
        assert ids(query.results()) == those(lambda n: n % 50 == 13)

    def test_equals_str(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people).where(p.equals("name", "name 3"))
        assert ids(query.results()) == those(lambda n: n % 20 == 3)

    def test_equals_bytes(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people).where(p.equals("raw", b"\x04"))
        assert ids(query.results()) == those(lambda n: n % 10 == 4)

    def test_between_includes_both_ends(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people).where(p.between("age", 10, 12))
        assert ids(query.results()) == those(lambda n: 10 <= n % 50 <= 12)

    def test_between_the_least_and_greatest_ints(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people).where(p.between("age", -(2**63), 2**63 - 1))
        assert ids(query.results()) == EVERYBODY

    def test_contains(self, client: Client, people: str) -> None:
        for predicate, condition in [
            (p.contains("tags", aerospike_py.INDEX_TYPE_LIST, 5), lambda n: n % 7 == 5),
            (p.contains("tags", aerospike_py.INDEX_TYPE_LIST, "tag 1"), lambda n: n % 3 == 1),
            (p.contains("map", aerospike_py.INDEX_TYPE_MAPKEYS, "k2"), lambda n: n % 5 == 2),
            (p.contains("map", aerospike_py.INDEX_TYPE_MAPVALUES, 77), lambda n: n == 77),
        ]:
            query = client.query(NAMESPACE, people).where(predicate)
            assert ids(query.results()) == those(condition)

    def test_a_range_of_several_values_brings_a_record_once(
        self, client: Client, people: str
    ) -> None:
        predicate = p.range("deep", aerospike_py.INDEX_TYPE_LIST, 0, 5000)
        query = client.query(NAMESPACE, people).where(predicate, ctx=[cdt_ctx.map_key("list")])
        assert ids(query.results()) == EVERYBODY

    def test_inside_a_nested_list(self, client: Client, people: str) -> None:
        predicate = p.contains("deep", aerospike_py.INDEX_TYPE_LIST, 1234)
        query = client.query(NAMESPACE, people).where(predicate, ctx=[cdt_ctx.map_key("list")])
        assert ids(query.results()) == [234]

    def test_within_a_region(self, client: Client, people: str) -> None:
        square = {
            "type": "Polygon",
            "coordinates": [[[-5.05, -5], [5.05, -5], [5.05, 5], [-5.05, 5], [-5.05, -5]]],
        }
        query = client.query(NAMESPACE, people).where(
            p.geo_within_geojson_region("place", GeoJSON(square))
        )
        assert ids(query.results()) == list(range(150, 251))

    def test_within_a_radius(self, client: Client, people: str) -> None:
        # Neighbours are about 12.4 km apart, here on the equator.
        query = client.query(NAMESPACE, people).where(p.geo_within_radius("place", 0, 0, 30_000))
        assert ids(query.results()) == [198, 199, 200, 201, 202]

    def test_an_index_by_its_name(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people)
        query.where(p.equals("age", 13), index_name=f"{people}_age")
        assert ids(query.results()) == those(lambda n: n % 50 == 13)

    def test_select_and_where(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people).select("id").where(p.equals("age", 13))
        records = query.results()
        assert ids(records) == those(lambda n: n % 50 == 13)
        assert all(set(record.bins or {}) == {"id"} for record in records)

    def test_where_with_a_filter_expression(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people).where(p.equals("age", 13))
        condition = exp.lt(exp.int_bin("id"), exp.int_val(100))
        assert ids(query.results({"filter_expression": condition})) == [13, 63]

    def test_no_index(self, client: Client, people: str) -> None:
        with pytest.raises(IndexNotFound) as caught:
            client.query(NAMESPACE, people).where(p.equals("id", 1)).results()
        assert caught.value.result_code == 201

    def test_an_index_of_another_type(self, client: Client, people: str) -> None:
        with pytest.raises(IndexNotFound):
            client.query(NAMESPACE, people).where(p.equals("age", "text")).results()


class TestEndingEarly:
    def test_false_stops_foreach(self, client: Client, people: str) -> None:
        seen = []

        def take(record: Record) -> bool:
            seen.append(record)
            return len(seen) < 5

        query = client.query(NAMESPACE, people)
        assert query.foreach(take) is None  # type: ignore[func-returns-value]
        assert len(seen) == 5
        assert ids(query.results()) == EVERYBODY

    @pytest.mark.parametrize("answer", [None, True, 0, "", []])
    def test_nothing_else_stops_foreach(self, client: Client, people: str, answer: Any) -> None:
        seen = []

        def take(record: Record) -> Any:
            seen.append(record)
            return answer

        client.query(NAMESPACE, people).foreach(take)
        assert ids(seen) == EVERYBODY

    def test_what_the_callback_raises_comes_out(self, client: Client, people: str) -> None:
        seen = []

        def take(record: Record) -> None:
            seen.append(record)
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            client.query(NAMESPACE, people).foreach(take)
        assert len(seen) == 1

    def test_iterating(self, client: Client, people: str) -> None:
        assert ids(list(client.query(NAMESPACE, people))) == EVERYBODY

    @pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
    def test_leaving_a_loop(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people)
        for _ in range(20):
            for _record in query:
                break
        assert ids(query.results()) == EVERYBODY

    def test_closing_records(self, client: Client, people: str) -> None:
        records = client.query(NAMESPACE, people).records()
        next(records)
        records.close()
        records.close()
        with pytest.raises(StopIteration):
            next(records)
        with pytest.raises(ClientError, match="closed"):
            _ = records.token

    def test_closing_the_client(
        self, make_client: Callable[[Any], Client], server: Any, people: str
    ) -> None:
        client = make_client(server.config).connect()
        query = client.query(NAMESPACE, people)
        records = query.records({"records_per_second": 50})
        next(records)
        client.close()
        with pytest.raises(ClientError, match=r"closed|not connected"):
            list(records)

    def test_closing_the_client_while_a_query_waits(
        self, make_client: Callable[[Any], Client], server: Any, people: str
    ) -> None:
        client = make_client(server.config).connect()
        query = client.query(NAMESPACE, people)
        outcome: list[BaseException] = []

        def run() -> None:
            try:
                query.results({"records_per_second": 1})
            except BaseException as error:
                outcome.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(0.2)
        client.close()
        thread.join(10)
        assert not thread.is_alive()
        assert isinstance(outcome[0], ClientError)


class TestPages:
    def test_exactly_so_many_records(self, client: Client, people: str) -> None:
        for count in (1, 2, 3, 4, 10, COUNT - 1, COUNT, COUNT + 1):
            records = client.query(NAMESPACE, people).results({"max_records": count})
            assert len(records) == len({record.key for record in records}) == min(count, COUNT)

    @pytest.mark.parametrize("size", [1, 7, 100, 399])
    def test_pages_bring_every_record_once(
        self, server: Any, client: Client, people: str, size: int
    ) -> None:
        limit = 30 if size == 1 else COUNT
        found: list[int] = []
        token = None
        while len(found) < limit:
            # A client of its own stands for another process.
            with aerospike_py.client(server.config).connect() as other:
                query = other.query(NAMESPACE, people)
                policy: Any = {"max_records": size, **({"token": token} if token else {})}
                page = query.results(policy)
                token = query.token
            assert len(page) == min(size, COUNT - len(found))
            found += ids(page)
            if token is None:
                break
        assert len(set(found)) == len(found)
        if limit == COUNT:
            assert sorted(found) == EVERYBODY

    def test_pages_of_an_index_query(self, client: Client, people: str) -> None:
        found: list[int] = []
        token = None
        while True:
            query = client.query(NAMESPACE, people).where(p.between("age", 0, 24))
            policy: Any = {"max_records": 33, **({"token": token} if token else {})}
            found += ids(query.results(policy))
            token = query.token
            if token is None:
                break
        assert sorted(found) == those(lambda n: n % 50 < 25)

    def test_a_complete_run_leaves_no_token(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people)
        query.results()
        assert query.token is None
        query.results({"max_records": COUNT + 1})
        assert query.token is None

    @pytest.mark.parametrize("count", [1, 2, 50, 399, 400])
    def test_going_on_after_stopping(self, client: Client, people: str, count: int) -> None:
        query = client.query(NAMESPACE, people)
        seen: list[Record] = []

        def take(record: Record) -> bool:
            seen.append(record)
            return len(seen) < count

        query.foreach(take)
        assert len(seen) == count
        policy: Any = {"token": query.token} if query.token else {"max_records": 0}
        rest = client.query(NAMESPACE, people).results(policy) if query.token else []
        assert sorted(ids(seen) + ids(rest)) == EVERYBODY

    def test_the_token_of_records_at_hand(self, client: Client, people: str) -> None:
        with client.query(NAMESPACE, people).records() as records:
            seen = [next(records) for _ in range(10)]
            token = records.token
        assert token is not None
        rest = client.query(NAMESPACE, people).results({"token": token})
        assert sorted(ids(seen) + ids(rest)) == EVERYBODY

    def test_a_token_of_another_query(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people)
        query.results({"max_records": 5})
        token = query.token
        assert token is not None
        with pytest.raises(InvalidArgError, match="another"):
            client.query(NAMESPACE, "other").results({"token": token})
        where = client.query(NAMESPACE, people).where(p.equals("age", 1))
        with pytest.raises(InvalidArgError, match="another"):
            where.results({"token": token})

    def test_what_is_no_token(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people)
        query.results({"max_records": 5})
        token = query.token
        assert token is not None
        for damaged in (b"", b"x", token[:-1], token + b"x"):
            if damaged:
                with pytest.raises(InvalidArgError):
                    query.results({"token": damaged})

    def test_partitions(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people)
        parts = [
            ids(query.results({"partition_filter": {"begin": begin, "count": 1024}}))
            for begin in range(0, 4096, 1024)
        ]
        assert all(parts)
        assert sorted(itertools.chain(*parts)) == EVERYBODY

    def test_one_partition(self, client: Client, people: str) -> None:
        record = client.get((NAMESPACE, people, 5))
        assert record.key is not None
        partition = int.from_bytes(record.key.digest[:2], "little") % 4096
        query = client.query(NAMESPACE, people)
        found = query.results({"partition_filter": {"begin": partition}})
        assert 5 in ids(found)
        assert all(
            int.from_bytes(each.key.digest[:2], "little") % 4096 == partition
            for each in found
            if each.key
        )

    def test_after_a_digest(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people)
        by_partition: dict[int, list[bytes]] = {}
        for record in query:
            assert record.key is not None
            digest = record.key.digest
            by_partition.setdefault(int.from_bytes(digest[:2], "little") % 4096, []).append(digest)
        partition, digests = max(by_partition.items(), key=lambda item: len(item[1]))
        if len(digests) < 2:
            pytest.skip("no two records share a partition")
        rest = query.results({"partition_filter": {"digest": digests[0]}})
        assert [record.key.digest for record in rest if record.key] == digests[1:]
        following = query.results(
            {"partition_filter": {"digest": digests[0], "count": 4096 - partition}}
        )
        assert len(following) == len(digests) - 1 + sum(
            len(members) for other, members in by_partition.items() if other > partition
        )


class TestErrors:
    def test_two_predicates(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people).where(p.equals("age", 1))
        with pytest.raises(InvalidArgError):
            query.where(p.equals("age", 2))

    def test_an_unknown_namespace(self, client: Client) -> None:
        with pytest.raises(ServerError, match="nowhere") as caught:
            client.query("nowhere", "demo").results()
        assert caught.value.result_code == 20

    def test_policies(self, client: Client, people: str) -> None:
        query = client.query(NAMESPACE, people)
        wrong: tuple[Any, ...] = (
            {"max_record": 1},
            {"max_records": -1},
            {"max_records": "1"},
            {"expected_duration": 3},
            {"include_bin_data": 1},
            {"partition_filter": {"begin": 4096}},
            {"partition_filter": {"begin": 1, "count": 4096}},
            {"partition_filter": {"digest": b"short"}},
            {"partition_filter": {"first": 1}},
            {"token": "text"},
        )
        for policy in wrong:
            with pytest.raises((InvalidArgError, TypeError), match=r"^policy\['"):
                query.results(policy)
        with pytest.raises(TypeError):
            query.results([1])  # type: ignore[arg-type]

    def test_arguments(self, client: Client) -> None:
        for arguments in ((None,), (1,), (NAMESPACE, 5)):
            with pytest.raises(TypeError):
                client.query(*arguments)
        query = client.query(NAMESPACE, "demo")
        with pytest.raises(BinNameError):
            query.select("x" * 16)
        with pytest.raises(TypeError):
            query.select(5)  # type: ignore[arg-type]

    def test_total_timeout(self, client: Client, people: str) -> None:
        start = time.monotonic()
        with pytest.raises(AerospikeTimeoutError):
            client.query(NAMESPACE, people).results({"records_per_second": 1, "total_timeout": 200})
        assert time.monotonic() - start < 5

    def test_a_client_that_is_not_connected(
        self, make_client: Callable[[Any], Client], server: Any
    ) -> None:
        client = make_client(server.config)
        with pytest.raises(ClientError, match="not connected"):
            client.query(NAMESPACE, "demo")
        client.connect()
        query = client.query(NAMESPACE, "demo")
        client.close()
        with pytest.raises(ClientError, match="not connected"):
            query.results()

    def test_defaults_of_the_client(
        self, make_client: Callable[[Any], Client], server: Any, people: str
    ) -> None:
        config = {**server.config, "policies": {"query": {"max_records": 3}}}
        with make_client(config).connect() as client:
            assert len(client.query(NAMESPACE, people).results()) == 3
            assert len(client.query(NAMESPACE, people).results({"max_records": 5})) == 5
        with pytest.raises(InvalidArgError):
            make_client({**server.config, "policies": {"query": {"max_recordz": 3}}})


SHARING = 6


def in_shared_ways(query: Any) -> list[tuple[Any, Callable[[Any], list[int]]]]:
    """What can be read by many at the same time, and what a piece of it brings."""
    return [
        (query.records(), lambda record: ids([record])),
        (query.to_arrow(rows=50), lambda table: table.to_numpy()["id"].tolist()),
    ]


@pytest.fixture(scope="module")
def thousands(server: Any, set_prefix: str) -> str:
    """A set of more records than a node sends at a time."""
    name = f"{set_prefix}_thousands"
    with aerospike_py.client(server.config).connect() as client:
        client.batch_write(
            [((NAMESPACE, name, number), {"id": number, "data": bytes(500)}) for number in MANY]
        )
    return name


MANY = list(range(4000))


def test_threads_that_share_a_querys_records_get_each_one_once(
    client: Client, thousands: str
) -> None:
    for shared, told in in_shared_ways(client.query(NAMESPACE, thousands).select("id", "data")):
        found: list[int] = []

        def read(shared: Any = shared, told: Any = told, found: list[int] = found) -> None:
            for piece in shared:
                found.extend(told(piece))

        with ThreadPoolExecutor(SHARING) as threads:
            for each in [threads.submit(read) for _ in range(SHARING)]:
                each.result()
        assert sorted(found) == MANY
        assert list(shared) == []


async def test_tasks_that_share_a_querys_records_get_each_one_once(
    server: Any, thousands: str
) -> None:
    async with aerospike_py.AsyncClient(server.config) as client:
        await client.connect()
        query = client.query(NAMESPACE, thousands).select("id", "data")
        for shared, told in in_shared_ways(query):
            found: list[int] = []

            async def read(shared: Any = shared, told: Any = told, found: Any = found) -> None:
                async for piece in shared:
                    found.extend(told(piece))

            await asyncio.gather(*(read() for _ in range(SHARING)))
            assert sorted(found) == MANY


async def test_records_whose_wait_was_given_up_do_not_end_as_if_they_were_all(
    server: Any, thousands: str
) -> None:
    async with aerospike_py.AsyncClient(server.config) as client:
        await client.connect()
        query = client.query(NAMESPACE, thousands)
        for shared in (query.records(), query.to_arrow()):
            waiting = asyncio.ensure_future(shared.__anext__())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            with pytest.raises(ClientError, match="CancelledError"):
                await shared.__anext__()


@pytest.mark.skipif(sys.platform != "linux", reason="finds its sockets in /proc")
def test_connections_that_break_cost_no_record_and_give_none_twice(
    server: Any, set_name: str
) -> None:
    # A node sends a megabyte at a time: these are several from each.
    name, numbers = f"{set_name}_broken", list(range(300))
    ports = {port for _, port in server.hosts}
    with aerospike_py.client({**server.config, "max_error_rate": 0}).connect() as client:
        for number in numbers:
            client.put((NAMESPACE, name, number), {"id": number, "data": bytes(20_000)})
        how = "tls" if "tls" in server.config else "clear"
        for _, _, answer in client.info_all(f"service-{how}-std"):
            ports.add(int(answer.split(",")[0].rpartition(":")[2]))
        for _ in range(10):
            seen: list[Record] = []
            for record in client.query(NAMESPACE, name):
                if len(seen) in (0, 60, 120, 180):
                    break_connections(ports)
                seen.append(record)
            assert ids(seen) == numbers


def break_connections(ports: set[int]) -> None:
    """Ends this process's connections to the ports, as a network may."""
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        try:
            if not str(descriptor.readlink()).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(descriptor.name))) as connection:
                peer = connection.getpeername()
                if isinstance(peer, tuple) and peer[1] in ports:
                    connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue  # Closed in the meantime, or not connected.
