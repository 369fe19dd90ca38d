//! The handshake, and each operation with its reply, as ZooKeeper 3.8.0 answers.
use crate::acl::{self, perms};
use crate::member::{Greeting, Serving};
use crate::server::{ConnId, Ensemble};
use crate::tree::Node;
use crate::watches::Table;
use crate::wire;
use zk_core::code::Code;
use zk_core::jute::{Malformed, Put, Reader};
use zk_core::proto::{ConnectRequest, ConnectResponse, MultiHeader, ReplyHeader, event, op, xid};

/// Whether a reply has a body.
pub(crate) type Answer = Result<bool, Code>;

pub(crate) fn marshalling(_: Malformed) -> Code {
    Code::MarshallingError
}

/// Types that change state, which a read-only server refuses.
fn is_write(kind: i32) -> bool {
    matches!(
        kind,
        op::CREATE
            | op::CREATE2
            | op::CREATE_CONTAINER
            | op::CREATE_TTL
            | op::DELETE
            | op::SET_DATA
            | op::SET_ACL
            | op::CHECK
            | op::MULTI
            | op::RECONFIG
    )
}

impl Ensemble {
    /// Handles the first frame of a connection.
    pub(crate) fn greet(&mut self, id: ConnId, frame: &[u8]) {
        let Some(member) = self.connections.get(&id).map(|connection| connection.member) else { return };
        let serving = self.serving(member);
        match self.greeting(member) {
            Greeting::Proper if serving != Serving::Nobody => {}
            Greeting::Silent => return,
            _ => return self.close(id),
        }
        let mut reader = Reader::new(frame);
        let Ok(request) = ConnectRequest::read(&mut reader) else { return self.close(id) };
        let old_client = frame.len() == 44;
        if serving == Serving::Readers && !request.read_only || request.last_zxid_seen > self.known_zxid(member) {
            return self.close(id);
        }
        let timeout = u64::try_from(request.timeout).unwrap_or(0);
        let timeout = timeout.clamp(self.options.min_timeout, self.options.max_timeout.max(self.options.min_timeout));
        let read_only = serving == Serving::Readers;
        let session = if request.session_id == 0 {
            Some(if read_only {
                self.local_sessions.create(member, self.now, timeout, id)
            } else {
                self.catch_up(member);
                self.zxid += 1;
                self.sessions.create(member, self.now, timeout, id)
            })
        } else {
            self.resume(id, &request, timeout)
        };
        let response = match session {
            Some(session) => ConnectResponse {
                timeout: i32::try_from(timeout).unwrap_or(i32::MAX),
                session_id: session,
                password: self.sessions.password(session),
                read_only,
            },
            None => ConnectResponse { timeout: 0, session_id: 0, password: [0; 16], read_only },
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.session = session;
        }
        self.send_handshake(id, response, old_client);
        if session.is_none() {
            self.close(id);
        }
    }

    /// Takes a session over from another connection. A connection to the same member is closed first, even if the
    /// password is wrong; one to another member stays until it writes.
    fn resume(&mut self, id: ConnId, request: &ConnectRequest, timeout: u64) -> Option<i64> {
        let session = request.session_id;
        let member = self.connections.get(&id)?.member;
        if let Some(before) = self.sessions.get(session).and_then(|session| session.owner)
            && self.connections.get(&before).is_some_and(|other| other.member == member)
        {
            self.close(before);
        }
        if request.password != self.sessions.password(session) {
            return None;
        }
        self.sessions.resume(session, self.now, timeout, id).then_some(session)
    }

    /// Any later frame.
    pub(crate) fn request(&mut self, id: ConnId, frame: &[u8]) {
        let mut reader = Reader::new(frame);
        let Some((request, kind)) = Self::header(&mut reader) else { return self.close(id) };
        let Some(connection) = self.connections.get(&id) else { return };
        let Some(session) = connection.session else { return };
        let read_only = self.serving(connection.member) == Serving::Readers;
        if kind == op::SET_AUTH {
            return self.authenticate(id, request, &mut reader);
        }
        if kind == op::SASL {
            return self.answer_sasl(id, request);
        }
        if !self.sessions.touch(session, self.now) && !read_only {
            return;
        }
        let moved = self.sessions.get(session).is_some_and(|session| session.owner != Some(id));
        if moved && (is_write(kind) || kind == op::SYNC || kind == op::CLOSE) {
            return self.close(id);
        }
        if is_write(kind) || kind == op::SYNC || kind == op::CLOSE {
            // A member that gets its own client's commit has received everything before it.
            let member = self.connections.get(&id).map_or(0, |connection| connection.member);
            self.catch_up(member);
        }
        self.scratch.clear();
        let answer = match kind {
            op::PING => {
                self.send_reply(id, ReplyHeader { xid: xid::PING, zxid: self.zxid_of(id), err: 0 }, false);
                return;
            }
            op::CLOSE => {
                self.end_session(session);
                Ok(false)
            }
            _ if read_only && (is_write(kind) || kind == op::SYNC) => Err(Code::NotReadOnly),
            _ if is_write(kind) => self.write(id, session, kind, &mut reader),
            _ => self.read(id, kind, &mut reader),
        };
        if answer == Err(Code::Unimplemented) && !is_write(kind) {
            self.send_reply(id, ReplyHeader { xid: request, zxid: -1, err: Code::Unimplemented.to_i32() }, false);
            return self.close(id);
        }
        let (err, body) = match answer {
            Ok(body) => (Code::Ok, body),
            Err(code) => (code, false),
        };
        self.send_reply(id, ReplyHeader { xid: request, zxid: self.zxid_of(id), err: err.to_i32() }, body);
        if kind == op::CLOSE {
            self.close(id);
        }
    }

