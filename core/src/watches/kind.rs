//! The kinds of watches, and of their removals, with the numbers of the protocol.

/// The table to which a watch belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchKind {
    /// The data of an existing node.
    Data,
    /// A node that may not exist yet; becomes a data watch when it does.
    Exist,
    /// The list of children.
    Child,
    /// Data and children of one node; stays after an event.
    Persistent,
    /// A node and everything below it; stays after an event.
    Recursive,
}

impl WatchKind {
    /// The kind that `AddWatch` leaves with this mode.
    pub const fn from_mode(mode: i32) -> Option<WatchKind> {
        match mode {
            0 => Some(WatchKind::Persistent),
            1 => Some(WatchKind::Recursive),
            _ => None,
        }
    }

    /// The mode of `AddWatch` for this kind; `None` for the one-shot kinds, which reads leave.
    pub const fn mode(self) -> Option<i32> {
        match self {
            WatchKind::Data | WatchKind::Exist | WatchKind::Child => None,
            WatchKind::Persistent => Some(0),
            WatchKind::Recursive => Some(1),
        }
    }
}

/// The watches that a removal covers; the numbers are those of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Child watches.
    Children,
    /// Data and exist watches.
    Data,
    /// All watches, persistent ones included.
    Any,
    /// Persistent watches. Servers know this number and the next one since 3.9.
    Persistent,
    /// Persistent recursive watches.
    Recursive,
}

impl Removal {
    /// The number on the wire.
    pub const fn to_i32(self) -> i32 {
        match self {
            Removal::Children => 1,
            Removal::Data => 2,
            Removal::Any => 3,
            Removal::Persistent => 4,
            Removal::Recursive => 5,
        }
    }

    /// The kind with this number.
    pub const fn from_i32(value: i32) -> Option<Removal> {
        match value {
            1 => Some(Removal::Children),
            2 => Some(Removal::Data),
            3 => Some(Removal::Any),
            4 => Some(Removal::Persistent),
            5 => Some(Removal::Recursive),
            _ => None,
        }
    }
}
