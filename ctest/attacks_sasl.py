"""The attacks of hostile.py on a client that authenticates with DIGEST-MD5: wrong answers to its tokens. Rows as in
attacks.py, with the settings for SASL in the process's environment; the honest server knows the password."""
import functools
import hashlib
import re
import tempfile

from attacks import AUTH_FAILED, BAD, EXPIRED, INVALID_STATE, LOST, Attack, event, integer, trickle
from wire import Response, buffer, ustring

USER, PASSWORD = b"bob", b"s3cr3t"
ENDED = (AUTH_FAILED, INVALID_STATE, EXPIRED)
CHALLENGE = b'realm="zk-sasl-md5",nonce="0123456789",charset=utf-8,algorithm=md5-sess'
NULL = integer(-1)
ATTACKS = []


@functools.cache
def _password_file():
    file = tempfile.NamedTemporaryFile()
    file.write(PASSWORD + b"\n")
    file.flush()
    return file  # lives as long as this process


def _environment():
    return {"ZOO_SASL_MECHANISM": "DIGEST-MD5", "ZOO_SASL_USER": USER.decode(), "ZOO_SASL_PASSWORD_FILE": _password_file().name}


def token_of(link):
    """The client's next token, and the number of its request."""
    request = link.request(pings=False)
    if request.op != 102:
        raise AssertionError(f"{request.name} before SASL has ended")
    return request


def token(request):
    """Its bytes."""
    return request.body[4:]


def honest(link):
    """A server that knows the password, and proves it."""
    link.accept_session()
    link.reply(token_of(link), buffer(CHALLENGE))
    request = token_of(link)
    link.reply(request, buffer(b"rspauth=" + proof(token(request))))
    link.serve()


def proof(response):
    """The proof that the client waits for (RFC 2831), computed from its own response."""
    fields = {name: quoted or plain for name, quoted, plain in re.findall(rb'([\w-]+)=(?:"([^"]*)"|([^,]*))', response)}

    def digest(data):
        return hashlib.md5(data).hexdigest().encode()

    secret = hashlib.md5(b":".join((USER, fields[b"realm"], PASSWORD))).digest()
    key = digest(b":".join((secret, fields[b"nonce"], fields[b"cnonce"])))
    return digest(b":".join((key, fields[b"nonce"], fields[b"nc"], fields[b"cnonce"], fields[b"qop"],
                             digest(b":" + fields[b"digest-uri"]))))


def attack(name, script, codes=ENDED, **options):
    """Adds a row."""
    ATTACKS.append(Attack(f"SASL: {name}", script, codes, environment=_environment, honest=honest, **options))


def answering(*bodies, error=0):
    """A script: grants a session and answers the tokens with these bodies, one after the other; the last one repeats
    for ever."""
    def script(link):
        link.accept_session()
        left = list(bodies)
        while True:
            link.reply(token_of(link), left.pop(0) if len(left) > 1 else left[0], error=error)
    return script


def challenged(trick):
    """A script: sends an honest challenge, then calls `trick(link, request)`."""
    def script(link):
        link.accept_session()
        link.reply(token_of(link), buffer(CHALLENGE))
        trick(link, token_of(link))
        link.until_eof(30)
    return script


FAILED = "SASL authentication failed"
UNREADABLE = f"{FAILED}|cannot be read"
# -- challenges
for name, challenge in {
    "empty": b"", "of one byte": b"=", "of commas": b"," * 5000, "of bytes that are no text": bytes(range(256)),
    "without a nonce": b'realm="r",charset=utf-8,algorithm=md5-sess', "with an empty nonce": b'nonce="",algorithm=md5-sess',
    "with two nonces": CHALLENGE + b',nonce="another"', "with another algorithm": CHALLENGE.replace(b"md5-sess", b"md5"),
    "with encryption only": CHALLENGE + b',qop="auth-conf"', "with a quote that does not end": CHALLENGE + b',realm="x',
    "with a backslash at its end": CHALLENGE + b',realm="x\\',
    "with a nonce of 60,000 bytes": b'nonce="%s",algorithm=md5-sess' % (b"n" * 60000),
    "with 10,000 realms": CHALLENGE + b',realm="x"' * 10000,
}.items():
    attack(f"a challenge {name}", answering(buffer(challenge)), (*ENDED, *LOST), drops=True, log=FAILED)
attack("a challenge of 1 MiB", answering(buffer(CHALLENGE + b"," * (1 << 20))), (*ENDED, *LOST), drops=True, log=UNREADABLE)
attack("the same challenge for ever", answering(buffer(CHALLENGE)), drops=True, log=FAILED)
attack("no token", answering(NULL), drops=True, log="no JAAS configuration")
attack("no token after the response", answering(buffer(CHALLENGE), NULL), drops=True, log=FAILED)

# -- proofs
for name, answer in {"empty": b"", "wrong": b"rspauth=" + b"0" * 32, "short": b"rspauth=1", "of 1 MiB": b"rspauth=" + b"0" * (1 << 20),
                     "of another kind": b"hello"}.items():
    attack(f"a proof that is {name}", answering(buffer(CHALLENGE), buffer(answer)), (*ENDED, *LOST), drops=True, log=UNREADABLE)
attack("the response sent back", challenged(lambda link, request: link.reply(request, buffer(token(request)))), drops=True,
       log=FAILED)

# -- replies
for length in (0, 3, 15, 17):
    attack(f"a reply of {length} bytes", challenged(lambda link, request, length=length: link.raw(
        integer(length) + (Response.header(request.xid, 1, 0) + b"\0" * 8)[:length])), (*ENDED, *BAD, *LOST), drops=True)
for announced in (2**31 - 1, -2, 1000):
    attack(f"a token of {announced} bytes announced", challenged(lambda link, request, announced=announced: link.reply(
        request, integer(announced) + b"x")), (*ENDED, *BAD, *LOST), drops=True)
for error in (AUTH_FAILED, -124):
    attack(f"error {error}", answering(b"", error=error), drops=True, log=f"{FAILED}.*refused")
for error in (-4, 7, -(2**31)):
    attack(f"error {error}", answering(b"", error=error), (*ENDED, *BAD, *LOST), drops=True, log="answered SASL with code")
attack("no answer", challenged(lambda link, request: None), LOST, drops=True, log="timed out|timeout")
attack("an answer at one byte a second", challenged(lambda link, request: trickle(
    link, integer(60) + Response.header(request.xid, 1, 0) + buffer(b"rspauth=" + b"0" * 32))), LOST, drops=True,
    log="timed out|timeout")


def _gone(link):
    link.accept_session()
    token_of(link)
    link.reset() if link.number % 2 else link.close()


attack("the connection ends", _gone, LOST, drops=True, log="closed early|connection lost", handles=4)


def _unasked(link):
    link.accept_session()
    for _ in range(1000):
        link.send(Response.header(5, 1, 0) + buffer(CHALLENGE))
    link.until_eof(30)


def _events(link, request):
    link.raw(event(3, ustring("/n")) * 100)


def _two_at_once(link, request):
    answer = Response.header(request.xid, 1, 0) + buffer(b"rspauth=" + proof(token(request)))
    link.raw((integer(len(answer)) + answer) * 2)


attack("1,000 challenges unasked", _unasked, (*ENDED, *BAD, *LOST), drops=True)
attack("events instead of an answer", challenged(_events), (*ENDED, *BAD, *LOST), drops=True)
attack("the proof twice", challenged(_two_at_once), (-2, *ENDED, *BAD, *LOST), drops=True)
