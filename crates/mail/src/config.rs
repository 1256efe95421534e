//! Where mails are sent, and as whom.

use std::{fs, net::IpAddr, path::PathBuf};

use lettre::{message::Mailbox, transport::smtp::client::Certificate};
use secrecy::SecretString;

/// How the connection to the mail server is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all: for a server on this machine, or one that catches mails for whoever develops.
    Off,
    /// Begun in the clear, and secured before anything is told. A server that does not offer it is not used.
    StartTls,
    /// Secured from the first byte on.
    Tls,
}

impl Security {
    /// What an operator means by a word.
    fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "off" => Some(Self::Off),
            "starttls" => Some(Self::StartTls),
            "tls" => Some(Self::Tls),
            _ => None,
        }
    }
}

/// What an operator has told, unread: the values of the variables, of which those that are not set are none.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// `SMTP_HOST`.
    pub host: Option<String>,
    /// `SMTP_PORT`.
    pub port: Option<String>,
    /// `SMTP_FROM`.
    pub from: Option<String>,
    /// `SMTP_USER`.
    pub user: Option<String>,
    /// `SMTP_PASSWORD`.
    pub password: Option<SecretString>,
    /// `SMTP_SECURITY`.
    pub security: Option<String>,
    /// `SMTP_CA_FILE`.
    pub ca_file: Option<PathBuf>,
}

/// What is wrong with one of the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with it.
    pub detail: String,
    /// What to do.
    pub mend: &'static str,
}

/// Where mails are sent, and as whom.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) from: Mailbox,
    /// User and password.
    pub(crate) login: Option<(String, SecretString)>,
    pub(crate) security: Security,
    /// Certificates that are trusted beside those this machine trusts.
    pub(crate) roots: Vec<Certificate>,
}

impl Config {
    /// Reads the values; all faults are told at once.
    ///
    /// What is not told is chosen: port 587, or 465 with `tls` and 25 with `off`; TLS on port 465, nothing on port 1025
    /// (where servers listen that only catch mails) and on this machine itself, STARTTLS everywhere else.
    pub fn new(values: Values) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults(Vec::new());
        let host = values.host.unwrap_or_default();
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || "/@".contains(c))
        {
            faults.add(
                "SMTP_HOST",
                "is not the name or the address of a host",
                "Set it to the mail server's name alone, for example `smtp.example.com`.",
            );
        }
        let told = values.security.and_then(|word| {
            let security = Security::from_word(&word);
            if security.is_none() {
                faults.add(
                    "SMTP_SECURITY",
                    "is none of `off`, `starttls` and `tls`",
                    "Use one of them, or none: the port decides then.",
                );
            }
            security
        });
        let port = values.port.map_or_else(
            || usual_port(told, &host),
            |text| match text.parse() {
                Ok(port) if port != 0 => port,
                _ => {
                    faults.add("SMTP_PORT", "is not a port", "Use a number from 1 to 65535.");
                    0
                }
            },
        );
        let security = told.unwrap_or_else(|| usual_security(port, &host));
        let from = values.from.unwrap_or_default().parse();
        if from.is_err() {
            faults.add(
                "SMTP_FROM",
                "is not an e-mail address",
                "Use for example `ocore@example.com` or `oCore <ocore@example.com>`.",
            );
        }
        let login = match (values.user, values.password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => {
                faults.add(
                    "SMTP_USER",
                    "is set without SMTP_PASSWORD",
                    "Set both, or neither.",
                );
                None
            }
            (None, Some(_)) => {
                faults.add(
                    "SMTP_PASSWORD",
                    "is set without SMTP_USER",
                    "Set both, or neither.",
                );
                None
            }
        };
        if login.is_some() && security == Security::Off && !is_loopback(&host) {
            faults.add(
                "SMTP_SECURITY",
                "would send SMTP_PASSWORD through the network for everybody to read",
                "Use `starttls` or `tls`, or leave user and password out.",
            );
        }
        let roots = values.ca_file.map_or_else(Vec::new, |file| {
            roots(&file).unwrap_or_else(|detail| {
                faults.add(
                    "SMTP_CA_FILE",
                    detail,
                    "Set it to a PEM file with the certificates to trust.",
                );
                Vec::new()
            })
        });
        match from {
            Ok(from) if faults.0.is_empty() => Ok(Self {
                host,
                port,
                from,
                login,
                security,
                roots,
            }),
            _ => Err(faults.0),
        }
    }

    /// How the connection is secured.
    pub const fn security(&self) -> Security {
        self.security
    }

    /// The server, as an operator knows it.
    pub(crate) fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, variable: &'static str, detail: impl Into<String>, mend: &'static str) {
        self.0.push(Fault {
            variable,
            detail: detail.into(),
            mend,
        });
    }
}

