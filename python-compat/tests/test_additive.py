"""Functions that zkpython and Apache's library do not have: deadlines, local expiry, quotas. With Apache's library each
raises NotImplementedError. Persistent watches and reads have files of their own."""

import os
import unittest
import weakref

import zookeeper

from case import OPEN, Case, Recorder, TwoSessions, is_gone, needs_ours, on_stock
from server import Server

OK = zookeeper.OK
PERSISTENT, RECURSIVE = zookeeper.ADD_WATCH_PERSISTENT, zookeeper.ADD_WATCH_PERSISTENT_RECURSIVE
CREATED, CONNECTED = zookeeper.CREATED_EVENT, zookeeper.CONNECTED_STATE


@unittest.skipUnless(on_stock(), "ours has them")
class WithoutThem(Case):
    def test_each_says_so(self):
        for name in ("add_watch", "aadd_watch", "whoami", "awhoami", "get_ephemerals", "aget_ephemerals",
                     "get_all_children_number", "aget_all_children_number", "multi_read", "amulti_read", "set_request_timeout"):
            with self.subTest(name), self.assertRaises(NotImplementedError):
                getattr(zookeeper, name)(self.handle)
        for named in ({"request_timeout": 1000}, {"flags": zookeeper.EXPIRE_LOCALLY}):
            with self.assertRaises(NotImplementedError):
                zookeeper.init(self.server.hosts, **named)


@needs_ours
class Quota(TwoSessions):
    def test_the_code_has_an_exception(self):
        self.assertEqual(zookeeper.zerror(zookeeper.QUOTAEXCEEDED), "quota exceeded")
        self.assertTrue(issubclass(zookeeper.QuotaExceededException, zookeeper.SystemErrorException))


@needs_ours
class RequestTimeouts(TwoSessions):
    def held_up(self, handle):
        """The results of a synchronous and of an asynchronous call while the server is frozen."""
        done = Recorder()
        self.server.freeze()
        try:
            zookeeper.aget(handle, self.path, None, done)
            with self.assertRaises(zookeeper.RequestTimeoutException):
                zookeeper.get(handle, self.path)
            return done.wait()
        finally:
            self.server.thaw()

    def test_set_request_timeout(self):
        zookeeper.set(self.handle, self.path, "data")
        self.assertEqual(zookeeper.set_request_timeout(self.handle, 200), OK)
        self.assertEqual(self.held_up(self.handle)[1:], (zookeeper.REQUESTTIMEOUT, None, None))
        self.assertEqual(zookeeper.set_request_timeout(self.handle, 0), OK)
        self.assertEqual(zookeeper.get(self.handle, self.path)[0], "data")
        self.assertEqual(self.watcher.states(), [CONNECTED])
        with self.assertRaises(zookeeper.BadArgumentsException):
            zookeeper.set_request_timeout(self.handle, -1)

    def test_a_watch_that_timed_out_is_let_go(self):
        watcher = Recorder()
        reference = weakref.ref(watcher)
        zookeeper.set_request_timeout(self.handle, 200)
        self.server.freeze()
        try:
            with self.assertRaises(zookeeper.RequestTimeoutException):
                zookeeper.add_watch(self.handle, self.path, PERSISTENT, watcher)
        finally:
            self.server.thaw()
        zookeeper.set_request_timeout(self.handle, 0)
        zookeeper.set(self.other, self.path, "x")
        self.barrier()
        self.assertEqual(watcher.calls, [])
        del watcher
        self.assertTrue(is_gone(reference))

    def test_by_argument_and_by_the_environment(self):
        for argument in (True, False):
            with self.subTest(argument=argument):
                watcher = Recorder()
                if argument:
                    handle = zookeeper.init(self.server.hosts, watcher, 10000, request_timeout=200)
                else:
                    os.environ["ZOO_REQUEST_TIMEOUT_MS"] = "200"
                    try:
                        handle = zookeeper.init(self.server.hosts, watcher, 10000)
                    finally:
                        del os.environ["ZOO_REQUEST_TIMEOUT_MS"]
                self._open.append(handle)
                watcher.wait_for(lambda h, type, state, path: state == CONNECTED)
                self.assertEqual(self.held_up(handle)[1:], (zookeeper.REQUESTTIMEOUT, None, None))
        with self.assertRaises(zookeeper.BadArgumentsException):
            zookeeper.init(self.server.hosts, request_timeout=-1)


@needs_ours
class OwnServer(Case):
    """Tests with a server that they restart."""

    @classmethod
    def setUpClass(cls):
        cls.server_of_class = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server_of_class.close()

    def servers(self):
        return self.server_of_class

    def test_persistent_watches_survive_a_restart(self):
        watcher = Recorder()
        zookeeper.add_watch(self.handle, self.path, RECURSIVE, watcher)
        self.server.kill()
        watcher.wait_for(lambda h, type, state, path: type == zookeeper.SESSION_EVENT and state != CONNECTED)
        self.server.start()
        watcher.wait_for(lambda h, type, state, path: type == zookeeper.SESSION_EVENT and state == CONNECTED)
        zookeeper.exists(self.handle, "/")  # behind the request that arms it again
        zookeeper.create(self.handle, self.path + "/a", "", OPEN)
        watcher.wait_for(lambda h, type, state, path: (type, path) == (CREATED, self.path + "/a"))

    def test_local_expiry(self):
        for flags, environment in ((zookeeper.EXPIRE_LOCALLY, {}), (0, {"ZOO_LOCAL_EXPIRY": "1"})):
            with self.subTest(flags=flags):
                watcher = Recorder()
                os.environ.update(environment)
                try:
                    handle = zookeeper.init(self.server.hosts, watcher, 4000, flags=flags)
                finally:
                    for name in environment:
                        del os.environ[name]
                self._open.append(handle)
                watcher.wait_for(lambda h, type, state, path: state == CONNECTED)
                self.server.kill()
                try:
                    watcher.wait_for(lambda h, type, state, path: state == zookeeper.EXPIRED_SESSION_STATE)
                    self.assertTrue(zookeeper.is_unrecoverable(handle))
                finally:
                    self.server.start()


if __name__ == "__main__":
    unittest.main()
