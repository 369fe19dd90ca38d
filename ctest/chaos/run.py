#!/usr/bin/python3
"""Chaos on a real ensemble: three servers, a proxy before each, unmodified C programs, faults by a seed, then a check.

While members are killed and stopped, links cut, held, torn and refused, and clients killed and stopped, each client
(client.c) records every call and every callback. Afterwards all faults are removed, every armed watch is made to fire,
all nodes are listed through Debian's library if it is installed, and checker.py compares the journals with the nodes.
At the end the checker itself is tested: with journals that each contain one error.

Usage: run.py [--minutes N | --seconds N] [--seed N] [--lib ours|stock] [--clients N] [--keep] | --self-test
"""

import argparse
import collections
import datetime
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1]))

import rig  # noqa: E402
import selftest  # noqa: E402
from checker import check  # noqa: E402
from faults import Faults  # noqa: E402
from history import UNKNOWN, History  # noqa: E402

SESSION_MS = 4000
SHORT = 120  # seconds; longer runs go slower, for the sake of the servers' memory and the journals' size
# Clients whose library detects an overloaded ensemble may stay away for 12 session timeouts (docs/BACKOFF.md).
PATIENCE = 12 * SESSION_MS / 1000 + 180
SHOWN = 5
NOTED = 600  # seconds; runs of this length and more are noted for docs/RELIABILITY.md
LEDGER = HERE / "runs.tsv"


def micros():
    """The journals' clock."""
    return time.monotonic_ns() // 1000


def build(directory):
    """Build client and observer like any application; the library is chosen when they are started."""
    flags = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-DTHREADED", f"-I{rig.ROOT}/include"]
    for program in ("client", "observer"):
        subprocess.run(
            ["gcc", *flags, HERE / f"{program}.c", "-o", directory / program, f"-L{rig.link_directory('ours')}",
             "-lzookeeper_mt", "-lpthread"],
            check=True,
        )


class Client:
    """One client process, which may be killed and replaced by another one with a new name."""

    def __init__(self, run, number):
        self.run, self.number, self.generation = run, number, 0
        self.stopped_at = None
        self._start()

    def _start(self):
        self.generation += 1
        self.name = f"c{self.number}.{self.generation}"
        command = [self.run.directory / "client", self.run.hosts, SESSION_MS, self.journal, self.name, self.run.pace_ms]
        self.program = rig.Program(command, env=rig.library_env(self.run.library), merge=False)
        rig.assert_loaded(self.program.pid, self.run.library)

    @property
    def journal(self):
        return self.run.directory / f"{self.name}.journal"

    def replace(self):
        """SIGKILL, and a new process."""
        self.cont()
        self.run.killed.add(self.name)
        rig.terminate(self.program.child, grace=0)
        self.close()
        self._start()

    def close(self):
        """End the process; the library's log is stored beside the journal."""
        self.program.close()
        self.journal.with_suffix(".log").write_text("\n".join(self.program.errors))

    def stop(self):
        self.program.child.send_signal(signal.SIGSTOP)
        self.stopped_at = micros()

    def cont(self):
        if self.stopped_at is not None:
            self.program.child.send_signal(signal.SIGCONT)
            self.run.pauses.append((self.name, self.stopped_at, micros()))
            self.stopped_at = None

    def unfired(self):
        """The number of armed watches that have not fired."""
        armed, fired = set(), set()
        with open(self.journal, errors="replace") as lines:
            for line in lines:
                if line[0] in "AF":
                    (armed if line[0] == "A" else fired).add(line.split(maxsplit=2)[1])
                elif line[0] == "H":
                    armed.clear()
        return len(armed - fired)


