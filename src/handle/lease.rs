//! Which thread reads the socket. Normally the I/O thread does. A caller whose request is the only one in flight may
//! read its reply itself, which saves waking two threads: it is given a lease on the receiving side. Owns the rules of
//! a lease.
//!
//! A lease is a right to wait for the socket, not a lock: its borrower holds nothing while it waits, and reads under
//! the receiver's lock for a few microseconds. It ends when the guard is dropped. After [`LEASE_MAX`] the I/O thread
//! revokes it without the borrower's help, because the borrower may never run again: stopped, of low priority on a busy
//! processor, in a signal handler, or left by `longjmp`. So a lease is granted only while the I/O thread is due to wake
//! up in time.
use super::{Completion, Handle, Inner};
use crate::io::receiver::ReadOutcome;
use crate::io::transport::Transport;
use crate::observe::logging;
use crate::sys::inside::OutsideGuard;
use crate::sys::net::Waited;
use crate::sys::signals::BlockedSignals;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zk_core::session::{Session, Watcher};

/// How long a lease lasts. No thread waits longer for a borrower, and a borrower notices within this time what only the
/// I/O thread sees.
#[cfg(not(calmkeeper_shuttle))]
pub(super) const LEASE_MAX: Duration = Duration::from_millis(20);
/// Shorter under the scheduler, because a wait that ends by its timeout really lasts that long there too.
#[cfg(calmkeeper_shuttle)]
pub(super) const LEASE_MAX: Duration = Duration::from_millis(1);

/// The leases of one connection. Protected by the handle's lock.
#[derive(Debug, Default)]
pub(super) struct Leases {
    /// The lease in force, and when it ends.
    current: Option<(LeaseNumber, Instant)>,
    last: LeaseNumber,
    /// When a caller last wanted a lease.
    wanted: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LeaseNumber(u64);

impl Leases {
    /// Called when the handle gets another connection. Returns whether a lease on the previous one was in force.
    pub(super) fn reset(&mut self) -> bool {
        self.current.take().is_some()
    }

    /// Whether a lease is in force.
    pub(super) fn is_out(&self) -> bool {
        self.current.is_some()
    }

    /// Grants a lease, if possible. `wakes_at` is when the I/O thread wakes up at the latest. The first request of a
    /// burst gets no lease: it makes that thread wake up in time for the others.
    fn grant(&mut self, now: Instant, wakes_at: Option<Instant>) -> Option<LeaseNumber> {
        self.wanted = Some(now);
        let until = now + LEASE_MAX;
        let is_watched = wakes_at.is_some_and(|at| at <= until);
        if !is_watched || self.current.is_some() {
            return None;
        }
        self.last.0 += 1;
        self.current = Some((self.last, until));
        Some(self.last)
    }

    /// Ends a lease. Returns whether it was still in force.
    fn give_back(&mut self, number: LeaseNumber) -> bool {
        let is_current = self.current.is_some_and(|(current, _)| current == number);
        if is_current {
            self.current = None;
        }
        is_current
    }

    /// How long the lease still lasts; `None` when it has ended.
    fn left(&self, number: LeaseNumber, now: Instant) -> Option<Duration> {
        let (current, until) = self.current?;
        let left = until.saturating_duration_since(now);
        (current == number && !left.is_zero()).then_some(left)
    }

    /// Revokes a lease that has lasted too long. Returns whether there was one: then the I/O thread reads.
    pub(super) fn revoke_expired(&mut self, now: Instant) -> bool {
        self.current.take_if(|(_, until)| *until <= now).is_some()
    }

    /// When the I/O thread must look again. Leases are granted only up to then.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let wanted = self.wanted.map(|at| at + LEASE_MAX).filter(|at| *at > now);
        wanted.max(self.current.map(|(_, until)| until))
    }
}

/// The right to receive in the place of the I/O thread; given back on drop.
pub(super) struct ReadLease<'a, C: Completion, W: Watcher + Send + 'static> {
    handle: &'a Handle<C, W>,
    transport: Arc<Transport>,
    number: LeaseNumber,
    /// Whether the socket may hold data for which no event comes any more.
    is_undrained: bool,
}

impl<C: Completion, W: Watcher + Send + 'static> Drop for ReadLease<'_, C, W> {
    fn drop(&mut self) {
        let mut inner = self.handle.lock();
        if !inner.leases.give_back(self.number) {
            return;
        }
        // Where nothing can arrive unasked the events stay paused, which spares the next caller two system calls. They
        // resume with the next request of another kind, or when the I/O thread looks again, which it does within the
        // time of a lease.
        if self.is_undrained || !inner.session.expects_nothing() {
            inner.resume_input();
        }
        inner.must_read |= self.is_undrained;
        if inner.must_read {
            let wake = inner.take_wake();
            drop(inner);
            if wake {
                self.handle.wake();
            }
        }
    }
}

impl<C, W: Watcher> Inner<C, W> {
    /// Grants the calling thread a lease, if one can be granted.
    fn lend(&mut self, now: Instant) -> Option<(Arc<Transport>, LeaseNumber)> {
        let number = self.leases.grant(now, self.sleep.until())?;
        let transport = self.transport.clone().filter(|transport| transport.pause_input().is_ok());
        if transport.is_none() {
            self.leases.give_back(number);
        }
        transport.map(|transport| (transport, number))
    }

