"""The first connection announces a frame of -1 bytes, the next ones are an honest server's."""


def script(link):
    link.accept_session()
    if link.number == 0:
        link.raw(b"\xff\xff\xff\xff")
        link.until_eof(10)
    else:
        link.serve()
