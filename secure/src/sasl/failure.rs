//! Why an authentication failed.
use std::fmt;

/// One line of text without secrets, and whether to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    text: String,
    is_final: bool,
}

impl Failure {
    /// Trying again cannot help: the session has failed to authenticate.
    pub fn permanent(text: impl Into<String>) -> Failure {
        Failure { text: text.into(), is_final: true }
    }

    /// The attempt has failed, and the next one may not.
    pub fn temporary(text: impl Into<String>) -> Failure {
        Failure { text: text.into(), is_final: false }
    }

    /// Whether the session ends with it.
    pub fn is_final(&self) -> bool {
        self.is_final
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}
