#!/usr/bin/python3
"""Debian's unmodified cli_mt and load_gen against real servers, on Debian's library and on ours.

Each case runs once per library and returns a transcript: the program's output, without the parts that differ from run
to run. The transcripts must be equal. Which library a program runs on is read from /proc/PID/maps.

Usage: run.py [--lib stock|ours|both] [--only PATTERN] [--list] [--jobs N]
With --lib stock or ours only a case's own checks are made; nothing is compared.
"""

import argparse
import concurrent.futures
import difflib
import fnmatch
import pathlib
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

import rig  # noqa: E402
import cli_cases  # noqa: E402
import cli_fault_cases  # noqa: E402
import load_gen_cases  # noqa: E402

CASES = {**cli_cases.CASES, **cli_fault_cases.CASES, **load_gen_cases.CASES}


def run_case(name, libraries):
    """(passed, seconds per library, message)."""
    transcripts, seconds = {}, {}
    for which in libraries:
        start = time.monotonic()
        try:
            transcripts[which] = CASES[name](which)
        except Exception:
            return False, seconds, f"on {which}:\n{traceback.format_exc()}"
        seconds[which] = time.monotonic() - start
        if not transcripts[which]:
            return False, seconds, f"on {which}: an empty transcript proves nothing"
    if len(libraries) == 2 and transcripts["stock"] != transcripts["ours"]:
        difference = difflib.unified_diff(transcripts["stock"], transcripts["ours"], "stock", "ours", lineterm="")
        return False, seconds, "the transcripts differ:\n" + "\n".join(difference)
    return True, seconds, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--lib", choices=[*rig.LIBRARIES, "both"], default="both")
    parser.add_argument("--only", default="*", help="shell pattern of case names")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    names = [name for name in CASES if fnmatch.fnmatch(name, arguments.only)]
    if arguments.list:
        print("\n".join(names))
        return 0
    if not names:
        print(f"programs: no case matches {arguments.only!r}")
        return 2
    libraries = rig.LIBRARIES if arguments.lib == "both" else (arguments.lib,)
    for which in libraries:
        print(f"programs: {which} is {rig.library(which)}")
    failed = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        runs = {pool.submit(run_case, name, libraries): name for name in names}
        for run in concurrent.futures.as_completed(runs):
            passed, seconds, message = run.result()
            times = ", ".join(f"{which} {taken:.1f} s" for which, taken in seconds.items())
            print(f"{'ok    ' if passed else 'FAILED'} {runs[run]} ({times})", flush=True)
            if not passed:
                failed.append(runs[run])
                print("\n".join("    " + line for line in message.splitlines()), flush=True)
    print(f"programs: {len(names) - len(failed)} of {len(names)} cases passed on {' and '.join(libraries)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
