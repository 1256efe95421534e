//! Requests that bear an idempotency key, and what was answered to them.
//!
//! A row is `begun` while its request runs, and its process says now and then that it still does. One that has not been
//! heard of is taken over by the next request; the row then has another id, so that the earlier process, should it be
//! alive after all, misses it with whatever it still writes.

use std::collections::BTreeMap;

use ocore_domain::OrganizationId;
use secrecy::{ExposeSecret, SecretSlice};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{Error, Place, Result, Sealer};

/// A request as it is recognized.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who sent it: keys of different people never meet.
    pub principal: String,
    /// The tenant that its answer belongs to, if any.
    pub organization: Option<OrganizationId>,
    /// What the sender named it.
    pub key: String,
    /// Its method.
    pub method: String,
    /// Its path, with the query.
    pub path: String,
    /// SHA-256 of its body.
    pub fingerprint: Vec<u8>,
}

impl Request {
    fn place(&self, id: Uuid) -> Place {
        Place {
            organization: self.organization.unwrap_or_else(|| Uuid::nil().into()),
            table: "idempotency_keys",
            row: id,
            column: "answer",
        }
    }
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Those of its headers that are worth keeping.
    pub headers: BTreeMap<String, String>,
    /// Its body. It may hold a secret that is shown once, so it is sealed.
    pub body: SecretSlice<u8>,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Begun {
    /// Run it, and then [`answer`] or [`forget`] this row.
    Run(Uuid),
    /// It was answered before.
    Answered(Answer),
    /// It is running.
    Running,
    /// The key was given to another request.
    Mismatch,
}

/// Begins a request, unless it was begun before.
pub async fn begin(conn: &mut PgConnection, sealer: &Sealer, request: &Request) -> Result<Begun> {
    // The row that stands in the way may go before it is looked at; the next attempt then finds the place free.
    for _ in 0..3 {
        if let Some(id) = take(conn, request).await? {
            return Ok(Begun::Run(id));
        }
        if let Some(begun) = look(conn, sealer, request).await? {
            return Ok(begun);
        }
    }
    Ok(Begun::Running)
}

/// Makes the row, or takes over one that nobody works on any more or that is too old to count.
async fn take(conn: &mut PgConnection, request: &Request) -> Result<Option<Uuid>> {
    let taken = sqlx::query_scalar!(
        r#"insert into idempotency_keys as old
               (id, principal, organization_id, key, method, path, fingerprint, state)
           values ($1, $2, $3, $4, $5, $6, $7, 'begun')
           on conflict (principal, key) do update set
               id = excluded.id, organization_id = excluded.organization_id, method = excluded.method,
               path = excluded.path, fingerprint = excluded.fingerprint, state = 'begun', status = null,
               headers = null, answer_sealed = null, created_at = now(), seen_at = now()
           where (old.state = 'answered' or old.seen_at < now() - interval '60 seconds')
             and (old.created_at < now() - interval '24 hours' or old.state = 'begun'
                  and (old.method, old.path, old.fingerprint) = (excluded.method, excluded.path, excluded.fingerprint))
           returning id"#,
        Uuid::now_v7(),
        request.principal,
        request.organization as Option<OrganizationId>,
        request.key,
        request.method,
        request.path,
        request.fingerprint,
    )
    .fetch_optional(conn)
    .await?;
    Ok(taken)
}

/// What the row that stands in the way says.
async fn look(conn: &mut PgConnection, sealer: &Sealer, request: &Request) -> Result<Option<Begun>> {
    let row = sqlx::query!(
        r#"select id, method, path, fingerprint, organization_id as "organization_id: OrganizationId", status,
                  headers as "headers: Json<BTreeMap<String, String>>", answer_sealed
           from idempotency_keys where principal = $1 and key = $2"#,
        request.principal,
        request.key,
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let same = row.method == request.method
        && row.path == request.path
        && row.fingerprint == request.fingerprint
        && row.organization_id == request.organization;
    if !same {
        return Ok(Some(Begun::Mismatch));
    }
    let (Some(status), Some(headers), Some(sealed)) = (row.status, row.headers, row.answer_sealed) else {
        return Ok(Some(Begun::Running));
    };
    Ok(Some(Begun::Answered(Answer {
        status: u16::try_from(status).map_err(|error| Error::Row(error.to_string()))?,
        headers: headers.0,
        body: sealer.open(request.place(row.id), &sealed)?,
    })))
}

/// Says that a request still runs.
pub async fn touch(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!(
        "update idempotency_keys set seen_at = now() where id = $1 and state = 'begun'",
        id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps the answer to a request; false when the row was taken over meanwhile.
pub async fn answer(
    conn: &mut PgConnection,
    sealer: &Sealer,
    request: &Request,
    id: Uuid,
    answer: &Answer,
) -> Result<bool> {
    let sealed = sealer.seal(request.place(id), answer.body.expose_secret())?;
    let kept = sqlx::query!(
        "update idempotency_keys set state = 'answered', status = $2, headers = $3, answer_sealed = $4
         where id = $1 and state = 'begun'",
        id,
        i32::from(answer.status),
        Json(&answer.headers) as Json<&BTreeMap<String, String>>,
        sealed,
    )
    .execute(conn)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Frees the key of a request whose answer is not worth keeping: the next one with it runs again.
pub async fn forget(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!(
        "delete from idempotency_keys where id = $1 and state = 'begun'",
        id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes what is older than a day, and says how much that was.
pub async fn prune(conn: &mut PgConnection) -> Result<u64> {
    let pruned = sqlx::query!(
        "delete from idempotency_keys where created_at < now() - interval '24 hours'
             and (state = 'answered' or seen_at < now() - interval '60 seconds')"
    )
    .execute(conn)
    .await?;
    Ok(pruned.rows_affected())
}
