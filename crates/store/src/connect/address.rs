//! Where a PostgreSQL is and how it is reached, as `DATABASE_URL` says. Nothing here repeats a password.

use std::{
    borrow::Cow,
    fmt, fs,
    path::{Path, PathBuf},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::{ParseError, Url};

/// How a connection is secured: `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Never by TLS.
    Disable,
    /// By TLS where the server offers it. Taken as `prefer`.
    Allow,
    /// By TLS where the server offers it; its certificate is not looked at.
    Prefer,
    /// By TLS; the certificate is not looked at.
    Require,
    /// By TLS with a certificate of an authority that is trusted, for whatever name.
    VerifyCa,
    /// By TLS with a certificate of an authority that is trusted, for the server's name.
    VerifyFull,
}

impl Security {
    const ALL: [Self; 6] = [
        Self::Disable,
        Self::Allow,
        Self::Prefer,
        Self::Require,
        Self::VerifyCa,
        Self::VerifyFull,
    ];

    /// The word for it in an address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Security {
    /// Whether there is no connection without TLS.
    pub const fn demands_tls(self) -> bool {
        matches!(self, Self::Require | Self::VerifyCa | Self::VerifyFull)
    }
}

/// What is wrong with an address, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}. {mend}")]
pub struct NotAnAddress {
    /// What is wrong, to be read after the variable's name.
    pub what: String,
    /// What to do.
    pub mend: String,
}

impl NotAnAddress {
    fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            mend: mend.into(),
        }
    }
}

/// The parameters that are understood, as `libpq` names them.
const PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "user",
];

const FORM: &str = "Use postgres://user:password@host:5432/database, with what else is to be said behind it, as in \
                    ?sslmode=verify-full&sslrootcert=/etc/ocore/ca.pem.";
const ENCODE: &str = "In a user name or password write @ as %40, / as %2F, : as %3A, # as %23, ? as %3F, % as %25 and \
                      a space as %20.";

/// Where a PostgreSQL is, and how it is reached.
#[derive(Clone)]
pub struct Address {
    url: SecretString,
    options: PgConnectOptions,
    security: Security,
    /// Whether certificates are held against a file that was named, and not only against the public authorities.
    has_authority: bool,
    /// Whether this side shows a certificate of its own.
    shows_certificate: bool,
    socket: Option<PathBuf>,
}

impl fmt::Debug for Address {
    /// Without the password, which is in the options.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.shown())
    }
}

impl Address {
    /// Reads an address, and the files that it names.
    pub fn read(given: &SecretString) -> Result<Self, NotAnAddress> {
        let url = parse(given.expose_secret())?;
        let parameters = parameters(&url)?;
        let value = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key == name);
            found
                .map(|(_, value)| value.as_ref())
                .filter(|value| !value.is_empty())
        };
        let host = host(&url, value("host"))?;
        let socket = host.starts_with('/').then(|| PathBuf::from(&host));
        for (what, there, mend) in [
            (
                "no user",
                !url.username().is_empty() || value("user").is_some(),
                FORM,
            ),
            (
                "no database",
                url.path().len() > 1 || value("dbname").is_some(),
                FORM,
            ),
        ] {
            if !there {
                return Err(NotAnAddress::new(format!("names {what}"), mend));
            }
        }
        if let Some(wanted) = value("target_session_attrs")
            && !["read-write", "primary", "any"].contains(&wanted)
        {
            return Err(NotAnAddress::new(
                format!("has target_session_attrs={}", cut(wanted)),
                "oCore writes, so it is always the primary that it looks for: take it out.",
            ));
        }
        let security = security(value("sslmode"), value("sslrootcert"), socket.is_some())?;
        let authority = value("sslrootcert").filter(|&file| file != "system");
        if let Some(file) = authority {
            certificates("sslrootcert", file)?;
        }
        client(value("sslcert"), value("sslkey"))?;
        let options = options(url.clone(), security, &host)?;
        Ok(Self {
            url: given.clone(),
            options,
            security,
            has_authority: authority.is_some(),
            shows_certificate: value("sslcert").is_some(),
            socket,
        })
    }

    /// As it may be shown: without user, password and parameters.
    pub fn shown(&self) -> String {
        let database = self.options.get_database().unwrap_or_default();
        match &self.socket {
            Some(socket) => format!("{}/{database}", socket.display()),
            None => format!("{}:{}/{database}", self.host_in_url(), self.options.get_port()),
        }
    }

    fn host_in_url(&self) -> Cow<'_, str> {
        let host = self.options.get_host();
        if host.contains(':') {
            format!("[{host}]").into()
        } else {
            host.into()
        }
    }

    /// As it was written: for PostgreSQL's own programs.
    pub const fn url(&self) -> &SecretString {
        &self.url
    }

    /// How it is secured.
    pub const fn security(&self) -> Security {
        self.security
    }

    /// Whether certificates are held against a file that was named.
    pub const fn has_authority(&self) -> bool {
        self.has_authority
    }

    /// Whether this side shows a certificate of its own.
    pub const fn shows_certificate(&self) -> bool {
        self.shows_certificate
    }

    /// The server's name or address; none for a socket.
    pub fn host(&self) -> Option<&str> {
        self.socket.is_none().then(|| self.options.get_host())
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.options.get_port()
    }

    /// Who signs in.
    pub fn user(&self) -> &str {
        self.options.get_username()
    }

    /// The database.
    pub fn database(&self) -> &str {
        self.options.get_database().unwrap_or_default()
    }

    pub(crate) const fn options(&self) -> &PgConnectOptions {
        &self.options
    }
}

