//! `/api/admin/queue`: how much waits and how much is at work, and what is not to be taken up for now.

use axum::{Json as Answered, extract::State};
use chrono::{DateTime, Utc};
use ocore_domain::{Code, OrganizationId, OrganizationSlug, Problem, ServerId};
use ocore_operations::kinds;
use ocore_store::{
    PgConnection, admin as admin_rows,
    operations::{self as rows, Scope},
    servers,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Api,
    access::{Act, Allowed, Change, ServerAdmin},
    body::Json,
    checks::Checks,
    problem::{Answer, Failure},
};

/// How many organizations are told of.
const ORGANIZATIONS: i64 = 50;
/// The longest reason, in characters.
const REASON: usize = 200;

/// The queue as it stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Queue {
    /// Operations that could be taken up and are not, paused ones among them.
    waiting: i64,
    /// How many of these are kept back by a pause.
    paused: i64,
    /// Operations that are at work.
    running: i64,
    /// For how long the one that has waited longest could have been taken up; what is paused does not count.
    oldest_seconds: i64,
    kinds: Vec<QueueOfKind>,
    /// The 50 with the most.
    organizations: Vec<QueueOfOrganization>,
    pauses: Vec<QueuePause>,
    /// The processes that take operations up.
    workers: Vec<QueueWorker>,
}

/// Operations of one kind.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QueueOfKind {
    kind: String,
    waiting: i64,
    running: i64,
    /// Null when none waits.
    oldest_seconds: Option<i64>,
}

/// Operations of one organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QueueOfOrganization {
    id: OrganizationId,
    name: String,
    slug: OrganizationSlug,
    waiting: i64,
    running: i64,
    /// Null when none waits.
    oldest_seconds: Option<i64>,
}

/// What is not to be taken up.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QueuePause {
    scope: QueueScope,
    /// Which kind, or the id of the server or organization; null for all.
    target: Option<String>,
    /// What the server or organization is called.
    name: Option<String>,
    reason: String,
    paused_at: DateTime<Utc>,
    paused_by: Option<String>,
}

/// What a pause is about.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum QueueScope {
    All,
    Kind,
    Server,
    Organization,
}

/// A process that takes operations up.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QueueWorker {
    host: String,
    pid: i32,
    started_at: DateTime<Utc>,
    seen_at: DateTime<Utc>,
    running: i64,
}

/// What to pause, or to let go on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QueueTarget {
    scope: QueueScope,
    /// Which kind, or the id of the server or organization; none for all.
    target: Option<String>,
}

/// What to pause, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseQueue {
    scope: QueueScope,
    /// Which kind, or the id of the server or organization; none for all.
    target: Option<String>,
    /// Shown to everybody whose operations wait for it.
    #[schema(max_length = 200)]
    #[serde(default)]
    reason: String,
}

fn seconds(since: DateTime<Utc>) -> i64 {
    (Utc::now() - since).num_seconds().max(0)
}

async fn view(conn: &mut PgConnection) -> Answer<Queue> {
    let depth = rows::queue_depth(conn).await?;
    let kinds = rows::queue_by_kind(conn).await?.into_iter();
    let organizations = rows::queue_by_organization(conn, ORGANIZATIONS)
        .await?
        .into_iter();
    let pauses = rows::pauses(conn).await?.into_iter();
    let workers = rows::workers(conn).await?.into_iter();
    Ok(Queue {
        waiting: depth.waiting,
        paused: depth.paused,
        running: depth.running,
        oldest_seconds: depth.oldest.map_or(0, seconds),
        kinds: kinds
            .map(|row| QueueOfKind {
                kind: row.kind,
                waiting: row.waiting,
                running: row.running,
                oldest_seconds: row.oldest.map(seconds),
            })
            .collect(),
        organizations: organizations
            .map(|row| QueueOfOrganization {
                id: row.id,
                name: row.name,
                slug: row.slug,
                waiting: row.waiting,
                running: row.running,
                oldest_seconds: row.oldest.map(seconds),
            })
            .collect(),
        pauses: pauses.map(QueuePause::from).collect(),
        workers: workers
            .map(|row| QueueWorker {
                host: row.host,
                pid: row.pid,
                started_at: row.started_at,
                seen_at: row.seen_at,
                running: row.running,
            })
            .collect(),
    })
}

impl From<rows::Pause> for QueuePause {
    fn from(row: rows::Pause) -> Self {
        Self {
            scope: match row.scope.as_str() {
                "kind" => QueueScope::Kind,
                "server" => QueueScope::Server,
                "organization" => QueueScope::Organization,
                _ => QueueScope::All,
            },
            target: Some(row.target).filter(|target| !target.is_empty()),
            name: row.name,
            reason: row.reason,
            paused_at: row.paused_at,
            paused_by: row.paused_by,
        }
    }
}