    /// Makes input wake the I/O thread again, unless a lease is out.
    #[inline]
    pub(super) fn resume_input(&mut self) {
        if !self.leases.is_out()
            && let Some(transport) = &self.transport
        {
            self.must_read |= transport.resume_input().is_err();
        }
    }
}

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    /// Runs `body` on the session, which submits a request whose caller waits for the result. If the thread gets a
    /// lease, it receives until `is_done`. When this function returns, the result may still be outstanding.
    pub(crate) fn submit_and_receive<R>(
        &self,
        body: impl FnOnce(&mut Session<C, W>, Instant) -> R,
        is_done: impl Fn() -> bool,
    ) -> R {
        // From the send to the end of the lease signal handlers run only during the wait: a handler that called the
        // library would otherwise find a lock held.
        let mut sender = None;
        let result = self.with_inner(Inner::now, |inner, now| {
            let result = body(&mut inner.session, now);
            if inner.sendable().is_some() && !inner.is_outranked(now) {
                let blocked = BlockedSignals::new();
                // Granted before the request is sent, because the reply could wake the I/O thread.
                let granted = if inner.session.pending_len() <= 1 { inner.lend(now) } else { None };
                self.send(inner, now);
                sender = Some((blocked, granted));
            }
            result
        });
        if let Some((blocked, Some((transport, number)))) = sender {
            let lease = ReadLease { handle: self, transport, number, is_undrained: false };
            lease.receive_until(&blocked, is_done);
        }
        result
    }
}

impl<C: Completion, W: Watcher + Send + 'static> ReadLease<'_, C, W> {
    fn receive_until(mut self, blocked: &BlockedSignals, is_done: impl Fn() -> bool) {
        let mut limit = LEASE_MAX;
        while !is_done() {
            if !self.is_undrained {
                let outside = OutsideGuard::for_a_wait(blocked);
                let waited = self.transport.wait_as_reader(limit, blocked);
                drop(outside);
                match waited {
                    Waited::TimedOut => return,
                    Waited::Interrupted if is_done() => return,
                    Waited::Interrupted | Waited::Ready => {}
                }
            }
            let mut outcome = self.read();
            if outcome == ReadOutcome::More && is_done() {
                // A read that ends a large frame fills the buffer, which is then as large as the frame. More data is
                // rare, and a second read costs less than waking the I/O thread.
                outcome = self.read();
            }
            self.is_undrained = outcome == ReadOutcome::More;
            if outcome == ReadOutcome::Closed || is_done() {
                return;
            }
            match self.left() {
                Some(left) => limit = left,
                None => return,
            }
        }
    }

    fn read(&self) -> ReadOutcome {
        // Deferred, as a log callback may call the library and wait for a reply that nobody would receive.
        logging::deferred(|| {
            let mut receiver = self.handle.receiver.lock();
            let outcome = receiver.read_from(&self.transport, |input| self.handle.feed_from(&self.transport, input));
            self.handle.plan_receiver_trim(&receiver);
            outcome
        })
    }

    /// How long the lease still lasts; `None` when it has ended.
    fn left(&self) -> Option<Duration> {
        self.handle.lock().leases.left(self.number, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_micros(1);
    const ALMOST: Duration = LEASE_MAX.saturating_sub(TICK);

    /// Grants a lease at `now`, with the I/O thread due in time.
    fn grant(leases: &mut Leases, now: Instant) -> Option<LeaseNumber> {
        leases.grant(now, Some(now + LEASE_MAX))
    }

    #[test]
    fn a_lease_needs_an_io_thread_that_wakes_up_in_time() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        assert_eq!(leases.grant(now, None), None);
        assert_eq!(leases.grant(now, Some(now + LEASE_MAX + TICK)), None);
        assert_eq!(leases.deadline(now), Some(now + LEASE_MAX), "the I/O thread is to prepare for the next one");
        assert!(grant(&mut leases, now).is_some());
        assert_eq!(grant(&mut leases, now), None, "one at a time");
    }

    #[test]
    fn a_lease_ends_without_its_borrower() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        let number = grant(&mut leases, now).unwrap();
        assert!(!leases.revoke_expired(now + ALMOST));
        assert_eq!(leases.left(number, now + ALMOST), Some(TICK));
        assert_eq!(leases.deadline(now), Some(now + LEASE_MAX));
        let later = now + LEASE_MAX;
        assert_eq!(leases.left(number, later), None);
        assert!(leases.revoke_expired(later));
        assert!(!leases.is_out());
        assert!(!leases.give_back(number), "the I/O thread has it");
    }

    #[test]
    fn a_late_borrower_does_not_end_the_lease_of_another() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        let first = grant(&mut leases, now).unwrap();
        assert!(leases.reset());
        let second = grant(&mut leases, now).unwrap();
        assert_eq!(leases.left(first, now), None);
        assert!(!leases.give_back(first));
        assert!(leases.is_out());
        assert!(leases.give_back(second));
        assert!(!leases.is_out());
    }

    #[test]
    fn an_idle_handle_has_no_deadline_for_leases() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        assert_eq!(leases.deadline(now), None);
        let number = grant(&mut leases, now).unwrap();
        leases.give_back(number);
        assert_eq!(leases.deadline(now + ALMOST), Some(now + LEASE_MAX));
        assert_eq!(leases.deadline(now + LEASE_MAX), None);
    }
}
