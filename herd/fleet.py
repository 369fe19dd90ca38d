"""The client processes of one library, and the page that each of them shares with the harness (shared.h)."""

import dataclasses
import mmap
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

import rig

_HEAD = struct.Struct("<4I11Q3Q")
_SLOT = struct.Struct("<6I2Q3Q")
_MAGIC = 0x48455244
_HEAD_FIELDS = (
    "connected", "inits", "init_errors", "lost", "connects", "drops",
    "watch_events", "log_lines", "log_bytes", "read_errors", "ready",
)
NODES = 16  # watched nodes; handle i watches node i % NODES

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Slot:
    """One handle, as its application sees it. Times are monotonic seconds; 0.0 means never."""

    connected: bool
    port: int  # of the server it was last connected to
    version: int
    lost: int
    connects: int
    watch_events: int
    connected_at: float
    dropped_at: float


@dataclasses.dataclass(frozen=True)
class Variant:
    """The library of a fleet, one of rig's, and environment variables for it."""

    label: str
    library: str
    env: tuple = ()
    is_secure: bool = False  # by TLS, which the environment switches on

    def hosts(self, ensemble):
        """Where it connects to."""
        return ensemble.secure_hosts if self.is_secure else ensemble.hosts

    def environment(self):
        """The process environment in which it is loaded."""
        return rig.library_env(self.library, **dict(self.env))


STOCK = Variant("stock", "stock")
OURS = Variant("ours", "ours")
OLDER = Variant("0.1.0", "0.1.0")


def with_tls():
    """Ours on the servers' secure port, with the certificate's name verified."""
    return Variant("ours, TLS", "ours", (("ZOO_TLS_CA", str(rig.certificates() / "ca.crt")),), is_secure=True)


def build(directory):
    """Compile client.c against Debian's header and library; returns the binary."""
    directory.mkdir(parents=True, exist_ok=True)
    binary, source = directory / "client", HERE / "client.c"
    newest = max(source.stat().st_mtime, (HERE / "shared.h").stat().st_mtime)
    if not binary.exists() or binary.stat().st_mtime < newest:
        subprocess.run(
            ["cc", "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-o", binary, source,
             f"-L{rig.link_directory('stock')}", "-lzookeeper_mt", "-lpthread"],
            check=True,
        )
    return binary


def run_client(binary, variant, *arguments, timeout=60.0):
    """Run one of the client's single modes to its end; returns (exit status, stdout)."""
    child = rig.spawn(
        [binary, *map(str, arguments)], env=variant.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    try:
        text, _ = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        rig.terminate(child, grace=0)
        text, _ = child.communicate()
    return rig.terminate(child, grace=0), text


class Fleet:
    """`handles` handles of one variant over `processes` processes."""

    def __init__(self, binary, variant, hosts, handles, *, processes, timeout_ms, ramp_us, log=None):
        self.variant = variant
        self.handles = handles
        self._directory = tempfile.TemporaryDirectory(prefix="calmkeeper-herd-", dir=_page_directory())
        self._pages = []
        self._children = []
        first = 0
        for number in range(processes):
            share = (handles - first) // (processes - number)
            if not share:
                continue
            page = pathlib.Path(self._directory.name) / f"page{number}"
            with open(page, "wb") as file:
                file.truncate(_HEAD.size + share * _SLOT.size)
            with open(page, "r+b") as file:
                self._pages.append(mmap.mmap(file.fileno(), 0))
            command = [binary, "fleet", page, hosts, share, timeout_ms, first, NODES, ramp_us]
            if log and number == 0:
                command.append(log)
            self._children.append(
                rig.spawn([*map(str, command)], env=variant.environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=sys.stderr)
            )
            first += share

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def check_library(self):
        """Check that every process uses the variant's library, and that the page has the expected layout."""
        for child in self._children:
            rig.assert_loaded(child.pid, self.variant.library)
        for page in self._pages:
            magic, _, head_bytes, slot_bytes = struct.unpack_from("<4I", page)
            if (magic, head_bytes, slot_bytes) != (_MAGIC, _HEAD.size, _SLOT.size):
                raise AssertionError("shared.h and fleet.py disagree")

    @property
    def dead(self):
        """The number of client processes that have ended because the library killed them."""
        return sum(child.poll() is not None for child in self._children)

    @property
    def pids(self):
        """Of the client processes."""
        return [child.pid for child in self._children]

    def sample(self):
        """The fleet's counters (shared.h's head), summed over the processes."""
        total = dict.fromkeys(_HEAD_FIELDS, 0)
        for page in self._pages:
            for name, value in zip(_HEAD_FIELDS, _HEAD.unpack_from(page)[4:]):
                total[name] += value
        return total

    def slots(self):
        """One Slot a handle."""
        found = []
        for page in self._pages:
            for at in range(_HEAD.size, len(page), _SLOT.size):
                connected, port, version, lost, connects, events, up, down, *_ = _SLOT.unpack_from(page, at)
                found.append(Slot(bool(connected), port, version, lost, connects, events, up / 1e9, down / 1e9))
        return found

    def wait_connected(self, timeout, progress=None):
        """Wait until all handles are initialised and connected; returns how many are."""
        deadline = time.monotonic() + timeout
        while True:
            now = self.sample()
            if progress:
                progress(now)
            if now["ready"] == len(self._pages) and now["connected"] == self.handles:
                return self.handles
            if time.monotonic() > deadline or self.dead:
                return now["connected"]
            time.sleep(0.1)

    def close(self):
        """End the processes at once (their sessions expire later) and drop the pages."""
        for child in self._children:
            child.kill()
        for child in self._children:
            rig.terminate(child, grace=0)
        for page in self._pages:
            page.close()
        self._directory.cleanup()


def _page_directory():
    """A directory in memory, if there is one: a page on a disk would be written back all the time."""
    return "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None
