"""Builds the wheels of all platforms on this machine, and checks what is in them.

    python scripts/wheels.py                 # dist/*.whl for every platform, and the source archive
    python scripts/wheels.py --only musl     # those whose platform has "musl" in its name

Every wheel is built from the source archive, so that one is tried too. Checked is of each wheel:
its files; that its libraries are of its architecture and need nothing that the platform does not
promise (auditwheel, for Linux, which does not know musl's functions); that its extension keeps to
the limited API of Python 3.10 (abi3audit); that the macOS libraries are signed and find each other,
and the Windows ones need only Python, each other and the system. Needs the packages of the
dependency group `wheels`.
`scripts/try_wheels.py` then runs them.
"""

import argparse
import io
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

import pefile
from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
# What the wheel is called, and Zig's name of the platform.
TARGETS = {
    "manylinux_2_17_x86_64": "x86_64-linux-gnu.2.17",
    "manylinux_2_17_aarch64": "aarch64-linux-gnu.2.17",
    "musllinux_1_2_x86_64": "x86_64-linux-musl",
    "musllinux_1_2_aarch64": "aarch64-linux-musl",
    "macosx_11_0_x86_64": "x86_64-macos.11.0",
    "macosx_11_0_arm64": "aarch64-macos.11.0",
    "win_amd64": "x86_64-windows-gnu",
}
LIMITED_API = "cp310-abi3"
ELF_MACHINES = {62: "x86_64", 183: "aarch64"}
MACHO_MACHINES = {0x01000007: "x86_64", 0x0100000C: "arm64"}
PE_MACHINES = {0x8664: "amd64", 0xAA64: "arm64"}
MACHO_MAGIC = 0xFEEDFACF
LC_CODE_SIGNATURE = 0x1D
LC_RPATH = 0x8000001C
BUILD_ONLY = (".c", ".zig", ".o", ".lib", ".pyc", "_ffi_build.py")
# Of the source archive: what who packages it for a system, or mends it, needs.
OF_THE_SOURCE = (
    "tests/run.py",
    "tests/conftest.py",
    "docs/index.md",
    "examples/quickstart.py",
    "native/build.zig",
    "aerospike_py/_ffi_build.py",
    "LICENSE",
)
# What every Windows 10 has.
WINDOWS_LIBRARIES = {"kernel32.dll", "ntdll.dll", "ws2_32.dll", "advapi32.dll"}
WINDOWS_RUNTIME = "api-ms-win-crt-"
HOOK = "from setuptools import build_meta; import sys; build_meta.{}(sys.argv[1])"


# The names that the C library of musl goes by: the linker's, and the one that systems have.
MUSL = {"x86_64": "libc.musl-x86_64.so.1", "aarch64": "libc.musl-aarch64.so.1"}
# What musl 1.2.0 has not, of what programs for Linux use (its WHATSNEW).
MUSL_LATER = {"statx", "preadv2", "pwritev2", "qsort_r", "_Fork", "tcgetwinsize", "gettid"}


class CheckError(Exception):
    """A wheel is not what it should be."""


