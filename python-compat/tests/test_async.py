"""The asynchronous calls: the arguments of their completions, and the thread on which these run."""

import threading
import unittest

import zookeeper

from case import OPEN, Case, Recorder, quietly_failing

OK = zookeeper.OK


class Completions(Case):
    def test_acreate(self):
        done = Recorder()
        self.assertEqual(zookeeper.acreate(self.handle, self.path + "/a", "x", OPEN, 0, done), OK)
        self.assertEqual(done.wait(1), (self.handle, OK, self.path + "/a"))
        zookeeper.acreate(self.handle, self.path + "/a", "x", OPEN, 0, done)
        self.assertEqual(done.wait(2), (self.handle, zookeeper.NODEEXISTS, None))
        flags = zookeeper.EPHEMERAL | zookeeper.SEQUENCE
        zookeeper.acreate(self.handle, self.path + "/s", "x", OPEN, flags, done)
        self.assertEqual(done.wait(3), (self.handle, OK, self.path + "/s0000000001"))

    def test_adelete(self):
        done = Recorder()
        self.assertEqual(zookeeper.adelete(self.handle, self.path, 3, done), OK)
        self.assertEqual(done.wait(1), (self.handle, zookeeper.BADVERSION))
        zookeeper.adelete(self.handle, self.path, -1, done)
        self.assertEqual(done.wait(2), (self.handle, OK))
        zookeeper.adelete(self.handle, self.path, -1, done)
        self.assertEqual(done.wait(3), (self.handle, zookeeper.NONODE))

    def test_aexists(self):
        done = Recorder()
        self.assertEqual(zookeeper.aexists(self.handle, self.path, None, done), OK)
        self.assertEqual(done.wait(1), (self.handle, OK, zookeeper.exists(self.handle, self.path)))
        zookeeper.aexists(self.handle, self.path + "/none", None, done)
        self.assertEqual(done.wait(2), (self.handle, zookeeper.NONODE, None))

    def test_aget(self):
        done = Recorder()
        data = bytes(range(256))
        zookeeper.set(self.handle, self.path, data)
        self.assertEqual(zookeeper.aget(self.handle, self.path, None, done), OK)
        handle, rc, got, stat = done.wait(1)
        self.assertEqual((handle, rc, got.encode("utf-8", "surrogateescape")), (self.handle, OK, data))
        self.assertEqual(stat, zookeeper.exists(self.handle, self.path))
        zookeeper.set(self.handle, self.path, "")
        zookeeper.aget(self.handle, self.path, None, done)
        self.assertEqual(done.wait(2)[1:3], (OK, ""))
        zookeeper.aget(self.handle, self.path + "/none", None, done)
        self.assertEqual(done.wait(3), (self.handle, zookeeper.NONODE, None, None))

    def test_aset(self):
        done = Recorder()
        self.assertEqual(zookeeper.aset(self.handle, self.path, "abc", -1, done), OK)
        handle, rc, stat = done.wait(1)
        self.assertEqual((handle, rc, stat["version"], stat["dataLength"]), (self.handle, OK, 1, 3))
        zookeeper.aset(self.handle, self.path, b"x", 7, done)
        self.assertEqual(done.wait(2), (self.handle, zookeeper.BADVERSION, None))

    def test_aget_children(self):
        done = Recorder()
        self.assertEqual(zookeeper.aget_children(self.handle, self.path, None, done), OK)
        self.assertEqual(done.wait(1), (self.handle, OK, []))
        zookeeper.create(self.handle, self.path + "/a", "", OPEN)
        zookeeper.create(self.handle, self.path + "/b", "", OPEN)
        zookeeper.aget_children(self.handle, self.path, None, done)
        self.assertEqual(sorted(done.wait(2)[2]), ["a", "b"])
        zookeeper.aget_children(self.handle, self.path + "/none", None, done)
        self.assertEqual(done.wait(3), (self.handle, zookeeper.NONODE, []))

    def test_async_under_both_names(self):
        done = Recorder()
        self.assertEqual(zookeeper.async_(self.handle, self.path, done), OK)
        self.assertEqual(done.wait(1), (self.handle, OK, self.path))
        self.assertEqual(getattr(zookeeper, "async")(self.handle, self.path, done), OK)
        self.assertEqual(done.wait(2), (self.handle, OK, self.path))

    def test_acls(self):
        done = Recorder()
        acl = [{"perms": zookeeper.PERM_ALL, "scheme": "ip", "id": "127.0.0.1"}]
        self.assertEqual(zookeeper.aset_acl(self.handle, self.path, 0, acl, done), OK)
        self.assertEqual(done.wait(1), (self.handle, OK))
        self.assertEqual(zookeeper.aget_acl(self.handle, self.path, done), OK)
        self.assertEqual(done.wait(2), (self.handle, OK, acl, zookeeper.exists(self.handle, self.path)))
        zookeeper.aset_acl(self.handle, self.path, 0, acl, done)
        self.assertEqual(done.wait(3), (self.handle, zookeeper.BADVERSION))
        zookeeper.aget_acl(self.handle, self.path + "/none", done)
        self.assertEqual(done.wait(4), (self.handle, zookeeper.NONODE, [], None))

    def test_completions_may_be_left_out(self):
        h, path = self.handle, self.path
        zookeeper.acreate(h, path + "/a", "", OPEN)
        zookeeper.aset(h, path + "/a", "new")
        zookeeper.aget(h, path)
        zookeeper.aexists(h, path)
        zookeeper.aget_children(h, path)
        zookeeper.aget_acl(h, path)
        zookeeper.aset_acl(h, path, -1, OPEN)
        zookeeper.async_(h, path)
        zookeeper.adelete(h, path + "/none")
        zookeeper.add_auth(h, "digest", "a:b")
        self.assertEqual(zookeeper.get(h, path + "/a")[0], "new")

    def test_completions_come_in_the_order_of_the_calls(self):
        done = Recorder()
        for number in range(300):
            call = number % 3
            if call == 0:
                zookeeper.aget(self.handle, self.path, None, lambda *_, n=number: done(n))
            elif call == 1:
                zookeeper.acreate(self.handle, "%s/%d" % (self.path, number), "", OPEN, 0, lambda *_, n=number: done(n))
            else:
                zookeeper.aexists(self.handle, self.path + "/none", None, lambda *_, n=number: done(n))
        done.wait(300)
        self.assertEqual(done.calls, [(number,) for number in range(300)])


