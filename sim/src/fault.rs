//! Scripted faults, and the output of a connection, on which they act. Knows bytes and time, but no requests.
use std::collections::VecDeque;
use zk_core::proto::ReplyHeader;

/// A fault in a server's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is cut once this many more bytes have gone out.
    Cut(usize),
    /// Each frame from now on is sent this many milliseconds late.
    Delay(u64),
    /// Output is slow: this many bytes at a time, at this interval in milliseconds.
    Slow(usize, u64),
    /// The next reply is sent twice.
    Duplicate,
    /// Before the next reply, an unsolicited one with this xid is sent.
    Unsolicited(i32),
    /// The next reply's xid is off by this much.
    WrongXid(i32),
    /// The next frame announces this length instead of its own.
    Length(i32),
    /// The next frame is replaced by this many bytes of noise.
    Garbage(usize),
    /// The next reply is never sent.
    Swallow,
    /// The next reply ends after this many bytes of its body, its length adjusted.
    Truncate(usize),
}

/// The kind of a frame, because some faults wait for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Handshake,
    Reply,
    Event,
}

/// Bytes on their way to the client.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    ready: Vec<u8>,
    later: VecDeque<(u64, Vec<u8>)>,
    faults: Vec<Fault>,
    delay: u64,
    trickle: Option<(usize, u64)>,
    /// Bytes left before the cut.
    left: Option<usize>,
    noise: u64,
}

impl Outlet {
    /// Adds a fault.
    pub(crate) fn inject(&mut self, fault: Fault) {
        match fault {
            Fault::Cut(bytes) => self.left = Some(bytes),
            Fault::Delay(millis) => self.delay = millis,
            Fault::Slow(bytes, millis) => self.trickle = Some((bytes.max(1), millis)),
            other => self.faults.push(other),
        }
    }

    fn is_plain(&self) -> bool {
        self.faults.is_empty() && self.delay == 0 && self.trickle.is_none() && self.later.is_empty()
    }

    /// Adds a frame; `body` appends the bytes after the length.
    pub(crate) fn frame(&mut self, now: u64, kind: Kind, body: impl FnOnce(&mut Vec<u8>)) {
        if self.is_plain() {
            append_frame(&mut self.ready, body);
            return;
        }
        let mut bytes = Vec::new();
        append_frame(&mut bytes, body);
        for fault in self.take_due(kind) {
            self.spoil(fault, &mut bytes);
        }
        self.send(now, bytes);
    }

    /// Adds bytes without a frame.
    pub(crate) fn raw(&mut self, now: u64, bytes: &[u8]) {
        self.send(now, bytes.to_vec());
    }

    fn take_due(&mut self, kind: Kind) -> Vec<Fault> {
        let due = |fault: &Fault| kind == Kind::Reply || matches!(fault, Fault::Length(_) | Fault::Garbage(_));
        self.faults.extract_if(.., |fault| due(fault)).collect()
    }

    fn spoil(&mut self, fault: Fault, bytes: &mut Vec<u8>) {
        match fault {
            Fault::Duplicate => bytes.extend_from_within(..),
            Fault::Unsolicited(xid) => {
                let mut extra = Vec::new();
                append_frame(&mut extra, |out| ReplyHeader { xid, zxid: 0, err: 0 }.write(out));
                bytes.splice(..0, extra);
            }
            Fault::WrongXid(off) => {
                if let Some(xid) = bytes.get_mut(4..).and_then(<[u8]>::first_chunk_mut::<4>) {
                    *xid = i32::from_be_bytes(*xid).wrapping_add(off).to_be_bytes();
                }
            }
            Fault::Length(len) => set_length(bytes, len),
            Fault::Garbage(count) => {
                bytes.clear();
                bytes.extend((0..count).map(|_| self.noise_byte()));
            }
            Fault::Swallow => bytes.clear(),
            Fault::Truncate(len) => {
                bytes.truncate(len.saturating_add(4));
                let len = i32::try_from(bytes.len().saturating_sub(4)).unwrap_or(0);
                set_length(bytes, len);
            }
            Fault::Cut(_) | Fault::Delay(_) | Fault::Slow(..) => {}
        }
    }

