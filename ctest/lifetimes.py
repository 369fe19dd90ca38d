#!/usr/bin/python3
"""Threads, ends and shortages on our library: the programs of `build`, with each part in a separate process.

Usage: lifetimes.py [--long] [--only PART ...] [--lib ours|stock]
--long closes 10,000 handles, cancels 10,000 threads and repeats the pending calls 1,000 times; the default takes some
hundreds of each, and repeats 20 times. With --lib stock nothing is judged: it shows the behaviour of Debian's library.
"""

import argparse
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import rig  # noqa: E402
import privileged  # noqa: E402
from fake_server import FakeServer  # noqa: E402
from run import FLAGS, headers  # noqa: E402
from wire import stat, ustring, vector  # noqa: E402

NAME = b"n" * 776  # the same as NAME_SIZE in shortages.c, less its NUL
# part, count, count with --long, seconds allowed
PARTS = (
    ("close", 320, 10000, 1800),
    ("pending", 20, 1000, 1800),
    ("block", 1, 1, 300),
    ("fork", 10, 200, 600),
    ("exit", 1, 1, 300),
    ("signals", 1, 1, 300),
    ("threads", 1, 1, 300),
    ("descriptors", 1, 1, 300),
    ("memory", 1, 1, 300),
    ("dlopen", 50, 1000, 900),
    ("throw", 1, 1, 300),
    ("lookups-close", 1, 1, 300),
    ("lookups-endless", 1, 1, 300),
    ("lookups-lines", 1, 1, 300),
    ("lookups-callback", 1, 1, 300),
    ("privileged", 1, 1, 300),
    ("stacks", 1, 1, 300),
    ("forked-stats", 40, 400, 900),
    ("cancel", 500, 10000, 1800),
    ("handlers", 500, 10000, 1800),
    ("handler-allocate", 5000, 50000, 1800),
    ("handler-close", 60, 1000, 1800),
    ("wait-init", 20, 200, 600),
    ("wait-servers", 20, 200, 600),
    ("wait-close", 20, 200, 600),
    ("wait-close-end", 1, 1, 300),
    ("wait-idle", 200, 2000, 600),
    ("wait-random", 200, 1000, 600),
    ("leave-wait", 10, 200, 600),
    ("leave-log", 10, 200, 600),
    ("leave-jump", 10, 200, 600),
    ("leave-cancelled", 10, 200, 600),
)
# program, its parts
PROGRAMS = {
    "closes": ("close", "pending"),
    "departures": ("leave-wait", "leave-log", "leave-jump", "leave-cancelled"),
    "interruptions": ("cancel", "handlers", "handler-allocate", "handler-close"),
    "lifetimes": ("block", "fork", "exit", "signals"),
    "shortages": ("threads", "descriptors", "memory"),
    "waits": ("wait-init", "wait-servers", "wait-close", "wait-close-end", "wait-idle", "wait-random"),
}


def build():
    """Compile the programs; returns their folder."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or rig.ROOT / "target") / "ctest"
    target.mkdir(parents=True, exist_ok=True)
    include = headers()
    own = ["-I", include] if include.parent == rig.ROOT else []
    common = [*own, "-I", include / "zookeeper"]
    link = ["-L", rig.link_directory("stock"), "-l:libzookeeper_mt.so.2", "-lpthread", "-ldl"]
    subprocess.run(["gcc", *FLAGS, *common, "-o", target / "dlopen", HERE / "dlopen.c", "-ldl"], check=True)
    for name in ("lookups", "stacks", "forked_stats", *PROGRAMS):
        # For shortages.c, which has a malloc of its own.
        subprocess.run(["gcc", *FLAGS, "-fno-builtin-malloc", *common, "-o", target / name, HERE / f"{name}.c", *link], check=True)
    subprocess.run(["g++", "-std=gnu++17", "-g", "-O1", "-Wall", "-Wextra", *common, "-o", target / "throws",
                    HERE / "throws.cpp", *link], check=True)
    return target


def _silent(link):
    link.until_eof()


def _mute(link):
    link.accept_session()
    link.until_eof()


def _long_names(link):
    """A server with three children, and three ACL entries, whose names have a size that the program recognises."""
    link.accept_session()
    while True:
        request = link.request()
        if request.name == "children":
            link.reply(request, vector([NAME] * 3))
        elif request.name == "getacl":
            entry = struct.pack(">i", 31) + ustring(NAME) + ustring(NAME)
            link.reply(request, struct.pack(">i", 3) + entry * 3 + stat())
        else:
            link.answer(request)


class FullListener:
    """A listener whose queue is full: a client's SYN gets no answer."""

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self._fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self._listener.getsockname())
            self._fillers.append(filler)
        time.sleep(0.1)
        return self

    @property
    def hostport(self):
        """"host:port"."""
        return "127.0.0.1:%d" % self._listener.getsockname()[1]

    def __exit__(self, *_):
        for one in (*self._fillers, self._listener):
            one.close()


