//! Deadlines that Apache's library does not have: of requests, and of sessions that can reach no server. All are off
//! unless the environment, a flag or a call asks for them.
use super::callbacks::{CallCompletion, Watch};
use super::entry::call;
use super::types::zhandle_t;
use crate::sys::env::Variables;
use libc::c_int;
use std::time::Duration;
use zk_core::code::Code;
use zk_core::session::Session;
use zk_core::settings::MILLIS_MAX;

/// `ZOO_EXPIRE_LOCALLY`: the client lets the session expire without hearing from a server.
const EXPIRE_LOCALLY: c_int = 0x10000;

/// Sets the deadlines of a new handle from its settings and its flags.
pub(super) fn set_deadlines(session: &mut Session<CallCompletion, Watch>, flags: c_int, variables: &Variables) {
    let (timeout, expires_locally, forgets) = variables.read(|reader| {
        (
            reader.millis("ZOO_REQUEST_TIMEOUT_MS", 0..=MILLIS_MAX),
            reader.flag("ZOO_LOCAL_EXPIRY"),
            reader.flag("ZOO_RECONNECT_FORGET_ZXID"),
        )
    });
    session.set_request_timeout(timeout.filter(|timeout| !timeout.is_zero()));
    if flags & EXPIRE_LOCALLY != 0 || expires_locally == Some(true) {
        session.expire_locally();
    }
    if forgets == Some(true) {
        session.forget_zxid();
    }
}

/// A time limit of requests from C's milliseconds: none for 0.
///
/// Errors: `BadArguments` for a negative number.
fn request_timeout(millis: c_int) -> Result<Option<Duration>, Code> {
    let millis = u64::try_from(millis).map_err(|_| Code::BadArguments)?;
    Ok((millis > 0).then(|| Duration::from_millis(millis)))
}

/// Sets how long requests of the handle may wait for their answers, in milliseconds; 0 for no limit.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zoo_set_request_timeout(zh: *mut zhandle_t, ms: c_int) -> c_int {
    // SAFETY: the contract of `super`.
    unsafe {
        call(zh, |handle| {
            let timeout = request_timeout(ms)?;
            handle.with(|session, _| session.set_request_timeout(timeout));
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_zero_is_none_and_a_negative_one_is_an_error() {
        assert_eq!(request_timeout(0), Ok(None));
        assert_eq!(request_timeout(1500), Ok(Some(Duration::from_millis(1500))));
        assert_eq!(request_timeout(-1), Err(Code::BadArguments));
    }
}
