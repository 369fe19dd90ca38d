//! A handle's own watcher as two numbers, which any thread may read and change at any time without a lock, even in a signal
//! handler or a forked child. Does not know what they mean.
use std::sync::atomic::{AtomicUsize, Ordering};

/// See the module. As in C, the two change one at a time: an event may see one of them before the other.
#[derive(Debug, Default)]
pub(crate) struct OwnWatch {
    function: AtomicUsize,
    context: AtomicUsize,
}

impl OwnWatch {
    pub(crate) fn new(function: usize, context: usize) -> OwnWatch {
        OwnWatch { function: function.into(), context: context.into() }
    }

    pub(crate) fn function(&self) -> usize {
        self.function.load(Ordering::Acquire)
    }

    /// Returns the previous one.
    pub(crate) fn set_function(&self, function: usize) -> usize {
        self.function.swap(function, Ordering::AcqRel)
    }

    pub(crate) fn context(&self) -> usize {
        self.context.load(Ordering::Acquire)
    }

    pub(crate) fn set_context(&self, context: usize) {
        self.context.store(context, Ordering::Release);
    }
}
