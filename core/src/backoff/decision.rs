//! The reasons of a plan, in words for log lines.
use super::Standing;
use std::fmt;
use std::time::Duration;

/// The reasons of the latest pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The session's standing, if it is known and used.
    pub standing: Option<Standing>,
    /// The longest pause that could have been drawn.
    pub window: Duration,
    /// The reason for the length of the window.
    pub why: Why,
    /// Whether the next attempt stays at its server for longer than a session timeout.
    pub parked: bool,
}

impl fmt::Display for Decision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.standing {
            Some(standing) => write!(out, "rank={}, effective rank={}", standing.rank, standing.effective())?,
            None => out.write_str("rank=unknown")?,
        }
        let parked = if self.parked { "yes" } else { "no" };
        write!(out, ", window={}ms, why={}, parked={parked}", self.window.as_millis(), self.why)
    }
}

/// The reason for the length of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Why {
    /// Nothing: there was no window.
    #[default]
    Nothing,
    /// The first attempt after a loss.
    Reconnect,
    /// The pass over the list goes on with the next server.
    NextServer,
    /// Passes over the list that ended without an answer.
    Pass,
    /// The rank of the session.
    Rank,
    /// The size of the fleet, as the operator gave it.
    Fleet,
    /// A refusal, which costs the servers little.
    Refused,
    /// A server that seems to be starting.
    Starting,
    /// Servers that answer too slowly.
    Congestion,
    /// Servers that cut sessions young.
    Brief,
    /// The pause of the previous handle continues.
    Inherited,
}

impl Why {
    /// The number of the variant in the C interface, in the order of the variants.
    pub fn number(self) -> i64 {
        self as i64
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Why::Nothing => "none",
            Why::Reconnect => "reconnect",
            Why::NextServer => "next-server",
            Why::Pass => "pass",
            Why::Rank => "rank",
            Why::Fleet => "fleet",
            Why::Refused => "refused",
            Why::Starting => "starting",
            Why::Congestion => "congestion",
            Why::Brief => "brief-sessions",
            Why::Inherited => "inherited",
        })
    }
}
