//! Organizations and who is in them: members, invitations, roles, keys, sessions.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::fake::{Asked, Fake, Ocore, Ran, list, not_found, problem, tagged};

const ZOE: &str = "0198aaaa-0000-7000-8000-000000000001";
const OWNER: &str = "0198aaaa-0000-7000-8000-000000000002";
const DEVELOPER: &str = "0198aaaa-0000-7000-8000-000000000011";
const SERVER: &str = "0198aaaa-0000-7000-8000-000000000021";
const INSTANCE: &str = "0198aaaa-0000-7000-8000-000000000022";
const INVITATION: &str = "0198aaaa-0000-7000-8000-000000000031";
const LINK: &str = "0198aaaa-0000-7000-8000-000000000041";
const KEY: &str = "0198aaaa-0000-7000-8000-000000000051";
const OPERATION: &str = "0198aaaa-0000-7000-8000-000000000061";
const PERSON: &str = "eyJhbGciOiJIUzI1NiJ9.person";

fn organization() -> Value {
    json!({"id": "0198aaaa-0000-7000-8000-000000000000", "name": "Acme Ltd", "slug": "acme", "logoUrl": null,
        "createdAt": "2026-11-23T12:00:00Z", "revision": 3})
}

fn members() -> Vec<Value> {
    let member = |id: &str, email: &str, name: &str, is_owner: bool, scope: Value| {
        json!({"userId": id, "email": email, "name": name, "role": {"id": DEVELOPER, "name": "Developer"},
            "isOwner": is_owner, "scope": scope, "revision": 7})
    };
    vec![
        member(
            ZOE,
            "zoe@example.com",
            "Zoë",
            false,
            json!({"servers": [SERVER], "environments": ["staging"]}),
        ),
        member(OWNER, "owner@example.com", "Twin", true, Value::Null),
        member(LINK, "twin@example.com", "Twin", false, Value::Null),
    ]
}

fn role() -> Value {
    json!({"id": DEVELOPER, "name": "Developer", "description": "Builds", "isSystem": false, "memberCount": 2,
        "permissions": ["manage:instances", "view:servers"], "revision": 5})
}

fn invitation(id: &str, status: &str) -> Value {
    json!({"id": id, "email": "new@example.com", "role": {"id": DEVELOPER, "name": "Developer"}, "scope": null,
        "status": status, "invitedBy": {"id": OWNER, "name": "Twin"}})
}

fn link() -> Value {
    json!({"id": LINK, "role": {"id": DEVELOPER, "name": "Developer"}, "scope": null, "maxUses": 5, "useCount": 2,
        "url": "https://ocore.example.com/join/abc", "code": "abc"})
}

fn key() -> Value {
    json!({"id": KEY, "name": "ci", "prefix": "ocore_ab12", "permissions": ["view:instances"], "scope": null})
}

fn with(mut value: Value, key: &str, more: Value) -> Value {
    value[key] = more;
    value
}

/// An installation with one organization. What is only for people is refused to keys.
async fn api() -> Fake {
    Fake::start(answer).await
}

