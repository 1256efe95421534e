//! `POST /api/auth/passkey/login/begin` and `…/finish`: signing in by passkey.

use axum::{Json as Answered, extract::State, http::HeaderMap, response::Response};
use ocore_domain::{Code, Problem};
use ocore_identity::passkey::{Assertion, Passkey, RelyingParty};
use ocore_store::{one_time_tokens::Purpose, passkeys};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    account,
    attempts::{self, Of},
    commit,
    login::failed,
    once,
    session::{self, Delivery, SignedIn},
    wrong,
};
use crate::{
    Api,
    access::{Allowed, Anyone},
    body::{Json, Query},
    problem::{Answer, Failure},
};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BeginPasskeyLogin {
    /// Not looked at: the person chooses among the passkeys on the device, and the answer to one who only knows an
    /// address would tell whether it is known here.
    #[expect(dead_code, reason = "documented clients send it")]
    email: Option<String>,
}

/// A question to the browser.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasskeyCeremony {
    /// To be sent back with the answer, within 5 minutes.
    pub(crate) token: String,
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON` or `parseCreationOptionsFromJSON`.
    #[schema(value_type = Object)]
    pub(crate) options: Value,
}

/// The answer of the browser.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyAnswer {
    /// From `begin`.
    #[schema(value_type = String, write_only)]
    pub(crate) token: SecretString,
    /// The credential's `toJSON()`.
    #[schema(value_type = Object)]
    pub(crate) credential: Value,
}

/// What passkeys are bound to, where they can be used.
pub(crate) fn party(api: &Api) -> Answer<&RelyingParty> {
    api.installation.passkeys.as_ref().ok_or_else(|| {
        Failure::from(Problem::new(
            Code::StateConflict,
            "Passkeys cannot be used at this installation's address",
            "Set APP_URL to an https address with a host name, as people enter it in their browsers.",
        ))
    })
}

/// Begin to sign in by passkey
#[utoipa::path(
    post, path = "/api/auth/passkey/login/begin", operation_id = "beginPasskeyLogin", tag = "auth",
    request_body = BeginPasskeyLogin, responses((status = 200, body = PasskeyCeremony))
)]
pub(super) async fn begin(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    Json(_): Json<BeginPasskeyLogin>,
) -> Answer<Answered<PasskeyCeremony>> {
    attempts::count(&allowed, Of::Begun(allowed.origin.address)).await?;
    let begun = party(&api)?.begin_discoverable()?;
    let mut tx = allowed.read_outside().await?;
    let (purpose, lifetime) = (Purpose::PasskeyLogin, once::CEREMONY);
    let token = once::give(&mut tx, purpose, None, &begun.state, lifetime).await?;
    commit(tx).await?;
    Ok(Answered(PasskeyCeremony {
        token: token.expose_secret().to_owned(),
        options: begun.options,
    }))
}

/// Sign in by passkey
///
/// No code is asked for: the device has verified the person.
#[utoipa::path(
    post, path = "/api/auth/passkey/login/finish", operation_id = "finishPasskeyLogin", tag = "auth", params(Delivery),
    request_body = PasskeyAnswer, responses((status = 200, body = SignedIn))
)]
pub(super) async fn finish(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    headers: HeaderMap,
    Query(delivery): Query<Delivery>,
    Json(body): Json<PasskeyAnswer>,
) -> Answer<Response> {
    attempts::count(&allowed, Of::Address(allowed.origin.address)).await?;
    let party = party(&api)?;
    // Taken away for good before the answer is looked at.
    let mut tx = allowed.read_outside().await?;
    let state = once::take(&mut tx, Purpose::PasskeyLogin, &body.token)
        .await?
        .data;
    commit(tx).await?;
    let assertion = match Assertion::read(&body.credential) {
        Ok(assertion) => assertion,
        Err(refused) => return refuse(&allowed, "", &refused).await,
    };
    let mut change = allowed.change_outside().await?;
    let row = passkeys::by_credential_id(&mut change, &assertion.credential_id()).await?;
    let Some(row) = row else {
        drop(change);
        return refuse(&allowed, "", &"the passkey is not known").await;
    };
    let user = account(&mut change, row.user).await?;
    let used = match party.finish_authentication(&state, &assertion, &Passkey::from_bytes(&row.credential)?) {
        Ok(used) if user.deactivated_at.is_none() => used,
        Ok(_) => {
            drop(change);
            return refuse(&allowed, &user.email, &"the account is deactivated").await;
        }
        Err(refused) => {
            drop(change);
            return refuse(&allowed, &user.email, &refused).await;
        }
    };
    passkeys::used(&mut change, row.id, &used.to_bytes()?, used.backup_state()).await?;
    let tokens = session::begin(&api, &allowed, change, user.id, "passkey").await?;
    attempts::take_back(&allowed, Of::Begun(allowed.origin.address)).await?;
    Ok(tokens.answer(&api, delivery.by_cookie_only(&headers)))
}

/// The answer to a proof that is none; why stands in the log only.
async fn refuse(
    allowed: &Allowed<Anyone>,
    email: &str,
    why: &(dyn std::fmt::Display + Sync),
) -> Answer<Response> {
    tracing::info!(%why, "a login by passkey was refused");
    failed(allowed, email).await?;
    Err(wrong())
}
