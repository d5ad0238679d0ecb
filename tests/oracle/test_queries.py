"""Queries find what the official client finds, on every type of index."""

import math
import random
from collections.abc import Iterator
from typing import Any

import aerospike as official
import pytest
from aerospike import predicates as theirs_p
from aerospike_helpers import cdt_ctx as their_ctx

import aerospike_py
from aerospike_py import Client, GeoJSON, cdt_ctx
from aerospike_py import predicates as ours_p

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NAMESPACE = "test"
COUNT = 600
WORDS = [f"word{number}" for number in range(12)]

LIST, KEYS, VALUES = (
    aerospike_py.INDEX_TYPE_LIST,
    aerospike_py.INDEX_TYPE_MAPKEYS,
    aerospike_py.INDEX_TYPE_MAPVALUES,
)
THEIRS = {
    LIST: official.INDEX_TYPE_LIST,
    KEYS: official.INDEX_TYPE_MAPKEYS,
    VALUES: official.INDEX_TYPE_MAPVALUES,
}
# The first member of the list at the map's "deep".
NESTED = [cdt_ctx.map_key("deep"), cdt_ctx.list_index(0)]
THEIR_NESTED = [their_ctx.cdt_ctx_map_key("deep"), their_ctx.cdt_ctx_list_index(0)]


@pytest.fixture(scope="module")
def theirs(server: Any) -> Iterator[Any]:
    client = official.client({"hosts": server.hosts}).connect()
    yield client
    client.close()


def point(source: random.Random) -> dict[str, Any]:
    longitude, latitude = source.uniform(-179, 179), source.uniform(-80, 80)
    return {"type": "Point", "coordinates": [longitude, latitude]}


