"""Type checkers in their strictest mode accept a program that uses the whole API.

The same program is checked with the asynchronous client: what is awaited there is put in by rule.
"""

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import aerospike_py
from aerospike_py import async_query, query
from aerospike_py.batch import BatchRecord
from aerospike_py.devserver import DevCluster

SAMPLE = Path(__file__).parent / "sample.py"
OPERATIONS = Path(__file__).parent / "sample_operations.py"
PACKAGE = Path(aerospike_py.__file__).parents[1]
NOT_AWAITED = {"is_connected", "query", "background_job", "batch_stream"}
AWAITED_OF_OTHERS = {
    "results",
    "foreach",
    "to_numpy",
    "operate_background",
    "apply_background",
    "wait",
    "status",
    "abort",
    "aggregate",
    "explain",
    "close",
}
RENAMED = {
    "Client": "AsyncClient",
    "Query": "AsyncQuery",
    "Records": "AsyncRecords",
    "ArrowStream": "AsyncArrowStream",
    "BackgroundJob": "AsyncBackgroundJob",
    "BatchStream": "AsyncBatchStream",
}


CONSTANTS = [name for name in aerospike_py.__all__ if name.isupper()]


class Awaiting(ast.NodeTransformer):
    """Makes the program of the synchronous client one of the asynchronous client."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        return ast.AsyncFunctionDef(**vars(node)) if node.args.args else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Attribute(value=ast.Name("client"), attr=name) if name not in NOT_AWAITED:
                return ast.Await(node)
            case ast.Attribute(ast.Name("stream"), "read_all" | "to_polars" | "to_pandas"):
                return ast.Await(node)
            case ast.Attribute(ast.Name("columns" | "table")):
                return node
            case ast.Attribute(attr=name) if name in AWAITED_OF_OTHERS:
                return ast.Await(node)
            case ast.Name("next"):
                return ast.Await(ast.Call(ast.Name("anext"), node.args, []))
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        match node.iter:
            case ast.Name("query") | ast.Call(ast.Attribute(attr="numpy_chunks")):
                return ast.AsyncFor(**vars(node))
        return node

    def visit_With(self, node: ast.With) -> ast.AST:
        self.generic_visit(node)
        match node.items[0].context_expr:
            case ast.Call(ast.Name("DevCluster" | "RemoteCluster")):
                return node
        return ast.AsyncWith(**vars(node))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(RENAMED.get(node.id, node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        return ast.Attribute(node.value, RENAMED.get(node.attr, node.attr))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        self.generic_visit(node)
        if node.module == "aerospike_py.query":
            node.module = "aerospike_py.async_query"
        return node

    def visit_alias(self, node: ast.alias) -> ast.AST:
        return ast.alias(RENAMED.get(node.name, node.name), node.asname)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The program with either client, away from the package's own files."""
    folder = tmp_path_factory.mktemp("typing")
    source = SAMPLE.read_text()
    (folder / "sample.py").write_text(source)
    tree = ast.fix_missing_locations(Awaiting().visit(ast.parse(source)))
    (folder / "async_sample.py").write_text(ast.unparse(tree))
    assert "await client.get(KEY, READ)" in (folder / "async_sample.py").read_text()
    (folder / "sample_operations.py").write_text(OPERATIONS.read_text())
    (folder / "constants.py").write_text(of_constants())
    return sorted(folder.glob("*.py"))


def of_constants() -> str:
    """A program that needs the type of every constant to be its value."""
    constants = {name: getattr(aerospike_py, name) for name in CONSTANTS}
    return "\n".join(
        [
            "from typing import Literal",
            "from typing_extensions import assert_type",
            "import aerospike_py",
            *(
                f"assert_type(aerospike_py.{name}, Literal[{value}])"
                for name, value in constants.items()
            ),
        ]
    )


