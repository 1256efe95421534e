//! The queue: claiming, finishing, and rescuing what a lost worker left.
//!
//! Claims go one after another under an advisory lock of their transaction, so that the bound of a group holds
//! strictly and not only mostly; each takes as many operations as the worker has room for.

use std::time::Duration;

use ocore_domain::{OperationId, OrganizationId, Problem, ServerId, WorkerId, operation::OperationState};
use serde_json::Value;
use sqlx::{PgConnection, Postgres, Transaction, postgres::types::PgInterval, types::Json};
use uuid::Uuid;

use super::claim_name::{ClaimName, columns};
use crate::{Error, Result, notifications};

/// What the advisory lock of claims is named: the first eight bytes of "ocore claim" would do as well.
const CLAIM_LOCK: i64 = 0x0c0e_c1a1;

/// An operation as a worker holds it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Claimed {
    pub id: OperationId,
    pub organization_id: OrganizationId,
    pub kind: String,
    pub subject_id: Option<Uuid>,
    pub server_id: Option<ServerId>,
    pub params: Value,
    /// Running, or undoing when an earlier worker had turned round already.
    pub state: OperationState,
    pub error: Option<Json<Problem>>,
    /// How often it was claimed.
    pub attempt: i32,
    /// Which claim this is ([`ClaimName`]).
    pub token: Uuid,
    /// Whether a stop was asked for before it was claimed.
    pub cancel_requested: bool,
}

/// What a worker takes, and how much may be at work at once. Every bound counts what all processes hold together.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The kinds of operations that it knows.
    pub kinds: Vec<String>,
    /// Those of them that only wait for others: they count for no organization, or what they wait for would have no room.
    pub waiting_kinds: Vec<String>,
    /// With the same group key.
    pub per_group: i64,
    /// Of one organization; none: as many as there is room for.
    pub per_organization: Option<i64>,
    /// Of some kinds.
    pub per_kind: Vec<(String, i64)>,
}

impl Terms {
    /// Every operation of these kinds, with a bound for groups only.
    pub const fn of(kinds: Vec<String>, per_group: i64) -> Self {
        Self {
            kinds,
            waiting_kinds: Vec::new(),
            per_group,
            per_organization: None,
            per_kind: Vec::new(),
        }
    }
}

