//! The I/O thread and its parts: the poll loop, connections, the receive buffers, the probe of read-only sessions, name
//! resolution. Knows no C type.
pub(crate) mod driver;
pub(crate) mod errand;
pub(crate) mod probe;
pub(crate) mod receiver;
pub(crate) mod registration;
pub(crate) mod resolver;
pub(crate) mod sasl;
pub(crate) mod security;
pub(crate) mod tls;
pub(crate) mod transport;
