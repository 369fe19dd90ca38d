"""The attacks of hostile.py: misbehaviour of a server. A script serves each connection; `codes` are the codes that a
call on our library may then return, `drops` says whether the connection must end (None: either), `log` is a pattern
that some line at WARN or ERROR must match."""

import dataclasses
import struct
import time
from collections.abc import Callable

from fake_server import Gone
from wire import Response, buffer, connect_response, stat, ustring, vector

OK = 0
CONNECTION_LOSS = -4
MARSHALLING = -5
TIMEOUT = -7
INCONSISTENT = -2
EXPIRED = -112
AUTH_FAILED = -115
INVALID_STATE = -9
MAX = 2**31 - 1
LOST = (CONNECTION_LOSS, TIMEOUT)
BAD = (MARSHALLING,)
ATTACKS = []


@dataclasses.dataclass
class Attack:
    """One row."""

    name: str
    script: Callable
    codes: tuple
    call: str = "exists"
    drops: bool | None = None
    log: str | None = None
    seconds: float = 12.0
    handles: int = 1
    environment: Callable = dict  # the process's, besides the library's
    honest: Callable | None = None  # the honest server's script, where it is not the usual one


def attack(name, *arguments, **options):
    """Adds a row."""
    ATTACKS.append(Attack(name, *arguments, **options))


def integer(value):
    """A jute int, out of range or not."""
    return struct.pack(">i", value)


# -- ways of serving

def instead_of_handshake(data):
    """Sends these bytes in place of the handshake's answer, and nothing more."""
    def script(link):
        link.read_connect()
        link.raw(data)
        link.until_eof(30)
    return script


def instead_of_reply(data):
    """Grants a session, and sends these bytes in place of the first reply."""
    def script(link):
        link.accept_session()
        link.request()
        link.raw(data)
        link.until_eof(30)
    return script


def replying(body, error=0):
    """Grants a session on which every reply has this body."""
    def script(link):
        link.accept_session()
        while True:
            request = link.request()
            if request.name == "close":
                return link.reply(request)
            link.reply(request, body, error=error)
    return script


def before_reply(trick):
    """Serves honestly, but calls `trick(link, request)` before each answer."""
    def script(link):
        link.accept_session()
        while True:
            request = link.request()
            trick(link, request)
            link.answer(request)
            if request.name == "close":
                return
    return script


def handshake(**changes):
    """Sends a handshake with changed values, then serves honestly."""
    def script(link):
        request = link.read_connect()
        values = {"timeout": request.timeout, "session": 0x77, "password": b"p" * 16} | changes
        link.send(connect_response(**values))
        link.serve()
    return script


def trickle(link, data, pause=1.0):
    """Sends single bytes with pauses between them."""
    for i in range(len(data)):
        link.raw(data[i:i + 1])
        if link.until_eof(pause):
            raise Gone
    link.until_eof(30)


# -- frames

UNACCEPTABLE = "not acceptable"
HEADLESS = "has no header"
for length, words in ((-1, UNACCEPTABLE), (-(2**31), UNACCEPTABLE), (MAX, UNACCEPTABLE), (2**30, UNACCEPTABLE),
                      (0, "cannot be read"), (1, "cannot be read"), (15, "cannot be read")):
    attack(f"handshake of {length} bytes", instead_of_handshake(integer(length) + bytes(max(0, length) % 1000)),
           (*BAD, *LOST), drops=True, log=words)
    attack(f"frame of {length} bytes", instead_of_reply(integer(length) + bytes(max(0, length) % 1000)), (*BAD, *LOST),
           drops=True, log=words.replace("cannot be read", HEADLESS))

attack("a TLS alert instead of a handshake", instead_of_handshake(b"\x15\x03\x03\0\x02\x02\x28"), (*BAD, *LOST), drops=True,
       log="speaks TLS on this port, and this client does not")
attack("HTTP instead of a handshake", instead_of_handshake(b"HTTP/1.1 400 Bad Request\r\n\r\n"), (*BAD, *LOST), drops=True,
       log="answers in HTTP")