/// Claims up to `room` operations, on these terms.
///
/// Organizations take turns: who has the least at work goes first, and within an organization what was asked for first. What
/// was at work already, and lost its worker, comes before all, paused or not.
#[expect(clippy::too_many_lines, reason = "it is one statement")]
pub async fn claim(
    mut tx: Transaction<'_, Postgres>,
    worker: WorkerId,
    terms: &Terms,
    room: i64,
) -> Result<Vec<Claimed>> {
    // To plan the claim takes as long as to execute it, and its plan is always the same. Nor does it wait for the disk:
    // before a worker acts on it, it writes that its first step runs, and that write waits for both. Should PostgreSQL
    // crash before, the claim was never made, and every write in its name misses. A process that vanishes in here must
    // not hold the lock for as long as its connection takes to be missed.
    let known = sqlx::query_scalar!(
        r#"select exists (select from (select from workers where id = $2 for key share) as worker) as "known!"
           from (select pg_advisory_xact_lock($1), set_config('plan_cache_mode', 'force_generic_plan', true),
                     set_config('synchronous_commit', 'off', true),
                     -- Each queue is read in its order from its head, and never to its end to be sorted.
                     set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),
                     set_config('jit', 'off', true),
                     set_config('idle_in_transaction_session_timeout', '10s', true)
                 offset 0) as begun"#,
        CLAIM_LOCK,
        worker as WorkerId,
    )
    .fetch_one(&mut *tx)
    .await?;
    if !known {
        // Given up for lost, and not aware of it yet: what it claimed would be freed under its hands.
        return Ok(Vec::new());
    }
    let (bounded, bounds): (Vec<String>, Vec<i64>) = terms.per_kind.iter().cloned().unzip();
    let claimed = sqlx::query_as!(
        Claimed,
        r#"with recursive tenant as (
               -- From one organization to the next by the index, however much each has waiting.
               (select o.organization_id from operations o where o.finished_at is null
                order by o.organization_id, o.priority, o.run_at, o.id limit 1)
               union all
               select (select o.organization_id from operations o
                       where o.finished_at is null and o.organization_id > t.organization_id
                       order by o.organization_id, o.priority, o.run_at, o.id limit 1)
               from tenant t where t.organization_id is not null
           ), held as materialized (
               select l.organization_id, l.kind, count(*) as n from operation_leases l group by l.organization_id, l.kind
           ), of_kind as materialized (
               select b.kind, b.most - coalesce((select sum(h.n) from held h where h.kind = b.kind), 0) as room
               from unnest($6::text[], $7::bigint[]) as b (kind, most)
           ), standing as materialized (
               select t.organization_id,
                   coalesce((select sum(h.n) from held h
                             where h.organization_id = t.organization_id and h.kind <> all($8)), 0)::bigint as held,
                   exists (select from queue_pauses p
                           where p.scope = 'all'
                               or (p.scope = 'organization' and p.target = t.organization_id::text)) as paused
               from tenant t where t.organization_id is not null
           ), candidate as materialized (
               select c.*, s.held
               from standing s
               cross join lateral (
                   select o.id, o.organization_id, o.kind, o.serial_key, o.group_key, o.priority, o.run_at,
                       o.attempt > 0 and exists (select from operation_leases l where l.operation_id = o.id) as leased
                   from operations o
                   where o.organization_id = s.organization_id
                       and o.finished_at is null and o.worker_id is null and o.run_at <= now()
                       and o.kind = any($2)
                       and (o.state <> 'queued'
                            or (not s.paused
                                and o.kind <> all(array(select p.target from queue_pauses p where p.scope = 'kind'))
                                and (o.server_id is null or o.server_id::text not in (
                                         select p.target from queue_pauses p where p.scope = 'server'))))
                       and ((o.attempt > 0 and exists (select from operation_leases l where l.operation_id = o.id))
                            or ((o.serial_key is null
                                 -- Not as a join: hashed once, however long the queue is.
                                 or o.serial_key not in (select l.serial_key from operation_leases l
                                                         where l.serial_key is not null))
                                and (o.group_key is null
                                     or (select count(*) from operation_leases l where l.group_key = o.group_key) < $4)
                                and o.kind <> all(array(select k.kind from of_kind k where k.room <= 0))
                                and ($9::bigint is null or s.held < $9 or o.kind = any($8))))
                   order by o.priority, o.run_at, o.id
                   -- More than there is room for, as some will share a key; divided among all, as each may have some.
                   limit 1 + ($3::bigint * 2 + 64) / (select count(*) from standing)
               ) as c
           ), first as (
               select distinct on (coalesce(serial_key, id::text) collate "C") *
               from candidate
               order by coalesce(serial_key, id::text) collate "C", leased desc, priority, run_at, id
           ), ranked as (
               select f.*, row_number() over (partition by group_key, leased order by priority, run_at, id) as place
               from first f
           ), seated as (
               select r.*,
                   case when r.leased then 0
                        else r.held + row_number() over (partition by organization_id, leased, kind = any($8)
                                                         order by priority, run_at, id) end as turn
               from ranked r
               where r.group_key is null or r.leased
                   or r.place + (select count(*) from operation_leases l where l.group_key = r.group_key) <= $4
           ), numbered as (
               select s.*, row_number() over (partition by kind, leased order by priority, turn, run_at, id) as nth
               from seated s
               where s.leased or $9::bigint is null or s.turn <= $9 or s.kind = any($8)
           ), admitted as (
               select n.id
               from numbered n left join of_kind k on k.kind = n.kind
               where n.leased or k.kind is null or n.nth <= k.room
               order by n.leased desc, n.priority, n.turn, n.run_at, n.id
               limit $3
           ), free as materialized (
               -- By arrays, so that the rows are found by their ids and never by reading the whole history.
               select o.id from operations o
               where o.id = any(array(select id from admitted))
                   and o.finished_at is null and o.worker_id is null
               for update skip locked
           ), taken as (
               update operations o
               set state = case when o.state = 'queued' then 'running' else o.state end,
                   attempt = o.attempt + 1, worker_id = $1, claim_token = $5, started_at = coalesce(o.started_at, now())
               where o.id = any(array(select id from free))
               returning *
           ), lease as (
               insert into operation_leases (operation_id, serial_key, group_key, organization_id, kind)
               select id, serial_key, group_key, organization_id, kind from taken
               where serial_key is not null or group_key is not null
               on conflict (operation_id) do nothing
           )
           select id as "id!: _", organization_id as "organization_id!: _", kind as "kind!", subject_id,
               server_id as "server_id: _", params as "params!", state as "state!: _", error as "error: _",
               attempt as "attempt!", claim_token as "token!", cancel_requested_at is not null as "cancel_requested!"
           from taken"#,
        worker as WorkerId,
        &terms.kinds,
        room,
        terms.per_group,
        Uuid::new_v4(),
        &bounded,
        &bounds,
        &terms.waiting_kinds,
        terms.per_organization,
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Takes an operation that no worker has ever taken up, to end it on the spot.
pub async fn claim_unstarted(conn: &mut PgConnection, id: OperationId) -> Result<Option<Claimed>> {
    let claimed = sqlx::query_as!(
        Claimed,
        r#"update operations set attempt = 1, worker_id = $2, claim_token = $3
           where id = $1 and state = 'queued' and worker_id is null and attempt = 0
           returning id as "id: _", organization_id as "organization_id: _", kind, subject_id,
               server_id as "server_id: _", params, state as "state: _", error as "error: _", attempt,
               claim_token as "token!", cancel_requested_at is not null as "cancel_requested!""#,
        id as OperationId,
        WorkerId::new() as WorkerId,
        Uuid::new_v4(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(claimed)
}

/// How an operation ends.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The claim that ends it.
    pub claim: ClaimName,
    /// The final state.
    pub state: OperationState,
}

impl Finish {
    /// The end of what was claimed.
    pub const fn of(claim: &Claimed, state: OperationState) -> Self {
        Self {
            claim: claim.name(),
            state,
        }
    }
}

/// Ends operations and gives their leases back; answers those whose claim was still valid.
pub async fn finish_many(conn: &mut PgConnection, ends: &[Finish]) -> Result<Vec<OperationId>> {
    let (ids, tokens) = columns(ends.iter().map(|end| end.claim));
    let states: Vec<String> = ends.iter().map(|end| end.state.as_str().to_owned()).collect();
    let finished = sqlx::query_scalar!(
        r#"with finished as (
               update operations o set state = e.state, finished_at = now(), worker_id = null
               from unnest($1::uuid[], $2::uuid[], $3::text[]) as e (id, token, state)
               where o.id = e.id and o.claim_token = e.token and o.worker_id is not null
               returning o.id
           ), freed as (
               delete from operation_leases l where l.operation_id = any(array(select id from finished))
           )
           select id as "id!: OperationId" from finished"#,
        &ids,
        &tokens,
        &states,
    )
    .fetch_all(conn)
    .await?;
    Ok(finished)
}

