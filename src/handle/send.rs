//! The queue of bytes between the session and the socket. The thread that holds its lock sends; a write does not block.
//!
//! The I/O thread locks the queue before the session. A caller that holds the session only tries to lock the queue: if
//! the I/O thread holds that lock, the I/O thread sends.
use crate::io::transport::Transport;
use std::io;
use std::time::Instant;
use zk_core::session::{Session, Watcher};

/// Memory that an empty queue keeps when [`SendQueue::trim`] is called, in bytes.
pub(crate) const KEPT_MAX: usize = 256 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    /// The bytes up to `sent` are with the kernel.
    bytes: Vec<u8>,
    sent: usize,
}

impl SendQueue {
    /// Whether the kernel has everything that was taken from the session.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes the session's bytes, if the queue is empty.
    pub(super) fn refill<C, W: Watcher>(&mut self, session: &mut Session<C, W>, now: Instant) {
        if self.is_empty() {
            session.take_outgoing(now, &mut self.bytes);
        }
    }

    /// Writes what the socket takes. Returns whether this emptied the queue.
    pub(crate) fn write(&mut self, transport: &Transport) -> io::Result<bool> {
        if self.is_empty() {
            return Ok(false);
        }
        while transport.is_writable() {
            self.sent += transport.write(self.bytes.get(self.sent..).unwrap_or_default())?;
            if self.sent >= self.bytes.len() && !transport.has_unsent() {
                self.clear();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Discards the bytes of a connection that is gone.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
    }

    /// Whether [`SendQueue::trim`] would give memory back.
    pub(super) fn is_oversized(&self) -> bool {
        self.bytes.capacity() > KEPT_MAX
    }

    /// Gives back the memory of a large burst, unless it is in use.
    pub(super) fn trim(&mut self) {
        if self.is_empty() {
            self.bytes.shrink_to(KEPT_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_burst_is_given_back_once_it_is_sent() {
        let mut queue = SendQueue { bytes: vec![1; 8 << 20], sent: 0 };
        assert!(queue.is_oversized());
        queue.trim();
        assert_eq!(queue.bytes.len(), 8 << 20, "what is not sent stays");
        queue.clear();
        assert!(queue.is_empty() && queue.is_oversized());
        queue.trim();
        assert!(!queue.is_oversized());
    }
}
