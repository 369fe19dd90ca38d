"""A TCP proxy with faults: cut, hold, delay, refuse, accept and close, never answer; it counts and records."""

import heapq
import itertools
import selectors
import socket
import struct
import threading
import time

from rig.ports import free_port

_CHUNK = 65536


class Connection:
    """One accepted connection, with the bytes that passed over it (if the proxy records)."""

    def __init__(self, client, number):
        self.number = number
        self.opened = time.monotonic()
        self.closed = None
        self.from_client = bytearray()
        self.from_server = bytearray()
        self._client = client
        self._server = None
        self._connecting = False
        self._queues = {}  # socket to write to -> bytes waiting there
        self._ended = set()  # sockets that have sent their FIN
        self._due = {}  # socket to write to -> when the last delayed chunk is due there

    @property
    def open(self):
        """Whether both sides are still connected."""
        return self.closed is None


class Proxy:
    """Listens on a free port of `host` and forwards to `target` ("host:port" or a rig Member).

    All methods may be called at any time from any thread, and take effect before they return. The faults:

    cut(reset)               close every open connection (with RST if `reset`)
    hold() / release()       keep and accept connections, but forward nothing; bytes received meanwhile follow on
    release
    delay(seconds)           forward each chunk that much later
    accept_then_close(on)    accept new connections and close them at once
    refuse() / listen()      close the listener: connection refused; open it again on the same port
    blackhole()              new connections get no SYN-ACK (full accept queue) until listen()
    rewrite                  a function (connection, "client"|"server", bytes) -> bytes or None (None cuts)

    `accepted` counts connections, `accept_times` has their monotonic times, `connections` the Connection objects.
    """

    def __init__(self, target, host="127.0.0.1", record=False):
        self.target = self._address(target)
        self.host = host
        self.port = free_port()
        self.record = record
        self.rewrite = None
        self.connections = []
        self.accept_times = []
        self._held = False
        self._pause = 0.0
        self._close_new = None
        self._fillers = []
        self._listener = None
        self._delayed = []
        self._order = itertools.count()
        self._lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._drain)
        self._stopped = False
        self.listen()
        self._thread = threading.Thread(target=self._run, name=f"rig-proxy-{self.port}", daemon=True)
        self._thread.start()

    @staticmethod
    def _address(target):
        if hasattr(target, "port"):
            return (getattr(target, "host", "127.0.0.1"), target.port)
        host, port = target.rsplit(":", 1)
        return (host, int(port))

    @property
    def hostport(self):
        """This proxy's address, for a host list."""
        return f"{self.host}:{self.port}"

    @property
    def accepted(self):
        """How many connections have been accepted."""
        return len(self.accept_times)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- faults ------------------------------------------------------------------------------------------------------

    def cut(self, reset=False):
        """Close all open connections; returns their number."""
        with self._lock:
            live = [c for c in self.connections if c.open]
            for connection in live:
                self._close(connection, reset)
            return len(live)

    def hold(self):
        """Forward nothing, in either direction, until release(); connections stay and new ones are accepted."""
        with self._lock:
            self._held = True
            self._refresh()

    def release(self):
        """End hold(), delay() and accept_then_close()."""
        with self._lock:
            self._held, self._pause, self._close_new = False, 0.0, None
            self._refresh()

    def delay(self, seconds):
        """Forward each chunk `seconds` after its arrival; 0 ends that."""
        with self._lock:
            self._pause = seconds

    def accept_then_close(self, on=True, reset=False):
        """Accept new connections and close them at once (with RST if `reset`); open ones are not touched."""
        with self._lock:
            self._close_new = ("reset" if reset else "close") if on else None

    def refuse(self, cut=True):
        """Close the listener, so that connecting is refused, and (unless cut=False) the open connections."""
        with self._lock:
            self._unlisten()
            if cut:
                self.cut()

    def blackhole(self, cut=True):
        """Let new connections hang in SYN_SENT: a listener whose accept queue is full does not answer SYNs."""
        with self._lock:
            self._unlisten()
            if cut:
                self.cut()
            self._listener = self._listening(backlog=0)
            for _ in range(8):
                filler = socket.socket()
                filler.settimeout(0.2)
                self._fillers.append(filler)
                try:
                    filler.connect((self.host, self.port))
                except OSError:
                    return
            raise OSError("the accept queue does not fill")

    def listen(self):
        """Accept connections on the proxy's port (again)."""
        with self._lock:
            self._unlisten()
            self._listener = self._listening(backlog=1024)
            self._listener.setblocking(False)
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
            self._wake()

    def close(self):
        """Close everything and end the thread."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            self._unlisten()
            self.cut()
            self._wake()
        self._thread.join(5)
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _listening(self, backlog):
        listener = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(backlog)
        return listener

    def _unlisten(self):
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        if self._listener:
            self._forget(self._listener)
            self._listener.close()
            self._listener = None

    def _wake(self):
        try:
            self._wake_out.send(b"w")
        except OSError:
            pass

    def _drain(self, _mask):
        try:
            self._wake_in.recv(4096)
        except OSError:
            pass

    def _run(self):
        while True:
            with self._lock:
                if self._stopped:
                    return
                due = self._delayed[0][0] - time.monotonic() if self._delayed else None
            for key, mask in self._selector.select(None if due is None else max(0.0, due)):
                with self._lock:
                    # A socket that an earlier event of this round closed is no longer in the map.
                    if self._stopped or self._selector.get_map().get(key.fd) is not key:
                        continue
                    key.data(mask)
            with self._lock:
                while self._delayed and self._delayed[0][0] <= time.monotonic():
                    _, _, connection, sink, data = heapq.heappop(self._delayed)
                    if connection.open:
                        self._enqueue(connection, sink, data)

    def _accept(self, _mask):
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        self.accept_times.append(time.monotonic())
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(client, len(self.connections))
        self.connections.append(connection)
        if self._close_new:
            self._close(connection, self._close_new == "reset")
            return
        server = socket.socket(socket.AF_INET6 if ":" in self.target[0] else socket.AF_INET)
        server.setblocking(False)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection._server = server
        connection._connecting = True
        connection._queues = {client: bytearray(), server: bytearray()}
        server.connect_ex(self.target)
        self._watch(connection)

    def _refresh(self):
        for connection in self.connections:
            if connection.open:
                self._watch(connection)
        self._wake()

    def _watch(self, connection):
        """Register both sockets for the operations that are possible now."""
        for sock in (connection._client, connection._server):
            if not connection.open or sock is None:
                return
            mask = 0
            connecting = connection._connecting and sock is connection._server
            # While held, read nothing, so that the kernel's buffers fill as with a stalled peer.
            if not self._held and not connecting and sock not in connection._ended:
                mask |= selectors.EVENT_READ
            if connecting or (connection._queues[sock] and not self._held):
                mask |= selectors.EVENT_WRITE
            registered = self._selector.get_map().get(sock.fileno())
            if mask and registered is None:
                self._selector.register(sock, mask, lambda m, s=sock, c=connection: self._ready(c, s, m))
            elif mask and registered.events != mask:
                self._selector.modify(sock, mask, registered.data)
            elif not mask and registered is not None:
                self._selector.unregister(sock)

    def _ready(self, connection, sock, mask):
        if connection._connecting and sock is connection._server:
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._close(connection, reset=True)
                return
            connection._connecting = False
        if mask & selectors.EVENT_WRITE and connection.open:
            self._flush(connection, sock)
        if mask & selectors.EVENT_READ and connection.open:
            self._forward(connection, sock)
        if connection.open:
            self._watch(connection)

    def _forward(self, connection, source):
        from_client = source is connection._client
        sink = connection._server if from_client else connection._client
        try:
            data = source.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._close(connection, reset=True)
            return
        if data and self.rewrite:
            data = self.rewrite(connection, "client" if from_client else "server", data)
            if data is None:
                self._close(connection)
                return
            if not data:
                return
        if not data:
            connection._ended.add(source)
        if self.record:
            (connection.from_client if from_client else connection.from_server).extend(data)
        queued = any(c is connection and s is sink for _, _, c, s, _ in self._delayed)
        if self._pause or queued:
            # Bytes keep their order even when the delay has become shorter in the meantime.
            due = max(time.monotonic() + self._pause, connection._due.get(sink, 0.0))
            connection._due[sink] = due
            heapq.heappush(self._delayed, (due, next(self._order), connection, sink, data))
        else:
            self._enqueue(connection, sink, data)

    def _enqueue(self, connection, sink, data):
        connection._queues[sink].extend(data)
        if self._held or (connection._connecting and sink is connection._server):
            return
        self._flush(connection, sink)
        if connection.open:
            self._watch(connection)

    def _flush(self, connection, sink):
        queue = connection._queues[sink]
        try:
            while queue:
                del queue[: sink.send(queue)]
        except BlockingIOError:
            return
        except OSError:
            self._close(connection, reset=True)
            return
        # ZooKeeper does nothing with half-closed connections: once one side has ended and all of its bytes have been
        # forwarded, both are closed.
        source = connection._server if sink is connection._client else connection._client
        if source in connection._ended and not any(c is connection for _, _, c, _, _ in self._delayed):
            self._close(connection)

    def _forget(self, sock):
        if self._selector.get_map().get(sock.fileno()) is not None:
            self._selector.unregister(sock)

    def _close(self, connection, reset=False):
        connection.closed = time.monotonic()
        for sock in (connection._client, connection._server):
            if sock is None:
                continue
            self._forget(sock)
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        connection._queues = {}
