"""Operations have the numbers of the core's tables, and there is a function for each of them."""

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from aerospike_py import (
    bit_operations,
    hll_operations,
    list_operations,
    map_operations,
    string_operations,
)

CDT = Path(__file__).resolve().parents[2] / "native" / "src" / "command" / "cdt"
FAMILIES = [
    ("list", list_operations, "cdt.zig"),
    ("map", map_operations, "cdt.zig"),
    ("bit", bit_operations, "blob.zig"),
    ("hll", hll_operations, "blob.zig"),
    ("text", string_operations, "text.zig"),
]


def numbered(family: str, file: str) -> dict[str, int]:
    """The names of a family's table, with the numbers of the API."""
    source = (CDT / file).read_text(encoding="utf-8")
    first = re.search(rf"^pub const {family}_first = (\d+);", source, re.M)
    table = re.search(rf"^pub const {family}_calls = [^\n]*\n(.*?)^}};", source, re.M | re.S)
    assert first is not None
    assert table is not None
    names = re.findall(r'^    \w+\(\s*"(\w+)"', table[1], re.M)
    return {name: number for number, name in enumerate(names, int(first[1]))}


def numbers_of(function: object, first: int) -> set[int]:
    """The numbers of a family that stand in a function."""
    assert inspect.isfunction(function)
    return {
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(function)))
        if isinstance(node, ast.Constant) and isinstance(node.value, int)
        if first <= node.value < first + 1000
    }


@pytest.mark.parametrize(("family", "module", "file"), FAMILIES, ids=lambda each: str(each)[:4])
def test_every_operation_of_the_core_has_a_function(
    family: str, module: ModuleType, file: str
) -> None:
    core = numbered(family, file)
    assert len(core) > 10
    first = min(core.values()) // 1000 * 1000
    assert set(core) - set(module.__all__) == set()
    for name, number in core.items():
        assert numbers_of(getattr(module, name), first) == {number}, name
