#!/usr/bin/env python3
"""`make bench`: the public C API on Debian's library, on the same library tuned, on ours, and on a bare socket.

Every mode is run for all subjects in turn, pair after pair, so that other load on the machine affects all of them
equally. Prints the table as it proceeds; writes bench/out/bench.json, bench.png and bench.svg. A subject that fails a
check or is the wrong library ends the whole run with an error: there are no partial reports.
"""

import argparse
import contextlib
import datetime
import fnmatch
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys

import build
import report
import subjects as who
from modes import REAL, STUB
from servers import awake_cores, real_server, responder

ROOT = build.HERE.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short pair: for development, not for figures")
    parser.add_argument("--only", action="append", metavar="MODE", help="only modes whose name matches (may be repeated, *)")
    parser.add_argument("--subjects", help="comma-separated: " + ",".join(who.MAKERS))
    parser.add_argument("--pairs", type=int, help="runs per mode and subject (default 5)")
    parser.add_argument("--secs", type=float, help="measured seconds of a run instead of the mode's own (not of idle handles)")
    parser.add_argument("--no-counts", action="store_true", help="leave out the passes that count calls and instructions")
    parser.add_argument("--no-real", action="store_true", help="leave out the real server")
    parser.add_argument("--let-cores-sleep", action="store_true", help="do not keep idle cores from being halted")
    parser.add_argument("--readme", action="store_true", help="write docs/BENCH.md and docs/img/bench.{svg,png} as well")
    parser.add_argument("--list", action="store_true", help="list the modes")
    parser.add_argument("--self-test", action="store_true", help="show that wrong and broken libraries are refused")
    return parser.parse_args()


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "CPU")
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}"


def commit():
    done = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def stock_version():
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libzookeeper-mt2"], capture_output=True, text=True)
    return f"libzookeeper-mt2 {done.stdout.strip()}" if done.returncode == 0 else "unknown"


def choose_subjects(wanted):
    """(subjects, {name: why it is missing}). The libraries are required, clients in other languages are not."""
    chosen, skipped = [], {}
    for name in wanted.split(",") if wanted else who.MAKERS:
        try:
            chosen.append(who.MAKERS[name]())
        except who.Unavailable as why:
            skipped[name] = str(why)
            print(f"SKIPPED {name}: {why}")
    return chosen, skipped


def measure(mode, subjects, port, options):
    """All runs of one mode."""
    present = [s for s in subjects if s.can(mode)]
    runs = {s.name: {"timed": []} for s in present}
    pairs = 1 if options.quick and not options.pairs else options.pairs or 5
    if mode.name.startswith("idle"):
        secs = 3.5 if options.quick else mode.secs  # pings are what they cost: less than their interval says nothing
    else:
        secs = options.secs or (min(mode.secs, 0.3) if options.quick else mode.secs)
    how_long = [] if "--ops" in mode.args else ["--secs", str(secs)]
    for pair in range(min(pairs, mode.pairs or pairs)):
        for subject in present if pair % 2 == 0 else reversed(present):
            if not subject.pairs or pair < subject.pairs:
                runs[subject.name]["timed"].append(subject.run(mode, port, how_long))
    if options.no_counts:
        return runs
    for subject in present:
        if mode.count_ops and subject.counts:
            runs[subject.name]["calls"] = who.count_calls(subject, mode, port)
        if mode.instruction_ops and subject.instructions and shutil.which("valgrind"):
            runs[subject.name]["instructions"] = who.count_instructions(subject, mode, port)
    return runs


