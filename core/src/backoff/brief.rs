//! Sessions that are cut before their first ping was due, counted against the addresses that cut them.
use std::net::SocketAddr;

/// How many sessions in a row may be cut young before a pause follows.
const FREE: u32 = 8;
/// Counts beyond this change nothing.
const RUN_MAX: u32 = FREE + 16;
/// Addresses remembered at once; lists are not longer in practice, and this many suffice for a majority.
const CUTTERS_MAX: usize = 64;

/// The sessions cut young since one has lasted.
#[derive(Clone, Debug, Default)]
pub(super) struct Briefs {
    /// Their number.
    run: u32,
    /// The addresses that have cut one of these sessions, each once.
    cutters: Vec<SocketAddr>,
    /// The failed attempts before the latest session came.
    failures: u32,
}

impl Briefs {
    /// Called when a session has come after this many failed attempts.
    pub(super) fn came(&mut self, failures: u32) {
        self.failures = failures;
    }

    /// Called when this address has cut a session young.
    pub(super) fn cut(&mut self, address: Option<SocketAddr>) {
        self.run = (self.run + 1).min(RUN_MAX);
        if let Some(address) = address
            && self.cutters.len() < CUTTERS_MAX
            && !self.cutters.contains(&address)
        {
            self.cutters.push(address);
        }
    }

    /// Called when a session has lasted or the list has changed: forgets the earlier sessions.
    pub(super) fn clear(&mut self) {
        self.run = 0;
        self.cutters.clear();
    }

    /// The number of failed passes after which a pause is as long as the one that is due now, for a list of `servers`
    /// addresses. Zero as long as most of the addresses may be good, that is, have neither cut a session nor failed just
    /// before one came: then one of them is tried at once.
    pub(super) fn passes(&self, servers: u32) -> u32 {
        let majority = usize::try_from(servers / 2 + 1).unwrap_or(usize::MAX).min(CUTTERS_MAX);
        let failures = usize::try_from(self.failures).unwrap_or(usize::MAX);
        if self.cutters.len().saturating_add(failures) >= majority { self.run.saturating_sub(FREE) } else { 0 }
    }
}
