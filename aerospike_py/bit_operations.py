"""Operations on bins that hold bytes, as a string of bits, for `operate` and its kin.

Every function returns a plain dict, one operation. Offsets begin at 0, at the most significant bit
of the first byte; negative ones count from the end. `ctx` (see `cdt_ctx`) leads to bytes nested in
a list or map, on servers that can do so (8.1.2 cannot).

`policy` is a dict with "write_flags" (also "flags"), the BIT_WRITE_... constants.

Every function raises TypeError for an argument of the wrong type, and InvalidArgError for one
that is out of range or a policy with an unknown key.
"""

# ruff: noqa: A002  (`bin` is the field's word, and users pass it by name)

from typing import Any, Final

from ._operations import Operation, flags_policy, make
from ._validate import check_bool, check_bytes, check_enum, check_flags, check_int, check_natural
from .cdt_ctx import Context
from .types import BitPolicy

__all__ = [
    "BIT_OVERFLOW_FAIL",
    "BIT_OVERFLOW_SATURATE",
    "BIT_OVERFLOW_WRAP",
    "BIT_RESIZE_DEFAULT",
    "BIT_RESIZE_FROM_FRONT",
    "BIT_RESIZE_GROW_ONLY",
    "BIT_RESIZE_SHRINK_ONLY",
    "bit_add",
    "bit_and",
    "bit_b64_encode",
    "bit_count",
    "bit_get",
    "bit_get_int",
    "bit_insert",
    "bit_lscan",
    "bit_lshift",
    "bit_not",
    "bit_or",
    "bit_remove",
    "bit_resize",
    "bit_rscan",
    "bit_rshift",
    "bit_set",
    "bit_set_int",
    "bit_subtract",
    "bit_xor",
]

# Flags of `bit_resize`, to be combined with `|`.
BIT_RESIZE_DEFAULT: Final = 0
BIT_RESIZE_FROM_FRONT: Final = 1
"""Bytes are added or removed at the front."""
BIT_RESIZE_GROW_ONLY: Final = 2
BIT_RESIZE_SHRINK_ONLY: Final = 4

# What `bit_add` and `bit_subtract` do with a result that does not fit.
BIT_OVERFLOW_FAIL: Final = 0
BIT_OVERFLOW_SATURATE: Final = 2
BIT_OVERFLOW_WRAP: Final = 4

_RESIZE_MASK = 7
_OVERFLOWS = (BIT_OVERFLOW_FAIL, BIT_OVERFLOW_SATURATE, BIT_OVERFLOW_WRAP)


def _policy(policy: Any) -> Any:
    return flags_policy(policy, "bit_policy")


