"""The two servers that are asked: our responder, and the real one."""

import contextlib
import subprocess

from build import BIN
from subjects import rig


def _prepare(port):
    """Make the nodes that the modes read. bench and raw do it themselves, the clients in other languages do not."""
    for mode in ("sync-children", "sync-big"):
        command = [str(BIN / "raw"), "--port", str(port), "--mode", mode, "--ops", "1", "--warm", "1"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return port


@contextlib.contextmanager
def responder():
    """The port of a fresh responder; it ends with its standard input."""
    child = rig.spawn([str(BIN / "responder")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield _prepare(int(child.stdout.readline().split()[1]))
    finally:
        child.stdin.close()
        rig.terminate(child)


@contextlib.contextmanager
def real_server():
    """The port of one Apache ZooKeeper with all its compilers on: as fast as it gets."""
    with rig.Ensemble(1, tick_time=2000, jit="full", heap="512m", config={"snapCount": 1000000}) as ensemble:
        yield _prepare(ensemble.members[0].port)
