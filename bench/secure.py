#!/usr/bin/env python3
"""`make bench-secure`: the CPU time that TLS costs a client, compared with the same calls without TLS on ours and on
Debian's library.

Each round runs all subjects, one after the other, against the simulated server (testserver --fast), so that other load
on the machine affects all of them equally; a ratio is the median of the rounds' ratios. Ends with status 1 if one of
the targets below is missed. It measures CPU time, not elapsed time, but a busy machine still makes that longer: run it
alone.
"""
import argparse
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys

import build
from subjects import rig

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or rig.ROOT / "target")
# (subject, library, TLS version or None for plain)
SUBJECTS = (("stock", "stock", None), ("ours", "ours", None), ("TLS 1.2", "ours", "1.2"), ("TLS 1.3", "ours", "1.3"))
OPERATIONS = {"get": 20000, "aget": 200000, "open": 1}
TITLES = {"get": "sync get", "aget": "aget, 256 in flight", "open": "first session, with a client certificate"}
# Limits relative to ours without TLS; besides, the CPU time must be below that of stock without TLS.
RATIOS = {"get": 1.5, "aget": 3.0}
FIRST_CONNECTION_US = 3000


def compile_client():
    """The program; the loader chooses the library."""
    build.BIN.mkdir(parents=True, exist_ok=True)
    program = build.BIN / "secure"
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-DTHREADED", f"-I{build.headers()}", "-o",
                    program, build.HERE / "secure.c", f"-L{rig.link_directory('stock')}", "-lzookeeper_mt", "-lpthread", "-ldl"],
                   check=True)
    return program


@contextlib.contextmanager
def server(*arguments):
    """Runs a simulated server, and yields its address."""
    child = rig.spawn([str(TARGET / "release" / "testserver"), "--fast", *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    try:
        yield f"127.0.0.1:{int(child.stdout.readline())}"
    finally:
        rig.terminate(child, grace=0)


def run(program, subject, hosts, mode, operations):
    """Microseconds of CPU time per operation."""
    _, which, version = subject
    certificates = rig.certificates()
    tls = {"ZOO_TLS_CA": certificates / "ca.crt", "ZOO_TLS_CERT": certificates / "client.crt",
           "ZOO_TLS_KEY": certificates / "client.key"} if version else {}
    done = subprocess.run([program, hosts, mode, str(operations)], env=rig.library_env(which, **tls), capture_output=True, text=True,
                          timeout=600)
    if done.returncode:
        raise SystemExit(f"bench-secure: {subject[0]}, {mode}: status {done.returncode}\n{done.stderr}")
    spent, library = done.stdout.split()
    if not os.path.samefile(library, rig.library(which)):
        raise SystemExit(f"bench-secure: {subject[0]} ran on {library}")
    return float(spent)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="two short rounds: for development, not for figures")
    options = parser.parse_args()
    program, rounds = compile_client(), 2 if options.quick else options.rounds
    certificates = rig.certificates()
    figures = {(mode, name): [] for mode in OPERATIONS for name, *_ in SUBJECTS}
    tls = f"{certificates / 'server.crt'},{certificates / 'server.key'},{certificates / 'ca.crt'}"
    with server() as plain, server("--tls", tls, "--tls-version", "1.2") as older, server("--tls", tls) as newer:
        hosts = {None: plain, "1.2": older, "1.3": newer}
        for _ in range(rounds):
            for mode, operations in OPERATIONS.items():
                count = max(1, operations // 10) if options.quick else operations
                for subject in SUBJECTS:
                    figures[mode, subject[0]].append(run(program, subject, hosts[subject[2]], mode, count))
    print(f"microseconds of the client's CPU time for one operation, median of {rounds} rounds")
    print("| | " + " | ".join(name for name, *_ in SUBJECTS) + " | TLS 1.2 / ours | TLS 1.3 / ours |")
    print("|---" * (len(SUBJECTS) + 3) + "|")
    missed = []
    for mode, title in TITLES.items():
        medians = {name: statistics.median(figures[mode, name]) for name, *_ in SUBJECTS}
        ratios = {name: statistics.median(map(lambda a, b: a / b, figures[mode, name], figures[mode, "ours"]))
                  for name in ("TLS 1.2", "TLS 1.3")}
        print(f"| {title} | " + " | ".join(f"{value:.2f}" for value in medians.values()) + " | "
              + " | ".join(f"{ratio:.2f}" for ratio in ratios.values()) + " |")
        for name, ratio in ratios.items():
            if ratio > RATIOS.get(mode, ratio):
                missed.append(f"{title}, {name}: {ratio:.2f} times ours without TLS, of at most {RATIOS[mode]}")
            if mode in RATIOS and medians[name] >= medians["stock"]:
                missed.append(f"{title}, {name}: not less than stock without TLS")
            if mode == "open" and medians[name] > FIRST_CONNECTION_US:
                missed.append(f"{title}, {name}: {medians[name]:.0f} us of at most {FIRST_CONNECTION_US}")
    print("\n".join(f"MISSED {line}" for line in missed) or "all targets are met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
