//! The server list: parsing of host strings, the order of attempts, rebalancing when the list changes. Knows no
//! resolver and no socket: names go out in a [`Lookup`], addresses come in.
mod hosts;
mod list;
mod parse;

pub use hosts::{HostList, Hosts, Lookup};
pub use list::{Change, InUse, ServerList};
pub use parse::{HostPort, HostString, ParseError, parse, parse_servers};
