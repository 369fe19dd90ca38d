"""An honest server that reads nothing between `tell hold` and `tell release`."""

import threading

_release = {}


def script(link):
    free = _release.setdefault(link.server, threading.Event())
    free.set()
    link.accept_session()
    while True:
        free.wait()
        request = link.request()
        link.answer(request)
        if request.name == "close":
            return


def tell(trial, what):
    if what == "hold":
        _release[trial.fake].clear()
    else:
        _release[trial.fake].set()
