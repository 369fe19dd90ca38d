//! Threads for work that may block for a long time: name lookups, SASL mechanisms. Owns the threads, and decides when
//! one may still use its handle: a close waits for them, but not for ever.
use crate::handle::Handle;
use crate::observe::logging::with_sink;
use crate::sys::lock::ProcessMutex;
use crate::sys::own_thread::{self, OwnThread};
use crate::sys::process::PerProcess;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a close waits for these threads. Longer than one try of the C library's resolver, which lasts 5 s unless
/// resolv.conf says otherwise.
// divergence: zookeeper_close waits at most 6 s for a name lookup that is under way, and says so in a WARN line when the
// lookup goes on; stock waits as long as the lookup takes.
const WAIT_MAX: Duration = Duration::from_secs(6);

/// Practically no limit.
const FOR_EVER: Duration = Duration::from_secs(1 << 30);

/// The purpose of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Asks the system's resolver.
    Lookup,
    /// Runs a SASL mechanism that uses the library's own settings.
    Sasl,
    /// Runs a SASL mechanism that calls the application's callbacks.
    SaslOfApplication,
}

impl Errand {
    fn thread_name(self) -> &'static str {
        match self {
            Errand::Lookup => "zk-resolver",
            Errand::Sasl | Errand::SaslOfApplication => "zk-sasl",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Errand::Lookup => "name lookup",
            Errand::Sasl | Errand::SaslOfApplication => "SASL exchange",
        }
    }

    /// Whether the thread uses memory of the application that may be gone after a close: its callbacks, their contexts
    /// and results. They cannot be copied, so a close waits for the thread.
    fn borrows(self) -> bool {
        self == Errand::SaslOfApplication
    }
}

/// How far a thread is. Decides whether it may still touch the handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// In a call that may block.
    Away,
    /// Logging and handing over a result.
    Answering,
    /// The handle is closed: results are discarded.
    Abandoned,
}

/// The thread's permission to use the handle.
pub(crate) struct Permit(Arc<ProcessMutex<Stage>>);

impl Permit {
    /// Runs `body`, which may log and use the handle; a close waits for it. `None` when the handle was closed without
    /// waiting.
    pub(crate) fn run<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        {
            let mut stage = self.0.lock();
            if *stage == Stage::Abandoned {
                return None;
            }
            *stage = Stage::Answering;
        }
        let result = body();
        *self.0.lock() = Stage::Away;
        Some(result)
    }
}

/// A thread that has not been joined.
struct Running {
    /// The address of the handle, only ever compared.
    owner: usize,
    errand: Errand,
    stage: Arc<ProcessMutex<Stage>>,
    thread: OwnThread,
}

impl Running {
    /// Makes the thread discard its results. Returns `false` if it is already handing one over.
    fn abandon(&self) -> bool {
        let mut stage = self.stage.lock();
        if *stage == Stage::Answering {
            return false;
        }
        *stage = Stage::Abandoned;
        true
    }
}

/// The threads of this process.
static RUNNING: PerProcess<ProcessMutex<Vec<Running>>> = PerProcess::new();

fn owner_of<C, W>(handle: &Arc<Handle<C, W>>) -> usize {
    Arc::as_ptr(handle).addr()
}

/// Removes and returns the entries that `wanted` picks.
fn take_running(wanted: impl Fn(&Running) -> bool) -> Vec<Running> {
    let mut running = RUNNING.get().lock();
    running.extract_if(.., |one| wanted(one)).collect()
}

/// Whether a thread with this errand for this handle is still running.
pub(crate) fn is_running<C, W>(handle: &Arc<Handle<C, W>>, errand: Errand) -> bool {
    let owner = owner_of(handle);
    let running = RUNNING.get().lock();
    running.iter().any(|one| one.owner == owner && one.errand == errand && !one.thread.has_ended())
}

/// Joins the threads that have ended, which nobody else does as long as their handle is open.
fn join_ended() {
    for ended in take_running(|one| one.thread.has_ended()) {
        ended.thread.join();
    }
}

/// Starts a thread that runs `body`, with the handle's sink for its log lines. [`wait_for_end`] has to follow when the
/// handle is closed; `body` holds a reference to the handle only within [`Permit::run`].
pub(crate) fn start<C, W>(
    handle: &Arc<Handle<C, W>>,
    errand: Errand,
    body: impl FnOnce(&Permit) + Send + 'static,
) -> io::Result<()> {
    join_ended();
    let sink = Arc::clone(&handle.sink);
    let stage = Arc::new(ProcessMutex::new(Stage::Away));
    let permit = Permit(Arc::clone(&stage));
    let mut running = RUNNING.get().lock();
    let thread = OwnThread::spawn(errand.thread_name(), move || with_sink(&sink, || body(&permit)))?;
    running.push(Running { owner: owner_of(handle), errand, stage, thread });
    Ok(())
}

/// The owner of threads that belong to no handle.
const NOBODY: usize = 0;

/// Runs `body` on a thread of its own. The calling thread, which holds no lock, waits outside of the library meanwhile: a
/// signal handler that interrupts it may call the library, and may leave by `siglongjmp`; then the thread ends by itself,
/// and its result is dropped. Fails if there is no thread for it.
pub(crate) fn run_apart<R: Send + 'static>(errand: Errand, body: impl FnOnce() -> R + Send + 'static) -> io::Result<R> {
    join_ended();
    let result = Arc::new(ProcessMutex::new(None));
    let stage = Arc::new(ProcessMutex::new(Stage::Away));
    let filled = Arc::clone(&result);
    let end = {
        let mut running = RUNNING.get().lock();
        let thread = OwnThread::spawn(errand.thread_name(), move || {
            let value = body();
            *filled.lock() = Some(value);
        })?;
        let end = thread.end();
        running.push(Running { owner: NOBODY, errand, stage: Arc::clone(&stage), thread });
        end
    };
    end.wait();
    for one in take_running(|one| Arc::ptr_eq(&one.stage, &stage)) {
        one.thread.join();
    }
    let value = result.lock().take();
    value.ok_or_else(|| io::Error::other("the thread panicked"))
}

/// Waits for the threads of a handle that is being closed: when this returns, none of them is left and none calls the
/// handle's log callback. A thread that takes longer than [`WAIT_MAX`] goes on without the handle, unless it uses
/// memory of the application (on stock, too, a close waits for its callbacks). On a thread of the library, where a
/// close returns at once, this does not wait.
pub(crate) fn wait_for_end<C, W>(handle: &Arc<Handle<C, W>>) {
    let owner = owner_of(handle);
    let mine = take_running(|one| one.owner == owner);
    let deadline = Instant::now() + if own_thread::is_own() { Duration::ZERO } else { WAIT_MAX };
    for one in mine {
        let mut has_ended = one.thread.wait_until(deadline);
        if !has_ended && one.errand.borrows() && !own_thread::is_own() {
            log::warn!(
                target: "zookeeper_close",
                "a SASL exchange is under way for more than {} s: waiting for it, as it calls the program's callbacks",
                WAIT_MAX.as_secs()
            );
            has_ended = one.thread.wait_until(Instant::now() + FOR_EVER);
        }
        if !has_ended && one.abandon() {
            if !own_thread::is_own() {
                log::warn!(
                    target: "zookeeper_close",
                    "a {} is under way for more than {} s: its thread goes on without the handle",
                    one.errand.description(),
                    WAIT_MAX.as_secs()
                );
            }
        } else if !own_thread::is_own() {
            // Not joined on a thread of the library: this could be a log callback on the very thread.
            one.thread.join();
        }
    }
}
