//! Organizations, their owners, and the ways in.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::{TimeDelta, Utc};
use ocore_domain::{
    Code, OrganizationId, OrganizationSlug, Problem, RoleId, UserId,
    access::{Scope, SystemRole},
};
use ocore_store::{
    Error, PageRequest, Sealer, Sorted,
    api_keys::{self, NewApiKey},
    invitations::{self, NewInvitation},
    invite_links::{self, NewInviteLink},
    members,
    organizations::{self, Organization},
    roles,
};
use secrecy::SecretString;
use sqlx::{PgConnection, PgPool};

async fn person(conn: &mut PgConnection, email: &str) -> UserId {
    let id = UserId::new();
    sqlx::query("insert into users (id, email, name) values ($1, $2, $2)")
        .bind(id.uuid())
        .bind(email)
        .execute(conn)
        .await
        .unwrap();
    id
}

async fn made(conn: &mut PgConnection, name: &str) -> (Organization, UserId) {
    let owner = person(conn, &format!("owner@{}.example", name.replace(' ', "-"))).await;
    let organization = organizations::create(conn, name, None, owner).await.unwrap();
    (organization, owner)
}

async fn role(conn: &mut PgConnection, organization: OrganizationId, role: SystemRole) -> RoleId {
    roles::system(conn, organization, role).await.unwrap().unwrap()
}

async fn joined(conn: &mut PgConnection, organization: OrganizationId, email: &str) -> UserId {
    let user = person(conn, email).await;
    let admin = role(conn, organization, SystemRole::Admin).await;
    assert!(members::add(conn, organization, user, admin, None).await.unwrap());
    user
}

async fn owners(conn: &mut PgConnection, organization: OrganizationId) -> Vec<UserId> {
    let all = members::list(conn, organization, None, &Sorted::first(50)).await;
    let all = all.unwrap().data.into_iter();
    all.filter(|member| member.is_owner)
        .map(|member| member.user_id)
        .collect()
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    Problem::from(result.unwrap_err()).code
}

#[sqlx::test]
async fn an_organization_begins_with_roles_and_an_owner(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let (organization, owner) = made(&mut conn, "Acme & Sons").await;
    assert_eq!(organization.slug.as_str(), "acme-sons");
    let page = roles::list(&mut conn, organization.id, &PageRequest::default())
        .await
        .unwrap();
    assert_eq!(page.data.len(), SystemRole::ALL.len());
    for role in SystemRole::ALL {
        let made = page.data.iter().find(|made| made.name == role.as_str()).unwrap();
        assert!(made.is_system && made.is_owner == (*role == SystemRole::Owner));
        assert_eq!(made.permissions(), role.permissions());
    }
    assert_eq!(owners(&mut conn, organization.id).await, [owner]);
    let mine = organizations::of_user(&mut conn, owner, &PageRequest::default())
        .await
        .unwrap();
    assert!(mine.data[0].is_owner && mine.data[0].id == organization.id);
}

#[sqlx::test]
async fn slugs_are_counted_up(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let owner = person(&mut conn, "a@b.example").await;
    let mut slugs = Vec::new();
    for name in ["Acme", "acme!", "ACME", "API"] {
        let made = organizations::create(&mut conn, name, None, owner).await.unwrap();
        slugs.push(made.slug.to_string());
    }
    assert_eq!(slugs, ["acme", "acme-2", "acme-3", "api-2"]);
    let slug: OrganizationSlug = "acme".parse().unwrap();
    let taken = organizations::create(&mut conn, "Other", Some(&slug), owner).await;
    assert_eq!(code(taken), Code::NameTaken);
    drop(conn);

    let at_once = (0..8).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            let made = organizations::create(&mut tx, "Busy", None, owner).await.unwrap();
            tx.commit().await.unwrap();
            made.slug
        })
    });
    let mut slugs = std::collections::HashSet::new();
    for made in at_once.collect::<Vec<_>>() {
        slugs.insert(made.await.unwrap());
    }
    assert_eq!(slugs.len(), 8);
}

