"""A share of one core for each server: cgroup v2 (cpu.max), cgroup v1 (cfs quota), or SIGSTOP/SIGCONT by CPU time used.

A machine with idle cores hides the failure: recovery is limited by the capacity of the servers, which this module
reduces.
"""

import os
import pathlib
import signal
import threading
import time

_PERIOD_US = 100_000


def create(share):
    """The best throttle on this machine for `share` of a core (0.15 = 15 %) per server; 0 or None: no throttle."""
    if not share:
        return Unlimited()
    for kind in (CgroupV2, CgroupV1):
        try:
            return kind(share)
        except OSError:
            pass
    return Governor(share)


class Unlimited:
    """No limit."""

    name = "none"

    def add(self, pid):
        """Add a server; the limit takes effect with on()."""

    def hold(self, pid, stopped):
        """Notes that the incident stops or continues this server: its SIGSTOP state must be left alone."""

    def on(self):
        """Limit every server added so far and later."""

    def off(self):
        """Lift the limit; the servers stay registered for the next on()."""

    def close(self):
        """Release the throttle's resources."""


class _Cgroup(Unlimited):
    """One group per server, made below `root`."""

    root = None

    def __init__(self, share):
        self.share = share
        self._groups = []
        self._limited = False
        probe = self._make("probe")
        try:
            self._limit(probe, True)
        finally:
            probe.rmdir()

    def _make(self, name):
        group = self.root / f"calmkeeper-herd-{os.getpid()}-{name}"
        group.mkdir()
        return group

    def _limit(self, group, limited):
        raise NotImplementedError

    def add(self, pid):
        group = self._make(str(pid))
        self._groups.append(group)
        self._limit(group, self._limited)
        (group / "cgroup.procs").write_text(str(pid))

    def _all(self, limited):
        self._limited = limited
        for group in self._groups:
            self._limit(group, limited)

    def on(self):
        self._all(True)

    def off(self):
        self._all(False)

    def close(self):
        self.off()
        deadline = time.monotonic() + 5
        while self._groups and time.monotonic() < deadline:
            for group in list(self._groups):
                try:
                    group.rmdir()
                    self._groups.remove(group)
                except OSError:
                    time.sleep(0.05)  # its last process is still going


class CgroupV2(_Cgroup):
    """cpu.max of a child of our own (delegated) group, or of the root group."""

    name = "cgroup v2 cpu.max"

    def __init__(self, share):
        mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
        mount = next((fields[1] for fields in mounts if fields[2] == "cgroup2"), None)
        if not mount:
            raise OSError("no cgroup v2")
        own = next(
            (line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines() if line[:3] == "0::"), "/"
        )
        error = OSError("no cgroup v2 group with the cpu controller may be made")
        # A group that contains processes cannot delegate controllers, so the parent's level is tried as well.
        for root in (pathlib.Path(mount + own), pathlib.Path(mount + own).parent, pathlib.Path(mount)):
            self.root = root
            try:
                if "cpu" not in (root / "cgroup.controllers").read_text().split():
                    continue
                if "cpu" not in (root / "cgroup.subtree_control").read_text().split():
                    (root / "cgroup.subtree_control").write_text("+cpu")
                super().__init__(share)
                return
            except OSError as failed:
                error = failed
        raise error

    def _limit(self, group, limited):
        quota = int(self.share * _PERIOD_US) if limited else "max"
        (group / "cpu.max").write_text(f"{quota} {_PERIOD_US}")


class CgroupV1(_Cgroup):
    """cpu.cfs_quota_us below the v1 cpu hierarchy."""

    name = "cgroup v1 cpu.cfs_quota_us"

    def __init__(self, share):
        mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
        found = [f[1] for f in mounts if f[2] == "cgroup" and "cpu" in f[3].split(",")]
        if not found:
            raise OSError("no cgroup v1 cpu hierarchy")
        self.root = pathlib.Path(found[0])
        super().__init__(share)

    def _limit(self, group, limited):
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(int(self.share * _PERIOD_US) if limited else -1))


class Governor(Unlimited):
    """SIGSTOP a server that has used up its share, SIGCONT it when its budget has grown again."""

    name = "SIGSTOP/SIGCONT governor"
    _STEP = 0.01  # s between two looks
    _BURST = 0.1  # s of wall time worth of budget that a server may save up

    def __init__(self, share):
        self.share = share
        self._budget = {}  # pid -> CPU seconds it may still use
        self._used = {}
        self._paused = set()
        self._held = set()
        self._limited = False
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="herd-governor", daemon=True)
        self._thread.start()

    @staticmethod
    def _cpu(pid):
        return time.clock_gettime((~pid << 3) | 2)  # the process's CPU-time clock, as clock_getcpuclockid makes it

    def add(self, pid):
        with self._lock:
            self._budget[pid] = 0.0
            self._used[pid] = self._cpu(pid)

    def hold(self, pid, stopped):
        with self._lock:
            if stopped:
                self._held.add(pid)
                self._paused.discard(pid)
            else:
                self._held.discard(pid)

    def on(self):
        self._limited = True

    def off(self):
        with self._lock:
            self._limited = False
            for pid in self._paused:
                self._signal(pid, signal.SIGCONT)
            self._paused.clear()

    def close(self):
        self.off()
        self._end.set()
        self._thread.join()

    @staticmethod
    def _signal(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def _run(self):
        last = time.monotonic()
        while not self._end.wait(self._STEP):
            now = time.monotonic()
            with self._lock:
                for pid in list(self._budget):
                    self._step(pid, now - last)
            last = now

    def _step(self, pid, elapsed):
        try:
            used = self._cpu(pid)
        except OSError:  # gone
            del self._budget[pid]
            self._paused.discard(pid)
            return
        grown = self._budget[pid] + elapsed * self.share - (used - self._used[pid])
        self._budget[pid] = min(grown, self._BURST * self.share)
        self._used[pid] = used
        if not self._limited or pid in self._held:
            return
        if grown < 0 and pid not in self._paused:
            self._signal(pid, signal.SIGSTOP)
            self._paused.add(pid)
        elif grown >= 0 and pid in self._paused:
            self._signal(pid, signal.SIGCONT)
            self._paused.discard(pid)
