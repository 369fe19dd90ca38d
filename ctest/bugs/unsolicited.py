"""The first connection gets a reply to nothing, the next ones an honest server."""

from wire import Response


def script(link):
    link.accept_session()
    if link.number == 0:
        link.send(Response.header(4711, 1, 0))
        link.until_eof(5)
    else:
        link.serve()
