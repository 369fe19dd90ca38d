//! The invariants: at every moment, after recovery, and at the end.
use crate::model::{Meaning, Table, Verdict};
use crate::run::{One, Run, server_path};
use std::collections::BTreeSet;
use std::time::Duration;
use zk_core::code::Code;
use zk_core::jute::Reader;
use zk_core::proto::{ConnectRequest, event, xid};
use zk_core::session::State;
use zk_sim::world::{Heard, Record, World};

/// Limit of attempts that one client may make in ten seconds, even if servers confirm its sessions and break them at
/// once.
const ATTEMPTS: usize = 120;

/// An event must report a change: the node differs from its state when the watch was armed.
pub(crate) fn spurious(world: &World, one: &One, record: &Record) -> Verdict {
    let Heard::Notified(event) = &record.what else { return Ok(()) };
    let path = String::from_utf8_lossy(&event.path).into_owned();
    let stat = world.ensemble.tree().node(&server_path(one.setup.chroot, &path)).map(zk_sim::node::Node::stat);
    let version = |table| one.model.versions.get(&(path.clone(), table)).copied();
    let unchanged = match (event.kind, stat) {
        (event::CHANGED, Some(stat)) => version(Table::Data) == Some(stat.mzxid),
        (event::CHILD, Some(stat)) => version(Table::Child) == Some(stat.pzxid),
        _ => false,
    };
    if unchanged { Err(format!("event {} at {path}, where nothing has changed", event.kind)) } else { Ok(()) }
}

/// A node that this client has seen, and that has not been deleted since, must not be reported missing.
pub(crate) fn absent(world: &World, one: &One, record: &Record) -> Verdict {
    let Heard::Delivered(tag, Err(Code::NoNode)) = &record.what else { return Ok(()) };
    let (Meaning::Get { server_path, .. } | Meaning::Exists { server_path, .. }) = (match one.model.waiting.get(tag) {
        Some(waiting) => &waiting.meaning,
        None => return Ok(()),
    }) else {
        return Ok(());
    };
    let (Some(seen), Some(node)) = (one.model.seen.get(server_path), world.ensemble.tree().node(server_path)) else {
        return Ok(());
    };
    if seen.created == node.stat().czxid { Err(format!("stale read: {server_path} is missing")) } else { Ok(()) }
}

/// A request may fail by its time limit only after that has passed.
pub(crate) fn early(one: &One, record: &Record) -> Verdict {
    let Heard::Delivered(tag, Err(Code::RequestTimeout)) = &record.what else { return Ok(()) };
    let Some(since) = one.model.waiting.get(tag).map(|waiting| waiting.since) else { return Ok(()) };
    match one.least_limit {
        Some(limit) if record.at >= since + limit => Ok(()),
        limit => Err(format!("{tag} of {since:?} has timed out at {:?}, with limit {limit:?}", record.at)),
    }
}

/// The credentials of an auth packet, read after its xid.
fn auth_of(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let (_op, _type, _scheme) = (reader.i32().ok()?, reader.i32().ok()?, reader.buffer().ok()?);
    reader.buffer().ok()?.map(<[u8]>::to_vec)
}

impl One {
    /// No request waits for longer than its time limit.
    fn limit_is_kept(&self, now: Duration) -> Verdict {
        let Some(limit) = self.limit else { return Ok(()) };
        let since = self.model.waiting.values().filter(|one| one.has_limit()).map(|one| one.since).min();
        let due = since.map(|since| since.max(self.limit_since).max(self.frozen_until) + limit);
        if due.is_some_and(|due| now > due + Duration::from_millis(2)) {
            return Err(format!("a request of {since:?} waits at {now:?}, with a limit of {limit:?}"));
        }
        Ok(())
    }

    /// Without a connection no request may wait for longer than an attempt of stock takes. `timeout` is the session's, in
    /// milliseconds.
    fn waits_are_short(&mut self, now: Duration, timeout: i32) -> Verdict {
        let since = *self.model.loose_since.get_or_insert(now);
        let longest = Duration::from_millis(u64::from(timeout.unsigned_abs())) * 2 / 3;
        let longest = longest.max(Duration::from_millis(u64::from(self.setup.timeout.unsigned_abs())) * 2 / 3);
        let oldest = self.model.waiting.values().filter(|one| one.order.is_some()).map(|one| one.since).min();
        if let Some(oldest) = oldest.filter(|_| now > self.frozen_until) {
            let start = oldest.max(since).max(self.frozen_until);
            if now > start + longest + Duration::from_millis(2) {
                return Err(format!("a request of {oldest:?} waits without a connection since {since:?}, at {now:?}"));
            }
        }
        Ok(())
    }
}

