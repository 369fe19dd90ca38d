"""The attacks of hostile.py on a client that speaks TLS: misbehaviour of a server, or of a man in the middle, below and
around the packets. Rows as in attacks.py, with the settings for TLS in the process's environment; the honest server
speaks TLS too. These attack the handshake; attacks_tls_sessions.py has those inside a session.

There are two kinds of server. One sends bare records: those before TLS 1.2's key exchange are not encrypted. The other
is `Peer`, an honest TLS server of Python's ssl whose bytes the script alters and sends.
"""
import ssl
import struct
import tempfile

import rig
from attacks import LOST, OK, Attack, GRANTED, integer, trickle
from fake_server import Gone
from openssl_server import TLS_1_2
from tls_peer import Peer, context

CERTIFICATE = -15  # ZSSLCONNECTIONERROR
REFUSED = (CERTIFICATE, *LOST)
ALERT, HANDSHAKE, DATA = 21, 22, 23
ATTACKS = []


def row(name, script, codes=LOST, **options):
    """One row."""
    return Attack(f"TLS: {name}", script, codes, environment=_environment, honest=honest, **options)


def attack(*arguments, **options):
    """Adds a row."""
    ATTACKS.append(row(*arguments, **options))


def _environment():
    return {"ZOO_TLS_CA": rig.certificates() / "ca.crt"}


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

def peer(then, certificate="server", version=None):
    """A script: calls `then(peer)` after the client's first bytes have come."""
    def script(link):
        then(Peer(link, context(certificate, version)))
    return script


def _slow(one):
    trickle(one.link, one.flight())


def _cut(step, version):
    def serve(one):
        flight = one.flight()
        end = one.link.number * step
        if end < len(flight):
            return one.link.raw(flight[:end])
        one.link.raw(flight)
        one.serve()
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


attack("a chain of 40 certificates that it does not need", chain(40, Peer.serve), (OK,), drops=False)
attack("a chain of 300 certificates", chain(300, Peer.serve), drops=True, log=TOO_LARGE)
