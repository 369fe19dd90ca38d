"""An honest TLS server of Python's ssl on the socket of a scripted connection. The script sends its bytes, and may alter
them."""
import ssl
import struct

import rig
from attacks import GRANTED, integer
from fake_server import Gone
from wire import Response, stat


def context(certificate="server", version=None):
    """A server's settings, for one version of TLS or for the newest."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    directory = rig.certificates()
    made.load_cert_chain(directory / f"{certificate}.crt", directory / f"{certificate}.key")
    if version:
        made.minimum_version = made.maximum_version = version
    return made


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

    def serve(self):
        """Grants a session, and answers each request as exists()."""
        self.session()
        while True:
            self.link.raw(self.encrypt(reply(self.request())))


def next_request(server):
    """The number of the next request that is not a ping."""
    while (xid := struct.unpack(">i", server.frame()[:4])[0]) == -2:
        pass
    return xid


def reply(xid):
    """The bytes of a reply to exists()."""
    payload = Response.header(xid, 1, 0) + stat()
    return integer(len(payload)) + payload
