"""Operations on bins that hold a list, for `operate` and its kin.

Every function returns a plain dict, one operation. Where they say `ctx`, a context (see `cdt_ctx`)
leads to a list nested inside the bin; the list itself is then what the operation works on.

Indexes begin at 0, and negative ones count from the end. Ranks are places in the order of values,
0 the smallest, -1 the greatest. A range without a count goes on to the end.

Return types are the LIST_RETURN_... constants; adding LIST_RETURN_INVERTED to one makes an
operation concern all elements but those that it names. LIST_RETURN_NONE adds no result.

`policy` is a dict with "list_order" (also "order") and "write_flags" (also "flags", "write_mode"),
the LIST_ORDERED... and LIST_WRITE_... constants.

Every function raises TypeError for an argument of the wrong type, and InvalidArgError for one
that is out of range or a policy with an unknown key. Values are checked when they are sent.
"""

# ruff: noqa: A002  (`bin` is the field's word, and users pass it by name)

from typing import Any, Final

from ._operations import Operation, also_named, list_policy, make, return_type_of
from ._validate import (
    check_bool,
    check_enum,
    check_flags,
    check_int,
    check_list,
    check_natural,
    check_str,
)
from .cdt_ctx import Context
from .types import ListPolicy

__all__ = [
    "LIST_RETURN_INVERTED",
    "list_append",
    "list_append_items",
    "list_clear",
    "list_create",
    "list_get",
    "list_get_by_index",
    "list_get_by_index_range",
    "list_get_by_rank",
    "list_get_by_rank_range",
    "list_get_by_value",
    "list_get_by_value_list",
    "list_get_by_value_range",
    "list_get_by_value_rel_rank_range",
    "list_get_range",
    "list_increment",
    "list_insert",
    "list_insert_items",
    "list_join",
    "list_pop",
    "list_pop_range",
    "list_remove",
    "list_remove_by_index",
    "list_remove_by_index_range",
    "list_remove_by_rank",
    "list_remove_by_rank_range",
    "list_remove_by_value",
    "list_remove_by_value_list",
    "list_remove_by_value_range",
    "list_remove_by_value_rel_rank_range",
    "list_remove_range",
    "list_set",
    "list_set_order",
    "list_size",
    "list_sort",
    "list_trim",
]

LIST_RETURN_INVERTED: Final = 0x10000
"""Added to a return type: all elements but those that are named."""

_RETURN_TYPES = frozenset({0, 1, 2, 3, 4, 5, 7, 9})
_ORDERS = (0, 1)


def _return_type(value: Any) -> int:
    return return_type_of(value, _RETURN_TYPES, "LIST_RETURN")


def list_append(
    bin: str,
    val: Any,
    policy: ListPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Appends a value. The result is the new size.

    Args:
        bin: The bin with the list.
        val: The value.
        policy: How to write; see `ListPolicy`.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1001, bin, ctx, val=val, list_policy=list_policy(policy))


@also_named(values="vals")
def list_append_items(
    bin: str,
    vals: list[Any],
    policy: ListPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Appends the values of a list. The result is the new size.

    Args:
        bin: The bin with the list.
        vals: The values.
        policy: How to write; see `ListPolicy`.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1002, bin, ctx, val=check_list(vals, "vals"), list_policy=list_policy(policy))


def list_insert(
    bin: str,
    index: int,
    val: Any,
    policy: ListPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Inserts a value before an index. The result is the new size.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        val: The value.
        policy: How to write; see `ListPolicy`.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1003,
        bin,
        ctx,
        index=check_int(index, "index"),
        val=val,
        list_policy=list_policy(policy, takes_order=False),
    )


@also_named(values="vals")
def list_insert_items(
    bin: str,
    index: int,
    vals: list[Any],
    policy: ListPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Inserts the values of a list before an index. The result is the new size.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        vals: The values.
        policy: How to write; see `ListPolicy`.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1004,
        bin,
        ctx,
        index=check_int(index, "index"),
        val=check_list(vals, "vals"),
        list_policy=list_policy(policy, takes_order=False),
    )


def list_pop(bin: str, index: int, ctx: Context | None = None) -> Operation:
    """Removes the value at an index. The result is that value.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1005, bin, ctx, index=check_int(index, "index"))


def list_pop_range(
    bin: str,
    index: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Removes `count` values from an index on. The result is the list of them.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        count: How many elements; None for all to the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1006,
        bin,
        ctx,
        index=check_int(index, "index"),
        count=None if count is None else check_natural(count, "count"),
    )


def list_remove(bin: str, index: int, ctx: Context | None = None) -> Operation:
    """Removes the value at an index. The result is how many were removed.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1007, bin, ctx, index=check_int(index, "index"))


