//! Accounts from outside: signing up, signing in by password, code, passkey, another provider or for a device, and out.

pub(crate) mod attempts;
mod device;
pub(crate) mod email_change;
pub(crate) mod factor;
mod login;
mod logout;
mod me;
mod oauth;
pub(crate) mod once;
mod passkey;
mod providers;
mod refresh;
mod reset;
mod second_factor;
mod session;
mod setup;
mod signup;
mod verify;

pub(crate) use passkey::{PasskeyAnswer, PasskeyCeremony, party};
pub(crate) use session::no_store;
pub(crate) use signup::EMAIL;

use chrono::{DateTime, Utc};
use ocore_domain::{Code, OrganizationId, Problem, UserId};
use ocore_store::{PgConnection, Tx, users};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Routes, guarded},
    problem::{Answer, Failure},
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(setup::setup))
        .with(guarded!(signup::sign_up))
        .with(guarded!(verify::verify))
        .with(guarded!(verify::resend))
        .with(guarded!(login::log_in))
        .with(guarded!(second_factor::log_in))
        .with(guarded!(refresh::refresh))
        .with(guarded!(logout::log_out))
        .with(guarded!(reset::forgot))
        .with(guarded!(reset::reset))
        .with(guarded!(email_change::verify))
        .with(guarded!(me::me))
        .with(guarded!(passkey::begin))
        .with(guarded!(passkey::finish))
        .with(guarded!(providers::list))
        .with(guarded!(oauth::begin))
        .with(guarded!(oauth::callback))
        .with(guarded!(device::begin))
        .with(guarded!(device::token))
        .with(guarded!(device::show))
        .with(guarded!(device::approve))
        .with(guarded!(device::deny))
}

/// A person's account.
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the answer")]
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    id: UserId,
    email: String,
    name: String,
    /// Whether the address is known to be theirs.
    email_verified: bool,
    /// Whether they administer the installation.
    is_server_admin: bool,
    /// Whether they have a password.
    has_password: bool,
    /// Whether a code of their app is asked for beside the password.
    totp_enabled: bool,
    created_at: DateTime<Utc>,
    last_login_at: Option<DateTime<Utc>>,
}

impl From<&users::User> for User {
    fn from(row: &users::User) -> Self {
        Self {
            id: row.id,
            email: row.email.clone(),
            name: row.name.clone(),
            email_verified: row.email_verified_at.is_some(),
            is_server_admin: row.is_server_admin,
            has_password: row.password_hash.is_some(),
            totp_enabled: row.totp_enabled_at.is_some(),
            created_at: row.created_at,
            last_login_at: row.last_login_at,
        }
    }
}

/// An account that is known to be there.
pub(crate) async fn account(conn: &mut PgConnection, id: UserId) -> Answer<users::User> {
    let user = users::by_id(conn, id).await?;
    Ok(user.ok_or_else(|| Problem::internal("an account is gone"))?)
}

/// In whose records it stands what somebody does with their account: in those of each of their organizations, or in the
/// installation's.
pub(crate) async fn records(conn: &mut PgConnection, user: UserId) -> Answer<Vec<Option<OrganizationId>>> {
    let organizations = users::organizations(conn, user).await?;
    Ok(or_installation(
        organizations.into_iter().map(|of| of.id).collect(),
    ))
}

fn or_installation(organizations: Vec<OrganizationId>) -> Vec<Option<OrganizationId>> {
    if organizations.is_empty() {
        return vec![None];
    }
    organizations.into_iter().map(Some).collect()
}

/// Keeps what is no act of anybody: a count, a token that was given out or exchanged.
pub(crate) async fn commit(tx: Tx) -> Answer<()> {
    Ok(tx.commit().await.map_err(ocore_store::Error::from)?)
}

/// The one answer to every login that fails, whatever the reason.
pub(crate) fn wrong() -> Failure {
    Problem::new(
        Code::InvalidCredentials,
        "The e-mail address, the password or the code is wrong",
        "Try again, or ask for a new password.",
    )
    .into()
}

/// A link or token that is good for nothing.
pub(crate) fn bad_link() -> Failure {
    Problem::new(
        Code::InvalidLink,
        "The link or code is wrong, used or too old",
        "Ask for a new one.",
    )
    .into()
}
