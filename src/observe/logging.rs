//! Logging: turns the records of the `log` crate's macros, here and in `zk_core`, into lines of the form of ZooKeeper's
//! C library: `2026-01-31 23:59:59,123:PID(0xTHREAD):ZOO_INFO@function@line: text`. Owns the form and the levels;
//! `sys::log_sink` delivers the lines.
//!
//! `function` is the last part of the record's target: the module's name, or what `log::info!(target: "check_events", ..)`
//! says, for lines that operators have searched for by function.
pub use crate::sys::log_sink::Sink;
use crate::sys::log_sink::{self, Callback, LINE_LEN_MAX};
use crate::sys::marks::{self, Holding, Marks};
use crate::sys::stamp::Stamp;
use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::fmt::{self, Write};

/// Length of a line when there is no memory for a whole one.
const SMALL_LEN: usize = 256;

/// A line that is being written. Most of it is on the heap, because the threads of a program may have small stacks.
/// Without memory the line is cut to `SMALL_LEN` bytes.
pub(crate) struct Line {
    /// Room for a whole line, a newline and a NUL; empty without memory.
    heap: Vec<u8>,
    small: [u8; SMALL_LEN],
    len: usize,
}

impl Line {
    /// A line with its head: time, process, thread, level, place.
    pub(crate) fn new(level: u32, function: &[u8], number: i64) -> Line {
        let mut heap = Vec::new();
        if heap.try_reserve_exact(LINE_LEN_MAX + 2).is_ok() {
            heap.resize(LINE_LEN_MAX + 2, 0);
        }
        let mut line = Line { heap, small: [0; SMALL_LEN], len: 0 };
        let Stamp { date: [year, month, day], time: [hour, minute, second], millis, process, thread } = Stamp::now();
        let name = match level {
            1 => "ERROR",
            2 => "WARN",
            3 => "INFO",
            4 => "DEBUG",
            _ => "INVALID",
        };
        // Writing to a line never fails.
        let _ = write!(line, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{millis:03}");
        let _ = write!(line, ":{process}({thread:#x}):ZOO_{name}@");
        line.push(function);
        let _ = write!(line, "@{number}: ");
        line
    }

    /// The line's memory.
    fn room(&mut self) -> &mut [u8] {
        if self.heap.is_empty() { &mut self.small } else { &mut self.heap }
    }

    /// Appends as much as still fits. A NUL, which would end the line for C, becomes a space.
    pub(crate) fn push(&mut self, text: &[u8]) {
        let start = self.len;
        let room = self.room();
        let end = room.len().saturating_sub(2);
        let mut copied = 0;
        for (place, &byte) in room.get_mut(start..end).unwrap_or_default().iter_mut().zip(text) {
            *place = if byte == 0 { b' ' } else { byte };
            copied += 1;
        }
        self.len += copied;
    }

    /// The text, for C.
    pub(crate) fn as_c_str(&mut self) -> &CStr {
        self.end_with([0, 0]);
        CStr::from_bytes_until_nul(self.room()).unwrap_or_default()
    }

    /// The text and a newline.
    pub(crate) fn with_newline(&mut self) -> &[u8] {
        self.end_with([b'\n', 0]);
        let len = self.len;
        self.room().get(..=len).unwrap_or_default()
    }

    fn end_with(&mut self, end: [u8; 2]) {
        let len = self.len;
        if let Some(place) = self.room().get_mut(len..len + 2) {
            place.copy_from_slice(&end);
        }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

thread_local! {
    /// The deferred lines of this thread.
    static HELD: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Runs `body`, and writes the lines that it logs on this thread when it has ended: for work under a lock, which a log
/// callback that calls the library must not find taken. If calls are nested, the outermost writes.
pub(crate) fn deferred<R>(body: impl FnOnce() -> R) -> R {
    struct Release<'a>(&'a Cell<Holding>);
    impl Drop for Release<'_> {
        #[inline]
        fn drop(&mut self) {
            if self.0.replace(Holding::No) == Holding::Lines {
                deliver_held();
            }
        }
    }
    // Looked up once, because each look-up costs a call.
    marks::with(|Marks { holding, .. }| {
        if holding.get() != Holding::No {
            return body();
        }
        holding.set(Holding::Nothing);
        let _release = Release(holding);
        body()
    })
}

#[cold]
fn deliver_held() {
    // On a thread that is ending, the storage of deferred lines may be gone already; then there are no lines.
    for mut line in HELD.try_with(RefCell::take).unwrap_or_default() {
        deliver(log_sink::current(), &mut line);
    }
}

/// Hands a line to `callback`, or else writes it to the stream with a newline. Leaves errno as it was.
pub(crate) fn deliver(callback: Callback, line: &mut Line) {
    if callback.is_some() {
        log_sink::call(callback, line.as_c_str());
    } else {
        log_sink::write(line.with_newline());
    }
}

/// Runs `body`; what it logs on this thread goes to `sink`. May be nested, because callbacks call the library for other
/// handles.
pub fn with_sink<R>(sink: &Sink, body: impl FnOnce() -> R) -> R {
    follow_level();
    log_sink::with(sink, body)
}

struct ZooLog;

impl log::Log for ZooLog {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= filter(log_sink::level())
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let function = record.target().rsplit("::").next().unwrap_or_default();
        let mut line = Line::new(number(record.level()), function.as_bytes(), record.line().unwrap_or(0).into());
        let _ = line.write_fmt(*record.args());
        if marks::with(|marks| marks.holding.get()) == Holding::No {
            deliver(log_sink::current(), &mut line);
        } else {
            marks::with(|marks| marks.holding.set(Holding::Lines));
            // The line is lost only on a thread whose storage is gone already.
            let _ = HELD.try_with(|held| held.borrow_mut().push(line));
        }
    }

    fn flush(&self) {}
}

/// Applies a level that the program may have written to `logLevel` directly. Costs two loads when nothing has changed;
/// the macros then skip disabled levels with one load.
pub(crate) fn follow_level() {
    let wanted = filter(log_sink::level());
    if log::max_level() != wanted {
        set_level(wanted);
    }
}

#[cold]
fn set_level(wanted: log::LevelFilter) {
    // The `log` crate starts with everything off, so this is reached before the first line. A second call has no
    // effect. It fails in a Rust program that links this crate and has its own logger, which then gets the lines.
    let _ = log::set_logger(&ZooLog);
    log::set_max_level(wanted);
}

/// The filter for a value of `logLevel`. As in the `LOG_*` macros, only the value 4 itself enables debug lines.
fn filter(level: u32) -> log::LevelFilter {
    match level {
        0 => log::LevelFilter::Off,
        1 => log::LevelFilter::Error,
        2 => log::LevelFilter::Warn,
        4 => log::LevelFilter::Debug,
        _ => log::LevelFilter::Info,
    }
}

/// The `ZooLogLevel` of a record. There is none below debug, and the filter stops those records.
fn number(level: log::Level) -> u32 {
    match level {
        log::Level::Error => 1,
        log::Level::Warn => 2,
        log::Level::Info => 3,
        log::Level::Debug | log::Level::Trace => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &mut Line) -> Vec<u8> {
        line.as_c_str().to_bytes().to_vec()
    }

    #[test]
    fn a_line_names_time_process_thread_level_and_place() {
        let mut line = Line::new(3, b"check_events", 42);
        let _ = write!(line, "connected to {}", 7);
        let text = String::from_utf8(text(&mut line)).unwrap();
        let (stamp, rest) = text.split_at("2026-01-31 23:59:59,123".len());
        let shape: String = stamp.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert_eq!(shape, "9999-99-99 99:99:99,999");
        let pid = std::process::id();
        assert!(rest.starts_with(&format!(":{pid}(0x")), "{rest}");
        assert!(rest.ends_with("):ZOO_INFO@check_events@42: connected to 7"), "{rest}");
    }

    #[test]
    fn a_long_line_is_cut_and_still_ends() {
        let mut line = Line::new(1, b"f", -1);
        for _ in 0..1000 {
            line.push(b"0123456789");
        }
        assert_eq!(text(&mut line).len(), LINE_LEN_MAX);
        assert_eq!(line.with_newline().len(), LINE_LEN_MAX + 1);
        assert_eq!(line.with_newline().last(), Some(&b'\n'));
    }

    #[test]
    fn a_nul_does_not_hide_what_follows() {
        let mut line = Line::new(1, b"f", 1);
        line.push(b"a\0b");
        assert!(text(&mut line).ends_with(b"@1: a b"));
    }

    #[test]
    fn levels_let_through_what_the_macros_of_the_header_do() {
        use log::LevelFilter::{Debug, Error, Info, Off, Warn};
        let through = [0, 1, 2, 3, 4, 5, u32::MAX].map(filter);
        assert_eq!(through, [Off, Error, Warn, Info, Debug, Info, Info]);
    }
}
