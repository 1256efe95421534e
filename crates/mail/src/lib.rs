//! E-mail: what oCore writes to people ([`Message`]), and bringing it to them ([`Mailer`]): by SMTP, or, on a
//! development install without a mail server, into the log.

mod config;
mod letter;
mod log_links;
mod mailer;
mod message;
mod redact;
mod smtp;

pub use config::{Config, Fault, Security, Values};
pub use log_links::LogLinks;
pub use mailer::{Mailer, is_address};
pub use message::Message;
pub use smtp::Smtp;
