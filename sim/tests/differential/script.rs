//! Requests as bytes, and scripts made of them.
#![allow(dead_code)]
use zk_core::jute::Put;
use zk_core::proto::{self, ConnectRequest, op, xid};

/// One step of a script.
#[derive(Clone, Debug)]
pub struct Step {
    pub label: String,
    /// Which connection.
    pub on: usize,
    pub act: Act,
    /// Whether the server closes the connection after the step.
    pub last: bool,
}

#[derive(Clone, Debug)]
pub enum Act {
    /// Connects and sends a connect request; with the session and password of connection `like`, if given.
    Connect { request: ConnectRequest, like: Option<usize>, wrong_password: bool, old: bool },
    /// Sends a frame's body.
    Frame(Vec<u8>),
    /// Sends bytes on a new connection.
    Raw(Vec<u8>),
    /// Closes the connection.
    Drop,
}

#[derive(Default)]
pub struct Script {
    pub steps: Vec<Step>,
    pub on: usize,
    xid: i32,
}

pub const ALL: i32 = 31;

pub fn request(timeout: i32) -> ConnectRequest {
    ConnectRequest { last_zxid_seen: 0, timeout, session_id: 0, password: [0; 16], read_only: false }
}

pub fn buffer(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_buffer(Some(bytes));
    out
}

