"""Holds the reply to a request for /held until the next request."""

import threading

_lock = threading.Condition()


class _State:
    """What one server has received."""

    def __init__(self):
        self.held = self.seen = self.pings = 0
        self.links = []


def _state(server):
    with _lock:
        return server.__dict__.setdefault("state", _State())


def script(link):
    state = _state(link.server)
    with _lock:
        state.links.append(link)
    link.accept_session()
    waiting = []
    while True:
        request = link.request(pings=False)
        for earlier in waiting:
            link.answer(earlier)
        waiting.clear()
        if request.path == "/held":
            waiting.append(request)
        else:
            link.reply(request) if request.name == "ping" else link.answer(request)
        with _lock:
            state.held += request.path == "/held"
            state.pings += request.name == "ping"
            _lock.notify_all()
        if request.name == "close":
            return


def tell(trial, what, count=None):
    state = _state(trial.fake)
    with _lock:
        if what == "held":
            _lock.wait_for(lambda: state.held > state.seen, 60)
            state.seen = state.held
        elif what == "pings":
            target = state.pings + int(count)
            if not _lock.wait_for(lambda: state.pings >= target, 60):
                raise TimeoutError(f"no {count} pings")
        elif what == "event":
            state.links[-1].event(3, "/watched")
        elif what == "connections":
            return str(len(state.links))
    return None
