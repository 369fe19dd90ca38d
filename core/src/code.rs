//! The error codes that a caller can see. Owns the one `Code` enum; does not know where they are raised.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)*) => {
        /// A ZooKeeper error code. The numbers are the wire's and the C interface's (`enum ZOO_ERRORS` of zookeeper.h);
        /// `Other` carries a number without a name, as received.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
            /// A number outside the known list, kept so that no code of the server is lost.
            Other(i32),
        }

        impl Code {
            /// The code that bears this number.
            pub const fn from_i32(value: i32) -> Code {
                match value { $($value => Code::$name,)* other => Code::Other(other) }
            }

            /// The number seen on the wire and through the C interface.
            pub const fn to_i32(self) -> i32 {
                match self { $(Code::$name => $value,)* Code::Other(value) => value }
            }
        }
    };
}

codes! {
    /// Success.
    Ok = 0,
    /// Never returned; marks the range of system and server-side errors.
    SystemError = -1,
    /// The library found its own state contradictory.
    RuntimeInconsistency = -2,
    /// The server found a data inconsistency.
    DataInconsistency = -3,
    /// The connection to the server was lost before the answer came; the operation may or may not have happened.
    ConnectionLoss = -4,
    /// A message could not be encoded or decoded.
    MarshallingError = -5,
    /// The operation is not implemented.
    Unimplemented = -6,
    /// No answer within two thirds of the session timeout.
    OperationTimeout = -7,
    /// The arguments are not valid.
    BadArguments = -8,
    /// The handle is not in a state for this call.
    InvalidState = -9,
    /// No quorum of the new configuration is connected.
    NewConfigNoQuorum = -13,
    /// A reconfiguration is in progress already.
    ReconfigInProgress = -14,
    /// The TLS connection failed.
    SslConnectionError = -15,
    /// Marks the range of errors the server returns for an operation.
    ApiError = -100,
    /// The node does not exist.
    NoNode = -101,
    /// The session lacks the permission.
    NoAuth = -102,
    /// The node's version is not the requested one.
    BadVersion = -103,
    /// An ephemeral node may not have children.
    NoChildrenForEphemerals = -108,
    /// The node exists already.
    NodeExists = -110,
    /// The node has children.
    NotEmpty = -111,
    /// The server has expired the session.
    SessionExpired = -112,
    /// The callback is not valid.
    InvalidCallback = -113,
    /// The ACL is not valid.
    InvalidAcl = -114,
    /// Authentication failed.
    AuthFailed = -115,
    /// The handle is being closed.
    Closing = -116,
    /// There is nothing to read.
    Nothing = -117,
    /// The session moved to another server, so the operation was ignored.
    SessionMoved = -118,
    /// A read-only server got a request that changes state.
    NotReadOnly = -119,
    /// The operation would need an ephemeral node on a local session.
    EphemeralOnLocalSession = -120,
    /// No such watcher is registered.
    NoWatcher = -121,
    /// No answer within the time limit of requests. Raised by the client alone.
    RequestTimeout = -122,
    /// Dynamic reconfiguration is switched off.
    ReconfigDisabled = -123,
    /// The server demands SASL authentication, and the session has none.
    SessionClosedRequireSaslAuth = -124,
    /// The write would exceed a quota that the server enforces.
    QuotaExceeded = -125,
    /// The server throttled the operation.
    ThrottledOp = -127,
}
