//! The logging functions of the C interface. Owns their arguments; lines are `logging`'s and sinks `log_sink`'s.
#![allow(clippy::missing_safety_doc, reason = "one contract for all calls is at the top of `ffi`")]
use super::constants::logLevel;
use super::log_sink;
use super::types::{ZooLogLevel, log_callback_fn};
use crate::observe::logging::{self, Line};
use libc::{FILE, c_char, c_int};
use std::sync::atomic::Ordering::Relaxed;

/// `ZOO_LOG_LEVEL_DEBUG`, the highest.
const DEBUG: ZooLogLevel = 4;

/// Sets the level for all handles; 0 turns logging off. What is above debug counts as debug, and so do negative numbers,
/// the type being unsigned.
#[unsafe(no_mangle)]
pub extern "C" fn zoo_set_debug_level(level: ZooLogLevel) {
    logLevel.store(level.min(DEBUG), Relaxed);
    logging::follow_level();
}

/// Sets the stream for the lines of all handles without a callback; null stands for stderr.
#[unsafe(no_mangle)]
pub extern "C" fn zoo_set_log_stream(stream: *mut FILE) {
    log_sink::set_stream(stream);
}

/// The stream that lines are written to.
#[unsafe(no_mangle)]
pub extern "C" fn zoo_get_log_stream() -> *mut FILE {
    log_sink::stream()
}

unsafe extern "C" {
    /// In `log_message.c`; takes what `log_message` takes.
    fn calmkeeper_log_message();
}

/// Writes a line whatever the level: `log_message(callback, level, line, function, format, ...)`. The macros `LOG_ERROR` to
/// `LOG_DEBUG` of `zookeeper_log.h` call it from the program. Variadic, so it only jumps to where the arguments are understood.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn log_message() {
    #[cfg(target_arch = "x86_64")]
    std::arch::naked_asm!("jmp {}", sym calmkeeper_log_message);
    #[cfg(target_arch = "aarch64")]
    std::arch::naked_asm!("b {}", sym calmkeeper_log_message);
}

/// The rest of `log_message`, with the text formatted. Called by `log_message.c` only, and not exported: that file declares
/// it hidden.
#[unsafe(no_mangle)]
unsafe extern "C" fn calmkeeper_log_text(
    callback: log_callback_fn,
    level: ZooLogLevel,
    line: c_int,
    function: *const c_char,
    text: *const c_char,
) {
    // SAFETY: both are C strings that live as long as this call, or null, by the contract of the C interface.
    let (function, text) = unsafe { (log_sink::bytes_or(function, b"(null)"), log_sink::bytes_or(text, b"")) };
    let mut line = Line::new(level, function, line.into());
    line.push(text);
    log_sink::deliver(callback, &mut line);
}
