//! `POST /api/auth/signup`: makes an account.

use axum::{Json as Answered, extract::State, http::StatusCode};
use chrono::Utc;
use ocore_domain::{Code, OrganizationId, Problem, UserId};
use ocore_identity::password;
use ocore_mail::Message;
use ocore_store::{
    PgConnection, Place, invitations, invite_links,
    one_time_tokens::Purpose,
    organizations,
    users::{self, NewUser},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    User, account,
    attempts::{self, Of},
    once,
};
use crate::{
    Api, Signup,
    access::{Act, Allowed, Anyone, Change},
    body::Json,
    checks::Checks,
    problem::{Answer, Failure},
};

/// Who signs up.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SignUp {
    #[schema(max_length = 254)]
    email: String,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// 8 to 256 characters, with a letter and a digit.
    #[schema(value_type = String, write_only)]
    password: SecretString,
    /// Of an organization of their own, or, for the first account, of the one there is.
    #[schema(min_length = 2, max_length = 100)]
    organization_name: Option<String>,
    /// From the link of an invitation by e-mail.
    #[schema(value_type = Option<String>, write_only)]
    invitation: Option<SecretString>,
    /// From an invitation link.
    #[schema(value_type = Option<String>, write_only)]
    invite_code: Option<SecretString>,
}

/// An account that was made, or would have been.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedUp {
    user: User,
    /// Whether a link in a mail is to be followed before the first login.
    requires_verification: bool,
}

/// What is to be done when the address of a new account is verified. Kept, sealed, with the token in the mail: whoever
/// follows the link gets what was entered at the sign-up that the mail belongs to, and nothing of another's.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Wishes {
    pub(super) password_hash: Option<String>,
    pub(super) organization_name: Option<String>,
    pub(super) invite_code: Option<String>,
    /// Whether they get an organization of their own, when they are not invited.
    pub(super) is_open: bool,
}

/// Make an account
///
/// The very first one administers the installation and owns its organization. Others need an invitation, unless
/// `OCORE_SIGNUP` is `open`: then they get an organization of their own. An address that has an account already gets a
/// mail that says so; the answer is the same.
#[utoipa::path(
    post, path = "/api/auth/signup", operation_id = "signUp", tag = "auth", request_body = SignUp,
    responses((status = 201, body = SignedUp))
)]
pub(super) async fn sign_up(
    allowed: Allowed<Anyone>,
    State(api): State<Api>,
    Json(body): Json<SignUp>,
) -> Answer<(StatusCode, Answered<SignedUp>)> {
    body.check()?;
    attempts::count(&allowed, Of::Begun(allowed.origin.address)).await?;
    if !users::exist(&mut *allowed.read_outside().await?).await? {
        let hash = password::hash(body.password.clone()).await?;
        let mut change = allowed.change_outside().await?;
        // Of several at once, one is the first; the others go on as those who come later.
        users::lock(&mut change).await?;
        if !users::exist(&mut change).await? {
            return first(change, body, hash).await;
        }
    }
    if let Some(invitation) = body.invitation.clone() {
        return invited(&api, &allowed, body, invitation).await;
    }
    let is_open = api.installation.settings.signup == Signup::Open;
    match &body.invite_code {
        Some(code) => {
            let mut tx = allowed.read_outside().await?;
            if !invite_links::is_good(&mut tx, code).await? {
                return Err(invitations::not_good().into());
            }
        }
        None if !is_open => return Err(closed()),
        None => (),
    }
    api.installation.post.must_be_open()?;
    let hash = password::hash(body.password.clone()).await?;
    unverified(&api, &allowed, body, hash, is_open).await
}

