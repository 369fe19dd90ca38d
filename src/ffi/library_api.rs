//! The functions of the C interface that concern neither a handle nor the log: the library's version, byte order.
use libc::c_char;
use std::ffi::CStr;

/// The interface's version. Must agree with `include/templates/zookeeper_version.h`.
const INTERFACE_VERSION: &CStr = c"3.8.0";

/// This library's version.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// The version of the interface, equal to `ZOO_VERSION`, as a C string that is never freed.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zoo_version_str() -> *const c_char {
    INTERFACE_VERSION.as_ptr()
}

/// The version of this library, as a C string that is never freed.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn calmkeeper_version_str() -> *const c_char {
    VERSION.as_ptr().cast()
}

/// Turns 64 bits from the host's byte order to the network's, or back.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zoo_htonll(v: i64) -> i64 {
    v.to_be()
}
