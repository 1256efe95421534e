//! What is kept of a login while the browser is at the provider.

use ocore_domain::Problem;
use openidconnect::{AuthorizationCode, CsrfToken, Nonce, PkceCodeVerifier, RedirectUrl};
use serde::{Deserialize, Serialize};

use crate::{
    Callback,
    problems::{At, refused},
};

#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The provider's id: what one began another cannot end.
    provider: String,
    pub(crate) redirect_uri: RedirectUrl,
    state: CsrfToken,
    pub(crate) nonce: Option<Nonce>,
    pub(crate) verifier: PkceCodeVerifier,
}

impl Kept {
    pub(crate) fn new(
        provider: &str,
        redirect_uri: RedirectUrl,
        state: CsrfToken,
        nonce: Option<Nonce>,
        verifier: PkceCodeVerifier,
    ) -> Self {
        Self {
            provider: provider.to_owned(),
            redirect_uri,
            state,
            nonce,
            verifier,
        }
    }

    pub(crate) fn write(&self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(self).map_err(|_| Problem::internal("the state of a login could not be written"))
    }

    /// What was kept of the login that this browser comes back from, and the code it brings.
    pub(crate) fn read(
        bytes: &[u8],
        provider: &str,
        at: At<'_>,
        callback: &Callback,
    ) -> Result<(Self, AuthorizationCode), Problem> {
        let kept: Self = serde_json::from_slice(bytes)
            .map_err(|_| Problem::internal("the state of a login could not be read"))?;
        // Compared by their hashes, so that the time it takes tells nothing.
        let ours = callback.state.clone().map(CsrfToken::new) == Some(kept.state.clone());
        if kept.provider != provider || !ours {
            return Err(refused(
                "The browser came back from another login than the one it began",
            ));
        }
        if let Some(error) = &callback.error {
            return Err(at.denied(error));
        }
        match &callback.code {
            Some(code) => Ok((kept, AuthorizationCode::new(code.clone()))),
            None => Err(refused(&format!(
                "{} sent the browser back with neither code nor error",
                at.0
            ))),
        }
    }
}
