"""Persistent watches, and the removal of watches by watcher, type and path: functions that zkpython does not have."""

import threading
import unittest
import weakref

import zookeeper

from case import OPEN, Recorder, TwoSessions, eventually, is_gone, needs_ours, resident_kib

OK, ANY = zookeeper.OK, zookeeper.WATCHTYPE_ANY
PERSISTENT, RECURSIVE = zookeeper.ADD_WATCH_PERSISTENT, zookeeper.ADD_WATCH_PERSISTENT_RECURSIVE
CREATED, DELETED = zookeeper.CREATED_EVENT, zookeeper.DELETED_EVENT
CHANGED, CHILD = zookeeper.CHANGED_EVENT, zookeeper.CHILD_EVENT
CONNECTED = zookeeper.CONNECTED_STATE


class Watches(TwoSessions):
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
class PersistentWatches(Watches):
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
class Removal(Watches):
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


if __name__ == "__main__":
    unittest.main()
