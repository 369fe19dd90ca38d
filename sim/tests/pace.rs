//! The alert rule for too many attempts (dist/observe/alerts.yml) against the pace of the policies in a long outage.
use std::time::Duration;
use zk_core::backoff::Config;
use zk_sim::herd::{Ids, Incident, Policy, Scenario, run};

const RULES: &str = include_str!("../../dist/observe/alerts.yml");
/// The range of the rule's `rate`, in seconds.
const RANGE_S: u32 = 300;
/// The rule limits the session timeout to this, in seconds, as the policy does.
const TIMEOUT_MAX_S: u64 = 60;

/// The highest number of attempts per client and session timeout, as the average of any five minutes of 25 minutes
/// without servers.
fn most_attempts(
    policy: Policy,
    ids: Ids,
    incident: fn(Duration) -> Incident,
    servers: u8,
    timeout: u64,
) -> Option<f64> {
    let length = Duration::from_secs(1500);
    let clients = 5;
    let scenario = Scenario {
        clients,
        servers,
        timeout: Duration::from_secs(timeout),
        ids,
        policies: vec![policy],
        timeline: true,
        horizon: Duration::from_secs(1),
        ..Scenario::new(incident(length), Duration::from_secs(1))
    };
    let moments: Vec<_> = run(&scenario, 0).timeline.into_iter().filter(|moment| moment.time >= 0.0).collect();
    let samples = RANGE_S as usize * 10;
    let pairs = moments.iter().zip(moments.iter().skip(samples));
    let during = pairs.take_while(|(_, late)| late.time <= length.as_secs_f64());
    let most = during.map(|(early, late)| late.attempts - early.attempts).max()?;
    let per_second = f64::from(u32::try_from(most).ok()?) / f64::from(RANGE_S) / f64::from(clients);
    Some(per_second * Duration::from_secs(timeout.min(TIMEOUT_MAX_S)).as_secs_f64())
}

/// The number of attempts per handle and session timeout that the rule allows.
fn allowed() -> Option<f64> {
    let rule = RULES.split_once("alert: ZooKeeperClientReconnectsTooOften")?.1;
    let limit = rule.split_once("> ")?.1;
    limit.split(' ').next()?.parse().ok()
}

#[test]
fn an_outage_alone_is_below_the_alert_and_stock_above_it() {
    let allowed = allowed().unwrap();
    let mut highest = 0.0_f64;
    for timeout in [1, 10, 60, 120] {
        for servers in [1, 2, 3, 5, 13] {
            for ids in [Ids::ZooKeeper, Ids::Counter] {
                for incident in [Incident::Outage, Incident::Election] {
                    let ours = most_attempts(Policy::Ours(Config::default()), ids, incident, servers, timeout).unwrap();
                    highest = highest.max(ours);
                    assert!(ours < allowed * 0.9, "T={timeout} s, {servers} servers, {ids:?}: {ours:.1}");
                }
            }
        }
        if timeout <= TIMEOUT_MAX_S {
            let stock = most_attempts(Policy::C35, Ids::ZooKeeper, Incident::Outage, 1, timeout).unwrap();
            assert!(stock > allowed * 1.5, "T={timeout} s: {stock:.1}");
        }
    }
    println!("at most {highest:.1} attempts a session timeout");
    assert!(highest <= 25.0, "the comment of the rule: {highest:.1}");
}
