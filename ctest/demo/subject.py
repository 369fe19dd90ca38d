"""One program on one library, and its properties as seen from outside."""

import os
import pathlib
import re
import time

import rig

CLI = pathlib.Path("/usr/lib/zookeeper/bin/cli_mt")
_CLI_EVENT = re.compile(r"^Watcher SESSION_EVENT state = (\w+)_STATE")
_CLI_SESSION = re.compile(r"^Got a new session id: 0x([0-9a-f]+)")
_C_EVENT = re.compile(r"^[\d.]+ (connected|connecting|expired|other) ([0-9a-f]+)$")
_COUNTS = re.compile(r"calls (\d+) answered (\d+) failed (\d+) refused (\d+)$")
_STATES = {"CONNECTED": "connected", "CONNECTING": "connecting", "EXPIRED_SESSION": "expired"}


class Subject:
    """A running program: its attempts, session events, CPU time and log."""

    SESSION_TIMEOUT_MS = 20000

    def __init__(self, which, program_name, hosts, built, directory):
        self.which = which
        self.program_name = program_name
        self._cpu_marks = []
        self._file = directory / f"{which}-{program_name.replace(' ', '-')}"
        self._file.touch()
        environment = rig.library_env(which, LD_PRELOAD=built / "attempts.so", ATTEMPTS_FILE=self._file)
        if program_name == "cli_mt":
            command = [CLI, "-h", hosts]
        else:
            command = [built / "client", hosts, str(self.SESSION_TIMEOUT_MS)]
        self._program = rig.Program(command, env=environment)
        self.library = rig.assert_loaded(self._program.pid, which)

    def wait_connected(self):
        """Wait for the first session."""
        self._program.expect(r"state = CONNECTED_STATE|^[\d.]+ connected ", 30)

    def attempts(self, begin=0.0, end=float("inf")):
        """The monotonic times of the connection attempts in a time span."""
        times = [float(line) for line in self._file.read_text().splitlines() if "." in line]
        return [moment for moment in times if begin <= moment < end]

    def pauses(self, begin, end, reduce):
        """The pauses between the attempts of a time span, reduced to one figure in seconds (None if there is none)."""
        times = self.attempts(begin, end)
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        return reduce(gaps) if gaps else None

    def _events(self):
        """[(monotonic time, state)] of the session, in order."""
        events = []
        # The reading thread appends the time first, so a line always has one.
        for line, moment in zip(list(self._program.lines), self._program.times):
            match = _CLI_EVENT.match(line)
            if match:
                events.append((moment, _STATES.get(match[1], match[1].lower())))
                continue
            match = _C_EVENT.match(line)
            if match:
                events.append((float(line.split()[0]), match[1]))
        return events

    def state(self):
        """The session's state after its last event."""
        events = self._events()
        return events[-1][1] if events else "starting"

    def reconnected_after(self, moment):
        """Seconds from `moment` to the next "connected" event, None if there is none (yet).

        `moment` must be before the servers can be reached: an earlier event does not count.
        """
        return next((when - moment for when, state in self._events() if state == "connected" and when >= moment), None)

    def same_session(self):
        """Whether the program had one session all the time."""
        text = list(self._program.lines)
        ids = [m[2] for line in text if (m := _C_EVENT.match(line)) and m[1] == "connected"]
        ids += [m[1] for line in text if (m := _CLI_SESSION.match(line))]
        return len(set(ids)) == 1 and not any(state == "expired" for _, state in self._events())

    def log_lines(self):
        """How many lines the library has logged."""
        return sum(":ZOO_" in line for line in list(self._program.lines))

    def counts(self):
        """The C program's final counts as (calls, answered, failed, refused); None for cli_mt, which makes no
        requests."""
        found = next((m for line in reversed(self._program.lines) if (m := _COUNTS.search(line))), None)
        return tuple(map(int, found.groups())) if found else None

    def reads(self):
        """The counts as "answered / lost", empty for cli_mt."""
        counts = self.counts()
        if counts is None:
            return ""
        _, answered, failed, refused = counts
        return f"{answered:,} / {failed + refused:,}"

    def mark_cpu(self):
        """Note the CPU time used so far; cpu_share() is about the time between the first two marks."""
        fields = pathlib.Path(f"/proc/{self._program.pid}/stat").read_text().rsplit(")", 1)[1].split()
        self._cpu_marks.append((time.monotonic(), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")))

    def cpu_share(self):
        """The part of one CPU that the program used between the first two marks."""
        (begin, before), (end, after) = self._cpu_marks[:2]
        return (after - before) / (end - begin)

    def finish(self):
        """End the program in order, so that it prints its counts."""
        self._program.send("quit")
        self._program.wait()

    def close(self):
        """End the program, whatever its state is."""
        self._program.close()
