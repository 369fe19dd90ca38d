#!/usr/bin/env python3
"""Checks a library of a release, or its program, with readelf:

    dist/release/gate.py TARGET FILE...

It must be for the target's machine; need no symbol version of the C library above 2.17 and no library besides the C
library's and the unwinder's (none for musl); have its soname if it is a library, a build id and the list of
dependencies; and contain no path of this machine.
"""

import os
import pathlib
import re
import sys

from common import GLIBC, PROGRAM, ROOT, TARGETS, Failure, main, run

GLIBC_NEEDS = {"libc.so.6", "libpthread.so.0", "libdl.so.2", "libm.so.6", "librt.so.1", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def newest_glibc(library):
    """The newest symbol version of the C library that a file needs."""
    versions = re.findall(r"Name: GLIBC_([0-9.]+)", run("readelf", "--version-info", "--wide", library))
    return max((tuple(map(int, version.split("."))) for version in versions), default=(0,))


def faults(library, target):
    with library.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            yield "is not an ELF file"
            return
    header = run("readelf", "--file-header", "--wide", library)
    dynamic = run("readelf", "--dynamic", "--wide", library)
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    name = re.search(r"\(SONAME\).*\[(.*)\]", dynamic)
    if not re.search(rf"Machine:\s+{re.escape(target.machine)}", header):
        yield f"is not for {target.name}"
    if library.name != PROGRAM and (not name or name[1] != library.name):
        yield f"has the name {name[1] if name else '(none)'}"
    if target.is_glibc:
        newest = newest_glibc(library)
        if newest > GLIBC:
            yield f"needs glibc {'.'.join(map(str, newest))}"
        if needed - GLIBC_NEEDS:
            yield f"needs {', '.join(sorted(needed - GLIBC_NEEDS))}"
        if "libgcc_s.so.1" not in needed:
            yield "has an unwinder of its own"
    elif any(not re.fullmatch(r"libc\.so|libc\.musl-\w+\.so\.1", entry) for entry in needed):
        yield f"needs {', '.join(sorted(needed))}"
    if "Build ID" not in run("readelf", "--notes", "--wide", library):
        yield "has no build id"
    if ".dep-v0" not in run("readelf", "--sections", "--wide", library):
        yield "has no list of dependencies"
    content = library.read_bytes()
    for path in {str(ROOT), str(pathlib.Path.home() / ".cargo"), os.environ.get("CARGO_HOME", str(ROOT))}:
        if path.encode() in content:
            yield f"has the path {path} in it"


def check(library, target):
    found = list(faults(library, target))
    if found:
        raise Failure(f"{library} {'; '.join(found)}")


def check_all():
    if len(sys.argv) < 3 or sys.argv[1] not in TARGETS:
        raise Failure(f"usage: gate.py {'|'.join(TARGETS)} FILE...")
    for name in sys.argv[2:]:
        if not pathlib.Path(name).is_file():
            raise Failure(f"there is no {name}")
        check(pathlib.Path(name), TARGETS[sys.argv[1]])
        print(f"{name}: as a release needs it")


if __name__ == "__main__":
    main(check_all)
