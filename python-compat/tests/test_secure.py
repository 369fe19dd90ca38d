"""TLS and SASL: by arguments and by the environment, on a real server with a secure port and users."""

import atexit
import inspect
import os
import subprocess
import sys
import unittest

import zookeeper

from case import PATIENCE, Case, Recorder, on_stock
from server import Server

CREATOR = [{"perms": zookeeper.PERM_ALL, "scheme": "auth", "id": ""}]
USER, PASSWORD = "bob", "of bob's own"

_server = None


def secured():
    """One server for all tests: it demands certificates on its secure port and has one user."""
    global _server
    if _server is None:
        _server = Server(tls={"client_auth": "need"}, users={USER: PASSWORD})
        atexit.register(_server.close)
    return _server


class Arguments(unittest.TestCase):
    """What needs no server."""

    def test_help_names_the_arguments(self):
        self.assertEqual(list(inspect.signature(zookeeper.init_ssl).parameters),
                         ["hosts", "cert", "watcher", "recv_timeout", "client_id", "flags", "request_timeout"])
        self.assertEqual(list(inspect.signature(zookeeper.init_sasl).parameters),
                         ["hosts", "watcher", "recv_timeout", "client_id", "mechanism", "user", "password", "realm", "service",
                          "host", "flags", "request_timeout"])

    @unittest.skipIf(on_stock(), "Debian's library has neither")
    def test_wrong_arguments(self):
        for function, arguments, named in (
            (zookeeper.init_ssl, ("h:1",), {}), (zookeeper.init_ssl, ("h:1", None), {}), (zookeeper.init_ssl, ("h:1", 7), {}),
            (zookeeper.init_ssl, ("h:1", "ca"), {"cert": "x"}), (zookeeper.init_ssl, ("h:1", "ca", 7), {}),
            (zookeeper.init_sasl, (), {}), (zookeeper.init_sasl, ("h:1",), {"password": 7}),
            (zookeeper.init_sasl, ("h:1",), {"colour": "red"}), (zookeeper.init_sasl, ("h:1", None, 10000, None, "GSSAPI"), {}),
        ):
            with self.subTest(function=function.__name__, arguments=arguments, named=named):
                self.assertRaises(TypeError, function, *arguments, **named)
        self.assertRaises(ValueError, zookeeper.init_ssl, "h:1", "a\0b")
        self.assertRaises(ValueError, zookeeper.init_sasl, "h:1", user="a\0b")

    @unittest.skipIf(on_stock(), "Debian's library has neither")
    def test_files_that_cannot_be_used(self):
        with self.assertRaisesRegex(zookeeper.ZooKeeperException, "No such file"):
            zookeeper.init_ssl("127.0.0.1:1", "/no/such/file")
        with self.assertRaisesRegex(zookeeper.ZooKeeperException, "Invalid argument"):
            zookeeper.init_ssl("127.0.0.1:1", __file__)

    @unittest.skipUnless(on_stock(), "ours has both")
    def test_a_library_without(self):
        self.assertRaises(NotImplementedError, zookeeper.init_ssl, "127.0.0.1:1", "ca")
        self.assertRaises(NotImplementedError, zookeeper.init_sasl, "127.0.0.1:1")


