"""Builds the Zig core, then the cffi extension that links it, both with the `ziglang` package.

Nothing but Python is needed on the machine: `python -m ziglang` compiles Zig and C. What is built
stays in `build/native/<target>` and `build/zig-cache`, so that a build with nothing changed only
copies files.

The environment variable AEROSPIKE_PY_TARGET, a target as Zig names it, builds a wheel for another
platform than this one, as scripts/wheels.py does: the limited API of Python is the same everywhere,
so this Python's headers serve.
"""

import hashlib
import os
import platform
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
PACKAGE = "aerospike_py"
ZIG = [sys.executable, "-m", "ziglang"]
HEADER = ROOT / "native" / "include" / "aerospike_zig.h"
SOURCES = ROOT / "native" / "src"
IS_LIMITED_API = not sysconfig.get_config_var("Py_GIL_DISABLED")
CHOSEN = os.environ.get("AEROSPIKE_PY_TARGET", "")


def zig_target() -> str:
    """The target triple: explicit, so that the code runs on any CPU of the architecture."""
    if CHOSEN:
        return CHOSEN
    machine = platform.machine()
    architecture = {"AMD64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if sys.platform == "darwin":
        oldest = os.environ.get("MACOSX_DEPLOYMENT_TARGET", "11.0")
        return f"{architecture}-macos.{oldest}"
    if sys.platform != "linux":
        raise SystemExit(
            f"{PACKAGE} builds on Linux and macOS; this is {sys.platform}. Windows is not "
            "supported: the core's network layer knows POSIX sockets only."
        )
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
    raise SystemExit(f"{PACKAGE} builds for linux-gnu.2.17, linux-musl and macos.N, not {target}")


TARGET = zig_target()
IS_MACOS = "-macos" in TARGET
LIBRARY = "libaerospike_zig.dylib" if IS_MACOS else "libaerospike_zig.so"


def source_fingerprint(command: "list[str]") -> str:
    """A digest of all that the library is made from."""
    digest = hashlib.sha256("\0".join([version("ziglang"), *command]).encode())
    for path in sorted(SOURCES.rglob("*.zig")):
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def build_library() -> Path:
    """Builds the shared library, unless the last one was made from the same sources."""
    directory = ROOT / "build" / "native" / TARGET
    directory.mkdir(parents=True, exist_ok=True)
    library = directory / LIBRARY
    stamp = directory / "fingerprint"
    command = ["build-lib", "-dynamic", "-Osafe", "-fstrip", "-lc", "-target", TARGET]
    command += ["--name", "aerospike_zig", f"-Mroot={SOURCES / 'root.zig'}"]
    command += ["--cache-dir", str(ROOT / "build" / "zig-cache"), f"-femit-bin={library}"]
    if IS_MACOS:
        command += ["-install_name", f"@rpath/{LIBRARY}", "-headerpad_max_install_names"]
    fingerprint = source_fingerprint(command)
    if library.exists() and stamp.exists() and stamp.read_text() == fingerprint:
        return library
    stamp.unlink(missing_ok=True)
    subprocess.run([*ZIG, *command], check=True)
    stamp.write_text(fingerprint)
    return library


class BuildExt(build_ext):
    """Compiles and links with zig, and puts library and header beside the extension."""

    def build_extension(self, ext):
        library = build_library()
        output = Path(self.get_ext_fullpath(ext.name)).resolve().parent
        self.place(library, output)
        compiler = " ".join([*ZIG, "cc", "-target", TARGET])
        shared = "-dynamiclib -undefined dynamic_lookup" if IS_MACOS else "-shared -s"
        self.compiler.set_executables(
            compiler_so=f"{compiler} -fPIC -O2 -DNDEBUG",
            compiler=compiler,
            linker_so=f"{compiler} {shared}",
        )
        # The library is given by its path: zig adds every -L directory to the run path.
        ext.extra_objects = [str(output / LIBRARY)]
        self.compiler.library_dirs.clear()
        self.library_dirs = []
        ext.library_dirs = []
        super().build_extension(ext)

    def copy_extensions_to_source(self):
        """For editable installs: setuptools itself copies only the extension."""
        super().copy_extensions_to_source()
        self.place(Path(self.build_lib) / PACKAGE / LIBRARY, ROOT / PACKAGE)

    def place(self, library: Path, package: Path) -> None:
        # A new file in place of the old one: a process that has the old one mapped keeps it.
        package.mkdir(parents=True, exist_ok=True)
        if library.resolve() != (package / LIBRARY).resolve():
            (package / LIBRARY).unlink(missing_ok=True)
            self.copy_file(str(library), str(package / LIBRARY))
        (package / "include").mkdir(exist_ok=True)
        self.copy_file(str(HEADER), str(package / "include" / HEADER.name))


wheel_options = {}
if IS_LIMITED_API:
    wheel_options["py_limited_api"] = "cp310"
if CHOSEN or sys.platform == "linux":
    wheel_options["plat_name"] = platform_tag(TARGET)

setup(
    cffi_modules=[f"{PACKAGE}/_ffi_build.py:ffibuilder"],
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": wheel_options},
)
