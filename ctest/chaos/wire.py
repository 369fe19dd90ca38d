"""Watches the wire: whether a server has answered in the order of the requests. Changes nothing.

ZooKeeper 3.8.0 does not always do so. A handshake may arrive late, from an attempt that its client gave up long ago,
and move the session away. Then the server that the client is really connected to answers a sync before the writes that
were sent ahead of it, and never answers the writes: the leader no longer accepts them from this server, and does not
say so. The client can only drop the connection, on Debian's library as on ours: all requests in flight get
ZRUNTIMEINCONSISTENCY.
"""

import collections
import struct
import weakref


class _Side:
    """Splits one direction into frames; only the first four bytes of each are kept."""

    def __init__(self):
        self._data = bytearray()

    def frames(self, data):
        """The first number of each frame that `data` completes, None for a frame that is too short."""
        self._data += data
        while len(self._data) >= 4:
            length, = struct.unpack_from(">i", self._data)
            if length < 0 or len(self._data) < 4 + length:
                return
            yield struct.unpack_from(">i", self._data, 4)[0] if length >= 4 else None
            del self._data[:4 + length]


class _Connection:
    def __init__(self):
        self.sides = {"client": _Side(), "server": _Side()}
        self.greeted = set()  # sides whose handshake has passed
        self.due = collections.deque()
        self.broken = False


class Wire:
    """Watches all connections of all proxies; `disorders` holds (expected xid, received xid)."""

    def __init__(self):
        self.disorders = set()
        self._connections = weakref.WeakKeyDictionary()

    def see(self, connection, side, data):
        it = self._connections.setdefault(connection, _Connection())
        for xid in it.sides[side].frames(data):
            if side not in it.greeted:
                it.greeted.add(side)
            elif xid is not None and (xid > 0 or xid < -8) and not it.broken:
                self._passed(it, side, xid)

    def _passed(self, it, side, xid):
        if side == "client":
            it.due.append(xid)
        elif it.due and it.due[0] == xid:
            it.due.popleft()
        else:
            it.broken = True  # nothing after it can be judged
            self.disorders.add((it.due[0] if it.due else None, xid))
