//! A session's identity in C's form. Owns its layout; does not know when it changes.
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use zk_core::session::ClientId;

/// A session's identity in the layout of C's `clientid_t`, so that C can keep a pointer to it.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct SharedClientId {
    id: AtomicI64,
    password: [AtomicU8; 16],
}

impl SharedClientId {
    pub(super) fn store(&self, client_id: ClientId) {
        self.id.store(client_id.id, Ordering::Relaxed);
        for (place, byte) in self.password.iter().zip(client_id.password) {
            place.store(byte, Ordering::Relaxed);
        }
    }
}
