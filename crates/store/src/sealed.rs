//! Whether everything that is sealed opens: the proof that a database and a key belong together.

use futures::TryStreamExt;
use ocore_domain::OrganizationId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Result, Sealer, seal::Place};

/// A sealed column, and where what is in it belongs.
#[derive(Debug)]
struct Column {
    table: &'static str,
    name: &'static str,
    /// What its place calls it.
    named: &'static str,
    /// Organization, row and envelope.
    rows: &'static str,
}

macro_rules! column {
    ($table:literal, $column:literal, $named:literal, $organization:literal, $row:literal) => {
        Column {
            table: $table,
            name: $column,
            named: $named,
            rows: concat!(
                "select ",
                $organization,
                ", ",
                $row,
                ", ",
                $column,
                " from ",
                $table,
                " where ",
                $column,
                " is not null"
            ),
        }
    };
}

/// All of them but answers that are kept for a day (`idempotency_keys`).
const COLUMNS: &[Column] = &[
    column!(
        "servers",
        "ssh_private_key_sealed",
        "ssh_private_key",
        "organization_id",
        "id"
    ),
    column!(
        "servers",
        "ssh_key_passphrase_sealed",
        "ssh_key_passphrase",
        "organization_id",
        "id"
    ),
    column!(
        "servers",
        "ssh_password_sealed",
        "ssh_password",
        "organization_id",
        "id"
    ),
    column!(
        "servers",
        "postgres_password_sealed",
        "postgres_password",
        "organization_id",
        "id"
    ),
    column!(
        "instances",
        "env_values_sealed",
        "env_values",
        "organization_id",
        "id"
    ),
    column!(
        "instances",
        "database_password_sealed",
        "database_password",
        "organization_id",
        "id"
    ),
    column!(
        "instances",
        "master_password_sealed",
        "master_password",
        "organization_id",
        "id"
    ),
    column!(
        "instances",
        "admin_password_sealed",
        "admin_password",
        "organization_id",
        "id"
    ),
    column!(
        "users",
        "totp_secret_sealed",
        "totp_secret_sealed",
        "null::uuid",
        "id"
    ),
    column!("invite_links", "code_sealed", "code", "organization_id", "id"),
    column!(
        "notification_channels",
        "secret_sealed",
        "secret",
        "organization_id",
        "id"
    ),
    column!("push_subscriptions", "auth_sealed", "auth", "null::uuid", "id"),
    column!(
        "installation_keys",
        "private_sealed",
        "private",
        "null::uuid",
        "row_id"
    ),
];
/// Looked at no longer than a day after they were made.
const PASSING: &[(&str, &str)] = &[("idempotency_keys", "answer_sealed")];

/// What came of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many secrets opened.
    pub opened: u64,
    /// How many did not.
    pub closed: u64,
    /// What is wrong with the first of those.
    pub first: Option<String>,
    /// Sealed columns that this program does not know.
    pub unknown: Vec<String>,
}

/// Opens everything that is sealed, and forgets it at once.
pub async fn check(conn: &mut PgConnection, sealer: &Sealer) -> Result<Checked> {
    let mut checked = Checked {
        unknown: unknown(conn).await?,
        ..Checked::default()
    };
    for column in COLUMNS {
        let mut rows =
            sqlx::query_as::<_, (Option<OrganizationId>, Uuid, Vec<u8>)>(column.rows).fetch(&mut *conn);
        while let Some((organization, row, envelope)) = rows.try_next().await? {
            let place = Place {
                organization: organization.unwrap_or(OrganizationId::NONE),
                table: column.table,
                row,
                column: column.named,
            };
            match sealer.open(place, &envelope) {
                Ok(_) => checked.opened += 1,
                Err(problem) => {
                    checked.closed += 1;
                    checked.first.get_or_insert(problem.detail);
                }
            }
        }
    }
    Ok(checked)
}

async fn unknown(conn: &mut PgConnection) -> Result<Vec<String>> {
    let there: Vec<(String, String)> = sqlx::query_as(
        r"select table_name::text, column_name::text from information_schema.columns
          where table_schema = 'public' and column_name like '%\_sealed' order by 1, 2",
    )
    .fetch_all(conn)
    .await?;
    let is_known = |table: &str, name: &str| {
        COLUMNS
            .iter()
            .any(|known| known.table == table && known.name == name)
            || PASSING.contains(&(table, name))
    };
    Ok(there
        .into_iter()
        .filter(|(table, name)| !is_known(table, name))
        .map(|(table, name)| format!("{table}.{name}"))
        .collect())
}
