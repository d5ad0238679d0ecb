"""The package as a whole: what it exports, how light its import is."""

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import aerospike_py

HEAVY = ("numpy", "opentelemetry", "prometheus_client", "cffi", "asyncio", "difflib", "json")


def test_everything_exported_exists() -> None:
    assert [name for name in aerospike_py.__all__ if not hasattr(aerospike_py, name)] == []
    assert len(set(aerospike_py.__all__)) == len(aerospike_py.__all__)


def test_importing_loads_nothing_heavy() -> None:
    script = f"import sys, aerospike_py; print([m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout.strip() == "[]"


def test_the_pytest_plugin_loads_nothing_of_the_package() -> None:
    script = "import sys, pytest_aerospike_py; print('aerospike_py' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout.strip() == "False"


def test_the_headers_and_the_type_marker_are_shipped() -> None:
    package = Path(aerospike_py.__file__).parent
    assert (package / "py.typed").exists()
    header = package / "devserver" / "include" / "aerospike_devserver.h"
    assert "asz_devserver_abi_version" in header.read_text()
    assert "asz_abi_version" in (package / "include" / "aerospike_zig.h").read_text()


_IN_TWO_INTERPRETERS = """
import sys

if sys.version_info >= (3, 13):
    import _interpreters as interpreters

    other, run = interpreters.create("legacy"), interpreters.exec
else:
    import _xxsubinterpreters as interpreters

    other, run = interpreters.create(isolated=False), interpreters.run_string

import aerospike_py
from aerospike_py import _codec

run(other, f'''
import sys
sys.path[:] = {sys.path!r}
try:
    import aerospike_py
except ImportError as error:
    print(error, flush=True)
''')
interpreters.destroy(other)
packed = _codec.pack([["test", "demo", 1, b"d" * 20], [3, 60], {"n": 1}])
print(type(_codec.unpack_record(packed)) is aerospike_py.Record)
"""


def test_a_second_interpreter_leaves_the_results_of_the_first_alone() -> None:
    result = subprocess.run(
        [sys.executable, "-c", _IN_TWO_INTERPRETERS],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert result.stdout.splitlines() == [
        "aerospike_py is in use in another interpreter of this process",
        "True",
    ]


def docstrings() -> list[str]:
    trees = [
        ast.parse(path.read_text(encoding="utf-8"))
        for path in Path(aerospike_py.__file__).parent.rglob("*.py")
    ]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, documented)]
    return [text for node in nodes if (text := ast.get_docstring(node))]


def test_docstrings_name_the_exceptions_that_they_list() -> None:
    # What makes the reference takes no other form.
    found = 0
    for text in docstrings():
        for section in re.findall(r"^Raises:\n((?:    .*\n?|\n)*)", text, re.MULTILINE):
            for line in textwrap.dedent(section).splitlines():
                if line and not line.startswith(" "):
                    assert re.match(r"[A-Z]\w+(, [A-Z]\w+)*: \S", line), text
                    found += 1
    assert found > 100
