//! Attempts that may be guesses: counted, and slowed down when there are many.

use std::time::Duration;

use sqlx::PgConnection;

use crate::Result;

/// How many are free, and how long the next must wait then.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// After how many the waiting begins: a second first, then twice as long each time.
    pub free: i32,
    /// The longest it gets.
    pub longest: Duration,
    /// After how long one of them is forgotten.
    pub forgotten: Duration,
}

/// Counts an attempt as failed, before it is known how it goes: many at once are no more than some after another.
/// [`clear`] takes it back. While it must wait nothing is counted, and how long that lasts is answered.
pub async fn count(conn: &mut PgConnection, key: &[u8], limit: Limit) -> Result<Option<Duration>> {
    // Not `floor`: of two at once the one that began earlier may come later, and less than nothing is forgotten then.
    let counted = sqlx::query!(
        r#"insert into login_attempts as a (key, failures, last_at, blocked_until) values ($1, 1, now(), null)
           on conflict (key) do update set
               failures = greatest(a.failures - trunc(extract(epoch from now() - a.last_at) / $4::float8), 0)::int + 1,
               last_at = now(),
               blocked_until = case
                   when greatest(a.failures - trunc(extract(epoch from now() - a.last_at) / $4::float8), 0) + 1 >= $2
                   then now() + interval '1 second' * least($3, power(2,
                       least(greatest(a.failures - trunc(extract(epoch from now() - a.last_at) / $4::float8), 0) + 1 - $2, 30)
                           ::float8)) end
           where a.blocked_until is null or a.blocked_until <= now()
           returning failures"#,
        key,
        f64::from(limit.free),
        limit.longest.as_secs_f64(),
        limit.forgotten.as_secs_f64(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    if counted.is_some() {
        return Ok(None);
    }
    let left = sqlx::query_scalar!(
        r#"select extract(epoch from blocked_until - clock_timestamp())::float8 as "left" from login_attempts
           where key = $1"#,
        key,
    )
    .fetch_optional(conn)
    .await?;
    let left = left.flatten().unwrap_or_default().max(0.001);
    Ok(Some(Duration::from_secs_f64(left)))
}

/// Forgets the failures of a key.
pub async fn clear(conn: &mut PgConnection, key: &[u8]) -> Result<()> {
    sqlx::query!("delete from login_attempts where key = $1", key)
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes one back, which was no failure, and leaves the others.
pub async fn take_back(conn: &mut PgConnection, key: &[u8]) -> Result<()> {
    sqlx::query!(
        "update login_attempts set failures = greatest(failures - 1, 0), blocked_until = null where key = $1",
        key,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what is old: attempts, one-time tokens, sessions, devices that nobody let in.
pub async fn sweep(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("delete from login_attempts where last_at < now() - interval '2 days'")
        .execute(&mut *conn)
        .await?;
    sqlx::query!("delete from one_time_tokens where expires_at < now()")
        .execute(&mut *conn)
        .await?;
    sqlx::query!("delete from device_logins where expires_at < now() - interval '1 hour'")
        .execute(&mut *conn)
        .await?;
    sqlx::query!("delete from sessions where expires_at < now() - interval '30 days'")
        .execute(&mut *conn)
        .await?;
    // Which token of a session came when is only of use while the session lives, and the oldest ones not even then: a
    // token that is not known is refused too.
    sqlx::query!("delete from refresh_tokens where used_at < now() - interval '90 days'")
        .execute(conn)
        .await?;
    Ok(())
}