#[sqlx::test]
async fn whatever_happens_at_once_there_is_one_owner(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let (organization, owner) = made(&mut conn, "Acme").await;
    let id = organization.id;
    let heirs = [
        joined(&mut conn, id, "one@acme.example").await,
        joined(&mut conn, id, "two@acme.example").await,
    ];
    // Two transfers by the same owner, each as a handler does it.
    let transfer = |to: UserId| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            organizations::lock(&mut tx, id).await.unwrap().unwrap();
            let from = members::get(&mut tx, id, owner).await.unwrap().unwrap();
            if !from.is_owner {
                return false;
            }
            members::transfer(&mut tx, id, owner, to).await.unwrap();
            tx.commit().await.unwrap();
            true
        })
    };
    let both = [transfer(heirs[0]), transfer(heirs[1])];
    let mut done = 0;
    for one in both {
        done += u32::from(one.await.unwrap());
    }
    assert_eq!(done, 1);
    let now = owners(&mut conn, id).await;
    assert!(now.len() == 1 && heirs.contains(&now[0]));

    // Without the lock, the database itself refuses a second owner…
    let mut first = pool.begin().await.unwrap();
    members::transfer(&mut first, id, now[0], owner).await.unwrap();
    let other = if now[0] == heirs[0] { heirs[1] } else { heirs[0] };
    let second = {
        let pool = pool.clone();
        let from = now[0];
        tokio::spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            members::transfer(&mut tx, id, from, other).await?;
            tx.commit().await.map_err(Error::from)
        })
    };
    first.commit().await.unwrap();
    let refused = second.await.unwrap().unwrap_err();
    assert_eq!(refused.constraint(), Some("members_owner"), "{refused}");
    assert_eq!(owners(&mut conn, id).await, [owner]);

    // …and none at all.
    let viewer = role(&mut conn, id, SystemRole::Viewer).await;
    let mut tx = pool.begin().await.unwrap();
    members::remove(&mut tx, id, owner).await.unwrap();
    let gone = Error::from(tx.commit().await.unwrap_err());
    assert_eq!(gone.constraint(), Some("members_owner_stays"));
    let mut tx = pool.begin().await.unwrap();
    members::set_role(&mut tx, id, owner, viewer, &Scope::default())
        .await
        .unwrap();
    assert!(tx.commit().await.is_err());
    assert_eq!(owners(&mut conn, id).await, [owner]);
}

#[sqlx::test]
async fn a_transfer_and_the_removal_of_the_heir_do_not_meet(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let (organization, owner) = made(&mut conn, "Acme").await;
    let id = organization.id;
    let heir = joined(&mut conn, id, "heir@acme.example").await;
    let mut transfer = pool.begin().await.unwrap();
    organizations::lock(&mut transfer, id).await.unwrap().unwrap();
    members::transfer(&mut transfer, id, owner, heir).await.unwrap();
    let removal = {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            organizations::lock(&mut tx, id).await.unwrap().unwrap();
            let member = members::get(&mut tx, id, heir).await.unwrap().unwrap();
            if !member.is_owner {
                members::remove(&mut tx, id, heir).await.unwrap();
            }
            tx.commit().await.unwrap();
            member.is_owner
        })
    };
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    transfer.commit().await.unwrap();
    assert!(removal.await.unwrap(), "it waited, and saw the new owner");
    assert_eq!(owners(&mut conn, id).await, [heir]);
}

#[sqlx::test]
async fn roles_are_of_their_own_organization(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let (acme, _) = made(&mut conn, "Acme").await;
    let (other, _) = made(&mut conn, "Other").await;
    let theirs = role(&mut conn, other.id, SystemRole::Viewer).await;
    let user = person(&mut conn, "a@b.example").await;
    let added = members::add(&mut conn, acme.id, user, theirs, None).await;
    assert_eq!(added.unwrap_err().constraint(), Some("members_role_is_ours"));
    let invited = invitations::insert(&mut conn, &invitation(acme.id, theirs, "t")).await;
    assert_eq!(
        invited.unwrap_err().constraint(),
        Some("invitations_role_is_ours")
    );
    // Whatever the row says, the role decides who is an owner.
    let viewer = role(&mut conn, acme.id, SystemRole::Viewer).await;
    sqlx::query(
        "insert into members (organization_id, user_id, role_id, is_owner) values ($1, $2, $3, true)",
    )
    .bind(acme.id.uuid())
    .bind(user.uuid())
    .bind(viewer.uuid())
    .execute(&mut *conn)
    .await
    .unwrap();
    assert_eq!(owners(&mut conn, acme.id).await.len(), 1);
}

fn invitation(organization: OrganizationId, role: RoleId, token: &str) -> NewInvitation {
    NewInvitation {
        organization,
        email: "Anna@acme.example".into(),
        role,
        scope: Scope::default(),
        token: token.into(),
        invited_by: None,
        expires_at: Utc::now() + TimeDelta::days(7),
    }
}

