"""Watches: the events that fire each kind, that they fire once, and the session events that they get."""

import unittest

import zookeeper

from case import OPEN, Case, Recorder

CREATED, DELETED = zookeeper.CREATED_EVENT, zookeeper.DELETED_EVENT
CHANGED, CHILD = zookeeper.CHANGED_EVENT, zookeeper.CHILD_EVENT
CONNECTED = zookeeper.CONNECTED_STATE


class Watches(Case):
    """Every test sets the watch in both ways: by the synchronous and by the asynchronous call."""

    def setUp(self):
        super().setUp()
        self.other = self.connect()

    def ways(self, name):
        """(function that sets the watch, label) for the sync call and for the async one, whose completion is waited
        for."""

        def sync(path, watcher):
            getattr(zookeeper, name)(self.handle, path, watcher)

        def asynchronous(path, watcher):
            done = Recorder()
            getattr(zookeeper, "a" + name)(self.handle, path, watcher, done)
            done.wait()

        return ((sync, "sync"), (asynchronous, "async"))

    def check(self, name, path, change, event):
        for way, label in self.ways(name):
            with self.subTest(call=name, way=label, event=event):
                watcher = Recorder()
                way(path, watcher)
                change()
                self.assertEqual(watcher.wait(), (self.handle, event, CONNECTED, path))

    def test_exists_sees_creation_change_and_deletion(self):
        node = self.path + "/n"

        def create():
            zookeeper.create(self.other, node, "", OPEN)

        def delete():
            zookeeper.delete(self.other, node)

        for way, label in self.ways("exists"):
            for change, event in ((create, CREATED), (lambda: zookeeper.set(self.other, node, "x"), CHANGED),
                                  (delete, DELETED)):
                with self.subTest(way=label, event=event):
                    watcher = Recorder()
                    way(node, watcher)
                    change()
                    self.assertEqual(watcher.wait(), (self.handle, event, CONNECTED, node))

    def test_get_sees_change(self):
        self.check("get", self.path, lambda: zookeeper.set(self.other, self.path, "x"), CHANGED)

    def test_get_sees_deletion(self):
        def remake():
            zookeeper.delete(self.other, node)
            zookeeper.create(self.other, node, "", OPEN)

        node = zookeeper.create(self.handle, self.path + "/n", "", OPEN)
        self.check("get", node, remake, DELETED)

    def test_get_children_sees_children_come_and_go(self):
        node = self.path + "/n"
        self.check("get_children", self.path, lambda: self.toggle(node), CHILD)
        self.check("get_children", self.path, lambda: self.toggle(node), CHILD)

    def toggle(self, node):
        if zookeeper.exists(self.other, node):
            zookeeper.delete(self.other, node)
        else:
            zookeeper.create(self.other, node, "", OPEN)

    def test_get_children_sees_deletion(self):
        def remake():
            zookeeper.delete(self.other, self.path)
            zookeeper.create(self.other, self.path, "", OPEN)

        self.check("get_children", self.path, remake, DELETED)

    def test_a_watch_fires_once(self):
        watcher, later = Recorder(), Recorder()
        zookeeper.get(self.handle, self.path, watcher)
        zookeeper.set(self.other, self.path, "1")
        watcher.wait()
        zookeeper.get(self.handle, self.path, later)
        zookeeper.set(self.other, self.path, "2")
        later.wait()
        self.assertEqual(len(watcher.calls), 1)

    def test_one_callable_watches_many_nodes(self):
        watcher = Recorder()
        nodes = [zookeeper.create(self.handle, "%s/%d" % (self.path, n), "", OPEN) for n in range(50)]
        for node in nodes:
            zookeeper.get(self.handle, node, watcher)
        for node in nodes:
            zookeeper.set(self.other, node, "x")
        watcher.wait(50)
        self.assertEqual([call[3] for call in watcher.calls], nodes)

    def test_two_watches_on_one_node_both_fire(self):
        first, second = Recorder(), Recorder()
        zookeeper.get(self.handle, self.path, first)
        zookeeper.exists(self.handle, self.path, second)
        zookeeper.set(self.other, self.path, "x")
        first.wait()
        second.wait()

    def test_a_watcher_can_set_itself_again(self):
        seen = Recorder()

        def watcher(handle, type, state, path):
            data, _ = zookeeper.get(handle, path, watcher)
            seen(data)

        zookeeper.get(self.handle, self.path, watcher)
        for number in range(20):
            zookeeper.set(self.other, self.path, str(number))
            seen.wait(number + 1)
        self.assertEqual(seen.calls, [(str(number),) for number in range(20)])

    def test_a_failed_call_leaves_no_watch(self):
        watcher, created = Recorder(), Recorder()
        node = self.path + "/n"
        for call in (zookeeper.get, zookeeper.get_children):
            with self.assertRaises(zookeeper.NoNodeException):
                call(self.handle, node, watcher)
        for call in (zookeeper.aget, zookeeper.aget_children):
            done = Recorder()
            call(self.handle, node, watcher, done)
            done.wait()
        zookeeper.exists(self.handle, node, created)
        zookeeper.create(self.other, node, "", OPEN)
        created.wait()
        self.assertEqual(watcher.calls, [])

    def test_the_default_watcher_hears_nothing_of_nodes(self):
        watcher = Recorder()
        zookeeper.get(self.handle, self.path, watcher)
        zookeeper.set(self.other, self.path, "x")
        watcher.wait()
        self.assertEqual(self.watcher.states(), [CONNECTED])
        self.assertEqual(len(self.watcher.calls), 1)

    def test_zero_and_none_mean_no_watch(self):
        for nothing in (None, 0, False):
            self.assertIsNotNone(zookeeper.exists(self.handle, self.path, nothing))
            zookeeper.get(self.handle, self.path, nothing)
            zookeeper.get_children(self.handle, self.path, nothing)
            zookeeper.aget(self.handle, self.path, nothing, nothing)


class Chroot(Case):
    def test_paths_are_relative_everywhere(self):
        inside = self.connect(hosts=self.server.hosts + self.path)
        watcher, done = Recorder(), Recorder()
        self.assertEqual(zookeeper.get_children(inside, "/"), [])
        self.assertIsNone(zookeeper.exists(inside, "/a", watcher))
        self.assertEqual(zookeeper.create(inside, "/a", "x", OPEN), "/a")
        self.assertEqual(watcher.wait(), (inside, CREATED, CONNECTED, "/a"))
        zookeeper.acreate(inside, "/b", "x", OPEN, zookeeper.SEQUENCE, done)
        self.assertEqual(done.wait()[1:], (zookeeper.OK, "/b0000000001"))
        zookeeper.async_(inside, "/", done)
        self.assertEqual(done.wait(2)[1:], (zookeeper.OK, "/"))
        self.assertEqual(zookeeper.get(self.handle, self.path + "/a")[0], "x")


if __name__ == "__main__":
    unittest.main()
