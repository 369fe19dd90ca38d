"""The live view on a pseudo-terminal: what signals and a hangup leave behind."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios

import rig
from command import LIMIT, target, wait_for

ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class OnTerminal:
    """Tests of `calmkeeper top`, for a test case whose `stats` is a folder."""

    def on_terminal(self, hangup=signal.SIG_DFL):
        """Starts a live view on a new pseudo-terminal, with `hangup` as its disposition of SIGHUP. Returns the process,
        the master, the slave, and the terminal's mode before the start."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 12, 120, 0, 0))
        mode = termios.tcgetattr(slave)

        def prepare():
            # The tests may run under nohup or in the background of a shell, which ignore some of these signals.
            for ending in ENDINGS:
                signal.signal(ending, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, hangup)
            os.environ["TERM"] = "xterm"
            os.login_tty(slave)

        child = subprocess.Popen([target() / "release" / "calmkeeper-cli", "top", "--dir", self.stats, "--interval", "0.2"],
                                 preexec_fn=prepare)
        self.addCleanup(rig.terminate, child, grace=0)
        self.read_until(master, b"PROGRAM")
        return child, master, slave, mode

    @staticmethod
    def read_until(master, wanted):
        """What the terminal has shown, up to `wanted`."""
        shown = b""

        def more():
            nonlocal shown
            if select.select([master], [], [], 0.1)[0]:
                shown += os.read(master, 4096)
            return wanted in shown

        wait_for(f"{wanted} on the terminal", more)
        return shown

    def test_a_terminal_that_cannot_be_drawn_on_gets_no_escapes(self):
        master, slave = pty.openpty()
        for kind in ("dumb", ""):
            done = subprocess.run([target() / "release" / "calmkeeper-cli", "top", "--dir", self.stats], stdin=slave, stdout=slave,
                                  stderr=subprocess.PIPE, text=True, env=os.environ | {"TERM": kind}, check=False)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
            self.assertIn("--once or --json", done.stderr)
            self.assertEqual(select.select([master], [], [], 0)[0], [])
        os.close(master)
        os.close(slave)

    def test_a_signal_gives_the_terminal_back(self):
        for ending in ENDINGS:
            with self.subTest(ending):
                child, master, slave, mode = self.on_terminal()
                self.assertNotEqual(termios.tcgetattr(slave), mode, "raw")
                child.send_signal(ending)
                self.assertIn(b"\x1b[?1049l", self.read_until(master, b"\x1b[?25h"), "the screen and the cursor")
                self.assertEqual(child.wait(timeout=LIMIT), -ending)
                self.assertEqual(termios.tcgetattr(slave), mode)
                os.close(master)
                os.close(slave)

    def test_a_signal_ends_a_view_whose_terminal_takes_no_output(self):
        child, master, slave, mode = self.on_terminal()
        # A new open, because O_NONBLOCK would otherwise apply to the child's descriptors too.
        filling = os.open(os.ttyname(slave), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        for size in (4096, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(filling, b"x" * size)
        os.close(filling)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(timeout=LIMIT), -signal.SIGTERM)
        self.assertEqual(termios.tcgetattr(slave), mode)
        os.close(master)
        os.close(slave)

    def test_the_view_ends_with_its_terminal(self):
        for hangup in (signal.SIG_DFL, signal.SIG_IGN):
            with self.subTest(hangup):
                child, master, slave, _ = self.on_terminal(hangup)
                os.close(slave)
                os.close(master)
                self.assertIn(child.wait(timeout=LIMIT), (1, -signal.SIGHUP))
