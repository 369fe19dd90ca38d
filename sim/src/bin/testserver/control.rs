//! The commands on stdin. Knows the ensemble; work on listeners is passed back to the caller.
use crate::options::number;
use zk_sim::fault::Fault;
use zk_sim::server::{Ensemble, Greeting, Mode};

pub(crate) const HELP: &str = "\
  up|down|freeze|notserving|readonly N|all     what members do (N counts from 1)
  greet N|all proper|close|silent|reject       how they take new connections
  fault N|all FAULT                            on every connection that stands
  faults N|all FAULT                           on every new connection; `none` ends it
      FAULT: cut BYTES, delay MS, slow BYTES MS, duplicate, unsolicited XID, wrongxid OFF,
             length N, garbage BYTES, swallow, truncate BYTES
  expire SESSION|all                           end sessions (decimal or 0x...)
  close N|all                                  close connections
  sessions                                     list the sessions' ids
  quit                                         end";

/// What the caller must do after a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Only print this text.
    Say(String),
    /// The modes have changed: listeners must follow.
    Listeners,
    /// End.
    Quit,
}

/// Executes one command.
pub(crate) fn obey(line: &str, members: usize, ensemble: &mut Ensemble, now: u64) -> Result<Then, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (verb, rest) = words.split_first().ok_or("no command")?;
    let whom = || each(rest.first(), members);
    match *verb {
        "up" => Ok(set_mode(&whom()?, Mode::Up, ensemble, now)),
        "down" => Ok(set_mode(&whom()?, Mode::Down, ensemble, now)),
        "freeze" => Ok(set_mode(&whom()?, Mode::Frozen, ensemble, now)),
        "notserving" => Ok(set_mode(&whom()?, Mode::NotServing, ensemble, now)),
        "readonly" => Ok(set_mode(&whom()?, Mode::ReadOnly, ensemble, now)),
        "greet" => {
            let how = match rest.get(1) {
                Some(&"proper") => Greeting::Proper,
                Some(&"close") => Greeting::Close,
                Some(&"silent") => Greeting::Silent,
                Some(&"reject") => Greeting::Reject,
                _ => return Err("greet how?".into()),
            };
            for member in whom()? {
                ensemble.set_greeting(member, how);
            }
            Ok(Then::Say(String::new()))
        }
        "fault" => {
            let fault = fault(rest.get(1..).unwrap_or_default())?;
            for id in whom()?.into_iter().flat_map(|member| ensemble.connections_of(member)).collect::<Vec<_>>() {
                ensemble.inject(id, fault);
            }
            Ok(Then::Say(String::new()))
        }
        "faults" => {
            let kind = rest.get(1..).unwrap_or_default();
            let faults = if kind == ["none"] { Vec::new() } else { vec![fault(kind)?] };
            for member in whom()? {
                ensemble.set_faults(member, faults.clone());
            }
            Ok(Then::Say(String::new()))
        }
        "expire" => {
            let ids: Vec<i64> = match rest.first() {
                Some(&"all") => ensemble.sessions().ids().collect(),
                Some(text) => vec![session(text)?],
                None => return Err("expire which?".into()),
            };
            for id in ids {
                ensemble.expire(id);
            }
            Ok(Then::Say(String::new()))
        }
        "close" => {
            for id in whom()?.into_iter().flat_map(|member| ensemble.connections_of(member)).collect::<Vec<_>>() {
                ensemble.close(id);
            }
            Ok(Then::Say(String::new()))
        }
        "sessions" => {
            let ids: Vec<String> = ensemble.sessions().ids().map(|id| format!("{id:#x}\n")).collect();
            Ok(Then::Say(ids.concat()))
        }
        "help" => Ok(Then::Say(format!("{HELP}\n"))),
        "quit" => Ok(Then::Quit),
        other => Err(format!("unknown command {other}")),
    }
}

fn set_mode(members: &[usize], mode: Mode, ensemble: &mut Ensemble, now: u64) -> Then {
    for member in members {
        ensemble.set_mode(*member, mode, now);
    }
    Then::Listeners
}

fn each(word: Option<&&str>, members: usize) -> Result<Vec<usize>, String> {
    match word {
        Some(&"all") => Ok((0..members).collect()),
        Some(text) => Ok(vec![number::<usize>(text, 1, members as u64)? - 1]),
        None => Err("which member?".into()),
    }
}

fn session(text: &str) -> Result<i64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).map(u64::cast_signed),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("{text} is no session"))
}

fn fault(words: &[&str]) -> Result<Fault, String> {
    let count = |at: usize| number::<usize>(words.get(at).unwrap_or(&""), 0, 1 << 30);
    let millis = |at: usize| number::<u64>(words.get(at).unwrap_or(&""), 0, 1 << 30);
    let signed = |at: usize| words.get(at).and_then(|text| text.parse::<i32>().ok()).ok_or("a number is missing");
    Ok(match words.first() {
        Some(&"cut") => Fault::Cut(count(1)?),
        Some(&"delay") => Fault::Delay(millis(1)?),
        Some(&"slow") => Fault::Slow(count(1)?, millis(2)?),
        Some(&"duplicate") => Fault::Duplicate,
        Some(&"unsolicited") => Fault::Unsolicited(signed(1)?),
        Some(&"wrongxid") => Fault::WrongXid(signed(1)?),
        Some(&"length") => Fault::Length(signed(1)?),
        Some(&"garbage") => Fault::Garbage(count(1)?),
        Some(&"swallow") => Fault::Swallow,
        Some(&"truncate") => Fault::Truncate(count(1)?),
        _ => return Err("which fault?".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use zk_sim::server::Options;

    #[test]
    fn commands_are_obeyed() {
        let mut ensemble = Ensemble::new(Options { members: 3, ..Options::default() });
        let mut obey = |line: &str| obey(line, 3, &mut ensemble, 0);
        assert_eq!(obey("down 2"), Ok(Then::Listeners));
        assert_eq!(obey("quit"), Ok(Then::Quit));
        for line in
            ["greet all silent", "fault 1 cut 7", "faults 3 slow 1 1000", "faults all none", "expire all", "close 1"]
        {
            assert_eq!(obey(line), Ok(Then::Say(String::new())), "{line}");
        }
        for line in ["", "down", "down 4", "down 0", "fault 1", "fault 1 cut", "fault 1 nonsense", "expire x", "what"] {
            assert!(obey(line).is_err(), "{line}");
        }
        assert_eq!(ensemble.mode(1), Some(Mode::Down));
    }
}