class Run:
    """One run; `history` and the list of faults exist after run()."""

    def __init__(self, arguments, directory):
        self.directory, self.library, self.seed = directory, arguments.lib, arguments.seed
        self.seconds = arguments.seconds
        self.pace_ms = 20 if self.seconds <= SHORT else 80
        self.count = arguments.clients
        self.killed, self.pauses, self.clients = set(), [], []
        self.failures = []  # of what the runner itself saw
        self.hosts = ""

    def run(self):
        with rig.Ensemble(3, wait=120.0) as ensemble:
            proxies = [rig.Proxy(member) for member in ensemble.members]
            try:
                self.hosts = ensemble.hosts_of(proxies)
                self.observe(ensemble, "setup")
                self.clients = [Client(self, number + 1) for number in range(self.count)]
                self.faults = Faults(ensemble.members, proxies, self.clients, self.seed, SESSION_MS)
                self.faults.run(self.seconds)
                ensemble.wait_ready(120.0)
                self.rest(ensemble)
                dump, dumped = self.list_nodes(ensemble)
                for client in self.clients:
                    self.end(client)
            finally:
                for client in self.clients:
                    client.close()
                for proxy in proxies:
                    proxy.close()
                for member in ensemble.members:
                    shutil.copy(member.log, self.directory / f"server{member.id}.log")
        journals = {
            path.stem: path.read_text(errors="replace").splitlines() for path in self.directory.glob("*.journal")
        }
        self.inputs = dict(journals=journals, dump=dump, dumped=dumped, session_ms=SESSION_MS, pauses=self.pauses,
                           killed=self.killed, disordered=self.disordered())
        self.history = History(**self.inputs)

    def disordered(self):
        """The clients whose library got a reply out of order, if the wire shows that the server sent it out of
        order."""
        found = set()
        for log in self.directory.glob("c*.log"):
            replies = re.findall(r"expected (0x[0-9a-f]+), but received (0x[0-9a-f]+)", log.read_text(errors="replace"))
            if replies and all((int(due, 16), int(came, 16)) in self.faults.wire.disorders for due, came in replies):
                found.add(log.stem)
        return found

    def observe(self, ensemble, *command):
        """The output of the observer. It runs on Debian's library, so that ours does not vouch for itself."""
        try:
            environment = rig.library_env("stock")
        except rig.LibraryMissing:
            environment = rig.library_env("ours")
        done = subprocess.run(
            [self.directory / "observer", ensemble.hosts, self.directory / "observer.journal", *command],
            env=environment, capture_output=True, text=True, timeout=180, check=False,
        )
        if done.returncode:
            raise AssertionError(f"observer {command} failed: {done.stderr[-2000:]}")
        return done.stdout.splitlines()

    def rest(self, ensemble):
        """All clients come to rest, then each register changes once more and every watch has time to fire."""
        for client in self.clients:
            client.program.send("quiet")
        for client in self.clients:
            try:
                client.program.expect("^quiet$", timeout=PATIENCE)
            except rig.NoAnswer as error:
                self.failures.append(f"{client.name} did not come to rest: {error}")
        self.observe(ensemble, "bump", "1")
        deadline = time.monotonic() + 120
        while any(client.unfired() for client in self.clients) and time.monotonic() < deadline:
            time.sleep(0.2)

    def list_nodes(self, ensemble):
        """The nodes, after the servers have had time to expire sessions; and the time at which the listing began."""
        deadline = time.monotonic() + 3 * SESSION_MS / 1000 + 120
        while True:
            try:
                dumped, dump = micros(), self.observe(ensemble, "dump")
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                continue  # it lost its connection; nothing is known, look again
            owners = {int(fields[4], 16) for line in dump if len(fields := line.split()) == 6} - {0}
            if owners <= self.living() or time.monotonic() > deadline:
                return dump, dumped
            time.sleep(0.5)

    def living(self):
        """The session ids of the running clients."""
        found = set()
        for client in self.clients:
            events = re.findall(r"^S \d+ \d+ 3 (\w+)$", client.journal.read_text(errors="replace"), re.MULTILINE)
            found.update(int(sid, 16) for sid in events[-1:])
        return found

    def end(self, client):
        """Close the client in order; any other end of the process is a failure."""
        try:
            client.program.send("close")
            client.program.expect("^closed$", timeout=180)
            status = client.program.finish()
        except (rig.NoAnswer, OSError) as error:
            self.failures.append(f"{client.name} did not close: {error}")
            return
        if status:
            self.failures.append(f"{client.name} ended with status {status}: {client.program.tail()}")

    def note(self, failed):
        """Adds a line about this run to the file from which docs/RELIABILITY.md is made."""
        operations = [o for o in self.history.operations if o.client != "observer"]
        handles = [h for h in self.history.handles if h.client != "observer"]
        fields = (
            datetime.date.today().isoformat(), self.library, self.seed, round(self.seconds), len(operations),
            sum(o.acknowledged for o in operations), len(handles),
            sum(len(w.fires) for h in handles for w in h.watches.values()), sum(self.faults.counts.values()),
            len(self.faults.wire.disorders), failed,
        )
        with open(LEDGER, "a") as ledger:
            ledger.write("\t".join(map(str, fields)) + "\n")

    def summary(self):
        operations = [o for o in self.history.operations if o.client != "observer"]
        codes = collections.Counter(
            UNKNOWN.get(o.rc, "no answer, client killed" if o.rc is None else o.rc) for o in operations if o.rc != 0
        )
        handles = [h for h in self.history.handles if h.client != "observer"]
        lines = [
            f"{len(operations)} operations in {self.seconds:.0f} s of faults, {sum(o.acknowledged for o in operations)} "
            f"acknowledged; not: {', '.join(f'{count} {code}' for code, count in codes.most_common()) or 'none'}",
            f"{len(handles)} sessions, {sum(h.expired is not None for h in handles)} expired, "
            f"{sum(state == 1 for h in handles for _, state, _ in h.events)} times disconnected; "
            f"{sum(w.armed is not None for h in handles for w in h.watches.values())} watches armed, "
            f"{sum(len(w.fires) for h in handles for w in h.watches.values())} fired",
            f"{sum(self.faults.counts.values())} faults: "
            + ", ".join(f"{count} {name}" for name, count in sorted(self.faults.counts.items())),
            f"{len(self.faults.wire.disorders)} times a server answered out of order (wire.py)",
            f"longest call {max((o.end - o.begin - self.history.paused(o.client, o.begin, o.end) for o in operations if o.ends), default=0) / 1e6:.2f} s",
        ]
        return "\n".join("chaos: " + line for line in lines)