@unittest.skipIf(on_stock(), "Debian's library has neither")
class Secure(Case):
    servers = staticmethod(secured)

    def file(self, name):
        return os.path.join(self.server.certificates, name)

    def cert(self, *names):
        return ",".join(self.file(name) for name in names)

    def opened(self, function, *arguments, **named):
        """A handle, and the watcher that it was given as the argument WATCHER."""
        watcher = Recorder()
        handle = function(*(watcher if argument is WATCHER else argument for argument in arguments), **named)
        self._open.append(handle)
        return handle, watcher

    def connected(self, watcher):
        watcher.wait_for(lambda handle, type, state, path: state == zookeeper.CONNECTED_STATE)

    def test_tls(self):
        cert = self.cert("ca.crt", "client.crt", "client.key")
        handle, watcher = self.opened(zookeeper.init_ssl, self.server.secure_hosts, cert, WATCHER)
        self.connected(watcher)
        zookeeper.set(handle, self.path, "by TLS")
        self.assertEqual(zookeeper.get(self.handle, self.path)[0], "by TLS")
        # Its session continues in another handle.
        client_id = zookeeper.client_id(handle)
        other, watcher = self.opened(zookeeper.init_ssl, self.server.secure_hosts, cert, WATCHER, 10000, client_id)
        self.connected(watcher)
        self.assertEqual(zookeeper.client_id(other), client_id)

    def test_a_key_with_a_password(self):
        for password, works in (("secret", True), ("wrong", False)):
            cert = self.cert("ca.crt", "client.crt", "client.pbes2.key") + "," + password
            if works:
                handle, watcher = self.opened(zookeeper.init_ssl, self.server.secure_hosts, cert, WATCHER)
                self.connected(watcher)
            else:
                self.assertRaises(zookeeper.ZooKeeperException, zookeeper.init_ssl, self.server.secure_hosts, cert)

    def test_a_server_that_demands_a_certificate_and_gets_none(self):
        handle, watcher = self.opened(zookeeper.init_ssl, self.server.secure_hosts, self.file("ca.crt"), WATCHER, 2000)
        self.assertRaises(zookeeper.ZooKeeperException, zookeeper.get, handle, "/")
        self.assertNotIn(zookeeper.CONNECTED_STATE, watcher.states())

    def test_sasl(self):
        for hosts, environment in ((self.server.hosts, {}), (self.server.secure_hosts, self.tls_by_environment())):
            with self.subTest(environment=environment):
                os.environ.update(environment)
                try:
                    handle, watcher = self.opened(zookeeper.init_sasl, hosts, WATCHER, user=USER, password=PASSWORD)
                finally:
                    for name in environment:
                        del os.environ[name]
                self.connected(watcher)
                path = self.path + ("/tls" if environment else "/plain")
                zookeeper.create(handle, path, "mine", CREATOR)
                self.assertEqual(zookeeper.get(handle, path)[0], "mine")
                self.assertIn({"perms": 31, "scheme": "sasl", "id": USER}, zookeeper.get_acl(handle, path)[1])
                self.assertRaises(zookeeper.NoAuthException, zookeeper.get, self.handle, path)

    def test_a_wrong_password(self):
        for password in (PASSWORD + "!", None):
            handle, watcher = self.opened(zookeeper.init_sasl, self.server.hosts, WATCHER, user=USER, password=password)
            watcher.wait_for(lambda handle, type, state, path: state == zookeeper.AUTH_FAILED_STATE)
            self.assertTrue(zookeeper.is_unrecoverable(handle))
            self.assertRaises(zookeeper.ZooKeeperException, zookeeper.get, handle, "/")

    def tls_by_environment(self):
        return {"ZOO_TLS_CA": self.file("ca.crt"), "ZOO_TLS_CERT": self.file("client.crt"), "ZOO_TLS_KEY": self.file("client.key")}

    def test_by_the_environment(self):
        secret = os.path.join(os.environ.get("TMPDIR", "/tmp"), "python-compat-%d" % os.getpid())
        with open(secret, "w") as file:
            file.write(PASSWORD + "\n")
        self.addCleanup(os.remove, secret)
        program = "import sys, zookeeper as z; h = z.init(sys.argv[1]); print(z.get_acl(h, z.create(h, sys.argv[2], '', %r))[1])"
        done = subprocess.run([sys.executable, "-c", program % CREATOR, self.server.secure_hosts, self.path + "/environment"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=PATIENCE,
                              env=dict(os.environ, ZOO_SASL_MECHANISM="DIGEST-MD5", ZOO_SASL_USER=USER,
                                       ZOO_SASL_PASSWORD_FILE=secret, **self.tls_by_environment()))
        self.assertEqual(done.returncode, 0, done.stderr)
        # The certificate is a second identity of the same session.
        self.assertIn("'scheme': 'sasl', 'id': 'bob'", done.stdout)
        self.assertIn("'scheme': 'x509'", done.stdout)


WATCHER = object()  # stands for a recorder in a list of arguments

if __name__ == "__main__":
    unittest.main()
