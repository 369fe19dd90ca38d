//! The completion thread: replies, watches and session events in one queue, called back one by one in order. Owns the
//! queue; knows neither the session nor what a callback is.
use crate::sync::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::PoisonError;
use zk_core::code::Code;
use zk_core::frames::Frame;
use zk_core::session::Event;

/// Something for the application.
#[derive(Debug)]
pub(crate) enum Item<C, W> {
    /// A reply for an asynchronous call.
    Deliver(C, Result<Frame, Code>),
    /// An event for watchers.
    Notify(Event<W>),
    /// Nothing follows.
    Stop,
}

/// The queue between those who produce items and the one thread that calls back.
pub(crate) struct Queue<C, W> {
    state: Mutex<State<C, W>>,
    ready: Condvar,
    over: Condvar,
}

struct State<C, W> {
    items: VecDeque<Item<C, W>>,
    waiting: bool,
    stage: Stage,
}

/// How far the thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Runs,
    Ended,
    Abandoned,
}

impl<C, W> Default for Queue<C, W> {
    fn default() -> Self {
        Queue {
            state: Mutex::new(State { items: VecDeque::new(), waiting: false, stage: Stage::Runs }),
            ready: Condvar::new(),
            over: Condvar::new(),
        }
    }
}

/// Items on their way into the queue: one lock for all of them, none for no item.
pub(crate) struct Adding<'a, C, W> {
    queue: &'a Queue<C, W>,
    state: Option<MutexGuard<'a, State<C, W>>>,
    sleeper: bool,
}

impl<C, W> Adding<'_, C, W> {
    /// Adds an item.
    pub(crate) fn push(&mut self, item: Item<C, W>) {
        let state = self.state.get_or_insert_with(|| self.queue.lock());
        state.items.push_back(item);
        self.sleeper |= std::mem::take(&mut state.waiting);
    }

    /// Lets the items be taken; `true` if [`Queue::notify`] has to follow, as the thread sleeps.
    #[must_use]
    pub(crate) fn end(self) -> bool {
        self.sleeper
    }
}

impl<C, W> Queue<C, W> {
    fn lock(&self) -> MutexGuard<'_, State<C, W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to add items.
    pub(crate) fn adding(&self) -> Adding<'_, C, W> {
        Adding { queue: self, state: None, sleeper: false }
    }

    /// Wakes the thread.
    pub(crate) fn notify(&self) {
        self.ready.notify_one();
    }

    /// Number of items that wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Calls `call` with each item in order until [`Item::Stop`]. Takes all that has gathered at once, so that a busy
    /// queue costs one lock a batch.
    pub(crate) fn run(&self, mut call: impl FnMut(Item<C, W>)) {
        struct End<'a, C, W>(&'a Queue<C, W>);
        impl<C, W> Drop for End<'_, C, W> {
            fn drop(&mut self) {
                self.0.leave(Stage::Ended);
            }
        }
        let _end = End(self);
        let mut batch = VecDeque::new();
        loop {
            let mut state = self.lock();
            while state.items.is_empty() {
                state.waiting = true;
                state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.waiting = false;
            std::mem::swap(&mut state.items, &mut batch);
            drop(state);
            for item in batch.drain(..) {
                if let Item::Stop = item {
                    return;
                }
                call(item);
            }
        }
    }

    /// The thread does not return from a call: a callback has ended it.
    pub(crate) fn abandon(&self) {
        self.leave(Stage::Abandoned);
    }

    fn leave(&self, stage: Stage) {
        self.lock().stage = stage;
        self.over.notify_all();
    }

    /// Waits until [`Queue::run`] has returned, `true`, or never will, `false`.
    pub(crate) fn wait_for_end(&self) -> bool {
        let mut state = self.lock();
        while state.stage == Stage::Runs {
            state = self.over.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.stage == Stage::Ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn items_are_called_in_order_until_stop() {
        let queue: Arc<Queue<u32, ()>> = Arc::default();
        let producer = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || {
                for i in 0..1000 {
                    let mut adding = queue.adding();
                    adding.push(Item::Deliver(i, Err(Code::Ok)));
                    if adding.end() {
                        queue.notify();
                    }
                }
                let mut adding = queue.adding();
                adding.push(Item::Stop);
                if adding.end() {
                    queue.notify();
                }
            })
        };
        let mut seen = Vec::new();
        queue.run(|item| {
            if let Item::Deliver(i, _) = item {
                seen.push(i);
            }
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
