//! Whether somebody would hear of a fault.

use chrono::{DateTime, Utc};
use ocore_domain::OrganizationId;
use sqlx::PgConnection;

use crate::Result;

/// What an organization has set up to hear of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerting {
    /// Rules that are on.
    pub rules: i64,
    /// Channels that are on.
    pub channels: i64,
    /// Those of them by which the newest test arrived.
    pub tested_channels: i64,
    /// When a test arrived last by any of them.
    pub tested_at: Option<DateTime<Utc>>,
}

/// What an organization has set up.
pub async fn alerting(conn: &mut PgConnection, organization: OrganizationId) -> Result<Alerting> {
    Ok(sqlx::query_as!(
        Alerting,
        r#"with channels as (
               select c.id,
                   (select d.state = 'delivered' from notification_deliveries d
                    where d.channel_id = c.id and d.kind = 'test' order by d.created_at desc limit 1) as arrived,
                   (select max(d.finished_at) from notification_deliveries d
                    where d.channel_id = c.id and d.kind = 'test' and d.state = 'delivered') as arrived_at
               from notification_channels c where c.organization_id = $1 and c.enabled)
           select (select count(*) from alert_rules where organization_id = $1 and enabled) as "rules!",
               count(*) as "channels!", count(*) filter (where arrived) as "tested_channels!",
               max(arrived_at) as "tested_at"
           from channels"#,
        organization as OrganizationId,
    )
    .fetch_one(conn)
    .await?)
}
