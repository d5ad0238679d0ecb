"""Operations that evaluate an expression, for `operate` and its kin.

Every function returns a plain dict, one operation. All raise TypeError for an argument of the
wrong type and InvalidArgError for unknown flags.
"""

# ruff: noqa: A002  (`bin` is the field's word, and users pass it by name)

from typing import Any, Final

from ._expression_types import check_types
from ._operations import Operation, make
from ._validate import check_flags
from .cdt_ctx import Context

__all__ = [
    "EXP_READ_DEFAULT",
    "EXP_READ_EVAL_NO_FAIL",
    "EXP_WRITE_ALLOW_DELETE",
    "EXP_WRITE_CREATE_ONLY",
    "EXP_WRITE_DEFAULT",
    "EXP_WRITE_EVAL_NO_FAIL",
    "EXP_WRITE_POLICY_NO_FAIL",
    "EXP_WRITE_UPDATE_ONLY",
    "PATH_MODIFY_DEFAULT",
    "PATH_MODIFY_NO_FAIL",
    "PATH_SELECT_MAP_KEYS",
    "PATH_SELECT_MAP_KEY_VALUES",
    "PATH_SELECT_MATCHING_TREE",
    "PATH_SELECT_NO_FAIL",
    "PATH_SELECT_VALUES",
    "exp_read",
    "exp_write",
    "modify_by_path",
    "select_by_path",
]

EXP_READ_DEFAULT: Final = 0
EXP_READ_EVAL_NO_FAIL: Final = 16
"""An expression that cannot be evaluated yields None rather than an error."""

# Flags, to be combined with `|`.
EXP_WRITE_DEFAULT: Final = 0
EXP_WRITE_CREATE_ONLY: Final = 1
EXP_WRITE_UPDATE_ONLY: Final = 2
EXP_WRITE_ALLOW_DELETE: Final = 4
"""An expression that yields None deletes the bin."""
EXP_WRITE_POLICY_NO_FAIL: Final = 8
"""What the other flags forbid is left undone rather than an error."""
EXP_WRITE_EVAL_NO_FAIL: Final = 16

# What `select_by_path` gives: one of the first four, perhaps with the last.
PATH_SELECT_MATCHING_TREE: Final = 0
PATH_SELECT_VALUES: Final = 1
PATH_SELECT_MAP_KEYS: Final = 2
PATH_SELECT_MAP_KEY_VALUES: Final = 3
PATH_SELECT_NO_FAIL: Final = 16

PATH_MODIFY_DEFAULT: Final = 0
PATH_MODIFY_NO_FAIL: Final = 16

_READ_MASK = 16
_WRITE_MASK = 31
_PATH_MASK = 19


def exp_read(bin: str, expression: Any, flags: int = 0) -> Operation:
    """Evaluates an expression.

    Args:
        bin: The name that the result gets; there need not be such a bin.
        expression: The expression.
        flags: EXP_READ_... flags.
    """
    return make(
        5001,
        bin,
        None,
        expression=_check_expression(expression),
        flags=check_flags(flags, "flags", _READ_MASK) or None,
    )


def exp_write(bin: str, expression: Any, flags: int = 0) -> Operation:
    """Writes the value of an expression to a bin. There is no result.

    Args:
        bin: The bin.
        expression: The expression.
        flags: EXP_WRITE_... flags.
    """
    return make(
        5002,
        bin,
        None,
        expression=_check_expression(expression),
        flags=check_flags(flags, "flags", _WRITE_MASK) or None,
    )


def select_by_path(bin: str, ctx: Context, flags: int = 0) -> Operation:
    """Reads all that a path with branches leads to (server 8.1).

    Args:
        bin: The bin.
        ctx: The path; `all_children`, `all_children_filter` and `map_keys_in` branch.
        flags: PATH_SELECT_... flags.
    """
    return make(6001, bin, ctx, flags=check_flags(flags, "flags", _PATH_MASK) or None)


def modify_by_path(bin: str, ctx: Context, expression: Any, flags: int = 0) -> Operation:
    """Replaces all that a path leads to by the value of an expression (server 8.1).

    Args:
        bin: The bin.
        ctx: The path.
        expression: The new value of each; `exp.loop_var` stands for the old one, and
            `exp.remove_result` removes it.
        flags: PATH_MODIFY_... flags.
    """
    return make(
        6002,
        bin,
        ctx,
        expression=_check_expression(expression),
        flags=check_flags(flags, "flags", 16) or None,
    )


def _check_expression(expression: Any) -> Any:
    if isinstance(expression, dict) and isinstance(expression.get("__expr__"), str):
        check_types(expression)
        return expression
    raise TypeError(f"expression must be made by aerospike_py.exp, not {type(expression).__name__}")
