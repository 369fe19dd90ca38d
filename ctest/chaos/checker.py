"""The invariants: each a function that yields the violations in a History as sentences. None knows of faults."""

import collections

from history import ACKNOWLEDGED, REFUSED, UNKNOWN, WRITES

REGISTERS = ("/chaos/r0", "/chaos/r1", "/chaos/m")
CHANGED = 3
# The possible values of zoo_state: 0 between servers, connecting, associating, connected, not connected, expired.
STATES = {0, 1, 2, 3, 999, -112}
SECOND = 1_000_000
# A server that has lost its leader keeps answering pings for syncLimit ticks (rig: 5 s) before it drops its clients.
SYNC_LIMIT = 5 * SECOND
# Extra time for a busy machine.
SLACK = 30 * SECOND


def acknowledged_creates_are_there(history):
    """Every node whose creation was acknowledged exists with its value, unless a deletion may have happened."""
    gone = {o.path for o in history.operations if o.kind == "delete" and o.possible}
    for o in history.operations:
        if o.kind != "create" or not o.acknowledged or o.path in gone:
            continue
        node = history.nodes.get(o.path)
        if node is None:
            yield f"lost: {o}"
        elif not o.path.startswith("/chaos/a/") and node[3] != o.value:
            yield f"{o}: the node holds {node[3]}"


def deletions_hold(history):
    """No node whose deletion was acknowledged exists; no creation or deletion happens twice."""
    for o in history.operations:
        if o.kind == "delete" and o.acknowledged and o.path in history.nodes:
            yield f"back again: {o}"
        if o.kind in ("create", "ephemeral") and o.rc == -110:
            yield f"a unique name exists already: {o}"
    created = {o.path for o in history.operations if o.kind == "create" and o.acknowledged}
    for o in history.operations:
        if o.kind == "delete" and o.rc == -101 and o.path in created:
            yield f"deleted twice, or never created: {o}"


def every_node_has_an_author(history):
    """No node exists that no client may have created, or whose creation was refused."""
    authors = {o.path for o in history.operations if o.kind in ("create", "ephemeral") and o.possible}
    for path in history.nodes:
        parts = path.split("/")
        if len(parts) >= 4 and (parts[2] in ("a", "e") or (parts[2] == "w" and len(parts) == 5)):
            if path not in authors:
                yield f"{path} is there, and nobody created it"


def _sets(history, path):
    return [o for o in history.operations if o.path == path and o.kind in ("set", "multi")]


def register_chains_hold(history):
    """Each version of a register comes from exactly one conditional set; no acknowledged set is lost or applied
    twice."""
    for path in REGISTERS:
        if path not in history.nodes:
            yield f"{path} is gone"
            continue
        last, _, _, value = history.nodes[path]
        by_version, candidates = {}, collections.defaultdict(list)
        for o in _sets(history, path):
            if o.possible:
                candidates[o.expected + 1].append(o)
            if o.acknowledged:
                if o.version != o.expected + 1:
                    yield f"acknowledged with a version other than the next: {o}"
                if o.expected + 1 in by_version:
                    yield f"two acknowledged sets made one version: {o} and {by_version[o.expected + 1]}"
                if o.expected + 1 > last:
                    yield f"lost, the register is at version {last}: {o}"
                by_version[o.expected + 1] = o
        for version in range(1, last + 1):
            if not candidates[version]:
                yield f"{path}: nobody can have made version {version}"
        authors = [by_version[last]] if last in by_version else candidates[last]
        if last > 0 and value not in [o.value for o in authors]:
            yield f"{path}: version {last} is {value}, which none of those who may have made it wrote"


def reads_agree_with_writes(history):
    """All reads of one version of a register return the same value and mzxid, as written by the writer of that
    version."""
    seen, versions_of = {}, collections.defaultdict(set)
    possible = {(o.path, o.expected + 1, o.value) for o in history.operations if o.kind in ("set", "multi") and o.possible}
    for o in history.operations:
        if not o.acknowledged or o.path not in REGISTERS:
            continue
        value = o.value if o.kind in ("set", "multi") else o.ends[0][4]
        known = seen.setdefault((o.path, o.version), (value, o.mzxid))
        if known != (value, o.mzxid):
            yield f"value and mzxid {value} {o.mzxid}, others had {known}: {o}"
        if o.version > 0:
            versions_of[o.path, value].add(o.version)
            if (o.path, o.version, value) not in possible:
                yield f"nobody can have written {value} as that version: {o}"
    for (path, value), versions in versions_of.items():
        if len(versions) > 1:
            yield f"{path}: {value} was applied more than once, as versions {sorted(versions)}"


