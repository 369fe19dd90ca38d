"""One outage on one ensemble: start, connect the fleet, throttle, begin and end the incident, watch the fleet come
back."""

import contextlib
import dataclasses
import os
import threading
import time

import kernel
import rig
import throttle as throttles
from fleet import NODES, STOCK, Fleet, run_client
from incident import Incident
import zktop
from observers import FourLetterWords, FreshClients

STEP = 0.1  # s between two samples
_SLOW_EVERY = 5  # sockets, descriptors and CPU are read each so many samples
_STEADY = 5.0  # s: all connected for so long ends the watch


@dataclasses.dataclass(frozen=True)
class Plan:
    """The parameters of a run. Times are in seconds unless the name says otherwise; run.py has the defaults and their
    reasons."""

    handles: int
    incident: Incident
    processes: int = 8
    timeout_ms: int = 10_000
    share: float = 0.15  # of a core, each server; 0 = no limit
    nofile: int = 0  # descriptors of each server; 0 = no limit
    patience: float = 120.0  # how long after the incident's end to wait for everybody
    settle: float = 4.0  # after the limits are on, before the incident
    members: int = 3
    backlog: int = 0  # clientPortListenBacklog; 0 = the server's default (50)
    fresh_clients: bool = True
    tick_time: int = 2000
    handshakes: int = 0  # outstanding TLS handshakes that a server admits; 0 = no limit, its default


@dataclasses.dataclass
class Run:
    """The observations of a run. `rows` are the samples; their times and those in `marks` are seconds since the
    incident began."""

    variants: list
    rows: list
    marks: dict
    before: dict
    after: dict
    fresh: list
    words: list
    zktop: list
    missed_watches: int | None
    handles: dict
    dead_processes: int
    throttle: str


class _Sampler:
    """Fills the rows."""

    def __init__(self, ensemble, fleets):
        self._ensemble, self._fleets = ensemble, fleets
        ports = [(member.port, member.secure_port) for member in ensemble.members]
        self._ports = [port for pair in ports for port in pair if port]
        self._cpu = {}  # server process -> CPU seconds when last seen
        self._first_cpu = None
        self._slow = {}
        self.rows = []
        self.zero = time.monotonic()
        self._start = kernel.counters()

    def take(self):
        """One row, now."""
        row = {"t": time.monotonic() - self.zero}
        for label, fleet in self._fleets.items():
            for name, value in fleet.sample().items():
                row[f"{name}:{label}"] = value
        now = kernel.counters()
        row |= {name: now[name] - self._start[name] for name in now}
        if len(self.rows) % _SLOW_EVERY == 0:
            self._slow = self._look_slowly()
        row |= self._slow
        self.rows.append(row)
        return row

    def _look_slowly(self):
        seen = kernel.server_sockets(self._ports)
        for member in self._ensemble.members:
            pid = member.pid
            seen[f"fds{member.id}"] = kernel.descriptors(pid) if pid else 0
            if pid:
                self._cpu[pid] = max(kernel.cpu_seconds(pid), self._cpu.get(pid, 0.0))
        seen["server_cpu"] = sum(self._cpu.values())
        seen["client_cpu"] = sum(kernel.cpu_seconds(pid) for fleet in self._fleets.values() for pid in fleet.pids)
        return seen

    def until(self, deadline, progress, stop=lambda row: False):
        """Sample at intervals of STEP until `deadline` (monotonic) or until stop(row)."""
        _prefer_this_thread()
        due = time.monotonic()
        while time.monotonic() < deadline:
            row = self.take()
            progress(row)
            if stop(row):
                return
            due = max(due + STEP, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))


def _prefer_this_thread():
    """Raises this thread's priority, so that samples are taken even while stock's herd uses all CPUs. Children do not
    inherit it."""
    with contextlib.suppress(OSError):  # needs root
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -15)


class _Steady:
    """Detects that all handles have been connected for a while without a loss."""

    def __init__(self, fleets):
        self._fleets = fleets
        self._since = None
        self._drops = -1

    def __call__(self, row):
        drops = sum(row[f"drops:{label}"] for label in self._fleets)
        whole = all(row[f"connected:{label}"] == fleet.handles for label, fleet in self._fleets.items())
        if not whole or drops != self._drops:
            self._since = None
        self._drops = drops
        if whole and self._since is None:
            self._since = row["t"]
        return self._since is not None and row["t"] - self._since >= _STEADY


