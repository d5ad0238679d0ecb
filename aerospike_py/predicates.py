"""Predicates: what a secondary index looks for, for `Query.where`.

They are plain tuples, so they can be printed, compared and written by hand.

    >>> from aerospike_py import predicates as p
    >>> p.between("age", 20, 40)
    ('between', 'age', 20, 40)

A predicate needs an index on the bin, of the value's type and of the collection that it names.
"""

from typing import Any, TypeAlias

from .constants import INDEX_TYPE_DEFAULT
from .types import GeoJSON

__all__ = [
    "Predicate",
    "between",
    "contains",
    "equals",
    "geo_contains_geojson_point",
    "geo_within_geojson_region",
    "geo_within_radius",
    "range",
]

Predicate: TypeAlias = tuple[Any, ...]
"""The predicate's name, the bin, and what it takes."""


def equals(bin_name: str | None, val: int | str | bytes) -> Predicate:
    """The bin has this value.

    Args:
        bin_name: The bin that the index is on.
        val: An int, str or bytes, of the index's type.
    """
    return ("equals", bin_name, val)


def between(bin_name: str | None, min_val: int, max_val: int) -> Predicate:
    """The bin has an int from `min_val` to `max_val`, both included.

    Args:
        bin_name: The bin that the index is on.
        min_val: The smallest value.
        max_val: The largest value.
    """
    return ("between", bin_name, min_val, max_val)


def contains(bin_name: str | None, index_type: int, val: int | str | bytes) -> Predicate:
    """The list or map in the bin contains this value.

    Args:
        bin_name: The bin that the index is on.
        index_type: INDEX_TYPE_LIST, INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES.
        val: An int, str or bytes, of the index's type.
    """
    return ("contains", bin_name, index_type, val)


def range(bin_name: str | None, index_type: int, min_val: int, max_val: int) -> Predicate:  # noqa: A001
    """The list or map in the bin contains an int from `min_val` to `max_val`, both included.

    A record comes once, however many of its values are in the range; to that end the client keeps
    the digests of the records that came, some 30 bytes each. A query that goes on from a token
    knows nothing of those before it: over pages a record may come once for each of its values.

    Args:
        bin_name: The bin that the index is on.
        index_type: INDEX_TYPE_LIST, INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES.
        min_val: The least value.
        max_val: The greatest value.
    """
    return ("range", bin_name, index_type, min_val, max_val)


def geo_within_geojson_region(
    bin_name: str | None, geojson: str | GeoJSON, index_type: int = 0
) -> Predicate:
    """The bin has a point within the region.

    Args:
        bin_name: The bin that the index is on.
        geojson: A Polygon, MultiPolygon or AeroCircle.
        index_type: INDEX_TYPE_DEFAULT, or another one for points in a list or map.
    """
    return ("geo_within_geojson_region", bin_name, _text(geojson), *_inside(index_type))


def geo_within_radius(
    bin_name: str | None, lat: float, lng: float, radius: float, index_type: int = 0
) -> Predicate:
    """The bin has a point within a circle.

    Args:
        bin_name: The bin that the index is on.
        lat: The centre's latitude, in degrees.
        lng: The centre's longitude, in degrees.
        radius: Metres.
        index_type: INDEX_TYPE_DEFAULT, or another one for points in a list or map.
    """
    return ("geo_within_radius", bin_name, lat, lng, radius, *_inside(index_type))


def geo_contains_geojson_point(
    bin_name: str | None, geojson: str | GeoJSON, index_type: int = 0
) -> Predicate:
    """The bin has a region that contains the point.

    Args:
        bin_name: The bin that the index is on.
        geojson: A Point.
        index_type: INDEX_TYPE_DEFAULT, or another one for regions in a list or map.
    """
    return ("geo_contains_geojson_point", bin_name, _text(geojson), *_inside(index_type))


def _inside(index_type: int) -> tuple[int, ...]:
    return () if index_type == INDEX_TYPE_DEFAULT else (index_type,)


def _text(geojson: str | GeoJSON) -> str:
    return geojson.text if isinstance(geojson, GeoJSON) else geojson
