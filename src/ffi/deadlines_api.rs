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

/// `ZOO_EXPIRE_LOCALLY`: the client lets the session expire without hearing from a server.
const EXPIRE_LOCALLY: c_int = 0x10000;

const TARGET: &str = "zookeeper_init_internal";

/// Sets the deadlines of a new handle from its settings and its flags.
pub(super) fn set_deadlines(session: &mut Session<CallCompletion, Watch>, flags: c_int, variables: &Variables) {
    if let Some(text) = variables.get("ZOO_REQUEST_TIMEOUT_MS") {
        if let Some(timeout) = text.parse().ok().and_then(|millis| request_timeout(millis).ok()) {
            session.set_request_timeout(timeout);
        } else {
            log::warn!(
                target: TARGET,
                "ZOO_REQUEST_TIMEOUT_MS={text} is not a number of milliseconds; requests have no time limit"
            );
        }
    }
    if flags & EXPIRE_LOCALLY != 0 || is_set(variables, "ZOO_LOCAL_EXPIRY") {
        session.expire_locally();
    }
    if is_set(variables, "ZOO_RECONNECT_FORGET_ZXID") {
        session.forget_zxid();
    }
}

/// Whether the setting is 1.
fn is_set(variables: &Variables, name: &str) -> bool {
    match variables.get(name).as_deref() {
        None | Some("0") => false,
        Some("1") => true,
        Some(text) => {
            log::warn!(target: TARGET, "{name}={text} is neither 0 nor 1; 0 is used");
            false
        }
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
pub unsafe extern "C" fn zoo_set_request_timeout(zh: *mut zhandle_t, ms: c_int) -> c_int {
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