fn answer(request: &Asked, _: usize) -> Response {
    let by_person = request.header("authorization") == Some(&format!("Bearer {PERSON}"));
    let for_people = [
        " /api/user/",
        " /api/auth/me",
        "/transfer",
        "/leave",
        "DELETE /api/org",
    ];
    if !by_person && for_people.iter().any(|part| request.what.contains(part)) {
        return problem(
            StatusCode::FORBIDDEN,
            "auth.forbidden",
            "This concerns a person's own account",
            "Sign in as that person.",
        );
    }
    let (method, path) = request.what.split_once(" /api/").unwrap();
    match (method, path) {
        ("GET", "org") => tagged("\"3\"", organization()),
        ("PUT", "org") => Json(with(organization(), "name", "Globex".into())).into_response(),
        ("DELETE", "org") if request.query.contains("cascade") => {
            let operation =
                json!({"id": OPERATION, "kind": "organization_delete", "state": "queued", "steps": []});
            (StatusCode::ACCEPTED, Json(json!({ "operation": operation }))).into_response()
        }
        ("DELETE", _) | ("POST", "members/leave") => StatusCode::NO_CONTENT.into_response(),
        ("GET" | "PUT", "org/settings") => tagged(
            "W/\"9\"",
            json!({"auditRetentionDays": 365, "bulkBatchSize": 10, "requirePasskey": false}),
        ),
        ("POST", "org/transfer") => list(&members()[..2]),
        ("GET", "user/orgs") => list(&[with(organization(), "isOwner", true.into())]),
        ("POST", "user/orgs") => (StatusCode::CREATED, Json(organization())).into_response(),
        // Two pages.
        ("GET", "members") if request.query.contains("cursor=more") => list(&members()[1..]),
        ("GET", "members") => {
            Json(json!({"data": members()[..1], "nextCursor": "more", "hasMore": true})).into_response()
        }
        ("POST", "members/invite") => {
            let link = if request.body["email"] == "new@example.com" {
                Value::Null
            } else {
                json!("https://ocore.example.com/invitations/once")
            };
            let sent = with(invitation(INVITATION, "pending"), "link", link);
            Json(with(sent, "email", request.body["email"].clone())).into_response()
        }
        ("PUT", path) if path.starts_with("members/") => Json(members().remove(0)).into_response(),
        ("GET", "invitations") => list(&[
            invitation(INVITATION, "pending"),
            invitation(LINK, "cancelled"),
            invitation(KEY, "expired"),
        ]),
        ("POST", path) if path.starts_with("invitations/") => {
            (StatusCode::ACCEPTED, Json(invitation(INVITATION, "pending"))).into_response()
        }
        ("GET", "invite-links") => list(&[link()]),
        ("POST", "invite-links") => (StatusCode::CREATED, Json(link())).into_response(),
        ("GET", "roles") => list(&[
            role(),
            with(with(role(), "name", "Viewer".into()), "id", OWNER.into()),
        ]),
        ("POST", "roles") => (StatusCode::CREATED, Json(role())).into_response(),
        // Somebody was quicker.
        ("PUT", path) if path == format!("roles/{OWNER}") => problem(
            StatusCode::PRECONDITION_FAILED,
            "request.precondition_failed",
            "Somebody else changed it since it was read",
            "Send the new `ETag`.",
        ),
        ("PUT", path) if path.starts_with("roles/") => Json(role()).into_response(),
        ("GET", "permissions") => {
            list(&[json!({"id": "view:servers", "action": "view", "resource": "servers"})])
        }
        ("GET", "api-keys") => list(&[key(), with(key(), "id", LINK.into())]),
        ("POST", "api-keys") => (
            StatusCode::CREATED,
            Json(with(key(), "key", "ocore_ab12once".into())),
        )
            .into_response(),
        ("GET", "servers/alpha") => Json(json!({"id": SERVER, "name": "alpha"})).into_response(),
        ("GET", "instances/shop") => Json(json!({"id": INSTANCE, "name": "shop"})).into_response(),
        ("GET", "auth/me") => Json(
            json!({"user": {"id": ZOE, "name": "Zoë", "email": "zoe@example.com"},
            "organizations": [organization()], "organization": organization()}),
        )
        .into_response(),
        ("GET", "user/sessions") => list(&[json!({"id": KEY, "isCurrent": true, "method": "passkey"})]),
        _ => not_found(),
    }
}

async fn ocore(api: &Fake, arguments: &[&str]) -> Ran {
    let ocore = Ocore::new(arguments).env("OCORE_URL", &api.url);
    ocore.env("OCORE_TOKEN", "ocore_test").run().await
}

async fn as_person(api: &Fake, arguments: &[&str]) -> Ran {
    let ocore = Ocore::new(arguments).env("OCORE_URL", &api.url);
    ocore.env("OCORE_TOKEN", PERSON).run().await
}

#[tokio::test]
async fn an_organization_is_changed_as_it_was_read() {
    let api = api().await;
    let ran = ocore(
        &api,
        &[
            "org",
            "update",
            "--name",
            "Globex",
            "--slug",
            "globex",
            "--logo-url",
            "",
        ],
    )
    .await
    .done();
    assert!(ran.out.contains("Globex"), "{}", ran.out);
    let put = api.the("PUT /api/org");
    assert_eq!(put.header("if-match"), Some("\"3\""));
    assert_eq!(
        put.body,
        json!({"name": "Globex", "slug": "globex", "logoUrl": null})
    );
    ocore(&api, &["org", "update"]).await.failed(2, "--name");

    let shown = ocore(&api, &["org", "settings"]).await.done();
    assert!(shown.out.contains("365 days"), "{}", shown.out);
    let set = [
        "org",
        "settings",
        "set",
        "--require-passkey",
        "true",
        "--bulk-batch-size",
        "5",
    ];
    ocore(&api, &set).await.done();
    let put = api.the("PUT /api/org/settings");
    assert_eq!(put.header("if-match"), Some("W/\"9\""));
    assert_eq!(put.body, json!({"bulkBatchSize": 5, "requirePasskey": true}));
    ocore(&api, &["org", "settings", "set"])
        .await
        .failed(2, "--audit-retention-days");
}

