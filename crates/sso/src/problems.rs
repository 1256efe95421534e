//! What goes wrong with a provider, told without what it sent.

use ocore_domain::{Code, Problem};
use openidconnect::{ErrorResponse, RequestTokenError};
use serde::Deserialize;

use crate::http::Fault;

/// The name of the provider at which it goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a>(pub(crate) &'a str);

impl At<'_> {
    /// The provider or its configuration is at fault; `what` goes on after its name.
    pub(crate) fn failed(self, what: &str) -> Problem {
        Problem::new(
            Code::SsoFailed,
            format!("{} {what}", self.0),
            "Try it again; if it goes on, the administrator should check the provider's address, client id and client \
             secret.",
        )
    }

    /// It did not answer, or not in an acceptable way.
    pub(crate) fn unreachable(self, fault: &Fault) -> Problem {
        self.failed(&format!("cannot be reached: {fault}"))
    }

    /// The provider sent the browser back with an error.
    pub(crate) fn denied(self, error: &str) -> Problem {
        match error {
            "access_denied"
            | "login_required"
            | "consent_required"
            | "interaction_required"
            | "account_selection_required" => refused(&format!("The login was refused at {}", self.0)),
            _ => self.said(error),
        }
    }

    /// It refused to exchange a code for a token.
    pub(crate) fn no_token<E: ErrorResponse + 'static>(
        self,
        error: &RequestTokenError<Fault, E>,
        word: &str,
    ) -> Problem {
        match error {
            RequestTokenError::Request(fault) => self.unreachable(fault),
            RequestTokenError::ServerResponse(_) => self.said(word),
            // Whatever it said may be a token: GitHub's faults alone are looked for.
            RequestTokenError::Parse(_, body) => match serde_json::from_slice::<Said>(body) {
                Ok(said) => self.said(&said.error),
                Err(_) => self.failed("answers something else than a token"),
            },
            RequestTokenError::Other(_) => self.failed("answers something else than a token"),
        }
    }

    /// It named its error by a word.
    fn said(self, error: &str) -> Problem {
        match error {
            "invalid_grant" | "bad_verification_code" => refused(&format!(
                "{} does not accept the login: it is too old, or was used already",
                self.0
            )),
            "invalid_client" | "unauthorized_client" | "incorrect_client_credentials" => {
                self.failed("does not accept the client id and client secret")
            }
            "redirect_uri_mismatch" => self.failed("does not know the address that logins come back to"),
            word if is_word(word) => self.failed(&format!("answers with the error `{word}`")),
            _ => self.failed("answers with an error"),
        }
    }
}

/// This login did not come about; another may.
pub(crate) fn refused(detail: &str) -> Problem {
    Problem::new(Code::SsoRefused, detail, "Begin the login again.")
}

/// An error in an answer that has the status of a success.
#[derive(Deserialize)]
struct Said {
    error: String,
}

/// Whether it looks like the name of an error, and not like something that should not be told.
fn is_word(word: &str) -> bool {
    !word.is_empty() && word.len() <= 40 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}
