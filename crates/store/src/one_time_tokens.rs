//! What is good once, for a while: links in mails, and what is kept between two halves of a login.

use chrono::TimeDelta;
use ocore_domain::UserId;
use sqlx::{PgConnection, postgres::types::PgInterval};

use crate::Result;

/// What a token is for. One for one purpose is good for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Shows that a new account's address is its owner's.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
    /// Shows that another address is the account's owner's too.
    ChangeEmail,
    /// Ends a login whose password was right.
    SecondFactor,
    /// The first half of a login by passkey.
    PasskeyLogin,
    /// The first half of making a passkey.
    PasskeyRegistration,
    /// A login at another provider.
    Sso,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
            Self::SecondFactor => "second_factor",
            Self::PasskeyLogin => "passkey_login",
            Self::PasskeyRegistration => "passkey_registration",
            Self::Sso => "sso",
        }
    }
}

/// What was kept with a token.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Whose it is.
    pub user: Option<UserId>,
    /// What is to be known at its use.
    pub data: Vec<u8>,
}

/// How many codes may be tried with one token of the second factor.
const CODES: i32 = 5;

/// Keeps the hash of a token.
pub async fn insert(
    conn: &mut PgConnection,
    purpose: Purpose,
    hash: &[u8],
    user: Option<UserId>,
    data: &[u8],
    lifetime: TimeDelta,
) -> Result<()> {
    sqlx::query!(
        "insert into one_time_tokens (hash, purpose, user_id, data, expires_at) values ($1, $2, $3, $4, now() + $5)",
        hash,
        purpose.as_str(),
        user as Option<UserId>,
        data,
        interval(lifetime),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a token away, if it is good: of several who come with it one gets it.
pub async fn take(conn: &mut PgConnection, purpose: Purpose, hash: &[u8]) -> Result<Option<Taken>> {
    Ok(sqlx::query_as!(
        Taken,
        r#"delete from one_time_tokens where hash = $1 and purpose = $2 and expires_at > now()
           returning user_id as "user: UserId", data"#,
        hash,
        purpose.as_str(),
    )
    .fetch_optional(conn)
    .await?)
}

/// Counts a code that is tried with a token of the second factor and answers whose it is, if it may be tried. It is
/// counted before it is looked at, so that many at once are no more than some after another.
pub async fn try_code(conn: &mut PgConnection, hash: &[u8]) -> Result<Option<UserId>> {
    let user = sqlx::query_scalar!(
        r#"update one_time_tokens
           set data = set_byte(case when length(data) = 0 then '\x00'::bytea else data end, 0,
               case when length(data) = 0 then 1 else get_byte(data, 0) + 1 end)
           where hash = $1 and purpose = 'second_factor' and expires_at > now()
               and (length(data) = 0 or get_byte(data, 0) < $2)
           returning user_id as "user: UserId""#,
        hash,
        CODES,
    )
    .fetch_optional(conn)
    .await?;
    Ok(user.flatten())
}

/// What was kept with the newest that somebody has for a purpose.
pub async fn newest(conn: &mut PgConnection, user: UserId, purpose: Purpose) -> Result<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar!(
        "select data from one_time_tokens where user_id = $1 and purpose = $2 order by created_at desc limit 1",
        user as UserId,
        purpose.as_str(),
    )
    .fetch_optional(conn)
    .await?)
}

/// Takes away what somebody has for a purpose.
pub async fn forget(conn: &mut PgConnection, user: UserId, purpose: Purpose) -> Result<()> {
    sqlx::query!(
        "delete from one_time_tokens where user_id = $1 and purpose = $2",
        user as UserId,
        purpose.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A time span as PostgreSQL takes it.
pub(crate) fn interval(span: TimeDelta) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: span.num_microseconds().unwrap_or(i64::MAX),
    }
}
