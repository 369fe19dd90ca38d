"""Announces a frame of -1 bytes on the first connection; serves honestly on the next ones."""


def script(link):
    link.accept_session()
    if link.number == 0:
        link.raw(b"\xff\xff\xff\xff")
        link.until_eof(10)
    else:
        link.serve()
