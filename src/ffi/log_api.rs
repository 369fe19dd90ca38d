//! The logging functions of the C interface. Owns their arguments; lines belong to `observe::logging`, sinks to
//! `sys::log_sink`.
#![allow(clippy::missing_safety_doc, reason = "one contract for all calls is at the top of `ffi`")]
use super::convert::text as text_of;
use super::entry::enter_call;
use super::types::{ZooLogLevel, log_callback_fn};
use crate::observe::logging::{self, Line};
use crate::sys::inside::InsideGuard;
use crate::sys::log_sink::{self, logLevel};
use libc::{FILE, c_char, c_int};
use std::sync::atomic::Ordering::Relaxed;

/// `ZOO_LOG_LEVEL_DEBUG`, the highest.
const DEBUG: ZooLogLevel = 4;

/// Sets the level for all handles; 0 turns logging off. Values above debug count as debug; so do negative numbers,
/// because the type is unsigned.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zoo_set_debug_level(level: ZooLogLevel) {
    logLevel.store(level.min(DEBUG), Relaxed);
    logging::follow_level();
}

/// Sets the stream for the lines of all handles without a callback; null means stderr.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zoo_set_log_stream(stream: *mut FILE) {
    log_sink::set_stream(stream);
}

/// The stream that lines are written to.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zoo_get_log_stream() -> *mut FILE {
    log_sink::stream()
}

unsafe extern "C" {
    /// Defined in `log_message.c`, with the parameters of `log_message`.
    fn calmkeeper_log_message();
}

/// Writes a line whatever the level: `log_message(callback, level, line, function, format, ...)`. The macros
/// `LOG_ERROR` to `LOG_DEBUG` of `zookeeper_log.h` call it from the program. Rust cannot define a variadic function, so
/// this one jumps to the C function that reads the arguments.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C-unwind" fn log_message() {
    #[cfg(target_arch = "x86_64")]
    std::arch::naked_asm!("jmp {}", sym calmkeeper_log_message);
    #[cfg(target_arch = "aarch64")]
    std::arch::naked_asm!("b {}", sym calmkeeper_log_message);
}

/// The rest of `log_message`, with the text formatted. Called by `log_message.c` only, and not exported:
/// `log_message.c` declares it hidden.
#[unsafe(no_mangle)]
unsafe extern "C" fn calmkeeper_log_text(
    callback: log_callback_fn,
    level: ZooLogLevel,
    line: c_int,
    function: *const c_char,
    text: *const c_char,
) {
    enter_call(|| {
        let _inside = InsideGuard::new();
        // SAFETY: both are C strings that live as long as this call, or null, by the contract of the C interface.
        let (function, text) = unsafe { (text_of(function), text_of(text)) };
        let mut line = Line::new(level, function.unwrap_or(b"(null)"), line.into());
        line.push(text.unwrap_or_default());
        logging::deliver(callback, &mut line);
    });
}

#[cfg(test)]
mod tests {
    use crate::observe::logging::{Sink, deferred, with_sink};
    use libc::c_char;
    use std::cell::RefCell;
    use std::ffi::CStr;

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

    /// A log callback that, as programs may, calls the library, which logs for another handle.
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
