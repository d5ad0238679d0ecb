"""Type checkers in their strictest mode accept a program that uses the whole API.

The same program is checked with the asynchronous client: what is awaited there is put in by rule.
"""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import aerospike_py
from aerospike_py.query import Query

SAMPLE = Path(__file__).parent / "sample.py"
PACKAGE = Path(aerospike_py.__file__).parents[1]
NOT_AWAITED = {"is_connected", "query", "background_job"}
AWAITED_OF_OTHERS = {
    "results",
    "foreach",
    "operate_background",
    "apply_background",
    "wait",
}
RENAMED = {"Client": "AsyncClient", "Query": "AsyncQuery"}


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
            case ast.Attribute(attr=name) if name in AWAITED_OF_OTHERS:
                return ast.Await(node)
            case ast.Name("next"):
                return ast.Await(ast.Call(ast.Name("anext"), node.args, []))
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        is_query = isinstance(node.iter, ast.Name) and node.iter.id == "query"
        return ast.AsyncFor(**vars(node)) if is_query else node

    def visit_With(self, node: ast.With) -> ast.AST:
        self.generic_visit(node)
        return ast.AsyncWith(**vars(node))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(RENAMED.get(node.id, node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        return ast.Attribute(node.value, RENAMED.get(node.attr, node.attr))

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
    return [folder / "sample.py", folder / "async_sample.py"]


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


@pytest.mark.timeout(180)
def test_pyright(programs: list[Path]) -> None:
    pyright = shutil.which("pyright", path=Path(sys.executable).parent)
    if not pyright or subprocess.run([pyright, "--version"], capture_output=True).returncode:
        pytest.skip("pyright does not start: it needs Node.js")
    settings = programs[0].parent / "pyrightconfig.json"
    settings.write_text(
        '{"typeCheckingMode": "strict", "pythonVersion": "3.11", '
        f'"extraPaths": ["{PACKAGE}"], "reportUnknownMemberType": false}}'
    )
    run(pyright, "--pythonpath", sys.executable, *programs, cwd=programs[0].parent)


@pytest.mark.parametrize("kind", [aerospike_py.Client, aerospike_py.AsyncClient, Query])
def test_the_program_uses_every_method(kind: type) -> None:
    source = SAMPLE.read_text()
    # The sample has no arrays: their types are NumPy's.
    arrays = {"to_numpy", "numpy_chunks"}
    methods = {name for name in dir(kind) if not name.startswith("_")} - arrays
    assert {name for name in methods if f".{name}" not in source} == set()


def test_a_misuse_is_found(tmp_path: Path) -> None:
    program = tmp_path / "wrong.py"
    program.write_text(
        "import aerospike_py\n"
        'client = aerospike_py.client({"hosts": ["a"]})\n'
        'client.get(("test", "demo", "k"), {"total_timeot": 1})\n'
    )
    with pytest.raises(AssertionError, match="ReadPolicy"):
        check_with_mypy([program])
