"""The attacks of hostile.py on a client that speaks TLS: misbehaviour of a server, or of a man in the middle, below and
around the packets. Rows as in attacks.py, with the settings for TLS in the process's environment; the honest server
speaks TLS too.

There are three ways of serving: bare records, which need no key before TLS 1.2's key exchange; `Peer`, an honest TLS
server of Python's ssl whose bytes the script alters and sends; and `OpenSsl`, for features that Python's ssl lacks.
"""
import ssl
import struct
import tempfile

import rig
from attacks import BAD, LOST, OK, Attack, GRANTED, integer, trickle
from fake_server import Gone
from openssl_server import TLS_1_2, TLS_1_3, OpenSsl, settings as openssl_settings
from wire import Response, buffer, stat

CERTIFICATE = -15  # ZSSLCONNECTIONERROR
REFUSED = (CERTIFICATE, *LOST)
ALERT, HANDSHAKE, DATA = 21, 22, 23
ATTACKS = []


def attack(name, script, codes=LOST, **options):
    """Adds a row."""
    ATTACKS.append(Attack(f"TLS: {name}", script, codes, environment=_environment, honest=honest, **options))


def _environment():
    return {"ZOO_TLS_CA": rig.certificates() / "ca.crt"}


def context(certificate="server", version=None):
    """A server's settings, for one version of TLS or for the newest."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    directory = rig.certificates()
    made.load_cert_chain(directory / f"{certificate}.crt", directory / f"{certificate}.key")
    if version:
        made.minimum_version = made.maximum_version = version
    return made


def honest(link):
    """Serves honestly, with TLS."""
    try:
        link.secure(context())
    except OSError as error:
        raise Gone from error
    link.accept_session()
    link.serve()


# -- bare records

def record(kind, data, version=TLS_1_2):
    """One record, not encrypted."""
    return struct.pack(">BHH", kind, version, len(data)) + data


def message(kind, body, length=None):
    """A handshake message; `length` replaces the true length."""
    return struct.pack(">I", (kind << 24) | (len(body) if length is None else length)) + body


def server_hello(version=TLS_1_2, suite=0xC02F, extensions=b"", random=b"r" * 32, session=b""):
    """A ServerHello."""
    body = struct.pack(">H", version) + random + bytes([len(session)]) + session + struct.pack(">HB", suite, 0)
    return message(2, body + (struct.pack(">H", len(extensions)) + extensions if extensions else b""))


def extension(kind, data):
    """One extension of a ServerHello."""
    return struct.pack(">HH", kind, len(data)) + data


def read_hello(link):
    """Reads the ClientHello; returns its session id."""
    kind = None
    while kind != HANDSHAKE:
        kind, _, length = struct.unpack(">BHH", link.read(5))
        body = link.read(length)
    return body[39:39 + body[38]]


def bare(*pieces):
    """Sends these bytes in answer to the ClientHello, and nothing more."""
    def script(link):
        read_hello(link)
        for piece in pieces:
            link.raw(piece)
        link.until_eof(30)
    return script


def flood(first, piece, limit=64 << 20):
    """Sends the same bytes again and again, until the client leaves."""
    def script(link):
        read_hello(link)
        link.raw(first)
        many = piece * max(1, 65536 // len(piece))
        for _ in range(limit // len(many)):
            link.raw(many)
        link.until_eof(30)
    return script


BROKEN = "broke the TLS protocol"
NO_TLS = "does not speak TLS"
TOO_LARGE = "has more than|broke the TLS protocol"

attack("a plain server", bare(integer(len(GRANTED)) + GRANTED), REFUSED, drops=True, log=NO_TLS)
attack("a web server", bare(b"HTTP/1.1 400 Bad Request\r\n\r\n"), REFUSED, drops=True, log=NO_TLS)
attack("handshake never answered", lambda link: link.until_eof(30), drops=True, log="timed out|timeout")
attack("garbage instead of a handshake", bare(b"\x16" + bytes(range(256)) * 8), drops=True, log=BROKEN)
attack("record of 65,535 bytes announced", bare(struct.pack(">BHH", HANDSHAKE, TLS_1_2, 65535), bytes(65535)), drops=True,
       log=BROKEN)
attack("half a record, then nothing", bare(record(HANDSHAKE, server_hello())[:40]), drops=True, log="timed out|timeout")
attack("empty records for ever", flood(b"", record(HANDSHAKE, b"")), drops=True, log=BROKEN)
attack("change cipher spec for ever", flood(b"", record(20, b"\x01")), drops=True, log=BROKEN)
attack("warnings for ever", flood(b"", record(ALERT, b"\x01\x5a")), drops=True, log=BROKEN)
attack("data before the handshake", flood(b"", record(DATA, bytes(1000))), drops=True, log=BROKEN)
attack("first message of 16 MiB, sent", flood(record(HANDSHAKE, message(2, bytes(1000), 0xFFFFFF)), record(HANDSHAKE, bytes(16000))),
       drops=True, log=TOO_LARGE)
attack("certificate of 16 MiB, sent",
       flood(record(HANDSHAKE, server_hello()) + record(HANDSHAKE, message(11, b"\xff\xff\xfc\xff\xff\xf9", 0xFFFFFF)),
             record(HANDSHAKE, bytes(16000))), drops=True, log=TOO_LARGE)
attack("certificate of 16 MiB in records of one byte",
       flood(record(HANDSHAKE, server_hello()) + record(HANDSHAKE, message(11, b"\xff\xff\xfc\xff\xff\xf9", 0xFFFFFF)),
             record(HANDSHAKE, b"\0")), drops=True, log=TOO_LARGE)


def certificates(entries):
    """A TLS 1.2 server that presents these bytes as its certificates."""
    listed = b"".join(struct.pack(">I", len(entry))[1:] + entry for entry in entries)
    return bare(*(record(HANDSHAKE, part) for part in (
        server_hello(), message(11, struct.pack(">I", len(listed))[1:] + listed),
        message(12, b"\x03\0\x1d\x20" + bytes(32) + b"\x08\x04\0\x02xy"), message(14, b""))))


UNUSABLE = "certificate|broke the TLS protocol"
attack("no certificate", certificates([]), REFUSED, drops=True, log=UNUSABLE)
attack("5,000 certificates of no byte", certificates([b""] * 5000), REFUSED, drops=True, log=UNUSABLE)
attack("a certificate of nonsense", certificates([b"\x30\x84" + b"\xff" * 14]), REFUSED, drops=True, log=UNUSABLE)
attack("a certificate nested 4,000 times", certificates([b"\x30\x80" * 4000]), REFUSED, drops=True, log=UNUSABLE)
attack("TLS 1.0", bare(record(HANDSHAKE, server_hello(0x0301))), REFUSED, drops=True, log="no TLS version|broke the TLS")
attack("a version of no kind", bare(record(HANDSHAKE, server_hello(0x7F7F))), REFUSED, drops=True,
       log="no TLS version|broke the TLS")
attack("a cipher suite that was not offered", bare(record(HANDSHAKE, server_hello(suite=5))), REFUSED, drops=True,
       log="cipher suite|broke the TLS")
attack("ALPN that was not asked for",
       bare(record(HANDSHAKE, server_hello(extensions=extension(16, b"\0\x03\x02h2")))), REFUSED, drops=True, log=BROKEN)
attack("extensions longer than the message",
       bare(record(HANDSHAKE, server_hello(extensions=struct.pack(">HH", 16, 60000)))), drops=True, log=BROKEN)
attack("two ServerHellos", bare(record(HANDSHAKE, server_hello() * 2)), drops=True, log=BROKEN)
attack("the handshake's last message first", bare(record(HANDSHAKE, message(20, bytes(12)))), drops=True, log=BROKEN)


def _retries(link):
    session = read_hello(link)
    retry = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    asked = extension(43, b"\x03\x04") + extension(51, b"\0\x18")  # TLS 1.3, secp384r1
    while True:
        link.raw(record(HANDSHAKE, server_hello(suite=0x1301, extensions=asked, random=retry, session=session)))
        session = read_hello(link) or session


def _alerts(link):
    read_hello(link)
    link.raw(record(ALERT, bytes([2, ALERTS[link.number % len(ALERTS)]])))
    link.until_eof(30)


ALERTS = (0, 10, 20, 22, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 90, 109, 110, 112, 113, 115, 116, 120, 255)
attack("another key share asked for, for ever", _retries, drops=True, log=BROKEN)
attack("each alert there is", _alerts, REFUSED, drops=True, log="TLS alert", handles=len(ALERTS), seconds=20)


def _reset(link):
    read_hello(link)
    link.reset()


def _fin(link):
    read_hello(link)


def _alert_and_reset(link):
    read_hello(link)
    link.raw(record(ALERT, bytes([2, 116])))
    link.reset()


attack("an alert, and RST behind it", _alert_and_reset, REFUSED, drops=True, log="TLS alert.*demands a client certificate")
attack("RST instead of an answer", _reset, drops=True, log="closed early")
attack("FIN instead of an answer", _fin, drops=True, log="closed early.*without answering in TLS")


# -- an honest handshake whose bytes the script sends

class Peer:
    """See the module."""

    def __init__(self, link, settings):
        self.link = link
        self._inbox, self._outbox = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = settings.wrap_bio(self._inbox, self._outbox, server_side=True)

    def flight(self):
        """The next bytes to send; empty when the handshake is done."""
        while True:
            try:
                self._tls.do_handshake()
                return self._outbox.read()
            except ssl.SSLWantReadError:
                if self._outbox.pending:
                    return self._outbox.read()
                self._inbox.write(self.link.some())
            except OSError as error:  # the client's alert
                raise Gone from error

    def handshake(self):
        """Does the whole handshake, unaltered."""
        while flight := self.flight():
            self.link.raw(flight)
            if self._tls.version() == "TLSv1.3" and self._is_done():
                break

    def _is_done(self):
        try:
            self._tls.do_handshake()
        except OSError:
            return False
        self.link.raw(self._outbox.read())
        return True

    def encrypt(self, data):
        """One record, if the data fits into one."""
        self._tls.write(data)
        return self._outbox.read()

    def read(self, count):
        """Reads `count` bytes from the client."""
        data = b""
        while len(data) < count:
            try:
                if not (more := self._tls.read(count - len(data))):
                    raise Gone
                data += more
            except ssl.SSLWantReadError:
                self._inbox.write(self.link.some())
            except OSError as error:
                raise Gone from error
        return data

    def frame(self):
        """The client's next packet."""
        return self.read(struct.unpack(">i", self.read(4))[0])

    def session(self):
        """A session, granted."""
        self.handshake()
        self.frame()
        self.link.raw(self.encrypt(integer(len(GRANTED)) + GRANTED))

    def request(self):
        """The number of the next request that is not a ping; the content is not checked."""
        return next_request(self)

    def end(self):
        """How the client ends the stream, ignoring all other data: "close_notify", or "nothing" when the connection
        just ends."""
        while True:
            try:
                if not self._tls.read(65536):
                    return "close_notify"
            except ssl.SSLWantReadError:
                try:
                    self._inbox.write(self.link.some())
                except Gone:
                    return "nothing"
            except ssl.SSLZeroReturnError:
                return "close_notify"

    def close_notify(self):
        """Ends the TLS stream, but not the connection."""
        try:
            self._tls.unwrap()
        except OSError:
            pass
        return self._outbox.read()


