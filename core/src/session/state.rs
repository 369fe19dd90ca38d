//! The states that the application sees.

/// States of a session, with the numbers of the C interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Before the first attempt.
    NotConnected,
    /// Between a failure and the next attempt.
    Paused,
    /// A TCP connection is being made.
    Connecting,
    /// A TCP connection for TLS is being made, or the TLS handshake is under way.
    Securing,
    /// The ZooKeeper handshake or SASL is under way.
    Associating,
    /// Established.
    Connected,
    /// Established with a read-only server.
    ReadOnly,
    /// The server has expired the session; final.
    Expired,
    /// Authentication failed; final.
    AuthFailed,
    /// The application has closed the session; final.
    Closed,
}

impl State {
    /// The number that `zoo_state` returns.
    pub const fn to_i32(self) -> i32 {
        match self {
            State::NotConnected => 999,
            State::Paused | State::Closed => 0,
            State::Connecting => 1,
            State::Associating => 2,
            State::Securing => 7,
            State::Connected => 3,
            State::ReadOnly => 5,
            State::Expired => -112,
            State::AuthFailed => -113,
        }
    }
}
