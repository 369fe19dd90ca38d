//! The system's texts for failed name lookups.
use std::ffi::CStr;

/// The text of an error of getaddrinfo, as `gai_strerror` gives it.
pub(crate) fn error_text(code: i32) -> String {
    // SAFETY: any number is allowed; the text is the C library's own and stays.
    let text = unsafe { libc::gai_strerror(code) };
    if text.is_null() {
        return format!("error {code}");
    }
    // SAFETY: a C string by the contract of gai_strerror.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
