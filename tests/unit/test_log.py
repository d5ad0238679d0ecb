"""Logging is silent until it is asked for."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
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


def test_every_event_is_listed_in_the_guide() -> None:
    root = Path(__file__).parent.parent.parent
    core = (root / "native" / "src" / "log.zig").read_text()
    (members,) = re.findall(r"pub const Event = enum \{(.*?)\};", core, re.DOTALL)
    said = set(re.findall(r"\w+", members))
    for module in (root / "aerospike_py").glob("*.py"):
        said.update(re.findall(r'\bsay\(\s*[\w.]+,\s*"(\w+)"', module.read_text()))
        said.update(re.findall(r'\b_say\(logging\.\w+, "(\w+)"', module.read_text()))
    guide = (root / "docs" / "guides" / "observability.md").read_text()
    table = guide.partition("| `aerospike_event` |")[2].partition("\n\n")[0]
    rows = table.splitlines()[2:]
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert len(listed) == len(set(listed))
    assert set(listed) == said
