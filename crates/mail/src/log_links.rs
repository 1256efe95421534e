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
        match message.link() {
            Some(link) => tracing::info!(
                %to,
                subject,
                link = link.expose_secret(),
                "no mail server is configured (SMTP_HOST): here is the mail's link"
            ),
            None => tracing::info!(
                %to,
                subject,
                "no mail server is configured (SMTP_HOST): a mail was not sent"
            ),
        }
        Ok(())
    }
}
