//! SQL on a server's PostgreSQL, by `psql` in its container: it needs nothing but the Docker Engine's socket.

use std::time::Duration;

use ocore_domain::{Code, Problem};
use ocore_fleet::{Engine, Exec, Finished};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use tokio::time::sleep;

use super::postgres::CONTAINER;

/// What `psql` ends with when it could not connect.
const NO_CONNECTION: i64 = 2;

/// Runs statements in a database as the superuser, stopping at the first that fails; answers what they select,
/// unaligned and without headings. The statements go by standard input: they hold passwords.
pub(crate) async fn run(engine: &Engine, database: &str, sql: &SecretString) -> Result<String, Problem> {
    let finished = execute(engine, database, sql).await?;
    if finished.status == 0 {
        return Ok(finished.stdout.trim_end().to_owned());
    }
    if finished.status == NO_CONNECTION {
        return Err(away(finished.stderr.trim()));
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

/// Drops a database and the role of the same name; that they are gone is fine.
///
/// A `create database` whose client was cancelled goes on for a moment: until it is done the database cannot be seen,
/// and then its role cannot be dropped. So this is tried more than once.
pub(crate) async fn drop_database_and_role(engine: &Engine, name: &str) -> Result<(), Problem> {
    let name = identifier(name);
    let sql = format!("drop database if exists {name} with (force);\ndrop role if exists {name};");
    let mut attempt = 1;
    loop {
        match query(engine, "postgres", &sql).await {
            Err(problem) if problem.code == Code::DatabaseFailed && attempt < 4 => {
                sleep(Duration::from_secs(attempt)).await;
                attempt += 1;
            }
            done => return done.map(drop),
        }
    }
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
    engine.exec(CONTAINER, exec).await.map_err(|problem| {
        // While the server boots, or its PostgreSQL is made anew with other settings.
        if problem.code == Code::DockerFailed && problem.detail.contains("is not running") {
            return away(&problem.detail);
        }
        problem
    })
}

fn away(why: &str) -> Problem {
    Problem::new(
        Code::DatabaseUnavailable,
        format!("The server's PostgreSQL does not answer: {why}"),
        format!("Look at the container {CONTAINER} on the server (`docker logs {CONTAINER}`), then retry."),
    )
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
