//! Sending by SMTP.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use lettre::{
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        extension::ClientId,
    },
};
use ocore_domain::{Code, Problem};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{Config, Fault, Mailer, Message, Security, mailer::address, redact::told};

/// How long the server may take for each step: connecting, securing, the login, the mail.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection is kept for the next mail.
const KEPT: Duration = Duration::from_secs(30);
/// How long a kept connection may take to show that it still works.
const GREETING: Duration = Duration::from_secs(2);

/// Sends by SMTP. One connection is kept for a while for the mail that comes next.
///
/// It is kept here and not in lettre's pool, which takes back a connection whose mail was given up half way: the next
/// mail's commands would become the text of that one.
pub struct Smtp {
    config: Config,
    tls: Option<TlsParameters>,
    us: ClientId,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    connection: AsyncSmtpConnection,
    since: Instant,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// What is asked of the server.
#[derive(Clone, Copy)]
enum Step {
    Connect,
    Secure,
    LogIn,
    Send,
}

impl Smtp {
    /// A mailer; nothing is connected yet.
    pub fn new(config: Config) -> Result<Self, Fault> {
        let tls = match config.security {
            Security::Off => None,
            Security::StartTls | Security::Tls => Some(tls(&config).map_err(|error| Fault {
                variable: "SMTP_CA_FILE",
                detail: format!("cannot be used: {error}"),
                mend: "Set it to a PEM file with the certificates to trust.",
            })?),
        };
        Ok(Self {
            config,
            tls,
            us: ClientId::default(),
            kept: Mutex::new(None),
        })
    }

    /// A connection that is secured and logged in.
    async fn connect(&self, secrets: &[&SecretString]) -> Result<AsyncSmtpConnection, Problem> {
        let server = (self.config.host.as_str(), self.config.port);
        let at_once = self.tls.clone().filter(|_| self.config.security == Security::Tls);
        let connecting = AsyncSmtpConnection::connect_tokio1(server, None, &self.us, at_once, None);
        let mut connection = self.step(Step::Connect, secrets, connecting).await?;
        if let (Security::StartTls, Some(tls)) = (self.config.security, &self.tls) {
            self.step(Step::Secure, secrets, connection.starttls(tls.clone(), &self.us))
                .await?;
        }
        if let Some((user, password)) = &self.config.login {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            self.step(Step::LogIn, secrets, connection.auth(&mechanisms, &credentials))
                .await?;
        }
        Ok(connection)
    }

    /// The connection that was kept, if it still works.
    async fn kept(&self) -> Option<AsyncSmtpConnection> {
        let kept = self.slot().take().filter(|kept| kept.since.elapsed() < KEPT);
        let mut connection = kept?.connection;
        let works = timeout(GREETING, connection.test_connected()).await;
        works.is_ok_and(|works| works).then_some(connection)
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let since = Instant::now();
        *self.slot() = Some(Kept { connection, since });
    }

