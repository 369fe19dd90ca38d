//! The options of `calmkeeper plan`. Owns their limits: a value outside of them is an error and is not adjusted.
use crate::Failure;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Largest fleet: a larger one takes minutes and much memory, with the same answer.
const CLIENTS_MAX: u32 = 500_000;
/// Upper limit of clients x (outage + time to reconnect them all) / session timeout. At the limit a run takes an hour
/// or more on one core.
const WORK_MAX: f64 = 5e6;
/// The share of the fleet on ours, in percent, if none is given.
const PERCENT: u32 = 50;

/// What was asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) clients: u32,
    pub(crate) timeout: Duration,
    pub(crate) capacity: f64,
    pub(crate) servers: u8,
    /// The share of the fleet on ours; with 0 and 100 no mixed fleet is simulated.
    pub(crate) percent: u32,
    pub(crate) outage: Duration,
    pub(crate) seeds: u64,
    pub(crate) svg: Option<PathBuf>,
}

pub(crate) enum Asked {
    Help,
    Measure(String),
    Plan(Question),
}

/// Whether the client with this number is on ours. Those on ours are spread evenly over each hundred numbers.
pub(crate) fn is_ours(client: u32, percent: u32) -> bool {
    let part = client % 100;
    (part + 1) * percent / 100 > part * percent / 100
}

/// A number within limits; a whole one if `T` is a whole one.
fn number<T: FromStr + PartialOrd + Copy + std::fmt::Display>(
    option: &str,
    text: &str,
    least: T,
    most: T,
    kind: &str,
) -> Result<T, Failure> {
    let value = text.parse().ok().filter(|value| (&least..=&most).contains(&value));
    value.ok_or_else(|| Failure::usage(format!("--{option} {text}: not a {kind} from {least} to {most}")))
}

/// Reads the arguments after the command's name.
pub(crate) fn parse(mut arguments: lexopt::Parser) -> Result<Asked, Failure> {
    let (mut clients, mut timeout, mut capacity, mut host, mut share) = (None, None, None, None, None);
    let (mut servers, mut outage, mut seeds, mut svg) = (3, 30.0, 3, None);
    let mut count = 0;
    while let Some(argument) = arguments.next()? {
        let lexopt::Arg::Long(name) = argument else {
            if argument == lexopt::Arg::Short('h') {
                return Ok(Asked::Help);
            }
            return Err(argument.unexpected().into());
        };
        let name = name.to_owned();
        if name == "help" {
            return Ok(Asked::Help);
        }
        if !["clients", "timeout", "capacity", "servers", "share", "outage", "seeds", "svg", "measure"]
            .contains(&&*name)
        {
            return Err(Failure::usage(format!("there is no option --{name}")));
        }
        count += 1;
        let given = arguments.value()?;
        let text = given.to_string_lossy().into_owned();
        let value = |least, most| number(&name, &text, least, most, "number");
        match name.as_str() {
            "clients" => clients = Some(number(&name, &text, 1, CLIENTS_MAX, "whole number")?),
            "timeout" => timeout = Some(value(0.1, 86_400.0)?),
            "capacity" => capacity = Some(value(0.01, 1e7)?),
            "servers" => servers = number(&name, &text, 1, u8::MAX, "whole number")?,
            "share" => share = Some(percent(&text, value(0.0, 1.0)?)?),
            "outage" => outage = value(0.1, 86_400.0)?,
            "seeds" => seeds = number(&name, &text, 1, 99, "whole number")?,
            "svg" => svg = Some(PathBuf::from(given)),
            _ => host = Some(text),
        }
    }
    if let Some(host) = host {
        let is_alone = count == 1;
        return is_alone
            .then_some(Asked::Measure(host))
            .ok_or_else(|| Failure::usage("--measure takes no other option"));
    }
    let missing = |what: &str| Failure::usage(format!("plan needs {what}"));
    let clients = clients.ok_or_else(|| missing("--clients N"))?;
    let question = Question {
        clients,
        timeout: Duration::from_secs_f64(timeout.ok_or_else(|| missing("--timeout SECONDS, the session timeout"))?),
        capacity: capacity
            .ok_or_else(|| missing("--capacity R, the clients that the ensemble can take back in a second"))?,
        servers,
        percent: mixed(clients, share)?,
        outage: Duration::from_secs_f64(outage),
        seeds,
        svg,
    };
    let clients = f64::from(question.clients);
    let work = clients * (outage + clients / question.capacity) / question.timeout.as_secs_f64();
    if work > WORK_MAX {
        return Err(Failure::usage(format!(
            "too much to simulate, by a factor of {:.0}: fewer --clients, a shorter --outage, a longer --timeout or a larger --capacity",
            (work / WORK_MAX).ceil()
        )));
    }
    Ok(Asked::Plan(question))
}