fn usual_port(security: Option<Security>, host: &str) -> u16 {
    match security {
        Some(Security::Tls) => 465,
        Some(Security::Off) => 25,
        None if is_loopback(host) => 25,
        Some(Security::StartTls) | None => 587,
    }
}

fn usual_security(port: u16, host: &str) -> Security {
    match port {
        465 => Security::Tls,
        1025 => Security::Off,
        _ if is_loopback(host) => Security::Off,
        _ => Security::StartTls,
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn roots(file: &std::path::Path) -> Result<Vec<Certificate>, String> {
    let pem = fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err("holds no certificate".to_owned());
    }
    let certificate = Certificate::from_pem(&pem).map_err(|error| format!("cannot be read: {error}"))?;
    Ok(vec![certificate])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(host: &str, port: Option<&str>, security: Option<&str>) -> Values {
        Values {
            host: Some(host.to_owned()),
            port: port.map(str::to_owned),
            from: Some("oCore <ocore@example.com>".to_owned()),
            security: security.map(str::to_owned),
            ..Values::default()
        }
    }

    #[test]
    fn port_and_security_are_chosen() {
        use Security::{Off, StartTls, Tls};
        for (host, port, security, chosen) in [
            ("smtp.example.com", None, None, (587, StartTls)),
            ("smtp.example.com", Some("465"), None, (465, Tls)),
            ("smtp.example.com", Some("587"), None, (587, StartTls)),
            ("smtp.example.com", Some("25"), None, (25, StartTls)),
            ("catcher", Some("1025"), None, (1025, Off)),
            ("localhost", None, None, (25, Off)),
            ("127.0.0.1", Some("2525"), None, (2525, Off)),
            ("::1", None, None, (25, Off)),
            ("localhost", Some("465"), None, (465, Tls)),
            ("smtp.example.com", None, Some("tls"), (465, Tls)),
            ("smtp.example.com", None, Some("off"), (25, Off)),
            ("smtp.example.com", Some("2465"), Some("TLS"), (2465, Tls)),
            ("localhost", Some("587"), Some("starttls"), (587, StartTls)),
        ] {
            let config = Config::new(values(host, port, security)).unwrap();
            assert_eq!(
                (config.port, config.security),
                chosen,
                "{host} {port:?} {security:?}"
            );
        }
    }

    fn faulty(values: Values) -> Vec<&'static str> {
        let faults = Config::new(values).unwrap_err();
        faults.iter().map(|fault| fault.variable).collect()
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = faulty(Values {
            host: Some("smtp://user:secret@example.com".to_owned()),
            port: Some("0".to_owned()),
            from: Some("a\r\nBcc: b@example.com".to_owned()),
            user: Some("user".to_owned()),
            security: Some("ssl".to_owned()),
            ca_file: Some("/nonexistent".into()),
            ..Values::default()
        });
        assert_eq!(
            faults,
            [
                "SMTP_HOST",
                "SMTP_SECURITY",
                "SMTP_PORT",
                "SMTP_FROM",
                "SMTP_USER",
                "SMTP_CA_FILE"
            ]
        );
        assert_eq!(faulty(Values::default()), ["SMTP_HOST", "SMTP_FROM"]);
    }

    #[test]
    fn a_password_does_not_go_through_the_network_in_the_clear() {
        let login = |host, security| Values {
            user: Some("user".to_owned()),
            password: Some("password".into()),
            ..values(host, None, Some(security))
        };
        assert_eq!(faulty(login("smtp.example.com", "off")), ["SMTP_SECURITY"]);
        assert!(Config::new(login("smtp.example.com", "starttls")).is_ok());
        let local = Config::new(login("localhost", "off")).unwrap();
        assert!(!format!("{local:?}").contains("\"password\""));
    }

    #[test]
    fn a_file_without_certificates_is_a_fault() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let values = Values {
            ca_file: Some(file.path().into()),
            ..values("smtp.example.com", None, None)
        };
        assert_eq!(faulty(values), ["SMTP_CA_FILE"]);
    }
}
