"""From a query's arguments and policy to the request that the library takes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._ffi import lib
from ._native import Pointer
from ._values import EXTENSION_GEOJSON, INT64_MAX, INT64_MIN, Extension, check_bin_name, encode
from .constants import INDEX_TYPE_DEFAULT, INDEX_TYPE_MAPVALUES
from .exception import InvalidArgError
from .policy import Boolean, Integer, Rule, query_policies, unknown_key
from .types import GeoJSON

_PARTITIONS = 4096
_DIGEST_BYTES = 20
_PLACE = "query policy"

# Policy keys that become part of the request, and not of the policy struct.
_REQUEST: dict[str, Rule] = {
    "max_records": Integer(0, INT64_MAX),
    "records_per_second": Integer(0, 2**32 - 1),
    "include_bin_data": Boolean(),
    "expected_duration": Integer(0, 2),
}
_PARTITION_FILTER = {
    "begin": Integer(0, _PARTITIONS - 1),
    "count": Integer(1, _PARTITIONS),
}
_OTHERS = ("partition_filter", "token")


class QueryPolicies:
    """The query policies of one client.

    Args:
        defaults: The client's own query policy, or None.

    Raises:
        InvalidArgError: A key is unknown, or a value is not valid.
    """

    def __init__(self, defaults: Any) -> None:
        self._defaults: dict[str, Any] = {}
        own, rest = _split(defaults)
        self._policies = query_policies(rest, lib.ASZ_QUERY)
        self._known = (*self._policies.known, *_REQUEST, *_OTHERS)
        self._defaults = self._members(own)

    def __call__(self, policy: Any) -> tuple[Pointer, dict[str, Any]]:
        """The policy struct, and members of the request.

        Raises:
            TypeError: The policy is not a dict.
            InvalidArgError: A key is unknown, or a value is not valid.
        """
        if not policy:
            return self._policies.struct(policy), self._defaults
        if not isinstance(policy, Mapping):
            raise TypeError(f"the {_PLACE} must be a dict, not {type(policy).__name__}")
        for key in policy:
            if key not in self._known:
                raise unknown_key(key, _PLACE, self._known)
        own, rest = _split(policy)
        return self._policies.struct(rest or None), {**self._defaults, **self._members(own)}

    def _members(self, own: dict[str, Any]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key, value in own.items():
            if value is None:
                continue
            if key == "token":
                members["token"] = _bytes(value, key)
            elif key == "partition_filter":
                members.update(_partitions(value))
            else:
                number = _REQUEST[key].check(value, key, _PLACE)
                members[key] = bool(number) if key == "include_bin_data" else number
        return members


def _split(policy: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What belongs to the request, and what to the policy struct."""
    own: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in (policy or {}).items():
        (own if key in _REQUEST or key in _OTHERS else rest)[key] = value
    return own, rest


def _partitions(given: Any) -> dict[str, Any]:
    place = f"partition_filter of the {_PLACE}"
    if not isinstance(given, Mapping):
        raise TypeError(f"the {place} must be a dict, not {type(given).__name__}")
    known = (*_PARTITION_FILTER, "digest")
    for key in given:
        if key not in known:
            raise unknown_key(key, place, known)
    members: dict[str, Any] = {}
    if given.get("digest") is not None:
        digest = _bytes(given["digest"], "digest")
        if len(digest) != _DIGEST_BYTES:
            raise InvalidArgError(f"a digest has {_DIGEST_BYTES} bytes, not {len(digest)}")
        members["after"] = digest
    numbers = {
        key: rule.check(given[key], key, place)
        for key, rule in _PARTITION_FILTER.items()
        if given.get(key) is not None
    }
    if numbers:
        first = _partition(members["after"]) if "after" in members else 0
        begin = numbers.get("begin", first)
        count = numbers.get("count", 1 if "begin" in numbers else _PARTITIONS)
        if begin + count > _PARTITIONS:
            raise InvalidArgError(
                f"there are partitions 0 to {_PARTITIONS - 1}; "
                f"{count} from {begin} are not among them"
            )
        members["partitions"] = (begin, count)
    return members


def _partition(digest: bytes) -> int:
    return int.from_bytes(digest[:2], "little") % _PARTITIONS


def _bytes(value: Any, key: str) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise InvalidArgError(f"'{key}' in the {_PLACE} must be bytes, not {type(value).__name__}")
    return bytes(value)


def set_argument(set_name: Any) -> str:
    """The set's name; "" stands for the whole namespace.

    Raises:
        TypeError: It is neither str nor None.
    """
    if set_name is None:
        return ""
    if not isinstance(set_name, str):
        raise TypeError(f"a set must be a str or None, not {type(set_name).__name__}")
    return str.__str__(set_name)


