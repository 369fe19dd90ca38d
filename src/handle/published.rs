//! The state of a session that any thread may read at any time without a lock, even in a signal handler that interrupts
//! a call on the same handle. Written under the handle's lock.
use std::sync::atomic::{AtomicU64, Ordering};
use zk_core::session::{Session, Watcher};

/// The timeout in the upper half, in the highest bit of the lower one whether the session is unrecoverable, and below
/// that the state: one word, so that a request that changes nothing only reads it.
#[derive(Debug, Default)]
pub(crate) struct Published(AtomicU64);

const UNRECOVERABLE: u64 = 1 << 31;

impl Published {
    pub(super) fn new<C, W: Watcher>(session: &Session<C, W>) -> Published {
        let published = Published::default();
        published.store(session);
        published
    }

    #[inline]
    pub(super) fn store<C, W: Watcher>(&self, session: &Session<C, W>) {
        self.store_word(word(session.state().to_i32(), session.timeout(), session.is_unrecoverable()));
    }

    #[inline]
    fn store_word(&self, word: u64) {
        if self.0.load(Ordering::Relaxed) != word {
            self.0.store(word, Ordering::Release);
        }
    }

    /// The number that `zoo_state` returns. A thread that reads it also sees the identity published with it.
    pub(crate) fn state(&self) -> i32 {
        state_of(self.0.load(Ordering::Acquire))
    }

    /// The session timeout in milliseconds.
    pub(crate) fn timeout(&self) -> i32 {
        timeout_of(self.0.load(Ordering::Acquire))
    }

    /// Whether no call can succeed any more.
    pub(crate) fn is_unrecoverable(&self) -> bool {
        self.0.load(Ordering::Acquire) & UNRECOVERABLE != 0
    }
}

/// Packs the fields into one word; a state has at most three digits, so no bit is lost.
#[inline]
fn word(state: i32, timeout: i32, is_unrecoverable: bool) -> u64 {
    let mark = if is_unrecoverable { UNRECOVERABLE } else { 0 };
    u64::from(timeout.cast_unsigned()) << 32 | mark | u64::from(state.cast_unsigned()) & (UNRECOVERABLE - 1)
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half without the mark, whose place the sign takes")]
fn state_of(word: u64) -> i32 {
    ((word as u32) << 1).cast_signed() >> 1
}

#[allow(clippy::cast_possible_truncation, reason = "the upper half")]
fn timeout_of(word: u64) -> i32 {
    ((word >> 32) as u32).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_gives_back_what_went_in() {
        for state in [-113, -112, -1, 0, 3, 999] {
            for timeout in [i32::MIN, -1, 0, 1, 30_000, i32::MAX] {
                for is_unrecoverable in [false, true] {
                    let word = word(state, timeout, is_unrecoverable);
                    let published = Published::default();
                    published.store_word(word);
                    assert_eq!((published.state(), published.timeout()), (state, timeout));
                    assert_eq!(published.is_unrecoverable(), is_unrecoverable);
                }
            }
        }
    }
}
