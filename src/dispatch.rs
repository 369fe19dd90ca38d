//! The completion thread: replies, watches and session events in one queue, called back one by one in order. Owns the
//! queue; knows neither the session nor what a callback is.
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
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
}

struct State<C, W> {
    items: VecDeque<Item<C, W>>,
    waiting: bool,
}

impl<C, W> Default for Queue<C, W> {
    fn default() -> Self {
        Queue { state: Mutex::new(State { items: VecDeque::new(), waiting: false }), ready: Condvar::new() }
    }
}

impl<C, W> Queue<C, W> {
    fn lock(&self) -> MutexGuard<'_, State<C, W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item; `true` if [`Queue::notify`] has to follow, as the thread sleeps.
    #[must_use]
    pub(crate) fn push(&self, item: Item<C, W>) -> bool {
        let mut state = self.lock();
        state.items.push_back(item);
        std::mem::take(&mut state.waiting)
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
                    if queue.push(Item::Deliver(i, Err(Code::Ok))) {
                        queue.notify();
                    }
                }
                if queue.push(Item::Stop) {
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
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
    }
}
