"""The checker's own test: an error that is put into a history must be found by the invariant for it.

Works on the history of a run, or on a small made-up one without errors.
"""

import copy
import struct

from checker import INVARIANTS, SECOND
from history import History
from wire import Wire

_CHECKS = {invariant.__name__: invariant for invariant in INVARIANTS}


class Wrong:
    """A copy of a run's inputs, into which one error is put."""

    def __init__(self, inputs):
        self.inputs = copy.deepcopy(inputs)
        self.journals, self.dump = self.inputs["journals"], self.inputs["dump"]
        self.history = History(**inputs)

    def operations(self, *kinds, path=None, acknowledged=True, client=None):
        """The operations of clients that were not killed, in the order of their journals."""
        return [
            o for o in self.history.operations
            if o.kind in kinds and path in (None, o.path) and o.ends and o.acknowledged == acknowledged
            and o.client not in self.history.killed and (o.client == client if client else o.client != "observer")
        ]

    def began(self, operation, **fields):
        """Change the line of an operation's beginning."""
        self._edit(operation.client, operation.order, {"time": 5, "expected": 8}, fields)

    def ended(self, operation, **fields):
        """Change the line of an operation's end."""
        self._edit(operation.client, operation.ends[0][5], {"rc": 3, "version": 4, "mzxid": 5, "value": 6}, fields)

    def _edit(self, client, line, columns, fields):
        words = self.journals[client][line].split()
        for name, value in fields.items():
            words[columns[name]] = str(value)
        self.journals[client][line] = " ".join(words)

    def node(self, path, version=None, owner=None, value=None):
        """Change a line of the list of nodes; without changes, remove it."""
        line = next(n for n, text in enumerate(self.dump) if text.split()[1:2] == [path])
        words = self.dump[line].split()
        for column, new in ((2, version), (4, owner), (5, value)):
            if new is not None:
                words[column] = str(new)
        if (version, owner, value) == (None, None, None):
            del self.dump[line]
        else:
            self.dump[line] = " ".join(words)

    def undeleted(self):
        """An acknowledged creation whose node no delete removed."""
        gone = {o.path for o in self.history.operations if o.kind == "delete"}
        return next(o for o in self.operations("create") if o.path not in gone and "/w/" in o.path)

    def rested(self):
        """A handle that lived to the end of the run."""
        return next(h for h in self.history.handles if h.quiet is not None)

    def line(self, client, start):
        """The number of the first line of a journal that starts with `start`."""
        return next(n for n, text in enumerate(self.journals[client]) if text.startswith(start))

    def twice(self, client, start):
        """Duplicates the first line of a journal that starts with `start`."""
        line = self.line(client, start)
        self.journals[client].insert(line, self.journals[client][line])


def _lost_create(w):
    w.node(w.undeleted().path)


def _other_value(w):
    w.node(w.undeleted().path, value="other")


def _deleted_node_is_back(w):
    w.dump.insert(0, f"N {w.operations('delete')[0].path} 0 1 0 x")


def _create_applied_twice(w):
    w.ended(w.undeleted(), rc=-110)


def _node_of_nobody(w):
    w.dump.insert(0, "N /chaos/w/00/nobody 0 1 0 x")


def _last_set_lost(w):
    w.node("/chaos/r0", version=w.history.nodes["/chaos/r0"][0] - 1)


def _two_sets_of_one_version(w):
    first, second = w.operations("set", path="/chaos/r0")[:2]
    w.began(second, expected=first.expected)
    w.ended(second, version=first.version)


def _refused_set_was_applied(w):
    w.ended(w.operations("set", path="/chaos/r0")[0], rc=-103)


def _set_applied_twice(w):
    reads = sorted((o for o in w.operations("get", path="/chaos/r0") if o.version > 0), key=lambda o: o.version)
    if reads[0].version == reads[-1].version:
        raise StopIteration
    w.ended(reads[-1], value=reads[0].ends[0][4])


def _half_a_transaction(w):
    w.node(next(path for path in w.history.nodes if path.startswith("/chaos/mh/")))


def _counter_lost_one(w):
    path = next(o.path for o in w.operations("count"))
    sets = [o for o in w.history.operations if o.path == path and o.kind == "count"]
    w.node(path, version=sum(o.acknowledged for o in sets) - 1)


def _counter_counted_twice(w):
    path = next(o.path for o in w.operations("count"))
    sets = [o for o in w.history.operations if o.path == path and o.kind == "count"]
    w.node(path, version=sum(o.possible for o in sets) + 1)


def _ephemeral_of_a_dead_session(w):
    path = next(path for path, node in w.history.nodes.items() if node[2])
    w.node(path, owner="abc123")


def _ephemeral_gone_too_early(w):
    w.node(next(path for path, node in w.history.nodes.items() if node[2]))


def _watch_fired_twice(w):
    w.twice(w.rested().client, "F ")


