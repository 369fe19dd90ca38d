"""A separate Kerberos realm: MIT's KDC on loopback, without privileges, removed with its data after the `with`
block."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from rig.ports import free_port
from rig.process import spawn, terminate
from rig.secure import NoKdc, tool


class Kdc:
    """The realm CALM.TEST. `environment` holds the variables with which a client program uses it."""

    realm = "CALM.TEST"

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="calmkeeper-kdc-"))
        self.port = free_port()
        self.config = self.directory / "krb5.conf"
        self._profile = self.directory / "kdc.conf"
        self._log = self.directory / "log"
        self._child = None
        self.environment = {
            "KRB5_CONFIG": str(self.config),
            "KRB5CCNAME": f"FILE:{self.directory}/ccache",
        }
        # Names are used unchanged: no name server is asked.
        self.config.write_text(
            f"[libdefaults]\n default_realm = {self.realm}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n"
            " dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n"
            f"[realms]\n {self.realm} = {{\n  kdc = 127.0.0.1:{self.port}\n }}\n"
            f"[domain_realm]\n localhost = {self.realm}\n"
        )
        self._profile.write_text(
            f'[kdcdefaults]\n kdc_ports = ""\n kdc_listen = ""\n kdc_tcp_listen = 127.0.0.1:{self.port}\n'
            f"[realms]\n {self.realm} = {{\n  database_name = {self.directory}/principal\n"
            f"  key_stash_file = {self.directory}/stash\n  acl_file = {self.directory}/acl\n"
            f"  supported_enctypes = aes256-cts:normal aes128-cts:normal\n }}\n"
            f"[logging]\n kdc = FILE:{self._log}\n"
        )
        (self.directory / "acl").touch()

    def __enter__(self):
        try:
            self._run("kdb5_util", "create", "-s", "-r", self.realm, "-P", os.urandom(8).hex())
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Start the server and wait until it answers."""
        command = [tool("krb5kdc"), "-n", "-r", self.realm]
        environment = os.environ | self.environment | {"KRB5_KDC_PROFILE": str(self._profile)}
        with open(self._log, "ab") as log:
            self._child = spawn(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                if self._child.poll() is not None or time.monotonic() > deadline:
                    raise NoKdc(f"the KDC does not answer\n{self._log.read_text(errors='replace')[-2000:]}") from None
                time.sleep(0.05)

    def stop(self):
        """End the server; its data stays for `start`."""
        if self._child is not None:
            terminate(self._child)
            self._child = None

    def close(self):
        """End the server and remove its data."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, name, *arguments, environment=None, given=None):
        environment = os.environ | self.environment | {"KRB5_KDC_PROFILE": str(self._profile)} | (environment or {})
        done = subprocess.run([tool(name), *map(str, arguments)], env=environment, input=given, capture_output=True, text=True)
        if done.returncode:
            raise NoKdc(f"{name}: {done.stdout}{done.stderr}")
        return done.stdout

    def _query(self, query):
        answer = self._run("kadmin.local", "-r", self.realm, "-q", query)
        return answer

    def principal(self, name, password=None):
        """Add a principal, with a random key unless there is a password."""
        self._query(f"addprinc {'-randkey' if password is None else f'-pw {password}'} {name}")

    def keytab(self, name):
        """A keytab for a principal, which is added if it does not exist."""
        path = self.directory / (name.replace("/", "_") + ".keytab")
        if not path.exists():
            self.principal(name)
            self._query(f"ktadd -norandkey -k {path} {name}")
        return path

    def kinit(self, name, lifetime="1h", cache=None):
        """Get a ticket for a principal, into the cache of `environment` or another file."""
        extra = {} if cache is None else {"KRB5CCNAME": f"FILE:{cache}"}
        self._run("kinit", "-l", lifetime, "-k", "-t", self.keytab(name), name, environment=extra)

    def kvno(self, service):
        """Get a ticket for a service, which checks the KDC and the client's ticket."""
        return self._run("kvno", service)
