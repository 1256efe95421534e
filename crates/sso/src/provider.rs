//! The providers that an operator configured.

use std::sync::Arc;

use ocore_domain::{Code, Problem, Slug};
use reqwest::Url;
use secrecy::SecretString;

use crate::{Login, github::GitHub, http::Http, oidc::Oidc};

/// What GitHub's own id is.
pub(crate) const GITHUB: &str = "github";

/// A provider as it is configured.
#[derive(Clone, Debug)]
pub enum Provider {
    /// One that speaks OpenID Connect: Google, Microsoft Entra, Keycloak, …
    Oidc {
        /// Its name in addresses, for example `google` or `company`.
        id: Slug,
        /// Its name on a button.
        name: String,
        /// Its address, under which its discovery document is.
        issuer: String,
        /// What it knows oCore by.
        client_id: String,
        /// What oCore proves that with.
        client_secret: SecretString,
    },
    /// GitHub, or a GitHub Enterprise.
    GitHub {
        /// What it knows oCore by.
        client_id: String,
        /// What oCore proves that with.
        client_secret: SecretString,
        /// The address of its pages; see [`Provider::GITHUB_URL`].
        base_url: String,
        /// The address of its API; see [`Provider::GITHUB_API_URL`]. On a GitHub Enterprise `https://HOST/api/v3`.
        api_url: String,
    },
}

impl Provider {
    /// GitHub's pages.
    pub const GITHUB_URL: &str = "https://github.com";
    /// GitHub's API.
    pub const GITHUB_API_URL: &str = "https://api.github.com";

    /// Its name in addresses.
    pub fn id(&self) -> &str {
        match self {
            Self::Oidc { id, .. } => id.as_str(),
            Self::GitHub { .. } => GITHUB,
        }
    }

    /// The way to log in by it. Only the configuration is looked at: nothing is asked yet.
    pub fn login(self) -> Result<Arc<dyn Login>, Problem> {
        let id = self.id().to_owned();
        let fault = |detail: &str, mend: &str| {
            Problem::new(Code::InvalidRequest, format!("The login `{id}`: {detail}"), mend)
        };
        let known = |client_id: &str| {
            if client_id.is_empty() {
                return Err(fault(
                    "its client id is empty",
                    "Set it to what the provider has given out.",
                ));
            }
            Ok(())
        };
        let address = |text: &str| {
            let mend =
                "Use an address such as `https://id.example.com`; plain http only for this machine itself.";
            let url: Url = text
                .parse()
                .map_err(|_| fault("its address cannot be read", mend))?;
            let bare = url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none();
            let http = Http::new(&url).map_err(|error| fault(&error.to_string(), mend))?;
            if !bare || !http.may_ask(&url) {
                return Err(fault("its address cannot be used", mend));
            }
            Ok((url, http))
        };
        match self {
            Self::Oidc {
                id,
                name,
                issuer,
                client_id,
                client_secret,
            } => {
                known(&client_id)?;
                if id.as_str() == GITHUB {
                    return Err(fault("the id is GitHub's own", "Choose another."));
                }
                // As it is written: a provider's own word for itself must be the same, to the last slash.
                let (_, http) = address(&issuer)?;
                Ok(Arc::new(Oidc::new(
                    id,
                    name,
                    issuer,
                    client_id,
                    client_secret,
                    http,
                )?))
            }
            Self::GitHub {
                client_id,
                client_secret,
                base_url,
                api_url,
            } => {
                known(&client_id)?;
                let (_, http) = address(&base_url)?;
                address(&api_url)?;
                let login = GitHub::new(client_id, client_secret, &base_url, &api_url, http)?;
                Ok(Arc::new(login))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oidc(id: &str, issuer: &str) -> Result<Arc<dyn Login>, Problem> {
        Provider::Oidc {
            id: id.parse().unwrap(),
            name: "Company".to_owned(),
            issuer: issuer.to_owned(),
            client_id: "ocore".to_owned(),
            client_secret: "the-secret".into(),
        }
        .login()
    }

    #[test]
    fn addresses_are_checked_before_anybody_logs_in() {
        assert!(oidc("company", "https://id.example.com/realms/main").is_ok());
        assert!(oidc("company", "http://127.0.0.1:4000").is_ok());
        for issuer in [
            "",
            "id.example.com",
            "http://id.example.com",
            "https://user:password@id.example.com",
            "https://id.example.com/?realm=main",
            "https://id.example.com/#main",
            "file:///etc/passwd",
        ] {
            let problem = oidc("company", issuer).unwrap_err();
            assert_eq!(problem.code, Code::InvalidRequest, "{issuer}");
            assert!(!problem.to_string().contains("password"), "{problem}");
        }
        assert!(oidc("github", "https://id.example.com").is_err());
    }

    #[test]
    fn secrets_are_not_printed() {
        let login = oidc("company", "https://id.example.com").unwrap();
        assert!(!format!("{login:?}").contains("the-secret"));
    }
}
