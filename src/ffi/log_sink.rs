//! Where log lines go: the process's stream, or the callback of the handle that the thread works for. Owns the two places
//! and the C calls to reach them; what a line looks like is `logging`'s.
use super::callout;
use super::constants::logLevel;
use super::types::log_callback_fn;
use libc::{FILE, c_char, c_int, c_void};
use std::cell::Cell;
use std::ffi::CStr;
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::observe::logging::{self, LINE_MAX, Line};

/// One handle's own receiver of log lines, which `zoo_set_log_callback` may exchange at any time.
#[derive(Debug)]
pub struct Sink {
    /// Null, or a function of the type inside `log_callback_fn`.
    callback: AtomicPtr<c_void>,
}

impl Sink {
    /// A sink for a new handle; `None` stands for the process's stream. Whoever passes a callback promises, by the
    /// contract of the C interface, that any thread may call it with a C string until it is replaced.
    pub fn new(callback: log_callback_fn) -> Sink {
        logging::install();
        Sink { callback: AtomicPtr::new(address(callback)) }
    }

    /// Replaces the callback; lines written from now on, also by calls under way, go to the new one.
    pub fn set(&self, callback: log_callback_fn) {
        self.callback.store(address(callback), Relaxed);
    }

    /// The callback in force.
    pub fn callback(&self) -> log_callback_fn {
        // SAFETY: the pointer came from `address`, so it is null, which is `None`, or that very function.
        unsafe { transmute::<*mut c_void, log_callback_fn>(self.callback.load(Relaxed)) }
    }
}

fn address(callback: log_callback_fn) -> *mut c_void {
    callback.map_or(null_mut(), |function| function as *mut c_void)
}

thread_local! {
    /// The sink of the innermost `with_sink` of this thread, or null.
    static CURRENT: Cell<*const Sink> = const { Cell::new(std::ptr::null()) };
}

/// Runs `body`; what it logs on this thread goes to `sink`. Nests, as callbacks call the library for other handles.
pub fn with_sink<R>(sink: &Sink, body: impl FnOnce() -> R) -> R {
    struct Restore<'a>(&'a Cell<*const Sink>, *const Sink);
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    logging::follow_level();
    CURRENT.with(|current| {
        let _restore = Restore(current, current.replace(sink));
        body()
    })
}

/// The callback that lines logged on this thread go to at the moment.
pub(crate) fn current() -> log_callback_fn {
    let sink = CURRENT.get();
    // SAFETY: a pointer in CURRENT is that of a reference which a `with_sink` further down this stack still holds.
    if sink.is_null() { None } else { unsafe { &*sink }.callback() }
}

/// The program's level: 0 for none, else a `ZooLogLevel`.
pub(crate) fn level() -> u32 {
    logLevel.load(Relaxed)
}

/// Null stands for stderr.
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

/// Hands a line to `callback`, or else writes it to the stream with a newline and flushes. Leaves errno as it was.
pub(crate) fn deliver(callback: log_callback_fn, line: &mut Line) {
    // SAFETY: errno is this thread's. The line ends with NUL. The callback and the stream are the application's, which
    // keeps them usable as the C interface demands.
    unsafe {
        let errno = libc::__errno_location();
        let before = errno.read();
        if callback.is_some() {
            callout::log(callback, kept(line.as_c_str()));
        } else {
            let stream = stream();
            let bytes = line.with_newline();
            // One call, so that lines of several threads do not mix.
            libc::fwrite(bytes.as_ptr().cast(), 1, bytes.len(), stream);
            libc::fflush(stream);
        }
        errno.write(before);
    }
}

/// A copy of `text` that lives until this thread's next one, or its end. As on Apache's library, whose callbacks may thus
/// keep the pointer; without memory for the copy it is `text` itself.
fn kept(text: &CStr) -> *const c_char {
    struct Kept(*mut c_char);
    impl Drop for Kept {
        fn drop(&mut self) {
            // SAFETY: null or from malloc, and nobody else's.
            unsafe { libc::free(self.0.cast()) }
        }
    }
    thread_local! {
        // On the heap, because a thread that never logs should not pay for it.
        // SAFETY: malloc may be called with any size.
        static KEPT: Kept = Kept(unsafe { libc::malloc(LINE_MAX + 2) }.cast());
    }
    let bytes = text.to_bytes_with_nul();
    match KEPT.try_with(|kept| kept.0) {
        Ok(copy) if !copy.is_null() && bytes.len() <= LINE_MAX + 2 => {
            // SAFETY: the copy has room, and a line in the making is not within it.
            unsafe { copy.copy_from_nonoverlapping(bytes.as_ptr().cast(), bytes.len()) };
            copy
        }
        _ => text.as_ptr(),
    }
}

