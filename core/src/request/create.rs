//! The request that creates a node.
use super::mode;
use crate::code::Code;
use crate::proto::{Acl, op};

/// Longest time to live a server accepts, in milliseconds (40 bits).
pub(super) const TTL_MAX: i64 = 0xff_ffff_ffff;

/// A node to create.
#[derive(Clone, Copy, Debug)]
pub struct Create<'a> {
    /// Client path.
    pub path: &'a [u8],
    /// Content of the node; `None` is sent as length -1.
    pub data: Option<&'a [u8]>,
    /// Access control list.
    pub acl: &'a [Acl<'a>],
    /// One of [`mode`].
    pub mode: i32,
    /// Time to live in milliseconds: above 0 and below 2^40 for the modes with a time to live, below 0 for the others.
    pub ttl: i64,
    /// Whether the reply carries the new node's `Stat`.
    pub stat: bool,
}

impl Create<'_> {
    pub(super) fn check(&self) -> Result<i32, Code> {
        let ttl_fits = if mode::has_ttl(self.mode) { 0 < self.ttl && self.ttl <= TTL_MAX } else { self.ttl < 0 };
        if !ttl_fits {
            return Err(Code::BadArguments);
        }
        Ok(match self.mode {
            mode::CONTAINER => op::CREATE_CONTAINER,
            _ if mode::has_ttl(self.mode) => op::CREATE_TTL,
            _ if self.stat => op::CREATE2,
            _ => op::CREATE,
        })
    }
}
