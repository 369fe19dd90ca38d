//! A handle without threads: the calls of the application do what the I/O thread and the completion thread do. Owns the driver
//! then, and when callbacks run: within those calls, with no lock of the handle held.
use super::{Completion, Handle};
use crate::io::driver::{Driver, Next, Readiness, Watched};
use crate::observe::{logging, stats};
use crate::sys::lock::Mutex;
use crate::sys::pause_timer::PauseTimer;
use crate::sys::process;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use zk_core::code::Code;
use zk_core::session::{Input, Output, Watcher};

/// How late a loop is that does not come by itself when a pause ends, beyond a sixtieth of the session timeout: stock's pause.
const LATE: Duration = Duration::from_millis(200);

/// Whether a loop of this process has been that late.
static IS_LATE: AtomicBool = AtomicBool::new(false);

/// How often a question to a server that the application's loop does not watch is looked after.
const PROBE_INTERVAL: Duration = Duration::from_millis(10);

/// What a handle without threads has in their place.
pub(crate) struct Pump<C, W> {
    /// `None` before the start and after the end.
    driver: Mutex<Option<Driver<C, W>>>,
    /// Callbacks under way, one within the other.
    depth: AtomicU32,
    pause: Mutex<Pause>,
}

/// What the application was told of a pause between two attempts.
#[derive(Default)]
struct Pause {
    /// When it ends, while there is one.
    until: Option<Instant>,
    /// For a loop that only watches descriptors, and what it is set to.
    timer: Option<PauseTimer>,
    set_to: Option<Instant>,
}

impl<C, W> Default for Pump<C, W> {
    fn default() -> Self {
        Pump { driver: Mutex::new(None), depth: AtomicU32::new(0), pause: Mutex::new(Pause::default()) }
    }
}

impl Pause {
    /// The application takes a turn: learns from when it does.
    fn end(&mut self, now: Instant, timeout: Duration) {
        if self.until.take().is_some_and(|until| now > until + LATE + timeout / 60) {
            IS_LATE.store(true, Ordering::Relaxed);
        }
    }

    /// What to watch until `until`: nothing, unless loops of this process are late without.
    fn begin(&mut self, until: Instant, now: Instant) -> Option<Watched> {
        self.until = Some(until);
        if !IS_LATE.load(Ordering::Relaxed) {
            return None;
        }
        if self.timer.is_none() {
            self.timer = PauseTimer::new().ok();
        }
        let timer = self.timer.as_ref()?;
        if self.set_to != Some(until) {
            timer.set(until.saturating_duration_since(now)).ok()?;
            self.set_to = Some(until);
        }
        Some(Watched { fd: timer.fd(), wants_write: false })
    }
}

/// What came of a turn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turn {
    /// Why a connection, an attempt or the session has ended, if one has.
    pub(crate) ended: Option<Code>,
    /// Whether a whole frame was received.
    pub(crate) has_received: bool,
    /// What to watch; `None` without a connection.
    pub(crate) watched: Option<Watched>,
    /// When the next turn is due; `None` when only the socket can tell.
    pub(crate) until: Option<Instant>,
}

/// Counts a callback while it runs.
struct DepthGuard<'a>(&'a AtomicU32);

