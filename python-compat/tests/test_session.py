"""Sessions: events, client ids, expiry, failed authentication, a server that dies and comes back."""

import json
import subprocess
import sys
import threading
import unittest

import zookeeper

from case import OPEN, PATIENCE, Case, Recorder, eventually
from server import Server

CONNECTING, CONNECTED = zookeeper.CONNECTING_STATE, zookeeper.CONNECTED_STATE
EXPIRED, AUTH_FAILED = zookeeper.EXPIRED_SESSION_STATE, zookeeper.AUTH_FAILED_STATE
SESSION = zookeeper.SESSION_EVENT


class Init(Case):
    def test_handles_are_small_numbers_and_are_used_again(self):
        first, second = self.connect(), self.connect()
        self.assertIs(type(first), int)
        self.assertNotEqual(first, second)
        self.close(first)
        third = self.connect()
        self.assertEqual(third, first)

    def test_the_watcher_is_told_of_the_connection(self):
        watcher = Recorder()
        handle = self.connect(watcher)
        self.assertEqual(watcher.calls, [(handle, SESSION, CONNECTED, "")])

    def test_the_watcher_can_use_the_handle_at_once(self):
        # The event may come even before init() has returned.
        seen = Recorder()

        def watcher(handle, type, state, path):
            seen(handle, zookeeper.get_children(handle, "/zookeeper"), zookeeper.state(handle))

        for _ in range(10):
            handle = zookeeper.init(self.server.hosts, watcher)
            self._open.append(handle)
            called_with, children, state = seen.wait(len(self._open) - 1)
            self.assertEqual((called_with, state), (handle, CONNECTED))
            self.assertIn("quota", children)

    def test_calls_before_the_connection_wait_for_it(self):
        handle = self.connect(wait=False)
        self.assertIsNotNone(zookeeper.exists(handle, "/"))

    def test_no_watcher_at_all(self):
        for arguments in ((), (None,)):
            handle = zookeeper.init(self.server.hosts, *arguments)
            self._open.append(handle)
            self.assertIsNotNone(zookeeper.exists(handle, "/"))

    def test_many_sessions(self):
        # zkpython's table starts with 32 places.
        handles = [self.connect(wait=False) for _ in range(70)]
        self.assertEqual(len(set(handles)), 70)
        for handle in handles:
            self.assertIsNotNone(zookeeper.exists(handle, "/"))

    def test_bad_host_lists(self):
        before = self.connect()
        self.close(before)
        for hosts in ("", " ", "localhost", "127.0.0.1:nonsense", "127.0.0.1:2181/bad//path"):
            with self.subTest(hosts), self.assertRaises(zookeeper.ZooKeeperException) as caught:
                zookeeper.init(hosts)
            self.assertIs(type(caught.exception), zookeeper.ZooKeeperException)
            self.assertIn("Invalid argument", str(caught.exception))
        self.assertEqual(self.connect(), before)  # the failures have left no holes in the table

    def test_recv_timeout_is_what_was_asked_for_then_what_was_granted(self):
        nowhere = self.connect(hosts="127.0.0.1:1", timeout=4321, wait=False)
        self.assertEqual(zookeeper.recv_timeout(nowhere), 4321)
        self.assertEqual(zookeeper.recv_timeout(self.connect(timeout=4321)), 4321)
        self.assertEqual(zookeeper.recv_timeout(self.connect(timeout=10 ** 6)), 60000)  # the server's maximum

    def test_state(self):
        self.assertEqual(zookeeper.state(self.handle), CONNECTED)
        nowhere = self.connect(hosts="127.0.0.1:1", wait=False)
        self.assertIn(zookeeper.state(nowhere), (0, 999, CONNECTING))
        self.assertIs(zookeeper.is_unrecoverable(nowhere), False)

    def test_deterministic_conn_order(self):
        with_dead_ones = "127.0.0.1:1," + self.server.hosts
        self.assertIsNone(zookeeper.deterministic_conn_order(1))
        try:
            handle = self.connect(hosts=with_dead_ones)
            self.assertIsNotNone(zookeeper.exists(handle, "/"))
        finally:
            self.assertIsNone(zookeeper.deterministic_conn_order(0))
        self.assertIsNotNone(zookeeper.exists(self.connect(hosts=with_dead_ones), "/"))


