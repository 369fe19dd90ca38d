//! The receiving side of a connection: the one place that reads the socket. Owns the receive buffers; whoever holds it
//! reads, the I/O thread as a rule, or a caller that waits for its reply.
use crate::transport::Transport;
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

    /// The same, but waits for something to come; see [`Transport::wait_and_read`].
    pub(crate) fn wait_and_read(&mut self, feed: impl FnMut(Input<'_>)) -> Got {
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
