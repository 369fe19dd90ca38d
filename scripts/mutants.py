#!/usr/bin/python3
"""Tests the random histories: each fault of sim/tests/random/mutants.toml is put into a copy of the core, and the
histories must find it, print a reduced history, and find the fault again with the printed command. Needs no installed
ZooKeeper; about ten minutes of one core.

Usage: scripts/mutants.py [--check] [--histories N] [--only WORDS]     (make mutants ARGS="...")
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
SCRATCH = ROOT / "target/mutants"
COPY = SCRATCH / "source"
LEDGER = ROOT / "sim/tests/random/mutants.tsv"  # docs/RELIABILITY.md is made from it


def copy():
    """Copies the present sources, without files that git ignores. Unchanged files keep their times, so that cargo does
    not rebuild them."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT,
                            capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, COPY / name
        if source.is_file() and not (target.is_file() and target.read_bytes() == source.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def cargo(*arguments, **environment):
    """Runs the histories of the copy; returns the status and the output."""
    settings = dict(os.environ, CARGO_TARGET_DIR=str(SCRATCH / "target"), RUST_BACKTRACE="0", **environment)
    command = [os.environ.get("CARGO", "cargo"), "test", "--quiet", "-p", "zk-sim", "--test", "random", *arguments]
    done = subprocess.run(command, cwd=COPY, env=settings, capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, done.stdout + done.stderr


def histories(count):
    return cargo("--", "random_histories", "--nocapture", HISTORIES=str(count), FIRST="1")


def mutated(mutant):
    """The files of a mutant, with the fault. `also` lists further changes; a third item of a change names another
    file."""
    texts = {}
    for old, new, *elsewhere in [(mutant["old"], mutant["new"]), *mutant.get("also", [])]:
        file = elsewhere[0] if elsewhere else mutant["file"]
        text = texts.get(file) or (ROOT / file).read_text()
        if text.count(old) != 1:
            sys.exit(f"mutants: {mutant['name']}: its place is there {text.count(old)} times in {file}:\n{old}")
        texts[file] = text.replace(old, new)
    return texts


def replayed(again):
    """The result of the command that was printed with a story."""
    settings = dict(re.findall(r"\b(SEED|KEEP)=(\S*)", again))
    status, said = cargo("one_history", "--", "--ignored", "--nocapture", **settings)
    found = re.search(r"left: Err\((.*)\)", said)
    return found[1] if status and found else None


def judge(mutant, count):
    """The result for a mutant: (seed and number of steps, or None; one line)."""
    status, said = histories(count)
    if re.search(r"^error(\[E\d+\])?:", said, re.MULTILINE) and "seed " not in said:
        return None, "does not compile:\n" + said[-2000:]
    story = re.search(r"^seed (\d+): .*\nminimised: (.*)\n.*\n((?:  \d+: .*\n)*)\n?again: (.*)$", said, re.MULTILINE)
    if status == 0:
        return None, f"NOT FOUND in {count} histories"
    if not story:
        return None, "the histories end without a story:\n" + said[-2000:]
    seed, small, steps, again = story.groups()
    if (seen := replayed(again)) is None:
        return None, f"found with seed {seed}, and not again by: {again}"
    if small.split()[:2] != seen.strip('"').split()[:2]:
        return None, f"found with seed {seed}: {small}, and then something else: {seen}"
    count = steps.count("\n")
    return (seed, count), f"seed {seed}, {count} steps: {small[:110]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="only look whether each fault has its place in the sources and a row in mutants.tsv")
    parser.add_argument("--histories", type=int, default=10000, help="within how many a fault has to be found")
    parser.add_argument("--only", default="", help="the faults whose name has these words")
    options = parser.parse_args()
    mutants = tomllib.loads((ROOT / "sim/tests/random/mutants.toml").read_text())["mutant"]
    chosen = [mutant for mutant in mutants if options.only in mutant["name"]]
    faults = [mutated(mutant) for mutant in chosen]
    if options.check:
        noted = [line.split("\t")[0] for line in LEDGER.read_text().splitlines()]
        missing = [mutant["name"] for mutant in mutants if mutant["name"] not in noted]
        return f"mutants: not in {LEDGER.name}, run `make mutants`: {', '.join(missing)}" if missing else 0
    copy()
    status, said = histories(options.histories)
    if status:
        sys.exit(f"mutants: without any fault the histories fail:\n{said[-3000:]}")
    results = []
    for mutant, files in zip(chosen, faults):
        for file, faulty in files.items():
            (COPY / file).write_text(faulty)
        try:
            found, line = judge(mutant, options.histories)
        finally:
            for file in files:
                (COPY / file).write_text((ROOT / file).read_text())
        print(f"{'ok    ' if found else 'FAILED'} {mutant['name']}\n       {line}", flush=True)
        results.append((mutant["name"], *(found or ("**not found**", ""))))
    missed = sum(seed == "**not found**" for _, seed, _ in results)
    if chosen and len(chosen) == len(mutants):
        LEDGER.write_text("".join(f"{name}\t{seed}\t{steps}\n" for name, seed, steps in results))
    print(f"mutants: {len(chosen) - missed} of {len(chosen)} found")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
