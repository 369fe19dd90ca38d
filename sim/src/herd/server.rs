//! One simulated server: its listening socket, its descriptors and the pipeline that does the work. Holds the queues
//! and their limits; the world moves the items.
use std::collections::VecDeque;

/// The state of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Serves.
    Up,
    /// Runs without a quorum: reads each connect request and closes.
    NotServing,
    /// Stopped: the kernel still completes handshakes while the accept queue has room, but nothing is read.
    Frozen,
    /// The process is gone: connects are refused.
    Dead,
    /// The host is gone: nothing answers.
    Silent,
}

/// The state of the client's end of a connection that waits for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    /// Closed with FIN: the server can still read the request.
    Closed,
    /// Closed with RST before the server had read it: the request is gone.
    Reset,
    /// Still open, but refused by the server's throttle.
    Throttled,
}

/// A connection with a waiting connect request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    pub(super) client: u32,
    pub(super) attempt: u32,
    pub(super) end: End,
}

/// A unit of work.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    Handshake(Connection),
    Ping {
        client: u32,
    },
    /// The transaction that closes an expired session.
    CloseSession,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) server: u8,
    /// The server's life in which the item was queued; a restart empties the pipeline.
    pub(super) life: u32,
    pub(super) work: Work,
}

/// The request pipeline: one worker, first in, first out, including pings.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    queue: VecDeque<Item>,
    urgent: VecDeque<Item>,
    /// Number of items taken out so far; with it a ticket gives an item's place in the queue.
    taken: u64,
    pub(super) working: Option<Item>,
}

impl Pipeline {
    /// Appends an item and returns its ticket.
    pub(super) fn push(&mut self, item: Item) -> u64 {
        self.queue.push_back(item);
        self.taken + self.queue.len() as u64 - 1
    }

    /// Puts an item into the urgent queue.
    pub(super) fn push_urgent(&mut self, item: Item) -> u64 {
        self.urgent.push_back(item);
        u64::MAX
    }

    pub(super) fn take(&mut self) -> Option<Item> {
        if let Some(item) = self.urgent.pop_front() {
            return Some(item);
        }
        let item = self.queue.pop_front()?;
        self.taken += 1;
        Some(item)
    }

    /// The client closes its end of the connection with this ticket. After a reset the server need not process a
    /// request that it has not read; it has read the first `read_ahead` items.
    pub(super) fn close(&mut self, ticket: u64, client: u32, rst: bool, read_ahead: usize) {
        let Some(place) = ticket.checked_sub(self.taken) else { return };
        let place = place as usize;
        if let Some(Item { work: Work::Handshake(connection), .. }) = self.queue.get_mut(place)
            && connection.client == client
        {
            connection.end = if rst && place >= read_ahead { End::Reset } else { End::Closed };
        }
    }
}

/// A token bucket that limits how many connects a server takes, as ZooKeeper's connection throttling does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    rate: f64,
    most: f64,
    tokens: f64,
    filled: u64,
}

impl Bucket {
    pub(super) fn new(rate: f64) -> Bucket {
        Bucket { rate, most: rate, tokens: rate, filled: 0 }
    }

    pub(super) fn take(&mut self, now: u64) -> bool {
        self.tokens = (self.tokens + self.rate * (now - self.filled) as f64 / 1e9).min(self.most);
        self.filled = now;
        let any = self.tokens >= 1.0;
        if any {
            self.tokens -= 1.0;
        }
        any
    }
}

/// A server's connections.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) state: State,
    pub(super) life: u32,
    /// Connections that the kernel has completed and the server has not accepted yet.
    pub(super) backlog: VecDeque<Connection>,
    pub(super) accepting: bool,
    pub(super) descriptors: usize,
    pub(super) most_descriptors: usize,
    /// When a stopped server continues.
    pub(super) thaw: u64,
    /// Established connections that clients closed while the server was stopped.
    pub(super) unnoticed: usize,
    pub(super) bucket: Option<Bucket>,
    /// Sessions created in this life.
    pub(super) created: u32,
}

impl Server {
    pub(super) fn new(bucket: Option<Bucket>) -> Server {
        Server {
            state: State::Up,
            life: 0,
            backlog: VecDeque::new(),
            accepting: false,
            descriptors: 0,
            most_descriptors: 0,
            thaw: 0,
            unnoticed: 0,
            bucket,
            created: 0,
        }
    }

    pub(super) fn open(&mut self) {
        self.descriptors += 1;
        self.most_descriptors = self.most_descriptors.max(self.descriptors);
    }

    /// Called when a connection is closed: the server notices now, or when it runs again.
    pub(super) fn close(&mut self) {
        if self.state == State::Frozen {
            self.unnoticed += 1;
        } else {
            self.descriptors = self.descriptors.saturating_sub(1);
        }
    }

    /// Called when the process dies or restarts: all connections and queued work are lost.
    pub(super) fn clear(&mut self) {
        self.life += 1;
        self.created = 0;
        self.backlog.clear();
        self.descriptors = 0;
        self.unnoticed = 0;
    }
}