impl Drop for DepthGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<C: Completion, W: Watcher + Send + 'static> Pump<C, W> {
    /// Runs `body` with the driver, unless the handle has ended. What is logged meanwhile is written afterwards, as a log
    /// callback may call the library.
    fn with_driver<R>(&self, body: impl FnOnce(&mut Driver<C, W>) -> R) -> Option<R> {
        logging::deferred(|| self.driver.lock().as_mut().map(body))
    }
}

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    /// Gives a handle without threads its driver, which has a reference to the handle until it is closed.
    pub(crate) fn set_driver(&self, driver: Driver<C, W>) {
        if let Some(pump) = &self.pump {
            *pump.driver.lock() = Some(driver);
        }
    }

    /// Replaces what a fork shares: the poll, the timer and the random numbers.
    pub(super) fn separate(&self) {
        if let Some(pump) = &self.pump {
            *pump.pause.lock() = Pause::default();
            self.lock().session.reseed(process::fresh_seed());
            pump.with_driver(Driver::separate);
        }
    }

    /// A forked child that has not adopted the handle closes it: its copies of the descriptors are closed, and nothing is sent
    /// or deregistered, as the parent uses the same connection and poll. What a thread of the parent has locked stays.
    pub(crate) fn abandon_inherited(&self) {
        let Some(pump) = &self.pump else { return };
        let driver = pump.driver.try_lock().and_then(|mut driver| driver.take());
        if let Some(mut inner) = self.inner.try_lock() {
            inner.transport = None;
        }
        if let Some(mut receiver) = self.receiver.try_lock() {
            receiver.attach(None);
        }
        if let Some(mut pause) = pump.pause.try_lock() {
            *pause = Pause::default();
        }
        drop(driver);
    }

    /// Whether there is a connection or an attempt at one.
    pub(crate) fn is_dialled(&self) -> bool {
        let pump = self.pump.as_ref();
        pump.and_then(|pump| pump.with_driver(|driver| driver.watched().is_some())).unwrap_or(false)
    }

    /// The application's loop takes turns in a pause too, so it keeps time, be it slow.
    pub(crate) fn note_turn_in_pause(&self) {
        if let Some(pump) = &self.pump {
            pump.pause.lock().until = None;
        }
    }

    /// Whether the application has been given a timer to watch.
    pub(crate) fn has_pause_timer(&self) -> bool {
        self.pump.as_ref().is_some_and(|pump| pump.pause.lock().set_to.is_some())
    }

    /// What the application is to watch until `until` while there is no connection: nothing. A loop that stops without a
    /// descriptor, and comes back too late, gets one from the next pause on.
    // divergence: A loop that stops during a pause of the single-threaded library and comes back too late, as that of node's package zookeeper does, gets a timer's descriptor in the next one; one that calls zookeeper_process in pauses never does.
    pub(crate) fn watch_pause(&self, until: Instant) -> Option<Watched> {
        self.pump.as_ref()?.pause.lock().begin(until, Instant::now())
    }

    /// Does all that can be done without waiting: what `ready` says of the socket, what is due, what there is to send. `call`
    /// calls the application back, for one item of the queue at a time.
    pub(crate) fn turn(&self, ready: Option<Readiness>, mut call: impl FnMut(Output<C, W>) -> ControlFlow<()>) -> Turn {
        let Some(pump) = &self.pump else { return Turn::default() };
        let received = self.received_bytes();
        let timeout = Duration::from_millis(u64::try_from(self.published.timeout()).unwrap_or(0));
        pump.pause.lock().end(Instant::now(), timeout);
        pump.with_driver(|driver| {
            // A loop may come for the time alone, and what TLS has decrypted or a probe waits for is not seen at the socket.
            let hidden = driver.has_probe() || driver.is_undrained();
            if let Some(ready) = ready.or(hidden.then(Readiness::default)) {
                driver.apply_watched(ready);
            }
        });
        // What callbacks ask for goes out with one write, below.
        self.call_back(pump, &mut call);
        let mut next = pump.with_driver(Driver::settle);
        if self.call_back(pump, &mut call) {
            next = pump.with_driver(Driver::settle);
        }
        if self.is_closed.load(Ordering::Acquire) && pump.depth.load(Ordering::Relaxed) == 0 {
            self.finish_pumped(pump, &mut call);
        }
        let ended = self.lock().session.take_end();
        let has_received = self.received_bytes() != received;
        let (watched, until) = pump.with_driver(|driver| (driver.watched(), until(driver, next))).unwrap_or_default();
        let until = if self.queue.len() > 0 { Some(Instant::now()) } else { until };
        let until = until.into_iter().chain(stats::write_if_due()).min();
        if watched.is_some() {
            pump.pause.lock().set_to = None;
        }
        Turn { ended, has_received, watched, until }
    }

    fn received_bytes(&self) -> u64 {
        self.lock().session.stats().received_bytes
    }

    /// Calls back for what is in the queue, until a callback closes the handle. Returns whether there was anything.
    fn call_back(&self, pump: &Pump<C, W>, call: &mut impl FnMut(Output<C, W>) -> ControlFlow<()>) -> bool {
        let mut has_called = false;
        while !self.is_closed.load(Ordering::Acquire)
            && let Some(output) = self.queue.pop()
        {
            has_called = true;
            pump.call_one(output, call);
        }
        has_called
    }

    /// Closes the session. Returns when every callback has returned; from a callback of this handle it returns at once, and
    /// the call of the application that has called back does the rest.
    pub(crate) fn close_pumped(&self, mut call: impl FnMut(Output<C, W>) -> ControlFlow<()>) {
        let Some(pump) = &self.pump else { return };
        self.feed(Input::Close);
        if pump.depth.load(Ordering::Relaxed) == 0 {
            self.finish_pumped(pump, &mut call);
        }
    }

    /// Sends the close request, waits for its answer, and calls back for what is left.
    fn finish_pumped(&self, pump: &Pump<C, W>, call: &mut impl FnMut(Output<C, W>) -> ControlFlow<()>) {
        let driver = pump.driver.lock().take();
        let Some(mut driver) = driver else { return };
        // Of what became ready before this nothing may be told any more.
        driver.apply(Readiness::all());
        driver.run_to_end();
        drop(driver);
        while let Some(output) = self.queue.pop() {
            pump.call_one(output, call);
        }
    }
}

impl<C, W> Pump<C, W> {
    fn call_one(&self, output: Output<C, W>, call: &mut impl FnMut(Output<C, W>) -> ControlFlow<()>) {
        self.depth.fetch_add(1, Ordering::Relaxed);
        let _depth = DepthGuard(&self.depth);
        // `Last` ends a completion thread; here the queue just runs empty.
        let _ = call(output);
    }
}

/// When the driver has something to do although the socket says nothing.
fn until<C: Completion, W: Watcher + Send + 'static>(driver: &Driver<C, W>, next: Option<Next>) -> Option<Instant> {
    let now = Instant::now();
    let own = match next {
        Some(Next::Wait(at)) => at,
        Some(Next::Step) => Some(now),
        Some(Next::End) | None => None,
    };
    let probe = driver.has_probe().then(|| now + PROBE_INTERVAL);
    own.into_iter().chain(probe).min()
}
