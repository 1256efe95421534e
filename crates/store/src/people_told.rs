//! What people are told personally: in oCore, in their browsers, and when they do not want to be.

use chrono::{DateTime, NaiveTime, Utc};
use ocore_domain::{
    OrganizationId, Topic, Topics, UserId,
    access::{Permission, Permissions, Resource, Scope},
    alerts::{QuietHours, Severity},
};
use secrecy::{ExposeSecret, SecretSlice};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{Page, PageRequest, Place, Result, Sealer, changes};

/// What somebody wants of a category.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Preference {
    pub category: String,
    pub enabled: bool,
    pub quiet_start: Option<NaiveTime>,
    pub quiet_end: Option<NaiveTime>,
    pub timezone: String,
    pub critical_passes: bool,
}

/// The category of alerts.
pub const ALERTS: &str = "alerts";

/// What somebody wants.
pub async fn preferences(conn: &mut PgConnection, user: UserId) -> Result<Vec<Preference>> {
    Ok(sqlx::query_as!(
        Preference,
        "select category, enabled, quiet_start, quiet_end, timezone, critical_passes from notification_preferences
         where user_id = $1 order by category",
        user as UserId,
    )
    .fetch_all(conn)
    .await?)
}

/// Notes what somebody wants.
pub async fn set_preference(conn: &mut PgConnection, user: UserId, preference: &Preference) -> Result<()> {
    sqlx::query!(
        "insert into notification_preferences (user_id, category, enabled, quiet_start, quiet_end, timezone, critical_passes)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (user_id, category) do update set enabled = excluded.enabled, quiet_start = excluded.quiet_start,
             quiet_end = excluded.quiet_end, timezone = excluded.timezone, critical_passes = excluded.critical_passes",
        user as UserId,
        preference.category,
        preference.enabled,
        preference.quiet_start,
        preference.quiet_end,
        preference.timezone,
        preference.critical_passes,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A member who may be told of an alert.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub user: UserId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Their address.
    pub email: String,
    /// What they are kept to.
    pub scope: Scope,
    /// Whether they want to be told of alerts.
    pub enabled: bool,
    quiet: Option<QuietHours>,
    critical_passes: bool,
    /// Their browsers.
    pub subscriptions: Vec<Uuid>,
}

impl Person {
    /// Until when they do not want to be told of something as bad as this.
    pub fn quiet_until(&self, severity: Severity, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if severity == Severity::Critical && self.critical_passes {
            return None;
        }
        self.quiet.and_then(|quiet| quiet.until(now))
    }
}

/// The members of organizations who may look at what is monitored.
pub async fn people(conn: &mut PgConnection, organizations: &[Uuid]) -> Result<Vec<Person>> {
    let rows = sqlx::query!(
        r#"select m.user_id as "user: UserId", m.organization_id as "organization: OrganizationId", u.email, r.permissions,
               m.scope as "scope: Json<Scope>", p.enabled as "enabled?", p.quiet_start as "quiet_start?",
               p.quiet_end as "quiet_end?", p.timezone as "timezone?", p.critical_passes as "critical_passes?",
               array(select s.id from push_subscriptions s where s.user_id = u.id) as "subscriptions!"
           from members m join users u on u.id = m.user_id join roles r on r.id = m.role_id
           left join notification_preferences p on p.user_id = u.id and p.category = 'alerts'
           where m.organization_id = any($1) and u.deactivated_at is null"#,
        organizations,
    )
    .fetch_all(conn)
    .await?;
    let wanted = Permission::view(Resource::Monitoring);
    let people = rows.into_iter().filter_map(|row| {
        let permissions: Permissions = row
            .permissions
            .iter()
            .filter_map(|word| word.parse().ok())
            .collect();
        let scope = row.scope.map(|scope| scope.0).unwrap_or_default();
        let quiet = row.quiet_start.zip(row.quiet_end).map(|(start, end)| QuietHours {
            start,
            end,
            timezone: row
                .timezone
                .and_then(|name| name.parse().ok())
                .unwrap_or_default(),
        });
        permissions.within(&scope).allow(wanted).then_some(Person {
            user: row.user,
            organization: row.organization,
            email: row.email,
            scope,
            enabled: row.enabled.unwrap_or(true),
            quiet,
            critical_passes: row.critical_passes.unwrap_or(true),
            subscriptions: row.subscriptions,
        })
    });
    Ok(people.collect())
}

/// Something told in oCore.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Notification {
    pub id: Uuid,
    pub organization_id: OrganizationId,
    pub category: String,
    pub severity: Severity,
    pub title: String,
    pub body: String,
    pub url: Option<String>,
    pub created_at: DateTime<Utc>,
    pub read_at: Option<DateTime<Utc>>,
    pub dismissed_at: Option<DateTime<Utc>>,
}

