//! Where log lines go: the process's stream, or the callback of the handle that the thread works for. Owns both
//! destinations, the level that C programs set, and the C calls that deliver a line. `observe::logging` owns the form
//! of a line.
use crate::sys::{cancel, marks};
use libc::{FILE, c_char, c_void};
use std::cell::Cell;
use std::ffi::CStr;
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering::Relaxed};

/// A receiver of log lines: `log_callback_fn` of the C interface. The line has no newline.
pub(crate) type Callback = Option<unsafe extern "C" fn(line: *const c_char)>;

/// Longest line in bytes, without its newline or NUL: longer ones are cut.
pub(crate) const LINE_LEN_MAX: usize = 4094;

/// `ZOO_LOG_LEVEL_INFO`.
const INITIAL_LOG_LEVEL: u32 = 3;

/// The most detailed log level that is written: a `ZooLogLevel`, or 0 for none. Programs set this variable by
/// `zoo_set_debug_level` or directly, and the `LOG_*` macros of `zookeeper_log.h` read it inside the program.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name is the C interface's")]
pub(crate) static logLevel: AtomicU32 = AtomicU32::new(INITIAL_LOG_LEVEL);

// In `ffi/callout.c`, where a callback that ends its thread does no harm. Safety: the function is not `None`, and is the
// application's by the contract of the C interface.
/// cbindgen:ignore
#[allow(unused_doc_comments, reason = "cbindgen reads it: this is not part of the C interface")]
unsafe extern "C" {
    fn calmkeeper_call_log(function: Callback, line: *const c_char);
}

/// One handle's own receiver of log lines, which `zoo_set_log_callback` may replace at any time.
#[derive(Debug)]
pub struct Sink {
    /// Null, or a function of the type inside `Callback`.
    callback: AtomicPtr<c_void>,
}

impl Sink {
    /// A sink for a new handle; `None` stands for the process's stream. A caller that passes a callback promises, by the
    /// contract of the C interface, that any thread may call it with a C string until it is replaced.
    pub fn new(callback: Callback) -> Sink {
        Sink { callback: AtomicPtr::new(address(callback)) }
    }

    /// Replaces the callback; lines written from now on, also by calls under way, go to the new one.
    pub fn set(&self, callback: Callback) {
        self.callback.store(address(callback), Relaxed);
    }

    /// The callback in force.
    pub fn callback(&self) -> Callback {
        // SAFETY: the pointer came from `address`, so it is null, which is `None`, or that very function.
        unsafe { transmute::<*mut c_void, Callback>(self.callback.load(Relaxed)) }
    }
}

fn address(callback: Callback) -> *mut c_void {
    callback.map_or(null_mut(), |function| function as *mut c_void)
}

/// Runs `body` with `sink` as the destination of the lines that it logs on this thread. May be nested, because
/// callbacks call the library for other handles.
pub(crate) fn with<R>(sink: &Sink, body: impl FnOnce() -> R) -> R {
    struct Restore<'a>(&'a Cell<*const Sink>, *const Sink);
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    marks::with(|marks| {
        let _restore = Restore(&marks.sink, marks.sink.replace(sink));
        body()
    })
}

/// The callback for lines that are logged on this thread at the moment.
pub(crate) fn current() -> Callback {
    let sink = marks::with(|marks| marks.sink.get());
    // SAFETY: a pointer there is that of a reference which a `with` further down this stack still holds.
    if sink.is_null() { None } else { unsafe { &*sink }.callback() }
}

/// The program's level: 0 for none, else a `ZooLogLevel`.
pub(crate) fn level() -> u32 {
    logLevel.load(Relaxed)
}

/// Null means stderr.
static STREAM: AtomicPtr<FILE> = AtomicPtr::new(null_mut());

pub(crate) fn set_stream(stream: *mut FILE) {
    STREAM.store(stream, Relaxed);
}

pub(crate) fn stream() -> *mut FILE {
    unsafe extern "C" {
        static stderr: *mut FILE;
    }
    let chosen = STREAM.load(Relaxed);
    // SAFETY: the C library's own variable; programs that change it do so before there are threads.
    if chosen.is_null() { unsafe { stderr } } else { chosen }
}

/// Runs `body` and restores errno.
fn keeping_errno(body: impl FnOnce()) {
    // SAFETY: errno is this thread's.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: see above.
    let before = unsafe { errno.read() };
    body();
    // SAFETY: see above.
    unsafe { errno.write(before) };
}

/// Passes a line to a callback, which is not `None`. Restores errno. The caller must hold no lock.
pub(crate) fn call(callback: Callback, line: &CStr) {
    let _cancellation = cancel::DisabledGuard::new();
    // SAFETY: the line ends with NUL; the application keeps the callback usable, as the C interface demands.
    keeping_errno(|| unsafe { calmkeeper_call_log(callback, kept(line)) });
}

/// Writes a line, which ends with its newline, to the stream and flushes it. Restores errno.
pub(crate) fn write(line: &[u8]) {
    let _cancellation = cancel::DisabledGuard::new();
    // SAFETY: the application keeps the stream usable, as the C interface demands.
    keeping_errno(|| unsafe {
        let stream = stream();
        // One call, so that lines of several threads do not mix.
        libc::fwrite(line.as_ptr().cast(), 1, line.len(), stream);
        libc::fflush(stream);
    });
}

/// A copy of `text` that lives until this thread's next copy or its end, so that a callback may keep the pointer, as
/// with Apache's library. Without memory for a copy it is `text` itself.
fn kept(text: &CStr) -> *const c_char {
    struct Kept(*mut c_char);
    impl Drop for Kept {
        fn drop(&mut self) {
            // SAFETY: null or from malloc, and this thread's alone.
            unsafe { libc::free(self.0.cast()) }
        }
    }
    thread_local! {
        // On the heap, because a thread that never logs should not pay for it.
        // SAFETY: malloc may be called with any size.
        static KEPT: Kept = Kept(unsafe { libc::malloc(LINE_LEN_MAX + 2) }.cast());
    }
    let bytes = text.to_bytes_with_nul();
    match KEPT.try_with(|kept| kept.0) {
        Ok(copy) if !copy.is_null() && bytes.len() <= LINE_LEN_MAX + 2 => {
            // SAFETY: the copy has room, and a line is never written in this memory.
            unsafe { copy.copy_from_nonoverlapping(bytes.as_ptr().cast(), bytes.len()) };
            copy
        }
        _ => text.as_ptr(),
    }
}