def bit_resize(
    bin: str,
    byte_size: int,
    resize_flags: int = 0,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Gives the bytes another size.

    Args:
        bin: The bin; it is created if need be.
        byte_size: The new size.
        resize_flags: BIT_RESIZE_... flags.
        policy: Write flags.
        ctx: Where in the bin.
    """
    return make(
        3001,
        bin,
        ctx,
        byte_size=check_natural(byte_size, "byte_size"),
        resize_flags=check_flags(resize_flags, "resize_flags", _RESIZE_MASK),
        bit_policy=_policy(policy),
    )


def bit_insert(
    bin: str,
    byte_offset: int,
    value: bytes,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Inserts bytes before an offset.

    Args:
        bin: The bin with the bytes.
        byte_offset: The first byte, from 0; negative from the end.
        value: The bytes or the number to work with.
        policy: How to write; see `BitPolicy`.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3002,
        bin,
        ctx,
        byte_offset=check_int(byte_offset, "byte_offset"),
        val=check_bytes(value, "value"),
        bit_policy=_policy(policy),
    )


def bit_remove(
    bin: str,
    byte_offset: int,
    byte_size: int,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Removes bytes from an offset on.

    Args:
        bin: The bin with the bytes.
        byte_offset: The first byte, from 0; negative from the end.
        byte_size: How many bytes.
        policy: How to write; see `BitPolicy`.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3003,
        bin,
        ctx,
        byte_offset=check_int(byte_offset, "byte_offset"),
        byte_size=check_natural(byte_size, "byte_size"),
        bit_policy=_policy(policy),
    )


def bit_set(
    bin: str,
    bit_offset: int,
    bit_size: int,
    value: bytes,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Replaces bits by those of bytes.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        value: The bytes or the number to work with.
        policy: How to write; see `BitPolicy`.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3004,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        val=check_bytes(value, "value"),
        bit_policy=_policy(policy),
    )


def bit_or(
    bin: str,
    bit_offset: int,
    bit_size: int,
    value: bytes,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Combines bits with those of bytes: those that at least one has.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        value: The bytes or the number to work with.
        policy: How to write; see `BitPolicy`.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3005,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        val=check_bytes(value, "value"),
        bit_policy=_policy(policy),
    )


def bit_xor(
    bin: str,
    bit_offset: int,
    bit_size: int,
    value: bytes,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Combines bits with those of bytes: those that exactly one has.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        value: The bytes or the number to work with.
        policy: How to write; see `BitPolicy`.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3006,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        val=check_bytes(value, "value"),
        bit_policy=_policy(policy),
    )


def bit_and(
    bin: str,
    bit_offset: int,
    bit_size: int,
    value: bytes,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Combines bits with those of bytes: those that both have.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        value: The bytes or the number to work with.
        policy: How to write; see `BitPolicy`.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3007,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        val=check_bytes(value, "value"),
        bit_policy=_policy(policy),
    )


def bit_not(
    bin: str,
    bit_offset: int,
    bit_size: int,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Flips bits.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        policy: How to write; see `BitPolicy`.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3008,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        bit_policy=_policy(policy),
    )


def bit_lshift(
    bin: str,
    bit_offset: int,
    bit_size: int,
    shift: int,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Shifts bits to the left.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        shift: By how many bits.
        policy: How to write; see `BitPolicy`.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3009,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        shift=check_natural(shift, "shift"),
        bit_policy=_policy(policy),
    )


def bit_rshift(
    bin: str,
    bit_offset: int,
    bit_size: int,
    shift: int,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Shifts bits to the right.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        shift: By how many bits.
        policy: How to write; see `BitPolicy`.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3010,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        shift=check_natural(shift, "shift"),
        bit_policy=_policy(policy),
    )


def bit_add(
    bin: str,
    bit_offset: int,
    bit_size: int,
    value: int,
    signed: bool = False,
    action: int = BIT_OVERFLOW_FAIL,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Adds an int to the one that bits hold.

    Args:
        bin: The bin.
        bit_offset: Where the bits begin.
        bit_size: How many they are, at most 64.
        value: The int.
        signed: Whether the bits are a signed int.
        action: What happens on overflow, one of the BIT_OVERFLOW_... constants.
        policy: Write flags.
        ctx: Where in the bin.
    """
    return make(
        3011,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        val=check_int(value, "value"),
        signed=check_bool(signed, "signed") or None,
        action=check_enum(action, "action", _OVERFLOWS),
        bit_policy=_policy(policy),
    )


def bit_subtract(
    bin: str,
    bit_offset: int,
    bit_size: int,
    value: int,
    signed: bool = False,
    action: int = BIT_OVERFLOW_FAIL,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Subtracts an int from the one that bits hold.

    Args:
        bin: The bin.
        bit_offset: Where the bits begin.
        bit_size: How many they are, at most 64.
        value: The int.
        signed: Whether the bits are a signed int.
        action: What happens on overflow, one of the BIT_OVERFLOW_... constants.
        policy: Write flags.
        ctx: Where in the bin.
    """
    return make(
        3012,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        val=check_int(value, "value"),
        signed=check_bool(signed, "signed") or None,
        action=check_enum(action, "action", _OVERFLOWS),
        bit_policy=_policy(policy),
    )


def bit_set_int(
    bin: str,
    bit_offset: int,
    bit_size: int,
    value: int,
    policy: BitPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Writes an int into at most 64 bits.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        value: The bytes or the number to work with.
        policy: How to write; see `BitPolicy`.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3013,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        val=check_int(value, "value"),
        bit_policy=_policy(policy),
    )


def bit_get(bin: str, bit_offset: int, bit_size: int, ctx: Context | None = None) -> Operation:
    """The result is some bits, as bytes that begin with the first of them.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3014,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
    )


def bit_count(bin: str, bit_offset: int, bit_size: int, ctx: Context | None = None) -> Operation:
    """The result is how many bits are set.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3015,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
    )


def bit_lscan(
    bin: str, bit_offset: int, bit_size: int, value: bool, ctx: Context | None = None
) -> Operation:
    """The result is the place of the first bit that is `value`, from the left; -1 for none.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        value: The bytes or the number to work with.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3016,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        val=check_bool(value, "value"),
    )


def bit_rscan(
    bin: str, bit_offset: int, bit_size: int, value: bool, ctx: Context | None = None
) -> Operation:
    """The result is the place of the last bit that is `value`; -1 for none.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        value: The bytes or the number to work with.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3017,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        val=check_bool(value, "value"),
    )


def bit_get_int(
    bin: str, bit_offset: int, bit_size: int, signed: bool = False, ctx: Context | None = None
) -> Operation:
    """The result is at most 64 bits, as an int.

    Args:
        bin: The bin with the bytes.
        bit_offset: The first bit, from 0; negative from the end.
        bit_size: How many bits.
        signed: Whether the number has a sign.
        ctx: Where in the bin the bytes are, when they are nested; steps of `cdt_ctx`.
    """
    return make(
        3018,
        bin,
        ctx,
        bit_offset=check_int(bit_offset, "bit_offset"),
        bit_size=check_natural(bit_size, "bit_size"),
        signed=check_bool(signed, "signed") or None,
    )


def bit_b64_encode(
    bin: str,
    byte_offset: int = 0,
    byte_size: int | None = None,
    invert_size: bool = False,
    ctx: Context | None = None,
) -> Operation:
    """The result is bytes in base64, as a string (server 8.2).

    Args:
        bin: The bin.
        byte_offset: Where the bytes begin; a negative one counts from the end.
        byte_size: How many there are; None: all to the end.
        invert_size: Whether the size counts back from the end of the blob.
        ctx: Where in the bin.
    """
    return make(
        3019,
        bin,
        ctx,
        byte_offset=check_int(byte_offset, "byte_offset"),
        byte_size=None if byte_size is None else check_natural(byte_size, "byte_size"),
        invert_size=check_bool(invert_size, "invert_size") or None,
    )