def self_test(port):
    """Each kind of wrong library must be refused; returns how many were not."""
    mode = next(m for m in STUB if m.name == "aget-16")
    stock, bad = who.Library("stock"), 0
    cases = [("another library than the one named", ["--lib", str(build.BIN / "broken.so")], {}, 3),
             ("a function from elsewhere", [], {"LD_PRELOAD": str(build.BIN / "broken.so"), "BENCH_BREAK": "none"}, 3)]
    for how in ("twice", "swap", "data", "retry", "drop"):
        cases.append((f"a library that breaks a callback: {how}", ["--interposed", "--ops", "3000", "--limit", "5"],
                      {"LD_PRELOAD": str(build.BIN / "broken.so"), "BENCH_BREAK": how}, 4))
    for what, extra, environment, code in cases:
        done = subprocess.run([*stock.command(mode, port), *extra], env={**stock.environment(), **environment},
                              capture_output=True, text=True)
        reported = '"ops_s"' in done.stdout
        # A lost callback stops the window: then the time limit ends the run, also without a figure.
        refused = not reported and (done.returncode == code or '"cut_off"' in done.stdout)
        bad += not refused
        why = (done.stderr.strip().splitlines() or [done.stdout.strip()])[-1]
        print(f"{'refused' if refused else 'NOT REFUSED'}: {what}: exit {done.returncode}, {why}")
    good = subprocess.run([*stock.command(mode, port), "--ops", "3000"], env=stock.environment(), capture_output=True, text=True)
    print(f"{'accepted' if good.returncode == 0 else 'NOT ACCEPTED'}: the library as it is")
    return bad + (good.returncode != 0)


def run_modes(modes, server, subjects, options, results):
    with server as port:
        for mode in modes:
            runs = measure(mode, subjects, port, options)
            summary = report.summarise(mode, runs)
            results["modes"].append(summary)
            results["runs"][mode.name] = runs
            report.print_mode(summary, results["subjects"], sys.stdout)


def write(results, options):
    build.OUT.mkdir(exist_ok=True)
    (build.OUT / "bench.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    pictures = [build.OUT / "bench.png", build.OUT / "bench.svg"]
    try:
        report.plot(results, pictures)
    except ImportError:
        print("no plot: install python3-matplotlib (make setup)")
        pictures = []
    if options.readme:
        images = ROOT / "docs" / "img"
        images.mkdir(parents=True, exist_ok=True)
        for picture in pictures:
            shutil.copy(picture, images / picture.name)
        document = ROOT / "docs" / "BENCH.md"
        document.write_text(report.markdown(results, report.notes_of(document.read_text())))


def verdict(results):
    judged = [t for m in results["modes"] for row in m["rows"] for t in row["targets"]]
    met, missed = (sum(t["met"] is v for t in judged) for v in (True, False))
    print(f"\ntargets: {met} met, {missed} missed, {len(judged) - met - missed} not measured")


def main():
    options = arguments()
    patterns = options.only or ["*"]
    stub, real = ([m for m in group if any(fnmatch.fnmatch(m.name, p) for p in patterns)] for group in (STUB, REAL))
    if options.no_real or options.quick and not options.only:
        real = []
    if options.list:
        print("\n".join(f"{m.name:20} {m.title}" for m in [*STUB, *REAL]))
        return 0
    if not stub and not real:
        sys.exit("no such mode (--list)")
    build.build(who.rig.link_directory("stock"))
    if options.self_test:
        with responder() as port:
            return 1 if self_test(port) else 0
    subjects, skipped = choose_subjects(options.subjects)
    results = {"date": datetime.datetime.now().isoformat(timespec="seconds"), "machine": machine(), "commit": commit(),
               "stock": stock_version(), "quick": options.quick, "subjects": [s.name for s in subjects],
               "skipped": skipped, "awake_cores": not options.let_cores_sleep, "modes": [], "runs": {}}
    report.print_heading(results["subjects"], sys.stdout)
    with contextlib.suppress(KeyboardInterrupt), awake_cores(results["awake_cores"]):
        if stub:
            run_modes(stub, responder(), subjects, options, results)
        if real:
            run_modes(real, real_server(), subjects, options, results)
    write(results, options)
    verdict(results)
    print(f"written: {build.OUT.relative_to(pathlib.Path.cwd()) if build.OUT.is_relative_to(pathlib.Path.cwd()) else build.OUT}/bench.json, .png, .svg")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (who.Refused, who.rig.LibraryMissing) as why:
        sys.exit(f"bench: {why}")
