"""A server controlled by a script: it sends right answers, wrong answers, or arbitrary bytes.

    def script(link):
        link.accept_session()
        request = link.request()
        link.reply(request, error=-101)

    with FakeServer(script) as server: ...      # server.hostport

A script runs once for each connection, in its own thread, and `link.number` counts from 0. The connection is closed
when the script returns. An EOF or a reset ends the script quietly; any other exception is stored in `server.failures`.
"""

import socket
import struct
import threading
import time

from wire import Request, Response, buffer, connect_response, long, read_connect_request, stat, ustring, vector


class Gone(Exception):
    """The client has closed the connection."""


class Link:
    """One accepted connection, as the script sees it."""

    def __init__(self, sock, number, server):
        self.number = number
        self.server = server
        self.opened = time.monotonic()
        self.connect_request = None
        self._sock = sock
        self._pending = bytearray()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -- bytes

    def read(self, count, timeout=None):
        """Exactly `count` bytes."""
        self._sock.settimeout(timeout)
        while len(self._pending) < count:
            try:
                chunk = self._sock.recv(65536)
            except (ConnectionError, TimeoutError) as error:
                raise Gone from error
            if not chunk:
                raise Gone
            self._pending += chunk
        data = bytes(self._pending[:count])
        del self._pending[:count]
        return data

    def some(self):
        """Receives at least one byte."""
        try:
            self._sock.settimeout(None)
            chunk = self._sock.recv(65536)
        except OSError as error:
            raise Gone from error
        if not chunk:
            raise Gone
        return chunk

    def frame(self, timeout=None):
        """The next length-prefixed packet."""
        return self.read(struct.unpack(">i", self.read(4, timeout))[0], timeout)

    def raw(self, data):
        """These very bytes."""
        try:
            self._sock.settimeout(None)
            self._sock.sendall(data)
        except OSError as error:
            raise Gone from error

    def send(self, payload):
        """A length-prefixed packet."""
        self.raw(struct.pack(">i", len(payload)) + payload)

    def receive_little(self):
        """Makes the receive buffer small: the client's large requests are sent piece by piece."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)

    def secure(self, context):
        """Starts TLS as the server; each raw() sends one record, up to 16 KiB."""
        self._sock.settimeout(60)
        self._sock = context.wrap_socket(self._sock, server_side=True)

    def block(self):
        """Makes the socket blocking, for use by other code."""
        self._sock.settimeout(None)

    def fileno(self):
        """Its number."""
        return self._sock.fileno()

    def close(self):
        """Closes with FIN, or with RST if bytes are unread."""
        self._sock.close()

    def reset(self):
        """RST."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def until_eof(self, timeout=None):
        """Reads and ignores input until the client closes; True if it did so in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.001, deadline - time.monotonic())
            self._sock.settimeout(left)
            try:
                if not self._sock.recv(65536):
                    return True
            except TimeoutError:
                return False
            except OSError:
                return True

    # -- packets

    def read_connect(self):
        """The connect request, without answering it."""
        self.connect_request = read_connect_request(self.frame())
        return self.connect_request

    def accept_session(self, session=0x1234, timeout=None, password=b"p" * 16, read_only=False):
        """Read the connect request and grant a session; read_only None sends the 36-byte form without the flag."""
        request = self.read_connect()
        session = request.session or session
        timeout = request.timeout if timeout is None else timeout
        self.send(connect_response(timeout, session, password, read_only))
        return request

    def request(self, pings=True, timeout=None):
        """The next request; earlier pings are answered unless `pings` is False."""
        while True:
            request = Request(self.frame(timeout))
            if pings and request.name == "ping":
                self.reply(request)
            else:
                return request

    def reply(self, request, body=b"", error=0, zxid=1):
        """Sends a reply: header and body."""
        xid = request if isinstance(request, int) else request.xid
        self.send(Response.header(xid, zxid, error) + body)

    def event(self, kind, path, state=3):
        """A watch notification."""
        self.send(Response.header(-1, -1, 0) + struct.pack(">ii", kind, state) + ustring(path))

    def answer(self, request):
        """Sends the right answer of a server on which every node exists, is empty and has no children."""
        bodies = {
            "create": lambda: ustring(request.path),
            "exists": stat,
            "get": lambda: buffer(b"") + stat(),
            "set": stat,
            "children": lambda: vector([]),
            "children2": lambda: vector([]) + stat(),
            "sync": lambda: ustring(request.path),
            "setacl": stat,
        }
        self.reply(request, bodies.get(request.name, bytes)())

    def serve(self):
        """Calls answer() for each request until the client leaves."""
        while True:
            request = self.request()
            self.answer(request)
            if request.name == "close":
                return


class FakeServer:
    """Listens on a free port and runs `script(link)` for each connection."""

    def __init__(self, script, host="127.0.0.1", port=0):
        self.links = []
        self.failures = []
        self.accept_times = []
        self.ended = 0  # scripts that have returned, their connections closed
        self._script = script
        self._listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET,
                                              backlog=1024)
        self.host, self.port = self._listener.getsockname()[:2]
        self._threads = []
        self._stopped = False
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def hostport(self):
        """"host:port"."""
        return f"{self.host}:{self.port}"

    @property
    def accepted(self):
        """How many connections there have been."""
        return len(self.accept_times)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Close the listener and all connections."""
        self._stopped = True
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for link in self.links:
            try:
                link._sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in list(self._threads):
            thread.join(2)

    def _accept(self):
        while not self._stopped:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accept_times.append(time.monotonic())
            link = Link(sock, len(self.links), self)
            self.links.append(link)
            thread = threading.Thread(target=self._run, args=(link,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _run(self, link):
        try:
            self._script(link)
        except Gone:
            pass
        except Exception as error:  # shown with the trial's log
            if not self._stopped:
                self.failures.append(f"{type(error).__name__}: {error}")
        finally:
            link.close()
            self.ended += 1


__all__ = ["FakeServer", "Gone", "Link", "buffer", "long", "stat", "ustring", "vector"]