def run(which, command, seconds, **environment):
    """Returns (the failure or None, stdout, stderr)."""
    child = rig.spawn([str(word) for word in command], env=rig.library_env(which, **environment), cwd="/",
                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = child.communicate(timeout=seconds)
        wrong = None
    except subprocess.TimeoutExpired:
        rig.terminate(child, grace=0)
        out, err = child.communicate()
        wrong = f"did not end in {seconds} s"
    rig.terminate(child, grace=0)
    if wrong is None and child.returncode:
        said = [line for line in err.splitlines() if line.startswith("lifetimes:")]
        wrong = said[-1] if said else f"exit status {child.returncode}"
    return wrong, out, err


def others(part):
    """The further servers of a part: their context managers, in the order of the part's last argument."""
    if part == "fork":
        return [FakeServer(_silent), f"127.0.0.1:{rig.free_port()}", FullListener(), FakeServer(_mute)]
    if part in ("leave-wait", "leave-jump", "leave-cancelled"):
        return [FakeServer(_mute)]
    if part == "memory":
        return [FakeServer(_long_names)]
    return []


def run_part(target, which, part, count, seconds, hosts):
    """One part; see run()."""
    if part == "dlopen":
        return run(which, [target / "dlopen", rig.library(which), hosts, count], seconds)
    if part == "throw":
        return run(which, [target / "throws", hosts], seconds)
    if part.startswith("lookups-"):
        wrong, out, err = run(which, [target / "lookups", part.removeprefix("lookups-"), hosts.split(",")[0]], seconds)
        # Every line goes to the program's callback.
        stray = [line for line in err.splitlines() if ":ZOO_" in line]
        return wrong or (f"on stderr: {stray[0]}" if stray else None), out, err
    if part == "forked-stats":
        with tempfile.TemporaryDirectory() as folder:
            wrong, out, err = run(which, [target / "forked_stats", hosts, count], seconds, ZOO_STATS_DIR=folder,
                                  ZOO_STATS_INTERVAL_MS="100")
            left = [path.name for path in pathlib.Path(folder).iterdir() if path.name.endswith(".tmp")]
            return wrong or (f"left behind: {left}" if left else None), out, err
    if part == "stacks":
        return run(which, [target / "stacks", hosts], seconds)
    if part == "privileged":
        return privileged.fault(rig.library(which), seconds), "", ""
    program = next(program for program, parts in PROGRAMS.items() if part in parts)
    further = others(part)
    entered = [one.__enter__() if hasattr(one, "__enter__") else one for one in further]
    try:
        hostports = [getattr(one, "hostport", one) for one in entered]
        words = [",".join(hostports)] if hostports else []
        return run(which, [target / program, part, hosts, count, *words], seconds)
    finally:
        for one in further:
            if hasattr(one, "__exit__"):
                one.__exit__(None, None, None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--long", action="store_true", help="10,000 closes; some minutes")
    parser.add_argument("--only", action="append", metavar="PART", choices=[part[0] for part in PARTS])
    parser.add_argument("--lib", choices=rig.LIBRARIES, default="ours")
    options = parser.parse_args()
    target = build()
    rig.link_directory(options.lib)
    failed = []
    passed = 0
    with rig.Ensemble() as ensemble:
        for part, short, long, seconds in PARTS:
            if options.only and part not in options.only:
                continue
            if part == "privileged" and os.geteuid() != 0:
                print("SKIP privileged: only root can make a setuid program of root's", flush=True)
                continue
            begun = time.monotonic()
            wrong, out, err = run_part(target, options.lib, part, long if options.long else short, seconds,
                                       ensemble.hosts)
            print(f"{'FAIL' if wrong else 'ok  '} {part} ({time.monotonic() - begun:.1f} s)"
                  f"{': ' + wrong if wrong else ''}", flush=True)
            for line in out.splitlines():
                print(f"       {line}", flush=True)
            if wrong:
                failed.append(part)
                print("".join(f"         {line}\n" for line in err.splitlines()[-15:]), end="", flush=True)
            else:
                passed += 1
    print(f"{passed} passed, {len(failed)} failed" + (f": {' '.join(failed)}" if failed else ""))
    return 1 if failed and options.lib == "ours" else 0


if __name__ == "__main__":
    sys.exit(main())