def _gigabyte(link):
    link.accept_session()
    link.request()
    link.raw(integer(2**30))
    trickle(link, bytes(1 << 20), 0.01)


def _promise(link):
    link.accept_session()
    link.request()
    link.raw(integer(60 << 20))
    trickle(link, bytes(1 << 20), 0.05)


def _byte_a_second(link):
    link.accept_session()
    request = link.request()
    payload = Response.header(request.xid, 1, 0) + stat()
    trickle(link, integer(len(payload)) + payload)


def _slow_handshake(link):
    link.read_connect()
    payload = connect_response(2000, 0x77)
    trickle(link, integer(len(payload)) + payload)


def _silent_handshake(link):
    link.read_connect()
    link.until_eof(30)


def _deaf(link):
    link.until_eof(30)


attack("1 GiB announced, then trickled", _gigabyte, (*BAD, *LOST), "get", drops=True, log=UNACCEPTABLE)
attack("60 MiB announced, then trickled", _promise, LOST, "get", drops=True, log=r"connection to \S+ timed out")
attack("reply at one byte a second", _byte_a_second, LOST, drops=True, log=r"connection to \S+ timed out")
attack("handshake at one byte a second", _slow_handshake, LOST, drops=True, log="handshake timeout")
attack("handshake never answered", _silent_handshake, LOST, drops=True, log="handshake timeout")
attack("connection accepted, nothing read", _deaf, LOST, drops=True, log="handshake timeout")

# -- handshakes

UNREADABLE = "cannot be read"
GRANTED = connect_response(2000, 0x77)
for short in (4, 16, 20, 35):
    attack(f"handshake cut to {short} bytes", instead_of_handshake(integer(short) + GRANTED[:short]), (*BAD, *LOST),
           drops=True, log="cannot be read")


def _oversized(link):
    link.read_connect()
    link.send(GRANTED + bytes(1 << 20))
    link.serve()


attack("handshake with 1 MiB behind it", _oversized, (OK, *BAD, *LOST))
for declared in (-1, 0, 15, 17, MAX):
    attack(f"handshake password of {declared} bytes", instead_of_handshake(
        (lambda data: integer(len(data)) + data)(struct.pack(">iiqi", 0, 2000, 0x77, declared) + b"p" * 17)),
        (*BAD, *LOST), log=UNREADABLE if declared == MAX else None)
for timeout in (0, -1, -(2**31)):
    attack(f"session timeout of {timeout} ms", handshake(timeout=timeout), LOST, drops=True, log="granted no session")
attack(f"session timeout of {MAX} ms", handshake(timeout=MAX), (OK,), drops=False)
attack("session timeout of 1 ms", handshake(timeout=1), (OK, *LOST))
attack("session id 0", handshake(session=0), LOST, drops=True, log="granted no session")
attack("session id -1", handshake(session=-1), (OK,), drops=False)


def _other_session(link):
    link.read_connect()
    link.send(connect_response(2000, 0x77 + link.number))
    link.request()  # and the connection is closed


attack("another session at the reconnect", _other_session, (*LOST, EXPIRED, INVALID_STATE), drops=True, log="has expired")

# -- replies


def unreadable(name, call, body):
    """A reply that makes its call fail; the connection stays in step and is kept."""
    attack(name, replying(body), BAD, call, drops=False, log=UNREADABLE)


for count in (MAX, 1000, 2**24):
    unreadable(f"{count} children announced, one there", "children", integer(count) + ustring("a"))
    unreadable(f"{count} ACL entries announced, one there", "acl",
               integer(count) + integer(31) + ustring("world") + ustring("anyone") + stat())
for count in (-1, -(2**31)):
    attack(f"{count} children announced", replying(integer(count)), (OK, *BAD), "children", drops=False)
    attack(f"{count} ACL entries announced", replying(integer(count) + stat()), (OK, *BAD), "acl", drops=False)
