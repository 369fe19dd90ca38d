//! A network in memory for `make schedules`: sockets, an edge-triggered poll and a server, each step of which is one
//! that the scheduler may interrupt. Owns the kernel's part; does not look at the bytes.
//!
//! The parts have the names and shapes of mio's, as far as the library uses them. Time is not modelled: a wait of up to
//! a second may end by its timeout, a longer one never does. So a fault that only a keepalive would repair shows as a
//! deadlock.
mod poll;
pub(crate) mod server;
pub(crate) mod socket;

use crate::sys::sync::{Condvar, Mutex, MutexGuard};
use poll::Polled;
pub(crate) use poll::{Events, Poll, Registry, Token, Waker};
use shuttle::rand::{Rng, thread_rng};
use socket::{Change, Socket};
pub(crate) use socket::{SockRef, TcpStream, Waited};
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::sync::PoisonError;
use std::time::Duration;

/// Longer waits do not end by their timeout.
const LONGEST: Duration = Duration::from_secs(1);

shuttle::lazy_static! {
    static ref NETWORK: Network = Network::default();
}

/// The network of one execution.
#[derive(Default)]
struct Network {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    last: RawFd,
    sockets: BTreeMap<RawFd, Socket>,
    polls: BTreeMap<RawFd, Polled>,
    /// Whether the server is to end.
    over: bool,
    /// Whether wakers do nothing, to prove that lost wake-ups are found.
    deaf: bool,
    /// Where the next thread that waits as a reader is stopped.
    stop: Stop,
}

/// Where a thread is stopped for a long time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stop {
    /// None is stopped.
    #[default]
    Never,
    /// The next reader, when it begins to wait.
    BeforeWaiting,
    /// The next reader, when its wait has ended.
    AfterWaiting,
    /// One is stopped.
    Stopped,
}

impl Stop {
    /// Stops the calling thread at this point, if it is the one to stop.
    fn here(self) {
        let mut state = lock();
        if state.stop == self {
            state.stop = Stop::Stopped;
            while state.stop == Stop::Stopped {
                state = NETWORK.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Stops the next thread that waits as a reader, at this point, until [`resume`].
pub(crate) fn stop_reader(at: Stop) {
    lock().stop = at;
}

/// Lets a stopped thread go on; returns whether there was one.
pub(crate) fn resume() -> bool {
    let was = std::mem::take(&mut lock().stop);
    NETWORK.changed.notify_all();
    was == Stop::Stopped
}

impl State {
    fn next_descriptor(&mut self) -> RawFd {
        self.last += 1;
        // Different from the numbers of the process, in case one leaks out.
        self.last + 1_000_000
    }

    /// Called when something about a socket has changed: tells the polls and wakes the waiting threads.
    fn touch(&mut self, fd: RawFd, change: Change) {
        for poll in self.polls.values_mut() {
            poll.touch(fd, change);
        }
        NETWORK.changed.notify_all();
    }
}

/// From now on wakers of this execution do nothing.
pub(crate) fn lose_wakes() {
    lock().deaf = true;
}

fn lock() -> MutexGuard<'static, State> {
    NETWORK.state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a wait does next.
enum Next<R> {
    /// The wait ends with this result.
    Done(R),
    /// It goes on.
    Wait,
}

/// Waits until `look` is done; `None` if the wait ends by its timeout.
fn wait<R>(timeout: Option<Duration>, mut look: impl FnMut(&mut State) -> Next<R>) -> Option<R> {
    let ends = timeout.is_some_and(|timeout| timeout <= LONGEST);
    let mut patience = if timeout == Some(Duration::ZERO) { 0 } else { thread_rng().gen_range(0..20) };
    let mut state = lock();
    loop {
        if let Next::Done(result) = look(&mut state) {
            return Some(result);
        }
        if !ends {
            state = NETWORK.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        drop(state);
        if patience == 0 {
            // Really sleep: the library reads the clock to see which of its timers are due.
            std::thread::sleep(timeout.unwrap_or_default());
            return None;
        }
        patience -= 1;
        crate::sys::sync::thread::yield_now();
        state = lock();
    }
}
