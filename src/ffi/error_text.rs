//! The texts of `zerror`, as programs print and compare them.
use libc::{c_char, c_int};
use std::ffi::CStr;

// divergence: zerror names -122 (ZREQUESTTIMEOUT) and -125 (ZQUOTAEXCEEDED); stock says "unknown error".
const TEXTS: &[(c_int, &CStr)] = &[
    (0, c"ok"),
    (-1, c"system error"),
    (-2, c"run time inconsistency"),
    (-3, c"data inconsistency"),
    (-4, c"connection loss"),
    (-5, c"marshalling error"),
    (-6, c"unimplemented"),
    (-7, c"operation timeout"),
    (-8, c"bad arguments"),
    (-9, c"invalid zhandle state"),
    (
        -13,
        c"no quorum of new config is connected and up-to-date with the leader of last committed config - try invoking reconfiguration after new servers are connected and synced",
    ),
    (-14, c"Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)"),
    // divergence: zerror(-15) has a text; stock says "unknown error".
    (-15, c"TLS connection error"),
    (-100, c"api error"),
    (-101, c"no node"),
    (-102, c"not authenticated"),
    (-103, c"bad version"),
    (-108, c"no children for ephemerals"),
    (-110, c"node exists"),
    (-111, c"not empty"),
    (-112, c"session expired"),
    (-113, c"invalid callback"),
    (-114, c"invalid acl"),
    (-115, c"authentication failed"),
    (-116, c"zookeeper is closing"),
    (-117, c"(not error) no server responses to process"),
    (-118, c"session moved to another server, so operation is ignored"),
    (-119, c"state-changing request is passed to read-only server"),
    (-120, c"attempt to create ephemeral node on a local session"),
    (-121, c"the watcher couldn't be found"),
    (-122, c"no answer within the time limit of requests"),
    (-123, c"attempts to perform a reconfiguration operation when reconfiguration feature is disable"),
    (-124, c"session closed by server because client is required to do SASL authentication"),
    (-125, c"quota exceeded"),
    (-127, c"Operation was throttled due to high load"),
];

/// The text for an error code of this library, or for a positive `errno`; "unknown error" for any other number. The
/// text of an `errno` is valid until the thread's next `strerror`.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn zerror(c: c_int) -> *const c_char {
    if c > 0 {
        // SAFETY: takes any number.
        return unsafe { libc::strerror(c) };
    }
    TEXTS.iter().find(|(code, _)| *code == c).map_or(c"unknown error", |(_, text)| text).as_ptr()
}
