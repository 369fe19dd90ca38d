"""Functions that zkpython and Apache's library do not have: persistent watches, the reads that servers offer since 3.6
and 3.7, deadlines."""

import gc
import os
import threading
import unittest
import weakref

import zookeeper

from case import OPEN, Case, Recorder, eventually, on_stock, resident_kib
from server import Server

OK, ANY = zookeeper.OK, zookeeper.WATCHTYPE_ANY
PERSISTENT, RECURSIVE = zookeeper.ADD_WATCH_PERSISTENT, zookeeper.ADD_WATCH_PERSISTENT_RECURSIVE
CREATED, DELETED = zookeeper.CREATED_EVENT, zookeeper.DELETED_EVENT
CHANGED, CHILD = zookeeper.CHANGED_EVENT, zookeeper.CHILD_EVENT
CONNECTED = zookeeper.CONNECTED_STATE

needs_ours = unittest.skipIf(on_stock(), "Apache's library does not have this")


def is_gone(reference):
    gc.collect()
    return reference() is None


class Base(Case):
    def setUp(self):
        super().setUp()
        self.other = self.connect()

    def barrier(self):
        """When this returns, every earlier event has been delivered, because completions and events come in order."""
        done = Recorder()
        zookeeper.async_(self.handle, "/", done)
        done.wait()

    def events(self, watcher):
        """(type, path below the test's node) of the node events that a watcher has got."""
        return [(type, path[len(self.path):]) for _, type, _, path in watcher.calls if type != zookeeper.SESSION_EVENT]

    def ways(self, name):
        """The synchronous call and its asynchronous counterpart, each returning the code; both raise for an unknown
        watcher."""

        def sync(*arguments):
            try:
                return getattr(zookeeper, name)(self.handle, *arguments)
            except zookeeper.NoWatcherException:
                return zookeeper.NOWATCHER

        def asynchronous(*arguments):
            done = Recorder()
            try:
                self.assertEqual(getattr(zookeeper, "a" + name)(self.handle, *arguments, done), OK)
            except zookeeper.NoWatcherException:
                return zookeeper.NOWATCHER
            handle, rc = done.wait()
            self.assertEqual(handle, self.handle)
            return rc

        return ((sync, "sync"), (asynchronous, "async"))


@needs_ours
class PersistentWatches(Base):
    def test_they_stay_after_events(self):
        for number, (add, label) in enumerate(self.ways("add_watch")):
            with self.subTest(label):
                node, watcher = "%s/%d" % (self.path, number), Recorder()
                self.assertEqual(add(node, PERSISTENT, watcher), OK)
                zookeeper.create(self.other, node, "", OPEN)
                for data in ("a", "b"):
                    zookeeper.set(self.other, node, data)
                zookeeper.create(self.other, node + "/child", "", OPEN)
                zookeeper.set(self.other, node + "/child", "x")
                zookeeper.delete(self.other, node + "/child")
                zookeeper.delete(self.other, node)
                expected = [CREATED, CHANGED, CHANGED, CHILD, CHILD, DELETED]
                watcher.wait(len(expected))
                self.barrier()
                self.assertEqual(watcher.calls, [(self.handle, type, CONNECTED, node) for type in expected])

    def test_recursive_ones_hear_of_each_node_below(self):
        watcher = Recorder()
        zookeeper.add_watch(self.handle, self.path, RECURSIVE, watcher)
        zookeeper.create(self.other, self.path + "/a", "", OPEN)
        zookeeper.create(self.other, self.path + "/a/b", "", OPEN)
        zookeeper.set(self.other, self.path + "/a/b", "x")
        zookeeper.delete(self.other, self.path + "/a/b")
        watcher.wait(4)
        self.barrier()
        self.assertEqual(self.events(watcher), [(CREATED, "/a"), (CREATED, "/a/b"), (CHANGED, "/a/b"), (DELETED, "/a/b")])

    def test_each_call_leaves_a_watch_of_its_own(self):
        watcher = Recorder()
        for _ in range(2):
            zookeeper.add_watch(self.handle, self.path, PERSISTENT, watcher)
        zookeeper.set(self.other, self.path, "x")
        watcher.wait(2)
        zookeeper.remove_watches(self.handle, self.path, ANY, watcher)
        zookeeper.set(self.other, self.path, "y")
        watcher.wait(3)
        zookeeper.remove_watches(self.handle, self.path, ANY, watcher)
        with self.assertRaises(zookeeper.NoWatcherException):
            zookeeper.remove_watches(self.handle, self.path, ANY, watcher)
        zookeeper.set(self.other, self.path, "z")
        self.barrier()
        self.assertEqual(self.events(watcher), [(CHANGED, "")] * 3)

    def test_bad_arguments(self):
        watcher = Recorder()
        for mode, callback in ((2, watcher), (-1, watcher), (PERSISTENT, None)):
            with self.assertRaises(zookeeper.BadArgumentsException):
                zookeeper.add_watch(self.handle, self.path, mode, callback)
            with self.assertRaises(zookeeper.BadArgumentsException):
                zookeeper.aadd_watch(self.handle, self.path, mode, callback, watcher)
        self.assertEqual(watcher.calls, [])

    def test_bound_methods_are_found_again(self):
        class Watcher:
            def __init__(self):
                self.recorder = Recorder()

            def called(self, *arguments):
                self.recorder(*arguments)

        first, second = Watcher(), Watcher()
        for watcher in (first, second):
            zookeeper.add_watch(self.handle, self.path, PERSISTENT, watcher.called)
        zookeeper.remove_watches(self.handle, self.path, ANY, second.called)
        zookeeper.set(self.other, self.path, "x")
        first.recorder.wait()
        self.barrier()
        self.assertEqual(second.recorder.calls, [])


