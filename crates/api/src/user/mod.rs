//! What somebody does with their own account.

mod connected_accounts;
mod email;
mod passkeys;
mod password;
mod profile;
mod sessions;
mod totp;

use chrono::{TimeDelta, Utc};
use ocore_domain::{Code, Problem, SessionId, UserId};
use ocore_identity::password as passwords;
use ocore_store::{sessions as session_rows, users};
use secrecy::SecretString;

use crate::{
    access::{Actor, Allowed, Need, Routes, SignedIn, guarded},
    auth::{
        account,
        attempts::{self, Of},
        wrong,
    },
    problem::{Answer, Failure},
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(profile::update))
        .with(guarded!(password::change))
        .with(guarded!(email::change))
        .with(guarded!(sessions::list))
        .with(guarded!(sessions::revoke_others))
        .with(guarded!(sessions::revoke))
        .with(guarded!(totp::set_up))
        .with(guarded!(totp::enable))
        .with(guarded!(totp::disable))
        .with(guarded!(totp::renew_recovery_codes))
        .with(guarded!(passkeys::begin))
        .with(guarded!(passkeys::finish))
        .with(guarded!(passkeys::list))
        .with(guarded!(passkeys::remove))
        .with(guarded!(connected_accounts::list))
        .with(guarded!(connected_accounts::disconnect))
}

/// The person who is signed in, and by which session.
pub(crate) fn who<N: Need>(allowed: &Allowed<N>) -> Answer<(UserId, SessionId)> {
    match allowed.signed()?.actor {
        Actor::User { id, session, .. } => Ok((id, session)),
        Actor::ApiKey { .. } | Actor::Agent { .. } => Err(Problem::internal("a key has no account").into()),
    }
}

/// How long a login counts as a proof for who has no password.
const FRESH: TimeDelta = TimeDelta::minutes(10);

/// Makes sure that it is the account's owner and not somebody at their desk: by the password, or, where there is none, by
/// having signed in just now.
async fn confirm(allowed: &Allowed<SignedIn>, given: Option<SecretString>) -> Answer<users::User> {
    let (id, session) = who(allowed)?;
    let mut tx = allowed.read_outside().await?;
    let user = account(&mut tx, id).await?;
    let Some(kept) = user.password_hash.clone() else {
        let began = session_rows::began(&mut tx, id, session).await?;
        if began.is_some_and(|began| Utc::now() - began < FRESH) {
            return Ok(user);
        }
        return Err(Problem::new(
            Code::Forbidden,
            "The account has no password, and the login is some time ago",
            "Sign out, sign in again, and do this within 10 minutes.",
        )
        .into());
    };
    drop(tx);
    let given = given.ok_or_else(|| Failure::field("password", "is missing"))?;
    attempts::count(allowed, Of::Confirmation(id)).await?;
    if !passwords::verify(given, Some(kept)).await {
        return Err(wrong());
    }
    attempts::clear(allowed, Of::Confirmation(id)).await?;
    Ok(user)
}
