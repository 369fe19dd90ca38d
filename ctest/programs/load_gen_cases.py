"""load_gen: waves of asynchronous creates, sets, gets and deletes, each wave counted completion by completion.

It continues with the next wave only when every completion of the last one has come exactly once, so its progress is the
proof.
"""

import pathlib
import re
import time

import rig
from shell import LOG_LINE, batch, node_names

LOAD_GEN = pathlib.Path("/usr/lib/zookeeper/bin/load_gen")
# Codes that a node operation may get when servers die under it.
LOSS = {"-4", "-7"}
# ... and those caused by an operation of the previous wave that was lost, or executed but not confirmed.
AFTERMATH = {"-101", "-110", "-111"}


class LoadGen(rig.Program):
    """load_gen on one of the libraries. The library is checked as soon as the program runs; beforehand if it `ends` by
    itself."""

    def __init__(self, which, hosts, *arguments, ends=False):
        if ends:
            rig.assert_would_load(LOAD_GEN, which)
        super().__init__([LOAD_GEN, hosts, *arguments], env=rig.library_env(which), merge=True)
        if not ends:
            rig.assert_loaded(self.pid, which)

    def log(self):
        """[(level, function, message)]."""
        return [match.groups() for match in map(LOG_LINE.match, self.lines) if match]

    def waves(self, count, timeout=180.0):
        """Wait for `count` further whole rounds of create, write, read and delete."""
        self.mark()
        for _ in range(count + 1):  # the first match may be in the middle of a round
            self.expect("Starting the write cycle", timeout)
            self.expect("Starting the read cycle", timeout)
            self.expect("Starting the delete cycle", timeout)
            self.expect("Creating children for path", timeout)

    def in_reads(self, timeout=180.0):
        """Wait until a wave of reads begins: the moment for a fault.

        With any library, load_gen ends when it reads a node whose write was lost. While it reads or deletes, every
        write is confirmed, and a fault at that time leaves each node either right or missing.
        """
        self.mark()
        self.expect("Starting the read cycle", timeout)

    def check(self, losses=0):
        """It still runs, kept its one session over at least `losses` losses, and reported only errors that these
        explain."""
        assert self.child.poll() is None, f"ended with {self.child.poll()}\n{self.tail()}"
        ids = re.findall(r"session establishment complete on server \S+, sessionId=(0x[0-9a-f]+)", self.text())
        assert len(set(ids)) == 1, f"sessions: {set(ids)}"
        assert len(ids) > losses, f"connected {len(ids)} times: not every fault has struck"
        codes = {m[1] for _, _, message in self.log() if (m := re.match(r"Failed to .* rc=(-?\d+)", message))}
        assert codes <= (LOSS | AFTERMATH if losses else set()), f"codes {codes}\n{self.tail()}"


def calm(which):
    """No faults: no operation fails, and the program's own lines are the same."""
    with rig.Ensemble() as ensemble:
        batch("stock", ensemble.hosts, "create /load")
        with LoadGen(which, ensemble.hosts, "/load/x", "200") as program:
            program.waves(3)
            program.check()
        own = ("main", "doCreateNodes", "create_completion", "write_completion", "read_completion")
        lines = [f"{level} {function}: {message}" for level, function, message in program.log() if function in own]
        return lines[:13]


def clean(which):
    """`clean` deletes a tree with synchronous calls."""
    with rig.Ensemble() as ensemble:
        for command in ("create /load", *(f"create /load/{name}" for name in "abc"), "create /load/a/b"):
            batch("stock", ensemble.hosts, command)
        with LoadGen(which, ensemble.hosts, "/load", "clean", ends=True) as program:
            status = program.wait()
        assert node_names(batch("stock", ensemble.hosts, "ls /")[1]) == ["zookeeper"]
        lines = [message for _, function, message in program.log() if function in ("main", "recursiveDelete")]
        return [*lines, f"status {status}"]


def server_killed(which):
    """The only server is killed and restarted three times under full load."""
    with rig.Ensemble(max_session_timeout=30000) as ensemble:
        batch("stock", ensemble.hosts, "create /load")
        with LoadGen(which, ensemble.hosts, "/load/x", "1000") as program:
            for pause in (0.0, 0.5, 2.0):
                program.in_reads()
                ensemble.members[0].kill()
                time.sleep(pause)
                ensemble.members[0].restart(wait=120)
                program.waves(2)
            program.check(losses=3)
    return ["alive, one session, every completion came"]


def members_killed(which):
    """Three members: the leader and the client's own are killed and restarted under load."""
    with rig.Ensemble(3, max_session_timeout=30000) as ensemble:
        batch("stock", ensemble.hosts, "create /load")
        with LoadGen(which, ensemble.hosts, "/load/x", "1000") as program:
            program.waves(1)
            for choose in (lambda: ensemble.serving(program.pid), ensemble.leader,
                           lambda: ensemble.serving(program.pid)):
                victim = choose()
                program.in_reads()
                victim.kill()
                program.waves(1)
                victim.start()
                ensemble.wait_ready()
                program.waves(1)
            program.check(losses=2)  # the leader need not be the client's member
    return ["alive, one session, every completion came"]


def member_stopped(which):
    """The client's own member is stopped, not killed: the client notices the silence and moves the load to another
    member."""
    with rig.Ensemble(3, max_session_timeout=10000) as ensemble:
        batch("stock", ensemble.hosts, "create /load")
        with LoadGen(which, ensemble.hosts, "/load/x", "1000") as program:
            program.in_reads()
            victim = ensemble.serving(program.pid)
            program.in_reads()
            victim.stop()
            program.waves(1, timeout=180)
            assert ensemble.serving(program.pid) is not victim
            victim.cont()
            ensemble.wait_ready()
            program.waves(1)
            program.check(losses=1)
    return ["alive, one session, every completion came"]


CASES = {
    "load_gen: calm": calm,
    "load_gen: clean": clean,
    "load_gen: server killed": server_killed,
    "load_gen: members killed": members_killed,
    "load_gen: member stopped": member_stopped,
}
