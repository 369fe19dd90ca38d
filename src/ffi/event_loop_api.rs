//! The calls for a program with its own event loop. In the single-threaded library these calls do all the work and call
//! the application back. In the multi-threaded library its threads do the work, and these calls only report.
use super::deliveries::call_back;
use super::entry::{Zk, call_and_call_back};
use super::types::zhandle_t;
use crate::handle::{Place, Turn};
use crate::io::driver::{Readiness, Watched};
use crate::observe::stats;
use libc::c_int;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use zk_core::code::Code;
use zk_core::limits;
use zk_core::session::State;

/// `ZOOKEEPER_WRITE`.
const WRITE: c_int = 1;
/// `ZOOKEEPER_READ`.
const READ: c_int = 2;

/// What the loop has to wait for.
struct Interest {
    watched: Option<Watched>,
    until: Option<Instant>,
}

/// What a program with an event loop waits for: the socket or -1, the events to wait for, and the longest time to wait.
/// In the single-threaded library it also does what is due: connects, pings, detects a silent server, calls back.
// divergence: Between two attempts zookeeper_interest of the single-threaded library says fd -1 and how long the pause lasts, at most a third of the timeout; stock says a sixtieth of the timeout after a pass over the list, and with two dead servers no pause at all.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zookeeper_interest(
    zh: *mut zhandle_t,
    fd: *mut c_int,
    interest: *mut c_int,
    tv: *mut libc::timeval,
) -> c_int {
    let entry = Place::here();
    // SAFETY: the contract of `super`.
    unsafe {
        call_and_call_back(zh, |handle| {
            if fd.is_null() || interest.is_null() || tv.is_null() {
                return Err(Code::BadArguments);
            }
            if handle.published.is_unrecoverable() {
                return Err(Code::InvalidState);
            }
            let found = if handle.is_pumped() { pump(handle, entry) } else { Ok(observe(handle)) };
            let (found, result) = match found {
                Ok(found) => (found, Ok(())),
                Err(code) => (Interest { watched: None, until: Some(Instant::now()) }, Err(code)),
            };
            fd.write(found.watched.map_or(-1, |watched| watched.fd));
            interest.write(found.watched.map_or(0, |watched| READ | if watched.wants_write { WRITE } else { 0 }));
            tv.write(time_left(&found, handle.published.timeout()));
            result
        })
    }
}

/// Notes that this process runs the loop, see [`Zk::adopt`].
fn adopt(handle: &Arc<Zk>) {
    if handle.adopt() {
        stats::register_for_turns(handle);
    }
}

/// Takes a turn. After a panic of ours the handle cannot be used any more, because its connection may be in any state.
fn take_turn(handle: &Arc<Zk>, ready: Option<Readiness>, entry: Place) -> Result<Turn, Code> {
    let turn = handle.turn(ready, entry, |output| call_back(handle, output));
    if turn.has_failed {
        handle.with(|session, _| session.abort());
        return Err(Code::SystemError);
    }
    Ok(turn)
}

/// A turn of the loop without readiness of the socket.
fn pump(handle: &Arc<Zk>, entry: Place) -> Result<Interest, Code> {
    adopt(handle);
    let turn = take_turn(handle, None, entry)?;
    if let Some(code) = turn.ended {
        return Err(code);
    }
    let watched = turn.watched.or_else(|| handle.watch_pause(turn.until?));
    Ok(Interest { watched, until: turn.until })
}

/// What the I/O thread waits for at the moment.
fn observe(handle: &Zk) -> Interest {
    let (until, wants_write) = handle.peek(|session| {
        let writing = session.has_outgoing() || matches!(session.state(), State::Connecting | State::Securing);
        (session.deadline(), writing)
    });
    let socket = handle.socket.load(Ordering::Relaxed);
    Interest { watched: (socket >= 0).then_some(Watched { fd: socket, wants_write }), until }
}

/// How long to wait, at most a third of the timeout. Rounded up to milliseconds: a loop that counts in milliseconds
/// must not come too early.
fn time_left(found: &Interest, timeout: c_int) -> libc::timeval {
    let longest = Duration::from_millis(u64::try_from(timeout).unwrap_or(0) / 3).max(limits::LEAST_WAIT);
    let left = found.until.map_or(longest, |at| at.saturating_duration_since(Instant::now())).min(longest);
    let millis = u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
    libc::timeval {
        tv_sec: libc::time_t::try_from(millis / 1000).unwrap_or(libc::time_t::MAX),
        tv_usec: libc::suseconds_t::try_from(millis % 1000 * 1000).unwrap_or(0),
    }
}

/// Tells the library which events the socket has. In the single-threaded library it reads, writes and calls back. It
/// returns `ZNOTHING` when there was nothing to read, and the reason when the connection has ended. In the
/// multi-threaded library the threads have done the work: it returns `ZNOTHING` if `events` includes reading, else
/// `ZOK`. `ZINVALIDSTATE` without a connection.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zookeeper_process(zh: *mut zhandle_t, events: c_int) -> c_int {
    let entry = Place::here();
    // SAFETY: the contract of `super`.
    unsafe {
        call_and_call_back(zh, |handle| {
            if handle.published.is_unrecoverable() {
                return Err(Code::InvalidState);
            }
            if handle.is_pumped() {
                return process(handle, events, entry);
            }
            if handle.socket.load(Ordering::Relaxed) < 0 {
                return Err(Code::InvalidState);
            }
            if events & READ == 0 { Ok(()) } else { Err(Code::Nothing) }
        })
    }
}

fn process(handle: &Arc<Zk>, events: c_int, entry: Place) -> Result<(), Code> {
    adopt(handle);
    let is_dialled = handle.is_dialled();
    if !is_dialled && !handle.has_pause_timer() {
        handle.note_turn_in_pause();
        return Err(Code::InvalidState);
    }
    // Bytes that the TLS handshake reads are no frame.
    let is_securing = handle.published.state() == State::Securing.to_i32();
    let ready = Readiness::of_socket(events & READ != 0, events & WRITE != 0);
    let turn = take_turn(handle, Some(ready), entry)?;
    match turn.ended {
        Some(code) => Err(code),
        None if events & READ != 0 && is_dialled && !is_securing && !turn.has_received => Err(Code::Nothing),
        None => Ok(()),
    }
}
