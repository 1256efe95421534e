//! As much of a browser as a login needs: cookies, and redirects as far as they stay on one site.

use anyhow::{Context, Result, bail};
use ureq::{Agent, Body, http::Response};

/// A browser that has one site open.
#[derive(Debug)]
pub struct Browser {
    agent: Agent,
    site: String,
}

/// Where it has arrived.
#[derive(Clone, Debug)]
pub enum Page {
    /// At a page of the site: its HTML.
    Here(String),
    /// At a redirect to somewhere else, which is not followed.
    Elsewhere(String),
}

impl Browser {
    /// A new one for a site, such as `http://127.0.0.1:4000`.
    pub fn new(site: &str) -> Self {
        let agent = Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .build();
        Self {
            agent: agent.into(),
            site: site.to_owned(),
        }
    }

    /// Opens an address or a path of the site.
    pub fn open(&mut self, url: &str) -> Result<Page> {
        let answer = self.agent.get(self.absolute(url)).call()?;
        self.follow(answer)
    }

    /// Sends a form to an address or a path of the site.
    pub fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let answer = self
            .agent
            .post(self.absolute(url))
            .send_form(fields.iter().copied())?;
        self.follow(answer)
    }

    fn absolute(&self, url: &str) -> String {
        if url.starts_with('/') {
            format!("{}{url}", self.site)
        } else {
            url.to_owned()
        }
    }

    fn follow(&self, mut answer: Response<Body>) -> Result<Page> {
        for _ in 0..10 {
            let Some(location) = answer.headers().get("location") else {
                let status = answer.status();
                let html = answer.body_mut().read_to_string()?;
                if !status.is_success() {
                    bail!("{} answers {status}: {html}", self.site);
                }
                return Ok(Page::Here(html));
            };
            let url = self.absolute(location.to_str().context("a redirect is not text")?);
            if !url.starts_with(&format!("{}/", self.site)) {
                return Ok(Page::Elsewhere(url));
            }
            answer = self.agent.get(url).call()?;
        }
        bail!("{} redirects without end", self.site)
    }
}
