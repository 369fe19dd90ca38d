"""Kinds of servers: key stores, demands for a client's certificate, versions of TLS and of ZooKeeper, one port for
plain and TLS, tickets, new keys in a session, the end of either side."""
import re
import ssl
import struct
import sys
import threading
import time
import unittest

from common import CLOSED, HERE, WAIT, ask, client, ended, expect, file, lines, opened, rig, secured, server_context
from fake_server import FakeServer, Gone
from openssl_server import TLS_1_2, TLS_1_3, OpenSsl, settings
from tls_peer import Peer
from wire import Request, Response, buffer, connect_response, stat

sys.path.insert(0, str(HERE.parent / "programs"))
import servers as other_versions  # noqa: E402

CA = str(file("ca.crt"))
# A session timeout that outlives a server's restart on a busy machine, in ms.
LONG = 60000
CERTIFICATE = f"{CA},{file('client.crt')},{file('client.key')}"


# -- real servers

def exchange(hosts, cert, path, identity, version=None):
    """A session with or without an identity from its certificate: only a session with one may own a node."""
    with client(hosts, cert) as program:
        opened(program)
        ask(program, f"create {path}", "create 0")
        ask(program, f"mine {path}/own", f"mine {0 if identity else -114}")
        ended(program)
        if version:
            expect(f"TLS {version}", len(lines(program, rf"TLS {version.replace('.', '[.]')}, ")), 1)


def stores(_):
    """Key stores in PEM, PKCS12 and JKS; client certificates not requested, requested and required; TLS 1.2 and 1.3."""
    for store, certificate, client_auth, version in (
        ("pkcs12", "server", "want", None), ("jks", "server", "none", "1.2"), ("pem", "server_ec", "need", "1.3"),
        ("pkcs12", "server_ec", "want", "1.3"), ("jks", "server", "need", "1.3"),
    ):
        tls = rig.Tls(store=store, certificate=certificate, client_auth=client_auth, version=version)
        with rig.Ensemble(tls=tls) as ensemble:
            exchange(ensemble.secure_hosts, CERTIFICATE, "/with", client_auth != "none", version or "1.2")
            if client_auth == "need":
                refused(ensemble.secure_hosts, CA, "TLS alert|closed the connection")
            else:
                exchange(ensemble.secure_hosts, CA, "/without", False)


def refused(hosts, cert, reason, count=1):
    """A handle whose attempts fail for a reason that only an operator can remove."""
    with client(hosts, cert, 4000) as program:
        program.expect("^handle$", WAIT)
        line = program.expect(r"zk retcode=-15, .*error in ssl connect: .*", WAIT, stderr=True).string
        if not re.search(reason, line):
            raise AssertionError(f"{reason!r} is not in {line}")
        ask(program, "get /x", "get (-15|-4|-7) 100")
        expect(f"lines with {reason}", len(lines(program, "error in ssl connect")) <= count + 1, True)
        ask(program, "close", CLOSED)


def unification(_):
    """One port for clients with and without TLS, at the same time."""
    with rig.Ensemble(tls=rig.Tls(port_unification=True)) as ensemble:
        with client(ensemble.hosts, "-", LONG) as plain, client(ensemble.hosts, CA, LONG) as secure:
            opened(plain), opened(secure)
            ask(plain, "create /unified", "create 0")
            ask(secure, "get /unified", "get 0 5")
            ensemble.members[0].restart(wait=WAIT)
            for program in (plain, secure):
                ask(program, "await", "state 3")
                ask(program, "get /unified", "get 0 5")
                ended(program)


def real_tickets(_):
    """Debian's server resumes sessions by its tickets, until it is restarted: then the tickets are void, and the
    handshake is a full one."""
    with rig.Ensemble(tls=rig.Tls()) as ensemble, rig.Proxy(ensemble.members[0].secure_hostport) as proxy:
        with client(f"{proxy.host}:{proxy.port}", CA, LONG) as program:
            opened(program)
            program.expect(r"TLS 1\.2, \S+ with", WAIT, stderr=True)
            proxy.cut()
            program.expect(r"TLS 1\.2, \S+, resumed with", WAIT, stderr=True)
            ask(program, "await", "state 3")
            ensemble.members[0].restart(wait=WAIT)
            program.expect(r"TLS 1\.2, \S+ with", WAIT, stderr=True)
            ask(program, "await", "state 3")
            ask(program, "create /after", "create 0")
            ended(program)


def server_3_9(directory):
    """ZooKeeper 3.9 speaks TLS 1.3 by default, never resumes, and has SASL as the others do. Downloaded by
    ctest/programs/servers.py; skipped if it was not downloaded."""
    version = "3.9.3"
    if not (other_versions.CACHE / version / f"zookeeper-{version}.jar").exists():
        raise unittest.SkipTest("make test-servers downloads the server")
    classpath = f"{other_versions.jars(version)}/*:{other_versions.LOGGING}"
    sasl = rig.DigestMd5({"bob": "secret"})
    by_call = {"CLIENT_USER": "bob", "CLIENT_SASL_HOST": "zk-sasl-md5"}
    with rig.Ensemble(tls=rig.Tls(client_auth="need"), sasl=sasl, classpath=classpath) as ensemble:
        member = ensemble.members[0]
        expect("version", version in ensemble.four_letter("srvr"), True)
        exchange(ensemble.secure_hosts, CERTIFICATE, "/newer", True, "1.3")
        refused(ensemble.secure_hosts, CA, "demands a client certificate|does not accept|may demand")
        with rig.Proxy(member.secure_hostport) as proxy:
            with client(f"{proxy.host}:{proxy.port}", CERTIFICATE, LONG) as program:
                opened(program)
                program.expect(r"TLS 1\.3, \S+ with", WAIT, stderr=True)
                for lose in (proxy.cut, lambda: member.restart(wait=WAIT)):
                    lose()
                    program.expect(r"TLS 1\.3, \S+ with", WAIT, stderr=True)
                    ask(program, "await", "state 3")
                ask(program, "get /newer", "get 0 5")
                ended(program)
                expect("resumed", lines(program, "resumed"), [])
        (directory / "password").write_text("secret")
        with client(ensemble.hosts, "sasl:DIGEST-MD5", CLIENT_PASSWORD_FILE=directory / "password", **by_call) as program:
            opened(program)
            ask(program, "mine /by-sasl", "mine 0")
            ended(program)


