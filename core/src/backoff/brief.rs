//! Sessions that are cut before their first ping was due, counted against the addresses that cut them.
use std::net::SocketAddr;

/// Sessions in a row that may be cut young before a pause follows.
const FREE: u32 = 8;
/// Counts beyond this change nothing.
const RUN_MAX: u32 = FREE + 16;
/// Addresses remembered at once; a list is not longer in practice, and the first ones suffice to make a majority.
const CUTTERS_MAX: usize = 64;

/// The sessions cut young since one has lasted.
#[derive(Clone, Debug, Default)]
pub(super) struct Briefs {
    /// How many in a row.
    run: u32,
    /// The addresses that have cut one, each once.
    cutters: Vec<SocketAddr>,
    /// Attempts at other addresses that had failed when the latest of these sessions came.
    failures: u32,
}

impl Briefs {
    /// A session has come after so many failed attempts.
    pub(super) fn came(&mut self, failures: u32) {
        self.failures = failures;
    }

    /// A session was cut young by this address.
    pub(super) fn cut(&mut self, address: Option<SocketAddr>) {
        self.run = (self.run + 1).min(RUN_MAX);
        if let Some(address) = address
            && self.cutters.len() < CUTTERS_MAX
            && !self.cutters.contains(&address)
        {
            self.cutters.push(address);
        }
    }

    /// A session has lasted, or the list is another one: what was before counts no more.
    pub(super) fn clear(&mut self) {
        self.run = 0;
        self.cutters.clear();
    }

    /// After how many failed passes over a list of `servers` addresses the pause should be. Zero as long as most of the
    /// addresses may be good, having neither cut a session nor failed just before one came: one of them is tried at once.
    pub(super) fn passes(&self, servers: u32) -> u32 {
        let majority = usize::try_from(servers / 2 + 1).unwrap_or(usize::MAX).min(CUTTERS_MAX);
        let failures = usize::try_from(self.failures).unwrap_or(usize::MAX);
        if self.cutters.len().saturating_add(failures) >= majority { self.run.saturating_sub(FREE) } else { 0 }
    }
}
