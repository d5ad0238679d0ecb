"""Operations on bins that hold a map, for `operate` and its kin.

Every function returns a plain dict, one operation. Where they say `ctx`, a context (see `cdt_ctx`)
leads to a map nested inside the bin; that map itself is then what the operation works on.

Indexes are places in the order of keys, ranks places in the order of values; both begin at 0, and
negative ones count from the end. A range without a count goes on to the end.

Return types are the MAP_RETURN_... constants; adding MAP_RETURN_INVERTED to one makes an operation
concern all items but those that it names. MAP_RETURN_NONE adds no result, and
MAP_RETURN_KEY_VALUE gives a list of (key, value) tuples in the order of the map.

`policy` is a dict with "map_order" (also "order"), "write_flags" (also "flags", "write_mode"),
the `MAP_..._ORDERED` and `MAP_WRITE_FLAGS_...` constants, and "persist_index".

Every function raises TypeError for an argument of the wrong type, and InvalidArgError for one
that is out of range or a policy with an unknown key. Values are checked when they are sent.
"""

# ruff: noqa: A002  (`bin` is the field's word, and users pass it by name)

from typing import Any, Final

from ._operations import Operation, also_named, make, map_policy, return_type_of
from ._validate import check_bool, check_dict, check_enum, check_int, check_list, check_natural
from .cdt_ctx import Context
from .types import MapPolicy

__all__ = [
    "MAP_RETURN_INVERTED",
    "MAP_RETURN_ORDERED_MAP",
    "MAP_RETURN_UNORDERED_MAP",
    "map_clear",
    "map_create",
    "map_decrement",
    "map_get_by_index",
    "map_get_by_index_range",
    "map_get_by_key",
    "map_get_by_key_list",
    "map_get_by_key_range",
    "map_get_by_key_rel_index_range",
    "map_get_by_rank",
    "map_get_by_rank_range",
    "map_get_by_value",
    "map_get_by_value_list",
    "map_get_by_value_range",
    "map_get_by_value_rel_rank_range",
    "map_increment",
    "map_put",
    "map_put_items",
    "map_remove_by_index",
    "map_remove_by_index_range",
    "map_remove_by_key",
    "map_remove_by_key_list",
    "map_remove_by_key_range",
    "map_remove_by_key_rel_index_range",
    "map_remove_by_rank",
    "map_remove_by_rank_range",
    "map_remove_by_value",
    "map_remove_by_value_list",
    "map_remove_by_value_range",
    "map_remove_by_value_rel_rank_range",
    "map_set_order",
    "map_size",
]

MAP_RETURN_INVERTED: Final = 0x10000
"""Added to a return type: all items but those that are named."""
MAP_RETURN_UNORDERED_MAP: Final = 16
"""The items as a dict."""
MAP_RETURN_ORDERED_MAP: Final = 17
"""The items as a dict, in the order of the keys."""

_RETURN_TYPES = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17})
_ORDERS = (0, 1, 3)


def _return_type(value: Any) -> int:
    return return_type_of(value, _RETURN_TYPES, "MAP_RETURN")


@also_named(order="map_order")
def map_set_order(
    bin: str,
    map_order: int,
    persist_index: bool = False,
    ctx: Context | None = None,
) -> Operation:
    """Sets the order of the map, one of the MAP_..._ORDERED constants. There is no result.

    Args:
        bin: The bin with the map.
        map_order: MAP_UNORDERED, MAP_KEY_ORDERED or MAP_KEY_VALUE_ORDERED.
        persist_index: Whether the server stores the map's index with it, so that it need not be
            made anew.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2001,
        bin,
        ctx,
        val=check_enum(map_order, "map_order", _ORDERS),
        persist_index=check_bool(persist_index, "persist_index") or None,
    )


def map_put(
    bin: str,
    key: Any,
    val: Any,
    policy: MapPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Puts a value under a key. The result is the new size.

    Args:
        bin: The bin with the map.
        key: The key of the entry.
        val: The value.
        policy: How to write; see `MapPolicy`.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2002, bin, ctx, map_key=key, val=val, map_policy=map_policy(policy))


def map_put_items(
    bin: str,
    items: dict[Any, Any],
    policy: MapPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Puts all items of a dict. The result is the new size.

    Args:
        bin: The bin with the map.
        items: The entries.
        policy: How to write; see `MapPolicy`.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2003, bin, ctx, val=check_dict(items, "items"), map_policy=map_policy(policy))


@also_named(incr="val")
def map_increment(
    bin: str,
    key: Any,
    val: int | float = 1,
    policy: MapPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Adds to the number under a key. The result is the new number.

    Args:
        bin: The bin with the map.
        key: The key of the entry.
        val: The value.
        policy: How to write; see `MapPolicy`.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2004,
        bin,
        ctx,
        map_key=key,
        val=val,
        map_policy=map_policy(policy, takes_flags=False),
    )


@also_named(decr="val")
def map_decrement(
    bin: str,
    key: Any,
    val: int | float = 1,
    policy: MapPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Subtracts from the number under a key. The result is the new number.

    Args:
        bin: The bin with the map.
        key: The key of the entry.
        val: The value.
        policy: How to write; see `MapPolicy`.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2005,
        bin,
        ctx,
        map_key=key,
        val=val,
        map_policy=map_policy(policy, takes_flags=False),
    )


def map_clear(bin: str, ctx: Context | None = None) -> Operation:
    """Removes all items. There is no result.

    Args:
        bin: The bin with the map.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2006, bin, ctx)


