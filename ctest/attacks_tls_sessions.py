"""The attacks of hostile.py inside a session over TLS. Rows as in attacks_tls.py. The servers are `Peer`, whose bytes the
script alters and sends, and `OpenSsl`, for features that Python's ssl lacks."""
import ssl

from attacks import BAD, GRANTED, LOST, OK, integer
from attacks_tls import ALERT, BROKEN, DATA, peer, record, row
from fake_server import Gone
from openssl_server import TLS_1_2, TLS_1_3, OpenSsl, settings as openssl_settings
from tls_peer import Peer, context, next_request, reply
from wire import Response

ATTACKS = []


def attack(*arguments, **options):
    """Adds a row."""
    ATTACKS.append(row(*arguments, **options))


def in_session(then, version=None):
    """A script: grants a session over TLS, reads the first request, and calls `then(peer, xid)`."""
    def serve(one):
        one.session()
        then(one, one.request())
        one.link.until_eof(30)
    return peer(serve, version=version)


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
    Peer(link, settings).serve()


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
