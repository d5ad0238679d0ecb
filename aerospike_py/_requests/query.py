"""Requests of queries and of the background jobs that they start."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._ffi import lib
from .._operations import function_call, plain_operations
from .._results import value
from .._validate import Integer, check_bin_name, integer
from .._values import EXTENSION_GEOJSON, INT64_MAX, INT64_MIN, Extension, Raw, encode
from ..constants import INDEX_TYPE_DEFAULT, INDEX_TYPE_MAPVALUES
from ..exception import InvalidArgError
from ..types import GeoJSON, JobStatus
from .policies import ClientPolicies
from .request import Request, nothing

_QUERY_BACKGROUND: int = lib.ASZ_QUERY_BACKGROUND
_JOB_STATUS: int = lib.ASZ_JOB_STATUS
_JOB_ABORT: int = lib.ASZ_JOB_ABORT

_JOB = Integer(0, 2**64 - 1)
_STATES = ("unknown", "running", "done", "aborted")


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


def _job_status(data: memoryview) -> JobStatus:
    state, progress, succeeded, failed = value(data)
    return JobStatus(_STATES[state], progress, succeeded, failed)


def operate_background(
    policies: ClientPolicies, members: Mapping[str, Any], ops: Any, policy: Any
) -> Request[int]:
    listed = plain_operations(ops)
    request = encode({**members, "operations": listed})
    return _QUERY_BACKGROUND, request, policies.write(policy), value


def apply_background(
    policies: ClientPolicies,
    members: Mapping[str, Any],
    module: Any,
    function: Any,
    args: Any,
    policy: Any,
) -> Request[int]:
    request = encode({**members, "udf": function_call(module, function, args)})
    return _QUERY_BACKGROUND, request, policies.write(policy), value


def job_status(policies: ClientPolicies, job_id: Any, policy: Any) -> Request[JobStatus]:
    return _JOB_STATUS, _job(job_id), policies.info(policy), _job_status


def job_abort(policies: ClientPolicies, job_id: Any, policy: Any) -> Request[None]:
    return _JOB_ABORT, _job(job_id), policies.info(policy), nothing


def _job(job_id: Any) -> bytes:
    number = _JOB.check(integer(job_id, "job_id", "arguments"), "job_id", "arguments")
    # MessagePack's unsigned integer: the encoder takes what can be stored, which is signed.
    return encode((Raw(b"\xcf" + number.to_bytes(8, "big")),))
