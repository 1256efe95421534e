//! An SMTP server that keeps what it is sent.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;

use crate::node::Node;

/// How connections to the catcher are secured.
#[derive(Clone, Debug)]
pub enum MailSecurity {
    /// Not at all.
    Off,
    /// By STARTTLS, which it offers; with its certificate and key, both PEM.
    StartTls(String, String),
    /// From the first byte on; with its certificate and key, both PEM.
    Tls(String, String),
}

/// A mail as it arrived.
#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipient of the envelope.
    pub to: String,
    /// The subject, decoded.
    pub subject: String,
    /// The part in plain text, decoded.
    pub text: String,
    /// The part in HTML, decoded.
    pub html: String,
    /// Every header as it arrived, name and all, by its name in lower case.
    pub headers: BTreeMap<String, String>,
    /// Who had logged in, if anybody.
    pub user: Option<String>,
    /// Whether the connection was encrypted.
    pub encrypted: bool,
    /// The connection by which it came.
    pub session: String,
}

impl Mail {
    /// The first link in the plain text.
    pub fn link(&self) -> Option<&str> {
        self.text.split_whitespace().find(|word| word.contains("://"))
    }
}

/// The catcher. Mails to most addresses are kept; those to `refused@…`, `spam@…` and `silent@…` meet what
/// `tools/smtp-catcher/catcher.mjs` says.
#[derive(Debug)]
pub struct SmtpCatcher(Node);

impl SmtpCatcher {
    /// Starts one on a free port, without TLS and without a login.
    pub fn start() -> Result<Self> {
        Self::start_with(&MailSecurity::Off, None)
    }

    /// Starts one on a free port, with a login (user and password) when it must ask for one.
    pub fn start_with(security: &MailSecurity, login: Option<(&str, &str)>) -> Result<Self> {
        let (security, certificate, key) = match security {
            MailSecurity::Off => ("off", "", ""),
            MailSecurity::StartTls(certificate, key) => ("starttls", certificate.as_str(), key.as_str()),
            MailSecurity::Tls(certificate, key) => ("tls", certificate.as_str(), key.as_str()),
        };
        let settings = json!({
            "security": security,
            "certificate": certificate,
            "key": key,
            "login": login.map(|(user, password)| json!({"user": user, "password": password})),
        });
        Node::start("smtp-catcher", "catcher.mjs", settings).map(Self)
    }

    /// Its port, at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// All it took so far, oldest first.
    pub fn mails(&self) -> Result<Vec<Mail>> {
        let file = self.0.folder().join("mails");
        if !file.exists() {
            return Ok(Vec::new());
        }
        let lines = fs::read_to_string(file)?;
        lines
            .lines()
            .map(|line| serde_json::from_str(line).context("a mail is not as expected"))
            .collect()
    }
}
