#!/usr/bin/python3
"""The effect of a hostile server on a process: each attack on Debian's library and on ours, on a real socket.

The process (hostile.c; hostile_st.c with --flavour st) has a second handle, on an honest server, and limits of address
space, descriptors and CPU time. Ours must survive every attack: the call fails with the documented code or the
connection is dropped, a log line names the fault and the place, resident memory grows by less than 16 MiB, no
descriptor leaks, and the other handle is not affected. The behaviour of Debian's library is shown beside it, but is not
judged.

Usage: hostile.py [--only PATTERN ...] [--lib ours|both] [--flavour mt|st] [--table FILE] [--jobs N] [-v]
"""

import argparse
import concurrent.futures
import contextlib
import fnmatch
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import rig  # noqa: E402
import attacks  # noqa: E402
import attacks_sasl  # noqa: E402
import attacks_tls  # noqa: E402
import attacks_tls_sessions  # noqa: E402
from fake_server import FakeServer  # noqa: E402
from run import FLAGS, headers  # noqa: E402

GROWTH_KIB = 16 << 10
CPU_MS = 2000
# Waiting for the attacked handle takes its session timeouts, or for ever. These limits leave room for a busy machine.
HONEST_MS = 10000  # of a session timeout of 20 s
CLOSE_MS = 15000  # 3 s to send and 1.5 s for an answer are in the contract
PATIENCE = 8  # times an attack's seconds; Debian's library, which answers nothing in some of them, gets these once
NO_ANSWER = 1


def build(flavour):
    """Compile hostile.c or hostile_st.c; returns the executable."""
    name = {"mt": "hostile", "st": "hostile_st"}[flavour]
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or rig.ROOT / "target") / "ctest" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    include = headers()
    own = ["-I", include] if include.parent == rig.ROOT else []
    subprocess.run(["gcc", *FLAGS, *own, "-I", include / "zookeeper", "-o", target, HERE / f"{name}.c", "-L",
                    rig.link_directory("stock"), f"-l:libzookeeper_{flavour}.so.2", "-lpthread"], check=True)
    return target