def _watch_never_fired(w):
    handle = w.rested()
    number = next(number for number, watch in handle.watches.items() if watch.armed and watch.fires)
    del w.journals[handle.client][w.line(handle.client, f"F {number} ")]


def _watch_of_a_failed_get_fired(w):
    handle = w.rested()
    number = next(number for number, watch in handle.watches.items() if watch.armed and watch.fires)
    del w.journals[handle.client][w.line(handle.client, f"A {number} ")]


def _read_goes_back(w):
    newest = {}
    for o in w.operations("get"):
        if not o.asynchronous and newest.setdefault((o.client, o.handle, o.path), o).version < o.version:
            old = newest[o.client, o.handle, o.path]
            w.ended(old, version=o.version, mzxid=o.mzxid, value=o.ends[0][4])
            w.ended(o, version=old.version, mzxid=old.mzxid, value=old.ends[0][4])
            return
    raise StopIteration


def _call_took_too_long(w):
    operation = w.operations("create")[0]
    w.began(operation, time=operation.begin - 60 * SECOND)


def _completed_twice(w):
    operation = w.operations("sync")[0]
    lines = w.journals[operation.client]
    lines.insert(operation.ends[0][5] + 1, lines[operation.ends[0][5]])


def _never_completed(w):
    operation = w.operations("sync")[0]
    del w.journals[operation.client][operation.ends[0][5]]


def _completed_after_close(w):
    operation = w.operations("sync")[0]
    lines = w.journals[operation.client]
    line = lines.pop(operation.ends[0][5]).split()
    line[2] = str(int(line[2]) + 86400 * SECOND)
    lines.append(" ".join(line))


def _completions_out_of_order(w):
    for handle in w.history.handles:
        calls = [o for o in handle.operations if o.asynchronous and o.ends and handle.client not in w.history.killed]
        for first, second in zip(calls, calls[1:]):
            a, b = first.ends[0][5], second.ends[0][5]
            if second.order < a:
                lines = w.journals[handle.client]
                lines[a], lines[b] = lines[b], lines[a]
                return
    raise StopIteration


def _result_of_nothing(w):
    w.journals[w.rested().client].append("< 999999999 1 0 -1 -1 -")


def _illegal_code(w):
    w.ended(w.operations("get")[0], rc=-101)


def _inconsistency_without_disorder(w):
    operation = w.operations("get")[0]
    w.ended(operation, rc=-2)
    # In this run that client's server may really have answered out of order.
    w.inputs["disordered"] = set(w.inputs["disordered"]) - {operation.client}


def _connected_twice(w):
    w.twice(w.rested().client, "S ")


def _session_changed(w):
    handle = w.rested()
    time = handle.events[-1][0]
    w.journals[handle.client] += [f"S {handle.number} {time} 1 0", f"S {handle.number} {time} 3 abc123"]


def _life_after_expiry(w):
    handle = w.rested()
    time, _, session = handle.events[-1]
    lines = w.journals[handle.client]
    lines += [f"S {handle.number} {time} {state} {session:x}" for state in (1, -112, 3)]


def _nothing_was_done(w):
    for lines in w.journals.values():
        lines[:] = [line for line in lines if line[0] not in "><!"]


WRONGS = {
    _lost_create: "acknowledged_creates_are_there",
    _other_value: "acknowledged_creates_are_there",
    _deleted_node_is_back: "deletions_hold",
    _create_applied_twice: "deletions_hold",
    _node_of_nobody: "every_node_has_an_author",
    _last_set_lost: "register_chains_hold",
    _two_sets_of_one_version: "register_chains_hold",
    _refused_set_was_applied: "register_chains_hold",
    _set_applied_twice: "reads_agree_with_writes",
    _half_a_transaction: "transactions_are_whole",
    _counter_lost_one: "counters_count",
    _counter_counted_twice: "counters_count",
    _ephemeral_of_a_dead_session: "ephemerals_match_sessions",
    _ephemeral_gone_too_early: "ephemerals_match_sessions",
    _watch_fired_twice: "watches_fire_once",
    _watch_never_fired: "watches_fire_once",
    _watch_of_a_failed_get_fired: "watches_fire_once",
    _read_goes_back: "sessions_never_go_back",
    _call_took_too_long: "calls_end_in_time",
    _completed_twice: "every_call_ends_once",
    _never_completed: "every_call_ends_once",
    _completed_after_close: "every_call_ends_once",
    _result_of_nothing: "every_call_ends_once",
    _completions_out_of_order: "completions_keep_their_order",
    _illegal_code: "codes_are_legal",
    _inconsistency_without_disorder: "codes_are_legal",
    _connected_twice: "session_events_are_legal",
    _session_changed: "session_events_are_legal",
    _life_after_expiry: "session_events_are_legal",
    _nothing_was_done: "enough_happened",
}


