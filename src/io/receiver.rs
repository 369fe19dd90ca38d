//! The receiving side of a connection: the one place that reads the socket. Owns the receive buffers; whoever holds it
//! reads, the I/O thread as a rule, or a caller that waits for its reply.
use crate::io::transport::Transport;
use std::io;
use std::sync::Arc;
use zk_core::frames::{Frame, Inbox};
use zk_core::session::Input;

pub(crate) struct Receiver {
    transport: Option<Arc<Transport>>,
    inbox: Inbox,
    frames: Vec<Frame>,
}

/// What came of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// Nothing was there.
    Nothing,
    /// Everything that was there.
    All,
    /// As much as there was room for; perhaps there is more.
    Some,
    /// The connection is not to be read any more.
    End,
}

impl Receiver {
    pub(crate) fn new(max_frame: usize) -> Receiver {
        Receiver { transport: None, inbox: Inbox::new(max_frame), frames: Vec::new() }
    }

    /// Begins to read another connection, or none.
    pub(crate) fn attach(&mut self, transport: Option<Arc<Transport>>) {
        self.transport = transport;
        self.inbox.clear();
    }

    /// Reads once and tells `feed` what came.
    pub(crate) fn read(&mut self, feed: impl FnMut(Input<'_>)) -> Got {
        self.read_by(Transport::read, feed)
    }

    /// The same on the connection that was lent to a caller, but waits for something to come; see
    /// [`Transport::wait_and_read`]. By the time the caller gets here there may be another connection already: what arrives
    /// on that is not the caller's, and would be lost with it.
    pub(crate) fn wait_and_read(&mut self, lent: &Arc<Transport>, feed: impl FnMut(Input<'_>)) -> Got {
        if !self.transport.as_ref().is_some_and(|current| Arc::ptr_eq(current, lent)) {
            return Got::End;
        }
        self.read_by(Transport::wait_and_read, feed)
    }

    fn read_by(
        &mut self,
        read: impl FnOnce(&Transport, &mut [u8]) -> io::Result<Option<usize>>,
        mut feed: impl FnMut(Input<'_>),
    ) -> Got {
        let Some(transport) = self.transport.as_ref().filter(|transport| transport.is_connected()) else {
            return Got::End;
        };
        let space = self.inbox.space();
        let room = space.len();
        match read(transport, space) {
            Ok(Some(n)) => {
                let result = self.inbox.received(n, &mut self.frames);
                feed(Input::Received(&mut self.frames));
                self.frames.clear();
                if let Err(bad) = result {
                    feed(Input::BadFrame(bad));
                    return Got::End;
                }
                // A read that does not fill its buffer has emptied the socket.
                if n < room { Got::All } else { Got::Some }
            }
            Ok(None) => Got::Nothing,
            Err(error) => {
                feed(Input::Disconnected(error));
                Got::End
            }
        }
    }
}

#[cfg(all(test, not(calmkeeper_shuttle)))]
mod tests {
    #![allow(clippy::unwrap_used)] // tests
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    /// A connection and its far end.
    fn connection(poll: &mio::Poll, token: usize) -> (Arc<Transport>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = Transport::connect(listener.local_addr().unwrap(), poll.registry(), mio::Token(token)).unwrap();
        let (far, _) = listener.accept().unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while !near.finish_connect().unwrap() {
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
        assert!(first.lend(Duration::from_millis(20)));
        // Before the caller comes to read, its connection is lost and another one made, on which something arrives.
        receiver.attach(Some(second));
        far.write_all(&[0, 0, 0, 1, 7]).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(receiver.wait_and_read(&first, |input| panic!("the caller got {input:?}")), Got::End);
        let mut frames = Vec::new();
        let got = receiver.read(|input| {
            if let Input::Received(new) = input {
                frames.append(new);
            }
        });
        assert_eq!((got, frames.len()), (Got::All, 1));
    }
}
