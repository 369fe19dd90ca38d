#!/usr/bin/env python3
"""Where the client's CPU time goes: runs one mode of the benchmark under perf and prints a table.

    profile.py MODE [SUBJECT]     MODE as in run.py --list; SUBJECT as in its --subjects (ours)

Shares are of the client's samples, by thread and by the owner of the code, and then by function. Needs perf, and
permission to sample the kernel.
"""

import pathlib
import subprocess
import sys
import tempfile

import subjects as who
from modes import STUB
from servers import responder

_SECONDS = "2"
_FUNCTIONS = 12


def _report(record, keys):
    """[(share in %, name)] of a recording, sorted by `keys`."""
    done = subprocess.run(
        ["perf", "report", "-i", record, "--no-children", "--sort", keys, "-g", "none", "--stdio", "-t", "|"],
        capture_output=True, text=True, check=True)
    lines = (line.strip() for line in done.stdout.splitlines())
    parts = ([part.strip() for part in line.split("|")] for line in lines if "%" in line and not line.startswith("#"))
    return [(float(share.rstrip("%")), names) for share, *names in parts]


def _place(names):
    """The thread, and the owner of the code that runs."""
    thread, code = names
    thread = thread if thread.startswith("zk-") else "caller"
    if code.startswith("libzookeeper"):
        return f"{thread}: the library"
    return f"{thread}: " + {"[kernel.kallsyms]": "kernel", "bench": "the program", "raw": "the program"}.get(code, "libc")


def main():
    """The command."""
    modes = {mode.name: mode for mode in STUB}
    if not 2 <= len(sys.argv) <= 3 or sys.argv[1] not in modes or sys.argv[-1] not in {*modes, *who.MAKERS}:
        raise SystemExit(__doc__)
    mode = modes[sys.argv[1]]
    subject = who.MAKERS[sys.argv[2] if len(sys.argv) == 3 else "ours"]()
    with responder() as port, tempfile.TemporaryDirectory() as directory:
        record = str(pathlib.Path(directory) / "perf.data")
        command = [*subject.command(mode, port), "--secs", _SECONDS]
        done = subprocess.run(["perf", "record", "-q", "-o", record, "-e", "cpu-clock", "-F", "5000", "--", *command],
                              env={**subject.environment(), **dict(mode.environment)}, stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            raise SystemExit(f"profile: perf record failed ({done.returncode}); it needs leave to sample the kernel")
        places = {}
        for share, names in _report(record, "comm,dso"):
            place = _place(names)
            places[place] = places.get(place, 0.0) + share
        print(f"| {mode.title} | % |\n|---|---|")
        for place, share in sorted(places.items(), key=lambda item: -item[1]):
            if share >= 1:
                print(f"| {place} | {share:.0f} |")
        for share, names in _report(record, "symbol")[:_FUNCTIONS]:
            print(f"| `{names[0][4:]}` | {share:.1f} |")


if __name__ == "__main__":
    main()
