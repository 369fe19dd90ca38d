"""SASL: DIGEST-MD5 and Kerberos, by environment and by zookeeper_init_sasl, on real servers and scripted ones."""
import struct

import attacks_sasl
from common import CLOSED, WAIT, ask, client, ended, expect, file, lines, opened, rig
from fake_server import FakeServer
from wire import buffer


def password_file(directory, text):
    path = directory / "password"
    path.write_text(text + "\n")
    return path


def digest(directory):
    """DIGEST-MD5 by environment, with and without TLS: the authenticated user may read a node that only this user may
    read. A wrong password ends the session: event -113, ZAUTHFAILED, one line without the password."""
    secret = "s3cr3t-w0rd"
    sasl = {"ZOO_SASL_MECHANISM": "DIGEST-MD5", "ZOO_SASL_USER": "bob", "ZOO_SASL_PASSWORD_FILE": password_file(directory, secret)}
    with rig.Ensemble(tls=rig.Tls(port_unification=True), sasl=rig.DigestMd5({"bob": secret})) as ensemble:
        for cert in ("-", str(file("ca.crt"))):
            with client(ensemble.hosts, cert, **sasl) as program:
                opened(program)
                program.expect("SASL authentication succeeded", WAIT, stderr=True)
                path = "/of-bob" if cert == "-" else "/of-bob-by-tls"
                ask(program, f"mine {path}", "mine 0")
                ask(program, f"get {path}", "get 0 5")
                ended(program)
                expect("lines with the password", lines(program, secret), [])
        # zookeeper_init_sasl with Cyrus SASL: the first line of a file, and a callback that makes the password from the
        # file.
        by_call = {"CLIENT_USER": "bob", "CLIENT_SASL_HOST": "zk-sasl-md5"}
        marked = directory / "marked"
        marked.write_text(f"x{secret}")
        for extra in ({"CLIENT_PASSWORD_FILE": password_file(directory, secret)},
                      {"CLIENT_PASSWORD_FILE": marked, "CLIENT_CALLBACK": "1"}):
            with client(ensemble.hosts, "sasl:DIGEST-MD5", **by_call, **extra) as program:
                opened(program)
                program.expect("SASL authentication succeeded", WAIT, stderr=True)
                ask(program, "get /of-bob", "get 0 5")
                ended(program)
                expect("lines with the password", lines(program, secret), [])
        # The mechanism in every notation that Cyrus SASL accepts; the server's SASL name is not its host's name.
        for mechanisms in ("digest-md5", " DIGEST-MD5", "DIGEST-MD5,CRAM-MD5", "plain digest-md5"):
            with client(ensemble.hosts, f"sasl:{mechanisms}", CLIENT_USER="bob",
                        CLIENT_PASSWORD_FILE=password_file(directory, secret)) as program:
                opened(program)
                ask(program, "get /of-bob", "get 0 5")
                ended(program)
        with client(ensemble.hosts, "sasl:DIGEST-MD5", **by_call, CLIENT_PASSWORD_FILE=marked) as program:
            program.expect("^handle$", WAIT)
            ask(program, "auth", "event -113")
            ask(program, "close", CLOSED)
            program.wait(WAIT)
            expect("lines", len(lines(program, "SASL authentication failed: ")), 1)
        # A client that is not authenticated may not read the node.
        with client(ensemble.hosts, "-") as program:
            opened(program)
            ask(program, "get /of-bob", "get -102 100")
            ended(program)
        sasl["ZOO_SASL_PASSWORD_FILE"] = password_file(directory, "wr0ng-w0rd")
        with client(ensemble.hosts, "-", **sasl) as program:
            program.expect("^handle$", WAIT)
            ask(program, "auth", "event -113")
            ask(program, "get /x", "get (-115|-9|-112) 100")
            ask(program, "close", CLOSED)
            program.wait(WAIT)
            expect("lines", len(lines(program, "SASL authentication failed: ")), 1)
            expect("lines with the password", lines(program, "wr0ng-w0rd"), [])


def digest_liar(directory):
    """A server that cannot prove that it knows the password is rejected; a server without SASL is named in the log."""
    sasl = {"ZOO_SASL_MECHANISM": "DIGEST-MD5", "ZOO_SASL_USER": "bob", "ZOO_SASL_PASSWORD_FILE": password_file(directory, "secret")}
    challenge = b'realm="zk-sasl-md5",nonce="abc",charset=utf-8,algorithm=md5-sess,qop="auth"'
    for answers, words in (((challenge, b"rspauth=00000000000000000000000000000000"), "rspauth"), ((None,), "JAAS")):
        def script(link, answers=answers):
            link.accept_session()
            for answer in answers:
                request = link.request()
                link.reply(request, buffer(answer) if answer is not None else struct.pack(">i", -1))
            link.serve()
        with FakeServer(script) as server:
            with client(server.hostport, "-", **sasl) as program:
                program.expect(f"SASL authentication failed: .*{words}", WAIT, stderr=True)
                ask(program, "auth", "event -113")
                ask(program, "close", CLOSED)
    with client("127.0.0.1:1", "-", ZOO_SASL_MECHANISM="DIGEST-MD5") as program:
        program.expect("^no handle, errno 22$", WAIT)


