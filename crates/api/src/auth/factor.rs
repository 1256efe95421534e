//! The second factor: codes of an app, and recovery codes.

use chrono::Utc;
use ocore_identity::{recovery, totp};
use ocore_store::{PgConnection, recovery_codes, users};
use secrecy::{ExposeSecret, SecretString};

use crate::{Api, problem::Answer};

/// Takes a code, which is good then no more; answers whether it was.
pub(crate) async fn take(
    api: &Api,
    conn: &mut PgConnection,
    user: &users::User,
    code: &SecretString,
) -> Answer<bool> {
    let (Some(sealed), Some(_)) = (&user.totp_secret_sealed, user.totp_enabled_at) else {
        return Ok(false);
    };
    if !is_of_app(code) {
        return Ok(recovery_codes::take(conn, user.id, &recovery::hash(code)).await?);
    }
    let secret = api.store.sealer().open(users::totp_place(user.id), sealed)?;
    match totp::check(&secret, code.expose_secret(), Utc::now(), user.totp_last_step) {
        Some(step) => Ok(users::use_totp_step(conn, user.id, step).await?),
        None => Ok(false),
    }
}

/// Recovery codes are longer.
fn is_of_app(code: &SecretString) -> bool {
    let code = code.expose_secret();
    code.chars().filter(|c| !c.is_whitespace()).count() <= 6
}
