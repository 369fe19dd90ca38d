"""What callbacks and results keep alive, and that memory does not grow."""

import gc
import sys
import unittest
import weakref

import zookeeper

from case import OPEN, Case, Recorder, eventually, resident_kib


class Callback(Recorder):
    """Weakly referable."""


def gone(references):
    gc.collect()
    return not [reference for reference in references if reference()]


class References(Case):
    def test_completions_are_let_go_when_called(self):
        references = []
        last = Recorder()
        for call, arguments in ((zookeeper.aget, (None,)), (zookeeper.aexists, (None,)), (zookeeper.async_, ()),
                                (zookeeper.aget_children, (None,)), (zookeeper.aget_acl, ())):
            callback = Callback()
            references.append(weakref.ref(callback))
            call(self.handle, self.path, *arguments, callback)
            del callback
        zookeeper.async_(self.handle, "/", last)
        last.wait()
        eventually(lambda: gone(references), "completions are let go")

    def test_watchers_are_let_go_when_fired(self):
        references = []
        for call in (zookeeper.get, zookeeper.exists, zookeeper.get_children):
            watcher = Callback()
            references.append(weakref.ref(watcher))
            call(self.handle, self.path, watcher)
            del watcher
        self.assertFalse(gone(references))
        zookeeper.delete(self.handle, self.path)
        eventually(lambda: gone(references), "watchers are let go")

    def test_watchers_of_failed_calls_are_let_go(self):
        references = []
        for call in (zookeeper.get, zookeeper.get_children):
            watcher = Callback()
            references.append(weakref.ref(watcher))
            with self.assertRaises(zookeeper.NoNodeException):
                call(self.handle, self.path + "/none", watcher)
            with self.assertRaises(zookeeper.BadArgumentsException):
                call(self.handle, "//", watcher)
            del watcher
        for call in (zookeeper.aget, zookeeper.aget_children):
            for completion in (None, Recorder()):
                watcher = Callback()
                references.append(weakref.ref(watcher))
                call(self.handle, self.path + "/none", watcher, completion)
                with self.assertRaises(zookeeper.BadArgumentsException):
                    call(self.handle, "//", watcher, completion)
                del watcher
        zookeeper.exists(self.handle, "/")
        eventually(lambda: gone(references), "watchers are let go")

    def test_close_lets_go_of_everything(self):
        handle = self.connect()
        default, node, pending = Callback(), Callback(), Callback()
        references = [weakref.ref(default), weakref.ref(node), weakref.ref(pending)]
        zookeeper.set_watcher(handle, default)
        zookeeper.get(handle, self.path, node)
        for _ in range(50):
            zookeeper.aget(handle, self.path, node, pending)
        del default, node, pending
        self.close(handle)
        self.assertTrue(gone(references))

    def test_expiry_lets_go_of_node_watchers(self):
        watcher = Callback()
        reference = weakref.ref(watcher)
        zookeeper.get(self.handle, self.path, watcher)
        del watcher
        self.expire(self.handle)
        eventually(lambda: gone([reference]), "the watcher is let go")

    def test_reference_counts_of_arguments_stay(self):
        path, data = "".join([self.path]), "".join(["some", "data"])
        acl = [dict(OPEN[0])]
        watcher = Recorder()
        watched = [path, data, acl, acl[0], watcher, None]
        before = [sys.getrefcount(item) for item in watched[:-1]]
        for _ in range(100):
            zookeeper.set(self.handle, path, data)
            zookeeper.get(self.handle, path)
            zookeeper.set_acl(self.handle, path, -1, acl)
            zookeeper.get_acl(self.handle, path)
            zookeeper.exists(self.handle, path)
            zookeeper.aget(self.handle, path, None, watcher)
            zookeeper.client_id(self.handle)
            for bad in (("//", data, acl), (path, data, [None]), (path, data, acl, "x")):
                try:
                    zookeeper.create(self.handle, *bad)
                except (TypeError, zookeeper.ZooKeeperException):
                    pass
        watcher.wait(100)
        del bad
        eventually(lambda: [sys.getrefcount(item) for item in watched[:-1]] == before, "counts are as before")


class Growth(Case):
    def check(self, work, rounds, allowance_kib):
        """After a warm-up, resident memory may not grow by more than the allowance; a leak of one object per round
        would exceed it."""
        for _ in range(rounds):
            work()
        gc.collect()
        before = resident_kib()
        for _ in range(rounds):
            work()
        gc.collect()
        self.assertLess(resident_kib() - before, allowance_kib)

    def test_results(self):
        for number in range(50):
            zookeeper.create(self.handle, "%s/%s%d" % (self.path, "n" * 100, number), "", OPEN)
        zookeeper.set(self.handle, self.path, "d" * 10000)

        def work():
            zookeeper.get_children(self.handle, self.path)  # 6 kB of names
            zookeeper.get(self.handle, self.path)
            zookeeper.get_acl(self.handle, self.path)

        self.check(work, 400, 1500)

    def test_callbacks(self):
        def work():
            done = Recorder()
            for _ in range(100):
                zookeeper.aget(self.handle, self.path + "/none", done, done)
            done.wait(100)

        self.check(work, 150, 1000)

    def test_sessions(self):
        def work():
            handle = zookeeper.init(self.server.hosts, Recorder())
            zookeeper.get(handle, self.path, Recorder())
            zookeeper.close(handle)

        self.check(work, 60, 1500)


if __name__ == "__main__":
    unittest.main()
