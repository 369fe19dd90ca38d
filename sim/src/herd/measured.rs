//! Medians over several seeds of one scenario, and their form in a table.
use super::outcome::{Outcome, median, median_time};
use super::scenario::Scenario;
use super::world::run;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The outcomes of one scenario under several seeds.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// By seed, starting from 0.
    pub outcomes: Vec<Outcome>,
    /// How long the incident lasted, in seconds.
    pub incident: f64,
}

impl Measured {
    /// Median time until a share of the clients is back; `share` is an index into [50, 90, 99, 100] %. `None` if half
    /// of the runs or more never reached it.
    pub fn back(&self, share: usize) -> Option<f64> {
        median_time(self.outcomes.iter().map(|outcome| outcome.back[share]))
    }

    /// The longest time over the seeds until 99 % are back; `None` if a run never reached that.
    pub fn worst_t99(&self) -> Option<f64> {
        self.outcomes.iter().map(Outcome::t99).try_fold(0.0_f64, |worst, time| time.map(|time| worst.max(time)))
    }

    /// Median of lost sessions per client.
    pub fn lost(&self) -> f64 {
        median(self.outcomes.iter().map(Outcome::lost_share))
    }

    /// The maximum of lost sessions per client over the seeds.
    pub fn most_lost(&self) -> f64 {
        self.outcomes.iter().map(Outcome::lost_share).fold(0.0, f64::max)
    }

    /// Median of [`Outcome::gone_share`].
    pub fn gone(&self) -> f64 {
        median(self.outcomes.iter().map(Outcome::gone_share))
    }

    /// The maximum of [`Outcome::gone_share`] over the seeds.
    pub fn most_gone(&self) -> f64 {
        self.outcomes.iter().map(Outcome::gone_share).fold(0.0, f64::max)
    }

    /// The maximum of [`Outcome::undecided_share`] over the seeds.
    pub fn most_undecided(&self) -> f64 {
        self.outcomes.iter().map(Outcome::undecided_share).fold(0.0, f64::max)
    }

    /// Median of the fleet's attempts per second while the incident lasted.
    pub fn attempts_per_second(&self) -> f64 {
        median(self.outcomes.iter().map(|outcome| outcome.attempts_during as f64)) / self.incident
    }

    /// Median over the seeds of a quantile of the downtimes.
    pub fn downtime(&self, quantile: f64) -> f64 {
        median(self.outcomes.iter().map(|outcome| outcome.downtime(quantile)))
    }

    /// Median of the maximum of descriptors on one server, as a multiple of its share of the clients.
    pub fn descriptors(&self) -> f64 {
        median(self.outcomes.iter().map(|outcome| outcome.descriptors))
    }

    /// Median of the share of a policy's clients that was connected on average until the horizon.
    pub fn connected(&self, group: usize) -> f64 {
        median(self.outcomes.iter().map(|outcome| outcome.groups.get(group).map_or(f64::NAN, |group| group.connected)))
    }

    /// "seconds to 99 % (sessions lost)", or a text that 99 % were never reached, with the share that was connected on
    /// average.
    pub fn recovery(&self) -> String {
        let lost = match self.lost() * 100.0 {
            0.0 => "0".to_owned(),
            lost if lost < 1.0 => "< 1 %".to_owned(),
            lost => format!("{lost:.0} %"),
        };
        match self.back(2) {
            Some(time) => format!("{} ({lost})", seconds(time)),
            None => format!("never ({:.0} % up)", self.connected(0) * 100.0),
        }
    }
}

/// A time with its significant digits.
pub fn seconds(time: f64) -> String {
    if time < 1.0 {
        format!("{time:.3}")
    } else if time < 100.0 {
        format!("{time:.1}")
    } else {
        format!("{time:.0}")
    }
}

/// Runs each scenario with seeds from 0 to `seeds`, on `jobs` threads. The result does not depend on the number of
/// threads.
pub fn measure_all(
    scenarios: &[Scenario],
    seeds: u64,
    jobs: usize,
    progress: &(impl Fn(usize, usize) + Sync),
) -> Vec<Measured> {
    let seeds_each = seeds as usize;
    let total = scenarios.len() * seeds_each;
    let outcomes: Vec<Mutex<Option<Outcome>>> = (0..total).map(|_| Mutex::new(None)).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let task = next.fetch_add(1, Ordering::Relaxed);
                    if task >= total {
                        return;
                    }
                    let outcome = run(&scenarios[task / seeds_each], (task % seeds_each) as u64);
                    *outcomes[task].lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    let measured = |scenario: &Scenario| Measured {
        outcomes: outcomes.by_ref().take(seeds_each).flatten().collect(),
        incident: scenario.duration().as_secs_f64(),
    };
    scenarios.iter().map(measured).collect()
}

/// Runs one scenario with seeds from 0 to `seeds`, one after the other.
pub fn measure(scenario: &Scenario, seeds: u64) -> Measured {
    measure_all(std::slice::from_ref(scenario), seeds, 1, &|_, _| {}).pop().unwrap_or_default()
}
