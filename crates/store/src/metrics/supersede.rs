//! What an agent brings late takes the place of what was asked over SSH meanwhile: the same minutes must not count twice.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Given, Source};
use crate::Result;

/// An agent whose oldest sample of a push is older was cut off, or was silent long enough to be stood in for.
const LATE: TimeDelta = TimeDelta::seconds(45);
/// What one look over SSH tells of: the time since the look before.
const OVER: TimeDelta = TimeDelta::seconds(60);

/// Takes away the samples over SSH of the time that late samples of agents tell of.
pub(super) async fn take_away(conn: &mut PgConnection, given: &[Given<'_>]) -> Result<()> {
    let now = Utc::now();
    let (mut servers, mut from, mut until) = (Vec::<Uuid>::new(), Vec::new(), Vec::new());
    for given in given.iter().filter(|given| given.source == Source::Agent) {
        let times = || given.batch.samples.iter().map(|sample| sample.at);
        let ends = times().min().zip(times().max());
        let ends = ends.and_then(|(first, last)| {
            DateTime::from_timestamp_millis(first).zip(DateTime::from_timestamp_millis(last))
        });
        if let Some((first, last)) = ends.filter(|(first, _)| now - first > LATE) {
            servers.push(given.server.uuid());
            from.push(first);
            // A look that came after the last of them is over their time too.
            until.push(last + OVER);
        }
    }
    if servers.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"with late as (
               select * from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) as l (server_id, since, until)
           ), of_instances as (
               -- Rows of instances do not say who measured: what an agent tells is over ten seconds.
               delete from instance_samples i using late l
               where i.instance_id in (select id from instances where server_id = l.server_id)
                   and i.at between l.since and l.until and i.interval_seconds > 30
           )
           delete from server_samples s using late l
           where s.server_id = l.server_id and s.at between l.since and l.until and s.source = 'ssh'"#,
        &servers,
        &from,
        &until,
    )
    .execute(conn)
    .await?;
    Ok(())
}
