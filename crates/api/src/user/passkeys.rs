//! `/api/user/passkeys`: somebody's passkeys.

use axum::{
    Json as Answered,
    extract::{Path, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use ocore_domain::{Code, PasskeyId, Problem};
use ocore_identity::passkey::{Passkey as Credential, Person};
use ocore_store::{
    one_time_tokens::Purpose,
    passkeys::{self as rows, NewPasskey},
    users,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{connected_accounts::keep_a_way_in, who};
use crate::{
    Api,
    access::{Act, Allowed, SignedIn},
    auth::{PasskeyAnswer, PasskeyCeremony, account, commit, once, party, records},
    body::Json,
    page::List,
    problem::{Answer, Failure},
};

/// The most passkeys of one person.
const MOST: usize = 50;

/// A passkey.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Passkey {
    id: PasskeyId,
    device_name: String,
    /// How the device can be reached: `internal`, `usb`, `hybrid` …
    transports: Vec<String>,
    /// Whether it was copied to other devices of the person.
    backed_up: bool,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<rows::Passkey> for Passkey {
    fn from(row: rows::Passkey) -> Self {
        Self {
            id: row.id,
            device_name: row.device_name,
            transports: row.transports,
            backed_up: row.backup_state,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// A passkey to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BeginPasskey {
    #[schema(min_length = 1, max_length = 100)]
    device_name: String,
}

/// What is kept while the browser asks the person.
#[derive(Serialize, Deserialize)]
struct Kept {
    device_name: String,
    state: Vec<u8>,
}

/// Begin to make a passkey
#[utoipa::path(
    post, path = "/api/user/passkeys/register/begin", operation_id = "beginPasskey", tag = "user",
    request_body = BeginPasskey, responses((status = 200, body = PasskeyCeremony))
)]
pub(super) async fn begin(
    allowed: Allowed<SignedIn>,
    State(api): State<Api>,
    Json(body): Json<BeginPasskey>,
) -> Answer<Answered<PasskeyCeremony>> {
    let name = body.device_name;
    let fits = (1..=100).contains(&name.chars().count())
        && name.trim() == name
        && !name.chars().any(char::is_control);
    if !fits {
        return Err(Failure::field(
            "deviceName",
            "must have 1 to 100 characters, none of them a control character, and no space around",
        ));
    }
    let (id, _) = who(&allowed)?;
    let party = party(&api)?;
    let mut tx = allowed.read_outside().await?;
    let user = account(&mut tx, id).await?;
    let kept = rows::list(&mut tx, id).await?;
    if kept.len() >= MOST {
        return Err(Problem::new(
            Code::StateConflict,
            format!("There are {MOST} passkeys already"),
            "Remove one that is not used any more.",
        )
        .into());
    }
    let existing = kept
        .iter()
        .map(|row| Credential::from_bytes(&row.credential))
        .collect::<Result<Vec<_>, _>>()?;
    let person = Person {
        id: id.uuid(),
        name: &user.email,
        display_name: &user.name,
    };
    let begun = party.begin_registration(person, &existing)?;
    let data = Kept {
        device_name: name,
        state: begun.state,
    };
    let data = serde_json::to_vec(&data).map_err(Problem::internal)?;
    let (purpose, lifetime) = (Purpose::PasskeyRegistration, once::CEREMONY);
    let token = once::give(&mut tx, purpose, Some(id), &data, lifetime).await?;
    commit(tx).await?;
    Ok(Answered(PasskeyCeremony {
        token: token.expose_secret().to_owned(),
        options: begun.options,
    }))
}

/// Make a passkey
#[utoipa::path(
    post, path = "/api/user/passkeys/register/finish", operation_id = "finishPasskey", tag = "user",
    request_body = PasskeyAnswer, responses((status = 201, body = Passkey))
)]
pub(super) async fn finish(
    allowed: Allowed<SignedIn>,
    State(api): State<Api>,
    Json(body): Json<PasskeyAnswer>,
) -> Answer<(StatusCode, Answered<Passkey>)> {
    let (id, _) = who(&allowed)?;
    let party = party(&api)?;
    // Taken away for good before the answer is looked at.
    let mut tx = allowed.read_outside().await?;
    let (user, data) = once::take_of_user(&mut tx, Purpose::PasskeyRegistration, &body.token).await?;
    commit(tx).await?;
    if user != id {
        return Err(crate::auth::bad_link());
    }
    let kept: Kept = serde_json::from_slice(&data).map_err(Problem::internal)?;
    let made = party
        .finish_registration(&kept.state, id.uuid(), &body.credential)
        .map_err(|refused| {
            tracing::info!(%refused, "a passkey was not made");
            Failure::field("credential", "must be the browser's answer to what was asked")
        })?;
    let mut change = allowed.change_outside().await?;
    let new = NewPasskey {
        user: id,
        credential_id: made.id(),
        credential: &made.to_bytes()?,
        device_name: &kept.device_name,
        transports: made.transports(),
        backup_eligible: made.backup_eligible(),
        backup_state: made.backup_state(),
    };
    let passkey = rows::insert(&mut change, &new).await.map_err(|error| {
        if error.constraint() != Some("passkeys_credential_id_key") {
            return Failure::from(error);
        }
        Problem::new(
            Code::StateConflict,
            "The passkey is known already",
            "Use it, or make one on another device.",
        )
        .into()
    })?;
    let found = rows::list(&mut change, id).await?;
    let row = found.into_iter().find(|row| row.id == passkey);
    let made = Passkey::from(row.ok_or_else(|| Problem::internal("the new passkey is gone"))?);
    let records = records(&mut change, id).await?;
    let act = Act::new("auth.passkey_registered").on("passkey", passkey, &made.device_name);
    change.commit_for(&records, act.after(&made)).await?;
    Ok((StatusCode::CREATED, Answered(made)))
}

/// One's passkeys
#[utoipa::path(
    get, path = "/api/user/passkeys", operation_id = "listPasskeys", tag = "user",
    responses((status = 200, body = List<Passkey>))
)]
pub(super) async fn list(allowed: Allowed<SignedIn>) -> Answer<Answered<List<Passkey>>> {
    let (id, _) = who(&allowed)?;
    let rows = rows::list(&mut *allowed.read_outside().await?, id).await?;
    Ok(Answered(List::whole(
        rows.into_iter().map(Passkey::from).collect(),
    )))
}

/// Remove a passkey
///
/// Not the last way in.
#[utoipa::path(
    delete, path = "/api/user/passkeys/{id}", operation_id = "removePasskey", tag = "user",
    params(("id" = String, Path, description = "Id")), responses((status = 204))
)]
pub(super) async fn remove(allowed: Allowed<SignedIn>, Path(id): Path<String>) -> Answer<StatusCode> {
    let (user, _) = who(&allowed)?;
    let mut change = allowed.change_outside().await?;
    users::by_id_for_update(&mut change, user).await?;
    let name = match id.parse::<PasskeyId>() {
        Ok(passkey) => rows::remove(&mut change, user, passkey).await?,
        Err(_) => None,
    };
    let name = name.ok_or_else(|| Failure::not_found("passkey", &id))?;
    keep_a_way_in(&mut change, user).await?;
    let records = records(&mut change, user).await?;
    let act = Act::new("auth.passkey_removed").on("passkey", id, name);
    change.commit_for(&records, act).await?;
    Ok(StatusCode::NO_CONTENT)
}