impl Run {
    /// With honest servers no call may end with an error that the client made up.
    pub(crate) fn honest(&self, at: usize, record: &Record) -> Verdict {
        let Heard::Delivered(tag, Err(code)) = &record.what else { return Ok(()) };
        let own = matches!(code, Code::RuntimeInconsistency | Code::MarshallingError | Code::Other(_));
        if own && !self.lied {
            return Err(format!("client {at}: {tag} ends with {code:?}, and no server has said anything wrong"));
        }
        Ok(())
    }

    pub(crate) fn moment(&mut self, at: usize) -> Verdict {
        let now = self.world.now();
        let pause_end = self.pause_end(self.ones[at].number);
        let one = &mut self.ones[at];
        let client = self.world.client(one.number);
        let session = &client.session;
        let state = (session.state(), session.stats().attempts);
        let paused = state.0 == State::Paused && one.before == state;
        if paused && pause_end < one.not_before && !one.list_changed {
            return Err(format!("the end of a pause has moved from {:?} to {pause_end:?}", one.not_before));
        }
        (one.before, one.not_before) = (state, pause_end);
        let (server, peer) = (session.server(), self.world.peer(one.number));
        if server != peer {
            return Err(format!("the session says it is at {server:?}, its connection is to {peer:?}"));
        }
        if let (Some(server), Some(list)) = (server, &one.list)
            && !session.is_closing()
            && !list.contains(&server)
        {
            return Err(format!("at {server}, which is not in the newest list {list:?}"));
        }
        if one.model.failing.iter().any(|tag| one.model.waiting.contains_key(tag)) {
            return Err("credentials without an answer were not failed when the connection was lost".into());
        }
        // A session that takes writes keeps its id until the client is told that it has expired.
        if session.state() == State::Connected {
            let id = session.client_id().id;
            if one.session != 0 && one.session != id {
                return Err(format!("session {id:x} after {:x}, and nobody was told", one.session));
            }
            one.session = id;
        }
        // Silence, even with a slowly arriving frame, must be noticed before the server expires the session.
        let silence = Duration::from_millis(u64::from(session.timeout().unsigned_abs())) + Duration::from_secs(1);
        if session.is_established() && now > client.heard_at.max(one.frozen_until) + silence {
            return Err(format!("connected, and no frame since {:?}", client.heard_at));
        }
        let (pending, outstanding) = (session.pending_len(), one.model.outstanding());
        // A request that has timed out keeps its place until its answer comes.
        if pending < outstanding || (pending > outstanding && one.least_limit.is_none()) {
            return Err(format!("{pending} requests pending, {outstanding} not answered"));
        }
        if !session.is_closing() {
            one.limit_is_kept(now)?;
        }
        let armed: usize = one.model.armed.values().map(BTreeSet::len).sum();
        if session.watch_count() != armed {
            return Err(format!("{} watches armed, not {armed}", session.watch_count()));
        }
        if matches!(session.state(), State::Closed) && (session.has_outgoing() || session.deadline().is_some()) {
            return Err("closed, and yet something is to be done".into());
        }
        let unlinked =
            matches!(session.state(), State::NotConnected | State::Paused | State::Connecting | State::Expired);
        if unlinked && session.has_outgoing() {
            return Err("bytes to send, and no connection to send them on".into());
        }
        if session.is_established() || session.is_closing() {
            one.model.loose_since = None;
            Ok(())
        } else {
            one.waits_are_short(now, session.timeout())
        }
    }

    pub(crate) fn is_settled(&self, one: usize) -> bool {
        let state = self.world.client(self.ones[one].number).state();
        if self.world.now() < self.ones[one].frozen_until + Duration::from_secs(5) {
            return false;
        }
        match state {
            State::Connected => self.ones[one].model.waiting.is_empty(),
            State::Expired | State::AuthFailed | State::Closed => true,
            _ => self.saw_the_future(one),
        }
    }

    /// Whether corrupted bytes happened to look like the answer to the request in flight, with a transaction of the
    /// future: servers reject such a client, which cannot know why. This happens once in a million histories.
    fn saw_the_future(&self, one: usize) -> bool {
        let mut sent = self.world.client(self.ones[one].number).sent.iter().rev();
        let request = sent.find_map(|bytes| ConnectRequest::read(&mut Reader::new(bytes.get(4..)?)).ok());
        self.spoiled && request.is_some_and(|request| request.last_zxid_seen > self.world.ensemble.zxid())
    }

