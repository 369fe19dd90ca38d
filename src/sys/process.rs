//! Facts about the process: whether it has been forked, state that a forked child must not share, functions to run at
//! its end, its name, and the stack size of its threads.
use crate::sys::inherited;
use libc::c_char;
use rand::TryRng;
use rand::rngs::SysRng;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The generation that was given last in this process or in one that it was forked from.
static LAST: AtomicU32 = AtomicU32::new(0);
/// The generation of this process; 0 in a child for which [`notice`] has not run. It is in a page that the kernel
/// clears in a child of any kind of fork. Null until the first use.
static GENERATION: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());
/// The process that [`GENERATION`] was written by.
static NOTICED_BY: AtomicI32 = AtomicI32::new(0);

/// Called in a child after a fork, because kernels before 4.14 do not clear the page. Handlers that the program
/// registered earlier have run before: if they have called the library, [`notice`] may have run already.
extern "C" fn forked() {
    // SAFETY: null, or from `own_page`.
    let Some(own) = (unsafe { GENERATION.load(Ordering::Acquire).as_ref() }) else { return };
    // The number of a process alone does not tell: the first process of a namespace and of the next one are both 1.
    // SAFETY: only asks.
    if own.load(Ordering::Relaxed) == 0 || NOTICED_BY.load(Ordering::Relaxed) != unsafe { libc::getpid() } {
        own.store(0, Ordering::Relaxed);
        notice(own);
    }
}

/// Gives this process a generation, and closes what it has inherited if it is a child.
#[cold]
fn notice(own: &AtomicU32) -> u32 {
    // SAFETY: only asks.
    NOTICED_BY.store(unsafe { libc::getpid() }, Ordering::Relaxed);
    let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    match own.compare_exchange(0, next, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            inherited::close_all(next);
            next
        }
        Err(found) => found,
    }
}

/// The generation of this process, which distinguishes it from its children; handles keep it.
pub(crate) fn generation() -> u32 {
    let mut own = GENERATION.load(Ordering::Acquire);
    if own.is_null() {
        own = own_page();
        match GENERATION.compare_exchange(null_mut(), own, Ordering::AcqRel, Ordering::Acquire) {
            // Not a `Once`: a child forked while another thread is inside would wait for that thread for ever.
            // SAFETY: the handler touches atomics and makes plain system calls. The library is never unloaded (`-z nodelete`).
            Ok(_) if unsafe { libc::pthread_atfork(None, None, Some(forked)) } != 0 => {
                log::warn!("forked children cannot be recognised");
            }
            Ok(_) => {}
            // The page of a thread that was slower stays: it is one page of a process, once.
            Err(found) => own = found,
        }
    }
    // SAFETY: from `own_page`.
    let own = unsafe { &*own };
    match own.load(Ordering::Acquire) {
        0 => notice(own),
        number => number,
    }
}

/// A word that lives for ever and is 0, in this process and in each child.
fn own_page() -> *mut AtomicU32 {
    const SIZE: usize = size_of::<AtomicU32>();
    // SAFETY: a new mapping, which the kernel makes at least one page.
    let page = unsafe {
        let (read_write, private) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let page = libc::mmap(null_mut(), SIZE, read_write, private, -1, 0);
        if page != libc::MAP_FAILED {
            libc::madvise(page, SIZE, libc::MADV_WIPEONFORK);
        }
        page
    };
    if page == libc::MAP_FAILED { Box::into_raw(Box::new(AtomicU32::new(0))) } else { page.cast() }
}

/// Whether a handle of this generation was made by another process than this one.
#[inline]
pub(crate) fn is_other(number: u32) -> bool {
    // SAFETY: null, or from `own_page`.
    let own = unsafe { GENERATION.load(Ordering::Acquire).as_ref() };
    // Compares first, because the numbers are usually equal, and `generation` is a call.
    own.is_none_or(|own| own.load(Ordering::Acquire) != number) && generation() != number
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

/// The program's name: that of its executable file. If that is the dynamic loader, which was given the program as an
/// argument, it is the name by which libc knows the program.
pub(crate) fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    match name {
        Some(name) if is_loader(&name) => invocation_name().unwrap_or(name),
        name => name.unwrap_or_else(|| "unknown".to_owned()),
    }
}

/// Whether this is the name of a dynamic loader: ld-linux-x86-64.so.2, ld-musl-x86_64.so.1, ld64.so.2, ld-2.31.so.
fn is_loader(name: &str) -> bool {
    name.starts_with("ld") && name.contains(".so")
}

