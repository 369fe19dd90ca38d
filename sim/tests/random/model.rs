//! A model of the results that one client may see, written independently of the session; each record of the client is
//! checked against it.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use zk_core::code::Code;
use zk_core::proto::{Stat, event};
use zk_core::reply;
use zk_core::session::{Event, State};
use zk_core::watches::{Removal, WatchKind};
use zk_sim::world::{Heard, Record};

/// The meaning of an answered request for the model.
#[derive(Clone, Debug)]
pub enum Meaning {
    Auth,
    /// Data starts with the server path and `#` when written, and must do so when read.
    Get {
        path: String,
        server_path: String,
        watcher: Option<u32>,
    },
    Exists {
        path: String,
        server_path: String,
        watcher: Option<u32>,
    },
    Children {
        path: String,
        server_path: String,
        watcher: Option<u32>,
    },
    /// The answer names the node, because servers append numbers.
    Created,
    Set {
        server_path: String,
    },
    Remove {
        path: String,
        kind: Removal,
        watcher: Option<u32>,
    },
    AddWatch {
        path: String,
        kind: WatchKind,
        watcher: u32,
    },
    Other,
}

#[derive(Clone, Debug)]
pub struct Waiting {
    pub meaning: Meaning,
    /// Its position among the requests that are sent over the wire.
    pub order: Option<u64>,
    pub since: Duration,
}

impl Waiting {
    /// Whether the time limit of requests holds for it.
    pub fn has_limit(&self) -> bool {
        self.order.is_some() || matches!(self.meaning, Meaning::Auth)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Data,
    Exist,
    Child,
    /// The following two stay after an event.
    Persistent,
    Recursive,
}

/// A client in its expected state.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // independent facts
pub struct Model {
    pub waiting: BTreeMap<u64, Waiting>,
    pub armed: BTreeMap<(String, Table), BTreeSet<u32>>,
    /// `mzxid` or `pzxid` at the time of arming, if the reply contained it.
    pub versions: BTreeMap<(String, Table), i64>,
    last_order: u64,
    next_order: u64,
    /// State of the last session event.
    told: Option<i32>,
    state: Option<State>,
    /// For each node, its last change that this client has seen or made, and its creation.
    pub seen: BTreeMap<String, Seen>,
    /// The greatest transaction that any answer has mentioned.
    pub greatest: i64,
    last: bool,
    /// Tags of the `add_auth` calls that were unanswered when the connection was lost: they must fail at once.
    pub failing: BTreeSet<u64>,
    /// Whether corrupted bytes may have been read as an answer, whose content then means nothing.
    pub spoiled: bool,
    pub closed: bool,
    /// Whether a server that takes writes has granted a session, or the client was given one.
    had_session: bool,
    /// The last time at which the session had no connection and every older request had been answered.
    pub loose_since: Option<Duration>,
}

/// Transactions of a node, by server path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub created: i64,
    modified: i64,
    children: i64,
}

pub type Verdict = Result<(), String>;

fn require(holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(what()) }
}

impl Model {
    /// A new client, which may have been given a session.
    pub fn new(had_session: bool) -> Model {
        Model { had_session, ..Model::default() }
    }

    pub fn submitted(&mut self, tag: u64, meaning: Meaning, on_wire: bool, now: Duration) {
        let order = on_wire.then(|| {
            self.next_order += 1;
            self.next_order
        });
        self.waiting.insert(tag, Waiting { meaning, order, since: now });
    }

    /// Requests that wait for an answer over the wire.
    pub fn outstanding(&self) -> usize {
        self.waiting.values().filter(|waiting| waiting.order.is_some()).count()
    }

    pub fn hear(&mut self, record: &Record) -> Verdict {
        if self.closed {
            return Err(format!("after Closed: {:?}", record.what));
        }
        if self.last && matches!(record.what, Heard::Delivered(..) | Heard::Notified(_)) {
            return Err(format!("after Last: {:?}", record.what));
        }
        match &record.what {
            Heard::Delivered(tag, result) => self.delivered(*tag, result),
            Heard::Notified(event) if event.path.is_empty() => self.session_event(event),
            Heard::Notified(event) => self.node_event(event),
            Heard::State(state) => self.state_changed(*state),
            Heard::Last => {
                self.last = true;
                require(self.waiting.is_empty(), || format!("nothing follows, with {:?} waiting", self.waiting))
            }
            Heard::Closed => {
                self.closed = true;
                require(self.last, || "Closed without Last".to_owned())?;
                require(self.waiting.is_empty(), || format!("closed with {:?} waiting", self.waiting))
            }
            Heard::Disconnected(reset) => {
                // The event of a loss comes after the disconnect.
                let established = self.is_told_connected();
                require(!reset || !established, || "a confirmed session's connection is reset".into())
            }
            Heard::Attempt(_) | Heard::Resolving | Heard::Probing(_) => Ok(()),
        }
    }

