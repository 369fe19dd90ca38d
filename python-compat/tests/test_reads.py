"""The reads that servers offer since 3.6 and 3.7, which zkpython and Apache's library do not have."""

import threading
import unittest

import zookeeper

from case import OPEN, Recorder, TwoSessions, needs_ours, resident_kib

OK, PERSISTENT = zookeeper.OK, zookeeper.ADD_WATCH_PERSISTENT


@needs_ours
class Reads(TwoSessions):
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


if __name__ == "__main__":
    unittest.main()
