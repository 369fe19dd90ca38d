"""Debian's node_exporter on the files that clients publish, and waiting for what answers over HTTP."""

import contextlib
import subprocess
import time
import urllib.request

from rig.ports import free_port
from rig.process import spawn, terminate

_PAUSE = 0.05  # s between two questions


def await_http(port, path, timeout=60.0):
    """The first page that a port of this machine gives without an error; TimeoutError after `timeout` seconds."""
    url = f"http://127.0.0.1:{port}{path}"
    end = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.read().decode()
        if time.monotonic() > end:
            raise TimeoutError(f"{url}: no page within {timeout:.0f} s")
        time.sleep(_PAUSE)


@contextlib.contextmanager
def node_exporter(stats, timeout=60.0):
    """The port of a node_exporter that reads the files of the directory `stats` and nothing else, once it answers."""
    port = free_port()
    child = spawn(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults",
                   "--collector.textfile", f"--collector.textfile.directory={stats}"],
                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_http(port, "/metrics", timeout)
        yield port
    finally:
        terminate(child)
