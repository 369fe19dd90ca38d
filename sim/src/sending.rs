//! What the ensemble sends: handshakes, replies, and the events of what has happened. Knows no request.
use crate::acl::{Acl, perms};
use crate::fault::Kind;
use crate::server::{ConnId, Connection, Ensemble};
use crate::tree::Happened;
use zk_core::proto::{ConnectResponse, ReplyHeader, WatcherEvent, event, xid};

impl Ensemble {
    /// Sends the response to a connect request; a refused session is told so and then closed.
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

    /// Sends an event to a connection that may read the node.
    fn tell(&mut self, id: ConnId, kind: i32, path: &str, acl: &Acl) {
        let readable = |one: &Connection| self.options.skip_acl || one.identities.check(acl, perms::READ).is_ok();
        if self.connections.get(&id).is_some_and(readable) {
            self.send_event(id, kind, path);
        }
    }

    /// Fires the watches that what has happened concerns.
    pub(crate) fn announce(&mut self) {
        let mut happened = std::mem::take(&mut self.happened);
        for Happened { kind, path, acl, parent: parent_acl } in happened.drain(..) {
            let told = self.watches.data.fire(&path);
            for id in &told {
                self.tell(*id, kind, &path, &acl);
            }
            if kind == event::CHANGED {
                continue;
            }
            if kind == event::DELETED {
                for id in self.watches.child.fire(&path).difference(&told) {
                    self.tell(*id, kind, &path, &acl);
                }
            }
            let parent = match crate::rules::split(&path).0 {
                "" => "/",
                parent => parent,
            };
            for id in self.watches.child.fire(parent) {
                self.tell(id, event::CHILD, parent, &parent_acl);
            }
        }
        self.happened = happened;
    }
}
