"""One run of one program under one library: the servers that it needs, the faults that it may order, its output.

The first line of a program's opening comment says what it needs:

    nothing         no server; CTEST_HOSTS is an address that refuses
    server          the shared standalone server
    proxy [N]       N proxies (default 1) for this run in front of the shared server; CTEST_HOSTS lists them in order
    reconfig        a shared server that is a quorum of one and allows reconfig
    ensemble        three servers for this run
    readonly        as ensemble, but only the first member is started, so it serves read-only
    script          `script(link)` of the Python file beside the program, as a FakeServer
    driver          `run(trial)` of the Python file beside the program runs everything (bugs only)

Programs whose names begin with st_ run on the single-threaded library.
"""

import base64
import contextlib
import copy
import dataclasses
import hashlib
import importlib.util
import os
import pathlib
import socket
import subprocess
import threading
import time

import rig
from fake_server import FakeServer
from wire import describe

ADMIN = "admin:ctest"  # the superuser of the shared servers, for zoo_add_auth("digest", ...)
_ADMIN_DIGEST = "admin:" + base64.b64encode(hashlib.sha1(ADMIN.encode()).digest()).decode()
# The leaks of these programs are intended: threads that callbacks have ended, calls that were left, a child that has its
# parent's memory but not its threads, and a parent that leaves its handle to a child.
LOSE_MEMORY = ("callback_ends_thread", "forked_child", "log_callback_exits", "st_callback_exits", "st_daemon",
               "st_forked_close", "st_forked_descriptors")


@dataclasses.dataclass
class Outcome:
    """The result of a program. `status` is negative for a signal; `timed_out` means that the runner ended it."""

    status: int
    stdout: str
    stderr: str
    timed_out: bool

    @property
    def failure(self):
        """None after a plain exit 0, otherwise one line."""
        if self.timed_out:
            return "did not end in time"
        if self.status < 0:
            return f"killed by signal {-self.status}"
        if self.status > 0:
            lines = [line for line in self.stdout.splitlines() + self.stderr.splitlines() if line.startswith("case:")]
            said = lines or self.stdout.splitlines()
            return f"exit status {self.status}" + (f": {said[-1]}" if said else "")
        return None


class Servers:
    """The servers that the programs of one library share; each is started when it is first needed."""

    def __init__(self):
        self._lock = threading.Lock()
        self._stack = contextlib.ExitStack()
        self._started = {}

    def get(self, kind):
        """The Ensemble of that kind ("server" or "reconfig")."""
        with self._lock:
            if kind not in self._started:
                self._started[kind] = self._stack.enter_context(
                    rig.Ensemble(reconfig=kind == "reconfig", superuser=_ADMIN_DIGEST,
                                 java_options=["-Dznode.container.checkIntervalMs=500"]))
            return self._started[kind]

    def close(self):
        """End them all."""
        self._stack.close()


class Program:
    """A C file of cases/ or bugs/: its name, its needs, and the Python file beside it."""

    def __init__(self, source):
        self.source = source
        self.root = f"/{source.stem}"
        self.kind = source.parent.name
        self.name = f"{self.kind}/{source.stem}"
        self.flavour = "st" if source.stem.startswith("st_") else "mt"
        opening = source.read_text().split("needs:", 1)
        if len(opening) != 2:
            raise SystemExit(f"{source}: its opening comment does not say what it needs")
        self.needs, *self.arguments = opening[1].split("\n", 1)[0].strip(" */").split()
        beside = source.with_suffix(".py")
        self.script = None
        if beside.exists():
            spec = importlib.util.spec_from_file_location(f"ctest_{self.kind}_{source.stem}", beside)
            self.script = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(self.script)

    def again(self, number):
        """The same program with another root, so that it can run twice on the same servers."""
        other = copy.copy(self)
        other.root = f"{self.root}.{number}"
        return other

    def built(self):
        """The path of the executable that run.py builds."""
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or rig.ROOT / "target")
        return target / "ctest" / self.kind / self.source.stem


