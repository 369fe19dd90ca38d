//! What any thread may read of a session at any time, without a lock: in a signal handler too, that interrupts a call on the
//! same handle. Written under the handle's lock.
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use zk_core::session::{Session, Watcher};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Published {
    state: AtomicI32,
    timeout: AtomicI32,
    unrecoverable: AtomicBool,
}

impl Published {
    pub(super) fn new<C, W: Watcher>(session: &Session<C, W>) -> Published {
        let published = Published::default();
        published.store(session);
        published
    }

    #[inline]
    pub(super) fn store<C, W: Watcher>(&self, session: &Session<C, W>) {
        self.timeout.store(session.timeout(), Ordering::Relaxed);
        self.unrecoverable.store(session.is_unrecoverable(), Ordering::Relaxed);
        self.state.store(session.state().to_i32(), Ordering::Release);
    }

    /// The number that `zoo_state` returns. What was published with it is visible too.
    pub(crate) fn state(&self) -> i32 {
        self.state.load(Ordering::Acquire)
    }

    /// The session timeout in milliseconds.
    pub(crate) fn timeout(&self) -> i32 {
        self.timeout.load(Ordering::Relaxed)
    }

    /// Whether no call can succeed any more.
    pub(crate) fn is_unrecoverable(&self) -> bool {
        self.unrecoverable.load(Ordering::Relaxed)
    }
}