    /// Every watch that the client believes armed is armed at the server, and no change was missed.
    pub(crate) fn watches_are_kept(&self, at: usize) -> Verdict {
        let one = &self.ones[at];
        if self.world.client(one.number).state() != State::Connected {
            return Ok(());
        }
        let end = self.world.server_end(one.number).ok_or("no server's end")?;
        for (path, table) in one.model.armed.keys() {
            let server_path = server_path(one.setup.chroot, path);
            let (data, child) = self.world.ensemble.watched(end, &server_path);
            let (persistent, recursive) = self.world.ensemble.watched_lastingly(end, &server_path);
            let kept = match table {
                Table::Data | Table::Exist => data,
                Table::Child => child,
                // If both kinds are at a path, the server holds one recursive watch for both.
                Table::Persistent => persistent || recursive,
                Table::Recursive => recursive,
            };
            if !kept {
                return Err(format!("the watch {table:?} at {path} is lost"));
            }
            let version = one.model.versions.get(&(path.clone(), *table)).copied().unwrap_or(-1);
            let stat = self.world.ensemble.tree().node(&server_path).map(zk_sim::node::Node::stat);
            let missed = match (table, stat) {
                (Table::Exist, stat) => stat.is_some(),
                (Table::Data, Some(stat)) => version != -1 && stat.mzxid != version,
                (Table::Child, Some(stat)) => version != -1 && stat.pzxid != version,
                (Table::Persistent | Table::Recursive, _) => false,
                (_, None) => true,
            };
            if missed && !self.spoiled {
                return Err(format!("the watch {table:?} at {path} missed a change since {version:x}: {stat:?}"));
            }
        }
        Ok(())
    }

    /// No request was sent twice, they were sent in order, and each connection began with the required messages.
    pub(crate) fn wire_is_clean(&self, at: usize) -> Verdict {
        let client = self.world.client(self.ones[at].number);
        let mut seen = BTreeSet::new();
        let mut credentials = Vec::new();
        if client.sent.len() > self.ones[at].floors.len() {
            return Err("a connection without an attempt".into());
        }
        for (bytes, floor) in client.sent.iter().zip(&self.ones[at].floors) {
            credentials.clear();
            let mut rest = bytes.as_slice();
            let mut first = true;
            while let Some((prefix, after)) = rest.split_first_chunk::<4>() {
                let len = usize::try_from(i32::from_be_bytes(*prefix)).map_err(|_| "a negative length was sent")?;
                let Some((frame, after)) = after.split_at_checked(len) else {
                    return Err("half a frame was sent".into());
                };
                rest = after;
                let mut reader = Reader::new(frame);
                if std::mem::take(&mut first) {
                    let request = ConnectRequest::read(&mut reader).map_err(|_| "no connect request")?;
                    if frame.len() != 45 {
                        return Err(format!("a connect request of {} bytes", frame.len()));
                    }
                    if request.last_zxid_seen < *floor && !self.spoiled {
                        return Err(format!("{request:?} after an answer told of {floor}"));
                    }
                    continue;
                }
                let number = reader.i32().map_err(|_| "no header")?;
                if number <= 0 && ![xid::PING, xid::AUTH, xid::SET_WATCHES].contains(&number) {
                    return Err(format!("a request has the transaction id {number}"));
                }
                if number == xid::AUTH {
                    credentials.push(auth_of(&mut reader).ok_or("an auth packet that cannot be read")?);
                }
                if number > 0 && !seen.insert(number) {
                    return Err(format!("request {number} was sent twice"));
                }
            }
        }
        let mut owed = self.ones[at].auths.clone();
        owed.sort();
        credentials.sort();
        if client.state() == State::Connected && owed != credentials {
            return Err(format!("{} credentials of {} are on this connection", credentials.len(), owed.len()));
        }
        let attempts = client.attempts();
        let crowded = attempts.windows(ATTEMPTS).any(|window| {
            let (first, last) = (window[0].0, window[ATTEMPTS - 1].0);
            last.saturating_sub(first) < Duration::from_secs(10)
        });
        if crowded && !self.ones[at].list_changed {
            return Err(format!("{ATTEMPTS} attempts within ten seconds"));
        }
        Ok(())
    }
}
