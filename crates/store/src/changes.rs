//! What changed, told to whoever has a page open: whose it is and of which kind, nothing more.

use ocore_domain::{Topic, Topics};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Result;

pub(crate) const CHANGED: &str = "ocore_changed";

/// Something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The organization or the person whose it is. None: it may be anybody's, for some of what happened was not heard.
    pub whose: Option<Uuid>,
    /// What.
    pub topics: Topics,
}

impl Changed {
    /// Anything may have changed, and anybody's.
    pub(crate) const ANYTHING: Self = Self {
        whose: None,
        topics: Topics::ALL,
    };

    /// What a notification says: whose, and the topics. Words of a newer oCore than this one are left out.
    pub(crate) fn read(payload: &str) -> Option<Self> {
        let mut words = payload.split(' ');
        let whose = words.next()?.parse().ok()?;
        let topics = words.filter_map(|word| word.parse::<Topic>().ok()).collect();
        Some(Self {
            whose: Some(whose),
            topics,
        })
    }
}

/// Tells what changed of organizations and people. Heard when the transaction commits.
pub async fn tell(conn: &mut PgConnection, told: &[(Uuid, Topics)]) -> Result<()> {
    let payloads: Vec<String> = told
        .iter()
        .filter(|(_, topics)| !topics.is_empty())
        .map(|(whose, topics)| {
            topics.iter().fold(whose.to_string(), |mut said, topic| {
                said.push(' ');
                said.push_str(topic.as_str());
                said
            })
        })
        .collect();
    if payloads.is_empty() {
        return Ok(());
    }
    sqlx::query("select pg_notify($1, payload) from unnest($2::text[]) as payload")
        .bind(CHANGED)
        .bind(payloads)
        .execute(conn)
        .await?;
    Ok(())
}

/// Tells the organizations that have these alerts.
pub(crate) async fn tell_of_alerts(conn: &mut PgConnection, alerts: &[Uuid]) -> Result<()> {
    if alerts.is_empty() {
        return Ok(());
    }
    let organizations: Vec<Uuid> = sqlx::query_scalar!(
        "select distinct organization_id from alert_events where id = any($1)",
        alerts
    )
    .fetch_all(&mut *conn)
    .await?;
    let told: Vec<(Uuid, Topics)> = organizations
        .into_iter()
        .map(|organization| (organization, Topic::Alerts.into()))
        .collect();
    tell(conn, &told).await
}

/// Whose operations these are, and of which kinds their subjects.
pub(crate) async fn of_operations(conn: &mut PgConnection, operations: &[Uuid]) -> Result<Vec<Changed>> {
    let rows = sqlx::query!(
        "select distinct organization_id, subject_kind from operations where id = any($1)",
        operations
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Changed {
            whose: Some(row.organization_id),
            topics: Topic::Operations | Topics::of_kind(row.subject_kind.as_deref().unwrap_or_default()),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read() {
        let whose = Uuid::from_u128(7);
        let read = |words: &str| Changed::read(&format!("{whose}{words}"));
        let topics = Topic::Servers | Topic::AuditLogs;
        let whole = Changed {
            whose: Some(whose),
            topics,
        };
        assert_eq!(read(" servers audit_logs"), Some(whole));
        assert_eq!(read(" servers of_tomorrow audit_logs"), Some(whole));
        assert_eq!(read("").map(|told| told.topics), Some(Topics::NONE));
        assert_eq!(Changed::read("nobody servers"), None);
    }
}