fn parse(text: &str) -> Result<Url, NotAnAddress> {
    let known = ["postgres://", "postgresql://"];
    if !known.iter().any(|scheme| text.starts_with(scheme)) {
        return Err(NotAnAddress::new("is not a PostgreSQL URL", FORM));
    }
    let url = Url::parse(text);
    let url = match url {
        // A socket is a parameter, and then nothing need stand where the host does; for the parser something has to.
        Err(ParseError::EmptyHost) if text.contains("host=") => {
            Url::parse(&text.replacen("@/", "@localhost/", 1))
        }
        url => url,
    };
    let url = url.map_err(|error| {
        // It names no part of the text.
        NotAnAddress::new(format!("cannot be read ({error})"), format!("{FORM} {ENCODE}"))
    })?;
    // A character that was not encoded has ended the host too early, and the rest of a password stands where the database,
    // the parameters or the fragment should.
    let rest = [url.path(), url.query().unwrap_or_default()].concat();
    if url.fragment().is_some() || (url.username().is_empty() && rest.contains('@')) {
        return Err(NotAnAddress::new(
            "holds a character that ends a part of it too early",
            ENCODE,
        ));
    }
    Ok(url)
}

/// Names and values, as they stand in an address.
type Parameters<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

fn parameters(url: &Url) -> Result<Parameters<'_>, NotAnAddress> {
    let parameters: Vec<_> = url.query_pairs().collect();
    for (at, (key, _)) in parameters.iter().enumerate() {
        if !PARAMETERS.contains(&key.as_ref()) {
            return Err(NotAnAddress::new(
                format!("has the parameter `{}`, which oCore does not know", cut(key)),
                format!("Take it out. Known are: {}.", PARAMETERS.join(", ")),
            ));
        }
        if parameters[..at].iter().any(|(before, _)| before == key) {
            return Err(NotAnAddress::new(
                format!("has `{key}` twice"),
                "Leave one of them.",
            ));
        }
    }
    Ok(parameters)
}

