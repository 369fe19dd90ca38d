"""TLS: client.c and Debian's unmodified cli_mt against real servers with a secure port, client.c against scripted ones."""
import os
import re
import shutil
import struct
import subprocess
import threading

from common import CLOSED, WAIT, ask, client, ended, expect, file, lines, opened, rig, secured, server_context
from fake_server import FakeServer
from wire import Response, buffer, connect_response, read_connect_request, stat


# -- real servers

def real(_):
    """One of Debian's servers with a secure port: zookeeper_init_ssl, the environment, the unmodified cli_mt, TLS on
    one side only."""
    with rig.Ensemble(tls=rig.Tls()) as ensemble:
        hosts = ensemble.secure_hosts
        with client(hosts, str(file("ca.crt"))) as program:
            opened(program)
            ask(program, "create /secure", "create 0")
            ask(program, "get /secure", "get 0 5")
            ask(program, "two /secure /none", "first 0", "second -101")
            # A child that closes its copy sends nothing on the parent's connection.
            ask(program, "fork", "child 0")
            ask(program, "get /secure", "get 0 5")
            ended(program)
            expect("summaries", len(lines(program, r"TLS 1\.2, TLS_\S+ with 127")), 1)
        with client(hosts, "-", ZOO_TLS_CA=file("ca.crt")) as program:
            opened(program)
            ask(program, "get /secure", "get 0 5")
            ended(program)
        with client("127.0.0.1:1", "-", ZOO_TLS_CERT=file("client.crt"), ZOO_SASL_USER="alice") as program:
            program.expect("ZOO_TLS_CERT is set, but ZOO_TLS_CA is not: connections are not encrypted", WAIT, stderr=True)
            program.expect("ZOO_SASL_USER is set, but ZOO_SASL_MECHANISM is not: connections are not authenticated", WAIT, stderr=True)
        # An empty one is unset: nothing is said of TLS, which would come before SASL.
        with client("127.0.0.1:1", "-", ZOO_TLS_CA="", ZOO_TLS_CERT="", ZOO_SASL_USER="alice") as program:
            program.expect("ZOO_SASL_USER is set, but ZOO_SASL_MECHANISM is not", WAIT, stderr=True)
            expect("warnings", len(lines(program, "is set, but")), 1)
        # Misspelt variables, or variables without the one that turns TLS on.
        for name in ("ZOO_TLS_CAFILE", "ZOO_TLS_VERIFY", "ZOO_TLS_MIN"):
            with client("127.0.0.1:1", "-", **{name: "full"}) as program:
                program.expect(f"{name} is set, but ZOO_TLS_CA is not: connections are not encrypted", WAIT, stderr=True)
        cli_mt = shutil.which("cli_mt", path=os.environ["PATH"] + ":/usr/share/zookeeper/bin:/usr/lib/zookeeper/bin")
        if cli_mt is None:
            raise AssertionError("no cli_mt: make setup")
        # It ends with the first answer, even a failure: by then the reason has been logged.
        for where, words, environment in (
            (hosts, "value", {"ZOO_TLS": "on", "ZOO_TLS_CA": file("ca.crt")}),
            (hosts, "or a secure port", {}),
            (ensemble.hosts, "secureClientPort", {"ZOO_TLS_CA": file("ca.crt")}),
            (hosts, "other_ca.crt", {"ZOO_TLS_CA": file("other_ca.crt")}),
        ):
            done = subprocess.run([cli_mt, where, "cmd:get /secure"], env=rig.library_env("ours", **environment),
                                  capture_output=True, text=True, timeout=WAIT)
            if words not in done.stdout + done.stderr:
                raise AssertionError(f"cli_mt, no {words!r}: {done.stdout}\n{done.stderr}")
        # The most likely mistakes: TLS on one side only.
        with client(hosts, "-", 2000) as program:
            program.expect(r"attempt 1 failed.*a secure port\? this client does not use TLS: see ZOO_TLS", WAIT, stderr=True)
            ask(program, "close", CLOSED)
        with client(ensemble.hosts, str(file("ca.crt")), 2000) as program:
            program.expect(r"attempt 1 failed.*secureClientPort", WAIT, stderr=True)
            ask(program, "close", CLOSED)


