//! What is not to be taken up for now. What is at work goes on.

use chrono::{DateTime, Utc};
use ocore_domain::{OrganizationId, ServerId};
use sqlx::PgConnection;

use crate::{Result, notifications};

/// What a pause is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole queue.
    All,
    /// Operations of a kind.
    Kind(String),
    /// Operations on a server.
    Server(ServerId),
    /// Operations of an organization.
    Organization(OrganizationId),
}

impl Scope {
    /// What it is called.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Kind(_) => "kind",
            Self::Server(_) => "server",
            Self::Organization(_) => "organization",
        }
    }

    /// Which kind, server or organization; empty for all.
    pub fn target(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Kind(kind) => kind.clone(),
            Self::Server(id) => id.to_string(),
            Self::Organization(id) => id.to_string(),
        }
    }
}

/// A pause.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Pause {
    pub scope: String,
    pub target: String,
    pub reason: String,
    pub paused_at: DateTime<Utc>,
    pub paused_by: Option<String>,
    /// What the server or organization is called.
    pub name: Option<String>,
}

/// All of them, the oldest first.
pub async fn pauses(conn: &mut PgConnection) -> Result<Vec<Pause>> {
    Ok(sqlx::query_as!(
        Pause,
        r#"select p.scope, p.target, p.reason, p.paused_at, p.paused_by,
               case p.scope when 'server' then (select s.name from servers s where s.id::text = p.target)
                            when 'organization' then (select o.name from organizations o where o.id::text = p.target)
                            end as name
           from queue_pauses p order by p.paused_at, p.scope, p.target limit 500"#
    )
    .fetch_all(conn)
    .await?)
}

/// Pauses; false when that was so already, and what is written of it stays.
pub async fn pause(conn: &mut PgConnection, scope: &Scope, reason: &str, by: Option<&str>) -> Result<bool> {
    let done = sqlx::query!(
        "insert into queue_pauses (scope, target, reason, paused_by) values ($1, $2, $3, $4) on conflict do nothing",
        scope.name(),
        scope.target(),
        reason,
        by,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets go on; false when it was not paused.
pub async fn resume(conn: &mut PgConnection, scope: &Scope) -> Result<bool> {
    let done = sqlx::query!(
        "delete from queue_pauses where scope = $1 and target = $2",
        scope.name(),
        scope.target(),
    )
    .execute(&mut *conn)
    .await?;
    notifications::queue_changed(conn).await?;
    Ok(done.rows_affected() == 1)
}
