"""Logging is silent until it is asked for."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("aerospike_py")
    level = logger.level
    yield logger
    logger.setLevel(level)


@pytest.mark.parametrize(
    ("level", "expected"), [(-1, 51), (0, 40), (1, 30), (2, 20), (3, 10), (4, 5)]
)
def test_levels(logger: logging.Logger, level: int, expected: int) -> None:
    aerospike_py.set_log_level(level)
    assert logger.level == expected


@pytest.mark.parametrize("level", ["DEBUG", 1.0, None, True])
def test_a_level_that_is_no_int(logger: logging.Logger, level: Any) -> None:
    with pytest.raises(TypeError):
        aerospike_py.set_log_level(level)


@pytest.mark.parametrize("level", [-2, 5, 10])
def test_a_level_that_does_not_exist(logger: logging.Logger, level: int) -> None:
    with pytest.raises(ValueError, match=str(level)):
        aerospike_py.set_log_level(level)


def test_the_logger_has_a_null_handler(logger: logging.Logger) -> None:
    assert any(isinstance(handler, logging.NullHandler) for handler in logger.handlers)
