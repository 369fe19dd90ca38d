"""When told to, announces 2 GiB on the first connection; serves honestly on the next ones."""

import threading

gates = {}


def script(link):
    gate = gates.setdefault(link.server, threading.Event())
    link.accept_session()
    if link.number == 0:
        gate.wait(20)
        link.raw(b"\x7f\xff\xff\xff")
        link.until_eof(10)
    else:
        link.serve()


def tell(trial, _word):
    gates.setdefault(trial.fake, threading.Event()).set()
