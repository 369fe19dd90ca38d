//! How one of the library's threads has ended, for a thread that waits for it. A thread that is ended by a callback
//! never returns; it ends in `ffi/callout.c`, and joining it is not possible.
use crate::sys::lock::{Condvar, Mutex};

/// See the module.
#[derive(Debug)]
pub(crate) struct ThreadEnd {
    stage: Mutex<Stage>,
    changed: Condvar,
}

/// How far a thread has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    #[default]
    Running,
    Ended,
    /// A callback has ended it: it never returns.
    Lost,
}

impl ThreadEnd {
    pub(crate) fn new() -> ThreadEnd {
        ThreadEnd { stage: Mutex::new(Stage::Running), changed: Condvar::new() }
    }

    /// Called when the thread is about to return.
    pub(crate) fn set_ended(&self) {
        self.set(Stage::Ended);
    }

    /// Called when the thread never returns.
    pub(crate) fn set_lost(&self) {
        self.set(Stage::Lost);
    }

    fn set(&self, stage: Stage) {
        *self.stage.lock() = stage;
        self.changed.notify_all();
    }

    /// Whether it has ended, in either way.
    pub(crate) fn is_over(&self) -> bool {
        *self.stage.lock() != Stage::Running
    }

    /// Waits for either end; `true` if the thread returns.
    pub(crate) fn wait(&self) -> bool {
        let mut stage = self.stage.lock();
        while *stage == Stage::Running {
            stage = self.changed.wait(stage);
        }
        *stage == Stage::Ended
    }
}

/// Reports on drop that the thread is about to return, even after a panic.
pub(crate) struct EndGuard<'a>(pub(crate) &'a ThreadEnd);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        self.0.set_ended();
    }
}
