"""The synchronous calls, each with its results and its known exceptions."""

import threading
import time
import unittest

import zookeeper

from case import OPEN, Case, Recorder

STAT = {
    "czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion", "ephemeralOwner", "dataLength",
    "numChildren", "pzxid",
}


class Create(Case):
    def test_returns_the_path(self):
        self.assertEqual(zookeeper.create(self.handle, self.path + "/a", "x", OPEN), self.path + "/a")

    def test_sequence_returns_the_numbered_path(self):
        first = zookeeper.create(self.handle, self.path + "/n-", "", OPEN, zookeeper.SEQUENCE)
        second = zookeeper.create(self.handle, self.path + "/n-", "", OPEN, zookeeper.SEQUENCE)
        self.assertEqual((first, second), (self.path + "/n-0000000000", self.path + "/n-0000000001"))

    def test_long_paths_come_back_whole(self):
        # zkpython cuts paths at 255 bytes.
        long = self.path + "/" + "l" * 3000
        self.assertEqual(zookeeper.create(self.handle, long, "", OPEN), long)
        numbered = zookeeper.create(self.handle, long, "", OPEN, zookeeper.SEQUENCE)
        self.assertEqual(numbered, long + "0000000001")
        self.assertIsNotNone(zookeeper.exists(self.handle, numbered))

    def test_ephemeral_nodes_belong_to_the_session_and_go_with_it(self):
        other = self.connect()
        zookeeper.create(other, self.path + "/e", "", OPEN, zookeeper.EPHEMERAL)
        owner = zookeeper.exists(self.handle, self.path + "/e")["ephemeralOwner"]
        self.assertEqual(owner, zookeeper.client_id(other)[0])
        with self.assertRaises(zookeeper.NoChildrenForEphemeralsException):
            zookeeper.create(self.handle, self.path + "/e/child", "", OPEN)
        self.close(other)
        self.assertIsNone(zookeeper.exists(self.handle, self.path + "/e"))

    def test_node_exists(self):
        with self.assertRaises(zookeeper.NodeExistsException) as caught:
            zookeeper.create(self.handle, self.path, "", OPEN)
        self.assertEqual(caught.exception.args, ("node exists",))

    def test_no_parent(self):
        with self.assertRaises(zookeeper.NoNodeException):
            zookeeper.create(self.handle, self.path + "/no/child", "", OPEN)

    def test_acl_that_the_server_refuses(self):
        for acl in ([], [{"perms": 31, "scheme": "nonsense", "id": "x"}]):
            with self.assertRaises(zookeeper.InvalidACLException):
                zookeeper.create(self.handle, self.path + "/a", "", acl)


