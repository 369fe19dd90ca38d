//! The end of a handle: the close request to the server, and the end of both threads.
//!
//! The close request takes a round trip, during which the threads would be woken only to end. So the caller that closes
//! takes over the connection from the I/O thread where it can, and the threads end while it waits for the answer.
//!
//! The caller waits for the threads, although that takes half of the time: a program that has closed its last handle
//! may rely on having no other thread (fork, unshare).
use super::{Completion, Handle, Inner, Stage, Threads};
use crate::io::receiver::ReadOutcome;
use crate::io::transport::Transport;
use crate::observe::logging;
use crate::sys::inside::OutsideGuard;
use crate::sys::net::Waker;
use crate::sys::own_thread;
use crate::sys::sync::thread::{self, JoinHandle};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use zk_core::session::{Input, Watcher};

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    /// Whether this is the first call to close; a later one must not touch the handle.
    pub(crate) fn begin_close(&self) -> bool {
        !self.is_closed.swap(true, Ordering::AcqRel)
    }

    /// Closes the session. Returns when the threads have ended and every callback has returned; from a callback of this
    /// handle it returns at once, and the rest happens when that callback returns.
    pub(crate) fn close(&self) {
        let current = thread::current().id();
        let (threads, transport) = self.with_inner(Inner::now, |inner, now| {
            inner.session.handle(now, Input::Close);
            // The I/O thread may be the caller too: it runs the log callback.
            let own = |threads: &Threads| inner.dispatcher == Some(current) || threads.driver.thread().id() == current;
            let threads = inner.threads.take().filter(|threads| !own(threads));
            let transport = threads.as_ref().and_then(|_| self.take_over(inner, now));
            (threads, transport)
        });
        let Some(threads) = threads else { return };
        if let Some(transport) = transport {
            self.await_close_reply(&transport);
        }
        if self.io_end.wait() {
            join(threads.driver);
        } else {
            log::error!("a log callback has ended the I/O thread of this handle");
            own_thread::keep_lost(threads.driver);
        }
        if self.queue.wait_for_end() {
            join(threads.dispatcher);
        } else {
            log::error!("a callback of this handle has ended its thread; what was to be called after it never was");
            own_thread::keep_lost(threads.dispatcher);
        }
    }

    /// Closes the session on the I/O thread, and does not wait: for a signal handler that interrupts a thread while it
    /// holds a lock. The session is closed when that thread has released the lock.
    pub(crate) fn close_later(&self) {
        self.close_requested.store(true, Ordering::Release);
        // Only writes to a descriptor, unless the write fails.
        let _ = self.waker.as_ref().map(Waker::wake);
    }

    /// Waits until the I/O thread has ended, but not longer than `limit`, in a handler that has interrupted the library at
    /// work. Allocates nothing and takes no lock.
    pub(crate) fn await_io_end(&self, limit: Duration) {
        const STEP: Duration = Duration::from_millis(1);
        let deadline = Instant::now() + limit;
        while !self.io_end.is_over() && Instant::now() < deadline {
            thread::sleep(STEP);
        }
    }

    /// The I/O thread never returns: a log callback has ended it. Must not log for the same reason.
    pub(crate) fn lose_io_thread(&self) {
        let transport = self.lock().transport.clone();
        self.with(|session, _| session.abort());
        if let Some(transport) = transport {
            transport.shut_down();
        }
        self.io_end.set_lost();
    }

    /// Does what the I/O thread would do until the session is closed: reads the answer, and watches the time limit.
    fn await_close_reply(&self, transport: &Arc<Transport>) {
        while let Some(left) = self.time_to_close() {
            // Another reader may consume the reply; the state is visible once the lock is ours.
            let outside = OutsideGuard::new();
            transport.wait_for_readable(left);
            drop(outside);
            logging::deferred(|| {
                let outcome = self.receiver.lock().read(|input| self.feed_from(transport, input));
                if outcome == ReadOutcome::Closed {
                    // Closed or out of time: nothing more comes.
                    self.with(|session, _| session.abort());
                }
            });
        }
        transport.end_tls();
        self.receiver.lock().attach(None);
    }

    /// How much time the close still has; `None` when the session is closed.
    fn time_to_close(&self) -> Option<Duration> {
        self.with_inner(Inner::now, |inner, now| {
            if inner.session.deadline().is_some_and(|deadline| deadline <= now) {
                inner.session.handle(now, Input::Timeout);
            }
            inner.session.deadline().map(|deadline| deadline.saturating_duration_since(now))
        })
    }

    /// Sends the close request and takes the connection from the I/O thread, if that thread sleeps and everything could
    /// be sent at once.
    fn take_over(&self, inner: &mut Inner<C, W>, now: Instant) -> Option<Arc<Transport>> {
        let transport = inner.sendable().cloned()?;
        self.send(inner, now);
        if inner.has_unsent || inner.session.has_outgoing() {
            return None;
        }
        inner.session.handle(now, Input::Flushed);
        inner.stage = Stage::HandedOver;
        Some(transport)
    }
}

/// Joins a thread that has ended, but for its return. Not a wait outside of the library: glibc takes a lock here.
fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        log::error!("a thread of this handle ended by a panic");
    }
}
