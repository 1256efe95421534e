//! Writing what arrives.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::Utc;
use ocore_domain::{OrganizationId, ServerId};
use ocore_telemetry::Batch;
use serde::Serialize;
use sqlx::PgConnection;

use super::{Source, partitions, rows::Rows, supersede};
use crate::{Error, Result};

/// A batch, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Whose server it is.
    pub organization: OrganizationId,
    /// The server that was measured.
    pub server: ServerId,
    /// Who measured it.
    pub source: Source,
    /// What was measured.
    pub batch: &'a Batch,
}

/// What became of what was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Samples of servers that were new.
    pub inserted: u64,
    /// Samples that were there already.
    pub repeated: u64,
    /// Samples that were dropped: older than raw samples are kept, or more than two minutes ahead of PostgreSQL's clock.
    pub dropped: u64,
    /// Rows of instances that were new. A container that names an instance which is not on that server makes none.
    pub instances: u64,
}

/// Writes what one server told. What was written before changes nothing.
pub async fn ingest(
    conn: &mut PgConnection,
    organization: OrganizationId,
    server: ServerId,
    source: Source,
    batch: &Batch,
) -> Result<Ingested> {
    let given = Given {
        organization,
        server,
        source,
        batch,
    };
    ingest_all(conn, &[given]).await
}

/// Writes what several servers told, in one statement: all of it or nothing. What an agent brings late takes the place of what
/// was asked over SSH meanwhile, in another: a push that is not answered for comes again.
pub async fn ingest_all(conn: &mut PgConnection, given: &[Given<'_>]) -> Result<Ingested> {
    let rows = Rows::of(given, Utc::now());
    let ssh = given.iter().all(|given| given.source == Source::Ssh);
    let ingested = if let Some(ingested) = write(conn, &rows).await? {
        ingested
    } else {
        // Nobody has led for a while, or never yet.
        let now = partitions::now(conn).await?;
        partitions::make_ahead(conn, now).await?;
        let written = write(conn, &rows).await?;
        written.ok_or_else(|| Error::Row("there are no partitions for samples".to_owned()))?
    };
    supersede::take_away(conn, given).await?;
    count(&ingested, ssh);
    Ok(ingested)
}

/// What this process has written since it began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Samples of servers that agents brought.
    pub agent: u64,
    /// Samples of servers that were asked over SSH.
    pub ssh: u64,
    /// Samples of instances.
    pub instances: u64,
    /// Samples that were there already.
    pub repeated: u64,
    /// Samples that were dropped.
    pub dropped: u64,
}

static COUNTED: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

/// What this process has written since it began.
pub fn totals() -> Totals {
    let [agent, ssh, instances, repeated, dropped] =
        COUNTED.each_ref().map(|counted| counted.load(Ordering::Relaxed));
    Totals {
        agent,
        ssh,
        instances,
        repeated,
        dropped,
    }
}

fn count(ingested: &Ingested, ssh: bool) {
    let (of_agents, of_ssh) = if ssh {
        (0, ingested.inserted)
    } else {
        (ingested.inserted, 0)
    };
    let now = [
        of_agents,
        of_ssh,
        ingested.instances,
        ingested.repeated,
        ingested.dropped,
    ];
    for (counted, now) in COUNTED.iter().zip(now) {
        counted.fetch_add(now, Ordering::Relaxed);
    }
}

/// None: there are no partitions for now. A sample older than 45 seconds may have been rolled up without: its minute is
/// noted. Rollups wait for 60 seconds, which leaves this statement 15 to end in.
async fn write(conn: &mut PgConnection, rows: &Rows) -> Result<Option<Ingested>> {
    let written = sqlx::query!(
        r#"with
        kept as (
            select greatest(kept_from, now() - keep) as since, least(kept_until, now() + interval '2 minutes') as until,
                   kept_until > now() + interval '2 minutes' as covers_now
            from metric_resolutions where resolution = 10
        ),
        given as (
            select r.* from kept, json_populate_recordset(null::server_samples, $1::text::json) r
            where kept.covers_now and r.at >= kept.since and r.at < kept.until
            order by r.server_id, r.at
        ),
        server_rows as (
            insert into server_samples select * from given on conflict do nothing returning server_id, at
        ),
        instance_rows as (
            insert into instance_samples
            select r.* from kept, json_populate_recordset(null::instance_samples, $2::text::json) r
                join instances i on i.id = r.instance_id and i.server_id = r.server_id
                    and i.organization_id = r.organization_id
            where kept.covers_now and r.at >= kept.since and r.at < kept.until
            order by r.instance_id, r.at
            on conflict do nothing returning instance_id, at
        ),
        late as (
            insert into metric_late
            select distinct subject, date_bin('1 minute', at, timestamptz 'epoch')
            from (select server_id, at from server_rows union all select instance_id, at from instance_rows)
                as written (subject, at)
            where at < now() - interval '45 seconds'
        ),
        latest as (
            insert into server_latest
            select distinct on (r.server_id) r.*
            from kept, json_populate_recordset(null::server_latest, $3::text::json) r
            where kept.covers_now and r.at < kept.until
            order by r.server_id, r.at desc
            on conflict (server_id) do update set organization_id = excluded.organization_id, at = excluded.at,
                received_at = excluded.received_at, source = excluded.source, detail = excluded.detail
            where server_latest.at < excluded.at
        )
        select coalesce((select covers_now from kept), false) as "covers_now!",
               (select count(*) from given) as "given!", (select count(*) from server_rows) as "inserted!",
               (select count(*) from instance_rows) as "instances!""#,
        json(&rows.servers)?,
        json(&rows.instances)?,
        json(&rows.latest)?,
    )
    .fetch_one(conn)
    .await?;
    let number = |of: i64| u64::try_from(of).unwrap_or(0);
    let all = u64::try_from(rows.servers.len()).unwrap_or(u64::MAX);
    Ok(written.covers_now.then(|| Ingested {
        inserted: number(written.inserted),
        repeated: number(written.given - written.inserted),
        dropped: all.saturating_sub(number(written.given)) + rows.timeless,
        instances: number(written.instances),
    }))
}

fn json<T: Serialize>(rows: &[T]) -> Result<String> {
    serde_json::to_string(rows).map_err(|error| Error::Row(error.to_string()))
}
