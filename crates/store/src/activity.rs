//! What happened to servers and instances without anybody's asking.

use chrono::{DateTime, Utc};
use ocore_domain::{OrganizationId, Topic, Topics};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Page, PageRequest, Result, changes};

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Its number; later ones are greater.
    pub id: i64,
    /// When it was noticed.
    pub at: DateTime<Utc>,
    /// `server` or `instance`.
    pub subject_kind: String,
    /// Which one.
    pub subject_id: Uuid,
    /// What it was, for example `server.rebooted`.
    pub kind: String,
    /// The same in words.
    pub message: String,
}

/// Notes something, and tells whoever has a page open.
pub async fn record(
    conn: &mut PgConnection,
    organization: OrganizationId,
    (subject_kind, subject_id): (&str, Uuid),
    kind: &str,
    message: &str,
) -> Result<()> {
    sqlx::query!(
        "insert into activity (organization_id, subject_kind, subject_id, kind, message) values ($1, $2, $3, $4, $5)",
        organization as OrganizationId,
        subject_kind,
        subject_id,
        kind,
        message,
    )
    .execute(&mut *conn)
    .await?;
    let topics = Topic::Activity | Topics::of_kind(subject_kind);
    changes::tell(conn, &[(organization.uuid(), topics)]).await
}

/// The same, unless it was noted in these very words before.
pub async fn record_once(
    conn: &mut PgConnection,
    organization: OrganizationId,
    subject: (&str, Uuid),
    kind: &str,
    message: &str,
) -> Result<()> {
    let is_noted = sqlx::query_scalar!(
        r#"select exists (select from activity where subject_id = $1 and kind = $2 and message = $3) as "is_noted!""#,
        subject.1,
        kind,
        message,
    )
    .fetch_one(&mut *conn)
    .await?;
    if is_noted {
        return Ok(());
    }
    record(conn, organization, subject, kind, message).await
}

/// What happened, newest first, to one subject or to all.
///
/// No parameter is optional, and an inner `limit` says that few rows are wanted: so PostgreSQL keeps the plan, whose making takes
/// several times as long as reading the page (`page.rs`).
pub async fn list(
    conn: &mut PgConnection,
    organization: OrganizationId,
    subject: Option<Uuid>,
    page: &PageRequest,
) -> Result<Page<Activity>> {
    macro_rules! page {
        ($more:literal $(, $argument:expr)*) => {
            sqlx::query_as!(
                Activity,
                "select * from (
                     select id, at, subject_kind, subject_id, kind, message from activity
                     where organization_id = $1 and id < $2" + $more + " order by id desc limit 201) page limit $3",
                organization as OrganizationId,
                page.cursor.as_deref().and_then(|c| c.parse().ok()).unwrap_or(i64::MAX),
                page.limit + 1
                $(, $argument)*
            )
            .fetch_all(conn)
            .await?
        };
    }
    let rows = match subject {
        None => page!(""),
        Some(subject) => page!(" and subject_id = $4", subject),
    };
    Ok(Page::from_rows(rows, page.limit, |a| a.id.to_string()))
}

/// Rows that are looked at in one statement.
const BATCH: i64 = 10_000;

/// Deletes what happened before a moment; answers how much that was. Numbers grow with time, so only the oldest are looked at.
pub async fn prune(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64> {
    let mut all = 0;
    loop {
        let gone = sqlx::query!(
            "delete from activity where at < $1
                 and id = any(array(select id from activity order by id limit $2))",
            before,
            BATCH,
        )
        .execute(&mut *conn)
        .await?
        .rows_affected();
        if gone == 0 {
            return Ok(all);
        }
        all += gone;
    }
}
