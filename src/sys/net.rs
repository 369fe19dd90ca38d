//! The sockets and the poll of the I/O thread: the system's or, in the build of `make schedules`, those of a network in
//! memory. Owns that choice.
#[cfg(calmkeeper_shuttle)]
mod memory;

#[cfg(not(calmkeeper_shuttle))]
pub(crate) use {
    crate::sys::socket::{self, Waited},
    crate::sys::waker::Waker,
    mio::{Events, Poll, Registry, Token, net::TcpStream},
    socket2::SockRef,
};

#[cfg(calmkeeper_shuttle)]
pub(crate) use memory::{
    Events, Poll, Registry, SockRef, Stop, TcpStream, Token, Waited, Waker, lose_wakes, resume, server, socket,
    stop_reader,
};
