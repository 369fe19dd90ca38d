#!/usr/bin/python3
"""Runs the fuzz targets under libFuzzer, one after another, and notes the number of executions in fuzz/runs.tsv.

Usage: fuzz/run.py [--asan] [--seconds N] [--runs N] [--keep] [TARGET...]     (make fuzz ARGS="...")

Without --asan the stable compiler builds them, instrumented for coverage and comparisons, with debug assertions and
overflow checks on; with it AddressSanitizer is on too, including leaks. New inputs are collected in
fuzz/targets/corpus; --keep adds those that reach new code to fuzz/corpus. A crash ends with status 1 and the command to
repeat it.
"""
import argparse
import datetime
import os
import pathlib
import re
import subprocess
import sys

FUZZ = pathlib.Path(__file__).resolve().parent
TARGETS = ("decoder", "frames", "hosts", "session", "c_api", "certificates", "keys", "sasl", "handshake", "tls_settings")
TRIPLE = "x86_64-unknown-linux-gnu"
COVERAGE = """--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks""".split()
# The option is unstable; RUSTC_BOOTSTRAP makes the stable compiler accept it, as in ctest/sanitize.py.
ADDRESS = ["-Zsanitizer=address"]
LEDGER = FUZZ / "runs.tsv"
LONGEST = 4096


def build(asan):
    """Builds all targets; returns the directory of the programs."""
    output = FUZZ.parent / "target" / ("fuzz-asan" if asan else "fuzz")
    environment = dict(os.environ, CARGO_TARGET_DIR=str(output), RUSTFLAGS=" ".join(COVERAGE + ADDRESS * asan))
    if asan:
        environment["RUSTC_BOOTSTRAP"] = "1"
    subprocess.run([os.environ.get("CARGO", "cargo"), "build", "--release", "--target", TRIPLE],
                   cwd=FUZZ / "targets", env=environment, check=True)
    return output / TRIPLE / "release"


def fuzz(program, found, options):
    """Runs one target: (executions, seconds, the end of libFuzzer's output, status)."""
    found.mkdir(parents=True, exist_ok=True)
    artifacts = FUZZ / "targets/artifacts"
    artifacts.mkdir(exist_ok=True)
    limits = [f"-max_total_time={options.seconds}", f"-runs={options.runs}"]
    begin = datetime.datetime.now()
    # A crash in another thread must end the run too, so the handlers of signals are left at their defaults.
    done = subprocess.run(
        [program, *limits, f"-max_len={LONGEST}", "-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1",
         f"-artifact_prefix={artifacts}/{program.name}-", found, FUZZ / "corpus" / program.name],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False,
    )
    executions = re.search(r"^stat::number_of_executed_units: (\d+)$", done.stderr, re.MULTILINE)
    return int(executions[1]) if executions else 0, (datetime.datetime.now() - begin).seconds, done.stderr, done.returncode


def keep(program, found):
    """Moves the inputs that reach new code to the corpus in the repository; returns the number of files."""
    corpus = FUZZ / "corpus" / program.name
    before = len(list(corpus.iterdir()))
    # Edges only: counting how often each was taken would make the corpus ten times as large.
    subprocess.run([program, "-merge=1", "-use_counters=0", corpus, found], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)
    return len(list(corpus.iterdir())) - before


def core():
    """The version of core: the name that git has for its tree, which a rebase does not change."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD:core"], cwd=FUZZ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--asan", action="store_true", help="with AddressSanitizer")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--runs", type=int, default=-1, help="at most so many executions of each target")
    parser.add_argument("--keep", action="store_true", help="add to fuzz/corpus what reaches new code")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    options = parser.parse_args()
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    programs = build(options.asan)
    failed = False
    for target in options.targets or TARGETS:
        program, found = programs / target, FUZZ / "targets/corpus" / target
        executions, seconds, said, status = fuzz(program, found, options)
        failed |= status != 0
        sanitizer = "address" if options.asan else "none"
        print(f"fuzz: {target}, sanitizer {sanitizer}: {executions} executions in {seconds} s, status {status}", flush=True)
        with open(LEDGER, "a") as ledger:
            day = datetime.date.today().isoformat()
            ledger.write(f"{day}\t{core()}\t{target}\t{sanitizer}\t{executions}\t{seconds}\t{status}\n")
        if status:
            print(said[-4000:])
            for artifact in re.findall(r"Test unit written to (\S+)", said):
                print(f"fuzz: again: {program} {artifact}")
        elif options.keep:
            print(f"fuzz: {target}: {keep(program, found)} new files in fuzz/corpus/{target}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
