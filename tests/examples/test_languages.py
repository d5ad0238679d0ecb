"""The programs in other languages, where the language is installed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aerospike_py
from aerospike_py.devserver import DevCluster

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ROOT / "examples" / "languages"
PACKAGE = Path(aerospike_py.__file__).parent
LIBRARY = PACKAGE / "libaerospike_zig.so"
HEADER = PACKAGE / "include" / "aerospike_zig.h"


def run(*command: str | Path, **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def secured(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[DevCluster, dict[str, str]]]:
    """A cluster that only speaks TLS, and the environment of a program that is to connect to it."""
    with DevCluster(nodes=1, tls=True) as cluster:
        authority = tmp_path_factory.mktemp("tls") / "ca.pem"
        authority.write_bytes(cluster.authority.pem)
        told = {"AEROSPIKE_CAFILE": str(authority), "AEROSPIKE_TLS_NAME": "node.dev"}
        yield cluster, {**os.environ, **told}


@pytest.mark.timeout(180)
def test_c(server: Any, secured: Any, set_name: str, tmp_path: Path) -> None:
    host, port = server.hosts[0]
    program = tmp_path / "in_flight"
    warnings = [
        "-std=c99",
        "-D_POSIX_C_SOURCE=200809L",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
    ]
    source = LANGUAGES / "c" / "in_flight.c"
    run(
        *(sys.executable, "-m", "ziglang", "cc", *warnings, source),
        *("-I", HEADER.parent, LIBRARY, f"-Wl,-rpath,{PACKAGE}", "-o", program),
    )
    cluster, environment = secured
    for arguments, options in (
        ((host, str(port), f"{set_name}_c"), {}),
        (("127.0.0.1", str(cluster.port)), {"env": environment}),
    ):
        assert run(program, *arguments, **options).splitlines() == [
            "put: 1000 of 1000",
            "batch: 1000 found, sum 499500",
            "remove: 1000 of 1000",
        ]


@pytest.mark.timeout(180)
@pytest.mark.skipif(not shutil.which("cargo"), reason="needs Rust")
def test_rust(server: Any, secured: Any, set_name: str, tmp_path: Path) -> None:
    host, port = server.hosts[0]
    cluster, environment = secured
    for arguments, told in (
        ((host, str(port), f"{set_name}_rust"), os.environ),
        (("127.0.0.1", str(cluster.port)), environment),
    ):
        output = run(
            *("cargo", "run", "--quiet", "--offline", "--target-dir", tmp_path, "--", *arguments),
            cwd=LANGUAGES / "rust",
            env={**told, "AEROSPIKE_ZIG_LIB": str(PACKAGE)},
        )
        assert output.splitlines() == [
            "get: Alice 30, generation 1",
            "all as it was written: true",
            'a wrong type: -1: Text("Alice") is no i64',
            "at once: 1000 written",
            "batch: 1001 rows, sum 499500, last not found: true",
            "at once: 1001 removed",
            "remove again: 2: record not found",
        ]


def node_modules() -> Path | None:
    """Where koffi was installed with npm: beside the example, or where NODE_MODULES says."""
    for folder in (os.environ.get("NODE_MODULES"), LANGUAGES / "node" / "node_modules"):
        if folder and (Path(folder) / "koffi").exists():
            return Path(folder)
    return None


@pytest.mark.skipif(
    not shutil.which("node") or node_modules() is None,
    reason="needs Node.js, and `npm install` in examples/languages/node",
)
def test_node(server: Any, secured: Any, set_name: str, tmp_path: Path) -> None:
    host, port = server.hosts[0]
    cluster, environment = secured
    for name in ("aerospike.mjs", "values.mjs", "demo.mjs"):
        shutil.copy(LANGUAGES / "node" / name, tmp_path)
    modules = node_modules()
    assert modules is not None
    (tmp_path / "node_modules").symlink_to(modules)
    large = "{ above: 9007199254740993n, least: -9223372036854775808n, exact: 1099511627776 }"
    for arguments, options in (
        ((host, str(port), f"{set_name}_node"), {}),
        (("127.0.0.1", str(cluster.port)), {"env": environment}),
    ):
        output = run("node", "demo.mjs", LIBRARY, HEADER, *arguments, cwd=tmp_path, **options)
        assert 'get: {"name":"Alice","age":30,"tags":["a",{"b":null}]}' in output
        assert f"large: {large}" in output.replace("\n ", "").replace("\n}", " }")
        assert "batch: 1001 rows, sum 499500 last null" in output
        assert "get again: 2 " in output


@pytest.mark.timeout(180)
@pytest.mark.skipif(not shutil.which("go"), reason="needs Go")
def test_go(server: Any, secured: Any, set_name: str) -> None:
    host, port = server.hosts[0]
    cluster, told = secured
    environment = {
        "CC": f"{sys.executable} -m ziglang cc",
        "CGO_ENABLED": "1",
        "CGO_CFLAGS": f"-I{HEADER.parent}",
        "CGO_LDFLAGS": f"-L{PACKAGE} -Wl,-rpath,{PACKAGE}",
        # What is compiled of the language itself takes the longest, and stays.
        "GOCACHE": str(ROOT / "build" / "go-cache"),
        "GOPROXY": "off",
    }
    run("go", "vet", "./...", cwd=LANGUAGES / "go", env={**os.environ, **environment})
    for arguments, outer in (
        ((host, str(port), f"{set_name}_go"), os.environ),
        (("127.0.0.1", str(cluster.port)), told),
    ):
        output = run(
            *("go", "run", "./cmd/demo", *arguments),
            cwd=LANGUAGES / "go",
            env={**outer, **environment},
        )
        assert output.splitlines() == [
            'get: Alice 30 [a map[1:[0 255] b:<nil>]] {"type": "Point", "coordinates": [1.0, 2.0]}',
            "at once: 1000 written",
            "batch: 1001 rows, sum 499500, last 2: record not found",
            "cancelled: context canceled",
            "at once: 1001 removed",
            "get again: 2: record not found true",
        ]


@pytest.mark.timeout(180)
@pytest.mark.skipif(not shutil.which("pkg-config"), reason="needs pkg-config")
def test_pkg_config(tmp_path: Path) -> None:
    environment = {**os.environ, "PKG_CONFIG_PATH": str(PACKAGE / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "aerospike_zig", env=environment).split()
    version = run("pkg-config", "--modversion", "aerospike_zig", env=environment).strip()
    assert version == aerospike_py.__version__
    program = tmp_path / "hello"
    source = ROOT / "examples" / "hello.c"
    run(sys.executable, "-m", "ziglang", "cc", source, *flags, "-o", program)
    done = subprocess.run([program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, f"usage: {program} HOST PORT [SET]\n")


@pytest.mark.timeout(180)
@pytest.mark.skipif(
    not shutil.which("cmake") or not shutil.which("cc"), reason="needs CMake and a compiler"
)
def test_cmake(server: Any, set_name: str, tmp_path: Path) -> None:
    host, port = server.hosts[0]
    source = LANGUAGES / "c"
    run("cmake", "-S", source, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={PACKAGE}")
    run("cmake", "--build", tmp_path)
    output = run(tmp_path / "hello", host, str(port), f"{set_name}_cmake")
    assert output.startswith("put: ok\n")
