#!/usr/bin/env python3
"""The cost of a request in the program's own loop on the single-threaded library, and on the multi-threaded one: stock
and ours, interleaved, on one real server. Prints the median processor time of the client and the median time of one
request, in microseconds; fails if our single-threaded library needs more processor time than our multi-threaded one
with the most requests in flight, where neither waits.

usage: loop.py [--rounds N]
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import rig  # noqa: E402

# Requests in flight, and total number of requests.
WINDOWS = {1: 20_000, 16: 100_000, 256: 200_000}
FLAVOURS = {"mt": ["-DTHREADED"], "st": []}


def build():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or rig.ROOT / "target") / "bench"
    target.mkdir(parents=True, exist_ok=True)
    for flavour, options in FLAVOURS.items():
        subprocess.run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", *options, "-I", rig.ROOT / "include",
                        "-I", rig.ROOT / "include/zookeeper", "-o", target / f"loop-{flavour}", HERE / "loop.c",
                        "-L", rig.link_directory("stock"), f"-l:libzookeeper_{flavour}.so.2", "-lpthread"], check=True)
    rig.link_directory("ours")
    return target


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    target = build()
    found = {}
    with rig.Ensemble() as ensemble:
        for _ in range(rounds):
            for window, count in WINDOWS.items():
                for flavour in FLAVOURS:
                    for which in rig.LIBRARIES:
                        done = subprocess.run([target / f"loop-{flavour}", ensemble.hosts, str(window), str(count)], check=True,
                                              env=rig.library_env(which), capture_output=True, text=True, timeout=600)
                        found.setdefault((window, flavour, which), []).append([float(word) for word in done.stdout.split()])
    medians = {case: [statistics.median(column) for column in zip(*values)] for case, values in found.items()}
    print("| requests in flight | | stock: processor, time | ours: processor, time |\n|---|---|---|---|")
    for window in WINDOWS:
        for flavour, name in (("mt", "libzookeeper_mt"), ("st", "libzookeeper_st")):
            cells = [" µs, ".join(f"{value:.1f}" for value in medians[window, flavour, which]) + " µs" for which in rig.LIBRARIES]
            print(f"| {window} | {name} | {cells[0]} | {cells[1]} |")
    most = max(WINDOWS)
    single, multi = (medians[most, flavour, "ours"][0] for flavour in ("st", "mt"))
    if single > multi:
        print(f"{single} µs of processor time with {most} in flight, and {multi} on libzookeeper_mt")
    return 1 if single > multi else 0


if __name__ == "__main__":
    sys.exit(main())
