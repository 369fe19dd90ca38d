"""A server on OpenSSL's own functions, on the socket of a scripted connection: for features that Python's ssl lacks,
such as new keys in a session, renegotiation, and the lifetime of tickets."""
import ctypes
import functools
import os
import struct

import rig
from fake_server import Gone

TLS_1_2, TLS_1_3 = 0x0303, 0x0304
_MIN_VERSION, _MAX_VERSION = 123, 124  # commands of SSL_CTX_ctrl


@functools.cache
def _load():
    library = ctypes.CDLL("libssl.so.3")
    for name in ("TLS_server_method", "SSL_CTX_new", "SSL_new"):
        getattr(library, name).restype = ctypes.c_void_p
    pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    for name, arguments in {
        "SSL_CTX_new": [pointer], "SSL_CTX_ctrl": [pointer, number, ctypes.c_long, pointer], "SSL_new": [pointer],
        "SSL_CTX_use_certificate_chain_file": [pointer, text], "SSL_CTX_use_PrivateKey_file": [pointer, text, number],
        "SSL_free": [pointer], "SSL_set_fd": [pointer, number], "SSL_accept": [pointer],
        "SSL_read": [pointer, pointer, number], "SSL_write": [pointer, text, number], "SSL_do_handshake": [pointer],
        "SSL_key_update": [pointer, number], "SSL_renegotiate": [pointer], "SSL_session_reused": [pointer],
        "SSL_CTX_set_timeout": [pointer, ctypes.c_long],
    }.items():
        getattr(library, name).argtypes = arguments
    return library


def settings(certificate="server", version=TLS_1_3, ticket_seconds=None):
    """Settings that connections share: tickets of one are valid for another, for `ticket_seconds`."""
    library = _load()
    made = library.SSL_CTX_new(library.TLS_server_method())
    directory = rig.certificates()
    library.SSL_CTX_ctrl(made, _MIN_VERSION, version, None)
    library.SSL_CTX_ctrl(made, _MAX_VERSION, version, None)
    library.SSL_CTX_use_certificate_chain_file(made, os.fsencode(directory / f"{certificate}.crt"))
    library.SSL_CTX_use_PrivateKey_file(made, os.fsencode(directory / f"{certificate}.key"), 1)
    if ticket_seconds:
        library.SSL_CTX_set_timeout(made, ticket_seconds)
    return made


class OpenSsl:
    """A server on OpenSSL's own functions, on the link's socket."""

    def __init__(self, link, settings):
        self._library = _load()
        self._ssl = self._library.SSL_new(settings)
        link.block()
        self._library.SSL_set_fd(self._ssl, link.fileno())
        self._need(self._library.SSL_accept(self._ssl))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._library.SSL_free(self._ssl)

    @staticmethod
    def _need(result):
        if result <= 0:
            raise Gone

    def read(self, count):
        """Reads `count` bytes from the client."""
        data = b""
        while len(data) < count:
            space = ctypes.create_string_buffer(count - len(data))
            got = self._library.SSL_read(self._ssl, space, len(space))
            self._need(got)
            data += space.raw[:got]
        return data

    def write(self, data):
        """One record."""
        self._need(self._library.SSL_write(self._ssl, data, len(data)))

    def frame(self):
        """The client's next packet."""
        return self.read(struct.unpack(">i", self.read(4))[0])

    def key_update(self, asks):
        """Changes the keys; the client's too if `asks`."""
        self._need(self._library.SSL_key_update(self._ssl, int(asks)))
        self._need(self._library.SSL_do_handshake(self._ssl))

    def renegotiate(self):
        """Asks for another handshake; false if the client refuses."""
        self._need(self._library.SSL_renegotiate(self._ssl))
        return self._library.SSL_do_handshake(self._ssl) > 0

    def is_resumed(self):
        """Whether a ticket replaced the full handshake."""
        return bool(self._library.SSL_session_reused(self._ssl))