#[tokio::test]
async fn who_was_slower_hears_it_in_plain_words() {
    let api = api().await;
    let update = ["role", "update", "viewer", "--description", "Looks"];
    let ran = ocore(&api, &update).await;
    assert!(!ran.err.contains("ETag"), "{}", ran.err);
    let ran = ran.failed(3, "Somebody else changed it since it was read");
    ran.failed(
        3,
        &format!("Nothing was changed. Look at it as it is now (`ocore role show {OWNER}`)"),
    );
    let put = api.the(&format!("PUT /api/roles/{OWNER}"));
    assert_eq!(
        (put.header("if-match"), put.body.clone()),
        (Some("\"5\""), json!({"description": "Looks"}))
    );
}

#[tokio::test]
async fn an_organization_goes_only_by_its_name() {
    let api = api().await;
    for (arguments, said) in [
        (&["org", "delete"][..], "--yes Acme Ltd"),
        (&["org", "delete", "--cascade"], "WITH ALL ITS INSTANCES"),
        (&["org", "delete", "--yes", "other"], "nothing was done"),
        (&["org", "transfer", "--to", "zoe@example.com"], "--yes Acme Ltd"),
        (&["member", "leave"], "--yes Acme Ltd"),
    ] {
        as_person(&api, arguments).await.failed(2, said);
    }
    assert!(api.asked("DELETE /api/org").is_empty() && api.asked("POST /api/org/transfer").is_empty());

    let ran = as_person(&api, &["org", "delete", "--yes", "acme", "--json"])
        .await
        .done();
    assert_eq!(ran.json()["name"], "Acme Ltd");
    let cascade = ["org", "delete", "--cascade", "--yes", "Acme Ltd", "--no-wait"];
    let ran = as_person(&api, &cascade).await.done();
    assert!(ran.out.contains(OPERATION), "{}", ran.out);
    let queries: Vec<_> = api
        .asked("DELETE /api/org")
        .into_iter()
        .map(|it| it.query)
        .collect();
    assert_eq!(queries, ["confirm=acme", "confirm=Acme+Ltd&cascade=true"]);

    // By name, from the first page.
    let transfer = ["org", "transfer", "--to", "zoë", "--yes", "acme"];
    let ran = as_person(&api, &transfer).await.done();
    assert_eq!(ran.out.lines().count(), 3, "{}", ran.out);
    assert_eq!(api.the("POST /api/org/transfer").body, json!({ "userId": ZOE }));
    as_person(&api, &["member", "leave", "--yes", "acme"])
        .await
        .done();
}

#[tokio::test]
async fn what_is_for_people_is_explained_to_keys() {
    let api = api().await;
    for arguments in [
        &["org", "list"][..],
        &["org", "create", "--name", "Globex"],
        &["org", "delete", "--yes", "acme"],
        &["org", "transfer", "--to", ZOE, "--yes", "acme"],
        &["member", "leave", "--yes", "acme"],
        &["account", "show"],
        &["session", "list"],
        &["session", "revoke", "--others"],
    ] {
        ocore(&api, arguments).await.failed(3, "is nobody's");
    }
    let made = as_person(&api, &["org", "create", "--name", "Acme Ltd", "--slug", "acme"]).await;
    assert!(made.done().out.contains("--org acme"));
    let body = &api.asked("POST /api/user/orgs")[1].body;
    assert_eq!(*body, json!({"name": "Acme Ltd", "slug": "acme"}));
    assert!(
        as_person(&api, &["org", "list"])
            .await
            .done()
            .out
            .contains("acme")
    );
    let account = as_person(&api, &["account", "show"]).await.done();
    assert!(account.out.contains("zoe@example.com"), "{}", account.out);
    assert!(
        as_person(&api, &["session", "list"])
            .await
            .done()
            .out
            .contains("passkey")
    );
    as_person(&api, &["session", "revoke", KEY]).await.done();
    as_person(&api, &["session", "revoke", "--others"]).await.done();
    api.the(&format!("DELETE /api/user/sessions/{KEY}"));
    for arguments in [
        &["session", "revoke"][..],
        &["session", "revoke", ".."],
        &["session", "revoke", KEY, "--others"],
    ] {
        as_person(&api, arguments).await.failed(2, "");
    }
}