/// What a body names, and what it is called.
async fn scope(conn: &mut PgConnection, scope: QueueScope, target: Option<&str>) -> Answer<(Scope, String)> {
    let missing = || Failure::field("target", "must name which one");
    let unknown = |what: &str| Failure::field("target", &format!("must be the id of {what}"));
    match scope {
        QueueScope::All if target.is_none() => Ok((Scope::All, "the whole queue".to_owned())),
        QueueScope::All => Err(Failure::field("target", "is not for the whole queue")),
        QueueScope::Kind => {
            let kind = target.ok_or_else(missing)?;
            if !kinds().any(|known| known == kind) {
                let known: Vec<&str> = kinds().collect();
                let text = format!("must be a kind of operation: {}", known.join(", "));
                return Err(Failure::field("target", &text));
            }
            Ok((Scope::Kind(kind.to_owned()), kind.to_owned()))
        }
        QueueScope::Server => {
            let id: ServerId = target
                .ok_or_else(missing)?
                .parse()
                .map_err(|_| unknown("a server"))?;
            let server = servers::get(conn, id).await?.ok_or_else(|| unknown("a server"))?;
            Ok((Scope::Server(id), server.name))
        }
        QueueScope::Organization => {
            let id: OrganizationId = target
                .ok_or_else(missing)?
                .parse()
                .map_err(|_| unknown("an organization"))?;
            let organization = admin_rows::organization(conn, id).await?;
            let organization = organization.ok_or_else(|| unknown("an organization"))?;
            Ok((Scope::Organization(id), organization.name))
        }
    }
}

/// How much waits and how much is at work
#[utoipa::path(
    get, path = "/api/admin/queue", operation_id = "showQueue", tag = "administration",
    responses((status = 200, body = Queue))
)]
pub(super) async fn show(allowed: Allowed<ServerAdmin>) -> Answer<Answered<Queue>> {
    Ok(Answered(view(&mut *allowed.read_outside().await?).await?))
}

/// Take nothing up for now
///
/// The whole queue, operations of a kind, on a server or of an organization. What is at work goes on, also when its process is
/// lost; what is asked for meanwhile waits, and says so. What is paused already stays as it is.
#[utoipa::path(
    post, path = "/api/admin/queue/pause", operation_id = "pauseQueue", tag = "administration",
    request_body = PauseQueue, responses((status = 200, body = Queue))
)]
pub(super) async fn pause(
    allowed: Allowed<ServerAdmin>,
    Json(body): Json<PauseQueue>,
) -> Answer<Answered<Queue>> {
    let mut checks = Checks::default();
    let is_short = body.reason.chars().count() <= REASON;
    checks.that(is_short, "reason", "must have at most 200 characters");
    checks.done()?;
    let mut change = allowed.change_outside().await?;
    let (scope, name) = scope(&mut change, body.scope, body.target.as_deref()).await?;
    let by = allowed.signed()?.actor.name().to_owned();
    if !rows::pause(&mut change, &scope, body.reason.trim(), Some(&by)).await? {
        return Ok(Answered(view(&mut change).await?));
    }
    finish(change, "queue.paused", &scope, &name, body.reason.trim()).await
}

/// Go on
///
/// What waited is taken up again, the oldest of each organization first.
#[utoipa::path(
    post, path = "/api/admin/queue/resume", operation_id = "resumeQueue", tag = "administration",
    request_body = QueueTarget, responses((status = 200, body = Queue))
)]
pub(super) async fn resume(
    allowed: Allowed<ServerAdmin>,
    State(api): State<Api>,
    Json(body): Json<QueueTarget>,
) -> Answer<Answered<Queue>> {
    let mut change = allowed.change_outside().await?;
    // Also of what is gone meanwhile: only that it is paused counts.
    let target = body.target.as_deref();
    let scope = match (body.scope, target) {
        (QueueScope::All, _) => Scope::All,
        (QueueScope::Kind, Some(kind)) => Scope::Kind(kind.to_owned()),
        (QueueScope::Server, Some(id)) => Scope::Server(id.parse().map_err(|_| not_paused())?),
        (QueueScope::Organization, Some(id)) => Scope::Organization(id.parse().map_err(|_| not_paused())?),
        (_, None) => return Err(Failure::field("target", "must name which one")),
    };
    let pauses = rows::pauses(&mut change).await?;
    let found = pauses
        .into_iter()
        .find(|pause| pause.scope == scope.name() && pause.target == scope.target());
    let pause = found.ok_or_else(not_paused)?;
    if !rows::resume(&mut change, &scope).await? {
        return Err(not_paused());
    }
    let name = pause.name.unwrap_or_else(|| match &scope {
        Scope::All => "the whole queue".to_owned(),
        other => other.target(),
    });
    let answer = finish(change, "queue.resumed", &scope, &name, &pause.reason).await;
    api.notifications.wake_queue();
    answer
}

fn not_paused() -> Failure {
    Problem::new(
        Code::StateConflict,
        "That is not paused",
        "Look at what is: GET /api/admin/queue.",
    )
    .into()
}

/// Recorded for the installation, and for the organization that it keeps waiting.
async fn finish(
    mut change: Change,
    action: &'static str,
    scope: &Scope,
    name: &str,
    reason: &str,
) -> Answer<Answered<Queue>> {
    let queue = view(&mut change).await?;
    let target = Some(scope.target()).filter(|target| !target.is_empty());
    let what = serde_json::json!({"scope": scope.name(), "target": target, "reason": reason});
    let act = Act::new(action).on("queue", target.as_deref().unwrap_or("all"), name);
    let act = if action == "queue.paused" {
        act.after(&what)
    } else {
        act.before(&what)
    };
    let records = match scope {
        Scope::Organization(id) => vec![None, Some(*id)],
        Scope::Server(id) => {
            let server = servers::get(&mut change, *id).await?;
            vec![None, server.map(|server| server.organization_id)]
        }
        _ => vec![None],
    };
    change.commit_for(&records, act).await?;
    Ok(Answered(queue))
}
