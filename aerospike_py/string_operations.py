"""Operations on strings, for `operate` and its kin (server 8.2).

Every function returns a plain dict, one operation. Positions and lengths are in code points of
Unicode; a negative index counts from the end. Operations that write have no result. Texts are found
where they mean the same, whether an accent is a code point of its own or not.

Where there is no bin, reading gives None. `string_insert`, `string_overwrite`, `string_concat`,
`string_append`, `string_prepend`, `string_repeat` and those that pad make it of an empty string;
what else writes does nothing.

Servers answer with BinTypeError where there is no string, with OpNotApplicable where it cannot be
converted, and with InvalidArgError for an index outside of it or an invalid regular expression.

All raise TypeError for an argument of the wrong type, and InvalidArgError for one that is out of
range.
"""

# ruff: noqa: A002  (`bin` is the field's word, and users pass it by name)

from typing import Any, Final

from ._operations import Operation, also_named, flags_policy, make
from ._validate import check_enum, check_flags, check_int, check_list, check_natural, check_str
from .cdt_ctx import Context
from .types import StringPolicy

__all__ = [
    "STRING_NUMERIC_ANY",
    "STRING_NUMERIC_FLOAT",
    "STRING_NUMERIC_INT",
    "STRING_REGEX_CASE_INSENSITIVE",
    "STRING_REGEX_DEFAULT",
    "STRING_REGEX_DOTALL",
    "STRING_REGEX_GLOBAL",
    "STRING_REGEX_MULTILINE",
    "STRING_REGEX_UNIX_LINES",
    "STRING_WRITE_CREATE_ONLY",
    "STRING_WRITE_DEFAULT",
    "STRING_WRITE_NO_FAIL",
    "STRING_WRITE_UPDATE_ONLY",
    "string_append",
    "string_base64_decode",
    "string_byte_length",
    "string_casefold",
    "string_char_at",
    "string_concat",
    "string_contains",
    "string_ends_with",
    "string_find",
    "string_insert",
    "string_is_lower",
    "string_is_numeric",
    "string_is_upper",
    "string_lower",
    "string_normalize_nfc",
    "string_overwrite",
    "string_pad_end",
    "string_pad_start",
    "string_prepend",
    "string_regex_compare",
    "string_regex_replace",
    "string_repeat",
    "string_replace",
    "string_replace_all",
    "string_snip",
    "string_split",
    "string_starts_with",
    "string_strlen",
    "string_substr",
    "string_to_blob",
    "string_to_double",
    "string_to_integer",
    "string_trim",
    "string_trim_end",
    "string_trim_start",
    "string_upper",
    "to_string",
]

# What `string_is_numeric` takes for a number.
STRING_NUMERIC_ANY: Final = 0
STRING_NUMERIC_INT: Final = 1
STRING_NUMERIC_FLOAT: Final = 2

# Flags of regular expressions, to be combined with `|`.
STRING_REGEX_DEFAULT: Final = 0
STRING_REGEX_CASE_INSENSITIVE: Final = 1
STRING_REGEX_MULTILINE: Final = 2
STRING_REGEX_DOTALL: Final = 4
STRING_REGEX_UNIX_LINES: Final = 8
STRING_REGEX_GLOBAL: Final = 16
"""Replace all matches, rather than the first."""

# Write flags of a policy, to be combined with `|`.
STRING_WRITE_DEFAULT: Final = 0
STRING_WRITE_CREATE_ONLY: Final = 1
"""Fail where there is the bin; only for what makes bins, and not with a context."""
STRING_WRITE_UPDATE_ONLY: Final = 2
"""Make no bin."""
STRING_WRITE_NO_FAIL: Final = 4
"""What cannot be done leaves the string as it is; what is no string still fails."""

_NUMERIC_TYPES = (0, 1, 2)
_REGEX_MASK = 31


def to_string(bin: str) -> Operation:
    """The result is the bin's value as a string, of an int, float, bool, str or bytes.

    Args:
        bin: The bin with the string.
    """
    return make(7000, bin, None)


def string_strlen(bin: str, ctx: Context | None = None) -> Operation:
    """The result is the number of code points.

    Args:
        bin: The bin with the string.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7001, bin, ctx)


def string_substr(
    bin: str, start: int, end: int | None = None, ctx: Context | None = None
) -> Operation:
    """The result is the part from `start` up to, not including, `end`; None is the end of all.

    Args:
        bin: The bin with the string.
        start: The first code point's index, from 0; negative from the end.
        end: The index that the part ends before.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7002, bin, ctx, index=check_int(start, "start"), end=_optional_int(end, "end"))


def string_char_at(bin: str, index: int, ctx: Context | None = None) -> Operation:
    """The result is the code point at an index.

    Args:
        bin: The bin with the string.
        index: The code point's index, from 0; negative from the end.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7003, bin, ctx, index=check_int(index, "index"))


def string_find(
    bin: str, needle: str, occurrence: int = 1, ctx: Context | None = None
) -> Operation:
    """The result is where a text is found for the nth time; -1: nowhere.

    Args:
        bin: The bin with the string.
        needle: The text to look for.
        occurrence: Which one, from 1; negative from the end.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7004, bin, ctx, val=check_str(needle, "needle"), count=check_int(occurrence, "occurrence")
    )


