"""Code that the tests share: sessions that are closed after the test, recorders for callbacks, and the marks for
stock's bugs."""

import functools
import gc
import itertools
import os
import sys
import threading
import time
import unittest

import zookeeper

import server

OPEN = [{"perms": zookeeper.PERM_ALL, "scheme": "world", "id": "anyone"}]
PATIENCE = 90.0  # seconds to wait for what has to come; nothing is measured by it

_numbers = itertools.count()


def log_to_file():
    """Send the library's log to a file if one is wanted, otherwise nowhere."""
    with open(os.environ.get("ZK_TEST_LOG", os.devnull), "a") as log:
        zookeeper.set_log_stream(log)
    zookeeper.set_debug_level(zookeeper.LOG_LEVEL_WARN)


log_to_file()


def on_stock():
    """Whether this run is on Apache's library (run.py --lib stock)."""
    return os.environ.get("ZK_TEST_LIB") == "stock"


needs_ours = unittest.skipIf(on_stock(), "Apache's library does not have this")


def stock_bug(reason):
    """Marks a test that Apache's library fails because of its own bug, at least sometimes.

    On ours it is a normal test. On stock it runs as well, and its result is reported as a skip with that text.
    """

    def mark(test):
        @functools.wraps(test)
        def run(self):
            if not on_stock():
                return test(self)
            try:
                test(self)
            except AssertionError as failure:
                first = str(failure).splitlines()[0] if str(failure) else "assertion"
                self.skipTest("stock fails, as expected (%s): %s" % (reason, first))
            self.skipTest("stock passed this time, though it has this bug: %s" % reason)

        return run

    return mark


def eventually(condition, what, patience=PATIENCE):
    """Wait until condition() is true, and return its value."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("%s: not within %.0f s" % (what, patience))
        time.sleep(0.005)


def resident_kib():
    """The resident memory of this process, in KiB."""
    with open("/proc/self/status") as status:
        return int([line for line in status if line.startswith("VmRSS")][0].split()[1])


def is_gone(reference):
    gc.collect()
    return reference() is None


class Recorder:
    """A callback that remembers its calls: the arguments, and the thread that made them."""

    def __init__(self):
        self.calls = []
        self.threads = []
        self._grew = threading.Condition()

    def __call__(self, *arguments):
        with self._grew:
            self.calls.append(arguments)
            self.threads.append(threading.get_ident())
            self._grew.notify_all()

    def wait(self, count=1, patience=PATIENCE):
        """Wait for `count` calls in all, and return the last of them."""
        with self._grew:
            if not self._grew.wait_for(lambda: len(self.calls) >= count, patience):
                raise AssertionError("%d of %d calls after %.0f s: %r" % (len(self.calls), count, patience, self.calls))
            return self.calls[count - 1]

    def wait_for(self, condition, patience=PATIENCE):
        """Wait for a call for which condition(*arguments) is true, and return its arguments."""

        def found():
            return [call for call in self.calls if condition(*call)]

        with self._grew:
            if not self._grew.wait_for(found, patience):
                raise AssertionError("not called in %.0f s, only %r" % (patience, self.calls))
            return found()[0]

    def states(self):
        """The states of the session events so far."""
        return [call[2] for call in self.calls if call[1] == zookeeper.SESSION_EVENT]


class Case(unittest.TestCase):
    """A test with sessions to a server; `self.handle` is a connected one, `self.path` the test's own node."""

    servers = staticmethod(server.shared)

    def setUp(self):
        self.server = self.servers()
        self._open = []
        self.watcher = Recorder()
        self.handle = self.connect(self.watcher)
        # Each test has its own node, because the server is shared.
        self.path = "/%s-%d-%d" % (self.id().rsplit(".", 1)[-1], os.getpid(), next(_numbers))
        zookeeper.create(self.handle, self.path, "", OPEN)

    def tearDown(self):
        for handle in list(self._open):
            self.close(handle)

    def connect(self, watcher=None, hosts=None, timeout=10000, client_id=None, wait=True):
        """A session, closed after the test; with `wait` it is connected."""
        watcher = watcher or Recorder()
        arguments = (hosts or self.server.hosts, watcher, timeout) + ((client_id,) if client_id else ())
        handle = zookeeper.init(*arguments)
        self._open.append(handle)
        if wait:
            watcher.wait_for(lambda h, type, state, path: state == zookeeper.CONNECTED_STATE)
        return handle

    def close(self, handle):
        """Close it now."""
        self._open.remove(handle)
        return zookeeper.close(handle)

    def closed_elsewhere(self, handle):
        """Notes that the test has closed the handle itself."""
        self._open.remove(handle)

    def expire(self, handle):
        """End a session without its handle: another handle takes the session over and closes it."""
        deadline = time.monotonic() + PATIENCE
        while not zookeeper.is_unrecoverable(handle):
            if time.monotonic() > deadline:
                raise AssertionError("the session does not expire")
            thief = Recorder()
            other = zookeeper.init(self.server.hosts, thief, 10000, zookeeper.client_id(handle))
            thief.wait_for(lambda h, type, state, path: state < 0 or state == zookeeper.CONNECTED_STATE)
            zookeeper.close(other)
            for _ in range(100):
                if zookeeper.is_unrecoverable(handle):
                    break
                time.sleep(0.01)


class TwoSessions(Case):
    """A test with another session, `self.other`."""

    def setUp(self):
        super().setUp()
        self.other = self.connect()

    def barrier(self):
        """When this returns, every earlier event has been delivered, because completions and events come in order."""
        done = Recorder()
        zookeeper.async_(self.handle, "/", done)
        done.wait()


def quietly_failing(function, *arguments):
    """Call with stderr redirected to /dev/null: for callbacks whose traceback is expected."""
    saved, sys.stderr = sys.stderr, open(os.devnull, "w")
    try:
        return function(*arguments)
    finally:
        sys.stderr.close()
        sys.stderr = saved