def namespace_argument(namespace: Any) -> str:
    """The namespace.

    Raises:
        TypeError: It is not a str.
        ValueError: It is empty.
    """
    if not isinstance(namespace, str):
        raise TypeError(f"a namespace must be a str, not {type(namespace).__name__}")
    if not namespace:
        raise ValueError("a namespace must not be empty")
    return str.__str__(namespace)


def encode_query(members: Mapping[str, Any]) -> bytes:
    """The request."""
    return encode(members)


def where_member(
    predicate: Any, context: Sequence[Any] | None, index_name: str | None
) -> tuple[Any, ...]:
    """A predicate as a request has it: [bin or None, collection, begin, end, options].

    Raises:
        TypeError: The predicate is not a tuple, or has a value of a wrong type.
        InvalidArgError: It is of no known kind, or has a wrong number of members.
        OverflowError: An int does not fit into 64 bits.
        BinNameError: The bin name is empty or has more than 15 bytes.
    """
    if not isinstance(predicate, tuple) or not predicate:
        raise TypeError(
            f"a predicate must be a tuple of aerospike_py.predicates, "
            f"not {type(predicate).__name__}"
        )
    name = predicate[0]
    kind = _PREDICATES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise InvalidArgError(
            f"unknown predicate {name!r}; there are {', '.join(sorted(_PREDICATES))}"
        )
    counts, make = kind
    if len(predicate) not in counts:
        raise InvalidArgError(
            f"the predicate '{name}' has {' or '.join(str(n) for n in counts)} members, "
            f"not {len(predicate)}"
        )
    bin_name = predicate[1]
    check_bin_name(bin_name)
    collection, begin, end = make(*predicate[2:])
    options: dict[str, Any] = {}
    if context:
        options["context"] = context
    if index_name is not None:
        if not isinstance(index_name, str):
            raise TypeError(f"index_name must be a str, not {type(index_name).__name__}")
        options["index"] = index_name
    # The server takes an index by its name, or finds it by the bin.
    bin_member = None if index_name is not None else str.__str__(bin_name)
    return (bin_member, collection, begin, end, *((options,) if options else ()))


_Range = tuple[int, Any, Any]


def _equals(value: Any) -> _Range:
    value = _indexed(value)
    return INDEX_TYPE_DEFAULT, value, value


def _between(low: Any, high: Any) -> _Range:
    return _range(INDEX_TYPE_DEFAULT, low, high)


def _contains(index_type: Any, value: Any) -> _Range:
    value = _indexed(value)
    return _collection(index_type), value, value


def _range(index_type: Any, low: Any, high: Any) -> _Range:
    begin, end = _int(low), _int(high)
    if begin > end:
        raise InvalidArgError(f"the range from {begin} to {end} is reversed")
    return _collection(index_type), begin, end


def _geo(geojson: Any, index_type: Any = INDEX_TYPE_DEFAULT) -> _Range:
    if isinstance(geojson, GeoJSON):
        geojson = geojson.text
    if not isinstance(geojson, str):
        raise TypeError(f"GeoJSON must be a str or GeoJSON, not {type(geojson).__name__}")
    return _collection(index_type), Extension(EXTENSION_GEOJSON, geojson.encode()), None


def _radius(lat: Any, lng: Any, radius: Any, index_type: Any = INDEX_TYPE_DEFAULT) -> _Range:
    lat, lng, radius = (_number(value) for value in (lat, lng, radius))
    circle = {"type": "AeroCircle", "coordinates": [[lng, lat], radius]}
    return _geo(GeoJSON(circle), index_type)


_PREDICATES: dict[str, tuple[tuple[int, ...], Callable[..., _Range]]] = {
    "equals": ((3,), _equals),
    "between": ((4,), _between),
    "contains": ((4,), _contains),
    "range": ((5,), _range),
    "geo_within_geojson_region": ((3, 4), _geo),
    "geo_within_radius": ((5, 6), _radius),
    "geo_contains_geojson_point": ((3, 4), _geo),
}


def _collection(index_type: Any) -> int:
    return Integer(INDEX_TYPE_DEFAULT, INDEX_TYPE_MAPVALUES).check(
        index_type, "index_type", "predicate"
    )


def _indexed(value: Any) -> int | str | bytes:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return _int(value)


def _int(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(
            f"a predicate takes int, str or bytes, a range int; not {type(value).__name__}"
        )
    number = int(value.__index__())
    if not INT64_MIN <= number <= INT64_MAX:
        raise OverflowError("an int of the predicate does not fit into 64 bits")
    return number


def _number(value: Any) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"a coordinate or radius must be a number, not {type(value).__name__}")
    return float(value)
