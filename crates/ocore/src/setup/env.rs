//! The file `.env`: what `docker compose` fills its files with, and what the backend is configured by.

use std::fmt::Write as _;

use anyhow::ensure;
use secrecy::ExposeSecret;

use super::{EXTERNAL, PGBOUNCER, PROD, ask::Wanted, database};

/// Its text, with new secrets.
pub(super) fn text(wanted: &Wanted, limits: Vec<(String, String)>) -> anyhow::Result<String> {
    let mut env = Env::default();
    env.comment("Written by `ocore setup`. Whoever reads this file can do everything that oCore can.");
    env.comment("What else may stand here: docs/configuration.md, and the names in docker-compose.prod.yml.");
    let mut files = vec![PROD];
    if wanted.database.is_some() {
        files.push(EXTERNAL);
    }
    if wanted.pgbouncer {
        files.push(PGBOUNCER);
    }
    env.set("COMPOSE_FILE", &files.join(":"))?;
    env.set(
        "COMPOSE_PROFILES",
        if wanted.tls.is_some() { "caddy" } else { "" },
    )?;

    env.comment("The address people enter in their browsers.");
    env.set("APP_URL", &wanted.app_url)?;
    if let Some(tls) = &wanted.tls {
        env.set("CADDY_TLS", tls)?;
    } else {
        env.comment("The proxy of your own, and the frontend.");
        env.set("OCORE_TRUSTED_PROXIES", "2")?;
    }

    env.comment("Seals keys and passwords in the database. Keep a copy elsewhere: losing it loses them.");
    env.set("SSH_ENCRYPTION_KEY", &secret())?;
    env.comment("Signs what people are signed in by.");
    env.set("JWT_SECRET", &secret())?;
    env.comment("Opens /metrics to Prometheus.");
    env.set("OCORE_METRICS_TOKEN", &secret())?;

    if let Some(url) = &wanted.database {
        env.comment("The database.");
        env.set("DATABASE_URL", url.expose_secret())?;
        if wanted.pgbouncer {
            env.comment("The same in parts, for PgBouncer; and what backends sign in by there.");
            for (name, value) in database::for_pgbouncer(url)? {
                env.set(name, &value)?;
            }
            env.set("POSTGRES_PASSWORD", &secret())?;
        }
    } else {
        env.comment("Of the database beside the backend, made with it: changing it here later does not change it there.");
        env.set("POSTGRES_PASSWORD", &secret())?;
    }
    if !limits.is_empty() {
        env.comment("This machine is smaller than the usual limits are made for.");
    }
    for (name, value) in limits {
        env.set(&name, &value)?;
    }
    Ok(env.0)
}

/// What has to stand in such a file and does not.
pub(super) fn missing(text: &str) -> Vec<&'static str> {
    let sets = |name: &str| {
        text.lines().any(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("export ").unwrap_or(line);
            line.strip_prefix(name)
                .and_then(|rest| rest.trim_start().strip_prefix('='))
                .is_some_and(|value| !value.trim().is_empty())
        })
    };
    let mut missing = Vec::new();
    for name in ["APP_URL", "SSH_ENCRYPTION_KEY", "JWT_SECRET"] {
        if !sets(name) {
            missing.push(name);
        }
    }
    if !sets("POSTGRES_PASSWORD") && !sets("DATABASE_URL") {
        missing.push("POSTGRES_PASSWORD");
    }
    missing
}

#[derive(Default)]
struct Env(String);

impl Env {
    fn comment(&mut self, text: &str) {
        // A variable's own stand directly above it.
        if self.0.lines().last().is_some_and(|line| !line.starts_with('#')) {
            self.0.push('\n');
        }
        let _ = writeln!(self.0, "# {text}");
    }

    fn set(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        ensure!(
            !value.contains(['\'', '\n', '\r']),
            "{name} would hold a single quote or a line break, which this file cannot: in an address write a quote as %27"
        );
        let is_plain = value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-+@%:".contains(c));
        // Within single quotes nothing means anything else.
        let quote = if is_plain { "" } else { "'" };
        let _ = writeln!(self.0, "{name}={quote}{value}{quote}");
        Ok(())
    }
}

/// 256 random bits.
fn secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            app_url: "https://ocore.example.com".to_owned(),
            tls: Some("ops@example.com".to_owned()),
            database: None,
            pgbouncer: false,
        }
    }

    #[test]
    fn nothing_needed_is_missing_and_no_secret_stands_twice() {
        let text = text(&wanted(), Vec::new()).unwrap();
        assert_eq!(missing(&text), [""; 0]);
        let secrets: std::collections::HashSet<&str> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(_, value)| value)
            .filter(|value| value.len() == 64)
            .collect();
        assert_eq!(secrets.len(), 4, "{text}");
    }

    #[test]
    fn an_address_is_kept_as_it_was_given() {
        let url = "postgres://ocore:p$a%23s@db.example.com/ocore?sslmode=require";
        let wanted = Wanted {
            database: Some(url.into()),
            pgbouncer: true,
            ..wanted()
        };
        let text = text(&wanted, Vec::new()).unwrap();
        assert!(text.contains(&format!("\nDATABASE_URL='{url}'\n")), "{text}");
        assert!(text.contains("\nCOMPOSE_FILE=docker-compose.prod.yml:docker-compose.external-db.yml:docker-compose.pgbouncer.yml\n"));
        let wanted = Wanted {
            database: Some("postgres://ocore:it's@db/ocore".into()),
            ..wanted
        };
        assert!(super::text(&wanted, Vec::new()).is_err());
    }

    #[test]
    fn what_is_missing_is_found() {
        assert_eq!(
            missing("# APP_URL=x\nexport JWT_SECRET=a\nSSH_ENCRYPTION_KEY=\nDATABASE_URL = b\n"),
            ["APP_URL", "SSH_ENCRYPTION_KEY"]
        );
    }
}