    fn is_told_connected(&self) -> bool {
        [State::Connected.to_i32(), State::ReadOnly.to_i32()].map(Some).contains(&self.told)
    }

    fn delivered(&mut self, tag: u64, result: &Result<Vec<u8>, Code>) -> Verdict {
        let waiting = self.waiting.remove(&tag).ok_or_else(|| format!("{tag} is delivered and was not waiting"))?;
        if let Some(order) = waiting.order {
            require(order > self.last_order, || format!("{tag} is delivered out of order"))?;
            self.last_order = order;
        }
        if let Err(Code::ConnectionLoss | Code::OperationTimeout) = result {
            require(!self.is_told_connected(), || {
                format!("{tag} has failed, and nobody was told of a lost connection")
            })?;
        }
        match waiting.meaning {
            Meaning::Get { path, server_path, watcher } => {
                let Ok(body) = result else { return Ok(()) };
                let read = reply::data(body).ok();
                self.arm(&path, Table::Data, watcher, read.as_ref().map(|(_, stat)| stat.mzxid));
                // A reply that a fault has truncated gives no information.
                let Some((data, stat)) = read else { return Ok(()) };
                self.see(&server_path, &stat)?;
                let data = String::from_utf8_lossy(data.unwrap_or_default()).into_owned();
                let fits = server_path == "/" || data.starts_with(&format!("{server_path}#"));
                require(self.spoiled || fits, || format!("{server_path} has the data {data:?}"))
            }
            Meaning::Exists { path, server_path, watcher } => {
                match result {
                    Ok(body) => {
                        let stat = reply::stat(body).ok();
                        self.arm(&path, Table::Data, watcher, stat.map(|stat| stat.mzxid));
                        stat.map_or(Ok(()), |stat| self.see(&server_path, &stat))?;
                    }
                    Err(Code::NoNode) => self.arm(&path, Table::Exist, watcher, None),
                    Err(_) => {}
                }
                Ok(())
            }
            Meaning::Children { path, server_path, watcher } => {
                let Ok(body) = result else { return Ok(()) };
                let stat = reply::children_stat(body).ok().map(|(_, stat)| stat);
                self.arm(&path, Table::Child, watcher, stat.map(|stat| stat.pzxid));
                stat.map_or(Ok(()), |stat| self.see(&server_path, &stat))
            }
            Meaning::Created => {
                let Some((path, stat)) = result.as_ref().ok().and_then(|body| reply::path_stat(body).ok()) else {
                    return Ok(());
                };
                let path = String::from_utf8_lossy(path).into_owned();
                self.see(&path, &stat)
            }
            Meaning::Set { server_path } => {
                let stat = result.as_ref().ok().and_then(|body| reply::stat(body).ok());
                stat.map_or(Ok(()), |stat| self.see(&server_path, &stat))
            }
            Meaning::Remove { path, kind, watcher } => {
                if result.is_ok() {
                    self.disarm(&path, kind, watcher);
                }
                Ok(())
            }
            Meaning::AddWatch { path, kind, watcher } => {
                if result.is_ok() {
                    let table = if kind == WatchKind::Recursive { Table::Recursive } else { Table::Persistent };
                    self.armed.entry((path, table)).or_default().insert(watcher);
                }
                Ok(())
            }
            Meaning::Auth | Meaning::Other => Ok(()),
        }
    }

    /// A session must never see a state older than one that it has seen or made.
    fn see(&mut self, server_path: &str, stat: &Stat) -> Verdict {
        self.greatest = self.greatest.max(stat.mzxid).max(stat.pzxid).max(stat.czxid);
        let seen = self.seen.entry(server_path.to_owned()).or_default();
        let now = Seen { created: stat.czxid, modified: stat.mzxid, children: stat.pzxid };
        let before = std::mem::replace(seen, now);
        let older = now.modified < before.modified || now.children < before.children || now.created < before.created;
        require(self.spoiled || !older, || format!("stale read of {server_path}: {now:?} after {before:?}"))
    }

    fn arm(&mut self, path: &str, table: Table, watcher: Option<u32>, version: Option<i64>) {
        let Some(watcher) = watcher else { return };
        let key = (path.to_owned(), table);
        self.armed.entry(key.clone()).or_default().insert(watcher);
        // The oldest version counts: a watch that is already armed fires at the first change.
        match version {
            Some(version) => {
                self.versions.entry(key).or_insert(version);
            }
            None => {
                self.versions.entry(key).or_insert(-1);
            }
        }
    }