/// Ends one operation with its error, if any; false when the claim is no longer valid.
pub async fn finish(conn: &mut PgConnection, end: &Finish, error: Option<&Problem>) -> Result<bool> {
    if finish_many(conn, std::slice::from_ref(end)).await?.is_empty() {
        return Ok(false);
    }
    if let Some(error) = error {
        sqlx::query!(
            "update operations set error = $2 where id = $1",
            end.claim.operation as OperationId,
            Json(error) as Json<&Problem>
        )
        .execute(&mut *conn)
        .await?;
    }
    notifications::operation_changed(conn, end.claim.operation).await?;
    // Its lease is free: the next with the same key may go.
    notifications::queue_changed(conn).await?;
    Ok(true)
}

/// Gives an operation back as it stands, for a worker to go on with after a pause. It keeps its lease.
pub async fn release(conn: &mut PgConnection, claim: &Claimed, pause: Duration) -> Result<()> {
    let pause = PgInterval::try_from(pause).map_err(|error| Error::Row(error.to_string()))?;
    sqlx::query!(
        "update operations set worker_id = null, run_at = now() + $3::interval where id = $1 and claim_token = $2",
        claim.id as OperationId,
        claim.token,
        pause,
    )
    .execute(&mut *conn)
    .await?;
    notifications::queue_changed(conn).await
}

