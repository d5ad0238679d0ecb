"""What a client tells of its cluster: nodes, counts, namespaces, sets and indexes."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import Client, cdt_ctx, exp


def test_nodes_have_names_addresses_and_racks(client: Client) -> None:
    nodes = client.nodes()
    assert [node.name for node in nodes] == sorted(client.get_node_names())
    for node in nodes:
        host, _, port = node.address.rpartition(":")
        assert (host, port.isdigit()) == ("127.0.0.1", True)
        assert node.racks == {}


def test_racks_are_told_of_a_rack_aware_client() -> None:
    from aerospike_py.devserver import DevCluster

    with DevCluster(nodes=2, racks=[3, 7]) as cluster:
        config: Any = {"hosts": cluster.hosts, "rack_aware": True, "rack_ids": [7]}
        with aerospike_py.client(config).connect() as client:
            assert [node.racks["test"] for node in client.nodes()] == [3, 7]


def test_what_was_done_is_counted(client: Client, set_name: str) -> None:
    place = ("test", f"{set_name}_counted")
    key = (*place, "k")
    before = client.stats()
    assert [node.name for node in before] == [node.name for node in client.nodes()]
    for _ in range(10):
        client.put(key, {"a": 1})
    with pytest.raises(aerospike_py.RecordNotFound):
        client.get((*place, "none"))
    keys: Any = [(*place, number) for number in range(30)]
    client.batch_read(keys)
    client.query(*place).results()
    after = client.stats()

    def change(member: str) -> int:
        return sum(
            getattr(b, member) - getattr(a, member) for a, b in zip(before, after, strict=True)
        )

    assert change("sent_bytes") > 0
    assert change("received_bytes") > 0
    assert sum(node.errors.get(2, 0) for node in after) > sum(
        node.errors.get(2, 0) for node in before
    )
    batches = [
        b.batch_records.records - a.batch_records.records
        for a, b in zip(before, after, strict=True)
    ]
    assert sum(batches) == 30
    queries = [
        b.query_records.records - a.query_records.records
        for a, b in zip(before, after, strict=True)
    ]
    assert sum(queries) == 1
    for node in after:
        assert node.is_active
        assert node.connections_open >= 1
        assert node.connections_in_use == 0
        assert node.tends >= 0
        assert node.tend_seconds >= 0
        assert list(node.batch_records.counts)[-1] is None


@pytest.fixture
def index(client: Client, set_name: str) -> Iterator[str]:
    name = f"k{uuid.uuid4().hex[:10]}"
    yield name
    client.index_remove("test", name)


def test_namespaces_and_their_records(client: Client, key: Any) -> None:
    client.put(key, {"a": 1})
    found = {each.name: each for each in client.namespaces()}
    told = client.info_random_node("namespaces").split(";")
    assert sorted(found) == sorted(told)
    space = found["test"]
    nodes = client.get_node_names()
    assert space.replication_factor == min(2, len(nodes))
    assert space.objects >= 1
    assert space.is_strongly_consistent is False
    assert space.stops_writes is False
    assert sorted(space.nodes) == sorted(nodes)
    assert space.nodes[nodes[0]]["strong-consistency"] == "false"


def test_sets_and_their_records(client: Client, server: Any, set_name: str) -> None:
    set_name = f"{set_name}_rows"
    rows: list[Any] = [(("test", set_name, number), {"a": number}) for number in range(20)]
    client.batch_write(rows)
    (found,) = [each for each in client.sets("test") if each.name == set_name]
    nodes = len(client.nodes())
    # A local server has one copy of a record, which all of its nodes tell of.
    copies = nodes if server.embedded else min(2, nodes)
    assert (found.namespace, found.objects) == ("test", 20 * copies)
    assert found in client.sets()
    assert found.has_index is False
    assert found not in client.sets("bar")


def test_of_a_namespace_that_is_not_there_nothing_is_known(client: Client) -> None:
    query = client.query("nowhere", "demo").where("$.a > 1")
    for ask in (lambda: client.sets("nowhere"), lambda: client.indexes("nowhere"), query.explain):
        with pytest.raises(aerospike_py.InvalidNamespace, match="'nowhere'") as caught:
            ask()
        assert caught.value.result_code == aerospike_py.AEROSPIKE_ERR_NAMESPACE_NOT_FOUND


def test_an_index_of_a_bin(client: Client, set_name: str, index: str) -> None:
    context = [cdt_ctx.map_key("a"), cdt_ctx.list_index(-1)]
    client.index_create(
        *("test", set_name, "b", index, aerospike_py.INDEX_STRING),
        index_type=aerospike_py.INDEX_TYPE_MAPKEYS,
        ctx=context,
    )
    (found,) = [each for each in client.indexes("test") if each.name == index]
    kinds = (aerospike_py.INDEX_STRING, aerospike_py.INDEX_TYPE_MAPKEYS)
    assert found == ("test", set_name, index, "b", *kinds, context, None, True)
    assert found in client.indexes()
    assert found not in client.indexes("bar")


def test_an_index_of_a_set(client: Client, set_name: str, index: str) -> None:
    place = f"{set_name}_indexed"
    client.put(("test", place, "k"), {"a": 1})
    client.index_set_create("test", place, index)
    (found,) = [each for each in client.indexes("test") if each.name == index]
    assert found == ("test", place, index, None, None, None, None, None, True)
    (row,) = [each for each in client.sets("test") if each.name == place]
    assert row.has_index
    for query in (client.query("test", place), client.query("test", place).where("$.a == 1")):
        assert query.explain().index_used == found
        assert [record.bins for record in query.results()] == [{"a": 1}]


def test_an_index_of_an_expression_in_all_sets(client: Client, index: str) -> None:
    if client.info_random_node("build") < "8.1":
        pytest.skip("the server has no indexes of expressions")
    expression = exp.num_add(exp.int_bin("a"), exp.int_bin("b"))
    client.index_create(
        *("test", None, None, index, aerospike_py.INDEX_NUMERIC), expression=expression
    )
    (found,) = [each for each in client.indexes("test") if each.name == index]
    assert (found.set_name, found.bin, found.ctx) == (None, None, None)
    assert found.expression == exp.compile(expression)
