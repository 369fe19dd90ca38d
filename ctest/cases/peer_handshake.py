"""Grants sessions in several forms, one form per connection."""

import queue

from wire import connect_response

said = {}
steps = {}


def _lines(server):
    return said.setdefault(server, []), steps.setdefault(server, queue.Queue())


def script(link):
    lines, step = _lines(link.server)
    forms = [
        dict(session=0x1111, timeout=4000),
        dict(session=0x1111, timeout=5000, read_only=None),
        dict(session=0x1111, timeout=6000, password=b"another password"),
        dict(session=0x1111, timeout=60000),
        dict(session=0, timeout=0, password=b"\0" * 16),
        dict(session=0xABCDEF, timeout=12345, read_only=True),
    ]
    request = link.read_connect()
    # Noted before the answer, because the program may ask for the lines as soon as it has the last answer.
    lines.append(f"bytes {request.length} protocol {request.protocol} zxid {request.last_zxid} timeout {request.timeout} "
                 f"session {request.session:x} password {request.password} read-only {request.read_only}")
    link.send(connect_response(**{"password": b"p" * 16, "read_only": False} | forms[link.number]))
    if link.number < 4:
        step.get(timeout=30)
        return
    link.serve()


def tell(trial, word):
    lines, step = _lines(trial.fake)
    if word == "said":
        return "\n".join(lines)
    step.put(word)
    return ""
