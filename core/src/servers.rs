//! The server list: parsing of host strings, the order of attempts, rebalancing when the list changes. Knows no
//! resolver and no socket: names go out as [`HostPort`], addresses come in.
mod list;
mod parse;

pub use list::{Change, ServerList};
pub use parse::{HostList, HostPort, ParseError, parse, parse_servers};