    fn authenticate(&mut self, id: ConnId, request: i32, reader: &mut Reader<'_>) {
        let packet = (|| {
            reader.i32()?;
            Ok((wire::string(reader)?, wire::buffer(reader)?))
        })();
        let Ok((scheme, auth)): Result<_, Malformed> = packet else { return self.close(id) };
        let superuser = self.options.superuser.clone();
        let proved = self
            .connections
            .get_mut(&id)
            .is_some_and(|one| one.identities.prove(scheme.as_deref(), auth, superuser.as_deref()));
        let err = if proved { Code::Ok } else { Code::AuthFailed };
        self.send_reply(id, ReplyHeader { xid: request, zxid: 0, err: err.to_i32() }, false);
        if !proved {
            self.close(id);
        }
    }

    /// The node, if the connection may read it.
    fn readable(&self, id: ConnId, path: &str, wanted: i32) -> Result<&Node, Code> {
        let node = self.tree_of(id).node(path).ok_or(Code::NoNode)?;
        if let Some(connection) = self.connections.get(&id).filter(|_| !self.options.skip_acl) {
            connection.identities.check(&node.acl, wanted)?;
        }
        Ok(node)
    }

    fn read(&mut self, id: ConnId, kind: i32, reader: &mut Reader<'_>) -> Answer {
        let mut out = std::mem::take(&mut self.scratch);
        let answer = self.read_into(id, kind, reader, &mut out);
        self.scratch = out;
        answer
    }