def list_remove_range(
    bin: str,
    index: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Removes `count` values from an index on. The result is how many were removed.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        count: How many elements; None for all to the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1008,
        bin,
        ctx,
        index=check_int(index, "index"),
        count=None if count is None else check_natural(count, "count"),
    )


def list_set(
    bin: str,
    index: int,
    val: Any,
    policy: ListPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Sets the value at an index. There is no result.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        val: The value.
        policy: How to write; see `ListPolicy`.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1009,
        bin,
        ctx,
        index=check_int(index, "index"),
        val=val,
        list_policy=list_policy(policy, takes_order=False),
    )


def list_trim(bin: str, index: int, count: int, ctx: Context | None = None) -> Operation:
    """Removes all but `count` values from an index on. The result is how many were removed.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        count: How many elements; None for all to the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1010,
        bin,
        ctx,
        index=check_int(index, "index"),
        count=check_natural(count, "count"),
    )


def list_clear(bin: str, ctx: Context | None = None) -> Operation:
    """Removes all values. There is no result.

    Args:
        bin: The bin with the list.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1011, bin, ctx)


def list_size(bin: str, ctx: Context | None = None) -> Operation:
    """The result is the number of values.

    Args:
        bin: The bin with the list.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1012, bin, ctx)


def list_get(bin: str, index: int, ctx: Context | None = None) -> Operation:
    """The result is the value at an index.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1013, bin, ctx, index=check_int(index, "index"))


def list_get_range(
    bin: str,
    index: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """The result is the list of `count` values from an index on.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        count: How many elements; None for all to the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1014,
        bin,
        ctx,
        index=check_int(index, "index"),
        count=None if count is None else check_natural(count, "count"),
    )


def list_get_by_value(
    bin: str,
    val: Any,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """All elements that equal a value.

    Args:
        bin: The bin with the list.
        val: The value.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1015, bin, ctx, val=val, return_type=_return_type(return_type))