def quorum(_):
    """Three servers that demand a client certificate; the one in use is killed, twice. Sessions and tickets survive."""
    cert = f"{file('ca.crt')},{file('client.crt')},{file('client.key')}"
    with rig.Ensemble(3, tls=rig.Tls(client_auth="need")) as ensemble:
        with client(ensemble.secure_hosts, str(file("ca.crt")), 4000) as program:
            program.expect(r"zk retcode=-15.*client certificate", WAIT, stderr=True)
            ask(program, "close", CLOSED)
        with client(ensemble.secure_hosts, cert, 20000) as program:
            opened(program)
            ask(program, "create /kept", "create 0")
            for _ in range(3):
                port = next(port for port, state in rig.connections(program.pid) if state == "ESTABLISHED")
                member = next(one for one in ensemble.members if one.secure_port == port)
                program.mark()
                member.kill()
                program.expect("session establishment complete on server", WAIT, stderr=True)
                ask(program, "await", "state 3")
                ask(program, "get /kept", "get 0 5")
                member.restart(wait=WAIT)
            ended(program)
            sessions = {match[1] for line in program.errors if (match := re.search(r"complete.*sessionId=(\w+)", line))}
            expect("sessions", len(sessions), 1)


# -- scripted servers

def certificates(_):
    """Each fault of a certificate: the attempt fails with -15 and one line that names it; the longest pause follows at
    once."""
    for certificate, trusted, reason in (("untrusted", "ca", "issue"), ("wrong_name", "ca", r"other\.example"),
                                         ("expired", "ca", "expired"), ("version_1", "ca", "ZOO_TLS_COMPAT"),
                                         ("common_name", "ca", "ZOO_TLS_COMPAT|name")):
        with FakeServer(secured(server_context(certificate))) as server:
            with client(server.hostport, "-", ZOO_TLS_CA=file(f"{trusted}.crt")) as program:
                program.expect("^handle$", WAIT)
                line = program.expect(r"zk retcode=-15, .*error in ssl connect: .*", WAIT, stderr=True).string
                if not re.search(reason, line):
                    raise AssertionError(f"{certificate}: {line}")
                # In the pause, and in the attempt after it.
                ask(program, "get /x", "get -15 100")
                # Only an operator can repair this: it is not tried again and again.
                expect(f"lines for {certificate}", len(lines(program, "error in ssl connect")) <= 2, True)
                expect("connections", server.accepted <= 3, True)
                ask(program, "close", CLOSED)


def stock_trust(_):
    """zookeeper_init_ssl accepts a certificate for another name, and warns once; ZOO_TLS_VERIFY=full makes it strict."""
    context = server_context("wrong_name")
    with FakeServer(secured(context)) as server:
        with client(server.hostport, str(file("ca.crt"))) as program:
            opened(program)
            ended(program)
            expect("warnings", len(lines(program, r"WARN.*(name|for)")), 1)
        with client(server.hostport, str(file("ca.crt")), ZOO_TLS_VERIFY="full") as program:
            program.expect(r"zk retcode=-15.*other\.example", WAIT, stderr=True)
            ask(program, "close", CLOSED)
        with client(server.hostport, str(file("ca.crt")), ZOO_TLS_VERIFY="full", ZOO_TLS_SERVER_NAME="other.example") as program:
            opened(program)
            ended(program)


def silent(_):
    """A server that accepts and never answers TLS costs one attempt; calls fail in time, close does not wait for it."""
    with FakeServer(lambda link: link.until_eof(WAIT)) as server:
        with client(server.hostport, str(file("ca.crt")), 2000) as program:
            program.expect("^handle$", WAIT)
            program.expect("TLS begins", WAIT, stderr=True)
            ask(program, "state", "state 7")
            program.expect(r"timed out", WAIT, stderr=True)
            ask(program, "get /x", "get (-4|-7) 100")
            ended(program)


