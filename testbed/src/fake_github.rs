//! A stand-in for GitHub, which cannot be had in a test.

use anyhow::{Result, bail};
use serde_json::json;

use crate::{
    browser::{Browser, Page},
    node::Node,
};

/// What speaks as GitHub's documentation says on the four routes that a login uses. It knows `octocat`, `nameless` and
/// `unverified`: see `tools/fake-github/github.mjs`.
#[derive(Debug)]
pub struct FakeGitHub(Node);

impl FakeGitHub {
    /// Starts one on a free port that knows one client.
    pub fn start(client_id: &str, client_secret: &str, redirect_uri: &str) -> Result<Self> {
        let settings = json!({
            "client": {"id": client_id, "secret": client_secret, "redirectUri": redirect_uri},
        });
        Node::start("fake-github", "github.mjs", settings).map(Self)
    }

    /// Its address: that of its pages and of its API in one.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port())
    }

    /// Opens the address of an authorization as a person of this name; `nobody` denies. Answers the address that the
    /// browser is sent back to.
    pub fn log_in(&self, url: &str, name: &str) -> Result<String> {
        match Browser::new(&self.url()).open(&format!("{url}&login={name}"))? {
            Page::Elsewhere(url) => Ok(url),
            Page::Here(page) => bail!("the stand-in for GitHub did not send back: {page}"),
        }
    }
}
