"""Builds the libraries in Zig, then the extensions: a cffi module that links each, and the codec.

Nothing but Python is needed on the machine: the `ziglang` package compiles Zig and C. What is built
stays in `build/native/<target>` and `build/zig-cache`, so that a build with nothing changed only
copies files.

The environment variable AEROSPIKE_PY_TARGET, a target as Zig names it, builds a wheel for another
platform than this one, as scripts/wheels.py does: the limited API of Python is the same everywhere,
so this Python's headers serve, with a configuration of ours for Windows.

AEROSPIKE_PY_OPTIMIZE=debug builds the core in seconds, with stack traces, for who works on it;
it is several times slower.
"""

import hashlib
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = "aerospike_py"
ZIG = [sys.executable, "-m", "ziglang"]
HEADERS = ROOT / "native" / "include"
SOURCES = ROOT / "native" / "src"
CODEC = f"{PACKAGE}._codec"
IMPORT = re.compile(r'@(?:import|embedFile)\("([^"]+)"\)')
# A free-threaded Python has no stable ABI before 3.15: what is built is for its version alone.
IS_LIMITED_API = not sysconfig.get_config_var("Py_GIL_DISABLED")
CHOSEN = os.environ.get("AEROSPIKE_PY_TARGET", "")
OPTIMIZE = os.environ.get("AEROSPIKE_PY_OPTIMIZE") or "safe"
IS_DEBUG = OPTIMIZE == "debug"


