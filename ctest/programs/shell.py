"""Debian's cli_mt as a conversation: one command at a time, with its complete output."""

import pathlib
import re
import tempfile
import time

import rig

CLI = pathlib.Path("/usr/lib/zookeeper/bin/cli_mt")
LOG_LINE = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}:\d+\(0x[0-9a-f]+\):ZOO_(ERROR|WARN|INFO|DEBUG)@(\w+)@\d+: (.*)"
)
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}:\d+\(0x[0-9a-f]+\):ZOO_")
# Parts that differ from run to run on either library, with their replacements.
_VOLATILE = [
    (re.compile(r"^time = -?\d+ msec$"), "time = _ msec"),
    (re.compile(r"(ctime ?= ?|mtime ?= ?)\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d (?!1970)\d{4}"), r"\1_"),
    (re.compile(r"(ephemeralOwner = )[0-9a-f]{2,}"), r"\1_"),
    (re.compile(r"(session id: 0x|session Id = )[0-9a-f]+", re.I), r"\1_"),
]


def without_volatile(line):
    for pattern, replacement in _VOLATILE:
        line = pattern.sub(replacement, line)
    return line


def without_log(lines):
    """The program's own lines: it writes them in pieces, so a line of the library's log may come in the middle of
    one."""
    own, cut = [], False
    for line in lines:
        stamp = _STAMP.search(line)
        if stamp is None:
            if not (cut and line == ""):  # the end of the line that was cut
                own.append(line)
            cut = False
        elif stamp.start() > 0:
            own.append(line[: stamp.start()])
            cut = True
    return own


class Shell(rig.Program):
    """cli_mt running on one of the libraries, which is checked as soon as it runs."""

    def __init__(self, which, hosts, *arguments, **variables):
        super().__init__([CLI, "-h", hosts, *arguments], env=rig.library_env(which, **variables), merge=False)
        rig.assert_loaded(self.pid, which)
        self._fences = 0
        self._seen = 0

    def connected(self, timeout=60.0):
        """Wait for the first session; returns its id."""
        session = self.expect(r"^Got a new session id: 0x([0-9a-f]+)", timeout, stderr=True)[1]
        self._seen = len(self.errors)
        return session

    def run(self, command, timeout=60.0):
        """Send a command; returns cli_mt's output on stderr from the last `run` until the answer to this command.

        The end of the answer is found by a `sync` of a path that does not exist, sent after the command: replies keep
        the order of requests. Log lines are left out (see `log`), as are parts that differ from run to run.
        """
        self._fences += 1
        fence = f"/fence-{self._fences}"
        self.send(command)
        self.send(f"sync {fence}")
        code = self.expect(rf"^\[{fence}\]: rc = (-?\d+)$", timeout, stderr=True)[1]
        if code == "0":
            self.expect(rf"^\tname = {fence}$", timeout, stderr=True)
        return [line for line in self.news() if fence not in line]

    def news(self):
        """The output since the last `run` or `news`, without log lines and volatile parts."""
        fresh = self.errors[self._seen :]
        self._seen += len(fresh)
        return [without_volatile(line) for line in without_log(fresh)]

    def ask(self, command, pattern, timeout=60.0):
        """Send a command without a fence, and wait for the line that answers it; returns that line."""
        self.send(command)
        return self.expect(pattern, timeout, stderr=True).string

    def sessions(self):
        """The ids of all its sessions so far."""
        return re.findall(r"^Got a new session id: 0x([0-9a-f]+)", "\n".join(self.errors), re.MULTILINE)

    def until_ok(self, command, timeout=120.0):
        """Repeat a command as long as it answers connection loss (-4) or time-out (-7); returns its last answer."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            answer = self.run(command, 30.0)
            codes = [code for line in answer for code in re.findall(r": rc = (-?\d+)|^Error (-?\d+) for", line)]
            codes = [first or second for first, second in codes]
            if codes and codes[-1] not in ("-4", "-7"):
                return answer
            time.sleep(0.2)
        raise rig.NoAnswer(f"{command!r} did not succeed in {timeout:.0f} s; last lines:\n{self.tail()}")

    def event(self, name, path=None, timeout=60.0):
        """Wait for a watcher's line, e.g. event("SESSION_EVENT state = CONNECTED") or event("CHANGED", "/a")."""
        what = name if "state" in name else f"{name}_EVENT state = \\w+"
        self.expect(rf"^Watcher {what}\w*" + (rf" for path {re.escape(path)}$" if path else ""), timeout, stderr=True)

    def log(self):
        """The library's log lines: [(level, function, message)]."""
        return [match.groups() for match in map(LOG_LINE.match, self.errors) if match]

    def quit(self, timeout=60.0):
        """End by the `quit` command; returns the exit status."""
        self.send("quit")
        return self.wait(timeout)


def batch(which, hosts, command, *arguments, timeout=90.0):
    """Run one command with `cli_mt -c`; returns (exit status, the lines on stderr without log lines and volatile
    parts)."""
    # It may end before its maps can be read: the dynamic linker's trace shows which library it used.
    with tempfile.TemporaryDirectory() as directory:
        environment = rig.library_env(which, LD_DEBUG="files", LD_DEBUG_OUTPUT=f"{directory}/trace")
        with rig.Program([CLI, "-h", hosts, "-c", command, *arguments], env=environment, merge=False) as program:
            status = program.wait(timeout)
        trace = pathlib.Path(f"{directory}/trace.{program.pid}").read_text()
        initialised = re.findall(r"calling init: (\S*libzookeeper\S*)", trace)
        assert [pathlib.Path(path).resolve() for path in initialised] == [rig.library(which)], initialised
        return status, [without_volatile(line) for line in without_log(program.errors)]


def observe(hosts, command):
    """The result of the command on Debian's library, in a separate process: the neutral observer of these tests."""
    for _ in range(100):
        _, lines = batch("stock", hosts, command)
        if not any(line.endswith((": rc = -4", ": rc = -7")) for line in lines):
            return lines
        time.sleep(0.2)
    raise rig.NoAnswer(f"the observer's {command!r} does not succeed: {lines}")


def node_names(lines):
    """The children in the answer to `ls`, sorted."""
    return sorted(line[1:] for line in lines if line.startswith("\t"))