def one_record(_):
    """Two replies in one TLS record count as two, and bytes that come one by one form a reply."""
    def script(link):
        first, second = link.request(), link.request()
        reply = lambda request: Response.header(request.xid, 1, 0) + buffer(b"") + stat()
        link.raw(b"".join(struct.pack(">i", len(body)) + body for body in map(reply, (first, second))))
        request = link.request()
        body = reply(request)
        for byte in struct.pack(">i", len(body)) + body:
            link.raw(bytes([byte]))
        link.serve()
    with FakeServer(secured(server_context("server"), script)) as server:
        with client(server.hostport, str(file("ca.crt")), 40000) as program:
            opened(program)
            ask(program, "two /a /b", "first 0", "second 0")
            ask(program, "get /c", "get 0 0")
            ended(program)


def large(_):
    """Replies of many records, which fill the receive buffer again and again; a request that the socket takes piece by piece."""
    context = server_context("server")

    def script(link):
        link.receive_little()
        link.secure(context)
        link.accept_session()
        first, second = link.request(), link.request()
        for request in (first, second):
            link.reply(request, buffer(b"v" * 700000) + stat())
        link.serve()
    with FakeServer(script) as server:
        with client(server.hostport, str(file("ca.crt")), 40000) as program:
            opened(program)
            ask(program, "two /a /b", "first 0", "second 0")
            ask(program, "big /c 900000", "big 0")
            ask(program, "get /c", "get 0 0")
            ended(program)


def many_files(_):
    """A socket whose number is above 1,024, where stock's select() ends the process."""
    with FakeServer(secured(server_context("server"))) as server:
        with client(server.hostport, str(file("ca.crt")), CLIENT_FILES="1200") as program:
            opened(program)
            ask(program, "get /c", "get 0 0")
            ended(program)


def rotation(directory):
    """CA and server certificate are replaced while the session lives: the next connection uses the new ones."""
    trusted = directory / "ca.crt"
    shutil.copy(file("ca.crt"), trusted)
    contexts = {"now": server_context("server")}
    go = threading.Event()

    def script(link):
        try:
            link.secure(contexts["now"])
        except OSError:
            return
        link.accept_session()
        if link.number == 0:
            link.answer(link.request())
            go.wait(WAIT)
        else:
            link.serve()

    with FakeServer(script) as server:
        with client(server.hostport, str(trusted), 20000) as program:
            opened(program)
            ask(program, "get /x", "get 0 0")
            shutil.copy(file("other_ca.crt"), directory / "new")
            os.replace(directory / "new", trusted)
            contexts["now"] = server_context("untrusted")
            go.set()
            program.expect("were read again", WAIT, stderr=True)
            program.expect("session establishment complete", WAIT, stderr=True)
            ask(program, "await", "state 3")
            ask(program, "get /x", "get 0 0")
            ended(program)


def resumption(_):
    """The second connection is resumed with the first one's ticket."""
    def script(link):
        link.answer(link.request())
        if link.number:
            link.serve()
    with FakeServer(secured(server_context("server"), script)) as server:
        with client(server.hostport, str(file("ca.crt")), 20000) as program:
            opened(program)
            ask(program, "get /x", "get 0 0")
            program.expect(r"TLS 1\.3, \S+ with", WAIT, stderr=True)
            program.expect(r"TLS 1\.3, \S+, resumed with", WAIT, stderr=True)
            ask(program, "await", "state 3")
            ended(program)


