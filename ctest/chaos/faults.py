"""The faults: members killed or stopped, links cut, held, slowed, torn or refused, clients killed or stopped."""

import heapq
import itertools
import random
import time
import weakref

from wire import Wire

# How long all members must have been working without a fault before the next fault of a member. ZooKeeper 3.8.0 loses
# acknowledged writes when a leader dies just after a follower has stored its epoch, but not yet the missing
# transactions: that follower wins the next election and the others truncate their logs to its (ZOOKEEPER-4643, 4646).
# This test found it in ten minutes; clients can do nothing about it. Instead, clients lose all servers at once by
# faults of the links.
IN_STEP = 1.0


class Torn:
    """A Proxy's rewrite: while on, passes a number of bytes from the server on each connection, then cuts it.

    The cut comes with the next bytes, even if that is much later; a connection that has lost bytes never gets any more.
    """

    def __init__(self, wire):
        self._wire = wire
        self.after = None  # bytes; None: off
        self._passed = weakref.WeakKeyDictionary()
        self._torn = weakref.WeakSet()

    def __call__(self, connection, side, data):
        self._wire.see(connection, side, data)
        if connection in self._torn:
            return None
        if side == "client" or self.after is None:
            return data
        left = self.after - self._passed.get(connection, 0)
        self._passed[connection] = self._passed.get(connection, 0) + len(data)
        if len(data) > left:
            self._torn.add(connection)
        return data[:left]