class OnTheLibrarysThread(Case):
    def test_completions_and_watchers_run_on_one_other_thread(self):
        done, watcher = Recorder(), Recorder()
        zookeeper.aget(self.handle, self.path, watcher, done)
        done.wait()
        zookeeper.set(self.handle, self.path, "x")
        watcher.wait()
        self.assertEqual(done.threads, watcher.threads)
        self.assertEqual(done.threads[0], self.watcher.threads[0])
        self.assertNotEqual(done.threads[0], threading.get_ident())

    def test_auth_completions_run_elsewhere_but_may_not_block_the_caller(self):
        # They are called on the I/O thread, so a caller that kept the GIL while it waits would wait for ever.
        seen = Recorder()
        for _ in range(20):
            zookeeper.add_auth(self.handle, "digest", "a:b", seen)
            zookeeper.get(self.handle, self.path)
        seen.wait(20)
        self.assertEqual({rc for _, rc in seen.calls}, {OK})

    def test_waiting_calls_work_inside_of_completions(self):
        done = Recorder()

        def completion(handle, rc, path):
            zookeeper.set(handle, path, "from inside")
            done(zookeeper.get(handle, path)[0])

        zookeeper.acreate(self.handle, self.path + "/a", "", OPEN, 0, completion)
        self.assertEqual(done.wait(), ("from inside",))

    def test_further_calls_can_be_queued_inside_of_completions(self):
        done = Recorder()

        def next_one(handle, rc, data, stat):
            done(rc)
            if len(done.calls) < 200:
                zookeeper.aget(handle, self.path, None, next_one)

        zookeeper.aget(self.handle, self.path, None, next_one)
        done.wait(200)
        self.assertEqual(set(done.calls), {(OK,)})

    def test_an_exception_in_a_callback_is_printed_and_the_next_one_runs(self):
        def broken(*_):
            raise RuntimeError("on purpose")

        done = Recorder()

        def scene():
            zookeeper.aget(self.handle, self.path, broken, broken)
            zookeeper.aget(self.handle, self.path, None, done)
            done.wait(1)
            zookeeper.set(self.handle, self.path, "x")
            zookeeper.aget(self.handle, self.path, None, done)
            done.wait(2)

        quietly_failing(scene)

    def test_thread_locals_and_locks_work_in_callbacks(self):
        done = Recorder()
        lock = threading.Lock()
        local = threading.local()

        def completion(*_):
            with lock:
                local.value = threading.current_thread().name
                done(local.value)

        for _ in range(10):
            with lock:
                zookeeper.aget(self.handle, self.path, None, completion)
        done.wait(10)


if __name__ == "__main__":
    unittest.main()
