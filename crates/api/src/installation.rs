//! What this installation is: its address, and what it signs with.

use std::fmt;

use chrono::TimeDelta;
use ocore_domain::Problem;
use ocore_identity::{access_token::Signer, passkey::RelyingParty};
use secrecy::SecretString;

use crate::access::Proxies;

/// Who may make an account without being invited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signup {
    /// Nobody but the first.
    #[default]
    Invited,
    /// Anybody, each with an organization of their own.
    Open,
}

/// What a configuration says of an installation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address people enter in their browsers.
    pub app_url: String,
    /// At least 32 characters.
    pub jwt_secret: SecretString,
    /// How long an access token is good.
    pub access_expiry: TimeDelta,
    /// How long a session lasts without being used.
    pub refresh_expiry: TimeDelta,
    /// How many proxies stand in front.
    pub proxies: Proxies,
    /// Who may make an account.
    pub signup: Signup,
    /// Whether this is somebody's workbench.
    pub development: bool,
}

/// The same, made ready.
#[derive(Clone)]
pub struct Installation {
    pub(crate) settings: Settings,
    pub(crate) signer: Signer,
    /// None where the address does not allow passkeys; why was told at the start.
    pub(crate) passkeys: Option<RelyingParty>,
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl Installation {
    /// Makes ready what the settings say.
    pub fn new(settings: Settings) -> Result<Self, Problem> {
        let passkeys = RelyingParty::new(&settings.app_url);
        if let Err(problem) = &passkeys {
            tracing::warn!(%problem, "no passkeys");
        }
        Ok(Self {
            signer: Signer::new(&settings.jwt_secret)?,
            passkeys: passkeys.ok(),
            settings,
        })
    }
}
