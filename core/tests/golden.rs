//! The codec against bytes that a real ZooKeeper 3.8.0 sent and accepted; core/tests/golden says how they were
//! captured.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
use std::fs;
use std::path::Path;
use zk_core::code::Code;
use zk_core::jute::Reader;
use zk_core::proto::{ConnectResponse, ReplyHeader, WatcherEvent, event, op, xid};
use zk_core::request::{Create, Request};
use zk_core::watches::Removal;
use zk_core::{multi, reply};

/// One request with its replies.
#[derive(Default)]
struct Step {
    label: String,
    request: Option<Vec<u8>>,
    frames: Vec<Vec<u8>>,
    /// What other connections received in the meantime.
    elsewhere: Vec<Vec<u8>>,
}

fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "{hex}");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn steps() -> Vec<Step> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut steps: Vec<Step> = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        for line in text.lines() {
            if let Some(label) = line.strip_prefix("# ") {
                steps.push(Step { label: label.to_owned(), ..Step::default() });
            } else if let Some(hex) = line.strip_prefix("> ") {
                steps.last_mut().unwrap().request = Some(bytes(hex));
            } else if let Some(hex) = line.strip_prefix("< ") {
                steps.last_mut().unwrap().frames.push(bytes(hex));
            } else if let Some(hex) = line.strip_prefix("! ") {
                steps.last_mut().unwrap().elsewhere.push(bytes(hex));
            }
        }
    }
    steps
}

#[test]
fn handshake_answers_read_and_write_as_the_server_wrote_them() {
    let mut lengths = [0, 0];
    for step in steps().iter().filter(|step| step.label.starts_with("connect")) {
        let Some(frame) = step.frames.first() else { continue };
        let response = ConnectResponse::read(&mut Reader::new(frame)).unwrap();
        let mut written = Vec::new();
        response.write(&mut written);
        lengths[frame.len() - 36] += 1;
        assert_eq!(written[..frame.len()], frame[..]);
        assert_eq!(response.timeout == 0, response.session_id == 0, "a refused session has neither");
    }
    assert!(lengths[0] > 0 && lengths[1] > 10, "36 bytes for old clients, 37 for new ones: {lengths:?}");
}

#[test]
fn watch_events_read_and_write_as_the_server_wrote_them() {
    let mut kinds = Vec::new();
    let steps = steps();
    let frames = steps.iter().flat_map(|step| step.frames.iter().chain(&step.elsewhere));
    for frame in frames.filter(|frame| frame.starts_with(&[0xff; 12])) {
        let mut reader = Reader::new(frame);
        let header = ReplyHeader::read(&mut reader).unwrap();
        let event = WatcherEvent::read(&mut reader).unwrap();
        assert_eq!((header, reader.rest()), (ReplyHeader { xid: xid::WATCHER_EVENT, zxid: -1, err: 0 }, &[][..]));
        let mut written = Vec::new();
        header.write(&mut written);
        event.write(&mut written);
        assert_eq!(&written, frame);
        assert!(event.path.starts_with(b"/") && event.state == 3);
        kinds.push(event.kind);
    }
    for kind in [event::CREATED, event::DELETED, event::CHANGED, event::CHILD] {
        assert!(kinds.contains(&kind), "no event {kind}");
    }
}

/// Reads a reply's body by the request's type. Returns the number of bytes left over, which must be 0.
fn read_reply(kind: i32, body: &[u8]) -> usize {
    match kind {
        op::CREATE | op::SYNC => reply::path(body).unwrap().len() + 4,
        op::CREATE2 | op::CREATE_CONTAINER | op::CREATE_TTL => reply::path_stat(body).unwrap().0.len() + 72,
        op::EXISTS | op::SET_DATA | op::SET_ACL => reply::stat(body).map(|_| 68).unwrap(),
        op::GET_DATA => reply::data(body).unwrap().0.map_or(0, <[u8]>::len) + 72,
        op::GET_CHILDREN => names(&reply::children(body).unwrap()),
        op::GET_CHILDREN2 => names(&reply::children_stat(body).unwrap().0) + 68,
        op::GET_ACL => {
            let (acls, _) = reply::acls(body).unwrap();
            let len = |text: Option<&[u8]>| text.map_or(0, <[u8]>::len) + 4;
            acls.iter().map(|acl| 4 + len(acl.scheme) + len(acl.id)).sum::<usize>() + 72
        }
        op::MULTI => {
            let mut results = multi::MultiResults::new(body);
            while results.read().unwrap().is_some() {}
            body.len()
        }
        op::DELETE
        | op::CHECK
        | op::CLOSE
        | op::CHECK_WATCHES
        | op::REMOVE_WATCHES
        | op::SET_WATCHES
        | op::SET_AUTH => 0,
        other => panic!("a good answer to type {other}"),
    }
}

fn names(names: &reply::Strings<'_>) -> usize {
    assert_eq!(names.iter().count(), names.count());
    4 + names.iter().map(|name| name.len() + 4).sum::<usize>()
}

