"""The subjects of the benchmark: stock, stock tuned, ours, the raw-socket floor, and two clients in other languages."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import rig  # noqa: E402

from build import BIN, HERE, OUT  # noqa: E402

KAZOO_VERSION = "2.11.0"


class Refused(Exception):
    """The program refused to report: wrong library, or a check failed. Must never be ignored."""


class Unavailable(Exception):
    """The subject is not available on this machine; the message says why."""


class Subject:
    """`name` is its column. `run` measures one mode once and returns the figures as a dictionary."""

    name = title = ""
    counts = False        # syscalls and allocations can be counted
    instructions = False  # callgrind makes sense
    pairs = 0             # at most so many runs of a mode; 0: as many as asked for

    def can(self, mode):
        """Whether this subject can do the mode's work."""
        raise NotImplementedError

    def command(self, mode, port):
        """The program and its arguments, except those for the amount of work."""
        raise NotImplementedError

    def environment(self):
        """The environment of the program, as a new dictionary."""
        return dict(os.environ)

    def run(self, mode, port, extra, wrapper=(), limit=1000, **environment):
        """One run; `extra` arguments, `wrapper` before the command (valgrind), and further environment variables. It may
        take `limit` seconds."""
        command = [*wrapper, *self.command(mode, port), *extra]
        env = {**self.environment(), **dict(mode.environment), **environment}
        # The programs have their own --limit, with a message about what they were doing; this limit is for a program
        # that still hangs.
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=limit)
        if done.returncode != 0:
            raise Refused(f"{self.name}, {mode.name}: exit {done.returncode}\n{done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])


class Library(Subject):
    """The program bench on one of the two libraries."""

    counts = instructions = True

    def __init__(self, which, tuned=False):
        self.which = which
        self.tuned = tuned
        self.name = "tuned" if tuned else which
        self.title = "stock, tuned" if tuned else which
        self.file = rig.library(which)
        self._environment = rig.library_env(which)

    def can(self, mode):
        return True

    def command(self, mode, port):
        tuned = ["--tuned"] if self.tuned else []
        return [str(BIN / "bench"), "--port", str(port), "--lib", str(self.file), *mode.args, *tuned]

    def environment(self):
        return dict(self._environment)


class Raw(Subject):
    """The floor."""

    name, title, counts = "floor", "raw socket", True

    def can(self, mode):
        return mode.raw

    def command(self, mode, port):
        return [str(BIN / "raw"), "--port", str(port), *mode.args]


class Kazoo(Subject):
    """Python's client, in .cache."""

    name, title, pairs = "kazoo", f"kazoo {KAZOO_VERSION}", 3

    def __init__(self):
        self._packages = HERE.parent / ".cache" / f"kazoo-{KAZOO_VERSION}"
        if not (self._packages / "kazoo").exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(self._packages)]
            done = subprocess.run([*pip, f"kazoo=={KAZOO_VERSION}"], capture_output=True, text=True)
            if done.returncode != 0:
                raise Unavailable(f"pip cannot install kazoo: {done.stderr.strip().splitlines()[-1:]}")

    def can(self, mode):
        return mode.others

    def command(self, mode, port):
        return [sys.executable, str(HERE / "kazoo_client.py"), "--port", str(port), *mode.args]

    def environment(self):
        return {**os.environ, "PYTHONPATH": str(self._packages)}


class RustClient(Subject):
    """The crate zookeeper-client, built on first use."""

    name, title, pairs = "rust", "crate zookeeper-client", 3

    def __init__(self):
        target = HERE.parent / ".cache" / "rust-client"
        if not shutil.which("cargo"):
            raise Unavailable("no cargo")
        manifest = HERE / "rust-client" / "Cargo.toml"
        done = subprocess.run(["cargo", "build", "--release", "--quiet", "--locked", "--manifest-path", str(manifest),
                               "--target-dir", str(target)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Unavailable(f"cargo cannot build it: {done.stderr.strip()[-300:]}")
        self._program = target / "release" / "rust-client"

    def can(self, mode):
        return mode.others

    def command(self, mode, port):
        return [str(self._program), "--port", str(port), *mode.args]


MAKERS = {
    "floor": Raw,
    "stock": lambda: Library("stock"),
    "tuned": lambda: Library("stock", tuned=True),
    "ours": lambda: Library("ours"),
    "0.1.0": lambda: Library("0.1.0"),
    "kazoo": Kazoo,
    "rust": RustClient,
}

# ---- the passes that count instead of timing ----


def count_calls(subject, mode, port):
    """System calls (with perf's tracepoint, if permitted), allocations and context switches of the measured region, per operation."""
    got = subject.run(mode, port, ["--ops", str(mode.count_ops), "--limit", "900"], LD_PRELOAD=str(BIN / "alloc_count.so"),
                      BENCH_COUNT_SYSCALLS="1")
    return {key: got[key] for key in ("syscalls", "allocs", "alloc_bytes", "sleeps") if key in got}


def count_instructions(subject, mode, port):
    """User instructions of the measured region per operation, without those of the benchmark program itself."""
    profile = OUT / f"callgrind.{subject.name}.{os.getpid()}"
    wrapper = ["valgrind", "--tool=callgrind", "--fair-sched=yes", f"--callgrind-out-file={profile}", "-q"]
    try:
        warm = [] if "--warm" in mode.args else ["--warm", "64"]
        got = subject.run(mode, port, ["--ops", str(mode.instruction_ops), "--limit", "900", *warm], wrapper=wrapper)
        if "cut_off" in got:
            return {}
        total = instructions_of(profile.with_name(profile.name + ".1"))
    finally:
        for file in profile.parent.glob(profile.name + "*"):
            file.unlink()
    return {"instructions": total / got["ops"]}


def instructions_of(profile):
    """The sum of a callgrind dump's own costs outside of the program `bench`, which checks every byte that it gets.
    Functions that `bench` calls for that in other libraries (memcmp, clock_gettime) do not count either."""
    total, names = 0, {}
    inside = inclusive = False  # of the program; the next line of costs is that of a call
    callee = ""
    for line in profile.read_text().splitlines():
        if line.startswith(("ob=", "cob=")):  # a name is spelled out where its number first occurs, in either
            number, _, name = line.partition("=")[2].partition(" ")
            names.setdefault(number, name)
            if line[0] == "o":
                inside = names[number].endswith("/bench")
            else:
                callee = names[number]
        elif line.startswith("calls="):
            inclusive = True
        elif line and (line[0].isdigit() or line[0] in "+-*"):
            cost = int(line.split()[1])
            if inclusive:
                if inside and callee and "zookeeper" not in callee:
                    total -= cost
                callee = ""
            elif not inside:
                total += cost
            inclusive = False
    return total
