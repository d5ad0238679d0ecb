"""Requests of queries and of the background jobs that they start."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._aggregation import Reduction
from .._ffi import lib
from .._native import NULL, Data
from .._operations import check_context, function_call, plain_operations
from .._results import nothing, value
from .._validate import Integer, at, check_bin_name, check_name, did_you_mean, wrong_type
from .._values import EXTENSION_GEOJSON, INT64_MAX, INT64_MIN, Extension, encode, unsigned
from ..constants import (
    AEROSPIKE_ERR_CLUSTER_CHANGE,
    AEROSPIKE_ERR_SERVER,
    INDEX_TYPE_DEFAULT,
    OPERATOR_READ,
)
from ..exception import ClusterError, InvalidArgError, class_for
from ..types import GeoJSON, JobStatus, QueryPlan
from . import info
from .allowance import Allowance
from .policies import INDEX_TYPE, ClientPolicies
from .request import Request

QUERY: int = lib.ASZ_QUERY
_QUERY_BACKGROUND: int = lib.ASZ_QUERY_BACKGROUND
_QUERY_AGGREGATE: int = lib.ASZ_QUERY_AGGREGATE
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
    for index, each in enumerate(bins):
        if isinstance(each, Mapping):
            if "__expr__" in each:
                raise TypeError(
                    f"bins[{index}]: the result of an expression needs a name: "
                    "select(name=expression)"
                )
            chosen += plain_operations([each])
        else:
            if isinstance(each, (list, tuple)):
                raise TypeError(
                    f"bins[{index}] must be a str, not {type(each).__name__}: "
                    "select('a', 'b') takes names one by one"
                )
            check_bin_name(each, f"bins[{index}]")
            chosen.append(str.__str__(each))
    if expressions:
        from ..exp_operations import exp_read  # Who has an expression has imported exp already.
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


def allowance(policies: ClientPolicies, policy: Any) -> Allowance:
    """The time that a query has from now on."""
    return Allowance(policies.query(policy)[0], QUERY)


def background_allowance(policies: ClientPolicies, policy: Any) -> Allowance:
    """The time that there is from now on to begin a background query."""
    return Allowance(policies.with_rest(policy, None), _QUERY_BACKGROUND)


def limited(request: Mapping[str, Any], records_per_second: Any) -> Mapping[str, Any]:
    """A request for servers that work on so many records a second at most; 0: no limit."""
    limit = _QUERY_RATE.check(records_per_second, "records_per_second")
    return {**request, "records_per_second": limit} if limit else request


def planned(plan: QueryPlan) -> dict[str, Any]:
    """The members of a request that has an index asked as a plan says."""
    if plan.predicate is None or plan.index_used is None:
        return {}
    index = plan.index_used
    return {"where": where_member(plan.predicate, index.ctx, None, index.expression)}


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
        raise wrong_type("predicate", "a tuple made by aerospike_py.predicates", predicate)
    name = predicate[0]
    kind = _PREDICATES.get(name) if isinstance(name, str) else None
    if kind is None:
        hint = did_you_mean(name, _PREDICATES)
        raise InvalidArgError(f"predicate[0]: there is no predicate {name!r:.60}{hint}")
    counts, make = kind
    if len(predicate) not in counts:
        wanted = " or ".join(str(count) for count in counts)
        raise InvalidArgError(
            f"predicate: {name!r} has {wanted} members, its name included, not {len(predicate)}"
        )
    bin_name = predicate[1]
    is_named = index_name is not None or expression is not None
    if bin_name is not None:
        check_bin_name(bin_name, "predicate[1], the bin,")
    elif not is_named:
        raise InvalidArgError("predicate without a bin needs an index_name or expression")
    collection, begin, end = make(*predicate[2:])
    options: dict[str, Any] = {}
    if context:
        options["context"] = check_context(context)
    if index_name is not None:
        options["index"] = check_name(index_name, "index_name")
    if expression is not None:
        from ..exp import compile as compile_expression

        options["expression"] = compile_expression(expression).encoded
    # The server takes an index by its name, or finds it by the bin or the expression.
    bin_member = None if is_named else str.__str__(bin_name)
    return (bin_member, collection, begin, end, *((options,) if options else ()))


_Range = tuple[int, Any, Any]


def _equals(value: Any) -> _Range:
    value = _indexed(value, 2)
    return INDEX_TYPE_DEFAULT, value, value


def _between(low: Any, high: Any) -> _Range:
    return _range_of(2, low, high, INDEX_TYPE_DEFAULT)


def _contains(index_type: Any, value: Any) -> _Range:
    value = _indexed(value, 3)
    return _collection(index_type, 2), value, value


def _range(index_type: Any, low: Any, high: Any) -> _Range:
    return _range_of(3, low, high, index_type)


def _range_of(place: int, low: Any, high: Any, index_type: Any) -> _Range:
    begin, end = _int(low, place, "an int"), _int(high, place + 1, "an int")
    if begin > end:
        raise InvalidArgError(f"predicate: the range from {begin} to {end} is reversed")
    return _collection(index_type, 2), begin, end


def _geo(geojson: Any, index_type: Any = INDEX_TYPE_DEFAULT) -> _Range:
    if isinstance(geojson, GeoJSON):
        geojson = geojson.text
    elif isinstance(geojson, str):
        try:
            geojson = GeoJSON(geojson).text
        except InvalidArgError as error:
            raise at("predicate[2]", error) from None
    else:
        raise wrong_type("predicate[2]", "GeoJSON or its text", geojson)
    return _collection(index_type, 3), Extension(EXTENSION_GEOJSON, geojson.encode()), None


def _radius(lat: Any, lng: Any, radius: Any, index_type: Any = INDEX_TYPE_DEFAULT) -> _Range:
    numbers = [
        _number(value, f"predicate[{index}], the {what},", limits)
        for index, (value, what, limits) in enumerate(
            [
                (lat, "latitude", (-90, 90)),
                (lng, "longitude", (-180, 180)),
                (radius, "radius in metres", (0, sys.float_info.max)),
            ],
            start=2,
        )
    ]
    circle = {"type": "AeroCircle", "coordinates": [[numbers[1], numbers[0]], numbers[2]]}
    return _collection(index_type, 5), _geo(GeoJSON(circle))[1], None


_PREDICATES: dict[str, tuple[tuple[int, ...], Callable[..., _Range]]] = {
    "equals": ((3,), _equals),
    "between": ((4,), _between),
    "contains": ((4,), _contains),
    "range": ((5,), _range),
    "geo_within_geojson_region": ((3, 4), _geo),
    "geo_within_radius": ((5, 6), _radius),
    "geo_contains_geojson_point": ((3, 4), _geo),
}


def _collection(index_type: Any, place: int) -> int:
    return INDEX_TYPE.check(index_type, f"predicate[{place}], the index type,")


def _indexed(value: Any, place: int) -> int | str | bytes:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return _int(value, place, "an int, str or bytes")


def _int(value: Any, place: int, wanted: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise wrong_type(f"predicate[{place}], the value,", wanted, value)
    number = int(value.__index__())
    if not INT64_MIN <= number <= INT64_MAX:
        raise OverflowError(f"predicate[{place}], the value, does not fit into 64 bits")
    return number


def _number(value: Any, path: str, limits: tuple[float, float]) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise wrong_type(path, "a number", value)
    number = float(value)
    low, high = limits
    if not low <= number <= high:
        wanted = f"from {low} to {high}" if low else "a finite number that is not negative"
        raise InvalidArgError(f"{path} must be {wanted}, not {value!r}")
    return number


def _job_status(data: Data) -> JobStatus:
    state, progress, succeeded, failed = value(data)
    return JobStatus(_STATES[state], progress, succeeded, failed)


def operate_background(
    policies: ClientPolicies, members: Mapping[str, Any], ops: Any, policy: Any, rest: Any = None
) -> Request[int]:
    listed = plain_operations(ops, policies)
    request = encode({**members, "operations": listed})
    return _QUERY_BACKGROUND, request, policies.with_rest(policy, rest), value


def apply_background(
    policies: ClientPolicies,
    members: Mapping[str, Any],
    module: Any,
    function: Any,
    args: Any,
    policy: Any,
    rest: Any = None,
) -> Request[int]:
    request = encode({**members, "udf": function_call(module, function, args, policies)})
    return _QUERY_BACKGROUND, request, policies.with_rest(policy, rest), value


def aggregate(
    policies: ClientPolicies,
    members: Mapping[str, Any],
    module: Any,
    function: Any,
    args: Any,
    policy: Any,
    rest: Any,
) -> tuple[str, Request[list[Any]]]:
    """The module's name, and the request, whose result are the particles of all nodes.

    Raises:
        TypeError: A name is not a str, or an argument's type cannot be sent.
        InvalidArgError: The query selects something, or the policy pages or limits records.
    """
    if "bins" in members or "operations" in members:
        raise InvalidArgError("an aggregation takes whole records: this query selects some of them")
    call = function_call(module, function, args, policies)
    struct, limits = policies.query(policy)
    if rest is not None or (struct != NULL and struct.filter_len):
        raise InvalidArgError(
            "servers have no filter for what they aggregate: let the function's stream filter, "
            "or have an index answer all of the filter"
        )
    for name in limits:
        if name != "records_per_second":
            raise InvalidArgError(
                f"policy[{_POLICY_NAMES.get(name, name)!r}] is not for aggregations"
            )
    request = encode({**members, **limits, "udf": call})
    return call[0], (_QUERY_AGGREGATE, request, struct, value)


def cluster_key(policies: ClientPolicies, namespace: str) -> Request[str]:
    """Asks all nodes for the number of the cluster's present form.

    Raises:
        ClusterError: They do not agree, or one is not stable, as data of the namespace moves.
        AerospikeError: A node did not answer.
    """
    command = f"cluster-stable:namespace={namespace}"
    query, request, struct, results = info.info_of(policies, command, namespace, None)

    def decode(response: Data) -> str:
        keys: dict[str, str] = {}
        for node, code, text in results(response):
            if code in (AEROSPIKE_ERR_SERVER, AEROSPIKE_ERR_CLUSTER_CHANGE):
                raise cluster_changed(f"the cluster is not stable: {text}", node)
            if code:
                raise class_for(code)(text, result_code=code, node=node)
            keys[text] = node
        if len(keys) > 1:
            raise cluster_changed("the nodes do not agree on what the cluster is")
        return "".join(keys)

    return query, request, struct, decode


def cluster_changed(text: str, node: str | None = None) -> ClusterError:
    """What an aggregation that is to fail of it fails of."""
    return ClusterError(text, result_code=AEROSPIKE_ERR_CLUSTER_CHANGE, node=node)


# Members of a request: the key of the policy that they come from.
_POLICY_NAMES = {"partitions": "partition_filter", "after": "partition_filter"}


def reduction(
    policies: ClientPolicies,
    module: str,
    source: bytes,
    function: str,
    args: Any,
    values: list[Any],
) -> Reduction:
    """What is left of an aggregation, whose values the nodes have sent."""
    _, _, plain = function_call(module, function, args, policies)
    return Reduction(module, source, function, plain, values)


def job_status(policies: ClientPolicies, job_id: Any, policy: Any) -> Request[JobStatus]:
    return _JOB_STATUS, _job(job_id), policies.info(policy), _job_status


def job_abort(policies: ClientPolicies, job_id: Any, policy: Any) -> Request[None]:
    return _JOB_ABORT, _job(job_id), policies.info(policy), nothing


def job_number(job_id: Any) -> int:
    """The number of a job.

    Raises:
        TypeError: It is no int.
        InvalidArgError: It does not fit into 64 bits without a sign.
    """
    return _JOB.check(job_id, "job_id")


def _job(job_id: Any) -> bytes:
    return encode((unsigned(job_number(job_id)),))