#[tokio::test]
async fn members_are_meant_by_address_name_or_id() {
    let api = api().await;
    let all = ocore(&api, &["member", "list"]).await.done();
    assert_eq!(all.out.lines().count(), 4, "{}", all.out);
    assert!(all.out.contains("1 server, staging"), "{}", all.out);

    let member = format!("PUT /api/members/{ZOE}/role");
    let role = |more: &'static [&'static str]| [&["member", "role", "ZOE@example.com"], more].concat();
    ocore(
        &api,
        &role(&[
            "--role",
            "developer",
            "--server",
            "alpha",
            "--environment",
            "staging,production",
        ]),
    )
    .await
    .done();
    ocore(&api, &role(&["--role", "Viewer"])).await.done();
    ocore(&api, &role(&["--unlimited"])).await.done();
    let asked = api.asked(&member);
    assert!(asked.iter().all(|it| it.header("if-match") == Some("\"7\"")));
    let bodies: Vec<_> = asked.into_iter().map(|it| it.body).collect();
    assert_eq!(
        bodies,
        [
            json!({"roleId": DEVELOPER, "scope": {"servers": [SERVER], "environments": ["staging", "production"]}}),
            json!({"roleId": OWNER}),
            json!({"roleId": DEVELOPER, "scope": null}),
        ]
    );
    ocore(&api, &role(&[])).await.failed(2, "--unlimited");
    ocore(&api, &role(&["--role", "nobody"]))
        .await
        .failed(2, "ocore role list");
    ocore(&api, &role(&["--unlimited", "--server", "alpha"]))
        .await
        .failed(2, "cannot be used with");
    ocore(&api, &role(&["--environment", "prod"]))
        .await
        .failed(2, "possible values: production");

    let ran = ocore(&api, &["member", "remove", "Twin", "--yes", "twin@example.com"]).await;
    ran.failed(2, "`Twin` is more than one member")
        .failed(2, &format!("{OWNER}  owner@example.com"));
    ocore(&api, &["member", "remove", "zoë"])
        .await
        .failed(2, "--yes zoe@example.com");
    let ran = ocore(
        &api,
        &["member", "remove", ZOE, "--yes", "zoe@example.com", "--json"],
    )
    .await;
    assert_eq!(ran.done().json()["name"], "Zoë");
    api.the(&format!("DELETE /api/members/{ZOE}"));
}