/// The last part of `argv[0]` as the loader passes it on.
fn invocation_name() -> Option<String> {
    unsafe extern "C" {
        static program_invocation_short_name: *const c_char;
    }
    // SAFETY: libc's variable, which is read once; null or a C string.
    unsafe {
        let name = program_invocation_short_name;
        let name = (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned());
        name.filter(|name| !name.is_empty())
    }
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
pub(crate) mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Runs `child` in a child of this process; returns its result, from 0 to 255.
    ///
    /// # Safety
    /// `child` does only what a child of a process with threads may do.
    pub(crate) unsafe fn in_a_child(child: impl FnOnce() -> i32) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { in_a_child_of(|| libc::fork(), child) }
    }

    /// [`in_a_child`], in a child that `fork` makes.
    ///
    /// # Safety
    /// As for [`in_a_child`].
    pub(crate) unsafe fn in_a_child_of(fork: impl FnOnce() -> libc::pid_t, child: impl FnOnce() -> i32) -> i32 {
        let mut status = 0;
        // SAFETY: the caller's promise; the child ends without clean-up.
        unsafe {
            let pid = fork();
            assert!(pid >= 0);
            if pid == 0 {
                libc::alarm(20);
                libc::_exit(child());
            }
            assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
        }
        assert!(libc::WIFEXITED(status), "{status:x}");
        libc::WEXITSTATUS(status)
    }

    #[test]
    fn a_child_is_recognised_however_it_was_forked() {
        let own = generation();
        assert_eq!(generation(), own);
        let is_another = || i32::from(is_other(own) && !is_other(generation()));
        // SAFETY: no handler of `pthread_atfork` runs. The other arguments are null on every machine.
        let bare = || unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
        // SAFETY: the children make atomic operations and system calls only.
        unsafe {
            assert_eq!(in_a_child(is_another), 1);
            assert_eq!(in_a_child_of(|| libc::pid_t::try_from(bare()).unwrap(), is_another), 1);
        }
        assert!(!is_other(own));
    }

    #[test]
    fn a_child_with_the_number_of_its_parent_is_recognised_by_the_fork_handler() {
        generation();
        let is_noticed = || {
            // As the first process of a namespace whose parent is the first of another one.
            // SAFETY: only asks.
            NOTICED_BY.store(unsafe { libc::getpid() }, Ordering::Relaxed);
            forked();
            // SAFETY: from `own_page`.
            i32::from(unsafe { &*GENERATION.load(Ordering::Acquire) }.load(Ordering::Relaxed) != 0)
        };
        // SAFETY: no handler of `pthread_atfork` runs. The other arguments are null on every machine.
        let bare = || unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
        // SAFETY: the child makes atomic operations and system calls only.
        assert_eq!(unsafe { in_a_child_of(|| libc::pid_t::try_from(bare()).unwrap(), is_noticed) }, 1);
    }

    #[test]
    fn a_program_that_the_loader_was_given_keeps_its_name() {
        const TEST: &str = "sys::process::tests::a_program_that_the_loader_was_given_keeps_its_name";
        for name in ["ld-linux-x86-64.so.2", "ld-musl-x86_64.so.1", "ld64.so.2", "ld-2.31.so"] {
            assert!(is_loader(name), "{name}");
        }
        assert!(!["ld", "ldd", "ldapsearch", "python3.so"].into_iter().any(is_loader));
        if let Ok(wanted) = std::env::var("CALMKEEPER_TEST_PROGRAM") {
            assert!(std::env::current_exe().is_ok_and(|path| path.to_string_lossy().contains(".so")));
            assert_eq!(program(), wanted);
            return;
        }
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut files = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
        let is_a_loader = |path: &&str| path.rsplit('/').next().is_some_and(is_loader);
        let Some(loader) = files.find(is_a_loader) else { return };
        let own = std::env::current_exe().unwrap();
        let status = std::process::Command::new(loader)
            .arg(&own)
            .args(["--exact", TEST])
            .env("CALMKEEPER_TEST_PROGRAM", program())
            .status();
        assert!(status.unwrap().success());
    }

    #[test]
    fn a_forked_child_finds_new_state_although_its_parents_lock_is_held() {
        static STATE: PerProcess<Mutex<u32>> = PerProcess::new();
        let mut held = STATE.get().lock().unwrap();
        *held = 7;
        assert!(STATE.get().try_lock().is_err());
        let is_new = || i32::from(STATE.get().lock().is_ok_and(|value| *value == 0));
        // SAFETY: the child only takes a lock of its own and compares.
        assert_eq!(unsafe { in_a_child(is_new) }, 1, "the child's state is new, and it does not wait");
        assert_eq!(*held, 7);
    }
}