/// Frees what this worker holds by a claim whose answer it never got. `kept` are the claims that it knows of.
pub async fn free_unheard(
    conn: &mut PgConnection,
    worker: WorkerId,
    kept: impl IntoIterator<Item = ClaimName>,
) -> Result<()> {
    // After the claim that may still be at its commit.
    sqlx::query!("select pg_advisory_xact_lock($1)", CLAIM_LOCK)
        .fetch_one(&mut *conn)
        .await?;
    let (ids, tokens) = columns(kept);
    sqlx::query!(
        "update operations o set worker_id = null
         where o.finished_at is null and o.worker_id = $1
             and not exists (select from unnest($2::uuid[], $3::uuid[]) as k (id, token)
                             where k.id = o.id and k.token = o.claim_token)",
        worker as WorkerId,
        &ids,
        &tokens,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes a worker known.
pub async fn register_worker(conn: &mut PgConnection, id: WorkerId, host: &str, pid: u32) -> Result<()> {
    let pid = i32::try_from(pid).unwrap_or(0);
    sqlx::query!(
        "insert into workers (id, host, pid, version) values ($1, $2, $3, $4)",
        id as WorkerId,
        host,
        pid,
        env!("CARGO_PKG_VERSION"),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The workers known on a host: id and process id.
pub async fn workers_on_host(conn: &mut PgConnection, host: &str) -> Result<Vec<(WorkerId, i32)>> {
    let rows = sqlx::query!(
        r#"select id as "id: WorkerId", pid from workers where host = $1"#,
        host
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.pid)).collect())
}

/// Says that a worker lives; false when it was given up for lost, and must stop what it does.
pub async fn heartbeat(conn: &mut PgConnection, id: WorkerId) -> Result<bool> {
    let done = sqlx::query!("update workers set seen_at = now() where id = $1", id as WorkerId)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a worker that ends out of the list.
pub async fn unregister_worker(conn: &mut PgConnection, id: WorkerId) -> Result<()> {
    sqlx::query!("delete from workers where id = $1", id as WorkerId)
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives up workers not seen for `silence`, and frees what they held; answers the operations freed.
pub async fn rescue(conn: &mut PgConnection, silence: Duration) -> Result<Vec<OperationId>> {
    let silence = PgInterval::try_from(silence).map_err(|error| Error::Row(error.to_string()))?;
    sqlx::query!(
        "delete from workers where seen_at < now() - $1::interval",
        silence
    )
    .execute(&mut *conn)
    .await?;
    let freed = sqlx::query_scalar!(
        r#"update operations o set worker_id = null
           where o.finished_at is null and o.worker_id is not null
               and not exists (select 1 from workers w where w.id = o.worker_id)
           returning o.id as "id: OperationId""#,
    )
    .fetch_all(&mut *conn)
    .await?;
    if !freed.is_empty() {
        notifications::queue_changed(conn).await?;
    }
    Ok(freed)
}
