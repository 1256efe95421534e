//! The parts of a database's address, for `PgBouncer`, which takes no address as a whole.

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

/// What `docker-compose.pgbouncer.yml` asks for. The values are secrets among them.
pub(super) fn for_pgbouncer(url: &SecretString) -> anyhow::Result<Vec<(&'static str, String)>> {
    // What is wrong is not repeated: there is a password in it.
    let url = Url::parse(url.expose_secret())
        .ok()
        .context("DATABASE_URL is not an address: use postgres://user:password@host:5432/database")?;
    let option = |wanted: &str| {
        let mut options = url.query_pairs();
        options
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let (Some(host), false) = (url.host_str(), url.username().is_empty()) else {
        bail!("DATABASE_URL names no host or no user, which PgBouncer needs");
    };
    let password = url
        .password()
        .context("DATABASE_URL has no password, by which PgBouncer signs in")?;
    let mut parts = vec![
        ("PGBOUNCER_HOST", host.trim_matches(['[', ']']).to_owned()),
        ("PGBOUNCER_PORT", url.port().unwrap_or(5432).to_string()),
        ("PGBOUNCER_DATABASE", decoded(url.path().trim_start_matches('/'))),
        ("PGBOUNCER_USER", decoded(url.username())),
        ("PGBOUNCER_PASSWORD", decoded(password)),
        (
            "PGBOUNCER_SSLMODE",
            option("sslmode").unwrap_or_else(|| "prefer".to_owned()),
        ),
    ];
    if let Some(file) = option("sslrootcert") {
        parts.push(("PGBOUNCER_CA", file));
    }
    Ok(parts)
}

/// Without `%40` and the like.
fn decoded(text: &str) -> String {
    // In forms a plus sign is a space, here it is itself.
    let form = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let mut pairs = form_urlencoded::parse(form.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_apart() {
        let url = "postgres://o%40core:p%2Fa+s%27s=&@db.example.com/o-core?sslmode=verify-full&sslrootcert=/etc/ocore/certs/a.pem";
        let parts = for_pgbouncer(&url.into()).unwrap();
        let text: Vec<String> = parts
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            text,
            [
                "PGBOUNCER_HOST=db.example.com",
                "PGBOUNCER_PORT=5432",
                "PGBOUNCER_DATABASE=o-core",
                "PGBOUNCER_USER=o@core",
                "PGBOUNCER_PASSWORD=p/a+s's=&",
                "PGBOUNCER_SSLMODE=verify-full",
                "PGBOUNCER_CA=/etc/ocore/certs/a.pem",
            ]
        );
    }

    #[test]
    fn what_is_missing_is_told_without_the_password() {
        for url in [
            "postgres://ocore@db/ocore",
            "postgres:///ocore?host=/run",
            "canary",
        ] {
            let error = for_pgbouncer(&url.into()).unwrap_err().to_string();
            assert!(
                error.contains("DATABASE_URL") && !error.contains("canary"),
                "{error}"
            );
        }
    }
}