def read_only_search(_):
    """The search for a read-write server asks inside TLS."""
    state = {"read-write": False, "asked": 0}
    context = server_context("server")

    def script(link):
        link.secure(context)
        head = link.read(4)
        if head == b"isro":
            state["asked"] += 1
            return link.raw(b"rw" if state["read-write"] else b"ro")
        request = read_connect_request(link.read(struct.unpack(">i", head)[0]))
        link.send(connect_response(request.timeout, request.session or 0x1234, b"p" * 16, not state["read-write"]))
        return link.serve()

    with FakeServer(script) as first, FakeServer(script) as second:
        with client(f"{first.hostport},{second.hostport}", "-", ZOO_TLS_CA=file("ca.crt"), CLIENT_READONLY="1") as program:
            program.expect("^handle$", WAIT)
            program.expect("READ-ONLY mode", WAIT, stderr=True)
            state["read-write"] = True
            ask(program, "await", "state 3")
            ended(program)
    expect("asked", state["asked"] > 0, True)


def bad_settings(directory):
    """Unusable settings: no handle, an errno, and one line that names the setting."""
    ca, unreadable = str(file("ca.crt")), directory / "empty.crt"
    unreadable.write_text("nothing\n")
    encrypted = directory / "encrypted.key"
    subprocess.run(["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", file("client.key"), "-out", encrypted,
                    "-passout", "pass:another"], check=True, stdin=subprocess.DEVNULL)
    for cert, errno, words, environment in (
        ("NULL", 22, "NULL", {}),
        ("/no/such/file", 2, "field 1 of the certificate string: CA file .name not shown", {}),
        (f"{directory}/none", 2, f"field 1 of the certificate string: CA file {directory}/none: No such file", {}),
        (str(unreadable), 22, "empty.crt", {}),
        (f"{ca},{file('client.crt')},{file('server.key')}", 22, "server.key|client.crt", {}),
        (f"{ca},a,b,c,d", 22, "5 fields", {}),
        (f"{ca},{file('client.crt')},{encrypted},s3cr3t", 22, "password", {}),
        ("-", 22, "ZOO_TLS", {"ZOO_TLS": "yes"}),
        ("-", 22, "ZOO_TLS_CA", {"ZOO_TLS": "on"}),
        ("-", 2, "ZOO_TLS_CA: CA file .name not shown", {"ZOO_TLS_CA": "/no/such/file"}),
        ("-", 2, f"ZOO_TLS_CA: CA file {directory}/none: No such file", {"ZOO_TLS_CA": f"{directory}/none"}),
        (ca, 22, "ZOO_TLS_VERIFY", {"ZOO_TLS_VERIFY": "yes"}),
    ):
        with client("127.0.0.1:1", cert, **environment) as program:
            program.expect(f"^no handle, errno {errno}$", WAIT)
            program.wait(WAIT)
            expect("lines with the key's password", lines(program, "s3cr3t"), [])
            errors = lines(program, "ERROR")
            if len(errors) != 1 or not re.search(words, errors[0]):
                raise AssertionError(f"{cert}: {errors}")


def left_directory(directory):
    """Relative names of files for TLS refer to the working directory that the program has left."""
    for name in ("ca.crt", "client.crt", "client.key"):
        shutil.copy(file(name), directory / name)
    (directory / "key-password").write_text("secret\n")
    tls = {"ZOO_TLS_CA": "ca.crt", "ZOO_TLS_CERT": "client.crt", "ZOO_TLS_KEY": "client.key",
           "ZOO_TLS_KEY_PASSWORD_FILE": "key-password"}
    with FakeServer(secured(server_context("server", trust="ca"))) as server, rig.Proxy(server.hostport) as proxy:
        hosts = f"localhost:{proxy.port}"
        for cert, environment in (("ca.crt,client.crt,client.key", {}), ("-", tls)):
            with client(hosts, cert, 20000, cwd=directory, CLIENT_LEAVE="/", **environment) as program:
                opened(program)
                os.utime(directory / "ca.crt")
                program.mark()
                proxy.cut()
                program.expect("TLS certificates have changed and were read again", WAIT, stderr=True)
                ask(program, "await", "state 3")
                ask(program, "get /x", "get 0 0")
                ended(program)


CASES = (real, quorum, certificates, stock_trust, silent, one_record, large, many_files, rotation, resumption, read_only_search,
         bad_settings, left_directory)
