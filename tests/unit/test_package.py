"""The package as a whole: what it exports, how light its import is."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import pytest

import aerospike_py
from aerospike_py import types

HEAVY = ("numpy", "opentelemetry", "prometheus_client", "cffi", "asyncio", "difflib", "json")
ROOT = Path(__file__).parents[2]
PACKAGE = Path(aerospike_py.__file__).parent
PUBLIC = sorted(path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("_"))
# Those of Python that the package may load when it is imported, beside what Python loads itself.
MAY_BE_LOADED = {
    *("atexit", "collections", "copyreg", "enum", "functools", "keyword", "linecache", "logging"),
    *("operator", "re", "reprlib", "string", "struct", "threading", "tokenize", "token"),
    *("traceback", "types", "typing", "warnings", "weakref", "contextlib", "errno"),
    *("_collections_abc", "_weakrefset", "__future__", "_cffi_backend", "time", "itertools"),
    *("math", "numbers", "datetime", "ast", "inspect", "dis", "opcode", "importlib", "locale"),
    *("os", "stat", "genericpath", "posixpath", "ntpath"),  # Which Python loads with its site.
    *("textwrap", "annotationlib", "_colorize", "dataclasses", "copy", "collections.abc"),
}


def test_everything_exported_exists() -> None:
    assert [name for name in aerospike_py.__all__ if not hasattr(aerospike_py, name)] == []
    assert len(set(aerospike_py.__all__)) == len(aerospike_py.__all__)


def test_every_class_of_results_is_exported() -> None:
    results = {
        name
        for name in types.__all__
        if isinstance(getattr(types, name), type)
        if issubclass(getattr(types, name), tuple)
    }
    assert len(results) > 10
    assert results - set(aerospike_py.__all__) == set()


def test_importing_loads_nothing_heavy() -> None:
    script = f"import sys, aerospike_py; print([m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout.strip() == "[]"


def loaded_by(statement: str) -> set[str]:
    # Without what the environment's own hooks load when the interpreter starts.
    script = (
        f"import sys; sys.path[:] = {[str(PACKAGE.parent), *sys.path]!r}; "
        f"before = set(sys.modules); {statement}; "
        "print(*set(sys.modules) - before)"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    return set(result.stdout.split())


def test_importing_loads_nothing_but_what_is_named_here() -> None:
    loaded = {name.partition(".")[0] for name in loaded_by("import aerospike_py")}
    public = {name for name in loaded if not name.startswith("_")}
    assert public - {"aerospike_py"} - MAY_BE_LOADED == set()


def test_importing_all_names_loads_no_numpy() -> None:
    assert {"numpy", "opentelemetry", "pandas"} & loaded_by("from aerospike_py import *") == set()


def test_numpy_is_loaded_when_it_is_asked_for() -> None:
    assert "numpy" in loaded_by("import aerospike_py; aerospike_py.NumpyBatchRecords")


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_module_says_what_is_public_in_it(name: str) -> None:
    module = importlib.import_module(f"aerospike_py.{name}")
    assert set(module.__all__) <= set(dir(module))
    own = {
        each
        for each, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not each.startswith("_")
    }
    documented = {each for each in own if not isinstance(vars(module)[each], (TypeVar, str))}
    assert documented - set(module.__all__) <= NOT_FOR_USERS.get(name, set())


NOT_FOR_USERS = {
    "arrow": {"Destination", "Gatherer", "Making", "QueryStream", "describe", "write_requests"},
    "batch": {"ForClient", "read_argument"},
    "cdt_ctx": {"decoded", "encoded"},
    "exception": {"class_for"},
    "keys": {"encode_key", "encode_with_key", "request_key"},
    "log": {"level_of", "say"},
    "metrics": set(),
    "numpy_batch": {
        *("Destination", "dtype_of", "masked", "mismatch_error", "presence_of"),
        *("read_request", "with_mask", "write_request"),
    },
    "objects": {"Shape", "Shapes", "check_converters"},
    "tracing": {"Operation", "Tracing", "ask"},
}


def test_the_dev_server_is_at_hand_for_help() -> None:
    assert aerospike_py.devserver.DevCluster.__doc__


def test_the_version_is_in_one_place() -> None:
    assert aerospike_py.__version__ == "1.0.0"
    assert metadata.version("aerospike-py") == aerospike_py.__version__
    project = (ROOT / "pyproject.toml").read_text()
    assert 'attr = "aerospike_py.__version__"' in project
    assert aerospike_py.__version__ not in project
    core = (ROOT / "native" / "build.zig.zon").read_text()
    assert f'.version = "{aerospike_py.__version__}"' in core


def texts() -> list[Path]:
    roots = [ROOT / "docs", ROOT / "examples", ROOT / "scripts", PACKAGE]
    found = [path for root in roots for path in root.rglob("*") if path.suffix in (".md", ".py")]
    return [*found, ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "pytest_aerospike_py.py"]


def test_no_text_has_anyone_install_the_package_by_its_name() -> None:
    # On the index it is the name of another line of releases, which would take this one's place.
    by_name = re.compile(r"pip install [^`\n]*\baerospike[-_]py\b(?!-)(?![^`\n ]*\.whl)")
    found = [path for path in texts() if by_name.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_what_touches_the_library_knows_nothing_of_aerospike() -> None:
    below = {"_ffi", "_codec", "_native"}
    for path in (PACKAGE / "_native").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 2:
                names = (
                    {node.module.partition(".")[0]}
                    if node.module
                    else {alias.name for alias in node.names}
                )
                assert names <= below, f"{path.name} imports {names - below}"


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
    told, is_left_alone = result.stdout.splitlines()
    assert told in {
        "aerospike_py is in use in another interpreter of this process",
        # What Python says of modules that are not of the stable ABI, as of a free-threaded build.
        "module aerospike_py._ffi does not support loading in subinterpreters",
    }
    assert is_left_alone == "True"


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


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_function_explains_its_arguments(name: str) -> None:
    module = importlib.import_module(f"aerospike_py.{name}")
    functions = [getattr(module, each) for each in module.__all__]
    for function in filter(inspect.isfunction, functions):
        text = inspect.getdoc(function) or ""
        for argument in inspect.signature(function).parameters:
            explained = re.search(rf"^    \*?{argument}: \S", text, re.MULTILINE)
            assert explained, f"{function.__name__} does not explain {argument!r}"


@pytest.mark.parametrize("name", ["aerospike_py._ffi", "aerospike_py.devserver._ffi"])
def test_the_stub_of_a_library_has_the_names_that_it_has(name: str) -> None:
    stub = PACKAGE.parent / (name.replace(".", "/") + ".pyi")
    classes = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ClassDef)]
    (lib,) = [node.body for node in classes if node.name == "Lib"]
    told = {node.name for node in lib if isinstance(node, ast.FunctionDef)}
    told |= {node.target.id for node in lib if isinstance(node, ast.AnnAssign)}
    assert told == set(dir(importlib.import_module(name).lib))
