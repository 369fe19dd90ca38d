//! What the library asks of the process: whether it has been forked, and how large a thread's stack is.
use std::mem::MaybeUninit;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// Grows by one in each child of a fork.
static GENERATION: AtomicU32 = AtomicU32::new(0);

extern "C" fn forked() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// The number that tells this process from its children, to be kept with a handle.
pub(crate) fn generation() -> u32 {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler only touches an atomic. The library is never unloaded (`-z nodelete`).
        if unsafe { libc::pthread_atfork(None, None, Some(forked)) } != 0 {
            log::warn!("forked children cannot be recognised");
        }
    });
    GENERATION.load(Ordering::Relaxed)
}

/// Whether a handle with this number was made by another process than this one.
pub(crate) fn is_other(generation: u32) -> bool {
    GENERATION.load(Ordering::Relaxed) != generation
}

/// The stack size in bytes that pthread would give a thread of this process. Callbacks of the application run on our
/// threads, so they get what they would have had with Apache's library, not Rust's smaller default.
pub(crate) fn stack_size() -> usize {
    const FALLBACK: usize = 8 << 20;
    let mut attributes = MaybeUninit::uninit();
    let mut size = 0;
    // SAFETY: the attributes are used between init and destroy only.
    unsafe {
        if libc::pthread_attr_init(attributes.as_mut_ptr()) != 0 {
            return FALLBACK;
        }
        let rc = libc::pthread_attr_getstacksize(attributes.as_ptr(), &raw mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        if rc == 0 && size > 0 { size } else { FALLBACK }
    }
}
