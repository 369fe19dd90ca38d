"""Bad arguments of any kind raise an exception, and do no harm."""

import unittest

import zookeeper

from case import OPEN, Case, Recorder, on_stock

# For each function with a handle: good arguments after it, the number of optional ones among them, and for each
# argument the kind of value that it takes.
TEXT, DATA, NUMBER, ACL, CALLABLE, FLAG, LIST = "text", "data", "number", "acl", "callable", "flag", "list"
PARAMETERS = {
    "create": ([TEXT, DATA, ACL, NUMBER], 1), "delete": ([TEXT, NUMBER], 1), "exists": ([TEXT, CALLABLE], 1),
    "get": ([TEXT, CALLABLE, NUMBER], 2), "get_children": ([TEXT, CALLABLE], 1), "set": ([TEXT, DATA, NUMBER], 1),
    "set2": ([TEXT, DATA, NUMBER], 1), "get_acl": ([TEXT], 0), "set_acl": ([TEXT, NUMBER, ACL], 0),
    "acreate": ([TEXT, DATA, ACL, NUMBER, CALLABLE], 2), "adelete": ([TEXT, NUMBER, CALLABLE], 2),
    "aexists": ([TEXT, CALLABLE, CALLABLE], 2), "aget": ([TEXT, CALLABLE, CALLABLE], 2),
    "aset": ([TEXT, DATA, NUMBER, CALLABLE], 2), "aget_children": ([TEXT, CALLABLE, CALLABLE], 2),
    "async_": ([TEXT, CALLABLE], 1), "aget_acl": ([TEXT, CALLABLE], 1),
    "aset_acl": ([TEXT, NUMBER, ACL, CALLABLE], 1), "add_auth": ([TEXT, DATA, CALLABLE], 1),
    "close": ([], 0), "client_id": ([], 0), "state": ([], 0), "recv_timeout": ([], 0), "is_unrecoverable": ([], 0),
    "set_watcher": ([CALLABLE], 0), "remove_watches": ([TEXT, NUMBER, CALLABLE, FLAG], 3),
    "aremove_watches": ([TEXT, NUMBER, CALLABLE, FLAG, CALLABLE], 4),
}
if not on_stock():
    PARAMETERS.update({
        "add_watch": ([TEXT, NUMBER, CALLABLE], 0), "aadd_watch": ([TEXT, NUMBER, CALLABLE, CALLABLE], 1),
        "whoami": ([], 0), "awhoami": ([CALLABLE], 1), "get_all_children_number": ([TEXT], 0),
        "aget_all_children_number": ([TEXT, CALLABLE], 1), "multi_read": ([LIST, NUMBER], 1),
        "amulti_read": ([LIST, NUMBER, CALLABLE], 2), "set_request_timeout": ([NUMBER], 0),
    })
PREFIXES = {} if on_stock() else {"get_ephemerals": ([TEXT], 1), "aget_ephemerals": ([TEXT, CALLABLE], 2)}
PARAMETERS.update(PREFIXES)
GOOD = {TEXT: "/", DATA: "x", NUMBER: 0, ACL: OPEN, CALLABLE: None, FLAG: False, LIST: [("get", "/")]}
BAD = {
    TEXT: [None, 1, 1.5, ["/"], bytearray(b"/")],
    DATA: [None, 1, 1.5, ["x"], {}],
    NUMBER: [None, "1", 1.5, 2 ** 40],
    ACL: [None, "acl", (), {}, [None], ["x"], [{}], [{"perms": 31}], [{"perms": 31, "scheme": "world"}],
          [{"scheme": "world", "id": "anyone"}], [{"perms": "x", "scheme": "world", "id": "anyone"}],
          [{"perms": 2 ** 40, "scheme": "world", "id": "anyone"}], [{"perms": 31, "scheme": 5, "id": "anyone"}],
          [{"perms": 31, "scheme": "world", "id": None}], OPEN + [None]],
    CALLABLE: [1, "watcher", [1], 1.5],
    FLAG: [],
    LIST: [None, 1, "reads", [None], ["get"], [()], [("get",)], [("get", "/", 1)], [(1, "/")], [("get", 1)], [("set", "/")],
           [("get", "/a\0b")]],
}
ALLOWED = (TypeError, OverflowError, ValueError, zookeeper.InvalidACLException)


