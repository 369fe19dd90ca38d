"""close(): each pending call is completed exactly once, the handle is gone, and no callback is called afterwards."""

import gc
import threading
import time
import unittest
import weakref

import zookeeper

from case import OPEN, PATIENCE, Case, Recorder, eventually, stock_bug

OK, CLOSING = zookeeper.OK, zookeeper.CLOSING
CALLS = 1000


class ManyPending(Case):
    """A thousand calls in flight when the session is closed: each completion is called once."""

    def close_under_load(self, queue, allowed=(OK, CLOSING)):
        """queue(handle, number, completion) CALLS times, then close(): each called once, with an allowed code."""
        counts = [0] * CALLS
        codes = set()
        handle = self.connect()

        def completion(number):
            def called(called_with, rc, *_):
                counts[number] += 1
                codes.add(rc)

            return called

        for number in range(CALLS):
            queue(handle, number, completion(number))
        self.assertEqual(self.close(handle), OK)
        # Nothing may come after close() has returned.
        at_close = list(counts)
        time.sleep(0.05)
        self.assertEqual(counts, at_close)
        self.assertEqual({count: counts.count(count) for count in set(counts)}, {1: CALLS})
        self.assertLessEqual(codes, set(allowed))

    @stock_bug("callbacks are lost at close")
    def test_reads(self):
        for _ in range(5):
            self.close_under_load(lambda handle, number, done: zookeeper.aget(handle, self.path, None, done))

    @stock_bug("callbacks are lost at close")
    def test_writes(self):
        self.close_under_load(
            lambda handle, number, done: zookeeper.acreate(handle, "%s/%d" % (self.path, number), "x", OPEN, 0, done))

    @stock_bug("callbacks are lost at close")
    def test_all_kinds(self):
        def queue(handle, number, done):
            (
                lambda: zookeeper.aget(handle, self.path, None, done),
                lambda: zookeeper.aexists(handle, self.path, None, done),
                lambda: zookeeper.aset(handle, self.path, "x", -1, done),
                lambda: zookeeper.aget_children(handle, self.path, None, done),
                lambda: zookeeper.async_(handle, self.path, done),
                lambda: zookeeper.aget_acl(handle, self.path, done),
                lambda: zookeeper.aset_acl(handle, self.path, -1, OPEN, done),
                lambda: zookeeper.adelete(handle, self.path + "/none", -1, done),
            )[number % 8]()

        self.close_under_load(queue, (OK, CLOSING, zookeeper.NONODE))

    @stock_bug("callbacks are lost at close")
    def test_without_a_server(self):
        counts = [0] * CALLS
        handle = self.connect(hosts="127.0.0.1:1", wait=False)
        codes = set()

        def completion(number):
            def called(_, rc, *rest):
                counts[number] += 1
                codes.add(rc)

            return called

        for number in range(CALLS):
            zookeeper.aget(handle, "/", None, completion(number))
        self.close(handle)
        self.assertEqual({count: counts.count(count) for count in set(counts)}, {1: CALLS})
        self.assertLessEqual(codes, {CLOSING, zookeeper.CONNECTIONLOSS})

    @stock_bug("callbacks are lost at close")
    def test_while_the_server_hangs(self):
        done = Recorder()
        handle = self.connect()
        self.server.freeze()
        try:
            for _ in range(CALLS):
                zookeeper.aget(handle, self.path, None, done)
            self.close(handle)
        finally:
            self.server.thaw()
        self.assertEqual(len(done.calls), CALLS)
        self.assertLessEqual({rc for _, rc, _, _ in done.calls}, {OK, CLOSING})  # some were answered before it froze


