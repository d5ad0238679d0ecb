"""Writes the tables of Unicode that the dev server's operations on strings look things up in.

They are made from what Python knows of Unicode, and checked in: whoever writes them anew has those
of the Unicode version of that Python.
"""

import argparse
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

TARGET = (
    Path(__file__).resolve().parent.parent / "native/src/devserver/data/strings/unicode_tables.zig"
)
CODE_POINTS = [point for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]
NAMES = "CnCcCfCoCsLuLlLtLmLoMnMcMeNdNlNoPcPdPsPePiPfPoSmScSkSoZsZlZp"
CATEGORIES = [NAMES[start : start + 2] for start in range(0, len(NAMES), 2)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the file")
    if parser.parse_args().write:
        TARGET.write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())
    return 0


def text() -> str:
    version = unicodedata.unidata_version
    sections = [
        f"//! Tables of Unicode {version}: written by scripts/unicode_tables.py.",
        *case("upper", str.upper),
        *case("lower", str.lower),
        *case("fold", str.casefold),
        *decompositions(),
        *ranges("combining_classes", lambda point: unicodedata.combining(chr(point))),
        "/// In the order of the numbers in `categories`.\n"
        f"pub const Category = enum(u8) {{ {', '.join(CATEGORIES)} }};",
        *ranges("categories", lambda point: CATEGORIES.index(unicodedata.category(chr(point)))),
    ]
    return "\n\n".join(sections) + "\n"


def case(name: str, change: Callable[[str], str]) -> Iterator[str]:
    """What becomes of single code points: runs of the same distance, and longer results."""
    singles, longer = [], []
    for point in CODE_POINTS:
        changed = change(chr(point))
        if changed == chr(point):
            continue
        if len(changed) == 1:
            singles.append((point, ord(changed) - point))
        else:
            longer.append([point, *map(ord, changed), *[0] * (3 - len(changed))])
    runs: list[list[int]] = []
    for point, distance in singles:
        if runs and runs[-1][3] == distance:
            first, last, step, _ = runs[-1]
            gap = point - last
            if gap <= 2 and (step == gap or first == last):
                runs[-1][1:3] = [point, gap]
                continue
        runs.append([point, point, 1, distance])
    yield (
        "/// First, last, step and distance.\n"
        f"pub const {name}_runs = [_][4]i32{{\n{rows(runs)}\n}};"
    )
    yield (
        "/// A code point, and the two or three that it becomes.\n"
        f"pub const {name}_longer = [_][4]u21{{\n{rows(longer)}\n}};"
    )


def decompositions() -> Iterator[str]:
    pairs = []
    for point in CODE_POINTS:
        parts = unicodedata.decomposition(chr(point)).split()
        if parts and not parts[0].startswith("<"):
            pairs.append([point, *(int(part, 16) for part in parts), *[0] * (2 - len(parts))])
    yield (
        "/// A code point and what it is made of, one or two; those of Hangul are not here.\n"
        f"pub const decompositions = [_][3]u21{{\n{rows(pairs)}\n}};"
    )
    composed = [
        index
        for index, (point, first, second) in enumerate(pairs)
        if second and unicodedata.normalize("NFC", chr(first) + chr(second)) == chr(point)
    ]
    composed.sort(key=lambda index: pairs[index][1:])
    yield (
        "/// Which decompositions are undone by composing, in the order of what is composed.\n"
        f"pub const compositions = [_]u16{{\n{numbers(composed)}\n}};"
    )


def ranges(name: str, value: Callable[[int], int]) -> Iterator[str]:
    """Where a value begins to hold, shifted by eight, and the value."""
    starts: list[int] = []
    before = 0
    for point in range(0x110000):
        here = value(point)
        if here != before or point == 0:
            starts.append(point << 8 | here)
            before = here
    yield (
        "/// Where a value begins to hold, shifted by eight bits, and the value.\n"
        f"pub const {name} = [_]u32{{\n{numbers(starts)}\n}};"
    )


def rows(items: list[list[int]]) -> str:
    return wrapped(f".{{ {', '.join(map(str, item))} }}," for item in items)


def numbers(items: list[int]) -> str:
    return wrapped(f"{item}," for item in items)


def wrapped(items: Iterator[str]) -> str:
    """Lines of at most a hundred columns. zig fmt would make columns of them."""
    lines = ["    // zig fmt: off"]
    line = "   "
    for item in items:
        if len(line) + 1 + len(item) > 100:
            lines.append(line)
            line = "   "
        line += " " + item
    return "\n".join([*lines, line, "    // zig fmt: on"])


if __name__ == "__main__":
    sys.exit(main())