def zig_target() -> str:
    """The target triple: explicit, so that the code runs on any CPU of the architecture."""
    if not IS_LIMITED_API and (CHOSEN or sys.platform == "win32"):
        raise SystemExit(
            f"{PACKAGE} builds for a free-threaded Python on Linux and macOS, and for the platform "
            "that it runs on: its headers and names differ from one to the other"
        )
    if CHOSEN:
        return CHOSEN
    machine = platform.machine()
    architecture = {"AMD64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if sys.platform == "darwin":
        oldest = os.environ.get("MACOSX_DEPLOYMENT_TARGET", "11.0")
        return f"{architecture}-macos.{oldest}"
    if sys.platform == "win32":
        return f"{architecture}-windows-gnu"
    if sys.platform != "linux":
        raise SystemExit(f"{PACKAGE} builds on Linux, macOS and Windows; this is {sys.platform}")
    if "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        return f"{architecture}-linux-musl"
    return f"{architecture}-linux-gnu.2.17"


def platform_tag(target: str) -> str:
    """What a wheel for the target is called."""
    architecture, system, *_ = target.split("-")
    if system == "linux" and target.endswith("-gnu.2.17"):
        return f"manylinux_2_17_{architecture}"
    if system == "linux" and target.endswith("-musl"):
        return f"musllinux_1_2_{architecture}"
    if system.startswith("macos."):
        oldest = system.removeprefix("macos.").replace(".", "_")
        return f"macosx_{oldest}_{architecture.replace('aarch64', 'arm64')}"
    if system == "windows":
        return {"x86_64": "win_amd64", "aarch64": "win_arm64"}[architecture]
    raise SystemExit(
        f"{PACKAGE} builds for linux-gnu.2.17, linux-musl, macos.N and windows-gnu, not {target}"
    )


TARGET = zig_target()
IS_MACOS = "-macos" in TARGET
IS_WINDOWS = "-windows" in TARGET
NATIVE = ROOT / "build" / "native" / TARGET


class Library(NamedTuple):
    """A shared library, which the extension of a package links, with its header."""

    name: str
    source: str

    @property
    def file(self) -> str:
        if IS_WINDOWS:
            return f"{self.name}.dll"
        return f"lib{self.name}.dylib" if IS_MACOS else f"lib{self.name}.so"

    @property
    def imports(self) -> Path:
        """For Windows: what links against it."""
        return NATIVE / f"{self.name}.lib"


CLIENT = Library("aerospike_zig", "root.zig")
# The local server, which a client does without.
DEVSERVER = Library("aerospike_devserver", "devserver_root.zig")
LIBRARIES = {f"{PACKAGE}._ffi": CLIENT, f"{PACKAGE}.devserver._ffi": DEVSERVER}


def sources_of(root: Path) -> "list[Path]":
    """The file and all that it imports or embeds, so that a change makes anew only what has it."""
    found = [root]
    for path in found:
        if path.suffix == ".zig":
            for name in IMPORT.findall(path.read_text(encoding="utf-8")):
                imported = (path.parent / name).resolve()
                if imported.is_file() and imported not in found:
                    found.append(imported)
    return sorted(found)


def source_fingerprint(source: Path, command: "list[str]") -> str:
    """A digest of all that an output is made from."""
    digest = hashlib.sha256("\0".join([version("ziglang"), *command]).encode())
    for path in sources_of(source):
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    for path in (Path(part) for part in command if part.endswith(".o")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def run(command: "list[str]") -> None:
    """Runs a compiler, which has said by itself what is wrong when it fails."""
    if status := subprocess.run(command).returncode:
        raise SystemExit(f"{Path(command[0]).name} {' '.join(command[1:4])}: exit status {status}")


def build(kind: str, source: str, output: Path, *options: str) -> Path:
    """Has zig make `output`, unless the last one was made from the same sources."""
    output.parent.mkdir(parents=True, exist_ok=True)
    stamp = output.with_suffix(".fingerprint")
    # What a module is built with goes before it.
    command = [
        kind,
        f"-O{OPTIMIZE}",
        *["-fstrip"] * (not IS_DEBUG),
        "-lc",
        "-target",
        TARGET,
        *options,
    ]
    command += [f"-Mroot={SOURCES / source}", f"-femit-bin={output}"]
    command += ["--cache-dir", str(ROOT / "build" / "zig-cache")]
    fingerprint = source_fingerprint(SOURCES / source, command)
    if output.exists() and stamp.exists() and stamp.read_text() == fingerprint:
        return output
    stamp.unlink(missing_ok=True)
    run([*ZIG, *command])
    stamp.write_text(fingerprint)
    return output


def build_library(library: Library) -> Path:
    """The shared library."""
    options = ["-dynamic", "--name", library.name]
    if IS_MACOS:
        options += ["-install_name", f"@rpath/{library.file}", "-headerpad_max_install_names"]
    if IS_WINDOWS:
        options += [f"-femit-implib={library.imports}"]
    if library == CLIENT and TARGET.startswith("x86_64-"):
        # One library for all processors: it asks the one that it runs on.
        output = NATIVE / "digest_avx2.o"
        pic = [] if IS_WINDOWS else ["-fPIC"]
        options += [str(build("build-obj", "digest_avx2.zig", output, "-mcpu=baseline+avx2", *pic))]
    return build("build-lib", library.source, NATIVE / library.file, *options)


def build_codec() -> Path:
    """The object file that the codec's extension is linked from."""
    options = ["-fPIC"] * (not IS_WINDOWS)
    root = "codec" if IS_LIMITED_API else "codec_free_threaded"
    return build("build-obj", f"{root}.zig", NATIVE / f"{root}.o", *options)


def undefined_symbols(data: bytes) -> "set[str]":
    """The names that an object file of Windows leaves to others."""
    table, count = struct.unpack_from("<II", data, 8)
    strings = table + 18 * count
    names = set()
    index = 0
    while index < count:
        symbol = data[table + 18 * index : table + 18 * index + 18]
        _, section, _, storage, auxiliaries = struct.unpack_from("<IhHBB", symbol, 8)
        index += 1 + auxiliaries
        if section or storage != 2:  # Of this file, or not a symbol that linkers look at.
            continue
        if symbol[:4] == bytes(4):
            start = strings + struct.unpack_from("<I", symbol, 4)[0]
            names.add(data[start : data.index(0, start)].decode())
        else:
            names.add(symbol[:8].rstrip(b"\0").decode())
    return names


def python_imports(objects: "list[Path]", output: Path) -> Path:
    """What links the objects against `python3.dll`: Python's own is only there on Windows."""
    symbols = set().union(*(undefined_symbols(each.read_bytes()) for each in objects))
    names = {name.removeprefix("__imp_") for name in symbols}
    names = {name for name in names if name.startswith(("Py", "_Py"))}
    definition = output.with_suffix(".def")
    definition.write_text("\n".join(["LIBRARY python3.dll", "EXPORTS", *sorted(names), ""]))
    machine = {"x86_64": "i386:x86-64", "aarch64": "arm64"}[TARGET.partition("-")[0]]
    command = ["dlltool", "-m", machine, "-d", str(definition), "-l", str(output)]
    run([*ZIG, *command])
    return output


def windows_headers() -> Path:
    """Python's headers, with the configuration of Windows."""
    own = Path(sysconfig.get_path("include"))
    if sys.platform == "win32":
        return own
    headers = ROOT / "build" / "windows-headers"
    shutil.copytree(own, headers, dirs_exist_ok=True)
    shutil.copy(SOURCES / "python" / "windows" / "pyconfig.h", headers)
    return headers


class BuildPy(build_py):
    """Leaves out what is for this build only."""

    def find_package_modules(self, package, package_dir):
        found = super().find_package_modules(package, package_dir)
        return [each for each in found if each[1] != "_ffi_build"]


class BuildExt(build_ext):
    """Compiles and links with zig, and puts library and header beside the extension."""

    def get_ext_filename(self, fullname):
        name = super().get_ext_filename(fullname)
        return f"{name.partition('.')[0]}.pyd" if IS_WINDOWS and IS_LIMITED_API else name

    def build_extension(self, ext):
        library = LIBRARIES.get(ext.name)
        if library:
            output = Path(self.get_ext_fullpath(ext.name)).resolve().parent
            self.place(library, build_library(library), output)
        if IS_WINDOWS:
            self.build_for_windows(ext)
            return
        compiler = " ".join([*ZIG, "cc", "-target", TARGET])
        strip = "" if IS_DEBUG else " -s"
        shared = "-dynamiclib -undefined dynamic_lookup" if IS_MACOS else f"-shared{strip}"
        self.compiler.set_executables(
            compiler_so=f"{compiler} -fPIC -O2 -DNDEBUG -fstack-protector-strong",
            compiler=compiler,
            linker_so=f"{compiler} {shared}",
        )
        # The library is given by its path: zig adds every -L directory to the run path.
        linked = output / library.file if library else build_codec()
        ext.extra_objects = [str(linked)]
        # Otherwise it is not linked anew when only the Zig sources have changed.
        ext.depends = [str(linked)]
        self.compiler.library_dirs.clear()
        self.library_dirs = []
        ext.library_dirs = []
        super().build_extension(ext)

    def build_for_windows(self, ext):
        """Without setuptools' compilers, which differ by where they run."""
        folder = NATIVE / ext.name
        folder.mkdir(parents=True, exist_ok=True)
        compiler = [*ZIG, "cc", "-target", TARGET, "-O2", "-fstack-protector-strong"]
        macros = [f"-D{name}" + (f"={value}" if value else "") for name, value in ext.define_macros]
        objects = []
        for source in ext.sources:
            compiled = folder / Path(source).with_suffix(".o").name
            options = ["-DNDEBUG", *macros, "-I", str(windows_headers())]
            run([*compiler, *options, "-c", source, "-o", str(compiled)])
            objects.append(compiled)
        others = []
        if ext.name in LIBRARIES:
            others.append(LIBRARIES[ext.name].imports)
        else:
            objects.append(build_codec())
        others.append(python_imports(objects, folder / "python3.lib"))
        linked = [str(each) for each in [*objects, *others]]
        # Not linked where it belongs: what would link against it is made beside it.
        extension = folder / "extension.pyd"
        run([*compiler, "-shared", "-s", *linked, "-o", str(extension)])
        self.copy_file(str(extension), self.get_ext_fullpath(ext.name))

    def copy_extensions_to_source(self):
        """For editable installs: setuptools itself copies only the extension."""
        super().copy_extensions_to_source()
        for extension, library in LIBRARIES.items():
            package = Path(*extension.split(".")[:-1])
            self.place(library, Path(self.build_lib) / package / library.file, ROOT / package)

    def place(self, library: Library, built: Path, package: Path) -> None:
        # A new file in place of the old one: a process that has the old one mapped keeps it.
        package.mkdir(parents=True, exist_ok=True)
        if built.resolve() != (package / library.file).resolve():
            (package / library.file).unlink(missing_ok=True)
            self.copy_file(str(built), str(package / library.file))
        (package / "include").mkdir(exist_ok=True)
        header = f"{library.name}.h"
        self.copy_file(str(HEADERS / header), str(package / "include" / header))


wheel_options = {}
if IS_LIMITED_API:
    wheel_options["py_limited_api"] = "cp310"
if CHOSEN or sys.platform in ("linux", "win32"):
    wheel_options["plat_name"] = platform_tag(TARGET)

codec = Extension(
    CODEC,
    ["native/src/python/module.c"],
    define_macros=[("Py_LIMITED_API", "0x030A0000")] if IS_LIMITED_API else [],
    py_limited_api=IS_LIMITED_API,
)

setup(
    ext_modules=[codec],
    cffi_modules=[
        f"{PACKAGE}/_ffi_build.py:{builder}" for builder in ("ffibuilder", "devserver_ffibuilder")
    ],
    cmdclass={"build_ext": BuildExt, "build_py": BuildPy},
    options={"bdist_wheel": wheel_options},
)
