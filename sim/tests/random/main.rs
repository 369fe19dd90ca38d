//! Random programs against the simulated ensemble under random faults; after every step the invariants are checked.
//!
//! `HISTORIES=n` plays n histories (2,000 by default), `FIRST=s` starts at seed `s`, `SEED=s` plays one history and
//! prints it, and `KEEP=3,7,8` restricts that history to these steps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::match_same_arms, missing_docs, unreachable_pub)]
mod asks;
mod check;
mod draw;
mod end;
mod model;
mod plan;
mod run;
mod steps;
mod trace;

use plan::Plan;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Instant;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Plays a plan; a panic counts as a violation.
fn verdict(plan: &Plan) -> Result<(), String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| run::play(plan)));
    QUIET.set(false);
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!(
            "panic: {}",
            text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
        ))
    })
}

/// The smallest selection of steps found that still causes a violation.
fn shrink(plan: &Plan) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..plan.steps.len()).collect();
    let mut size = kept.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < kept.len() {
            let mut fewer = kept.clone();
            fewer.drain(at..(at + size).min(kept.len()));
            if verdict(&plan.keep(&fewer)).is_err() {
                kept = fewer;
            } else {
                at += size;
            }
        }
        size = if size == 1 && fewer_would_do(plan, &kept) { 1 } else { size / 2 };
    }
    kept
}

fn fewer_would_do(plan: &Plan, kept: &[usize]) -> bool {
    (0..kept.len()).any(|at| {
        let fewer: Vec<usize> =
            kept.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, step)| *step).collect();
        verdict(&plan.keep(&fewer)).is_err()
    })
}

/// The violation for a seed, with the history reduced, and the command to repeat it.
fn story(plan: &Plan, violation: &str) -> String {
    let kept = shrink(plan);
    let smaller = plan.keep(&kept);
    let small = verdict(&smaller).err().unwrap_or_default();
    let steps: Vec<String> =
        kept.iter().zip(&smaller.steps).map(|(number, step)| format!("  {number}: {step:?}")).collect();
    let list: Vec<String> = kept.iter().map(ToString::to_string).collect();
    format!(
        "seed {}: {violation}\nminimised: {small}\n{} members, servers {}, clients {:?}\n{}\n\
         again: SEED={} KEEP={} cargo test -p zk-sim --test random one_history -- --ignored --nocapture\n",
        plan.seed,
        plan.members,
        if plan.honest { "honest" } else { "that lie" },
        plan.clients,
        steps.join("\n"),
        plan.seed,
        list.join(",")
    )
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn random_histories_violate_nothing() {
    let (first, count) = (number("FIRST", 1), number("HISTORIES", 2000));
    let (next, failed) = (AtomicU64::new(first), AtomicBool::new(false));
    let stories = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failed.load(Ordering::Relaxed) {
                        return;
                    }
                    if seed % 50_000 == 0 {
                        eprintln!("seed {seed} after {:.0?}", start.elapsed());
                    }
                    let plan = Plan::generate(seed);
                    if let Err(violation) = verdict(&plan) {
                        failed.store(true, Ordering::Relaxed);
                        stories.lock().unwrap_or_else(PoisonError::into_inner).push(story(&plan, &violation));
                    }
                }
            });
        }
    });
    let stories = stories.into_inner().unwrap();
    assert!(stories.is_empty(), "{}", stories.join("\n"));
    println!("{count} histories from seed {first} in {:.1?}", start.elapsed());
}

fn traced(plan: &Plan) -> String {
    let mut text = String::new();
    // verdict() reports the panic.
    let _ = catch_unwind(AssertUnwindSafe(|| trace::trace(plan, &mut text)));
    text
}

/// One seed always gives the same history.
#[test]
fn a_seed_replays() {
    for seed in 1..20 {
        let plan = Plan::generate(seed);
        assert_eq!(verdict(&plan), verdict(&plan));
        assert_eq!(traced(&plan), traced(&plan));
    }
}

/// `SEED=s [KEEP=1,2,3]`: plays one history and prints the actions and events of each client.
#[test]
#[ignore = "needs SEED="]
fn one_history() {
    let mut plan = Plan::generate(number("SEED", 1));
    if let Ok(keep) = std::env::var("KEEP") {
        let steps: Vec<usize> =
            keep.split(',').filter(|step| !step.is_empty()).map(|step| step.parse().unwrap()).collect();
        plan = plan.keep(&steps);
    }
    println!("{plan:#?}\n{}", traced(&plan));
    let violation = verdict(&plan);
    assert_eq!(violation, Ok(()));
}
