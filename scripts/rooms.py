#!/usr/bin/python3
"""The rooms of src/ import downwards only, and only some of them may hold `unsafe` (ARCHITECTURE.md, "Direction").

Usage: rooms.py [FOLDER]      FOLDER instead of the tree's own src, for the self-test
"""

import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
# For each room, the rooms that it may import. io and handle are on one level: the I/O thread works on a handle, and a
# handle sends and receives on its connection.
MAY_IMPORT = {
    "ffi": {"handle", "io", "dispatch", "observe", "sys"},
    "handle": {"io", "dispatch", "observe", "sys"},
    "io": {"handle", "dispatch", "observe", "sys"},
    "dispatch": {"observe", "sys"},
    "observe": {"sys"},
    "sys": set(),
}
UNSAFE = {"ffi", "sys"}


def room_of(path):
    """The room of a file below src, or None for the crate's root."""
    name = path.parts[0].removesuffix(".rs")
    return None if name == "lib" else name


def faults(source):
    """The faults, one per line."""
    for path in sorted(source.rglob("*.rs")):
        relative = path.relative_to(source)
        room = room_of(relative)
        if room is None:
            continue
        if room not in MAY_IMPORT:
            yield f"{relative}: {room} is no room: give it a place in scripts/rooms.py and ARCHITECTURE.md"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = re.sub(r'"(\\.|[^"\\])*"', '""', line).split("//")[0]
            for used in re.findall(r"\bcrate::(\w+)", code):
                if used != room and used in MAY_IMPORT and used not in MAY_IMPORT[room]:
                    yield f"{relative}:{number}: {room} imports {used}, which is above it"
            if re.search(r"\bunsafe\b", code) and room not in UNSAFE:
                yield f"{relative}:{number}: unsafe outside of {' and '.join(sorted(UNSAFE))}"


def self_test():
    """Checks that it finds an import upwards, `unsafe` in the wrong room, and an unknown room."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        for name, text in (("sys/a.rs", "use crate::observe::x;\n// crate::ffi in a comment\n"),
                           ("observe.rs", "fn f() { unsafe { g() } }\n"), ("cellar/b.rs", ""), ("lib.rs", "mod sys;\n")):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        found = "\n".join(faults(folder))
        for wanted in ("sys/a.rs:1: sys imports observe", "observe.rs:1: unsafe", "cellar is no room"):
            if wanted not in found:
                sys.exit(f"rooms: the self-test does not find {wanted!r} in:\n{found}")
        if found.count("\n") != 2:
            sys.exit(f"rooms: the self-test finds more than is wrong:\n{found}")


def main():
    self_test()
    found = list(faults(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "src"))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
