//! The ensemble's output: handshakes, replies and watch events. Knows no request.
use crate::acl::{Acl, perms};
use crate::fault::Kind;
use crate::server::{ConnId, Connection, Ensemble};
use crate::tree::Happened;
use std::collections::BTreeSet;
use zk_core::proto::{ConnectResponse, ReplyHeader, WatcherEvent, event, xid};

impl Ensemble {
    /// Sends the response to a connect request; if the session is refused, the connection is closed afterwards.
    pub(crate) fn send_handshake(&mut self, id: ConnId, response: ConnectResponse, old_client: bool) {
        let short = old_client || self.options.old_handshake;
        let now = self.now;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.outlet.frame(now, Kind::Handshake, |out| {
                response.write(out);
                if short {
                    out.pop();
                }
            });
            self.list(id);
        }
    }

    /// Sends a reply with the body that `scratch` holds, or none.
    pub(crate) fn send_reply(&mut self, id: ConnId, header: ReplyHeader, with_body: bool) {
        self.sent += 1;
        let (now, body) = (self.now, if with_body { self.scratch.as_slice() } else { &[] });
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.outlet.frame(now, Kind::Reply, |out| {
                header.write(out);
                out.extend_from_slice(body);
            });
        }
        self.list(id);
    }

    pub(crate) fn send_event(&mut self, id: ConnId, kind: i32, path: &str) {
        let now = self.now;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.outlet.frame(now, Kind::Event, |out| {
                ReplyHeader { xid: xid::WATCHER_EVENT, zxid: -1, err: 0 }.write(out);
                WatcherEvent { kind, state: 3, path: path.as_bytes() }.write(out);
            });
        }
        self.list(id);
    }

    /// Sends an event to a connection, if it may read the node.
    fn tell(&mut self, id: ConnId, kind: i32, path: &str, acl: &Acl) {
        let readable = |one: &Connection| self.options.skip_acl || one.identities.check(acl, perms::READ).is_ok();
        if self.connections.get(&id).is_some_and(readable) {
            self.send_event(id, kind, path);
        }
    }

    /// Fires the watches for the changes that have happened.
    pub(crate) fn announce(&mut self) {
        let mut happened = std::mem::take(&mut self.happened);
        self.keep_for_lagging(&happened);
        for one in happened.drain(..) {
            self.fire(&one, None);
        }
        self.happened = happened;
    }

    /// Fires the watches of the clients of one member, or of all members that do not lag.
    pub(crate) fn fire(&mut self, happened: &Happened, member: Option<usize>) {
        let Happened { kind, path, acl, parent: parent_acl } = happened;
        let told = self.take_watches(path, false, member);
        for id in &told {
            self.tell(*id, *kind, path, acl);
        }
        if *kind == event::CHANGED {
            return;
        }
        if *kind == event::DELETED {
            for id in self.take_watches(path, true, member).difference(&told) {
                self.tell(*id, *kind, path, acl);
            }
        }
        let parent = match crate::rules::split(path).0 {
            "" => "/",
            parent => parent,
        };
        for id in self.take_watches(parent, true, member) {
            self.tell(id, event::CHILD, parent, parent_acl);
        }
    }

    fn take_watches(&mut self, path: &str, child: bool, member: Option<usize>) -> BTreeSet<ConnId> {
        let staying = self.watches.staying(path, child);
        let table = if child { &mut self.watches.child } else { &mut self.watches.data };
        let mut found = table.fire(path);
        if member.is_none() && !self.somebody_lags() {
            found.extend(staying);
            return found;
        }
        let is_due = |id: &ConnId| {
            let at = self.connections.get(id).map(|connection| connection.member);
            at.is_none_or(|at| member.map_or_else(|| !self.lags(at), |member| member == at))
        };
        let (mut due, others): (BTreeSet<_>, BTreeSet<_>) = found.into_iter().partition(is_due);
        due.extend(staying.into_iter().filter(is_due));
        let table = if child { &mut self.watches.child } else { &mut self.watches.data };
        for id in others {
            table.add(path, id);
        }
        due
    }
}