class Afterwards(Case):
    def test_every_function_refuses_a_closed_handle(self):
        handle = self.connect()
        self.close(handle)
        calls = [
            (zookeeper.create, ("/a", "", OPEN)), (zookeeper.delete, ("/a",)), (zookeeper.exists, ("/",)),
            (zookeeper.get, ("/",)), (zookeeper.get_children, ("/",)), (zookeeper.set, ("/a", "")),
            (zookeeper.set2, ("/a", "")), (zookeeper.get_acl, ("/",)), (zookeeper.set_acl, ("/a", -1, OPEN)),
            (zookeeper.acreate, ("/a", "", OPEN)), (zookeeper.adelete, ("/a",)), (zookeeper.aexists, ("/",)),
            (zookeeper.aget, ("/",)), (zookeeper.aget_children, ("/",)), (zookeeper.aset, ("/a", "")),
            (zookeeper.async_, ("/",)), (zookeeper.aget_acl, ("/",)), (zookeeper.aset_acl, ("/a", -1, OPEN)),
            (zookeeper.add_auth, ("digest", "a:b", None)), (zookeeper.close, ()), (zookeeper.client_id, ()),
            (zookeeper.state, ()), (zookeeper.recv_timeout, ()), (zookeeper.is_unrecoverable, ()),
            (zookeeper.set_watcher, (None,)),
        ]
        for call, arguments in calls:
            with self.subTest(call.__name__), self.assertRaises(zookeeper.ZooKeeperException) as caught:
                call(handle, *arguments)
            self.assertEqual(str(caught.exception), "zhandle already freed")
            for number in (-1, 10 ** 6):
                with self.subTest(call.__name__), self.assertRaises(zookeeper.ZooKeeperException) as caught:
                    call(number, *arguments)
                self.assertEqual(str(caught.exception), "zhandle out of range")

    def test_watches_are_silent_after_close(self):
        watcher = Recorder()
        handle = self.connect()
        zookeeper.get(handle, self.path, watcher)
        self.close(handle)
        zookeeper.set(self.handle, self.path, "x")
        zookeeper.exists(self.handle, self.path)
        self.assertEqual(watcher.calls, [])

    def test_close_without_a_server_returns_ok(self):
        handle = self.connect(hosts="127.0.0.1:1", wait=False)
        self.assertEqual(self.close(handle), OK)

    def test_closing_twice_at_once(self):
        handle = self.connect()
        outcomes = Recorder()

        def close():
            try:
                outcomes(zookeeper.close(handle))
            except zookeeper.ZooKeeperException:
                outcomes("refused")

        threads = [threading.Thread(target=close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.closed_elsewhere(handle)
        self.assertEqual(sorted(map(str, (call[0] for call in outcomes.calls))), ["0"] + ["refused"] * 7)


class WhileOthersWork(Case):
    def test_a_waiting_call_is_told(self):
        handle = self.connect()
        seen = Recorder()

        def wait():
            try:
                seen(zookeeper.get(handle, self.path))
            except zookeeper.ZooKeeperException as problem:
                seen(type(problem))

        self.server.freeze()
        try:
            thread = threading.Thread(target=wait)
            thread.start()
            time.sleep(0.2)
            self.assertEqual(self.close(handle), OK)
            thread.join(PATIENCE)
        finally:
            self.server.thaw()
        self.assertEqual(seen.wait(), (zookeeper.ClosingException,))

    def test_threads_may_use_the_session_until_it_is_gone(self):
        allowed = (zookeeper.ClosingException, zookeeper.InvalidStateException, zookeeper.ZooKeeperException,
                   zookeeper.ConnectionLossException, zookeeper.MarshallingErrorException)
        for _ in range(10):
            handle = self.connect()
            problems = []
            running = Recorder()

            def work(handle=handle, running=running, problems=problems):
                try:
                    while True:
                        zookeeper.get(handle, self.path)
                        zookeeper.aget(handle, self.path, None, lambda *_: None)
                        zookeeper.state(handle)
                        running()
                except allowed:
                    pass
                except BaseException as problem:
                    problems.append(problem)

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            running.wait(20)
            self.close(handle)
            for thread in threads:
                thread.join(PATIENCE)
                self.assertFalse(thread.is_alive())
            self.assertEqual(problems, [])


class FromACallback(Case):
    """close() inside of a callback returns at once; the session ends when the callback has returned."""

    def check(self, start, handle):
        """start(callback) must make the library call the callback."""
        returned = Recorder()

        def callback(called_with, *_):
            returned(zookeeper.close(called_with))

        start(callback)
        self.assertEqual(returned.wait(), (OK,))
        self.closed_elsewhere(handle)
        with self.assertRaises(zookeeper.ZooKeeperException):
            zookeeper.state(handle)

    def test_from_a_completion(self):
        handle = self.connect()
        self.check(lambda callback: zookeeper.aget(handle, self.path, None, callback), handle)

    def test_from_a_watcher(self):
        handle = self.connect()

        def start(callback):
            zookeeper.get(handle, self.path, callback)
            zookeeper.set(self.handle, self.path, "x")

        self.check(start, handle)

    def test_from_the_default_watcher(self):
        closed = Recorder()

        def watcher(handle, type, state, path):
            closed(zookeeper.close(handle), handle)

        zookeeper.init(self.server.hosts, watcher)
        rc, handle = closed.wait()
        self.assertEqual(rc, OK)
        with self.assertRaises(zookeeper.ZooKeeperException):
            zookeeper.state(handle)

    def test_the_session_is_gone_on_the_server(self):
        handle = self.connect()
        zookeeper.create(handle, self.path + "/e", "", OPEN, zookeeper.EPHEMERAL)
        self.check(lambda callback: zookeeper.aget(handle, self.path, None, callback), handle)
        eventually(lambda: zookeeper.exists(self.handle, self.path + "/e") is None, "the ephemeral node goes")

    @stock_bug("callbacks are lost at close")
    def test_calls_that_are_pending_are_completed_once(self):
        handle = self.connect()
        counts = [0] * CALLS
        queued = threading.Event()

        def completion(number):
            def called(called_with, *_):
                counts[number] += 1
                if number == 0:
                    queued.wait()
                    zookeeper.close(called_with)

            return called

        for number in range(CALLS):
            zookeeper.aget(handle, self.path, None, completion(number))
        self.closed_elsewhere(handle)
        queued.set()
        eventually(lambda: sum(counts) >= CALLS, "all completions")
        time.sleep(0.05)
        self.assertEqual(counts, [1] * CALLS)

    def test_a_new_session_can_be_started_in_the_same_callback(self):
        connected = Recorder()

        def reconnect(handle, *_):
            zookeeper.close(handle)
            connected(zookeeper.init(self.server.hosts, Recorder()))

        handle = self.connect()
        zookeeper.aget(handle, self.path, None, reconnect)
        self.closed_elsewhere(handle)
        (fresh,) = connected.wait()
        self._open.append(fresh)
        self.assertIsNotNone(zookeeper.exists(fresh, "/"))

    def test_nothing_is_kept_alive(self):
        class Callback(Recorder):
            pass

        callbacks = []
        for _ in range(5):
            handle = self.connect()
            watcher = Callback()
            callbacks.append(weakref.ref(watcher))
            zookeeper.get(handle, self.path, watcher)
            zookeeper.exists(handle, self.path + "/none", watcher)
            del watcher
            self.check(lambda callback: zookeeper.aget(handle, self.path, None, callback), handle)
        gc.collect()
        eventually(lambda: not [ref for ref in callbacks if ref()], "watchers are let go")

    def test_handle_numbers_come_back(self):
        # The library frees such sessions later; their places in the table must be freed then too.
        numbers = set()
        for _ in range(40):
            handle = self.connect()
            numbers.add(handle)
            self.check(lambda callback: zookeeper.aget(handle, self.path, None, callback), handle)
            time.sleep(0.01)
        self.assertLess(len(numbers), 20)


if __name__ == "__main__":
    unittest.main()