unreadable("a child's name of 2^31-1 bytes", "children", integer(2) + ustring("a") + integer(MAX) + b"b")
unreadable("a scheme of 2^31-1 bytes", "acl", integer(1) + integer(31) + integer(MAX) + stat())
attack("a child's name of -1 bytes", replying(integer(1) + integer(-1)), (OK, *BAD), "children", drops=False)
attack("a scheme and an id of -1 bytes", replying(integer(1) + integer(31) + integer(-1) + integer(-1) + stat()),
       (OK, *BAD), "acl", drops=False)
for name, call in (("data", "get"), ("children", "children"), ("stat", "exists"), ("path", "create"), ("ACL", "acl")):
    unreadable(f"{name}: empty reply", call, b"")
unreadable("data of 2^31-1 bytes announced", "get", integer(MAX) + b"x" + stat())
unreadable("data without its stat", "get", buffer(b"x"))
unreadable("half a stat", "exists", stat()[:33])
unreadable("path of 2^31-1 bytes announced", "create", integer(MAX) + b"/n")
attack("path of -1 bytes", replying(integer(-1)), (OK, *BAD), "create", drops=False)
attack("names that are no UTF-8", replying(vector([b"\xff\xfe\x80", b"\xc3\x28"])), (OK,), "children", drops=False)
attack("names with NUL", replying(vector([b"a\0b", b"\0"])), (OK,), "children", drops=False)
attack("path that is no UTF-8", replying(ustring(b"/\xff\xfe")), (OK,), "create", drops=False)
attack("path with NUL", replying(ustring(b"/\0/x")), (OK,), "create", drops=False)
attack("ACL that is no UTF-8", replying(integer(1) + integer(31) + ustring(b"\xff") + ustring(b"\0") + stat()), (OK,),
       "acl", drops=False)
attack("stat where data is asked for", replying(stat()), (OK, *BAD), "get", drops=False)
for code in (7, -77, MAX, -(2**31)):
    attack(f"error code {code}", replying(b"", error=code), tuple(range(-200, 0)) + (code,), drops=False)


def operation(kind, done, error, body=b""):
    """One result of a transaction."""
    return struct.pack(">i?i", kind, done, error) + body


END = operation(-1, True, -1)
CREATED = operation(1, False, 0, ustring("/n"))
for name, body in {
    "empty reply": b"",
    "no end": CREATED + operation(5, False, 0, stat()),
    "no result at all": END,
    "one result of two": CREATED + END,
    "three results of two": CREATED + operation(5, False, 0, stat()) * 2 + END,
    "results of other kinds": operation(2, False, 0) + operation(13, False, 0) + END,
    "a result of no kind": operation(12345, False, 0) * 2 + END,
    "half a result": CREATED[:11],
    "a path of 2^31-1 bytes": operation(1, False, 0, integer(MAX)) + END,
    "an error without its code": operation(-1, False, -110) * 2 + END,
}.items():
    attack(f"transaction: {name}", replying(body), (OK, *BAD, INCONSISTENT, -1, -110), "multi",
           drops=False)

# -- unsolicited messages


def reply_with(xid, error=0, body=b""):
    """Sends a reply with this xid before each answer."""
    return before_reply(lambda link, request: link.reply(xid(request) if callable(xid) else xid, body, error=error))


WRONG = (INCONSISTENT, *BAD, *LOST)
attack("reply with a wrong xid", reply_with(lambda request: request.xid + 7), WRONG, drops=True,
       log="unexpected server response")
attack("reply with xid 0", reply_with(0), WRONG, drops=True, log="unexpected server response")
attack("reply of a later request first", reply_with(lambda request: request.xid + 1), WRONG, drops=True,
       log="unexpected server response")


def _twice(link):
    link.accept_session()
    while True:
        request = link.request()
        link.answer(request)
        link.answer(request)


def _unasked(link):
    link.accept_session()
    link.reply(12345)
    link.until_eof(30)