    fn slot(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn step<T>(
        &self,
        step: Step,
        secrets: &[&SecretString],
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Problem> {
        match timeout(PATIENCE, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.problem(step, &error, secrets)),
            Err(_) => Err(self.failed(
                &format!("did not answer within {} s", PATIENCE.as_secs()),
                "Check that it runs, that SMTP_PORT is right, and that SMTP_SECURITY is what it speaks on this port.",
            )),
        }
    }

    fn problem(&self, step: Step, error: &Error, secrets: &[&SecretString]) -> Problem {
        let source = std::error::Error::source(error).map(ToString::to_string);
        let answer = match (error.status(), source) {
            (Some(status), Some(text)) => format!("{status} {text}"),
            (None, Some(text)) => text,
            (_, None) => error.to_string(),
        };
        let (what, mend) = match step {
            Step::Connect => (
                "cannot be reached",
                "Check SMTP_HOST and SMTP_PORT, and that it can be reached from here. SMTP_SECURITY must be what it \
                 speaks on this port; certificates of an authority of your own are trusted by SMTP_CA_FILE.",
            ),
            Step::Secure => (
                "cannot be spoken to by STARTTLS",
                "Check SMTP_HOST: its certificate must bear this name; certificates of an authority of your own are \
                 trusted by SMTP_CA_FILE. If the server speaks TLS at once, set SMTP_SECURITY to `tls`.",
            ),
            Step::LogIn => ("did not accept the login", "Check SMTP_USER and SMTP_PASSWORD."),
            Step::Send if error.is_permanent() => (
                "refused a mail",
                "Check that the recipient's address is right, and that this server sends mails from SMTP_FROM.",
            ),
            Step::Send => ("did not take a mail", "Try it again later."),
        };
        self.failed(&format!("{what}: {}", told(&answer, secrets)), mend)
    }

    fn failed(&self, what: &str, mend: &str) -> Problem {
        Problem::new(
            Code::MailFailed,
            format!("The mail server {} {what}", self.config.server()),
            mend,
        )
    }
}

fn tls(config: &Config) -> Result<TlsParameters, Error> {
    let builder = TlsParameters::builder(config.host.clone());
    let with = |builder: lettre::transport::smtp::client::TlsParametersBuilder, root| {
        builder.add_root_certificate(root)
    };
    config.roots.iter().cloned().fold(builder, with).build()
}

/// The mail, headers and all.
fn compose(from: &Mailbox, to: lettre::Address, message: &Message) -> Result<lettre::Message, Problem> {
    let letter = message.letter();
    let text = letter.text();
    let html = letter.html().map_err(Problem::internal)?;
    // Answers of machines to a machine could go on for ever: RFC 3834.
    let automatic = HeaderValue::new(
        HeaderName::new_from_ascii_str("Auto-Submitted"),
        "auto-generated".to_owned(),
    );
    lettre::Message::builder()
        .from(from.clone())
        .to(to.into())
        .subject(letter.subject)
        .date_now()
        .message_id(Some(format!("<{}@{}>", Uuid::new_v4(), from.email.domain())))
        .raw_header(automatic)
        .multipart(MultiPart::alternative_plain_html(text, html))
        // Not the error's own words: they may repeat what the mail says.
        .map_err(|_| Problem::internal("a mail could not be put together"))
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, to: &str, message: &Message) -> Result<(), Problem> {
        let mail = compose(&self.config.from, address(to)?, message)?;
        let password = self.config.login.as_ref().map(|(_, password)| password);
        let secrets: Vec<&SecretString> = password.into_iter().chain(message.link()).collect();
        let mut connection = match self.kept().await {
            Some(connection) => connection,
            None => self.connect(&secrets).await?,
        };
        let (envelope, bytes) = (mail.envelope(), mail.formatted());
        self.step(Step::Send, &secrets, connection.send(envelope, &bytes))
            .await?;
        self.keep(connection);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed(to: &str, message: &Message) -> String {
        let from = "oCore <ocore@example.com>".parse().unwrap();
        let mail = compose(&from, address(to).unwrap(), message).unwrap();
        String::from_utf8(mail.formatted()).unwrap()
    }

    /// The names of the headers, before the first empty line.
    fn headers(mail: &str) -> Vec<&str> {
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        let begin = |line: &&str| !line.starts_with([' ', '\t']);
        let names = head.split("\r\n").filter(begin);
        names.map(|line| line.split(':').next().unwrap()).collect()
    }

    #[test]
    fn names_cannot_add_headers() {
        let usual = headers(&composed("anna@example.com", &Message::PasswordChanged))
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        for end in [
            "\r\n",
            "\n",
            "\r",
            "\u{85}",
            "\u{2028}",
            "\0\r\n",
            "\r\n\r\n",
            "=0D=0A",
            "=?utf-8?Q?=0D=0A?=",
        ] {
            let evil = format!("Acme{end}Bcc: all@example.com{end}{end}<b>");
            let mail = composed(
                "anna@example.com",
                &Message::Invitation {
                    organization: evil.clone(),
                    inviter: evil.clone(),
                    role: evil.clone(),
                    link: evil.into(),
                },
            );
            assert_eq!(headers(&mail), usual, "{end:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_sent_to() {
        for to in [
            "",
            "anna",
            "anna@",
            "anna@example.com\r\nBcc: all@example.com",
            "anna@example.com,all@example.com",
            "Anna <anna@example.com>",
            "anna@example.com> SIZE=1",
            "anna b@example.com",
        ] {
            let problem = address(to).unwrap_err();
            assert_eq!(problem.code, Code::InvalidRequest, "{to}");
        }
    }
}
