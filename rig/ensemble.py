"""The real Apache ZooKeeper (Debian's package), one or more members, with its own ports, data and log."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from rig.connections import connections
from rig.ports import free_port
from rig.process import spawn, terminate
from rig.secure import NETTY_CLASSPATH

_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
_DEBIAN_CLASSPATH = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar"


class NotReady(Exception):
    """The servers did not come up in time; the message ends with their logs."""


class ServerMissing(Exception):
    """Java or ZooKeeper's jar is not installed."""


class Member:
    """One server process. `id` counts from 1; `host` and `port` are its client address, `secure_port` is for clients
    with TLS; `pid` is None while it is down."""

    def __init__(self, ensemble, number):
        self.ensemble = ensemble
        self.id = number
        self.host = ensemble.address
        self.port = free_port()
        self.secure_port = None if ensemble.tls is None else free_port() if ensemble.tls.has_own_port else self.port
        self.quorum_port = free_port() if ensemble.quorum else None
        self.election_port = free_port() if ensemble.quorum else None
        self.directory = ensemble.directory / f"server{number}"
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.stopped = False
        self._child = None
        self.data.mkdir(parents=True)
        (self.data / "myid").write_text(f"{number}\n")

    def __repr__(self):
        return f"<Member {self.id} {self.hostport} pid {self.pid}>"

    @property
    def hostport(self):
        """Client address, "host:port"."""
        return f"{self.host}:{self.port}"

    @property
    def secure_hostport(self):
        """The address for clients with TLS, "host:port"."""
        return f"{self.host}:{self.secure_port}"

    @property
    def pid(self):
        """Process id, None while down."""
        return self._child.pid if self.alive else None

    @property
    def alive(self):
        """Whether the process exists (a SIGSTOPped one does)."""
        return self._child is not None and self._child.poll() is None

    def start(self):
        """Start the server; does nothing if it is up. Returns at once (see wait_ready)."""
        if self.alive:
            return
        config = self.directory / "zoo.cfg"
        if not config.exists():  # a reconfigured server keeps what it has written itself
            config.write_text(self.ensemble._config(self))
        with open(self.log, "ab") as log:
            self._child = spawn(
                [*self.ensemble._java(), str(config)],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.stopped = False

    def kill(self):
        """SIGKILL, and wait until it is gone: its connections get RST or FIN from the kernel."""
        if self._child is not None:
            terminate(self._child, grace=0)
        self.stopped = False

    def terminate(self):
        """SIGTERM: the server shuts down in order."""
        if self._child is not None:
            terminate(self._child)
        self.stopped = False

    def restart(self, wait=None):
        """kill() and start(); with `wait` seconds also wait_ready()."""
        self.kill()
        self.start()
        if wait:
            self.wait_ready(wait)

    def stop(self):
        """SIGSTOP: connections stay, connecting still succeeds (the kernel answers), nothing is served."""
        os.kill(self._child.pid, signal.SIGSTOP)
        self.stopped = True

    def cont(self):
        """SIGCONT after stop()."""
        os.kill(self._child.pid, signal.SIGCONT)
        self.stopped = False

    def four_letter(self, command, timeout=2.0):
        """The answer to a four-letter word ("ruok", "srvr", "mntr", "cons", "wchp", ...), "" if there was none."""
        answer = bytearray()
        try:
            with socket.create_connection((self.host, self.port), timeout) as connection:
                connection.settimeout(timeout)
                connection.sendall(command.encode())
                while chunk := connection.recv(65536):
                    answer += chunk
        except OSError:
            pass
        return answer.decode("utf-8", "replace")

    def mode(self, timeout=2.0):
        """"leader", "follower", "standalone", "read-only", "observer", or None if it does not serve clients."""
        for line in self.four_letter("srvr", timeout).splitlines():
            if line.startswith("Mode: "):
                return line[6:].strip()
        return None

    def metrics(self, timeout=2.0):
        """mntr's figures as a dictionary of strings."""
        rows = (line.split("\t", 1) for line in self.four_letter("mntr", timeout).splitlines())
        return {row[0]: row[1] for row in rows if len(row) == 2}

    def wait_ready(self, timeout=180.0):
        """Wait until this server serves clients."""
        deadline = time.monotonic() + timeout
        while self.mode() not in ("leader", "follower", "standalone", "observer"):
            if not self.alive:
                raise NotReady(f"server {self.id} ended\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise NotReady(f"server {self.id} is not ready after {timeout:.0f} s\n{self.log_tail()}")
            time.sleep(0.05)
        return self

    def log_tail(self, lines=20):
        """The end of the server's log, for messages."""
        try:
            text = self.log.read_text(errors="replace").splitlines()
        except OSError:
            text = []
        return "\n".join(f"    server {self.id} | {line}" for line in text[-lines:])


class Ensemble:
    """`members` real servers, running and ready inside the `with` block; removed with their data after it.

    After a failure inside the block the ends of the logs are shown on stderr and the logs are kept.

    members              1 (standalone) or more (quorum)
    tick_time            ms; sessions expire on multiples of it
    min_session_timeout, max_session_timeout   ms
    reconfig             allow reconfig (makes a single member a quorum of one: standalone servers cannot do it)
    read_only            members that lose the quorum serve read-only clients (3.8 does that only with local sessions,
    which this enables too)
    extended_types       TTL nodes
    superuser            "user:digest" for zookeeper.DigestAuthenticationProvider.superDigest
    skip_acl             serve without ACL checks
    heap                 -Xmx
    jit                  "quick" starts fast and uses little memory (C1 only), "full" as in production
    log_level            of the server's log: error, warn, info, debug
    config, java_options further zoo.cfg lines (a dict), further JVM arguments (a list)
    prefix               command put before java, e.g. ["prlimit", "--nofile=2000", "--"]
    classpath            another server's jars; also an attribute, for members that are started later
    tls                  a rig.secure.Tls: a secure port besides (or with port unification instead of) the plain one
    sasl                 a rig.secure.DigestMd5 or Kerberos: clients can authenticate by SASL
    """

    def __init__(self, members=1, *, tick_time=500, min_session_timeout=1000, max_session_timeout=60000,
                 reconfig=False, read_only=False, extended_types=True, superuser=None, skip_acl=False,
                 max_client_connections=0, heap="128m", jit="quick", log_level="info", config=None,
                 java_options=(), prefix=(), classpath=_DEBIAN_CLASSPATH, address="127.0.0.1", wait=180.0, tls=None, sasl=None):
        self.quorum = members > 1 or reconfig
        self.address = address
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="calmkeeper-zk-"))
        self._wait = wait
        self._prefix = list(prefix)
        self.tls = tls
        if tls is not None and classpath == _DEBIAN_CLASSPATH:
            classpath = f"{classpath}:{NETTY_CLASSPATH}"
        self.classpath = classpath
        self._settings = {
            "tickTime": tick_time,
            "minSessionTimeout": min_session_timeout,
            "maxSessionTimeout": max_session_timeout,
            "initLimit": max(10, 20000 // tick_time),
            "syncLimit": max(5, 5000 // tick_time),
            "maxClientCnxns": max_client_connections,
            "4lw.commands.whitelist": "*",
            "admin.enableServer": "false",
            "reconfigEnabled": str(bool(reconfig)).lower(),
            "skipACL": "yes" if skip_acl else "no",
            **({"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": "true"} if read_only else {}),
            **({"standaloneEnabled": "false"} if reconfig and members == 1 else {}),
            **({} if tls is None else tls.config),
            **({} if sasl is None else {"authProvider.sasl": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"}),
            **(config or {}),
        }
        self._options = [
            f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:-UsePerfData",
            *(["-XX:TieredStopAtLevel=1"] if jit == "quick" else []),
            "-Dzookeeper.forceSync=no", "-Dzookeeper.preAllocSize=1024",
            f"-Dreadonlymode.enabled={str(bool(read_only)).lower()}",
            f"-Dzookeeper.extendedTypesEnabled={str(bool(extended_types)).lower()}",
            f"-Dorg.slf4j.simpleLogger.defaultLogLevel={log_level}",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss,SSS",
            *([f"-Dzookeeper.DigestAuthenticationProvider.superDigest={superuser}"] if superuser else []),
            *java_options,
        ]
        if sasl is not None:
            jaas = self.directory / "jaas.conf"
            jaas.write_text(sasl.jaas)
            self._options += [f"-Djava.security.auth.login.config={jaas}", *sasl.java_options]
        self.members = [Member(self, number + 1) for number in range(members)]

    def __enter__(self):
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.close(failed=True)
            raise
        return self

    def __exit__(self, kind, _value, _traceback):
        failed = kind is not None and not issubclass(kind, (KeyboardInterrupt, SystemExit))
        if failed:
            print("\n".join(member.log_tail() for member in self.members), file=sys.stderr)
        self.close(failed)

    @property
    def hosts(self):
        """The host list for zookeeper_init, all members in order."""
        return self.hosts_of(self.members)

    @property
    def secure_hosts(self):
        """The host list for clients with TLS."""
        return ",".join(member.secure_hostport for member in self.members)

    @staticmethod
    def hosts_of(members):
        """The host list of some members (or proxies)."""
        return ",".join(member.hostport for member in members)

    def _java(self):
        java = shutil.which("java")
        if not java:
            raise ServerMissing("no java: make setup")
        for jar in self.classpath.split(":"):
            if not jar.endswith("*") and not pathlib.Path(jar).exists():
                raise ServerMissing(f"no {jar}: make setup")
        return [*self._prefix, java, *self._options, "-cp", self.classpath, _MAIN]

    def _config(self, member):
        settings = dict(self._settings, dataDir=member.data)
        if self.quorum:
            for peer in self.members:
                settings[f"server.{peer.id}"] = (
                    f"{peer.host}:{peer.quorum_port}:{peer.election_port}:participant;{peer.host}:{peer.port}"
                )
        else:
            settings.update(clientPort=member.port, clientPortAddress=member.host)
        if self.tls is not None and self.tls.has_own_port:
            settings.update(secureClientPort=member.secure_port, secureClientPortAddress=member.host)
        return "".join(f"{key}={value}\n" for key, value in settings.items())

    def start(self):
        """Start every member that is down."""
        for member in self.members:
            member.start()

    def wait_ready(self, timeout=None):
        """Wait until every running member serves and, in a quorum, exactly one of them leads."""
        timeout = self._wait if timeout is None else timeout
        deadline = time.monotonic() + timeout
        while True:
            up = [member for member in self.members if member.alive and not member.stopped]
            if not up:
                raise NotReady("no server runs\n" + "\n".join(member.log_tail() for member in self.members))
            modes = [member.mode() for member in up]
            if not self.quorum and modes == ["standalone"]:
                return self
            if self.quorum and modes.count("leader") == 1 and modes.count("follower") == len(up) - 1:
                return self
            if time.monotonic() > deadline:
                logs = "\n".join(member.log_tail() for member in self.members)
                raise NotReady(f"modes are {modes} after {timeout:.0f} s\n{logs}")
            time.sleep(0.05)

    def leader(self):
        """The leader (with a single member, that member), None during an election."""
        for member in self.members:
            if member.alive and not member.stopped and member.mode() in ("leader", "standalone"):
                return member
        return None

    def followers(self):
        """The running members that do not lead."""
        return [m for m in self.members if m.alive and not m.stopped and m.mode() == "follower"]

    def serving(self, pid):
        """The member that process `pid` has an established connection to, None if there is none."""
        ports = [port for port, state in connections(pid) if state == "ESTABLISHED"]
        return next((member for member in self.members if member.port in ports), None)

    def four_letter(self, command, timeout=2.0):
        """The first running member's answer to a four-letter word."""
        for member in self.members:
            if member.alive and not member.stopped:
                answer = member.four_letter(command, timeout)
                if answer:
                    return answer
        return ""

    def kill(self):
        """SIGKILL all members."""
        for member in self.members:
            member.kill()

    def stop(self):
        """SIGSTOP all running members."""
        for member in self.members:
            if member.alive:
                member.stop()

    def cont(self):
        """SIGCONT all stopped members."""
        for member in self.members:
            if member.alive and member.stopped:
                member.cont()

    def close(self, failed=False):
        """End the servers and remove their data; after a failure the logs are kept, and stderr says where."""
        self.kill()
        if failed or os.environ.get("RIG_KEEP"):
            for member in self.members:
                shutil.rmtree(member.data, ignore_errors=True)
            print(f"server logs kept in {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
