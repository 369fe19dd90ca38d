"""Answers by the path of the request."""

import struct
import time

from wire import Response, buffer, stat


def _get(data=b"data"):
    return buffer(data) + stat(version=7, length=len(data or b""))


def _one(link, request):
    path = request.path or ""
    if path == "/null":
        link.reply(request, {"get": _get(None), "children": struct.pack(">i", -1),
                             "getacl": struct.pack(">i", -1) + stat()}[request.name])
    elif path.startswith("/code"):
        link.reply(request, error=int(path[5:]))
    elif path == "/longer":
        link.reply(request, _get() + b"more than was asked for")
    elif path == "/pieces":
        payload = Response.header(request.xid, 5, 0) + _get(b"in pieces")
        for byte in struct.pack(">i", len(payload)) + payload:
            link.raw(bytes([byte]))
            time.sleep(0.002)
    elif path == "/glue":
        # Sends the answers to this request and the next two in one segment, with a ping's answer between them.
        parts = [(request.xid, _get(b"first")), (link.request().xid, stat(version=3)), (-2, b""),
                 (link.request().xid, _get(b"third"))]
        packets = [Response.header(xid, 6, 0) + body for xid, body in parts]
        link.raw(b"".join(struct.pack(">i", len(packet)) + packet for packet in packets))
    elif path == "/events":
        link.reply(request, stat())
        link.event(99, "/events")
        link.event(3, "/nobody")
        link.event(-2, "/events")
        link.event(3, "/events", state=0)
    elif request.name == "get":
        link.reply(request, _get())
    else:
        link.answer(request)


def script(link):
    link.accept_session()
    while True:
        request = link.request()
        _one(link, request)
        if request.name == "close":
            return