    fn read_into(&mut self, id: ConnId, kind: i32, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Answer {
        match kind {
            op::EXISTS | op::GET_DATA | op::GET_CHILDREN | op::GET_CHILDREN2 => {
                let path = wire::path(reader).map_err(marshalling)?;
                let watch = reader.bool().map_err(marshalling)?;
                self.look(id, kind, &path, watch, out)
            }
            op::GET_ACL => {
                let path = wire::path(reader).map_err(marshalling)?;
                let node = self.readable(id, &path, perms::READ | perms::ADMIN)?;
                let mask = self.readable(id, &path, perms::ADMIN).is_err();
                acl::write(out, &node.acl, mask);
                node.stat().write(out);
                Ok(true)
            }
            op::SYNC => {
                let path = wire::string(reader).map_err(marshalling)?;
                out.put_buffer(path.as_deref().map(str::as_bytes));
                Ok(true)
            }
            op::CHECK_WATCHES | op::REMOVE_WATCHES => self.find_watches(id, kind, reader),
            op::SET_WATCHES => self.set_watches(id, reader),
            op::SET_WATCHES2 => self.set_watches2(id, reader),
            op::ADD_WATCH => self.add_watch(id, reader, out),
            op::GET_EPHEMERALS => self.list_ephemerals(id, reader, out),
            op::GET_ALL_CHILDREN_NUMBER => self.count_children(id, reader, out),
            op::MULTI_READ => self.multi_read(id, reader, out),
            _ => Err(Code::Unimplemented),
        }
    }

    fn list_ephemerals(&self, id: ConnId, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Answer {
        let prefix = wire::string(reader).map_err(marshalling)?.unwrap_or_default();
        let session = self.connections.get(&id).and_then(|connection| connection.session).unwrap_or(0);
        let mut paths = self.tree_of(id).ephemerals(session);
        paths.retain(|path| path.starts_with(&prefix));
        out.put_len(paths.len());
        for path in paths {
            out.put_buffer(Some(path.as_bytes()));
        }
        Ok(true)
    }

    /// Counts all nodes below one.
    fn count_children(&self, id: ConnId, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Answer {
        let path = wire::path(reader).map_err(marshalling)?;
        let mut waiting = vec![(path.clone(), self.readable(id, &path, perms::READ)?)];
        let mut number = 0;
        while let Some((path, node)) = waiting.pop() {
            for name in node.children.in_order() {
                number += 1;
                let below = format!("{}/{name}", path.trim_end_matches('/'));
                if let Some(child) = self.tree_of(id).node(&below) {
                    waiting.push((below, child));
                }
            }
        }
        out.put_i32(number);
        Ok(true)
    }

    fn multi_read(&mut self, id: ConnId, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Answer {
        loop {
            let header = MultiHeader::read(reader).map_err(marshalling)?;
            if header.done {
                MultiHeader::END.write(out);
                return Ok(true);
            }
            let path = wire::path(reader).map_err(marshalling)?;
            reader.bool().map_err(marshalling)?;
            if !matches!(header.kind, op::GET_DATA | op::GET_CHILDREN) {
                return Err(Code::MarshallingError);
            }
            let start = out.len();
            MultiHeader { kind: header.kind, done: false, err: 0 }.write(out);
            if let Err(code) = self.look(id, header.kind, &path, false, out) {
                out.truncate(start);
                MultiHeader { kind: op::ERROR, done: false, err: code.to_i32() }.write(out);
                out.put_i32(code.to_i32());
            }
        }
    }

    fn look(&mut self, id: ConnId, kind: i32, path: &str, watch: bool, out: &mut Vec<u8>) -> Answer {
        if kind == op::EXISTS {
            if path.contains('\0') {
                return Err(Code::BadArguments);
            }
            if watch {
                self.watches.data.add(path, id);
            }
            self.tree_of(id).node(path).ok_or(Code::NoNode)?.stat().write(out);
            return Ok(true);
        }
        let node = self.readable(id, path, perms::READ)?;
        if kind == op::GET_DATA {
            out.put_buffer(node.data.as_deref());
            node.stat().write(out);
        } else {
            out.put_len(node.children.len());
            for name in node.children.in_order() {
                out.put_buffer(Some(name.as_bytes()));
            }
            if kind == op::GET_CHILDREN2 {
                node.stat().write(out);
            }
        }
        if watch {
            let table = if kind == op::GET_DATA { &mut self.watches.data } else { &mut self.watches.child };
            table.add(path, id);
        }
        Ok(true)
    }

    /// Checks whether the connection has watches at a path, or removes them.
    fn find_watches(&mut self, id: ConnId, kind: i32, reader: &mut Reader<'_>) -> Answer {
        let path = wire::path(reader).map_err(marshalling)?;
        let watches = &mut self.watches;
        // Kinds 4 and 5 exist since 3.9.
        let tables: Vec<&mut Table> = match reader.i32().map_err(marshalling)? {
            1 => vec![&mut watches.child],
            2 => vec![&mut watches.data],
            3 => vec![&mut watches.child, &mut watches.data, &mut watches.persistent, &mut watches.recursive],
            4 => vec![&mut watches.persistent],
            5 => vec![&mut watches.recursive],
            _ => return Err(Code::MarshallingError),
        };
        let mut found = false;
        for table in tables {
            found |= if kind == op::CHECK_WATCHES { table.contains(&path, id) } else { table.remove(&path, id) };
        }
        if found { Ok(false) } else { Err(Code::NoWatcher) }
    }

    fn add_watch(&mut self, id: ConnId, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Answer {
        let path = wire::path(reader).map_err(marshalling)?;
        let is_recursive = match reader.i32().map_err(marshalling)? {
            0 => false,
            1 => true,
            _ => return Err(Code::MarshallingError),
        };
        self.watches.add_lasting(&path, id, is_recursive, self.options.one_lasting_watch);
        // The reply has a body: an error code of 0.
        out.put_i32(0);
        Ok(true)
    }

    fn set_watches(&mut self, id: ConnId, reader: &mut Reader<'_>) -> Answer {
        let since = reader.i64().map_err(marshalling)?;
        let data = wire::paths(reader).map_err(marshalling)?;
        let exist = wire::paths(reader).map_err(marshalling)?;
        let child = wire::paths(reader).map_err(marshalling)?;
        for path in data {
            match self.tree_of(id).node(&path).map(Node::stat) {
                None => self.send_event(id, event::DELETED, &path),
                Some(stat) if stat.mzxid > since => self.send_event(id, event::CHANGED, &path),
                Some(_) => self.watches.data.add(&path, id),
            }
        }
        for path in exist {
            if self.tree_of(id).node(&path).is_some() {
                self.send_event(id, event::CREATED, &path);
            } else {
                self.watches.data.add(&path, id);
            }
        }
        for path in child {
            match self.tree_of(id).node(&path).map(Node::stat) {
                None => self.send_event(id, event::DELETED, &path),
                Some(stat) if stat.pzxid > since => self.send_event(id, event::CHILD, &path),
                Some(_) => self.watches.child.add(&path, id),
            }
        }
        Ok(false)
    }

    fn set_watches2(&mut self, id: ConnId, reader: &mut Reader<'_>) -> Answer {
        self.set_watches(id, reader)?;
        for is_recursive in [false, true] {
            for path in wire::paths(reader).map_err(marshalling)? {
                self.watches.add_lasting(&path, id, is_recursive, self.options.one_lasting_watch);
            }
        }
        Ok(false)
    }
}