class Run:
    """One attack on one library: the output of the process, and the view of the hostile server."""

    def __init__(self, program, attack, which):
        self.attack = attack
        with FakeServer(attack.honest or _honest) as honest, FakeServer(attack.script) as hostile, tempfile.TemporaryFile() as log:
            self.address = hostile.hostport
            seconds = attack.seconds * (PATIENCE if which == "ours" else 1)
            command = [program, honest.hostport, hostile.hostport, attack.call, attack.handles, int(seconds * 1000)]
            # glibc reserves 64 MiB for each thread's arena; with few arenas the limit measures the library.
            child = rig.spawn(list(map(str, command)), env=rig.library_env(which, MALLOC_ARENA_MAX=2, **attack.environment()), cwd="/",
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
            overdue = threading.Timer(seconds + 25 * (PATIENCE if which == "ours" else 1), child.kill)
            overdue.start()
            out = child.stdout.readline()  # the calls are done; the handles are not closed before we say so
            deadline = time.monotonic() + (20 if attack.drops and out else 0.05)
            self.dropped = False
            while not self.dropped and time.monotonic() < deadline:
                time.sleep(0.01)
                self.dropped = hostile.accepted > attack.handles or hostile.ended > 0
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(b"\n")
                child.stdin.close()
            out += child.stdout.read()
            self.status = child.wait()
            self.ended = not overdue.finished.is_set()
            overdue.cancel()
            rig.terminate(child, grace=0)
            self.accepted = hostile.accepted
            self.broken = honest.failures + hostile.failures
            log.seek(0)
            self.log = log.read().decode("utf-8", "backslashreplace")
        self.said = out.decode()
        lines = [line for line in self.said.splitlines() if not line.startswith("more")]
        self.values = {name: int(value) for line in lines for name, value in re.findall(r"(\w+)=(-?\d+)", line)}
        self.codes = [int(code) for code in re.findall(r"sync=(-?\d+)", self.said)]

    def death(self):
        """How the process ended, if not properly."""
        if not self.ended:
            return "hangs" if "grown" not in self.said and "unanswered" not in self.said else "hangs in close"
        if self.status < 0:
            name = signal.Signals(-self.status).name
            return {"SIGXCPU": "spins (SIGXCPU)", "SIGKILL": "spins (SIGKILL)"}.get(name, f"dies ({name})")
        if self.status or "grown_kib" not in self.values:
            return f"exit status {self.status}"
        return None

    def troubles(self):
        """Faults that ours must not have."""
        death = self.death()
        if death:
            return [death]
        value = self.values
        found = list(self.broken)
        limits = {"grown_kib": GROWTH_KIB, "cpu_ms": CPU_MS, "honest_ms": HONEST_MS, "close_ms": CLOSE_MS,
                  "descriptors": 1, "honest_failures": 1, "unanswered": 1}
        found += [f"{name} is {value[name]}" for name, bound in limits.items() if value[name] >= bound]
        wrong = sorted(set(self.codes) - set(self.attack.codes))
        if wrong:
            found.append(f"the call returned {', '.join(map(str, wrong))}")
        if self.attack.drops is not None and self.attack.drops != self.dropped:
            found.append("the connection was dropped" if not self.attack.drops else "the connection was kept")
        lines = [line for line in self.log.splitlines() if ":ZOO_ERROR@" in line or ":ZOO_WARN@" in line]
        if self.attack.log:
            about = [line for line in lines if re.search(self.attack.log, line)]
            if not about:
                found.append(f"no log line says {self.attack.log!r}")
            elif self.attack.drops and not any(self.address in line for line in about):
                found.append("the log line does not say where")
        # One line per connection or call, and a few for the end of the session.
        bound = 2 * self.accepted + 2 * len(self.codes) + 2
        if len(lines) > bound:
            found.append(f"{len(lines)} log lines")
        if "internal error" in self.log or "panicked" in self.log:
            found.append("a panic")
        return found

    def told(self):
        """One cell of the table."""
        death = self.death()
        if death:
            return death
        value = self.values
        codes = sorted(set(self.codes))
        said = "no answer" if value["unanswered"] else "/".join(map(str, codes))
        parts = [said, f"{self.accepted} connection{'s' if self.accepted > 1 else ''}"]
        if value["grown_kib"] >= 1024:
            parts.append(f"+{value['grown_kib'] / 1024:.0f} MiB")
        if value["cpu_ms"] >= 500:
            parts.append(f"{value['cpu_ms'] / 1000:.1f} s CPU")
        if value["honest_failures"]:
            parts.append(f"other handle: {value['honest_failures']} failures")
        elif value["honest_ms"] >= HONEST_MS:
            parts.append(f"other handle waits {value['honest_ms'] / 1000:.0f} s")
        if value["descriptors"] > 0:
            parts.append(f"{value['descriptors']} descriptors kept")
        return ", ".join(parts)


def _honest(link):
    link.accept_session()
    link.serve()


def table(rows):
    """Markdown of [(attack, stock's cell, our cell, whether ours passed)]."""
    lines = ["| attack | call | stock | ours | |", "|---|---|---|---|---|"]
    lines += [f"| {attack.name} | {attack.call} | {stock} | {ours} | {'passed' if good else '**failed**'} |"
              for attack, stock, ours, good in rows]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", action="append", metavar="PATTERN", help="part of an attack's name, or a shell pattern")
    parser.add_argument("--lib", choices=("ours", "both"), default="both")
    parser.add_argument("--flavour", choices=("mt", "st"), default="mt", help="the library with threads, or the one without")
    parser.add_argument("--table", type=pathlib.Path, metavar="FILE", help="write the table, as Markdown, there too")
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("-v", "--verbose", action="store_true", help="show the log of every run of ours")
    options = parser.parse_args()
    program = build(options.flavour)
    every = attacks.ATTACKS + attacks_tls.ATTACKS + attacks_tls_sessions.ATTACKS + attacks_sasl.ATTACKS
    chosen = [a for a in every if not options.only
              or any(word in a.name or fnmatch.fnmatch(a.name, word) for word in options.only)]
    if not chosen:
        raise SystemExit("no attack matches")
    rows = []
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        def start(attack, which):
            return pool.submit(Run, program, attack, which)
        # Debian's library is built without TLS and SASL.
        runs = [(attack, options.lib == "both" and not attack.honest and start(attack, "stock"), start(attack, "ours"))
                for attack in chosen]
        for attack, stock, ours in runs:
            theirs = stock.result().told() if stock else "built without" if attack.honest else "-"
            run = ours.result()
            troubles = run.troubles()
            failed += bool(troubles)
            rows.append((attack, theirs, run.told(), not troubles))
            print(f"{'FAIL' if troubles else 'ok  '} {attack.name} ({attack.call}): stock: {theirs} | ours: {run.told()}",
                  flush=True)
            for trouble in troubles:
                print(f"       {trouble}", flush=True)
            if troubles or options.verbose:
                print("".join(f"         {line}\n" for line in run.log.splitlines()[-12:]), end="", flush=True)
    if options.table:
        options.table.write_text(table(rows))
    print(f"{len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