def square(source: random.Random) -> dict[str, Any]:
    x, y, size = source.uniform(-150, 150), source.uniform(-60, 60), source.uniform(1, 25)
    ring = [[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]
    return {"type": "Polygon", "coordinates": [ring]}


def circle(source: random.Random) -> dict[str, Any]:
    centre = point(source)["coordinates"]
    return {"type": "AeroCircle", "coordinates": [centre, math.exp(source.uniform(8, 14.5))]}


@pytest.fixture(scope="module")
def filled(server: Any, set_prefix: str) -> Iterator[str]:
    name = f"{set_prefix}_queries"
    source = random.Random(20)
    with aerospike_py.client(server.config).connect() as client:
        for number in range(COUNT):
            words = source.sample(WORDS, 3)
            bins = {
                "i": source.randrange(-50, 50),
                "s": source.choice(WORDS),
                "b": source.choice(WORDS).encode(),
                "l": [source.randrange(10), *words],
                "m": {word: source.randrange(20) for word in words},
                "p": GeoJSON(point(source)),
                "r": GeoJSON(source.choice((square, circle))(source)),
                "d": {"deep": [source.randrange(20), source.choice(WORDS)]},
                "places": [GeoJSON(point(source)) for _ in range(3)],
                "blobs": {word: word.encode() for word in words},
            }
            client.put((NAMESPACE, name, number), bins)
        creates = [
            (client.index_integer_create, "i", 0),
            (client.index_string_create, "s", 0),
            (client.index_blob_create, "b", 0),
            (client.index_integer_create, "l", LIST),
            (client.index_string_create, "l", LIST),
            (client.index_string_create, "m", KEYS),
            (client.index_integer_create, "m", VALUES),
            (client.index_geo2dsphere_create, "p", 0),
            (client.index_geo2dsphere_create, "r", 0),
            (client.index_geo2dsphere_create, "places", LIST),
            (client.index_blob_create, "blobs", VALUES),
        ]
        for number, (create, bin_name, index_type) in enumerate(creates):
            create(NAMESPACE, name, bin_name, f"{name}_{number}", index_type=index_type)
        client.index_integer_create(NAMESPACE, name, "d", f"{name}_nested", ctx=NESTED)
        yield name
        for number in range(len(creates)):
            client.index_remove(NAMESPACE, f"{name}_{number}")
        client.index_remove(NAMESPACE, f"{name}_nested")


def compare(client: Client, theirs: Any, name: str, ours_where: Any, theirs_where: Any) -> int:
    ours = client.query(NAMESPACE, name).where(ours_where).results()
    query = theirs.query(NAMESPACE, name)
    query.where(theirs_where)
    expected = {bytes(key[3]): bins for key, _, bins in query.results()}
    found = {record.key.digest: record.bins or {} for record in ours if record.key}
    assert len(found) == len(ours)
    assert found.keys() == expected.keys()
    for digest, bins in found.items():
        assert bins["i"] == expected[digest]["i"]
    return len(found)


def test_scan(client: Client, theirs: Any, filled: str) -> None:
    ours = client.query(NAMESPACE, filled).select("i", "m").results()
    query = theirs.query(NAMESPACE, filled)
    query.select("i", "m")
    expected = {bytes(key[3]): (meta["gen"], bins) for key, meta, bins in query.results()}
    assert len(ours) == len(expected) == COUNT
    for record in ours:
        assert record.key is not None
        assert record.meta is not None
        assert expected[record.key.digest] == (record.meta.gen, record.bins)


def test_integers(client: Client, theirs: Any, filled: str) -> None:
    for low, high in [(-50, 50), (0, 0), (-7, 13), (49, 2**63 - 1), (100, 200)]:
        ours, other = ours_p.between("i", low, high), theirs_p.between("i", low, high)
        compare(client, theirs, filled, ours, other)


@pytest.mark.parametrize("word", WORDS[:4])
def test_strings_and_bytes(client: Client, theirs: Any, filled: str, word: str) -> None:
    compare(client, theirs, filled, ours_p.equals("s", word), theirs_p.equals("s", word))
    raw = word.encode()
    compare(client, theirs, filled, ours_p.equals("b", raw), theirs_p.equals("b", raw))


@pytest.mark.parametrize(
    ("bin_name", "index_type", "value"),
    [("l", LIST, 3), ("l", LIST, "word3"), ("m", KEYS, "word5"), ("m", VALUES, 7)],
)
def test_collections(
    client: Client, theirs: Any, filled: str, bin_name: str, index_type: int, value: Any
) -> None:
    ours = ours_p.contains(bin_name, index_type, value)
    other = theirs_p.contains(bin_name, THEIRS[index_type], value)
    assert compare(client, theirs, filled, ours, other) > 10


def test_bytes_in_collections(client: Client, theirs: Any, filled: str) -> None:
    ours = ours_p.contains("blobs", VALUES, b"word2")
    other = theirs_p.contains("blobs", THEIRS[VALUES], b"word2")
    assert compare(client, theirs, filled, ours, other) > 10


def test_nested_values(client: Client, theirs: Any, filled: str) -> None:
    query = theirs.query(NAMESPACE, filled)
    query.where(theirs_p.between("d", 3, 8), THEIR_NESTED)
    expected = {bytes(key[3]) for key, _, _ in query.results()}
    ours = client.query(NAMESPACE, filled).where(ours_p.between("d", 3, 8), ctx=NESTED).results()
    assert len(ours) == len(expected) > 10
    assert {record.key.digest for record in ours if record.key} == expected


@pytest.mark.parametrize("seed", range(5))
def test_points_in_collections(client: Client, theirs: Any, filled: str, seed: int) -> None:
    text = GeoJSON(circle(random.Random(seed))).text
    ours = ours_p.geo_within_geojson_region("places", text, LIST)
    query = theirs.query(NAMESPACE, filled)
    query.where(theirs_p.geo_within_geojson_region("places", text, THEIRS[LIST]))
    # A record with several of its points in the region comes several times to the official client.
    expected = {bytes(key[3]) for key, _, _ in query.results()}
    found = [record.key.digest for record in found_by(client, filled, ours) if record.key]
    assert len(found) == len(expected)
    assert set(found) == expected


def found_by(client: Client, name: str, where: Any) -> Any:
    return client.query(NAMESPACE, name).where(where).results()


def test_ranges_in_collections(client: Client, theirs: Any, filled: str) -> None:
    ours = ours_p.range("m", VALUES, 5, 15)
    other = theirs_p.range("m", THEIRS[VALUES], 5, 15)
    assert compare(client, theirs, filled, ours, other) > 100


@pytest.mark.parametrize("seed", range(20))
def test_points_in_regions(client: Client, theirs: Any, filled: str, seed: int) -> None:
    source = random.Random(seed)
    for region in (square(source), circle(source)):
        text = GeoJSON(region).text
        compare(
            client,
            theirs,
            filled,
            ours_p.geo_within_geojson_region("p", text),
            theirs_p.geo_within_geojson_region("p", text),
        )


@pytest.mark.parametrize("seed", range(20))
def test_regions_with_a_point(client: Client, theirs: Any, filled: str, seed: int) -> None:
    text = GeoJSON(point(random.Random(seed))).text
    compare(
        client,
        theirs,
        filled,
        ours_p.geo_contains_geojson_point("r", text),
        theirs_p.geo_contains_geojson_point("r", text),
    )


def test_circles(client: Client, theirs: Any, filled: str) -> None:
    for latitude, longitude, radius in [(0, 0, 2e6), (45, 120, 1e6), (-70, -100, 3e6)]:
        compare(
            client,
            theirs,
            filled,
            ours_p.geo_within_radius("p", latitude, longitude, radius),
            theirs_p.geo_within_radius("p", longitude, latitude, radius),
        )


@pytest.mark.parametrize("size", [50, 299])
def test_pages_by_an_index(client: Client, theirs: Any, filled: str, size: int) -> None:
    query = theirs.query(NAMESPACE, filled)
    query.where(theirs_p.between("i", -20, 30))
    query.paginate()
    query.max_records = size
    expected: list[bytes] = []
    while not query.is_done():
        expected += [bytes(key[3]) for key, _, _ in query.results()]
    found: list[bytes] = []
    token = None
    while True:
        ours = client.query(NAMESPACE, filled).where(ours_p.between("i", -20, 30))
        page = ours.results({"max_records": size, **({"token": token} if token else {})})
        assert len(page) <= size
        found += [record.key.digest for record in page if record.key]
        token = ours.token
        if token is None:
            break
    assert sorted(found) == sorted(expected)
    assert len(found) > size


@pytest.mark.parametrize("size", [1, 50, 599])
def test_pages(client: Client, theirs: Any, filled: str, size: int) -> None:
    """Both go through the set page by page, and neither misses a record nor has one twice."""
    query = theirs.query(NAMESPACE, filled)
    query.paginate()
    query.max_records = max(size, 50)
    expected: list[bytes] = []
    while not query.is_done():
        expected += [bytes(key[3]) for key, _, _ in query.results()]
    found: list[bytes] = []
    token = None
    while len(found) < (20 if size == 1 else COUNT):
        ours = client.query(NAMESPACE, filled)
        policy: Any = {"max_records": size, **({"token": token} if token else {})}
        found += [record.key.digest for record in ours.results(policy) if record.key]
        token = ours.token
        if token is None:
            break
    assert len(set(found)) == len(found)
    assert set(found) <= set(expected)
    if size > 1:
        assert sorted(found) == sorted(set(expected))
