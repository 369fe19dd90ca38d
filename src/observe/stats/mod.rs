//! The counters of all handles of the process as a file, for operators who want more than log lines. Owns the registry
//! of handles and the schedule; `place` owns the file's place, `text` its text, and `zk_core` the counters.
//!
//! Off unless a place for the file is given. Written every `ZOO_STATS_INTERVAL_MS` (default 10,000, at least 100) by a
//! thread that exists while there are handles, or in the turns of handles without threads; and once more when the last
//! handle is closed. Removed when the process exits, unless `ZOO_STATS_KEEP` is 1.
mod place;
mod text;

use crate::sys::lock::ProcessMutex;
use crate::sys::own_thread::OwnThread;
use crate::sys::process::{self, PerProcess};
use crate::sys::sync::global::Condvar;
use crate::sys::{env, file};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};
use zk_core::session::Stats;
use zk_core::settings::MILLIS_MAX;

/// The connection state of a handle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Connected,
    /// Connected to a server without a quorum.
    ReadOnly,
    /// An attempt is under way.
    #[default]
    Connecting,
    /// The next attempt has to wait.
    Pausing,
    Expired,
    AuthFailed,
    Closed,
}

/// The figures of one handle at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) hosts: String,
    pub(crate) phase: Phase,
    pub(crate) stats: Stats,
    pub(crate) pending: usize,
    pub(crate) callbacks: usize,
    pub(crate) watches: usize,
    pub(crate) availability: u32,
    pub(crate) congestion: u32,
    /// The session timeout.
    pub(crate) timeout: Duration,
    /// How long the next attempt has to wait.
    pub(crate) pause_left: Option<Duration>,
    /// How long ago a connection was lost.
    pub(crate) lost_since: Option<Duration>,
}

/// A handle, as the registry sees it.
pub(crate) trait Source: Send + Sync {
    /// May take the handle's lock; logs nothing.
    fn sample(&self) -> Sample;
}

/// The setting that keeps the file when the process exits.
const KEEP: &str = "ZOO_STATS_KEEP";
/// How long a close waits for the thread that writes: longer only if the file system hangs.
const WRITER_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long the end of the process waits for a write that is under way, in milliseconds.
const EXIT_WAIT_MS: u32 = 100;

#[derive(Default)]
struct Shared {
    registry: ProcessMutex<Registry>,
    /// Notified when the number of the writer has changed.
    changed: Condvar,
    /// Held while the file is written; never held together with the registry's lock.
    file: ProcessMutex<Written>,
}

#[derive(Default)]
struct Registry {
    live: Vec<Weak<dyn Source>>,
    /// The counters of closed handles, so that no total ever falls.
    closed: BTreeMap<String, Stats>,
    writer: Option<OwnThread>,
    /// The number of the writer in charge; a writer with another number ends.
    number: u64,
    /// How often the file is written, as the last handle that was opened wants it.
    interval: Duration,
    /// For handles without threads, in place of the writer.
    turns: Option<Turns>,
}

/// When an application's loop writes the file.
struct Turns {
    place: place::Place,
    interval: Duration,
    next: Instant,
}

impl Registry {
    fn add(&mut self, source: &Arc<impl Source + 'static>, interval: Duration) {
        self.interval = interval;
        self.live.retain(|source| source.strong_count() > 0);
        self.live.push(Arc::downgrade(source) as Weak<dyn Source>);
    }
}

/// What this process has written.
#[derive(Default)]
struct Written {
    file: Option<file::WrittenFile>,
    /// The failure of the last write; the same failure is not logged again.
    failure: Option<String>,
    is_exiting: bool,
}

static SHARED: PerProcess<Shared> = PerProcess::new();

/// Whether a loop may have to write the file. Until then its turns do not touch the registry.
static HAS_TURNS: AtomicBool = AtomicBool::new(false);

fn interval() -> Duration {
    const DEFAULT: Duration = Duration::from_secs(10);
    env::Variables::now().read(|reader| reader.millis("ZOO_STATS_INTERVAL_MS", 100..=MILLIS_MAX)).unwrap_or(DEFAULT)
}

fn with_registry<R>(body: impl FnOnce(&mut Registry) -> R) -> R {
    body(&mut SHARED.get().registry.lock())
}

/// Registers a new handle, if a file is wanted.
pub(crate) fn register(source: &Arc<impl Source + 'static>) {
    let Some(place) = place::Place::configured() else { return };
    let interval = interval();
    remove_at_exit();
    let failed = with_registry(|registry| {
        registry.add(source, interval);
        if registry.writer.is_some() {
            return None;
        }
        registry.number += 1;
        let number = registry.number;
        match OwnThread::spawn("zk-stats", move || keep_writing(&place, interval, number)) {
            Ok(thread) => {
                registry.writer = Some(thread);
                None
            }
            Err(error) => Some(error),
        }
    });
    if let Some(error) = failed {
        log::warn!("no thread for the statistics file: {error}");
    }
}

