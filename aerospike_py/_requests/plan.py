"""Which part of a filter an index answers: what remains is for the servers to look at.

The core looks for it (`asz_query_plan`); here is what it is asked, and what users see of that.
"""

from collections.abc import Mapping
from typing import Any

from .._native.expressions import query_plan
from .._operations import encode_expression, with_steps
from .._validate import at, wrong_type
from .._values import Raw, decode, encode
from ..constants import INDEX_BLOB, INDEX_GEO2DSPHERE, INDEX_NUMERIC, INDEX_STRING
from ..exception import BinNameError, InvalidArgError
from ..predicates import Predicate
from ..types import GeoJSON, IndexInfo, QueryPlan

# The type of index by that of what it is asked for.
_DATA_TYPES: dict[type, int] = {
    int: INDEX_NUMERIC,
    str: INDEX_STRING,
    bytes: INDEX_BLOB,
    GeoJSON: INDEX_GEO2DSPHERE,
}
# Of the core's names of questions.
_REGIONS = {
    "within_region": "geo_within_geojson_region",
    "contains_point": "geo_contains_geojson_point",
}


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
        self._encoded = Raw(encode_expression(expression))

    def plan(self, set_name: str, index_name: str | None, indexes: list[IndexInfo]) -> QueryPlan:
        """The plan for a set, "" for the whole namespace, with the indexes of the namespace.

        Raises:
            InvalidArgError: The index that was named answers no part of the filter.
        """
        known = [each for each in indexes if each.is_readable and index_name in (None, each.name)]
        described = [_described(each) for each in known]
        question = encode([self._encoded, set_name, described])
        number, where, kind, rest = decode(query_plan(question))
        if number is not None:
            left = None if rest is None else with_steps(rest)
            return QueryPlan(known[number], _predicate(kind, where), left)
        if index_name is not None:
            raise InvalidArgError(
                f"the index {index_name!r} answers no part of the filter, or is not there"
            )
        return QueryPlan(index_of_set(set_name, indexes), None, self.expression)


def _described(index: IndexInfo) -> list[Any]:
    """An index as the core takes it."""
    from ..cdt_ctx import encoded

    return [
        index.set_name or "",
        index.bin,
        index.data_type,
        index.collection,
        encoded(index.ctx) if index.ctx else None,
        None if index.expression is None else index.expression["val"],
    ]


def _predicate(kind: str, where: list[Any]) -> Predicate:
    """What an index is asked for, as of `predicates`."""
    bin_name, collection, begin, end = where[:4]
    if kind in _REGIONS:
        return (_REGIONS[kind], bin_name, begin.text, collection)
    if kind == "between":
        return (kind, bin_name, begin, end)
    if kind == "equals":
        return (kind, bin_name, begin)
    return (kind, bin_name, collection, begin)


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


def index_of_set(set_name: str, indexes: list[IndexInfo]) -> IndexInfo | None:
    """The index that the servers read all records of a set by; None when there is none."""
    for each in indexes:
        is_of_set = each.bin is None and each.expression is None and each.data_type is None
        if is_of_set and each.is_readable and each.set_name == (set_name or ""):
            return each
    return None


def _encoded_context(context: Any) -> bytes | None:
    """A context in the server's encoding, empty for none; None when a step is no plain one."""
    if not context:
        return b""
    from ..cdt_ctx import encoded

    try:
        return encoded(context)
    except (TypeError, ValueError, OverflowError):
        return None


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