class Data(Case):
    def test_text_and_bytes_go_in_and_text_comes_out(self):
        for data in ("", "x", "\u00fcml\u00e4ut \u2603 \U0001f40e", "with\0nul"):
            for sent in (data, data.encode(), bytearray(data.encode()), memoryview(data.encode())):
                zookeeper.set(self.handle, self.path, sent)
                got, stat = zookeeper.get(self.handle, self.path)
                self.assertEqual(got, data)
                self.assertIs(type(got), str)
                self.assertEqual(stat["dataLength"], len(data.encode()))

    def test_any_bytes_survive_the_round_trip(self):
        data = bytes(range(256)) * 3
        zookeeper.set(self.handle, self.path, data)
        got, _ = zookeeper.get(self.handle, self.path)
        self.assertEqual(got.encode("utf-8", "surrogateescape"), data)
        version = zookeeper.set2(self.handle, self.path, got)["version"]
        again, stat = zookeeper.get(self.handle, self.path)
        self.assertEqual((again, stat["version"], stat["dataLength"]), (got, version, len(data)))

    def test_get_returns_data_and_stat(self):
        zookeeper.set(self.handle, self.path, "abc")
        data, stat = zookeeper.get(self.handle, self.path)
        self.assertEqual(data, "abc")
        self.assertEqual(set(stat), STAT)
        self.assertEqual(stat, zookeeper.exists(self.handle, self.path))
        self.assertEqual((stat["version"], stat["dataLength"], stat["numChildren"]), (1, 3, 0))
        self.assertLess(abs(stat["mtime"] / 1000 - time.time()), 600)
        self.assertGreater(stat["mzxid"], stat["czxid"])

    def test_get_is_limited_to_length_bytes(self):
        zookeeper.set(self.handle, self.path, "0123456789")
        for length, expected in ((0, ""), (4, "0123"), (10, "0123456789"), (5000, "0123456789")):
            data, stat = zookeeper.get(self.handle, self.path, None, length)
            self.assertEqual((data, stat["dataLength"]), (expected, 10))

    def test_a_cut_character_is_not_an_error(self):
        zookeeper.set(self.handle, self.path, "\u00fc")
        data, _ = zookeeper.get(self.handle, self.path, None, 1)
        self.assertEqual(data.encode("utf-8", "surrogateescape"), b"\xc3")

    def test_nearly_a_mebibyte(self):
        data = "A" * (1024 * 1023)
        zookeeper.set(self.handle, self.path, data)
        self.assertEqual(zookeeper.get(self.handle, self.path)[0], data)

    def test_set_returns_ok_and_set2_the_stat(self):
        self.assertEqual(zookeeper.set(self.handle, self.path, "a"), zookeeper.OK)
        stat = zookeeper.set2(self.handle, self.path, "bcd")
        self.assertEqual(set(stat), STAT)
        self.assertEqual((stat["version"], stat["dataLength"]), (2, 3))

    def test_versions_are_checked(self):
        for call in (zookeeper.set, zookeeper.set2):
            with self.assertRaises(zookeeper.BadVersionException):
                call(self.handle, self.path, "x", 17)
        version = zookeeper.exists(self.handle, self.path)["version"]
        self.assertEqual(zookeeper.set(self.handle, self.path, "x", version), zookeeper.OK)
        self.assertEqual(zookeeper.set2(self.handle, self.path, "x", version + 1)["version"], version + 2)

    def test_missing_nodes(self):
        for call, arguments in ((zookeeper.get, ()), (zookeeper.set, ("x",)), (zookeeper.set2, ("x",))):
            with self.assertRaises(zookeeper.NoNodeException):
                call(self.handle, self.path + "/none", *arguments)

    def test_data_beyond_the_servers_limit_costs_the_connection_only(self):
        with self.assertRaises(zookeeper.ConnectionLossException):
            zookeeper.set(self.handle, self.path, "A" * (2 * 1024 * 1024))
        self.watcher.wait_for(lambda h, type, state, path: state == zookeeper.CONNECTING_STATE)
        self.assertIsNotNone(zookeeper.exists(self.handle, self.path))


class Tree(Case):
    def test_exists(self):
        self.assertEqual(set(zookeeper.exists(self.handle, self.path)), STAT)
        self.assertIsNone(zookeeper.exists(self.handle, self.path + "/none"))
        self.assertIsNone(zookeeper.exists(self.handle, self.path + "/none", None))

    def test_get_children(self):
        self.assertEqual(zookeeper.get_children(self.handle, self.path), [])
        names = ["a", "b", "\u00fc", "x" * 500]
        for name in names:
            zookeeper.create(self.handle, self.path + "/" + name, "", OPEN)
        self.assertEqual(sorted(zookeeper.get_children(self.handle, self.path)), sorted(names))
        self.assertEqual(zookeeper.exists(self.handle, self.path)["numChildren"], len(names))
        with self.assertRaises(zookeeper.NoNodeException):
            zookeeper.get_children(self.handle, self.path + "/none")

    def test_delete(self):
        zookeeper.create(self.handle, self.path + "/a", "", OPEN)
        with self.assertRaises(zookeeper.NotEmptyException):
            zookeeper.delete(self.handle, self.path)
        with self.assertRaises(zookeeper.BadVersionException):
            zookeeper.delete(self.handle, self.path + "/a", 5)
        self.assertEqual(zookeeper.delete(self.handle, self.path + "/a", 0), zookeeper.OK)
        with self.assertRaises(zookeeper.NoNodeException):
            zookeeper.delete(self.handle, self.path + "/a")
        self.assertEqual(zookeeper.delete(self.handle, self.path), zookeeper.OK)

    def test_paths_may_be_bytes_too(self):
        self.assertEqual(zookeeper.create(self.handle, (self.path + "/\u00fc").encode(), b"", OPEN), self.path + "/\u00fc")
        self.assertIsNotNone(zookeeper.exists(self.handle, (self.path + "/\u00fc").encode()))


