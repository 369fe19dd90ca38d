"""No secret is in the log at its most detailed level, nor in any file that the library publishes: passwords of keys and
of SASL, credentials of zoo_add_auth, the session's password, private keys. The search covers every form that a log may
give a secret, and must find planted ones."""
import base64
import contextlib
import hashlib
import shutil
import subprocess
import urllib.parse

from common import CLOSED, WAIT, ask, build, client, ended, expect, file, opened, rig
from fake_server import FakeServer

KEY_PASSWORD = "k3y-pass-of-the-client"
SASL_PASSWORD = "Tr0ub4dor-of-bob"
CREDENTIALS = "carol:hunter2-of-carol"
WRONG = "wr0ng-pass-of-bob"
PLANTED = "planted-Xyzzy-9"
# A password in place of a file name.
MISPLACED = "M1splaced-of-dave"


def forms(secret):
    """The forms in which the bytes of a secret may appear."""
    plain = secret.encode() if isinstance(secret, str) else secret
    found = {plain, plain.hex().encode(), plain.hex().upper().encode(), plain.hex(" ").encode(), plain.hex(":").encode(),
             ", ".join(map(str, plain)).encode(), ", ".join(f"0x{byte:02x}" for byte in plain).encode(),
             urllib.parse.quote(plain).encode(), plain[::-1], repr(plain)[2:-1].encode(),
             hashlib.md5(plain).hexdigest().encode(), hashlib.sha1(plain).hexdigest().encode(),
             base64.b64encode(hashlib.sha1(plain).digest())}
    # In base64, after any number of other bytes: the characters that depend only on the secret's bytes.
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + plain)
        whole = (before + len(plain)) * 8 // 6
        found.add(encoded[-(-before * 8 // 6):whole])
    return {form for form in found if len(form) >= 6}


def leaks(secrets, texts):
    """(secret's name, where, form) of every leak."""
    return [(name, where, form) for name, secret in secrets.items() for form in forms(secret)
            for where, text in texts.items() if form in text]


def published(program, directory):
    """Everything that a process published: its log, and every file below the directory."""
    texts = {"log": "\n".join(program.errors).encode()}
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            texts[path.name] = path.name.encode() + b"\n" + path.read_bytes()
    return texts


def key_lines():
    """Each line of the client's private key."""
    return {f"line {number} of the key": line for number, line in enumerate(file("client.key").read_text().splitlines())
            if not line.startswith("-")}


def secrets():
    return {"key password": KEY_PASSWORD, "SASL password": SASL_PASSWORD, "credentials": CREDENTIALS,
            "credentials' password": CREDENTIALS.partition(":")[2], "wrong password": WRONG, "misplaced password": MISPLACED, **key_lines()}


class Search:
    """The secrets, settings that hold them, and the programs that ran with them."""

    def __init__(self, directory):
        self.public, self.private = directory / "published", directory / "private"
        self.public.mkdir(), self.private.mkdir()
        self.known, self.runs = secrets(), []
        key = self.private / "client.key"
        encrypt(key, KEY_PASSWORD)
        for name, text in (("sasl", SASL_PASSWORD), ("key", KEY_PASSWORD), ("wrong", WRONG)):
            (self.private / name).write_text(text + "\n")
        (self.private / "long").write_text(SASL_PASSWORD * 100)
        self.cert_without_password = ",".join(map(str, (file("ca.crt"), file("client.crt"), key)))
        self.cert = f"{self.cert_without_password},{KEY_PASSWORD}"
        self.sasl = {"ZOO_SASL_MECHANISM": "DIGEST-MD5", "ZOO_SASL_USER": "bob", "ZOO_SASL_PASSWORD_FILE": self.private / "sasl"}
        self.tls = {"ZOO_TLS_CA": file("ca.crt"), "ZOO_TLS_CERT": file("client.crt"), "ZOO_TLS_KEY": key}
        self.by_call = {"CLIENT_USER": "bob", "CLIENT_SASL_HOST": "zk-sasl-md5", "CLIENT_PASSWORD_FILE": self.private / "sasl"}

    @contextlib.contextmanager
    def client(self, *arguments, **environment):
        """A client that writes statistics; after the block, which ends it, everything that it published is searched."""
        stats = {"ZOO_STATS_DIR": self.public, "ZOO_STATS_INTERVAL_MS": 100, "ZOO_STATS_KEEP": 1}
        with client(*arguments, **environment, **stats) as program:
            yield program
            self.runs.append(program)
            found = leaks(self.known, published(program, self.public))
            if found:
                raise AssertionError(f"secrets: {found}")


def log_secrets(directory):
    """See the module."""
    search = Search(directory)
    with rig.Ensemble(tls=rig.Tls(client_auth="need"), sasl=rig.DigestMd5({"bob": SASL_PASSWORD})) as ensemble:
        sessions(search, ensemble)
        refused_logins(search, ensemble.hosts)
    bad_settings(search)
    runs = search.runs
    expect("runs with a log", sum(any("ZOO_" in line for line in run.errors) for run in runs), len(runs))
    expect("runs that talked at DEBUG", sum(any("ZOO_DEBUG" in line for line in run.errors) for run in runs) >= 8, True)
    finds_what_is_planted(directory)


def sessions(search, ensemble):
    """Sessions on TLS and SASL, each on two connections."""
    secure, plain, sasl, tls = ensemble.secure_hosts, ensemble.hosts, search.sasl, search.tls
    for hosts, certificate, environment in (
        (secure, search.cert, sasl), (secure, "-", {**tls, **sasl, "ZOO_TLS_KEY_PASSWORD_FILE": search.private / "key"}),
        (secure, "-", {**tls, "ZOO_TLS_KEY_PASSWORD": KEY_PASSWORD}), (plain, "-", sasl), (plain, "sasl:DIGEST-MD5", search.by_call),
    ):
        with search.client(hosts, certificate, 60000, **environment) as program:
            opened(program)
            ask(program, f"identify digest {CREDENTIALS}", "identify 0")
            program.send("session")
            search.known["session's password"] = bytes.fromhex(program.expect("^session ([0-9a-f]{32})$", WAIT)[1])
            path = f"/secrets{len(search.runs)}"
            ask(program, f"mine {path}", "mine 0")
            # A new connection logs everything again.
            program.mark()
            ensemble.kill()
            program.expect("connection lost|closed early|timed out|refused", WAIT, stderr=True)
            ensemble.start()
            ensemble.wait_ready()
            ask(program, "await", "state 3")
            ask(program, f"get {path}", "get 0 5")
            ended(program)


def refused_logins(search, plain):
    """Failures log their reasons."""
    sasl, by_call, private = search.sasl, search.by_call, search.private
    for certificate, environment in (
        ("-", {**sasl, "ZOO_SASL_PASSWORD_FILE": private / "wrong"}),
        ("sasl:DIGEST-MD5", {**by_call, "CLIENT_PASSWORD_FILE": private / "wrong"}),
        ("sasl:DIGEST-MD5", {**by_call, "CLIENT_PASSWORD_FILE": private / "long"}),
        ("sasl:PLAIN", by_call),
        ("sasl:DIGEST-MD5", {**by_call, "CLIENT_PASSWORD_FILE": MISPLACED}),
        ("sasl:DIGEST-MD5", {**by_call, "CLIENT_PASSWORD_FILE": f"/{MISPLACED}", "CLIENT_CALLBACK": 1}),
    ):
        with search.client(plain, certificate, **environment) as program:
            program.expect("^handle$", WAIT)
            ask(program, "auth", "event -113")
            ask(program, "close", CLOSED)
            program.wait(WAIT)
    with search.client(plain, "-") as program:
        opened(program)
        ask(program, f"identify nothing {CREDENTIALS}", "identify -115")
        ask(program, "close", CLOSED)
        program.wait(WAIT)


def bad_settings(search):
    """Passwords that are wrong, given twice, too long or in place of a file's name."""
    sasl, tls, private = search.sasl, search.tls, search.private
    for certificate, environment in (
        (f"{search.cert_without_password},{WRONG}", {}), (f"{search.cert},more", {}), (f"{search.cert}{SASL_PASSWORD}", {}),
        ("-", {**tls, "ZOO_TLS_KEY_PASSWORD": WRONG}), ("-", {**tls, "ZOO_TLS_KEY_PASSWORD_FILE": private / "wrong"}),
        ("-", {**tls, "ZOO_TLS_KEY_PASSWORD": KEY_PASSWORD, "ZOO_TLS_KEY_PASSWORD_FILE": private / "sasl"}),
        ("-", {**sasl, "ZOO_SASL_PASSWORD_FILE": private / "long"}), *misplaced(tls, sasl),
    ):
        with search.client("127.0.0.1:1", certificate, **environment) as program:
            program.expect("^(no handle|handle$)", WAIT)
            if "no handle" not in program.lines[-1]:
                ask(program, "close", CLOSED)
            program.wait(WAIT)


def misplaced(tls, sasl):
    """(certificate string, environment) with a password in place of each file name."""
    ca, client_file = file("ca.crt"), file("client.crt")
    for secret in (MISPLACED, f"/{MISPLACED}", f"x/{MISPLACED}"):
        yield from ((text, {}) for text in (secret, f"{ca},{secret}", f"{ca},{client_file},{secret}"))
        for name in ("ZOO_TLS_CA", "ZOO_TLS_CERT", "ZOO_TLS_KEY", "ZOO_TLS_KEY_PASSWORD_FILE"):
            yield "-", {**tls, name: secret}
        yield "-", {**tls, "ZOO_TLS_CA": "system", "SSL_CERT_FILE": secret}
        yield "-", {**tls, "ZOO_TLS_SERVER_NAME": f"{secret}!"}
        yield "-", {**sasl, "ZOO_SASL_PASSWORD_FILE": secret}


def encrypt(target, password):
    """The client's key, encrypted with this password."""
    subprocess.run(["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", file("client.key"), "-out", target, "-passout",
                    f"pass:{password}"], check=True, stdin=subprocess.DEVNULL)


def finds_what_is_planted(directory):
    """Plants a secret where the library logs it and where it publishes it, and one in each form."""
    public = directory / "planted"
    public.mkdir()
    named = directory / f"client-{PLANTED}"
    shutil.copy(build.program, named)
    with FakeServer(lambda link: (link.accept_session(), link.serve())) as server:
        with client(f"{server.hostport}/{PLANTED}", "-", program=named, ZOO_STATS_DIR=public, ZOO_STATS_INTERVAL_MS=100,
                    ZOO_STATS_KEEP=1) as program:
            opened(program)
            ended(program)
            places = {where for _, where, _ in leaks({"planted": PLANTED}, published(program, public))}
    if "log" not in places or len(places) < 2:
        raise AssertionError(f"the search found what was planted in {places} only")
    # Also in the name of a file, which is logged if the file exists.
    (directory / PLANTED).write_text("no certificate")
    with client("127.0.0.1:1", "-", ZOO_TLS_CA=directory / PLANTED) as program:
        program.expect("^no handle, errno 22$", WAIT)
        program.wait(WAIT)
        expect("found in a file's name", bool(leaks({"planted": PLANTED}, {"log": "\n".join(program.errors).encode()})), True)
    for form in forms(PLANTED):
        expect(f"found as {form}", bool(leaks({"planted": PLANTED}, {"text": b"before " + form + b" behind"})), True)
    for before in (b"", b"a", b"ab", b"user:"):
        text = base64.b64encode(before + PLANTED.encode() + b":more")
        expect(f"found in base64 behind {before}", bool(leaks({"planted": PLANTED}, {"text": text})), True)
    expect("found where nothing is", leaks({"planted": PLANTED}, {"text": b"nothing of the kind"}), [])


CASES = (log_secrets,)
