//! Facts about the process: whether it has been forked, state that a forked child must not share, functions to run at
//! its end, its name, and the stack size of its threads.
use crate::sys::inherited;
use rand::TryRng;
use rand::rngs::SysRng;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Grows by one in each child of a fork.
static GENERATION: AtomicU32 = AtomicU32::new(0);

extern "C" fn forked() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    inherited::close_all();
}

/// The generation, which distinguishes this process from its children; handles keep it.
pub(crate) fn generation() -> u32 {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    // Not a `Once`: a child forked while another thread is inside would wait for that thread for ever. Two threads may
    // register, and then the number grows by two.
    if !REGISTERED.load(Ordering::Acquire) {
        // SAFETY: the handler touches atomics and makes plain system calls. The library is never unloaded (`-z nodelete`).
        if unsafe { libc::pthread_atfork(None, None, Some(forked)) } != 0 {
            log::warn!("forked children cannot be recognised");
        }
        REGISTERED.store(true, Ordering::Release);
    }
    GENERATION.load(Ordering::Relaxed)
}

/// Whether a handle of this generation was made by another process than this one.
pub(crate) fn is_other(generation: u32) -> bool {
    GENERATION.load(Ordering::Relaxed) != generation
}

/// A seed from the system, not from a generator of this thread, whose state forked children would share: they would
/// connect at the same moments.
pub(crate) fn fresh_seed() -> u64 {
    SysRng.try_next_u64().unwrap_or_else(|error| {
        log::warn!(target: "zookeeper_init_internal", "no random numbers from the system: {error}");
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::from(since.subsec_nanos()))
            ^ u64::from(std::process::id()) << 32
    })
}

/// State of one process. A forked child starts with a new one, because a lock of the parent may be held by a thread
/// that the child does not have, and because the parent's handles and threads are not the child's.
pub(crate) struct PerProcess<T: 'static> {
    current: AtomicPtr<Generation<T>>,
}

struct Generation<T> {
    number: u32,
    value: T,
}

impl<T: Default + Send + Sync> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        PerProcess { current: AtomicPtr::new(null_mut()) }
    }

    /// The state of this process, made by the first call. Takes no lock.
    pub(crate) fn get(&self) -> &'static T {
        let number = generation();
        loop {
            let found = self.current.load(Ordering::Acquire);
            // SAFETY: null or from `Box::into_raw` below, published with its content, and never freed.
            if let Some(generation) = unsafe { found.as_ref() }
                && generation.number == number
            {
                return &generation.value;
            }
            let fresh = Box::into_raw(Box::new(Generation { number, value: T::default() }));
            match self.current.compare_exchange(found, fresh, Ordering::AcqRel, Ordering::Acquire) {
                // The parent's value stays where it is: it may be locked for ever.
                // SAFETY: just made, and never freed from here on.
                Ok(_) => return unsafe { &(*fresh).value },
                // SAFETY: just made, and no other thread has seen it.
                Err(_) => drop(unsafe { Box::from_raw(fresh) }),
            }
        }
    }
}

/// Calls `last` when the process ends by `exit` or by returning from `main`, also in a forked child. `last` must not
/// wait long, and must not panic.
pub(crate) fn at_exit(last: extern "C" fn()) {
    // SAFETY: the library is never unloaded (`-z nodelete`), so the function stays.
    if unsafe { libc::atexit(last) } != 0 {
        log::warn!("nothing can be done at the end of the process");
    }
}

/// The program's name: that of its executable file.
pub(crate) fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_name().map_or_else(|| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Whether a process with this number runs here, even under another user.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: signal 0 only asks.
    let rc = unsafe { libc::kill(pid, 0) };
    pid > 0 && (rc == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_forked_child_finds_new_state_although_its_parents_lock_is_held() {
        static STATE: PerProcess<Mutex<u32>> = PerProcess::new();
        let mut held = STATE.get().lock().unwrap();
        *held = 7;
        assert!(STATE.get().try_lock().is_err());
        // SAFETY: the child only takes a lock of its own, compares, and ends without clean-up.
        let status = unsafe {
            let child = libc::fork();
            assert!(child >= 0);
            if child == 0 {
                libc::alarm(20);
                let found = STATE.get().lock().map_or(1, |value| *value);
                libc::_exit(i32::from(found != 0));
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
            status
        };
        assert_eq!(status, 0, "the child's state is new, and it does not wait");
        assert_eq!(*held, 7);
    }
}
