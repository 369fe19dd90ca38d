"""The operator's view: Debian's unmodified `zktop` on its own terminal, whose screen is read all the time."""

import fcntl
import os
import pty
import select
import shutil
import struct
import sys
import termios
import time

import rig
from observers import Observer

try:
    import pyte
except ImportError:
    pyte = None

_ROWS, _COLUMNS = 60, 120
# The rows above those of the servers: the summary, an empty line and the heading.
_FIRST_ROW = 3


def missing():
    """Why zktop cannot be observed here, or None."""
    absent = [name for name, there in (("zktop", shutil.which("zktop")), ("pyte", pyte)) if not there]
    return f"{' and '.join(absent)} not installed (make setup)" if absent else None


class Zktop(Observer):
    """Keeps zktop running; results: (time, number of servers that its screen shows as serving)."""

    def __init__(self, ensemble):
        super().__init__("herd-zktop")
        self._members = len(ensemble.members)
        self._screen = pyte.Screen(_COLUMNS, _ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._terminal, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        environment = os.environ | {"TERM": "linux", "LINES": str(_ROWS), "COLUMNS": str(_COLUMNS)}
        # It asks one server after the other, so without a limit a single stopped one would freeze the screen.
        self._child = rig.spawn(["zktop", "--servers", ensemble.hosts, "--timeout", "2"], env=environment, stdin=far,
                                stdout=far, stderr=far)
        os.close(far)

    def step(self):
        """Reads the screen once."""
        if select.select([self._terminal], [], [], 0.25)[0]:
            try:
                self._stream.feed(os.read(self._terminal, 1 << 16))
            except OSError:  # the other end of the terminal is gone
                print(f"herd: zktop has ended with {self._child.wait()}:\n{self.text()}", file=sys.stderr)
                self.end()
                return
        self.seen.append((time.monotonic(), self._serving()))

    def text(self):
        """The screen."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def _serving(self):
        rows = [line.split() for line in self._screen.display[_FIRST_ROW : _FIRST_ROW + self._members]]
        return sum(len(row) > 3 and row[3] != "U" for row in rows)

    def stop(self):
        """End, and zktop too."""
        super().stop()
        rig.terminate(self._child)
        os.close(self._terminal)