#[sqlx::test]
async fn an_invitation_lets_one_in_once(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let (acme, _) = made(&mut conn, "Acme").await;
    let viewer = role(&mut conn, acme.id, SystemRole::Viewer).await;
    let (anna, bert) = (
        person(&mut conn, "anna@acme.example").await,
        person(&mut conn, "bert@acme.example").await,
    );
    let token: SecretString = "secret".into();
    let new = invitation(acme.id, viewer, "secret");
    let id = invitations::insert(&mut conn, &new).await.unwrap();
    let other = invitations::accept(&mut conn, &token, bert, "bert@acme.example").await;
    assert_eq!(code(other), Code::Forbidden);
    let wrong = invitations::accept(&mut conn, &"wrong".into(), anna, "anna@acme.example").await;
    assert_eq!(code(wrong), Code::InvalidLink);
    sqlx::query("update organizations set deactivated_at = now() where id = $1")
        .bind(acme.id.uuid())
        .execute(&mut *conn)
        .await
        .unwrap();
    let closed = invitations::accept(&mut conn, &token, anna, "anna@acme.example").await;
    assert_eq!(code(closed), Code::InvalidLink);
    sqlx::query("update organizations set deactivated_at = null")
        .execute(&mut *conn)
        .await
        .unwrap();
    let joined = invitations::accept(&mut conn, &token, anna, "ANNA@acme.example").await;
    assert_eq!(joined.unwrap().organization.id, acme.id);
    let again = invitations::accept(&mut conn, &token, anna, "anna@acme.example").await;
    assert_eq!(code(again), Code::InvalidLink);
    let kept = invitations::get(&mut conn, acme.id, id).await.unwrap().unwrap();
    assert_eq!(kept.status.as_str(), "accepted");
}

#[sqlx::test]
async fn a_link_lets_in_no_more_than_it_may(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let sealer = Sealer::new(&"k".repeat(32).into(), &[]);
    let (acme, owner) = made(&mut conn, "Acme").await;
    let id = acme.id;
    let new = NewInviteLink {
        organization: id,
        role: role(&mut conn, id, SystemRole::Viewer).await,
        scope: Scope::default(),
        code: "code".into(),
        max_uses: 2,
        created_by: Some(owner),
        expires_at: None,
    };
    let link = invite_links::insert(&mut conn, &sealer, &new).await.unwrap();
    // Who is in already uses nothing up.
    let mut tx = pool.begin().await.unwrap();
    let again = invite_links::join(&mut tx, &"code".into(), owner).await;
    assert_eq!(code(again), Code::StateConflict);
    drop(tx);
    let mut people = Vec::new();
    for n in 0..5 {
        people.push(person(&mut conn, &format!("p{n}@acme.example")).await);
    }
    let joins = people.into_iter().map(|user| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            let joined = invite_links::join(&mut tx, &"code".into(), user).await;
            if joined.is_ok() {
                tx.commit().await.unwrap();
            }
            joined.is_ok()
        })
    });
    let mut in_now = 0;
    for join in joins.collect::<Vec<_>>() {
        in_now += i32::from(join.await.unwrap());
    }
    assert_eq!(in_now, 2);
    let kept = invite_links::get(&mut conn, id, link).await.unwrap().unwrap();
    assert_eq!(kept.use_count, 2);
    assert!(kept.code(&sealer, id).is_ok() && kept.code(&sealer, OrganizationId::DEFAULT).is_err());
}

#[sqlx::test]
async fn nothing_begins_in_an_organization_that_is_deleted(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let (acme, owner) = made(&mut conn, "Acme").await;
    let id = acme.id;
    let viewer = role(&mut conn, id, SystemRole::Viewer).await;
    invitations::insert(&mut conn, &invitation(id, viewer, "before"))
        .await
        .unwrap();
    let (_, key) = api_keys::create(&mut conn, &NewApiKey::administrator(id, "k"))
        .await
        .unwrap();

    let mut deleting = pool.begin().await.unwrap();
    organizations::lock(&mut deleting, id).await.unwrap().unwrap();
    let left = organizations::left(&mut deleting, id).await.unwrap();
    assert_eq!((left.servers, left.instances), (0, 0));
    // Somebody is just making a key, who was let in before.
    let late = {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            let made = api_keys::create(&mut tx, &NewApiKey::administrator(id, "late")).await;
            tx.commit().await.unwrap();
            made.map(drop)
        })
    };
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    organizations::delete(&mut deleting, id).await.unwrap();
    deleting.commit().await.unwrap();
    assert!(late.await.unwrap().unwrap_err().is_walled_off());

    assert!(organizations::get(&mut conn, id).await.unwrap().is_none());
    assert!(organizations::lock(&mut conn, id).await.unwrap().is_none());
    assert!(api_keys::open(&mut conn, &key).await.unwrap().is_none());
    assert!(members::get(&mut conn, id, owner).await.unwrap().is_none());
    let accepted = invitations::accept(&mut conn, &"before".into(), owner, "anna@acme.example").await;
    assert_eq!(code(accepted), Code::InvalidLink);
    // Its slug is free.
    let again = organizations::create(&mut conn, "Acme", None, owner)
        .await
        .unwrap();
    assert_eq!(again.slug.as_str(), "acme");
}
