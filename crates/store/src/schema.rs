//! The schema as it is, beside what this program knows of it.
//!
//! A migration only adds (`expand`), so that the processes of the version before go on beside it, unless it says in a line
//! `-- contract: since VERSION` that it takes something away which that version and all after it do without.
//! `cargo xtask sql` holds new migrations to that.

use std::{fmt, str::FromStr, sync::LazyLock};

use chrono::{DateTime, Utc};
use ocore_domain::{Code, Problem};
use sqlx::{PgConnection, migrate::Migration as Embedded};

use crate::{Result, Store, Tx};

/// This program's migrations, in their order.
pub(crate) static MIGRATIONS: LazyLock<Vec<Embedded>> =
    LazyLock::new(|| sqlx::migrate!().iter().cloned().collect());

/// The migration that makes a place for the records of backups.
pub const BACKUPS: i64 = 20_261_130_030_000;

/// This program's version.
const OWN: &str = env!("CARGO_PKG_VERSION");
/// The advisory lock of whoever brings the database to another version.
const TURN: i64 = 0x0c0e_5c4e;
/// How a migration says that it takes something away.
const CONTRACT: &str = "-- contract: since ";

/// A version of oCore: three numbers, compared one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 3]);

impl Version {
    /// That of this program.
    pub fn own() -> Self {
        OWN.parse().unwrap_or(Self([0; 3]))
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        // What comes after a hyphen is of no account: a version that is tried out does what it will do.
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let parts: Vec<u32> = numbers.split('.').map_while(|part| part.parse().ok()).collect();
        let version = <[u32; 3]>::try_from(parts.as_slice()).map(Self);
        version
            .ok()
            .filter(|version| version.to_string() == numbers)
            .ok_or_else(|| format!("`{text}` is no version such as 0.2.0"))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// One migration, and what it means for processes of other versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub description: String,
    /// None: it only adds. Else the first version that does without what it takes away.
    pub contract_since: Option<Version>,
}

impl Migration {
    fn of(embedded: &Embedded) -> Self {
        Self {
            version: embedded.version,
            description: embedded.description.to_string(),
            contract_since: contract(embedded.sql.as_str()),
        }
    }

    /// Whether a process goes on beside it; of one whose version is not known that is not believed.
    pub fn spares(&self, process: Option<Version>) -> bool {
        self.contract_since
            .is_none_or(|since| process.is_some_and(|process| process >= since))
    }
}

/// What a migration says of itself.
fn contract(sql: &str) -> Option<Version> {
    sql.lines()
        .find_map(|line| line.trim().strip_prefix(CONTRACT))
        // One that cannot be read spares nobody.
        .map(|version| version.trim().parse().unwrap_or(Version([u32::MAX; 3])))
}

/// The newest migration this program knows.
pub fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// How a database's schema stands to this program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The newest migration it has; none: it is empty.
    pub version: Option<i64>,
    /// What this program would do to it, in order.
    pub pending: Vec<Migration>,
    /// What a newer version did to it. Nothing is known of one when that version did not say.
    pub ahead: Vec<Ahead>,
}

/// A migration that this program does not know, as the version that made it described it.
pub type Ahead = std::result::Result<Migration, i64>;

impl State {
    /// Whether this program may run on it.
    pub fn survives(&self) -> Result<(), Problem> {
        let own = Version::own();
        let told = self.ahead.iter().find_map(|ahead| match ahead {
            Ok(migration) if migration.spares(Some(own)) => None,
            Ok(migration) => {
                let since = migration.contract_since.unwrap_or(own);
                Some((
                    format!(
                        "the migration {} ({}) of a newer oCore took away what oCore {own} uses",
                        migration.version, migration.description
                    ),
                    format!("Run oCore {since} or newer"),
                ))
            }
            Err(version) => Some((
                format!("it has the migration {version}, of which oCore {own} knows nothing"),
                "Run the version of oCore that made it, or a newer one".to_owned(),
            )),
        });
        told.map_or(Ok(()), |(what, mend)| {
            Err(Problem::new(
                Code::Internal,
                format!("The database is not for this version: {what}"),
                format!("{mend}; or go back with the backup that was made before the upgrade: `ocore backup restore`."),
            ))
        })
    }
}

/// How the schema stands. Changes nothing, and works on an empty database.
pub async fn state(conn: &mut PgConnection) -> Result<State> {
    let known: Vec<Migration> = MIGRATIONS.iter().map(Migration::of).collect();
    if !exists(conn, "_sqlx_migrations").await? {
        return Ok(State {
            pending: known,
            ..State::default()
        });
    }
    let applied: Vec<i64> =
        sqlx::query_scalar("select version from _sqlx_migrations where success order by version")
            .fetch_all(&mut *conn)
            .await?;
    let unknown: Vec<i64> = applied
        .iter()
        .copied()
        .filter(|version| !known.iter().any(|one| one.version == *version))
        .collect();
    let mut ahead = Vec::new();
    if !unknown.is_empty() {
        let described = described(conn).await?;
        for version in unknown {
            ahead.push(
                described
                    .iter()
                    .find(|one| one.version == version)
                    .cloned()
                    .ok_or(version),
            );
        }
    }
    Ok(State {
        version: applied.last().copied(),
        pending: known
            .into_iter()
            .filter(|one| !applied.contains(&one.version))
            .collect(),
        ahead,
    })
}

