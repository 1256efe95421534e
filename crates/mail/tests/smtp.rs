//! Mails sent to a real SMTP server, and read back there.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ocore_domain::{Code, Problem};
use ocore_mail::{Config, LogLinks, Mailer, Message, Smtp, Values};
use ocore_testbed::{Mail, MailSecurity, SmtpCatcher};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use secrecy::SecretString;
use tempfile::NamedTempFile;

const LINK: &str = "https://ocore.example/do?token=0123456789abcdef0123456789abcdef&next=%2Fa";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const PASSWORD: &str = "correct horse battery";

fn link() -> SecretString {
    LINK.into()
}

fn every_message() -> Vec<Message> {
    vec![
        Message::VerifyEmail { link: link() },
        Message::ResetPassword { link: link() },
        Message::ChangeEmail {
            link: link(),
            address: "new@example.com".to_owned(),
        },
        Message::EmailChanged,
        Message::Invitation {
            organization: "Žluťoučký <b>& Sons".to_owned(),
            inviter: "Anna \"A\" Ångström".to_owned(),
            role: "admin".to_owned(),
            link: link(),
        },
        Message::PasswordChanged,
        Message::RefreshReused,
    ]
}

fn values(port: u16) -> Values {
    Values {
        host: Some("127.0.0.1".to_owned()),
        port: Some(port.to_string()),
        from: Some("oCore <ocore@example.com>".to_owned()),
        ..Values::default()
    }
}

fn smtp(values: Values) -> Smtp {
    Smtp::new(Config::new(values).unwrap()).unwrap()
}

async fn refused(smtp: &Smtp, to: &str) -> Problem {
    let problem = smtp
        .send(to, &Message::VerifyEmail { link: link() })
        .await
        .unwrap_err();
    assert_eq!(problem.code, Code::MailFailed);
    for secret in [TOKEN, PASSWORD, "horse", "ocore.example/do"] {
        assert!(!problem.to_string().contains(secret), "{problem}");
    }
    problem
}

/// A certificate for 127.0.0.1 with its key, and a file with the authority that made it.
fn certificate() -> (String, String, NamedTempFile) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.pem()).unwrap();
    (server.pem(), key.serialize_pem(), file)
}

#[tokio::test]
async fn every_message_arrives_as_text_and_html() {
    let catcher = SmtpCatcher::start().unwrap();
    let smtp = smtp(values(catcher.port()));
    let messages = every_message();
    for message in &messages {
        smtp.send("anna@example.com", message).await.unwrap();
    }
    let mails = catcher.mails().unwrap();
    assert_eq!(mails.len(), messages.len());
    for (mail, message) in mails.iter().zip(&messages) {
        let Mail {
            text, html, subject, ..
        } = mail;
        assert_eq!(
            (mail.from.as_str(), mail.to.as_str()),
            ("ocore@example.com", "anna@example.com")
        );
        assert!(!subject.is_empty());
        let has_link = !matches!(
            message,
            Message::EmailChanged | Message::PasswordChanged | Message::RefreshReused
        );
        assert_eq!(mail.link(), has_link.then_some(LINK), "{text}");
        let escaped = LINK.replace('&', "&#38;");
        assert_eq!(html.contains(&format!("href=\"{escaped}\"")), has_link, "{html}");
        // Both parts say the same.
        let first = text.lines().next().unwrap();
        let shown = html
            .replace("&#60;", "<")
            .replace("&#38;", "&")
            .replace("&#62;", ">")
            .replace("&#34;", "\"");
        assert!(shown.contains(first), "{first}\n{html}");
        assert!(mail.headers["auto-submitted"].ends_with(": auto-generated"));
        assert!(mail.headers["message-id"].ends_with("@example.com>"));
        assert!(mail.headers.contains_key("date"));
    }
    let invitation = &mails[4];
    assert_eq!(
        invitation.subject,
        "Anna \"A\" Ångström invites you to Žluťoučký <b>& Sons"
    );
    assert!(!invitation.html.contains("<b>"));
    let ids: std::collections::HashSet<_> = mails.iter().map(|mail| &mail.headers["message-id"]).collect();
    assert_eq!(ids.len(), mails.len());
    // One connection did for all of them.
    assert!(mails.iter().all(|mail| mail.session == mails[0].session));
}

#[tokio::test]
async fn a_connection_that_broke_is_not_used_again() {
    let catcher = SmtpCatcher::start().unwrap();
    let smtp = smtp(values(catcher.port()));
    let message = Message::PasswordChanged;
    smtp.send("anna@example.com", &message).await.unwrap();
    refused(&smtp, "refused@example.com").await;
    smtp.send("anna@example.com", &message).await.unwrap();
    assert_eq!(catcher.mails().unwrap().len(), 2);
}

