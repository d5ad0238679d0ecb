"""Builds the Zig core, then the extensions: the cffi module that links it, and the codec.

Nothing but Python is needed on the machine: the `ziglang` package compiles Zig and C. What is built
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

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
PACKAGE = "aerospike_py"
ZIG = [sys.executable, "-m", "ziglang"]
HEADER = ROOT / "native" / "include" / "aerospike_zig.h"
SOURCES = ROOT / "native" / "src"
CODEC = f"{PACKAGE}._codec"
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
NATIVE = ROOT / "build" / "native" / TARGET


def source_fingerprint(command: "list[str]") -> str:
    """A digest of all that the library is made from."""
    digest = hashlib.sha256("\0".join([version("ziglang"), *command]).encode())
    for path in sorted(SOURCES.rglob("*.zig")):
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def build(kind: str, source: str, output: Path, *options: str) -> Path:
    """Has zig make `output`, unless the last one was made from the same sources."""
    output.parent.mkdir(parents=True, exist_ok=True)
    stamp = output.with_suffix(".fingerprint")
    # What a module is built with goes before it.
    command = [kind, "-Osafe", "-fstrip", "-lc", "-target", TARGET, *options]
    command += [f"-Mroot={SOURCES / source}", f"-femit-bin={output}"]
    command += ["--cache-dir", str(ROOT / "build" / "zig-cache")]
    fingerprint = source_fingerprint(command)
    if output.exists() and stamp.exists() and stamp.read_text() == fingerprint:
        return output
    stamp.unlink(missing_ok=True)
    subprocess.run([*ZIG, *command], check=True)
    stamp.write_text(fingerprint)
    return output


def build_library() -> Path:
    """The shared library."""
    options = ["-dynamic", "--name", "aerospike_zig"]
    if IS_MACOS:
        options += ["-install_name", f"@rpath/{LIBRARY}", "-headerpad_max_install_names"]
    return build("build-lib", "root.zig", NATIVE / LIBRARY, *options)


def build_codec() -> Path:
    """The object file that the codec's extension is linked from."""
    # It has no arrays on the stack to protect.
    options = ["-fPIC", "-fno-stack-protector"]
    return build("build-obj", "codec.zig", NATIVE / "codec.o", *options)


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
        linked = build_codec() if ext.name == CODEC else output / LIBRARY
        ext.extra_objects = [str(linked)]
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

codec = Extension(
    CODEC,
    ["native/src/python/module.c"],
    define_macros=[("Py_LIMITED_API", "0x030A0000")] if IS_LIMITED_API else [],
    py_limited_api=IS_LIMITED_API,
)

setup(
    ext_modules=[codec],
    cffi_modules=[f"{PACKAGE}/_ffi_build.py:ffibuilder"],
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": wheel_options},
)