class Acl(Case):
    def test_get_acl_returns_stat_and_acl(self):
        stat, acl = zookeeper.get_acl(self.handle, self.path)
        self.assertEqual(acl, OPEN)
        self.assertEqual(stat, zookeeper.exists(self.handle, self.path))

    def test_set_acl(self):
        acl = [
            {"perms": zookeeper.PERM_READ, "scheme": "world", "id": "anyone"},
            {"perms": zookeeper.PERM_ALL, "scheme": "ip", "id": "127.0.0.1"},
        ]
        self.assertEqual(zookeeper.set_acl(self.handle, self.path, 0, acl), zookeeper.OK)
        stat, got = zookeeper.get_acl(self.handle, self.path)
        self.assertEqual((got, stat["aversion"]), (acl, 1))
        with self.assertRaises(zookeeper.BadVersionException):
            zookeeper.set_acl(self.handle, self.path, 0, OPEN)
        with self.assertRaises(zookeeper.InvalidACLException):
            zookeeper.set_acl(self.handle, self.path, -1, [{"perms": 31, "scheme": "nonsense", "id": "x"}])
        with self.assertRaises(zookeeper.NoNodeException):
            zookeeper.set_acl(self.handle, self.path + "/none", -1, OPEN)
        with self.assertRaises(zookeeper.NoNodeException):
            zookeeper.get_acl(self.handle, self.path + "/none")

    def test_auth_opens_what_the_acl_closes(self):
        done = Recorder()
        self.assertEqual(zookeeper.add_auth(self.handle, "digest", "user:secret", done), zookeeper.OK)
        self.assertEqual(done.wait(), (self.handle, zookeeper.OK))
        creator = [{"perms": zookeeper.PERM_ALL, "scheme": "auth", "id": ""}]
        private = zookeeper.create(self.handle, self.path + "/private", "mine", creator)
        self.assertEqual(zookeeper.get_acl(self.handle, private)[1][0]["scheme"], "digest")

        stranger = self.connect()
        for call, arguments in ((zookeeper.get, ()), (zookeeper.set, ("x",)), (zookeeper.get_children, ()),
                                (zookeeper.set_acl, (-1, OPEN)), (zookeeper.get_acl, ())):
            with self.assertRaises(zookeeper.NoAuthException):
                call(stranger, private, *arguments)
        zookeeper.add_auth(stranger, "digest", b"user:secret")
        self.assertEqual(zookeeper.get(stranger, private)[0], "mine")


class OtherThreads(Case):
    def test_a_waiting_call_lets_other_threads_run(self):
        zookeeper.set(self.handle, self.path, "x")
        outcome = Recorder()
        self.server.freeze()
        try:
            waiting = threading.Thread(target=lambda: outcome(zookeeper.get(self.handle, self.path)[0]))
            waiting.start()
            # If the call kept the GIL, this code would not run before the answer, which cannot come.
            for _ in range(20):
                time.sleep(0.01)
            self.assertEqual(outcome.calls, [])
        finally:
            self.server.thaw()
        self.assertEqual(outcome.wait(), ("x",))
        waiting.join()

    def test_eight_threads_share_a_session(self):
        problems = []

        def work(number):
            try:
                node = zookeeper.create(self.handle, "%s/t%d" % (self.path, number), "0", OPEN)
                for round in range(50):
                    zookeeper.set(self.handle, node, str(round))
                    if zookeeper.get(self.handle, node)[0] != str(round):
                        problems.append((number, round))
            except Exception as problem:
                problems.append(problem)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        self.assertEqual(len(zookeeper.get_children(self.handle, self.path)), 8)


if __name__ == "__main__":
    unittest.main()
