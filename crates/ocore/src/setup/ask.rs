//! What is to be known before anything is written: from options, or from who sits at the terminal.

use std::io::{self, IsTerminal};

use anyhow::{Context, bail, ensure};
use dialoguer::{Input, Password};
use secrecy::{ExposeSecret, SecretString};

use super::Options;

/// An installation as it is wanted.
pub(super) struct Wanted {
    pub(super) app_url: String,
    /// What stands behind `tls` in the Caddyfile; none without Caddy.
    pub(super) tls: Option<String>,
    /// The address of a database elsewhere.
    pub(super) database: Option<SecretString>,
    pub(super) pgbouncer: bool,
}

/// Asks for what the options do not say.
pub(super) fn wanted(options: &Options) -> anyhow::Result<Wanted> {
    let can_ask = io::stdin().is_terminal() && !options.database_url_stdin;
    let app_url = match &options.app_url {
        Some(url) => url.clone(),
        None if can_ask => Input::new()
            .with_prompt("The address people will enter in their browsers")
            .with_initial_text("https://")
            .interact_text()?,
        None => bail!("--app-url is needed: the address people enter in their browsers"),
    };
    let app_url = app_url.trim().trim_end_matches('/').to_owned();
    check_url(&app_url, !options.without_caddy)?;
    let tls = match (&options.tls, options.without_caddy) {
        (_, true) => None,
        (Some(tls), false) => Some(tls.clone()),
        (None, false) if can_ask => Some(
            Input::new()
                .with_prompt("An e-mail address for Let's Encrypt, or `internal`, or CERTIFICATE,KEY in tls/")
                .interact_text()?,
        ),
        (None, false) => bail!(
            "--tls is needed: an e-mail address for certificates of Let's Encrypt, `internal`, or CERTIFICATE,KEY; or \
             --without-caddy"
        ),
    };
    Ok(Wanted {
        app_url,
        tls: tls.map(|tls| caddy(tls.trim())).transpose()?,
        database: options
            .external_database
            .then(|| database(options, can_ask))
            .transpose()?,
        pgbouncer: options.pgbouncer,
    })
}

fn check_url(url: &str, by_caddy: bool) -> anyhow::Result<()> {
    let parsed = url::Url::parse(url).ok();
    let is_site = parsed.as_ref().is_some_and(|parsed| {
        matches!(parsed.scheme(), "http" | "https")
            && parsed.host_str().is_some_and(|host| !host.is_empty())
            && parsed.path() == "/"
            && parsed.query().is_none()
            && parsed.username().is_empty()
    });
    ensure!(
        is_site && !url.contains(['\'', ' ', '\n']),
        "the address must be that of a site, for example https://ocore.example.com, without a path"
    );
    ensure!(
        !by_caddy || url.starts_with("https://"),
        "Caddy serves https: the address must begin with it; or use --without-caddy"
    );
    Ok(())
}

/// What Caddy takes.
fn caddy(tls: &str) -> anyhow::Result<String> {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    match tls.split_once(',') {
        Some((certificate, key)) if is_name(certificate) && is_name(key) => {
            Ok(format!("/etc/ocore/tls/{certificate} /etc/ocore/tls/{key}"))
        }
        None if tls == "internal" || ocore_mail::is_address(tls) => Ok(tls.to_owned()),
        _ => bail!(
            "--tls is an e-mail address, `internal`, or CERTIFICATE,KEY: the names of two files in tls/, such as \
             site.pem,site.key"
        ),
    }
}

/// The address of the database, which is never an argument.
fn database(options: &Options, can_ask: bool) -> anyhow::Result<SecretString> {
    let given = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
    let url: SecretString = if options.database_url_stdin {
        let mut line = String::new();
        io::stdin()
            .read_line(&mut line)
            .context("the database's address cannot be read from standard input")?;
        line.trim().into()
    } else if let Some(url) = given {
        url.into()
    } else if can_ask {
        Password::new()
            .with_prompt("postgres://user:password@host:5432/database?sslmode=verify-full (it is not shown)")
            .interact()?
            .trim()
            .into()
    } else {
        bail!("the database's address is needed: in DATABASE_URL, or by --database-url-stdin");
    };
    let text = url.expose_secret();
    ensure!(
        text.starts_with("postgres://") || text.starts_with("postgresql://"),
        "the database's address must begin with postgres://"
    );
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_sites_are_taken_and_others_are_not() {
        for url in [
            "https://ocore.example.com",
            "https://10.0.0.5:8443",
            "https://[::1]",
        ] {
            check_url(url, true).unwrap();
        }
        check_url("http://localhost:3000", false).unwrap();
        for url in [
            "ocore.example.com",
            "https://a/b",
            "https://a?b",
            "ftp://a",
            "https://u@a",
            "http://a",
        ] {
            check_url(url, true).unwrap_err();
        }
    }

    #[test]
    fn certificates_come_from_where_caddy_finds_them() {
        assert_eq!(caddy("internal").unwrap(), "internal");
        assert_eq!(caddy("ops@example.com").unwrap(), "ops@example.com");
        assert_eq!(
            caddy("a.pem,a.key").unwrap(),
            "/etc/ocore/tls/a.pem /etc/ocore/tls/a.key"
        );
        for wrong in ["", "letsencrypt", "a.pem,", "../a,b", "a b,c"] {
            caddy(wrong).unwrap_err();
        }
    }
}