def reply(xid):
    """The bytes of a reply to exists()."""
    payload = Response.header(xid, 1, 0) + stat()
    return integer(len(payload)) + payload


def peer(then, certificate="server", version=None):
    """A script: calls `then(peer)` after the client's first bytes have come."""
    def script(link):
        then(Peer(link, context(certificate, version)))
    return script


def in_session(then, version=None):
    """A script: grants a session over TLS, reads the first request, and calls `then(peer, xid)`."""
    def serve(one):
        one.session()
        then(one, one.request())
        one.link.until_eof(30)
    return peer(serve, version=version)


def _slow(one):
    trickle(one.link, one.flight())


def _cut(step, version):
    def serve(one):
        flight = one.flight()
        end = one.link.number * step
        if end < len(flight):
            return one.link.raw(flight[:end])
        one.link.raw(flight)
        one.session()
        while True:
            one.link.raw(one.encrypt(reply(one.request())))
    return peer(serve, version=version)


def _flipped(step, version):
    def serve(one):
        flight = bytearray(one.flight())
        at = one.link.number * step + 5
        if at < len(flight):
            flight[at] ^= 0x40
        one.link.raw(bytes(flight))
        one.link.until_eof(30)
    return peer(serve, version=version)


attack("handshake at one byte a second", peer(_slow), drops=True, log="timed out|timeout")
for number in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    called = number.name.replace("v", " ").replace("_", ".")[4:]
    attack(f"{called}, FIN in the middle of the handshake", _cut(45, number), (OK, *LOST), drops=True, log="closed early",
           handles=40, seconds=20)
    attack(f"{called}, one bit of the handshake changed", _flipped(37, number), REFUSED, drops=True,
           log=f"{BROKEN}|certificate|TLS version|TLS alert|timed out", handles=40, seconds=20)


