//! `/api/auth/device`: signing a device in that has no browser (RFC 8628). It shows a code, a person enters it in the
//! dashboard, and the device gets a key.

use axum::{
    Json as Answered,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use ocore_domain::{Code, OrganizationId, Problem};
use ocore_identity::opaque;
use ocore_store::{
    api_keys::{self, NewApiKey},
    device_logins::{self as rows, Approved, Polled},
    members, organizations, users,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    attempts::{self, Of},
    bad_link, commit,
    session::{no_store, principal},
};
use crate::{
    Api,
    access::{Act, Actor, Allowed, Anyone, Member, SignedIn},
    body::Json,
    organizations::OrganizationName,
    problem::{Answer, Failure},
    user::who,
};

/// Letters that are not mistaken for others, and no vowels, so that no words come of them.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How long a device's login can be approved.
const LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// How often a device may ask.
const PAUSE: TimeDelta = TimeDelta::seconds(5);
/// How long a device's key is good.
const KEY: TimeDelta = TimeDelta::days(90);

/// A device that wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BeginDeviceLogin {
    /// What its key will be named, for example `ocore on ada's laptop`.
    #[schema(min_length = 1, max_length = 100)]
    client_name: String,
}

/// A device's login has begun.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceLoginBegun {
    /// The device's secret, to ask with.
    device_code: String,
    /// To be shown to the person.
    #[schema(example = "BCDF-GHJK")]
    user_code: String,
    /// Where they enter it.
    verification_uri: String,
    /// For how many seconds it can be approved.
    expires_in: i64,
    /// How many seconds to wait between two questions.
    interval: i64,
}

/// Begin to sign a device in
#[utoipa::path(
    post, path = "/api/auth/device", operation_id = "beginDeviceLogin", tag = "auth", request_body = BeginDeviceLogin,
    responses((status = 200, body = DeviceLoginBegun))
)]
pub(super) async fn begin(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    Json(body): Json<BeginDeviceLogin>,
) -> Answer<Response> {
    let name = body.client_name;
    if !(1..=100).contains(&name.chars().count()) || name.trim() != name || name.chars().any(char::is_control)
    {
        return Err(Failure::field(
            "clientName",
            "must have 1 to 100 characters, none of them a control character, and no space around",
        ));
    }
    attempts::count(&allowed, Of::Begun(allowed.origin.address)).await?;
    let (device_code, hash) = opaque::generate("device_");
    let code = user_code();
    let address = allowed.origin.address.map(|address| address.to_string());
    let mut tx = allowed.read_outside().await?;
    rows::insert(&mut tx, &hash, &code, &name, address.as_deref(), LIFETIME).await?;
    commit(tx).await?;
    let (left, right) = code.split_at(4);
    let begun = DeviceLoginBegun {
        device_code: device_code.expose_secret().to_owned(),
        user_code: format!("{left}-{right}"),
        verification_uri: format!("{}/device", api.app_url()),
        expires_in: LIFETIME.num_seconds(),
        interval: PAUSE.num_seconds(),
    };
    Ok((no_store(), Answered(begun)).into_response())
}

/// Eight letters: 34 bits, for a quarter of an hour, and whoever guesses must be signed in.
fn user_code() -> String {
    (0..8)
        .map(|_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())]))
        .collect()
}

/// A code as it was meant.
fn normal(code: &str) -> String {
    code.chars()
        .filter(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_uppercase())
        .take(16)
        .collect()
}

/// A device that asks how far its login is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeviceCode {
    #[schema(value_type = String, write_only)]
    device_code: SecretString,
}

/// A device is signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceSignedIn {
    /// Shown this once. It may what the person may, for 90 days.
    api_key: String,
    organization: OrganizationName,
}

/// Ask how far a device's login is
///
/// `auth.authorization_pending` until a person has answered.
#[utoipa::path(
    post, path = "/api/auth/device/token", operation_id = "finishDeviceLogin", tag = "auth", request_body = DeviceCode,
    responses((status = 200, body = DeviceSignedIn))
)]
pub(super) async fn token(allowed: Allowed<Anyone>, Json(body): Json<DeviceCode>) -> Answer<Response> {
    let mut tx = allowed.read_outside().await?;
    let polled = rows::poll(&mut tx, &opaque::hash(&body.device_code), PAUSE).await?;
    commit(tx).await?;
    let approved = match polled {
        Polled::Approved(approved) => approved,
        Polled::Gone => return Err(bad_link()),
        Polled::TooOften => {
            return Err(attempts::too_many(PAUSE.to_std().unwrap_or_default()));
        }
        Polled::Denied => return Err(denied("The login was denied")),
        Polled::Pending => {
            return Err(Problem::new(
                Code::AuthorizationPending,
                "Nobody has approved the login yet",
                "Ask again after the interval that was answered at the beginning.",
            )
            .into());
        }
    };
    let signed_in = give_key(&allowed, approved).await?;
    attempts::take_back(&allowed, Of::Begun(allowed.origin.address)).await?;
    Ok((no_store(), Answered(signed_in)).into_response())
}

