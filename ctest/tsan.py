#!/usr/bin/env python3
"""The C programs with many threads, and our library, built with ThreadSanitizer.

First it proves that the sanitizer is on: races of a program and of the library must be reported, and locks taken in
conflicting orders, but not accesses that a lock of ours protects. Then ctest/run.py, ctest/lifetimes.py and
bench/gates.py --mixed run on that build; a report in any program fails it.

rustc does the instrumentation, gcc's libtsan is the runtime. The standard library is not instrumented, so
src/sys/tsan.rs reports its locks to the sanitizer, and ctest/tsan has the other missing parts. Left out are programs
that fork without exec (the runtime refuses that), checks of the threads' signal masks (the runtime has a thread of its
own), and failing allocations.

Usage: tsan.py [--long] [--only PATTERN ...]
The default runs cases/; --long also runs bugs/ and more of lifetimes."""
import os
import shutil
import subprocess
import sys

from instrumented import ROOT, arguments, as_loaded, build, programs, runtime

HERE = ROOT / "ctest" / "tsan"
FLAGS = (
    "-Zsanitizer=thread",
    "-Cunsafe-allow-abi-mismatch=sanitizer",  # the standard library is without
    "-Zshare-generics=no",  # what can be compiled here, and thus with the sanitizer, is
    "-Cforce-frame-pointers",
    "--cfg=calmkeeper_tsan",
)
REPORTED = 66  # the exit status of a program with a report
LIFETIMES = ("close", "pending", "block", "exit", "descriptors", "dlopen", "throw")
# Each part of proof.c, and a text that the report on it must contain; None if there must be no report.
PROOFS = (
    ("program", "data race"),
    ("library", "calmkeeper_race"),
    ("inversion", "lock-order-inversion"),
    ("locked", None),
)


def with_additions(target):
    """The value of LD_PRELOAD: the runtime, and before it the functions that it lacks."""
    ours = target / "runtime.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-fno-builtin", "-Wall", "-Wextra", "-Werror", "-o", ours,
                    HERE / "runtime.c"], check=True)
    return f"{ours}:{runtime('libtsan.so', 'libtsan2')}"


def prove(library, preload, options):
    """The sanitizer reports the expected faults, and nothing else."""
    folder = library.parent / "proof"
    folder.mkdir(exist_ok=True)
    as_loaded(library, folder)
    subprocess.run(["gcc", "-fsanitize=thread", "-O1", "-g", "-o", folder / "proof", HERE / "proof.c", library,
                    "-Wl,--allow-shlib-undefined"],
                   check=True)
    environment = os.environ | {"LD_PRELOAD": preload, "LD_LIBRARY_PATH": str(folder), "TSAN_OPTIONS": options}
    for part, wanted in PROOFS:
        result = subprocess.run([folder / "proof", part], env=environment, capture_output=True, text=True, timeout=600)
        right = result.returncode == (REPORTED if wanted else 0) and (wanted or "") in result.stderr
        if not right or (wanted is None and "ThreadSanitizer" in result.stderr):
            sys.exit(f"ThreadSanitizer is not on, or is wrong about {part!r}: {result.returncode}\n{result.stderr}")
    print("ThreadSanitizer is on: races in the program and in the library and an inversion of locks were reported, "
          "and a lock was understood", flush=True)


def reports(folder):
    """Prints the reports, the same fault once; returns the number of faults."""
    found = {}
    for file in sorted(folder.iterdir()):
        for report in file.read_text(errors="replace").split("=" * 18 + "\n"):
            if "WARNING" in report:
                found.setdefault(report.rsplit("SUMMARY:", 1)[-1].strip(), report)
            elif "ThreadSanitizer" in report and "reported" not in report:
                found.setdefault(report.split("==", 2)[-1].strip(), report)
    for summary, report in found.items():
        print(f"\nFAIL {summary}\n{report[:8000]}")
    return len(found)


def main():
    chosen = arguments(__doc__)
    target = ROOT / "target" / "tsan"
    library = build(target, *FLAGS, CARGO_PROFILE_DEV_OPT_LEVEL="1")
    preload = with_additions(target)
    # A forked child may have threads; the parts that the runtime still refuses are not run.
    options = f"exitcode={REPORTED}:die_after_fork=0:suppressions={HERE / 'suppressions.txt'}:print_suppressions=0"
    prove(library, preload, options)
    # Reports go to files: a program may end in a way that loses the exit status, or its output.
    folder = target / "reports"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environment = {
        "RIG_OUR_LIBRARY": str(library),
        "RIG_OUR_PRELOAD": preload,
        "CARGO_TARGET_DIR": str(target),
        "CTEST_FLAGS": "-fsanitize=thread",
        "TSAN_OPTIONS": f"{options}:log_path={folder / 'report'}",
    }
    failed = programs(only=chosen.only or ([] if chosen.long else ["cases/"]), **environment)
    runs = []
    if not chosen.only:
        parts = [part for part in LIFETIMES if chosen.long or part != "block"]
        runs.append(["ctest/lifetimes.py", *(word for part in parts for word in ("--only", part))])
        runs.append(["bench/gates.py", "--mixed"])
    for command in runs:
        failed |= subprocess.run([sys.executable, *command], cwd=ROOT, env=os.environ | environment).returncode
    count = reports(folder)
    print(f"ThreadSanitizer: {count} faults reported")
    sys.exit(1 if failed or count else 0)


main()
