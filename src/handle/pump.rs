//! A handle without threads: the calls of the application do the work of the I/O thread and the completion thread. Owns
//! the driver of such a handle, and decides when callbacks run: within those calls, with no lock of the handle held.
use super::{Completion, Handle};
use crate::io::driver::{Driver, Next, Readiness, Watched};
use crate::observe::{logging, stats};
use crate::sys::lock::Mutex;
use crate::sys::marks;
use crate::sys::pause_timer::PauseTimer;
use crate::sys::process;
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::from_ref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use zk_core::code::Code;
use zk_core::session::{Input, Output, Watcher};

/// A loop that comes later than this after the end of a pause, plus a sixtieth of the session timeout (stock's pause),
/// does not keep time itself.
const LATE: Duration = Duration::from_millis(200);

/// Whether a loop of this process has been so late.
static IS_LATE: AtomicBool = AtomicBool::new(false);

/// How often the probe of a server, which the application's loop does not watch, is polled.
const PROBE_INTERVAL: Duration = Duration::from_millis(10);

/// What a handle without threads has in their place.
pub(crate) struct Pump<C, W> {
    /// `None` before the start and after the end.
    driver: Mutex<Option<Driver<C, W>>>,
    /// The running callback; of nested ones the innermost.
    inside: Mutex<Option<Place>>,
    /// Whether the driver has panicked.
    has_failed: AtomicBool,
    pause: Mutex<Pause>,
}

/// The pause between two attempts that the application was told of.
#[derive(Default)]
struct Pause {
    /// When the pause ends; `None` outside of one.
    until: Option<Instant>,
    /// The timer for a loop that only watches descriptors, and the time it is set to.
    timer: Option<PauseTimer>,
    set_to: Option<Instant>,
}

impl<C, W> Default for Pump<C, W> {
    fn default() -> Self {
        Pump {
            driver: Mutex::new(None),
            inside: Mutex::new(None),
            has_failed: AtomicBool::new(false),
            pause: Mutex::new(Pause::default()),
        }
    }
}

impl Pause {
    /// Called when the application takes a turn: notes whether it came too late.
    fn end(&mut self, now: Instant, timeout: Duration) {
        if self.until.take().is_some_and(|until| now > until + LATE + timeout / 60) {
            IS_LATE.store(true, Ordering::Relaxed);
        }
    }

    /// Begins a pause until `until`. Returns what to watch: nothing, unless a loop of this process was late without a
    /// descriptor.
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

/// The result of a turn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turn {
    /// Why a connection, an attempt or the session has ended, if one has.
    pub(crate) ended: Option<Code>,
    /// Whether a whole frame was received.
    pub(crate) has_received: bool,
    /// What to watch; `None` without a connection.
    pub(crate) watched: Option<Watched>,
    /// When the next turn is due; `None` when it depends on the socket only.
    pub(crate) until: Option<Instant>,
    /// Whether a panic of ours has ended the turn.
    pub(crate) has_failed: bool,
}

/// A place on a stack. For a call of the application it is taken in a frame as near to the application's as possible.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    thread: usize,
    frame: usize,
}

impl Place {
    #[inline(never)]
    pub(crate) fn here() -> Place {
        let frame = 0_u8;
        Place { thread: marks::with(|marks| from_ref(marks).addr()), frame: from_ref(&frame).addr() }
    }

    /// Whether the frame at this place is gone when the stack is at `now`. (Stacks grow downwards.)
    fn is_left(self, now: Place) -> bool {
        self.thread != now.thread || self.frame < now.frame
    }
}

/// Registers a running callback, and removes it on drop.
struct InsideGuard<'a> {
    inside: &'a Mutex<Option<Place>>,
    before: Option<Place>,
}

impl Drop for InsideGuard<'_> {
    fn drop(&mut self) {
        *self.inside.lock() = self.before;
    }
}

/// Finishes a close that was called in a callback, even when the callback has left by an exception.
struct CloseGuard<'a, C: Completion, W: Watcher + Send + 'static, F: FnMut(Output<C, W>) -> ControlFlow<()>> {
    handle: &'a Handle<C, W>,
    pump: &'a Pump<C, W>,
    entry: Place,
    call: &'a RefCell<F>,
}

impl<C: Completion, W: Watcher + Send + 'static, F: FnMut(Output<C, W>) -> ControlFlow<()>> Drop
    for CloseGuard<'_, C, W, F>
{
    fn drop(&mut self) {
        if self.handle.is_closed.load(Ordering::Acquire) && !self.pump.is_inside(self.entry) {
            self.handle.finish_pumped(self.pump, &mut |output| (self.call.borrow_mut())(output));
        }
    }
}

