//! The library under a scheduler that decides, at every lock, wait and step of the network, which thread goes on:
//! callers, I/O thread, completion thread and server. All of src/ is the shipped code except where `sync` and `net`
//! replace parts of the system. A lost wake-up shows as a deadlock, because no timeout hides it.
//!
//! `make schedules` runs it; a schedule that fails is printed, and `CALMKEEPER_SCHEDULE=FILE` with the printed text in
//! that file runs only that schedule (name the test).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of it is a test")]
use super::async_api::{zoo_aexists, zoo_aset};
use super::close_api::zookeeper_close;
use super::entry::Zk;
use super::init_api::zookeeper_init;
use super::log_api::zoo_set_debug_level;
use super::operation::{Operation, Watcher};
use super::records::Stat;
use super::servers_api::zoo_set_servers;
use super::sync::{ReplyTo, wait};
use super::types::zhandle_t;
use crate::dispatch::Queue;
use crate::sys::net::server::{self, Server};
use crate::sys::net::{Stop, lose_wakes, resume, stop_reader};
use crate::sys::sync::{Mutex, thread};
use libc::{c_int, c_void};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once, PoisonError, Weak};
use zk_core::code::Code;
use zk_core::session::Output;

/// One execution: the threads and their calls, and what the server does.
#[derive(Clone, Copy)]
struct Plan {
    /// Threads that make sync calls.
    callers: usize,
    /// Sync calls of each.
    sync: usize,
    /// Async calls of the main thread, meanwhile.
    asynchronous: usize,
    /// Connections cut by the server.
    cuts: u32,
    /// How often another thread makes the handle change its server.
    moves: u32,
    ending: Ending,
    /// Whether the I/O thread cannot be woken.
    deaf: bool,
    /// Where a caller that reads in the place of the I/O thread is stopped until all other threads are done.
    stop: Stop,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Closed when no call is in flight.
    Quiet,
    /// Closed with async calls in flight.
    Early,
    /// Closed by the completion of the first async call.
    Callback,
}

impl Plan {
    /// Whether connections are lost.
    fn loses(&self) -> bool {
        self.cuts > 0 || self.moves > 0
    }
}

/// A handle pointer that threads share.
#[derive(Clone, Copy)]
struct Pointer(*mut zhandle_t);

// SAFETY: the C interface allows any thread to use a handle.
unsafe impl Send for Pointer {}

impl Pointer {
    fn get(self) -> *mut zhandle_t {
        self.0
    }
}

/// The context of a completion.
struct Call {
    number: usize,
    /// Set for the one that closes the handle.
    closes: Option<Pointer>,
    log: Arc<Mutex<Vec<(usize, c_int)>>>,
}

unsafe extern "C" fn on_stat(rc: c_int, _: *const Stat, data: *const c_void) {
    // SAFETY: given to the call below, and kept to the end.
    let call = unsafe { &*data.cast::<Call>() };
    call.log.lock().unwrap_or_else(PoisonError::into_inner).push((call.number, rc));
    if let Some(zh) = call.closes {
        // SAFETY: no other thread uses the handle any more.
        assert_eq!(unsafe { zookeeper_close(zh.get()) }, 0);
    }
}

fn environment() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let settings = [("SEED", "1"), ("MEMORY", "0"), ("BASE_MS", "1"), ("CAP_MS", "1"), ("FIRST_JITTER_MS", "0")];
        for (name, value) in settings {
            // SAFETY: no other test of this build reads the environment before it has passed this point.
            unsafe { std::env::set_var(format!("ZOO_RECONNECT_{name}"), value) };
        }
        // The log lines of one handle may show up as those of another: thread-local data belongs to all threads here.
        zoo_set_debug_level(if std::env::var_os("CALMKEEPER_SCHEDULE").is_some() { 4 } else { 0 });
    });
}

const OK: c_int = 0;

fn is_loss(rc: c_int) -> bool {
    [Code::ConnectionLoss, Code::OperationTimeout, Code::Closing].iter().any(|code| code.to_i32() == rc)
}

fn mover(zh: Pointer, plan: Plan) {
    for number in 0..plan.moves {
        let servers = if number % 2 == 0 { c"127.0.0.1:2" } else { c"127.0.0.1:1" };
        // SAFETY: the handle is open, the string is C's.
        assert_eq!(unsafe { zoo_set_servers(zh.get(), servers.as_ptr()) }, OK);
        if thread_rng().gen_bool(0.5) {
            thread::yield_now();
        }
    }
}