async fn described(conn: &mut PgConnection) -> Result<Vec<Migration>> {
    if !exists(conn, "schema_changes").await? {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, String, Option<String>)> =
        sqlx::query_as("select version, description, contract_since from schema_changes")
            .fetch_all(conn)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(version, description, since)| Migration {
            version,
            description,
            contract_since: since.map(|since| since.parse().unwrap_or(Version([u32::MAX; 3]))),
        })
        .collect())
}

/// Tells processes that do not know this program's migrations what they do, once there is a place for that.
pub(crate) async fn describe(conn: &mut PgConnection) -> Result<()> {
    if !exists(conn, "schema_changes").await? {
        return Ok(());
    }
    let known: Vec<Migration> = MIGRATIONS.iter().map(Migration::of).collect();
    let versions: Vec<i64> = known.iter().map(|one| one.version).collect();
    let descriptions: Vec<String> = known.iter().map(|one| one.description.clone()).collect();
    let since: Vec<Option<String>> = known
        .iter()
        .map(|one| one.contract_since.map(|v| v.to_string()))
        .collect();
    sqlx::query(
        "insert into schema_changes (version, description, contract_since, ocore_version)
         select v, d, c, $4 from unnest($1::bigint[], $2::text[], $3::text[]) as t (v, d, c) on conflict do nothing",
    )
    .bind(versions)
    .bind(descriptions)
    .bind(since)
    .bind(OWN)
    .execute(conn)
    .await?;
    Ok(())
}

/// Waits until no other process changes the schema; until the end of the transaction others wait for this one.
pub async fn take_turn(store: &Store) -> Result<Tx> {
    let mut tx = store.begin().await?;
    sqlx::raw_sql("set local idle_in_transaction_session_timeout = 0; set local lock_timeout = 0; set local statement_timeout = 0")
        .execute(&mut *tx)
        .await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(TURN)
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}

async fn exists(conn: &mut PgConnection, table: &str) -> Result<bool> {
    Ok(sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(table)
        .fetch_one(conn)
        .await?)
}

/// A process that works on operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its machine.
    pub host: String,
    /// Its number there.
    pub pid: i32,
    /// What it is; those of before this was told say nothing.
    pub version: Option<String>,
    /// When it said last that it lives.
    pub seen_at: DateTime<Utc>,
}

impl Process {
    /// Whether it goes on beside a migration.
    pub fn survives(&self, migration: &Migration) -> bool {
        migration.spares(self.version.as_deref().and_then(|version| version.parse().ok()))
    }
}

/// The processes that live, also where this program's migrations have not run yet.
pub async fn processes(conn: &mut PgConnection) -> Result<Vec<Process>> {
    if !exists(conn, "workers").await? {
        return Ok(Vec::new());
    }
    // By way of JSON, since the column is not there before it is made.
    let rows: Vec<(String, i32, Option<String>, DateTime<Utc>)> = sqlx::query_as(
        "select host, pid, to_jsonb(w) ->> 'version', seen_at from workers w
         where seen_at > now() - interval '15 seconds' order by host, pid",
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(host, pid, version, seen_at)| Process {
            host,
            pid,
            version,
            seen_at,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_says_what_it_takes_away() {
        assert_eq!(contract("alter table a add column b text;"), None);
        let marked = "-- Old.\n-- contract: since 0.3.0\nalter table a drop column b;";
        let migration = Migration {
            version: 1,
            description: String::new(),
            contract_since: contract(marked),
        };
        let spares = |version: &str| migration.spares(version.parse().ok());
        assert!(spares("0.3.0") && spares("0.10.0") && spares("1.0.0-rc.1"));
        assert!(!spares("0.2.9") && !spares("of old"));
        // What cannot be read is taken for the worst.
        let odd = Migration {
            contract_since: contract("-- contract: since next"),
            ..migration
        };
        assert!(!odd.spares(Some(Version([99, 0, 0]))));
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let version = |text: &str| text.parse::<Version>();
        assert!(version("0.10.0").unwrap() > version("0.9.9").unwrap());
        assert_eq!(version("1.2.3+build").unwrap().to_string(), "1.2.3");
        for odd in ["", "1", "1.2", "1.2.3.4", "a.b.c", "01.2.3"] {
            assert!(version(odd).is_err(), "{odd}");
        }
        assert_eq!(Version::own().to_string(), OWN);
    }

    #[test]
    fn what_was_taken_away_is_told_and_what_was_added_is_borne() {
        let of = |contract_since| {
            let migration = Migration {
                version: 9,
                description: "later".to_owned(),
                contract_since,
            };
            State {
                ahead: vec![Ok(migration)],
                ..State::default()
            }
        };
        assert!(of(None).survives().is_ok() && of(Some(Version::own())).survives().is_ok());
        let refused = of(Some(Version([9, 1, 0]))).survives().unwrap_err();
        assert!(refused.mend.contains("oCore 9.1.0 or newer"), "{refused:?}");
        let unknown = State {
            ahead: vec![Err(9)],
            ..State::default()
        };
        assert!(unknown.survives().unwrap_err().detail.contains("migration 9"));
    }
}