class _Story:
    """Writes a journal in which events follow each other, one per millisecond."""

    def __init__(self):
        self.time, self.number, self.zxid = SECOND, 0, 0x100000000
        self.lines = []

    def now(self):
        self.time += 1000
        return self.time

    def note(self, text):
        self.lines.append(text.replace("@", str(self.now())))

    def call(self, kind, path, value="-", expected=-1, version=-1, read="-", mode="s"):
        self.number += 1
        self.note(f"> {self.number} 1 {mode} {kind} @ {path} {value} {expected}")
        self.note(f"< {self.number} @ 0 {version} {self.zxid + version if version >= 0 else -1} {read}")


def made_up():
    """The inputs of a small History without errors."""
    story, watcher = _Story(), _Story()
    story.note("H 1 @")
    story.note("S 1 @ 3 77")
    story.call("ephemeral", "/chaos/e/c1.1-1-0", "c1.1", version=0)
    story.call("create", "/chaos/w/01/c1.1s1", "c1.1.1", version=0)
    story.call("create", "/chaos/w/02/c1.1s2", "c1.1.2", version=0)
    story.call("delete", "/chaos/w/02/c1.1s2")
    story.call("create", "/chaos/a/c1.1-1", version=0)
    story.call("count", "/chaos/a/c1.1-1", "c1.1.3", version=1, mode="a")
    story.call("count", "/chaos/a/c1.1-1", "c1.1.4", version=2, mode="a")
    story.call("sync", "/chaos", mode="a")
    story.call("sync", "/chaos", mode="a")
    story.lines[-3], story.lines[-2] = story.lines[-2], story.lines[-3]  # the second before the first has ended
    for version in (1, 2):
        for path, kind in (("/chaos/r0", "set"), ("/chaos/r1", "set"), ("/chaos/m", "multi")):
            value = f"c1.1.{path[-1]}{version}"
            story.call(kind, path, value, version - 1, version)
            story.call("get", path, version=version, read=value)
    story.note("A 901 1 @ /chaos/r0 2 1")
    story.note("Q 1 @")
    watcher.time, watcher.lines = story.time, ["H 1 1"]
    watcher.call("set", "/chaos/r0", "bump", 2, 3)
    story.time = watcher.now()
    story.note("F 901 1 @ 3 /chaos/r0")
    dumped = story.now()
    story.note("X 1 @")
    story.note("C 1 @ 0")
    dump = [
        "N /chaos/e/c1.1-1-0 0 1 77 c1.1", "N /chaos/w/01/c1.1s1 0 1 0 c1.1.1", "N /chaos/a/c1.1-1 2 1 0 c1.1.4",
        "N /chaos/r0 3 1 0 bump", "N /chaos/r1 2 1 0 c1.1.12", "N /chaos/m 2 1 0 c1.1.m2",
        "N /chaos/mh/1 0 1 0 c1.1.m1", "N /chaos/mh/2 0 1 0 c1.1.m2",
    ]
    return {"journals": {"c1.1": story.lines, "observer": watcher.lines}, "dump": dump, "dumped": dumped,
            "session_ms": 4000, "disordered": {"c1.1"}}


def results(inputs=None):
    """[(the error, [] if it was found)], on the run's inputs or the made-up ones; the first entry is the history
    without an error."""
    inputs = inputs or made_up()
    found = [(name, list(check(History(**inputs)))) for name, check in _CHECKS.items()]
    rows = [("checker: a history without fault passes", [f"{name}: {p}" for name, problems in found for p in problems])]
    for make_wrong, invariant in WRONGS.items():
        name = f"checker notices:{make_wrong.__name__}"
        wrong = Wrong(inputs)
        try:
            make_wrong(wrong)
        except (StopIteration, IndexError, AttributeError, ValueError) as error:
            rows.append((name, [f"this history has nothing to make wrong: {error!r}"]))
            continue
        noticed = list(_CHECKS[invariant](History(**wrong.inputs)))
        rows.append((name, [] if noticed else [f"{invariant} did not"]))
    return [*rows, ("the wire shows a reply out of order", wire_problems())]


def wire_problems():
    """The results of Wire for two connections: a correct one, in pieces, and one with a reply that comes too early."""

    def frame(*numbers):
        return struct.pack(f">i{len(numbers)}i", 4 * len(numbers), *numbers)

    right, wrong = Wire(), Wire()
    requests = frame(0, 0) + frame(7, 1) + frame(8, 1) + frame(-2, 11)
    replies = frame(0, 0) + frame(-1, 0) + frame(7, 0) + frame(-2, 0)
    for wire, last in ((right, frame(8, 0)), (wrong, frame(9, 0))):
        connection = Connected()
        wire.see(connection, "client", requests)
        for byte in replies + last:
            wire.see(connection, "server", bytes([byte]))
    problems = [] if not right.disorders else [f"nothing was wrong, and yet {right.disorders}"]
    return problems if wrong.disorders == {(8, 9)} else [*problems, f"9 came before 8, and it saw {wrong.disorders}"]


class Connected:
    """A stand-in for a connection of a proxy."""
