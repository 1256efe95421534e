//! Tokens that are good once.

use chrono::TimeDelta;
use ocore_domain::UserId;
use ocore_identity::opaque;
use ocore_store::{
    PgConnection,
    one_time_tokens::{self as rows, Purpose, Taken},
};
use secrecy::{ExposeSecret, SecretString};

use super::bad_link;
use crate::{Api, problem::Answer};

/// How long the person at the browser may take between two halves of a login.
pub(crate) const CEREMONY: TimeDelta = TimeDelta::minutes(5);
/// How long a link that sets a password is good.
pub(crate) const RESET: TimeDelta = TimeDelta::hours(1);
/// How long a link is good that shows whose an address is.
pub(crate) const VERIFICATION: TimeDelta = TimeDelta::days(1);

/// Whoever finds one sees what it was for.
const fn prefix(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::VerifyEmail => "verify_",
        Purpose::ResetPassword => "reset_",
        Purpose::ChangeEmail => "email_",
        Purpose::SecondFactor => "partial_",
        Purpose::PasskeyLogin | Purpose::PasskeyRegistration => "passkey_",
        Purpose::Sso => "sso_",
    }
}

/// Gives one out.
pub(crate) async fn give(
    conn: &mut PgConnection,
    purpose: Purpose,
    user: Option<UserId>,
    data: &[u8],
    lifetime: TimeDelta,
) -> Answer<SecretString> {
    let (token, hash) = opaque::generate(prefix(purpose));
    rows::insert(conn, purpose, &hash, user, data, lifetime).await?;
    Ok(token)
}

/// Takes one back, which is good then no more.
pub(crate) async fn take(conn: &mut PgConnection, purpose: Purpose, token: &SecretString) -> Answer<Taken> {
    let taken = rows::take(conn, purpose, &opaque::hash(token)).await?;
    taken.ok_or_else(bad_link)
}

/// The same of one that is somebody's.
pub(crate) async fn take_of_user(
    conn: &mut PgConnection,
    purpose: Purpose,
    token: &SecretString,
) -> Answer<(UserId, Vec<u8>)> {
    let taken = take(conn, purpose, token).await?;
    let user = taken.user.ok_or_else(bad_link)?;
    Ok((user, taken.data))
}

/// The page of the dashboard to which a mail leads.
pub(crate) fn link(api: &Api, page: &str, token: &SecretString) -> SecretString {
    format!("{}/{page}?token={}", api.app_url(), token.expose_secret()).into()
}
