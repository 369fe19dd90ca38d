//! Every limit in one place. Each is checked before memory is allocated for the thing that it limits.
use std::time::Duration;

/// Default of the longest frame that the server may announce, in bytes. Servers limit a client's requests
/// (`jute.maxbuffer`, by default 1 MiB less one byte) but not their replies: a list of children may be far longer. No
/// known reply comes near 64 MiB, and a longer one is taken for a broken stream.
pub const FRAME: usize = 64 << 20;

/// Longest request the client sends, in bytes of its paths, data and names. Servers already refuse requests above
/// `jute.maxbuffer`; this limit only keeps a length within its field.
pub const REQUEST: usize = 1 << 30;

/// Bytes of paths in one `SetWatches` request: far below any server's `jute.maxbuffer` (the figure Apache's Java client uses).
pub const SET_WATCHES: usize = 128 * 1024;

/// Bytes of requests that may wait while there is no session. Further requests are refused with a marshalling error.
pub const QUEUED: usize = 1 << 30;

/// How many addresses of a server list are used.
pub const SERVERS: usize = 4096;

/// Capacity that a drained buffer keeps for the next burst, in bytes. The rest is freed.
pub const KEPT: usize = 256 * 1024;

/// How many entries a drained queue keeps room for.
pub const KEPT_ENTRIES: usize = 4096;

/// The shortest time limit of any wait, and the shortest pause after a failed pass over the server list: a session
/// timeout of 0 must not make a loop without a pause.
pub const LEAST_WAIT: Duration = Duration::from_millis(5);

/// Empties a buffer, which then keeps at most [`KEPT`] bytes.
pub(crate) fn drain(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > KEPT {
        *buffer = Vec::new();
    }
}