/// Makes the key of a device. What the person may is looked at now: much may have changed since they approved it.
async fn give_key(allowed: &Allowed<Anyone>, approved: Approved) -> Answer<DeviceSignedIn> {
    let Approved {
        user,
        organization,
        client_name,
    } = approved;
    let mut change = allowed.change_outside().await?;
    // Both stay as they are until there is the key, so that whoever ends a membership or an account ends the key too.
    let place = organizations::lock_open(&mut change, organization).await?;
    let person = users::by_id_for_update(&mut change, user).await?;
    let person = person.ok_or_else(|| Problem::internal("an account is gone"))?;
    let member = members::get(&mut change, organization, user).await?;
    let (Some(place), Some(member), None) = (place, member, person.deactivated_at) else {
        return Err(denied(
            "Who approved the login is not in the organization any more",
        ));
    };
    let scope = member.scope();
    let permissions = ocore_domain::access::Permissions::from_words(&member.permissions);
    let new = NewApiKey {
        organization,
        name: client_name,
        permissions: permissions.within(&scope),
        scope,
        is_server_admin: false,
        created_by: Some(user),
        for_user: Some(user),
        expires_at: Some(Utc::now() + KEY),
    };
    let (id, key) = api_keys::create(&mut change, &new).await?;
    // The device acts in the name of the person who approved it.
    change.by(principal(
        &person,
        ocore_domain::SessionId::from(uuid::Uuid::nil()),
        "device",
    ));
    let act = Act::new("api_key.created")
        .on("api_key", id, &new.name)
        .after(&json!({ "name": new.name, "expiresAt": new.expires_at, "device": true }));
    change.commit_for(&[Some(organization)], act).await?;
    Ok(DeviceSignedIn {
        api_key: key.expose_secret().to_owned(),
        organization: OrganizationName {
            id: place.id,
            name: place.name,
            slug: place.slug,
        },
    })
}

fn denied(detail: &str) -> Failure {
    Problem::new(
        Code::Forbidden,
        detail,
        "Begin again if the device is to be signed in all the same.",
    )
    .into()
}

/// A device's login, for the person who is to approve it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceLogin {
    client_name: String,
    /// From where the device asked.
    ip_address: Option<String>,
    /// `pending`, `approved` or `denied`.
    #[schema(example = "pending")]
    status: &'static str,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// A device's login
#[utoipa::path(
    get, path = "/api/auth/device/{userCode}", operation_id = "showDeviceLogin", tag = "auth",
    params(("userCode" = String, Path, description = "As the device shows it")),
    responses((status = 200, body = DeviceLogin))
)]
pub(super) async fn show(
    allowed: Allowed<SignedIn>,
    Path(code): Path<String>,
) -> Answer<Answered<DeviceLogin>> {
    let (user, _) = who(&allowed)?;
    attempts::count(&allowed, Of::Confirmation(user)).await?;
    let found = rows::by_user_code(&mut *allowed.read_outside().await?, &normal(&code)).await?;
    let login = found.ok_or_else(bad_link)?;
    attempts::clear(&allowed, Of::Confirmation(user)).await?;
    Ok(Answered(DeviceLogin {
        status: match (login.user, login.denied_at) {
            (_, Some(_)) => "denied",
            (Some(_), None) => "approved",
            (None, None) => "pending",
        },
        client_name: login.client_name,
        ip_address: login.address,
        created_at: login.created_at,
        expires_at: login.expires_at,
    }))
}

/// Let a device in
///
/// It gets a key to the organization that the request is about, with the permissions of the person, for 90 days.
#[utoipa::path(
    post, path = "/api/auth/device/{userCode}/approve", operation_id = "approveDeviceLogin", tag = "auth",
    params(("userCode" = String, Path, description = "As the device shows it")), responses((status = 204))
)]
pub(super) async fn approve(allowed: Allowed<Member>, Path(code): Path<String>) -> Answer<StatusCode> {
    let Actor::User { id, .. } = allowed.signed()?.actor else {
        return Err(denied("A key cannot let a device in: a person has to"));
    };
    let organization: OrganizationId = allowed.organization()?;
    let mut change = allowed.change().await?;
    change.leave_tenancy().await?;
    let code = normal(&code);
    let login = rows::by_user_code(&mut change, &code)
        .await?
        .ok_or_else(bad_link)?;
    if !rows::approve(&mut change, &code, id, organization).await? {
        return Err(bad_link());
    }
    let act = Act::new("auth.device_approved")
        .on("device", "", &login.client_name)
        .after(&json!({ "clientName": login.client_name, "ipAddress": login.address }));
    change.commit(act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuse a device
#[utoipa::path(
    post, path = "/api/auth/device/{userCode}/deny", operation_id = "denyDeviceLogin", tag = "auth",
    params(("userCode" = String, Path, description = "As the device shows it")), responses((status = 204))
)]
pub(super) async fn deny(allowed: Allowed<SignedIn>, Path(code): Path<String>) -> Answer<StatusCode> {
    let (user, _) = who(&allowed)?;
    attempts::count(&allowed, Of::Confirmation(user)).await?;
    let mut tx = allowed.read_outside().await?;
    if !rows::deny(&mut tx, &normal(&code)).await? {
        return Err(bad_link());
    }
    commit(tx).await?;
    attempts::clear(&allowed, Of::Confirmation(user)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_code_is_typed_does_not_matter() {
        assert_eq!(normal(" bcdf ghjk\n"), "BCDFGHJK");
        assert_eq!(normal("BCDF-GHJK"), "BCDFGHJK");
        let code = user_code();
        assert_eq!((code.len(), normal(&code)), (8, code.clone()));
    }
}