/// Something to be told in oCore.
#[derive(Clone, Debug)]
pub struct NewNotification {
    /// To whom.
    pub user: UserId,
    /// About which organization.
    pub organization: OrganizationId,
    /// How bad it is.
    pub severity: Severity,
    /// In one line.
    pub title: String,
    /// In a few.
    pub body: String,
    /// Where to look.
    pub url: Option<String>,
}

/// Tells people of alerts in oCore.
pub async fn notify(conn: &mut PgConnection, new: &[NewNotification]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = new.iter().map(|_| Uuid::now_v7()).collect();
    let users: Vec<Uuid> = new.iter().map(|n| n.user.uuid()).collect();
    let organizations: Vec<Uuid> = new.iter().map(|n| n.organization.uuid()).collect();
    let severities: Vec<String> = new.iter().map(|n| n.severity.to_string()).collect();
    let titles: Vec<String> = new.iter().map(|n| n.title.clone()).collect();
    let bodies: Vec<String> = new.iter().map(|n| n.body.clone()).collect();
    let urls: Vec<Option<String>> = new.iter().map(|n| n.url.clone()).collect();
    sqlx::query!(
        "insert into user_notifications (id, user_id, organization_id, category, severity, title, body, url)
         select n.id, n.user_id, n.organization, 'alerts', n.severity, n.title, n.body, n.url
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
             as n (id, user_id, organization, severity, title, body, url)",
        &ids,
        &users,
        &organizations,
        &severities,
        &titles,
        &bodies,
        &urls as &[Option<String>],
    )
    .execute(&mut *conn)
    .await?;
    let told: Vec<(Uuid, Topics)> = users
        .into_iter()
        .map(|user| (user, Topic::Notifications.into()))
        .collect();
    changes::tell(conn, &told).await
}

/// What somebody was told, newest first: of organizations that they are still in.
pub async fn notifications(
    conn: &mut PgConnection,
    user: UserId,
    unread: bool,
    page: &PageRequest,
) -> Result<Page<Notification>> {
    let before = page
        .cursor
        .as_deref()
        .and_then(|cursor| cursor.parse::<Uuid>().ok());
    let rows = sqlx::query_as!(
        Notification,
        r#"select n.id, n.organization_id as "organization_id: _", n.category, n.severity as "severity: _", n.title, n.body,
               n.url, n.created_at, n.read_at, n.dismissed_at
           from user_notifications n join members m on m.user_id = n.user_id and m.organization_id = n.organization_id
           where n.user_id = $1 and ($2::uuid is null or n.id < $2) and (not $3 or n.read_at is null)
               and n.dismissed_at is null
           order by n.id desc limit $4"#,
        user as UserId,
        before,
        unread,
        page.limit + 1,
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::from_rows(rows, page.limit, |n| n.id.to_string()))
}

/// Notes that somebody read or dismissed something, or with no id all of it; says how many.
pub async fn mark(
    conn: &mut PgConnection,
    user: UserId,
    id: Option<Uuid>,
    read: bool,
    dismissed: bool,
) -> Result<u64> {
    let marked = sqlx::query!(
        "update user_notifications set read_at = case when $3 then coalesce(read_at, now()) else read_at end,
             dismissed_at = case when $4 then coalesce(dismissed_at, now()) else dismissed_at end
         where user_id = $1 and ($2::uuid is null or id = $2)",
        user as UserId,
        id,
        read,
        dismissed,
    )
    .execute(conn)
    .await?;
    Ok(marked.rows_affected())
}

/// A browser that subscribed.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Subscription {
    pub id: Uuid,
    pub user_id: UserId,
    pub endpoint: String,
    pub device_name: String,
    pub user_agent: String,
    pub p256dh: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A browser that subscribes.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// Where its push service takes messages.
    pub endpoint: String,
    /// What people call it.
    pub device_name: String,
    /// What it calls itself.
    pub user_agent: String,
    /// Its public key.
    pub p256dh: String,
    /// Its secret.
    pub auth: SecretSlice<u8>,
}