def list_get_by_index(
    bin: str,
    index: int,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """The element at an index.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1016,
        bin,
        ctx,
        index=check_int(index, "index"),
        return_type=_return_type(return_type),
    )


def list_get_by_index_range(
    bin: str,
    index: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """`count` elements from an index on.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        return_type: What to return: a LIST_RETURN_ constant.
        count: How many elements; None for all to the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1017,
        bin,
        ctx,
        index=check_int(index, "index"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


def list_get_by_rank(
    bin: str,
    rank: int,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """The element of a rank.

    Args:
        bin: The bin with the list.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1018, bin, ctx, rank=check_int(rank, "rank"), return_type=_return_type(return_type))


def list_get_by_rank_range(
    bin: str,
    rank: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """`count` elements from a rank on.

    Args:
        bin: The bin with the list.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        return_type: What to return: a LIST_RETURN_ constant.
        count: How many elements; None for all to the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1019,
        bin,
        ctx,
        rank=check_int(rank, "rank"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


@also_named(values="vals")
def list_get_by_value_list(
    bin: str,
    vals: list[Any],
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """All elements that equal one of the values of a list.

    Args:
        bin: The bin with the list.
        vals: The values.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1020, bin, ctx, val=check_list(vals, "vals"), return_type=_return_type(return_type))


def list_get_by_value_range(
    bin: str,
    begin: Any,
    end: Any,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """All elements from `begin` to before `end`; None is unbounded.

    Args:
        bin: The bin with the list.
        begin: The first value; None for no bound.
        end: The value that the range ends before; None for no bound.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1021, bin, ctx, val=begin, val_end=end, return_type=_return_type(return_type))


def list_remove_by_value(
    bin: str,
    val: Any,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes all elements that equal a value.

    Args:
        bin: The bin with the list.
        val: The value.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1022, bin, ctx, val=val, return_type=_return_type(return_type))


@also_named(values="vals")
def list_remove_by_value_list(
    bin: str,
    vals: list[Any],
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes all elements that equal one of the values of a list.

    Args:
        bin: The bin with the list.
        vals: The values.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1023, bin, ctx, val=check_list(vals, "vals"), return_type=_return_type(return_type))


def list_remove_by_value_range(
    bin: str,
    begin: Any,
    end: Any,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes all elements from `begin` to before `end`; None is unbounded.

    Args:
        bin: The bin with the list.
        begin: The first value; None for no bound.
        end: The value that the range ends before; None for no bound.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1024, bin, ctx, val=begin, val_end=end, return_type=_return_type(return_type))


def list_remove_by_index(
    bin: str,
    index: int,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes the element at an index.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1025,
        bin,
        ctx,
        index=check_int(index, "index"),
        return_type=_return_type(return_type),
    )


def list_remove_by_index_range(
    bin: str,
    index: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Removes `count` elements from an index on.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        return_type: What to return: a LIST_RETURN_ constant.
        count: How many elements; None for all to the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1026,
        bin,
        ctx,
        index=check_int(index, "index"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


def list_remove_by_rank(
    bin: str,
    rank: int,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes the element of a rank.

    Args:
        bin: The bin with the list.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        return_type: What to return: a LIST_RETURN_ constant.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1027, bin, ctx, rank=check_int(rank, "rank"), return_type=_return_type(return_type))


def list_remove_by_rank_range(
    bin: str,
    rank: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Removes `count` elements from a rank on.

    Args:
        bin: The bin with the list.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        return_type: What to return: a LIST_RETURN_ constant.
        count: How many elements; None for all to the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1028,
        bin,
        ctx,
        rank=check_int(rank, "rank"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


@also_named(incr="val")
def list_increment(
    bin: str,
    index: int,
    val: int | float = 1,
    policy: ListPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Adds to the number at an index. The result is the new number.

    Args:
        bin: The bin with the list.
        index: The place of the element, from 0; negative from the end.
        val: The value.
        policy: How to write; see `ListPolicy`.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1029,
        bin,
        ctx,
        index=check_int(index, "index"),
        val=val,
        list_policy=list_policy(policy),
    )


def list_sort(bin: str, sort_flags: int = 0, ctx: Context | None = None) -> Operation:
    """Sorts the list; `sort_flags` are LIST_SORT_... flags. There is no result.

    Args:
        bin: The bin with the list.
        sort_flags: LIST_SORT_ constants, put together with |.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1030, bin, ctx, val=check_flags(sort_flags, "sort_flags", 3))


@also_named(list_order="order")
def list_set_order(bin: str, order: int, ctx: Context | None = None) -> Operation:
    """Makes the list ordered or unordered (LIST_ORDERED, LIST_UNORDERED). There is no result.

    Args:
        bin: The bin with the list.
        order: LIST_UNORDERED or LIST_ORDERED.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(1031, bin, ctx, val=check_enum(order, "order", _ORDERS))


def list_get_by_value_rel_rank_range(
    bin: str,
    val: Any,
    rank: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """`count` elements from a rank on that is counted from a value's own place.

    In [0, 4, 5, 9] with the value 5: rank 0 begins with 5, rank 1 with 9, rank -1 with 4.

    Args:
        bin: The bin with the list.
        val: The value.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        return_type: What to return: a LIST_RETURN_ constant.
        count: How many elements; None for all to the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1032,
        bin,
        ctx,
        val=val,
        rank=check_int(rank, "rank"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


def list_remove_by_value_rel_rank_range(
    bin: str,
    val: Any,
    rank: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Removes what `list_get_by_value_rel_rank_range` gives.

    Args:
        bin: The bin with the list.
        val: The value.
        rank: The rank of the element, 0 for the smallest; negative from the largest.
        return_type: What to return: a LIST_RETURN_ constant.
        count: How many elements; None for all to the end.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1033,
        bin,
        ctx,
        val=val,
        rank=check_int(rank, "rank"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


@also_named(list_order="order")
def list_create(
    bin: str,
    order: int = 0,
    pad: bool = False,
    persist_index: bool = False,
    ctx: Context | None = None,
) -> Operation:
    """Creates an empty list, in a bin or where a context leads. There is no result.

    Args:
        bin: The bin.
        order: LIST_UNORDERED or LIST_ORDERED.
        pad: With a context that ends in an index beyond the end: fill with None up to there.
        persist_index: The server keeps the index of the bin's list on its storage.
        ctx: Where in the bin.
    """
    return make(
        1034,
        bin,
        ctx,
        val=check_enum(order, "order", _ORDERS),
        pad=check_bool(pad, "pad") or None,
        persist_index=check_bool(persist_index, "persist_index") or None,
    )


def list_join(bin: str, separator: str | None = None, ctx: Context | None = None) -> Operation:
    """The result is the strings of a list as one, with a separator between them (server 8.2).

    Args:
        bin: The bin with the list.
        separator: What to put between the strings.
        ctx: Where in the bin the list is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        1035, bin, ctx, val=None if separator is None else check_str(separator, "separator")
    )