impl SignUp {
    fn check(&self) -> Answer<()> {
        let mut checks = Checks::default();
        checks.email("email", &self.email);
        checks.name(&self.name);
        checks.password("password", &self.password);
        if let Some(name) = &self.organization_name {
            let length = name.chars().count();
            let fits =
                (2..=100).contains(&length) && name.trim() == name && !name.chars().any(char::is_control);
            checks.that(
                fits,
                "organizationName",
                "must have 2 to 100 characters, none of them a control character, and no space around",
            );
        }
        checks.that(
            self.invitation.is_none() || self.invite_code.is_none(),
            "inviteCode",
            "does not go with an invitation",
        );
        checks.done()
    }

    fn account(&self, hash: &str, is_verified: bool, is_server_admin: bool) -> NewUser {
        NewUser {
            email: self.email.clone(),
            name: self.name.clone(),
            password_hash: Some(hash.to_owned()),
            is_verified,
            is_server_admin,
        }
    }

    /// The account as it is answered, whether it was made or not.
    fn shown(&self, id: UserId, email_verified: bool) -> User {
        User {
            id,
            email: self.email.clone(),
            name: self.name.clone(),
            email_verified,
            is_server_admin: false,
            has_password: true,
            totp_enabled: false,
            created_at: Utc::now(),
            last_login_at: None,
        }
    }
}

/// The first account: whoever set the installation up.
async fn first(mut change: Change, body: SignUp, hash: String) -> Answer<(StatusCode, Answered<SignedUp>)> {
    let id = users::insert(&mut change, &body.account(&hash, true, true)).await?;
    own_default(&mut change, id, body.organization_name.as_deref()).await?;
    let user = User::from(&account(&mut change, id).await?);
    let act = Act::new("auth.signup").on("user", id, &user.email).after(&user);
    let records = super::records(&mut change, id).await?;
    change.commit_for(&records, act).await?;
    Ok(signed_up(user, false))
}

/// Makes somebody the owner of the organization that an installation begins with, or, when it has one, an admin of it.
async fn own_default(conn: &mut PgConnection, user: UserId, name: Option<&str>) -> Answer<()> {
    let Some(organization) = organizations::lock_open(conn, OrganizationId::DEFAULT).await? else {
        return Ok(());
    };
    users::join_default(conn, user).await?;
    if let Some(name) = name {
        let logo = organization.logo_url.as_deref();
        organizations::rename(conn, organization.id, name, &organization.slug, logo).await?;
    }
    Ok(())
}

/// Somebody who was invited by e-mail: that the mail arrived shows that the address is theirs.
async fn invited(
    api: &Api,
    allowed: &Allowed<Anyone>,
    body: SignUp,
    invitation: SecretString,
) -> Answer<(StatusCode, Answered<SignedUp>)> {
    let shown = invitations::show(&mut *allowed.read_outside().await?, &invitation).await?;
    let shown = shown.ok_or_else(invitations::not_good)?;
    if shown.email.to_lowercase() != body.email.to_lowercase() {
        return Err(Failure::field("email", "must be the address that was invited"));
    }
    let hash = password::hash(body.password.clone()).await?;
    let mut change = allowed.change_outside().await?;
    let id = match users::insert(&mut change, &body.account(&hash, true, false)).await {
        Ok(id) => id,
        Err(error) if error.constraint() == Some(EMAIL) => {
            drop(change);
            taken(api, allowed, &body).await?;
            return Ok(signed_up(body.shown(UserId::new(), true), false));
        }
        Err(error) => return Err(error.into()),
    };
    invitations::accept(&mut change, &invitation, id, &body.email).await?;
    let user = User::from(&account(&mut change, id).await?);
    let act = Act::new("auth.signup").on("user", id, &user.email).after(&user);
    change.commit_for(&[Some(shown.organization)], act).await?;
    Ok(signed_up(user, false))
}

/// The constraint that another account with the same address violates.
pub(crate) const EMAIL: &str = "users_email";