/// The calendar's fields of the present, in the process's time zone.
pub(crate) struct Stamp {
    pub(crate) date: [c_int; 3],
    pub(crate) time: [c_int; 3],
    pub(crate) millis: u32,
    pub(crate) process: libc::pid_t,
    pub(crate) thread: libc::pthread_t,
}

impl Stamp {
    pub(crate) fn now() -> Stamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let seconds = libc::time_t::try_from(since.as_secs()).unwrap_or(0);
        // SAFETY: all-zero is a valid `tm`, whose zone pointer may be null; localtime_r writes to it or fails. The
        // other two cannot fail.
        unsafe {
            let mut tm: libc::tm = std::mem::zeroed();
            libc::localtime_r(&raw const seconds, &raw mut tm);
            Stamp {
                date: [tm.tm_year.saturating_add(1900), tm.tm_mon.saturating_add(1), tm.tm_mday],
                time: [tm.tm_hour, tm.tm_min, tm.tm_sec],
                millis: since.subsec_millis(),
                process: libc::getpid(),
                thread: libc::pthread_self(),
            }
        }
    }
}

/// The bytes of a C string, or `otherwise` for null.
///
/// # Safety
/// `text` is null or a C string that outlives the use of the result.
pub(crate) unsafe fn bytes_or<'a>(text: *const c_char, otherwise: &'static [u8]) -> &'a [u8] {
    if text.is_null() {
        return otherwise;
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::logging::deferred;
    use std::cell::RefCell;

    thread_local! {
        static SEEN: RefCell<Vec<(&'static str, String)>> = const { RefCell::new(Vec::new()) };
    }

    fn seen(by: &'static str, line: *const c_char) {
        // SAFETY: a callback gets a C string.
        let line = unsafe { CStr::from_ptr(line) }.to_string_lossy().into_owned();
        let text = line.rsplit(": ").next().unwrap_or_default().to_owned();
        SEEN.with_borrow_mut(|seen| seen.push((by, text)));
    }

    unsafe extern "C" fn outer(line: *const c_char) {
        seen("outer", line);
    }

    unsafe extern "C" fn inner(line: *const c_char) {
        seen("inner", line);
    }

    /// Does what a program may do in its callback: calls the library, which logs for another handle.
    unsafe extern "C" fn calling_back(line: *const c_char) {
        seen("calling back", line);
        with_sink(&Sink::new(Some(inner)), || log::info!("within"));
    }

    fn lines() -> Vec<(&'static str, String)> {
        SEEN.take()
    }

    fn line(by: &'static str, text: &str) -> (&'static str, String) {
        (by, text.to_owned())
    }

    #[test]
    fn lines_go_to_the_innermost_handle_and_back_to_the_one_before() {
        let (first, second) = (Sink::new(Some(outer)), Sink::new(Some(inner)));
        with_sink(&first, || {
            log::info!("1");
            with_sink(&second, || log::error!("2"));
            let panicked = std::panic::catch_unwind(|| with_sink(&second, || std::panic::resume_unwind(Box::new(()))));
            assert!(panicked.is_err());
            log::warn!("3");
        });
        assert_eq!(lines(), [line("outer", "1"), line("inner", "2"), line("outer", "3")]);
    }

    #[test]
    fn a_callback_may_be_replaced_while_a_call_is_under_way() {
        let sink = Sink::new(Some(outer));
        with_sink(&sink, || {
            log::info!("1");
            sink.set(Some(inner));
            log::info!("2");
        });
        assert_eq!(lines(), [line("outer", "1"), line("inner", "2")]);
        sink.set(None);
        assert!(sink.callback().is_none());
    }

    #[test]
    fn a_callback_may_call_the_library() {
        with_sink(&Sink::new(Some(calling_back)), || log::info!("1"));
        assert_eq!(lines(), [line("calling back", "1"), line("inner", "within")]);
    }

    #[test]
    fn deferred_lines_come_in_order_when_the_work_has_ended() {
        with_sink(&Sink::new(Some(calling_back)), || {
            deferred(|| {
                log::info!("1");
                deferred(|| log::info!("2"));
                assert!(lines().is_empty());
            });
        });
        let written =
            [line("calling back", "1"), line("inner", "within"), line("calling back", "2"), line("inner", "within")];
        assert_eq!(lines(), written);
    }
}
