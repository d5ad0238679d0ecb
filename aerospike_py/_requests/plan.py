"""Which part of a filter an index answers: what remains is for the servers to look at.

An index is on a bin, on something nested in it, or on an expression, which answers what is asked
of the same expression. One on the set as a whole answers no condition: the servers find by it
the set's records, whatever the filter.

A filter of several conditions that all have to hold is taken apart. Each condition that an index
could answer is a candidate; comparisons of one place with ints are taken together as one range.
Of the indexes that all nodes can read, one that answers a candidate is chosen: an equality is
better than a member of a collection, that than a range with both ends, and then regions and ranges
with one end. Between equals, an index of the set is better than one of the whole namespace, and
then the condition that comes first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import predicates
from .._validate import at, wrong_type
from .._values import INT64_MAX, INT64_MIN
from ..constants import (
    INDEX_BLOB,
    INDEX_GEO2DSPHERE,
    INDEX_NUMERIC,
    INDEX_STRING,
    INDEX_TYPE_DEFAULT,
    INDEX_TYPE_LIST,
    INDEX_TYPE_MAPKEYS,
    INDEX_TYPE_MAPVALUES,
)
from ..exception import BinNameError, InvalidArgError
from ..predicates import Predicate
from ..types import GeoJSON, IndexInfo, QueryPlan

_INDEXED_BYTES_END = 2048
_RETURN_VALUE = 7
_RETURN_EXISTS = 9

_EXPR = "__expr__"
_MIRRORED = {"eq": "eq", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_CONSTANTS = {f"{kind}_val" for kind in ("int", "string", "blob", "geo")}
# The type of index by that of the constants to compare with.
_DATA_TYPES: dict[type, int] = {
    int: INDEX_NUMERIC,
    str: INDEX_STRING,
    bytes: INDEX_BLOB,
    GeoJSON: INDEX_GEO2DSPHERE,
}
# The same by the builder of a bin, and by the EXP_TYPE_ constant of what is read in a collection.
_BINS = {
    "int_bin": INDEX_NUMERIC,
    "string_bin": INDEX_STRING,
    "blob_bin": INDEX_BLOB,
    "geo_bin": INDEX_GEO2DSPHERE,
}
_READ = {2: INDEX_NUMERIC, 3: INDEX_STRING, 6: INDEX_BLOB, 8: INDEX_GEO2DSPHERE}
# Builder of what is read: the step that leads there, and the member that says where.
_STEPS = {
    "list_get_by_index": ("list_index", "index"),
    "list_get_by_rank": ("list_rank", "rank"),
    "map_get_by_index": ("map_index", "index"),
    "map_get_by_rank": ("map_rank", "rank"),
    "map_get_by_key": ("map_key", "map_key"),
}
# Builder of what asks whether there is something: what is indexed, and the member with the value.
_MEMBERS = {
    "list_get_by_value": (INDEX_TYPE_LIST, "val"),
    "map_get_by_key": (INDEX_TYPE_MAPKEYS, "map_key"),
    "map_get_by_value": (INDEX_TYPE_MAPVALUES, "val"),
}
_COLLECTIONS = ("list_bin", "map_bin")
_EQUALITY, _MEMBER, _RANGE, _REGION, _HALF_RANGE = range(5)


class _Place(NamedTuple):
    """What an index would be on: a bin or an expression."""

    bin: str | None
    data_type: int
    collection: int
    context: bytes = b""
    """In the server's encoding; empty for the bin itself."""
    expression: bytes | None = None
    """In the server's encoding."""


@dataclass
class _Candidate:
    place: _Place
    rank: int
    # Of the conditions, by number, those that the index answers for good.
    answered: set[int] = field(default_factory=set)
    value: Any = None
    low: int = INT64_MIN
    high: int = INT64_MAX

    def predicate(self) -> Predicate:
        bin_name, _, collection, *_ = self.place
        if self.rank == _REGION:
            import json  # Slow to import, and seldom needed.

            is_point = json.loads(self.value.text).get("type") == "Point"
            name = "geo_contains_geojson_point" if is_point else "geo_within_geojson_region"
            return (name, bin_name, self.value.text, collection)
        if self.rank in (_RANGE, _HALF_RANGE):
            return predicates.between(bin_name, self.low, self.high)
        if collection == INDEX_TYPE_DEFAULT:
            return predicates.equals(bin_name, self.value)
        return predicates.contains(bin_name, collection, self.value)


