//! For a development install without a mail server.

use async_trait::async_trait;
use ocore_domain::Problem;
use secrecy::ExposeSecret;

use crate::{Mailer, Message, mailer::address};

/// Sends nothing: writes each message's link into the log, at INFO, for whoever develops here to follow.
///
/// Who reads the log can use the links. An installation must not use this.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogLinks;

#[async_trait]
impl Mailer for LogLinks {
    async fn send(&self, to: &str, message: &Message) -> Result<(), Problem> {
        let to = address(to)?;
        let subject = message.letter().subject;
        if let Some(link) = message.link() {
            let link = link.expose_secret();
            tracing::info!(%to, subject, link, "no mail server is configured (SMTP_HOST): here is the mail's link");
        } else {
            tracing::info!(%to, subject, "no mail server is configured (SMTP_HOST): a mail was not sent");
        }
        Ok(())
    }
}
