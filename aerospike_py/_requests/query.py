"""Requests of queries and of the background jobs that they start."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._ffi import lib
from .._operations import function_call, plain_operations
from .._results import value
from .._validate import Integer, check_bin_name, integer
from .._values import EXTENSION_GEOJSON, INT64_MAX, INT64_MIN, Extension, Raw, encode
from ..constants import INDEX_TYPE_DEFAULT, INDEX_TYPE_MAPVALUES, OPERATOR_READ
from ..exception import InvalidArgError
from ..exp import compile as compile_expression
from ..exp_operations import exp_read
from ..types import GeoJSON, JobStatus
from .policies import ClientPolicies
from .request import Request, nothing

_QUERY_BACKGROUND: int = lib.ASZ_QUERY_BACKGROUND
_JOB_STATUS: int = lib.ASZ_JOB_STATUS
_JOB_ABORT: int = lib.ASZ_JOB_ABORT

_JOB = Integer(0, 2**64 - 1)
_QUERY_RATE = Integer(0, 2**32 - 1)
_STATES = ("unknown", "running", "done", "aborted")


def select(request: dict[str, Any], bins: Sequence[Any], expressions: Mapping[str, Any]) -> None:
    """Adds bins, operations and expressions, by the names of their results, to a request.

    Raises:
        TypeError: A name is not a str, or a value cannot be sent.
        BinNameError: A name is empty or has more than 15 bytes.
        InvalidArgError: An operation has no number.
    """
    chosen: list[str | dict[str, Any]] = []
    for each in bins:
        if isinstance(each, Mapping):
            if "__expr__" in each:
                raise TypeError("the result of an expression needs a name: select(name=expression)")
            chosen += plain_operations([each])
        else:
            check_bin_name(each)
            chosen.append(str.__str__(each))
    for name, expression in expressions.items():
        check_bin_name(name)
        chosen += plain_operations([exp_read(name, expression)])
    names = request.pop("bins", [])
    if all(isinstance(each, str) for each in chosen) and "operations" not in request:
        request["bins"] = [*names, *chosen]
        return
    # Operations take the place of bins.
    request.setdefault("operations", []).extend(
        {"op": OPERATOR_READ, "bin": each} if isinstance(each, str) else each
        for each in [*names, *chosen]
    )


def limited(request: Mapping[str, Any], records_per_second: Any) -> Mapping[str, Any]:
    """A request for servers that work on so many records a second at most; 0: no limit."""
    rule = _QUERY_RATE
    limit = rule.check(records_per_second, "records_per_second", "arguments")
    return {**request, "records_per_second": limit} if limit else request


def where_member(
    predicate: Any, context: Sequence[Any] | None, index_name: str | None, expression: Any = None
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
    is_named = index_name is not None or expression is not None
    if bin_name is not None:
        check_bin_name(bin_name)
    elif not is_named:
        raise InvalidArgError("a predicate without a bin needs an index_name or expression")
    collection, begin, end = make(*predicate[2:])
    options: dict[str, Any] = {}
    if context:
        options["context"] = context
    if index_name is not None:
        if not isinstance(index_name, str):
            raise TypeError(f"index_name must be a str, not {type(index_name).__name__}")
        options["index"] = index_name
    if expression is not None:
        options["expression"] = compile_expression(expression).encoded
    # The server takes an index by its name, or finds it by the bin or the expression.
    bin_member = None if is_named else str.__str__(bin_name)
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
