"""A server that is controlled by the requested paths: /cut, /hang, /expire. It refuses every authentication."""

import struct

from wire import connect_response


def script(link):
    expired = link.server.__dict__.setdefault("expired", [])
    request = link.read_connect()
    if expired and request.session:
        link.send(connect_response(0, 0, b"\0" * 16, False))
        return
    link.send(connect_response(request.timeout, request.session or 0x1234, b"p" * 16, False))
    while True:
        request = link.request()
        if request.name == "auth":
            link.reply(request, error=-115)
            return
        if request.path == "/cut":
            return
        if request.path == "/expire":
            expired.append(True)
            return
        if request.path == "/hang":
            link.until_eof(60)
            return
        if request.name == "multi":  # a check that succeeded, and the end
            link.reply(request, struct.pack(">i?ii?i", 13, False, 0, -1, True, -1))
        else:
            link.answer(request)
        if request.name == "close":
            return
