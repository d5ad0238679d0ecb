"""Installs the built wheels in clean environments and runs programs with them.

    python scripts/try_wheels.py                       # this machine's wheel, on all its Pythons
    python scripts/try_wheels.py --sysroot DIRECTORY   # the wheel of a system unpacked there
    python scripts/try_wheels.py --wine DIRECTORY      # the one for Windows, with a Python there

On this machine: for each CPython of 3.10 and later that is found, a new virtual environment with
the wheel and nothing else, and in it what a team does that tries the package: the program of
`make demo`, then all of the page "Quick start" of the documentation, from the first program over a
scrape of the metrics and a trace to a test with the pytest plugin.

A system in a folder is one of another architecture, or another Python, as `debootstrap` or
`dpkg-deb --extract` lay it out. Its programs run with its own loader and libraries, and with
`qemu-<architecture>-static` where the processor is a different one (--qemu says where that is); the
same is done with them.

A Python for Windows in a folder is the embeddable package of python.org, unpacked; `wine` runs it.
"""

import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
QUICKSTART = ROOT / "examples" / "quickstart.py"
ELF_MACHINES = {62: "x86_64", 183: "aarch64"}
PAGE = ROOT / "docs" / "quick-start.md"
# The programs of the page one after the other, with a cluster where it says that one listens.
PROGRAMS = """
import sys
from pathlib import Path
from aerospike_py.devserver import DevCluster

names = {}
with DevCluster(nodes=3) as cluster:
    exec("import aerospike_py", names)
    for page in sorted(Path().glob("block_*.py")):
        exec(page.read_text().replace("18710", str(cluster.port)), names)
    from aerospike_py._cli import main
    assert main(["ping", "--hosts", f"127.0.0.1:{cluster.port}"]) == 0
assert 'db_operation_name="put"' in names["scrape"]
assert 'aerospike_client_node_active' in names["scrape"]
assert [span.name for span in names["collected"].get_finished_spans()] == ["GET test.demo"]
"""
ON_WINDOWS = """
import asyncio
import aerospike_py
from aerospike_py.devserver import DevCluster

async def main():
    async with aerospike_py.AsyncClient({"hosts": cluster.hosts}) as client:
        await client.connect()
        keys = [("test", "demo", number) for number in range(50)]
        await asyncio.gather(*(client.put(key, {"n": key[2]}) for key in keys))
        records = await asyncio.gather(*(client.get(key) for key in keys))
        assert [record.bins["n"] for record in records] == list(range(50))
    print(type(asyncio.get_running_loop()).__name__)

with DevCluster(nodes=2) as cluster:
    asyncio.SelectorEventLoop().run_until_complete(main())
    asyncio.run(main())
"""
VERSION = "import sys, platform; print(sys.version.split()[0], platform.machine())"


def run(*command: str | Path, cwd: Path | None = None, **variables: str) -> str:
    """Runs a program, without this environment's variables; returns what it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    clean.pop("VIRTUAL_ENV", None)
    clean.update(variables)
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def wheel_for(platform: str) -> Path:
    for wheel in DIST.glob(f"aerospike_py-*{platform}.whl"):
        return wheel
    raise SystemExit(f"{DIST} has no wheel for {platform}; make wheels builds it")


def pythons() -> Iterator[str]:
    """The Pythons of this machine, one of each minor version."""
    places = [Path(each) for each in os.environ["PATH"].split(os.pathsep)]
    places += sorted(Path.home().glob(".pyenv/versions/*/bin"))
    seen: set[str] = set()
    for place in places:
        for program in sorted(place.glob("python3.*")):
            match = re.fullmatch(r"python3\.(\d+)", program.name)
            if not match or int(match[1]) < 10 or match[1] in seen:
                continue
            probe = [program, "-c", "import venv, ensurepip"]
            if subprocess.run(probe, capture_output=True).returncode == 0:
                seen.add(match[1])
                yield str(program)


def lay_out_page(folder: Path) -> None:
    """The programs of the page as files, and its tests as one."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    tests = [block for block in blocks if re.search(r"^def test_", block, re.MULTILINE)]
    assert tests, "the page shows no test"
    (folder / "test_shown.py").write_text("\n\n".join(tests))
    for number, block in enumerate(block for block in blocks if block not in tests):
        (folder / f"block_{number:02}.py").write_text(block)


def follow_page(folder: Path, *python: str | Path, **variables: str) -> None:
    """Does all that the page shows, with a Python that has the wheel and pytest."""
    lay_out_page(folder)
    run(*python, "-c", PROGRAMS, cwd=folder, **variables)
    run(*python, "-m", "pytest", "-q", "test_shown.py", cwd=folder, **variables)
    print(f"passed on {run(*python, '-c', VERSION, **variables).strip()}", flush=True)


