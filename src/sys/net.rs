//! What connections and the I/O thread's poll loop are made of: the system's sockets, or, in the build of `make
//! schedules`, a network in memory that behaves like them. Owns that choice.
#[cfg(calmkeeper_shuttle)]
mod memory;

#[cfg(not(calmkeeper_shuttle))]
pub(crate) use {
    crate::sys::socket,
    mio::{Events, Interest, Poll, Registry, Token, Waker, net::TcpStream, unix::SourceFd},
    socket2::SockRef,
};

#[cfg(calmkeeper_shuttle)]
pub(crate) use memory::{
    Events, Interest, Poll, Registry, SockRef, SourceFd, TcpStream, Token, Waker, lose_wakes, server, socket,
};
