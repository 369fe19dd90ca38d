#!/usr/bin/python3
"""Checks rig's secured servers without any code of ours: with Python's ssl and raw bytes.

usage: rig/check_secure.py [NAME...]     one of the checks below; all without arguments
"""
import contextlib
import hashlib
import os
import pathlib
import re
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from rig.ensemble import Ensemble
from rig.kdc import Kdc
from rig.secure import DigestMd5, Kerberos, Tls, certificates

TIMEOUT = 30


class Wrong(Exception):
    """A server does not behave as configured."""


def expect(what, found, wanted):
    if found != wanted:
        raise Wrong(f"{what}: {found!r} instead of {wanted!r}")


def open_tls(port, client=None):
    context = ssl.create_default_context(cafile=certificates() / "ca.crt")
    if client:
        context.load_cert_chain(certificates() / f"{client}.crt", certificates() / f"{client}.key")
    connection = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    try:
        return context.wrap_socket(connection, server_hostname="localhost")
    except BaseException:
        connection.close()
        raise


def ruok(port, client=None):
    """The answer to `ruok` over TLS and the protocol's version, or (None, None) if the server refuses this client."""
    try:
        with open_tls(port, client) as connection:
            connection.sendall(b"ruok")
            answer = b""
            while chunk := connection.recv(100):
                answer += chunk
            return (answer.decode(), connection.version()) if answer else (None, None)
    except OSError:  # ssl's errors are such too
        return None, None


def answer_of(port, client=None, limit=60):
    """ruok() where an answer is expected: repeated until it comes, because a busy server may drop a handshake."""
    end = time.monotonic() + limit
    while (found := ruok(port, client)) == (None, None) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def receive(connection):
    """One frame; None at the end of the connection."""
    def exactly(count):
        data = b""
        while len(data) < count:
            chunk = connection.recv(count - len(data))
            if not chunk:
                return None
            data += chunk
        return data
    length = exactly(4)
    return length and exactly(struct.unpack(">i", length)[0])


def send(connection, body):
    connection.sendall(struct.pack(">i", len(body)) + body)


def open_session(port):
    connection = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    send(connection, struct.pack(">iqiqi16sb", 0, 0, 10000, 0, 16, b"\0" * 16, 0))
    session = struct.unpack(">q", receive(connection)[8:16])[0]
    if not session:
        raise Wrong("no session")
    return connection


def sasl(connection, xid, token):
    """One exchange of tokens: the reply's error and token, None for a null one."""
    send(connection, struct.pack(">iii", xid, 102, len(token)) + token)
    reply = receive(connection)
    _, _, error = struct.unpack(">iqi", reply[:16])
    length = struct.unpack(">i", reply[16:20])[0] if len(reply) >= 20 else -1
    return error, reply[20:20 + length] if length >= 0 else None


def digest_response(challenge, user, password):
    """RFC 2831: the response, and the proof that the server must send."""
    fields = {name: quoted or bare for name, quoted, bare in re.findall(rb'([\w-]+)=(?:"([^"]*)"|([^,]*))', challenge)}
    realm, nonce, client_nonce = fields[b"realm"], fields[b"nonce"], os.urandom(16).hex().encode()
    uri = b"zookeeper/zk-sasl-md5"

    def digest(data):
        return hashlib.md5(data).hexdigest().encode()

    secret = hashlib.md5(b":".join((user, realm, password))).digest()
    key = digest(b":".join((secret, nonce, client_nonce)))

    def proof(method):
        return digest(b":".join((key, nonce, b"00000001", client_nonce, b"auth", digest(method + b":" + uri))))

    response = (b'charset=utf-8,username="%s",realm="%s",nonce="%s",nc=00000001,cnonce="%s",digest-uri="%s",response=%s,qop=auth'
                % (user, realm, nonce, client_nonce, uri, proof(b"AUTHENTICATE")))
    return response, b"rspauth=" + proof(b"")


