//! Threads of the library beside those of a handle, and how long their end is waited for. Owns the mark by which a thread
//! of the library is told from one of the application's.
use crate::sys::process;
use crate::sys::sync::global::{Condvar, Mutex};
use std::cell::Cell;
use std::io;
use std::sync::{Arc, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

thread_local! {
    static OWN: Cell<bool> = const { Cell::new(false) };
}

/// Marks the calling thread as one of the library's.
pub(crate) fn mark() {
    OWN.set(true);
}

/// Whether the calling thread is one of the library's, so that the application's code on it is a callback.
pub(crate) fn is_own() -> bool {
    OWN.try_with(Cell::get).unwrap_or(false)
}

/// A thread whose end can be waited for with a limit. Dropped, the thread goes on without an owner.
pub(crate) struct OwnThread {
    handle: JoinHandle<()>,
    end: Arc<End>,
}

#[derive(Default)]
struct End {
    reached: Mutex<bool>,
    changed: Condvar,
}

struct EndGuard(Arc<End>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        *self.0.reached.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

impl OwnThread {
    /// Starts a thread that runs `body`, with a stack of pthread's default size, as the application's log callback may run
    /// on it.
    pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<OwnThread> {
        let end = Arc::new(End::default());
        let guard = EndGuard(Arc::clone(&end));
        let main = move || {
            let _guard = guard;
            mark();
            body();
        };
        let handle = Builder::new().name(name.to_owned()).stack_size(process::stack_size()).spawn(main)?;
        Ok(OwnThread { handle, end })
    }

    /// Whether the thread has nothing left to do.
    pub(crate) fn has_ended(&self) -> bool {
        *self.end.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until [`has_ended`](Self::has_ended) or `deadline`; says which.
    pub(crate) fn wait_until(&self, deadline: Instant) -> bool {
        let mut reached = self.end.reached.lock().unwrap_or_else(PoisonError::into_inner);
        while !*reached {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return false;
            }
            reached = self.end.changed.wait_timeout(reached, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Waits until the thread is gone.
    pub(crate) fn join(self) {
        if self.handle.join().is_err() {
            log::error!("internal error: a thread of the library panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

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
