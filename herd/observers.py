"""The view of an operator and of a new client while the fleet comes back: four-letter words, and sessions of new
clients."""

import threading
import time

from fleet import run_client

# Cumulative figures of `mntr` that are summed over the members.
_COUNTERS = (
    "zk_connection_request_count", "zk_connection_revalidate_count", "zk_connection_rejected",
    "zk_connection_drop_count", "zk_stale_sessions_expired", "zk_sessionless_connections_expired",
)


class Observer(threading.Thread):
    """Calls step() until stop()."""

    def __init__(self, name):
        super().__init__(name=name, daemon=True)
        self._end = threading.Event()
        self.seen = []

    def step(self):
        """One observation."""
        raise NotImplementedError

    def run(self):
        while not self._end.is_set():
            self.step()

    def pause(self, seconds):
        """Wait, but not longer than until stop()."""
        self._end.wait(seconds)

    def end(self):
        """No further step."""
        self._end.set()

    def stop(self):
        """End, and wait for the present observation."""
        self.end()
        self.join()


class FourLetterWords(Observer):
    """Asks one member after the other for `stat` (as zktop does) and `mntr`; results: (time, member, word, seconds or
    None)."""

    def __init__(self, ensemble, pause=0.7, timeout=2.0):
        super().__init__("herd-four-letter")
        self._ensemble, self._pause, self._timeout = ensemble, pause, timeout
        self._newest = {}  # (member, pid) -> mntr's figures: a restarted server counts from zero
        self._turn = 0

    def step(self):
        member = self._ensemble.members[self._turn // 2 % len(self._ensemble.members)]
        word = ("stat", "mntr")[self._turn % 2]
        self._turn += 1
        self.ask(member, word)
        self.pause(self._pause)

    def ask(self, member, word):
        """One question, recorded."""
        start = time.monotonic()
        pid = member.pid
        answer = member.four_letter(word, self._timeout) if pid else ""
        served = answer and "not currently serving" not in answer
        self.seen.append((start, member.id, word, time.monotonic() - start if served else None))
        if word == "mntr" and served:
            rows = (line.split("\t", 1) for line in answer.splitlines())
            self._newest[member.id, pid] = {row[0]: row[1] for row in rows if len(row) == 2}

    def totals(self):
        """The sums of mntr's cumulative figures, the latest known ones of every server process."""
        total = dict.fromkeys(_COUNTERS, 0)
        for figures in self._newest.values():
            for name in _COUNTERS:
                total[name] += int(float(figures.get(name, 0)))
        return total


class FreshClients(Observer):
    """Repeatedly starts a new process that opens a session and reads; results: (time, ms until the read, -1 if not
    within `limit`)."""

    def __init__(self, binary, variant, hosts, timeout_ms, limit_ms=10_000, pause=1.0):
        super().__init__("herd-fresh-client")
        self._run = (binary, variant, "probe", hosts, timeout_ms, limit_ms, 0)
        self._limit_ms, self._pause = limit_ms, pause

    def step(self):
        start = time.monotonic()
        status, text = run_client(*self._run, timeout=self._limit_ms / 1000 + 30)
        try:
            answered = float(text.split()[1])
        except (IndexError, ValueError):
            answered = -1.0
        self.seen.append((start, answered if status == 0 else -1.0))
        self.pause(self._pause)