    fn noise_byte(&mut self) -> u8 {
        self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.noise.to_be_bytes().first().copied().unwrap_or(0)
    }

    fn send(&mut self, now: u64, bytes: Vec<u8>) {
        if self.is_plain() {
            self.ready.extend_from_slice(&bytes);
            return;
        }
        let last = self.later.back().map_or(0, |(when, _)| *when);
        let mut when = last.max(now.saturating_add(self.delay));
        let Some((piece, pause)) = self.trickle else {
            self.later.push_back((when, bytes));
            return;
        };
        for part in bytes.chunks(piece) {
            when = when.saturating_add(pause);
            self.later.push_back((when, part.to_vec()));
        }
    }

    /// Takes the bytes that may be sent by `now`. True when the connection is to be cut after them.
    pub(crate) fn take(&mut self, now: u64, out: &mut Vec<u8>) -> bool {
        while self.later.front().is_some_and(|(when, _)| *when <= now) {
            if let Some((_, bytes)) = self.later.pop_front() {
                self.ready.extend_from_slice(&bytes);
            }
        }
        match self.left {
            Some(left) if self.ready.len() >= left => {
                self.ready.truncate(left);
                out.append(&mut self.ready);
                true
            }
            left => {
                self.left = left.map(|left| left - self.ready.len());
                if out.is_empty() {
                    std::mem::swap(out, &mut self.ready);
                } else {
                    out.append(&mut self.ready);
                }
                false
            }
        }
    }

    /// When more bytes may be sent; `None` when nothing is held back.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.later.front().map(|(when, _)| *when)
    }

    /// Whether there is nothing to send, now or later.
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.later.is_empty()
    }
}

fn append_frame(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let len = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    if let Some(frame) = out.get_mut(start..) {
        set_length(frame, len);
    }
}

fn set_length(frame: &mut [u8], len: i32) {
    if let Some(prefix) = frame.first_chunk_mut::<4>() {
        *prefix = len.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(fault: Fault) -> Vec<u8> {
        let mut outlet = Outlet::default();
        outlet.inject(fault);
        outlet.frame(0, Kind::Reply, |out| out.extend_from_slice(&[1, 2, 3, 4, 5, 6]));
        let mut out = Vec::new();
        outlet.take(0, &mut out);
        out
    }

    #[test]
    fn faults_spoil_the_next_frame() {
        assert_eq!(sent(Fault::Length(-1)), [255, 255, 255, 255, 1, 2, 3, 4, 5, 6]);
        assert_eq!(sent(Fault::WrongXid(1)), [0, 0, 0, 6, 1, 2, 3, 5, 5, 6]);
        assert_eq!(sent(Fault::Duplicate).len(), 20);
        assert_eq!(sent(Fault::Truncate(2)), [0, 0, 0, 2, 1, 2]);
        assert_eq!(sent(Fault::Unsolicited(9)).len(), 30);
        assert!(sent(Fault::Swallow).is_empty());
        assert_eq!(sent(Fault::Garbage(7)).len(), 7);
    }

    #[test]
    fn slow_bytes_come_in_pieces() {
        let mut outlet = Outlet::default();
        outlet.inject(Fault::Slow(4, 10));
        outlet.frame(0, Kind::Event, |out| out.extend_from_slice(&[0; 4]));
        let mut out = Vec::new();
        outlet.take(9, &mut out);
        assert_eq!((out.len(), outlet.deadline()), (0, Some(10)));
        outlet.take(10, &mut out);
        assert_eq!((out.len(), outlet.deadline()), (4, Some(20)));
    }

    #[test]
    fn a_cut_comes_at_the_byte() {
        let mut outlet = Outlet::default();
        outlet.inject(Fault::Cut(9));
        let mut out = Vec::new();
        outlet.frame(0, Kind::Reply, |out| out.extend_from_slice(&[0; 4]));
        assert!(!outlet.take(0, &mut out));
        outlet.frame(0, Kind::Reply, |out| out.extend_from_slice(&[0; 4]));
        assert!(outlet.take(0, &mut out));
        assert_eq!(out.len(), 9);
    }
}
