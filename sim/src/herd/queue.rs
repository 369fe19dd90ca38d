//! The event queue of the virtual clock: a two-level calendar, so that half a million pending timers cost a push into a
//! vector each instead of a heap operation. Does not know the meaning of the events.
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Width of a near slot: 2^18 ns, about a quarter of a millisecond.
const SLOT_BITS: u32 = 18;
/// Number of near slots, as a power of two: together they cover about 4.3 s.
const NEAR_BITS: u32 = 14;
const NEAR: u64 = 1 << NEAR_BITS;
/// Number of far slots, each as wide as all near ones together: they cover about 18 minutes. Later events are sorted in
/// again after that time.
const FAR: u64 = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry<E> {
    at: u64,
    /// Events at one time are ordered by age, so that a run depends only on the seed.
    sequence: u64,
    event: E,
}

/// Events by virtual time in nanoseconds, earliest first, oldest first among equals.
#[derive(Debug)]
pub(super) struct Queue<E> {
    /// The events of the slot in progress, and those that were scheduled into the past.
    current: BinaryHeap<Reverse<Entry<E>>>,
    near: Vec<Vec<Entry<E>>>,
    far: Vec<Vec<Entry<E>>>,
    /// Number of the near slot in progress, counted from time zero.
    slot: u64,
    sequence: u64,
    pending: usize,
}

impl<E: Copy + Ord> Queue<E> {
    /// An empty queue at time zero.
    pub(super) fn new() -> Queue<E> {
        Queue {
            current: BinaryHeap::new(),
            near: (0..NEAR).map(|_| Vec::new()).collect(),
            far: (0..FAR).map(|_| Vec::new()).collect(),
            slot: 0,
            sequence: 0,
            pending: 0,
        }
    }

    /// Schedules `event` at `at`.
    pub(super) fn push(&mut self, at: u64, event: E) {
        self.sequence += 1;
        self.pending += 1;
        self.place(Entry { at, sequence: self.sequence, event });
    }

    /// Takes the earliest event and its time.
    pub(super) fn pop(&mut self) -> Option<(u64, E)> {
        if self.pending == 0 {
            return None;
        }
        while self.current.is_empty() {
            self.turn();
        }
        self.pending -= 1;
        self.current.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }

    fn place(&mut self, entry: Entry<E>) {
        let slot = entry.at >> SLOT_BITS;
        let (round, now) = (slot >> NEAR_BITS, self.slot >> NEAR_BITS);
        if slot <= self.slot {
            self.current.push(Reverse(entry));
        } else if round == now {
            self.near[(slot % NEAR) as usize].push(entry);
        } else {
            self.far[(round.min(now + FAR - 1) % FAR) as usize].push(entry);
        }
    }

    fn turn(&mut self) {
        self.slot += 1;
        if self.slot.is_multiple_of(NEAR) {
            let round = std::mem::take(&mut self.far[((self.slot >> NEAR_BITS) % FAR) as usize]);
            for entry in round {
                self.place(entry);
            }
        }
        let slot = &mut self.near[(self.slot % NEAR) as usize];
        self.current.extend(slot.drain(..).map(Reverse));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::SmallRng};

    #[test]
    fn events_come_in_the_order_of_a_sorted_list_near_and_far() {
        let mut dice = SmallRng::seed_from_u64(1);
        let (mut queue, mut model, mut now) = (Queue::new(), Vec::new(), 0);
        for step in 0..20_000_u32 {
            if dice.random_range(0..5) < 3 || model.is_empty() {
                let reach = [0, 1, 1 << 17, 1 << 20, 1 << 28, 1 << 30, 1 << 33][dice.random_range(0..7)];
                let at = now + dice.random_range(0..=reach);
                queue.push(at, step);
                model.push((at, step));
            } else if step % 1000 < 900 {
                let earliest = *model.iter().min().unwrap();
                model.retain(|entry| *entry != earliest);
                assert_eq!(queue.pop(), Some(earliest));
                now = earliest.0;
            }
            if model.len() > 300 {
                model.sort_unstable();
                for expected in model.drain(..) {
                    assert_eq!(queue.pop(), Some(expected));
                    now = expected.0;
                }
            }
        }
    }

    #[test]
    fn events_beyond_the_calendar_wait_for_their_turn() {
        let mut queue = Queue::new();
        let times = [1 << 41, (1 << 40) + 1, 1 << 40, 7];
        for (event, at) in times.into_iter().enumerate() {
            queue.push(at, event);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!(order, [3, 2, 1, 0]);
    }

    #[test]
    fn an_empty_queue_gives_nothing() {
        let mut queue = Queue::new();
        assert_eq!(queue.pop(), None);
        queue.push(5, 'a');
        assert_eq!((queue.pop(), queue.pop()), (Some((5, 'a')), None));
    }
}