class Faults:
    """Injects faults by a seed; every fault ends by itself, and heal() ends all at once.

    members, proxies   rig objects, one proxy in front of each member
    clients            a list of client objects (run.py) that the runner may replace
    seed               the schedule's; the same seed draws the same faults (what they hit is up to the machine)
    """

    def __init__(self, members, proxies, clients, seed, session_ms):
        self.members, self.proxies, self.clients = members, proxies, clients
        self.random = random.Random(seed)
        self.session = session_ms / 1000
        self.counts = {}
        self.log = []  # a line for each, in the journals' time
        self._undo, self._order = [], itertools.count()
        self._busy = set()
        self.wire = Wire()
        self._in_step_since = None
        for proxy in proxies:
            proxy.rewrite = Torn(self.wire)
        kinds = [
            (3, self.kill_member), (3, self.stop_member), (4, self.cut), (1, self.cut_all), (3, self.hold), (1, self.hold_all),
            (2, self.delay), (2, self.refuse), (1, self.refuse_all), (2, self.accept_then_close), (1, self.blackhole),
            (3, self.tear), (1, self.kill_client), (1, self.stop_client),
        ]
        self._kinds, self._weights = [k for _, k in kinds], [w for w, _ in kinds]

    def run(self, seconds):
        """Inject faults for this many seconds, then heal."""
        until = time.monotonic() + seconds
        following = looking = time.monotonic() + 1.0
        while (now := time.monotonic()) < until:
            while self._undo and self._undo[0][0] <= now:
                _, _, undo, what = heapq.heappop(self._undo)
                undo()
                self._busy.discard(what)
            if now >= looking:
                self._look()
                looking = now + IN_STEP / 2
            if now >= following:
                self.random.choices(self._kinds, self._weights)[0]()
                # From time to time a pause is long enough to come to rest.
                following = now + self.random.choice((0.1, 0.3, 0.5, 0.8, 1.2, 2.5))
            time.sleep(0.02)
        self.heal()

    def heal(self):
        """End every remaining fault; dead members are started."""
        while self._undo:
            heapq.heappop(self._undo)[2]()
        self._busy.clear()
        for proxy in self.proxies:
            proxy.rewrite.after = None
            proxy.release()
            proxy.listen()
        for member in self.members:
            if member.stopped:
                member.cont()
            member.start()

    def _look(self):
        """Note since when all members have been working without a fault."""
        if self._busy.intersection(self.members) or not all(m.mode(0.5) in ("leader", "follower") for m in self.members):
            self._in_step_since = None
        elif self._in_step_since is None:
            self._in_step_since = time.monotonic()

    def _in_step(self):
        """Whether a member may get a fault."""
        self._look()
        return self._in_step_since is not None and time.monotonic() - self._in_step_since >= IN_STEP

    def _between(self, least, most):
        return self.random.uniform(least, most)

    def _inject(self, name, what, seconds, do, undo):
        """Start a fault, unless its target already has one, and schedule its end."""
        targets = what if isinstance(what, list) else [what]
        if any(target in self._busy for target in targets):
            return
        do()
        self.log.append(f"{time.monotonic_ns() // 1000} {name} {seconds:.2f} s: {', '.join(map(str, targets))}")
        self.counts[name] = self.counts.get(name, 0) + 1
        for n, target in enumerate(targets):
            self._busy.add(target)
            heapq.heappush(
                self._undo, (time.monotonic() + seconds, next(self._order), undo if n == 0 else lambda: None, target)
            )

    # Draw first, act later: a fault that is skipped must not shift those that follow.

    def kill_member(self):
        member, seconds = self.random.choice(self.members), self._between(0.2, 4)
        if self._in_step():
            self._inject("member killed", member, seconds, member.kill, member.start)

    def stop_member(self):
        member, seconds = self.random.choice(self.members), self._between(0.3, 1.6 * self.session)
        if self._in_step():
            self._inject("member stopped", member, seconds, member.stop, lambda: member.stopped and member.cont())

    def cut(self):
        proxy, reset = self.random.choice(self.proxies), self.random.random() < 0.5
        self._inject("link cut", proxy, 0, lambda: proxy.cut(reset), lambda: None)

    def cut_all(self):
        self._inject("links cut", list(self.proxies), 0, lambda: [p.cut() for p in self.proxies], lambda: None)

    def hold(self):
        proxy, seconds = self.random.choice(self.proxies), self._between(0.2, 1.6 * self.session)
        self._inject("link held", proxy, seconds, proxy.hold, proxy.release)

    def hold_all(self):
        seconds = self._between(0.2, 1.8 * self.session)
        self._inject("links held", list(self.proxies), seconds, lambda: [p.hold() for p in self.proxies],
                     lambda: [p.release() for p in self.proxies])

    def delay(self):
        proxy, pause, seconds = self.random.choice(self.proxies), self._between(0.01, 0.3), self._between(1, 5)
        self._inject("link slowed", proxy, seconds, lambda: proxy.delay(pause), proxy.release)

    def refuse(self):
        proxy, seconds = self.random.choice(self.proxies), self._between(0.3, 4)
        self._inject("link refused", proxy, seconds, proxy.refuse, proxy.listen)

    def refuse_all(self):
        seconds = self._between(0.3, 1.5 * self.session)
        self._inject("links refused", list(self.proxies), seconds, lambda: [p.refuse() for p in self.proxies],
                     lambda: [p.listen() for p in self.proxies])

    def accept_then_close(self):
        proxy, reset, seconds = self.random.choice(self.proxies), self.random.random() < 0.5, self._between(0.5, 3)

        def do():
            proxy.accept_then_close(True, reset)
            proxy.cut()

        self._inject("link closed on accept", proxy, seconds, do, proxy.release)

    def blackhole(self):
        proxy, seconds = self.random.choice(self.proxies), self._between(0.5, 3)
        self._inject("link black-holed", proxy, seconds, proxy.blackhole, proxy.listen)

    def tear(self):
        proxy, after, seconds = self.random.choice(self.proxies), self.random.randrange(1, 2000), self._between(0.5, 2)
        torn = proxy.rewrite
        self._inject("link torn", proxy, seconds, lambda: setattr(torn, "after", after),
                     lambda: setattr(torn, "after", None))

    def kill_client(self):
        number = self.random.randrange(len(self.clients))
        self._inject("client killed", f"client {number}", 0, lambda: self.clients[number].replace(), lambda: None)

    def stop_client(self):
        number, seconds = self.random.randrange(len(self.clients)), self._between(0.3, 1.8 * self.session)
        client = self.clients[number]
        self._inject("client stopped", f"client {number}", seconds, client.stop, client.cont)