class Filter:
    """A filter that is given as what a query looks for.

    Args:
        expression: The expression.

    Raises:
        TypeError, InvalidArgError, OverflowError, ValueError: It is none that can be a filter.
    """

    def __init__(self, expression: Any) -> None:
        from .._expression_types import check_filter
        from ..exp import compile as compile_expression

        compile_expression(expression)
        check_filter(expression)
        self.expression = expression
        self._conditions = list(_conjuncts(expression))
        self._candidates = self._find()

    def _find(self) -> list[_Candidate]:
        ranges: dict[_Place, _Candidate] = {}
        others: list[_Candidate] = []
        found = (
            candidate
            for number, condition in enumerate(self._conditions)
            for candidate in _candidates(number, condition)
        )
        for candidate in found:
            if candidate.rank not in (_RANGE, _HALF_RANGE):
                others.append(candidate)
                continue
            known = ranges.setdefault(candidate.place, candidate)
            known.low = max(known.low, candidate.low)
            known.high = min(known.high, candidate.high)
            known.answered |= candidate.answered
        for candidate in ranges.values():
            if candidate.low > candidate.high:
                continue  # No record is in it, which the servers will find.
            ends = (candidate.low > INT64_MIN) + (candidate.high < INT64_MAX)
            candidate.rank = _RANGE if ends == 2 else _HALF_RANGE
            others.append(candidate)
        return others

    def plan(self, set_name: str, index_name: str | None, indexes: list[IndexInfo]) -> QueryPlan:
        """The plan for a set, "" for the whole namespace, with the indexes of the namespace.

        Raises:
            InvalidArgError: The index that was named answers no part of the filter.
        """
        found = [
            (candidate.rank, index.set_name is None, order, number)
            for order, candidate in enumerate(self._candidates)
            for number, index in enumerate(indexes)
            if index_name in (None, index.name) and _answers(index, candidate.place, set_name)
        ]
        if not found:
            if index_name is not None:
                raise InvalidArgError(
                    f"the index {index_name!r} answers no part of the filter, or is not there"
                )
            return QueryPlan(index_of_set(set_name, indexes), None, self.expression)
        _, _, order, number = min(found)
        candidate = self._candidates[order]
        rest = [
            condition
            for place, condition in enumerate(self._conditions)
            if place not in candidate.answered
        ]
        return QueryPlan(indexes[number], candidate.predicate(), conjunction(rest))


def conjunction(conditions: list[Any]) -> Any:
    """The expression that is true where all of some are; None for none."""
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    from ..exp import and_

    return and_(*conditions)


def index_of(where: tuple[Any, ...], set_name: str, indexes: list[IndexInfo]) -> IndexInfo | None:
    """The index that the servers use for a request's predicate; None when there is none.

    Args:
        where: The member that `query.where_member` makes.
        set_name: The set, "" for the whole namespace.
        indexes: Those of the namespace.
    """
    bin_name, collection, begin = where[:3]
    options: Mapping[str, Any] = where[4] if len(where) > 4 else {}
    if "index" in options:
        return next((each for each in indexes if each.name == options["index"]), None)
    context = _encoded_context(options["context"]) if "context" in options else b""
    data_type = _DATA_TYPES.get(type(begin), INDEX_GEO2DSPHERE)
    expression = options.get("expression")
    found = [
        each
        for each in indexes
        if each.set_name in (set_name or None, None)
        and (each.data_type, each.collection) == (data_type, collection)
        and (
            each.expression is not None and each.expression["val"] == expression
            if expression is not None
            else each.expression is None
            and (each.bin, _encoded_context(each.ctx)) == (bin_name, context)
        )
    ]
    return min(found, key=lambda each: each.set_name is None, default=None)


def _conjuncts(expression: Any) -> Iterable[Any]:
    if isinstance(expression, Mapping) and expression.get(_EXPR) == "and":
        for member in expression["exprs"]:
            yield from _conjuncts(member)
    else:
        yield expression


def index_of_set(set_name: str, indexes: list[IndexInfo]) -> IndexInfo | None:
    """The index that the servers read all records of a set by; None when there is none."""
    for each in indexes:
        is_of_set = each.bin is None and each.expression is None and each.data_type is None
        if is_of_set and each.is_readable and each.set_name == (set_name or ""):
            return each
    return None


def _candidates(number: int, condition: Any) -> Iterable[_Candidate]:
    """What indexes would have to answer for a condition."""
    if not isinstance(condition, Mapping):
        return ()
    name = condition.get(_EXPR)
    if name in _MIRRORED:
        return _comparisons(number, condition)
    if name == "geo_compare":
        return _regions(condition)
    return _members(condition)


def _comparisons(number: int, condition: Mapping[str, Any]) -> Iterable[_Candidate]:
    operator: str = condition[_EXPR]
    for name, subject, other in (
        (operator, condition["left"], condition["right"]),
        (_MIRRORED[operator], condition["right"], condition["left"]),
    ):
        value: Any = _constant(other)
        for place in _places(subject, type(value)):
            if type(value) is int:
                yield _of_int(number, name, place, value)
            elif name == "eq" and type(value) in (str, bytes) and _is_indexed(value):
                yield _Candidate(place, _EQUALITY, {number}, value)


def _of_int(number: int, name: str, place: _Place, value: int) -> _Candidate:
    if name == "eq":
        return _Candidate(place, _EQUALITY, {number}, value)
    candidate = _Candidate(place, _HALF_RANGE, {number})
    if name in ("gt", "ge"):
        candidate.low = value + (name == "gt")
    else:
        candidate.high = value - (name == "lt")
    return candidate