def _stops_in_handshake(one):
    flight = one.flight()
    one.link.raw(flight[:len(flight) // 2])
    one.link.until_eof(30)


attack("half of the handshake, then nothing", peer(_stops_in_handshake), drops=True, log="timed out|timeout")


def chain(length, then):
    """A server that presents its certificate and `length` unrelated others."""
    def script(link):
        directory = rig.certificates()
        with tempfile.NamedTemporaryFile() as file:
            file.write((directory / "server.crt").read_bytes() + (directory / "other_ca.crt").read_bytes() * length)
            file.flush()
            settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            settings.load_cert_chain(file.name, directory / "server.key")
        then(Peer(link, settings))
    return script


def _serve(one):
    one.session()
    while True:
        one.link.raw(one.encrypt(reply(one.request())))


attack("a chain of 40 certificates that it does not need", chain(40, _serve), (OK,), drops=False)
attack("a chain of 300 certificates", chain(300, _serve), drops=True, log=TOO_LARGE)


# -- inside a session

def _garbage(one, _):
    one.link.raw(bytes(range(256)) * 8)


def _plain(one, xid):
    one.link.raw(reply(xid))


def _forged(one, xid):
    one.link.raw(record(DATA, reply(xid) + bytes(16)))


def _altered(one, xid):
    data = bytearray(one.encrypt(reply(xid)))
    data[-1] ^= 1
    one.link.raw(bytes(data))


def _again(one, xid):
    data = one.encrypt(reply(xid))
    one.link.raw(data + data)


def _half(one, xid):
    one.link.raw(one.encrypt(reply(xid))[:-7])
    one.link.close()
    raise Gone


def _half_and_silence(one, xid):
    one.link.raw(one.encrypt(reply(xid))[:-7])


def _byte_a_record(one, xid):
    while True:
        one.link.raw(b"".join(one.encrypt(bytes([byte])) for byte in reply(xid)))
        xid = one.request()


def _byte_a_packet(one, xid):
    while True:
        for byte in one.encrypt(reply(xid)):
            one.link.raw(bytes([byte]))
        xid = one.request()


def _both_in_one(one, xid):
    events = b"".join(integer(len(body)) + body for body in [Response.header(-2, 1, 0)] * 100)
    while True:
        one.link.raw(one.encrypt(events + reply(xid) + events))
        xid = one.request()


def _close_notify(one, _):
    one.link.raw(one.close_notify())


def _fatal(one, _):
    one.link.raw(record(ALERT, b"\x02\x50"))


def _record_of_a_gigabyte(one, xid):
    one.link.raw(one.encrypt(integer(2**30) + Response.header(xid, 1, 0)))
    while True:
        one.link.raw(one.encrypt(bytes(16000)))


NOT_ANSWERED = (OK, *LOST)
attack("garbage in a session", in_session(_garbage), drops=True, log=BROKEN)
attack("a reply in the clear in a session", in_session(_plain), drops=True, log=BROKEN)
attack("a forged record", in_session(_forged), drops=True, log=BROKEN)
attack("a record with one bit changed", in_session(_altered), drops=True, log=BROKEN)
attack("a record sent twice", in_session(_again), NOT_ANSWERED, drops=True, log=BROKEN)
attack("FIN in the middle of a record", in_session(_half), drops=True, log="failed while receiving.*connection lost")
attack("half a record in a session, then nothing", in_session(_half_and_silence), drops=True, log=r"timed out")
attack("a record for each byte of a reply", in_session(_byte_a_record), (OK,), drops=False)
attack("a packet for each byte of a record", in_session(_byte_a_packet), (OK,), drops=False)
attack("201 replies in one record", in_session(_both_in_one), (OK,), drops=False)
attack("the end of the stream, and the connection stays", in_session(_close_notify), drops=True,
       log="failed while receiving.*connection lost")
attack("a fatal alert in a session", in_session(_fatal, ssl.TLSVersion.TLSv1_2), drops=True, log=f"TLS alert|{BROKEN}")
attack("1 GiB announced in records", in_session(_record_of_a_gigabyte), (*BAD, *LOST), drops=True, log="not acceptable")


def _tickets(link):
    settings = context()
    settings.num_tickets = 5000
    _serve(Peer(link, settings))


attack("5,000 tickets", _tickets, (OK,), drops=False)


# -- features that Python's ssl lacks

def openssl(then, version):
    """A script: grants a session over TLS, and calls `then(server)`."""
    def script(link):
        with OpenSsl(link, openssl_settings(version=version)) as server:
            server.frame()
            server.write(integer(len(GRANTED)) + GRANTED)
            then(server)
        link.until_eof(30)
    return script


def next_request(server):
    """The number of the next request that is not a ping."""
    while (xid := struct.unpack(">i", server.frame()[:4])[0]) == -2:
        pass
    return xid


def _new_keys(asks, count):
    def serve(server):
        while True:
            xid = next_request(server)
            for _ in range(count):
                server.key_update(asks)
            server.write(reply(xid))
    return serve


def _new_keys_for_ever(asks):
    def serve(server):
        next_request(server)
        while True:
            server.key_update(asks)
    return serve


def _renegotiation(server):
    while True:
        xid = next_request(server)
        server.renegotiate()
        server.write(reply(xid))


attack("new keys before each reply", openssl(_new_keys(False, 1), TLS_1_3), (OK,), drops=False)
attack("new keys of both sides before each reply", openssl(_new_keys(True, 1), TLS_1_3), (OK,), drops=False)
attack("new keys 10,000 times", openssl(_new_keys(False, 10000), TLS_1_3), (OK, *LOST))
attack("new keys for ever", openssl(_new_keys_for_ever(False), TLS_1_3), drops=True, log="timed out|broke the TLS")
attack("new keys of both sides for ever", openssl(_new_keys_for_ever(True), TLS_1_3), drops=True, log=BROKEN)
attack("another handshake in a session", openssl(_renegotiation, TLS_1_2), (OK, *LOST))
