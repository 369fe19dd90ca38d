#!/usr/bin/python3
"""The behaviour of a client while its servers are away: Debian's library and ours, side by side. Needs no Java.

The three members of this repository's simulated ensemble refuse all connections for some seconds and then come back.
Two unmodified dynamic programs go through that on each library: a small C program that reads a node every 10 ms, and
Debian's cli_mt, which only waits. Attempts are counted outside of the library, by a preloaded connect().

Usage: run.py [--away SECONDS] [--server simulated|real]
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

import rig  # noqa: E402
from server import Real, Simulated  # noqa: E402
from subject import Subject  # noqa: E402

BUILT = rig.ROOT / "target" / "rig" / "demo"
CALM_BEFORE = 3.0
PATIENCE = 60.0
# The claim that this demonstration checks: with a busy application, at most this share of stock's attempts.
MOST_ATTEMPTS = 0.2


def build():
    """The C program and the counter, built with the installed cc."""
    BUILT.mkdir(parents=True, exist_ok=True)
    strict = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror"]
    counter = ["-shared", "-fPIC", HERE / "attempts.c", "-o", BUILT / "attempts.so", "-ldl"]
    subprocess.run(["cc", *strict, *counter], check=True)
    subprocess.run(
        ["cc", *strict, "-DTHREADED", f"-I{rig.ROOT}/include", HERE / "client.c", "-o", BUILT / "client",
         f"-L{rig.link_directory('ours')}", "-lzookeeper_mt"],
        check=True,
    )


def progress(subjects, phase, start):
    """One line: the present state of all programs."""
    shown = []
    for subject in subjects:
        if subject.program_name == "C program":
            shown.append(f"{subject.which}: {subject.state():<10} {len(subject.attempts()):>6,} attempts")
    line = f"{time.monotonic() - start:5.1f} s  servers {phase:<7} | " + " | ".join(shown)
    if sys.stdout.isatty():
        print("\r" + line, end="", flush=True)
    else:
        print(line, flush=True)


def watch(subjects, phase, start, seconds, until=lambda: False):
    """Show the progress for this many seconds, or until the condition holds."""
    end = time.monotonic() + seconds
    period = 0.2 if sys.stdout.isatty() else 1.0
    while time.monotonic() < end and not until():
        progress(subjects, phase, start)
        time.sleep(min(period, max(0.0, end - time.monotonic())))
    progress(subjects, phase, start)
    if sys.stdout.isatty():
        print()


def duration(seconds):
    if seconds is None:
        return "never"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def table(subjects, away, back):
    """The final table. `away` is the time at which the servers were told to leave, `back` to return."""
    rows = [
        ("connection attempts while away", lambda s: f"{len(s.attempts(away, back)):,}"),
        ("  ... per second", lambda s: f"{len(s.attempts(away, back)) / (back - away):,.1f}"),
        ("pause between attempts, median", lambda s: duration(s.pauses(away, back, statistics.median))),
        ("pause between attempts, longest", lambda s: duration(s.pauses(away, back, max))),
        ("session back after that time", lambda s: duration(s.reconnected_after(back))),
        ("still the same session", lambda s: "yes" if s.same_session() else "no"),
        ("CPU while away", lambda s: f"{100 * s.cpu_share():.1f} %"),
        ("log lines", lambda s: f"{s.log_lines():,}"),
        ("reads answered / lost", lambda s: s.reads()),
    ]
    print(f"\nServers told to return after {back - away:.1f} s, session timeout {Subject.SESSION_TIMEOUT_MS // 1000} s"
          " (cli_mt: 30 s)\n")
    columns = [f"{subject.program_name}, {subject.which}" for subject in subjects]
    print(f"{'':<34}" + "".join(f"{column:>18}" for column in columns))
    for name, value in rows:
        print(f"{name:<34}" + "".join(f"{value(subject):>18}" for subject in subjects))
    print("\nWho asks less often hears later of the servers' return: that is the price, and it is bounded so that the\n"
          "session survives. Stock's way costs nothing while there are few clients; docs/BACKOFF.md tells of many.\n")


def verdict(subjects, away, back):
    """The failures, as sentences. `away` and `back` as in table()."""
    wrong = []
    for subject in subjects:
        who = f"{subject.program_name} on {subject.which}"
        if subject.reconnected_after(back) is None:
            wrong.append(f"{who} is not back after {PATIENCE:.0f} s")
        elif subject.which == "ours" and not subject.same_session():
            wrong.append(f"{who} lost its session")
        if subject.program_name == "C program":
            counts = subject.counts()
            if counts is None:
                wrong.append(f"{who} did not say its counts")
            elif counts[0] != counts[1] + counts[2]:
                wrong.append(f"{who} made {counts[0]} reads and heard of {counts[1] + counts[2]}")
    busy = {s.which: len(s.attempts(away, back)) for s in subjects if s.program_name == "C program"}
    if busy["ours"] > MOST_ATTEMPTS * busy["stock"]:
        wrong.append(f"ours made {busy['ours']} attempts, stock {busy['stock']}: more than {MOST_ATTEMPTS} of it")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--away", type=float, default=8.0, help="seconds (default 8)")
    parser.add_argument("--server", choices=["simulated", "real"], default="simulated",
                        help="real: Debian's ZooKeeper, needs Java")
    arguments = parser.parse_args()
    build()
    with tempfile.TemporaryDirectory() as directory, (Real if arguments.server == "real" else Simulated)() as server:
        hosts = server.hosts
        print(f"servers: {server.description}, {hosts}")
        subjects = [
            Subject(which, name, hosts, BUILT, pathlib.Path(directory))
            for name in ("C program", "cli_mt")
            for which in rig.LIBRARIES
        ]
        try:
            for subject in subjects:
                subject.wait_connected()
                print(f"{subject.program_name:<10} runs on {subject.library}")
            start = time.monotonic()
            watch(subjects, "up", start, CALM_BEFORE)
            for subject in subjects:
                subject.mark_cpu()
            away = time.monotonic()
            server.leave()
            watch(subjects, "AWAY", start, arguments.away)
            for subject in subjects:
                subject.mark_cpu()
            # Taken before the command, because a client may be back before the command's answer is read here.
            back = time.monotonic()
            server.come_back()
            everybody = lambda: all(s.reconnected_after(back) is not None for s in subjects)  # noqa: E731
            watch(subjects, "back", start, PATIENCE, everybody)
            watch(subjects, "back", start, 1.0)
            for subject in subjects:
                subject.finish()
            table(subjects, away, back)
            wrong = verdict(subjects, away, back)
        finally:
            for subject in subjects:
                subject.close()
    for sentence in wrong:
        print(f"demo: {sentence}")
    print(f"demo: {'FAILED' if wrong else 'passed'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
