//! Why an authentication failed.
use std::fmt;

/// One line of text without secrets, and whether to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    text: String,
    lasts: Lasts,
}

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasts {
    ForEver,
    ForNow,
    UnlessItWorkedBefore,
}

impl Failure {
    /// Trying again cannot help: the session has failed to authenticate.
    pub fn permanent(text: impl Into<String>) -> Failure {
        Failure { text: text.into(), lasts: Lasts::ForEver }
    }

    /// The attempt has failed, but the next one may succeed.
    pub fn temporary(text: impl Into<String>) -> Failure {
        Failure { text: text.into(), lasts: Lasts::ForNow }
    }

    /// The program's own credentials are not available: a mistake in its settings if they never were, otherwise a file
    /// that is being replaced.
    pub fn no_credentials(text: impl Into<String>) -> Failure {
        Failure { text: text.into(), lasts: Lasts::UnlessItWorkedBefore }
    }

    /// Whether the session ends with this failure. `has_authenticated`: whether this handle has authenticated before.
    pub fn is_final(&self, has_authenticated: bool) -> bool {
        match self.lasts {
            Lasts::ForEver => true,
            Lasts::ForNow => false,
            Lasts::UnlessItWorkedBefore => !has_authenticated,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}
