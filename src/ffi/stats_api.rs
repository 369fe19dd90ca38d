//! The counters of one handle for C programs. Apache's library has no such function.
use super::entry::{Zk, call};
use super::types::zhandle_t;
use crate::observe::stats::{Phase, Sample, Source};
use libc::{c_int, size_t};
use std::time::{Duration, Instant};
use zk_core::code::Code;
use zk_core::session::Session;
use zk_core::session::State;

/// Counters of one handle since its start, and the state of its reconnect policy. The end of a name gives the unit of a
/// time. Later versions add fields at the end only.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct zoo_reconnect_stats {
    /// Connection attempts started.
    pub attempts: i64,
    /// Attempts that were refused, or that found the server unreachable (EHOSTUNREACH).
    pub refused: i64,
    /// Attempts that got no TCP connection in time.
    pub connect_timeouts: i64,
    /// Attempts that the server accepted and then closed without a session.
    pub closed_early: i64,
    /// Attempts that the server accepted and did not answer in time.
    pub handshake_timeouts: i64,
    /// Sessions established or resumed.
    pub established: i64,
    /// Established connections lost.
    pub lost: i64,
    /// 1 when a server declared the session expired.
    pub expired: i64,
    /// Pauses chosen by the policy, added up.
    pub paused_ms: i64,
    /// The latest of these pauses.
    pub last_pause_ms: i64,
    /// Time until the next attempt may start; 0 while connected or connecting.
    pub next_attempt_ms: i64,
    /// Failed sweeps that widen the pause; 0 once there is a session.
    pub availability_level: i64,
    /// Signs of an overloaded ensemble that widen the pause; falls with time connected.
    pub congestion_level: i64,
    /// Requests answered.
    pub replies: i64,
    /// The time from call to reply, added up over these requests.
    pub latency_us: i64,
    /// Requests that failed with their connection.
    pub failed: i64,
    /// Requests that have no answer at the moment.
    pub pending: i64,
    /// Callbacks that wait for the completion thread at the moment.
    pub queued_callbacks: i64,
    /// Watches armed now.
    pub watches: i64,
    /// Name resolutions after the first.
    pub resolutions: i64,
    /// Attempts that failed on this host: no descriptor, port or memory, or no route (ENETUNREACH).
    pub local_failures: i64,
    /// Rank of the session: how many sessions its server had created before it in the same server life. -1 when
    /// unknown.
    pub rank: i64,
    /// The rank counted from 1, and increased with each server life that the session has outlived; -1 when unknown.
    pub effective_rank: i64,
    /// The longest pause that the policy could have chosen the last time.
    pub window_ms: i64,
    /// The reason for that length: 0 none, 1 the first attempt after a loss, 2 the step to the next server, 3 passes
    /// over the list without an answer, 4 the rank, 5 the fleet's size, 6 a refusal, 7 a server that is starting, 8
    /// servers that answer too slowly, 9 servers that cut sessions young, 10 the pause of the previous handle.
    pub window_reason: i64,
    /// 1 while the request of the current or next attempt waits at one server for a long time.
    pub parked: i64,
}

impl Source for Zk {
    fn sample(&self) -> Sample {
        let callbacks = self.queue.len();
        self.peek(|session| {
            let (level, now) = (session.level(), Instant::now());
            let pause = session.not_before().saturating_duration_since(now);
            let phase = match session.state() {
                State::Connected => Phase::Connected,
                State::ReadOnly => Phase::ReadOnly,
                State::NotConnected | State::Paused if pause > Duration::ZERO => Phase::Pausing,
                State::NotConnected | State::Paused | State::Connecting | State::Securing | State::Associating => {
                    Phase::Connecting
                }
                State::Expired => Phase::Expired,
                State::AuthFailed => Phase::AuthFailed,
                State::Closed => Phase::Closed,
            };
            Sample {
                hosts: session.hosts().text().to_owned(),
                phase,
                stats: *session.stats(),
                pending: session.pending_len(),
                callbacks,
                watches: session.watch_count(),
                availability: level.availability,
                congestion: level.congestion,
                timeout: Duration::from_millis(u64::try_from(session.timeout()).unwrap_or(0)),
                pause_left: (phase == Phase::Pausing).then_some(pause),
                lost_since: session.stats().last_loss.map(|at| now.saturating_duration_since(at)),
            }
        })
    }
}

fn fill(handle: &Zk) -> zoo_reconnect_stats {
    let sample = handle.sample();
    let next = handle.peek(|session| (!session.is_established()).then(|| session.not_before()));
    let next = next.map_or(0, |at| at.saturating_duration_since(Instant::now()).as_millis());
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let whole = |value: u128| i64::try_from(value).unwrap_or(i64::MAX);
    let size = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let stats = &sample.stats;
    let decision = handle.peek(Session::decision);
    zoo_reconnect_stats {
        attempts: count(stats.attempts),
        refused: count(stats.refused),
        connect_timeouts: count(stats.connect_timeouts),
        closed_early: count(stats.closed_early),
        handshake_timeouts: count(stats.handshake_timeouts),
        established: count(stats.established),
        lost: count(stats.lost),
        expired: count(stats.expired),
        paused_ms: whole(stats.paused.as_millis()),
        last_pause_ms: whole(stats.last_pause.as_millis()),
        next_attempt_ms: whole(next),
        availability_level: sample.availability.into(),
        congestion_level: sample.congestion.into(),
        replies: count(stats.replies),
        latency_us: whole(stats.latency.as_micros()),
        failed: count(stats.failed),
        pending: size(sample.pending),
        queued_callbacks: size(sample.callbacks),
        watches: size(sample.watches),
        resolutions: count(stats.resolutions),
        local_failures: count(stats.local_failures),
        rank: decision.standing.map_or(-1, |standing| standing.rank.into()),
        effective_rank: decision.standing.map_or(-1, |standing| standing.effective().into()),
        window_ms: whole(decision.window.as_millis()),
        window_reason: decision.why.number(),
        parked: decision.parked.into(),
    }
}

/// Writes the handle's counters to `stats`, which has `size` bytes. The shorter structure of an older header is filled
/// as far as it goes; in the longer structure of a newer header the rest becomes zero. Returns `ZOK` or
/// `ZBADARGUMENTS`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_get_reconnect_stats(
    zh: *mut zhandle_t,
    stats: *mut zoo_reconnect_stats,
    size: size_t,
) -> c_int {
    // SAFETY: the contract of `super`; `stats` has `size` bytes.
    unsafe {
        call(zh, |handle| {
            if stats.is_null() {
                return Err(Code::BadArguments);
            }
            let found = fill(handle);
            let known = size.min(size_of::<zoo_reconnect_stats>());
            stats.cast::<u8>().write_bytes(0, size);
            stats.cast::<u8>().copy_from_nonoverlapping((&raw const found).cast(), known);
            Ok(())
        })
    }
}
