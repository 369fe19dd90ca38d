"""The two servers: our responder, and the real one."""

import contextlib
import os
import subprocess

from build import BIN
from subjects import rig


def _prepare(port):
    """Create the nodes that the modes read. bench and raw create them themselves, the clients in other languages do
    not."""
    for mode in ("sync-children", "sync-big"):
        command = [str(BIN / "raw"), "--port", str(port), "--mode", mode, "--ops", "1", "--warm", "1"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return port


@contextlib.contextmanager
def responder():
    """Yields the port of a new responder, which ends with its standard input."""
    child = rig.spawn([str(BIN / "responder")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield _prepare(int(child.stdout.readline().split()[1]))
    finally:
        child.stdin.close()
        rig.terminate(child)


@contextlib.contextmanager
def real_server():
    """Yields the port of one Apache ZooKeeper with all JIT compilers on, for full speed."""
    with rig.Ensemble(1, tick_time=2000, jit="full", heap="512m", config={"snapCount": 1000000}) as ensemble:
        yield _prepare(ensemble.members[0].port)


@contextlib.contextmanager
def awake_cores(wanted):
    """If `wanted`, keeps each core busy with a process of the lowest priority (SCHED_IDLE).

    An idle core is halted, and in a virtual machine it takes some 50 us to resume: each wake-up of a thread then costs
    that, with any library, and dominates the measurement.
    """
    spin = ["chrt", "--idle", "0", "sh", "-c", "while :; do :; done"]
    spinners = [rig.spawn(spin) for _ in range(os.cpu_count() if wanted else 0)]
    try:
        yield
    finally:
        for spinner in spinners:
            rig.terminate(spinner, grace=0)