def check_pem_need():
    with Ensemble(tls=Tls(client_auth="need")) as ensemble:
        member = ensemble.members[0]
        expect("with a certificate", answer_of(member.secure_port, "client"), ("imok", "TLSv1.2"))
        expect("without one", ruok(member.secure_port), (None, None))
        expect("the plain port", member.four_letter("ruok"), "imok")


def check_pkcs12_want():
    with Ensemble(tls=Tls(store="pkcs12", client_auth="want")) as ensemble:
        for client in (None, "client"):
            expect(f"client {client}", answer_of(ensemble.members[0].secure_port, client)[0], "imok")


def check_jks_none():
    with Ensemble(tls=Tls(store="jks")) as ensemble:
        expect("without a certificate", answer_of(ensemble.members[0].secure_port)[0], "imok")


def check_tls13():
    with Ensemble(tls=Tls(version="1.3")) as ensemble:
        expect("TLS 1.3", answer_of(ensemble.members[0].secure_port), ("imok", "TLSv1.3"))


def check_unification():
    with Ensemble(tls=Tls(port_unification=True)) as ensemble:
        member = ensemble.members[0]
        expect("plain", member.four_letter("ruok"), "imok")
        expect("TLS", answer_of(member.port)[0], "imok")
        expect("the secure port", member.secure_port, member.port)


def check_quorum():
    with Ensemble(3, tls=Tls()) as ensemble:
        expect("ports", len({member.secure_port for member in ensemble.members}), 3)
        for member in ensemble.members:
            expect(f"member {member.id}", answer_of(member.secure_port)[0], "imok")
        member = ensemble.members[0]
        member.restart(wait=60)
        expect("after a restart", answer_of(member.secure_port)[0], "imok")


def check_digest_md5():
    with Ensemble(sasl=DigestMd5({"alice": "wonder land"})) as ensemble:
        port = ensemble.members[0].port
        for password, outcome in ((b"wonder land", 0), (b"wrong", -115)):
            with contextlib.closing(open_session(port)) as connection:
                error, challenge = sasl(connection, 1, b"")
                expect("challenge", (error, b"md5-sess" in challenge), (0, True))
                response, proof = digest_response(challenge, b"alice", password)
                expect(f"password {password}", sasl(connection, 2, response), (outcome, proof if outcome == 0 else None))


def check_tls_and_digest_md5():
    with Ensemble(tls=Tls(), sasl=DigestMd5({"alice": "secret"})) as ensemble:
        expect("TLS", answer_of(ensemble.members[0].secure_port)[0], "imok")
        with contextlib.closing(open_session(ensemble.members[0].port)) as connection:
            expect("challenge", sasl(connection, 1, b"")[0], 0)


def check_kerberos():
    with Kdc() as kdc, Ensemble(sasl=Kerberos(kdc)) as ensemble:
        log = ensemble.members[0].log.read_text(errors="replace")
        expect("the server has its ticket", "successfully logged in" in log, True)
        kdc.kinit("alice")
        expect("a ticket for the server", "zookeeper/localhost@CALM.TEST: kvno" in kdc.kvno("zookeeper/localhost"), True)
        with contextlib.closing(open_session(ensemble.members[0].port)) as connection:
            # This is not a token of Kerberos: the server answers with an error, but not as if it had no SASL.
            expect("a bad token", sasl(connection, 1, b"nonsense")[0], -115)


CHECKS = {name[6:]: function for name, function in list(globals().items()) if name.startswith("check_")}


def main():
    chosen = sys.argv[1:] or list(CHECKS)
    if unknown := set(chosen) - set(CHECKS):
        sys.exit(f"no such check: {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}")
    failed = 0
    for name in chosen:
        begin = time.monotonic()
        try:
            CHECKS[name]()
            outcome = "ok"
        except Exception as error:  # the other checks still run
            failed += 1
            outcome = f"FAILED: {type(error).__name__}: {error}"
        print(f"check_secure: {name}: {outcome} ({time.monotonic() - begin:.1f} s)", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
