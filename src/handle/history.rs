//! The reconnect memory of this process: what handles leave for later ones with the same servers. Owns the one place it
//! is kept in; what is in it is `zk_core::backoff`'s.
use std::sync::{Mutex, TryLockError};
use std::time::Instant;
use zk_core::backoff::{History, Memory};
use zk_core::servers::HostPort;

/// The reconnect memory of this process.
static HISTORY: Mutex<Option<History>> = Mutex::new(None);

/// Uses the memory. It is never waited for: in a forked child the lock may have been taken by a thread that is not there,
/// and to forget costs little.
fn with_history<R>(body: impl FnOnce(&mut History) -> R) -> Option<R> {
    const TRIES: u32 = 100;
    for _ in 0..TRIES {
        match HISTORY.try_lock() {
            Ok(mut history) => return Some(body(history.get_or_insert_with(History::new))),
            Err(TryLockError::Poisoned(broken)) => {
                return Some(body(broken.into_inner().get_or_insert_with(History::new)));
            }
            Err(TryLockError::WouldBlock) => crate::sys::sync::thread::yield_now(),
        }
    }
    None
}

/// What earlier handles learned about these servers.
pub(crate) fn recall(servers: &[HostPort], now: Instant) -> Option<Memory> {
    with_history(|history| history.get(servers, now)).flatten()
}

/// Keeps what a handle has learned about its servers.
pub(super) fn remember(servers: &[HostPort], memory: Memory) {
    with_history(|history| history.put(servers, memory));
}
