//! Every limit in one place. Each is checked before anything is allocated for what it bounds.

/// Longest frame the server may announce when nothing else is configured, in bytes: the server's default
/// `jute.maxbuffer` (1 MiB less one byte) with room for headers and for lists of names, which servers do not bound as
/// tightly as single values.
pub const FRAME: usize = 64 << 20;

/// Longest request the client sends, in bytes. Servers refuse beyond `jute.maxbuffer`; this bounds only what a
/// length field can say.
pub const REQUEST: usize = 1 << 30;

/// Bytes of paths in one `SetWatches` request: far below any server's `jute.maxbuffer` (the figure Apache's Java client uses).
pub const SET_WATCHES: usize = 128 * 1024;

/// Bytes of requests that may wait while there is no session. More is refused with a marshalling error.
pub const QUEUED: usize = 1 << 30;

/// Addresses taken from one server list.
pub const SERVERS: usize = 4096;