def string_contains(bin: str, needle: str, ctx: Context | None = None) -> Operation:
    """The result is whether a text is found.

    Args:
        bin: The bin with the string.
        needle: The text to look for.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7005, bin, ctx, val=check_str(needle, "needle"))


def string_starts_with(bin: str, prefix: str, ctx: Context | None = None) -> Operation:
    """The result is whether the string begins with a text.

    Args:
        bin: The bin with the string.
        prefix: The text.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7006, bin, ctx, val=check_str(prefix, "prefix"))


def string_ends_with(bin: str, suffix: str, ctx: Context | None = None) -> Operation:
    """The result is whether the string ends with a text.

    Args:
        bin: The bin with the string.
        suffix: The text.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7007, bin, ctx, val=check_str(suffix, "suffix"))


def string_to_integer(bin: str, ctx: Context | None = None) -> Operation:
    """The result is the integer that the string is.

    Args:
        bin: The bin with the string.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7008, bin, ctx)


def string_to_double(bin: str, ctx: Context | None = None) -> Operation:
    """The result is the float that the string is.

    Args:
        bin: The bin with the string.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7009, bin, ctx)


def string_byte_length(bin: str, ctx: Context | None = None) -> Operation:
    """The result is the number of bytes in UTF-8.

    Args:
        bin: The bin with the string.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7010, bin, ctx)


def string_is_numeric(
    bin: str, numeric_type: int = STRING_NUMERIC_ANY, ctx: Context | None = None
) -> Operation:
    """The result is whether the string is a number; see STRING_NUMERIC_...

    Args:
        bin: The bin with the string.
        numeric_type: A STRING_NUMERIC_ constant.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7011, bin, ctx, flags=check_enum(numeric_type, "numeric_type", _NUMERIC_TYPES))


def string_is_upper(bin: str, ctx: Context | None = None) -> Operation:
    """The result is whether every code point is a capital letter: not a space or a digit.

    Args:
        bin: The bin with the string.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7012, bin, ctx)


def string_is_lower(bin: str, ctx: Context | None = None) -> Operation:
    """The result is whether every code point is a small letter: not a space or a digit.

    Args:
        bin: The bin with the string.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7013, bin, ctx)


def string_to_blob(bin: str, ctx: Context | None = None) -> Operation:
    """The result is the string's bytes in UTF-8.

    Args:
        bin: The bin with the string.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7014, bin, ctx)


def string_split(bin: str, separator: str | None = None, ctx: Context | None = None) -> Operation:
    """The result is a list of the parts between separators; None splits into code points.

    Args:
        bin: The bin with the string.
        separator: What is between the parts.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7015, bin, ctx, val=None if separator is None else check_str(separator, "separator")
    )


def string_base64_decode(bin: str, ctx: Context | None = None) -> Operation:
    """The result is the bytes that the string has in base64.

    Args:
        bin: The bin with the string.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7016, bin, ctx)


