"""Settings of a secured real server: certificates, a TLS port, SASL by JAAS. Passed to `Ensemble` as `tls=`,
`sasl=`."""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from rig.library import ROOT

_SCRIPT = pathlib.Path(__file__).with_name("certificates.sh")
_JAVA = pathlib.Path("/usr/share/java")
# Jars that Debian's zookeeper.jar does not name in its manifest.
_NETTY = (
    "common", "buffer", "codec", "handler", "transport", "resolver", "transport-native-epoll", "transport-native-unix-common",
)
NETTY_CLASSPATH = ":".join(str(_JAVA / f"netty-{name}.jar") for name in _NETTY)
_STORES = {"pem": ("PEM", ".pem", ".crt", ""), "pkcs12": ("PKCS12", ".p12", ".p12", "password"),
           "jks": ("JKS", ".jks", ".jks", "password")}
_TLS13_SUITES = "TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256"


def certificates():
    """The directory with the output of rig/certificates.sh, including the stores; made once for each version of the
    script."""
    digest = hashlib.sha256(_SCRIPT.read_bytes()).hexdigest()[:16]
    directory = ROOT / "target" / f"certificates-{digest}"
    directory.parent.mkdir(exist_ok=True)
    with open(directory.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            fresh = pathlib.Path(tempfile.mkdtemp(prefix="certificates-", dir=directory.parent))
            subprocess.run([_SCRIPT, fresh, "stores"], check=True)
            os.rename(fresh, directory)
    return directory


class Tls:
    """A secure port for every member.

    certificate       the name of the server's certificate, one of rig/certificates.sh's
    store             "pem", "pkcs12" or "jks" (the latter for the certificate "server" only)
    client_auth       "none", "want" or "need"
    version           "1.2", "1.3" or None for the server's default (1.2 only with Debian's 3.8.0)
    port_unification  TLS and plain clients on the same client port, instead of a separate one
    trust             the CA whose clients are accepted
    """

    def __init__(self, *, certificate="server", store="pem", client_auth="none", version=None, port_unification=False,
                 trust="ca"):
        self.directory = certificates()
        self.has_own_port = not port_unification
        kind, key_suffix, trust_suffix, password = _STORES[store]
        trust_store = self.directory / (f"{trust}.crt" if store == "pem" else f"trust{trust_suffix}")
        self.config = {
            "serverCnxnFactory": "org.apache.zookeeper.server.NettyServerCnxnFactory",
            "ssl.keyStore.location": self.directory / f"{certificate}{key_suffix}",
            "ssl.keyStore.type": kind,
            "ssl.keyStore.password": password,
            "ssl.trustStore.location": trust_store,
            "ssl.trustStore.type": kind,
            "ssl.trustStore.password": password,
            "ssl.clientAuth": client_auth,
            **({"client.portUnification": "true"} if port_unification else {}),
        }
        if version is not None:
            self.config["ssl.protocol"] = self.config["ssl.enabledProtocols"] = f"TLSv{version}"
        if version == "1.3":
            self.config["ssl.ciphersuites"] = _TLS13_SUITES


class DigestMd5:
    """SASL by user and password. `users` maps names to passwords."""

    def __init__(self, users):
        module = "org.apache.zookeeper.server.auth.DigestLoginModule"
        entries = "\n".join(f'    user_{name}="{password}"' for name, password in users.items())
        self.jaas = f"Server {{\n    {module} required\n{entries};\n}};\n"
        self.java_options = []


class Kerberos:
    """SASL by GSSAPI, with a running `Kdc`."""

    def __init__(self, kdc, host="localhost"):
        principal = f"zookeeper/{host}"
        keytab = kdc.keytab(principal)
        self.jaas = (
            "Server {\n    com.sun.security.auth.module.Krb5LoginModule required\n"
            f'    useKeyTab=true keyTab="{keytab}" storeKey=true useTicketCache=false\n'
            f'    principal="{principal}@{kdc.realm}";\n}};\n'
        )
        self.java_options = [f"-Djava.security.krb5.conf={kdc.config}"]


class NoKdc(Exception):
    """The KDC is not installed, or did not start; the message ends with its log."""


def tool(name):
    """The path of one of MIT's programs, which are in directories that a user's PATH may lack."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")
    if not found:
        raise NoKdc(f"no {name}: make setup")
    return found
