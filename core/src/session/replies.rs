//! The server's messages: matches replies to requests, in order, and turns watch events into calls.
use super::link::Link;
use super::{Output, Session, State, Watcher};
use crate::code::Code;
use crate::frames::Frame;
use crate::jute::Reader;
use crate::limits;
use crate::path::strip_chroot;
use crate::proto::{CONFIG_NODE, ReplyHeader, WatcherEvent, event, xid};
use std::time::Instant;

/// Something for watchers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<W> {
    /// One of [`crate::proto::event`].
    pub kind: i32,
    /// The session's state: the client's view in session events, the server's in watch events.
    pub state: i32,
    /// Client path of the node, empty for session events.
    pub path: Vec<u8>,
    /// The watchers to call, in this order.
    pub watchers: Vec<W>,
}

impl<C, W: Watcher> Session<C, W> {
    pub(super) fn on_received(&mut self, now: Instant, frames: &mut Vec<Frame>) {
        // As on stock only a whole frame is a sign of life: a server that sends one byte by byte must not keep a call
        // waiting for ever.
        if !frames.is_empty() {
            self.timers.last_word = now;
            self.note_received(now);
        }
        for frame in frames.drain(..) {
            self.stats.received_bytes += frame.len() as u64;
            match self.link {
                Link::Handshaking { addr } => self.on_handshake_answer(now, addr, frame.bytes()),
                Link::Authenticating { exchange, .. } => self.on_sasl_answer(now, exchange, frame.bytes()),
                Link::Established { .. } => self.on_reply(now, frame),
                Link::Closing { xid, .. } => {
                    if ReplyHeader::read(&mut Reader::new(frame.bytes())).is_ok_and(|header| header.xid == xid) {
                        self.finish_close();
                    }
                }
                // The connection was dropped because of an earlier frame.
                Link::Idle { .. } | Link::Connecting { .. } | Link::Securing { .. } | Link::Dead(_) | Link::Closed => {
                    return;
                }
            }
        }
    }

    fn on_reply(&mut self, now: Instant, frame: Frame) {
        let Ok(header) = ReplyHeader::read(&mut Reader::new(frame.bytes())) else {
            let text = format!("reply of {} bytes has no header", frame.bytes().len());
            return self.on_misbehaviour(now, Code::MarshallingError, &text);
        };
        // Almost every reply has error 0, which spares the search in the table of codes.
        let err = if header.err == 0 { Code::Ok } else { Code::from_i32(header.err) };
        match header.xid {
            xid::PING => {}
            xid::WATCHER_EVENT => self.on_watch_event(now, frame.skip(ReplyHeader::LEN).bytes()),
            xid::AUTH => self.on_auth_answer(now, err),
            xid::SET_WATCHES => self.on_set_watches_answer(err),
            other => self.on_answer(now, other, err, frame),
        }
        // Recorded for valid replies only: a server rejects a client whose last zxid is larger than its own.
        if header.zxid > 0 && self.is_established() {
            self.last_zxid = header.zxid;
            self.backoff.saw_zxid(header.zxid);
        }
    }

    fn on_answer(&mut self, now: Instant, xid: i32, err: Code, frame: Frame) {
        let expected = self.pending.front().map(|entry| entry.xid);
        if expected != Some(xid) {
            // divergence: A reply without a request costs the connection (ZMARSHALLINGERROR); stock aborts the process.
            return match expected {
                Some(expected) => {
                    let text = format!("unexpected server response: expected {expected:#x}, but received {xid:#x}");
                    self.on_misbehaviour(now, Code::RuntimeInconsistency, &text);
                }
                None => {
                    self.on_misbehaviour(now, Code::MarshallingError, &format!("reply {xid:#x} answers no request"));
                }
            };
        }
        let Some(entry) = self.pending.pop() else { return };
        log::debug!("reply xid={xid:#x} rc={}", err.to_i32());
        self.stats.replies += 1;
        self.stats.latency += now.saturating_duration_since(entry.submitted);
        let counts = err == Code::Ok || (entry.exists && err == Code::NoNode);
        let is_late = entry.completion.is_none();
        if let Some(change) = entry.change.filter(|_| counts) {
            if is_late { self.apply_late(*change, err) } else { self.apply(*change, err) }
        }
        let Some(completion) = entry.completion else { return };
        let result = if err == Code::Ok { Ok(frame.skip(ReplyHeader::LEN)) } else { Err(err) };
        self.outputs.push_back(Output::Deliver(completion, result));
    }

    fn on_set_watches_answer(&mut self, err: Code) {
        if err == Code::Ok {
            return;
        }
        log::warn!("the server answered SetWatches with {}", err.to_i32());
        if let (Code::Unimplemented, Link::Established { addr, .. }) = (err, self.link)
            && self.rearm_refused.len() < limits::SERVERS
        {
            self.rearm_refused.push(addr);
        }
    }

    fn on_watch_event(&mut self, now: Instant, body: &[u8]) {
        let Ok(event) = WatcherEvent::read(&mut Reader::new(body)) else {
            return self.on_misbehaviour(now, Code::MarshallingError, "watch event cannot be read");
        };
        let watchers = self.watches.fire(event.kind, event.path);
        self.notify_node(&event, watchers);
        if let Some(parent) = self.watches.shared_parent(event.kind, event.path) {
            let watchers = self.watches.fire_list(parent);
            self.notify_node(&WatcherEvent { kind: event::CHILD, state: event.state, path: parent }, watchers);
        }
    }

    fn notify_node(&mut self, event: &WatcherEvent<'_>, watchers: Vec<W>) {
        log::debug!("watch event {} for {} watchers", event.kind, watchers.len());
        if watchers.is_empty() {
            return;
        }
        let path = strip_chroot(&self.config.chroot, event.path).unwrap_or_else(|| {
            if event.path != CONFIG_NODE {
                let (path, chroot) = (String::from_utf8_lossy(event.path), String::from_utf8_lossy(self.chroot()));
                log::error!(target: "sub_string", "server path {path} does not include chroot path {chroot}");
            }
            event.path
        });
        let path = path.to_vec();
        self.stats.events += 1;
        self.outputs.push_back(Output::Notify(Event { kind: event.kind, state: event.state, path, watchers }));
    }

    /// Tells every watcher, the default one last, that the session's state is `state`.
    pub(super) fn notify_session(&mut self, state: State) {
        let mut watchers = self.watches.all();
        let default = self.default_watcher.current();
        watchers.retain(|watcher| *watcher != default);
        watchers.push(default);
        self.stats.events += 1;
        let event = Event { kind: event::SESSION, state: state.to_i32(), path: Vec::new(), watchers };
        self.outputs.push_back(Output::Notify(event));
    }
}
