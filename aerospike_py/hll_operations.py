"""Operations on bins that hold a HyperLogLog, for `operate` and its kin.

A HyperLogLog estimates how many different values were added to it. Every function returns a plain
dict, one operation. `ctx` (see `cdt_ctx`) leads to one nested in a list or map, on servers
that can do so (8.1.2 cannot).

`policy` is a dict with "write_flags" (also "flags"), the HLL_WRITE_... constants.

Every function raises TypeError for an argument of the wrong type, and InvalidArgError for a policy
with an unknown key. Values are checked when they are sent.
"""

# ruff: noqa: A002  (`bin` is the field's word, and users pass it by name)

from typing import Any

from ._operations import Operation, also_named, flags_policy, make
from ._validate import check_int, check_list
from .cdt_ctx import Context
from .types import HLLPolicy, HyperLogLog

__all__ = [
    "hll_add",
    "hll_describe",
    "hll_fold",
    "hll_get_count",
    "hll_get_intersect_count",
    "hll_get_similarity",
    "hll_get_union",
    "hll_get_union_count",
    "hll_init",
    "hll_may_contain",
    "hll_refresh_count",
    "hll_set_union",
]


def _policy(policy: Any) -> Any:
    return flags_policy(policy, "hll_policy")


def _optional_int(value: Any, name: str) -> int | None:
    return None if value is None else check_int(value, name)


def _hlls(values: Any) -> list[Any]:
    listed = check_list(values, "hlls")
    for value in listed:
        if not isinstance(value, HyperLogLog):
            raise TypeError(f"hlls must hold HyperLogLogs, not {type(value).__name__}")
    return listed


def hll_init(
    bin: str,
    index_bit_count: int | None = None,
    minhash_bit_count: int | None = None,
    policy: HLLPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Makes the bin an empty HyperLogLog. There is no result.

    Args:
        bin: The bin.
        index_bit_count: 4 to 16; more are more exact, and take more space. None keeps them.
        minhash_bit_count: 4 to 51, for intersections and similarity; None for none.
        policy: Write flags.
        ctx: Where in the bin.
    """
    return make(
        4001,
        bin,
        ctx,
        index_bit_count=_optional_int(index_bit_count, "index_bit_count"),
        minhash_bit_count=_optional_int(minhash_bit_count, "minhash_bit_count"),
        hll_policy=_policy(policy),
    )


@also_named(values="vals")
def hll_add(
    bin: str,
    vals: list[Any],
    index_bit_count: int | None = None,
    minhash_bit_count: int | None = None,
    policy: HLLPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Adds values. The result is how many of them changed it.

    Args:
        bin: The bin; it is created if index_bit_count is given.
        vals: The values.
        index_bit_count: 4 to 16; more are more exact, and take more space. None keeps them.
        minhash_bit_count: 4 to 51, for intersections and similarity; None for none.
        policy: Write flags.
        ctx: Where in the bin.
    """
    return make(
        4002,
        bin,
        ctx,
        val=check_list(vals, "vals"),
        index_bit_count=_optional_int(index_bit_count, "index_bit_count"),
        minhash_bit_count=_optional_int(minhash_bit_count, "minhash_bit_count"),
        hll_policy=_policy(policy),
    )


def hll_set_union(
    bin: str,
    hlls: list[HyperLogLog],
    policy: HLLPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Makes the bin the union of itself and other HyperLogLogs. There is no result.

    Args:
        bin: The bin with the HyperLogLog.
        hlls: Other HyperLogLogs.
        policy: How to write; see `HLLPolicy`.
        ctx: Where in the bin it is, when it is nested; steps of `cdt_ctx`.
    """
    return make(4003, bin, ctx, val=_hlls(hlls), hll_policy=_policy(policy))


def hll_refresh_count(bin: str, ctx: Context | None = None) -> Operation:
    """Counts anew, and keeps the count. The result is the count.

    Args:
        bin: The bin with the HyperLogLog.
        ctx: Where in the bin it is, when it is nested; steps of `cdt_ctx`.
    """
    return make(4004, bin, ctx)


def hll_fold(bin: str, index_bit_count: int, ctx: Context | None = None) -> Operation:
    """Reduces the number of index bits. There is no result.

    Args:
        bin: The bin with the HyperLogLog.
        index_bit_count: 4 to 16: how exact it is.
        ctx: Where in the bin it is, when it is nested; steps of `cdt_ctx`.
    """
    return make(4005, bin, ctx, index_bit_count=check_int(index_bit_count, "index_bit_count"))


def hll_get_count(bin: str, ctx: Context | None = None) -> Operation:
    """The result is the estimated number of values.

    Args:
        bin: The bin with the HyperLogLog.
        ctx: Where in the bin it is, when it is nested; steps of `cdt_ctx`.
    """
    return make(4006, bin, ctx)


def hll_get_union(bin: str, hlls: list[HyperLogLog], ctx: Context | None = None) -> Operation:
    """The result is the union of the bin and other HyperLogLogs.

    Args:
        bin: The bin with the HyperLogLog.
        hlls: Other HyperLogLogs.
        ctx: Where in the bin it is, when it is nested; steps of `cdt_ctx`.
    """
    return make(4007, bin, ctx, val=_hlls(hlls))


def hll_get_union_count(bin: str, hlls: list[HyperLogLog], ctx: Context | None = None) -> Operation:
    """The result is the estimated number of values in that union.

    Args:
        bin: The bin with the HyperLogLog.
        hlls: Other HyperLogLogs.
        ctx: Where in the bin it is, when it is nested; steps of `cdt_ctx`.
    """
    return make(4008, bin, ctx, val=_hlls(hlls))


def hll_get_intersect_count(
    bin: str, hlls: list[HyperLogLog], ctx: Context | None = None
) -> Operation:
    """The result is the estimated number of values that all have in common.

    Args:
        bin: The bin with the HyperLogLog.
        hlls: Other HyperLogLogs.
        ctx: Where in the bin it is, when it is nested; steps of `cdt_ctx`.
    """
    return make(4009, bin, ctx, val=_hlls(hlls))


def hll_get_similarity(bin: str, hlls: list[HyperLogLog], ctx: Context | None = None) -> Operation:
    """The result is the estimated similarity of all, from 0.0 to 1.0.

    Args:
        bin: The bin with the HyperLogLog.
        hlls: Other HyperLogLogs.
        ctx: Where in the bin it is, when it is nested; steps of `cdt_ctx`.
    """
    return make(4010, bin, ctx, val=_hlls(hlls))


def hll_describe(bin: str, ctx: Context | None = None) -> Operation:
    """The result is a list: the number of index bits and the number of minhash bits.

    Args:
        bin: The bin with the HyperLogLog.
        ctx: Where in the bin it is, when it is nested; steps of `cdt_ctx`.
    """
    return make(4011, bin, ctx)


@also_named(values="vals")
def hll_may_contain(bin: str, vals: list[Any], ctx: Context | None = None) -> Operation:
    """The result is 1 if all values may have been added, 0 if one certainly was not.

    Args:
        bin: The bin with the HyperLogLog.
        vals: The values.
        ctx: Where in the bin it is, when it is nested; steps of `cdt_ctx`.
    """
    return make(4012, bin, ctx, val=check_list(vals, "vals"))
