"""The module's surface: every name, every value, every exception that published zkpython programs use."""

import glob
import os
import pathlib
import subprocess
import sysconfig
import unittest

import zookeeper

from case import on_stock

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
    "remove_watches", "aremove_watches",  # of Apache's library since 3.5, but not of zkpython
}
# Functions that exist only on our library.
OUR_FUNCTIONS |= {
    "add_watch", "aadd_watch", "whoami", "awhoami", "get_ephemerals", "aget_ephemerals", "get_all_children_number",
    "aget_all_children_number", "multi_read", "amulti_read", "set_request_timeout",
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

OUR_CONSTANTS = {
    "NOWATCHER": -121, "REQUESTTIMEOUT": -122, "QUOTAEXCEEDED": -125,
    "ADD_WATCH_PERSISTENT": 0, "ADD_WATCH_PERSISTENT_RECURSIVE": 1,
    "WATCHTYPE_CHILD": 1, "WATCHTYPE_DATA": 2, "WATCHTYPE_ANY": 3, "WATCHTYPE_PERSISTENT": 4,
    "WATCHTYPE_PERSISTENT_RECURSIVE": 5,
    "READONLY": 1, "NO_LOG_CLIENTENV": 2, "EXPIRE_LOCALLY": 0x10000,
}

EXCEPTIONS = {
    "SystemErrorException", "RuntimeInconsistencyException", "DataInconsistencyException", "ConnectionLossException",
    "MarshallingErrorException", "UnimplementedException", "OperationTimeoutException", "BadArgumentsException",
    "InvalidStateException", "ApiErrorException", "NoNodeException", "NoAuthException", "BadVersionException",
    "NoChildrenForEphemeralsException", "NodeExistsException", "NotEmptyException", "SessionExpiredException",
    "InvalidCallbackException", "InvalidACLException", "AuthFailedException", "ClosingException", "NothingException",
    "SessionMovedException",
}
# In zkpython their codes had no class of their own and raised SystemErrorException.
OUR_EXCEPTIONS = {"NoWatcherException", "RequestTimeoutException", "QuotaExceededException"}


class Surface(unittest.TestCase):
    def test_the_module_names_the_library_that_it_runs_on(self):
        self.assertTrue(os.path.samefile(zookeeper.library, os.environ["ZK_TEST_LIBRARY"]), zookeeper.library)

    def test_the_names_are_zkpythons_and_ours(self):
        public = {name for name in dir(zookeeper) if not name.startswith("__")}
        ours = OUR_FUNCTIONS | set(OUR_CONSTANTS) | OUR_EXCEPTIONS | {"library"}
        self.assertEqual(public, FUNCTIONS | set(CONSTANTS) | EXCEPTIONS | {"ZooKeeperException"} | ours)

    def test_every_constant_has_its_value(self):
        expected = dict(CONSTANTS, **OUR_CONSTANTS)
        self.assertEqual({name: getattr(zookeeper, name) for name in expected}, expected)

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
        for name in EXCEPTIONS | OUR_EXCEPTIONS:
            with self.subTest(name):
                exception = getattr(zookeeper, name)
                self.assertTrue(issubclass(exception, zookeeper.ZooKeeperException))
                self.assertEqual((exception.__module__, exception.__name__), ("zookeeper", name))

    def test_handlers_written_for_either_generation_catch_these(self):
        both = {"InvalidStateException", "ClosingException", "NothingException"} | OUR_EXCEPTIONS
        for name in EXCEPTIONS - {"SystemErrorException"} | OUR_EXCEPTIONS:
            is_both = issubclass(getattr(zookeeper, name), zookeeper.SystemErrorException)
            self.assertEqual(is_both, name in both, name)

    def test_the_version_is_three_numbers(self):
        self.assertRegex(zookeeper.__version__, r"^\d+\.\d+\.\d+$")

    def test_the_library_is_the_one_asked_for(self):
        wanted = os.stat(os.environ["ZK_TEST_LIBRARY"]).st_ino
        with open("/proc/self/maps") as maps:
            mapped = {line.split()[4] for line in maps if "libzookeeper" in line.split("/")[-1]}
        self.assertEqual(mapped, {str(wanted)})


class Headers(unittest.TestCase):
    """Built against Apache's header, the module lacks the functions that the header does not declare; on Apache's
    library those functions raise."""

    @unittest.skipUnless(os.path.exists("/usr/include/zookeeper/zookeeper.h"), "no header of Apache's")
    def test_the_sources_compile_with_apaches_header(self):
        sources = glob.glob(str(pathlib.Path(__file__).resolve().parents[1] / "src" / "*.c"))
        includes = ["-I" + directory for directory in ("/usr/include", sysconfig.get_paths()["include"],
                                                       sysconfig.get_paths()["platinclude"])]
        command = ["cc", "-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"] + includes + sources
        done = subprocess.run(command, stderr=subprocess.PIPE, universal_newlines=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class Zerror(unittest.TestCase):
    def test_every_code_has_a_text_of_its_own(self):
        codes = [value for name, value in CONSTANTS.items() if name in dir(zookeeper) and value < -2]
        if not on_stock():
            codes += [zookeeper.NOWATCHER, zookeeper.REQUESTTIMEOUT, zookeeper.QUOTAEXCEEDED]
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
