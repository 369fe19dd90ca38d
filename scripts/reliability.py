#!/usr/bin/env python3
"""Makes docs/RELIABILITY.md by running the programs of ctest/bugs and the attacks of ctest/hostile.py, each on Debian's
library and on ours, and ctest/lifetimes.py on ours. Takes some minutes; needs the library built (make build). Ends with
status 1 if a row shows that ours fails or stock passes.

With --bugs FILE and --hostile FILE (the output of `ctest/run.py --table` and `ctest/hostile.py --table`) only the
lifetimes are run again. Tests that take hours are not run here: their figures were noted by `make soak`, `make mutants`
and `make fuzz`.
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs/RELIABILITY.md"
BUGS_FOLDER = ROOT / "ctest/bugs"
HEAD = """# Reliability

Made by `scripts/reliability.py`, which runs everything below and writes what it saw; do not edit. "Stock" is Debian's
libzookeeper-mt2 3.8.0, "ours" the library of this repository, each loaded by the same program.

"""
BUGS = """## Faults of the stock library

Each program fails on stock and passes on ours (`make ctest ARGS="--only 'bugs/*'"`); a fault that did not show on stock
would be an error too.

| what | test | stock | ours |
|---|---|---|---|
"""
HOSTILE = """
## A hostile server

Each attack (ctest/attacks.py) is made by a server on a real socket, against a process with limits of address space,
descriptors and CPU time and with a second handle on an honest server (`make hostile`). Numbers are what the two calls
made returned (ctest/hostile.c), and how many connections the hostile server got while the process
ran. Ours passes when the calls return a documented code, the connection ends where the attack has put it out of
step, a log line says what and where, resident memory grows by less than 16 MiB, no descriptor stays and the second
handle notices nothing.

"""
SOAK = """
## Random histories

`make soak`: random programs (calls, watches, transactions, credentials, new server lists, several handles, close from
anywhere, callbacks included) against the simulated ensemble under random faults, in virtual time; the invariants of
ARCHITECTURE.md are checked after every step (sim/tests/random). One seed is one history. Each run noted (the
core is what `git rev-parse --short COMMIT:core` names):

| day | core | seeds | histories | time | violations |
|---|---|---|---|---|---|
"""
SOAK_NOTE = """
What ended with a violation were faults of the checker, mended since. Broken bytes read as the answer that was due, with a
transaction or a stat that never was: what they say is not judged any more, where a fault has broken bytes. And "noise" of
no bytes in the place of an event was an event that the server never sent.
"""
MUTANTS = """
`make mutants`: does that find anything? Faults put into the core, one at a time, and the first seed that finds each, made
small by the test itself (the last run):

| fault | found by seed | in how many steps |
|---|---|---|
"""
FUZZ = """
## Fuzzing

`make fuzz`: the targets under libFuzzer, debug assertions and overflow checks on. All runs noted in fuzz/runs.tsv, added
up; what was found is told in fuzz/README.md.

| target | sanitizer | executions | time | runs that ended with a finding |
|---|---|---|---|---|
"""
CHAOS = """
## Chaos on a real ensemble

`make chaos MINUTES=30`: three real servers behind proxies, clients with four threads each; servers and clients are killed
and stopped, links cut, held, torn and refused at random. Afterwards the journals are held against the nodes (the
invariants are in ctest/chaos/checker.py). Runs of ten minutes and more:

| day | library | seed | faults for | operations | acknowledged | sessions | watches fired | faults | replies out of order | invariants broken |
|---|---|---|---|---|---|---|---|---|---|---|
"""
CHAOS_NOTE = """
Two faults of ZooKeeper 3.8.0 itself show under chaos, whatever the client. It loses acknowledged writes when a leader goes
just after a follower has noted its epoch (ZOOKEEPER-4643): a member is therefore killed or stopped only when all are at
work; the first run of half an hour, without that rule, lost writes so twice, by the servers' own word ("Truncating log").
And it answers a sync before the writes ahead of it when the session has been moved by a late handshake; those calls end
with ZRUNTIMEINCONSISTENCY, with stock too (ctest/cases/session_moved.c). The proxies watch for it, and it is legal only
where they saw it.
"""
LIFETIMES = """
## Threads, lifetimes and shortages

`make lifetimes`, on ours:

```
"""


def sentence(source):
    """The first sentence of a program's opening comment, after the line about its needs."""
    comment = re.match(r"/\*(.*?)\*/", source.read_text(), re.S)[1]
    text = " ".join(line.strip(" *") for line in comment.splitlines()[1:])
    found = re.match(r"(.*?[.:])(\s|$)", text.strip())
    # If the first sentence ends with a colon, the next one is included.
    whole = re.match(r"(.*?\.)(\s|$)", text.strip())
    return (whole or found)[1].rstrip(".:") if whole or found else text.strip()


def cell(text):
    """Text in a form for a table cell."""
    text = re.sub(r"exit status \d+: case: ", "", text)
    text = re.sub(r"127\.0\.0\.1:\d+|0x[0-9a-f]{6,}", "…", text)
    return text.replace("|", "\\|").replace("<", "&lt;")


def bugs(table):
    """The first table, and whether all of its rows are good."""
    results = {}
    for line in table.read_text().splitlines():
        name, which, wrong = line.split("\t")
        results.setdefault(name, {})[which] = wrong
    rows = []
    good = bool(results)
    for source in sorted(BUGS_FOLDER.glob("*.c")):
        found = results.get(f"bugs/{source.stem}", {})
        good &= found.get("stock", "") != "" and found.get("ours") == ""
        ours = {None: "**not run**", "": "passed"}.get(found.get("ours"), f"**failed**: {cell(found.get('ours') or '')}")
        rows.append(f"| {cell(sentence(source))} | [{source.stem}](../ctest/bugs/{source.name}) "
                    f"| {cell(found.get('stock', '')) or '**passed**'} | {ours} |\n")
    return "".join(rows), good


def rows_of(ledger):
    """The lines of a long run's file, split into fields."""
    return [line.split("\t") for line in (ROOT / ledger).read_text().splitlines()]


def minutes(seconds):
    return f"{round(seconds / 60)} min" if seconds >= 90 else f"{seconds} s"


def long_runs():
    """The sections about tests that are not run here."""
    text = SOAK
    for day, core, first, histories, seconds, found in rows_of("sim/tests/random/runs.tsv"):
        last = int(first) + int(histories) - 1
        text += (f"| {day} | {core} | {first} to {last} | {int(histories):,} | {minutes(int(seconds))} "
                 f"| {cell(found[:100])} |\n")
    text += SOAK_NOTE + MUTANTS
    for name, seed, steps in rows_of("sim/tests/random/mutants.tsv"):
        text += f"| {cell(name)} | {seed} | {steps} |\n"
    executions, seconds, findings = (collections.Counter() for _ in range(3))
    for _, _, target, sanitizer, count, time, status in rows_of("fuzz/runs.tsv"):
        executions[target, sanitizer] += int(count)
        seconds[target, sanitizer] += int(time)
        findings[target, sanitizer] += status != "0"
    text += FUZZ
    for target, sanitizer in sorted(executions):
        key = target, sanitizer
        text += (f"| {target} | {sanitizer} | {executions[key]:,} | {minutes(seconds[key])} | {findings[key]} |\n")
    text += f"| all | | {executions.total():,} | {minutes(seconds.total())} | {findings.total()} |\n" + CHAOS
    for day, library, seed, time, *counts in rows_of("ctest/chaos/runs.tsv"):
        counts = " | ".join(f"{int(count):,}" for count in counts)
        text += f"| {day} | {library} | {seed} | {minutes(int(time))} | {counts} |\n"
    return text + CHAOS_NOTE


def noted_again(only_look):
    """Writes the document's sections about long runs anew; with `only_look`, compares them. Returns 0, or the error."""
    old = TARGET.read_text()
    sources = sorted(BUGS_FOLDER.glob("*.c"))
    unknown = [source.stem for source in sources if f"| {cell(sentence(source))} | [{source.stem}]" not in old]
    if unknown:
        return f"{TARGET.name} has no row for {', '.join(unknown)}: run scripts/reliability.py"
    start, end = old.index(SOAK), old.index(LIFETIMES)
    new = old[:start] + long_runs() + old[end:]
    if new != old and only_look:
        return f"{TARGET.name} lacks what a long run has noted: run scripts/reliability.py --noted"
    if new != old:
        TARGET.write_text(new)
    return 0


def run(*command):
    """Runs a command from the top of the repository; returns (status, stdout)."""
    done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    print(done.stdout.splitlines()[-1] if done.stdout else done.stderr, flush=True)
    return done.returncode, done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--bugs", type=pathlib.Path, help="a table that ctest/run.py wrote")
    parser.add_argument("--hostile", type=pathlib.Path, help="a table that ctest/hostile.py wrote")
    parser.add_argument("--noted", action="store_true", help="run nothing: write only what long runs have noted")
    parser.add_argument("--check", action="store_true", help="run nothing: fail if a fault has no row, or if what long runs have noted is not there")
    options = parser.parse_args()
    if options.noted or options.check:
        return noted_again(options.check)
    with tempfile.TemporaryDirectory() as directory:
        faults = options.bugs or pathlib.Path(directory) / "bugs.tsv"
        attacks = options.hostile or pathlib.Path(directory) / "hostile.md"
        if not options.bugs:
            run("ctest/run.py", "--only", "bugs/*", "--table", faults)
        if not options.hostile:
            run("ctest/hostile.py", "--table", attacks)
        rows, good = bugs(faults)
        hostile = attacks.read_text()
    good &= "**failed**" not in hostile
    status, said = run("ctest/lifetimes.py")
    good &= status == 0
    # Repeated lines and running times are left out.
    lines = list(dict.fromkeys(re.sub(r" \(\d+\.\d s\)$", "", line) for line in said.splitlines()))
    text = HEAD + BUGS + rows + HOSTILE + hostile + long_runs() + LIFETIMES + "\n".join(lines) + "\n```\n"
    TARGET.write_text(text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
