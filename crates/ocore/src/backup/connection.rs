//! What PostgreSQL's own programs are told of a database: by their environment, which only their own user can read, and
//! never by their arguments, which everybody can.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::Context;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Where distributions keep the certificates that machines trust, for libpq, which trusts none by itself.
const TRUSTED: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// The variables that lead libpq to a database.
#[derive(Clone)]
pub(crate) struct Connection(BTreeMap<&'static str, String>);

impl Connection {
    /// To the database of a URL.
    pub(crate) fn to(url: &SecretString) -> anyhow::Result<Self> {
        let url: Url = url
            .expose_secret()
            .parse()
            .ok()
            .context("the database's URL cannot be read")?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut told = BTreeMap::new();
        let mut tell = |name, value: String| {
            if !value.is_empty() {
                told.insert(name, value);
            }
        };
        tell(
            "PGHOST",
            decoded(url.host_str().unwrap_or_default().trim_matches(['[', ']'])),
        );
        tell(
            "PGPORT",
            url.port().map(|port| port.to_string()).unwrap_or_default(),
        );
        tell("PGUSER", decoded(url.username()));
        tell("PGPASSWORD", decoded(url.password().unwrap_or_default()));
        tell("PGDATABASE", decoded(url.path().trim_start_matches('/')));
        for (name, value) in url.query_pairs() {
            let variable = match &*name {
                "host" | "hostaddr" => "PGHOST",
                "port" => "PGPORT",
                "user" => "PGUSER",
                "password" => "PGPASSWORD",
                "dbname" => "PGDATABASE",
                "sslmode" | "ssl-mode" => "PGSSLMODE",
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
                "sslcert" | "ssl-cert" => "PGSSLCERT",
                "sslkey" | "ssl-key" => "PGSSLKEY",
                // What else there is sets up the driver's own connections.
                _ => continue,
            };
            tell(variable, value.into_owned());
        }
        let verifies = told
            .get("PGSSLMODE")
            .is_some_and(|mode| mode.starts_with("verify-"));
        if verifies && !told.contains_key("PGSSLROOTCERT") {
            let trusted = TRUSTED.iter().find(|path| Path::new(path).exists());
            told.extend(trusted.map(|path| ("PGSSLROOTCERT", (*path).to_owned())));
        }
        Ok(Self(told))
    }

    /// A program that knows this database, and nothing of oCore's own environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LC_ALL", "C.UTF-8")
            .env("PGCONNECT_TIMEOUT", "15")
            .envs(&self.0)
            .current_dir("/");
        command
    }
}

/// The same URL with another database.
pub(crate) fn with_database(url: &SecretString, name: &str) -> anyhow::Result<SecretString> {
    let mut url: Url = url
        .expose_secret()
        .parse()
        .ok()
        .context("the database's URL cannot be read")?;
    url.set_path(name);
    Ok(String::from(url).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libpq_is_told_what_the_url_says() {
        let of = |url: &str| Connection::to(&url.into()).unwrap().0;
        let told = of(
            "postgres://o%40c:p%2Fw%25@db.example.com:6432/ocore?sslmode=require&statement-cache-capacity=0",
        );
        let expected = [
            ("PGDATABASE", "ocore"),
            ("PGHOST", "db.example.com"),
            ("PGPASSWORD", "p/w%"),
            ("PGPORT", "6432"),
            ("PGSSLMODE", "require"),
            ("PGUSER", "o@c"),
        ];
        assert_eq!(
            told,
            expected.map(|(name, value)| (name, value.to_owned())).into()
        );
        // As the embedded one is reached, and by IPv6.
        let socket =
            of("postgres://ocore@localhost:5432/ocore?host=%2Fvar%2Flib%2Focore%2Fpostgres&sslmode=disable");
        assert_eq!(socket["PGHOST"], "/var/lib/ocore/postgres");
        assert_eq!(of("postgresql://u@[::1]/x")["PGHOST"], "::1");
        let other = with_database(&"postgres://u:p@h:1/x?sslmode=require".into(), "y").unwrap();
        assert_eq!(other.expose_secret(), "postgres://u:p@h:1/y?sslmode=require");
    }

    #[test]
    fn no_password_is_among_the_arguments() {
        let command = Connection::to(&"postgres://u:canary@h/x".into())
            .unwrap()
            .command(Path::new("/bin/true"));
        assert_eq!(command.get_args().count(), 0);
    }
}
