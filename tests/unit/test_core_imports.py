"""The layers of the Zig sources: every import points down.

A source belongs to the layer that its folder, or the file beside the folder, is called after; other
files beside the folders are the base of all, which imports nothing else. What a layer may import is
in the tables below; tests of the core, `*_test.zig`, may import anything.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "native" / "src"

# Roots, and files that are not called after their layer.
LAYER_OF = {
    "root.zig": "client",
    "codec.zig": "python",
    "codec_free_threaded.zig": "python",
    "devserver_root.zig": "devserver",
    "digest_avx2.zig": "wire",
}
# From the top down. A layer may import those below it, and itself.
CLIENT = ("client", "command", "engine", "cluster", "result", "metrics", "log", "io", "tls", "os")
SHARED = ("wire", "base")
# Both the codec and the dev server share the wire with the client and nothing above it; what runs
# on a simulated network is all of it.
BELOW = {
    **{layer: {*CLIENT[index:], *SHARED} for index, layer in enumerate(CLIENT)},
    "wire": {"wire", "base"},
    "base": {"base"},
    "python": {"python", *SHARED},
    "devserver": {"devserver", "tls", "os", *SHARED},
    "sim": {"sim", "devserver", *CLIENT, *SHARED},
    "tests": {"sim", "devserver", *CLIENT, *SHARED},
}
# Within the dev server.
DEVSERVER = {
    "abi": {"net", "core", "base"},
    "net": {"info", "query", "commands", "core", "security", "store", "data", "base"},
    "info": {"query", "core", "security", "store", "data"},
    "query": {"commands", "core", "security", "store", "data", "base"},
    "commands": {"core", "security", "store", "data", "base"},
    "core": {"security", "store", "data", "base"},
    "security": {"data", "base"},
    "store": {"data", "base"},
    "data": {"base"},
    "base": set(),
}
# Within the commands. A procedure knows its scripts, and they know what they are asked by.
# Lists and maps occur in expressions, and expressions in what is done in them.
COMMAND = {
    "procedure": {"admin", "info", "query", "record"},
    "source": {"batch", "query", "record"},
    "admin": {"procedure", "record"},
    "info": {"procedure", "query", "record", "cdt"},
    "batch": {"record", "filter_text", "clock"},
    "query": {"procedure", "record", "expression", "cdt", "arguments", "filter_text", "clock"},
    "record": {"expression", "cdt", "arguments", "filter_text", "clock"},
    "expression": {"cdt", "arguments", "filter_text"},
    "cdt": {"expression", "arguments"},
    "arguments": set(),
    "clock": set(),
    "filter_text": set(),
}


def imports(path: Path) -> Iterator[PurePosixPath]:
    """The sources that one imports, from the folder of all."""
    for name in re.findall(r'@import\("([^"]+\.zig)"\)', path.read_text(encoding="utf-8")):
        target = (path.parent / name).resolve()
        yield PurePosixPath(target.relative_to(SOURCES).as_posix())


def arrows() -> Iterator[tuple[PurePosixPath, PurePosixPath]]:
    for path in sorted(SOURCES.rglob("*.zig")):
        if not path.name.endswith("_test.zig"):
            source = PurePosixPath(path.relative_to(SOURCES).as_posix())
            for target in imports(path):
                if not target.name.endswith("_test.zig"):
                    yield source, target


def layer(source: PurePosixPath) -> str:
    name = LAYER_OF.get(str(source), source.parts[0].removesuffix(".zig"))
    return "base" if len(source.parts) == 1 and name not in BELOW else name


def test_every_folder_is_a_layer() -> None:
    sources = [path.relative_to(SOURCES) for path in SOURCES.rglob("*.zig")]
    strangers = [
        str(source)
        for source in sources
        if not source.name.endswith("_test.zig")
        and layer(PurePosixPath(source.as_posix())) not in BELOW
    ]
    assert strangers == []
    assert len(sources) > 100


def test_no_import_points_up() -> None:
    upward = {
        (str(source), layer(target))
        for source, target in arrows()
        if layer(target) not in BELOW[layer(source)]
    }
    assert sorted(upward) == []


@pytest.mark.parametrize(("folder", "below"), [("devserver", DEVSERVER), ("command", COMMAND)])
def test_no_import_points_up_within_a_layer(folder: str, below: dict[str, set[str]]) -> None:
    upward = []
    for source, target in arrows():
        if source.parts[0] == target.parts[0] == folder:
            name, other = (each.parts[1].removesuffix(".zig") for each in (source, target))
            if other != name and other not in below[name]:
                upward.append((str(source), str(target)))
    assert upward == []


def test_no_files_of_the_dev_server_import_each_other_in_a_circle() -> None:
    graph: dict[PurePosixPath, set[PurePosixPath]] = {}
    for source, target in arrows():
        if source.parts[0] == "devserver":
            graph.setdefault(source, set()).add(target)
    # What imports only what has been taken away is taken away in its turn.
    while leaves := [each for each in graph if not graph[each] & graph.keys()]:
        for each in leaves:
            del graph[each]
    assert sorted(map(str, graph)) == []
