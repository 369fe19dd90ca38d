#!/usr/bin/env python3
"""Makes the part of README.md about speed from the tables of docs/BENCH.md, so that both say the same. --check only says
whether they do."""
import pathlib
import re
import sys

from generated import finish

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCE = ROOT / "docs/BENCH.md"
TARGET = ROOT / "README.md"
BEGIN, END = "<!-- bench -->\n", "<!-- /bench -->"
# Mode and row of docs/BENCH.md, and the name of the row here.
ROWS = (
    ("sync get, 1 thread", "p50, µs", "sync get, 1 thread, p50, µs"),
    ("sync get, 16 threads", "op/s", "sync get, 16 threads, ops/s"),
    ("aget, window 256", "op/s", "aget, window 256, ops/s"),
    ("aget, window 256", "µs CPU/op", "aget, window 256, CPU, µs"),
    ("aget, window 256", "instructions/op", "aget, window 256, instructions"),
    ("10,000 watches fire", "all, ms", "10,000 watches fire, all of them, ms"),
    ("reconnect with 20,000 watches", "total, ms", "reconnect with 20,000 watches, ms"),
    ("real server: aget, window 256", "op/s", "real server: aget, window 256, ops/s"),
)
COLUMNS = ("floor", "stock", "tuned", "ours", "vs stock")
TEXT = """![Throughput and CPU per operation of stock and ours](docs/img/bench.png)

Medians of interleaved runs (`make bench ARGS=--readme`) on a shared 2-core virtual machine, against a responder that is never
the limit; the floor is a bare socket without any library. {targets}
All of it, with the real server, Python's kazoo and a Rust client, is in [docs/BENCH.md](docs/BENCH.md);
`scripts/bench_summary.py` takes these rows from there.

| | floor | stock | tuned | ours | against stock |
|---|---|---|---|---|---|
"""


def tables(text):
    """{(mode, row): {column: cell}} of the tables of all modes."""
    found, columns, mode = {}, [], None
    # The notes have tables of their own.
    text = re.sub(r"<!-- notes:begin -->.*<!-- notes:end -->", "", text, flags=re.S)
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| ") else []
        if cells[:1] == ["mode"]:
            columns = cells
        elif cells and columns:
            name = cells[0].strip()
            if heading := re.fullmatch(r"\*\*(.+)\*\*<br>(.+)", name):
                mode, name = heading.groups()
            found[mode, name] = dict(zip(columns, (cell.strip(" |") for cell in cells)))
    return found


def targets(rows):
    """How many targets are met and missed."""
    judged = [target for row in rows.values() for target in row.get("target", "").split("; ") if target]
    bad = [target for target in judged if not re.search(r": (met|MISSED)\b", target)]
    if bad or not judged:
        sys.exit(f"{SOURCE.name}: not the result of a target: {bad}")

    missed = [target for target in judged if ": MISSED" in target]
    against_floor = sum("x floor" in target for target in missed)
    by_floor = sum("the floor is at" in target for target in missed)
    return (f"{len(judged) - len(missed)} of the {len(judged)} targets\nare met. {against_floor} of the {len(missed)} missed ones are against "
            f"the floor, and {by_floor} others the floor itself does not reach.")


def main():
    rows = tables(SOURCE.read_text())
    made = TEXT.format(targets=targets(rows))
    for mode, row, name in ROWS:
        if (mode, row) not in rows:
            sys.exit(f"{SOURCE.name} has no row {row!r} of {mode!r}: change scripts/bench_summary.py")
        made += " | ".join([f"| {name}", *(rows[mode, row][column] for column in COLUMNS)]) + " |\n"
    readme = TARGET.read_text()
    head, rest = readme.split(BEGIN)
    finish(TARGET, head + BEGIN + made + END + rest.split(END, 1)[1], "README.md", "bench_summary.py")


if __name__ == "__main__":
    main()
