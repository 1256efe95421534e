//! In which state servers and instances were, from when to when, and what that comes to.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Result;

/// Writes down which states changed; in a transaction. While nobody watched, nothing is known: when the last call was longer ago than
/// `patience` seconds, what was open ends there and is unknown until now.
pub async fn note(conn: &mut PgConnection, patience: f64) -> Result<()> {
    let gap = sqlx::query_scalar!(
        r#"with before as (select at from availability_clock),
               now_on as (insert into availability_clock (at) values (now())
                          on conflict (only_row) do update set at = excluded.at)
           select at as "at!" from before where at < now() - make_interval(secs => $1)"#,
        patience,
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(since) = gap {
        // A state that began at that very moment or later knows nothing either.
        sqlx::query!(
            "with ended as (
                 update availability set to_at = greatest($1, from_at) where to_at is null and state <> 'unknown'
                 returning subject_kind, subject_id, organization_id, server_id, to_at)
             insert into availability (subject_kind, subject_id, organization_id, server_id, state, from_at, to_at)
             select subject_kind, subject_id, organization_id, server_id, 'unknown', to_at, now() from ended
             on conflict do nothing",
            since,
        )
        .execute(&mut *conn)
        .await?;
    }
    // Mostly nothing did: one look at all of them, and not three.
    let is_as_noted = sqlx::query_scalar!(
        r#"select not exists (
               select from availability_states st
               full join (select subject_id, state from availability where to_at is null) a using (subject_id)
               where a.state is distinct from st.state
           ) as "is_as_noted!""#
    )
    .fetch_one(&mut *conn)
    .await?;
    if is_as_noted {
        return Ok(());
    }
    sqlx::query!(
        "update availability a set to_at = greatest(coalesce(st.since, now()), a.from_at + interval '1 microsecond')
         from availability_states st where a.subject_id = st.subject_id and a.to_at is null and a.state <> st.state"
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into availability (subject_kind, subject_id, organization_id, server_id, state, from_at)
         select st.subject_kind, st.subject_id, st.organization_id, st.server_id, st.state,
             coalesce((select max(to_at) from availability a
                       where a.subject_id = st.subject_id and a.to_at > now() - interval '1 hour'), now())
         from availability_states st
         where not exists (select from availability a where a.subject_id = st.subject_id and a.to_at is null)
         on conflict do nothing"
    )
    .execute(&mut *conn)
    .await?;
    // What was removed is in no state.
    sqlx::query!(
        "update availability a set to_at = now() where to_at is null
             and not exists (select from servers s where s.id = a.subject_id and s.status <> 'removed')
             and not exists (select from instances i where i.id = a.subject_id and i.status <> 'removed')"
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Seconds in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// It was there.
    pub up: f64,
    /// It was not.
    pub down: f64,
    /// How often it went down.
    pub outages: i64,
}

/// A time in which it was down.
#[derive(Clone, Debug)]
pub struct Outage {
    /// From when.
    pub from_at: DateTime<Utc>,
    /// To when; none: it goes on.
    pub to_at: Option<DateTime<Utc>>,
}

/// What a time up to now was spent in.
pub async fn spent(
    conn: &mut PgConnection,
    subject: Uuid,
    length: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Spent> {
    Ok(sqlx::query_as!(
        Spent,
        r#"select coalesce(sum(extract(epoch from least(coalesce(to_at, $3), $3) - greatest(from_at, $2)))
                   filter (where state = 'up'), 0)::float8 as "up!",
               coalesce(sum(extract(epoch from least(coalesce(to_at, $3), $3) - greatest(from_at, $2)))
                   filter (where state = 'down'), 0)::float8 as "down!",
               count(*) filter (where state = 'down') as "outages!"
           from availability where subject_id = $1 and from_at < $3 and (to_at is null or to_at > $2)"#,
        subject,
        now - length,
        now,
    )
    .fetch_one(conn)
    .await?)
}

/// The last times in which it was down, newest first.
pub async fn outages(
    conn: &mut PgConnection,
    subject: Uuid,
    since: DateTime<Utc>,
    at_most: i64,
) -> Result<Vec<Outage>> {
    Ok(sqlx::query_as!(
        Outage,
        "select from_at, to_at from availability
         where subject_id = $1 and state = 'down' and (to_at is null or to_at > $2) order by from_at desc limit $3",
        subject,
        since,
        at_most,
    )
    .fetch_all(conn)
    .await?)
}

/// Deletes what ended before a time.
pub async fn prune(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!("delete from availability where to_at < $1", before)
        .execute(conn)
        .await?;
    Ok(gone.rows_affected())
}