#[tokio::test]
async fn invitations_go_out_again_or_are_taken_back() {
    let api = api().await;
    let invite = [
        "member",
        "invite",
        "--email",
        "new@example.com",
        "--role",
        "Developer",
        "--instance",
        "shop",
    ];
    let ran = ocore(&api, &invite).await.done();
    assert!(ran.out.contains("invited as Developer by mail"), "{}", ran.out);
    let body = &api.asked("POST /api/members/invite")[0].body;
    assert_eq!(
        *body,
        json!({"email": "new@example.com", "roleId": DEVELOPER, "scope": {"instances": [INSTANCE]}})
    );
    // By ids, nothing has to be looked up.
    let (roles, invite) = (
        api.asked("GET /api/roles").len(),
        [
            "member",
            "invite",
            "--email",
            "b@example.com",
            "--role",
            DEVELOPER,
            "--server",
            SERVER,
        ],
    );
    let ran = ocore(&api, &invite).await.done();
    assert!(
        ran.out.contains("/invitations/once") && ran.out.contains("only now"),
        "{}",
        ran.out
    );
    assert_eq!(api.asked("GET /api/roles").len(), roles);

    // The one that is open, of several to one address.
    ocore(&api, &["invitation", "resend", "New@example.com"])
        .await
        .done();
    api.the(&format!("POST /api/invitations/{INVITATION}/resend"));
    ocore(&api, &["invitation", "cancel", "new@example.com"])
        .await
        .done();
    api.the(&format!("DELETE /api/invitations/{INVITATION}"));
    ocore(&api, &["invitation", "resend", KEY]).await.done();
    api.the(&format!("POST /api/invitations/{KEY}/resend"));
    let ran = ocore(&api, &["invitation", "list", "--json"]).await.done();
    assert_eq!(ran.json()["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn links_let_in_as_often_as_was_said() {
    let api = api().await;
    let create = [
        "invite-link",
        "create",
        "--role",
        "developer",
        "--max-uses",
        "5",
        "--expires-in-days",
        "7",
    ];
    let ran = ocore(&api, &create).await.done();
    assert!(
        ran.out.contains("https://ocore.example.com/join/abc"),
        "{}",
        ran.out
    );
    assert_eq!(
        api.the("POST /api/invite-links").body,
        json!({"roleId": DEVELOPER, "maxUses": 5, "expiresInDays": 7})
    );
    let ran = ocore(&api, &["invite-link", "list"]).await.done();
    assert!(ran.out.contains("2 of 5"), "{}", ran.out);
    ocore(&api, &["invite-link", "revoke", LINK]).await.done();
    api.the(&format!("DELETE /api/invite-links/{LINK}"));
    ocore(&api, &["invite-link", "revoke", "abc"])
        .await
        .failed(2, "ocore invite-link list");
}

#[tokio::test]
async fn roles_are_made_of_permissions_that_there_are() {
    let api = api().await;
    let create = [
        "role",
        "create",
        "--name",
        "Developer",
        "--description",
        "Builds",
        "--permissions",
    ];
    let ran = ocore(&api, &[&create[..], &["manage:instances,view:servers"]].concat())
        .await
        .done();
    assert!(ran.out.contains("manage:instances, view:servers"), "{}", ran.out);
    assert_eq!(
        api.the("POST /api/roles").body,
        json!({"name": "Developer", "description": "Builds", "permissionIds": ["manage:instances", "view:servers"]})
    );
    ocore(&api, &[&create[..], &["own:everything"]].concat())
        .await
        .failed(2, "possible values: view:organization");
    ocore(&api, &create[..6]).await.failed(2, "--permissions");
    ocore(&api, &["role", "update", "developer"])
        .await
        .failed(2, "--name");
    ocore(&api, &["role", "delete", "developer"])
        .await
        .failed(2, "--yes Developer");
    ocore(&api, &["role", "delete", "developer", "--yes", "Developer"])
        .await
        .done();
    api.the(&format!("DELETE /api/roles/{DEVELOPER}"));
    let shown = ocore(&api, &["role", "show", "DEVELOPER", "--json"]).await.done();
    assert_eq!(shown.json()["id"], DEVELOPER);
    assert!(ocore(&api, &["role", "list"]).await.done().out.contains("Builds"));
    let ran = ocore(&api, &["permission", "list"]).await.done();
    assert!(ran.out.contains("view:servers"), "{}", ran.out);
}

#[tokio::test]
async fn a_key_is_shown_once() {
    let api = api().await;
    let create = [
        "api-key",
        "create",
        "--name",
        "ci",
        "--permissions",
        "view:instances",
        "--expires-in-days",
        "30",
        "--environment",
        "staging",
    ];
    let ran = ocore(&api, &create).await.done();
    assert_eq!(ran.out, "API key `ci`, shown only now:\nocore_ab12once\n");
    let body = api.the("POST /api/api-keys").body;
    let until: DateTime<Utc> = body["expiresAt"].as_str().unwrap().parse().unwrap();
    let days = until - Utc::now();
    assert!(
        days > TimeDelta::days(29) && days <= TimeDelta::days(30),
        "{until}"
    );
    assert_eq!(
        (&body["permissions"], &body["scope"]),
        (&json!(["view:instances"]), &json!({"environments": ["staging"]}))
    );
    let listed = ocore(&api, &["api-key", "list"]).await.done();
    assert!(listed.out.contains("ocore_ab12 "), "{}", listed.out);

    ocore(&api, &["api-key", "revoke", "ci", "--yes", "ci"])
        .await
        .failed(2, "more than one API key");
    ocore(&api, &["api-key", "revoke", KEY])
        .await
        .failed(2, "--yes ci");
    ocore(&api, &["api-key", "revoke", KEY, "--yes", "ci"])
        .await
        .done();
    api.the(&format!("DELETE /api/api-keys/{KEY}"));
}

#[tokio::test]
async fn shells_complete_words() {
    let ran = Ocore::new(&["completion", "bash"]).run().await.done();
    for words in [
        "production staging development",
        "view:organization manage:organization",
        "invite-link",
    ] {
        assert!(ran.out.contains(words), "{words}");
    }
}