/// The server's name or address, or the folder of its socket.
fn host(url: &Url, parameter: Option<&str>) -> Result<String, NotAnAddress> {
    let decode = |text: &str| {
        let text = text.trim_matches(['[', ']']);
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let host = parameter.map_or_else(
        || url.host_str().filter(|host| !host.is_empty()).map(decode),
        |host| Some(host.trim_matches(['[', ']']).to_owned()),
    );
    let Some(host) = host else {
        return Err(NotAnAddress::new(
            "names no host",
            format!("{FORM} For a socket: postgres://user@localhost/database?host=/run/postgresql."),
        ));
    };
    if host.contains(',') {
        return Err(NotAnAddress::new(
            "names several hosts",
            "Name one address that always leads to the primary, as managed services and proxies give it.",
        ));
    }
    Ok(host)
}

fn security(mode: Option<&str>, authority: Option<&str>, is_socket: bool) -> Result<Security, NotAnAddress> {
    let mode = match mode {
        None => Security::Prefer,
        Some(mode) => *Security::ALL
            .iter()
            .find(|one| one.as_str() == mode)
            .ok_or_else(|| {
                NotAnAddress::new(
                    format!("has sslmode={}", cut(mode)),
                    "Use disable, prefer, require, verify-ca or verify-full.",
                )
            })?,
    };
    if is_socket && mode.demands_tls() {
        return Err(NotAnAddress::new(
            format!("has sslmode={mode} for a socket, and PostgreSQL has no TLS there"),
            "Use sslmode=disable: what goes through a socket does not leave the machine.",
        ));
    }
    match (authority, mode) {
        // As `libpq` has it. To hold a certificate against nothing although an authority was named would deceive.
        (Some("system"), Security::Require | Security::VerifyFull) => Ok(Security::VerifyFull),
        (Some("system"), _) => Err(NotAnAddress::new(
            format!("has sslrootcert=system with sslmode={mode}"),
            "Public authorities give certificates to everybody, so the name must be checked: use sslmode=verify-full.",
        )),
        (Some(_), Security::Require) => Ok(Security::VerifyCa),
        (Some(_), Security::Disable | Security::Allow | Security::Prefer) => Err(NotAnAddress::new(
            format!("has sslrootcert with sslmode={mode}, which would not look at it"),
            "Use sslmode=verify-full, or take sslrootcert out.",
        )),
        (_, mode) => Ok(mode),
    }
}

/// Certificates and keys are read before anything starts, so that a wrong path is not found out in the night.
fn certificates(name: &str, file: &str) -> Result<(), NotAnAddress> {
    let read = readable(name, file)?;
    let found = CertificateDer::pem_slice_iter(&read).collect::<Result<Vec<_>, _>>();
    if found.is_ok_and(|found| !found.is_empty()) {
        return Ok(());
    }
    Err(NotAnAddress::new(
        format!("has {name}={}, which holds no certificate", cut(file)),
        "Name a file of certificates in PEM (-----BEGIN CERTIFICATE-----).",
    ))
}

fn readable(name: &str, file: &str) -> Result<Vec<u8>, NotAnAddress> {
    if !Path::new(file).is_absolute() {
        return Err(NotAnAddress::new(
            format!("has {name}={}", cut(file)),
            "Name the file by its absolute path.",
        ));
    }
    fs::read(file).map_err(|error| {
        NotAnAddress::new(
            format!("has {name}={}, which cannot be read: {error}", cut(file)),
            "Check the path, and that the user that oCore runs as may read the file.",
        )
    })
}

fn client(certificate: Option<&str>, key: Option<&str>) -> Result<(), NotAnAddress> {
    let (certificate, key) = match (certificate, key) {
        (None, None) => return Ok(()),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => {
            return Err(NotAnAddress::new(
                "has sslcert without sslkey",
                "Name both, or neither.",
            ));
        }
        (None, Some(_)) => {
            return Err(NotAnAddress::new(
                "has sslkey without sslcert",
                "Name both, or neither.",
            ));
        }
    };
    certificates("sslcert", certificate)?;
    if PrivateKeyDer::from_pem_slice(&readable("sslkey", key)?).is_err() {
        return Err(NotAnAddress::new(
            format!("has sslkey={}, which holds no key without a password", cut(key)),
            "Name a file with the key in PEM; `openssl pkey -in KEY -out PLAIN` takes a password away.",
        ));
    }
    Ok(())
}

fn options(mut url: Url, security: Security, host: &str) -> Result<PgConnectOptions, NotAnAddress> {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, value)| {
            key != "target_session_attrs" && !(key == "sslrootcert" && value == "system") && !value.is_empty()
        })
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(kept);
    let options: PgConnectOptions = url.as_str().parse().map_err(|_| {
        // What exactly is wrong may be a part of the password.
        NotAnAddress::new("cannot be read", format!("{FORM} {ENCODE}"))
    })?;
    let mode = match security {
        Security::Disable => PgSslMode::Disable,
        // sqlx would not try TLS for `allow`.
        Security::Allow | Security::Prefer => PgSslMode::Prefer,
        Security::Require => PgSslMode::Require,
        Security::VerifyCa => PgSslMode::VerifyCa,
        Security::VerifyFull => PgSslMode::VerifyFull,
    };
    let options = options
        .ssl_mode(mode)
        // Poolers refuse it, and since PostgreSQL 12 it is of no use.
        .extra_float_digits(None)
        .application_name("ocore");
    Ok(if host.starts_with('/') {
        options.ssl_mode(PgSslMode::Disable)
    } else {
        // Without the brackets of an IPv6 address, which sqlx leaves.
        options.host(host)
    })
}