fn caller(zh: Pointer, plan: Plan, finished: &Mutex<usize>) {
    let mut stat = MaybeUninit::<Stat>::uninit();
    for number in 0..plan.sync {
        // SAFETY: the handle is open, the strings are C's.
        let rc = unsafe {
            if number % 2 == 0 {
                let exists = Operation::Exists { path: c"/".as_ptr(), watcher: Watcher::Own(0) };
                wait(zh.get(), exists, ReplyTo::Stat(stat.as_mut_ptr()))
            } else {
                let set = Operation::Set { path: c"/".as_ptr(), value: c"value".as_ptr(), len: 5, version: -1 };
                wait(zh.get(), set, ReplyTo::Stat(null_mut()))
            }
        };
        assert!(rc == OK || plan.loses() && is_loss(rc), "a sync call: {rc}");
    }
    *finished.lock().unwrap_or_else(PoisonError::into_inner) += 1;
}

/// Submits the async calls; returns how many were taken.
fn submit(zh: Pointer, calls: &[Call]) -> usize {
    for call in calls {
        let data = (&raw const *call).cast();
        // SAFETY: see `caller`; the calls outlive the handle.
        let rc = unsafe {
            if call.number % 2 == 0 {
                zoo_aexists(zh.get(), c"/".as_ptr(), 0, Some(on_stat), data)
            } else {
                zoo_aset(zh.get(), c"/".as_ptr(), c"v".as_ptr(), 1, -1, Some(on_stat), data)
            }
        };
        assert_eq!(rc, OK);
        if thread_rng().gen_bool(0.3) {
            thread::yield_now();
        }
    }
    calls.len()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if condition() {
            return;
        }
        thread::yield_now();
    }
    panic!("never: {what}");
}

fn execute(plan: Plan) {
    environment();
    let ensemble = thread::spawn(move || Server::new(plan.cuts).run());
    // SAFETY: all arguments are as the C interface wants them; without lines about the environment.
    let zh = Pointer(unsafe { zookeeper_init(c"127.0.0.1:1".as_ptr(), None, 10_000, null(), null_mut(), 2) });
    assert!(!zh.get().is_null());
    // SAFETY: the pointer came from `Arc::into_raw`, and this puts back what it takes.
    let handle: Weak<Zk> = unsafe {
        let strong = Arc::from_raw(zh.get().cast_const().cast::<Zk>());
        let weak = Arc::downgrade(&strong);
        let _ = Arc::into_raw(strong);
        weak
    };
    if plan.deaf {
        lose_wakes();
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    let closer = if plan.ending == Ending::Callback { plan.asynchronous.checked_sub(1) } else { None };
    let calls: Vec<Call> = (0..plan.asynchronous)
        .map(|number| Call { number, closes: (closer == Some(number)).then_some(zh), log: Arc::clone(&log) })
        .collect();
    stop_reader(plan.stop);
    let finished = Arc::new(Mutex::new(0));
    let callers: Vec<_> = (0..plan.callers)
        .map(|_| {
            let finished = Arc::clone(&finished);
            thread::spawn(move || caller(zh, plan, &finished))
        })
        .collect();
    let (before, last) = calls.split_at(closer.unwrap_or(calls.len()));
    let mut submitted = submit(zh, before);
    let mover = thread::spawn(move || mover(zh, plan));
    if plan.stop != Stop::Never {
        until("the calls of others", || *finished.lock().unwrap() + 1 >= plan.callers);
        until("completions beside a stopped caller", || log.lock().unwrap().len() == submitted);
        if resume() {
            STOPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    for caller in callers {
        caller.join().expect("a caller ends");
    }
    mover.join().expect("it ends");
    if plan.ending == Ending::Quiet {
        until("all completions", || log.lock().unwrap().len() == submitted);
    }
    submitted += submit(zh, last);
    if closer.is_none() {
        // SAFETY: nobody uses the handle any more.
        assert_eq!(unsafe { zookeeper_close(zh.get()) }, OK);
    }
    until("the end of both threads", || handle.strong_count() == 0);
    let log: Vec<(usize, c_int)> = log.lock().unwrap().clone();
    let numbers: Vec<usize> = log.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (0..submitted).collect::<Vec<_>>(), "each completion once and in order");
    let loses = plan.loses() || plan.ending != Ending::Quiet;
    assert!(log.iter().all(|(_, rc)| *rc == OK || loses && is_loss(*rc)), "the results: {log:?}");
    assert_eq!(server::end(), 0, "sockets left open");
    let (connections, cuts_left) = ensemble.join().expect("the server ends");
    assert!(
        connections <= 1 + plan.moves + plan.cuts - cuts_left,
        "{connections} connections: one was given up for nothing"
    );
}

fn config() -> shuttle::Config {
    let mut config = shuttle::Config::new();
    config.stack_size = 0x40000;
    config.silence_warnings = true;
    config
}

fn run(scheduler: impl Scheduler + 'static, body: impl Fn() + Send + Sync + 'static) -> usize {
    shuttle::Runner::new(scheduler, config()).run(body)
}

/// How many random executions each test has.
fn executions() -> usize {
    std::env::var("SCHEDULES").ok().and_then(|number| number.parse().ok()).unwrap_or(1000)
}

/// The seed of the scheduler's choices.
fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|number| number.parse().ok()).unwrap_or(1)
}

