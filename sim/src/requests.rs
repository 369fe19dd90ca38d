//! What requests mean: the handshake, and each operation with its reply, as ZooKeeper 3.8.0 answers.
use crate::acl::{self, Identities, perms};
use crate::server::{ConnId, Ensemble, Greeting, Serving};
use crate::tree::{Author, Change, Create, Done, Node};
use crate::wire;
use zk_core::code::Code;
use zk_core::jute::{Malformed, Put, Reader};
use zk_core::proto::{ConnectRequest, ConnectResponse, MultiHeader, ReplyHeader, event, op, xid};

/// Whether a reply has a body.
type Answer = Result<bool, Code>;

fn marshalling(_: Malformed) -> Code {
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
    /// The first frame of a connection.
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
                self.local_sessions.create(self.now, timeout, id)
            } else {
                self.zxid += 1;
                self.sessions.create(self.now, timeout, id)
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

    /// Takes a session over from another connection. If that is to the same member it is closed first, even when the
    /// password turns out wrong; at another member it lives on until it writes.
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
        self.sessions.resume(session, self.now, timeout, id)?;
        Some(session)
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
        if !self.sessions.touch(session, self.now) && !read_only {
            return;
        }
        let moved = self.sessions.get(session).is_some_and(|session| session.owner != Some(id));
        if moved && (is_write(kind) || kind == op::SYNC || kind == op::CLOSE) {
            return self.close(id);
        }
        self.scratch.clear();
        let answer = match kind {
            op::PING => {
                self.send_reply(id, ReplyHeader { xid: xid::PING, zxid: self.zxid, err: 0 }, false);
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
        self.send_reply(id, ReplyHeader { xid: request, zxid: self.zxid, err: err.to_i32() }, body);
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
        let node = self.tree.node(path).ok_or(Code::NoNode)?;
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
            op::CHECK_WATCHES | op::REMOVE_WATCHES => {
                let path = wire::path(reader).map_err(marshalling)?;
                let (child, data) = match reader.i32().map_err(marshalling)? {
                    1 => (true, false),
                    2 => (false, true),
                    3 => (true, true),
                    _ => return Err(Code::MarshallingError),
                };
                let watches = &mut self.watches;
                let found = if kind == op::CHECK_WATCHES {
                    child && watches.child.contains(&path, id) || data && watches.data.contains(&path, id)
                } else {
                    (child && watches.child.remove(&path, id)) | (data && watches.data.remove(&path, id))
                };
                if found { Ok(false) } else { Err(Code::NoWatcher) }
            }
            op::SET_WATCHES => self.set_watches(id, reader),
            _ => Err(Code::Unimplemented),
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
            self.tree.node(path).ok_or(Code::NoNode)?.stat().write(out);
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

    fn set_watches(&mut self, id: ConnId, reader: &mut Reader<'_>) -> Answer {
        let since = reader.i64().map_err(marshalling)?;
        let data = wire::paths(reader).map_err(marshalling)?;
        let exist = wire::paths(reader).map_err(marshalling)?;
        let child = wire::paths(reader).map_err(marshalling)?;
        for path in data {
            match self.tree.node(&path).map(Node::stat) {
                None => self.send_event(id, event::DELETED, &path),
                Some(stat) if stat.mzxid > since => self.send_event(id, event::CHANGED, &path),
                Some(_) => self.watches.data.add(&path, id),
            }
        }
        for path in exist {
            if self.tree.node(&path).is_some() {
                self.send_event(id, event::CREATED, &path);
            } else {
                self.watches.data.add(&path, id);
            }
        }
        for path in child {
            match self.tree.node(&path).map(Node::stat) {
                None => self.send_event(id, event::DELETED, &path),
                Some(stat) if stat.pzxid > since => self.send_event(id, event::CHILD, &path),
                Some(_) => self.watches.child.add(&path, id),
            }
        }
        Ok(false)
    }

    /// Every write takes a transaction number, failed and malformed ones too; only a malformed reconfig does not.
    fn write(&mut self, id: ConnId, session: i64, kind: i32, reader: &mut Reader<'_>) -> Answer {
        if kind == op::RECONFIG {
            return self.reconfig(id, reader);
        }
        self.zxid += 1;
        let identities = match self.connections.get(&id) {
            Some(connection) => connection.identities.clone(),
            None => Identities::of_peer(""),
        };
        if kind == op::MULTI {
            let parts = read_multi(reader).map_err(marshalling)?;
            return self.multi(&identities, session, parts);
        }
        let change = read_change(kind, reader).map_err(marshalling)?;
        let done = self.apply(&identities, session, vec![change]).map_err(|(_, code)| code)?;
        for one in &done {
            match (kind, one) {
                (op::CREATE, Done::Created(path, _)) => self.scratch.put_buffer(Some(path.as_bytes())),
                (_, one) => put_done(&mut self.scratch, one),
            }
        }
        Ok(!self.scratch.is_empty())
    }

    fn apply(
        &mut self,
        identities: &Identities,
        session: i64,
        changes: Vec<Change>,
    ) -> Result<Vec<Done>, (usize, Code)> {
        let author = Author {
            identities,
            session,
            zxid: self.zxid,
            time: self.wall(),
            extended_types: self.options.extended_types,
            skip_acl: self.options.skip_acl,
        };
        let done = self.tree.apply(changes, author, &mut self.happened);
        self.announce();
        done
    }

    fn multi(&mut self, identities: &Identities, session: i64, parts: Vec<(i32, Change)>) -> Answer {
        let (kinds, changes): (Vec<i32>, Vec<Change>) = parts.into_iter().unzip();
        match self.apply(identities, session, changes) {
            Ok(done) => {
                for (kind, one) in kinds.iter().zip(&done) {
                    MultiHeader { kind: *kind, done: false, err: 0 }.write(&mut self.scratch);
                    match (*kind, one) {
                        (op::CREATE, Done::Created(path, _)) => self.scratch.put_buffer(Some(path.as_bytes())),
                        (_, one) => put_done(&mut self.scratch, one),
                    }
                }
            }
            Err((failed, code)) => {
                // Those before the failed one would have worked; those after it were not tried.
                for number in 0..kinds.len() {
                    let err = match number.cmp(&failed) {
                        std::cmp::Ordering::Less => 0,
                        std::cmp::Ordering::Equal => code.to_i32(),
                        std::cmp::Ordering::Greater => Code::RuntimeInconsistency.to_i32(),
                    };
                    MultiHeader { kind: op::ERROR, done: false, err }.write(&mut self.scratch);
                    self.scratch.put_i32(err);
                }
            }
        }
        MultiHeader::END.write(&mut self.scratch);
        Ok(true)
    }
}

fn put_done(out: &mut Vec<u8>, done: &Done) {
    match done {
        Done::Created(path, stat) => {
            out.put_buffer(Some(path.as_bytes()));
            stat.write(out);
        }
        Done::Changed(stat) => stat.write(out),
        Done::Nothing => {}
    }
}

fn read_change(kind: i32, reader: &mut Reader<'_>) -> Result<Change, Malformed> {
    let path = wire::string(reader)?;
    // A missing path is an exception inside the server for some requests and a bad argument for others.
    let must = |path: Option<String>| path.ok_or(Malformed);
    match kind {
        op::CREATE | op::CREATE2 | op::CREATE_CONTAINER | op::CREATE_TTL => {
            let data = wire::buffer(reader)?.map(<[u8]>::to_vec);
            let acl = acl::read(reader)?;
            let flags = reader.i32()?;
            let ttl = if kind == op::CREATE_TTL { reader.i64()? } else { -1 };
            Ok(Change::Create(Create { path: must(path)?, data, acl, flags, ttl }))
        }
        op::DELETE => Ok(Change::Delete(must(path)?, reader.i32()?)),
        op::SET_DATA => {
            let data = wire::buffer(reader)?.map(<[u8]>::to_vec);
            Ok(Change::SetData(path.unwrap_or_default(), data, reader.i32()?))
        }
        op::SET_ACL => {
            let acl = acl::read(reader)?;
            Ok(Change::SetAcl(path.unwrap_or_default(), acl, reader.i32()?))
        }
        op::CHECK => Ok(Change::Check(path.unwrap_or_default(), reader.i32()?)),
        _ => Err(Malformed),
    }
}

/// The parts of a multi, each with the type that its result will bear: the server derives that from the create mode.
fn read_multi(reader: &mut Reader<'_>) -> Result<Vec<(i32, Change)>, Malformed> {
    let mut parts = Vec::new();
    loop {
        let header = MultiHeader::read(reader)?;
        if header.done {
            return Ok(parts);
        }
        if !matches!(
            header.kind,
            op::CREATE | op::CREATE2 | op::CREATE_CONTAINER | op::CREATE_TTL | op::DELETE | op::SET_DATA | op::CHECK
        ) {
            return Err(Malformed);
        }
        let change = read_change(header.kind, reader)?;
        let kind = match &change {
            // The record of a plain create has no place for the time.
            Change::Create(create) if matches!(create.flags, 5 | 6) && header.kind != op::CREATE_TTL => {
                return Err(Malformed);
            }
            Change::Create(create) if matches!(create.flags, 4..=6) => op::CREATE2,
            Change::Create(_) => op::CREATE,
            _ => header.kind,
        };
        parts.push((kind, change));
    }
}
