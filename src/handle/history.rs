//! The reconnect memory of this process: what handles learn is kept for later handles with the same servers. Owns the
//! place; the content belongs to `zk_core::backoff`.
use crate::sys::process;
use std::sync::{Mutex, TryLockError};
use std::time::Instant;
use zk_core::backoff::{History, Memory};
use zk_core::servers::HostPort;

/// The reconnect memory, and the generation of the process that wrote it.
static HISTORY: Mutex<Option<(u32, History)>> = Mutex::new(None);

/// The memory, emptied if it is another process's: a forked child must not claim its parent's ranks and pauses, which
/// the parent hands out as well.
fn own(memory: &mut Option<(u32, History)>, process: u32) -> &mut History {
    if memory.as_ref().is_some_and(|(owner, _)| *owner != process) {
        *memory = None;
    }
    &mut memory.get_or_insert_with(|| (process, History::new())).1
}

/// Runs `body` on the memory. Does not block for the lock: in a forked child it may be held by a thread that does not
/// exist there, and losing the memory costs little.
fn with_history<R>(body: impl FnOnce(&mut History) -> R) -> Option<R> {
    const TRIES: u32 = 100;
    for _ in 0..TRIES {
        match HISTORY.try_lock() {
            Ok(mut memory) => return Some(body(own(&mut memory, process::generation()))),
            Err(TryLockError::Poisoned(broken)) => {
                return Some(body(own(&mut broken.into_inner(), process::generation())));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use zk_core::backoff::Standing;

    #[test]
    fn a_forked_child_claims_nothing_of_its_parents() {
        let now = Instant::now();
        let hosts = [HostPort { host: "zk".to_owned(), port: 2181 }];
        let standing = Some(Standing { rank: 3, epochs: 0, resumed: 0 });
        let pause = Some(now + Duration::from_secs(1));
        let left = Memory {
            availability: 2,
            congestion: 1,
            congested: now,
            patience: 1,
            not_before: pause,
            down: None,
            standing,
            written: now,
        };
        let mut copied = None;
        own(&mut copied, 100).put(&hosts, left);
        assert_eq!(own(&mut copied, 101).get(&hosts, now), None, "in the child");
        let mut memory = None;
        own(&mut memory, 100).put(&hosts, left);
        let got = own(&mut memory, 100).get(&hosts, now);
        assert_eq!(got.map(|got| (got.standing, got.not_before)), Some((standing, pause)), "in the parent");
    }
}
