//! The end of a handle: the goodbye to the server, and the end of both threads.
//!
//! All of it takes a round trip, and threads that wake up only to end. So a caller that can sees to the connection itself
//! from here on, and the threads end while the answer is under way.
//!
//! They are waited for, although half of the time goes there: a program that has closed its last handle may rely on
//! having no thread besides its own (fork, unshare).
use super::{Completion, Handle, Inner, Stage, Threads};
use crate::io::receiver::Got;
use crate::io::transport::Transport;
use crate::observe::logging;
use crate::sys::sync::thread::{self, JoinHandle};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zk_core::session::{Input, Watcher};

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    /// Closes the session. Returns when the threads have ended and every callback has returned; from a callback of this
    /// handle it returns at once, and the rest happens when that callback returns.
    pub(crate) fn close(&self) {
        let current = thread::current().id();
        let (threads, transport) = self.with_inner(|inner, now| {
            inner.session.handle(now, Input::Close);
            // The I/O thread calls the application too: its log callback.
            let own = |threads: &Threads| inner.dispatcher == Some(current) || threads.driver.thread().id() == current;
            let threads = inner.threads.take().filter(|threads| !own(threads));
            let transport = threads.as_ref().and_then(|_| inner.hand_over(now));
            (threads, transport)
        });
        let Some(threads) = threads else { return };
        if let Some(transport) = transport {
            self.await_goodbye(&transport);
        }
        end(threads.driver);
        if self.queue.wait_for_end() {
            end(threads.dispatcher);
        } else {
            log::error!("a callback of this handle has ended its thread; what was to be called after it never was");
        }
    }

    /// Does what the I/O thread would do until the session is closed: hears the answer, and sees to the time limit.
    fn await_goodbye(&self, transport: &Arc<Transport>) {
        logging::deferred(|| {
            // Whoever has it reads the answer, then it is known here when it comes free.
            let mut receiver = self.receiver();
            while let Some(left) = self.time_to_close() {
                transport.wait_for_readable(left);
                if receiver.read(|input| self.feed_from(transport, input)) == Got::End {
                    // Whatever it was, nothing more comes.
                    self.with(|session, _| session.abort());
                }
            }
            receiver.attach(None);
        });
    }

    /// How long the goodbye may still take; `None` when the session is closed.
    fn time_to_close(&self) -> Option<Duration> {
        self.with_inner(|inner, now| {
            if inner.session.deadline().is_some_and(|deadline| deadline <= now) {
                inner.session.handle(now, Input::Timeout);
            }
            inner.session.deadline().map(|deadline| deadline.saturating_duration_since(now))
        })
    }
}

impl<C, W: Watcher> Inner<C, W> {
    /// Sends the goodbye and takes the connection from the I/O thread, if that sleeps and all could be sent at once.
    fn hand_over(&mut self, now: Instant) -> Option<Arc<Transport>> {
        let transport = self.sendable().cloned()?;
        self.send(now);
        if !self.unsent.is_empty() {
            return None;
        }
        self.session.handle(now, Input::Flushed);
        self.stage = Stage::HandedOver;
        Some(transport)
    }
}

fn end(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        log::error!("a thread of this handle ended by a panic");
    }
}