#[test]
fn replies_read_to_their_last_byte() {
    let mut read = 0;
    for step in steps() {
        let Some(request) = &step.request else { continue };
        let mut reader = Reader::new(request);
        let (asked, kind) = (reader.i32().unwrap(), reader.i32().unwrap_or(0));
        for frame in step.frames.iter().filter(|frame| frame.starts_with(&asked.to_be_bytes())) {
            let mut reader = Reader::new(frame);
            let header = ReplyHeader::read(&mut reader).unwrap();
            let body = reader.rest();
            if header.err == 0 {
                assert_eq!(read_reply(kind, body), body.len(), "{}", step.label);
                read += 1;
            } else {
                assert!(body.is_empty(), "an error comes without a body: {}", step.label);
                let known = Code::from_i32(header.err);
                assert!(!matches!(known, Code::Other(_) | Code::Ok), "{}: {known:?}", step.label);
            }
        }
    }
    assert!(read > 250, "{read}");
}

/// The request that makes the client send this body.
fn as_request<'a>(kind: i32, reader: &mut Reader<'a>) -> Option<Request<'a, u8>> {
    let path = reader.string().ok()?;
    let watcher = |reader: &mut Reader<'_>| Some(reader.bool().ok()?.then_some(1));
    Some(match kind {
        op::DELETE => Request::Delete { path, version: reader.i32().ok()? },
        op::EXISTS => Request::Exists { path, watcher: watcher(reader)? },
        op::GET_DATA => Request::GetData { path, watcher: watcher(reader)? },
        op::SET_DATA => Request::SetData { path, data: reader.buffer().ok()?, version: reader.i32().ok()? },
        op::GET_ACL => Request::GetAcl { path },
        op::GET_CHILDREN => Request::GetChildren { path, watcher: watcher(reader)?, stat: false },
        op::GET_CHILDREN2 => Request::GetChildren { path, watcher: watcher(reader)?, stat: true },
        op::SYNC => Request::Sync { path },
        op::CHECK_WATCHES => Request::RemoveWatches {
            path,
            kind: Removal::from_i32(reader.i32().ok()?)?,
            watcher: Some(1),
            local: false,
        },
        op::REMOVE_WATCHES => {
            Request::RemoveWatches { path, kind: Removal::from_i32(reader.i32().ok()?)?, watcher: None, local: false }
        }
        _ => return None,
    })
}

#[test]
fn requests_are_written_as_the_server_understood_them() {
    let mut written = 0;
    for step in steps() {
        let Some(frame) = &step.request else { continue };
        let accepted = step.frames.iter().any(|reply| reply.get(12..16) == Some(&[0; 4]) && reply[..4] == frame[..4]);
        let mut reader = Reader::new(frame);
        let (asked, kind) = (reader.i32().unwrap(), reader.i32().unwrap_or(0));
        let (Some(request), true) = (as_request(kind, &mut reader), accepted) else { continue };
        if !reader.rest().is_empty() {
            continue; // trailing bytes, sent on purpose
        }
        let mut out = Vec::new();
        match request.encode(asked, b"", &mut out) {
            // The server accepts some paths that a client may not use, such as the empty one.
            Err(Code::BadArguments) => continue,
            other => other.unwrap(),
        };
        assert_eq!(&out[4..], frame, "{}", step.label);
        written += 1;
    }
    assert!(written > 150, "{written}");
}

#[test]
fn creates_are_written_as_the_server_understood_them() {
    let mut written = 0;
    for step in steps() {
        let Some(frame) = &step.request else { continue };
        let mut reader = Reader::new(frame);
        let (asked, kind) = (reader.i32().unwrap(), reader.i32().unwrap_or(0));
        let accepted = step.frames.iter().any(|reply| reply.get(12..16) == Some(&[0; 4]) && reply[..4] == frame[..4]);
        let typed = matches!(kind, op::CREATE | op::CREATE2 | op::CREATE_CONTAINER | op::CREATE_TTL);
        if !accepted || !typed {
            continue;
        }
        let (path, data) = (reader.string().unwrap(), reader.buffer().unwrap());
        let acl: Vec<_> =
            (0..reader.count(12).unwrap()).map(|_| zk_core::proto::Acl::read(&mut reader).unwrap()).collect();
        let mode = reader.i32().unwrap();
        let ttl = if kind == op::CREATE_TTL { reader.i64().unwrap() } else { -1 };
        // The client sends containers with their own request type.
        if (mode == 4) != (kind == op::CREATE_CONTAINER) {
            continue;
        }
        let create = Create { path, data, acl: &acl, mode, ttl, stat: kind == op::CREATE2 };
        let mut out = Vec::new();
        Request::<u8>::Create(create).encode(asked, b"", &mut out).unwrap();
        assert_eq!(&out[4..], frame, "{}", step.label);
        written += 1;
    }
    assert!(written > 40, "{written}");
}
