//! Sends the same raw requests to the real ZooKeeper 3.8.0 and to the simulated one, and compares every byte of the
//! answers, zxids included; only clock times, session ids and passwords are made equal first.
//!
//! `CAPTURE=1 cargo test -p zk-sim --test differential` also writes the answers of the real server to
//! core/tests/golden.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]
mod capture;
mod script;
mod servers;
mod stories;

use script::Script;
use servers::{Real, Simulated, Transcript, play};
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use zk_core::jute::Reader;
use zk_core::proto::ConnectResponse;
use zk_sim::server::Options;

fn wall() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Replaces times, session ids and passwords by names, in place.
fn normalise(transcript: &mut Transcript, script: &Script, times: std::ops::RangeInclusive<i64>) {
    let mut secrets: Vec<Vec<u8>> = Vec::new();
    for (step, heard) in script.steps.iter().zip(transcript.iter()) {
        if let script::Act::Connect { .. } = step.act
            && let Some(frame) = heard.get(&step.on).and_then(|heard| heard.frames.first())
        {
            let response = ConnectResponse::read(&mut Reader::new(frame)).unwrap();
            if response.session_id != 0 {
                secrets.push(response.session_id.to_be_bytes().to_vec());
                secrets.push(response.password.to_vec());
            }
        }
    }
    // A resumed session appears again: its name is that of its first appearance.
    let mut known: Vec<Vec<u8>> = Vec::new();
    for secret in secrets {
        if !known.contains(&secret) {
            known.push(secret);
        }
    }
    let frames = transcript.iter_mut().flat_map(|heard| heard.values_mut()).flat_map(|heard| heard.frames.iter_mut());
    for frame in frames {
        for (number, secret) in known.iter().enumerate() {
            let mut at = 0;
            while at + secret.len() <= frame.len() {
                if frame[at..].starts_with(secret) {
                    frame[at..at + secret.len()].fill(0xe0 + u8::try_from(number % 16).unwrap());
                }
                at += 1;
            }
        }
        for at in 0..frame.len().saturating_sub(7) {
            let value = i64::from_be_bytes(*frame[at..].first_chunk().unwrap());
            if times.contains(&value) {
                frame[at..at + 8].fill(0xdd);
            }
        }
    }
}

fn show(heard: Option<&std::collections::BTreeMap<usize, servers::Heard>>) -> String {
    let mut text = String::new();
    for (on, heard) in heard.into_iter().flatten() {
        let _ = writeln!(text, "  connection {on}{}", if heard.closed { " closed" } else { "" });
        for frame in &heard.frames {
            let _ = writeln!(text, "    {}", capture::hex(frame));
        }
        if !heard.raw.is_empty() {
            let _ = writeln!(text, "    raw {:?}", String::from_utf8_lossy(&heard.raw));
        }
    }
    text
}

/// Plays a script on both servers and demands equal answers.
fn compare(name: &str, script: &Script, start_real: impl FnOnce() -> Real, options: Options) {
    // Only one JVM at a time.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut real = start_real();
    let start = wall();
    let mut simulated = Simulated::new(Options { epoch: start, ..options });
    let (mut expected, skipped) = play(&mut real, &script.steps);
    if std::env::var_os("CAPTURE").is_some() {
        capture::write(name, script, &expected);
    }
    let (mut got, _) = play(&mut simulated, &script.steps);
    if !skipped.is_empty() {
        real.show_log();
    }
    let times = start - 5000..=start + 600_000;
    normalise(&mut expected, script, times.clone());
    normalise(&mut got, script, times);
    let mut differences = String::new();
    for (number, step) in script.steps.iter().enumerate() {
        if expected.get(number) != got.get(number) {
            let (real, sim) = (show(expected.get(number)), show(got.get(number)));
            let _ = write!(differences, "step {number} on {}: {}\n real\n{real} simulated\n{sim}", step.on, step.label);
        }
    }
    assert!(
        skipped.is_empty(),
        "{name}: steps on connections that the real server has closed: {skipped:?}\n{differences}"
    );
    assert!(differences.is_empty(), "{name}: the simulated server differs\n{differences}");
}

#[test]
fn operations_answer_as_the_real_server_does() {
    compare("operations", &stories::operations(), || Real::start(&[], ""), Options::default());
}

#[test]
fn multis_answer_as_the_real_server_does() {
    compare("multi", &stories::multis(), || Real::start(&[], ""), Options::default());
}

#[test]
fn watches_fire_as_on_the_real_server() {
    compare("watches", &stories::watches(), || Real::start(&[], ""), Options::default());
}

#[test]
fn acls_and_auth_work_as_on_the_real_server() {
    let superuser = "super:g9oN2HttPfn8MMWJZ2r45Np/LIA=";
    let argument = format!("-Dzookeeper.DigestAuthenticationProvider.superDigest={superuser}");
    let options = Options { superuser: Some(superuser.into()), ..Options::default() };
    compare("acl", &stories::acls(), || Real::start(&[&argument], ""), options);
}

#[test]
fn sessions_and_bad_input_are_handled_as_by_the_real_server() {
    compare("sessions", &stories::sessions(), || Real::start(&[], ""), Options::default());
}

#[test]
fn without_extended_types_ttl_is_refused_as_by_the_real_server() {
    let options = Options { extended_types: false, reconfig: true, ..Options::default() };
    let real = || Real::start(&["-Dzookeeper.extendedTypesEnabled=false"], "reconfigEnabled=true");
    compare("plain", &stories::plain(), real, options);
}
