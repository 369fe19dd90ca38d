#!/usr/bin/python3
"""TLS and SASL on our library: client.c and Debian's unmodified cli_mt, against real servers with a secure port and against
scripted ones.

usage: run.py [--only PATTERN ...] [--list]
"""
import argparse
import collections
import fnmatch
import pathlib
import sys
import tempfile
import time
import traceback
import unittest

from common import build
import log_secrets
import sasl
import server_kinds
import tls

CASES = (*sasl.CASES, *tls.CASES, *log_secrets.CASES, *server_kinds.CASES)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", default=["*"])
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    cases = [case for case in CASES if any(fnmatch.fnmatch(case.__name__, pattern) for pattern in arguments.only)]
    if arguments.list:
        print(*(case.__name__ for case in cases), sep="\n")
        return 0
    if not cases:
        print("secure: no such case")
        return 1
    build.program = build()
    counts = collections.Counter()
    for case in cases:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as directory:
            try:
                case(pathlib.Path(directory))
                verdict = "ok"
            except unittest.SkipTest as reason:
                verdict = "skipped"
                print(f"secure: {case.__name__}: {reason}")
            except Exception:  # noqa: BLE001 - shown, and counted
                traceback.print_exc()
                verdict = "FAILED"
        counts[verdict] += 1
        print(f"secure: {case.__name__}: {verdict} ({time.monotonic() - begun:.1f} s)", flush=True)
    print("secure: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return int(counts["FAILED"] > 0)


if __name__ == "__main__":
    sys.exit(main())