def string_regex_compare(
    bin: str, pattern: str, regex_flags: int = STRING_REGEX_DEFAULT, ctx: Context | None = None
) -> Operation:
    """The result is whether a regular expression matches; see STRING_REGEX_...

    Args:
        bin: The bin with the string.
        pattern: The regular expression.
        regex_flags: STRING_REGEX_ constants, put together with |.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7017,
        bin,
        ctx,
        val=check_str(pattern, "pattern"),
        flags=check_flags(regex_flags, "regex_flags", _REGEX_MASK),
    )


def string_insert(
    bin: str, index: int, value: str, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Inserts a text.

    Args:
        bin: The bin with the string.
        index: The code point's index, from 0; negative from the end.
        value: The text.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7018,
        bin,
        ctx,
        index=check_int(index, "index"),
        val=check_str(value, "value"),
        string_policy=flags_policy(policy, "string_policy"),
    )


def string_overwrite(
    bin: str, index: int, value: str, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Writes a text over what begins at an index.

    Args:
        bin: The bin with the string.
        index: The code point's index, from 0; negative from the end.
        value: The text.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7019,
        bin,
        ctx,
        index=check_int(index, "index"),
        val=check_str(value, "value"),
        string_policy=flags_policy(policy, "string_policy"),
    )


@also_named(vals="values")
def string_concat(
    bin: str, values: list[str], policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Appends texts.

    Args:
        bin: The bin with the string.
        values: The texts.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7020,
        bin,
        ctx,
        val=check_list(values, "values"),
        string_policy=flags_policy(policy, "string_policy"),
    )


def string_snip(
    bin: str,
    start: int,
    end: int | None = None,
    policy: StringPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Removes the part from `start` up to, not including, `end`.

    Without an end it is all from `start` on, and a policy is of no use.

    Args:
        bin: The bin with the string.
        start: The first code point's index, from 0; negative from the end.
        end: The index that the part ends before.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7021,
        bin,
        ctx,
        index=check_int(start, "start"),
        end=_optional_int(end, "end"),
        string_policy=flags_policy(policy, "string_policy"),
    )


def string_replace(
    bin: str,
    needle: str,
    replacement: str,
    policy: StringPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Replaces the first of a text.

    Args:
        bin: The bin with the string.
        needle: The text to look for.
        replacement: What takes its place.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7022,
        bin,
        ctx,
        val=check_str(needle, "needle"),
        replacement=check_str(replacement, "replacement"),
        string_policy=flags_policy(policy, "string_policy"),
    )


def string_replace_all(
    bin: str,
    needle: str,
    replacement: str,
    policy: StringPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Replaces all of a text.

    Args:
        bin: The bin with the string.
        needle: The text to look for.
        replacement: What takes its place.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7023,
        bin,
        ctx,
        val=check_str(needle, "needle"),
        replacement=check_str(replacement, "replacement"),
        string_policy=flags_policy(policy, "string_policy"),
    )


def string_upper(
    bin: str, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Makes capitals of letters.

    Args:
        bin: The bin with the string.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7024, bin, ctx, string_policy=flags_policy(policy, "string_policy"))


def string_lower(
    bin: str, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Makes small letters of capitals.

    Args:
        bin: The bin with the string.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7025, bin, ctx, string_policy=flags_policy(policy, "string_policy"))


def string_casefold(
    bin: str, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Makes letters comparable whatever their case is.

    Args:
        bin: The bin with the string.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7026, bin, ctx, string_policy=flags_policy(policy, "string_policy"))


def string_normalize_nfc(
    bin: str, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Composes code points, as the form NFC of Unicode has them.

    Args:
        bin: The bin with the string.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7027, bin, ctx, string_policy=flags_policy(policy, "string_policy"))


def string_trim_start(
    bin: str, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Removes spaces at the beginning.

    Args:
        bin: The bin with the string.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7028, bin, ctx, string_policy=flags_policy(policy, "string_policy"))


def string_trim_end(
    bin: str, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Removes spaces at the end.

    Args:
        bin: The bin with the string.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7029, bin, ctx, string_policy=flags_policy(policy, "string_policy"))


def string_trim(
    bin: str, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Removes spaces at both ends.

    Args:
        bin: The bin with the string.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(7030, bin, ctx, string_policy=flags_policy(policy, "string_policy"))


def string_pad_start(
    bin: str,
    target_length: int,
    pad_string: str,
    policy: StringPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Puts a text before the string, until that is so long.

    Args:
        bin: The bin with the string.
        target_length: How many code points the string is to have.
        pad_string: What is put in, again and again.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7031,
        bin,
        ctx,
        count=check_natural(target_length, "target_length"),
        val=check_str(pad_string, "pad_string"),
        string_policy=flags_policy(policy, "string_policy"),
    )


def string_pad_end(
    bin: str,
    target_length: int,
    pad_string: str,
    policy: StringPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Puts a text behind the string, until that is so long.

    Args:
        bin: The bin with the string.
        target_length: How many code points the string is to have.
        pad_string: What is put in, again and again.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7032,
        bin,
        ctx,
        count=check_natural(target_length, "target_length"),
        val=check_str(pad_string, "pad_string"),
        string_policy=flags_policy(policy, "string_policy"),
    )


def string_repeat(
    bin: str, count: int, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Repeats the string so many times.

    Args:
        bin: The bin with the string.
        count: How often.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7033,
        bin,
        ctx,
        count=check_natural(count, "count"),
        string_policy=flags_policy(policy, "string_policy"),
    )


def string_regex_replace(
    bin: str,
    pattern: str,
    replacement: str,
    regex_flags: int = STRING_REGEX_DEFAULT,
    policy: StringPolicy | None = None,
    ctx: Context | None = None,
) -> Operation:
    """Replaces what a regular expression matches; see STRING_REGEX_...

    Args:
        bin: The bin with the string.
        pattern: The regular expression.
        replacement: What takes its place.
        regex_flags: STRING_REGEX_ constants, put together with |.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7034,
        bin,
        ctx,
        val=check_str(pattern, "pattern"),
        replacement=check_str(replacement, "replacement"),
        flags=check_flags(regex_flags, "regex_flags", _REGEX_MASK),
        string_policy=flags_policy(policy, "string_policy"),
    )


def string_append(
    bin: str, value: str, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Appends a text.

    Args:
        bin: The bin with the string.
        value: The text.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7035,
        bin,
        ctx,
        val=check_str(value, "value"),
        string_policy=flags_policy(policy, "string_policy"),
    )


def string_prepend(
    bin: str, value: str, policy: StringPolicy | None = None, ctx: Context | None = None
) -> Operation:
    """Puts a text before the string.

    Args:
        bin: The bin with the string.
        value: The text.
        policy: How to write; see `StringPolicy`.
        ctx: Where in the bin the string is, when it is nested; steps of `cdt_ctx`.
    """
    return make(
        7036,
        bin,
        ctx,
        val=check_str(value, "value"),
        string_policy=flags_policy(policy, "string_policy"),
    )


def _optional_int(value: Any, name: str) -> int | None:
    return None if value is None else check_int(value, name)
