#!/usr/bin/python3
"""The differential tests: the same C program under Debian's library and under ours.

cases/*.c   must exit 0 under both and print the same. bugs/*.c    show a fault of Debian's library: they must fail
there and pass on ours. A fault that does not occur on Debian's library is an error too, because the test then proves
nothing.

Usage: run.py [--lib stock|ours|both] [--only PATTERN ...] [--instrumented] [--list] [--jobs N] [--repeat N] [--table FILE]
With --lib stock or ours a case only has to exit 0; nothing is compared.
"""

import argparse
import concurrent.futures
import difflib
import fnmatch
import os
import pathlib
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import rig  # noqa: E402
from trial import Outcome, Program, Servers, Trial  # noqa: E402

# CTEST_FLAGS adds compiler flags, for example to build the programs with a sanitizer too.
FLAGS = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", *os.environ.get("CTEST_FLAGS", "").split()]


def headers():
    """Our headers where they exist, Debian's otherwise."""
    own = rig.ROOT / "include"
    return own if (own / "zookeeper" / "zookeeper.h").exists() else pathlib.Path("/usr/include")


# The options with which a program for either library is compiled.
OPTIONS = {"mt": ("-DTHREADED",), "st": ("-DCTEST_WITHOUT_THREADS",)}

# The code that all programs share; see case.h.
SHARED = sorted(HERE.glob("case*.c"))