def report(results):
    """Print one line for each (name, problems); returns the numbers of passed and failed."""
    failed = 0
    for name, problems in results:
        print(f"{'FAILED' if problems else 'ok    '} {name.replace('_', ' ')}")
        for problem in problems[:SHOWN]:
            print(f"       {problem}")
        if len(problems) > SHOWN:
            print(f"       and {len(problems) - SHOWN} more")
        failed += bool(problems)
    return len(results) - failed, failed


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=3.0, help="how long faults are injected")
    parser.add_argument("--seconds", type=float, help="the same, in seconds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--lib", choices=rig.LIBRARIES, default="ours")
    parser.add_argument("--clients", type=int, default=3, help="processes, four threads each")
    parser.add_argument("--keep", action="store_true", help="keep the journals")
    parser.add_argument("--self-test", action="store_true", help="only the checker's own test, on a made-up history")
    arguments = parser.parse_args()
    if arguments.seconds is None:
        arguments.seconds = arguments.minutes * 60
    return arguments


def main():
    arguments = parse()
    if arguments.self_test:
        passed, failed = report(selftest.results())
        print(f"chaos: {passed} passed, {failed} failed")
        return 1 if failed else 0
    directory = pathlib.Path(tempfile.mkdtemp(prefix="calmkeeper-chaos-"))
    print(f"chaos: {arguments.lib} is {rig.library(arguments.lib)}, seed {arguments.seed}, "
          f"{arguments.seconds:.0f} s of faults", flush=True)
    build(directory)
    run = Run(arguments, directory)
    run.run()
    print(run.summary(), flush=True)
    results = [("the programs came to rest and ended in order", run.failures), *check(run.history).items()]
    sound = arguments.seconds <= SHORT and not any(problems for _, problems in results)
    passed, failed = report([*results, *selftest.results(run.inputs if sound else None)])
    print(f"chaos: {passed} passed, {failed} failed (seed {arguments.seed})")
    if arguments.seconds >= NOTED:
        run.note(sum(bool(problems) for _, problems in results))
    if failed or arguments.keep:
        (directory / "nodes").write_text("\n".join(run.inputs["dump"]))
        (directory / "faults").write_text("\n".join(run.faults.log))
        print(f"chaos: journals are in {directory}")
    else:
        shutil.rmtree(directory)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
