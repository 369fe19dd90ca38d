#!/usr/bin/env python3
"""Makes MATRIX.md: each exported symbol, the Debian programs that import it, and our tests that use it. With --check it
only says whether the file is current, and fails when a function has no test at all."""
import pathlib
import re
import sys

from generated import finish

ROOT = pathlib.Path(__file__).resolve().parents[1]
TESTS = ["ctest", "python-compat"]
HEAD = """# What is exported, who imports it, what tests it

Made by `scripts/matrix.py`; do not edit. Symbols: those of Debian's libzookeeper_mt.so.2 3.8.0 (abi/symbols-3.8.0.tsv)
and our additions (abi/additions.tsv). Importers: unmodified Debian packages that link the library (abi/importers.tsv).
Tests: the files that name the symbol; the `deallocate_*` and `allocate_*` families are called from a generated table.

| symbol | kind | imported by | tested by |
|---|---|---|---|
"""


def table(name):
    path = ROOT / "abi" / name
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def tests():
    """Which files name which word."""
    names = {}
    for folder in TESTS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".c", ".cc", ".cpp", ".py", ".h", ".pl") and "build" not in path.parts:
                for word in set(re.findall(r"\w+", path.read_text(errors="replace"))):
                    names.setdefault(word, []).append(str(path.relative_to(ROOT)))
    return names


def main():
    importers = {}
    for row in table("importers.tsv"):
        importers.setdefault(row[1], []).append(row[0])
    used = tests()
    out, bare = [HEAD], []
    for symbol, kind, *_ in table("symbols-3.8.0.tsv") + table("additions.tsv"):
        files = used.get(symbol, [])
        if not files and re.match(r"(de)?allocate_", symbol):
            files = [name for name in used.get("abi_symbols", []) or ["src/ffi/memory.rs"]]
        if not files and kind == "T":
            bare.append(symbol)
        shown = ", ".join(files[:3]) + (" and more" if len(files) > 3 else "")
        kinds = {"T": "function", "R": "constant", "D": "variable"}
        out.append(f"| {symbol} | {kinds[kind]} | {', '.join(sorted(set(importers.get(symbol, []))))} | {shown} |\n")
    if bare and "--check" in sys.argv:
        sys.exit("no test names " + ", ".join(bare))
    finish(ROOT / "MATRIX.md", "".join(out), "MATRIX.md", "matrix.py")
    if bare:
        print("no test names " + ", ".join(bare), file=sys.stderr)


main()
