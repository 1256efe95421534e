//! Somebody who takes mails to people.

use async_trait::async_trait;
use ocore_domain::{Code, Problem};

use crate::Message;

/// Takes mails to people. When it answers, the mail is in other hands: whether it is read, nobody knows.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends a message to an e-mail address (the bare address, without a name).
    ///
    /// The problem is for the operator, as it names the mail server and what it said. It holds neither the message's
    /// link nor a password.
    async fn send(&self, to: &str, message: &Message) -> Result<(), Problem>;
}

/// Whether a text is an e-mail address that mails can be sent to.
pub fn is_address(text: &str) -> bool {
    address(text).is_ok()
}

/// The address to send to; nothing that is not one gets into a header or an SMTP command.
pub(crate) fn address(to: &str) -> Result<lettre::Address, Problem> {
    to.parse().map_err(|_| {
        Problem::new(
            Code::InvalidRequest,
            "The recipient's e-mail address is none",
            "Use an address such as `anna@example.com`.",
        )
    })
}