    fn disarm(&mut self, path: &str, kind: Removal, watcher: Option<u32>) {
        let tables: &[Table] = match kind {
            Removal::Children => &[Table::Child],
            Removal::Data => &[Table::Data, Table::Exist],
            Removal::Any => &[Table::Data, Table::Exist, Table::Child, Table::Persistent, Table::Recursive],
            Removal::Persistent => &[Table::Persistent],
            Removal::Recursive => &[Table::Recursive],
        };
        for table in tables {
            let key = (path.to_owned(), *table);
            if let Some(armed) = self.armed.get_mut(&key) {
                match watcher {
                    Some(watcher) => {
                        armed.remove(&watcher);
                    }
                    None => armed.clear(),
                }
                if armed.is_empty() {
                    self.armed.remove(&key);
                    self.versions.remove(&key);
                }
            }
        }
    }

    fn node_event(&mut self, event: &Event<u32>) -> Verdict {
        let path = String::from_utf8_lossy(&event.path).into_owned();
        let tables: &[Table] = match event.kind {
            event::CREATED | event::CHANGED => &[Table::Data, Table::Exist],
            event::DELETED => &[Table::Data, Table::Exist, Table::Child],
            event::CHILD => &[Table::Child],
            _ => &[],
        };
        let mut wanted = BTreeSet::new();
        for table in tables {
            let key = (path.clone(), *table);
            wanted.extend(self.armed.remove(&key).unwrap_or_default());
            self.versions.remove(&key);
        }
        if !tables.is_empty() {
            wanted.extend(self.lasting(&path, event.kind));
        }
        let told: BTreeSet<u32> = event.watchers.iter().copied().collect();
        require(!wanted.is_empty(), || format!("event {} at {path} without a watch", event.kind))?;
        require(told.len() == event.watchers.len(), || format!("a watcher twice in {event:?}"))?;
        require(told == wanted, || format!("event {} at {path}: {told:?} told, {wanted:?} armed", event.kind))
    }

    /// The watchers that get every event at a path: the persistent watchers of the path, and the recursive watchers of
    /// it and of each node above, which get no child events.
    fn lasting(&self, path: &str, kind: i32) -> BTreeSet<u32> {
        let hears = |(at, table): &(String, Table)| match table {
            Table::Persistent => at == path,
            Table::Recursive => {
                let is_below = at == "/" || path.strip_prefix(at.as_str()).is_some_and(|rest| rest.starts_with('/'));
                kind != event::CHILD && (at == path || is_below)
            }
            Table::Data | Table::Exist | Table::Child => false,
        };
        self.armed.iter().filter(|(key, _)| hears(key)).flat_map(|(_, watchers)| watchers).copied().collect()
    }

    fn session_event(&mut self, event: &Event<u32>) -> Verdict {
        require(event.kind == event::SESSION, || format!("{event:?} has no path"))?;
        let (connected, read_only) = (State::Connected.to_i32(), State::ReadOnly.to_i32());
        let (connecting, expired, refused) = (1, State::Expired.to_i32(), State::AuthFailed.to_i32());
        let before = self.told;
        let legal = match before {
            None => [connected, read_only, expired].contains(&event.state),
            Some(state) if state == connected || state == read_only => [connecting, refused].contains(&event.state),
            Some(1) => [connected, read_only, expired].contains(&event.state),
            Some(_) => false,
        };
        self.told = Some(event.state);
        if event.state == connecting {
            let auths = self.waiting.iter().filter(|(_, waiting)| matches!(waiting.meaning, Meaning::Auth));
            self.failing = auths.map(|(tag, _)| *tag).collect();
        }
        self.had_session |= event.state == connected;
        require(event.state != expired || self.had_session, || "expired, and there was no session".into())?;
        require(legal, || format!("session event {} after {before:?}", event.state))?;
        let mut wanted: BTreeSet<u32> = self.armed.values().flatten().copied().collect();
        wanted.insert(0);
        let told: BTreeSet<u32> = event.watchers.iter().copied().collect();
        require(told == wanted && told.len() == event.watchers.len(), || format!("{event:?}, armed {wanted:?}"))?;
        require(event.watchers.last() == Some(&0), || format!("{event:?}: the default watcher is not last"))
    }

    fn state_changed(&mut self, state: State) -> Verdict {
        use State::{Associating, AuthFailed, Closed, Connected, Connecting, Expired, NotConnected, Paused, ReadOnly};
        let before = self.state.unwrap_or(NotConnected);
        let legal = matches!(
            (before, state),
            (_, Closed)
                | (NotConnected | Paused, Connecting)
                | (Connecting, Associating | Paused | NotConnected)
                | (Associating, Connected | ReadOnly | Paused | NotConnected | Expired)
                | (Connected | ReadOnly, Paused | AuthFailed)
        );
        self.state = Some(state);
        require(legal, || format!("state {state:?} after {before:?}"))
    }
}