fn explore(plan: Plan) {
    let body = move || execute(plan);
    if let Ok(file) = std::env::var("CALMKEEPER_SCHEDULE") {
        run(ReplayScheduler::new_from_file(file).expect("a schedule"), body);
        return;
    }
    // One scheduler changes threads everywhere, the other at few places and for long.
    run(RandomScheduler::new_from_seed(seed(), executions()), body);
    run(PctScheduler::new_from_seed(seed(), 3, executions()), body);
}

const PLAN: Plan = Plan {
    callers: 2,
    sync: 3,
    asynchronous: 4,
    cuts: 0,
    moves: 0,
    ending: Ending::Quiet,
    deaf: false,
    stop: Stop::Never,
};

/// Executions in which a caller was stopped, in this process.
static STOPPED: AtomicUsize = AtomicUsize::new(0);

/// A caller with a lease on the receiving side does not run again until all others are done.
fn explore_with_a_stopped_reader(stop: Stop) {
    let before = STOPPED.load(Ordering::Relaxed);
    explore(Plan { callers: 3, sync: 4, asynchronous: 2, stop, ..PLAN });
    let stopped = STOPPED.load(Ordering::Relaxed) - before;
    println!("a reader was stopped in {stopped} executions");
    assert!(stopped > 0, "no caller was ever lent the receiving side");
}

#[test]
fn a_reader_is_stopped_before_it_waits() {
    explore_with_a_stopped_reader(Stop::BeforeWaiting);
}

#[test]
fn a_reader_is_stopped_when_its_reply_is_there() {
    explore_with_a_stopped_reader(Stop::AfterWaiting);
}

#[test]
fn sync_and_async_calls() {
    explore(PLAN);
}

#[test]
fn one_caller_alone() {
    explore(Plan { callers: 1, sync: 4, asynchronous: 0, ..PLAN });
}

#[test]
fn connections_are_cut() {
    explore(Plan { cuts: 2, ..PLAN });
}

#[test]
fn the_servers_change() {
    explore(Plan { asynchronous: 2, moves: 2, ..PLAN });
}

#[test]
fn close_with_calls_under_way() {
    explore(Plan { callers: 0, ending: Ending::Early, ..PLAN });
}

#[test]
fn close_while_connections_are_cut() {
    explore(Plan { callers: 1, cuts: 1, ending: Ending::Early, ..PLAN });
}

#[test]
fn close_in_a_callback() {
    explore(Plan { callers: 1, sync: 2, ending: Ending::Callback, ..PLAN });
}

#[test]
fn close_in_a_callback_while_connections_are_cut() {
    explore(Plan { callers: 1, sync: 2, cuts: 1, ending: Ending::Callback, ..PLAN });
}

/// Proof that these tests can fail.
#[test]
#[should_panic(expected = "deadlock")]
fn a_lost_wake_up_is_found() {
    explore(Plan { deaf: true, ..PLAN });
}

/// Every possible interleaving of two threads that add to the queue, one that takes from it, and one that waits for its
/// end.
#[test]
fn the_queue_exhaustively() {
    fn add(queue: &Queue<usize, ()>, items: impl IntoIterator<Item = Output<usize, ()>>) {
        let mut adding = queue.adding();
        for item in items {
            adding.push(item);
        }
        if adding.end() {
            queue.notify();
        }
    }
    let body = || {
        let queue: Arc<Queue<usize, ()>> = Arc::default();
        let others = Arc::clone(&queue);
        let taker = Arc::clone(&queue);
        let taker = thread::spawn(move || {
            let mut seen = Vec::new();
            let see = |item| {
                let Output::Deliver(number, _) = item else { return ControlFlow::Break(()) };
                seen.push(number);
                ControlFlow::Continue(())
            };
            taker.run(see, |calls| calls());
            seen
        });
        let adder = thread::spawn(move || {
            add(&others, [Output::Deliver(10, Err(Code::Ok))]);
        });
        add(&queue, [Output::Deliver(1, Err(Code::Ok)), Output::Deliver(2, Err(Code::Ok))]);
        adder.join().unwrap();
        add(&queue, [Output::Last]);
        assert!(queue.wait_for_end());
        let mut seen = taker.join().unwrap();
        let place = seen.iter().position(|number| *number == 10);
        assert!(place.is_some_and(|place| seen.remove(place) == 10));
        assert_eq!(seen, [1, 2]);
    };
    let executions = run(DfsScheduler::new(None, false), body);
    println!("{executions} interleavings of the queue");
}