def run(*command: str | Path, cwd: Path) -> None:
    environment = {**os.environ, "MYPYPATH": str(PACKAGE), "PYTHONPATH": str(PACKAGE)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def check_with_mypy(programs: list[Path]) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10"]
    cache = PACKAGE / ".mypy_cache" / "programs"
    run(*command, "--cache-dir", cache, *programs, cwd=programs[0].parent)


@pytest.mark.timeout(180)
def test_mypy(programs: list[Path]) -> None:
    check_with_mypy(programs)


def pyright_or_skip() -> str:
    pyright = shutil.which("pyright", path=Path(sys.executable).parent)
    if not pyright or subprocess.run([pyright, "--version"], capture_output=True).returncode:
        pytest.skip("pyright does not start: it needs Node.js")
    return pyright


@pytest.mark.timeout(180)
def test_pyright(programs: list[Path]) -> None:
    pyright = pyright_or_skip()
    settings = programs[0].parent / "pyrightconfig.json"
    settings.write_text(
        '{"typeCheckingMode": "strict", "pythonVersion": "3.11", '
        f'"extraPaths": ["{PACKAGE}"], "reportUnknownMemberType": false}}'
    )
    run(pyright, "--pythonpath", sys.executable, *programs, cwd=programs[0].parent)


@pytest.mark.timeout(180)
def test_all_types_are_known(tmp_path: Path) -> None:
    """To a type checker that infers nothing; what is of other packages, it does not look up."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    command = [pyright_or_skip(), "--pythonpath", sys.executable, "--outputjson"]
    command += ["--verifytypes", "aerospike_py", "--ignoreexternal"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    symbols = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    of_others = (
        "aerospike_py.tracing.",
        "aerospike_py.instrumentation.",
        "aerospike_py.frameworks.",
    )
    unknown = {
        each["name"]: [diagnostic["message"] for diagnostic in each["diagnostics"]]
        for each in symbols
        if each["isTypeAmbiguous"] or not each["isTypeKnown"]
        if not each["name"].startswith(of_others)
    }
    assert len(symbols) > 1000
    assert unknown == {}


class Used(ast.NodeVisitor):
    """What programs use of the package: whole names, and attributes of whatever it is."""

    def __init__(self, programs: list[Path]) -> None:
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        for program in programs:
            self._modules: dict[str, str] = {}
            self.visit(ast.parse(program.read_text()))

    def visit_Import(self, node: ast.Import) -> None:
        self._modules |= {alias.asname or alias.name: alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.names.add(f"{node.module}.{alias.name}")
            self._modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        self.attributes.add(node.attr)
        match node.value:
            case ast.Name(name) if name in self._modules:
                self.names.add(f"{self._modules[name]}.{node.attr}")


@pytest.fixture(scope="module")
def used(programs: list[Path]) -> Used:
    return Used(programs)


def public(module: ModuleType) -> set[str]:
    """What the module says is public, or else what it defines under a name without underscore."""
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    # The constants are in a program of their own.
    return {f"{module.__name__}.{name}" for name in names if not name.isupper()}


MODULES = [
    "arrow",
    "async_query",
    "batch",
    "bit_operations",
    "cdt_ctx",
    "devserver",
    "exp",
    "exp_operations",
    "hll_operations",
    "string_operations",
    "list_operations",
    "map_operations",
    "metrics",
    "numpy_batch",
    "objects",
    "predicates",
    "query",
    "tracing",
    "types",
]


@pytest.mark.parametrize("module", MODULES)
def test_the_programs_use_every_name_of_a_module(module: str, used: Used) -> None:
    assert public(importlib.import_module(f"aerospike_py.{module}")) - used.names == set()


def test_the_programs_use_every_name_of_the_package(used: Used) -> None:
    # Some are the names of other modules, and may have been taken from there.
    last_parts = {name.rpartition(".")[2] for name in used.names}
    modules_used = {part for name in used.names for part in name.split(".")}
    assert set(aerospike_py.__all__) - last_parts - modules_used == set()


@pytest.mark.parametrize(
    "kind",
    [
        aerospike_py.Client,
        aerospike_py.AsyncClient,
        query.Query,
        async_query.AsyncQuery,
        query.Records,
        async_query.AsyncRecords,
        query.BatchStream,
        async_query.AsyncBatchStream,
        query.ArrowStream,
        async_query.AsyncArrowStream,
        aerospike_py.ArrowBatch,
        aerospike_py.ArrowTable,
        query.BackgroundJob,
        async_query.AsyncBackgroundJob,
        BatchRecord,
        aerospike_py.NumpyBatchRecords,
        aerospike_py.GeoJSON,
        DevCluster,
    ],
)
def test_the_programs_use_every_method(kind: type, used: Used) -> None:
    methods = {name for name in dir(kind) if not name.startswith("_")}
    assert methods - used.attributes == set()


def test_the_operations_are_as_they_should_be() -> None:
    run(sys.executable, OPERATIONS, cwd=OPERATIONS.parent)


MISUSES = {
    'client.get(("test", "demo", "k"), {"total_timeot": 1})': "ReadPolicy",
    'lop.list_append("l", 1, {"write_flag": 1})': "ListPolicy",
    'client.exists(("test", "demo", "k")).meta.gen': "union-attr",
    'client.batch_operate([("test", "demo", "k")], [])[0].bins["a"]': "index",
    'client.batch_write([(("test", "demo", "k"), {"a": 1}, {"tll": 1})])': "list-item",
    'aerospike_py.client({"hosts": ["a"], "cluster_nam": "c"})': "dict-item",
    'aerospike_py.Client({"hosts": ["a"], "policies": {"raed": {}}})': "dict-item",
    'aerospike_py.AsyncClient({"hosts": ["a"], "tls": {"c": "ca.pem"}})': "dict-item",
}
BEFORE = [
    "import aerospike_py",
    "from aerospike_py import list_operations as lop",
    'client = aerospike_py.client({"hosts": ["a"]})',
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a program with all misuses, one a line."""
    program = tmp_path_factory.mktemp("misuses") / "wrong.py"
    program.write_text("\n".join([*BEFORE, *MISUSES, ""]))
    with pytest.raises(AssertionError) as raised:
        check_with_mypy([program])
    return str(raised.value)


@pytest.mark.parametrize("misuse", MISUSES)
def test_a_misuse_is_found(misuse: str, told: str) -> None:
    line = len(BEFORE) + 1 + list(MISUSES).index(misuse)
    said = [each for each in told.splitlines() if f"wrong.py:{line}: " in each]
    assert any(": error: " in each for each in said), told
    assert any(MISUSES[misuse] in each for each in said), told


def test_a_wrong_argument_for_the_library_is_found(tmp_path: Path) -> None:
    program = tmp_path / "wrong.py"
    program.write_text(
        "from aerospike_py._ffi import ffi, lib\n"
        'result = ffi.new("asz_result *")\n'
        "lib.asz_key_digest(b'', 0, result.data, result)\n"
        "lib.asz_no_such_function()\n"
    )
    with pytest.raises(AssertionError) as raised:
        check_with_mypy([program])
    assert 'expected "asz_error"' in str(raised.value)
    assert '"asz_no_such_function"' in str(raised.value)