/// A part of an address that may be repeated, at a bearable length.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;

    use super::*;

    fn read(url: &str) -> Result<Address, NotAnAddress> {
        Address::read(&url.into())
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        for (url, shown) in [
            ("postgres://ocore:canary@db:5432/ocore", "db:5432/ocore"),
            ("postgresql://u:can%40ary@[::1]/x", "[::1]:5432/x"),
            (
                "postgres://ocore@/ocore?host=/run/postgresql&password=canary",
                "/run/postgresql/ocore",
            ),
            (
                "postgres://u:can@ary@db.example.com:6432/x?sslmode=require",
                "db.example.com:6432/x",
            ),
            ("postgres:///?host=db&user=u&dbname=d&port=6000", "db:6000/d"),
        ] {
            let address = read(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(address.shown(), shown);
            assert!(!format!("{address:?}").contains("canary"));
        }
    }

    #[test]
    fn odd_characters_in_a_password_are_kept_when_encoded() {
        let password = "p@ss/w:rd?#%&= \u{fc}";
        let encoded = percent_encoding::utf8_percent_encode(password, percent_encoding::NON_ALPHANUMERIC);
        let address = read(&format!("postgres://u:{encoded}@h/d")).unwrap();
        let kept = address.options().to_url_lossy();
        let kept = percent_encoding::percent_decode_str(kept.password().unwrap());
        assert_eq!(kept.decode_utf8().unwrap(), password);
    }

    #[test]
    fn each_fault_has_its_own_words_and_none_repeats_the_password() {
        for (url, what) in [
            ("mysql://u:canary@h/d", "is not a PostgreSQL URL"),
            ("canary", "is not a PostgreSQL URL"),
            ("postgres://u:canary/x@h/d", "invalid port number"),
            ("postgres://u:12/canary@h/d", "too early"),
            ("postgres://u:12#canary@h/d", "too early"),
            ("postgres://u:12?canary@h/d", "too early"),
            ("postgres://u:canary#x@h/d", "invalid port number"),
            ("postgres://u:canary@h:99999/d", "invalid port number"),
            ("postgres://:canary@h/d", "names no user"),
            ("postgres://u:canary@h", "names no database"),
            ("postgres://u:canary@h/", "names no database"),
            ("postgres:///d?user=u&password=canary", "names no host"),
            ("postgres://u:canary@a,b/d", "names several hosts"),
            ("postgres://u:canary@h/d?sslmode=on", "has sslmode=on"),
            (
                "postgres://u:canary@h/d?connection_limit=5",
                "the parameter `connection_limit`",
            ),
            (
                "postgres://u:canary@h/d?sslmode=require&sslmode=disable",
                "has `sslmode` twice",
            ),
            (
                "postgres://u:canary@h/d?sslmode=verify-full&sslrootcert=ca.pem",
                "has sslrootcert=ca.pem",
            ),
            (
                "postgres://u:canary@h/d?sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
                "cannot be read",
            ),
            (
                "postgres://u:canary@h/d?sslmode=verify-full&sslrootcert=/dev/null",
                "holds no certificate",
            ),
            (
                "postgres://u:canary@h/d?sslrootcert=/dev/null",
                "which would not look at it",
            ),
            (
                "postgres://u:canary@h/d?sslrootcert=system",
                "sslrootcert=system with sslmode=prefer",
            ),
            ("postgres://u:canary@h/d?sslcert=/a", "sslcert without sslkey"),
            ("postgres://u:canary@h/d?sslkey=/a", "sslkey without sslcert"),
            ("postgres://u:canary@/d?host=/run&sslmode=require", "no TLS there"),
            (
                "postgres://u:canary@h/d?target_session_attrs=standby",
                "target_session_attrs=standby",
            ),
        ] {
            let fault = read(url).expect_err(url).to_string();
            assert!(fault.contains(what), "{url}: {fault}");
            assert!(!fault.contains("canary"), "{fault}");
        }
    }

    #[test]
    fn what_is_named_is_looked_at() {
        let of = |parameters: &str| {
            read(&format!("postgres://u@h/d?{parameters}")).map(|address| address.security())
        };
        assert_eq!(of(""), Ok(Security::Prefer));
        assert_eq!(of("sslmode=allow"), Ok(Security::Allow));
        assert_eq!(of("sslmode=require&sslrootcert=system"), Ok(Security::VerifyFull));
        let file = tempfile::NamedTempFile::new().unwrap();
        let made = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap();
        fs::write(file.path(), made.cert.pem()).unwrap();
        let named = format!("sslmode=require&sslrootcert={}", file.path().display());
        assert_eq!(of(&named), Ok(Security::VerifyCa));
    }
}