def try_natively(wheel: Path) -> None:
    """The wheel on every Python of this machine."""
    for python in pythons():
        with tempfile.TemporaryDirectory() as folder:
            environment = Path(folder) / "venv"
            run(python, "-m", "venv", environment)
            program = environment / "bin" / "python"
            run(program, "-m", "pip", "install", "--quiet", f"{wheel}[tracing]")
            run(environment / "bin" / "aerospike-py", "--help")
            output = run(program, QUICKSTART, cwd=Path(folder))
            assert output.endswith("All done.\n"), output
            run(program, "-m", "pip", "install", "--quiet", "pytest")
            follow_page(Path(folder), program)


def install_for(minor: str, platforms: list[str], folder: str, *packages: str) -> None:
    """Installs packages and what they need, by the pip of this Python, for another one."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder]
    pip += ["--only-binary", ":all:", "--python-version", f"3.{minor}"]
    pip += ["--implementation", "cp", "--abi", f"cp3{minor}", "--abi", "abi3", "--abi", "none"]
    for platform in platforms:
        pip += ["--platform", platform]
    run(*pip, *packages)


def try_with_wine(windows_python: Path) -> None:
    """The wheel for Windows with an embeddable Python: both of asyncio's loops, the quickstart."""
    (library,) = windows_python.glob("python3[0-9]*.dll")
    with tempfile.TemporaryDirectory() as folder:
        minor = library.stem.removeprefix("python3")
        install_for(minor, ["win_amd64"], folder, str(wheel_for("win_amd64")))
        (Path(folder) / "shown.py").write_text(ON_WINDOWS)
        shutil.copy(QUICKSTART, folder)
        for program, last in (("shown.py", "ProactorEventLoop"), ("quickstart.py", "All done.")):
            # The embeddable Python looks into no folder but its own.
            start = f"import runpy, sys; sys.path.insert(0, '.'); runpy.run_path({program!r}, "
            start += "run_name='__main__')"
            python = str(windows_python / "python.exe")
            output = run("wine", python, "-c", start, cwd=Path(folder), WINEDEBUG="-all")
            assert output.rstrip().endswith(last), output
        output = run("wine", python, "-c", VERSION, cwd=Path(folder), WINEDEBUG="-all")
        print(f"passed on Windows (wine), {output.strip()}", flush=True)


def try_in(sysroot: Path, qemu: str) -> None:
    """The wheel with the Python of an unpacked system."""
    candidates = sorted(sysroot.glob("usr/bin/python3.*"))
    python = next(each for each in candidates if re.fullmatch(r"python3\.\d+", each.name))
    architecture = ELF_MACHINES[struct.unpack_from("<H", python.read_bytes(), 18)[0]]
    loader = next(sysroot.rglob("ld-linux*.so.*")).resolve()
    libraries = [sysroot / place / f"{architecture}-linux-gnu" for place in ("usr/lib", "lib")]
    emulator = [] if architecture == os.uname().machine else [qemu.format(architecture)]
    if emulator and not shutil.which(emulator[0]):
        raise SystemExit(f"{emulator[0]} is not there")
    launch = [*emulator, str(loader), "--library-path", ":".join(map(str, libraries))]
    launch += [str(python)]
    minor = python.name.removeprefix("python3.")
    with tempfile.TemporaryDirectory() as folder:
        systems = ("manylinux_2_17", "manylinux2014", "manylinux_2_28", "manylinux_2_34")
        platforms = [f"{system}_{architecture}" for system in systems]
        wheel = wheel_for(f"manylinux*_{architecture}")
        install_for(minor, platforms, folder, f"{wheel}[tracing]", "pytest")
        home = {"PYTHONHOME": str(sysroot / "usr"), "PYTHONPATH": folder}
        output = run(*launch, QUICKSTART, cwd=Path(folder), **home)
        assert output.endswith("All done.\n"), output
        follow_page(Path(folder), *launch, **home)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sysroot", type=Path, help="an unpacked system with a Python")
    parser.add_argument("--wine", type=Path, help="an unpacked embeddable Python for Windows")
    parser.add_argument("--qemu", default="qemu-{}-static", help="the emulator's path")
    options = parser.parse_args()
    if options.sysroot:
        try_in(options.sysroot, options.qemu)
    elif options.wine:
        try_with_wine(options.wine)
    else:
        try_natively(wheel_for(f"manylinux*_{os.uname().machine}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