class ClientId(Case):
    def test_zero_before_the_connection(self):
        nowhere = self.connect(hosts="127.0.0.1:1", wait=False)
        self.assertEqual(zookeeper.client_id(nowhere), (0, ""))

    def test_another_process_goes_on_with_the_session(self):
        # Repeated until there are passwords with NULs and with bytes that are not UTF-8.
        leave_sessions_behind = """
import json, sys
import zookeeper
zookeeper.set_debug_level(0)
identities = []
for number in range(40):
    handle = zookeeper.init(sys.argv[1], None, 30000)
    zookeeper.create(handle, "%s/%d" % (sys.argv[2], number), "", json.loads(sys.argv[3]), zookeeper.EPHEMERAL)
    identities.append(zookeeper.client_id(handle))
print(json.dumps(identities))
"""
        arguments = [sys.executable, "-c", leave_sessions_behind, self.server.hosts, self.path, json.dumps(OPEN)]
        identities = json.loads(subprocess.check_output(arguments))
        self.assertEqual(len({tuple(identity) for identity in identities}), 40)
        for number, identity in enumerate(identities):
            handle = self.connect(client_id=identity)
            self.assertEqual(zookeeper.client_id(handle), tuple(identity))
            owner = zookeeper.exists(handle, "%s/%d" % (self.path, number))["ephemeralOwner"]
            self.assertEqual(owner, identity[0])
            self.close(handle)
        self.assertEqual(zookeeper.get_children(self.handle, self.path), [])

    def test_the_password_may_be_bytes_and_the_pair_a_list(self):
        first = self.connect()
        number, password = zookeeper.client_id(first)
        second = self.connect(client_id=[number, password.encode("utf-8", "surrogateescape")])
        self.assertEqual(zookeeper.client_id(second), (number, password))

    def test_a_wrong_password_means_expiry(self):
        number, _ = zookeeper.client_id(self.connect())
        watcher = Recorder()
        second = self.connect(watcher, client_id=(number, "wrong"), wait=False)
        watcher.wait_for(lambda h, type, state, path: state == EXPIRED)
        self.assertTrue(zookeeper.is_unrecoverable(second))

    def test_minus_one_means_a_new_session(self):
        handle = self.connect(client_id=(-1, ""))
        self.assertNotEqual(zookeeper.client_id(handle)[0], -1)


class SetWatcher(Case):
    def test_the_new_watcher_gets_the_events_and_the_old_one_does_not(self):
        later = Recorder()
        self.assertIsNone(zookeeper.set_watcher(self.handle, later))
        self.expire(self.handle)
        later.wait_for(lambda h, type, state, path: state == EXPIRED)
        self.assertEqual(self.watcher.states(), [CONNECTED])

    def test_none_silences_it(self):
        self.assertIsNone(zookeeper.set_watcher(self.handle, None))
        self.expire(self.handle)
        eventually(lambda: zookeeper.is_unrecoverable(self.handle), "expiry")
        self.assertEqual(self.watcher.states(), [CONNECTED])

    def test_a_watcher_may_replace_itself(self):
        second = Recorder()

        def first(handle, *_):
            zookeeper.set_watcher(handle, second)

        handle = zookeeper.init(self.server.hosts, first)
        self._open.append(handle)
        zookeeper.exists(handle, "/")
        del first
        self.expire(handle)
        second.wait_for(lambda h, type, state, path: state == EXPIRED)