def run_hook(hook: str, source: Path, output: Path, target: str = "") -> str:
    """Runs a build hook in the folder of the source; returns the name of the file it made."""
    before = set(output.iterdir())
    run = subprocess.run(
        [sys.executable, "-c", HOOK.format(hook), str(output)],
        cwd=source,
        env={**os.environ, **({"AEROSPIKE_PY_TARGET": target} if target else {})},
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise SystemExit(f"{run.stdout}{run.stderr}\n{hook} failed ({target or 'source'})")
    (made,) = {path for path in set(output.iterdir()) - before if path.is_file()}
    return made.name


def build_wheel(archive: Path, target: str) -> Path:
    """Builds one wheel from the source archive, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
        (source,) = Path(folder).iterdir()
        made = source / "made"
        made.mkdir()
        name = run_hook("build_wheel", source, made, target)
        if "musl" in target:
            name_musl(made / name, target.partition("-")[0])
        return Path(shutil.move(made / name, DIST / name))


def name_musl(wheel: Path, architecture: str) -> None:
    """Names the C library as systems with musl do; Zig's linker calls it libc.so."""
    with tempfile.TemporaryDirectory(dir=wheel.parent) as folder:
        run_tool("wheel", "unpack", str(wheel), "--dest", folder)
        (unpacked,) = Path(folder).iterdir()
        for library in unpacked.rglob("*.so"):
            run_tool("patchelf", "--replace-needed", "libc.so", MUSL[architecture], str(library))
        wheel.unlink()
        run_tool("wheel", "pack", str(unpacked), "--dest-dir", str(wheel.parent))


def check_files(wheel: Path, libraries: dict[str, bytes]) -> None:
    """The wheel has the package, its libraries, the header, the marker of types, the licence."""
    names = set(zipfile.ZipFile(wheel).namelist())
    extension = "abi3.so"
    library = "lib{}.so"
    if "macosx" in wheel.name:
        library = "lib{}.dylib"
    elif "win_" in wheel.name:
        library = "{}.dll"
        extension = "pyd"
    names_of_extensions = ("_ffi", "_codec", "devserver/_ffi")
    binaries = {f"aerospike_py/{name}.{extension}" for name in names_of_extensions}
    binaries.add("aerospike_py/" + library.format("aerospike_zig"))
    binaries.add("aerospike_py/devserver/" + library.format("aerospike_devserver"))
    wanted = {
        *binaries,
        "aerospike_py/__init__.py",
        "aerospike_py/include/aerospike_zig.h",
        "aerospike_py/pkgconfig/aerospike_zig.pc",
        "aerospike_py/cmake/aerospike_zig-config.cmake",
        "aerospike_py/devserver/include/aerospike_devserver.h",
        "aerospike_py/py.typed",
        "aerospike_py/_ffi.pyi",
        "aerospike_py/devserver/_ffi.pyi",
        "pytest_aerospike_py.py",
    }
    if missing := wanted - names:
        raise CheckError(f"without {sorted(missing)}")
    if not any(name.endswith("LICENSE") for name in names):
        raise CheckError("without the licence")
    if foreign := [name for name in names if name.endswith(BUILD_ONLY)]:
        raise CheckError(f"with {foreign}")
    if set(libraries) != binaries:
        raise CheckError(f"with the libraries {sorted(libraries)}")
    if LIMITED_API not in wheel.name:
        raise CheckError("not tagged for the limited API")


def check_source(archive: Path) -> None:
    """The source archive has what builds and tests the package, and nothing that is built."""
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    if missing := set(OF_THE_SOURCE) - names:
        raise CheckError(f"without {sorted(missing)}")
    left = (".so", ".dll", ".pyd", ".pyc", "_ffi.c")
    if made := [name for name in names if name.endswith(left) or "_cache/" in name]:
        raise CheckError(f"with {made[:5]}")


def check_machine(name: str, data: bytes, platform: str) -> None:
    """The library is of the architecture that the wheel's name tells."""
    if "macosx" in platform:
        magic, machine = struct.unpack_from("<II", data)
        found = MACHO_MACHINES.get(machine) if magic == MACHO_MAGIC else None
    elif "win_" in platform:
        found = PE_MACHINES.get(pefile.PE(data=data, fast_load=True).FILE_HEADER.Machine)
    else:
        found = ELF_MACHINES.get(struct.unpack_from("<H", data, 18)[0])
        found = found if data.startswith(b"\x7fELF") else None
    if found is None or not platform.endswith(found):
        raise CheckError(f"{name} is for {found or 'no known machine'}")


def check_macho(name: str, data: bytes) -> None:
    """Signed, as Apple's processors demand, and with a run path where one is needed."""
    count = struct.unpack_from("<I", data, 16)[0]
    offset = 32
    commands = set()
    for _ in range(count):
        command, size = struct.unpack_from("<II", data, offset)
        commands.add(command)
        offset += size
    if "arm64" in name and LC_CODE_SIGNATURE not in commands:
        raise CheckError(f"{name} is not signed")
    if name.endswith("_ffi.abi3.so") and LC_RPATH not in commands:
        raise CheckError(f"{name} has no run path to the library beside it")


def check_imports(name: str, data: bytes, own: set[str]) -> None:
    """A library for Windows needs the system, Python's stable ABI, and what is in the wheel."""
    imports = {each.dll.decode().lower() for each in pefile.PE(data=data).DIRECTORY_ENTRY_IMPORT}
    imports = {each for each in imports if not each.startswith(WINDOWS_RUNTIME)}
    if foreign := imports - WINDOWS_LIBRARIES - {"python3.dll"} - own:
        raise CheckError(f"{name} needs {sorted(foreign)}")


def check_musl(name: str, data: bytes) -> None:
    """The oldest musl that the platform promises has all functions that are left to it."""
    symbols = ELFFile(io.BytesIO(data)).get_section_by_name(".dynsym").iter_symbols()
    imported = {each.name for each in symbols if each["st_shndx"] == "SHN_UNDEF"}
    if later := sorted(imported & MUSL_LATER):
        raise CheckError(f"{name} needs {later}, which musl 1.2.0 has not")


def run_tool(*command: str) -> str:
    """Runs a checking tool of this environment."""
    tool = Path(sys.executable).parent / command[0]
    environment = {**os.environ, "PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}"}
    run = subprocess.run([tool, *command[1:]], capture_output=True, text=True, env=environment)
    output = run.stdout + run.stderr
    if run.returncode:
        raise CheckError(output.strip())
    return " ".join(output.split())


def check(wheel: Path) -> None:
    """Everything that can be told without running the wheel."""
    platform = wheel.stem.rpartition("-")[2]
    with zipfile.ZipFile(wheel) as archive:
        libraries = {
            name: archive.read(name)
            for name in archive.namelist()
            if name.endswith((".so", ".dylib", ".dll", ".pyd"))
        }
    check_files(wheel, libraries)
    for name, data in libraries.items():
        check_machine(name, data, platform)
        if "macosx" in platform:
            check_macho(f"{platform}/{name}", data)
        if "musl" in platform:
            check_musl(f"{platform}/{name}", data)
        if "win_" in platform:
            check_imports(name, data, {Path(each).name for each in libraries})
    run_tool("abi3audit", "--strict", str(wheel))
    if "linux" in platform:
        shown = run_tool("auditwheel", "show", str(wheel))
        if f'platform tag: "{platform}"' not in shown:
            raise CheckError(shown)


def library_bytes(wheel: Path) -> int:
    """The size of the core in the wheel, uncompressed."""
    with zipfile.ZipFile(wheel) as archive:
        return sum(
            each.file_size
            for each in archive.infolist()
            if "aerospike_zig." in each.filename and not each.filename.endswith((".h", ".pc"))
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="only platforms with this in their name")
    options = parser.parse_args()
    chosen = {tag: target for tag, target in TARGETS.items() if options.only in tag}
    if not chosen:
        raise SystemExit(f"--only {options.only}: none of {', '.join(TARGETS)}")
    DIST.mkdir(exist_ok=True)
    for old in [*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")]:
        old.unlink()
    archive = DIST / run_hook("build_sdist", ROOT, DIST)
    check_source(archive)
    print(f"{archive.name}  {archive.stat().st_size / 1024:.0f} KiB\n")
    print(f"{'platform':<24} {'wheel':>9} {'core':>9}  checks")
    failed = 0
    for tag, target in chosen.items():
        begin_s = time.monotonic()
        wheel = build_wheel(archive, target)
        try:
            check(wheel)
            verdict = "passed"
        except CheckError as error:
            verdict = f"FAILED: {error}"
            failed += 1
        sizes = f"{wheel.stat().st_size / 1024:5.0f} KiB {library_bytes(wheel) / 1024:5.0f} KiB"
        print(f"{tag:<24} {sizes}  {verdict} in {time.monotonic() - begin_s:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
