//! SQL on a server's PostgreSQL, by `psql` in its container: it needs nothing but the Docker Engine's socket.

use std::time::Duration;

use ocore_domain::{Code, Problem};
use ocore_fleet::{Engine, Exec, Finished};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::postgres::CONTAINER;

/// Runs statements in a database as the superuser, stopping at the first that fails; answers what they select,
/// unaligned and without headings. The statements go by standard input: they hold passwords.
pub(crate) async fn run(engine: &Engine, database: &str, sql: &SecretString) -> Result<String, Problem> {
    let finished = execute(engine, database, sql).await?;
    if finished.status == 0 {
        return Ok(finished.stdout.trim_end().to_owned());
    }
    let error = finished
        .stderr
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(4)
        .collect::<Vec<_>>()
        .join(" ");
    Err(Problem::new(
        Code::DatabaseFailed,
        format!("The server's PostgreSQL refused a statement in `{database}`: {error}"),
        format!("Look at the container {CONTAINER} on the server (`docker logs {CONTAINER}`), then retry."),
    ))
}

/// The same for a statement without secrets.
pub(crate) async fn query(engine: &Engine, database: &str, sql: &str) -> Result<String, Problem> {
    run(engine, database, &SecretString::from(sql)).await
}

async fn execute(engine: &Engine, database: &str, sql: &SecretString) -> Result<Finished, Problem> {
    let argv = [
        "psql",
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-U",
        "postgres",
        "-d",
        database,
    ];
    let exec = Exec {
        argv: argv.map(str::to_owned).to_vec(),
        stdin: Some(SecretSlice::from(sql.expose_secret().as_bytes().to_vec())),
        user: None,
        timeout: Duration::from_secs(120),
        lines: None,
    };
    engine.exec(CONTAINER, exec).await
}

/// A text as an SQL literal.
pub(crate) fn literal(text: &str) -> String {
    // Standard-conforming strings know one special character; a NUL cannot be sent at all.
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}

/// A name as an SQL identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('\0', "").replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(literal("it's; drop"), "'it''s; drop'");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }
}