def transactions_are_whole(history):
    """The transactional register's history has one node for each of its versions, with that version's value."""
    node = history.nodes.get("/chaos/m")
    last = node[0] if node else 0
    made = {int(p.rsplit("/", 1)[1]): v[3] for p, v in history.nodes.items() if p.startswith("/chaos/mh/")}
    if set(made) != set(range(1, last + 1)):
        yield f"versions without their node, or nodes without their version: {sorted(set(made) ^ set(range(1, last + 1)))[:5]}"
    for o in _sets(history, "/chaos/m"):
        if o.acknowledged and made.get(o.expected + 1) != o.value:
            yield f"its history says {made.get(o.expected + 1)}: {o}"
    if len(set(made.values())) != len(made):
        yield "one transaction was applied twice"


def counters_count(history):
    """A node that is set unconditionally has one version for each set: all acknowledged sets count, and at most the
    unknown ones too."""
    sets = collections.defaultdict(list)
    for o in history.operations:
        if o.kind == "count":
            sets[o.path].append(o)
    for path, all_sets in sets.items():
        acknowledged = [o for o in all_sets if o.acknowledged]
        most = sum(o.possible for o in all_sets)
        node = history.nodes.get(path)
        if node is None:
            yield f"{path} is gone"
        elif not len(acknowledged) <= node[0] <= most:
            yield f"{path}: version {node[0]} after {len(acknowledged)} acknowledged sets of {most} that may have been done"
        for before, after in zip(acknowledged, acknowledged[1:]):
            if after.version <= before.version:
                yield f"out of order: {before} then {after}"


def ephemerals_match_sessions(history):
    """An ephemeral node exists if and only if its session lives. If its creation was not acknowledged, it may also be missing."""
    living = {h.session for h in history.handles if history.lives(h)}
    sessions = {(h.client, h.number): h.session for h in history.handles}
    for path, (_, _, owner, _) in history.nodes.items():
        if owner and owner not in living:
            yield f"{path} is there, its session {owner:#x} is not"
    for o in history.operations:
        if o.kind != "ephemeral":
            continue
        session, node = sessions[o.client, o.handle], history.nodes.get(o.path)
        if o.acknowledged and session in living and node is None:
            yield f"its session {session:#x} lives, it is gone: {o}"
        if node is not None and node[2] != session:
            yield f"owned by {node[2]:#x} instead of {session:#x}: {o}"


def watches_fire_once(history):
    """A watch fires at most once, as CHANGED, for its path, if its get succeeded; and it does fire when the node
    changed."""
    for handle in history.handles:
        reads = collections.defaultdict(list)  # path -> (end, begin, version) of acknowledged operations
        for o in handle.operations:
            if o.acknowledged and o.path in REGISTERS:
                reads[o.path].append((o.end, o.begin, o.version))
        for number, watch in handle.watches.items():
            name = f"{handle} watch {number} on {watch.path}"
            if len(watch.fires) > 1:
                yield f"{name} fired {len(watch.fires)} times"
            if watch.armed is None:
                # A client that was killed right after its get has not recorded its watch.
                if watch.fires and handle.client not in history.killed:
                    yield f"{name} fired though its get had failed"
                continue
            for time, kind, path in watch.fires:
                if (kind, path) != (CHANGED, watch.path):
                    yield f"{name} fired with type {kind} path {path}"
                if any(begin > time and version <= watch.version for _, begin, version in reads[watch.path]):
                    yield f"{name} fired at {time} without a change visible after it"
            if not watch.fires and _had_to_fire(history, handle, watch, reads[watch.path]):
                yield f"{name}, armed at version {watch.version}, never fired"


def _had_to_fire(history, handle, watch, reads):
    """Whether the session saw a later version, or lived undisturbed after one for long enough to get the event."""
    last = handle.closing or handle.expired
    if last is None and handle.client in history.killed:
        return False
    grace = SECOND + SLACK
    seen = [end for end, _, version in reads if version > watch.version]
    if seen and last is not None and not handle.expired and last - min(seen) > grace:
        return True
    # After the faults were removed each register was set once more, and all clients had time to get the event.
    node = history.nodes.get(watch.path)
    return handle.quiet is not None and not handle.expired and node is not None and node[0] > watch.version


def sessions_never_go_back(history):
    """In one session, an operation that began after another one ended sees at least what that one had seen or
    written."""
    for handle in history.handles:
        by_path = collections.defaultdict(list)
        for o in handle.operations:
            if o.acknowledged and o.version >= 0 and o.path in REGISTERS:
                by_path[o.path].append(o)
        for operations in by_path.values():
            ended = sorted(operations, key=lambda o: o.end)
            newest, cursor = None, 0
            for o in sorted(operations, key=lambda o: o.begin):
                while cursor < len(ended) and ended[cursor].end < o.begin:
                    candidate = ended[cursor]
                    if newest is None or candidate.version > newest.version:
                        newest = candidate
                    cursor += 1
                if newest is not None and (o.version < newest.version or o.mzxid < newest.mzxid):
                    yield f"{o}, after {newest}"


