"""An interactive program on pipes: write a line, wait for the answer."""

import re
import subprocess
import threading
import time

from rig.process import spawn, terminate


class NoAnswer(AssertionError):
    """The expected output did not come; the message contains the last lines."""


class Program:
    """Runs `command`, and collects its output (stdout and stderr together or separate) as lines while it runs.

    `expect` continues after the line that the previous `expect` found, so a script reads like a conversation. With
    merge=False, `lines` is stdout, `errors` is stderr, and expect(..., stderr=True) searches stderr. `times` has the
    monotonic time of each entry of `lines`.
    """

    def __init__(self, command, env=None, cwd=None, merge=True):
        self.command = [str(part) for part in command]
        self.lines = []
        self.times = []
        self.errors = self.lines if merge else []
        self._cursors = {False: 0, True: 0}
        self._grew = threading.Condition()
        self._open = 1 if merge else 2
        self.child = spawn(
            self.command,
            env=env,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge else subprocess.PIPE,
        )
        self.pid = self.child.pid
        self._readers = [threading.Thread(target=self._read, args=(self.child.stdout, self.lines), daemon=True)]
        if not merge:
            self._readers.append(
                threading.Thread(target=self._read, args=(self.child.stderr, self.errors), daemon=True)
            )
        for reader in self._readers:
            reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read(self, stream, lines):
        for raw in stream:
            with self._grew:
                if lines is self.lines:
                    self.times.append(time.monotonic())
                lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                self._grew.notify_all()
        with self._grew:
            self._open -= 1
            self._grew.notify_all()

    def send(self, line):
        """Write one line to the program."""
        self.child.stdin.write(line.encode() + b"\n")
        self.child.stdin.flush()

    def mark(self):
        """Skip the output so far: the next `expect` sees only later lines."""
        with self._grew:
            self._cursors = {False: len(self.lines), True: len(self.errors)}

    def expect(self, pattern, timeout=60.0, stderr=False):
        """The match of the first unconsumed line in which `pattern` (a regex) is found."""
        lines = self.errors if stderr else self.lines
        stderr = lines is not self.lines  # merged output has one cursor
        wanted = re.compile(pattern)
        deadline = time.monotonic() + timeout
        with self._grew:
            while True:
                while self._cursors[stderr] < len(lines):
                    match = wanted.search(lines[self._cursors[stderr]])
                    self._cursors[stderr] += 1
                    if match:
                        return match
                left = deadline - time.monotonic()
                if left <= 0 or self._open == 0:
                    why = "ended" if self._open == 0 else f"did not say so in {timeout:.0f} s"
                    raise NoAnswer(f"{self.command[0]} {why}: {pattern!r}; last lines:\n" + self.tail())
                self._grew.wait(left)

    def tail(self, count=25):
        """The last lines of the output, for messages."""
        lines = self.lines if self.errors is self.lines else [*self.lines[-count:], "(stderr)", *self.errors[-count:]]
        return "\n".join("    | " + line for line in lines[-2 * count :])

    def text(self):
        """The whole output so far."""
        return "\n".join(self.lines)

    def finish(self, timeout=60.0):
        """Close the program's input, wait for its end and return the exit status."""
        self.child.stdin.close()
        return self.wait(timeout)

    def wait(self, timeout=60.0):
        """Wait for the end and return the exit status (negative: the signal)."""
        try:
            status = self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise NoAnswer(f"{self.command[0]} did not end in {timeout:.0f} s; last lines:\n" + self.tail()) from None
        for reader in self._readers:
            reader.join(5)
        return status

    def close(self):
        """End the program, if it still runs."""
        try:
            self.child.stdin.close()
        except OSError:
            pass
        terminate(self.child, grace=2.0)
        for reader in self._readers:
            reader.join(5)
        self.child.stdout.close()
        if self.child.stderr:
            self.child.stderr.close()
