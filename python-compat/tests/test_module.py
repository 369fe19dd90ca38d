"""The module's surface: every name, every value, every exception, as published zkpython programs know them."""

import os
import unittest

import zookeeper

FUNCTIONS = {
    "init", "close", "client_id", "set_watcher", "state", "recv_timeout", "is_unrecoverable", "zerror",
    "set_debug_level", "set_log_stream", "deterministic_conn_order",
    "create", "delete", "exists", "get", "get_children", "set", "set2", "get_acl", "set_acl",
    "acreate", "adelete", "aexists", "aget", "aset", "aget_children", "async", "aget_acl", "aset_acl", "add_auth",
}
OUR_FUNCTIONS = {
    "async_",  # `async` is a keyword
    "init_ssl",  # of Apache's later source
    "init_sasl",
}

CONSTANTS = {
    "PERM_READ": 1, "PERM_WRITE": 2, "PERM_CREATE": 4, "PERM_DELETE": 8, "PERM_ADMIN": 16, "PERM_ALL": 31,
    "EPHEMERAL": 1, "SEQUENCE": 2,
    "EXPIRED_SESSION_STATE": -112, "AUTH_FAILED_STATE": -113, "CONNECTING_STATE": 1, "ASSOCIATING_STATE": 2,
    "CONNECTED_STATE": 3,
    "CREATED_EVENT": 1, "DELETED_EVENT": 2, "CHANGED_EVENT": 3, "CHILD_EVENT": 4, "SESSION_EVENT": -1,
    "NOTWATCHING_EVENT": -2,
    "LOG_LEVEL_ERROR": 1, "LOG_LEVEL_WARN": 2, "LOG_LEVEL_INFO": 3, "LOG_LEVEL_DEBUG": 4,
    "OK": 0, "SYSTEMERROR": -1, "RUNTIMEINCONSISTENCY": -2, "DATAINCONSISTENCY": -3, "CONNECTIONLOSS": -4,
    "MARSHALLINGERROR": -5, "UNIMPLEMENTED": -6, "OPERATIONTIMEOUT": -7, "BADARGUMENTS": -8, "INVALIDSTATE": -9,
    "APIERROR": -100, "NONODE": -101, "NOAUTH": -102, "BADVERSION": -103, "NOCHILDRENFOREPHEMERALS": -108,
    "NODEEXISTS": -110, "NOTEMPTY": -111, "SESSIONEXPIRED": -112, "INVALIDCALLBACK": -113, "INVALIDACL": -114,
    "AUTHFAILED": -115, "CLOSING": -116, "NOTHING": -117, "SESSIONMOVED": -118,
}

EXCEPTIONS = {
    "SystemErrorException", "RuntimeInconsistencyException", "DataInconsistencyException", "ConnectionLossException",
    "MarshallingErrorException", "UnimplementedException", "OperationTimeoutException", "BadArgumentsException",
    "InvalidStateException", "ApiErrorException", "NoNodeException", "NoAuthException", "BadVersionException",
    "NoChildrenForEphemeralsException", "NodeExistsException", "NotEmptyException", "SessionExpiredException",
    "InvalidCallbackException", "InvalidACLException", "AuthFailedException", "ClosingException", "NothingException",
    "SessionMovedException",
}


class Surface(unittest.TestCase):
    def test_the_module_names_the_library_that_it_runs_on(self):
        self.assertTrue(os.path.samefile(zookeeper.library, os.environ["ZK_TEST_LIBRARY"]), zookeeper.library)

    def test_the_names_are_zkpythons_and_async_(self):
        public = {name for name in dir(zookeeper) if not name.startswith("__")}
        self.assertEqual(public, FUNCTIONS | OUR_FUNCTIONS | set(CONSTANTS) | EXCEPTIONS | {"ZooKeeperException", "library"})

    def test_every_constant_has_its_value(self):
        self.assertEqual({name: getattr(zookeeper, name) for name in CONSTANTS}, CONSTANTS)

    def test_every_function_is_documented_with_its_parameters(self):
        for name in FUNCTIONS | OUR_FUNCTIONS:
            with self.subTest(name):
                function = getattr(zookeeper, name)
                self.assertTrue(callable(function))
                self.assertTrue(function.__doc__)
                self.assertTrue(function.__text_signature__.startswith("($module"))

    def test_async_has_two_names(self):
        self.assertEqual(getattr(zookeeper, "async").__doc__, zookeeper.async_.__doc__)

    def test_every_exception_is_a_zookeeper_exception(self):
        self.assertIs(zookeeper.ZooKeeperException.__base__, Exception)
        for name in EXCEPTIONS:
            with self.subTest(name):
                exception = getattr(zookeeper, name)
                self.assertTrue(issubclass(exception, zookeeper.ZooKeeperException))
                self.assertEqual((exception.__module__, exception.__name__), ("zookeeper", name))

    def test_handlers_written_for_either_generation_catch_these(self):
        for name in EXCEPTIONS - {"SystemErrorException"}:
            is_both = issubclass(getattr(zookeeper, name), zookeeper.SystemErrorException)
            self.assertEqual(is_both, name in ("InvalidStateException", "ClosingException", "NothingException"), name)

    def test_the_version_is_three_numbers(self):
        self.assertRegex(zookeeper.__version__, r"^\d+\.\d+\.\d+$")

    def test_the_library_is_the_one_asked_for(self):
        wanted = os.stat(os.environ["ZK_TEST_LIBRARY"]).st_ino
        with open("/proc/self/maps") as maps:
            mapped = {line.split()[4] for line in maps if "libzookeeper" in line.split("/")[-1]}
        self.assertEqual(mapped, {str(wanted)})


class Zerror(unittest.TestCase):
    def test_every_code_has_a_text_of_its_own(self):
        codes = [value for name, value in CONSTANTS.items() if name in dir(zookeeper) and value < -2]
        texts = {zookeeper.zerror(code) for code in codes}
        self.assertNotIn("unknown error", texts)
        self.assertEqual(len(texts), len(set(codes)))
        self.assertEqual(zookeeper.zerror(zookeeper.OK), "ok")
        self.assertEqual(zookeeper.zerror(zookeeper.NONODE), "no node")

    def test_unknown_codes(self):
        self.assertEqual(zookeeper.zerror(-4711), "unknown error")
        self.assertEqual(zookeeper.zerror(2), os.strerror(2))


if __name__ == "__main__":
    unittest.main()
