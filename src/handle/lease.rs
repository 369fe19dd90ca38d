//! Who reads the socket. As a rule the I/O thread does. A caller whose request is the only one in flight may read its reply
//! itself, which saves waking two threads: it is given a lease on the receiving side. Owns the rules of a lease.
//!
//! A lease is a right to wait for the socket, not a lock: its borrower holds nothing while it waits, and reads under the
//! receiver's lock for a few microseconds. It ends when the guard is dropped. After [`LEASE_MAX`] the I/O thread revokes it
//! without the borrower's help, because the borrower may never run again: stopped, of low priority on a busy processor, in a
//! signal handler, or gone by `longjmp`. So a lease is granted only while the I/O thread is due to wake up in time.
use super::{Completion, Handle, Inner};
use crate::io::receiver::ReadOutcome;
use crate::io::transport::Transport;
use crate::observe::logging;
use crate::sys::net::Waited;
use crate::sys::signals::BlockedSignals;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zk_core::session::{Session, Watcher};

/// How long a lease lasts. Bounds how long anything waits for a borrower, and how late a borrower notices what only the I/O
/// thread can tell it.
#[cfg(not(calmkeeper_shuttle))]
pub(super) const LEASE_MAX: Duration = Duration::from_millis(20);
/// Waits that end by their timeout take their time under the scheduler too.
#[cfg(calmkeeper_shuttle)]
pub(super) const LEASE_MAX: Duration = Duration::from_millis(1);

/// The leases of one connection. Part of what the handle's lock protects.
#[derive(Debug, Default)]
pub(super) struct Leases {
    /// The lease that is out, and when it ends.
    current: Option<(LeaseNumber, Instant)>,
    /// A lease that was revoked and whose borrower has not come back: it may wait for the socket still, and take the wake-up
    /// that another reader needs. No lease is granted meanwhile.
    stray: Option<LeaseNumber>,
    last: LeaseNumber,
    /// When a caller last wanted a lease.
    wanted: Option<Instant>,
    /// Whether the I/O thread was woken for the socket while the lease was out, and left it to the borrower.
    is_skipped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LeaseNumber(u64);

impl Leases {
    /// The connection is another one: what was lent of the one before is nobody's concern.
    pub(super) fn reset(&mut self) {
        *self = Leases { last: self.last, wanted: self.wanted, ..Leases::default() };
    }

    /// Whether a lease is out.
    pub(super) fn is_out(&self) -> bool {
        self.current.is_some()
    }

    /// A caller wants a lease. `wakes_at` is when the I/O thread wakes up at the latest, `is_shared` whether a caller may wait
    /// for the socket. The first one of a burst gets none: it makes the I/O thread prepare both.
    fn grant(&mut self, now: Instant, wakes_at: Option<Instant>, is_shared: bool) -> Option<LeaseNumber> {
        self.wanted = Some(now);
        let until = now + LEASE_MAX;
        let is_watched = wakes_at.is_some_and(|at| at <= until);
        if !is_watched || !is_shared || self.current.is_some() || self.stray.is_some() {
            return None;
        }
        self.last.0 += 1;
        self.current = Some((self.last, until));
        self.is_skipped = false;
        Some(self.last)
    }

    /// The borrower is back. Returns whether the I/O thread was woken for the socket meanwhile.
    fn give_back(&mut self, number: LeaseNumber) -> bool {
        if self.stray == Some(number) {
            self.stray = None;
        }
        if self.current.is_some_and(|(current, _)| current == number) {
            self.current = None;
            return self.is_skipped;
        }
        false
    }

    /// Revokes a lease that has lasted too long. Returns whether there was one.
    pub(super) fn revoke_expired(&mut self, now: Instant) -> bool {
        let Some((number, _)) = self.current.filter(|(_, until)| *until <= now) else { return false };
        self.current = None;
        self.stray = Some(number);
        true
    }

    /// When the I/O thread must look again: leases are granted until then only.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let wanted = self.wanted.map(|at| at + LEASE_MAX).filter(|at| *at > now);
        wanted.max(self.current.map(|(_, until)| until))
    }

    /// Whether callers have wanted leases lately and one could be granted.
    pub(super) fn are_wanted(&self, now: Instant) -> bool {
        self.stray.is_none() && self.wanted.is_some_and(|at| at + LEASE_MAX > now)
    }

    /// The I/O thread was woken for the socket. Returns whether it leaves it to a borrower.
    pub(super) fn skip(&mut self) -> bool {
        self.is_skipped |= self.is_out();
        self.is_out()
    }
}

/// The right to receive in the place of the I/O thread; given back on drop.
pub(super) struct ReadLease<'a, C: Completion, W: Watcher + Send + 'static> {
    handle: &'a Handle<C, W>,
    transport: Arc<Transport>,
    number: LeaseNumber,
    /// Whether the socket may hold something that wakes nobody any more.
    is_undrained: bool,
}

