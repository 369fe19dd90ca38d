"""Answers everything with a header alone."""


def script(link):
    link.accept_session()
    while True:
        request = link.request()
        link.reply(request)
        if request.name == "close":
            return
