//! The functions of the C interface that concern neither a handle nor the log: the library's version, byte order.
use libc::c_char;

/// The interface's version, then ours: starts like Apache's `ZOO_VERSION` for programs that parse it. The first number must
/// agree with `include/templates/zookeeper_version.h`.
const VERSION: &str = concat!("3.8.0 (calmkeeper ", env!("CARGO_PKG_VERSION"), ")\0");

/// The version of the interface and of this library, as a C string that is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn zoo_version_str() -> *const c_char {
    VERSION.as_ptr().cast()
}

/// Turns 64 bits from the host's byte order to the network's, or back.
#[unsafe(no_mangle)]
pub extern "C" fn zoo_htonll(v: i64) -> i64 {
    v.to_be()
}