def _regions(condition: Mapping[str, Any]) -> Iterable[_Candidate]:
    """The index finds more than what is in a region, perhaps, so the servers look again."""
    for subject, other in (
        (condition["left"], condition["right"]),
        (condition["right"], condition["left"]),
    ):
        value = _constant(other)
        if isinstance(value, GeoJSON):
            for place in _places(subject, GeoJSON):
                yield _Candidate(place, _REGION, value=value)


def _members(condition: Mapping[str, Any]) -> Iterable[_Candidate]:
    """Whether a list has a value, or a map a key or value: the servers look again."""
    found = _MEMBERS.get(condition.get(_EXPR, ""))
    if found is None or condition.get("return_type") != _RETURN_EXISTS:
        return
    collection, member = found
    source: Any = condition.get("bin")
    value = _constant(condition.get(member))
    data_type = _DATA_TYPES.get(type(value))
    if data_type is None or data_type == INDEX_GEO2DSPHERE or not _is_indexed(value):
        return
    encoded = _encoded_context(condition.get("ctx"))
    if _is_collection(source) and encoded is not None:
        place = _Place(source["name"], data_type, collection, encoded)
        yield _Candidate(place, _MEMBER, value=value)
    if encoded == b"" and isinstance(source, Mapping) and _EXPR in source:
        place = _Place(None, data_type, collection, expression=_encoded(source))
        yield _Candidate(place, _MEMBER, value=value)


def _places(subject: Any, kind: type) -> Iterable[_Place]:
    """Where indexes may be that have what is compared with a constant of some type."""
    data_type = _DATA_TYPES.get(kind)
    if data_type is None or not isinstance(subject, Mapping) or _EXPR not in subject:
        return
    if subject[_EXPR] in _CONSTANTS:
        return
    name = subject[_EXPR]
    if _BINS.get(name) == data_type:
        yield _Place(subject["name"], data_type, INDEX_TYPE_DEFAULT)
    elif name in _STEPS and subject.get("return_type") == _RETURN_VALUE:
        source: Any = subject.get("bin")
        step, member = _STEPS[name]
        encoded = _encoded_context([*(subject.get("ctx") or ()), (step, subject[member])])
        is_read = _READ.get(subject.get("exp_type", 0)) == data_type
        if is_read and encoded is not None and _is_collection(source):
            yield _Place(source["name"], data_type, INDEX_TYPE_DEFAULT, encoded)
    yield _Place(None, data_type, INDEX_TYPE_DEFAULT, expression=_encoded(subject))


def _encoded(expression: Any) -> bytes:
    from ..exp import compile as compile_expression

    return compile_expression(expression).encoded


def _is_indexed(value: Any) -> bool:
    """Whether servers have such a value in indexes: long strings and bytes are left out."""
    if isinstance(value, int):
        return True
    return len(value.encode() if isinstance(value, str) else value) < _INDEXED_BYTES_END


def _is_collection(source: Any) -> bool:
    return isinstance(source, Mapping) and source.get(_EXPR) in _COLLECTIONS


def _constant(value: Any) -> Any:
    if isinstance(value, Mapping) and value.get(_EXPR) in _CONSTANTS:
        return value["val"]
    return value


def _encoded_context(context: Any) -> bytes | None:
    """A context in the server's encoding, empty for none; None when a step is no plain one."""
    if not context:
        return b""
    from ..cdt_ctx import encoded

    try:
        return encoded(context)
    except (TypeError, ValueError, OverflowError):
        return None


def _answers(index: IndexInfo, place: _Place, set_name: str) -> bool:
    return (
        index.is_readable
        and (None if index.expression is None else index.expression["val"]) == place.expression
        and index.set_name in (set_name or None, None)
        and (index.bin, index.data_type, index.collection)
        == (place.bin, place.data_type, place.collection)
        and _encoded_context(index.ctx) == place.context
    )


def filter_argument(given: Any) -> "Filter | None":
    """The filter that `where` is given as text or as an expression; None when it is a predicate.

    Raises:
        TypeError: It is neither, nor a predicate.
        InvalidArgError: The text is not one of the language, or the expression is not valid.
    """
    try:
        if isinstance(given, str):
            return _of_text(str.__str__(given))
        if isinstance(given, Mapping):
            return Filter(given)
    except (TypeError, ValueError, OverflowError, BinNameError) as error:
        raise at("predicate", error, "expression") from None
    if not isinstance(given, tuple):
        raise wrong_type(
            "predicate", "a tuple made by aerospike_py.predicates, a text or an expression", given
        )
    return None


def _of_text(text: str) -> Filter:
    from ..exp import parse

    found = _filters.get(text)
    if found is None:
        found = Filter(parse(text))
        if len(_filters) >= _FILTERS_MAX:
            _filters.clear()
        _filters[text] = found
    return found


# Programs use few texts, and often.
_filters: dict[str, Filter] = {}
_FILTERS_MAX = 256
