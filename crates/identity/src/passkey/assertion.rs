//! What a browser answers when it is asked for a proof.

use serde_json::Value;
use uuid::Uuid;
use webauthn_rp::{
    DiscoverableAuthentication16, NonDiscoverableAuthentication16,
    response::auth::ser_relaxed::{
        DiscoverableAuthenticationRelaxed16, NonDiscoverableAuthenticationRelaxed16,
    },
};

use super::Refused;

/// A claim to hold a passkey. Nothing of it is true before [`super::RelyingParty::finish_authentication`] says so.
#[derive(Debug)]
pub struct Assertion {
    pub(super) known: NonDiscoverableAuthentication16,
    /// With the person's id, where it was given.
    pub(super) discoverable: Option<DiscoverableAuthentication16>,
}

impl Assertion {
    /// From the `toJSON()` of the credential.
    pub fn read(response: &Value) -> Result<Self, Refused> {
        // By way of text: the library reads borrowed strings.
        let text = response.to_string();
        let known = serde_json::from_str::<NonDiscoverableAuthenticationRelaxed16>(&text)
            .map_err(|error| Refused::Unreadable(error.to_string()))?;
        // Asked only where the person is named: of an answer with an empty name the library makes one that panics.
        let discoverable = known
            .0
            .response()
            .user_handle()
            .and_then(|_| serde_json::from_str::<DiscoverableAuthenticationRelaxed16>(&text).ok());
        Ok(Self {
            known: known.0,
            discoverable: discoverable.map(|assertion| assertion.0),
        })
    }

    /// The passkey it is said to be of: to find the one that was kept.
    pub fn credential_id(&self) -> Vec<u8> {
        self.known.raw_id().as_ref().to_vec()
    }

    /// The person it is said to be of, where that was given.
    pub fn user(&self) -> Option<Uuid> {
        let handle = self.known.response().user_handle()?;
        Uuid::from_slice(handle.as_ref()).ok()
    }
}