def map_remove_by_key(
    bin: str,
    key: Any,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes the item of a key.

    Args:
        bin: The bin with the map.
        key: The key of the entry.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2007, bin, ctx, map_key=key, return_type=_return_type(return_type))


def map_remove_by_key_list(
    bin: str,
    keys: list[Any],
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes the items whose key is in a list.

    Args:
        bin: The bin with the map.
        keys: The keys of the entries.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2008, bin, ctx, val=check_list(keys, "keys"), return_type=_return_type(return_type))


def map_remove_by_key_range(
    bin: str,
    begin: Any,
    end: Any,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes the items with keys from `begin` to before `end`; None is unbounded.

    Args:
        bin: The bin with the map.
        begin: The first key or value; None for no bound.
        end: The key or value that the range ends before; None for no bound.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2009, bin, ctx, val=begin, val_end=end, return_type=_return_type(return_type))


def map_remove_by_value(
    bin: str,
    val: Any,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes all items that have a value.

    Args:
        bin: The bin with the map.
        val: The value.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2010, bin, ctx, val=val, return_type=_return_type(return_type))


@also_named(values="vals")
def map_remove_by_value_list(
    bin: str,
    vals: list[Any],
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes all items whose value is in a list.

    Args:
        bin: The bin with the map.
        vals: The values.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2011, bin, ctx, val=check_list(vals, "vals"), return_type=_return_type(return_type))


def map_remove_by_value_range(
    bin: str,
    begin: Any,
    end: Any,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes the items with values from `begin` to before `end`; None is unbounded.

    Args:
        bin: The bin with the map.
        begin: The first key or value; None for no bound.
        end: The key or value that the range ends before; None for no bound.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2012, bin, ctx, val=begin, val_end=end, return_type=_return_type(return_type))


def map_remove_by_index(
    bin: str,
    index: int,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes the item at an index.

    Args:
        bin: The bin with the map.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2013,
        bin,
        ctx,
        index=check_int(index, "index"),
        return_type=_return_type(return_type),
    )


def map_remove_by_index_range(
    bin: str,
    index: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Removes `count` items from an index on.

    Args:
        bin: The bin with the map.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2014,
        bin,
        ctx,
        index=check_int(index, "index"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


def map_remove_by_rank(
    bin: str,
    rank: int,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """Removes the item of a rank.

    Args:
        bin: The bin with the map.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2015, bin, ctx, rank=check_int(rank, "rank"), return_type=_return_type(return_type))


def map_remove_by_rank_range(
    bin: str,
    rank: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Removes `count` items from a rank on.

    Args:
        bin: The bin with the map.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2016,
        bin,
        ctx,
        rank=check_int(rank, "rank"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


def map_size(bin: str, ctx: Context | None = None) -> Operation:
    """The result is the number of items.

    Args:
        bin: The bin with the map.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2017, bin, ctx)


def map_get_by_key(bin: str, key: Any, return_type: int, ctx: Context | None = None) -> Operation:
    """The item of a key; None if there is none.

    Args:
        bin: The bin with the map.
        key: The key of the entry.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2018, bin, ctx, map_key=key, return_type=_return_type(return_type))


def map_get_by_key_range(
    bin: str,
    begin: Any,
    end: Any,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """The items with keys from `begin` to before `end`; None is unbounded.

    Args:
        bin: The bin with the map.
        begin: The first key or value; None for no bound.
        end: The key or value that the range ends before; None for no bound.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2019, bin, ctx, val=begin, val_end=end, return_type=_return_type(return_type))


def map_get_by_value(bin: str, val: Any, return_type: int, ctx: Context | None = None) -> Operation:
    """All items that have a value.

    Args:
        bin: The bin with the map.
        val: The value.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2020, bin, ctx, val=val, return_type=_return_type(return_type))


def map_get_by_value_range(
    bin: str,
    begin: Any,
    end: Any,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """The items with values from `begin` to before `end`; None is unbounded.

    Args:
        bin: The bin with the map.
        begin: The first key or value; None for no bound.
        end: The key or value that the range ends before; None for no bound.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2021, bin, ctx, val=begin, val_end=end, return_type=_return_type(return_type))


