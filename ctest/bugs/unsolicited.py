"""Sends an unsolicited reply on the first connection; serves honestly on the next ones."""

from wire import Response


def script(link):
    link.accept_session()
    if link.number == 0:
        link.send(Response.header(4711, 1, 0))
        link.until_eof(5)
    else:
        link.serve()
