//! What this installation is: its address, and what it signs with.

use std::{fmt, sync::Arc};

use chrono::TimeDelta;
use ocore_domain::Problem;
use ocore_identity::{access_token::Signer, passkey::RelyingParty};
use ocore_mail::Mailer;
use ocore_sso::Login;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::{access::Proxies, limits::Quotas, post::Post};

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
    /// How much anybody may ask.
    pub quotas: Quotas,
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
    /// Takes mails to people.
    pub(crate) post: Post,
    /// Other providers by which people sign in.
    pub(crate) logins: Vec<Arc<dyn Login>>,
    /// SHA-256 of the token that opens `/metrics`.
    metrics_token: Option<[u8; 32]>,
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
            post: Post::new(None),
            logins: Vec::new(),
            metrics_token: None,
            settings,
        })
    }

    /// The same with somebody who takes mails to people.
    #[must_use]
    pub fn with_mailer(self, mailer: Arc<dyn Mailer>) -> Self {
        Self {
            post: Post::new(Some(mailer)),
            ..self
        }
    }

    /// The same with other providers by which people sign in.
    #[must_use]
    pub fn with_logins(self, logins: Vec<Arc<dyn Login>>) -> Self {
        Self { logins, ..self }
    }

    /// The same with a token that opens `/metrics` and nothing else.
    #[must_use]
    pub fn with_metrics_token(self, token: &SecretString) -> Self {
        Self {
            metrics_token: Some(digest(token)),
            ..self
        }
    }

    /// Whether it is that token. Digests are compared: how long that takes tells nothing of the token.
    pub(crate) fn is_metrics_token(&self, token: &SecretString) -> bool {
        self.metrics_token.is_some_and(|wanted| wanted == digest(token))
    }

    /// What takes its mails to people.
    pub fn post(&self) -> Post {
        self.post.clone()
    }
}

fn digest(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret()).into()
}