def map_get_by_index(
    bin: str,
    index: int,
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """The item at an index.

    Args:
        bin: The bin with the map.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2022,
        bin,
        ctx,
        index=check_int(index, "index"),
        return_type=_return_type(return_type),
    )


def map_get_by_index_range(
    bin: str,
    index: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """`count` items from an index on.

    Args:
        bin: The bin with the map.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2023,
        bin,
        ctx,
        index=check_int(index, "index"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


def map_get_by_rank(bin: str, rank: int, return_type: int, ctx: Context | None = None) -> Operation:
    """The item of a rank.

    Args:
        bin: The bin with the map.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2024, bin, ctx, rank=check_int(rank, "rank"), return_type=_return_type(return_type))


def map_get_by_rank_range(
    bin: str,
    rank: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """`count` items from a rank on.

    Args:
        bin: The bin with the map.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2025,
        bin,
        ctx,
        rank=check_int(rank, "rank"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


def map_get_by_key_list(
    bin: str,
    keys: list[Any],
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """The items whose key is in a list.

    Args:
        bin: The bin with the map.
        keys: The keys of the entries.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2026, bin, ctx, val=check_list(keys, "keys"), return_type=_return_type(return_type))


@also_named(values="vals")
def map_get_by_value_list(
    bin: str,
    vals: list[Any],
    return_type: int,
    ctx: Context | None = None,
) -> Operation:
    """All items whose value is in a list.

    Args:
        bin: The bin with the map.
        vals: The values.
        return_type: What to return: a MAP_RETURN_ constant.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(2027, bin, ctx, val=check_list(vals, "vals"), return_type=_return_type(return_type))


def map_get_by_key_rel_index_range(
    bin: str,
    key: Any,
    index: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """`count` items from an index on that is counted from a key's own place.

    In {0: 17, 4: 2, 5: 15, 9: 10} with the key 5: index 0 begins with 5, 1 with 9, -1 with 4.

    Args:
        bin: The bin with the map.
        key: The key of the entry.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2028,
        bin,
        ctx,
        map_key=key,
        index=check_int(index, "index"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


def map_remove_by_key_rel_index_range(
    bin: str,
    key: Any,
    index: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Removes what `map_get_by_key_rel_index_range` gives.

    Args:
        bin: The bin with the map.
        key: The key of the entry.
        index: The place of the entry in the order of keys, from 0; negative from the end.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2029,
        bin,
        ctx,
        map_key=key,
        index=check_int(index, "index"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


def map_get_by_value_rel_rank_range(
    bin: str,
    val: Any,
    rank: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """`count` items from a rank on that is counted from a value's own place.

    Args:
        bin: The bin with the map.
        val: The value.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2030,
        bin,
        ctx,
        val=val,
        rank=check_int(rank, "rank"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


def map_remove_by_value_rel_rank_range(
    bin: str,
    val: Any,
    rank: int,
    return_type: int,
    count: int | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Removes what `map_get_by_value_rel_rank_range` gives.

    Args:
        bin: The bin with the map.
        val: The value.
        rank: The rank of the entry's value, 0 for the smallest; negative from the largest.
        return_type: What to return: a MAP_RETURN_ constant.
        count: How many entries; None for all to the end.
        ctx: Where in the bin the map is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        2031,
        bin,
        ctx,
        val=val,
        rank=check_int(rank, "rank"),
        return_type=_return_type(return_type),
        count=None if count is None else check_natural(count, "count"),
    )


@also_named(order="map_order")
def map_create(
    bin: str,
    map_order: int = 0,
    persist_index: bool = False,
    ctx: Context | None = None,
) -> Operation:
    """Creates an empty map, in a bin or where a context leads. There is no result.

    Args:
        bin: The bin.
        map_order: MAP_UNORDERED, MAP_KEY_ORDERED or MAP_KEY_VALUE_ORDERED.
        persist_index: The server keeps the index of the bin's map on its storage.
        ctx: Where in the bin.
    """
    return make(
        2032,
        bin,
        ctx,
        val=check_enum(map_order, "map_order", _ORDERS),
        persist_index=check_bool(persist_index, "persist_index") or None,
    )