# -- scripted ones

def refused_afterwards(_):
    """With TLS 1.3 the client's handshake is over when the server refuses its certificate: this still counts as a
    failed attempt, with the reason in the log."""
    for cert, reason in ((CA, "demands a client certificate"),
                         (f"{CA},{file('untrusted.crt')},{file('untrusted.key')}", "does not hold the issuer"),
                         (f"{CA},{file('expired.crt')},{file('expired.key')}", "has expired"),
                         (f"{CA},{file('server_ec.crt')},{file('server_ec.key')}", None)):
        context = server_context("server", trust="ca")
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        with FakeServer(secured(context)) as server:
            if reason:
                refused(server.hostport, cert, reason)
                expect("connections", server.accepted <= 3, True)
                continue
            with client(server.hostport, cert) as program:
                opened(program)
                ended(program)


def close_notify(_):
    """The close_notify of either side: ours is sent before the connection ends, and the server's ends the connection at
    once, not only after a long silence."""
    ends = []

    def script(link):
        peer = Peer(link, server_context("server"))
        peer.handshake()
        peer.frame()
        peer.link.raw(peer.encrypt(framed(connect_response(600000, 0x77))))
        if link.number == 0:
            request = Request(peer.frame())
            peer.link.raw(peer.encrypt(framed(Response.header(request.xid, 1, 0) + buffer(b"") + stat())) + peer.close_notify())
            ends.append(peer.end())
            return
        while (request := Request(peer.frame())).name != "close":
            pass
        peer.link.raw(peer.encrypt(framed(Response.header(request.xid, 1, 0))))
        ends.append(peer.end())

    with FakeServer(script) as server:
        with client(server.hostport, CA, 600000) as program:
            opened(program)
            ask(program, "get /x", "get 0 0")
            program.expect("connection lost", WAIT, stderr=True)
            ask(program, "await", "state 3")
            ended(program)
        waited = time.monotonic() + WAIT
        while len(ends) < 2 and time.monotonic() < waited:
            time.sleep(0.01)
    expect("ends", ends[1:], ["close_notify"])


def framed(payload):
    return struct.pack(">i", len(payload)) + payload


def new_keys(_):
    """The server changes its keys, and asks the client for new ones, before each reply and within a large one; requests
    that are larger than the socket takes at once continue with the new keys."""
    def script(link):
        link.receive_little()
        with OpenSsl(link, shared) as server:
            server.frame()
            server.write(framed(connect_response(40000, 0x77)))
            while True:
                request = Request(server.frame())
                body = buffer(b"v" * 300000) + stat() if request.name == "get" else b"\0\0\0\0"
                reply = framed(Response.header(request.xid, 1, 0) + body)
                for start in range(0, len(reply), 50000):
                    server.key_update(start % 100000 == 0)
                    server.write(reply[start:start + 50000])

    shared = settings()
    with FakeServer(script) as server:
        with client(server.hostport, CA, 40000) as program:
            opened(program)
            for _ in range(3):
                ask(program, "two /a /b", "first 0", "second 0")
                ask(program, "big /c 900000", "big 0")
            ask(program, "close", CLOSED)
        expect("connections", server.accepted, 1)


def tickets(_):
    """A ticket that is too old is not used; one that the server no longer knows is refused; a good one is accepted,
    which shows that tickets work here."""
    for name, seconds, fresh, resumed in (("good", 600, False, True), ("old", 1, False, False), ("unknown", 600, True, False)):
        for version in (TLS_1_2, TLS_1_3):
            shared, found, go = settings(version=version, ticket_seconds=seconds), [], threading.Event()

            def script(link):
                with OpenSsl(link, settings(version=version) if fresh else shared) as server:
                    found.append(server.is_resumed())
                    server.frame()
                    server.write(framed(connect_response(60000, 0x77)))
                    while True:
                        request = Request(server.frame())
                        server.write(framed(Response.header(request.xid, 1, 0) + buffer(b"") + stat()))
                        if link.number == 0:
                            go.wait(WAIT)
                            raise Gone

            with FakeServer(script) as server:
                with client(server.hostport, CA, 60000) as program:
                    opened(program)
                    ask(program, "get /a", "get 0 0")
                    time.sleep(3.2 if seconds == 1 else 0)
                    go.set()
                    program.expect("connection lost", WAIT, stderr=True)
                    ask(program, "await", "state 3")
                    ask(program, "get /a", "get 0 0")
                    ask(program, "close", CLOSED)
            expect(f"{name} ticket, {version:#x}", found, [False, resumed])


CASES = (stores, unification, real_tickets, server_3_9, refused_afterwards, close_notify, new_keys, tickets)