def calls_end_in_time(history):
    """No call, completion or close takes longer than 4/3 of the session timeout plus the time that the server itself
    may take."""
    bound = history.session_ms * 1000 * 4 // 3 + SYNC_LIMIT + SLACK
    for o in history.operations:
        if o.end is not None and o.client != "observer":
            taken = o.end - o.begin - history.paused(o.client, o.begin, o.end)
            if taken > bound:
                yield f"{taken / SECOND:.1f} s, at most {bound / SECOND:.1f}: {o}"
    for h in history.handles:
        if h.closed is not None and h.closed - h.closing - history.paused(h.client, h.closing, h.closed) > bound:
            yield f"{h}: zookeeper_close took {(h.closed - h.closing) / SECOND:.1f} s"


def every_call_ends_once(history):
    """Each call and each completion ends exactly once, before zookeeper_close returns; none comes after a refusal."""
    closed = {(h.client, h.number): h.closed for h in history.handles}
    for line in history.stray:
        yield f"a result of nothing: {line}"
    for o in history.operations:
        if len(o.ends) > 1:
            yield f"completed {len(o.ends)} times: {o}"
        if o.refused is not None and o.ends:
            yield f"refused and completed: {o}"
        if not o.ends and o.refused is None and o.client not in history.killed:
            yield f"never completed: {o}"
        after = closed[o.client, o.handle]
        if o.ends and after is not None and o.ends[0][0] > after:
            yield f"completed after close: {o}"


def completions_keep_their_order(history):
    """Async completions come in the order of the calls."""
    for handle in history.handles:
        done = [o for o in handle.operations if o.asynchronous and o.ends]
        for before, after in zip(done, done[1:]):
            if after.ends[0][5] < before.ends[0][5]:
                yield f"{after} before {before}"


def codes_are_legal(history):
    """Every code is one that the call can have under these faults."""
    for o in history.operations:
        if o.rc == -2 and o.client not in history.disordered:
            yield f"no reply was out of order on the wire: {o}"
            continue
        if o.rc is None or o.rc == ACKNOWLEDGED or o.rc in UNKNOWN or o.rc in (-9, -118):
            continue
        # The existence of a unique name is checked by deletions_hold.
        if (o.kind, o.rc) in (("set", -103), ("multi", -103), ("delete", -101), ("create", -110), ("ephemeral", -110)):
            continue
        yield f"{REFUSED.get(o.rc, 'unexpected')}: {o}"
    for h in history.handles:
        if h.close_rc not in (None, 0):
            yield f"{h}: zookeeper_close said {h.close_rc}"


def session_events_are_legal(history):
    """CONNECTED and CONNECTING alternate, CONNECTED first; expiry is the last event; each handle has one session."""
    for handle in history.handles:
        last = 1
        for _, state, sid in handle.events:
            legal = {1: (3, -112), 3: (1,)}.get(last, ())
            if state not in legal:
                yield f"{handle}: event {state} after {last}"
            if state == 3 and sid != handle.session:
                yield f"{handle}: session {sid:#x}, before {handle.session:#x}"
            last = state
        if any(state not in STATES for state in handle.states):
            yield f"{handle}: zoo_state said {sorted(set(handle.states) - STATES)}"
        if handle.closed is not None and any(time > handle.closed for time, _, _ in handle.events):
            yield f"{handle}: an event after close"
        if -112 in handle.states and not handle.expired and handle.closed is None:
            yield f"{handle}: expired without an event"


def enough_happened(history):
    """A run with too few operations proves nothing."""
    kinds = collections.Counter(o.kind for o in history.operations if o.acknowledged)
    for kind in [*WRITES, "get", "sync"]:
        if kinds[kind] == 0:
            yield f"not one acknowledged {kind}"
    if not any(w.fires for h in history.handles for w in h.watches.values()):
        yield "not one watch fired"
    if not any(h.quiet is not None for h in history.handles):
        yield "not one client came to rest"


INVARIANTS = (
    acknowledged_creates_are_there, deletions_hold, every_node_has_an_author, register_chains_hold,
    reads_agree_with_writes, transactions_are_whole, counters_count, ephemerals_match_sessions, watches_fire_once,
    sessions_never_go_back, calls_end_in_time, every_call_ends_once, completions_keep_their_order, codes_are_legal,
    session_events_are_legal, enough_happened,
)


def check(history):
    """{invariant's name: [violation, ...]} for all invariants."""
    return {invariant.__name__: list(invariant(history)) for invariant in INVARIANTS}