class BadArguments(Case):
    def good_for(self, name):
        return [GOOD[kind] for kind in PARAMETERS[name][0]]

    def test_the_wrong_number(self):
        for name, (kinds, optional) in PARAMETERS.items():
            function = getattr(zookeeper, name)
            good = [self.handle] + self.good_for(name)
            for count in list(range(0, len(good) - optional)) + [len(good) + 1]:
                with self.subTest(name, count=count), self.assertRaises(TypeError):
                    function(*(good + [None])[:count])
            with self.subTest(name), self.assertRaises(TypeError):
                function(*good, keyword=1)

    def test_the_wrong_type(self):
        for name, (kinds, _) in PARAMETERS.items():
            function = getattr(zookeeper, name)
            for handle in (None, "0", 1.5, [], 2 ** 40):
                with self.subTest(name, handle=handle), self.assertRaises((TypeError, OverflowError)):
                    function(handle, *self.good_for(name))
            for position, kind in enumerate(kinds):
                for bad in BAD[kind]:
                    arguments = self.good_for(name)
                    arguments[position] = bad
                    with self.subTest(name, position=position, bad=bad), self.assertRaises(ALLOWED):
                        function(self.handle, *arguments)

    def test_acls_that_are_not_lists_of_acls(self):
        for bad in ((), {}, "x", None, [{}], [None], [{"perms": 31, "scheme": "world"}]):
            for call, arguments in ((zookeeper.create, ("/x", "")), (zookeeper.acreate, ("/x", "")),
                                    (zookeeper.set_acl, ("/", -1)), (zookeeper.aset_acl, ("/", -1))):
                with self.subTest(call.__name__, bad=bad), self.assertRaises(zookeeper.InvalidACLException) as caught:
                    call(self.handle, *arguments, bad)
                self.assertEqual(str(caught.exception), zookeeper.zerror(zookeeper.INVALIDACL))

    def test_paths_with_nuls(self):
        for name, (kinds, _) in PARAMETERS.items():
            if TEXT in kinds:
                for bad in ("/a\0b", b"/a\0b"):
                    arguments = self.good_for(name)
                    arguments[0] = bad
                    with self.subTest(name), self.assertRaises(ValueError):
                        getattr(zookeeper, name)(self.handle, *arguments)

    def test_bad_paths(self):
        completion = Recorder()
        for name, (kinds, _) in PARAMETERS.items():
            if TEXT not in kinds or name == "add_auth" or name in PREFIXES:
                continue
            for bad in ("", "a", "//", "/a/", "/a//b", "/a/../b", "/./a", "/a\x01b"):
                arguments = self.good_for(name)
                arguments[0] = bad
                if name.startswith("a"):
                    arguments[-1] = completion
                with self.subTest(name, path=bad), self.assertRaises(zookeeper.BadArgumentsException):
                    getattr(zookeeper, name)(self.handle, *arguments)
        zookeeper.exists(self.handle, "/")
        self.assertEqual(completion.calls, [])

    def test_the_path_rules_of_sequences_are_the_librarys(self):
        created = zookeeper.create(self.handle, self.path + "/", "", OPEN, zookeeper.SEQUENCE)
        self.assertEqual(created, self.path + "/0000000000")

    def test_bad_lengths_and_flags(self):
        with self.assertRaises(ValueError):
            zookeeper.get(self.handle, "/", None, -1)
        with self.assertRaises(zookeeper.BadArgumentsException):
            zookeeper.create(self.handle, self.path + "/x", "", OPEN, 99)

    def test_init(self):
        for arguments in ((), (None,), (5,), (["x"],), ("a\0b",), ("127.0.0.1:1", 5), ("127.0.0.1:1", None, "x"),
                          ("127.0.0.1:1", None, 1000, 5), ("127.0.0.1:1", None, 1000, (1,)),
                          ("127.0.0.1:1", None, 1000, ("x", "y")), ("127.0.0.1:1", None, 1000, (1, None)),
                          ("127.0.0.1:1", None, 1000, (1, "x", 2)), ("127.0.0.1:1", None, 1000, (1, "x"), 5)):
            with self.subTest(arguments), self.assertRaises((TypeError, ValueError)):
                zookeeper.init(*arguments)

    def test_functions_without_a_handle(self):
        for function in (zookeeper.zerror, zookeeper.set_debug_level, zookeeper.deterministic_conn_order):
            for arguments in ((), ("x",), (None,), (1, 2), (2 ** 40,)):
                with self.subTest(function.__name__), self.assertRaises((TypeError, OverflowError)):
                    function(*arguments)

    def test_a_bad_auth_scheme_is_refused_at_once(self):
        completion = Recorder()
        with self.assertRaises(zookeeper.ZooKeeperException):
            nowhere = self.connect(hosts="127.0.0.1:1", wait=False)
            self.close(nowhere)
            zookeeper.add_auth(nowhere, "digest", "a:b", completion)
        self.assertEqual(completion.calls, [])

    def test_the_session_is_none_the_worse(self):
        self.test_the_wrong_type()
        self.assertEqual(zookeeper.get(self.handle, self.path)[0], "")
        self.assertEqual(self.watcher.states(), [zookeeper.CONNECTED_STATE])


if __name__ == "__main__":
    unittest.main()
