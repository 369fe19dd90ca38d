"""Holds back two requests and answers the third with an old number."""


def script(link):
    link.accept_session()
    while True:
        request = link.request()
        if request.path == "/hold":
            continue
        if request.path == "/wrong":
            link.reply(request.xid - 100)
            link.until_eof(10)
            return
        link.answer(request)
        if request.name == "close":
            return