def _compile(built, parts, *arguments):
    """Run gcc if `built` is older than one of `parts`; returns the compiler's output on failure."""
    include = headers()
    newest = max(part.stat().st_mtime for part in (*parts, *HERE.glob("*.h"), *(include / "zookeeper").glob("*.h")))
    if built.exists() and built.stat().st_mtime > newest:
        return None
    built.parent.mkdir(parents=True, exist_ok=True)
    own = ["-I", include] if include.parent == rig.ROOT else []
    # Built under another name first, so that an interrupted compiler leaves no file that looks finished.
    fresh = built.with_name(f"{built.name}.{os.getpid()}.new")
    command = ["gcc", *FLAGS, *own, "-I", include / "zookeeper", "-o", fresh, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr
    fresh.replace(built)
    return None


def shared_objects(program):
    """The objects of the shared code, compiled for the program's library."""
    return [program.built().parents[1] / f"{part.stem}.{program.flavour}.o" for part in SHARED]


def build_shared(program):
    """Compile the shared code; returns the compiler's output on failure."""
    for part, built in zip(SHARED, shared_objects(program)):
        if wrong := _compile(built, [part], *OPTIONS[program.flavour], "-c", part):
            return wrong
    return None


def build(program):
    """Compile one program if it is older than its sources; returns the compiler's output on failure."""
    shared = shared_objects(program)
    return _compile(program.built(), [program.source, *shared], *OPTIONS[program.flavour], program.source, *shared,
                    "-L", rig.link_directory("stock"), f"-l:libzookeeper_{program.flavour}.so.2", "-lpthread", "-ldl",
                    *(["-levent"] if "event2/" in program.source.read_text() else []))


class Verdict:
    """The result of one program: `failure` is None or a line, `detail` the text to show below it."""

    def __init__(self, failure=None, detail="", note="", found=None):
        self.failure = failure
        self.detail = detail
        self.note = note
        self.found = found or {}  # of a bug: what went wrong on each library, None for nothing


def _indented(title, text, limit=40):
    lines = [line for line in text.splitlines() if title == "diff" or "Client environment:" not in line]
    cut = [f"    ({len(lines) - limit} lines left out)"] if len(lines) > limit else []
    return "\n".join([f"  -- {title}", *cut, *(f"    {line}" for line in lines[-limit:])])


def _attempt(program, which, servers):
    """Run a case; returns its Outcome and the notes of the fake server."""
    with Trial(program, which, servers[which]) as trial:
        outcome = trial.run()
    return outcome, trial.notes


def run_case(program, libraries, servers):
    """A case: exit 0 everywhere, and the same stdout."""
    results = {which: _attempt(program, which, servers) for which in libraries}
    failures = []
    detail = []
    for which, (outcome, notes) in results.items():
        if outcome.failure or notes:
            failures.append(f"{which}: {outcome.failure or notes[0]}")
            detail.append(_indented(f"log of {which}", outcome.stderr))
            detail.append(_indented(f"output of {which}", outcome.stdout))
    if len(results) == 2:
        texts = [results[which][0].stdout.splitlines() for which in ("stock", "ours")]
        if texts[0] != texts[1]:
            failures.append("the output differs")
            diff = list(difflib.unified_diff(*texts, "stock", "ours", lineterm=""))
            detail.append(_indented("diff", "\n".join(diff), 200))
            if not any(title.startswith("  -- log of ours") for title in detail):
                detail.append(_indented("log of ours", results["ours"][0].stderr, 30))
    return Verdict("; ".join(failures) or None, "\n".join(detail))


def _judge(program, which, servers):
    """Run a bug's program or driver; returns the failure (None if there was none) and the log."""
    with Trial(program, which, servers[which]) as trial:
        if program.needs == "driver":
            result = program.script.run(trial)
            if isinstance(result, Outcome):
                return result.failure, result.stdout + result.stderr
            return result, ""
        outcome = trial.run()
        return outcome.failure, outcome.stdout + outcome.stderr


def run_bug(program, libraries, servers):
    """A bug: it must occur on stock and not on ours."""
    failures = []
    detail = []
    note = ""
    found = {}
    for which in libraries:
        wrong, log = _judge(program, which, servers)
        found[which] = wrong
        if which == "stock":
            note = f"stock: {wrong}"
            if wrong is None:
                failures.append("stock passes: this test does not show the fault")
                detail.append(_indented("log of stock", log))
        elif wrong is not None:
            failures.append(f"ours: {wrong}")
            detail.append(_indented("log of ours", log))
    return Verdict("; ".join(failures) or None, "\n".join(detail), note, found)


def judge(program, libraries, servers):
    """Build and run one program; never raises."""
    begun = time.monotonic()
    try:
        wrong = build(program)
        if wrong:
            verdict = Verdict("does not compile", "\n".join(wrong.splitlines()[:15]))
        elif program.kind == "bugs":
            verdict = run_bug(program, libraries, servers)
        else:
            verdict = run_case(program, libraries, servers)
    except Exception:
        verdict = Verdict("the test itself failed", _indented("traceback", traceback.format_exc()))
    return program, verdict, time.monotonic() - begun


def report(program, verdict, seconds):
    """One line, and the detail of a failure."""
    word = "FAIL" if verdict.failure else "ok  "
    tail = (verdict.failure or verdict.note)[:300]
    print(f"{word} {program.name} ({seconds:.1f} s){': ' + tail if tail else ''}", flush=True)
    if verdict.failure and verdict.detail:
        print(verdict.detail, flush=True)


# These programs measure memory, stack, CPU time or system calls. Under a sanitizer or valgrind the figures would be the
# tool's.
COUNT = ("burst_memory", "idle_cpu", "small_stacks", "st_idle_turns")


def chosen(patterns, instrumented):
    """The programs whose name (cases/x, bugs/x) holds or matches one of the patterns."""
    programs = [Program(source) for kind in ("cases", "bugs") for source in sorted((HERE / kind).glob("*.c"))
                if not (instrumented and source.stem in COUNT)]
    if patterns:
        programs = [p for p in programs if any(w in p.name or fnmatch.fnmatch(p.name, w) for w in patterns)]
    return programs


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--lib", choices=("stock", "ours", "both"), default="both")
    parser.add_argument("--only", action="append", metavar="PATTERN", help="part of a name, or a shell pattern")
    parser.add_argument("--instrumented", action="store_true",
                        help="the library is under a sanitizer or valgrind: without the programs that count memory or CPU time")
    parser.add_argument("--list", action="store_true", help="name the programs and what they need")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=1, help="run everything so many times")
    parser.add_argument("--table", type=pathlib.Path, metavar="FILE",
                        help="write what each bug did on each library there: lines of name, library, result or nothing")
    options = parser.parse_args()
    programs = chosen(options.only, options.instrumented)
    if options.list:
        for program in programs:
            print(program.name, program.needs, *program.arguments)
        return 0
    if not programs:
        raise SystemExit("no program matches")
    libraries = list(rig.LIBRARIES) if options.lib == "both" else [options.lib]
    for which in libraries:
        rig.link_directory(which)
    rig.link_directory("stock")  # programs are linked against it whatever they run on
    servers = {which: Servers() for which in libraries}
    failed = []
    passed = 0
    table = []
    try:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            # The long programs come first, so that the end does not wait for them.
            programs += [p.again(number) for number in range(1, options.repeat) for p in programs]
            for program in {p.flavour: p for p in programs}.values():
                wrong = build_shared(program)
                if wrong:
                    raise SystemExit(wrong)
            list(pool.map(build, {p.source: p for p in programs}.values()))
            order = sorted(programs, key=lambda p: p.needs not in ("ensemble", "readonly", "driver"))
            for done in concurrent.futures.as_completed(
                    [pool.submit(judge, program, libraries, servers) for program in order]):
                program, verdict, seconds = done.result()
                report(program, verdict, seconds)
                table += ["\t".join((program.name, which, " ".join((wrong or "").split())))
                          for which, wrong in verdict.found.items()]
                if verdict.failure:
                    failed.append(program.name)
                else:
                    passed += 1
    finally:
        for shared in servers.values():
            shared.close()
    if options.table:
        options.table.write_text("".join(f"{line}\n" for line in sorted(table)))
    if failed:
        print("failed:", " ".join(sorted(set(failed))))
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