/// [`register`] for a handle without threads: the file is written by [`write_if_due`].
pub(crate) fn register_for_turns(source: &Arc<impl Source + 'static>) {
    let Some(place) = place::Place::configured() else { return };
    let interval = interval();
    remove_at_exit();
    place.sweep(interval);
    with_registry(|registry| {
        registry.add(source, interval);
        registry.turns.get_or_insert_with(|| Turns { place, interval, next: Instant::now() });
    });
    HAS_TURNS.store(true, Ordering::Relaxed);
}

/// Writes the file on the calling thread, if it is wanted and due. Returns when it is due next. The caller must hold no
/// lock of a handle.
pub(crate) fn write_if_due() -> Option<Instant> {
    if !HAS_TURNS.load(Ordering::Relaxed) {
        return None;
    }
    let now = Instant::now();
    let (next, due) = with_registry(|registry| {
        let turns = registry.turns.as_mut()?;
        let due = (turns.next <= now).then(|| {
            turns.next = now + turns.interval;
            (turns.place.clone(), turns.interval)
        });
        Some((turns.next, due))
    })?;
    if let Some((place, interval)) = due {
        write(place.path(), interval);
    }
    Some(next)
}

/// The writing thread; it ends when another number is in charge.
fn keep_writing(place: &place::Place, interval: Duration, number: u64) {
    place.sweep(interval);
    let shared = SHARED.get();
    loop {
        write(place.path(), interval);
        let next = Instant::now() + interval;
        let mut registry = shared.registry.lock();
        loop {
            if registry.number != number {
                return;
            }
            let left = next.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                break;
            }
            registry = registry.wait(&shared.changed, left);
        }
    }
}

/// Unregisters a handle; `last` is its last sample. With the last handle the writing thread ends, and the file is
/// written once more.
pub(crate) fn retire(source: &Arc<impl Source + 'static>, last: &Sample) {
    let address = Arc::as_ptr(source).cast::<()>();
    let (writer, turns, interval) = with_registry(|registry| {
        let known = registry.live.len();
        registry.live.retain(|source| source.strong_count() > 0 && source.as_ptr().cast::<()>() != address);
        if registry.live.len() < known {
            let key = text::bounded(&registry.closed, &last.hosts);
            registry.closed.entry(key).or_default().add(&last.stats);
        }
        if !registry.live.is_empty() {
            return (None, None, registry.interval);
        }
        registry.number += 1;
        (registry.writer.take(), registry.turns.take(), registry.interval)
    });
    if let Some(writer) = writer {
        SHARED.get().changed.notify_all();
        if !writer.wait_until(Instant::now() + WRITER_WAIT_MAX) {
            // The writer hangs in the file system, and so would this thread.
            log::warn!("the statistics file cannot be written for more than {} s", WRITER_WAIT_MAX.as_secs());
            return;
        }
        writer.join();
    } else if turns.is_none() {
        return;
    }
    if let Some(place) = place::Place::configured() {
        write(place.path(), interval);
    }
}

/// Writes the file. A failure is logged, unless the write before failed in the same way.
fn write(path: &Path, interval: Duration) {
    let (live, closed) = with_registry(|registry| (registry.live.clone(), registry.closed.clone()));
    let samples: Vec<Sample> = live.iter().filter_map(Weak::upgrade).map(|source| source.sample()).collect();
    let text = text::render(&text::Identity::own(interval), &closed, &samples);
    let mut written = SHARED.get().file.lock();
    if written.is_exiting {
        return;
    }
    match file::replace(path, text.as_bytes()) {
        Ok(file) => {
            written.file = Some(file);
            written.failure = None;
        }
        Err(error) => {
            let failure = format!("{}: {error}", path.display());
            if written.failure.as_ref() != Some(&failure) {
                written.failure = Some(failure);
                drop(written);
                log::warn!("cannot write the statistics file {}: {error}", path.display());
            }
        }
    }
}

/// Has the file removed when the process exits.
fn remove_at_exit() {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if !REGISTERED.swap(true, Ordering::Relaxed) {
        // Only for its warning: at exit nothing is logged.
        env::Variables::now().read(|reader| reader.flag(KEEP));
        process::at_exit(exiting);
    }
}

/// Called when the process exits. A forked child that has written no file finds none to remove.
extern "C" fn exiting() {
    let keep = env::var(KEEP).is_some_and(|value| value.trim() == "1");
    for _ in 0..EXIT_WAIT_MS {
        if let Some(mut written) = SHARED.get().file.try_lock() {
            written.is_exiting = true;
            if let Some(file) = written.file.take()
                && !keep
            {
                file.remove();
            }
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}