fn place(row: Uuid) -> Place {
    Place {
        organization: OrganizationId::NONE,
        table: "push_subscriptions",
        row,
        column: "auth",
    }
}

/// Somebody's browsers.
pub async fn subscriptions(conn: &mut PgConnection, user: UserId) -> Result<Vec<Subscription>> {
    Ok(sqlx::query_as!(
        Subscription,
        r#"select id, user_id as "user_id: _", endpoint, device_name, user_agent, p256dh, created_at, last_used_at
           from push_subscriptions where user_id = $1 order by created_at limit 200"#,
        user as UserId,
    )
    .fetch_all(conn)
    .await?)
}

/// Keeps a browser; one that was somebody else's before is whose it is now.
pub async fn subscribe(
    conn: &mut PgConnection,
    sealer: &Sealer,
    user: UserId,
    new: &NewSubscription,
) -> Result<Uuid> {
    sqlx::query!("delete from push_subscriptions where endpoint = $1", new.endpoint)
        .execute(&mut *conn)
        .await?;
    let id = Uuid::now_v7();
    let sealed = sealer.seal(place(id), new.auth.expose_secret())?;
    sqlx::query!(
        "insert into push_subscriptions (id, user_id, endpoint, device_name, user_agent, p256dh, auth_sealed)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id,
        user as UserId,
        new.endpoint,
        new.device_name,
        new.user_agent,
        new.p256dh,
        sealed,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// Forgets somebody's browser; says whether there was one.
pub async fn unsubscribe(conn: &mut PgConnection, user: UserId, endpoint: &str) -> Result<bool> {
    let gone = sqlx::query!(
        "delete from push_subscriptions where user_id = $1 and endpoint = $2",
        user as UserId,
        endpoint,
    )
    .execute(conn)
    .await?;
    Ok(gone.rows_affected() > 0)
}

/// Forgets a browser that is gone.
pub async fn forget_subscription(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("delete from push_subscriptions where id = $1", id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Deletes what people were told before a time.
pub async fn prune(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!("delete from user_notifications where created_at < $1", before)
        .execute(conn)
        .await?;
    Ok(gone.rows_affected())
}

/// A browser with its secret, if whose it is is still in the organization that tells.
pub async fn open_subscription(
    conn: &mut PgConnection,
    sealer: &Sealer,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<(String, String, SecretSlice<u8>)>> {
    let row = sqlx::query!(
        "update push_subscriptions s set last_used_at = now()
         where id = $1 and exists (select from members m where m.user_id = s.user_id and m.organization_id = $2)
         returning endpoint, p256dh, auth_sealed",
        id,
        organization as OrganizationId,
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok((
            row.endpoint,
            row.p256dh,
            sealer.open(place(id), &row.auth_sealed)?,
        ))
    })
    .transpose()
}

const VAPID: &str = "vapid";

fn key_place(row: Uuid) -> Place {
    Place {
        organization: OrganizationId::NONE,
        table: "installation_keys",
        row,
        column: "private",
    }
}

/// The installation's key for Web Push, if it has made one.
pub async fn vapid_key(conn: &mut PgConnection, sealer: &Sealer) -> Result<Option<SecretSlice<u8>>> {
    let row = sqlx::query!(
        "select private_sealed, row_id from installation_keys where name = $1",
        VAPID
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| Ok(sealer.open(key_place(row.row_id), &row.private_sealed)?))
        .transpose()
}

/// Keeps a key for Web Push unless another was quicker.
pub async fn keep_vapid_key(
    conn: &mut PgConnection,
    sealer: &Sealer,
    public: &str,
    private: &SecretSlice<u8>,
) -> Result<()> {
    let row = Uuid::now_v7();
    let sealed = sealer.seal(key_place(row), private.expose_secret())?;
    sqlx::query!(
        "insert into installation_keys (name, public_key, private_sealed, row_id) values ($1, $2, $3, $4)
         on conflict do nothing",
        VAPID,
        public,
        sealed,
        row,
    )
    .execute(conn)
    .await?;
    Ok(())
}