/// A share in percent.
fn percent(text: &str, share: f64) -> Result<u32, Failure> {
    let percent = (0..=100_u32).find(|percent| (f64::from(*percent) - share * 100.0).abs() < 1e-6);
    percent.ok_or_else(|| Failure::usage(format!("--share {text}: not a multiple of 0.01")))
}

/// The share of the mixed fleet, in percent; 0 or 100 for no mixed fleet. A given share between these that puts none or
/// all of the clients on ours is an error.
fn mixed(clients: u32, given: Option<u32>) -> Result<u32, Failure> {
    let percent = given.unwrap_or(PERCENT);
    let ours = (0..clients).filter(|client| is_ours(*client, percent)).count();
    let is_mixed = (1..clients as usize).contains(&ours);
    match given {
        _ if is_mixed => Ok(percent),
        None | Some(0) => Ok(0),
        Some(100) => Ok(100),
        Some(_) => Err(Failure::usage(format!(
            "--share 0.{percent:02}: of {clients} clients it makes {ours} on ours, which is no mixed fleet"
        ))),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn asked(words: &[&str]) -> Result<Asked, Failure> {
        parse(lexopt::Parser::from_args(words))
    }

    fn complaint(words: &[&str]) -> String {
        match asked(words) {
            Err(Failure::Usage(what) | Failure::Failed(what)) => what,
            Ok(_) => panic!("{words:?} is taken"),
        }
    }

    const ALL: [&str; 6] = ["--clients", "100", "--timeout", "4", "--capacity", "50"];

    #[test]
    fn a_question_needs_fleet_timeout_and_capacity() {
        assert!(matches!(asked(&ALL), Ok(Asked::Plan(question)) if question.clients == 100 && question.servers == 3));
        assert!(complaint(&ALL[..4]).contains("--capacity R"));
        for (wrong, what) in [
            (["--clients", "0"], "not a whole number from 1"),
            (["--timeout", "soon"], "--timeout soon: not a number"),
            (["--share", "1.5"], "from 0 to 1"),
            (["--fleet", "7"], "no option --fleet"),
        ] {
            assert!(complaint(&wrong).contains(what), "{wrong:?}: {}", complaint(&wrong));
        }
    }

    #[test]
    fn no_value_is_taken_for_another() {
        for (option, value, what) in [
            ("--clients", "10.9", "not a whole number from 1 to 500000"),
            ("--servers", "2.5", "not a whole number from 1 to 255"),
            ("--servers", "256", "not a whole number"),
            ("--seeds", "1.9", "not a whole number from 1 to 99"),
            ("--outage", "0", "not a number from 0.1 to 86400"),
            ("--outage", "NaN", "not a number"),
            ("--share", "0.015", "not a multiple of 0.01"),
            ("--share", "0.001", "not a multiple of 0.01"),
            ("--measure", "127.0.0.1:1", "takes no other option"),
        ] {
            let words: Vec<&str> = ALL.into_iter().chain([option, value]).collect();
            assert!(complaint(&words).contains(what), "{option} {value}: {}", complaint(&words));
        }
    }

    #[test]
    fn a_share_of_no_client_is_refused_if_asked_for() {
        let share = |clients: &str, share: &[&str]| {
            let words = ["--timeout", "4", "--capacity", "50", "--clients", clients];
            asked(&words.into_iter().chain(share.iter().copied()).collect::<Vec<_>>())
        };
        assert!(matches!(share("1", &[]), Ok(Asked::Plan(question)) if question.percent == 0));
        assert!(matches!(share("1", &["--share", "1"]), Ok(Asked::Plan(question)) if question.percent == 100));
        assert!(matches!(share("100", &["--share", "0.01"]), Ok(Asked::Plan(question)) if question.percent == 1));
        assert!(
            matches!(share("50", &["--share", "0.01"]), Err(Failure::Usage(what)) if what.contains("makes 0 on ours"))
        );
    }

    #[test]
    fn a_question_that_would_take_days_is_refused() {
        let words = |capacity| ["--clients", "500000", "--timeout", "30", "--capacity", capacity];
        assert!(asked(&words("5000")).is_ok());
        assert!(complaint(&words("1")).contains("too much to simulate, by a factor of"), "{}", complaint(&words("1")));
    }
}