/// Somebody whose address is not known to be theirs. Known addresses and others take the same way: a password was hashed,
/// one transaction is committed, a mail is sent.
async fn unverified(
    api: &Api,
    allowed: &Allowed<Anyone>,
    body: SignUp,
    hash: String,
    is_open: bool,
) -> Answer<(StatusCode, Answered<SignedUp>)> {
    let mut change = allowed.change_outside().await?;
    let known = users::by_email(&mut change, &body.email).await?;
    let id = match &known {
        Some(user) if user.email_verified_at.is_some() => {
            drop(change);
            taken(api, allowed, &body).await?;
            return Ok(signed_up(body.shown(UserId::new(), false), true));
        }
        Some(user) => user.id,
        None => {
            match users::insert(&mut change, &body.account(&hash, false, false)).await {
                Ok(id) => id,
                Err(error) if error.constraint() == Some(EMAIL) => {
                    // Another request with the same address was quicker by a moment.
                    drop(change);
                    taken(api, allowed, &body).await?;
                    return Ok(signed_up(body.shown(UserId::new(), false), true));
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let wishes = Wishes {
        password_hash: Some(hash),
        organization_name: body.organization_name.clone(),
        invite_code: body
            .invite_code
            .as_ref()
            .map(|code| code.expose_secret().to_owned()),
        is_open,
    };
    let token = ask(api, &mut change, id, &wishes).await?;
    let act = Act::new("auth.signup").on("user", id, &body.email);
    change.commit_for(&[None], act).await?;
    let link = once::link(api, "verify-email", &token);
    send(api, allowed, &body.email, Message::VerifyEmail { link }).await;
    Ok(signed_up(body.shown(UserId::new(), false), true))
}

/// Where wishes are sealed.
const fn place(user: UserId) -> Place {
    Place {
        organization: OrganizationId::NONE,
        table: "one_time_tokens",
        row: user.uuid(),
        column: "data",
    }
}

/// A token that verifies the address of a new account.
pub(super) async fn ask(
    api: &Api,
    conn: &mut PgConnection,
    user: UserId,
    wishes: &Wishes,
) -> Answer<SecretString> {
    let wishes = serde_json::to_vec(wishes).map_err(Problem::internal)?;
    let sealed = api.store.sealer().seal(place(user), &wishes)?;
    let lifetime = once::VERIFICATION;
    once::give(conn, Purpose::VerifyEmail, Some(user), &sealed, lifetime).await
}

/// What was wished at the sign-up of a token.
pub(super) fn wishes(api: &Api, user: UserId, sealed: &[u8]) -> Answer<Wishes> {
    let wishes = api.store.sealer().open(place(user), sealed)?;
    Ok(serde_json::from_slice(wishes.expose_secret()).map_err(Problem::internal)?)
}

/// Tells the owner of an address that somebody signed up with it who has an account.
async fn taken(api: &Api, allowed: &Allowed<Anyone>, body: &SignUp) -> Answer<()> {
    let mut change = allowed.change_outside().await?;
    let user = users::by_email(&mut change, &body.email)
        .await?
        .ok_or_else(|| Problem::internal("an account is gone"))?;
    let (person, lifetime) = (Some(user.id), once::RESET);
    let token = once::give(&mut change, Purpose::ResetPassword, person, &[], lifetime).await?;
    let act = Act::new("auth.signup_refused").on("user", user.id, &user.email);
    change.commit_for(&[None], act).await?;
    let link = once::link(api, "reset-password", &token);
    send(api, allowed, &user.email, Message::AccountExists { link }).await;
    Ok(())
}

/// Sends a mail, unless this address got too many.
async fn send(api: &Api, allowed: &Allowed<Anyone>, to: &str, message: Message) {
    if attempts::count(allowed, Of::Mail(to)).await.is_ok() {
        api.installation.post.send(to, message);
    }
}

const fn signed_up(user: User, requires_verification: bool) -> (StatusCode, Answered<SignedUp>) {
    let body = SignedUp {
        user,
        requires_verification,
    };
    (StatusCode::CREATED, Answered(body))
}

pub(super) fn closed() -> Failure {
    Problem::new(
        Code::SignupClosed,
        "Nobody may sign up here without an invitation",
        "Ask somebody who is in an organization here to invite you.",
    )
    .into()
}
