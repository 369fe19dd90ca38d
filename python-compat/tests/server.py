"""Real servers for the tests, run by server_host.py."""

import atexit
import json
import os
import pathlib
import subprocess
import time

_HOST = pathlib.Path(__file__).with_name("server_host.py")
_shared = None


class Server:
    """`members` real ZooKeeper servers; `hosts` is their connect string. With `tls`, the arguments of rig.Tls,
    `secure_hosts` is the connect string of their secure ports; `users` maps names to passwords for SASL."""

    def __init__(self, **options):
        # run.py names a Python with which rig works.
        python = os.environ["ZK_TEST_RIG_PYTHON"]
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        self._child = subprocess.Popen(
            [python, str(_HOST), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            universal_newlines=True,
            env=environment,
        )
        started = self._read()
        self.hosts = started["hosts"]
        self.secure_hosts = started.get("secure_hosts")
        self.certificates = started.get("certificates")

    def _read(self):
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError("the server host has ended with status %s" % self._child.wait())
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def _do(self, do, **arguments):
        self._child.stdin.write(json.dumps(dict(arguments, do=do)) + "\n")
        self._child.stdin.flush()
        return self._read()["result"]

    def kill(self, member=None):
        """SIGKILL one member, or all."""
        self._do("kill", member=member)

    def start(self, member=None):
        """Start the members that are down, and wait until they serve."""
        self._do("start", member=member)
        self._do("wait_ready")

    def freeze(self):
        """SIGSTOP all: connections stay, but nothing is answered."""
        self._do("stop")
        time.sleep(0.1)  # until the kernel has stopped every thread

    def thaw(self):
        """SIGCONT after freeze()."""
        self._do("cont")

    def four_letter(self, word, member=0):
        """The answer to a four-letter word."""
        return self._do("four_letter", member=member, word=word)

    def close(self):
        """End the servers."""
        self._child.stdin.close()
        self._child.wait(30)
        self._child.stdout.close()


def shared():
    """One server for all tests that leave it running."""
    global _shared
    if _shared is None:
        _shared = Server()
        atexit.register(_shared.close)
    return _shared
