"""Answers every request with only a header."""


def script(link):
    link.accept_session()
    while True:
        request = link.request()
        link.reply(request)
        if request.name == "close":
            return