@needs_ours
class Removal(Base):
    def added(self, mode=PERSISTENT, path=None):
        watcher = Recorder()
        zookeeper.add_watch(self.handle, path or self.path, mode, watcher)
        return watcher

    def test_of_one_watcher(self):
        for remove, label in self.ways("remove_watches"):
            for local in (False, True):
                with self.subTest(label, local=local):
                    first, second, elsewhere = self.added(), self.added(RECURSIVE), self.added(path="/")
                    self.assertEqual(remove(self.path, ANY, Recorder(), local), zookeeper.NOWATCHER)
                    self.assertEqual(remove(self.path, ANY, first, local), OK)
                    self.assertEqual(remove(self.path, ANY, first, local), zookeeper.NOWATCHER)
                    self.assertEqual(remove(self.path, zookeeper.WATCHTYPE_PERSISTENT, second, local), zookeeper.NOWATCHER)
                    zookeeper.set(self.other, self.path, "x")
                    second.wait()
                    self.assertEqual(remove(self.path, ANY, second, local), OK)
                    zookeeper.set(self.other, self.path, "y")
                    self.barrier()
                    self.assertEqual((self.events(first), self.events(second)), ([], [(CHANGED, "")]))
                    self.assertEqual(remove("/", ANY, elsewhere, local), OK)

    def test_of_all(self):
        for remove, label in self.ways("remove_watches"):
            for local in (False, True):
                with self.subTest(label, local=local):
                    watchers = [self.added(), self.added(RECURSIVE), Recorder(), Recorder()]
                    stays = self.added(path="/")
                    zookeeper.get_children(self.handle, self.path, watchers[2])
                    self.assertEqual(remove(self.path, ANY, None, local), OK)
                    self.assertEqual(remove(self.path, ANY, None, local), OK if local else zookeeper.NOWATCHER)
                    zookeeper.set(self.other, self.path, "x")
                    zookeeper.set(self.other, "/", "x")
                    stays.wait()
                    self.barrier()
                    self.assertEqual([watcher.calls for watcher in watchers], [[]] * 4)
                    zookeeper.remove_watches(self.handle, "/")

    def test_types(self):
        watcher = self.added()
        for remove, label in self.ways("remove_watches"):
            for bad in (0, -1, 6, 99):
                for callback in (None, watcher):
                    with self.subTest(label, type=bad), self.assertRaises(zookeeper.BadArgumentsException):
                        zookeeper.remove_watches(self.handle, self.path, bad, callback)
            for absent in (zookeeper.WATCHTYPE_CHILD, zookeeper.WATCHTYPE_DATA, zookeeper.WATCHTYPE_PERSISTENT_RECURSIVE):
                self.assertEqual(remove(self.path, absent, watcher, False), zookeeper.NOWATCHER)
        zookeeper.remove_watches(self.handle, self.path, zookeeper.WATCHTYPE_PERSISTENT, watcher, True)
        zookeeper.set(self.other, self.path, "x")
        self.barrier()
        self.assertEqual(watcher.calls, [])

    def test_a_watcher_can_remove_itself(self):
        seen = Recorder()

        def watcher(handle, type, state, path):
            zookeeper.remove_watches(handle, path, ANY, watcher)
            seen(type)

        zookeeper.add_watch(self.handle, self.path, PERSISTENT, watcher)
        for data in ("x", "y", "z"):
            zookeeper.set(self.other, self.path, data)
        seen.wait()
        self.barrier()
        self.assertEqual(seen.calls, [(CHANGED,)])

    def test_while_events_come_in(self):
        end = threading.Event()

        def write():
            while not end.is_set():
                zookeeper.set(self.other, self.path, "x")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(150):
                watchers = [self.added(), self.added(RECURSIVE)]
                if number % 3 == 0:
                    zookeeper.remove_watches(self.handle, self.path)
                elif number % 3 == 1:
                    for watcher in watchers:
                        zookeeper.remove_watches(self.handle, self.path, ANY, watcher, number % 2 == 0)
                else:
                    done = Recorder()
                    for watcher in watchers:
                        zookeeper.aremove_watches(self.handle, self.path, ANY, watcher, False, done)
                    done.wait(2)
        finally:
            end.set()
            writer.join()
        self.barrier()
        self.assertGreater(zookeeper.exists(self.handle, self.path)["version"], 0)

    def test_what_is_removed_is_let_go(self):
        for remove, label in self.ways("remove_watches"):
            for one in (True, False):
                with self.subTest(label, one=one):
                    watcher = Recorder()
                    reference = weakref.ref(watcher)
                    zookeeper.add_watch(self.handle, self.path, RECURSIVE, watcher)
                    self.assertFalse(is_gone(reference))
                    remove(self.path, ANY, watcher if one else None, False)
                    del watcher
                    eventually(lambda: is_gone(reference), "the watcher is let go")

    def test_nothing_grows(self):
        def rounds():
            for _ in range(10000):
                zookeeper.add_watch(self.handle, self.path, PERSISTENT, print)
                zookeeper.remove_watches(self.handle, self.path, ANY, print, True)

        rounds()
        before = resident_kib()
        rounds()
        self.assertLess(resident_kib() - before, 250)  # 10,000 contexts and paths are more

    def test_failed_additions_and_close_let_go(self):
        watcher = Recorder()
        reference = weakref.ref(watcher)
        for call in (zookeeper.add_watch, zookeeper.aadd_watch):
            with self.assertRaises(zookeeper.BadArgumentsException):
                call(self.handle, "//", PERSISTENT, watcher)
        handle = self.connect()
        zookeeper.add_watch(handle, self.path, PERSISTENT, watcher)
        zookeeper.aadd_watch(handle, self.path, RECURSIVE, watcher)
        del watcher
        self.close(handle)
        eventually(lambda: is_gone(reference), "the watcher is let go")


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
class Reads(Base):
    def test_whoami(self):
        self.assertEqual(zookeeper.whoami(self.handle), [{"scheme": "ip", "id": "127.0.0.1"}])
        zookeeper.add_auth(self.handle, "digest", "user:word")
        both = [("digest", "user"), ("ip", "127.0.0.1")]
        self.assertEqual(sorted((who["scheme"], who["id"]) for who in zookeeper.whoami(self.handle)), both)
        done = Recorder()
        self.assertEqual(zookeeper.awhoami(self.handle, done), OK)
        handle, rc, identities = done.wait()
        self.assertEqual((handle, rc, sorted((who["scheme"], who["id"]) for who in identities)), (self.handle, OK, both))

    def test_get_ephemerals(self):
        done = Recorder()
        self.assertEqual(zookeeper.get_ephemerals(self.handle), [])
        nodes = [self.path + "/worker-%d" % number for number in range(3)]
        for node in nodes:
            zookeeper.create(self.handle, node, "", OPEN, zookeeper.EPHEMERAL)
        for prefix, expected in (("/", nodes), ("", nodes), (self.path + "/wor", nodes), (nodes[1], nodes[1:2]),
                                 (self.path.encode(), nodes), ("/none", [])):
            with self.subTest(prefix):
                self.assertEqual(sorted(zookeeper.get_ephemerals(self.handle, prefix)), expected)
                done = Recorder()
                zookeeper.aget_ephemerals(self.handle, prefix, done)
                handle, rc, paths = done.wait()
                self.assertEqual((handle, rc, sorted(paths)), (self.handle, OK, expected))
        self.assertEqual(sorted(zookeeper.get_ephemerals(self.handle)), nodes)
        self.assertEqual(zookeeper.get_ephemerals(self.other), [])
        for call in (zookeeper.get_ephemerals, zookeeper.aget_ephemerals):
            with self.assertRaises(zookeeper.BadArgumentsException):
                call(self.handle, "worker")

    def test_get_all_children_number(self):
        for name in ("/a", "/a/b", "/a/b/c", "/d"):
            zookeeper.create(self.handle, self.path + name, "", OPEN)
        self.assertEqual(zookeeper.get_all_children_number(self.handle, self.path), 4)
        self.assertEqual(zookeeper.get_all_children_number(self.handle, self.path + "/d"), 0)
        with self.assertRaises(zookeeper.NoNodeException):
            zookeeper.get_all_children_number(self.handle, self.path + "/none")
        done = Recorder()
        zookeeper.aget_all_children_number(self.handle, self.path + "/a", done)
        self.assertEqual(done.wait(), (self.handle, OK, 2))
        zookeeper.aget_all_children_number(self.handle, self.path + "/none", done)
        self.assertEqual(done.wait(2), (self.handle, zookeeper.NONODE, 0))

    def multi_reads(self):
        def asynchronous(*arguments):
            done = Recorder()
            self.assertEqual(zookeeper.amulti_read(self.handle, *arguments, done), OK)
            handle, rc, results = done.wait()
            self.assertEqual((handle, rc), (self.handle, OK))
            return results

        return ((lambda *arguments: zookeeper.multi_read(self.handle, *arguments), "sync"), (asynchronous, "async"))

    def test_multi_read(self):
        data = bytes(range(256))
        zookeeper.set(self.handle, self.path, data)
        zookeeper.create(self.handle, self.path + "/a", "hello", OPEN)
        reads = [("get", self.path), ["get_children", self.path], ("get", self.path + "/none"),
                 ("get_children", self.path + "/none"), ("get_children", self.path + "/a"), ("get", (self.path + "/a").encode())]
        for read, label in self.multi_reads():
            with self.subTest(label):
                results = read(reads, 1024 * 1024)
                self.assertEqual([rc for rc, _ in results], [OK, OK, zookeeper.NONODE, zookeeper.NONODE, OK, OK])
                self.assertEqual(results[0][1], zookeeper.get(self.handle, self.path))
                self.assertEqual(results[0][1][0].encode("utf-8", "surrogateescape"), data)
                self.assertEqual([value for _, value in results[1:5]], [["a"], None, None, []])
                self.assertEqual(results[5][1], zookeeper.get(self.handle, self.path + "/a"))
                cut = read([("get", self.path + "/a")], 4)
                self.assertEqual((cut[0][1][0], cut[0][1][1]["dataLength"]), ("hell", 5))
                self.assertEqual(read([("get", self.path + "/a")], 0)[0][1][0], "")
                self.assertEqual(read([], 1), [])
                self.assertEqual(len(read((read for read in reads), 10)), 6)

    def test_multi_read_refuses_bad_reads(self):
        done = Recorder()
        for call, more in ((zookeeper.multi_read, ()), (zookeeper.amulti_read, (10, done))):
            with self.assertRaises(zookeeper.BadArgumentsException):
                call(self.handle, [("get", self.path), ("get", "/a/")], *more)
            with self.assertRaises(ValueError):
                call(self.handle, [("get", self.path)], -1)
        self.assertEqual(done.calls, [])

    def test_completions_may_be_left_out(self):
        zookeeper.awhoami(self.handle)
        zookeeper.aget_ephemerals(self.handle)
        zookeeper.aget_all_children_number(self.handle, self.path)
        zookeeper.amulti_read(self.handle, [("get", self.path), ("get_children", "/")])
        zookeeper.aadd_watch(self.handle, self.path, PERSISTENT, Recorder())
        zookeeper.aremove_watches(self.handle, self.path)
        self.barrier()

    def test_a_closed_session_completes_reads(self):
        handle, done = self.connect(), Recorder()
        self.server.freeze()
        try:
            for number in range(20):
                zookeeper.amulti_read(handle, [("get", self.path), ("get_children", "/")], 1000, done)
            closer = threading.Thread(target=self.close, args=(handle,))
            closer.start()
        finally:
            self.server.thaw()
        closer.join()
        done.wait(20)
        self.assertEqual({rc for _, rc, results in done.calls} - {OK, zookeeper.CLOSING}, set())
        self.assertEqual({len(results) for _, rc, results in done.calls if rc != OK} - {0}, set())

    def test_nothing_grows(self):
        zookeeper.set(self.handle, self.path, "d" * 100000)

        def rounds():
            for _ in range(100):
                zookeeper.multi_read(self.handle, [("get", self.path), ("get_children", "/")])
                zookeeper.whoami(self.handle)
                zookeeper.get_ephemerals(self.handle)

        rounds()
        before = resident_kib()
        rounds()
        self.assertLess(resident_kib() - before, 2000)  # 100 buffers are 10 MB


@needs_ours
class Quota(Base):
    def test_the_code_has_an_exception(self):
        self.assertEqual(zookeeper.zerror(zookeeper.QUOTAEXCEEDED), "quota exceeded")
        self.assertTrue(issubclass(zookeeper.QuotaExceededException, zookeeper.SystemErrorException))


@needs_ours
class RequestTimeouts(Base):
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
