//! `/api/auth/oauth/{provider}`: signing in by another provider, or connecting an account there.

use axum::{
    Json as Answered,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use ocore_domain::{Code, Problem, SessionId, UserId};
use ocore_sso::{Callback, Identity};
use ocore_store::{
    connected_accounts,
    one_time_tokens::Purpose,
    organizations, sessions,
    users::{self, NewUser},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{
    account,
    attempts::{self, Of},
    commit, once, providers, records,
    session::{self, SignedIn, principal, set_cookies},
    signup::{EMAIL, closed},
    verify::own_name,
};
use crate::{
    Api, Signup,
    access::{Act, Actor, Allowed, Anyone, Change, cookies},
    body::Query,
    problem::{Answer, Failure},
};

/// Where browsers send the cookie of a login that has begun.
const PATH: &str = "/api/auth/oauth";

/// What the browser is to come back for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Flow {
    /// To sign in.
    #[default]
    Login,
    /// To connect the account there to the one that is signed in.
    Link,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// `login`, if not given, or `link`.
    #[serde(default)]
    #[param(inline)]
    flow: Flow,
}

/// What is kept while the browser is away.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Who connects, and by which session.
    link: Option<(UserId, SessionId)>,
    state: Vec<u8>,
}

fn back(api: &Api, provider: &str) -> String {
    format!("{}{PATH}/{provider}/callback", api.app_url())
}

/// Go to another provider to sign in
///
/// For browsers: the answer leads there. With `flow=link`, by somebody who is signed in, the account there is connected.
#[utoipa::path(
    get, path = "/api/auth/oauth/{provider}", operation_id = "beginProviderLogin", tag = "auth",
    params(("provider" = String, Path, description = "Its id"), Wanted), responses((status = 303, description = "To the provider"))
)]
pub(super) async fn begin(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    Path(provider): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer<Response> {
    let login = providers::find(&api, &provider)?;
    attempts::count(&allowed, Of::Begun(allowed.origin.address)).await?;
    let link = match wanted.flow {
        Flow::Login => None,
        Flow::Link => match allowed.signed()?.actor {
            Actor::User { id, session, .. } => Some((id, session)),
            Actor::ApiKey { .. } | Actor::Agent { .. } => {
                return Err(refused("A key has no account to connect"));
            }
        },
    };
    let begun = login.begin(&back(&api, &provider)).await?;
    let kept = Kept {
        link,
        state: begun.state,
    };
    let kept = serde_json::to_vec(&kept).map_err(Problem::internal)?;
    let mut tx = allowed.read_outside().await?;
    let token = once::give(&mut tx, Purpose::Sso, None, &kept, once::CEREMONY).await?;
    commit(tx).await?;
    let age = once::CEREMONY.num_seconds();
    let cookie = cookies::set(&api, cookies::SSO, token.expose_secret(), PATH, age);
    Ok((set_cookies(vec![cookie]), see_other(&begun.url)?).into_response())
}

/// What a provider sends back.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CameBack {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// Come back from another provider
///
/// Leads to the dashboard, signed in, or to its login page with `?error=` and a code; with `Accept: application/json` the
/// answer is as that of a login.
#[utoipa::path(
    get, path = "/api/auth/oauth/{provider}/callback", operation_id = "finishProviderLogin", tag = "auth",
    params(("provider" = String, Path, description = "Its id"), CameBack),
    responses((status = 200, body = SignedIn), (status = 303, description = "To the dashboard"))
)]
pub(super) async fn callback(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    Query(query): Query<CameBack>,
) -> Answer<Response> {
    let by_script = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"));
    let callback = Callback {
        code: query.code,
        state: query.state,
        error: query.error,
        iss: query.iss,
    };
    let done = finish(&allowed, &api, &provider, &headers, &callback).await;
    // It was good for one use.
    let forget = set_cookies(vec![cookies::set(&api, cookies::SSO, "", PATH, 0)]);
    let answer = match done {
        Err(failure) if by_script => return Err(failure),
        Err(failure) => {
            tracing::info!(?failure, "a login by another provider did not come about");
            let page = format!("{}/login?error={}", api.app_url(), failure.code());
            (forget, see_other(&page)?).into_response()
        }
        Ok(Done::SignedIn(tokens)) if by_script => tokens.answer(&api, false),
        Ok(Done::SignedIn(tokens)) => {
            // Not `extend`, which puts the one in the place of the others.
            let mut cookies = tokens.cookies(&api);
            for (name, value) in &forget {
                cookies.append(name, value.clone());
            }
            (cookies, see_other(&format!("{}/", api.app_url()))?).into_response()
        }
        Ok(Done::Connected) if by_script => (forget, Answered(json!({ "connected": true }))).into_response(),
        Ok(Done::Connected) => {
            let page = format!("{}/account?connected={provider}", api.app_url());
            (forget, see_other(&page)?).into_response()
        }
    };
    Ok(answer)
}

/// What came of it.
enum Done {
    SignedIn(session::Tokens),
    Connected,
}