class Trial:
    """One run; a context manager that owns everything that the run has started."""

    def __init__(self, program, which, servers):
        self.program = program
        self.which = which
        self.servers = servers
        self.hosts = ""
        self.proxies = []
        self.ensemble = None
        self.fake = None
        self.notes = []
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            self._prepare(self.program.needs, self.program.arguments)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        if self.fake:
            self.notes += self.fake.failures
        self._stack.close()

    def hold(self, resource):
        """Enter a context manager that ends with the run."""
        return self._stack.enter_context(resource)

    def serve(self, script, **options):
        """A FakeServer for this run."""
        return self.hold(FakeServer(script, **options))

    def proxy(self, target, **options):
        """A recording proxy for this run."""
        return self.hold(rig.Proxy(target, record=True, **options))

    def _prepare(self, needs, arguments):
        if needs in ("nothing", "driver"):
            self.hosts = f"127.0.0.1:{rig.free_port()}"
        elif needs in ("server", "reconfig"):
            self.ensemble = self.servers.get(needs)
            self.hosts = self.ensemble.hosts
        elif needs == "proxy":
            member = self.servers.get("server").members[0]
            self.proxies = [self.proxy(member) for _ in range(int(arguments[0]) if arguments else 1)]
            self.hosts = rig.Ensemble.hosts_of(self.proxies)
        elif needs == "ensemble":
            self.ensemble = self.hold(rig.Ensemble(3))
            self.hosts = self.ensemble.hosts
        elif needs == "readonly":
            self.ensemble = rig.Ensemble(3, read_only=True, tick_time=200, min_session_timeout=400)
            self._stack.callback(self.ensemble.close)
            self.ensemble.members[0].start()
            self.hosts = self.ensemble.members[0].hostport
            self._until(lambda: self.ensemble.members[0].mode() == "read-only", "a read-only server", 180)
        elif needs == "script":
            self.fake = self.serve(self.program.script.script)
            self.hosts = self.fake.hostport
        else:
            raise ValueError(f"{self.program.source}: cannot provide {needs!r}")

    @staticmethod
    def _until(condition, what, seconds=90):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {what} after {seconds} s")
            time.sleep(0.01)

    # -- running

    def run(self, *arguments, timeout=None, hosts=None, **environment):
        """Run the program to its end, executing its orders meanwhile; returns the Outcome.

        Its time limit is minutes, because the machine may be busy; it is shorter for a bug on Debian's library, where
        an endless wait may be the bug.
        """
        if self.which == "stock" and self.program.kind == "bugs":
            environment.setdefault("CTEST_WAIT_S", 20)
            timeout = timeout or 90.0
        ours, theirs = socket.socketpair()
        env = rig.library_env(
            self.which,
            CTEST_HOSTS=hosts or self.hosts,
            CTEST_ROOT=self.program.root,
            CTEST_LIBRARY=rig.library(self.which, self.program.flavour),
            CTEST_CONTROL=theirs.fileno(),
            TZ="UTC",
            **environment,
        )
        if self.program.source.stem in LOSE_MEMORY and "ASAN_OPTIONS" in env:
            env["ASAN_OPTIONS"] += ":detect_leaks=0"
        # CTEST_WRAPPER: a command that runs the program, such as valgrind.
        wrapper = os.environ.get("CTEST_WRAPPER", "").split() if self.which == "ours" else []
        if wrapper and self.program.source.stem in LOSE_MEMORY:
            wrapper.append("--leak-check=no")
        child = rig.spawn([*wrapper, str(self.program.built()), *map(str, arguments)], env=env, pass_fds=[theirs.fileno()],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/")
        theirs.close()
        listener = threading.Thread(target=self._obey, args=(ours,), daemon=True)
        listener.start()
        timed_out = False
        try:
            out, err = child.communicate(timeout=timeout or 400.0)
        except subprocess.TimeoutExpired:
            timed_out = True
            rig.terminate(child, grace=0)
            out, err = child.communicate()
        rig.terminate(child, grace=0)
        ours.close()
        return Outcome(child.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), timed_out)

    def _obey(self, sock):
        try:
            with sock.makefile("rw", encoding="utf-8") as lines:
                for line in lines:
                    words = line.split()
                    try:
                        answer = getattr(self, f"order_{words[0]}")(*words[1:])
                    except Exception as error:
                        answer = f"error: {type(error).__name__}: {error}"
                    lines.write((f"{answer}\n" if answer not in (None, "") else "") + ".\n")
                    lines.flush()
        except (OSError, ValueError):
            pass  # the program has ended

    # -- orders: the commands that a program may send by control(); proxies are counted from 0

    def order_cut(self, index=0, reset=""):
        """Close the proxy's connections."""
        self.proxies[int(index)].cut(reset=reset == "reset")

    def order_hold(self, index=0):
        """Forward nothing."""
        self.proxies[int(index)].hold()

    def order_release(self, index=0):
        """Forward again, and accept new connections."""
        self.proxies[int(index)].release()

    def order_refuse(self, index=0):
        """Close the connections and the listener."""
        self.proxies[int(index)].refuse()

    def order_listen(self, index=0):
        """Open the listener again."""
        self.proxies[int(index)].listen()

    def order_accept_then_close(self, index=0):
        """Close new connections at once."""
        self.proxies[int(index)].accept_then_close()

    def order_accepted(self, index=0):
        """How many connections the proxy has had."""
        return self.proxies[int(index)].accepted

    def order_await_accepted(self, count, index=0):
        """Wait for so many."""
        self._until(lambda: self.proxies[int(index)].accepted >= int(count), f"{count} connections")

    def order_requests(self, index=0, connection=-1, pings=""):
        """The requests that the client has sent on a connection, one line per packet."""
        found = self.proxies[int(index)].connections[int(connection)]
        return "\n".join(describe(found.from_client, pings == "pings"))

    def order_await_requests(self, name, count=1, index=0, connection=-1):
        """Wait until `count` requests of that name have passed."""
        def seen():
            # The last connection may be a new one by now.
            found = self.proxies[int(index)].connections[int(connection)]
            return sum(line.startswith(f"{name}:") for line in describe(found.from_client, True))

        self._until(lambda: seen() >= int(count), f"{count} {name}")

    def order_kill(self, member):
        """Kill a member of the ensemble (counted from 1)."""
        self.ensemble.members[int(member) - 1].kill()

    def order_start(self, *members):
        """Start members and wait until all of them serve."""
        for member in members:
            self.ensemble.members[int(member) - 1].start()
        self.ensemble.wait_ready()

    def order_member(self, member):
        """host:port of a member."""
        return self.ensemble.members[int(member) - 1].hostport

    def order_port(self):
        """A free port."""
        return rig.free_port()

    def order_tell(self, *words):
        """Sends a command to the script: calls its `tell(trial, *words)`."""
        return self.program.script.tell(self, *words)
