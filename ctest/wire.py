"""ZooKeeper's packets, as far as the tests read or write them: our own encoder and decoder, independent of the library."""

import struct

OPERATIONS = {
    1: "create", 2: "delete", 3: "exists", 4: "get", 5: "set", 6: "getacl", 7: "setacl", 8: "children", 9: "sync",
    11: "ping", 12: "children2", 13: "check", 14: "multi", 15: "create2", 16: "reconfig", 17: "checkwatches",
    18: "removewatches", 19: "createcontainer", 21: "createttl", 22: "multiread", 100: "auth", 101: "setwatches",
    103: "ephemerals", 104: "childrennumber", 105: "setwatches2", 106: "addwatch", 107: "whoami",
    -11: "close",
}


def long(value):
    """A jute long."""
    return struct.pack(">q", value)


def buffer(data):
    """A jute buffer; None is length -1."""
    return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data


def ustring(text):
    """A jute string."""
    return buffer(text.encode() if isinstance(text, str) else text)


def vector(strings):
    """A jute vector of strings."""
    return struct.pack(">i", len(strings)) + b"".join(map(ustring, strings))


def stat(version=0, length=0, children=0, owner=0):
    """A node's Stat record."""
    return struct.pack(">qqqqiiiqiiq", 1, 1, 1000, 1000, version, 0, 0, owner, length, children, 1)


class Reader:
    """Reads values from the front of some bytes."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def _take(self, form):
        value = struct.unpack_from(form, self.data, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def int(self):
        """A jute int."""
        return self._take(">i")

    def long(self):
        """A jute long."""
        return self._take(">q")

    def bool(self):
        """A jute boolean."""
        return self._take(">?")

    def buffer(self):
        """A jute buffer or None."""
        length = self.int()
        if length < 0:
            return None
        value = self.data[self.at : self.at + length]
        self.at += length
        return bytes(value)

    def string(self):
        """A jute string or None."""
        value = self.buffer()
        return None if value is None else value.decode("utf-8", "backslashreplace")

    def strings(self):
        """A jute vector of strings."""
        return [self.string() for _ in range(max(0, self.int()))]

    @property
    def left(self):
        """The number of bytes that have not been read."""
        return len(self.data) - self.at


class ConnectRequest:
    """A client's first message."""

    def __init__(self, payload):
        reader = Reader(payload)
        self.length = len(payload)
        self.protocol = reader.int()
        self.last_zxid = reader.long()
        self.timeout = reader.int()
        self.session = reader.long()
        self.password = reader.buffer()
        self.read_only = reader.bool() if reader.left else None


def read_connect_request(payload):
    """The record of a connect request."""
    return ConnectRequest(payload)


def connect_response(timeout, session, password=b"p" * 16, read_only=False):
    """The payload that grants a session; without the last byte if read_only is None, as from servers before 3.4."""
    payload = struct.pack(">iiq", 0, timeout, session) + buffer(password)
    return payload if read_only is None else payload + struct.pack(">?", read_only)


class Request:
    """A request after the handshake."""

    def __init__(self, payload):
        self.payload = payload
        reader = Reader(payload)
        self.xid = reader.int()
        self.op = reader.int()
        self.body = payload[8:]
        self.name = OPERATIONS.get(self.op, str(self.op))

    @property
    def path(self):
        """The first field of most requests; None for a request without a body."""
        return Reader(self.body).string() if len(self.body) >= 4 else None

    def watches(self):
        """(relative zxid, data paths, exist paths, child paths) of a setwatches."""
        reader = Reader(self.body)
        return reader.long(), reader.strings(), reader.strings(), reader.strings()


class Response:
    """A packet of the server."""

    @staticmethod
    def header(xid, zxid, error):
        """A reply header."""
        return struct.pack(">iqi", xid, zxid, error)


def frames(stream):
    """The payloads of a recorded direction; an incomplete last one is left out."""
    at = 0
    found = []
    while at + 4 <= len(stream):
        length = struct.unpack_from(">i", stream, at)[0]
        if length < 0 or at + 4 + length > len(stream):
            break
        found.append(bytes(stream[at + 4 : at + 4 + length]))
        at += 4 + length
    return found


def _described(request):
    reader = Reader(request.body)
    if request.name in ("ping", "close"):
        return f"xid {'own' if request.xid > 0 else request.xid} body {len(request.body)}"
    if request.name == "auth":
        return f"xid {request.xid} type {reader.int()} scheme {reader.string()} auth {reader.buffer()}"
    if request.name.startswith("setwatches"):
        zxid, data, exist, child = request.watches()
        return f"xid {request.xid} zxid>0 {zxid > 0} data {sorted(data)} exist {sorted(exist)} child {sorted(child)}"
    if request.name in ("exists", "get", "children", "children2"):
        return f"{reader.string()} watch {reader.bool()} rest {reader.left}"
    if request.name in ("checkwatches", "removewatches"):
        return f"{reader.string()} type {reader.int()} rest {reader.left}"
    if request.name in ("create", "create2", "createcontainer", "createttl"):
        path, data = reader.string(), reader.buffer()
        count = reader.int()
        acl = [(reader.int(), reader.string(), reader.string()) for _ in range(max(0, count))]
        return f"{path} data {data} acl count {count} {acl} flags {reader.int()}" + (
            f" ttl {reader.long()}" if request.name == "createttl" else "") + f" rest {reader.left}"
    if request.name == "set":
        return f"{reader.string()} data {reader.buffer()} version {reader.int()} rest {reader.left}"
    if request.name in ("multi", "multiread", "whoami"):
        return f"bytes {len(request.body)}"
    if request.name == "reconfig":
        return f"{reader.string()} {reader.string()} {reader.string()} version {reader.long()} rest {reader.left}"
    return f"{reader.string()} rest {reader.left}"


def describe(stream, pings=False):
    """One line for the connect request and for each request that a client has sent, without the variable parts."""
    lines = []
    for index, payload in enumerate(frames(stream)):
        if index == 0:
            c = read_connect_request(payload)
            lines.append(f"connect: bytes {c.length} protocol {c.protocol} zxid>0 {c.last_zxid > 0} "
                         f"timeout {c.timeout} session {'given' if c.session else 0} password "
                         f"{'zero' if not any(c.password) else 'set'}({len(c.password)}) read-only {c.read_only}")
            continue
        request = Request(payload)
        if request.name == "ping" and not pings:
            continue
        lines.append(f"{request.name}: {_described(request)}")
    return lines
