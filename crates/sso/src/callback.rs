//! What a browser brings back.

use std::fmt;

use serde::Deserialize;

/// The query of the address that a browser comes back to.
#[derive(Clone, Default, Deserialize)]
pub struct Callback {
    /// What the provider exchanges for a token.
    pub code: Option<String>,
    /// What tells this login from others.
    pub state: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").finish_non_exhaustive()
    }
}
