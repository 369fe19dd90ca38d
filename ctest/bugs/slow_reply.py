"""Answers pings at once, and the first request four seconds later."""

import time


def script(link):
    link.accept_session()
    slow, due = None, None
    while True:
        try:
            request = link.request(timeout=0.1) if slow else link.request()
        except Exception:  # noqa: BLE001 - silence, or the end: the next write will tell
            request = None
        if slow and time.monotonic() > due:
            link.answer(slow)
            slow = None
        if request is None:
            if slow is None:
                return
            continue
        if request.name in ("ping", "close"):
            link.answer(request)
        else:
            slow, due = request, time.monotonic() + 4
