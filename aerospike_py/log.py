"""Logging: one logger, silent until the application asks for more."""

import logging
from collections.abc import Mapping

__all__ = [
    "set_log_level",
]

logger: logging.Logger = logging.getLogger("aerospike_py")
logger.addHandler(logging.NullHandler())

TRACE = 5
_NOTHING: Mapping[str, str | int] = {}
_LEVELS = {
    -1: logging.CRITICAL + 1,
    0: logging.ERROR,
    1: logging.WARNING,
    2: logging.INFO,
    3: logging.DEBUG,
    4: TRACE,
}


def set_log_level(level: int) -> None:
    """Sets how much the logger `aerospike_py` says.

    Args:
        level: LOG_LEVEL_OFF (-1), _ERROR (0), _WARN (1), _INFO (2), _DEBUG (3) or _TRACE (4).

    Raises:
        TypeError: The level is not an int.
        ValueError: There is no such level.
    """
    if not isinstance(level, int) or isinstance(level, bool):
        raise TypeError(f"the log level must be an int, not {type(level).__name__}")
    if level not in _LEVELS:
        raise ValueError(f"the log level must be from -1 to 4, not {level}")
    logger.setLevel(_LEVELS[level])


def say(
    level: int,
    event: str,
    text: str,
    *arguments: object,
    about: Mapping[str, str | int] = _NOTHING,
    exc_info: bool = False,
) -> None:
    """Logs a line that programs can read, too: by attributes of its record.

    Args:
        level: Python's.
        event: What happened: `aerospike_event` of the record.
        text: The line, which `arguments` are formatted into.
        arguments: Of the text.
        about: What it is about, such as "node": `aerospike_node` of the record.
        exc_info: Whether the exception that is being handled belongs to it.
    """
    if logger.isEnabledFor(level):
        fields: dict[str, str | int] = {"aerospike_event": event}
        fields.update((f"aerospike_{name}", value) for name, value in about.items())
        logger.log(level, text, *arguments, exc_info=exc_info, extra=fields, stacklevel=2)


def level_of(level: int) -> int:
    """Python's level for one of the core."""
    return _LEVELS[level]
