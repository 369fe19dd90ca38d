//! The receiving side of a connection: the receive buffers and the only code that reads the socket. Owns the buffers; the
//! thread that holds the handle's lock on it reads. A read does not block, so the lock is never held for long.
use crate::io::tls;
use crate::io::transport::{Read, Transport};
use std::sync::Arc;
use zk_core::frames::{Frame, Inbox};
use zk_core::session::Input;

pub(crate) struct Receiver {
    transport: Option<Arc<Transport>>,
    inbox: Inbox,
    frames: Vec<Frame>,
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// The buffer was filled; there may be more.
    More,
    /// Everything that had arrived was read.
    Drained,
    /// Nothing was there.
    Empty,
    /// The connection must not be read any more.
    Closed,
}

impl Receiver {
    pub(crate) fn new(max_frame: usize) -> Receiver {
        Receiver { transport: None, inbox: Inbox::new(max_frame), frames: Vec::new() }
    }

    /// Sets the connection to read, or none.
    pub(crate) fn attach(&mut self, transport: Option<Arc<Transport>>) {
        self.transport = transport;
        self.inbox.clear();
    }

    /// Whether [`Receiver::trim`] would give much memory back.
    pub(crate) fn is_oversized(&self) -> bool {
        self.inbox.is_oversized()
    }

    /// Gives back the memory of large frames.
    pub(crate) fn trim(&mut self) {
        self.inbox.trim();
        self.frames.shrink_to(FRAMES_KEPT);
    }

    /// Reads once and passes the input to `feed`.
    pub(crate) fn read(&mut self, mut feed: impl FnMut(Input<'_>)) -> ReadOutcome {
        let Some(transport) = self.transport.as_ref().filter(|transport| transport.is_connected()) else {
            return ReadOutcome::Closed;
        };
        let (count, outcome) = match transport.read_into(self.inbox.space()) {
            // The bytes contained none of ZooKeeper's, only TLS records.
            Ok(Read::More(0)) => return ReadOutcome::More,
            Ok(Read::More(n)) => (n, ReadOutcome::More),
            Ok(Read::Drained(n)) => (n, ReadOutcome::Drained),
            Ok(Read::Empty) => return ReadOutcome::Empty,
            Err(error) => {
                feed(tls::input_of(error));
                return ReadOutcome::Closed;
            }
        };
        let result = self.inbox.received(count, &mut self.frames);
        feed(Input::Received(&mut self.frames));
        self.frames.clear();
        if let Err(bad) = result {
            feed(Input::BadFrame(bad));
            return ReadOutcome::Closed;
        }
        outcome
    }

    /// [`read`](Self::read) for a caller with a lease on the connection `lent`. By the time it reads there may already
    /// be another connection, whose data is not for this caller.
    pub(crate) fn read_from(&mut self, lent: &Arc<Transport>, feed: impl FnMut(Input<'_>)) -> ReadOutcome {
        if self.transport.as_ref().is_some_and(|current| Arc::ptr_eq(current, lent)) {
            self.read(feed)
        } else {
            ReadOutcome::Closed
        }
    }
}

/// Frames of one read for which room is kept afterwards.
const FRAMES_KEPT: usize = 1024;

#[cfg(all(test, not(calmkeeper_shuttle)))]
mod tests {
    #![allow(clippy::unwrap_used)] // tests
    use super::*;
    use crate::io::transport::Progress;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    /// A connection and the socket at its other end.
    fn connection(poll: &mio::Poll, token: usize) -> (Arc<Transport>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near =
            Transport::connect(listener.local_addr().unwrap(), poll.registry(), mio::Token(token), None).unwrap();
        let (far, _) = listener.accept().unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while near.advance().unwrap() != Progress::Connected {
            assert!(Instant::now() < end);
            std::thread::sleep(Duration::from_millis(1));
        }
        (Arc::new(near), far)
    }

    #[test]
    fn a_caller_does_not_read_from_the_connection_that_has_followed() {
        let poll = mio::Poll::new().unwrap();
        let (first, _far) = connection(&poll, 1);
        let (second, mut far) = connection(&poll, 2);
        let mut receiver = Receiver::new(1 << 16);
        receiver.attach(Some(Arc::clone(&first)));
        // Before the caller reads, its connection is lost and another one is made, on which data arrives.
        receiver.attach(Some(Arc::clone(&second)));
        far.write_all(&[0, 0, 0, 1, 7]).unwrap();
        second.wait_for_readable(Duration::from_secs(20));
        assert_eq!(receiver.read_from(&first, |input| panic!("the caller got {input:?}")), ReadOutcome::Closed);
        let mut frames = Vec::new();
        let outcome = receiver.read(|input| {
            if let Input::Received(new) = input {
                frames.append(new);
            }
        });
        assert_eq!((outcome, frames.len()), (ReadOutcome::Drained, 1));
    }
}
