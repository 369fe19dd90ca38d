"""Answers with paths in, at and outside of /chroot."""

from wire import stat, ustring

PATHS = {"/chroot/outside": "/elsewhere/x", "/chroot/itself": "/chroot"}


def script(link):
    link.accept_session()
    while True:
        request = link.request()
        if request.name in ("create", "sync"):
            link.reply(request, ustring(PATHS.get(request.path, request.path)))
        elif request.path == "/chroot/itself":
            link.reply(request, stat())
            link.event(3, "/chroot/itself")
        else:
            link.answer(request)
        if request.name == "close":
            return
