//! Every limit in one place. Each is checked before anything is allocated for what it bounds.
use std::time::Duration;

/// Longest frame the server may announce when nothing else is configured, in bytes. Servers bound what a client sends
/// (`jute.maxbuffer`, by default 1 MiB less one byte) and not what they answer: a list of children may be far longer.
/// No known answer comes near 64 MiB, and a length beyond it is taken for a broken stream.
pub const FRAME: usize = 64 << 20;

/// Longest request the client sends, in bytes of its paths, data and names. Servers refuse beyond `jute.maxbuffer`;
/// this bounds only what a length field can say.
pub const REQUEST: usize = 1 << 30;

/// Bytes of paths in one `SetWatches` request: far below any server's `jute.maxbuffer` (the figure Apache's Java client uses).
pub const SET_WATCHES: usize = 128 * 1024;

/// Bytes of requests that may wait while there is no session. More is refused with a marshalling error.
pub const QUEUED: usize = 1 << 30;

/// Addresses taken from one server list.
pub const SERVERS: usize = 4096;

/// Capacity that a drained buffer keeps for the next burst, in bytes. What exceeds it is given back.
pub const KEPT: usize = 256 * 1024;

/// Entries for which a drained queue keeps room.
pub const KEPT_ENTRIES: usize = 4096;

/// The least time limit of anything that is waited for, and the least pause after a failed pass over the server list:
/// a session timeout of 0 must not make a loop without a pause.
pub const LEAST_WAIT: Duration = Duration::from_millis(5);

/// Empties a buffer; it keeps no more than [`KEPT`].
pub(crate) fn drain(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > KEPT {
        *buffer = Vec::new();
    }
}