attack("every reply twice", _twice, (OK, *WRONG), drops=True, log="answers no request|unexpected server response")
attack("reply to nothing", _unasked, WRONG, drops=True, log="answers no request|unexpected server response")
attack("ping reply unasked", reply_with(-2), (OK,), drops=False)
attack("SetWatches reply unasked", reply_with(-8), (OK,), drops=False)
attack("SetWatches failure unasked", reply_with(-8, -5), (OK,), drops=False, log="SetWatches")
attack("auth reply unasked", reply_with(-4), (OK,), drops=False)
attack("auth failure unasked", reply_with(-4, -115), (OK, AUTH_FAILED, INVALID_STATE, *WRONG))
attack("reply with xid -3, -5, -6, -7", before_reply(lambda link, request: [link.reply(x) for x in (-3, -5, -6, -7)]),
       WRONG, drops=True, log="unexpected server response")
attack("zxid of -1 and 2^63-1", before_reply(
    lambda link, request: [link.send(Response.header(-2, z, 0)) for z in (-1, 2**63 - 1, -(2**63))]), (OK,), drops=False)

# -- events


def event(kind, path, state=3):
    """The frame of an event."""
    payload = Response.header(-1, -1, 0) + integer(kind) + integer(state) + path
    return integer(len(payload)) + payload


def _flood(link, request):
    for block in range(50):
        link.raw(b"".join(event(3, ustring(f"/unknown/{block}/{i}")) for i in range(2000)))


attack("100,000 events for unknown paths", before_reply(_flood), (OK,), "get", drops=False, seconds=15)
attack("100,000 events of unknown kinds", before_reply(
    lambda link, request: [link.raw(b"".join(event(i, ustring("/n")) for i in range(1000))) for _ in range(100)]), (OK,),
    "get", drops=False, seconds=15)
attack("100,000 pings and acknowledgements", before_reply(
    lambda link, request: [link.raw((integer(16) + Response.header(-2, 1, 0)) * 2000) for _ in range(50)]), (OK,),
    drops=False, seconds=15)
attack("event for no path", before_reply(lambda link, request: link.raw(event(3, integer(-1)))), (OK, *BAD, *LOST))
attack("event for a path that is no UTF-8", before_reply(lambda link, request: link.raw(event(3, ustring(b"/\xff\0")))),
       (OK,), drops=False)
attack("event with a path of 2^31-1 bytes", before_reply(lambda link, request: link.raw(event(3, integer(MAX)))), WRONG,
       drops=True, log="watch event cannot be read")
WHOLE = event(3, ustring("/n"))[4:]
for cut in (16, 19, 23, 27, len(WHOLE) - 1):
    attack(f"event cut to {cut} bytes", before_reply(
        lambda link, request, cut=cut: link.raw(integer(cut) + WHOLE[:cut])), WRONG, drops=True,
        log="watch event cannot be read")
attack("session events from the server", before_reply(
    lambda link, request: [link.raw(event(-1, ustring(""), state)) for state in (-112, -113, 0, 5, 12345)]),
    (OK, *LOST), drops=None)

# -- connections that end after each byte


def _end_in_handshake(link):
    link.read_connect()
    frame = integer(len(GRANTED)) + GRANTED
    if link.number < len(frame):
        link.raw(frame[:link.number])
        return
    link.send(connect_response(2000, 0x77))
    link.serve()


def _end_in_reply(link):
    link.accept_session(timeout=4000)
    if link.number >= 40:
        return link.serve()
    request = link.request()
    payload = Response.header(request.xid, 1, 0) + stat()
    link.raw((integer(len(payload)) + payload)[:link.number * 2])
    return None


def _reset_in_reply(link):
    link.accept_session(timeout=4000)
    if link.number >= 4:
        return link.serve()
    link.request()
    time.sleep(0.01)
    return link.reset()


attack("FIN after each byte of the handshake", _end_in_handshake, (OK, *LOST), drops=True, log="closed early",
       handles=41, seconds=20)
attack("FIN after each second byte of a reply", _end_in_reply, (OK, *LOST), drops=True, log="connection lost", handles=40,
       seconds=20)
attack("RST instead of a reply", _reset_in_reply, (OK, *LOST), drops=True, log="connection lost", handles=4)