async fn finish(
    allowed: &Allowed<Anyone>,
    api: &Api,
    provider: &str,
    headers: &HeaderMap,
    callback: &Callback,
) -> Answer<Done> {
    let login = providers::find(api, provider)?;
    attempts::count(allowed, Of::Address(allowed.origin.address)).await?;
    let token: SecretString = cookies::get(headers, cookies::SSO)
        .ok_or_else(|| refused("The browser did not begin this login, or took too long"))?
        .into();
    // Taken away for good before what came back is looked at.
    let mut tx = allowed.read_outside().await?;
    let kept = once::take(&mut tx, Purpose::Sso, &token).await?.data;
    commit(tx).await?;
    let kept: Kept = serde_json::from_slice(&kept).map_err(Problem::internal)?;
    let identity = login.finish(&kept.state, callback).await?;
    let mut change = allowed.change_outside().await?;
    let known = connected_accounts::find(&mut change, provider, &identity.subject).await?;
    match (kept.link, known) {
        (Some((user, session)), _) => {
            connect(allowed, change, provider, &identity, user, session, known).await
        }
        (None, Some(user)) => {
            if account(&mut change, user).await?.deactivated_at.is_some() {
                return Err(refused("The account is deactivated"));
            }
            sign_in(allowed, api, change, user).await
        }
        (None, None) => newcomer(allowed, api, change, provider, &identity).await,
    }
}

async fn sign_in(allowed: &Allowed<Anyone>, api: &Api, change: Change, user: UserId) -> Answer<Done> {
    let tokens = session::begin(api, allowed, change, user, "sso").await?;
    attempts::take_back(allowed, Of::Begun(allowed.origin.address)).await?;
    Ok(Done::SignedIn(tokens))
}

/// Connects an account there to the one whose session began this.
async fn connect(
    allowed: &Allowed<Anyone>,
    mut change: Change,
    provider: &str,
    identity: &Identity,
    user: UserId,
    session: SessionId,
    known: Option<UserId>,
) -> Answer<Done> {
    if sessions::began(&mut change, user, session).await?.is_none() {
        return Err(refused("The session that began this has ended"));
    }
    match known {
        Some(owner) if owner == user => return Ok(Done::Connected),
        Some(_) => return Err(refused("The account there is connected to another one here")),
        None => (),
    }
    let person = account(&mut change, user).await?;
    if person.deactivated_at.is_some() {
        return Err(refused("The account is deactivated"));
    }
    link(&mut change, provider, identity, user).await?;
    change.by(principal(&person, session, "sso"));
    let records = records(&mut change, user).await?;
    change
        .commit_for(&records, connected(&person, provider, identity))
        .await?;
    for of in [
        Of::Address(allowed.origin.address),
        Of::Begun(allowed.origin.address),
    ] {
        attempts::take_back(allowed, of).await?;
    }
    Ok(Done::Connected)
}

fn connected(person: &users::User, provider: &str, identity: &Identity) -> Act {
    Act::new("auth.account_connected")
        .on("user", person.id, &person.email)
        .after(&json!({ "provider": provider, "email": identity.email }))
}

async fn link(change: &mut Change, provider: &str, identity: &Identity, user: UserId) -> Answer<()> {
    let (subject, email) = (&identity.subject, &identity.email);
    if connected_accounts::insert(change, provider, subject, user, email).await? {
        return Ok(());
    }
    Err(refused("The account there is connected to another one here"))
}

/// Somebody whom this provider has not sent before. Only an address that the provider has verified says anything.
async fn newcomer(
    allowed: &Allowed<Anyone>,
    api: &Api,
    mut change: Change,
    provider: &str,
    identity: &Identity,
) -> Answer<Done> {
    if !identity.email_verified {
        return Err(refused("The provider has not verified the e-mail address"));
    }
    let user = match users::by_email(&mut change, &identity.email).await? {
        // Whoever made an account with an address that is not theirs must not get its owner's logins; and a second
        // factor is not to be left out by connecting an account that lacks it.
        Some(user)
            if user.email_verified_at.is_none()
                || user.deactivated_at.is_some()
                || user.totp_enabled_at.is_some() =>
        {
            return Err(refused(
                "There is an account with this address, which is not connected. Sign in as usual and connect it in the \
                 account's settings",
            ));
        }
        Some(user) => user.id,
        None => make(api, &mut change, identity).await?,
    };
    link(&mut change, provider, identity, user).await?;
    let person = account(&mut change, user).await?;
    let records = records(&mut change, user).await?;
    change
        .commit_for(&records, connected(&person, provider, identity))
        .await?;
    sign_in(allowed, api, allowed.change_outside().await?, user).await
}

/// An account for somebody new, by the same rules as at a sign-up. The first account is none of these: its owner would be
/// whoever has any account there.
async fn make(api: &Api, change: &mut Change, identity: &Identity) -> Answer<UserId> {
    let is_open = api.installation.settings.signup == Signup::Open;
    let is_invited = users::is_invited(change, &identity.email).await?;
    if !users::exist(change).await? || !(is_open || is_invited) {
        return Err(closed());
    }
    let name: String = identity
        .name
        .chars()
        .filter(|c| !c.is_control())
        .take(100)
        .collect();
    let name = match name.trim() {
        "" => identity.email.chars().take(100).collect(),
        name => name.to_owned(),
    };
    let new = NewUser {
        email: identity.email.clone(),
        name: name.clone(),
        password_hash: None,
        is_verified: true,
        is_server_admin: false,
    };
    let user = users::insert(change, &new).await.map_err(|error| {
        if error.constraint() == Some(EMAIL) {
            refused("Another login was quicker by a moment")
        } else {
            Failure::from(error)
        }
    })?;
    // Who is invited follows the link in that mail, now that there is an account.
    if !is_invited {
        organizations::create(change, &own_name(&name), None, user).await?;
    }
    Ok(user)
}

fn refused(detail: &str) -> Failure {
    Problem::new(Code::SsoRefused, detail, "Begin the login again.").into()
}

fn see_other(url: &str) -> Answer<(StatusCode, [(header::HeaderName, HeaderValue); 2])> {
    let location = HeaderValue::try_from(url).map_err(Problem::internal)?;
    Ok((
        StatusCode::SEE_OTHER,
        [
            (header::LOCATION, location),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ],
    ))
}
