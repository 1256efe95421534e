//! An OpenID Connect provider, the certified `oidc-provider`, whose login form takes everybody.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    browser::{Browser, Page},
    node::Node,
};

/// The client the provider knows.
#[derive(Clone, Debug)]
pub struct OidcClient {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Where its logins lead back to. Nothing has to listen there.
    pub redirect_uri: String,
    /// How it shows its secret.
    pub authentication: Authentication,
    /// Whether e-mail address and name stand in the ID token, as with Google, or only at the userinfo endpoint.
    pub claims_in_id_token: bool,
}

/// How a client shows its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// In the header, `client_secret_basic`.
    Basic,
    /// In the form, `client_secret_post`; the provider knows no other way then.
    Post,
}

impl Default for OidcClient {
    fn default() -> Self {
        Self {
            id: "ocore".to_owned(),
            secret: "a-secret-of-the-testbed-which-is-long-enough".to_owned(),
            redirect_uri: "http://127.0.0.1:9/back".to_owned(),
            authentication: Authentication::Basic,
            claims_in_id_token: true,
        }
    }
}

/// The provider. Who logs in as `NAME` has the subject `NAME`, the address `NAME@example.com` and the name `NAME of the
/// testbed`; `unverified` and `without-email` are what they are called, and some people's ID tokens are spoiled: see
/// `tools/oidc-provider/provider.mjs`.
#[derive(Debug)]
pub struct OidcProvider(Node);

impl OidcProvider {
    /// Starts one on a free port.
    pub fn start(client: &OidcClient) -> Result<Self> {
        Self::start_at(0, client)
    }

    /// Starts one on this port. It has other keys than any started before, and knows nothing of their logins.
    pub fn start_at(port: u16, client: &OidcClient) -> Result<Self> {
        let settings = json!({
            "port": port,
            "client": {
                "id": client.id,
                "secret": client.secret,
                "redirectUri": client.redirect_uri,
                "authentication": match client.authentication {
                    Authentication::Basic => "client_secret_basic",
                    Authentication::Post => "client_secret_post",
                },
            },
            "claimsInIdToken": client.claims_in_id_token,
        });
        Node::start("oidc-provider", "provider.mjs", settings).map(Self)
    }

    /// Its port, at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// What it is known by.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Goes through its pages as a person who logs in under this name and agrees. Answers the address that the browser
    /// is sent back to, with code and state.
    pub fn log_in(&self, url: &str, name: &str) -> Result<String> {
        let mut browser = Browser::new(&self.issuer());
        let mut page = browser.open(url)?;
        // First the login, then the consent.
        for _ in 0..2 {
            let html = match page {
                Page::Elsewhere(url) => return Ok(url),
                Page::Here(html) => html,
            };
            let prompt = between(&html, "name=\"prompt\" value=\"", "\"")?;
            let action = between(&html, "action=\"", "\"")?;
            let fields = [("prompt", prompt), ("login", name), ("password", "any")];
            page = browser.post(action, &fields[..if prompt == "login" { 3 } else { 1 }])?;
        }
        elsewhere(page)
    }

    /// Goes there as a person who does not want to log in after all. Answers where the browser is sent back to.
    pub fn deny(&self, url: &str) -> Result<String> {
        let mut browser = Browser::new(&self.issuer());
        let html = match browser.open(url)? {
            Page::Elsewhere(url) => return Ok(url),
            Page::Here(html) => html,
        };
        let (before, _) = html
            .split_once("/abort\"")
            .ok_or_else(|| anyhow::anyhow!("no way out in the page: {html}"))?;
        let path = before.rsplit('"').next().unwrap_or_default();
        elsewhere(browser.open(&format!("{path}/abort"))?)
    }
}

fn elsewhere(page: Page) -> Result<String> {
    match page {
        Page::Elsewhere(url) => Ok(url),
        Page::Here(html) => Err(anyhow::anyhow!("the provider did not send back: {html}")),
    }
}

fn between<'a>(html: &'a str, before: &str, after: &str) -> Result<&'a str> {
    let found = html
        .split_once(before)
        .and_then(|(_, rest)| rest.split_once(after));
    ensure!(found.is_some(), "no `{before}` in the page: {html}");
    Ok(found.map(|(found, _)| found).unwrap_or_default())
}