#[tokio::test]
async fn starttls_and_tls_need_a_trusted_certificate() {
    let (certificate, key, authority) = certificate();
    for (word, security) in [
        (
            "starttls",
            MailSecurity::StartTls(certificate.clone(), key.clone()),
        ),
        ("tls", MailSecurity::Tls(certificate.clone(), key.clone())),
    ] {
        let catcher = SmtpCatcher::start_with(&security, Some(("ocore", PASSWORD))).unwrap();
        let values = Values {
            user: Some("ocore".to_owned()),
            password: Some(PASSWORD.into()),
            security: Some(word.to_owned()),
            ..values(catcher.port())
        };
        let problem = refused(&smtp(values.clone()), "anna@example.com").await;
        assert!(problem.detail.contains("UnknownIssuer"), "{problem}");

        let trusting = Values {
            ca_file: Some(authority.path().into()),
            ..values
        };
        let message = Message::ResetPassword { link: link() };
        smtp(trusting.clone())
            .send("anna@example.com", &message)
            .await
            .unwrap();
        let mails = catcher.mails().unwrap();
        assert_eq!((mails.len(), mails[0].encrypted), (1, true));
        assert_eq!(
            (mails[0].user.as_deref(), mails[0].link()),
            (Some("ocore"), Some(LINK))
        );

        // The certificate bears the address, not this name.
        let elsewhere = Values {
            host: Some("localhost".to_owned()),
            ..trusting
        };
        let problem = refused(&smtp(elsewhere), "anna@example.com").await;
        assert!(
            problem.detail.contains("certificate not valid for name"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_server_without_starttls_is_told_nothing() {
    let catcher = SmtpCatcher::start().unwrap();
    let values = Values {
        security: Some("starttls".to_owned()),
        ..values(catcher.port())
    };
    let problem = refused(&smtp(values), "anna@example.com").await;
    assert!(problem.detail.contains("STARTTLS is not supported"), "{problem}");
    assert!(catcher.mails().unwrap().is_empty());
}

#[tokio::test]
async fn the_login_is_right_or_wrong() {
    let catcher = SmtpCatcher::start_with(&MailSecurity::Off, Some(("ocore", PASSWORD))).unwrap();
    let login = |user: &str, password: &str| {
        smtp(Values {
            user: Some(user.to_owned()),
            password: Some(password.into()),
            ..values(catcher.port())
        })
    };
    let message = Message::PasswordChanged;
    login("ocore", PASSWORD)
        .send("anna@example.com", &message)
        .await
        .unwrap();
    assert_eq!(catcher.mails().unwrap()[0].user.as_deref(), Some("ocore"));

    // The server repeats the password in its answer.
    let problem = refused(&login("somebody", PASSWORD), "anna@example.com").await;
    assert!(
        problem.detail.contains("535") && problem.detail.contains("[…]"),
        "{problem}"
    );
    assert!(problem.mend.contains("SMTP_PASSWORD"), "{problem}");
    refused(&login("ocore", "wrong-password"), "anna@example.com").await;

    let nobody = smtp(values(catcher.port()));
    refused(&nobody, "anna@example.com").await;
    assert_eq!(catcher.mails().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_mail_is_a_problem_without_its_link() {
    let catcher = SmtpCatcher::start().unwrap();
    let smtp = smtp(values(catcher.port()));
    let problem = refused(&smtp, "refused@example.com").await;
    assert!(
        problem.detail.contains("550 5.1.1 There is no such mailbox"),
        "{problem}"
    );
    let problem = refused(&smtp, "spam@example.com").await;
    assert!(problem.detail.ends_with("554 5.7.1 Blocked: […]"), "{problem}");
}

#[tokio::test]
async fn a_server_that_is_away_is_a_problem() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let problem = refused(&smtp(values(port)), "anna@example.com").await;
    assert!(problem.detail.contains("refused"), "{problem}");
    let unknown = Values {
        host: Some("mail.invalid".to_owned()),
        ..values(port)
    };
    let problem = refused(&smtp(unknown), "anna@example.com").await;
    assert!(problem.detail.contains("mail.invalid"), "{problem}");
}

#[tokio::test]
async fn a_silent_server_is_waited_for_ten_seconds() {
    // It accepts connections (the kernel does) and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let catcher = SmtpCatcher::start().unwrap();
    let (mute, deaf) = (smtp(values(port)), smtp(values(catcher.port())));
    let began = Instant::now();
    let (at_once, at_the_end) = tokio::join!(
        refused(&mute, "anna@example.com"),
        refused(&deaf, "silent@example.com")
    );
    let time = began.elapsed();
    assert!(
        (Duration::from_secs(9)..Duration::from_secs(15)).contains(&time),
        "{time:?}"
    );
    for problem in [at_once, at_the_end] {
        assert!(
            problem.detail.ends_with("did not answer within 10 s"),
            "{problem}"
        );
    }
    // The mail that was given up is not continued by the next one.
    deaf.send("anna@example.com", &Message::PasswordChanged)
        .await
        .unwrap();
    let mails = catcher.mails().unwrap();
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "anna@example.com"));
}

/// What is written into the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn links_are_logged_without_a_mail_server_and_never_with_one() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let written = || String::from_utf8(log.0.lock().unwrap().clone()).unwrap();

    let catcher = SmtpCatcher::start_with(&MailSecurity::Off, Some(("ocore", PASSWORD))).unwrap();
    let smtp = smtp(Values {
        user: Some("ocore".to_owned()),
        password: Some(PASSWORD.into()),
        ..values(catcher.port())
    });
    for message in every_message() {
        smtp.send("anna@example.com", &message).await.unwrap();
        assert!(!format!("{message:?} {smtp:?}").contains(TOKEN));
        assert!(!format!("{message:?} {smtp:?}").contains(PASSWORD));
    }
    assert!(
        !written().contains(TOKEN) && !written().contains(PASSWORD),
        "{}",
        written()
    );

    LogLinks
        .send("anna@example.com", &Message::VerifyEmail { link: link() })
        .await
        .unwrap();
    let line = written();
    let line = line.lines().find(|line| line.contains(LINK)).unwrap();
    assert!(
        line.contains(" INFO ") && line.contains("anna@example.com"),
        "{line}"
    );
    LogLinks
        .send("anna@example.com", &Message::PasswordChanged)
        .await
        .unwrap();
    assert_eq!(written().matches(LINK).count(), 1);
    assert!(LogLinks.send("nobody", &Message::PasswordChanged).await.is_err());
}
