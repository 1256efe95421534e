//! `POST /api/members/invite`: invites somebody by e-mail address.

use axum::{extract::State, http::StatusCode};
use chrono::Utc;
use ocore_domain::{Code, Problem, RoleId, access::Scope};
use ocore_mail::Message;
use ocore_store::{
    invitations::{self as rows, NewInvitation},
    members,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{DAYS, Invitation, InvitationSent, find};
use crate::{
    Api,
    access::{Act, Allowed, Manage, Members},
    body::Json,
    checks::Checks,
    grants, organizations,
    problem::{Answer, Failure},
    secrets,
};

/// Who is to be invited, and as what.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Invite {
    #[schema(max_length = 254)]
    email: String,
    role_id: RoleId,
    /// What the member is to be kept to; without it, nothing.
    scope: Option<Scope>,
}

/// Invite somebody
///
/// The invitation is good for 7 days, once, and for the account with this e-mail address. Nobody offers more than they may
/// do themselves.
#[utoipa::path(
    post, path = "/api/members/invite", operation_id = "inviteMember", tag = "invitations", request_body = Invite,
    responses((status = 201, body = InvitationSent))
)]
pub(super) async fn invite(
    allowed: Allowed<Manage<Members>>,
    State(api): State<Api>,
    Json(body): Json<Invite>,
) -> Answer<(StatusCode, axum::Json<InvitationSent>)> {
    let scope = body.scope.unwrap_or_default();
    let mut checks = Checks::default();
    checks.that(
        is_address(&body.email),
        "email",
        "must be an e-mail address, for example `name@example.com`",
    );
    grants::limits(&mut checks, &scope);
    checks.done()?;
    let organization = allowed.organization()?;
    let mut change = allowed.change().await?;
    let place = organizations::lock(&mut change, organization).await?;
    let role = grants::role(&allowed, &mut change, body.role_id, &scope).await?;
    if members::has_email(&mut change, organization, &body.email).await? {
        return Err(Problem::new(
            Code::StateConflict,
            "Who has this e-mail address is a member already",
            "Change their role (PUT /api/members/{userId}/role) if they are to be something else.",
        )
        .into());
    }
    let token = secrets::key();
    let new = NewInvitation {
        organization,
        email: body.email,
        role: role.id,
        scope,
        token: token.clone(),
        invited_by: grants::person(&allowed),
        expires_at: Utc::now() + DAYS,
    };
    let id = rows::insert(&mut change, &new).await.map_err(invited_already)?;
    let invitation = Invitation::from(find(&mut change, organization, &id.to_string()).await?);
    let act = Act::new("member.invited").on("invitation", id, &invitation.email);
    change.commit(act.after(&invitation)).await?;
    let link = deliver(&api, &place.name, &invitation, &token);
    Ok((
        StatusCode::CREATED,
        axum::Json(InvitationSent { invitation, link }),
    ))
}

/// Sends the mail that invites: the only place where that is done. Where no mail can be sent, it answers the link, for who
/// invites to pass on.
pub(super) fn deliver(
    api: &Api,
    organization: &str,
    invitation: &Invitation,
    token: &SecretString,
) -> Option<String> {
    let link = format!("{}/invitations/{}", api.app_url(), token.expose_secret());
    if !api.installation.post.is_open() {
        return Some(link);
    }
    let inviter = invitation.invited_by.as_ref().and_then(|by| by.name.clone());
    let message = Message::Invitation {
        organization: organization.to_owned(),
        inviter: inviter.unwrap_or_else(|| organization.to_owned()),
        role: invitation
            .role
            .as_ref()
            .map(|role| role.name.clone())
            .unwrap_or_default(),
        link: link.into(),
    };
    api.installation.post.send(&invitation.email, message);
    None
}

fn invited_already(error: ocore_store::Error) -> Failure {
    if error.constraint() != Some("invitations_pending") {
        return error.into();
    }
    Problem::new(
        Code::StateConflict,
        "Who has this e-mail address is invited already",
        "Send the invitation again (POST /api/invitations/{id}/resend), or cancel it first.",
    )
    .into()
}

/// Whether it looks like an e-mail address. Whether it is one shows when a mail arrives.
fn is_address(text: &str) -> bool {
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || "<>(),;:\"\\[]".contains(c);
    text.len() <= 254
        && !text.contains(is_bad)
        && text.split_once('@').is_some_and(|(name, domain)| {
            (1..=64).contains(&name.len())
                && !domain.contains('@')
                && domain
                    .split('.')
                    .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in ["a@b", "first.last+tag@mail.example.com", "ä@exämple.de"] {
            assert!(is_address(good), "{good}");
        }
        let long = format!("{}@example.com", "x".repeat(65));
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b@c",
            "a b@c.d",
            "a@b..c",
            "a@-b.c",
            "a@b.c\r\nBcc: x@y.z",
            "A <a@b.c>",
            "a@b.c,d@e.f",
            &long,
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
