//! The completion thread: replies, watches and session events in one queue, called back one by one in order. Owns the
//! queue; knows neither the session nor what a callback is.
use crate::sys::latch::Latch;
use crate::sys::lock::{Mutex, MutexGuard};
use crate::sys::thread_end::{EndGuard, ThreadEnd};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use zk_core::session::Output;

/// The queue between the threads that produce items and the one thread that calls back.
pub(crate) struct Queue<C, W> {
    state: Mutex<State<C, W>>,
    /// Reset by the thread when it sets `waiting`, and set once by the adder that clears `waiting`.
    ready: Latch,
    end: ThreadEnd,
}

struct State<C, W> {
    items: VecDeque<Output<C, W>>,
    waiting: bool,
}

/// The capacity, in items, to which an empty batch is shrunk: about 300 KiB.
const KEPT_MAX: usize = 4096;

impl<C, W> Default for Queue<C, W> {
    fn default() -> Self {
        Queue {
            state: Mutex::new(State { items: VecDeque::new(), waiting: false }),
            ready: Latch::new(),
            end: ThreadEnd::new(),
        }
    }
}

/// Adds items to the queue. The first item takes the lock, which is then held for all of them.
pub(crate) struct QueueGuard<'a, C, W> {
    queue: &'a Queue<C, W>,
    state: Option<MutexGuard<'a, State<C, W>>>,
    sleeper: bool,
}

impl<C, W> QueueGuard<'_, C, W> {
    /// Adds an item.
    pub(crate) fn push(&mut self, item: Output<C, W>) {
        self.state().items.push_back(item);
    }

    /// Adds all of `items`. Swaps the two lists where the queue is empty, which costs no copy.
    pub(crate) fn append(&mut self, items: &mut VecDeque<Output<C, W>>) {
        let waiting = &mut self.state().items;
        if waiting.is_empty() {
            std::mem::swap(waiting, items);
        } else {
            waiting.append(items);
        }
    }

    fn state(&mut self) -> &mut State<C, W> {
        self.state.get_or_insert_with(|| {
            let mut state = self.queue.lock();
            self.sleeper = std::mem::take(&mut state.waiting);
            state
        })
    }

    /// Ends the addition. Returns `true` if the thread sleeps, so that [`Queue::notify`] has to follow.
    #[must_use]
    pub(crate) fn end(self) -> bool {
        self.sleeper
    }
}

impl<C, W> Queue<C, W> {
    fn lock(&self) -> MutexGuard<'_, State<C, W>> {
        self.state.lock()
    }

    /// Begins to add items.
    pub(crate) fn adding(&self) -> QueueGuard<'_, C, W> {
        QueueGuard { queue: self, state: None, sleeper: false }
    }

    /// Wakes the thread. Only after [`QueueGuard::end`] has returned `true`, and then once.
    pub(crate) fn notify(&self) {
        self.ready.set();
    }

    /// Number of items that wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Calls `call` with each item in order until it says that nothing follows. Takes all items that have gathered at
    /// once, so that a busy queue takes the lock once a batch. `guard` runs a closure that calls for as many items as
    /// it can; after a panic the next item follows.
    pub(crate) fn run(&self, mut call: impl FnMut(Output<C, W>) -> ControlFlow<()>, guard: impl Fn(&mut dyn FnMut())) {
        let _end = EndGuard(&self.end);
        let mut batch = VecDeque::new();
        let mut open = true;
        while open {
            batch.shrink_to(KEPT_MAX);
            self.take(&mut batch);
            while open && !batch.is_empty() {
                guard(&mut || {
                    while let Some(item) = batch.pop_front() {
                        if call(item).is_break() {
                            open = false;
                            return;
                        }
                    }
                });
            }
        }
    }

    /// Waits for items, and takes all. No lock is held in the wait, because the application's signal handlers run on this
    /// thread.
    fn take(&self, batch: &mut VecDeque<Output<C, W>>) {
        loop {
            let mut state = self.lock();
            if !state.items.is_empty() {
                std::mem::swap(&mut state.items, batch);
                return;
            }
            state.waiting = true;
            self.ready.reset();
            drop(state);
            self.ready.wait();
        }
    }

    /// Takes the first item, if there is one: for a handle that has no completion thread.
    pub(crate) fn pop(&self) -> Option<Output<C, W>> {
        let mut state = self.lock();
        let item = state.items.pop_front();
        if state.items.is_empty() {
            state.items.shrink_to(KEPT_MAX);
        }
        item
    }

    /// Puts an item at the front.
    pub(crate) fn put_back(&self, item: Output<C, W>) {
        self.lock().items.push_front(item);
    }

    /// A callback has ended the thread, so that [`Queue::run`] never returns.
    pub(crate) fn abandon(&self) {
        self.end.set_lost();
    }

    /// Waits for the end of the thread: `true` once [`Queue::run`] has returned, `false` if it never will.
    pub(crate) fn wait_for_end(&self) -> bool {
        self.end.wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use zk_core::code::Code;

    #[test]
    fn items_are_called_in_order_until_stop() {
        let queue: Arc<Queue<u32, ()>> = Arc::default();
        let producer = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || {
                for i in 0..1000 {
                    let mut adding = queue.adding();
                    adding.push(Output::Deliver(i, Err(Code::Ok)));
                    if adding.end() {
                        queue.notify();
                    }
                }
                let mut adding = queue.adding();
                adding.push(Output::Last);
                if adding.end() {
                    queue.notify();
                }
            })
        };
        let mut seen = Vec::new();
        let see = |item| {
            let Output::Deliver(i, _) = item else { return ControlFlow::Break(()) };
            seen.push(i);
            assert!(i % 10 != 0, "goes on after a panic");
            ControlFlow::Continue(())
        };
        queue.run(see, |calls| {
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(calls));
        });
        producer.join().unwrap();
        assert!(queue.wait_for_end());
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn nobody_waits_for_an_abandoned_thread() {
        let queue: Arc<Queue<u32, ()>> = Arc::default();
        let waiter = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || queue.wait_for_end())
        };
        queue.abandon();
        assert!(!waiter.join().unwrap());
    }
}
