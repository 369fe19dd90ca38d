"""The content of the journals as objects (journal.h explains the lines). Does not judge."""

ACKNOWLEDGED = 0
# With these codes the server may or may not have executed the operation.
UNKNOWN = {-2: "RUNTIMEINCONSISTENCY", -4: "CONNECTIONLOSS", -7: "OPERATIONTIMEOUT", -112: "SESSIONEXPIRED", -116: "CLOSING"}
# With these codes the server has certainly not executed the operation.
REFUSED = {-9: "INVALIDSTATE", -101: "NONODE", -103: "BADVERSION", -118: "SESSIONMOVED"}
WRITES = {"create", "ephemeral", "delete", "set", "multi", "count"}


class Operation:
    """One call: the line of its beginning and the lines of its end."""

    __slots__ = ("client", "handle", "id", "asynchronous", "kind", "path", "value", "expected", "begin", "order",
                 "ends", "refused")

    def __init__(self, client, fields, order):
        self.client = client
        self.id, self.handle = int(fields[1]), int(fields[2])
        self.asynchronous = fields[3] == "a"
        self.kind, self.begin, self.path, self.value = fields[4], int(fields[5]), fields[6], fields[7]
        self.expected = int(fields[8])
        self.order = order
        self.ends = []  # (time, rc, version, mzxid, value, order in the journal)
        self.refused = None

    @property
    def rc(self):
        """The result; None if there was none (a killed client); the refusal's code if the call itself was refused."""
        if self.refused is not None:
            return self.refused
        return self.ends[0][1] if self.ends else None

    @property
    def acknowledged(self):
        return self.rc == ACKNOWLEDGED

    @property
    def possible(self):
        """Whether the servers may have executed the operation."""
        return self.refused is None and (self.rc is None or self.rc == ACKNOWLEDGED or self.rc in UNKNOWN)

    @property
    def end(self):
        return self.ends[0][0] if self.ends else None

    @property
    def version(self):
        return self.ends[0][2]

    @property
    def mzxid(self):
        return self.ends[0][3]

    def __str__(self):
        way = "async" if self.asynchronous else "sync"
        result = f"rc {self.rc} version {self.version}" if self.ends else f"no result, refused {self.refused}"
        return f"{self.client} handle {self.handle} {way} {self.kind} {self.path} = {self.value} (id {self.id}): {result}"


class Watch:
    """One armed data watch and its fires."""

    __slots__ = ("armed", "path", "version", "fires")

    def __init__(self):
        self.armed = self.path = self.version = None
        self.fires = []  # (time, type, path)


class Handle:
    """One zookeeper_init of one client process."""

    def __init__(self, client, number, time):
        self.client, self.number, self.opened = client, number, time
        self.events = []  # (time, state, session id)
        self.states = []
        self.operations = []
        self.watches = {}
        self.closing = self.closed = self.close_rc = self.quiet = None

    def __str__(self):
        return f"{self.client} handle {self.number}"

    @property
    def session(self):
        """The id of the session; None if there was no session."""
        return next((sid for _, state, sid in self.events if state == 3), None)

    @property
    def expired(self):
        return next((time for time, state, _ in self.events if state == -112), None)


class History:
    """All journals ({client: lines}), the observer's list of the nodes at the end, the times at which the runner
    stopped or killed clients, and the disorder that was seen on the wire."""

    def __init__(self, journals, dump, dumped, session_ms, pauses=(), killed=(), disordered=()):
        self.handles = []
        self.operations = []
        self.stray = []  # results of nothing
        self.dumped = dumped  # when the list of nodes was begun, microseconds
        self.session_ms = session_ms
        self.pauses = list(pauses)  # (client, from, to): microseconds
        self.killed = set(killed)
        self.disordered = set(disordered)  # clients whose server has answered out of order
        self.nodes = {}  # path -> (version, mzxid, owner, value)
        for client, lines in journals.items():
            self._read(client, lines)
        for line in dump:
            fields = line.split()
            if fields and fields[0] == "N":
                self.nodes[fields[1]] = (int(fields[2]), int(fields[3]), int(fields[4], 16), fields[5])

    def _read(self, client, lines):
        handles, operations = {}, {}
        for order, line in enumerate(lines):
            f = line.split()
            if f[0] == ">":
                operation = Operation(client, f, order)
                operations[operation.id] = operation
                handles[operation.handle].operations.append(operation)
                self.operations.append(operation)
            elif f[0] in "<!":
                operation = operations.get(int(f[1]))
                if operation is None:
                    self.stray.append(f"{client}: {line}")
                elif f[0] == "!":
                    operation.refused = int(f[3])
                else:
                    operation.ends.append((int(f[2]), int(f[3]), int(f[4]), int(f[5]), f[6], order))
            elif f[0] == "H":
                handles[int(f[1])] = Handle(client, int(f[1]), int(f[2]))
            elif f[0] in "AF":
                watch = handles[int(f[2])].watches.setdefault(int(f[1]), Watch())
                if f[0] == "A":
                    watch.armed, watch.path, watch.version = int(f[3]), f[4], int(f[5])
                else:
                    watch.fires.append((int(f[3]), int(f[4]), f[5]))
            else:
                self._note(handles[int(f[1])], f)
        self.handles.extend(handles.values())

    @staticmethod
    def _note(handle, f):
        time = int(f[2])
        if f[0] == "S":
            handle.events.append((time, int(f[3]), int(f[4], 16)))
        elif f[0] == "Z":
            handle.states.append(int(f[3]))
        elif f[0] == "X":
            handle.closing = time
        elif f[0] == "C":
            handle.closed, handle.close_rc = time, int(f[3])
        elif f[0] == "Q":
            handle.quiet = time

    def lives(self, handle):
        """Whether the handle's session was alive when the nodes were listed."""
        over = min(handle.closing or float("inf"), handle.expired or float("inf"))
        return over > self.dumped and handle.client not in self.killed and handle.session is not None

    def paused(self, client, begin, end):
        """How long, within that time, the runner had stopped the client."""
        return sum(max(0, min(end, to) - max(begin, since)) for name, since, to in self.pauses if name == client)
