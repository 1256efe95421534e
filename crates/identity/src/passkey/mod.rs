//! Passkeys: the relying party's side of `WebAuthn`. The person is always verified by the device (PIN, finger, face), so a
//! passkey alone is proof enough.
//!
//! A ceremony has two halves. The first answers options for the browser and a state to be kept for [`LIFETIME`] by the
//! caller; any process may do the second. **The state must be taken away before the second half**, so that an answer
//! that was watched is good for nothing: the authenticators' counters do not see to it, those of many stay at zero.
//!
//! What goes to the browser is for `PublicKeyCredential.parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON`;
//! what comes back is the `toJSON()` of the credential.

mod assertion;
mod authentication;
mod credential;
mod registration;
mod state;

use std::time::Duration;

use ocore_domain::{Code, Problem};
use serde_json::Value;
use url::{Host, Url};
use webauthn_rp::request::{AsciiDomain, RpId};

pub use assertion::Assertion;
pub use credential::Passkey;
pub use registration::Person;

/// How long the person may take between the two halves.
pub const LIFETIME: Duration = Duration::from_mins(5);

/// The first half of a ceremony.
#[derive(Clone, Debug)]
pub struct Begun {
    /// For the browser.
    pub options: Value,
    /// To be kept until the second half, and no longer than [`LIFETIME`].
    pub state: Vec<u8>,
}

/// Why the second half of a ceremony proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It came too late.
    #[error("the person took too long")]
    Expired,
    /// The answer is not what `toJSON()` makes of a credential.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// The answer is of another ceremony, origin, person or key, or was changed. The reason is for the log.
    #[error("the answer proves nothing: {0}")]
    Unproven(String),
}

/// The party that people prove themselves to: this installation, by the address that browsers show.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    id: RpId,
    origin: String,
}

impl RelyingParty {
    /// By the address people use. Browsers offer passkeys by https or on `localhost`, and never for an IP address.
    pub fn new(app_url: &str) -> Result<Self, Problem> {
        let useless = |why: &str| {
            Problem::new(
                Code::StateConflict,
                format!("Passkeys cannot be used at {app_url}: {why}"),
                "Set APP_URL to an https address with a host name, as people enter it in their browsers.",
            )
        };
        let url = Url::parse(app_url).map_err(|_| useless("it is not a URL"))?;
        let Some(Host::Domain(host)) = url.host() else {
            return Err(useless("it has no host name"));
        };
        let is_local = host == "localhost" || host.ends_with(".localhost");
        if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
            return Err(useless("it is not https"));
        }
        let id = AsciiDomain::try_from(host.to_owned())
            .map(RpId::Domain)
            .map_err(|_| useless("its host name is not one"))?;
        Ok(Self {
            id,
            origin: url.origin().ascii_serialization(),
        })
    }

    /// The host that passkeys are bound to. Those made under another one are lost.
    pub fn id(&self) -> &str {
        self.id.as_ref()
    }

    /// The only origin that ceremonies are accepted from.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

#[cfg(test)]
mod tests;
