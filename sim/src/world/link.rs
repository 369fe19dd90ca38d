//! TCP connections between clients and servers: two directions, each in order, each with its delays and cuts. Knows no
//! frames.
use super::{ClientNo, Happening, LinkNo, Route, World, error_of};
use crate::server::ConnId;
use rand::RngExt;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use zk_core::session::Input;

/// How long lost data waits until it is sent again.
const AGAIN: Duration = Duration::from_millis(300);

/// An item in transit.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// The client wants to connect; the SYN is sent again after the kernel's first, second, ... pause.
    Syn(u32),
    /// The server's kernel has accepted.
    Accepted,
    /// Nobody listens.
    Refused,
    Bytes(Vec<u8>),
    /// The sender has closed its end.
    End,
    /// The connection is reset.
    Reset,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Way {
    queue: VecDeque<(Duration, Parcel)>,
    last: Duration,
    /// How many bytes still arrive before the connection breaks.
    pub(crate) left: Option<usize>,
}

impl Way {
    /// Breaks this direction: data in transit is lost, and the receiver sees a reset.
    pub(crate) fn cut(&mut self) {
        self.queue.clear();
        self.queue.push_back((Duration::ZERO, Parcel::Reset));
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) client: ClientNo,
    pub(crate) host: SocketAddr,
    /// The server's end, from its accept until it is closed.
    pub(crate) server: Option<ConnId>,
    pub(crate) to_server: Way,
    pub(crate) to_client: Way,
}

impl World {
    /// Called when a client starts to connect.
    pub(super) fn open(&mut self, client: ClientNo, host: SocketAddr) -> LinkNo {
        self.next += 1;
        let number = self.next;
        let way = || Way { queue: VecDeque::new(), last: Duration::ZERO, left: None };
        self.links.insert(number, Link { client, host, server: None, to_server: way(), to_client: way() });
        self.send(number, false, Parcel::Syn(0));
        number
    }

    /// Called when the client closes its end.
    pub(super) fn let_go(&mut self, number: LinkNo, reset: bool) {
        let parcel = if reset { Parcel::Reset } else { Parcel::End };
        self.send(number, false, parcel);
    }

    pub(super) fn send(&mut self, number: LinkNo, to_client: bool, parcel: Parcel) {
        let pieces = self.pieces(parcel);
        for piece in pieces {
            let arrival = self.now + self.latency();
            let Some(link) = self.links.get_mut(&number) else { return };
            let way = if to_client { &mut link.to_client } else { &mut link.to_server };
            way.last = way.last.max(arrival);
            let when = way.last;
            way.queue.push_back((when, piece));
            self.schedule(when, if to_client { Happening::ToClient(number) } else { Happening::ToServer(number) });
        }
    }

    /// Splits bytes at random.
    fn pieces(&mut self, parcel: Parcel) -> Vec<Parcel> {
        let Parcel::Bytes(bytes) = parcel else { return vec![parcel] };
        if self.weather.pieces <= 0.0 || !self.rng.random_bool(self.weather.pieces.min(1.0)) {
            return vec![Parcel::Bytes(bytes)];
        }
        let mut rest = bytes.as_slice();
        let mut pieces = Vec::new();
        while !rest.is_empty() && pieces.len() < 5 {
            let (head, tail) = rest.split_at(self.rng.random_range(1..=rest.len()));
            pieces.push(Parcel::Bytes(head.to_vec()));
            rest = tail;
        }
        if !rest.is_empty() {
            pieces.push(Parcel::Bytes(rest.to_vec()));
        }
        pieces
    }

    /// The next parcel that is due, if the route lets it through.
    fn due(&mut self, number: LinkNo, to_client: bool) -> Option<Parcel> {
        let link = self.links.get_mut(&number)?;
        let route = self.hosts.get(&link.host).map_or(Route::Blackhole, |host| host.route);
        let way = if to_client { &mut link.to_client } else { &mut link.to_server };
        let (when, parcel) = way.queue.front_mut()?;
        if *when > self.now {
            return None;
        }
        if route == Route::Blackhole && *when > Duration::ZERO {
            let pause = match parcel {
                Parcel::Syn(tries) => {
                    *tries += 1;
                    Duration::from_secs(1 << (*tries - 1).min(6))
                }
                _ => AGAIN,
            };
            let later = self.now + pause;
            *when = later;
            way.last = way.last.max(later);
            self.schedule(later, if to_client { Happening::ToClient(number) } else { Happening::ToServer(number) });
            return None;
        }
        let (_, parcel) = way.queue.pop_front()?;
        let (parcel, cut) = way.shorten(parcel);
        if cut {
            self.cut_link(number);
        }
        parcel
    }