impl<C: Completion, W: Watcher + Send + 'static> Drop for ReadLease<'_, C, W> {
    fn drop(&mut self) {
        let mut inner = self.handle.lock();
        let was_skipped = inner.leases.give_back(self.number);
        inner.must_read |= was_skipped || self.is_undrained;
        let wake = inner.take_wake();
        drop(inner);
        if wake {
            self.handle.wake();
        }
    }
}

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    /// Runs `body` on the session, which submits a request whose caller waits for its result, and receives on the calling
    /// thread until `is_done`, if the thread is given a lease. When it returns, the result may still be under way.
    pub(crate) fn submit_and_receive<R>(
        &self,
        body: impl FnOnce(&mut Session<C, W>, Instant) -> R,
        is_done: impl Fn() -> bool,
    ) -> R {
        // No handler runs between here and the wait, or after it: one that called the library would find a lock held.
        let blocked = BlockedSignals::new();
        let (result, granted) = self.with_inner(|inner, now| {
            let result = body(&mut inner.session, now);
            (result, self.send_and_lend(inner, now))
        });
        if let Some((transport, number)) = granted {
            let lease = ReadLease { handle: self, transport, number, is_undrained: false };
            lease.receive_until(&blocked, is_done);
        }
        result
    }

    /// Sends on the thread of a caller that waits, unless that is the I/O thread's business, and grants the caller a lease when
    /// nothing else is in flight: before it sends, or the reply might wake the I/O thread.
    fn send_and_lend(&self, inner: &mut Inner<C, W>, now: Instant) -> Option<(Arc<Transport>, LeaseNumber)> {
        let transport = inner.sendable()?;
        if inner.is_outranked(now) {
            return None;
        }
        let mut granted = None;
        if inner.session.pending_len() <= 1 {
            let transport = Arc::clone(transport);
            let number = inner.leases.grant(now, inner.sleep.until(), transport.is_shared());
            granted = number.map(|number| (transport, number));
        }
        self.send(inner, now);
        granted
    }
}

impl<C: Completion, W: Watcher + Send + 'static> ReadLease<'_, C, W> {
    fn receive_until(mut self, blocked: &BlockedSignals, is_done: impl Fn() -> bool) {
        let mut limit = LEASE_MAX;
        while !is_done() {
            if !self.is_undrained {
                match self.transport.wait_as_reader(limit, blocked) {
                    Waited::TimedOut => return,
                    Waited::Interrupted if is_done() => return,
                    Waited::Interrupted | Waited::Ready => {}
                }
            }
            // Deferred, as a log callback may call the library and wait for a reply that nobody would receive.
            let outcome = logging::deferred(|| {
                let mut receiver = self.handle.receiver.lock();
                let outcome =
                    receiver.read_from(&self.transport, |input| self.handle.feed_from(&self.transport, input));
                self.handle.plan_receiver_trim(&receiver);
                outcome
            });
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

    /// How long the lease still lasts; `None` when it has ended.
    fn left(&self) -> Option<Duration> {
        let inner = self.handle.lock();
        let (number, until) = inner.leases.current?;
        let left = until.saturating_duration_since(Instant::now());
        (number == self.number && !left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_micros(1);
    const ALMOST: Duration = LEASE_MAX.saturating_sub(TICK);

    /// Grants one at `now`, with the I/O thread due in time.
    fn grant(leases: &mut Leases, now: Instant) -> Option<LeaseNumber> {
        leases.grant(now, Some(now + LEASE_MAX), true)
    }

    #[test]
    fn a_lease_needs_an_io_thread_that_wakes_up_in_time() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        assert_eq!(leases.grant(now, None, true), None);
        assert_eq!(leases.grant(now, Some(now + LEASE_MAX + TICK), true), None);
        assert_eq!(leases.grant(now, Some(now + LEASE_MAX), false), None);
        assert!(leases.are_wanted(now), "the I/O thread is to prepare for the next one");
        assert_eq!(leases.deadline(now), Some(now + LEASE_MAX));
        assert!(grant(&mut leases, now).is_some());
        assert_eq!(grant(&mut leases, now), None, "one at a time");
    }

    #[test]
    fn a_lease_ends_without_its_borrower() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        let number = grant(&mut leases, now).unwrap();
        assert!(!leases.revoke_expired(now + ALMOST));
        assert_eq!(leases.deadline(now), Some(now + LEASE_MAX));
        let later = now + LEASE_MAX;
        assert!(leases.revoke_expired(later));
        assert!(!leases.is_out());
        assert!(!leases.skip(), "the I/O thread reads");
        // The borrower may take a wake-up still.
        assert_eq!(grant(&mut leases, later), None);
        assert!(!leases.are_wanted(later));
        leases.give_back(number);
        assert!(grant(&mut leases, later).is_some());
    }

    #[test]
    fn a_late_borrower_does_not_end_the_lease_of_another() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        let first = grant(&mut leases, now).unwrap();
        leases.reset();
        let second = grant(&mut leases, now).unwrap();
        leases.give_back(first);
        assert!(leases.is_out());
        leases.give_back(second);
        assert!(!leases.is_out());
    }

    #[test]
    fn what_the_io_thread_left_to_the_borrower_is_read_afterwards() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        let number = grant(&mut leases, now).unwrap();
        assert!(leases.skip());
        assert!(leases.give_back(number));
        assert!(!leases.skip());
        let number = grant(&mut leases, now).unwrap();
        assert!(!leases.give_back(number), "it is forgotten with the lease");
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