def _split(handles, count):
    return [handles // count + (number < handles % count) for number in range(count)]


def _ensemble(plan, variants):
    config = {"clientPortListenBacklog": plan.backlog} if plan.backlog else {}
    return rig.Ensemble(
        plan.members, tick_time=plan.tick_time, min_session_timeout=1000, heap="384m", config=config,
        prefix=["prlimit", f"--nofile={plan.nofile}", "--"] if plan.nofile else [],
        java_options=[f"-Dzookeeper.netty.server.outstandingHandshake.limit={plan.handshakes}"] if plan.handshakes else [],
        tls=rig.Tls() if any(variant.is_secure for variant in variants) else None,
    )


def _check_watches(binary, hosts, fleets, wait=15.0):
    """Write every watched node once; returns how many of the connected handles get no event. None: could not write."""
    status, _ = run_client(binary, STOCK, "touch", hosts, NODES, timeout=60)
    if status:
        return None
    deadline = time.monotonic() + wait
    while True:
        missed = sum(slot.connected and not slot.version for fleet in fleets.values() for slot in fleet.slots())
        if not missed or time.monotonic() > deadline:
            return missed
        time.sleep(0.2)


def run(plan, variants, binary, progress, log=None):
    """Run `plan` with the fleet split evenly over `variants` (labels must differ); returns a Run.

    `progress(phase, row)` is called with each sample. `log` is a file for the first log lines of the first process.
    """
    with contextlib.ExitStack() as stack:
        squeeze = throttles.create(plan.share)
        stack.callback(squeeze.close)
        ensemble = stack.enter_context(_ensemble(plan, variants))
        for member in ensemble.members:
            squeeze.add(member.pid)
        status, _ = run_client(binary, STOCK, "setup", ensemble.hosts, NODES)
        if status:
            raise RuntimeError("the watched nodes could not be created")
        fleets = {}
        for number, (variant, handles) in enumerate(zip(variants, _split(plan.handles, len(variants)))):
            processes = max(1, plan.processes // len(variants))
            fleets[variant.label] = stack.enter_context(
                Fleet(binary, variant, variant.hosts(ensemble), handles, processes=processes, timeout_ms=plan.timeout_ms,
                      ramp_us=2500 * processes, log=log if number == 0 else None)
            )
        for label, fleet in fleets.items():
            reached = fleet.wait_connected(60 + plan.handles / 50, lambda row: progress(
                "connecting", {f"connected:{label}": row["connected"]}))
            if reached != fleet.handles:
                raise RuntimeError(f"only {reached} of {fleet.handles} handles of {label} connected at the start")
            fleet.check_library()
        return _hit(plan, variants, binary, progress, ensemble, fleets, squeeze)


def _hit(plan, variants, binary, progress, ensemble, fleets, squeeze):
    words = FourLetterWords(ensemble)
    newest = variants[-1]
    fresh = FreshClients(binary, newest, newest.hosts(ensemble), plan.timeout_ms) if plan.fresh_clients else None
    top = None if zktop.missing() else zktop.Zktop(ensemble)
    for member in ensemble.members:
        words.ask(member, "mntr")
    before = words.totals()
    victims = plan.incident.choose(ensemble)
    squeeze.on()
    sampler = _Sampler(ensemble, fleets)
    sampler.until(time.monotonic() + plan.settle, lambda row: progress("settling", row))

    begun = time.monotonic()
    plan.incident.begin(victims, squeeze)
    observers = [observer for observer in (words, fresh, top) if observer]
    for observer in observers:
        observer.start()
    sampler.until(begun + plan.incident.seconds, lambda row: progress("outage", row))
    ended = plan.incident.end(victims, squeeze)
    sampler.until(ended + plan.patience, lambda row: progress("recovery", row), _Steady(fleets))
    watched = time.monotonic()

    for observer in observers:
        observer.stop()
    squeeze.off()
    for member in ensemble.members:
        words.ask(member, "mntr")
    missed = _check_watches(binary, ensemble.hosts, fleets)
    offset = begun - sampler.zero
    for row in sampler.rows:
        row["t"] = round(row["t"] - offset, 3)
    return Run(
        variants=list(variants),
        rows=sampler.rows,
        marks={"begin": 0.0, "end": ended - begun, "watched": watched - begun,
               "victims": [member.id for member in victims]},
        before=before,
        after=words.totals(),
        fresh=[(round(at - begun, 2), took) for at, took in (fresh.seen if fresh else [])],
        words=[(round(at - begun, 2), member, word, took) for at, member, word, took in words.seen if at >= begun],
        zktop=[(round(at - begun, 2), serving) for at, serving in (top.seen if top else [])],
        missed_watches=missed,
        handles={label: fleet.handles for label, fleet in fleets.items()},
        dead_processes=sum(fleet.dead for fleet in fleets.values()),
        throttle=squeeze.name,
    )
