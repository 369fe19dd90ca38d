//! Threads of the library besides a handle's own, and limited waits for their end. Owns the mark that distinguishes
//! threads of the library from those of the application.
use crate::sys::latch::global::Latch;
use crate::sys::process;
use crate::sys::signals::BlockedSignals;
use std::cell::Cell;
use std::io;
use std::ptr::null;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

thread_local! {
    static OWN: Cell<bool> = const { Cell::new(false) };
    /// The end of the [`OwnThread`] that the calling thread is, or null.
    static END: Cell<*const End> = const { Cell::new(null()) };
}

/// Never drops the handle of a thread that a callback has ended. If it were dropped, glibc would give the stack to the
/// next thread, with this thread's values of `pthread_getspecific`, which nothing has cleared: the next thread would
/// take them for its own.
pub(crate) fn keep_lost<T>(handle: T) {
    std::mem::forget(handle);
}

/// Called when a callback has ended the calling thread.
pub(crate) fn set_lost() {
    let end = END.try_with(Cell::get).unwrap_or(null());
    // SAFETY: null or the end that the main function of this thread has a reference to, on this stack.
    if let Some(end) = unsafe { end.as_ref() } {
        end.is_lost.store(true, Ordering::Release);
        end.over.set();
    }
}

/// Marks the calling thread as one of the library's.
pub(crate) fn mark() {
    OWN.set(true);
}

/// Whether the calling thread is one of the library's. Code of the application on it is a callback then.
pub(crate) fn is_own() -> bool {
    OWN.try_with(Cell::get).unwrap_or(false)
}

/// A thread whose end can be waited for with a limit. If this is dropped, the thread goes on by itself.
pub(crate) struct OwnThread {
    /// `None` once it is joined.
    handle: Option<JoinHandle<()>>,
    end: Arc<End>,
}

/// The end of an [`OwnThread`].
pub(crate) struct End {
    over: Latch,
    /// Whether a callback has ended the thread. Written before the latch is set.
    is_lost: AtomicBool,
}

impl End {
    /// Waits until the thread has ended or is lost. The caller holds no lock.
    pub(crate) fn wait(&self) {
        self.over.wait();
    }

    fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Acquire)
    }
}

struct EndGuard(Arc<End>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.over.set();
    }
}

impl OwnThread {
    /// Starts a thread that runs `body`, with a stack of pthread's default size, because the application's log callback
    /// may run on it. Asynchronous signals are blocked on it: a handler could interrupt `malloc` or a lock of the C library
    /// there, and would not know.
    pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<OwnThread> {
        let end = Arc::new(End { over: Latch::new(), is_lost: AtomicBool::new(false) });
        let guard = EndGuard(Arc::clone(&end));
        let main = move || {
            let guard = guard;
            END.set(Arc::as_ptr(&guard.0));
            mark();
            body();
        };
        // Inherited by the thread.
        let _blocked = BlockedSignals::new();
        let handle = Builder::new().name(name.to_owned()).stack_size(process::stack_size()).spawn(main)?;
        Ok(OwnThread { handle: Some(handle), end })
    }

    /// Its end, to wait for without the thread.
    pub(crate) fn end(&self) -> Arc<End> {
        Arc::clone(&self.end)
    }

    /// Whether the thread has ended, but for its return.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.over.is_set() && !self.end.is_lost()
    }

    /// Waits until the thread has ended, at most until `deadline` or the loss of the thread. Returns whether it has
    /// ended. The caller holds no lock.
    pub(crate) fn wait_until(&self, deadline: Instant) -> bool {
        self.end.over.wait_until(deadline) && !self.end.is_lost()
    }

    /// Waits until the thread is gone.
    pub(crate) fn join(mut self) {
        if self.handle.take().is_some_and(|handle| handle.join().is_err()) {
            log::error!("internal error: a thread of the library panicked");
        }
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        if self.end.is_lost() {
            keep_lost(self.handle.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn an_end_is_waited_for_with_a_limit() {
        let (go, wait) = mpsc::channel::<()>();
        let thread = OwnThread::spawn("zk-test", move || {
            assert!(is_own());
            let _ = wait.recv();
        })
        .unwrap();
        assert!(!is_own());
        assert!(!thread.has_ended());
        assert!(!thread.wait_until(Instant::now() + Duration::from_millis(10)));
        drop(go);
        assert!(thread.wait_until(Instant::now() + Duration::from_secs(60)));
        thread.join();
    }
}