impl<C: Completion, W: Watcher + Send + 'static> Pump<C, W> {
    /// Runs `body` with the driver, unless the handle has ended. Log lines are written afterwards, because a log
    /// callback may call the library.
    fn with_driver<R>(&self, body: impl FnOnce(&mut Driver<C, W>) -> R) -> Option<R> {
        logging::deferred(|| {
            let mut driver = self.driver.lock();
            let driver = driver.as_mut()?;
            let result = catch_unwind(AssertUnwindSafe(|| body(driver)));
            if result.is_err() {
                log::error!("internal error: a panic in the event loop's call; the handle cannot be used any more");
                self.has_failed.store(true, Ordering::Relaxed);
            }
            result.ok()
        })
    }
}

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    /// Gives a handle without threads its driver, which has a reference to the handle until it is closed.
    pub(crate) fn set_driver(&self, driver: Driver<C, W>) {
        if let Some(pump) = &self.pump {
            *pump.driver.lock() = Some(driver);
        }
    }

    /// Replaces what parent and child share after a fork: the poll, the timer and the random numbers.
    pub(super) fn separate(&self) {
        if let Some(pump) = &self.pump {
            *pump.pause.lock() = Pause::default();
            self.lock().session.reseed(process::fresh_seed());
            pump.with_driver(Driver::separate);
        }
    }

    /// Closes the handle in a forked child that has not adopted it: the child's copies of the descriptors are closed,
    /// and nothing is sent or deregistered, as the parent uses the same connection and poll. A driver that a thread of
    /// the parent has locked stays as it is.
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

    /// Notes that the application's loop takes turns in a pause too: it keeps time, even if it is slow.
    pub(crate) fn note_turn_in_pause(&self) {
        if let Some(pump) = &self.pump {
            pump.pause.lock().until = None;
        }
    }

    /// Whether the application has been given a timer to watch.
    pub(crate) fn has_pause_timer(&self) -> bool {
        self.pump.as_ref().is_some_and(|pump| pump.pause.lock().set_to.is_some())
    }

    /// What the application is to watch until `until` while there is no connection: normally nothing. A loop that stops
    /// without a descriptor and comes back too late gets a timer's descriptor from the next pause on.
    // divergence: A loop that stops during a pause of the single-threaded library and comes back too late, as that of node's package zookeeper does, gets a timer's descriptor in the next one; one that calls zookeeper_process in pauses never does.
    pub(crate) fn watch_pause(&self, until: Instant) -> Option<Watched> {
        self.pump.as_ref()?.pause.lock().begin(until, Instant::now())
    }

    /// Does all work that needs no waiting: handles `ready`, does what is due, sends. `call` calls the application back
    /// for one item of the queue. `entry` is the place of the application's call.
    pub(crate) fn turn(
        &self,
        ready: Option<Readiness>,
        entry: Place,
        call: impl FnMut(Output<C, W>) -> ControlFlow<()>,
    ) -> Turn {
        let Some(pump) = &self.pump else { return Turn::default() };
        let call = RefCell::new(call);
        let close = CloseGuard { handle: self, pump, entry, call: &call };
        let received = self.received_bytes();
        let timeout = Duration::from_millis(u64::try_from(self.published.timeout()).unwrap_or(0));
        pump.pause.lock().end(Instant::now(), timeout);
        pump.with_driver(|driver| {
            // A loop may come only because of the time, and neither decrypted TLS data nor the probe shows at the
            // socket.
            let hidden = driver.has_probe() || driver.is_undrained();
            if let Some(ready) = ready.or(hidden.then(Readiness::default)) {
                driver.apply_watched(ready);
            }
        });
        // Requests of callbacks are sent with one write, below.
        self.call_back(pump, &call);
        let mut next = pump.with_driver(Driver::settle);
        if self.call_back(pump, &call) {
            next = pump.with_driver(Driver::settle);
        }
        drop(close);
        let ended = self.lock().session.take_end();
        let has_received = self.received_bytes() != received;
        let (watched, until) = pump.with_driver(|driver| (driver.watched(), until(driver, next))).unwrap_or_default();
        let until = if self.queue.len() > 0 { Some(Instant::now()) } else { until };
        let until = until.into_iter().chain(stats::write_if_due()).min();
        if watched.is_some() {
            pump.pause.lock().set_to = None;
        }
        let has_failed = pump.has_failed.swap(false, Ordering::Relaxed);
        Turn { ended, has_received, watched, until, has_failed }
    }

    fn received_bytes(&self) -> u64 {
        self.lock().session.stats().received_bytes
    }

    /// Calls back for the items in the queue, until a callback closes the handle. Returns whether there were any.
    fn call_back(&self, pump: &Pump<C, W>, call: &RefCell<impl FnMut(Output<C, W>) -> ControlFlow<()>>) -> bool {
        let mut has_called = false;
        while !self.is_closed.load(Ordering::Acquire)
            && let Some(output) = self.queue.pop()
        {
            has_called = true;
            pump.call_one(output, &mut |output| (call.borrow_mut())(output));
        }
        has_called
    }

    /// Closes the session. Returns when every callback has returned; from a callback of this handle it returns at once,
    /// and the application's call that made the callback does the rest.
    pub(crate) fn close_pumped(&self, entry: Place, mut call: impl FnMut(Output<C, W>) -> ControlFlow<()>) {
        let Some(pump) = &self.pump else { return };
        self.feed(Input::Close);
        if !pump.is_inside(entry) {
            self.finish_pumped(pump, &mut call);
        }
    }

    /// Sends the close request, waits for its answer, and calls back for the remaining items.
    fn finish_pumped(&self, pump: &Pump<C, W>, call: &mut impl FnMut(Output<C, W>) -> ControlFlow<()>) {
        let driver = pump.driver.lock().take();
        let Some(mut driver) = driver else { return };
        // The application cannot report readiness from before this point any more, so assume all.
        driver.apply(Readiness::all());
        driver.run_to_end();
        drop(driver);
        while let Some(output) = self.queue.pop() {
            pump.call_one(output, call);
        }
    }
}

impl<C, W> Pump<C, W> {
    /// Whether the call at `entry` was made in a callback that still runs. A callback that was left by longjmp is over:
    /// the stack has returned past it.
    fn is_inside(&self, entry: Place) -> bool {
        let mut inside = self.inside.lock();
        *inside = inside.filter(|callback| !callback.is_left(entry));
        inside.is_some()
    }

    fn call_one(&self, output: Output<C, W>, call: &mut impl FnMut(Output<C, W>) -> ControlFlow<()>) {
        let before = self.inside.lock().replace(Place::here());
        let _inside = InsideGuard { inside: &self.inside, before };
        // `Last` would end a completion thread; here the queue simply becomes empty.
        let _ = call(output);
    }
}

/// When the driver is next due without an event of the socket.
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