class TheEnd(Case):
    def test_expiry(self):
        node_watcher, missing_watcher = Recorder(), Recorder()
        zookeeper.get(self.handle, self.path, node_watcher)
        zookeeper.exists(self.handle, self.path + "/none", missing_watcher)
        self.expire(self.handle)
        for watcher in (self.watcher, node_watcher, missing_watcher):
            self.assertEqual(
                watcher.wait_for(lambda h, type, state, path: state < 0), (self.handle, SESSION, EXPIRED, ""))
        self.assertEqual(zookeeper.state(self.handle), EXPIRED)
        self.assertIs(zookeeper.is_unrecoverable(self.handle), True)
        for call in (zookeeper.get, zookeeper.exists, zookeeper.aget, zookeeper.delete, zookeeper.async_):
            with self.assertRaises(zookeeper.InvalidStateException):
                call(self.handle, self.path)
        self.assertEqual(self.close(self.handle), zookeeper.OK)

    def test_failed_authentication(self):
        watcher, done = Recorder(), Recorder()
        handle = self.connect(watcher)
        zookeeper.add_auth(handle, "nonsense", "x", done)
        self.assertEqual(done.wait(), (handle, zookeeper.AUTHFAILED))
        watcher.wait_for(lambda h, type, state, path: state == AUTH_FAILED)
        self.assertEqual(zookeeper.state(handle), AUTH_FAILED)
        self.assertTrue(zookeeper.is_unrecoverable(handle))
        with self.assertRaises(zookeeper.InvalidStateException):
            zookeeper.exists(handle, "/")


class ServerRestart(Case):
    @classmethod
    def setUpClass(cls):
        cls.own = Server()
        cls.servers = lambda self: self.own

    @classmethod
    def tearDownClass(cls):
        cls.own.close()

    def restart(self):
        self.own.kill()
        self.watcher.wait_for(lambda h, type, state, path: state == CONNECTING)
        self.own.start()

    def connected_times(self, count):
        eventually(lambda: self.watcher.states().count(CONNECTED) >= count, "reconnect", 3 * PATIENCE)

    def test_session_watches_and_ephemerals_survive(self):
        node_watcher = Recorder()
        zookeeper.create(self.handle, self.path + "/e", "", OPEN, zookeeper.EPHEMERAL)
        zookeeper.get(self.handle, self.path, node_watcher)
        identity = zookeeper.client_id(self.handle)
        self.restart()
        self.connected_times(2)
        self.assertEqual(self.watcher.states(), [CONNECTED, CONNECTING, CONNECTED])
        self.assertEqual({call[3] for call in self.watcher.calls}, {""})
        self.assertEqual(zookeeper.client_id(self.handle), identity)
        owner = zookeeper.exists(self.handle, self.path + "/e")["ephemeralOwner"]
        self.assertEqual(owner, identity[0])
        # Session events reach the node's watcher too, and do not use it up.
        zookeeper.set(self.handle, self.path, "x")
        node_watcher.wait_for(lambda h, type, state, path: type == zookeeper.CHANGED_EVENT)
        self.assertEqual([call[1:] for call in node_watcher.calls], [
            (SESSION, CONNECTING, ""), (SESSION, CONNECTED, ""),
            (zookeeper.CHANGED_EVENT, CONNECTED, self.path)])

    def test_what_was_pending_fails_and_what_comes_later_is_answered(self):
        done = Recorder()
        self.own.freeze()
        for _ in range(20):
            zookeeper.aget(self.handle, self.path, None, done)
        self.own.kill()
        done.wait(20)
        self.assertEqual({rc for _, rc, _, _ in done.calls}, {zookeeper.CONNECTIONLOSS})
        with self.assertRaises(zookeeper.ConnectionLossException):
            zookeeper.get(self.handle, self.path)
        self.own.start()
        self.connected_times(2)
        self.assertEqual(zookeeper.get(self.handle, self.path)[0], "")

    def test_a_waiting_call_is_told(self):
        seen = Recorder()
        self.own.freeze()
        def wait():
            try:
                seen(zookeeper.get(self.handle, self.path))
            except zookeeper.ZooKeeperException as problem:
                seen(type(problem))

        thread = threading.Thread(target=wait)
        thread.start()
        self.own.kill()
        self.assertEqual(seen.wait(), (zookeeper.ConnectionLossException,))
        thread.join()
        self.own.start()
        self.connected_times(2)


if __name__ == "__main__":
    unittest.main()
