"""Secondary indexes: creating them, in what they cover, and removing them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import (
    Client,
    GeoJSON,
    IndexFoundError,
    IndexNotFound,
    InvalidArgError,
    ServerError,
    cdt_ctx,
    exp,
)
from aerospike_py import predicates as p

NAMESPACE = "test"


@pytest.fixture
def index(client: Client, key: tuple[str, str, str]) -> Iterator[Callable[[], str]]:
    """Makes names of indexes, which are removed at the end."""
    names: list[str] = []

    def name() -> str:
        names.append(f"i_{key[2][:12]}_{len(names)}")
        return names[-1]

    yield name
    for each in names:
        client.index_remove(NAMESPACE, each)


def found(client: Client, set_name: str, predicate: Any, **options: Any) -> int:
    return len(client.query(NAMESPACE, set_name).where(predicate, **options).results())


def test_an_index_is_readable_at_once(
    client: Client, key: tuple[str, str, str], index: Callable[[], str]
) -> None:
    set_name = f"{key[1]}_{key[2][:8]}"
    for number in range(500):
        client.put((NAMESPACE, set_name, number), {"a": number})
    client.index_integer_create(NAMESPACE, set_name, "a", index())
    assert found(client, set_name, p.between("a", 100, 299)) == 200
    # Later records are in it too, and those that are gone are not.
    client.put((NAMESPACE, set_name, 500), {"a": 150})
    client.remove((NAMESPACE, set_name, 151))
    client.put((NAMESPACE, set_name, 152), {"a": 5000})
    assert found(client, set_name, p.between("a", 100, 299)) == 199


def test_every_type(client: Client, key: tuple[str, str, str], index: Callable[[], str]) -> None:
    set_name = f"{key[1]}_{key[2][:8]}"
    point = {"type": "Point", "coordinates": [10.0, 20.0]}
    client.put((NAMESPACE, set_name, 1), {"i": 5, "s": "five", "b": b"\x05", "g": GeoJSON(point)})
    client.index_integer_create(NAMESPACE, set_name, "i", index())
    client.index_string_create(NAMESPACE, set_name, "s", index())
    client.index_blob_create(NAMESPACE, set_name, "b", index())
    client.index_geo2dsphere_create(NAMESPACE, set_name, "g", index())
    assert found(client, set_name, p.equals("i", 5)) == 1
    assert found(client, set_name, p.equals("s", "five")) == 1
    assert found(client, set_name, p.equals("b", b"\x05")) == 1
    assert found(client, set_name, p.geo_within_radius("g", 20.0, 10.0, 1000)) == 1
    assert found(client, set_name, p.geo_within_radius("g", 10.0, 20.0, 1000)) == 0


def test_a_set_is_indexed_by_its_name_alone(
    client: Client, key: tuple[str, str, str], index: Callable[[], str]
) -> None:
    set_name = f"{key[1]}_{key[2][:8]}"
    for number in range(10):
        client.put((NAMESPACE, set_name, number), {"n": number})
    name = index()
    client.index_set_create(NAMESPACE, set_name, name)
    assert "enable-index=true" in client.info_random_node(f"sets/{NAMESPACE}/{set_name}")
    listed = client.info_random_node(f"sindex-list:namespace={NAMESPACE}")
    assert f"indexname={name}:set={set_name}:indextype=set" in listed
    assert len(client.query(NAMESPACE, set_name).results()) == 10
    with pytest.raises(aerospike_py.IndexNotReadable):
        client.query(NAMESPACE, set_name).where(p.equals(None, 5), index_name=name).results(
            {"max_retries": 0}
        )
    client.index_remove(NAMESPACE, name)
    assert "enable-index=false" in client.info_random_node(f"sets/{NAMESPACE}/{set_name}")


def test_an_index_of_a_set_needs_the_set(client: Client, key: tuple[str, str, str]) -> None:
    with pytest.raises(TypeError, match="set_name"):
        client.index_set_create(NAMESPACE, None, "name")  # type: ignore[arg-type]
    with pytest.raises(aerospike_py.InvalidArgError, match="set_name"):
        client.index_set_create(NAMESPACE, "", "name")


def test_regions_that_contain_a_point(
    client: Client, key: tuple[str, str, str], index: Callable[[], str]
) -> None:
    set_name = f"{key[1]}_{key[2][:8]}"
    for number in range(10):
        circle = {"type": "AeroCircle", "coordinates": [[number * 1.0, 0.0], 100_000]}
        client.put((NAMESPACE, set_name, number), {"g": GeoJSON(circle)})
    client.index_geo2dsphere_create(NAMESPACE, set_name, "g", index())
    point = GeoJSON({"type": "Point", "coordinates": [4.5, 0.0]})
    assert found(client, set_name, p.geo_contains_geojson_point("g", point)) == 2


def test_nested_values(client: Client, key: tuple[str, str, str], index: Callable[[], str]) -> None:
    set_name = f"{key[1]}_{key[2][:8]}"
    client.put((NAMESPACE, set_name, 1), {"m": {"a": {"b": [1, 2, 3]}, "n": 7}})
    inner = [cdt_ctx.map_key("a"), cdt_ctx.map_key("b")]
    client.index_integer_create(
        NAMESPACE, set_name, "m", index(), index_type=aerospike_py.INDEX_TYPE_LIST, ctx=inner
    )
    number = [cdt_ctx.map_key("n")]
    client.index_integer_create(NAMESPACE, set_name, "m", index(), ctx=number)
    contains = p.contains("m", aerospike_py.INDEX_TYPE_LIST, 2)
    assert found(client, set_name, contains, ctx=inner) == 1
    assert found(client, set_name, p.equals("m", 7), ctx=number) == 1
    with pytest.raises(IndexNotFound):
        found(client, set_name, contains)


def test_an_index_on_an_expression(
    client: Client, key: tuple[str, str, str], index: Callable[[], str]
) -> None:
    if tuple(map(int, client.info_random_node("build").split(".")[:2])) < (8, 1):
        pytest.skip("needs server 8.1")
    set_name = f"{key[1]}_{key[2][:8]}"
    for number in range(10):
        client.put((NAMESPACE, set_name, number), {"a": number})
    doubled = exp.num_mul(exp.int_bin("a"), exp.int_val(2))
    name = index()
    client.index_create(
        NAMESPACE, set_name, None, name, aerospike_py.INDEX_NUMERIC, expression=doubled
    )
    assert found(client, set_name, p.between("a", 6, 12), index_name=name) == 4


def test_the_same_index_again(
    client: Client, key: tuple[str, str, str], index: Callable[[], str]
) -> None:
    name = index()
    client.index_integer_create(NAMESPACE, key[1], "a", name)
    client.index_integer_create(NAMESPACE, key[1], "a", name)


def test_another_index_of_the_same_name(
    client: Client, key: tuple[str, str, str], index: Callable[[], str]
) -> None:
    name = index()
    client.index_integer_create(NAMESPACE, key[1], "a", name)
    with pytest.raises(IndexFoundError) as caught:
        client.index_integer_create(NAMESPACE, key[1], "b", name)
    assert caught.value.result_code == 200


def test_removing(client: Client, key: tuple[str, str, str], index: Callable[[], str]) -> None:
    name = index()
    client.index_integer_create(NAMESPACE, key[1], "gone", name)
    client.index_remove(NAMESPACE, name)
    with pytest.raises(IndexNotFound):
        found(client, key[1], p.equals("gone", 1))
    client.index_remove(NAMESPACE, name)


def test_without_waiting(
    client: Client, key: tuple[str, str, str], index: Callable[[], str]
) -> None:
    client.index_integer_create(NAMESPACE, key[1], "a", index(), wait_timeout=0)


def test_arguments(client: Client, key: tuple[str, str, str]) -> None:
    with pytest.raises(ServerError, match="nowhere") as caught:
        client.index_integer_create("nowhere", key[1], "a", "i")
    assert caught.value.result_code == 20
    for bad in ("", "semi;colon", "new\nline"):
        with pytest.raises(InvalidArgError):
            client.index_integer_create(NAMESPACE, key[1], "a", bad)
    with pytest.raises(InvalidArgError):
        client.index_integer_create(NAMESPACE, key[1], "a", "i" * 300)
    with pytest.raises(InvalidArgError):
        client.index_integer_create(NAMESPACE, key[1], "a", "i", index_type=9)
    with pytest.raises(InvalidArgError):
        client.index_create(NAMESPACE, key[1], "a", "i", 17)
    with pytest.raises(aerospike_py.BinNameError):
        client.index_integer_create(NAMESPACE, key[1], "a" * 16, "i")
    with pytest.raises(TypeError):
        client.index_integer_create(NAMESPACE, key[1], "a", 5)  # type: ignore[arg-type]