pub fn acl(entries: &[(i32, &str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    let records: Vec<_> = entries
        .iter()
        .map(|(perms, scheme, id)| proto::Acl {
            perms: *perms,
            scheme: Some(scheme.as_bytes()),
            id: Some(id.as_bytes()),
        })
        .collect();
    proto::put_acls(&mut out, &records);
    out
}

pub fn open() -> Vec<u8> {
    acl(&[(ALL, "world", "anyone")])
}

pub fn create_body(path: &str, data: Option<&[u8]>, acl: &[u8], flags: i32) -> Vec<u8> {
    let mut out = buffer(path.as_bytes());
    out.put_buffer(data);
    out.extend_from_slice(acl);
    out.put_i32(flags);
    out
}

pub fn versioned(path: &str, version: i32) -> Vec<u8> {
    let mut out = buffer(path.as_bytes());
    out.put_i32(version);
    out
}

pub fn set_body(path: &str, data: Option<&[u8]>, version: i32) -> Vec<u8> {
    let mut out = buffer(path.as_bytes());
    out.put_buffer(data);
    out.put_i32(version);
    out
}

pub fn multi_body(parts: &[(i32, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, body) in parts {
        proto::MultiHeader { kind: *kind, done: false, err: -1 }.write(&mut out);
        out.extend_from_slice(body);
    }
    proto::MultiHeader::END.write(&mut out);
    out
}

impl Script {
    fn push(&mut self, label: impl Into<String>, act: Act) {
        self.steps.push(Step { label: label.into(), on: self.on, act, last: false });
    }

    /// Makes the following steps use this connection.
    pub fn on(&mut self, connection: usize) -> &mut Self {
        self.on = connection;
        self
    }

    pub fn connect(&mut self, timeout: i32) -> &mut Self {
        self.handshake(request(timeout), None, false, false)
    }

    pub fn handshake(&mut self, request: ConnectRequest, like: Option<usize>, wrong: bool, old: bool) -> &mut Self {
        self.push("connect", Act::Connect { request, like, wrong_password: wrong, old });
        self
    }

    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.push(format!("raw {bytes:?}"), Act::Raw(bytes.to_vec()));
        self
    }

    pub fn drop(&mut self) -> &mut Self {
        self.push("drop", Act::Drop);
        self
    }

    pub fn send(&mut self, label: &str, kind: i32, body: &[u8]) -> &mut Self {
        self.xid += 1;
        let xid = self.xid;
        self.send_as(label, xid, kind, body)
    }

    pub fn send_as(&mut self, label: &str, xid: i32, kind: i32, body: &[u8]) -> &mut Self {
        let mut frame = Vec::new();
        frame.put_i32(xid);
        frame.put_i32(kind);
        frame.extend_from_slice(body);
        self.push(label, Act::Frame(frame));
        self
    }

    pub fn create(&mut self, path: &str, data: &str, flags: i32) -> &mut Self {
        self.send(
            &format!("create {path} {flags}"),
            op::CREATE,
            &create_body(path, Some(data.as_bytes()), &open(), flags),
        )
    }

    pub fn create_as(&mut self, kind: i32, path: &str, data: Option<&[u8]>, acl: &[u8], flags: i32) -> &mut Self {
        self.send(&format!("create type {kind} {path} {flags}"), kind, &create_body(path, data, acl, flags))
    }

    pub fn create_ttl(&mut self, path: &str, flags: i32, ttl: i64) -> &mut Self {
        let mut body = create_body(path, Some(b"t"), &open(), flags);
        body.put_i64(ttl);
        self.send(&format!("create ttl {path} {flags} {ttl}"), op::CREATE_TTL, &body)
    }

    pub fn delete(&mut self, path: &str, version: i32) -> &mut Self {
        self.send(&format!("delete {path} {version}"), op::DELETE, &versioned(path, version))
    }

    pub fn set(&mut self, path: &str, data: Option<&[u8]>, version: i32) -> &mut Self {
        self.send(&format!("set {path} {version}"), op::SET_DATA, &set_body(path, data, version))
    }

    pub fn set_acl(&mut self, path: &str, acl: &[u8], version: i32) -> &mut Self {
        let mut body = buffer(path.as_bytes());
        body.extend_from_slice(acl);
        body.put_i32(version);
        self.send(&format!("set acl {path} {version}"), op::SET_ACL, &body)
    }

    pub fn look(&mut self, kind: i32, path: &str, watch: bool) -> &mut Self {
        let mut body = buffer(path.as_bytes());
        body.put_bool(watch);
        self.send(&format!("type {kind} {path} {watch}"), kind, &body)
    }

    pub fn exists(&mut self, path: &str, watch: bool) -> &mut Self {
        self.look(op::EXISTS, path, watch)
    }

    pub fn get(&mut self, path: &str, watch: bool) -> &mut Self {
        self.look(op::GET_DATA, path, watch)
    }

    pub fn children(&mut self, path: &str, watch: bool) -> &mut Self {
        self.look(op::GET_CHILDREN, path, watch)
    }

    pub fn path(&mut self, kind: i32, path: &str) -> &mut Self {
        self.send(&format!("type {kind} {path}"), kind, &buffer(path.as_bytes()))
    }

    pub fn multi(&mut self, label: &str, parts: &[(i32, Vec<u8>)]) -> &mut Self {
        self.send(label, op::MULTI, &multi_body(parts))
    }

    pub fn auth(&mut self, scheme: &str, auth: Option<&[u8]>) -> &mut Self {
        let mut body = vec![0; 4];
        body.put_buffer(Some(scheme.as_bytes()));
        body.put_buffer(auth);
        self.send_as(&format!("auth {scheme}"), xid::AUTH, op::SET_AUTH, &body)
    }

    pub fn watches(&mut self, kind: i32, path: &str, of: i32) -> &mut Self {
        let mut body = buffer(path.as_bytes());
        body.put_i32(of);
        self.send(&format!("type {kind} {path} {of}"), kind, &body)
    }

    pub fn set_watches(&mut self, since: i64, lists: [&[&str]; 3]) -> &mut Self {
        let mut body = Vec::new();
        body.put_i64(since);
        for list in lists {
            body.put_len(list.len());
            for path in list {
                body.put_buffer(Some(path.as_bytes()));
            }
        }
        self.send_as("set watches", xid::SET_WATCHES, op::SET_WATCHES, &body)
    }

    /// Notes that the server closes the connection after the previous step.
    pub fn last(&mut self) -> &mut Self {
        self.steps.last_mut().unwrap().last = true;
        self
    }

    pub fn close(&mut self) -> &mut Self {
        self.send("close", op::CLOSE, &[]).last()
    }
}
