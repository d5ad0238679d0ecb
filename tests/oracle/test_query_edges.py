"""Queries at the ends of ranges and of the world find what the official client finds."""

import json
import random
from collections.abc import Iterator
from typing import Any

import aerospike as official
import pytest
from aerospike import predicates as theirs_p

import aerospike_py
from aerospike_py import Client, GeoJSON
from aerospike_py import predicates as ours_p

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NAMESPACE = "test"
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
LEAST, MOST = -(2**63), 2**63 - 1
LONGITUDES = [180, -180, 179.9, -179.9, 0, 90]
LATITUDES = [90, -90, 89.9, -89.9, 0, 45]
ACROSS = [[175, -10], [-175, -10], [-175, 10], [175, 10], [175, -10]]
AROUND_THE_POLE = [[0, 80], [90, 80], [180, 80], [-90, 80], [0, 80]]
HALVES = [
    [[[170, -5], [180, -5], [180, 5], [170, 5], [170, -5]]],
    [[[-180, -5], [-170, -5], [-170, 5], [-180, 5], [-180, -5]]],
]
REGIONS: list[dict[str, Any]] = [
    {"type": "Polygon", "coordinates": [ACROSS]},
    {"type": "Polygon", "coordinates": [AROUND_THE_POLE]},
    {"type": "MultiPolygon", "coordinates": HALVES},
    {"type": "AeroCircle", "coordinates": [[180, 0], 1e6]},
    {"type": "AeroCircle", "coordinates": [[0, 90], 1e6]},
    {"type": "AeroCircle", "coordinates": [[0, -90], 1e5]},
    {"type": "AeroCircle", "coordinates": [[-180, 89.9], 2e4]},
    {"type": "AeroCircle", "coordinates": [[0, 0], 0]},
]


def bins_of(source: random.Random) -> dict[str, Any]:
    longitude = source.choice([*LONGITUDES, source.uniform(-180, 180)])
    latitude = source.choice([*LATITUDES, source.uniform(-90, 90)])
    circle = {"type": "AeroCircle", "coordinates": [[longitude, latitude], 1e6]}
    values = [5, 5, 7, "a", "a", "b", b"a", 1.5, None, True, [5]]
    keys = [1, 2, "a", b"a", b"b", LEAST]
    return {
        "i": source.choice([LEAST, MOST, -1, 0, 1, 5]),
        "l": [source.choice(values) for _ in range(source.randrange(6))],
        "m": {source.choice(keys): source.choice([5, "x", b"x", 2.5, MOST]) for _ in range(3)},
        "p": GeoJSON({"type": "Point", "coordinates": [longitude, latitude]}),
        "r": GeoJSON(source.choice([circle, REGIONS[0]])),
    }


@pytest.fixture(scope="module")
def both(server: Any, set_prefix: str) -> Iterator[Any]:
    """Asks both clients and compares; returns how many records there were."""
    name = f"{set_prefix}_edges"
    theirs = official.client({"hosts": server.hosts}).connect()
    with aerospike_py.client(server.config).connect() as ours:
        indexes = _indexes(ours)
        for number, (create, bin_name, kind) in enumerate(indexes):
            create(NAMESPACE, name, bin_name, f"{name}_{number}", index_type=kind)
        source = random.Random(5)
        for number in range(300):
            ours.put((NAMESPACE, name, number), bins_of(source))

        def compare(our_predicate: Any, their_predicate: Any) -> int:
            found = [
                record.key.digest
                for record in ours.query(NAMESPACE, name).where(our_predicate).results()
            ]
            query = theirs.query(NAMESPACE, name)
            query.where(their_predicate)
            expected = {bytes(key[3]) for key, _, _ in query.results()}
            assert len(found) == len(set(found))
            assert set(found) == expected
            return len(found)

        yield compare
        for number in range(len(indexes)):
            ours.index_remove(NAMESPACE, f"{name}_{number}")
    theirs.close()


def _indexes(client: Client) -> list[Any]:
    return [
        (client.index_integer_create, "i", 0),
        (client.index_integer_create, "l", LIST),
        (client.index_string_create, "l", LIST),
        (client.index_blob_create, "l", LIST),
        (client.index_integer_create, "m", VALUES),
        (client.index_integer_create, "m", KEYS),
        (client.index_blob_create, "m", KEYS),
        (client.index_geo2dsphere_create, "p", 0),
        (client.index_geo2dsphere_create, "r", 0),
    ]


@pytest.mark.parametrize(
    ("bin_name", "kind", "value"),
    [
        *(("l", LIST, value) for value in (5, 7, "a", "b", b"a")),
        *(("m", KEYS, value) for value in (1, 2, LEAST, b"a", b"b")),
        *(("m", VALUES, value) for value in (5, MOST)),
    ],
)
def test_a_value_among_others_and_of_other_types(
    both: Any, bin_name: str, kind: int, value: Any
) -> None:
    ours = ours_p.contains(bin_name, kind, value)
    assert both(ours, theirs_p.contains(bin_name, THEIRS[kind], value)) > 10


@pytest.mark.parametrize(
    ("low", "high"), [(LEAST, MOST), (LEAST, LEAST), (MOST, MOST), (0, 5), (-1, -1), (1, 4)]
)
def test_the_ends_of_ranges(both: Any, low: int, high: int) -> None:
    assert both(ours_p.between("i", low, high), theirs_p.between("i", low, high)) > 10
    for bin_name, kind in [("l", LIST), ("m", VALUES)]:
        ours = ours_p.range(bin_name, kind, low, high)
        both(ours, theirs_p.range(bin_name, THEIRS[kind], low, high))


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: f"{region['coordinates']}"[:40])
def test_regions_at_the_antimeridian_and_the_poles(both: Any, region: Any) -> None:
    text = json.dumps(region)
    ours = ours_p.geo_within_geojson_region("p", text)
    both(ours, theirs_p.geo_within_geojson_region("p", text))


@pytest.mark.parametrize("longitude", [180, -180, 0, 179.9])
@pytest.mark.parametrize("latitude", [90, -90, 0, 45])
def test_points_at_the_antimeridian_and_the_poles(
    both: Any, longitude: float, latitude: float
) -> None:
    text = json.dumps({"type": "Point", "coordinates": [longitude, latitude]})
    ours = ours_p.geo_contains_geojson_point("r", text)
    both(ours, theirs_p.geo_contains_geojson_point("r", text))
    for radius in (1e5, 2e6):
        ours = ours_p.geo_within_radius("p", latitude, longitude, radius)
        both(ours, theirs_p.geo_within_radius("p", longitude, latitude, radius))
