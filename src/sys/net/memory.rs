//! A network in memory for `make schedules`: sockets, an edge-triggered poll and a server, each step of which is one that
//! the scheduler may interrupt. Owns what the kernel would; what goes over it is the server's and the library's business.
//!
//! The parts have the names and shapes of mio's, as far as the library uses them. Time is not modelled: a wait of up to a
//! second may end by its timeout, a longer one never does. So what only a keepalive would mend shows as a deadlock.
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

/// Waits that are longer do not end by their timeout.
const LONGEST: Duration = Duration::from_secs(1);

shuttle::lazy_static! {
    static ref NETWORK: Network = Network::default();
}

/// All there is, in one execution.
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
    /// Whether wakers do nothing, to see that this is found.
    deaf: bool,
    /// What becomes of the next thread that waits as a reader.
    stop: Stop,
}

/// A thread that does not run for a long time.
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
    /// Stops the calling thread here, if it is the one.
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
        // Not those of the process, in case one gets out.
        self.last + 1_000_000
    }

    /// Something about a socket has become so: whoever is interested is told.
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
    /// It has ended, with this.
    Done(R),
    /// It goes on.
    Wait,
}

/// Waits until `look` is done; `None` when it ends by its timeout.
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
            // The library looks at the clock to see whether its time has come.
            std::thread::sleep(timeout.unwrap_or_default());
            return None;
        }
        patience -= 1;
        crate::sys::sync::thread::yield_now();
        state = lock();
    }
}
