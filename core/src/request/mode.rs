//! Create modes: a node's lifetime, and whether the server numbers its name. The values are those of the wire and of
//! the C interface (`ZOO_PERSISTENT` and so on).
#![allow(missing_docs)]
pub const PERSISTENT: i32 = 0;
pub const EPHEMERAL: i32 = 1;
pub const PERSISTENT_SEQUENTIAL: i32 = 2;
pub const EPHEMERAL_SEQUENTIAL: i32 = 3;
pub const CONTAINER: i32 = 4;
pub const PERSISTENT_WITH_TTL: i32 = 5;
pub const PERSISTENT_SEQUENTIAL_WITH_TTL: i32 = 6;

/// Whether the server appends a number to the name.
pub const fn is_sequential(mode: i32) -> bool {
    matches!(mode, PERSISTENT_SEQUENTIAL | EPHEMERAL_SEQUENTIAL | PERSISTENT_SEQUENTIAL_WITH_TTL)
}

/// Whether the node has a time to live.
pub const fn has_ttl(mode: i32) -> bool {
    matches!(mode, PERSISTENT_WITH_TTL | PERSISTENT_SEQUENTIAL_WITH_TTL)
}
