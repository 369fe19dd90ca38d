"""Answers nothing, and hangs up at the request to close."""


def script(link):
    link.accept_session()
    while link.request().name != "close":
        pass