    /// Breaks a connection: data in transit is lost, and both ends see a reset.
    pub(super) fn cut_link(&mut self, number: LinkNo) {
        let now = self.now;
        if let Some(link) = self.links.get_mut(&number) {
            link.to_client.cut();
            link.to_server.cut();
            self.schedule(now, Happening::ToServer(number));
            self.schedule(now, Happening::ToClient(number));
        }
    }

    pub(super) fn arrive_at_server(&mut self, number: LinkNo) {
        let Some(parcel) = self.due(number, false) else { return };
        let now = self.millis();
        let Some(link) = self.links.get(&number) else { return };
        let (host, server) = (link.host, link.server);
        match (parcel, server) {
            (Parcel::Syn(_), _) => self.accept(number, host),
            (Parcel::Bytes(bytes), Some(id)) => {
                self.ensemble.receive(id, &bytes, now);
                self.send_news();
            }
            (Parcel::End | Parcel::Reset, _) => {
                if let Some(id) = server {
                    self.by_server.remove(&id);
                    self.ensemble.disconnect(id);
                    self.send_news();
                }
                // A cut link is kept until the client has learned of the cut.
                let client = self.links.get(&number).map(|link| link.client);
                let known = client.and_then(|client| self.clients.get(client)).and_then(|client| client.link);
                if known == Some(number) {
                    if let Some(link) = self.links.get_mut(&number) {
                        link.server = None;
                    }
                } else {
                    self.links.remove(&number);
                }
            }
            _ => {}
        }
    }

    fn accept(&mut self, number: LinkNo, address: SocketAddr) {
        let host = self.hosts.get(&address).copied();
        let open = host.filter(|host| host.route == Route::Open);
        let now = self.millis();
        let id = open.and_then(|host| self.ensemble.accept(host.member, "10.1.0.1", now));
        if let Some(link) = self.links.get_mut(&number) {
            link.server = id;
        }
        match id {
            Some(id) => {
                self.by_server.insert(id, number);
                self.send(number, true, Parcel::Accepted);
                self.send_news();
            }
            None => self.send(number, true, Parcel::Refused),
        }
    }

    pub(super) fn arrive_at_client(&mut self, number: LinkNo) {
        let Some(client) = self.links.get(&number).map(|link| link.client) else { return };
        let mine = self.clients.get(client).filter(|one| one.link == Some(number));
        let Some(one) = mine else {
            // No client receives it; the link is removed when the server has learned of the client's end.
            return;
        };
        if one.frozen_until.is_some() {
            return;
        }
        match self.due(number, true) {
            Some(Parcel::Accepted) => self.accepted(client, number),
            Some(Parcel::Bytes(bytes)) => self.hear(client, &bytes),
            Some(parcel @ (Parcel::Refused | Parcel::End | Parcel::Reset)) => {
                self.feed(client, Input::Disconnected(error_of(&parcel)));
            }
            Some(Parcel::Syn(_)) | None => {}
        }
    }

    /// Delivers the items that have waited for a frozen client.
    pub(super) fn thaw(&mut self, number: ClientNo) {
        let now = self.now;
        let Some(client) = self.clients.get_mut(number) else { return };
        if client.frozen_until.is_some_and(|until| until > now) {
            return;
        }
        client.frozen_until = None;
        let Some(link) = client.link else { return };
        let waiting = self.links.get(&link).map_or(0, |link| link.to_client.queue.len());
        for _ in 0..waiting {
            self.schedule(now, Happening::ToClient(link));
        }
    }
}

impl Way {
    /// Applies a cut at a byte: returns the part that still arrives, and whether the connection breaks then.
    fn shorten(&mut self, parcel: Parcel) -> (Option<Parcel>, bool) {
        let (Some(left), Parcel::Bytes(bytes)) = (self.left, &parcel) else { return (Some(parcel), false) };
        if bytes.len() < left {
            self.left = Some(left - bytes.len());
            return (Some(parcel), false);
        }
        self.left = None;
        let head = bytes.get(..left).unwrap_or_default().to_vec();
        ((!head.is_empty()).then_some(Parcel::Bytes(head)), true)
    }
}