def sasl_cut(directory):
    """A connection that is lost during the exchange counts as a failed attempt; the next attempt authenticates."""
    secret = "s3cr3t-w0rd"
    sasl = {"ZOO_SASL_MECHANISM": "DIGEST-MD5", "ZOO_SASL_USER": "bob", "ZOO_SASL_PASSWORD_FILE": password_file(directory, secret)}
    cuts = []

    def script(link):
        link.accept_session()
        link.request()
        cuts.append(link.number)
    with FakeServer(script) as server:
        with client(server.hostport, "-", 4000, **sasl) as program:
            program.expect("^handle$", WAIT)
            program.expect("attempt 2 failed", WAIT, stderr=True)
            ask(program, "close", CLOSED)
            program.wait(WAIT)
            expect("end", lines(program, "SASL authentication failed"), [])
    expect("cuts", len(cuts) >= 2, True)


def password_gone(directory):
    """A password file that is missing or empty at a reconnect: the attempt fails with one log line, and the next one
    authenticates. If the file is missing at the first attempt, the session ends with the reason. Relative names still
    refer to the working directory that the program has left."""
    path, away = directory / "password", directory / "away"
    sasl = {"ZOO_SASL_MECHANISM": "DIGEST-MD5", "ZOO_SASL_USER": "bob", "ZOO_SASL_PASSWORD_FILE": "password"}
    by_call = {"CLIENT_USER": "bob", "CLIENT_PASSWORD_FILE": "password"}
    with FakeServer(attacks_sasl.honest) as server, rig.Proxy(server.hostport) as proxy:
        for cert, environment in (("-", sasl), ("sasl:DIGEST-MD5", by_call)):
            path.write_bytes(attacks_sasl.PASSWORD + b"\n")
            with client(f"{proxy.host}:{proxy.port}", cert, 4000, cwd=directory, CLIENT_LEAVE="/", **environment) as program:
                opened(program)
                for gone in (lambda: path.rename(away), lambda: path.write_bytes(b"")):
                    gone()
                    program.mark()
                    proxy.cut()
                    line = program.expect("SASL password file.*attempt", WAIT, stderr=True).string
                    expect("the reason", line.count(str(path)), 1)
                    path.write_bytes(attacks_sasl.PASSWORD + b"\n")
                    ask(program, "await", "state 3")
                ended(program)
                expect("end", lines(program, "SASL authentication failed"), [])
        path.unlink()
        with client(server.hostport, "sasl:DIGEST-MD5", CLIENT_USER="bob", CLIENT_PASSWORD_FILE=path) as program:
            program.expect(rf"SASL authentication failed: .*SASL password file {path}: No such file", WAIT, stderr=True)
            ask(program, "auth", "event -113")
            ask(program, "close", CLOSED)


def blocked_callback(directory):
    """A callback of the program that blocks: close waits for it without limit, because its data may be gone
    afterwards."""
    (directory / "password").write_text("xsecret")
    def script(link):
        link.accept_session()
        link.reply(link.request(), buffer(attacks_sasl.CHALLENGE))
        link.until_eof(WAIT)
    with FakeServer(script) as server:
        with client(server.hostport, "sasl:DIGEST-MD5", 60000, CLIENT_USER="bob", CLIENT_CALLBACK="1", CLIENT_BLOCK="9",
                    CLIENT_PASSWORD_FILE=directory / "password") as program:
            program.expect("^blocked$", WAIT)
            ask(program, "close", CLOSED)
            program.wait(WAIT)
            expect("warnings", len(lines(program, "zookeeper_close.*waiting for it")), 1)


def kerberos(directory):
    """GSSAPI by environment with an MIT KDC; without a ticket the attempt fails, and a later ticket makes it
    succeed."""
    with rig.Kdc() as kdc:
        with rig.Ensemble(sasl=rig.Kerberos(kdc)) as ensemble:
            hosts = ensemble.hosts.replace("127.0.0.1", "localhost")
            cache = directory / "cache"
            environment = {"ZOO_SASL_MECHANISM": "GSSAPI", "KRB5_CONFIG": kdc.config, "KRB5CCNAME": f"FILE:{cache}"}
            with client(hosts, "-", 4000, **environment) as program:
                program.expect("^handle$", WAIT)
                line = program.expect("GSSAPI: no security context.*kinit.*KRB5_CLIENT_KTNAME", WAIT, stderr=True).string
                expect("times that the reason is said", line.count("no security context"), 1)
                kdc.kinit("bob", cache=cache)
                ask(program, "await", "state 3")
                program.expect("SASL authentication succeeded", WAIT, stderr=True)
                ask(program, "mine /of-kerberos", "mine 0")
                ask(program, "get /of-kerberos", "get 0 5")
                ended(program)
            # By call, with Cyrus SASL; the host is the server's name in the list.
            with client(hosts, "sasl:GSSAPI", 4000, KRB5_CONFIG=kdc.config, KRB5CCNAME=f"FILE:{cache}") as program:
                opened(program)
                ask(program, "get /of-kerberos", "get 0 5")
                ended(program)
            # There is a ticket for bob, but the KDC is down and gives none for the server: retried until the KDC is
            # back.
            kdc.kinit("bob", cache=cache)
            kdc.stop()
            with client(hosts, "-", 4000, **environment) as program:
                program.expect("^handle$", WAIT)
                program.expect("GSSAPI: no security context", WAIT, stderr=True)
                kdc.start()
                ask(program, "await", "state 3")
                ended(program)


CASES = (digest, digest_liar, sasl_cut, password_gone, blocked_callback, kerberos)
